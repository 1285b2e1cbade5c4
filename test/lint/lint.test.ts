import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { pemEncode } from '../../src/keys/pem.js'
import { lint, type LintContext } from '../../src/lint/lint.js'
import { rules } from '../../src/lint/rules.js'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { agent, build, intermediate, operator, p256, root, rsa, type Draft } from './draft.js'
import { issuerDrafts, issuers, lintContextOf, vectors } from './vectors.js'

const folder = fileURLToPath(new URL('../vectors/lint/', import.meta.url))
const update = process.env.UPDATE_VECTORS !== undefined

function ruleOf(name: string) {
  return rules.find((rule) => rule.name === name)!
}

/** Every vector by its path below the folder. */
const files = new Map<string, Draft>(
  Object.entries(issuerDrafts).map(([name, draft]) => [`issuers/${name}.pem`, draft]),
)
for (const { rule, good, bad } of vectors) {
  files.set(`${rule}/good.pem`, good)
  for (const [fault, draft] of Object.entries(bad)) files.set(`${rule}/bad-${fault}.pem`, draft)
}

if (update) {
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.md')) rmSync(join(folder, name), { recursive: true })
  }
  for (const [name, draft] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), pemEncode('CERTIFICATE', build(draft)))
  }
}

function read(name: string): Certificate {
  return parseCertificates(readFileSync(join(folder, name), 'utf8'))[0]!
}

describe('the vectors', () => {
  test('are what the builder makes, byte for byte, and no others lie there', () => {
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.pem'))
      .sort()
    expect(found).toEqual([...files.keys()].sort())
    for (const [name, draft] of files) {
      expect(readFileSync(join(folder, name), 'utf8'), name).toBe(
        pemEncode('CERTIFICATE', build(draft)),
      )
    }
  })

  test('are there for every rule but the one that is about the region alone', () => {
    const covered = new Set(
      vectors.filter(({ bad }) => Object.keys(bad).length > 0).map(({ rule }) => rule),
    )
    const open = rules.map(({ name }) => name).filter((name) => !covered.has(name))
    expect(open).toEqual(['nomad/region'])
    expect(new Set(vectors.map(({ rule }) => rule)).size).toBe(vectors.length)
  })
})

describe.each(vectors)('$rule', (vector) => {
  const rule = ruleOf(vector.rule)

  test('takes the good one', () => {
    const found = lint(read(`${vector.rule}/good.pem`), lintContextOf(vector))
    expect(found.filter(({ rule: name }) => name === vector.rule)).toEqual([])
  })

  for (const fault of Object.keys(vector.bad)) {
    test(`refuses ${fault}`, () => {
      const found = lint(read(`${vector.rule}/bad-${fault}.pem`), lintContextOf(vector, fault))
      const own = found.find(({ rule: name }) => name === vector.rule)
      expect(own).toMatchObject({ severity: rule.severity ?? 'error', source: rule.source })
      expect(own?.message).toMatch(/^[a-z].*[^.]$/)
    })
  }
})

describe('a certificate as we make it', () => {
  const clean: readonly (readonly [string, Draft, LintContext])[] = [
    [
      'server',
      agent('server', 'global'),
      { profile: 'server', region: 'global', issuer: issuers.root },
    ],
    [
      'client',
      agent('client', 'us-west', { dns: ['c1.west.example'] }),
      { profile: 'client', region: 'us-west', issuer: issuers.intermediate },
    ],
    [
      'combined',
      agent('server', 'global', { dns: ['client.global.nomad'] }),
      { profile: 'combined', region: 'global', issuer: issuers.root },
    ],
    ['operator', operator(), { profile: 'operator', region: 'global', issuer: issuers.root }],
    [
      'RSA server',
      agent('server', 'global', { spki: rsa(3072) }),
      { profile: 'server', region: 'global', issuer: issuers.root },
    ],
    ['root', root({ spki: p256 }), { profile: 'root' }],
    [
      'intermediate',
      intermediate({ spki: p256 }),
      { profile: 'intermediate', issuer: issuers.root },
    ],
  ]
  test.each(clean)('breaks no rule: %s', (_, draft, context) => {
    expect(lint(parseCertificate(build(draft)), context)).toEqual([])
    // And without a word about what it is.
    expect(lint(parseCertificate(build(draft)))).toEqual([])
  })
})

describe('strictness', () => {
  const encipherment = read('rfc8813/ec-key-usage/bad-key-encipherment.pem')
  const context: LintContext = { profile: 'server', region: 'global', issuer: issuers.root }

  test('makes a note of what others issued and Nomad takes', () => {
    expect(lint(encipherment, { ...context, strictness: 'foreign' })).toEqual([
      expect.objectContaining({ rule: 'rfc8813/ec-key-usage', severity: 'note' }),
    ])
    expect(lint(encipherment, context)[0]?.severity).toBe('error')
  })

  test('leaves an error what Nomad itself refuses, or takes for authority', () => {
    for (const [file, profile, region, issuer] of [
      ['nomad/agent-key/bad-ed25519.pem', 'server', 'global', issuers.root],
      ['nomad/extended-key-usage/bad-server-only.pem', 'server', 'global', issuers.root],
      ['nomad/common-name-role/bad-bmp.pem', 'client', 'us-west', issuers.intermediate],
      ['nomad/name-constrained/bad-outside-ip.pem', 'client', 'us-west', issuers.intermediate],
    ] as const) {
      const found = lint(read(file), { profile, region, issuer, strictness: 'foreign' })
      expect(
        found.filter(({ severity }) => severity === 'error').map(({ rule }) => rule),
      ).toContain(file.split('/').slice(0, 2).join('/'))
    }
  })
})

describe('rules about the context', () => {
  test.each(['a'.repeat(52), 'a..b', 'eu-', 'a b', ''])(
    'nomad/region: %j makes no role name',
    (region) => {
      const leaf = parseCertificate(build(agent('server', 'global')))
      expect(lint(leaf, { profile: 'server', region }).map(({ rule }) => rule)).toContain(
        'nomad/region',
      )
    },
  )
})

/** A certificate that notes what a rule looks at, of what differs between two of one kind. */
function watched(certificate: Certificate, seen: Set<string>): Certificate {
  const own = ['der', 'tbs', 'serial', 'serialNegative', 'signature', 'subjectKeyIdentifier']
  const publicKey = new Proxy(certificate.publicKey, {
    get(key, name) {
      if (name === 'spki') seen.add('spki')
      return Reflect.get(key, name) as unknown
    },
  })
  return new Proxy(certificate, {
    get(target, name) {
      if (typeof name === 'string' && own.includes(name)) seen.add(name)
      return name === 'publicKey' ? publicKey : (Reflect.get(target, name) as unknown)
    },
  })
}

describe('certificates of one kind', () => {
  test('differ in nothing that is looked at but by the rules that look at each', () => {
    for (const vector of vectors) {
      const names = ['good', ...Object.keys(vector.bad).map((fault) => `bad-${fault}`)]
      for (const name of names) {
        const context = lintContextOf(vector, name === 'good' ? undefined : name.slice(4))
        for (const rule of rules.filter(({ each }) => each !== true)) {
          const seen = new Set<string>()
          const certificate = watched(read(`${vector.rule}/${name}.pem`), seen)
          if (rule.applies(certificate, context)) rule.check(certificate, context)
          expect([rule.name, ...seen], `${vector.rule}/${name}`).toEqual([rule.name])
        }
      }
    }
  })

  const wildcard = vectors.find(({ rule }) => rule === 'nomad/wildcard')!
  const usual = lintContextOf(wildcard)
  const first = read('nomad/wildcard/good.pem')
  const bytes = Uint8Array.of(1)
  const extension = { ...first.extensions[0]!, critical: !first.extensions[0]!.critical }
  const keyId = first.extensions.find(({ oid }) => oid === '2.5.29.14')!
  const others: readonly (readonly [string, object, object])[] = [
    ['version', { version: first.version - 1 }, {}],
    ['issuer', { issuer: { ...first.issuer } }, {}],
    ['subject', { subject: { ...first.subject } }, {}],
    ['notBefore', { notBefore: first.notBefore + 1 }, {}],
    ['notAfter', { notAfter: first.notAfter + 1 }, {}],
    ['kind of key', { publicKey: { ...first.publicKey, name: 'rsa' } }, {}],
    ['signatureAlgorithm', { signatureAlgorithm: 'another' }, {}],
    ['inner algorithm', { innerSignatureAlgorithm: bytes }, {}],
    ['outer algorithm', { outerSignatureAlgorithm: bytes }, {}],
    ['basicConstraints', { basicConstraints: { ca: false } }, {}],
    ['keyUsage', { keyUsage: [] }, {}],
    ['extendedKeyUsage', { extendedKeyUsage: [] }, {}],
    ['subjectAltName', { subjectAltName: [] }, {}],
    ['nameConstraints', { nameConstraints: {} }, {}],
    ['authorityKeyIdentifier', { authorityKeyIdentifier: {} }, {}],
    ['number of extensions', { extensions: [...first.extensions, keyId] }, {}],
    ['fewer extensions', { extensions: first.extensions.slice(0, -1) }, {}],
    ['one extension', { extensions: [extension, ...first.extensions.slice(1)] }, {}],
    [
      'whether the key identifier is critical',
      {
        extensions: first.extensions.map((one) =>
          one === keyId ? { ...keyId, critical: !keyId.critical } : one,
        ),
      },
      {},
    ],
    ['context: issuer', {}, { issuer: { ...first } }],
    ['context: profile', {}, { profile: usual.profile === 'client' ? 'server' : 'client' }],
    ['context: region', {}, { region: 'another' }],
    ['context: strictness', {}, { strictness: 'foreign' }],
  ]

  test.each(others)('are of another kind where they differ in: %s', (_what, certificate, more) => {
    const asked = vi.spyOn(
      rules.find(({ each }) => each !== true)!,
      'applies',
    )
    const asksAll = (one: Certificate, where: LintContext): boolean => {
      asked.mockClear()
      try {
        lint(one, where)
      } catch {
        // Made up: no reader gives such a one.
      }
      return asked.mock.calls.length > 0
    }
    expect(lint(first, usual)).toEqual([])
    expect(asksAll(first, usual)).toBe(false)
    expect(asksAll(first, { ...usual })).toBe(false)
    const another = {
      extensions: first.extensions.map((one) => (one === keyId ? { ...keyId } : one)),
    }
    // The identifier of its key is its own.
    expect(asksAll({ ...first, ...another }, usual)).toBe(false)
    expect(asksAll({ ...first, ...certificate }, { ...usual, ...more })).toBe(true)
    asked.mockRestore()
  })

  test('are refused after a clean one, whatever is wrong', () => {
    for (const vector of vectors) {
      for (const fault of Object.keys(vector.bad)) {
        const context = lintContextOf(vector, fault)
        const found = (): readonly unknown[] =>
          lint(read(`${vector.rule}/bad-${fault}.pem`), context)
        const before = found()
        for (const other of vectors) lint(read(`${other.rule}/good.pem`), lintContextOf(other))
        lint(read(`${vector.rule}/good.pem`), context)
        expect(found(), `${vector.rule}/${fault}`).toEqual(before)
      }
    }
  })
})
