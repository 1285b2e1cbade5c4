/**
 * Evidence for the gate: handshakes with every agent, the installers' receipts, and what Nomad says of
 * its members, written to the ledger.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readInventory } from '../../../src/inventory/read.js'
import type { LedgerEvent } from '../../../src/inventory/store.js'
import { generationsIn } from '../../../src/rotation/generations.js'
import { directoryConfigs } from '../../../src/store/directory-configs.js'
import { directoryStore } from '../../../src/store/directory-store.js'
import { fingerprintOf } from '../../../src/x509/certificate.js'
import { formatName } from '../../../src/x509/name.js'
import type { Fleet } from './fleet.js'
import { shownBy } from './proof.js'

/** Asks everybody; answers with those that could not be asked. */
export async function witness(
  fleet: Fleet,
  names: readonly string[] = fleet.names,
): Promise<readonly string[]> {
  const store = directoryStore(join(fleet.base, 'pki'))
  const inventory = await readInventory({ store, configs: directoryConfigs(fleet.base) })
  const made = generationsIn(inventory)
  const roots = new Map(
    [...inventory.authorities].flatMap(([address, { certificate }]) =>
      certificate === undefined ? [] : [[formatName(certificate.subject), address] as const],
    ),
  )
  const events: LedgerEvent[] = []
  const silent: string[] = []
  for (const name of names) {
    const address = fleet.address(name)
    try {
      for (const { port, rpc, chain, authorities } of await shownBy(fleet, name, 3_000)) {
        const fingerprint = fingerprintOf(chain[0]!)
        events.push({
          event: 'observed',
          address,
          at: Date.now(),
          endpoint: `127.0.0.1:${port}`,
          rpc,
          fingerprint,
          generation:
            made.get(address)?.findLast((one) => one.fingerprint === fingerprint)?.number ?? null,
          trusts:
            authorities?.map((subject) => roots.get(formatName(subject)) ?? formatName(subject)) ??
            null,
        })
      }
    } catch {
      silent.push(name)
    }
    events.push(receiptOf(fleet, name))
  }
  for (const region of fleet.cluster.regions) {
    const from = fleet.cluster.servers(region)[0]!.name
    const { Members } = await fleet.cluster.get<{
      Members: { Name: string; Status: string; Tags: { region: string } }[]
    }>(from, '/v1/agent/members')
    const nodes = await fleet.cluster.get<{ Name: string }[]>(from, '/v1/nodes')
    const own = Members.filter(({ Tags }) => Tags.region === region)
    const named = (left: boolean): string[] =>
      own.filter(({ Status }) => (Status === 'left') === left).map(({ Name }) => Name)
    events.push({
      event: 'members',
      address: 'cluster',
      at: Date.now(),
      region,
      servers: named(false),
      clients: nodes.map(({ Name }) => Name),
      gone: named(true),
    })
  }
  const lock = await store.lock({ command: 'probe' })
  try {
    const batch = store.batch()
    for (const event of events) batch.record(event)
    await batch.commit()
  } finally {
    await lock.release()
  }
  return silent
}

function receiptOf(fleet: Fleet, name: string): LedgerEvent {
  const text = readFileSync(join(fleet.tls(name), 'receipt.json'), 'utf8')
  const { address, at, generation, fingerprint, archive, host } = JSON.parse(text) as {
    readonly address: string
    readonly at: number
    readonly generation: number
    readonly fingerprint: string
    readonly archive: string | null
    readonly host: string
  }
  return { event: 'received', address, at, generation, fingerprint, archive, host }
}
