/**
 * What another copy of this store made. Of a store that was copied, or restored from a backup while the
 * lost one had gone on, two have the same keys: each issues certificates that the other's ledger lacks.
 *
 * A handshake shows such a certificate, or the receipt of an installer has it. A number or a name in a
 * receipt proves nothing: only a chain does that one of our keys signed.
 *
 * Only an authority that this ledger made counts: its key was made here. For an authority that was put
 * in by hand, earlier signatures are unknown.
 *
 * @module
 */

import { isSignedUnder } from '../checks/issued-by.js'
import type { Finding } from '../diagnostics.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import { madeFingerprints } from '../inventory/ledger.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { isOverridden, type Override } from '../overrides.js'
import { sha256 } from '../sha256.js'
import { fingerprintOf, sameCertificate, type Certificate } from '../x509/certificate.js'
import { clockSkew, type SeenPort } from './evidence.js'

/** A certificate that an authority of this store signed, and that this ledger lacks. */
export interface CopyLeaf {
  /** The agent that was asked, or whose installer wrote a receipt. */
  readonly address: string
  /** `10.0.0.11:4646`; `null`: a receipt says it. */
  readonly endpoint: string | null
  /** The host that the receipt names; absent where it names none, and for what was seen. */
  readonly host?: string | undefined
  /** When it was seen last or put in place, epoch milliseconds. */
  readonly at: number
  /** SHA-256 of the leaf, hex. */
  readonly fingerprint: string
  /** Hex; absent where the line does not have it. */
  readonly serial?: string | undefined
  /** The authority whose key signed it, `authority/agent/1`. */
  readonly under: string
}

/** Certificates of another copy that are not accepted yet. */
export interface Copies {
  /** One of each certificate, in the order in which they were seen. */
  readonly leaves: readonly CopyLeaf[]
  /** When a certificate was accepted, epoch milliseconds, by its SHA-256. */
  readonly accepted: ReadonlyMap<string, number>
  /** Names exactly these certificates: the value of `--override copy=…`. Empty where there are none. */
  readonly state: string
}

/**
 * Finds the authority of this store whose key signed a chain that an agent presents.
 *
 * @param chain As presented, the leaf first. The leaf must have the common name of an agent.
 * @returns `authority/agent/1`; `undefined` where it is not an authority that this ledger made, or its
 *   key is not in this store.
 */
export function ownSignerOf(
  chain: readonly Certificate[],
  inventory: Inventory,
): string | undefined {
  const [leaf] = chain
  if (leaf === undefined || !hasRoleName(leaf)) return undefined
  const own = bornHere(inventory)
  const elsewhere = [...inventory.authorities.values()].filter(
    ({ certificate, key }) => certificate !== undefined && key.state === 'absent',
  )
  for (const [at, one] of chain.entries()) {
    // One of ours whose key is not here, as in an engine: others ask it too, such as nodes that renew themselves.
    if (elsewhere.some(({ certificate }) => sameCertificate(certificate!, one))) return undefined
    const found = own.find(({ certificate }) => isSignedUnder(one, certificate))
    if (found !== undefined) return found.address
    // What the other copy put between: an intermediate, or a new root that an old one certified.
    const above = chain[at + 1]
    if (above === undefined || above.basicConstraints?.ca !== true || !isSignedUnder(one, above))
      return undefined
  }
  return undefined
}

/** `server.REGION.nomad`, and nothing beside it: as every leaf of an agent that nomad-pki makes. */
function hasRoleName({ subject: { attributes } }: Certificate): boolean {
  const [name, ...more] = attributes
  return (
    name?.type === 'CN' && more.length === 0 && /^(server|client)\.[^\s]+\.nomad$/.test(name.value)
  )
}

type Born = FoundAuthority & { readonly certificate: Certificate }

/** Authorities that the ledger notes as made here and that have their key in this store. */
function bornHere({ authorities, ledger }: Inventory): readonly Born[] {
  const made = new Map<string, string>()
  for (const event of ledger.events) {
    if (event.event !== 'authority') continue
    // Another tool signed with the key of an adopted one, and its leaves are in use.
    if (event.adopted === true) made.delete(event.address)
    else made.set(event.address, event.fingerprint)
  }
  return [...authorities.values()].filter(
    (one): one is Born =>
      one.certificate !== undefined &&
      one.key.state === 'present' &&
      made.get(one.address) === fingerprintOf(one.certificate),
  )
}

/**
 * Finds certificates that another copy of this store made and that are not accepted yet. After
 * `--override copy=…` what was seen until then no longer counts.
 *
 * @param inventory The ledger says what was made and seen; a ledger that is broken says nothing.
 * @param options `now`: epoch milliseconds; `seen`: what a probe saw just now. Default: nothing.
 */
export function copiesIn(
  inventory: Inventory,
  { now, seen = [] }: { readonly now: number; readonly seen?: readonly SeenPort[] | undefined },
): Copies {
  const { ledger } = inventory
  const marked =
    seen.some(({ under }) => under !== undefined) ||
    ledger.events.some((event) => 'under' in event && event.under !== undefined)
  if (!marked || ledger.fault !== undefined) return { leaves: [], accepted: new Map(), state: '' }
  const isOurs = madeHere(inventory)
  const leaves = new Map<string, CopyLeaf>()
  const accepted = new Map<string, number>()
  const take = (leaf: CopyLeaf): void => {
    if (leaf.at > now + clockSkew || accepted.has(leaf.fingerprint) || isOurs(leaf.fingerprint)) {
      return
    }
    leaves.set(leaf.fingerprint, leaf)
  }
  for (const event of ledger.events) {
    if (event.event === 'observed' || event.event === 'received') {
      const leaf = leafIn(event)
      if (leaf !== undefined) take(leaf)
    } else if (event.event === 'override' && event.code === 'copy' && event.address === 'store') {
      for (const fingerprint of leaves.keys()) accepted.set(fingerprint, event.at)
      leaves.clear()
    }
  }
  for (const { asked, endpoint, at, fingerprint, serial, under } of seen) {
    if (under !== undefined) take({ address: asked, endpoint, at, fingerprint, serial, under })
  }
  return { leaves: [...leaves.values()], accepted, state: stateOf([...leaves.keys()]) }
}

/** Whether a leaf is of this store: by its ledger, or by what lies in it. */
function madeHere({ ledger, identities }: Inventory): (fingerprint: string) => boolean {
  const made = madeFingerprints(ledger)
  // A run that was killed may have left a generation whose line was cut off.
  const short = new Set<string>()
  for (const { generations } of identities.values()) {
    for (const name of generations) short.add(name.slice(name.indexOf('-') + 1))
  }
  return (fingerprint) => made.has(fingerprint) || short.has(fingerprint.slice(0, 8))
}

function leafIn(event: EventOf<'observed'> | EventOf<'received'>): CopyLeaf | undefined {
  const { address, at, fingerprint, serial, under } = event
  if (under === undefined) return undefined
  const say = { at, fingerprint, ...(serial !== undefined && { serial }), under }
  return event.event === 'received'
    ? { address, endpoint: null, ...(event.host !== null && { host: event.host }), ...say }
    : { address: event.asked ?? address, endpoint: event.endpoint, ...say }
}

/** The same certificates have the same name, in whatever order they were seen. */
function stateOf(fingerprints: readonly string[]): string {
  if (fingerprints.length === 0) return ''
  return sha256([...fingerprints].sort().join('\n')).slice(0, 16)
}

/** How many agents a finding names. */
const mostNamed = 3

/** What is wrong, in one sentence: lower case, no full stop. */
export function copiesText({ leaves }: Copies): string {
  const named = leaves
    .slice(0, mostNamed)
    .map(
      ({ address, endpoint, host, serial, fingerprint }) =>
        `${address} ${endpoint === null ? `by the receipt of ${host ?? 'its installer'}` : `at ${endpoint}`} (${serial === undefined ? `SHA-256 ${fingerprint.slice(0, 16)}…` : `serial ${serial}`})`,
    )
  const more = leaves.length > mostNamed ? ` and ${leaves.length - mostNamed} more` : ''
  const signers = [...new Set(leaves.map(({ under }) => under))].join(' and ')
  return `the ledger lacks certificates that ${signers} signed: ${named.join(', ')}${more}; another copy of this store made them, or another person has the key`
}

/** What to do about it. */
export function copiesRemedy({ state }: Copies): string {
  return `use only one copy. To continue with the other one, restore it here; to continue with this one: nomad-pki apply --override copy=${state} --reason TEXT (docs/store.md, "Back from a backup")`
}

/**
 * Gives the error that holds all issuing, until the operator says which copy goes on.
 *
 * @param options `now`: epoch milliseconds; `overrides`: `copy=STATE`.
 */
export function copyFindings(
  inventory: Inventory,
  options: { readonly now: number; readonly overrides?: readonly Override[] | undefined },
): readonly Finding[] {
  const copies = copiesIn(inventory, options)
  if (copies.leaves.length === 0) return []
  if (isOverridden(options.overrides ?? [], 'copy', copies.state)) return []
  return [
    {
      severity: 'error',
      address: 'store',
      reason: 'copied',
      message: copiesText(copies),
      remedy: copiesRemedy(copies),
    },
  ]
}
