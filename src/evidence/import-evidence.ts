/**
 * Evidence that comes as a file (what a probe saw on a bastion, the receipts of installers), checked
 * against the spec and the ledger, and turned into lines of the ledger. All that is wrong with it is
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
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { isAgent } from '../nomad/roles.js'
import type { Desired } from '../cluster/desired.js'
import {
  clockSkew,
  counted,
  evidenceIn,
  fellSilent,
  observed,
  type Observation,
  type SeenPort,
  type Silence,
  type SilentPort,
} from './evidence.js'
import { evidenceReader, type Entry } from './evidence-reader.js'
import { generationsIn, type MadeGenerations } from './generations.js'
import { readJsonText, shown } from './json-text.js'
import { withoutTwins } from './new-lines.js'
import { keyOf } from './same-line.js'
import { nameless, rootsIn, signerIn } from './entry-authorities.js'
import { digestIn, endpointIn } from './entry-texts.js'
import { readNode } from './member-node.js'
import { copyHint, receiptEvents } from './receipt-entry.js'
import { isAuthority, recogniser, type Recogniser } from './recognise.js'
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
 * @param given The files, in any order; each holds one document, or several one after another.
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
    this.#sightings = [...evidenceIn(inventory.ledger, facts).observations]
  }

  take(file: string, text: string): readonly Diagnostic[] {
    const reader = evidenceReader(text, { file, most: mostDiagnostics })
    if (text.length > sizeLimit) {
      reader.fault(0, 'evidence/too-large', 'it is larger than 32 MB')
      return reader.diagnostics
    }
    const { documents, fault } = readJsonText(text.replace(/^\ufeff/, ' '))
    if (fault !== undefined) reader.fault(fault.at, 'evidence/syntax', fault.message)
    for (const [index, node] of documents.entries()) {
      const document = reader.entry(node, documents.length > 1 ? `[${index}]` : '')
      if (document === undefined) continue
      const format = document.text('format')
      const version = document.number('version')
      if (format === undefined || version === undefined) continue
      if (format !== 'nomad-pki/evidence' && format !== 'nomad-pki/receipt') {
        document.fault('format', 'evidence/format', `its format is ${shown(format)}`, {
          expected: '"nomad-pki/evidence" or "nomad-pki/receipt"',
        })
      } else if (version !== 1) {
        document.fault('version', 'evidence/version', `its version is ${version}`, {
          expected: '1',
          hint: 'a newer nomad-pki wrote it',
        })
      } else if (format === 'nomad-pki/receipt') this.#receipt(document)
      else this.#evidence(document)
    }
    return reader.diagnostics
  }

  #evidence(document: Entry): void {
    if (!this.#isOurs(document)) return
    const written = this.#instant(document)
    const run = document.has('run') ? this.#instant(document, 'run') : undefined
    const seen = document
      .entries('observations')
      .flatMap((one) => this.#observation(one, run) ?? [])
    for (const one of withoutTwins(seen)) this.#note(observed(one))
    for (const entry of document.entries('receipts')) this.#receipt(entry)
    for (const entry of document.entries('members')) this.#members(entry)
    for (const entry of document.entries('unreachable')) {
      const address = this.#agent(entry)
      const endpoint = endpointIn(entry)
      const message = entry.text('message', { most: 1000 })
      if (address === undefined || endpoint === undefined || message === undefined) continue
      if (!address.startsWith('member/')) this.addresses.add(address)
      const rpc = entry.has('rpc') ? entry.boolean('rpc') : this.#isRpc(endpoint)
      if (rpc === undefined) continue
      this.unreachable.push({ address, endpoint, rpc, message })
      const at = run ?? written
      if (at !== undefined) this.#silence({ address, endpoint, rpc, message, at, run })
    }
  }

  #isOurs(entry: Entry): boolean {
    const { cluster } = this.#facts.desired
    const said = entry.text('cluster')
    if (said === undefined || said === cluster) return true
    entry.fault('cluster', 'evidence/cluster', `it is about the cluster ${shown(said)}`, {
      expected: JSON.stringify(cluster),
    })
    return false
  }

  /** Files of earlier versions do not say which port it was. */
  #isRpc(endpoint: string): boolean {
    return this.#sightings.some((one) => one.endpoint === endpoint && one.rpc)
  }

  /** What another place reached at about that time is not silent. */
  #silence(one: Silence): void {
    const reached = this.#sightings.some(
      ({ endpoint, at }) => endpoint === one.endpoint && Math.abs(at - one.at) <= reachLife,
    )
    if (!reached) this.#note(fellSilent(one))
  }

  #observation(entry: Entry, run: number | undefined): SeenPort | undefined {
    const { inventory } = this.#facts
    const asked = this.#agent(entry)
    const at = this.#instant(entry)
    const endpoint = endpointIn(entry)
    const rpc = entry.boolean('rpc')
    const fingerprint = digestIn(entry, 'fingerprint')
    const claimed = entry.nullable('generation', () => entry.number('generation'))
    const names = entry.nullable('trusts', () => entry.texts('trusts'))
    const issuers = entry.has('issuers') ? entry.texts('issuers') : []
    const accepts = rootsIn(entry, 'accepts', inventory)
    const refuses = rootsIn(entry, 'refuses', inventory)
    const signed = signerIn(entry, inventory)
    if (
      asked === undefined ||
      at === undefined ||
      endpoint === undefined ||
      rpc === undefined ||
      fingerprint === undefined ||
      claimed === undefined ||
      names === undefined ||
      issuers === undefined ||
      accepts === undefined ||
      refuses === undefined ||
      signed === undefined
    ) {
      return undefined
    }
    for (const name of names ?? []) {
      if (!isAuthority(name) || inventory.authorities.has(name)) continue
      nameless(entry, 'trusts', name, inventory)
      return undefined
    }
    const leaf = this.#known.leaf(fingerprint)
    if (claimed !== null && leaf?.generations.some(({ number }) => number === claimed) !== true) {
      entry.fault(
        'fingerprint',
        'evidence/fingerprint',
        `the ledger has no generation ${claimed} with this leaf`,
        { hint: copyHint(asked) },
      )
      return undefined
    }
    const trusts = names && this.#trusts(names)
    const generation = this.#known.generation(fingerprint, trusts)
    const address = leaf?.address ?? asked
    if (!asked.startsWith('member/')) {
      this.addresses.add(asked)
      this.asked.set(endpoint, asked)
    } else if (leaf !== undefined && this.#wanted.has(address)) this.#recognised.add(asked)
    this.#sightings.push({ endpoint, rpc, at })
    return {
      ...{ address, at, generation, fingerprint, endpoint, rpc, trusts, issuers, asked, run },
      ...{ accepts, refuses },
      ...(leaf === undefined && signed),
    }
  }

  /** Addresses stay; names are looked up. In the order in which they were said. */
  #trusts(names: readonly string[]): readonly string[] {
    const found = names.flatMap((one) => (isAuthority(one) ? [one] : this.#known.trusts([one])))
    return [...new Set(found)]
  }

  #receipt(entry: Entry): void {
    // A node of another cluster may have an agent with the same name. Older receipts don't say it.
    if (entry.has('cluster') && !this.#isOurs(entry)) return
    const address = this.#agent(entry)
    const at = this.#instant(entry)
    if (address === undefined || at === undefined) return
    const facts = { inventory: this.#facts.inventory, made: this.#made, known: this.#known }
    const events = receiptEvents(entry, { address, at }, facts)
    if (events.length > 0) this.addresses.add(address)
    for (const event of events) this.#note(event)
  }

  #members(entry: Entry): void {
    const region = entry.text('region')
    const at = this.#instant(entry)
    const servers = entry.texts('servers')
    const clients = entry.texts('clients')
    const gone = entry.has('gone') ? entry.texts('gone') : []
    const leader = entry.has('leader') ? entry.text('leader') : null
    const known = entry.has('known') ? entry.texts('known') : []
    const incomplete = entry.has('incomplete') ? entry.text('incomplete', { most: 1000 }) : null
    const skew = entry.has('skew') ? entry.integer('skew') : null
    // A region that the spec does not have is what gossip named: it holds gates.
    if (region !== undefined && !isRegionName(region)) {
      entry.fault('region', 'evidence/address', `${shown(region)} is not the name of a region`)
      return
    }
    const nodes = entry.entries('nodes').flatMap((one) => readNode(one) ?? [])
    if (
      region === undefined ||
      at === undefined ||
      servers === undefined ||
      clients === undefined ||
      gone === undefined ||
      leader === undefined ||
      known === undefined ||
      incomplete === undefined ||
      skew === undefined
    ) {
      return
    }
    const more = {
      ...(leader !== null && { leader }),
      ...(incomplete !== null && { incomplete }),
      ...(skew !== null && { skew }),
      ...(nodes.length > 0 && { nodes }),
    }
    const members = { region, at, servers, clients, gone, known, ...more }
    this.#note(counted(withRecognised(members, this.#recognised)))
  }

  /** The same line twice is one line. */
  #note(event: LedgerEvent): void {
    const key = keyOf(event)
    if (this.#lines.has(key)) {
      this.before += 1
      return
    }
    this.#lines.add(key)
    this.events.push(event)
  }

  #agent(entry: Entry): string | undefined {
    const address = entry.text('address')
    if (address === undefined || this.#agents.has(address)) return address
    const [, region = ''] = /^member\/([^/]+)\/[^/]+$/.exec(address) ?? []
    if (isRegionName(region)) return address
    const near = didYouMean(address, this.#agents)
    entry.fault('address', 'evidence/address', `no agent is called ${shown(address)}`, {
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    })
    return undefined
  }

  #instant(entry: Entry, key = 'at'): number | undefined {
    const at = entry.number(key)
    if (at === undefined || at <= this.#facts.now + clockSkew) return at
    const minutes = Math.round((at - this.#facts.now) / 60_000)
    const ahead = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`
    entry.fault(key, 'evidence/time', `it is from ${ahead} in the future`, {
      hint: 'the clock of that machine is wrong, or the one here',
    })
    return undefined
  }
}
