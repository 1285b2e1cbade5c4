/**
 * Which host an agent is, on real agents: two hosts that carry one name, and a host that moved to another
 * address. Nomad knows its clients by identifiers (nomad/structs/structs.go Node.ID), and so must proof.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Agent, type AgentPlan, writeAgentConfig } from './harness/agent.js'
import { Fleet } from './harness/fleet.js'
import { agentPorts } from './harness/ports.js'
import { eventually } from './harness/run.js'
import { deliverProven } from './harness/rolling.js'
import { holdsOf, takeReceipts } from './harness/witness.js'
import { copyFolder } from '../copy-folder.js'

let fleet: Fleet
let twin: Agent | undefined

beforeAll(async () => {
  fleet = await Fleet.start('proof-hosts')
})

afterAll(async () => {
  await twin?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await fleet?.stop()
})

const probe = (): ReturnType<Fleet['pki']> => fleet.pki('probe', '--timeout', '3s')

const heldBy = async (): Promise<readonly string[]> => [...(await holdsOf(fleet)).keys()]

/** A second host from the image of one: its name, its files, and a data directory of its own. */
async function startTwin(name: string): Promise<Agent> {
  const model = fleet.plan(name)
  const host = join(fleet.base, 'hosts', `${name}-twin`)
  const directory = join(host, 'etc/nomad.d')
  mkdirSync(directory, { recursive: true })
  copyFolder(fleet.tls(name), join(directory, 'tls'))
  const plan: AgentPlan = {
    ...model,
    ports: await agentPorts(),
    directory,
    configs: [directory],
    dataDir: join(host, 'data'),
  }
  writeAgentConfig(plan)
  const stanza = readFileSync(join(fleet.base, 'hosts', name, 'etc/nomad.d/tls.hcl'), 'utf8')
  writeFileSync(
    join(directory, 'tls.hcl'),
    stanza.replaceAll(fleet.tls(name), join(directory, 'tls')),
  )
  return new Agent(plan)
}

describe('two hosts of one name', () => {
  test('are both asked: one does not count for the other', async () => {
    twin = await startTwin('c2')
    await eventually('Nomad to have two nodes of one name', async () => {
      const nodes = await fleet.cluster.get<{ Name: string; Status: string }[]>('s1', '/v1/nodes')
      const both = nodes.filter(({ Name, Status }) => Name === 'c2' && Status === 'ready')
      return both.length === 2 ? true : undefined
    })
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
    await fleet.pkiOk('apply', '--yes')
    await deliverProven(fleet, fleet.names)
    await takeReceipts(fleet)
    const seen = await probe()
    expect(seen, seen.stdout).toMatchObject({ status: 2 })
    expect(await heldBy()).toEqual([fleet.address('c2')])
    expect(await fleet.pki('rotate', 'authority', 'agent', '--next')).toMatchObject({ status: 3 })
  })

  test('the one that is gone stops counting once Nomad no longer names it', async () => {
    await twin!.stop()
    const nodes = await fleet.cluster.get<{ ID: string; Name: string; HTTPAddr?: string }[]>(
      's1',
      '/v1/nodes',
    )
    for (const { ID, Name } of nodes) {
      if (Name !== 'c2') continue
      const { HTTPAddr } = await fleet.cluster.get<{ HTTPAddr: string }>('s1', `/v1/node/${ID}`)
      if (!HTTPAddr.endsWith(`:${twin!.plan.ports.http}`)) continue
      await fleet.cluster.put('s1', `/v1/node/${ID}/purge`)
    }
    const seen = await probe()
    expect(seen, seen.stdout).toMatchObject({ status: 0 })
    expect(await heldBy()).toEqual([])
  })
})

describe('a host that moved', () => {
  test('is asked at its new address, and the old one holds nothing', async () => {
    await fleet.agent('c1').stop()
    const ports = await agentPorts()
    const old = fleet.plan('c1').ports
    const file = join(fleet.base, 'hosts/c1/etc/nomad.d/agent.hcl')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replaceAll(String(old.http), String(ports.http)))
    fleet.editSpec(new RegExp(`127\\.0\\.0\\.1:${old.http}`), `127.0.0.1:${ports.http}`)
    fleet.move('c1', { ...old, http: ports.http })
    fleet.restart('c1')
    await fleet.answers('c1')
    const seen = await eventually('c1 to be proven', async () => {
      const outcome = await probe()
      return outcome.status === 0 ? outcome : undefined
    })
    expect(seen.stdout).not.toContain(`:${old.http}`)
    expect(await heldBy()).toEqual([])
    await fleet.pkiOk('rotate', 'authority', 'agent', '--next')
  })
})
