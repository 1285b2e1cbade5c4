import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../src/address.js'
import { desire } from '../../src/cluster/desire.js'
import { fullSpec, mustParse, withRegions } from './specs.js'

const day = 86_400_000

describe('desire', () => {
  const desired = desire(mustParse(fullSpec))

  test('gives every generation of an authority, roots first, and says which one signs', () => {
    expect(desired.authorities).toMatchObject([
      {
        address: 'authority/agent/1',
        signing: false,
        subject: { commonName: 'Acme CA 1', organization: 'Acme Ltd', country: 'DE' },
        key: 'ecdsa-p384',
        lifetime: 3650 * day,
        renewBefore: 730 * day,
      },
      { address: 'authority/agent/2', signing: true, subject: { commonName: 'Acme CA 2' } },
      {
        address: 'authority/us-west/1',
        issuer: { address: 'authority/agent/2', name: 'agent', generation: 2 },
        subject: { commonName: 'acme us-west CA 1' },
        beyondIssuer: 'clamp',
        constraints: {
          regions: ['us-west'],
          domains: ['west.acme.internal'],
          networks: ['10.2.0.0/16'],
        },
      },
    ])
    expect(desired.authorities[0]).not.toHaveProperty('issuer')
    expect(desired.authorities[0]).not.toHaveProperty('constraints')
  })

  test('trusts the trusted generations of roots', () => {
    expect(desired.bundles).toEqual([
      {
        address: 'bundle/agent',
        name: 'agent',
        trusted: ['authority/agent/1', 'authority/agent/2'],
      },
    ])
  })

  test('gives every node its identity, spread out and in order', () => {
    expect(desired.identities.map(({ address }) => address)).toEqual([
      'identity/server/global/s1',
      'identity/server/global/s2',
      'identity/client/global/c001',
      'identity/client/global/c002',
      'identity/client/global/c003',
      'identity/server/us-west/w1',
      'identity/server/us-west/w2',
      'identity/server/us-west/w3',
      'identity/client/us-west/shared',
      'identity/combined/us-west/edge1',
      'identity/operator/global/alice',
      'identity/operator/us-west/bob',
    ])
    for (const { address } of [...desired.identities, ...desired.authorities, ...desired.bundles]) {
      parseAddress(address)
    }
  })

  test('replaces templates in names and counts addresses', () => {
    const c2 = desired.identities.find(({ name }) => name === 'c002')
    expect(c2).toMatchObject({ names: ['c002.acme.internal'], ips: ['10.0.0.2'], uris: [] })
  })

  test('names an operator by a URI and nothing else', () => {
    expect(desired.identities.at(-1)).toMatchObject({
      names: [],
      ips: [],
      uris: ['nomad-pki://operator.nomad/bob'],
      profile: { role: 'operator', issuer: { name: 'us-west' }, bundle: 'bundle/agent' },
    })
  })

  test('says where configurations go', () => {
    expect(
      desired.configs.map(({ address, paths, identity }) => [address, paths[0], identity]),
    ).toEqual([
      ['config/global/s1', 'agents/s1', 'identity/server/global/s1'],
      ['config/global/c001', 'agents/c001', 'identity/client/global/c001'],
      ['config/global/c002', 'agents/c002', 'identity/client/global/c002'],
      ['config/global/c003', 'agents/c003', 'identity/client/global/c003'],
    ])
    expect(desired.configs[0]).toMatchObject({
      tlsDirectory: '/etc/nomad.d/tls',
      stanza: {
        verify_server_hostname: true,
        verify_https_client: true,
        tls_min_version: 'tls13',
      },
    })
  })

  test('an agent that reads the store itself has no directory', () => {
    const spec = mustParse(
      withRegions('global: { servers: { s1: { config: a } } }', 'node: { tls: store }\n'),
    )
    expect(desire(spec).configs[0]?.tlsDirectory).toBeUndefined()
  })

  test('gives one profile object to all nodes of the same terms', () => {
    const spec = mustParse(
      withRegions(
        'global: { clients: { "c[1-50]": {}, d1: {}, d2: { lifetime: 90d }, d3: { lifetime: 60d }, d4: { lifetime: 60d } } }',
      ),
    )
    const profiles = new Set(desire(spec).identities.map(({ profile }) => profile))
    expect(profiles.size).toBe(2)
  })

  test('is the same every time and changes nothing', () => {
    const spec = mustParse(fullSpec)
    const before = structuredClone(spec)
    expect(desire(spec)).toEqual(desired)
    expect(spec).toEqual(before)
  })
})

describe('terms: the nearest wins', () => {
  const terms = (regions: string, above = ''): readonly (readonly [string, number, number])[] =>
    desire(mustParse(withRegions(regions, above))).identities.map(
      ({ address, profile }) =>
        [
          address.replace('identity/', ''),
          profile.lifetime / day,
          profile.renewBefore / day,
        ] as const,
    )
  const nodes = 'global: { servers: { s1: {}, s2: { lifetime: 15d } }, clients: { c1: {} } }'

  test('what is built in', () => {
    expect(terms(nodes, 'operators: { o: {} }\n')).toEqual([
      ['server/global/s1', 90, 30],
      ['server/global/s2', 15, 5],
      ['client/global/c1', 90, 30],
      ['operator/global/o', 1, 1 / 3],
    ])
  })

  test("a role's defaults before those of all; an operator's day is not an agent's matter", () => {
    expect(
      terms(
        nodes,
        'defaults: { lifetime: 60d, renewBefore: 20d, client: { lifetime: 6d } }\noperators: { o: {}, p: { lifetime: 9d } }\n',
      ),
    ).toEqual([
      ['server/global/s1', 60, 20],
      ['server/global/s2', 15, 5],
      ['client/global/c1', 6, 2],
      ['operator/global/o', 1, 1 / 3],
      ['operator/global/p', 9, 3],
    ])
  })

  test('an inherited renewal that fits stays, though the lifetime is shorter', () => {
    expect(terms('global: { servers: { s1: { lifetime: 40d } } }')).toEqual([
      ['server/global/s1', 40, 30],
    ])
  })

  test('an authority speaks of its successor before what it signs is cut short', () => {
    const spec = mustParse(
      withRegions(
        'global: { servers: { s1: { lifetime: 3y } } }',
        'authorities: { agent: { lifetime: 5y } }\n',
      ),
    )
    expect(spec.authorities[0]?.renewBefore).toBe(2.5 * 365 * day)
  })
})

describe('names and addresses', () => {
  const identity = (options: string) =>
    desire(mustParse(withRegions(`EU: { clients: { "N[08-10]": { ${options} } } }`))).identities

  test('are in lower case, punycode and canonical text, once each', () => {
    const [first] = identity(
      'names: ["{node}.{region}.{cluster}.Example", "{node}.eu.acme.example", bücher.example, localhost, client.EU.nomad], ips: ["FD00:0:0::{n}", "fd00::/64+{n}", 127.0.0.1, "::1"]',
    )
    expect(first?.names).toEqual(['n08.eu.acme.example', 'xn--bcher-kva.example'])
    expect(first?.ips).toEqual(['fd00::8'])
  })

  test('count over the end of a byte and of a group', () => {
    const ips = identity(
      'ips: ["10.0.0.247/16+{n}", "fd00::fff7/64+{n}", "fd00::fff6/64+{n}"]',
    ).map((one) => one.ips)
    expect(ips).toEqual([
      ['10.0.0.255', 'fd00::ffff', 'fd00::fffe'],
      ['10.0.1.0', 'fd00::1:0', 'fd00::ffff'],
      ['10.0.1.1', 'fd00::1:1', 'fd00::1:0'],
    ])
  })

  test('of several ranges are numbered', () => {
    const spec = mustParse(
      withRegions('global: { clients: { "r[1-2]n[01-02]": { ips: ["10.{n1}.0.{n2}"] } } }'),
    )
    expect(desire(spec).identities.map(({ name, ips }) => [name, ...ips])).toEqual([
      ['r1n01', '10.1.0.1'],
      ['r1n02', '10.1.0.2'],
      ['r2n01', '10.2.0.1'],
      ['r2n02', '10.2.0.2'],
    ])
  })
})

test('ten thousand nodes, as a range or one by one, say the same', () => {
  const count = 10_000
  const listed = Array.from({ length: count }, (_, index) => {
    const n = index + 1
    return `c${n}: { names: [c${n}.a.b], ips: [10.0.${n >> 8}.${n & 255}], config: agents/c${n} }`
  }).join('\n    ')
  const one = desire(mustParse(withRegions(`global:\n  clients:\n    ${listed}`)))
  const other = desire(
    mustParse(
      withRegions(
        `global: { clients: { "c[1-${count}]": { names: ["{node}.a.b"], ips: ["10.0.0.0/16+{n}"], config: "agents/{node}" } } }`,
      ),
    ),
  )
  expect(one.identities).toHaveLength(count)
  expect(one).toEqual(other)
})
