/**
 * Random chains as nobody sound makes them, and random damage to PEM: what agents and the library are
 * both asked about.
 *
 * @module
 */
import { nullValue, sequence, setOf } from '../../src/der/write.js'
import type { Protocol } from '../../src/nomad/judge.js'
import type { GeneralName } from '../../src/x509/extension.js'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
} from '../../src/x509/extensions.js'
import {
  agent,
  attribute,
  authorityKey,
  build,
  commonName,
  ed25519,
  nameOf,
  oid,
  p256,
  raw,
  root,
  rsa,
  san,
  utc,
  type Draft,
} from '../lint/draft.js'
import type { Picker } from '../real-nomad/harness/identities.js'

/** The moment of all questions. */
export const now: number = Date.UTC(2026, 5, 1)

/** A chain that is presented, and who looks at it, how. */
export interface HostileCase {
  readonly chain: readonly Uint8Array[]
  readonly trust: readonly Uint8Array[]
  readonly side: 'dialer' | 'listener'
  readonly protocol: Protocol
  /** The region of the listener, and the one that a dialer means. */
  readonly region: string
}

const regions = ['global', 'us-west', 'EU', 'us_west', 'a.b', 'a..b', 'x y'] as const
const stringTypes = [12, 19, 22, 20, 30] as const
const usages: readonly (readonly string[] | undefined)[] = [
  undefined,
  undefined,
  undefined,
  ['serverAuth'],
  ['clientAuth'],
  ['any'],
  ['serverAuth', 'clientAuth'],
  ['codeSigning'],
]

const dns = (...values: string[]): GeneralName[] => values.map((value) => ({ type: 'dns', value }))
const ip = (...values: string[]): GeneralName[] => values.map((value) => ({ type: 'ip', value }))
const constraints: readonly (Parameters<typeof nameConstraints>[0] | undefined)[] = [
  undefined,
  undefined,
  { permitted: dns('us-west.nomad', 'localhost'), excluded: [] },
  { permitted: dns('global.nomad', 'localhost'), excluded: [] },
  { permitted: dns('EU.nomad', 'localhost'), excluded: [] },
  { permitted: [...dns('nomad', 'localhost'), ...ip('127.0.0.0/8')], excluded: [] },
  { permitted: ip('127.0.0.0/8', '::1/128'), excluded: [] },
  { permitted: [], excluded: dns('server.global.nomad') },
  { permitted: dns(''), excluded: [] },
  { permitted: [{ type: 'uri', value: 'operator.nomad' }], excluded: [] },
  { permitted: [{ type: 'email', value: 'x.example' }], excluded: [] },
]

/** One random case. About one in five is accepted. */
export function hostileCase(pick: Picker): HostileCase {
  const { chance } = pick
  // Among what is chosen from is `undefined`, too.
  const one = <T>(items: readonly T[]): T => items[pick.one([...items.keys()])]!
  const dates = (): Draft =>
    chance(0.94)
      ? {}
      : one([
          { notAfter: utc('260501000000Z') },
          { notBefore: utc('260701000000Z') },
          { notBefore: utc('260601000000Z') },
          { notAfter: utc('260601000000Z') },
        ])
  const purposes = (sound: number): ReturnType<typeof extendedKeyUsage> | undefined => {
    const found = chance(sound) ? undefined : one(usages)
    return found && extendedKeyUsage(found)
  }
  const authority = (subject: Uint8Array, issuer: Uint8Array): Draft => {
    const top = subject === issuer
    const limit = top ? one([undefined, undefined, undefined, 1, 0]) : one([undefined, 0, 1])
    const bound = top && chance(0.9) ? undefined : one(constraints)
    return root({
      subject,
      issuer,
      ...dates(),
      version: chance(0.99) ? 3 : 1,
      extensions: {
        basicConstraints: chance(0.98)
          ? basicConstraints(chance(0.97) ? { ca: true, pathLength: limit } : { ca: false })
          : undefined,
        keyUsage: chance(0.97)
          ? keyUsage(['keyCertSign', 'cRLSign'])
          : one([undefined, keyUsage(['cRLSign'])]),
        nameConstraints: bound && nameConstraints(bound),
        extendedKeyUsage: purposes(0.85),
        authorityKeyIdentifier: chance(0.9) ? authorityKeyIdentifier(authorityKey) : undefined,
        subjectAltName: chance(0.95)
          ? undefined
          : san([one(['x.example', 'us-west.nomad', 'a..b'])]),
        ...(chance(0.01) ? { odd: raw('1.2.3.4', nullValue, true) } : {}),
      },
    })
  }

  const region = one(regions)
  const target = chance(0.8) ? region : one(regions)
  const role = one(['server', 'server', 'client'] as const)
  const name = `${role}.${region}.nomad`
  const [nameA, nameB] = [commonName('root A'), commonName('root B')]
  const [a, b] = [authority(nameA, nameA), authority(nameB, nameB)]
  const between: Draft[] = []
  let issuer = nameA
  for (let depth = one([0, 0, 0, 1, 1, 1, 2]); depth > 0; depth -= 1) {
    const subject = commonName(`between ${depth}${one(['', ' more'])}`)
    between.unshift(authority(subject, issuer))
    issuer = subject
  }
  const names = chance(0.5)
    ? [name, 'localhost']
    : one([
        [name],
        [`*.${region}.nomad`, 'localhost'],
        ['*.nomad'],
        [name.toUpperCase()],
        ['server..nomad'],
        ['server.any.thing.nomad', name],
        [`${name}.`],
        [name, 'x.nomad.'],
        [name, 'a b'],
        ['server.nomad'],
        [],
        ['host.example'],
        [name, '*.example'],
        ['server.*.nomad'],
        [name, ''],
      ])
  const common = chance(0.5)
    ? name
    : one([
        'host.example',
        `server.${region}.nomad`,
        `client.${region}.nomad`,
        `server.${one(regions)}.nomad`,
        `Server.${region}.nomad`,
        'server..nomad',
      ])
  const attributes = [attribute('2.5.4.3', common, chance(0.7) ? 12 : one(stringTypes))]
  if (chance(0.2)) {
    const second = one([name, 'host.example', `server.${region}.nomad`])
    attributes.push(attribute('2.5.4.3', second, one(stringTypes)))
  }
  if (chance(0.1)) {
    attributes.unshift(attribute('2.5.4.10', one(['Acme', 'a_b', 'a*b', 'ü']), one(stringTypes)))
  }
  const subject = chance(0.1)
    ? sequence(setOf(...attributes))
    : chance(0.03)
      ? sequence()
      : nameOf(...attributes)
  const uris = [
    'nomad-pki:operator/a',
    'nomad-pki://operator.nomad/a',
    'https://127.0.0.1/x',
    'https://x.example:80/',
    'https://[::1]/',
  ]
  const addresses = one([['127.0.0.1', '::1'], ['127.0.0.1'], [], ['10.0.0.1']])
  const leaf = agent('server', 'global', {
    subject,
    issuer,
    ...dates(),
    spki: one([p256, p256, p256, ed25519, rsa(2048)]),
    serial: chance(0.99) ? '4003' : 'ff01',
    version: chance(0.99) ? 3 : 1,
    ...(chance(0.01) ? { outer: sequence(oid('1.2.840.10045.4.3.2')) } : {}),
    extensions: {
      subjectAltName: chance(0.07)
        ? undefined
        : san(names, addresses, chance(0.12) ? [one(uris)] : []),
      extendedKeyUsage: chance(0.7)
        ? extendedKeyUsage(['serverAuth', 'clientAuth'])
        : purposes(0.1),
      basicConstraints: chance(0.95) ? basicConstraints({ ca: chance(0.05) }) : undefined,
      authorityKeyIdentifier: chance(0.95)
        ? authorityKeyIdentifier(chance(0.9) ? authorityKey : '00')
        : undefined,
      ...(chance(0.01) ? { odd: raw('1.2.3.4', nullValue, true) } : {}),
    },
  })
  let behind: readonly Draft[] = between
  if (chance(0.06)) behind = behind.slice(1)
  if (chance(0.1)) behind = [...behind].reverse()
  if (chance(0.1)) behind = [...behind, a]
  const anchors = chance(0.6)
    ? [a]
    : one([[a, b], [b, a], [b], between.slice(0, 1), [...between.slice(-1), a], [leaf], [leaf, a]])
  const protocol = one(['rpc', 'raft', 'server-only-rpc', 'client-only-rpc', 'node-api'] as const)
  return {
    chain: [leaf, ...behind].map(build),
    trust: anchors.map(build),
    side: protocol === 'node-api' ? 'listener' : one(['dialer', 'listener'] as const),
    protocol,
    region: target,
  }
}

/** Damages a text of PEM somewhere, or leaves it whole. */
export function damage(text: string, { one, chance }: Picker): string {
  if (chance(0.1)) return text.replaceAll('\n', '\r\n')
  const lines = text.split('\n')
  const at = one([...lines.keys()])
  const line = lines[at]!
  const junk = [
    '',
    'junk',
    '   ',
    'a: b',
    '====',
    '-----',
    '-----BEGIN CERTIFICATE-----',
    '-----END CERTIFICATE-----',
    '-----BEGIN X-----',
    'Proc-Type: 4,ENCRYPTED',
  ]
  const changes: readonly (() => readonly string[])[] = [
    () => [],
    () => [one(junk), line],
    () => [` ${line}`],
    () => [line + one([' ', '\t', '\r', '!', '=', 'A'])],
    () => [line.slice(0, -1)],
    () => [line.replace('CERTIFICATE', one(['TRUSTED CERTIFICATE', 'certificate', '']))],
    () => [line.toLowerCase()],
    () => [line.replace('-----', '----')],
    () => [line],
  ]
  lines.splice(at, 1, ...one(changes)())
  return chance(0.05) ? lines.slice(0, at).join('\n') : lines.join('\n')
}
