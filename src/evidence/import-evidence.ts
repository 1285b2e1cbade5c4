/**
 * Evidence that comes as a file: what a probe saw on a bastion, the receipts of installers. It is checked
 * against the spec and the ledger, and becomes lines of the ledger. All that is wrong with it is
 * said at once, with line and path; a file with errors is not taken in part.
 *
 * The agent, generation and authorities of a leaf are not believed but found again from fingerprints
 * and names: the bastion may have had no store. An unknown leaf is recorded as unknown, because it must
 * hold the gate.
 *
 * @module
 */

import { isRegionName } from '../address.js'
import { didYouMean, type Diagnostic } from '../diagnostics.js'
import type { Inventory } from '../inventory/inventory.js'
import { ledgerEvents, type EventOf, type LedgerEvent } from '../inventory/ledger-events.js'
import { isAgent } from '../nomad/roles.js'
import type { Desired } from '../cluster/desired.js'
import { entryOf, faultsOf, type Entry } from './entry.js'
import { knowsAuthorities } from './entry-authorities.js'
import {
  clockSkew,
  counted,
  evidenceIn,
  fellSilent,
  membersIn,
  observed,
  type Observation,
  type SeenPort,
  type Silence,
  type SilentPort,
} from './evidence.js'
import { evidenceEvents, evidenceFormat } from './evidence-file.js'
import { generationsIn, type MadeGenerations } from './generations.js'
import { jsonLines, shown } from './json-lines.js'
import { parseNode } from './member-node.js'
import { withoutTwins } from './new-lines.js'
import { copyHint, receiptEvents } from './receipt-entry.js'
import { givenLeaf, notedLeaves } from './presented.js'
import { isAuthority, recogniser, type Recogniser } from './recognise.js'
import { keyOf } from './same-line.js'
import { withRecognised } from './unknown-members.js'

/** A file that was handed over. */
export interface GivenEvidence {
  /** As the user named it. */
  readonly file: string
  readonly text: string
}

/** What evidence is held against. */
export interface ImportFacts {
  readonly desired: Desired
  readonly inventory: Inventory
  /** Epoch milliseconds. */
  readonly now: number
}

/** What came of it. */
export interface ImportedEvidence {
  /** Lines for the ledger; none if there are errors. */
  readonly events: readonly LedgerEvent[]
  /** How many lines the ledger had already. */
  readonly before: number
  /** Agents that they speak of. */
  readonly addresses: readonly string[]
  /** The agent that each endpoint should be, as the files say. */
  readonly asked: ReadonlyMap<string, string>
  /** Ports that did not answer when it was gathered. */
  readonly unreachable: readonly SilentPort[]
  readonly diagnostics: readonly Diagnostic[]
}

/** How far apart two places may ask the same port, so that the one that can't reach it proves nothing, milliseconds. */
const reachLife = 3_600_000

/** Larger than the evidence of ten thousand agents, UTF-16 units. */
const sizeLimit = 32 * 1024 * 1024

/** So many problems of a file are told. */
const mostDiagnostics = 50

/**
 * Checks files of evidence and gives the ledger lines that they are worth.
 *
 * @param given The files, in any order; evidence and receipts may stand one after another in one file.
 * @param facts What is known here.
 */
export function importEvidence(
  given: readonly GivenEvidence[],
  facts: ImportFacts,
): ImportedEvidence {
  const importer = new Importer(facts)
  const diagnostics = given.flatMap(({ file, text }) => importer.take(file, text))
  const failed = diagnostics.some(({ severity }) => severity === 'error')
  return {
    events: failed ? [] : importer.events,
    before: importer.before,
    addresses: [...importer.addresses],
    asked: importer.asked,
    unreachable: importer.unreachable,
    diagnostics,
  }
}

class Importer {
  readonly events: LedgerEvent[] = []
  readonly addresses: Set<string> = new Set<string>()
  readonly asked: Map<string, string> = new Map<string, string>()
  readonly unreachable: SilentPort[] = []
  before = 0
  readonly #facts: ImportFacts
  readonly #known: Recogniser
  readonly #made: MadeGenerations
  /** Of the spec, or of the ledger. */
  readonly #agents: ReadonlySet<string>
  /** Of the spec. */
  readonly #wanted: ReadonlySet<string>
  /** Members that presented the leaf of one of them. */
  readonly #recognised = new Set<string>()
  /** Leaves that the ledger has, or a line before this one. */
  readonly #leaves: Set<string>
  readonly #lines = new Set<string>()
  /** What was seen at which endpoint, by the ledger and by the files so far. */
  readonly #sightings: Pick<Observation, 'endpoint' | 'rpc' | 'at'>[]

  constructor(facts: ImportFacts) {
    this.#facts = facts
    const { desired, inventory } = facts
    this.#known = recogniser(inventory)
    this.#made = generationsIn(inventory)
    const agents = desired.identities.filter(({ profile }) => isAgent(profile.role))
    this.#wanted = new Set(agents.map(({ address }) => address))
    this.#agents = new Set([...this.#wanted, ...this.#made.keys()])
    for (const event of inventory.ledger.events) this.#lines.add(keyOf(event))
    this.#leaves = new Set(notedLeaves(inventory.ledger))
    this.#sightings = [...evidenceIn(inventory.ledger, facts).observations]
  }

  take(file: string, text: string): readonly Diagnostic[] {
    const faults = faultsOf({ file, most: mostDiagnostics })
    if (text.length > sizeLimit) {
      faults.add({ line: 1, column: 1 }, 'evidence/too-large', 'it is larger than 32 MB')
      return faults.diagnostics
    }
    // What one probe saw is judged together: the lines after a first line.
    let probe: Entry[] | undefined
    for (const found of jsonLines(text.replace(/^\ufeff/, ' '))) {
      if (faults.isFull()) break
      if ('message' in found) {
        faults.add(found.position, 'evidence/syntax', found.message)
        break
      }
      const entry = entryOf(found, faults)
      if (!entry.has('event')) {
        const format = formatOf(entry)
        if (format === 'receipt') this.#receipt(entry)
        else if (format === 'evidence') {
          this.#probe(probe)
          probe = this.#isOurs(entry) ? [] : undefined
          this.#instant(entry, 'at')
        } else probe = undefined
      } else if (probe !== undefined) probe.push(entry)
      else if (faults.diagnostics.length === 0) {
        entry.fault(
          'event',
          'evidence/format',
          'the first line, which names format and cluster, is missing',
        )
      }
    }
    this.#probe(probe)
    return faults.diagnostics
  }

  /** What one probe saw. */
  #probe(entries: readonly Entry[] = []): void {
    const seen: SeenPort[] = []
    const members: EventOf<'members'>[] = []
    const silent: Silence[] = []
    for (const entry of entries) {
      switch (entry.fields(eventField)?.event) {
        case 'observed':
          seen.push(...(this.#observation(entry) ?? []))
          break
        case 'silent':
          silent.push(...(this.#silence(entry) ?? []))
          break
        case 'members':
          members.push(...(this.#members(entry) ?? []))
          break
        case undefined:
      }
    }
    for (const one of withoutTwins(seen)) this.#note(observed(one))
    for (const one of members) {
      this.#note(counted(withRecognised(membersIn(one), this.#recognised)))
    }
    for (const one of silent) if (!this.#wasReached(one)) this.#note(fellSilent(one))
  }

  #isOurs(entry: Entry): boolean {
    const { cluster } = this.#facts.desired
    const said = entry.fields(clusterField)?.cluster
    if (said === undefined || said === cluster) return said === cluster
    entry.fault('cluster', 'evidence/cluster', `it is about the cluster ${shown(said)}`, {
      expected: JSON.stringify(cluster),
    })
    return false
  }

  /** What another place reached at about that time is not silent. */
  #wasReached(one: Silence): boolean {
    return this.#sightings.some(
      ({ endpoint, at }) => endpoint === one.endpoint && Math.abs(at - one.at) <= reachLife,
    )
  }

  #silence(entry: Entry): readonly Silence[] | undefined {
    const address = this.#agent(entry, 'address')
    const when = this.#times(entry)
    const read = entry.fields(ledgerEvents.silent.fields)
    if (address === undefined || when === undefined || read === undefined) return undefined
    if (!isEndpoint(entry, read.endpoint)) return undefined
    if (!address.startsWith('member/')) this.addresses.add(address)
    const silence = { address, ...read, ...when }
    this.unreachable.push(silence)
    return [silence]
  }

  #observation(entry: Entry): readonly SeenPort[] | undefined {
    const { inventory } = this.#facts
    const asked = this.#agent(entry, entry.has('asked') ? 'asked' : 'address')
    const when = this.#times(entry)
    const read = entry.fields(ledgerEvents.observed.fields)
    if (asked === undefined || when === undefined || read === undefined) return undefined
    const { fingerprint, endpoint, rpc, generation: claimed, under, serial } = read
    const said: EventOf<'observed'> = { event: 'observed', address: asked, ...read, ...when }
    if (!isEndpoint(entry, endpoint) || !knowsAuthorities(said, entry, inventory)) return undefined
    if (under !== undefined && serial === undefined) {
      entry.fault('under', 'evidence/missing', 'serial is missing')
      return undefined
    }
    const leaf = this.#known.leaf(fingerprint)
    const given = givenLeaf(read.leaf, fingerprint, inventory)
    if (given === 'fault') {
      entry.fault('leaf', 'evidence/fingerprint', 'it is not a certificate with that fingerprint')
      return undefined
    }
    if (claimed !== null && leaf?.generations.some(({ number }) => number === claimed) !== true) {
      entry.fault(
        'fingerprint',
        'evidence/fingerprint',
        `the ledger has no generation ${claimed} with this leaf`,
        { hint: copyHint(asked) },
      )
      return undefined
    }
    const trusts = read.trusts && this.#trusts(read.trusts)
    const generation = this.#known.generation(fingerprint, trusts)
    const address = leaf?.address ?? asked
    if (!asked.startsWith('member/')) {
      this.addresses.add(asked)
      this.asked.set(endpoint, asked)
    } else if (leaf !== undefined && this.#wanted.has(address)) this.#recognised.add(asked)
    this.#sightings.push({ endpoint, rpc, at: when.at })
    const signed = leaf === undefined ? { under, serial } : { under: undefined, serial: undefined }
    const noted = leaf === undefined && signed.under === undefined ? given : undefined
    return [{ ...said, address, generation, trusts, asked, ...signed, leaf: noted }]
  }

  /** Addresses stay; names are looked up. In the order in which they were said. */
  #trusts(names: readonly string[]): readonly string[] {
    const found = names.flatMap((one) => (isAuthority(one) ? [one] : this.#known.trusts([one])))
    return [...new Set(found)]
  }

  #receipt(entry: Entry): void {
    // A node of another cluster may have an agent with the same name. Older receipts don't say it.
    if (entry.has('cluster') && !this.#isOurs(entry)) return
    const address = this.#agent(entry, 'address')
    const at = this.#instant(entry, 'at')
    if (address === undefined || at === undefined) return
    const facts = { inventory: this.#facts.inventory, made: this.#made, known: this.#known }
    const events = receiptEvents(entry, { address, at }, facts)
    if (events.length > 0) this.addresses.add(address)
    for (const event of events) this.#note(event)
  }

  #members(entry: Entry): readonly EventOf<'members'>[] | undefined {
    const at = this.#instant(entry, 'at')
    const read = entry.fields(ledgerEvents.members.fields)
    if (at === undefined || read === undefined) return undefined
    const { region, nodes = [] } = read
    // A region that the spec does not have is what gossip named: it holds gates.
    if (!isRegionName(region)) {
      entry.fault('region', 'evidence/address', `${shown(region)} is not the name of a region`)
      return undefined
    }
    const strange = nodes.find((one) => parseNode(one) === undefined)
    if (strange !== undefined) {
      entry.fault('nodes', 'evidence/value', `${shown(strange)} is not a member`)
      return undefined
    }
    return [{ event: 'members', address: 'cluster', at, ...read }]
  }

  /** The same line twice is one line. */
  #note(event: LedgerEvent): void {
    const key = keyOf(event)
    if (this.#lines.has(key)) {
      this.before += 1
      return
    }
    this.#lines.add(key)
    this.events.push(this.#onceOf(event))
  }

  /** A leaf is noted once. */
  #onceOf(event: LedgerEvent): LedgerEvent {
    if ((event.event !== 'observed' && event.event !== 'received') || event.leaf === undefined)
      return event
    const { leaf, ...rest } = event
    if (this.#leaves.has(event.fingerprint)) return rest
    this.#leaves.add(event.fingerprint)
    return { ...rest, leaf }
  }

  #agent(entry: Entry, key: 'address' | 'asked'): string | undefined {
    const address = entry.fields({ [key]: { type: 'address', text: 'an agent' } })?.[key]
    if (address === undefined || this.#agents.has(address)) return address
    const [, region = ''] = /^member\/([^/]+)\/[^/]+$/.exec(address) ?? []
    if (isRegionName(region)) return address
    const near = didYouMean(address, this.#agents)
    entry.fault(key, 'evidence/address', `unknown agent ${shown(address)}`, {
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    })
    return undefined
  }

  /** When a port was asked, and when its probe began. */
  #times(entry: Entry): { readonly at: number; readonly run: number | undefined } | undefined {
    const at = this.#instant(entry, 'at')
    const run = entry.has('run') ? this.#instant(entry, 'run') : undefined
    return at === undefined || (entry.has('run') && run === undefined) ? undefined : { at, run }
  }

  #instant(entry: Entry, key: 'at' | 'run'): number | undefined {
    const at = entry.fields({ [key]: { type: 'instant', text: 'when' } })?.[key]
    if (at === undefined || at <= this.#facts.now + clockSkew) return at
    const minutes = Math.round((at - this.#facts.now) / 60_000)
    const ahead = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`
    entry.fault(key, 'evidence/time', `its time is ${ahead} in the future`, {
      hint: 'the clock of that machine is wrong, or the one here',
    })
    return undefined
  }
}

const formatFields = {
  format: { type: 'text', text: 'what the object is' },
  version: { type: 'number', text: 'of the format' },
} as const
const clusterField = { cluster: { type: 'text', text: 'the cluster' } } as const
const eventField = {
  event: { type: 'text', text: 'what the line tells', words: evidenceEvents },
} as const

/** What an object says that it is; `undefined`, and a diagnostic, for what is not read here. */
function formatOf(entry: Entry): 'evidence' | 'receipt' | undefined {
  const read = entry.fields(formatFields)
  if (read === undefined) return undefined
  const { format, version } = read
  if (format !== evidenceFormat.format && format !== 'nomad-pki/receipt') {
    entry.fault('format', 'evidence/format', `its format is ${shown(format)}`, {
      expected: '"nomad-pki/evidence" or "nomad-pki/receipt"',
    })
    return undefined
  }
  const known = format === evidenceFormat.format ? evidenceFormat.version : 1
  if (version === known) return format === evidenceFormat.format ? 'evidence' : 'receipt'
  entry.fault('version', 'evidence/version', `its version is ${version}`, {
    expected: String(known),
    hint:
      version < known
        ? 'an earlier nomad-pki wrote it: probe again with this one'
        : 'a newer nomad-pki wrote it',
  })
  return undefined
}

/** Whether a text is like `10.0.0.11:4646`; else there is a diagnostic. */
function isEndpoint(entry: Entry, endpoint: string): boolean {
  if (/^(?:\[[0-9A-Fa-f:.%\w-]+\]|[\w.-]+):[0-9]{1,5}$/.test(endpoint)) return true
  entry.fault('endpoint', 'evidence/value', `${shown(endpoint)} is not a host and port`)
  return false
}
