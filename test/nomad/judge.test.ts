import { describe, expect, test } from 'vitest'
import {
  lastCommonName,
  nodeNameFault,
  raftNameFault,
  requestNameFault,
  rpcNameFault,
  serverNameFault,
} from '../../src/nomad/checks.js'
import { judgeConnection, type AgentFacts, type Protocol } from '../../src/nomad/judge.js'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.js'
import { basicConstraints, extendedKeyUsage, nameConstraints } from '../../src/x509/extensions.js'
import { sequence, setOf, tags } from '../../src/der/write.js'
import {
  agent,
  attribute,
  build,
  commonName,
  ecKeyOf,
  ed25519,
  intermediate,
  nameOf,
  oid,
  operator,
  p256,
  root,
  san,
  utc,
  type Draft,
} from '../lint/draft.js'

const now = Date.UTC(2026, 5, 1)
const make = (draft: Draft): Certificate => parseCertificate(build(draft))
const rootA = make(root())

/** Facts of a server of `us-west`, directly under the root, with changes. */
function facts(draft: Draft, change: Partial<AgentFacts> = {}): AgentFacts {
  return {
    chain: [make(draft)],
    trust: [rootA],
    region: 'us-west',
    role: 'server',
    verifyServerHostname: true,
    ...change,
  }
}

/** Directly under the root, whatever the region. */
const under = { issuer: commonName('lint root') }
const named = (name: string, dns: readonly string[]): Draft =>
  agent('server', 'us-west', {
    ...under,
    subject: commonName(name),
    extensions: { subjectAltName: san(dns) },
  })
const server = facts(agent('server', 'us-west', under))
const client = facts(agent('client', 'us-west', under), { role: 'client' })
const eastServer = facts(agent('server', 'us-east'), { region: 'us-east' })
const eastClient = facts(agent('client', 'us-east'), { region: 'us-east', role: 'client' })

function judge(
  dialer: AgentFacts,
  listener: AgentFacts,
  protocol: Protocol,
  targetRegion?: string,
): string {
  const verdict = judgeConnection(dialer, listener, { protocol, targetRegion, now })
  return verdict.ok ? 'ok' : `${verdict.side} ${verdict.check}`
}

describe('what Nomad’s own tests expect (nomad/rpc_test.go:1080-1361)', () => {
  const other = facts(named('server.us-east.nomad', ['server.us-east.nomad']))
  test.each([
    ['a server', server, ['ok', 'ok', 'ok', 'ok']],
    ['a client', client, ['ok', 'dialer 3', 'dialer 4', 'ok']],
    ['a server of another region', other, ['ok', 'dialer 3', 'dialer 4', 'dialer 4']],
    ['a client of another region', { ...eastClient, region: 'us-west' }, Array(4).fill('dialer 2')],
    [
      'an operator',
      facts(operator({ subject: commonName('cli.us-west.nomad') })),
      Array(4).fill('dialer 2'),
    ],
  ] as const)('%s', (_, dialer, expected) => {
    const protocols: Protocol[] = ['rpc', 'raft', 'server-only-rpc', 'client-only-rpc']
    expect(protocols.map((protocol) => judge(dialer, server, protocol))).toEqual(expected)
  })

  test('verify_server_hostname = false: any certificate of the authority has every authority', () => {
    const open = { ...server, verifyServerHostname: false }
    const person = facts(operator(), { role: 'operator', verifyServerHostname: false })
    for (const protocol of ['rpc', 'raft', 'server-only-rpc', 'client-only-rpc'] as const) {
      expect(judge(person, open, protocol)).toBe('ok')
      expect(judge(person, server, protocol)).toBe('dialer 2')
    }
    // The chain still counts, both ways.
    const serves = facts(
      agent('server', 'us-west', {
        ...under,
        extensions: { extendedKeyUsage: extendedKeyUsage(['clientAuth']) },
      }),
      { verifyServerHostname: false },
    )
    expect(judge(person, serves, 'rpc')).toBe('listener chain')
  })

  test('rpc_upgrade_mode opens raft to every role (nomad/rpc.go:912)', () => {
    expect(judge(client, { ...server, rpcUpgradeMode: true }, 'raft')).toBe('ok')
  })
})

describe('the cases that were driven through Nomad’s own code', () => {
  test('client.us-east dialing a us-west server is refused by its name', () => {
    expect(judge(eastClient, server, 'rpc', 'us-west')).toBe('dialer 2')
    // As us-east it refuses the listener first.
    expect(judge(eastClient, server, 'rpc')).toBe('listener 1')
  })

  test('federation: a server of another region connects, without authority', () => {
    expect(judge(eastServer, server, 'rpc', 'us-west')).toBe('ok')
    expect(judge(eastServer, server, 'raft', 'us-west')).toBe('dialer 3')
  })

  test('a client with a server’s common name has a server’s authority', () => {
    const escalated = facts(named('server.us-west.nomad', ['client.us-west.nomad']), {
      role: 'client',
    })
    expect(judge(escalated, server, 'raft')).toBe('ok')
    expect(judge(escalated, server, 'server-only-rpc')).toBe('ok')
  })

  test('the last common name counts, in any string type and within one RDN', () => {
    const first = attribute('2.5.4.3', 'client.us-west.nomad')
    for (const tag of [
      tags.utf8String,
      tags.printableString,
      tags.ia5String,
      tags.t61String,
      tags.bmpString,
    ]) {
      const last = attribute('2.5.4.3', 'server.us-west.nomad', tag)
      const subjects: Record<string, Uint8Array> = {
        'two RDNs': nameOf(first, last),
        'one RDN': sequence(setOf(first, last)),
      }
      for (const [shape, subject] of Object.entries(subjects)) {
        const draft = agent('client', 'us-west', { ...under, subject })
        expect(lastCommonName(make(draft)), `${shape} ${tag}`).toBe('server.us-west.nomad')
        expect(judge(facts(draft), server, 'raft'), `${shape} ${tag}`).toBe('ok')
      }
    }
    const reversed = agent('client', 'us-west', {
      ...under,
      subject: nameOf(attribute('2.5.4.3', 'server.us-west.nomad'), first),
    })
    expect(judge(facts(reversed), server, 'raft')).toBe('dialer 3')
  })

  test('name constraints don’t bind the common name, and do bind the SAN', () => {
    const west = make(intermediate())
    const behind = (draft: Draft): AgentFacts => facts(draft, { chain: [make(draft), west] })
    const east = { ...eastServer, trust: [rootA] }
    const escalated = agent('client', 'us-west', { subject: commonName('server.us-east.nomad') })
    expect(judge(behind(escalated), east, 'raft', 'us-east')).toBe('ok')
    const both = agent('client', 'us-west', { dns: ['server.us-east.nomad'] })
    expect(judge(behind(both), east, 'rpc', 'us-east')).toBe('dialer chain')
    const silent = agent('client', 'us-west', {
      subject: commonName('server.us-east.nomad'),
      extensions: { subjectAltName: undefined },
    })
    expect(judge(behind(silent), east, 'raft', 'us-east')).toBe('ok')
  })

  test('under any constraint one unparsable SAN refuses the whole certificate; without, it passes', () => {
    const west = make(intermediate())
    for (const odd of ['x.us-west.nomad.', 'server..nomad']) {
      const constrained = agent('client', 'us-west', { dns: [odd] })
      const free = agent('client', 'us-west', { ...under, dns: [odd] })
      expect(judge(facts(constrained, { chain: [make(constrained), west] }), server, 'rpc')).toBe(
        'dialer chain',
      )
      expect(judge(facts(free), server, 'rpc')).toBe('ok')
    }
  })

  test('only 127.0.0.0/8 permitted: ::1 is refused; a DNS constraint leaves addresses free', () => {
    const constrain = (
      permitted: Parameters<typeof nameConstraints>[0]['permitted'],
    ): Certificate =>
      make(
        intermediate({
          extensions: { nameConstraints: nameConstraints({ permitted, excluded: [] }) },
        }),
      )
    const leaf = (ips: readonly string[]): Draft =>
      agent('client', 'us-west', {
        extensions: { subjectAltName: san(['client.us-west.nomad'], ips) },
      })
    const through = (above: Certificate, draft: Draft): string =>
      judge(facts(draft, { chain: [make(draft), above] }), server, 'rpc')
    const addresses = constrain([{ type: 'ip', value: '127.0.0.0/8' }])
    const names = constrain([{ type: 'dns', value: 'us-west.nomad' }])
    expect(through(addresses, leaf(['127.0.0.1']))).toBe('ok')
    expect(through(addresses, leaf(['127.0.0.1', '::1']))).toBe('dialer chain')
    expect(through(names, leaf(['10.1.2.3', '::1']))).toBe('ok')
  })

  test('a wildcard serves the dialers and no listener; with a role CN it works everywhere', () => {
    const wild = facts(named('s1.example', ['*.us-west.nomad']))
    expect(judge(client, wild, 'rpc')).toBe('ok')
    expect(judge(wild, server, 'rpc')).toBe('dialer 2')
    const both = facts(named('server.us-west.nomad', ['*.us-west.nomad']))
    expect(judge(client, both, 'rpc')).toBe('ok')
    expect(judge(both, server, 'raft')).toBe('ok')
  })

  test('server.us-west.example, what `nomad tls cert create -domain example` makes, fails both ways', () => {
    const other = facts(named('server.us-west.example', ['server.us-west.example']))
    expect(judge(client, other, 'rpc')).toBe('listener 1')
    expect(judge(other, server, 'rpc')).toBe('dialer 2')
  })

  test.each(['server..nomad', 'server.*.nomad', 'server.US-WEST.nomad', 'server.any.thing.nomad'])(
    '%s connects and has no authority',
    (name) => {
      const odd = facts(named('s1.example', [name]))
      expect(judge(odd, server, 'rpc')).toBe('ok')
      expect(judge(odd, server, 'raft')).toBe('dialer 3')
      expect(judge(odd, server, 'client-only-rpc')).toBe('dialer 4')
    },
  )

  test.each([
    'SERVER.us-west.nomad',
    'node1.server.us-west.nomad',
    'server.nomad',
    'server.us-west.nomad.',
  ])('%s does not connect', (name) => {
    expect(judge(facts(named('s1.example', [name])), server, 'rpc')).toBe('dialer 2')
  })

  test('an intermediate’s purposes bind its leaves', () => {
    const through = (purpose: string, role: 'dialer' | 'listener'): string => {
      const above = make(
        intermediate({
          extensions: { nameConstraints: undefined, extendedKeyUsage: extendedKeyUsage([purpose]) },
        }),
      )
      const draft = agent('server', 'us-west')
      const one = facts(draft, { chain: [make(draft), above] })
      return role === 'dialer' ? judge(one, server, 'rpc') : judge(client, one, 'rpc')
    }
    expect(through('serverAuth', 'listener')).toBe('ok')
    expect(through('serverAuth', 'dialer')).toBe('dialer chain')
    expect(through('clientAuth', 'listener')).toBe('listener chain')
    expect(through('clientAuth', 'dialer')).toBe('ok')
  })

  test('a missing intermediate, on one side or as a trust anchor', () => {
    const west = make(intermediate())
    const draft = agent('client', 'us-west')
    expect(judge(facts(draft), server, 'rpc')).toBe('dialer chain')
    expect(judge(facts(draft, { chain: [make(draft), west] }), server, 'rpc')).toBe('ok')
    // In ca_file anything is an anchor: the intermediate, and even the leaf.
    expect(judge(facts(draft), { ...server, trust: [west] }, 'rpc')).toBe('ok')
    const leaf = make(draft)
    expect(judge(facts(draft, { chain: [leaf] }), { ...server, trust: [leaf] }, 'rpc')).toBe('ok')
  })

  test('HTTPS in Go sends no certificate that the listener’s list of authorities doesn’t call for', () => {
    const draft = agent('client', 'us-west', under)
    const leaf = make(draft)
    const pinned = { ...client, trust: [leaf] }
    const dialer = facts(draft, { chain: [leaf], role: 'client' })
    const verdict = judgeConnection(dialer, pinned, { protocol: 'node-api', now })
    expect(verdict).toMatchObject({ ok: false, side: 'dialer', check: 'chain' })
    expect(verdict.ok ? '' : verdict.message).toMatch(/sends no certificate/)
    expect(judge(dialer, { ...pinned, verifyHttpsClient: false }, 'node-api')).toBe('ok')
  })

  test('expired, not yet valid, and the last second', () => {
    const at = (notBefore: string, notAfter: string): string =>
      judge(
        facts(
          agent('client', 'us-west', {
            ...under,
            notBefore: utc(notBefore),
            notAfter: utc(notAfter),
          }),
        ),
        server,
        'rpc',
      )
    expect(at('260101000000Z', '260531235959Z')).toBe('dialer chain')
    expect(at('260601000001Z', '270101000000Z')).toBe('dialer chain')
    expect(at('260601000000Z', '260601000000Z')).toBe('ok')
  })

  test('keys: agents load no Ed25519; tools do; P-224 never handshakes; Ed25519 authorities work', () => {
    const small = agent('client', 'us-west', {
      ...under,
      spki: ecKeyOf(oid('1.3.132.0.33'), 4, 56),
    })
    const edwards = agent('client', 'us-west', { ...under, spki: ed25519 })
    expect(judge(facts(edwards, { role: 'client' }), server, 'rpc')).toBe('dialer load')
    expect(judge(facts(edwards, { role: 'operator' }), server, 'rpc')).toBe('ok')
    expect(judge(client, facts(edwards), 'rpc')).toBe('listener load')
    expect(judge(facts(small, { role: 'operator' }), server, 'rpc')).toBe('dialer load')
    // The root of all these tests is Ed25519.
    expect(rootA.publicKey.name).toBe('ed25519')
  })

  test('check 5: migration of allocations dials client.<region>.nomad', () => {
    const combined = facts(
      agent('server', 'us-west', { ...under, dns: ['client.us-west.nomad'] }),
      { role: 'combined' },
    )
    expect(judge(client, client, 'node-api')).toBe('ok')
    expect(judge(client, server, 'node-api')).toBe('listener 5')
    expect(judge(client, combined, 'node-api')).toBe('ok')
  })

  test('an agent without a certificate neither listens nor dials', () => {
    expect(judge({ ...client, chain: [] }, server, 'rpc')).toBe('dialer load')
    expect(judge(client, { ...server, chain: [] }, 'rpc')).toBe('listener load')
    const person = { ...client, role: 'operator', chain: [] } as const
    expect(judge(person, client, 'http')).toBe('dialer chain')
    expect(judge(person, { ...client, verifyHttpsClient: false }, 'http')).toBe('ok')
  })

  test('HTTPS looks at the host’s name only where one is given', () => {
    const options = { protocol: 'http', now } as const
    expect(judgeConnection(client, server, { ...options, serverName: 'localhost' }).ok).toBe(true)
    expect(judgeConnection(client, server, { ...options, serverName: 's1.example' }).ok).toBe(false)
    expect(judgeConnection(client, server, options).ok).toBe(true)
  })
})

describe('rotation: the matrix that was run on real agents', () => {
  const nameA = commonName('root A')
  const nameB = commonName('root B')
  const a = make(root({ subject: nameA }))
  const b = make(root({ subject: nameB, spki: p256 }))
  // Both are signed by the same key, so that one draft signer will do; the names tell them apart.
  const rootB = make(root({ subject: nameB }))
  const leaf = (issuer: Uint8Array): Certificate =>
    make(agent('server', 'global', { issuer, dns: ['client.global.nomad'] }))
  const [leafA, leafB] = [leaf(nameA), leaf(nameB)]
  const state = (trust: readonly Certificate[], ...chain: Certificate[]): AgentFacts => ({
    chain,
    trust,
    region: 'global',
    role: 'combined',
    verifyServerHostname: true,
  })
  const states = {
    0: state([a], leafA),
    1: state([a, rootB], leafA),
    2: state([a, rootB], leafB),
    3: state([rootB], leafB),
    X: state([rootB], leafA),
    Y: state([a], leafB),
  }
  const matrix: Readonly<Record<keyof typeof states, string>> = {
    0: '110000',
    1: '111001',
    2: '011110',
    3: '001100',
    X: '001001',
    Y: '010010',
  }
  const order = ['0', '1', '2', '3', 'X', 'Y'] as const

  test.each(order)('client in state %s', (dialer) => {
    const row = order.map((listener) =>
      judge(states[dialer], states[listener], 'raft') === 'ok' ? 1 : 0,
    )
    expect(row.join('')).toBe(matrix[dialer])
  })

  test('with the cross-certificate an agent talks to all six, X and Y too', () => {
    const crossed = make(root({ subject: nameB, issuer: nameA }))
    const bridge = state([a, rootB], leafB, crossed)
    const other = make(root({ subject: nameA, issuer: nameB }))
    const back = state([a, rootB], leafA, other)
    for (const one of [bridge, back]) {
      for (const name of order) {
        expect(judge(one, states[name], 'raft'), `to ${name}`).toBe('ok')
        expect(judge(states[name], one, 'raft'), `from ${name}`).toBe('ok')
      }
    }
    expect(judge(states[0], states[3], 'raft')).not.toBe('ok')
  })

  test('under pathlen 1 the crossed way with an intermediate fails', () => {
    const short = make(
      root({
        subject: nameA,
        extensions: { basicConstraints: basicConstraints({ ca: true, pathLength: 1 }) },
      }),
    )
    const crossed = make(root({ subject: nameB, issuer: nameA }))
    const middle = make(intermediate({ issuer: nameB, extensions: { nameConstraints: undefined } }))
    const low = make(agent('server', 'us-west'))
    const dialer = { ...state([short], low, middle, crossed), region: 'us-west' }
    const listener = {
      ...state([short], make(agent('server', 'us-west', { issuer: nameA }))),
      region: 'us-west',
    }
    expect(judge(dialer, listener, 'raft')).toBe('dialer chain')
    expect(judge(dialer, { ...listener, trust: [a] }, 'raft')).toBe('ok')
  })

  test('a key that is not the signer’s refuses', () => {
    expect(judge(state([b], leafB), states[2], 'raft')).toBe('listener chain')
  })
})

describe('the five checks say what they looked for and what they saw', () => {
  const odd = make(named('s1.example', ['client.us-west.nomad', 'localhost']))
  test.each([
    [
      serverNameFault(odd, 'us-west'),
      'it is valid for client.us-west.nomad, localhost, not for server.us-west.nomad',
    ],
    [
      rpcNameFault(odd, 'eu'),
      "no server's name and not client.eu.nomad among client.us-west.nomad, localhost, s1.example",
    ],
    [
      raftNameFault(odd, 'us-west'),
      'not server.us-west.nomad among client.us-west.nomad, localhost, s1.example',
    ],
    [
      requestNameFault(odd, 'us-west', 'servers'),
      'not server.us-west.nomad among client.us-west.nomad, localhost, s1.example',
    ],
    [requestNameFault(odd, 'us-west', 'clients'), undefined],
    [
      nodeNameFault(odd, 'eu'),
      'it is valid for client.us-west.nomad, localhost, not for client.eu.nomad',
    ],
  ])('%#', (found, wanted) => {
    expect(found).toBe(wanted)
  })
})
