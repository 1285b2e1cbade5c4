/**
 * What keeps "nothing is due" from being the whole answer: dates are kept, and something is not proven or not at its
 * end. Whatever makes that promise in one line asks here first.
 *
 * @module
 */

import { roleIn, shortOf } from '../address.js'
import type { Transport } from '../cluster/transport.js'
import type { Finding } from '../diagnostics.js'
import { neverSeen } from '../evidence/state-words.js'
import { isAgent } from '../nomad/roles.js'
import type { Schedule, ScheduleEntry } from '../plan/schedule.js'
import { transportPosition } from '../rotation/transport-stages.js'
import type { WatchedRotation } from './metrics.js'
import { count, thousands } from './style.js'
import { bringMachines } from './unplaced.js'

/** One of them. */
export interface Doubt {
  /** What follows "nothing is due, but". */
  readonly text: string
  /** The command that cures it, or shows what does; absent where a finding has none. */
  readonly remedy?: string | undefined
}

/** What they follow from. */
export interface DoubtFacts {
  readonly schedule: Schedule
  readonly findings: readonly Finding[]
  /** Those under way. Default: none. */
  readonly rotations?: readonly WatchedRotation[] | undefined
  /** What agents speak. Default: TLS alone. */
  readonly transport?: Transport | undefined
}

/** Whether nothing shows that an agent has what was made for it. */
export function isUnseen({ proof, selfRenewed }: ScheduleEntry): boolean {
  return selfRenewed === undefined && (proof === undefined || proof.state === 'unproven')
}

/** Agents of which nothing shows that they have what was made for them, and how many agents there are. */
function unprovenAgents({ entries }: Schedule): {
  readonly unproven: readonly ScheduleEntry[]
  readonly all: number
} {
  const agents = entries.filter(({ kind, address, orphan }) => {
    const role = kind === 'identity' && !orphan ? roleIn(address) : undefined
    return role !== undefined && isAgent(role)
  })
  return {
    unproven: agents.filter((one) => one.state !== 'missing' && isUnseen(one)),
    all: agents.length,
  }
}

/** Lists them, the one that explains the others first. */
export function doubtsIn(facts: DoubtFacts): readonly Doubt[] {
  const { findings, transport = 'tls', rotations = [] } = facts
  const warnings = findings.filter(({ severity }) => severity === 'warning')
  const [first] = warnings
  return [
    ...transportDoubt(transport),
    // While all speak plaintext no handshake shows anything: the stage before is the reason.
    ...(transport === 'plaintext' ? [] : sightDoubt(facts.schedule)),
    ...machineDoubt(facts.schedule),
    ...rotations.map(rotationDoubt),
    ...(first === undefined
      ? []
      : [
          {
            text: `there ${warnings.length === 1 ? 'is' : 'are'} ${count(warnings.length, 'warning')} (${first.address}: ${first.message})`,
            remedy: first.remedy ?? 'nomad-pki verify',
          },
        ]),
  ]
}

function transportDoubt(transport: Transport): readonly Doubt[] {
  if (transport === 'tls') return []
  const { stage, title } = transportPosition(transport)
  return [{ text: `TLS is at stage ${stage} (${title})`, remedy: 'nomad-pki rotate tls' }]
}

function sightDoubt(schedule: Schedule): readonly Doubt[] {
  const { unproven, all } = unprovenAgents(schedule)
  const { length } = unproven
  if (length === 0) return []
  if (schedule.asMade === true) {
    return [{ text: 'what was made is taken for delivered (--made)', remedy: 'nomad-pki status' }]
  }
  const who =
    length === all
      ? neverSeen
      : `${thousands(length)} of ${count(all, 'agent')} ${length === 1 ? 'was' : 'were'} never seen with a generation that was made for ${length === 1 ? 'it' : 'them'}`
  return [{ text: who, remedy: 'nomad-pki probe' }]
}

/** Machines whose files no receipt shows in their place. */
function machineDoubt({ entries }: Schedule): readonly Doubt[] {
  const machines = entries.filter(({ placed, orphan }) => placed !== undefined && !orphan)
  const unknown = machines.filter(({ placed }) => placed?.known === undefined)
  const [first] = unknown
  if (first === undefined) return []
  const who =
    unknown.length === 1
      ? `${shortOf(first.address)} has its files`
      : `${thousands(unknown.length)} of ${count(machines.length, 'machine')} have their files`
  return [{ text: `no receipt shows that ${who}`, remedy: bringMachines(unknown) }]
}

function rotationDoubt({ rotation: { name, stage }, gate }: WatchedRotation): Doubt {
  const where = stage === undefined ? '' : ` (stage ${stage})`
  const what =
    gate === undefined || gate.open
      ? 'its next stage can be taken'
      : `its next stage waits, ${thousands(gate.proven)} of ${count(gate.agents, 'agent')} proven`
  return {
    text: `the rotation of authority ${name} is not at its end${where}: ${what}`,
    remedy: `nomad-pki rotate authority ${name}`,
  }
}
