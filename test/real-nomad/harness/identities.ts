/**
 * Random identities, good and bad, for dialers and listeners: what a certificate says, who signed it,
 * what is sent along, what is trusted.
 *
 * @module
 */
import type { CommonName, Minted, Order } from './mint.js'

/** Deterministic numbers in [0, 1): mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const regions = ['global', 'us-west', 'EU'] as const
export type Region = (typeof regions)[number]
export type RoleName = 'server' | 'client' | 'cli'

/** Signers by id, with the ids that go behind a leaf of theirs. */
const signers: readonly { readonly order: Order; readonly chain: readonly string[] }[] = [
  { order: { id: 'A', cns: [{ value: 'root A' }], ca: true }, chain: [] },
  { order: { id: 'B', cns: [{ value: 'root B' }], ca: true }, chain: [] },
  // Nobody's root: signed by nothing that is ever trusted.
  { order: { id: 'C', cns: [{ value: 'root C' }], ca: true }, chain: [] },
  {
    order: { id: 'A-plain', issuer: 'A', cns: [{ value: 'A plain' }], ca: true, pathLen: 0 },
    chain: ['A-plain'],
  },
  ...regions.map((region) => ({
    order: {
      id: `A-${region}`,
      issuer: 'A',
      cns: [{ value: `A ${region}` }],
      ca: true,
      pathLen: 0,
      permit: [`${region}.nomad`, 'localhost'],
    },
    chain: [`A-${region}`],
  })),
  {
    order: {
      id: 'A-loopback',
      issuer: 'A',
      cns: [{ value: 'A loopback' }],
      ca: true,
      permit: ['nomad', 'localhost'],
      permitIp: ['127.0.0.0/8'],
    },
    chain: ['A-loopback'],
  },
  {
    order: {
      id: 'A-listens',
      issuer: 'A',
      cns: [{ value: 'A serverAuth only' }],
      ca: true,
      eku: ['serverAuth'],
    },
    chain: ['A-listens'],
  },
  {
    order: {
      id: 'A-dials',
      issuer: 'A',
      cns: [{ value: 'A clientAuth only' }],
      ca: true,
      eku: ['clientAuth'],
    },
    chain: ['A-dials'],
  },
  {
    order: {
      id: 'A-expired',
      issuer: 'A',
      cns: [{ value: 'A expired' }],
      ca: true,
      from: -7200,
      to: -3600,
    },
    chain: ['A-expired'],
  },
  {
    order: { id: 'A-deep', issuer: 'A-plain', cns: [{ value: 'A too deep' }], ca: true },
    chain: ['A-deep', 'A-plain'],
  },
]

export const signerOrders: readonly Order[] = signers.map(({ order }) => order)

/** An identity before its certificate is made. */
export interface Draft {
  readonly order: Order
  /** Ids of the certificates sent behind the leaf, in their order. */
  readonly behind: readonly string[]
  /** Ids of the roots in `ca_file`. */
  readonly trust: readonly string[]
  readonly region: Region
  readonly role: RoleName
  /** What is odd about it, for the reader of a failure. */
  readonly label: string
}

export interface Identity extends Draft {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

interface Flaw {
  readonly name: string
  readonly change: (order: Order, pick: Picker, region: Region) => Partial<Order>
}

export interface Picker {
  readonly one: <T>(items: readonly T[]) => T
  readonly chance: (probability: number) => boolean
}

export function picker(random: () => number): Picker {
  return {
    one: (items) => {
      const item = items[Math.floor(random() * items.length)]
      if (item === undefined) throw new Error('nothing to choose from')
      return item
    },
    chance: (probability) => random() < probability,
  }
}

const stringTypes: readonly NonNullable<CommonName['type']>[] = [
  'utf8',
  'printable',
  'ia5',
  't61',
  'bmp',
]
const roleNames: readonly RoleName[] = ['server', 'client', 'cli']

const flaws: readonly Flaw[] = [
  {
    name: 'the last CN says another role',
    change: (order, { one, chance }, region) => ({
      cns: [
        ...(order.cns ?? []),
        {
          value: `${one(roleNames)}.${chance(0.7) ? region : one(regions)}.nomad`,
          type: one(stringTypes),
        },
      ],
      oneRdn: chance(0.3),
    }),
  },
  {
    name: 'the role is not in the last CN',
    change: (order, { one }) => ({
      cns: [...(order.cns ?? []), { value: 'node.example', type: one(stringTypes) }],
    }),
  },
  { name: 'no SAN', change: () => ({ dns: [], ips: [] }) },
  { name: 'no CN', change: () => ({ cns: [] }) },
  {
    name: 'wildcard SAN',
    change: (_, { chance }, region) => ({
      dns: [`*.${region}.nomad`, 'localhost'],
      ...(chance(0.5) ? { cns: [{ value: 'node.example' }] } : {}),
    }),
  },
  { name: 'serverAuth only', change: () => ({ eku: ['serverAuth'] }) },
  { name: 'clientAuth only', change: () => ({ eku: ['clientAuth'] }) },
  { name: 'no EKU', change: () => ({ eku: [] }) },
  { name: 'any EKU', change: () => ({ eku: ['any'] }) },
  { name: 'expired', change: () => ({ from: -7200, to: -60 }) },
  { name: 'not yet valid', change: () => ({ from: 3600, to: 7200 }) },
  { name: 'P-384', change: () => ({ key: 'p384' }) },
  { name: 'P-521', change: () => ({ key: 'p521' }) },
  { name: 'RSA', change: () => ({ key: 'rsa2048' }) },
  {
    name: 'another domain',
    change: (_, { one }, region) => {
      const name = `${one(roleNames)}.${region}.example`
      return { cns: [{ value: name }], dns: [name, 'localhost'] }
    },
  },
  {
    name: 'odd names',
    change: (_, { one, chance }, region) => ({
      cns: [{ value: chance(0.5) ? 'node.example' : `client.${region}.nomad` }],
      dns: [
        one([
          `SERVER.${region}.nomad`,
          `server.${region.toUpperCase()}.nomad`,
          'server..nomad',
          'server.*.nomad',
          'server.any.thing.nomad',
          `node.server.${region}.nomad`,
          'server.nomad',
          `server.${region}.nomad.`,
          `Client.${region}.nomad`,
        ]),
      ],
    }),
  },
  {
    name: 'both role names',
    change: (_, __, region) => ({
      dns: [`server.${region}.nomad`, `client.${region}.nomad`, 'localhost'],
    }),
  },
  {
    name: 'an odd name beside the right ones',
    change: (order, { one }) => ({
      dns: [...(order.dns ?? []), one(['x.nomad.', 'server..nomad', 'host.example', '*.nomad'])],
    }),
  },
  {
    name: 'a URI',
    change: (_, { one }) => ({
      // Without a host, or with an address for one, Go 1.26 refuses it under any name constraint.
      uris: [one(['urn:x:alice', 'x://operator.nomad/alice', 'x://10.0.0.1/', 'x:alice'])],
    }),
  },
  { name: '::1 too', change: (order) => ({ ips: [...(order.ips ?? []), '::1'] }) },
]

export interface DraftOptions {
  readonly id: string
  readonly region?: Region
  readonly role?: RoleName
  /** How often it has a flaw; default 0.5. */
  readonly flawed?: number
  readonly trust?: readonly string[]
}

/** A random identity; about one in three is what a careful issuer makes. */
export function draft(options: DraftOptions, pick: Picker): Draft {
  const region = options.region ?? pick.one(regions)
  const role =
    options.role ?? pick.one(['server', 'server', 'server', 'client', 'client', 'cli'] as const)
  const flawed = options.flawed ?? 0.5
  const own = signers.find(({ order: { id } }) => id === `A-${region}`)
  const plain = signers.filter(({ order: { id } }) => ['A', 'B', 'A-plain'].includes(id))
  const signer = pick.chance(flawed / 3)
    ? pick.one(signers)
    : pick.one(own === undefined ? plain : [...plain, own])
  const name = `${role}.${region}.nomad`
  let order: Order = {
    id: options.id,
    issuer: signer.order.id,
    cns: [{ value: name }],
    dns: role === 'cli' ? [] : [name, 'localhost'],
    ips: role === 'cli' ? [] : ['127.0.0.1'],
    eku: role === 'cli' ? ['clientAuth'] : ['serverAuth', 'clientAuth'],
  }
  const found: string[] = []
  for (let probability = flawed; pick.chance(probability); probability /= 3) {
    const flaw = pick.one(flaws)
    order = { ...order, ...flaw.change(order, pick, region) }
    found.push(flaw.name)
  }
  let behind = signer.chain
  if (behind.length > 0 && pick.chance(flawed / 6)) {
    behind = []
    found.push('chain left out')
  }
  const trust = options.trust ?? pick.one([['A'], ['A', 'B'], ['A', 'B'], ['B', 'A'], ['B']])
  const label = `${options.id}: ${role} of ${region} by ${signer.order.id}${found.length ? `, ${found.join(', ')}` : ''}`
  return { order, behind, trust, region, role, label }
}

/** Puts the minted PEM together as `cert_file` and `ca_file` hold it. */
export function assemble(plan: Draft, minted: ReadonlyMap<string, Minted>): Identity {
  const cert = (id: string): string => {
    const found = minted.get(id)
    if (found === undefined) throw new Error(`${id} was not minted`)
    return found.cert
  }
  return {
    ...plan,
    ca: plan.trust.map(cert).join(''),
    cert: [plan.order.id, ...plan.behind].map(cert).join(''),
    key: minted.get(plan.order.id)?.key ?? '',
  }
}
