import { afterAll, describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare, prepareIntermediate } from '../../src/authority/prepare.js'
import { engineClient } from '../../src/engine/client.js'
import { engineSession } from '../../src/engine/session.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { engineIssuer } from '../../src/issuers/engine-issuers.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { rehearsalIssuer } from '../../src/issuers/rehearsal.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { makeRequest } from '../../src/x509/request.js'
import { fakeEngine } from '../engine/fake-engine.js'
import { contractRoles, day, issuerContract, leafFor, now } from './contract.js'
import { engine, type Behaviour, type Engine, type EngineParts } from './engine.js'

const key = generateKeySync('ecdsa-p384')
const { certificate } = await createRoot(
  { subject: { commonName: 'Acme' }, lifetime: 3650 * day, key },
  { now },
)
const lowKey = generateKeySync('ecdsa-p256')
const { certificate: low } = await issue(
  prepareIntermediate(
    {
      subject: { commonName: 'low' },
      publicKey: lowKey.publicKey,
      lifetime: 900 * day,
      regions: ['global'],
      domains: ['example'],
    },
    heldIssuer({ certificate, key }),
    { now },
  ),
)

issuerContract('a root’s key that we hold', async () => ({
  issuer: heldIssuer({ certificate, key }),
  authorities: true,
  key,
}))
issuerContract('an intermediate’s key that we hold', async () => ({
  issuer: heldIssuer({ certificate: low, above: [certificate], key: lowKey }),
  authorities: true,
  key: lowKey,
}))
issuerContract('a rehearsal', async () => ({
  issuer: rehearsalIssuer({ certificate }),
  authorities: true,
}))
issuerContract('an engine that writes the bytes itself', async () => ({
  issuer: engine({ certificate, key, clock: () => now + 2_000 }),
  authorities: false,
}))
issuerContract('an engine under an intermediate, slow', async () => ({
  issuer: engine({
    certificate: low,
    above: [certificate],
    key: lowKey,
    clock: () => now + 90_000,
    takes: (call) => (call % 7) * 3,
  }),
  authorities: false,
}))

const wire = await fakeEngine({ clock: () => now + 2_000 })
afterAll(() => wire.close())
wire.keys.set('low-1', lowKey)
wire.issuers.set('low-1', { issuer_name: 'low-1', certificate: encodeCertificate(low) })
wire.mounts.add('pki')
for (const { name, fields } of contractRoles) wire.roles.set(name, fields)
issuerContract('an authority in Vault or OpenBao, over HTTP', async () => ({
  issuer: engineIssuer({
    name: 'low',
    certificate: low,
    above: [certificate],
    session: engineSession(engineClient({ origin: wire.origin, timeout: 10_000 }), {
      method: 'token',
      token: async () => 'root',
    }),
    mount: 'pki',
    issuer: 'low-1',
    roles: contractRoles,
  }),
  authorities: false,
}))

describe('an engine that misbehaves', () => {
  const opened = (script: Behaviour, parts: Partial<EngineParts> = {}): Engine =>
    engine({
      certificate,
      key,
      clock: () => now,
      script: (call) => (call === 1 ? 'signs' : script),
      ...parts,
    })
  const asked = async (issuer: Engine, signal?: AbortSignal): Promise<unknown> => {
    const leaf = (): Parameters<typeof prepare>[0] => leafFor(generateKeySync('ecdsa-p256'))
    await issue(prepare(leaf(), issuer, { now }))
    return issue(prepare(leaf(), issuer, { now }), { signal })
  }

  test.each<[Behaviour, code: string, message: RegExp]>([
    ['refuses', 'ERR_ISSUER_REFUSED', /engine refused: permission denied/],
    ['is silent', 'ERR_ISSUER_UNKNOWN', /the connection was closed/],
    ['lies', 'ERR_CORRESPONDENCE', /its names is/],
    ['gives another', 'ERR_CORRESPONDENCE', /another key/],
    ['swaps the key', 'ERR_CORRESPONDENCE', /another key/],
    ['gives junk', 'ERR_CORRESPONDENCE', /not a certificate/],
  ])('%s: nothing comes of it', async (script, code, message) => {
    const failed = asked(opened(script))
    await expect(failed).rejects.toMatchObject({ code })
    await expect(failed).rejects.toThrow(message)
  })

  test('a defect is not an answer: it is thrown as it is', async () => {
    await expect(asked(opened('throws'))).rejects.toThrow(TypeError)
  })

  test('one that hangs ends with the signal, and a certificate may exist', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 30)
    await expect(asked(opened('hangs'), controller.signal)).rejects.toMatchObject({
      code: 'ERR_ISSUER_UNKNOWN',
    })
  })

  test.each([
    ['four minutes ahead', 4 * 60_000, undefined],
    ['four minutes behind', -4 * 60_000, undefined],
    ['an hour ahead', 3_600_000, /begins later than now/],
    ['an hour behind', -3_600_000, /begins earlier/],
  ])('a clock that is %s', async (_what, skew, message) => {
    const asking = asked(opened('signs', { clock: () => now + skew }))
    if (message === undefined) await asking
    else await expect(asking).rejects.toThrow(message)
  })
})

describe('the request', () => {
  const requested = async (
    make: NonNullable<Parameters<typeof prepare>[0]['request']>,
  ): Promise<number> => {
    let calls = 0
    const leafKey = generateKeySync('ecdsa-p256')
    const issuer = engine({ certificate, key, clock: () => now })
    const twice = {
      ...issuer,
      issue: async (input: Parameters<typeof issuer.issue>[0]) => {
        expect(input.request!()).toBe(input.request!())
        return issuer.issue(input)
      },
    }
    const leaf = {
      ...leafFor(leafKey),
      request: (asked: Parameters<typeof make>[0]) => {
        calls += 1
        return make === own ? makeRequest({ ...asked, key: leafKey }) : make(asked)
      },
    }
    await issue(prepare(leaf, twice, { now }))
    return calls
  }
  const own = (): Uint8Array => Buffer.of()

  test('is made once, and not before an issuer needs it', async () => {
    expect(await requested(own)).toBe(1)
    let made = false
    const leaf = {
      ...leafFor(lowKey),
      request: (): Uint8Array => {
        made = true
        return own()
      },
    }
    await issue(prepare(leaf, heldIssuer({ certificate, key }), { now }))
    expect(made).toBe(false)
  })

  test('is refused where it is for another key, or not a request', async () => {
    const other = generateKeySync('ecdsa-p256')
    await expect(requested((asked) => makeRequest({ ...asked, key: other }))).rejects.toMatchObject(
      { code: 'ERR_KEY_MISMATCH' },
    )
    await expect(requested(() => Buffer.from('3000', 'hex'))).rejects.toMatchObject({
      code: 'ERR_CERTIFICATE_MALFORMED',
    })
  })

  test('asks for the names that will be certified, and no others', async () => {
    const leafKey = generateKeySync('ecdsa-p256')
    const issuer = engine({ certificate, key, clock: () => now })
    const prepared = prepare(leafFor(leafKey), issuer, { now })
    const { subject, subjectAltName } = prepared.expected
    const { certificate: made } = await issue(prepared)
    expect(made.subject.der).toEqual(subject.der)
    expect(made.subjectAltName).not.toEqual(subjectAltName)
    expect(new Set(made.subjectAltName!.map((name) => JSON.stringify(name)))).toEqual(
      new Set(subjectAltName!.map((name) => JSON.stringify(name))),
    )
  })
})
