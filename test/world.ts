/**
 * A cluster in a temporary folder: a spec, its store on real files, and the verbs plan, apply and
 * verify, for tests that tamper with files in between. Throws on anything unexpected.
 */

import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { applyPlan, collect } from '../src/apply/apply-plan.js'
import type { ApplyEvent } from '../src/apply/events.js'
import { readInventory } from '../src/inventory/read.js'
import type { Inventory } from '../src/inventory/inventory.js'
import { storeIssuers } from '../src/issuers/store-issuers.js'
import { configPaths } from '../src/plan/config-files.js'
import { makePlan, type MakePlanOptions, type Planned } from '../src/plan/make-plan.js'
import type { Plan } from '../src/plan/plan.js'
import { desire } from '../src/cluster/desire.js'
import type { Desired } from '../src/cluster/desired.js'
import { parseSpec } from '../src/cluster/parse.js'
import { directoryConfigs } from '../src/store/directory-configs.js'
import { directoryStore } from '../src/store/directory-store.js'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A fixed present: tests never look at the clock. */
export const start: number = Date.UTC(2026, 10, 25, 12, 0, 0)
export const day = 86_400_000

/** A spec of one region with three servers and one client. */
export const smallSpec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: { ips: [10.0.0.11] }, s2: {}, s3: {} }
    clients: { c1: {} }
`

/** A cluster in a temporary folder. */
export class World {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'nomad-pki-world-'))
  now: number = start
  #spec: string

  constructor(spec: string = smallSpec) {
    folders.push(this.folder)
    this.#spec = spec
  }

  /** Replaces text in the spec; it must be there. */
  edit(from: string, to: string): this {
    if (!this.#spec.includes(from)) throw new Error(`the spec does not hold ${from}`)
    this.#spec = this.#spec.replace(from, to)
    return this
  }

  later(milliseconds: number): this {
    this.now += milliseconds
    return this
  }

  get store(): ReturnType<typeof directoryStore> {
    return directoryStore(join(this.folder, 'pki'))
  }

  get desired(): Desired {
    const { spec, diagnostics } = parseSpec(this.#spec, { file: 'cluster.yaml' })
    if (spec === undefined) throw new Error(JSON.stringify(diagnostics, null, 2))
    return desire(spec)
  }

  get ports(): {
    store: ReturnType<typeof directoryStore>
    configs: ReturnType<typeof directoryConfigs>
  } {
    return { store: this.store, configs: directoryConfigs(this.folder) }
  }

  async inventory(): Promise<Inventory> {
    return readInventory(this.ports, { configs: configPaths(this.desired.configs) })
  }

  /** A plan with its materials. */
  async planned(options: Partial<MakePlanOptions> = {}): Promise<Planned> {
    return makePlan(this.desired, await this.inventory(), { now: this.now, ...options })
  }

  async plan(options: Partial<MakePlanOptions> = {}): Promise<Plan> {
    return (await this.planned(options)).plan
  }

  /** The plan as lines: `renew identity/server/global/s1 (key-mismatch)`. */
  async steps(options: Partial<MakePlanOptions> = {}): Promise<string[]> {
    return (await this.plan(options)).steps.map(
      ({ action, address, reasons }) =>
        `${action} ${address} (${reasons.map(({ reason }) => reason).join(', ')})`,
    )
  }

  async apply(
    options: Partial<MakePlanOptions> & { signal?: AbortSignal } = {},
  ): Promise<readonly ApplyEvent[]> {
    const { signal, ...rest } = options
    const ports = this.ports
    const { plan, materials } = await this.planned(rest)
    return collect(
      applyPlan(plan, materials, {
        ...ports,
        issuers: storeIssuers(ports.store),
        clock: () => this.now,
        ...(signal && { signal }),
      }),
    )
  }

  /** A file of an identity's current generation, `server/global/s1` and `cert.pem`. */
  current(identity: string, file: string): string {
    return this.path('identity', identity, 'current', file)
  }

  generations(identity: string): string[] {
    return readdirSync(this.path('identity', identity))
      .filter((name) => name !== 'current')
      .sort()
  }

  link(identity: string): string {
    return readlinkSync(this.path('identity', identity, 'current'))
  }

  path(...parts: string[]): string {
    return join(this.folder, 'pki', ...parts)
  }

  read(...parts: string[]): string {
    return readFileSync(this.path(...parts), 'latin1')
  }

  write(text: string, ...parts: string[]): void {
    writeFileSync(this.path(...parts), text)
  }
}
