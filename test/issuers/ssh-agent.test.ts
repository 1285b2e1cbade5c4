import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  keyByFingerprint,
  requireKey,
  sshAgent,
  type SshAgent,
} from '../../src/issuers/ssh-agent.js'
import { keyAlgorithms, type KeyAlgorithm } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodeSshKey, sshFingerprint, sshNumber, sshString } from '../../src/keys/ssh.js'
import { seed } from '../seed.js'
import {
  fakeAgent,
  honest,
  identities,
  signature,
  sshSign,
  type FakeAgent,
  type Handler,
} from './fake-ssh-agent.js'

const bytes = Buffer.from('what is to be signed')
const key = generateKeySync('ecdsa-p384')
const other = generateKeySync('ecdsa-p256')
const blob = encodeSshKey(key.publicKey)!
const print = sshFingerprint(blob)

const running: FakeAgent[] = []
afterEach(() => {
  for (const agent of running.splice(0)) agent.close()
})

async function agentThat(
  handler: Handler,
  options: { readonly raw?: boolean; readonly patience?: number } = {},
): Promise<SshAgent> {
  const fake = await fakeAgent(handler, { raw: options.raw ?? false })
  running.push(fake)
  const patience = options.patience ?? 5_000
  return sshAgent({ socket: fake.socket, patience, signingPatience: patience })
}

/** What a person reads: the message and what to do. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({ code: 'ERR_ISSUER_REFUSED' })
  const { message, hint } = error as { message: string; hint?: string }
  expect(hint).toBeDefined()
  return `${message}; ${hint}`
}

describe('an SSH agent', () => {
  test.each<KeyAlgorithm>(keyAlgorithms.filter((name) => name !== 'rsa-4096'))(
    'offers a key of %s, found by its fingerprint, and signs with it',
    async (algorithm) => {
      const own = generateKeySync(algorithm)
      const agent = await agentThat(honest(other, own))
      const fingerprint = sshFingerprint(encodeSshKey(own.publicKey)!)
      const found = await keyByFingerprint(agent, fingerprint)
      expect(found.algorithm).toBe(algorithm)
      expect(Buffer.from(found.spki)).toEqual(Buffer.from(own.publicKey.spki))
      // sign() itself compares each signature with the public key.
      expect((await agent.sign(found, bytes)).length).toBeGreaterThan(60)
    },
  )

  test('keys that certificates cannot have are listed, and are not in the way', async () => {
    const token = Buffer.concat([sshString('sk-ecdsa-sha2-nistp256@openssh.com'), sshString('x')])
    const broken = Buffer.concat([sshString('ecdsa-sha2-nistp384'), sshString('nistp384')])
    const agent = await agentThat(() =>
      identities([
        [token, 'a token\u001b[2J'],
        [broken, ''],
        [Buffer.of(1), 'nothing'],
        [blob, 'ours'],
      ]),
    )
    expect(await agent.keys()).toMatchObject([
      { type: 'sk-ecdsa-sha2-nistp256@openssh.com', publicKey: undefined, comment: 'a token?[2J' },
      { type: 'ecdsa-sha2-nistp384', publicKey: undefined },
      { type: 'unknown type', publicKey: undefined },
      { fingerprint: print, publicKey: { algorithm: 'ecdsa-p384' }, comment: 'ours' },
    ])
    await expect(keyByFingerprint(agent, sshFingerprint(token))).rejects.toMatchObject({
      code: 'ERR_KEY_ALGORITHM',
    })
    await expect(requireKey(agent, key.publicKey)).resolves.toBeUndefined()
  })

  test.each<[what: string, handler: Handler, message: RegExp]>([
    ['is empty or locked', () => identities([]), /offers no key.*ssh-add -X unlocks/],
    ['fails', () => Buffer.of(5), /offers no key.*ssh-add -X/],
    [
      'has other keys',
      honest(other, other, other, other, other),
      /does not have SHA256:.*; it has SHA256:.* key 1.*and 1 more.*ssh-add -l/,
    ],
    ['closes', () => 'closes', /closed the connection without an answer.*ssh-add -l/],
    ['answers something else', () => Buffer.of(6), /it is of type 6, not 12/],
    ['says too many', () => Buffer.concat([Buffer.of(12), sshNumber(0xffffffff)]), /cut off/],
    ['is cut off', () => identities([[blob, 'x']]).subarray(0, 40), /key 1 of 1 is cut off/],
    ['adds something', () => Buffer.concat([identities([]), Buffer.of(0)]), /1 octet follows/],
  ])('that %s: its key is not found, and why', async (_what, handler, message) => {
    const agent = await agentThat(handler)
    expect(await refusal(keyByFingerprint(agent, print))).toMatch(message)
    expect(await refusal(requireKey(agent, key.publicKey))).toMatch(message)
  })

  const scalar = sshString(Buffer.of(1))
  const ecdsa = (...parts: readonly Uint8Array[]): Buffer =>
    signature(Buffer.concat([sshString('ecdsa-sha2-nistp384'), sshString(Buffer.concat(parts))]))
  test.each<[what: string, handler: Handler, message: RegExp]>([
    ['refuses', () => Buffer.of(5), /did not sign with SHA256:.*confirmation was declined/],
    ['signs something else', () => signature(sshSign(key, Buffer.of(1))), /did not make/],
    ['signs with another key', () => signature(sshSign(other, bytes)), /is of ecdsa-sha2-nistp256/],
    ['answers with keys', () => identities([]), /it is of type 12, not 14/],
    ['gives zero', () => ecdsa(sshString(Buffer.of()), scalar), /r of the signature is zero/],
    ['gives a negative', () => ecdsa(scalar, sshString(Buffer.of(0x80))), /s .* is negative/],
    ['pads', () => ecdsa(sshString(Buffer.of(0, 1)), scalar), /needless octets/],
    ['gives too much', () => ecdsa(sshString(Buffer.alloc(49, 1)), scalar), /49 octets.*48 fit/],
    ['gives one half', () => ecdsa(scalar), /s of the signature is cut off/],
    ['adds something', () => ecdsa(scalar, scalar, scalar), /5 octets follow s/],
    ['gives a wrong pair', () => ecdsa(scalar, scalar), /did not make/],
  ])('that %s: nothing is signed, and why', async (_what, handler, message) => {
    const agent = await agentThat(handler)
    expect(await refusal(agent.sign(key.publicKey, bytes))).toMatch(message)
  })

  test('an RSA signature by SHA-1 is refused: the agent did not read the flag', async () => {
    const rsa = generateKeySync('rsa-2048')
    const agent = await agentThat(() =>
      signature(Buffer.concat([sshString('ssh-rsa'), sshString(Buffer.alloc(256, 1))])),
    )
    expect(await refusal(agent.sign(rsa.publicKey, bytes))).toMatch(
      /signature is of ssh-rsa, and rsa-sha2-256 was asked for/,
    )
  })

  test('an RSA signature without its leading zeros is made whole', async () => {
    const rsa = generateKeySync('rsa-2048')
    // One signature in 256 begins with zero.
    let at = 0
    const zeroed = (): Buffer => {
      for (;;) {
        const made = sshSign(rsa, Buffer.from(String(at)))
        if (made[4 + 12 + 4] === 0) return made
        at += 1
      }
    }
    const whole = zeroed()
    const short = Buffer.concat([sshString('rsa-sha2-256'), sshString(whole.subarray(21))])
    const agent = await agentThat(() => signature(short))
    expect((await agent.sign(rsa.publicKey, Buffer.from(String(at)))).length).toBe(256)
  })

  test.each<[what: string, reply: Uint8Array, message: RegExp]>([
    ['of nothing', sshNumber(0), /has 0 octets/],
    ['of four gigabytes', sshNumber(0xffffffff), /has 4,294,967,295 octets: 1 to 262,144/],
    ['twice', Buffer.concat([sshNumber(1), Buffer.of(5), sshNumber(1)]), /more than one answer/],
  ])('an answer %s is refused before it is read', async (_what, reply, message) => {
    const agent = await agentThat(() => reply, { raw: true })
    expect(await refusal(agent.keys())).toMatch(message)
  })

  test.each<[what: string, handler: Handler]>([
    ['hangs', () => 'hangs'],
    ['sends half', () => sshNumber(100)],
  ])('that %s is left after a while', async (_what, handler) => {
    const agent = await agentThat(handler, { raw: true, patience: 50 })
    expect(await refusal(agent.keys())).toMatch(/did not answer within 0.05 seconds/)
    expect(await refusal(agent.sign(key.publicKey, bytes))).toMatch(/a touch of the token/)
  })

  test('the signal ends the waiting', async () => {
    const agent = await agentThat(() => 'hangs')
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 20)
    await expect(agent.sign(key.publicKey, bytes, controller.signal)).rejects.toMatchObject({
      name: 'AbortError',
    })
    await expect(agent.keys(controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })

  test.each([
    [undefined, /SSH_AUTH_SOCK is not set; start one: eval/],
    ['', /SSH_AUTH_SOCK is not set/],
    ['/no-such-folder/agent', /cannot be reached: there is no such socket/],
    ['/', /cannot be reached/],
  ])('at %j is not there', async (socket, message) => {
    expect(await refusal(sshAgent({ socket }).keys())).toMatch(message)
  })

  test('no answer is read beyond its end, or makes anything but a refusal', async () => {
    let reply: Uint8Array = Buffer.of()
    const agent = await agentThat(() => reply)
    const honestly = honest(key, other)
    const list = honestly(Buffer.of(11)) as Buffer
    const signed = signature(sshSign(key, bytes))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(list, signed),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.nat(400),
        async (from, changes, cut) => {
          const changed = Buffer.from(from)
          for (const [at, value] of changes) changed[at % changed.length] = value
          reply = changed.subarray(0, Math.max(1, changed.length - (cut % 5 === 0 ? cut : 0)))
          for (const work of [agent.keys(), agent.sign(key.publicKey, bytes)]) {
            await work.then(
              () => undefined,
              (error: unknown) => expect(error).toMatchObject({ code: 'ERR_ISSUER_REFUSED' }),
            )
          }
        },
      ),
      { seed, numRuns: 300 },
    )
  })
})
