// A renewal service: looks once an hour, makes what is missing or due, and says what it did. With a folder
// as argument it serves that one for ever; without, it shows two rounds on a store in memory.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import {
  applyPlan,
  desire,
  directoryConfigs,
  directoryStore,
  makePlan,
  memoryConfigs,
  memoryStore,
  parseSpec,
  readInventory,
  storeIssuers,
} from 'nomad-pki'

/** One round: reads everything, plans, applies. */
async function renew(text, { store, configs }, now) {
  const { spec, diagnostics } = parseSpec(text)
  if (spec === undefined) throw new Error(diagnostics.map(({ message }) => message).join('\n'))
  const { plan, materials } = makePlan(desire(spec), await readInventory({ store, configs }), {
    now,
  })
  for (const { severity, address, message } of plan.findings) {
    if (severity === 'error') console.error(`${address}: ${message}`) // what it concerns is left out
  }
  let done = 0
  const world = { store, configs, issuers: storeIssuers(store), clock: () => now }
  for await (const event of applyPlan(plan, materials, world)) if (event.type === 'done') done += 1
  console.log(`${new Date(now).toISOString().slice(0, 10)}: ${done} steps done`)
}

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  const text =
    'version: 1\ncluster: acme\ndefaults: { lifetime: 90d, renewBefore: 30d }\nregions:\n  global:\n    servers: { s1: {} }\n'
  const ports = { store: memoryStore(), configs: memoryConfigs() }
  const start = Date.parse('2027-01-01T00:00:00Z')
  for (const days of [0, 30, 61]) await renew(text, ports, start + days * 86_400_000)
} else {
  for (;;) {
    const text = await readFile(join(folder, 'cluster.yaml'), 'utf8')
    const ports = { store: directoryStore(join(folder, 'pki')), configs: directoryConfigs(folder) }
    await renew(text, ports, Date.now())
    await setTimeout(3_600_000)
  }
}
