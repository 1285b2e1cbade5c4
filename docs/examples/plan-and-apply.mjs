// Plans and applies a whole cluster on memory ports, then verifies it.
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
  verifyCluster,
} from 'nomad-pki'

const { spec, diagnostics } = parseSpec(`
version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: { ips: [10.0.0.11] }, s2: {}, s3: {} }
    clients: { "c[001-100]": {} }
`)
if (spec === undefined) throw new Error(diagnostics.map(({ message }) => message).join('\n'))

const now = Date.now()
const desired = desire(spec)
const store = memoryStore()
const ports = { store, configs: memoryConfigs() }

const { plan, materials } = makePlan(desired, await readInventory(ports), { now })
console.log(
  `${plan.steps.length} steps, the first: ${plan.steps[0].action} ${plan.steps[0].address}`,
)

const events = await collect(
  applyPlan(plan, materials, { ...ports, issuers: storeIssuers(store), clock: () => now }),
)
console.log(`${events.filter(({ type }) => type === 'done').length} steps done`)

const after = await readInventory(ports)
console.log(`${makePlan(desired, after, { now }).plan.steps.length} steps left`)
const findings = verifyCluster(desired, after, { now })
console.log(`${findings.filter(({ severity }) => severity === 'error').length} errors found`)
