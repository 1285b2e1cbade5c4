/**
 * What expires when, in Prometheus's text format, for the textfile collector of node_exporter: gauges alone,
 * without timestamps, because its age is that of the file.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @module
 */

import { authorityNameOf } from '../address.js'
import type { Transport } from '../cluster/transport.js'
import type { Finding, Severity } from '../diagnostics.js'
import type { GateVerdict } from '../evidence/gate.js'
import type { ProofState } from '../evidence/proven.js'
import { groupBy } from '../grouping.js'
import { isAgent } from '../nomad/roles.js'
import { besideState, type BesideState, type SeenBeside } from '../plan/beside.js'
import type { Action, Step } from '../plan/plan.js'
import type { LifeState, Schedule, ScheduleEntry } from '../plan/schedule.js'
import type { Deadline } from '../rotation/deadlines.js'
import type { Rotation } from '../rotation/stages.js'
import { earliestBy, earliestOf, grainOf, watchedIn, type Grain, type Watched } from './watched.js'

/** A rotation under way, and what holds its next stage. */
export interface WatchedRotation {
  readonly rotation: Rotation
  readonly gate?: GateVerdict | undefined
}

/** What the metrics are made of. */
export interface MetricsFacts {
  readonly cluster: string
  /** Of this program. */
  readonly version: string
  readonly schedule: Schedule
  /** When the newest certificate of an address begins and ends, epoch milliseconds. */
  readonly lifeOf: (
    address: string,
  ) => { readonly notBefore: number; readonly notAfter: number } | undefined
  readonly deadlines: readonly Deadline[]
  readonly rotations: readonly WatchedRotation[]
  /** Those of `plan`. */
  readonly steps: readonly Pick<Step, 'action'>[]
  /** Those of `plan` and `status`. */
  readonly findings: readonly Pick<Finding, 'severity'>[]
  /** What agents speak. Default: TLS alone. */
  readonly transport?: Transport | undefined
  /** Consul's and Vault's TLS beside Nomad's. Default: none. */
  readonly beside?: readonly SeenBeside[] | undefined
  /** Default: a series for each node up to a thousand, then one for each role and region. */
  readonly grain?: Grain | undefined
}

/** A metric: what its name says after `nomad_pki_`, and its sentence. */
const families = {
  build_info: 'The version of nomad-pki that wrote this file; always 1.',
  last_success_timestamp_seconds:
    'When this command last wrote this file: where it is old, nothing here is true any more.',
  certificates: 'How many certificates the cluster needs, by state; missing ones count.',
  certificate_not_before_timestamp_seconds: 'When the newest certificate that was made begins.',
  certificate_not_after_timestamp_seconds: 'When the newest certificate that was made ends.',
  certificate_effective_not_after_timestamp_seconds:
    'When the agent stops: the earliest end in the chain of the certificate that it was last known to have.',
  certificate_renewal_timestamp_seconds: 'From when apply renews it.',
  agent_newest_loaded:
    '1: the agent was last seen with the newest certificate and its roots. 0: it was not. Absent: it, or one of those that it stands for, was never seen, or is excepted.',
  agents:
    'How many agents, by what is known of them: proven (seen with the newest), undelivered, unobservable, silent, excepted, unproven (never seen with what was made).',
  transport_info: 'What agents speak by the spec: plaintext, upgrading or tls; always 1.',
  agent_evidence_timestamp_seconds:
    'When the agent was last seen, or its installer wrote the receipt.',
  authority_not_after_timestamp_seconds: 'When an authority ends, or the root above it.',
  authority_rotate_by_timestamp_seconds:
    'Until when the successor of an authority should sign: leaves of the usual length no longer fit after it.',
  rotation_stage_by_timestamp_seconds: 'Until when the next stage of a rotation should be taken.',
  rotation_agents:
    'Agents in a rotation under way: proven, held (the next stage waits for them), excepted.',
  beside_certificate_not_after_timestamp_seconds:
    'When a certificate ends that a consul or vault block of an agent names, and that nomad-pki does not renew. Absent: it is on another machine.',
  beside_files:
    'How many files consul and vault blocks name, by state: present, missing, invalid (it holds no certificate), ended, unseen (on another machine).',
  plan_steps: 'How many steps plan has, by action.',
  findings: 'How many findings plan and status have, by severity.',
} as const

type Labels = Readonly<Record<string, string>>
type Family = keyof typeof families

/** Each state, action and severity has a series, also where its count is 0: a rule sees what is absent as unknown. */
const states: Readonly<Record<LifeState, 0>> = {
  good: 0,
  due: 0,
  silent: 0,
  unproven: 0,
  unseen: 0,
  undelivered: 0,
  differs: 0,
  overdue: 0,
  revoked: 0,
  expired: 0,
  'not-yet-valid': 0,
  missing: 0,
}
const actions: Readonly<Record<Action, 0>> = {
  create: 0,
  renew: 0,
  refresh: 0,
  finish: 0,
  repair: 0,
  cross: 0,
  write: 0,
  remove: 0,
}
const proofStates: Readonly<Record<ProofState, 0>> = {
  proven: 0,
  undelivered: 0,
  unobservable: 0,
  silent: 0,
  excepted: 0,
  unproven: 0,
}
const severities: Readonly<Record<Severity, 0>> = { error: 0, warning: 0, note: 0 }

/**
 * Writes the metrics.
 *
 * @returns Text with a newline at its end.
 */
export function metricsText(facts: MetricsFacts): string {
  const { cluster, version, schedule, lifeOf, deadlines, rotations } = facts
  const samples = new Map<Family, string[]>()
  const common = `cluster="${escaped(cluster)}"`
  /** A certificate has six samples with the same labels: they are written once. */
  const put = (labels: Labels, values: Partial<Record<Family, number | undefined>>): void => {
    const text = labelsText(common, labels)
    for (const family of Object.keys(values) as Family[]) {
      const value = values[family]
      if (value === undefined || !Number.isFinite(value)) continue
      let texts = samples.get(family)
      if (texts === undefined) samples.set(family, (texts = []))
      texts.push(`${prefix}${family}${text} ${value}`)
    }
  }
  const seconds = (instant: number | undefined): number | undefined =>
    instant === undefined ? undefined : instant / 1000

  put({ version }, { build_info: 1 })
  put({ transport: facts.transport ?? 'tls' }, { transport_info: 1 })
  put({ command: 'status' }, { last_success_timestamp_seconds: seconds(schedule.at) })
  for (const { role, region, members } of watchedIn(schedule, 'region')) {
    for (const [state, count] of countsOf(members, (one) => one.state, states)) {
      put({ role, region, state }, { certificates: count })
    }
    if (!isAgent(role)) continue
    for (const [state, count] of countsOf(members, proofStateOf, proofStates)) {
      put({ role, region, state }, { agents: count })
    }
  }
  for (const one of watchedIn(schedule, grainOf(schedule, facts.grain))) {
    const { members } = one
    const at = (pick: (member: ScheduleEntry) => number | undefined): number | undefined =>
      seconds(earliestBy(members, pick))
    put(labelsOf(one), {
      certificate_not_before_timestamp_seconds: at(({ address }) => lifeOf(address)?.notBefore),
      certificate_not_after_timestamp_seconds: at(({ address }) => lifeOf(address)?.notAfter),
      certificate_effective_not_after_timestamp_seconds: at(({ notAfter }) => notAfter),
      // A person's is made when it is asked for.
      certificate_renewal_timestamp_seconds: at(({ onDemand, dueAt }) =>
        onDemand ? undefined : dueAt,
      ),
      agent_newest_loaded: loaded(members),
      agent_evidence_timestamp_seconds: at(
        ({ proof, selfRenewed }) => proof?.at ?? selfRenewed?.at,
      ),
    })
  }
  for (const { address, kind, orphan, notAfter, dueAt } of schedule.entries) {
    if (kind !== 'authority' || orphan) continue
    const labels = { address, authority: authorityNameOf(address) }
    put(labels, {
      authority_not_after_timestamp_seconds: seconds(notAfter),
      authority_rotate_by_timestamp_seconds: seconds(dueAt),
    })
  }
  for (const { authority, kind, at } of deadlines) {
    if (kind !== 'stage') continue
    put({ authority }, { rotation_stage_by_timestamp_seconds: seconds(at) })
  }
  for (const { rotation, gate } of rotations) {
    if (gate === undefined) continue
    const counts = { proven: gate.proven, held: gate.holds.length, excepted: gate.excepted.length }
    for (const [state, count] of Object.entries(counts)) {
      const { name, position } = rotation
      put({ authority: name, stage: position, state }, { rotation_agents: count })
    }
  }
  for (const { labels, notAfter } of besideSeries(facts)) {
    put(labels, { beside_certificate_not_after_timestamp_seconds: seconds(notAfter) })
  }
  const { beside = [] } = facts
  for (const block of new Set(beside.map((one) => one.block))) {
    const own = beside.filter((one) => one.block === block)
    for (const [state, count] of countsOf(own, (one) => besideState(one, schedule.at), besides)) {
      put({ block, state }, { beside_files: count })
    }
  }
  for (const [action, count] of countsOf(facts.steps, (one) => one.action, actions)) {
    put({ action }, { plan_steps: count })
  }
  for (const [severity, count] of countsOf(facts.findings, (one) => one.severity, severities)) {
    put({ severity }, { findings: count })
  }

  return [
    `${metricsMark}${cluster}\n`,
    ...Object.entries(families).flatMap(([family, help]) => {
      const texts = samples.get(family as Family)
      if (texts === undefined) return []
      const name = `${prefix}${family}`
      return [`# HELP ${name} ${help}\n# TYPE ${name} gauge\n${texts.join('\n')}\n`]
    }),
  ].join('')
}

const besides: Readonly<Record<BesideState, 0>> = {
  present: 0,
  missing: 0,
  invalid: 0,
  ended: 0,
  unseen: 0,
}

/** One for each agent and file, or the earliest of each region and block. */
function besideSeries({
  beside = [],
  schedule,
  grain,
}: MetricsFacts): readonly { labels: Labels; notAfter: number | undefined }[] {
  const dated = beside.filter(({ found }) => found?.notAfter !== undefined)
  const fine = grainOf(schedule, grain) === 'node'
  const groups = groupBy(dated, ({ address, region, block, key }) =>
    fine ? `${address}\n${block}\n${key}` : `config/${region}\n${block}\n${key}`,
  )
  return [...groups].map(([name, members]) => {
    const [address = '', block = '', key = ''] = name.split('\n')
    const labels = { address, block, key }
    return { labels, notAfter: earliestOf(members.map(({ found }) => found!.notAfter)) }
  })
}

const prefix = 'nomad_pki_'

/** How a file of metrics begins: nothing else is written over. */
export const metricsMark = '# nomad-pki status: metrics of the cluster '

function labelsOf({ address, role, region, node }: Watched): Labels {
  return { address, role, region, ...(node !== undefined && { node }) }
}

/** What is known of an agent; one that renews itself is judged by other words. */
function proofStateOf({ proof, selfRenewed }: ScheduleEntry): ProofState {
  if (proof !== undefined) return proof.state
  switch (selfRenewed?.state) {
    case undefined:
    case 'unknown':
      return 'unproven'
    case 'lagging':
    case 'foreign':
    case 'expired':
      return 'undelivered'
    default:
      return selfRenewed!.state
  }
}

/** 1 where each of them has its newest, 0 where one has not, nothing where that is not known of one. */
function loaded(members: readonly ScheduleEntry[]): number | undefined {
  let known: number | undefined
  let unknown = false
  for (const member of members) {
    const state = proofStateOf(member)
    if (state === 'unproven') unknown = true
    else if (state === 'proven') known = 1
    else if (state !== 'excepted') return 0
  }
  return unknown ? undefined : known
}

/** How many there are of each kind, with those of which there is none. */
function countsOf<Item, Kind extends string>(
  items: readonly Item[],
  kindOf: (item: Item) => Kind,
  none: Readonly<Record<Kind, 0>>,
): Iterable<readonly [Kind, number]> {
  const counts = new Map(Object.keys(none).map((kind) => [kind as Kind, 0]))
  for (const item of items) counts.set(kindOf(item), (counts.get(kindOf(item)) ?? 0) + 1)
  return counts
}

/** `common` is the label that all have, written. Joined to one flat text: each sample copies it. */
function labelsText(common: string, labels: Labels): string {
  const parts = ['{', common]
  for (const name of Object.keys(labels)) parts.push(',', name, '="', escaped(labels[name]!), '"')
  parts.push('}')
  return parts.join('')
}

function escaped(value: string): string {
  // Hardly any has one: of 10,000 nodes there are 60,000 values.
  if (!/[\\"\n]/.test(value)) return value
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
