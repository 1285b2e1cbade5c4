/**
 * A real OpenBao: an authority is set up in it by the command with nothing but the policies that the command prints,
 * signs a cluster, is read back; and requests that nobody honest makes get no name beyond the role.
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  bitString,
  context,
  contextPrimitive,
  element,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  utf8String,
} from '../../src/der/write.js'
import { algorithmOf, type PrivateKey } from '../../src/keys/algorithms.js'
import { keyFingerprint } from '../../src/keys/fingerprint.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { signBytes } from '../../src/keys/sign.js'
import type { Certificate, Extension } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import {
  basicConstraints,
  encodeExtension,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
} from '../../src/x509/extensions.js'
import type { GeneralName } from '../../src/x509/extension.js'
import { encodeRequest } from '../../src/x509/request.js'
import { verifyChain } from '../../src/x509/verify-chain.js'
import { folder, type Said } from '../cli/cli.js'
import { certificatesIn, engineSpec, leafIn, withToken } from '../engine/cluster.js'
import { openbao, type Answer, type OpenBao } from './openbao.js'

let bao: OpenBao
let place = ''
const tokens = { setUp: '', plan: '', apply: '', revoke: '', next: '' }
const home = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-openbao-'))
const run = (line: string, token: string): Promise<Said> =>
  withToken(bao, place, line, { BAO_TOKEN: token })

beforeAll(async () => {
  bao = await openbao(home)
  place = folder({
    'cluster.yaml': engineSpec(bao, {
      agent: 'key: ecdsa-p384',
      region: {
        domains: '[acme.internal]',
        networks: '[10.0.0.0/8]',
        servers: '{ "s[1-3]": { names: ["{node}.acme.internal"], ips: ["10.0.0.{n}"] } }',
        clients: '{ "c[1-20]": { names: ["{node}.acme.internal"], ips: ["10.0.1.{n}"] } }',
        combined: '{ both: { names: [both.acme.internal] } }',
      },
      more: 'operators:\n  alice: { region: us-west }\n  prometheus: { kind: machine, region: us-west }\n',
    }),
  })
  expect((await run('init --new-store', '')).stderr).not.toMatch(/^error/m)
  expect((await run('apply --yes', '')).stderr).toContain('authority setup us-west')
  const dry = await run('authority setup us-west --dry-run', 'root')
  expect(dry.stderr).toBe('')
  const policies = dry.stdout.split('\n# policy: ').slice(1)
  expect(policies.map((one) => one.split('\n')[0])).toEqual([
    'set up (it cannot sign)',
    'plan and verify',
    'apply',
    'revoke',
  ])
  const [setUp, plan, apply, revoke] = policies.map((one) => one.slice(one.indexOf('\n')))
  tokens.setUp = await bao.tokenWith('set-up', setUp!)
  tokens.plan = await bao.tokenWith('plan', plan!)
  tokens.apply = await bao.tokenWith('apply', apply!)
  tokens.revoke = await bao.tokenWith('revoke', revoke!)
})
afterAll(async () => {
  await bao.close()
  fs.rmSync(home, { recursive: true, force: true })
})

function certificatesOf(identity: string): readonly Certificate[] {
  return certificatesIn(place, `identity/${identity}/current/cert.pem`)
}

describe('a cluster', () => {
  test('is set up, signed and verified with the printed policies alone', async () => {
    const setUp = await run('authority setup us-west', tokens.setUp)
    expect(setUp.stderr).toBe('')
    expect(setUp.status).toBe(0)
    const again = await run('authority setup us-west', tokens.setUp)
    expect(again.stdout).not.toMatch(/^(done|would)/m)

    // The token of the set-up cannot sign, and that is said before anything is made.
    const refused = await run('apply --yes', tokens.setUp)
    expect(refused.stderr).toContain('the token may not sign by pki/nomad/issuer/us-west-1/sign/')
    expect(refused.status).toBe(1)

    const applied = await run('apply --yes', tokens.apply)
    expect(applied.stderr).toBe('')
    expect(applied.status).toBe(0)
    expect((await run('apply --yes', tokens.apply)).stdout).toContain('nothing to do')
    const verified = await run('verify --long', tokens.apply)
    expect(verified.stdout).not.toContain('engine-')
    expect(verified.status).toBe(0)
    // A token that reads is enough for reading.
    const read = await run('verify --long', tokens.plan)
    expect(read.stdout).toContain('the token may not sign by')
    expect(read.status).toBe(0)

    const [root] = parseCertificates(
      fs.readFileSync(path.join(place, 'pki/authority/agent/1/ca.pem'), 'utf8'),
    )
    for (const address of [
      'server/us-west/s1',
      'client/us-west/c20',
      'combined/us-west/both',
      'operator/us-west/alice',
      'machine/us-west/prometheus',
    ]) {
      const [leaf, ...between] = certificatesOf(address)
      expect(between).toHaveLength(1)
      expect(verifyChain(leaf!, between, [root!], { now: Date.now() }).ok).toBe(true)
    }
    const [machine] = certificatesOf('machine/us-west/prometheus')
    expect(machine!.subject.attributes).toEqual([])
    expect(machine!.subjectAltName).toEqual([
      { type: 'uri', value: 'nomad-pki://machine.nomad/prometheus' },
    ])
    const files = path.join(place, 'pki/identity/machine/us-west/prometheus/current')
    const openssl = spawnSync(
      'openssl',
      ['verify', '-purpose', 'sslclient', '-x509_strict', '-CAfile', 'ca.pem'].concat([
        '-untrusted',
        'cert.pem',
        'cert.pem',
      ]),
      { cwd: files, encoding: 'utf8' },
    )
    expect(openssl).toMatchObject({ status: 0, stdout: 'cert.pem: OK\n' })
  })

  test('revoked in the ledger and in the engine, whoever begins; what somebody signed there is named', async () => {
    // The token of apply cannot: the ledger has it, the exit says that the engine does not.
    const refused = await run('revoke c19 --reason key-compromise', tokens.apply)
    expect(refused.stdout).toContain('no policy of the token allows pki/nomad/revoke')
    expect(refused.status).toBe(1)
    const differs = await run('verify --long', tokens.plan)
    expect(differs.stdout).toMatch(/it is revoked here, and pki\/nomad\/cert\/\S+ is not/)
    const made = await run('revoke', tokens.revoke)
    expect(made.stdout).toContain('revoked in the engine: pki/nomad/cert/')
    expect(made.status).toBe(0)
    const again = await run('revoke c19 --reason key-compromise', tokens.revoke)
    expect(again.status).toBe(0)
    const verified = await run('verify --long', tokens.plan)
    expect(verified.stdout).not.toMatch(/engine-differs.*cert|cert\/.* engine-differs/)

    // By hand, in the engine.
    const [leaf] = certificatesOf('client/us-west/c18')
    const serial = leaf!.serial.replace(/(..)(?=.)/g, '$1:')
    expect((await bao.call('POST', 'pki/nomad/revoke', { serial_number: serial })).status).toBe(200)
    const byHand = await run('verify --long', tokens.plan)
    const [, cure] =
      /is revoked in the engine, and the ledger does not say so[\s\S]*?(nomad-pki revoke SHA256:\w+)/.exec(
        byHand.stdout,
      )!
    expect((await run(cure!.replace('nomad-pki ', ''), tokens.revoke)).status).toBe(0)
    expect((await run('verify --long', tokens.plan)).stdout).not.toContain(
      'the ledger does not say',
    )

    const csr = requestOf({ subject: cn(client), names: dns(client) })
    const signing = 'pki/nomad/issuer/us-west-1/sign/nomad-client-us-west'
    const named = { common_name: client }
    expect((await bao.call('POST', signing, { csr, ttl: '3600s', ...named })).status).toBe(200)
    const issued = await run('verify --long', tokens.plan)
    const [, theirs] =
      /is not of this store: client of us-west[\s\S]*?(nomad-pki revoke --serial \w+ --authority us-west\/1)/.exec(
        issued.stdout,
      )!
    expect((await run(theirs!.replace('nomad-pki ', ''), tokens.revoke)).status).toBe(0)
    expect((await run('verify --long', tokens.plan)).stdout).not.toContain('is not of this store')
    expect((await run('apply --yes', tokens.apply)).status).toBe(0)
  })

  test('a role that was changed by hand is found, keeps everything from being signed, and is set right', async () => {
    const role = 'pki/nomad/roles/nomad-client-us-west'
    const { data } = await bao.call('GET', role)
    await bao.call('POST', role, {
      ...{ ...data, allow_any_name: true, allowed_uri_sans: ['*'] },
      ...{ not_after_bound: 'permit', not_after: '2035-01-01T00:00:00Z' },
    })
    const found = await run('verify --long', tokens.apply)
    expect(found.stdout).toContain('not_after is "2035-01-01T00:00:00Z", wanted ""')
    expect(found.stdout).toContain('allow_any_name is true, wanted false')
    expect(found.stdout).toContain('allowed_uri_sans is ["*"], wanted []')
    expect((await run('rotate leaves c1 --yes', tokens.apply)).status).not.toBe(0)
    expect((await run('authority setup us-west', tokens.setUp)).status).toBe(0)
    expect((await run('rotate leaves c1 --yes', tokens.apply)).status).toBe(0)
  })

  test('a mount that would cut lives short is set right', async () => {
    await bao.call('POST', 'sys/mounts/pki/nomad/tune', { max_lease_ttl: '24h' })
    const setUp = await run('authority setup us-west', tokens.setUp)
    expect(setUp.stdout).toMatch(
      /^done: pki\/nomad lets certificates live 94608000s \(it was 86400s\)$/m,
    )
    expect((await run('rotate leaves c2 --yes', tokens.apply)).status).toBe(0)
  })

  test('the next generation is a second issuer; no role changes', async () => {
    const role = 'pki/nomad/roles/nomad-client-us-west'
    const before = (await bao.call('GET', role)).data
    expect((await run('rotate authority us-west --next', tokens.plan)).stderr).not.toMatch(
      /^error/m,
    )
    // Until it is set up, the older one signs.
    expect((await run('rotate leaves c3 --yes', tokens.apply)).stderr).not.toContain('refused')
    const setUp = await run('authority setup us-west', tokens.setUp)
    expect(setUp.status).toBe(0)
    const policy = setUp.stdout.slice(setUp.stdout.indexOf('# policy: apply'))
    tokens.next = await bao.tokenWith('next', policy.slice(policy.indexOf('\n')))
    const applied = await run('apply --yes', tokens.next)
    expect(applied.stderr).toBe('')
    expect(applied.status).toBe(0)
    expect((await run('verify', tokens.next)).status).toBe(0)
    expect((await bao.call('GET', role)).data).toEqual(before)
    const { data } = await bao.call('LIST', 'pki/nomad/issuers')
    expect(JSON.stringify(data)).toContain('us-west-2')
  })

  test('sealed: the command says so and what is there is still told', async () => {
    const { data } = await bao.call('GET', 'sys/seal-status')
    expect(data).toBeDefined()
    expect((await bao.call('PUT', 'sys/seal')).status).toBe(204)
    const { stdout, status } = await run('verify --long', tokens.next)
    expect(stdout).toContain('the engine is sealed: unseal it')
    expect(status).toBe(0)
    const key = /Unseal Key: (\S+)/.exec(
      fs.readFileSync(path.join(home, 'openbao.log'), 'utf8'),
    )![1]
    expect((await bao.call('PUT', 'sys/unseal', { key })).status).toBe(200)
    expect((await run('verify --long', tokens.next)).stdout).not.toContain('engine-')
  })
})

const oids = {
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  organization: '2.5.4.10',
  userId: '0.9.2342.19200300.100.1.1',
  email: '1.2.840.113549.1.9.1',
} as const
type Attribute = readonly [keyof typeof oids, string]

const client = 'client.us-west.nomad'
const server = 'server.us-west.nomad'
const dns = (...values: readonly string[]): GeneralName[] =>
  values.map((value) => ({ type: 'dns', value }))
const cn = (...values: readonly string[]): Attribute[] =>
  values.map((value) => ['commonName', value])
const other = (der: Uint8Array): GeneralName => ({ type: 'other', der })
/** otherName of a user's principal name, MS-WCCE §2.2.2.7.5 */
const principal = other(
  context(0, objectIdentifier('1.3.6.1.4.1.311.20.2.3'), context(0, utf8String(server))),
)
const directory: GeneralName = {
  type: 'directory',
  der: context(4, sequence(setOf(sequence(objectIdentifier(oids.commonName), utf8String(server))))),
}

interface Hostile {
  readonly subject: readonly Attribute[]
  readonly names?: readonly GeneralName[]
  readonly extensions?: readonly Extension[]
  readonly body?: Readonly<Record<string, unknown>>
  readonly key?: PrivateKey
  /** Behind the attributes of the subject: relative names as bytes. */
  readonly rdns?: readonly Uint8Array[]
  /** Behind the extensions that are asked for: attributes of the request as bytes. */
  readonly attributes?: readonly Uint8Array[]
}

/** A relative name of one attribute or more, each with a string of any type. */
const rdn = (...all: readonly (readonly [oid: string, tag: number, value: Buffer | string])[]) =>
  setOf(
    ...all.map(([oid, tag, value]) =>
      sequence(objectIdentifier(oid), element(tag, Buffer.from(value))),
    ),
  )
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
const utf32 = (text: string): Buffer =>
  Buffer.concat(Array.from(text, (one) => Buffer.from([0, 0, 0, one.charCodeAt(0)])))
/** String types and how each is written, X.680 §8.4. */
const strings: readonly (readonly [string, number, (text: string) => Buffer | string])[] = [
  ['UTF8String', 12, (text) => text],
  ['PrintableString', 19, (text) => text],
  ['TeletexString', 20, (text) => text],
  ['IA5String', 22, (text) => text],
  ['VisibleString', 26, (text) => text],
  ['UniversalString', 28, utf32],
  ['BMPString', 30, utf16],
  ['OCTET STRING', 4, (text) => text],
]

const asked: readonly (readonly [string, Hostile])[] = [
  // Names of other roles and regions.
  ...[
    server,
    'client.us-east.nomad',
    'server.us-east.nomad',
    'cli.us-west.nomad',
    'nomad',
    'us-west.nomad',
  ].flatMap((name): (readonly [string, Hostile])[] => [
    [`CN ${name}`, { subject: cn(name), names: dns(client) }],
    [`SAN ${name}`, { subject: cn(client), names: dns(client, name) }],
    [`both ${name}`, { subject: cn(name), names: dns(name) }],
  ]),
  // Names below, beside and around the role's own.
  ...[
    `server.${client}`,
    `x.${client}`,
    `${client}.`,
    `${client}.evil.example`,
    `${client}\u0000.evil.example`,
    `*.us-west.nomad`,
    `*.nomad`,
    '*',
    '*.acme.internal',
    `${server}.`,
    `${server}.acme.internal.evil.example`,
    'SERVER.US-WEST.NOMAD',
    'Server.us-west.nomad',
    `nomad-pki probe`,
    'free text',
    '10.0.0.1',
    '192.168.1.1',
    `root@${client}`,
    `root@${server}`,
    '',
    ' ',
    'https://server.us-west.nomad',
    'xn--e1afmkfd.nomad',
    'acme.internal.nomad',
    'evilacme.internal',
  ].map((name): readonly [string, Hostile] => [
    `CN ${JSON.stringify(name)}`,
    { subject: cn(name), names: dns(client) },
  ]),
  // OpenBao 2.7.2 takes an empty name for the end of its check, where a role takes names from requests.
  ['SAN "", then the server', { subject: cn(client), names: dns('', server) }],
  ['SAN client, "", then the server', { subject: cn(client), names: dns(client, '', server) }],
  ...[
    `server.${client}`,
    `${server}.`,
    '*.us-west.nomad',
    '*.acme.internal',
    'SERVER.us-west.nomad',
    'evil.example',
    '',
  ].map((name): readonly [string, Hostile] => [
    `SAN ${JSON.stringify(name)}`,
    { subject: cn(client), names: dns(client, name) },
  ]),
  // Kinds of names.
  [
    'a URI of an operator',
    {
      subject: cn(client),
      names: [...dns(client), { type: 'uri', value: 'nomad-pki://operator.nomad/alice' }],
    },
  ],
  [
    'a URI',
    {
      subject: cn(client),
      names: [...dns(client), { type: 'uri', value: 'spiffe://acme/server' }],
    },
  ],
  [
    'a foreign email',
    { subject: cn(client), names: [...dns(client), { type: 'email', value: 'a@evil.example' }] },
  ],
  [
    'an email at the server',
    { subject: cn(client), names: [...dns(client), { type: 'email', value: `a@${server}` }] },
  ],
  [
    'an address of another network',
    { subject: cn(client), names: [...dns(client), { type: 'ip', value: '192.168.1.1' }] },
  ],
  ['an otherName', { subject: cn(client), names: [...dns(client), principal] }],
  ['a directoryName', { subject: cn(client), names: [...dns(client), directory] }],
  [
    'a registered id',
    {
      subject: cn(client),
      names: [...dns(client), other(contextPrimitive(8, Buffer.from([42, 3])))],
    },
  ],
  // Subjects.
  ['no CN', { subject: [], names: dns(client) }],
  ['no CN, SAN server', { subject: [], names: dns(server) }],
  ['two CNs, the server last', { subject: cn(client, server), names: dns(client) }],
  ['two CNs, the server first', { subject: cn(server, client), names: dns(client) }],
  ['a user id', { subject: [...cn(client), ['userId', 'root']], names: dns(client) }],
  ['a serial number', { subject: [...cn(client), ['serialNumber', server]], names: dns(client) }],
  ['an organization', { subject: [...cn(client), ['organization', server]], names: dns(client) }],
  [
    'an email in the subject',
    { subject: [...cn(client), ['email', `a@${server}`]], names: dns(client) },
  ],
  // What got past approver-policy: string types, attributes without a name, kinds of names as bytes.
  ...strings.flatMap(([type, tag, write]): (readonly [string, Hostile])[] => [
    [`CN server as ${type}`, { subject: [], rdns: [rdn([oids.commonName, tag, write(server)])] }],
    [
      `CN server as ${type}, SAN client`,
      { subject: [], rdns: [rdn([oids.commonName, tag, write(server)])], names: dns(client) },
    ],
    [
      `a second CN as ${type}`,
      {
        subject: cn(client),
        rdns: [rdn([oids.commonName, tag, write(server)])],
        names: dns(client),
      },
    ],
  ]),
  ...['1.3.6.1.4.1.99999.1', '2.5.4.65', '2.5.4.5', '2.5.4.97', '1.3.6.1.4.1.311.60.2.1.3'].map(
    (oid): readonly [string, Hostile] => [
      `an attribute ${oid}`,
      { subject: cn(client), rdns: [rdn([oid, 12, server])], names: dns(client) },
    ],
  ),
  [
    'two CNs in one relative name',
    {
      subject: [],
      rdns: [rdn([oids.commonName, 12, client], [oids.commonName, 12, server])],
      names: dns(client),
    },
  ],
  [
    'the server beside an organization in one relative name',
    {
      subject: cn(client),
      rdns: [rdn([oids.organization, 12, 'x'], [oids.commonName, 12, server])],
      names: dns(client),
    },
  ],
  ...(
    [
      ['an x400Address', context(3, utf8String(server))],
      ['an ediPartyName', context(5, context(1, utf8String(server)))],
      [
        'an otherName of Kerberos',
        context(0, objectIdentifier('1.3.6.1.5.2.2'), context(0, utf8String(server))),
      ],
      ['an otherName that is empty', context(0)],
      ['an email with a name in UTF-8', contextPrimitive(1, Buffer.from('a@sérver.us-west.nomad'))],
      ['a DNS name in UTF-8', contextPrimitive(2, Buffer.from('ｓerver.us-west.nomad'))],
      ['a DNS name with a NUL', contextPrimitive(2, Buffer.from(`${server}\0.acme.internal`))],
      ['a DNS name that is constructed', context(2, contextPrimitive(2, Buffer.from(server)))],
      ['a URI without a scheme', contextPrimitive(6, Buffer.from(server))],
      ['an address of three bytes', contextPrimitive(7, Buffer.from([10, 0, 0]))],
      [
        'an address of IPv4 in IPv6',
        contextPrimitive(
          7,
          Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255, 192, 168, 1, 1])]),
        ),
      ],
      ['an address with its mask', contextPrimitive(7, Buffer.from([0, 0, 0, 0, 0, 0, 0, 0]))],
      ['a kind of name that nobody knows', contextPrimitive(9, Buffer.from(server))],
    ] as const
  ).map(([what, der]): readonly [string, Hostile] => [
    what,
    { subject: cn(client), names: [...dns(client), other(der)] },
  ]),
  [
    'a critical SAN extension',
    { subject: cn(client), extensions: [{ ...subjectAltName(dns(server)), critical: true }] },
  ],
  [
    'a second set of extensions',
    {
      subject: cn(client),
      names: dns(client),
      attributes: [requested('1.2.840.113549.1.9.14', subjectAltName(dns(server)))],
    },
  ],
  [
    'extensions in the way of Microsoft',
    {
      subject: cn(client),
      names: dns(client),
      attributes: [requested('1.3.6.1.4.1.311.2.1.14', subjectAltName(dns(server)))],
    },
  ],
  [
    'names in the attributes of PKCS #9',
    {
      subject: cn(client),
      names: dns(client),
      attributes: [
        sequence(objectIdentifier('1.2.840.113549.1.9.8'), setOf(utf8String(server))),
        sequence(objectIdentifier('1.2.840.113549.1.9.7'), setOf(utf8String(server))),
      ],
    },
  ],
  // Extensions.
  [
    'CA:TRUE',
    {
      subject: cn(client),
      names: dns(client),
      extensions: [basicConstraints({ ca: true }), keyUsage(['keyCertSign', 'cRLSign'])],
    },
  ],
  [
    'code signing',
    {
      subject: cn(client),
      names: dns(client),
      extensions: [extendedKeyUsage(['codeSigning', 'any'])],
    },
  ],
  [
    'a critical extension that nobody knows',
    {
      subject: cn(client),
      names: dns(client),
      extensions: [{ oid: '1.2.3.4.5', critical: true, value: octetString(Buffer.from('x')) }],
    },
  ],
  [
    'a second SAN extension',
    { subject: cn(client), names: dns(client), extensions: [subjectAltName(dns(server))] },
  ],
  // What is said beside the request.
  ...Object.entries({
    common_name: server,
    alt_names: server,
    ip_sans: '192.168.1.1',
    uri_sans: 'spiffe://x',
    other_sans: `1.3.6.1.4.1.311.20.2.3;utf8:${server}`,
    exclude_cn_from_sans: true,
    not_after: '2034-01-01T00:00:00Z',
    not_before: '2020-01-01T00:00:00Z',
    user_ids: 'root',
    serial_number: server,
    issuer_ref: 'default',
    use_csr_values: true,
    ext_key_usage: ['CodeSigning'],
    key_usage: ['CertSign'],
  }).map(([field, value]): readonly [string, Hostile] => [
    `body ${field}`,
    { subject: cn(client), names: dns(client), body: { [field]: value } },
  ]),
  ['a life of ten years', { subject: cn(client), names: dns(client), body: { ttl: '87600h' } }],
  [
    'an RSA key of 1024 bits is not of the kind',
    { subject: cn(client), names: dns(client), key: generateKeySync('rsa-2048') },
  ],
  ['an Ed25519 key', { subject: cn(client), names: dns(client), key: generateKeySync('ed25519') }],
]

const keys = { usual: generateKeySync('ecdsa-p256') }

/** A request as bytes, with everything that a careful maker would refuse. */
function requestOf({
  subject,
  names = [],
  extensions = [],
  key = keys.usual,
  rdns = [],
  attributes: more = [],
}: Hostile): string {
  const name = sequence(
    ...subject.map(([kind, value]) =>
      setOf(
        sequence(
          objectIdentifier(oids[kind]),
          // IA5String for an email, RFC 2985 §5.2.1
          kind === 'email' ? element(0x16, Buffer.from(value)) : utf8String(value),
        ),
      ),
    ),
    ...rdns,
  )
  const all = [
    ...(names.length === 0 ? [] : [rawNames(names)]),
    ...extensions.map((one) => encodeExtension(one)),
  ]
  const attributes =
    all.length === 0
      ? []
      : [sequence(objectIdentifier('1.2.840.113549.1.9.14'), setOf(sequence(...all)))]
  attributes.push(...more)
  const info = sequence(integer(0), name, key.publicKey.spki, context(0, ...attributes))
  const { signatureIdentifier } = algorithmOf(key.algorithm)
  return encodeRequest(sequence(info, signatureIdentifier, bitString(signBytes(key, info))))
}

/** An attribute of a request that asks for extensions. */
function requested(oid: string, ...extensions: readonly Extension[]): Uint8Array {
  return sequence(
    objectIdentifier(oid),
    setOf(sequence(...extensions.map((one) => encodeExtension(one)))),
  )
}

function rawNames(names: readonly GeneralName[]): Uint8Array {
  const ours = (): Uint8Array => encodeExtension(subjectAltName(names))
  if (names.every((one) => !('value' in one) || one.value !== '')) return ours()
  const tags = { email: 1, dns: 2, uri: 6, ip: 7 } as const
  const written = names.map((one) =>
    'value' in one ? contextPrimitive(tags[one.type], Buffer.from(one.value)) : one.der,
  )
  return sequence(objectIdentifier('2.5.29.17'), octetString(sequence(...written)))
}

/** What a call asks for beyond the names of a client, and what it asks for beside them. */
const calls: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['the common name of a server', { common_name: server }],
  ['the name of a server', { alt_names: `${client},${server}` }],
  ['both', { common_name: server, alt_names: server }],
  ['a name below the role', { alt_names: `${client},x.${client}` }],
  ['a wildcard', { alt_names: `${client},*.acme.internal` }],
  ['another region', { common_name: 'client.us-east.nomad' }],
  ['a foreign name', { alt_names: `${client},evil.example` }],
  ['the domain itself', { alt_names: `${client},acme.internal` }],
  ['a foreign address', { ip_sans: '192.168.1.1' }],
  ['a URI', { uri_sans: 'nomad-pki://operator.nomad/alice' }],
  ['another kind of name', { other_sans: `1.3.6.1.4.1.311.20.2.3;utf8:${server}` }],
  ['a later end', { not_after: '2034-01-01T00:00:00Z' }],
  ['a free text', { common_name: 'free text' }],
  ['no common name, and a server', { common_name: '', alt_names: server }],
  ['a space for a common name', { common_name: ' ' }],
  ...['', ' ', '*', '@', '.', '\u00ad', `@${client}`].map(
    (name): readonly [string, Readonly<Record<string, unknown>>] => [
      `a server behind ${JSON.stringify(name)}`,
      { alt_names: `${name},${server}` },
    ],
  ),
  ['a server behind an empty name in a list', { alt_names: ['', server] }],
  ['a URI behind an empty one', { uri_sans: ',spiffe://x' }],
  ['an email of the server', { alt_names: `${client},root@${server}` }],
]

/** What a call asks for beyond the URI of a machine: a machine has no name but that. */
const callsOfMachine: typeof calls = [
  ...calls.filter(([what]) => what !== 'no common name, and a server'),
  ...[
    server,
    client,
    'cli.us-west.nomad',
    'localhost',
    'acme.internal',
    's1.acme.internal',
  ].flatMap((name): typeof calls => [
    [`common_name ${name}`, { common_name: name }],
    [`alt_names ${name}`, { alt_names: name }],
    [`both ${name}`, { common_name: name, alt_names: name, exclude_cn_from_sans: false }],
  ]),
  ['its own name', { common_name: 'prometheus' }],
  ['the common name that it had before', { common_name: 'nomad-pki machine' }],
  ['an address of its region', { ip_sans: '10.0.0.1' }],
  ['the loopback', { ip_sans: '127.0.0.1' }],
  ...[
    'nomad-pki://operator.nomad/alice',
    'nomad-pki://machine.nomad.evil.example/x',
    'nomad-pki:probe',
    'https://server.us-west.nomad/',
    'spiffe://server.us-west.nomad/x',
  ].map((value): (typeof calls)[number] => [
    `URI ${value}`,
    { uri_sans: `nomad-pki://machine.nomad/prometheus,${value}` },
  ]),
]

/** Everything by which a certificate reaches beyond a machine: it has no name but URIs of machines. */
function beyondMachine({
  subject,
  subjectAltName: names = [],
  ...leaf
}: Certificate): readonly string[] {
  const faults = subject.attributes.map(({ oid, value }) => `attribute ${oid} ${value}`)
  for (const one of names) {
    const isMachine = one.type === 'uri' && one.value.startsWith('nomad-pki://machine.nomad/')
    if (!isMachine) faults.push(`${one.type} ${'value' in one ? one.value : '…'}`)
  }
  if (leaf.basicConstraints?.ca === true) faults.push('an authority')
  faults.push(...(leaf.keyUsage ?? ['none']).filter((one) => one !== 'digitalSignature'))
  faults.push(...(leaf.extendedKeyUsage ?? ['none']).filter((one) => one !== 'clientAuth'))
  if (leaf.notAfter > Date.now() + 31 * 86_400_000) faults.push('a life beyond the role')
  if (leaf.notBefore < Date.now() - 3_600_000) faults.push('a life that began before')
  if (leaf.extensions.some(({ oid }) => oid === '1.2.3.4.5')) faults.push('a foreign extension')
  return faults
}

/** Everything by which a certificate reaches beyond the role of a client. */
function beyond({ subject, subjectAltName: names = [], ...leaf }: Certificate): readonly string[] {
  const mine = (name: string): boolean => {
    const plain = name.toLowerCase()
    return name === client || plain === 'localhost' || /^[^*]+\.acme\.internal$/.test(plain)
  }
  const faults: string[] = []
  for (const { oid, value } of subject.attributes) {
    if (oid !== oids.commonName) faults.push(`attribute ${oid}`)
    else if (!mine(value)) faults.push(`CN ${value}`)
  }
  if (subject.attributes.length > 1) faults.push('more than one attribute')
  for (const one of names) {
    if (one.type === 'dns' && mine(one.value)) continue
    if (one.type === 'email' && /@(.*\.)?acme\.internal$|@client\.us-west\.nomad$/.test(one.value))
      continue
    if (
      one.type === 'ip' &&
      (one.value.startsWith('10.') || ['127.0.0.1', '::1'].includes(one.value))
    )
      continue
    faults.push(`${one.type} ${'value' in one ? one.value : '…'}`)
  }
  if (leaf.basicConstraints?.ca === true) faults.push('an authority')
  const usages = (leaf.keyUsage ?? ['none']).filter((one) => one !== 'digitalSignature')
  const purposes = (leaf.extendedKeyUsage ?? ['none']).filter(
    (one) => one !== 'serverAuth' && one !== 'clientAuth',
  )
  faults.push(...usages, ...purposes)
  if (leaf.notAfter > Date.now() + 91 * 86_400_000) faults.push('a life beyond the role')
  if (leaf.notBefore < Date.now() - 3_600_000) faults.push('a life that began before')
  if (leaf.extensions.some(({ oid }) => oid === '1.2.3.4.5')) faults.push('a foreign extension')
  return faults
}

/** What `apply` says for a client. */
const honest = {
  common_name: client,
  alt_names: `${client},localhost,c1.acme.internal`,
  ip_sans: '127.0.0.1,::1,10.0.0.1',
  uri_sans: '',
  exclude_cn_from_sans: true,
}
/** What `apply` says for a machine. */
const honestMachine = {
  ...{ common_name: '', alt_names: '', ip_sans: '' },
  ...{ uri_sans: 'nomad-pki://machine.nomad/prometheus', exclude_cn_from_sans: true },
}

function namesIn({ subjectAltName: names = [] }: Certificate): readonly string[] {
  return names.map((one) => ('value' in one ? one.value : '?')).sort()
}

describe('requests that nobody honest makes, with the policy that signs', () => {
  const sign = (
    csr: string,
    body: object = {},
    token = tokens.apply,
    kind = 'client',
  ): Promise<Answer> =>
    bao.call(
      'POST',
      `pki/nomad/issuer/us-west-1/sign/nomad-${kind}-us-west`,
      { csr, ttl: '1h', ...(kind === 'client' ? honest : honestMachine), ...body },
      token,
    )
  const wanted = [...honest.alt_names.split(','), ...honest.ip_sans.split(',')].sort()

  test('an honest one is signed', async () => {
    const { status, data } = await sign(requestOf({ subject: cn(client), names: dns(client) }))
    expect(status).toBe(200)
    const [leaf] = parseCertificates(String(data.certificate))
    expect(beyond(leaf!)).toEqual([])
    expect(namesIn(leaf!)).toEqual(wanted)
  })

  test('there are at least 62 of them, each said once', () => {
    expect(asked.length).toBeGreaterThanOrEqual(62)
    expect(new Set(asked.map(([what]) => what)).size).toBe(asked.length)
  })

  test.each(asked)('%s', async (_, hostile) => {
    const { status, data } = await sign(requestOf(hostile), hostile.body)
    expect([200, 400, 403, 500]).toContain(status)
    if (status !== 200) return
    // What the call names, and nothing of the request.
    const [leaf] = parseCertificates(String(data.certificate))
    expect(beyond(leaf!)).toEqual([])
    expect(namesIn(leaf!)).toEqual(wanted)
  })

  test.each(calls)('a call that names %s is refused', async (_, body) => {
    const { status } = await sign(requestOf({ subject: cn(client) }), body)
    expect([400, 403]).toContain(status)
  })

  test('an honest one of a machine is signed, without a common name', async () => {
    const { status, data } = await sign(requestOf({ subject: [] }), {}, tokens.apply, 'machine')
    expect(status).toBe(200)
    const [leaf] = parseCertificates(String(data.certificate))
    expect(beyondMachine(leaf!)).toEqual([])
    expect(namesIn(leaf!)).toEqual([honestMachine.uri_sans])
  })

  test.each(asked)('of a machine: %s', async (_, hostile) => {
    const { status, data } = await sign(requestOf(hostile), hostile.body, tokens.apply, 'machine')
    expect([200, 400, 403, 500]).toContain(status)
    if (status !== 200) return
    const [leaf] = parseCertificates(String(data.certificate))
    expect(beyondMachine(leaf!)).toEqual([])
    expect(namesIn(leaf!)).toEqual([honestMachine.uri_sans])
  })

  test.each(callsOfMachine)('a call for a machine that names %s is refused', async (_, body) => {
    const { status } = await sign(requestOf({ subject: [] }), body, tokens.apply, 'machine')
    expect([400, 403]).toContain(status)
  })

  test.each([
    'pki/nomad/sign/nomad-client-us-west',
    'pki/nomad/sign-verbatim',
    'pki/nomad/sign-verbatim/nomad-client-us-west',
    'pki/nomad/issuer/us-west-1/sign-verbatim',
    'pki/nomad/issuer/us-west-1/sign-intermediate',
    'pki/nomad/root/sign-intermediate',
    'pki/nomad/issue/nomad-client-us-west',
    'pki/nomad/issuer/us-west-1/issue/nomad-client-us-west',
    'pki/nomad/issuer/default/sign/nomad-client-us-west',
    'pki/nomad/roles/nomad-client-us-west',
    'pki/nomad/root/generate/internal',
    'pki/nomad/config/issuers',
    'pki/nomad/revoke',
  ])('the way around by %s is closed', async (way) => {
    const csr = requestOf({ subject: cn(server), names: dns(server) })
    for (const token of [tokens.apply, tokens.plan]) {
      const { status } = await bao.call(
        'POST',
        way,
        { csr, ttl: '1h', common_name: server, allow_any_name: true },
        token,
      )
      expect(status).toBe(403)
    }
  })

  test('the token of the set-up signs nothing', async () => {
    const csr = requestOf({ subject: cn(client), names: dns(client) })
    expect((await sign(csr, {}, tokens.setUp)).status).toBe(403)
  })
})

describe('a key that may be in the wrong hands', () => {
  const sign = async (issuer: string): Promise<Answer> => {
    const csr = requestOf({ subject: cn(client), names: dns(client, 'c1.acme.internal') })
    const way = `pki/nomad/issuer/${issuer}/sign/nomad-client-us-west`
    return bao.call('POST', way, { csr, ttl: '1h', ...honest })
  }
  const defaultIssuer = async (): Promise<unknown> =>
    (await bao.call('GET', 'pki/nomad/config/issuers')).data.default

  test('with the policy of the set-up: the older issuer signs no leaf and still its list', async () => {
    expect((await sign('us-west-1')).status).toBe(200)
    const before = await defaultIssuer()
    const setUp = await run('authority setup us-west --compromised', tokens.setUp)
    expect(setUp.stderr).toBe('')
    expect(setUp.stdout).toContain('done: pki/nomad/issuer/us-west-1 signs no more certificates')
    const refused = await sign('us-west-1')
    expect(refused.status).toBe(500)
    expect((await sign('us-west-2')).status).toBe(200)
    expect(await defaultIssuer()).toBe(before)
    expect((await bao.call('GET', 'pki/nomad/issuer/us-west-1/crl')).status).toBe(200)
    const again = await run('authority setup us-west --compromised', tokens.setUp)
    expect(again.stdout).toContain('is right: pki/nomad/issuer/us-west-1 signs no certificates')
    expect((await run('verify', tokens.next)).status).toBe(0)
  })
})

test('a role of more names and addresses than one body may have strings', async () => {
  const many = folder({
    'cluster.yaml': engineSpec(bao, {
      name: 'many',
      below: 'engine: { mount: pki/many }',
      region: {
        clients:
          '{ "c[0001-1200]": { names: ["{node}.many.nomad"], ips: ["10.0.0.0/8+{n}"] }, "d[001-250]": { ips: ["10.1.{n}.10"] } }',
      },
    }),
  })
  const runMany = (line: string): Promise<Said> => withToken(bao, many, line, { BAO_TOKEN: 'root' })
  await runMany('init --new-store')
  await runMany('apply --yes')
  expect(await runMany('authority setup many')).toMatchObject({ status: 0, stderr: '' })
  const { data } = await bao.call('GET', 'pki/many/roles/nomad-client-many')
  expect(data.allowed_domains).toHaveLength(1_201)
  expect((await runMany('authority setup many')).stdout).not.toMatch(/^(done|would)/m)
  expect(await runMany('apply client/many/c0001 --yes')).toMatchObject({ status: 0 })
})

describe('two regions of one authority', () => {
  let two = ''
  const runTwo = (line: string): Promise<Said> => withToken(bao, two, line, { BAO_TOKEN: 'root' })
  /** Asks by a role for names and addresses beyond its role name; gives the status, and the names that were signed. */
  const ask = async (
    role: 'client-us-west' | 'server-us-west' | 'client-us-east',
    names: readonly string[],
    ips: readonly string[] = [],
  ): Promise<readonly string[] | number> => {
    const own = `${role.replace('-', '.')}.nomad`
    const { status, data } = await bao.call('POST', `pki/two/issuer/two-1/sign/nomad-${role}`, {
      csr: requestOf({ subject: cn(own) }),
      ...{ ttl: '1h', common_name: own, exclude_cn_from_sans: true, uri_sans: '' },
      ...{ alt_names: [own, ...names].join(','), ip_sans: ips.join(',') },
    })
    if (status !== 200) return status
    const [leaf] = parseCertificates(String(data.certificate))
    return namesIn(leaf!).filter((name) => name !== own)
  }

  beforeAll(async () => {
    two = folder({
      'cluster.yaml': `version: 1
cluster: acme
vault: { address: "${bao.origin}" }
authorities:
  agent: {}
  two: { issuer: agent, engine: { mount: pki/two } }
regions:
  us-west:
    authority: two
    domains: [west.internal, web.internal]
    networks: [10.1.0.0/16]
    servers: { s1: { names: [s1.west.internal], ips: [10.1.0.1] } }
    clients: { "c[1-3]": { names: ["{node}.web.internal", "{node}.us-west.nomad"], ips: ["10.1.1.{n}"] } }
  us-east:
    authority: two
    domains: [east.internal]
    networks: [10.2.0.0/16]
    servers: { s9: { names: [s9.east.internal] } }
    clients: { c9: { names: [c9.east.internal, c9.west.internal], ips: [10.2.0.9, 10.1.7.9] } }
`,
    })
    await runTwo('init --new-store')
    await runTwo('apply --yes')
    expect((await runTwo('authority setup two')).stderr).toBe('')
    expect((await runTwo('authority setup two')).stdout).not.toMatch(/^(done|would)/m)
  })

  test('every node gets its names, those below the zone of its region too', async () => {
    const applied = await runTwo('apply --yes')
    expect(applied.stderr).toBe('')
    expect(applied.status).toBe(0)
    expect((await runTwo('verify --long')).stdout).not.toContain('engine-')
    const file = path.join(two, 'pki/identity/client/us-west/c2/current/cert.pem')
    const [leaf] = parseCertificates(fs.readFileSync(file, 'utf8'))
    expect(namesIn(leaf!)).toEqual(
      expect.arrayContaining(['c2.us-west.nomad', 'c2.web.internal', '10.1.1.2']),
    )
    expect(await ask('client-us-east', ['c9.west.internal'], ['10.1.7.9'])).toEqual([
      '10.1.7.9',
      'c9.west.internal',
    ])
  })

  test.each<[string, 'client-us-west' | 'server-us-west' | 'client-us-east', string[], string[]?]>([
    ['a host of the other region', 'client-us-west', ['c9.east.internal']],
    ['an address of the other region', 'client-us-west', [], ['10.2.0.9']],
    ['a host of the other region', 'client-us-east', ['c1.web.internal']],
    ['another host of a domain of which it has one', 'client-us-east', ['s1.west.internal']],
    ['an address of the other region', 'client-us-east', [], ['10.1.0.1']],
    ['the address beside its own', 'client-us-east', [], ['10.1.7.8']],
    ['a host of the servers', 'client-us-west', ['s1.west.internal']],
    ['a host of the clients', 'server-us-west', ['c1.web.internal']],
    ['the name of a server', 'client-us-west', ['server.us-west.nomad']],
    ['the name of a server below the zone', 'client-us-west', ['server.c1.us-west.nomad']],
    ['a name below its literal one', 'client-us-west', ['x.c1.us-west.nomad']],
    ['a name below the zone that no node has', 'client-us-west', ['c4.us-west.nomad']],
    ['the zone', 'client-us-west', ['us-west.nomad']],
    ['a wildcard below the zone', 'client-us-west', ['*.us-west.nomad']],
    ['the zone of the other region', 'client-us-west', ['c9.us-east.nomad']],
  ])('%s is refused to %s', async (_, role, names, ips) => {
    expect(await ask(role, [], [])).toEqual([])
    expect(await ask(role, names, ips)).toBe(400)
  })

  test('a role as it was before, for all regions, is found and narrowed', async () => {
    const role = 'pki/two/roles/nomad-client-us-west'
    const { data } = await bao.call('GET', role)
    const domains = ['web.internal', 'west.internal', 'east.internal']
    await bao.call('POST', role, {
      ...data,
      allowed_domains: ['client.us-west.nomad', ...domains.flatMap((one) => [one, `*.${one}`])],
      allowed_ip_sans_cidr: [],
    })
    expect(await ask('client-us-west', ['c9.east.internal'], ['10.2.0.9'])).not.toBe(400)
    for (const line of ['verify --long', 'plan', 'rotate leaves c1 --yes']) {
      const found = await runTwo(line)
      const all = found.stdout + found.stderr
      expect(all).toMatch(/nomad-client-us-west is not as the spec has it: allowed_domains .*east/)
      expect(all).toContain('nomad-pki authority setup two')
      expect(found.status).not.toBe(0)
    }
    expect((await runTwo('authority setup two')).status).toBe(0)
    expect(await ask('client-us-west', ['c9.east.internal'], ['10.2.0.9'])).toBe(400)
    expect((await runTwo('verify')).status).toBe(0)
  })

  test('a role of a former version that nobody needs is named, and gone by the printed command', async () => {
    const role = 'pki/two/roles/nomad-client-us-east.node'
    await bao.call('POST', role, (await bao.call('GET', role.replace('.node', ''))).data)
    expect((await runTwo('verify --long')).stdout).toContain(`bao delete ${role}\n`)
    expect((await bao.call('DELETE', role)).status).toBe(204)
    expect((await runTwo('verify --long')).stdout).not.toContain('former version')
  })
})

describe('a key of a node, and keys of both kinds', () => {
  let held = ''
  let apply = ''
  const runHeld = (line: string, token: string): Promise<Said> =>
    withToken(bao, held, line, { BAO_TOKEN: token })

  beforeAll(async () => {
    held = folder({
      'cluster.yaml': `version: 1
cluster: acme
vault: { address: "${bao.origin}" }
node: { tls: /etc/nomad-tls }
authorities:
  agent: {}
  held: { issuer: agent, key: rsa-2048, engine: { mount: pki/held } }
regions:
  us-west:
    authority: held
    domains: [acme.internal]
    networks: [10.0.0.0/8]
    servers: { s1: { key: rsa-3072 }, s2: { key: ecdsa-p384 } }
    clients:
      c1: { keyHeld: node, names: [c1.acme.internal], ips: [10.0.0.1] }
      c2: { keyHeld: node, key: rsa-2048, ips: [10.0.0.2] }
`,
    })
    await runHeld('init --new-store', '')
    await runHeld('apply --yes', '')
    const dry = await runHeld('authority setup held --dry-run', 'root')
    const [setUp, , policy] = dry.stdout
      .split('\n# policy: ')
      .slice(1)
      .map((one) => one.slice(one.indexOf('\n')))
    const made = await runHeld('authority setup held', await bao.tokenWith('held-setup', setUp!))
    expect(made.stderr).toBe('')
    apply = await bao.tokenWith('held-apply', policy!)
  })

  test('each is signed, with the names of the spec, whatever the request of the node asks for', async () => {
    const applied = await runHeld('apply --yes', apply)
    expect(applied.stderr).not.toMatch(/^error/m)
    for (const [name, algorithm] of [
      ['c1', 'ecdsa-p256'],
      ['c2', 'rsa-2048'],
    ] as const) {
      const own = generateKeySync(algorithm)
      const csr = requestOf({
        subject: cn('other.example'),
        names: dns('c3.acme.internal'),
        key: own,
      })
      fs.writeFileSync(path.join(held, `${name}.csr`), csr)
      const signed = await runHeld(
        `sign ${name}.csr --as client/us-west/${name} --fingerprint ${keyFingerprint(own.publicKey)}`,
        apply,
      )
      expect(signed.stderr).not.toMatch(/^error/m)
      expect(signed.status).toBe(0)
    }
    const verified = await runHeld('verify --long', apply)
    expect(verified.stdout).not.toContain('engine-')
    expect(verified.status).toBe(0)
    expect(beyond(leafIn(held, 'client/us-west/c1'))).toEqual([])
  })
})
