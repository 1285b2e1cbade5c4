import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { roles } from '../../src/address.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { issue } from '../../src/authority/issue.js'
import type { Issuer, IssuerAnswer } from '../../src/authority/issuer.js'
import {
  Prepared,
  prepare,
  prepareCross,
  prepareIntermediate,
  prepareRoot,
  type PrepareOptions,
} from '../../src/authority/prepare.js'
import type { AuthorityRequest, LeafRequest } from '../../src/authority/request.js'
import { trustBundle } from '../../src/authority/trust-bundle.js'
import { sequence } from '../../src/der/write.js'
import { isNomadPkiError, type NomadPkiError } from '../../src/errors.js'
import { heldIssuer, heldSigner } from '../../src/issuers/held.js'
import { keyAlgorithms, type KeyAlgorithm, type PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { signBytes } from '../../src/keys/sign.js'
import { lint } from '../../src/lint/lint.js'
import { fingerprintOf, parseTbs, type Extension } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { assembleCertificate, encodeTbs } from '../../src/x509/encode.js'
import { nameConstraints, subjectAltName } from '../../src/x509/extensions.js'
import { commonNames, formatName } from '../../src/x509/name.js'
import { verifyChain } from '../../src/x509/verify-chain.js'
import { certify, dns, now as chainsNow } from '../x509/chains.js'

const day = 86_400_000
const now = Date.UTC(2026, 5, 1, 12, 0, 0, 123)

const keyOf = new Map<KeyAlgorithm, PrivateKey>()
const key = (algorithm: KeyAlgorithm = 'ecdsa-p256'): PrivateKey => {
  let made = keyOf.get(algorithm)
  if (made === undefined) keyOf.set(algorithm, (made = generateKeySync(algorithm)))
  return made
}

interface World {
  readonly root: Issuer
  readonly west: Issuer
}

async function world(
  algorithm: KeyAlgorithm = 'ecdsa-p256',
  request: Partial<AuthorityRequest> = {},
): Promise<World> {
  const rootKey = generateKeySync(algorithm)
  const made = await createRoot(
    {
      subject: { commonName: 'Acme agents', organization: 'Zürich AG', country: 'CH' },
      lifetime: 3650 * day,
      key: rootKey,
    },
    { now },
  )
  const root = heldIssuer({ certificate: made.certificate, key: rootKey })
  const westKey = generateKeySync('ecdsa-p256')
  const west = await issue(
    prepareIntermediate(
      {
        subject: { commonName: 'us-west' },
        publicKey: westKey.publicKey,
        lifetime: 365 * day,
        regions: ['us-west'],
        domains: ['west.acme.internal'],
        ...request,
      },
      root,
      { now },
    ),
  )
  return {
    root,
    west: heldIssuer({ certificate: west.certificate, above: [root.certificate], key: westKey }),
  }
}

const { root, west } = await world()

const leaf = (changes: Partial<LeafRequest> = {}): LeafRequest => ({
  role: 'server',
  region: 'us-west',
  publicKey: key().publicKey,
  lifetime: 90 * day,
  ...changes,
})

const errorOf = (run: () => unknown): NomadPkiError | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (isNomadPkiError(error)) return error
    throw error
  }
}
const refusal = (
  changes: Partial<LeafRequest>,
  issuer: Issuer = root,
  options: Partial<PrepareOptions> = {},
): string => errorOf(() => prepare(leaf(changes), issuer, { now, ...options }))?.code ?? 'none'

describe('a leaf', () => {
  test.each(roles)(
    'carries its role’s own name in CN and SAN, and its usages: %s',
    async (role) => {
      const { certificate, chain } = await issue(
        prepare(
          leaf({ role, names: ['s1.west.acme.internal'], ips: ['10.1.2.3', 'fd00:0::1'] }),
          west,
          { now },
        ),
      )
      const labels = {
        server: ['server'],
        client: ['client'],
        combined: ['server', 'client'],
        operator: ['cli'],
        machine: [],
      }[role]
      const own = labels.map((label) => `${label}.us-west.nomad`)
      const local =
        role === 'operator' || role === 'machine'
          ? { dns: [], ip: [] }
          : { dns: ['localhost'], ip: ['127.0.0.1', '::1'] }
      expect(formatName(certificate.subject)).toBe(role === 'machine' ? '' : `CN=${own[0]}`)
      expect(certificate.subjectAltName).toEqual([
        ...[...own, ...local.dns, 's1.west.acme.internal'].map((value) => ({ type: 'dns', value })),
        ...[...local.ip, '10.1.2.3', 'fd00::1'].map((value) => ({ type: 'ip', value })),
      ])
      expect(certificate.extendedKeyUsage).toEqual(
        role === 'operator' || role === 'machine' ? ['clientAuth'] : ['serverAuth', 'clientAuth'],
      )
      expect(certificate.keyUsage).toEqual(['digitalSignature'])
      expect(certificate.basicConstraints).toEqual({ ca: false })
      expect(certificate.authorityKeyIdentifier).toBe(west.certificate.subjectKeyIdentifier)
      expect(Buffer.compare(certificate.issuer.der, west.certificate.subject.der)).toBe(0)
      expect(chain).toEqual([certificate, west.certificate])
      expect(
        verifyChain(certificate, chain.slice(1), [root.certificate], { now, purpose: 'clientAuth' })
          .ok,
      ).toBe(true)
      expect(
        lint(certificate, { issuer: west.certificate, now, profile: role, region: 'us-west' }),
      ).toEqual([])
    },
  )

  test('of an RSA key has keyEncipherment as well, of an EC key never (RFC 8813 §3)', async () => {
    const { certificate } = await issue(
      prepare(leaf({ publicKey: key('rsa-2048').publicKey }), root, { now }),
    )
    expect(certificate.keyUsage).toEqual(['digitalSignature', 'keyEncipherment'])
  })

  test('directly under a root has a chain of its own alone', async () => {
    const issued = await issue(prepare(leaf(), root, { now }))
    expect(issued.chain).toEqual([issued.certificate])
  })

  test('begins five minutes ago, never before its issuer, in whole seconds', async () => {
    const soon = await issue(prepare(leaf(), root, { now: now + day }))
    expect(soon.certificate.notBefore).toBe(Math.floor((now + day - 300_000) / 1000) * 1000)
    expect(soon.certificate.notAfter).toBe(Math.floor((now + 91 * day) / 1000) * 1000)
    const early = await issue(prepare(leaf(), root, { now, backdate: 3600_000 }))
    expect(early.certificate.notBefore).toBe(root.certificate.notBefore)
  })

  test('has a random serial of 16 octets, positive, without leading zeros', () => {
    const seen = new Set<string>()
    for (let count = 0; count < 500; count += 1) {
      const { serial, serialNegative } = prepare(leaf(), root, { now }).expected
      expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/)
      expect(serialNegative).toBe(false)
      seen.add(serial)
    }
    expect(seen.size).toBe(500)
    expect(prepare(leaf(), root, { now, serial: '01' }).expected.serial).toBe('01')
    for (const serial of ['', '0', '00', 'xy', '01'.repeat(21), 'ff'.repeat(20)]) {
      expect(() => prepare(leaf(), root, { now, serial })).toThrow(TypeError)
    }
  })

  test('maps names beyond ASCII before it looks at them', () => {
    const { expected } = prepare(leaf({ names: ['Münchén.Example', 'NODE.Example'] }), root, {
      now,
    })
    const names = expected.subjectAltName!.flatMap((name) =>
      name.type === 'dns' ? [name.value] : [],
    )
    expect(names).toEqual([
      'server.us-west.nomad',
      'localhost',
      'xn--mnchn-esa3k.example',
      'node.example',
    ])
    expect(refusal({ role: 'client', names: ['ｓerver.us-west.nomad'] })).toBe('ERR_NAME_INVALID')
  })

  test('keeps the letters of its region: Nomad compares them', () => {
    const { expected } = prepare(
      leaf({ region: 'EU_West', names: ['server.EU_West.nomad'] }),
      root,
      { now },
    )
    expect(commonNames(expected.subject)).toEqual(['server.EU_West.nomad'])
    expect(expected.subjectAltName!.filter(({ type }) => type === 'dns')).toHaveLength(2)
  })
})

describe('a leaf is refused', () => {
  test.each([
    ['a client with a server’s name', { role: 'client', names: ['server.us-west.nomad'] }],
    ['a server with another region’s', { names: ['server.us-east.nomad'] }],
    ['an operator with a client’s', { role: 'operator', names: ['client.us-west.nomad'] }],
    [
      'an operator with a server’s, in other letters',
      { role: 'operator', names: ['SERVER.us-west.NOMAD'] },
    ],
    ['a wildcard under .nomad', { names: ['*.us-west.nomad'] }],
    ['a wildcard anywhere', { names: ['*.acme.internal'] }],
    ['a final dot', { names: ['a.b.'] }],
    ['an empty label', { names: ['server..nomad'] }],
    ['blanks', { names: ['a b'] }],
    ['an empty name', { names: [''] }],
    ['a name of 254 characters', { names: [`${'a.'.repeat(126)}ab`] }],
    ['a label of 64 characters', { names: ['a'.repeat(64)] }],
    ['an address among the names', { names: ['10.0.0.1'] }],
    ['a NUL in a name', { names: ['a\0.b'] }],
    ['a name that is not a DNS name in any form', { names: ['a‥b'] }],
    ['no address', { ips: ['10.0.0.256'] }],
    ['an address with a zone', { ips: ['fe80::1%eth0'] }],
    ['a mapped address', { ips: ['::ffff:10.0.0.1'] }],
    ['no URI', { uris: ['alice'] }],
    ['a URI beyond ASCII', { uris: ['x:ä'] }],
    ['a URI with a broken escape', { uris: ['x://h/%zz'] }],
    ['a URI with half an escape', { uris: ['x://h/%4'] }],
    ['a URI with a blank before it', { uris: [' x://h/'] }],
    ['a URI with a blank behind it', { uris: ['x://h/ '] }],
    ['a URI whose host is none', { uris: ['x://a..b/'] }],
    ['a URI without a host', { uris: ['file:///etc/hosts'] }],
    ['a URI with a port and no host', { uris: ['x://:4646/'] }],
    ['a URI whose host has a broken label', { uris: ['spiffe://a..b/x'] }],
    ['a URI whose host behind a user is none', { uris: ['x://me@a..b/'] }],
    ['a URI whose host before a port is none', { uris: ['x://a..b:4646/'] }],
    ['a URI with a port of six digits', { uris: ['x://a.example:123456/'] }],
    ['a URI with a port of letters', { uris: ['x://a.example:abc/'] }],
    ['a URI with an address that never ends', { uris: ['x://[::1/'] }],
    ['a region with a blank', { region: 'us west' }],
    ['a region with an empty label', { region: 'a..b' }],
    ['a region of 52 characters', { region: 'r'.repeat(52) }],
    ['a region that begins with -', { region: '-a' }],
  ] satisfies [string, Partial<LeafRequest>][])('%s', (_, changes) => {
    expect(refusal(changes)).toBe('ERR_NAME_INVALID')
  })

  test.each([
    'spiffe://acme.example/x',
    'https://me@acme.example:4646/a?b#c',
    'https://acme.example:4646',
    'https://acme.example:12345/',
    'https://[::1]/',
    'https://[fd00::10.0.0.1]:4646/',
    'urn:a..b',
    'urn:x:y://a..b/',
    'x://acme.example/a://b..c/',
  ])('not for the URI %s', (uri) => {
    const { expected } = prepare(leaf({ uris: [uri] }), root, { now })
    expect(expected.subjectAltName!.filter(({ type }) => type === 'uri')).toEqual([
      { type: 'uri', value: uri },
    ])
  })

  test.each([
    // What was read is told where it differs from what was written.
    ['ｓerver.us-east.nomad', '"ｓerver.us-east.nomad" (server.us-east.nomad) '],
    ['server.us-east.nomad', '"server.us-east.nomad" '],
    ['a‥b', '"a‥b" '],
  ])('with the name as it was read: %s', (name, begins) => {
    const message = errorOf(() => prepare(leaf({ names: [name] }), root, { now }))?.message ?? ''
    expect(message.slice(0, begins.length)).toBe(begins)
    expect(message[begins.length]).not.toBe('(')
  })

  test.each([
    ['Ed25519', () => key('ed25519').publicKey],
    [
      'a foreign curve',
      () => ({ algorithm: undefined, name: 'ecdsa-p224', spki: new Uint8Array(1) }),
    ],
  ])('for its key: %s', (_, publicKey) => {
    expect(refusal({ publicKey: publicKey() })).toBe('ERR_KEY_ALGORITHM')
    expect(refusal({ publicKey: publicKey(), role: 'operator' })).toBe('ERR_KEY_ALGORITHM')
  })

  test('for living longer than what is above, with what would fit', () => {
    const error = errorOf(() => prepare(leaf({ lifetime: 400 * day }), west, { now }))
    expect(error?.code).toBe('ERR_BEYOND_ISSUER')
    expect(error?.message).toContain('us-west')
    // The issuer ends on a whole second, 123 ms sooner than 365 days from now.
    expect(error?.hint).toContain('364d23h')
    expect(refusal({ lifetime: 364 * day + 23 * 3_600_000 }, west)).toBe('none')
    expect(error?.hint).toContain('2027-06-01')
    const fits = prepare(leaf({ lifetime: 365 * day }), west, { now })
    expect(fits.expected.notAfter).toBe(west.certificate.notAfter)
  })

  test('or ends with it, where that was asked for', () => {
    const { expected } = prepare(leaf({ lifetime: 400 * day, beyondIssuer: 'clamp' }), west, {
      now,
    })
    expect(expected.notAfter).toBe(west.certificate.notAfter)
    expect(refusal({ beyondIssuer: 'clamp' }, west, { now: now + 366 * day })).toBe(
      'ERR_BEYOND_ISSUER',
    )
  })

  test('also where it is the root that ends first', () => {
    const early = { ...root.certificate, notAfter: now + 10 * day }
    const under = { ...west, above: [early] }
    const error = errorOf(() => prepare(leaf(), under, { now }))
    expect(error?.code).toBe('ERR_BEYOND_ISSUER')
    expect(error?.message).toContain('what stands above us-west')
  })

  test('for a name that an authority above its issuer does not permit', () => {
    const bound = (value: string): Issuer => ({
      ...west,
      above: [
        {
          ...root.certificate,
          nameConstraints: { permitted: [{ type: 'dns', value }], excluded: [] },
        },
      ],
    })
    expect(refusal({ role: 'operator' }, bound('us-east.nomad'))).toBe('ERR_NAME_INVALID')
    expect(refusal({ role: 'operator' }, bound('us-west.nomad'))).toBe('none')
  })

  test('before its issuer is valid: is the clock right?', () => {
    const error = errorOf(() => prepare(leaf(), root, { now: now - 10 * day }))
    expect(error?.code).toBe('ERR_NOT_YET_VALID')
    expect(error?.hint).toBe('is the clock right?')
  })

  test.each([0, -1, 999])('for a lifetime of %d ms', (lifetime) => {
    expect(refusal({ lifetime })).toBe('ERR_BEYOND_ISSUER')
  })

  test('a second is a life, and a start without backdating is the moment itself', () => {
    const at = Math.floor(now / 1000) * 1000
    const signer = heldSigner('x', key())
    const of = (lifetime: number, backdate: number): Prepared =>
      prepareRoot({ subject: { commonName: 'x' }, lifetime }, signer, { now: at, backdate })
    expect(of(1000, 0).expected.notBefore).toBe(at)
    expect(of(1000, 0).expected.notAfter).toBe(at + 1000)
    expect(errorOf(() => of(999, 0))?.code).toBe('ERR_BEYOND_ISSUER')
    expect(() => of(day, -1)).toThrow(TypeError)
  })

  test.each([Number.NaN, Infinity])(
    'and a lifetime of %d is a mistake of the caller',
    (lifetime) => {
      expect(() => prepare(leaf({ lifetime }), root, { now })).toThrow(TypeError)
    },
  )
})

describe('an intermediate', () => {
  test('signs for its regions, with everything that binds it', () => {
    const { certificate } = west
    expect(certificate.basicConstraints).toEqual({ ca: true, pathLength: 0 })
    expect(certificate.keyUsage).toEqual(['keyCertSign', 'cRLSign'])
    expect(certificate.extendedKeyUsage).toBeUndefined()
    expect(certificate.nameConstraints).toEqual({
      permitted: ['us-west.nomad', 'localhost', 'west.acme.internal'].map((value) => ({
        type: 'dns',
        value,
      })),
      excluded: [],
    })
    expect(
      certificate.extensions
        .filter(({ critical }) => critical)
        .map(({ oid }) => oid)
        .sort(),
    ).toEqual(['2.5.29.15', '2.5.29.19', '2.5.29.30'])
  })

  test('with networks binds addresses, and then permits the loopback’s', async () => {
    const { west: bound } = await world('ecdsa-p256', {
      networks: ['10.2.0.0/16', 'fd00::/8'],
      regions: ['US-West', 'us-west'],
    })
    expect(bound.certificate.nameConstraints!.permitted).toEqual([
      ...['us-west.nomad', 'localhost', 'west.acme.internal'].map((value) => ({
        type: 'dns',
        value,
      })),
      ...['10.2.0.0/16', 'fd00::/8', '127.0.0.0/8', '::1/128'].map((value) => ({
        type: 'ip',
        value,
      })),
    ])
    expect(refusal({ ips: ['10.2.3.4', 'fd12::1'] }, bound)).toBe('none')
    const error = errorOf(() => prepare(leaf({ ips: ['10.3.0.1'] }), bound, { now }))
    expect(error?.code).toBe('ERR_NAME_INVALID')
    expect(error?.message).toBe(
      'ip 10.3.0.1 lies outside of what is permitted (10.2.0.0/16, fd00::/8, 127.0.0.0/8, ::1/128)',
    )
  })

  test('refuses what it may not name before anything is signed', () => {
    expect(refusal({ region: 'us-east' }, west)).toBe('ERR_NAME_INVALID')
    expect(refusal({ names: ['s1.acme.internal'] }, west)).toBe('ERR_NAME_INVALID')
    expect(refusal({ names: ['s1.west.acme.internal'] }, west)).toBe('none')
    expect(refusal({ role: 'operator', uris: ['nomad-pki:operator/alice'] }, west)).toBe(
      'ERR_NAME_INVALID',
    )
    expect(refusal({ role: 'operator', uris: ['nomad-pki://operator.nomad/alice'] }, west)).toBe(
      'none',
    )
  })

  test('signs no other authority', () => {
    const request = {
      subject: { commonName: 'low' },
      publicKey: key().publicKey,
      lifetime: day,
      regions: ['us-west'],
    }
    expect(errorOf(() => prepareIntermediate(request, west, { now }))?.code).toBe(
      'ERR_ISSUER_REFUSED',
    )
  })

  test.each([
    ['all of .nomad', { domains: ['nomad'] }],
    ['another region’s zone', { domains: ['us-east.nomad'] }],
    ['a domain with a dot before it', { domains: ['.acme.internal'] }],
    ['a wildcard', { domains: ['*.acme.internal'] }],
    ['no network', { networks: ['10.0.0.0'] }],
    ['bits behind the prefix', { networks: ['10.0.0.1/8'] }],
    ['no region', { regions: ['us west'] }],
    ['a subject without a name', { subject: { commonName: '' } }],
  ] satisfies [string, Partial<AuthorityRequest>][])('is refused with %s', (_, changes) => {
    const request = {
      subject: { commonName: 'x' },
      publicKey: key().publicKey,
      lifetime: day,
      regions: ['us-west'],
      ...changes,
    }
    expect(errorOf(() => prepareIntermediate(request, root, { now }))?.code).toBe(
      'ERR_NAME_INVALID',
    )
  })

  test('does not outlive its root', () => {
    const request = {
      subject: { commonName: 'x' },
      publicKey: key().publicKey,
      lifetime: 4000 * day,
      regions: ['us-west'],
    }
    expect(errorOf(() => prepareIntermediate(request, root, { now }))?.code).toBe(
      'ERR_BEYOND_ISSUER',
    )
  })
})

describe('a root', () => {
  test('has no path length, no authority key identifier, and crosses 2050', async () => {
    const { certificate, chain } = await createRoot(
      { subject: { commonName: 'old' }, lifetime: 30 * 365 * day, key: key() },
      { now },
    )
    expect(certificate.basicConstraints).toEqual({ ca: true })
    expect(certificate.authorityKeyIdentifier).toBeUndefined()
    expect(new Date(certificate.notAfter).getUTCFullYear()).toBe(2056)
    expect(chain).toEqual([certificate])
    expect(
      new X509Certificate(certificate.der).verify(new X509Certificate(certificate.der).publicKey),
    ).toBe(true)
  })

  test.each(keyAlgorithms.filter((name) => name !== 'rsa-4096' && name !== 'rsa-3072'))(
    'of any algorithm signs leaves: %s',
    async (algorithm) => {
      const { root: above, west: between } = await world(algorithm)
      const issued = await issue(prepare(leaf(), between, { now }), { verify: true })
      expect(
        verifyChain(issued.certificate, issued.chain.slice(1), [above.certificate], {
          now,
          purpose: 'serverAuth',
        }).ok,
      ).toBe(true)
      const direct = await issue(prepare(leaf({ region: 'global' }), above, { now }), {
        verify: true,
      })
      expect(
        new X509Certificate(direct.certificate.der).verify(
          new X509Certificate(above.certificate.der).publicKey,
        ),
      ).toBe(true)
    },
  )
})

describe('a Prepared', () => {
  test('is spent once, also by a failure', async () => {
    const prepared = prepare(leaf(), root, { now })
    await issue(prepared)
    await expect(issue(prepared)).rejects.toMatchObject({
      ...{ code: 'ERR_PREPARED_SPENT', hint: 'prepare it anew' },
    })
    const failing = prepare(
      leaf(),
      { ...root, issue: async () => ({ outcome: 'refused', reason: 'no' }) },
      { now },
    )
    await expect(issue(failing)).rejects.toMatchObject({ code: 'ERR_ISSUER_REFUSED' })
    await expect(issue(failing)).rejects.toMatchObject({ code: 'ERR_PREPARED_SPENT' })
  })

  test('cannot be made by hand', async () => {
    const forged = Object.create(Prepared.prototype) as Prepared
    await expect(issue(forged)).rejects.toMatchObject({ code: 'ERR_PREPARED_SPENT' })
  })

  test('is told when the answer was lost', async () => {
    const lost = prepare(
      leaf(),
      { ...root, issue: async () => ({ outcome: 'unknown', reason: 'timeout' }) },
      { now },
    )
    await expect(issue(lost)).rejects.toMatchObject({ code: 'ERR_ISSUER_UNKNOWN' })
  })

  test('is not asked for after an abort', async () => {
    let asked = false
    const watching: Issuer = { ...root, issue: (input) => ((asked = true), root.issue(input)) }
    const signal = AbortSignal.abort()
    await expect(issue(prepare(leaf(), watching, { now }), { signal })).rejects.toThrow()
    expect(asked).toBe(false)
  })

  test('is linted: what breaks a rule is not even prepared', () => {
    const blind: Issuer = {
      ...root,
      certificate: {
        ...root.certificate,
        subject: { ...root.certificate.subject, der: Buffer.from('3000', 'hex') },
      },
    }
    expect(errorOf(() => prepare(leaf(), blind, { now }))?.code).toBe('ERR_LINT')
  })
})

describe('what comes back must correspond', () => {
  const rootKeyIssuer = async (
    change: (tbs: Uint8Array) => Uint8Array,
    signatures: Issuer['signatures'] = 'foreign',
  ): Promise<string> => {
    const signer = generateKeySync('ecdsa-p256')
    const made = await createRoot(
      { subject: { commonName: 'remote' }, lifetime: 3650 * day, key: signer },
      { now },
    )
    const held = heldIssuer({ certificate: made.certificate, key: signer })
    const remote: Issuer = {
      ...held,
      signatures,
      issue: async ({ tbs, expected }): Promise<IssuerAnswer> => {
        const changed = change(tbs)
        return {
          outcome: 'issued',
          certificate: assembleCertificate(
            changed,
            expected.innerSignatureAlgorithm,
            signBytes(signer, changed),
          ),
        }
      },
    }
    try {
      await issue(prepare(leaf({ names: ['b.example', 'a.example'] }), remote, { now }))
      return 'issued'
    } catch (error) {
      if (isNomadPkiError(error, 'ERR_CORRESPONDENCE'))
        return error.message.replace(/.*prepared: /, '')
      throw error
    }
  }

  const rewritten = (
    change: (
      fields: Parameters<typeof encodeTbs>[0],
      expected: ReturnType<typeof prepare>['expected'],
    ) => Partial<Parameters<typeof encodeTbs>[0]>,
  ): ((tbs: Uint8Array) => Uint8Array) => {
    return (tbs) => {
      const expected = parseTbs(tbs)
      const fields = {
        serial: '4444',
        signatureIdentifier: expected.innerSignatureAlgorithm,
        issuer: expected.issuer.der,
        subject: expected.subject.der,
        notBefore: expected.notBefore,
        notAfter: expected.notAfter,
        spki: expected.publicKey.spki,
        extensions: expected.extensions,
      }
      return encodeTbs({ ...fields, ...change(fields, expected) })
    }
  }

  test('a life of minutes bears less of another clock', async () => {
    const signer = generateKeySync('ecdsa-p256')
    const made = await createRoot(
      { subject: { commonName: 'remote' }, lifetime: day, key: signer },
      { now },
    )
    const held = heldIssuer({ certificate: made.certificate, key: signer })
    const later = (by: number): Issuer => ({
      ...held,
      signatures: 'foreign',
      issue: async ({ tbs, expected, now: at }) => {
        const changed = rewritten((fields) => ({ notAfter: fields.notAfter + by }))(tbs)
        return held.issue({ tbs: changed, expected, now: at })
      },
    })
    const asked = (by: number): Promise<unknown> =>
      issue(prepare(leaf({ lifetime: 8 * 60_000 }), later(by), { now }))
    await asked(110_000)
    await asked(-110_000)
    await expect(asked(130_000)).rejects.toThrow(/lives longer/)
    await expect(asked(-130_000)).rejects.toThrow(/ends earlier/)
  })

  test('another clock is borne to the second: at the bound, and not beyond', async () => {
    // A quarter of a life of 16 minutes is 4 minutes; `at` is a whole second, so nothing is rounded.
    const at = Math.floor(now / 1000) * 1000 + day
    const bound = 240_000
    const asked = (by: { notBefore?: number; notAfter?: number }): Promise<unknown> => {
      const late: Issuer = {
        ...root,
        signatures: 'foreign',
        issue: async ({ tbs, expected, now: when }) =>
          root.issue({
            tbs: rewritten((fields) => ({
              notBefore: fields.notBefore + (by.notBefore ?? 0),
              notAfter: fields.notAfter + (by.notAfter ?? 0),
            }))(tbs),
            expected,
            now: when,
          }),
      }
      return issue(prepare(leaf({ lifetime: 16 * 60_000 }), late, { now: at }))
    }
    await asked({ notAfter: bound })
    await asked({ notAfter: -bound })
    await asked({ notBefore: -bound })
    await expect(asked({ notAfter: bound + 1000 })).rejects.toThrow(/lives longer/)
    await expect(asked({ notAfter: -bound - 1000 })).rejects.toThrow(/ends earlier/)
    await expect(asked({ notBefore: -bound - 1000 })).rejects.toThrow(/begins earlier/)
  })

  test('a place where more is told may be added: it permits nothing', async () => {
    const extension = (oid: string): Extension => ({
      oid,
      critical: false,
      value: Buffer.from('3000', 'hex'),
    })
    for (const oid of ['1.3.6.1.5.5.7.1.1', '2.5.29.31', '2.5.29.32']) {
      const answer = await rootKeyIssuer(
        rewritten((fields) => ({ extensions: [...fields.extensions, extension(oid)] })),
      )
      expect(answer).toBe('issued')
    }
  })

  test('our own bytes do', async () => {
    expect(await rootKeyIssuer((tbs) => tbs)).toBe('issued')
  })

  test('another serial, names in another order, a few minutes of another clock: the same meaning', async () => {
    expect(
      await rootKeyIssuer(
        rewritten((fields, expected) => ({
          notAfter: fields.notAfter + 60_000,
          notBefore: fields.notBefore + 60_000,
          extensions: fields.extensions.map((extension) =>
            extension.oid === '2.5.29.17'
              ? subjectAltName([...expected.subjectAltName!].reverse())
              : extension,
          ),
        })),
      ),
    ).toBe('issued')
  })

  test.each([
    ['another key', () => ({ spki: generateKeySync('ecdsa-p256').publicKey.spki }), /another key/],
    ['a longer life', (fields) => ({ notAfter: fields.notAfter + day }), /lives longer/],
    ['an earlier beginning', (fields) => ({ notBefore: fields.notBefore - day }), /begins earlier/],
    ['a shorter life', (fields) => ({ notAfter: fields.notAfter - day }), /ends earlier/],
    ['a life that is to come', () => ({ notBefore: now + day }), /begins later than now/],
    [
      'another name of its issuer',
      (fields) => ({
        extensions: [
          ...fields.extensions,
          { ...subjectAltName([dns('evil')]), oid: '2.5.29.18', critical: false },
        ],
      }),
      /it has an extension that was not asked for \(2\.5\.29\.18\)/,
    ],
    ['another issuer’s name', (fields) => ({ issuer: fields.subject }), /another issuer/],
    ['another subject', () => ({ subject: root.certificate.subject.der }), /its subject is/],
    [
      'a name more',
      (fields, expected) => ({
        extensions: fields.extensions.map((extension) =>
          extension.oid === '2.5.29.17'
            ? subjectAltName([...expected.subjectAltName!, { type: 'dns', value: 'evil' }])
            : extension,
        ),
      }),
      /its names is/,
    ],
    [
      'no names',
      (fields) => ({ extensions: fields.extensions.filter(({ oid }) => oid !== '2.5.29.17') }),
      /its names is/,
    ],
    [
      'no usages',
      (fields) => ({ extensions: fields.extensions.filter(({ oid }) => oid !== '2.5.29.37') }),
      /extended key usage/,
    ],
    [
      'a critical extension more',
      (fields) => ({
        extensions: [
          ...fields.extensions,
          { oid: '1.2.3', critical: true, value: Buffer.from('0500', 'hex') },
        ],
      }),
      /critical extension/,
    ],
  ] as readonly (readonly [string, Parameters<typeof rewritten>[0], RegExp])[])(
    '%s does not',
    async (_, change, message) => {
      expect(await rootKeyIssuer(rewritten(change))).toMatch(message)
    },
  )

  test('another version does not, and is told before what it cannot carry', async () => {
    const second = await rootKeyIssuer((tbs) => {
      const empty = Buffer.from(rewritten(() => ({ extensions: [] }))(tbs))
      const head = empty[1]! < 0x80 ? 2 : 2 + (empty[1]! & 0x7f)
      // Without the [3] of no extensions, which only version 3 has.
      expect(empty.subarray(-4).toString('hex')).toBe('a3023000')
      const bare = Buffer.from(sequence(empty.subarray(head, -4)))
      // [0] EXPLICIT INTEGER 2 is version 3 (RFC 5280 §4.1.2.1).
      bare[bare.indexOf(Buffer.from('a003020102', 'hex')) + 4] = 1
      return bare
    })
    expect(second).toBe('its version is 2 where 3 was asked for')
  })

  test('excluded names that were not asked for do not', async () => {
    const excluding = { ...nameConstraints({ permitted: [], excluded: [dns('a.example')] }) }
    expect(
      await rootKeyIssuer(
        rewritten((fields) => ({
          extensions: [...fields.extensions, { ...excluding, critical: false }],
        })),
      ),
    ).toMatch(/its excluded names is/)
  })

  test('what means the same and breaks a rule does not: its own bytes are linted too', async () => {
    expect(await rootKeyIssuer(rewritten(() => ({ serial: '00' })))).toMatch(
      /rfc5280\/serial-number/,
    )
  })

  test('a signature by another key does not, nor junk', async () => {
    const wrong: Issuer = {
      ...root,
      signatures: 'foreign',
      issue: async ({ tbs, expected }) => ({
        outcome: 'issued',
        certificate: assembleCertificate(
          tbs,
          expected.innerSignatureAlgorithm,
          signBytes(key(), tbs),
        ),
      }),
    }
    await expect(issue(prepare(leaf(), wrong, { now }))).rejects.toMatchObject({
      code: 'ERR_CORRESPONDENCE',
    })
    const junk: Issuer = {
      ...root,
      issue: async () => ({ outcome: 'issued', certificate: Buffer.from('junk') }),
    }
    await expect(issue(prepare(leaf(), junk, { now }))).rejects.toMatchObject({
      code: 'ERR_CORRESPONDENCE',
    })
  })
})

describe('a cross-certificate needs room below its issuer', () => {
  const coming = certify('coming', { ca: true }).certificate
  const under = (pathLength: number | undefined): Issuer =>
    heldIssuer(certify('going', { ca: true, pathLength, usage: ['keyCertSign', 'cRLSign'] }))
  test.each([
    [undefined, 1, undefined],
    [0, 0, 'ERR_ISSUER_REFUSED'],
    [1, 0, undefined],
    [1, 1, 'ERR_ISSUER_REFUSED'],
    [2, 1, undefined],
  ])('a path length of %s, with %i below: %s', (pathLength, intermediates, code) => {
    const prepared = errorOf(() =>
      prepareCross(coming, under(pathLength), { now: chainsNow, intermediates }),
    )
    expect(prepared?.code).toBe(code)
  })
})

describe('a trust bundle', () => {
  test('is the same whatever the order, the soonest-expiring first, each once', async () => {
    const long = await createRoot(
      { subject: { commonName: 'long' }, lifetime: 100 * day, key: key() },
      { now },
    )
    const short = await createRoot(
      { subject: { commonName: 'short' }, lifetime: 10 * day, key: key() },
      { now },
    )
    const text = trustBundle([long.certificate, short.certificate, long.certificate])
    expect(text).toBe(trustBundle([short.certificate, long.certificate]))
    expect(parseCertificates(text).map(({ subject }) => formatName(subject))).toEqual([
      'CN=short',
      'CN=long',
    ])
    expect(trustBundle([])).toBe('')
  })

  test('has those that end together in the order of their fingerprints', async () => {
    const made = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((commonName) =>
        createRoot({ subject: { commonName }, lifetime: 10 * day, key: key() }, { now }),
      ),
    )
    const roots = made.map(({ certificate }) => certificate)
    const text = trustBundle(roots)
    const prints = parseCertificates(text).map(fingerprintOf)
    expect(prints).toEqual([...prints].sort())
    expect(trustBundle(roots.toReversed())).toBe(text)
  })
})

test('prepareRoot prepares and does not sign', () => {
  const signer = heldSigner('x', key())
  const prepared = prepareRoot({ subject: { commonName: 'x' }, lifetime: day }, signer, { now })
  expect(prepared.expected.signature).toHaveLength(0)
  expect(prepared.expected.der).toHaveLength(0)
})
