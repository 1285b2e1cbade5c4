import { describe, expect, test } from 'vitest'
import { aCluster, withExtension, type Cluster } from '../builders.js'
import { agentClasses } from '../../src/verify/classes.js'
import { connectionsOf, verifyConnections } from '../../src/verify/connections.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { subjectAltName } from '../../src/x509/extensions.js'

async function classesOf(cluster: Cluster): Promise<ReturnType<typeof agentClasses>> {
  return agentClasses(cluster.desiredWithConfigs, await cluster.inventory(), { now: cluster.now })
}

describe('classes', () => {
  test('hosts differ in names and addresses, and are one class', async () => {
    const builder = aCluster().withServer('s1', { ips: ['10.0.0.1'], names: ['a.acme.internal'] })
    for (let host = 2; host < 8; host += 1)
      builder.withServer(`s${host}`, { ips: [`10.0.0.${host}`] })
    const classes = await classesOf(await builder.build())
    expect(classes.map(({ members }) => members.length)).toEqual([7])
  })

  test('another stanza, key type, name or trust is another class', async () => {
    const cluster = await aCluster()
      .withServer('s1')
      .withServer('s2', { stanza: { verify_server_hostname: false } })
      .withServer('s3', { key: 'ecdsa-p384' })
      .withServer('s4')
      .withServer('s5')
      .build()
    cluster.reissue('identity/server/global/s4', ({ extensions }) => ({
      extensions: withExtension(
        extensions,
        subjectAltName([
          { type: 'dns', value: 'server.global.nomad' },
          { type: 'dns', value: 'client.global.nomad' },
        ]),
      ),
    }))
    cluster.trust('identity/server/global/s5', `${cluster.bundle}\n`)
    expect(await classesOf(cluster)).toHaveLength(5)
  })
})

describe('connections', () => {
  test('exactly those that Nomad makes', async () => {
    const cluster = await aCluster()
      .withServer('s1')
      .withClient('c1')
      .withServer('w1', { region: 'us-west' })
      .withClient('c9', { region: 'us-west' })
      .withOperator('alice')
      .build()
    const classes = await classesOf(cluster)
    const short = (address: string): string => address.split('/').at(-1)!
    const lines = connectionsOf(classes).map(
      ({ dialer, listener, protocol, targetRegion }) =>
        `${short(dialer.members[0]!)} → ${short(listener.members[0]!)} ${protocol} ${targetRegion}`,
    )
    expect(lines.sort()).toEqual(
      [
        'alice → c1 http global',
        'alice → c9 http us-west',
        'alice → s1 http global',
        'alice → w1 http us-west',
        'c1 → c1 node-api global',
        'c1 → s1 client-only-rpc global',
        'c1 → s1 rpc global',
        'c9 → c9 node-api us-west',
        'c9 → w1 client-only-rpc us-west',
        'c9 → w1 rpc us-west',
        's1 → s1 raft global',
        's1 → s1 rpc global',
        's1 → s1 server-only-rpc global',
        's1 → w1 rpc us-west',
        'w1 → s1 rpc global',
        'w1 → w1 raft us-west',
        'w1 → w1 rpc us-west',
        'w1 → w1 server-only-rpc us-west',
      ].sort(),
    )
  })

  test('the wildcard trap: clients reach such a server, other servers refuse it', async () => {
    const cluster = await aCluster().withServer('s1').withServer('s2').withClient('c1').build()
    cluster.reissue('identity/server/global/s2', ({ extensions }) => ({
      subject: Buffer.from('3000', 'hex'),
      extensions: withExtension(
        extensions,
        subjectAltName([{ type: 'dns', value: '*.global.nomad' }]),
      ),
    }))
    const findings = verifyConnections(await classesOf(cluster), { now: cluster.now })
    expect(findings.map(({ address }) => address)).toContain('identity/server/global/s2')
    expect(findings.every(({ address }) => address === 'identity/server/global/s2')).toBe(true)
    expect(
      findings.every(({ severity, reason }) => severity === 'error' && reason === 'refused'),
    ).toBe(true)
    expect(findings[0]!.message).toMatch(/refused by .*name check 2/)
  })

  test('an agent that trusts another root alone is told, and nobody else is blamed', async () => {
    const cluster = await aCluster().withServer('s1').withServer('s2').withClient('c1').build()
    const other = await aCluster().withServer('x').build()
    cluster.trust('identity/client/global/c1', other.bundle)
    const findings = verifyCluster(cluster.desired, await cluster.inventory(), { now: cluster.now })
    expect(findings.map(({ address }) => address)).toContain('identity/client/global/c1')
    expect(new Set(findings.map(({ address }) => address)).size).toBe(1)
  })

  test('half rotated: each side is sound by itself, and they refuse each other', async () => {
    const cluster = await aCluster().withServer('s1').withServer('s2').withClient('c1').build()
    const other = await aCluster().withServer('s2').build()
    const s2 = 'identity/server/global/s2'
    cluster.holder(s2).key = other.holder(s2).key
    cluster.holder(s2).files.key = other.files(s2).key
    cluster.trust(s2, other.bundle).present(s2, other.holder(s2).chain)
    const refused = verifyConnections(await classesOf(cluster), { now: cluster.now })
    expect(refused.map(({ address }) => address).sort()).toContain(s2)
    expect(refused.map(({ address }) => address).sort()).toContain('identity/server/global/s1')
    expect(refused.every(({ reason }) => reason === 'refused')).toBe(true)
  })

  test('many classes cost no square: three hundred agents, each with a trust of its own', async () => {
    const builder = aCluster().withServer('s1')
    const count = 300
    for (let host = 0; host < count; host += 1) builder.withClient(`c${host}`)
    const cluster = await builder.build()
    for (let host = 0; host < count; host += 1) {
      cluster.trust(`identity/client/global/c${host}`, `${cluster.bundle}${'\n'.repeat(host)}`)
    }
    const classes = await classesOf(cluster)
    expect(classes.length).toBeGreaterThanOrEqual(count)
    expect(connectionsOf(classes).length).toBeLessThan(count * 60)
  })
})

test('a region with clients and no server is found, whatever each of them proves', async () => {
  const cluster = await aCluster()
    .withServer('s1')
    .withClient('c1', { region: 'gobal' })
    .withClient('c2', { region: 'gobal' })
    .build()
  const findings = verifyCluster(cluster.desired, await cluster.inventory(), { now: cluster.now })
  expect(findings).toEqual([
    {
      severity: 'error',
      address: 'identity/client/gobal/c1',
      reason: 'no-server',
      message:
        'the region gobal has 2 clients and no server that they could join; did you mean global?',
      remedy: expect.stringContaining('nomad-pki add server gobal/s1') as string,
    },
  ])
})
