/**
 * A client of the SSH agent's protocol (draft-ietf-sshm-ssh-agent §3): which keys an agent has, and
 * signatures by them. What an agent says is bounded in size and time, and none of it is believed: a
 * signature counts when the public key says so.
 *
 * ```text
 * 11 request identities       → 12 how many, then key and comment of each
 * 13 sign: key, bytes, flags  → 14 a signature
 *                             →  5 failure, for every reason alike
 * ```
 *
 * @module
 */

import { count, thousands } from '../count.js'
import { connect, type Socket } from 'node:net'
import { NomadPkiError } from '../errors.js'
import { algorithmOf, type PublicKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import { verifyBytes } from '../keys/sign.js'
import {
  encodeSshKey,
  parseSshKey,
  parseSshSignature,
  SshFault,
  sshFingerprint,
  sshNumber,
  SshReader,
  sshString,
} from '../keys/ssh.js'

/** As OpenSSH bounds an agent's messages (AGENT_MAX_LEN in authfd.c of 9.9). */
const mostOctets = 256 * 1024

const messages = {
  failure: 5,
  requestIdentities: 11,
  identitiesAnswer: 12,
  signRequest: 13,
  signResponse: 14,
} as const

/** SSH_AGENT_RSA_SHA2_256: without a flag an agent signs with SHA-1. */
const rsaSha256 = 2

/** A key that an agent offers. */
export interface AgentKey {
  /** `SHA256:…`, as `ssh-add -l` prints it. */
  readonly fingerprint: string
  /** `undefined` for a key that certificates cannot have here. */
  readonly publicKey: PublicKey | undefined
  /** The type by its name in SSH: `ecdsa-sha2-nistp384`. */
  readonly type: string
  /** What the person who added it called it, on one line. */
  readonly comment: string
}

/** An agent, asked anew for each answer. */
export interface SshAgent {
  /**
   * The keys that it offers.
   *
   * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`
   */
  keys(signal?: AbortSignal): Promise<readonly AgentKey[]>
  /**
   * Signs with one of its keys.
   *
   * @returns The signature as certificates carry it; it is valid.
   * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`; an `AbortError` by the signal.
   */
  sign(key: PublicKey, bytes: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>
}

/** How an agent is reached. */
export interface SshAgentOptions {
  /** The path of its socket: `SSH_AUTH_SOCK`. */
  readonly socket: string | undefined
  /** How long a list of keys is waited for, milliseconds. Default: ten seconds. */
  readonly patience?: number | undefined
  /** How long a signature is waited for: a person confirms it, or touches a token. Default: two minutes. */
  readonly signingPatience?: number | undefined
}

/** Opens an agent. Nothing is asked yet. */
export function sshAgent({
  socket,
  patience = 10_000,
  signingPatience = 120_000,
}: SshAgentOptions): SshAgent {
  return {
    async keys(signal) {
      const message = Buffer.of(messages.requestIdentities)
      const answer = await ask(socket, message, { patience, signal })
      return understood(() => readKeys(answer))
    },
    async sign(key, bytes, signal) {
      const blob = encodeSshKey(key)
      const { algorithm } = key
      if (blob === undefined || algorithm === undefined) {
        throw refused(`an SSH agent has no keys of ${key.name}`)
      }
      const { kind, hash } = algorithmOf(algorithm)
      const message = Buffer.concat([
        Buffer.of(messages.signRequest),
        sshString(blob),
        sshString(bytes),
        sshNumber(kind === 'rsa' ? rsaSha256 : 0),
      ])
      const answer = await ask(socket, message, { patience: signingPatience, signal })
      const print = sshFingerprint(blob)
      const signature = understood(() => readSignature(answer, algorithm))
      if (signature === undefined) {
        throw refused(
          `the SSH agent did not sign with ${print}`,
          'it is locked (ssh-add -X unlocks it), the key is not in it (ssh-add -l), a confirmation was declined (ssh-add -c), or the token is out; then run the command again',
        )
      }
      if (!verifyBytes(key, hash, bytes, signature)) {
        throw refused(
          `the SSH agent gave a signature that ${print} did not make`,
          'do not trust this agent: see which program listens at SSH_AUTH_SOCK',
        )
      }
      return signature
    },
  }
}

/**
 * Finds a key in an agent by its fingerprint.
 *
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED` where the agent does not have it; `ERR_KEY_ALGORITHM` where
 * certificates cannot have it.
 */
export async function keyByFingerprint(agent: SshAgent, fingerprint: string): Promise<PublicKey> {
  const keys = await agent.keys()
  const found = keys.find((one) => one.fingerprint === fingerprint)
  if (found === undefined) throw notThere(fingerprint, keys)
  if (found.publicKey?.algorithm === undefined) {
    throw new NomadPkiError(
      'ERR_KEY_ALGORITHM',
      `an authority cannot have the key ${fingerprint} (${found.publicKey?.name ?? found.type})`,
      { hint: 'add a key of ECDSA on P-256, P-384 or P-521, of RSA, or of Ed25519 to the agent' },
    )
  }
  return found.publicKey
}

/**
 * Requires that an agent has a key.
 *
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`
 */
export async function requireKey(agent: SshAgent, key: PublicKey): Promise<void> {
  const keys = await agent.keys()
  const has = keys.some(({ publicKey }) => publicKey !== undefined && samePublicKey(publicKey, key))
  if (has) return
  const blob = encodeSshKey(key)
  throw notThere(blob === undefined ? `a key of ${key.name}` : sshFingerprint(blob), keys)
}

function notThere(print: string, keys: readonly AgentKey[]): NomadPkiError {
  if (keys.length === 0) {
    return refused(
      `the SSH agent offers no key, and ${print} is needed`,
      'it is empty or locked: ssh-add FILE adds a key, ssh-add -s LIBRARY those of a token, ssh-add -X unlocks it',
    )
  }
  const some = keys
    .slice(0, 4)
    .map(({ fingerprint, comment }) => `${fingerprint} ${comment}`.trim())
  const more = keys.length > 4 ? `, and ${keys.length - 4} more` : ''
  return refused(
    `the SSH agent does not have ${print}; it has ${some.join(', ')}${more}`,
    'ssh-add FILE adds a key, ssh-add -s LIBRARY those of a token; ssh-add -l lists all',
  )
}

function readKeys(answer: SshReader): readonly AgentKey[] {
  const type = answer.byte('the answer')
  // An agent that is locked says that it has no keys, or fails.
  if (type === messages.failure) return []
  if (type !== messages.identitiesAnswer) throw new SshFault(`it is of type ${type}, not 12`)
  const number = answer.number('the number of keys')
  const keys: AgentKey[] = []
  for (let at = 0; at < number; at += 1) {
    const blob = answer.string(`key ${at + 1} of ${number}`)
    const comment = answer.string(`the comment of key ${at + 1}`)
    keys.push({
      fingerprint: sshFingerprint(blob),
      publicKey: readable(blob),
      type: readableType(blob),
      comment: comment
        .toString('latin1')
        .replace(/[^\x20-\x7e]+/g, '?')
        .slice(0, 60),
    })
  }
  answer.finish('the last key')
  return keys
}

/** A key of another person's making that is malformed is not in the way of the others. */
function readable(blob: Uint8Array): PublicKey | undefined {
  try {
    return parseSshKey(blob)
  } catch {
    return undefined
  }
}

function readableType(blob: Uint8Array): string {
  try {
    const type = new SshReader(blob).text('the type')
    return /^[\x21-\x7e]{1,64}$/.test(type) ? type : 'unknown type'
  } catch {
    return 'unknown type'
  }
}

function readSignature(
  answer: SshReader,
  algorithm: NonNullable<PublicKey['algorithm']>,
): Uint8Array | undefined {
  const type = answer.byte('the answer')
  if (type === messages.failure) return undefined
  if (type !== messages.signResponse) throw new SshFault(`it is of type ${type}, not 14`)
  const blob = answer.string('the signature')
  answer.finish('the signature')
  return parseSshSignature(algorithm, blob)
}

function understood<Value>(read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SshFault)) throw error
    throw refused(
      `the SSH agent’s answer cannot be read: ${error.message}`,
      'see which program listens at SSH_AUTH_SOCK; ssh-add -l asks it the same',
    )
  }
}

/** Sends one message, and waits for one answer: the connection is not used again. */
function ask(
  path: string | undefined,
  message: Uint8Array,
  { patience, signal }: { readonly patience: number; readonly signal?: AbortSignal | undefined },
): Promise<SshReader> {
  if (path === undefined || path === '') {
    throw refused(
      'there is no SSH agent: SSH_AUTH_SOCK is not set',
      'start one: eval "$(ssh-agent)", then: ssh-add FILE; under sudo keep the variable: sudo --preserve-env=SSH_AUTH_SOCK',
    )
  }
  signal?.throwIfAborted()
  return new Promise((resolve, reject) => {
    let socket: Socket | undefined
    const timer = setTimeout(() => {
      settle(
        refused(
          `the SSH agent did not answer within ${count(patience / 1000, 'second')}`,
          'a confirmation or a touch of the token may be waited for; see also: ssh-add -l',
        ),
      )
    }, patience)
    const abort = (): void => settle(new DOMException('stopped', 'AbortError'))
    const settle = (outcome: SshReader | Error): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      socket?.destroy()
      if (outcome instanceof SshReader) resolve(outcome)
      else reject(outcome)
    }
    signal?.addEventListener('abort', abort, { once: true })
    const parts: Buffer[] = []
    let length = 0
    let wanted: number | undefined
    try {
      socket = connect({ path })
    } catch (error) {
      settle(unreachable(path, error))
      return
    }
    socket.on('error', (error) => settle(unreachable(path, error)))
    socket.on('connect', () => socket.write(Buffer.concat([sshNumber(message.length), message])))
    socket.on('data', (chunk) => {
      parts.push(chunk)
      length += chunk.length
      if (wanted === undefined && length >= 4) {
        wanted = 4 + Buffer.concat(parts).readUInt32BE(0)
        if (wanted === 4 || wanted > 4 + mostOctets) {
          const size = wanted - 4
          settle(
            refused(
              `the SSH agent’s answer has ${count(size, 'octet')}: 1 to ${thousands(mostOctets)} are taken`,
              'see which program listens at SSH_AUTH_SOCK',
            ),
          )
          return
        }
      }
      if (wanted === undefined || length < wanted) return
      if (length > wanted) {
        settle(
          refused(
            'the SSH agent sent more than one answer',
            'see which program listens at SSH_AUTH_SOCK',
          ),
        )
        return
      }
      settle(new SshReader(Buffer.concat(parts).subarray(4)))
    })
    socket.on('close', () =>
      settle(
        refused(
          'the SSH agent closed the connection without an answer',
          'ssh-add -l shows whether it still runs',
        ),
      ),
    )
  })
}

function unreachable(path: string, error: unknown): NomadPkiError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const why =
    {
      ENOENT: 'there is no such socket',
      ECONNREFUSED: 'nobody listens there',
      EACCES: 'permission denied',
    }[code] ?? code
  return refused(
    `the SSH agent at ${JSON.stringify(path)} cannot be reached: ${why}`,
    code === 'EACCES'
      ? 'run as the person whose agent it is'
      : 'it has ended: eval "$(ssh-agent)", then: ssh-add FILE',
  )
}

function refused(message: string, hint?: string): NomadPkiError {
  return new NomadPkiError('ERR_ISSUER_REFUSED', message, { hint })
}
