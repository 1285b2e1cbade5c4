/**
 * The files that `status` writes for what watches the cluster: metrics, a calendar, a page.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import { durationSyntax, parseDuration } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import { isBegun } from '../inventory/begun.js'
import type { Inventory } from '../inventory/inventory.js'
import { formatInventory, inventoryMark } from '../inventory/inventory-file.js'
import { readLedger } from '../inventory/ledger.js'
import type { SeenBeside } from '../plan/beside.js'
import { makePlan } from '../plan/make-plan.js'
import type { Schedule } from '../plan/schedule.js'
import { calendarMark, calendarText } from '../report/calendar.js'
import { metricsMark, metricsText, type WatchedRotation } from '../report/metrics.js'
import { pageMark, pageText } from '../report/page.js'
import type { Grain } from '../report/watched.js'
import type { Deadline } from '../rotation/deadlines.js'
import { verifyCluster } from '../verify/verify-cluster.js'
import type { Context } from './context.js'
import type { Options } from './surface.js'
import { usage } from './usage.js'
import { version } from './version.js'
import type { Workspace } from './workspace.js'
import { writeOwn, type OwnFile } from './write.js'

/** What `status` knows when it writes them. */
export interface StatusFacts {
  readonly inventory: Inventory
  readonly schedule: Schedule
  readonly deadlines: readonly Deadline[]
  readonly findings: readonly Finding[]
  /** Consul's and Vault's TLS beside Nomad's. */
  readonly beside: readonly SeenBeside[]
  /** Rotations under way, and what their next stages wait for. */
  readonly rotations: readonly WatchedRotation[]
}

/** What the options ask for, read before any work. */
export interface StatusFiles {
  readonly metrics?: string | undefined
  readonly calendar?: string | undefined
  readonly html?: string | undefined
  readonly inventory?: string | undefined
  /** Milliseconds. */
  readonly alarm?: number | undefined
  readonly grain?: Grain | undefined
}

/**
 * Reads the options.
 *
 * @throws {NomadPkiError} `ERR_USAGE`
 */
export function statusFilesOf(options: Options<'status'>): StatusFiles {
  const { metrics, calendar, html, inventory, perNode, perRegion } = options
  const grain = perNode === true ? 'node' : perRegion === true ? 'region' : undefined
  const alarm = options.alarm === undefined ? undefined : parseDuration(options.alarm)
  if (options.alarm !== undefined && alarm === undefined) {
    throw usage(`not a duration: ${JSON.stringify(options.alarm)}`, `write ${durationSyntax}`)
  }
  return { metrics, calendar, html, inventory, alarm, grain }
}

/**
 * Writes the files that were asked for.
 *
 * @throws {NomadPkiError} as {@link writeOwn}.
 */
export async function writeStatusFiles(
  { metrics, calendar, html, inventory, alarm, grain }: StatusFiles,
  facts: StatusFacts,
  workspace: Workspace,
  context: Context,
): Promise<void> {
  const { cluster } = workspace.desired
  const { schedule, deadlines } = facts
  const files: OwnFile[] = []
  const watched =
    metrics === undefined && html === undefined ? undefined : watchedFacts(facts, workspace)
  if (metrics !== undefined && watched !== undefined) {
    files.push({
      file: metrics,
      text: metricsText({ ...watched, grain }),
      what: 'a file of metrics of this cluster',
      isOwn: (bytes) => beginsWith(bytes, `${metricsMark}${cluster}\n`),
    })
  }
  if (calendar !== undefined) {
    files.push({
      file: calendar,
      text: (bytes) => {
        const before = bytes && Buffer.from(bytes).toString('utf8')
        return calendarText({ cluster, schedule, deadlines, alarm, grain, before })
      },
      what: 'a calendar of this cluster',
      isOwn: (bytes) => beginsWith(bytes, `${calendarMark}${cluster}//`),
    })
  }
  if (html !== undefined && watched !== undefined) {
    files.push({
      file: html,
      text: pageText({ ...watched, verified: verifiedFor(watched, workspace) }),
      what: 'a page of this cluster',
      isOwn: (bytes) => beginsWith(bytes, `${pageMark}the state of the cluster ${cluster} -->`),
    })
  }
  if (inventory !== undefined) {
    files.push({
      file: inventory,
      text: await inventoryText(facts, workspace),
      what: 'an inventory of this cluster',
      isOwn: (bytes) => beginsWith(bytes, inventoryMark(cluster)),
    })
  }
  if (files.length > 0) await writeOwn(context, workspace.store.location, files)
}

async function inventoryText(
  { inventory, schedule }: StatusFacts,
  { desired: { cluster }, store }: Workspace,
): Promise<string> {
  const ledger = (await store.readLedger())?.bytes
  if (readLedger(ledger).head !== inventory.ledger.head) {
    throw new NomadPkiError('ERR_STORE_UNREADABLE', 'the store changed while it was read', {
      hint: 'run the command again',
    })
  }
  const begun = await isBegun(store)
  return formatInventory({ cluster, madeAt: schedule.at, begun, inventory }, ledger)
}

/**
 * What `verify` finds in the same files, beyond what is told already. Ten thousand signatures take a third of the
 * time: those that the ledger records are left to `verify`.
 */
function verifiedFor(
  { inventory, schedule, findings }: ReturnType<typeof watchedFacts>,
  { desired }: Workspace,
): readonly Finding[] {
  const told = new Set(findings.map(keyOf))
  const options = { now: schedule.at, signatures: 'unrecorded' } as const
  return verifyCluster(desired, inventory, options).filter((one) => !told.has(keyOf(one)))
}

/** The same with what `plan` says and how rotations stand, for what is watched. */
export function watchedFacts(
  { inventory, schedule, deadlines, findings, beside, rotations }: StatusFacts,
  { desired }: Pick<Workspace, 'desired'>,
): Parameters<typeof metricsText>[0] & Parameters<typeof pageText>[0] {
  const now = schedule.at
  const { plan } = makePlan(desired, inventory, { now })
  // What `status` says too is counted once.
  const told = new Set(plan.findings.map(keyOf))
  return {
    cluster: desired.cluster,
    version,
    schedule,
    inventory,
    lifeOf: (address) => inventory.identities.get(address)?.current?.chain[0],
    deadlines,
    rotations,
    transport: desired.transport,
    beside,
    steps: plan.steps,
    findings: [...plan.findings, ...findings.filter((one) => !told.has(keyOf(one)))],
  }
}

function keyOf({ address, reason, message }: Finding): string {
  return JSON.stringify([address, reason, message])
}

/** A file of 10,000 nodes is large, and its first line says what it is. */
function beginsWith(bytes: Uint8Array, mark: string): boolean {
  const wanted = Buffer.from(mark)
  return wanted.equals(bytes.subarray(0, wanted.length))
}
