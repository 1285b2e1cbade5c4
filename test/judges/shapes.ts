/**
 * Every shape of certificate that the library issues, each with the way from leaf to root.
 *
 * @module
 */
import fc from 'fast-check'
import {
  createRoot,
  encodeCertificate,
  encodePrivateKey,
  generateKey,
  heldIssuer,
  issue,
  type Issued,
  type Issuer,
  keyAlgorithms,
  type KeyAlgorithm,
  prepare,
  prepareIntermediate,
  type PrivateKey,
  type Role,
} from '../../src/index.js'

const day = 86_400_000

/** One leaf with everything a judge needs. */
export interface Shape {
  readonly name: string
  readonly role: Role
  readonly region: string
  /** PEM: the leaf alone; the intermediates; the root; the leaf's key. */
  readonly leaf: string
  readonly intermediates: readonly string[]
  readonly root: string
  readonly key: string
  /** Algorithms of all authorities above the leaf. */
  readonly authorities: readonly KeyAlgorithm[]
  /** A DNS name it must be good for, if any. */
  readonly dns: string | undefined
  readonly ip: string | undefined
}

interface Authority {
  readonly issuer: Issuer
  readonly root: string
  readonly intermediates: readonly string[]
  readonly algorithms: readonly KeyAlgorithm[]
}

const keys = new Map<string, Promise<PrivateKey>>()

/** RSA keys take seconds: one per algorithm and purpose. */
function keyOf(algorithm: KeyAlgorithm, purpose: string): Promise<PrivateKey> {
  const id = `${purpose} ${algorithm}`
  const key = keys.get(id) ?? generateKey(algorithm)
  keys.set(id, key)
  return key
}

type RootRequest = Omit<Parameters<typeof createRoot>[0], 'key'>

async function rootAuthority(
  algorithm: KeyAlgorithm,
  now: number,
  request: Partial<RootRequest> = {},
): Promise<Authority> {
  const key = await keyOf(algorithm, 'root')
  const issued = await createRoot(
    {
      subject: { commonName: `acme ${algorithm} root 1` },
      lifetime: 3650 * day,
      ...request,
      key,
    },
    { now },
  )
  return {
    issuer: heldIssuer({ name: 'agent', certificate: issued.certificate, key }),
    root: encodeCertificate(issued.certificate),
    intermediates: [],
    algorithms: [algorithm],
  }
}

async function intermediateAuthority(
  parent: Authority,
  algorithm: KeyAlgorithm,
  now: number,
  request: Partial<Omit<Parameters<typeof prepareIntermediate>[0], 'publicKey'>> = {},
): Promise<Authority> {
  const key = await keyOf(algorithm, 'intermediate')
  const issued = await issue(
    prepareIntermediate(
      {
        subject: { commonName: `acme ${algorithm} us-west 1` },
        lifetime: 1095 * day,
        regions: ['us-west'],
        ...request,
        publicKey: key.publicKey,
      },
      parent.issuer,
      { now },
    ),
  )
  return {
    issuer: heldIssuer({
      name: 'us-west',
      certificate: issued.certificate,
      above: [parent.issuer.certificate],
      key,
    }),
    root: parent.root,
    intermediates: [encodeCertificate(issued.certificate)],
    algorithms: [algorithm, ...parent.algorithms],
  }
}

type LeafOptions = Partial<Omit<Parameters<typeof prepare>[0], 'publicKey'>>

async function shape(
  name: string,
  authority: Authority,
  algorithm: KeyAlgorithm,
  now: number,
  options: LeafOptions = {},
): Promise<Shape> {
  const key = await keyOf(algorithm, 'leaf')
  const role = options.role ?? 'server'
  const region = options.region ?? 'us-west'
  const issued: Issued = await issue(
    prepare(
      { lifetime: 90 * day, ...options, role, region, publicKey: key.publicKey },
      authority.issuer,
      { now },
    ),
  )
  const [leaf, ...behind] = issued.chain.map((certificate) => encodeCertificate(certificate))
  const intermediates = behind
  if (leaf === undefined || intermediates.join() !== authority.intermediates.join()) {
    throw new Error(`${name}: the chain is not what stands between leaf and root`)
  }
  const first = role === 'client' ? 'client' : 'server'
  return {
    name,
    role,
    region,
    leaf,
    intermediates,
    root: authority.root,
    key: encodePrivateKey(key),
    authorities: authority.algorithms,
    dns: role === 'operator' ? undefined : `${first}.${region}.nomad`,
    ip: role === 'operator' ? undefined : '127.0.0.1',
  }
}

const agentAlgorithms = keyAlgorithms.filter((algorithm) => algorithm !== 'ed25519')
const roles: readonly Role[] = ['server', 'client', 'combined', 'operator']

/** All algorithms against all, with an intermediate and without. */
async function algorithmShapes(now: number): Promise<Shape[]> {
  const shapes: Shape[] = []
  for (const [index, authority] of keyAlgorithms.entries()) {
    const root = await rootAuthority(authority, now)
    // Of another algorithm than its root, each once.
    const other = keyAlgorithms[(index + 1) % keyAlgorithms.length] ?? 'ecdsa-p256'
    const intermediate = await intermediateAuthority(root, other, now)
    for (const algorithm of agentAlgorithms) {
      shapes.push(await shape(`${authority} ← ${algorithm}`, root, algorithm, now))
      const name = `${authority} ← ${other} ← ${algorithm}`
      shapes.push(await shape(name, intermediate, algorithm, now))
    }
  }
  return shapes
}

/** Roles, names, constraints, subjects, lifetimes. */
async function particularShapes(now: number): Promise<Shape[]> {
  const p256 = 'ecdsa-p256'
  const root = await rootAuthority(p256, now)
  const west = await intermediateAuthority(root, p256, now)
  const constrained = await intermediateAuthority(root, 'ecdsa-p384', now, {
    subject: { commonName: 'acme constrained 1' },
    domains: ['west.acme.internal'],
    networks: ['10.2.0.0/16', 'fd00:2::/32'],
  })
  const several = await intermediateAuthority(root, p256, now, {
    subject: { commonName: 'acme several 1' },
    regions: ['us-west', 'us-east', 'EU'],
  })
  const underscore = await intermediateAuthority(root, p256, now, {
    subject: { commonName: 'acme us_west 1' },
    regions: ['us_west'],
  })
  const shapes: Shape[] = []
  for (const role of roles) {
    const uris = role === 'operator' ? ['nomad-pki://operator.nomad/alice'] : []
    shapes.push(await shape(`${role} by the root`, root, p256, now, { role, uris }))
    shapes.push(await shape(`${role} by an intermediate`, west, p256, now, { role, uris }))
    shapes.push(
      await shape(`${role} of us_west`, underscore, p256, now, { role, uris, region: 'us_west' }),
    )
    shapes.push(await shape(`${role} of EU`, several, p256, now, { role, uris, region: 'EU' }))
  }
  shapes.push(
    await shape('names and addresses within constraints', constrained, p256, now, {
      names: ['s1.west.acme.internal', 'west.acme.internal'],
      ips: ['10.2.3.4', 'fd00:2::1'],
    }),
    await shape('a hundred names and addresses', root, p256, now, {
      names: Array.from({ length: 100 }, (_, i) => `host-${i}.acme.example`),
      ips: Array.from({ length: 100 }, (_, i) => `10.0.${i}.1`),
    }),
    await shape('a region of 51 characters', root, p256, now, { region: 'r'.repeat(51) }),
    await shape('a region with a dot', root, p256, now, { region: 'eu.west-1' }),
    await shape('an hour', root, p256, now, { lifetime: 3_600_000 }),
    await shape('as long as its issuers', west, p256, now, {
      lifetime: 36_500 * day,
      beyondIssuer: 'clamp',
    }),
  )
  const subjects: readonly [string, RootRequest['subject']][] = [
    [
      'a full subject',
      {
        commonName: 'acme root 1',
        country: 'DE',
        organization: 'Acme & Söhne',
        organizationalUnit: 'Infrastructure',
        locality: 'Zürich',
        province: 'ZH',
        streetAddress: "Straße 1, 'hof'",
        postalCode: '8001',
      },
    ],
    ['a subject in Japanese', { commonName: '東京 ルート 1', organization: '株式会社' }],
    ['a subject beyond the BMP', { commonName: 'root 🔑 1', organization: 'a@b_c*d' }],
    ['a subject of 64 characters', { commonName: 'x'.repeat(64), organization: 'é'.repeat(64) }],
  ]
  for (const [name, subject] of subjects) {
    const authority = await rootAuthority(p256, now, { subject })
    shapes.push(await shape(name, authority, p256, now))
    const below = await intermediateAuthority(authority, p256, now, {
      subject: { ...subject, commonName: `${subject.commonName.slice(0, 55)} below` },
    })
    shapes.push(await shape(`${name}, with an intermediate`, below, p256, now))
  }
  // Ends after 2049: GeneralizedTime.
  const long = await rootAuthority(p256, now, { lifetime: 40 * 365 * day })
  shapes.push(await shape('a root of 40 years', long, p256, now))
  shapes.push(await shape('a leaf of 30 years', long, p256, now, { lifetime: 30 * 365 * day }))
  return shapes
}

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
const hostName = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom('example', 'internal'))
  .map(([labels, zone]) => [...labels, zone].join('.'))

/** `count` random leaves; the same for the same seed. */
async function randomShapes(now: number, count: number, seed: number): Promise<Shape[]> {
  const root = await rootAuthority('ecdsa-p384', now)
  const west = await intermediateAuthority(root, 'ecdsa-p256', now, { regions: ['us-west', 'EU'] })
  const wide = fc.record({
    role: fc.constantFrom('server', 'client', 'combined'),
    region: fc.constantFrom('us-west', 'EU'),
    algorithm: fc.constantFrom('ecdsa-p256', 'ecdsa-p384', 'rsa-2048'),
    names: fc.uniqueArray(hostName, { maxLength: 5 }),
    ips: fc.uniqueArray(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 5 }),
    lifetime: fc.integer({ min: 3600, max: 1000 * 86_400 }).map((seconds) => seconds * 1000),
    direct: fc.boolean(),
  })
  const shapes: Shape[] = []
  for (const [index, { direct, algorithm, ...options }] of fc
    .sample(wide, { numRuns: count, seed })
    .entries()) {
    const name = `random ${index} ${JSON.stringify(options)}`
    // The intermediate is constrained to its regions' names: other hosts are the root's to name.
    const within = direct ? options : { ...options, names: [] }
    shapes.push(await shape(name, direct ? root : west, algorithm, now, within))
  }
  return shapes
}

/** All of them. */
export async function everyShape(now: number, random: number): Promise<Shape[]> {
  return [
    ...(await algorithmShapes(now)),
    ...(await particularShapes(now)),
    ...(await randomShapes(now, random, 20_261_125)),
  ]
}
