/**
 * The authorities whose keys sign behind a command of the user's: hardware, a cloud's key service, Vault.
 *
 * The command gets the bytes that are to be signed on its standard input and everything else in its environment
 * ({@link commandEnvironment}), and writes the signature to its standard output. It is not trusted: each signature is
 * checked with the authority's public key.
 *
 * @module
 */

import type { SignatureAnswer } from '../authority/issuer.js'
import type { CertifiedAuthority, Issuers } from '../authority/issuers.js'
import { count } from '../count.js'
import { NomadPkiError } from '../errors.js'
import {
  runCommand,
  shownOutput,
  type CommandCall,
  type CommandResult,
} from '../files/run-command.js'
import { algorithmOf, type AlgorithmEntry, type PublicKey } from '../keys/algorithms.js'
import { pemBlocks } from '../keys/pem.js'
import { parsePublicKey } from '../keys/public-key.js'
import { verifyBytes } from '../keys/sign.js'
import { integer, sequence } from '../der/write.js'
import { sha256 } from '../sha256.js'
import { authorityKeyElsewhere, issuerElsewhere, type KeyElsewhere } from './key-elsewhere.js'

/** A command that signs. */
export interface SigningCommand {
  /** The program and its arguments. */
  readonly command: readonly string[]
  /** Milliseconds. */
  readonly timeout: number
}

/** What commands are run with. */
export interface CommandIssuersOptions {
  /**
   * Finds the command of an authority.
   *
   * @throws {NomadPkiError} `ERR_REFUSED` where there is none.
   */
  readonly commandOf: (name: string) => Promise<SigningCommand>
  /** The folder that commands run in. */
  readonly cwd: string
  /** The environment that commands get, beyond what is asked of them. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** No signature and no public key is longer: RSA of 8192 bits has 1024 bytes, in PEM 1.5 times as much. */
const outputLimit = 16 * 1024

/** The variables of a command's environment, each with its sentence; docs/authority-key.md has the same table. */
export const commandEnvironment = {
  NOMAD_PKI_OPERATION:
    '`sign`: sign the standard input; `public-key`: print the public key (PEM or DER, SubjectPublicKeyInfo)',
  NOMAD_PKI_AUTHORITY: 'the authority, as the spec names it',
  NOMAD_PKI_GENERATION: 'its generation, from 1; each generation has its own key',
  NOMAD_PKI_KEY: 'the algorithm of the key, as the spec names it: `ecdsa-p256`, `rsa-3072`, …',
  NOMAD_PKI_SIGNATURE: 'the kind of signature: `ecdsa`, `rsa-pkcs1v15` or `ed25519`',
  NOMAD_PKI_HASH:
    'the hash that is signed: `sha256`, `sha384`, `sha512`; `none` for Ed25519, which signs the bytes themselves',
  NOMAD_PKI_PUBLIC_KEY_SHA256:
    'with `sign`: the SHA-256 of the public key (SubjectPublicKeyInfo, DER) in hex, to find the key by',
} as const

/**
 * Gives the authorities whose keys sign behind commands.
 *
 * @param options The commands, and what they are run with.
 * @returns The port that `applyPlan` takes. Its functions throw, and document it.
 */
export function commandIssuers(options: CommandIssuersOptions): Issuers {
  const keyOf = async (
    { name, generation }: Pick<CertifiedAuthority, 'name' | 'generation'>,
    publicKey: PublicKey,
  ): Promise<KeyElsewhere> => {
    const command = await options.commandOf(name)
    return {
      publicKey,
      sign: (bytes, algorithm, { signal } = {}) =>
        sign({ name, generation, publicKey, command, options }, bytes, algorithm, signal),
    }
  }
  return {
    async begin(authority) {
      const publicKey = await askPublicKey(authority, options)
      return authorityKeyElsewhere(authority, await keyOf(authority, publicKey))
    },
    async open({ name, generation, path: [certificate, ...above] }) {
      const key = await keyOf({ name, generation }, certificate.publicKey)
      return issuerElsewhere({ name, certificate, above, key })
    },
  }
}

interface Asked {
  readonly name: string
  readonly generation: number
  readonly publicKey: PublicKey
  readonly command: SigningCommand
  readonly options: CommandIssuersOptions
}

/**
 * Commands run one after the other, of whatever authority: a smart card takes one session at a time, and SoftHSM
 * does not find a token that another process has just opened.
 */
let turn: Promise<unknown> = Promise.resolve()

function inTurn(call: CommandCall): Promise<CommandResult> {
  const nothing = new Uint8Array()
  const mine = turn.then(() =>
    call.signal?.aborted === true
      ? { end: { how: 'aborted' } as const, stdout: nothing, stderr: nothing }
      : runCommand(call),
  )
  turn = mine
  return mine
}

async function sign(
  { name, generation, publicKey, command, options }: Asked,
  bytes: Uint8Array,
  algorithm: AlgorithmEntry,
  signal: AbortSignal | undefined,
): Promise<SignatureAnswer> {
  const { command: argv, timeout } = command
  const { cwd, env } = options
  const result = await inTurn({
    argv,
    cwd,
    env: {
      ...env,
      ...environmentOf('sign', name, generation, algorithm),
      NOMAD_PKI_PUBLIC_KEY_SHA256: sha256(publicKey.spki),
    },
    input: bytes,
    timeout,
    outputLimit,
    signal,
  })
  const { end, stdout } = result
  const reason = faultOf(argv[0]!, result, timeout)
  if (reason !== undefined) {
    const nothing =
      end.how === 'not started' || (end.how === 'exited' && stdout.length === 0 && end.status !== 0)
    return { outcome: nothing ? 'refused' : 'unknown', reason }
  }
  const forms = signatureForms(stdout, algorithm)
  if (forms.length === 0) {
    return {
      outcome: 'unknown',
      reason: `${argv[0]!} wrote ${count(stdout.length, 'byte')} and not one ${signatureWords(algorithm)}`,
    }
  }
  const right = forms.find((form) => verifyBytes(publicKey, algorithm.hash, bytes, form))
  // What none of them is, its caller finds out and says.
  return { outcome: 'signed', signature: right ?? forms[0]! }
}

async function askPublicKey(
  {
    name,
    generation,
    algorithm,
  }: {
    readonly name: string
    readonly generation: number
    readonly algorithm: AlgorithmEntry['name']
  },
  options: CommandIssuersOptions,
): Promise<PublicKey> {
  const { command: argv, timeout } = await options.commandOf(name)
  const { cwd, env } = options
  const result = await inTurn({
    argv,
    cwd,
    env: { ...env, ...environmentOf('public-key', name, generation, algorithmOf(algorithm)) },
    timeout,
    outputLimit,
  })
  const reason = faultOf(argv[0]!, result, timeout)
  if (reason !== undefined) {
    throw new NomadPkiError('ERR_REFUSED', `the public key of ${name} cannot be had: ${reason}`, {
      hint: `run it by hand: NOMAD_PKI_OPERATION=public-key NOMAD_PKI_AUTHORITY=${name} NOMAD_PKI_GENERATION=${generation} NOMAD_PKI_KEY=${algorithm} ${argv[0]!}`,
    })
  }
  try {
    return readPublicKey(result.stdout)
  } catch {
    throw new NomadPkiError(
      'ERR_KEY_MALFORMED',
      `${argv[0]!} wrote ${count(result.stdout.length, 'byte')} and not one public key`,
      { hint: 'let it print SubjectPublicKeyInfo, as PEM ("PUBLIC KEY") or DER' },
    )
  }
}

function readPublicKey(bytes: Uint8Array): PublicKey {
  if (bytes[0] === 0x30) return parsePublicKey(bytes)
  const [block, ...more] = pemBlocks(Buffer.from(bytes).toString('latin1'))
  if (block?.label !== 'PUBLIC KEY' || more.length > 0) throw new TypeError('not one public key')
  return parsePublicKey(block.der)
}

function environmentOf(
  operation: 'sign' | 'public-key',
  name: string,
  generation: number,
  { name: key, kind, hash }: AlgorithmEntry,
): Readonly<
  Record<Exclude<keyof typeof commandEnvironment, 'NOMAD_PKI_PUBLIC_KEY_SHA256'>, string>
> {
  const signatures = { ec: 'ecdsa', rsa: 'rsa-pkcs1v15', ed25519: 'ed25519' } as const
  return {
    NOMAD_PKI_OPERATION: operation,
    NOMAD_PKI_AUTHORITY: name,
    NOMAD_PKI_GENERATION: String(generation),
    NOMAD_PKI_KEY: key,
    NOMAD_PKI_SIGNATURE: signatures[kind],
    NOMAD_PKI_HASH: hash ?? 'none',
  }
}

/** Why a command's answer does not count; `undefined` where it does. */
function faultOf(
  program: string,
  { end, stdout, stderr }: CommandResult,
  timeout: number,
): string | undefined {
  const said = shownOutput(stderr)
  const words = said === '' ? '' : `: ${said}`
  switch (end.how) {
    case 'not started':
      return `${program} cannot be run: ${end.why}`
    case 'timeout':
      return `${program} did not answer within ${timeout / 1000}s and was ended${words}`
    case 'too much output':
      return `${program} wrote more than ${outputLimit} bytes and was ended`
    case 'aborted':
      return `${program} was ended before it answered`
    case 'killed':
      return `${program} was killed (${end.by})${words}`
    case 'exited':
      if (end.status !== 0) return `${program} exited with ${end.status}${words}`
      return stdout.length === 0 ? `${program} ended well and wrote nothing${words}` : undefined
  }
}

function signatureWords({ kind, scalarLength, modulusLength }: AlgorithmEntry): string {
  switch (kind) {
    case 'ec':
      return `ECDSA signature (DER, or r and s in ${2 * scalarLength!} bytes)`
    case 'rsa':
      return `RSA signature of ${modulusLength! / 8} bytes`
    case 'ed25519':
      return 'Ed25519 signature of 64 bytes'
  }
}

/**
 * What the bytes of an answer can mean as one signature. An ECDSA signature comes as DER or as r and s; 64 bytes can
 * be both, and then the public key tells which one it is.
 */
function signatureForms(
  bytes: Uint8Array,
  { kind, scalarLength, modulusLength }: AlgorithmEntry,
): readonly Uint8Array[] {
  if (kind === 'rsa') return bytes.length === modulusLength! / 8 ? [bytes] : []
  if (kind === 'ed25519') return bytes.length === 64 ? [bytes] : []
  const forms: Uint8Array[] = []
  if (isOneSequence(bytes)) forms.push(bytes)
  if (bytes.length === 2 * scalarLength!) {
    const [r, s] = [bytes.subarray(0, scalarLength), bytes.subarray(scalarLength)]
    forms.push(sequence(integer(r), integer(s)))
  }
  return forms
}

function isOneSequence(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x30) return false
  const [, first = 0, second = 0] = bytes
  if (first < 0x80) return bytes.length === 2 + first
  return first === 0x81 && second >= 0x80 && bytes.length === 3 + second
}
