// A store of one's own: this one keeps everything in another store, and counts what is noted. A database
// or an object store implements the same functions; reads give everything at once, a batch is whole or
// does not exist.
import {
  applyPlan,
  collect,
  desire,
  makePlan,
  memoryConfigs,
  memoryStore,
  parseSpec,
  readInventory,
  storeIssuers,
} from 'nomad-pki'

/**
 * @param {import('nomad-pki').Store} inner
 * @param {(event: import('nomad-pki').LedgerEvent) => void} audit Called once a line is durable.
 * @returns {import('nomad-pki').Store}
 */
function audited(inner, audit) {
  return {
    ...inner,
    location: `audited ${inner.location}`,
    batch() {
      const batch = inner.batch()
      const events = []
      return {
        ...batch,
        record(event) {
          events.push(event)
          batch.record(event)
        },
        async commit() {
          await batch.commit()
          events.forEach(audit)
        },
      }
    },
  }
}

const { spec } = parseSpec(
  'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n    clients: { c1: {} }\n',
)
const counted = new Map()
const store = audited(memoryStore(), ({ event }) =>
  counted.set(event, (counted.get(event) ?? 0) + 1),
)
const ports = { store, configs: memoryConfigs() }
const now = Date.now()
const { plan, materials } = makePlan(desire(spec), await readInventory(ports), { now })
await collect(
  applyPlan(plan, materials, { ...ports, issuers: storeIssuers(store), clock: () => now }),
)
for (const [event, count] of counted) console.log(`${event}: ${count}`)
