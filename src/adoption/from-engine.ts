/**
 * Certificates that an engine gave out, against the spec and the store: whose each is, and what the store takes of it.
 * A store that was lost, or a second one, learns so what lives.
 *
 * One certificate of an identity becomes its generation, without its key: the one that its agent was seen with, else,
 * where the store has none, the one that begins last. Of the others the ledger keeps the line `found`.
 *
 * @module
 */

import { parseIdentity } from '../address.js'
import type { Desired, DesiredIdentity } from '../cluster/desired.js'
import type { FoundIdentity, Inventory } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { leafFacts } from '../inventory/manifest.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import { keyDigestOf, revocationsIn } from '../inventory/revoked.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { AdoptedIdentity } from './adopted.js'
import type { LeftOut } from './materials.js'
import { nameLeaf, type Named } from './roles.js'

/** A certificate of the engine, signed by an authority of the store. */
export interface EngineLeaf {
  /** `pki/nomad/cert/17:ab:…` */
  readonly place: string
  readonly certificate: Certificate
  /** The authority that signed it, `authority/us-west/1`. */
  readonly issuer: string
  /** Whether the engine says that it is revoked. */
  readonly revoked: boolean
}

/** What a store takes of an engine. */
export interface FromEngine {
  /** Without their keys. */
  readonly identities: readonly AdoptedIdentity[]
  readonly events: readonly (EventOf<'found'> | EventOf<'revoked'>)[]
  readonly leftOut: readonly LeftOut[]
}

/**
 * Finds out whose each certificate is.
 *
 * @param desired What the spec names.
 * @param inventory What the store has; its ledger says what agents were seen with.
 * @param leaves Certificates that have not ended, each once.
 * @param now Epoch milliseconds.
 */
export function fromEngine(
  desired: Pick<Desired, 'identities'>,
  inventory: Pick<Inventory, 'identities' | 'ledger'>,
  leaves: readonly EngineLeaf[],
  now: number,
): FromEngine {
  const { ledger } = inventory
  const owners = ownersIn(desired, inventory)
  const { byFingerprint } = revocationsIn(ledger)
  const unfinished = unfinishedIn(inventory)
  const made = new Map<string, number>()
  const found = new Set<string>()
  for (const line of ledger.events) {
    if (line.event === 'found') found.add(line.fingerprint)
    if (line.event !== 'issued' && line.event !== 'adopted') continue
    made.set(line.address, Math.max(made.get(line.address) ?? 0, line.generation))
  }
  const events: (EventOf<'found'> | EventOf<'revoked'>)[] = []
  const leftOut: LeftOut[] = []
  const living = new Map<string, EngineLeaf[]>()
  for (const one of leaves) {
    const { place, certificate, issuer, revoked } = one
    const owner = owners.of(certificate)
    const address = owner.address ?? issuer
    const fingerprint = fingerprintOf(certificate)
    if (revoked && !byFingerprint.has(fingerprint)) {
      const { serial, notAfter } = certificate
      const key = keyDigestOf(certificate)
      events.push({
        event: 'revoked',
        address,
        at: now,
        serial,
        issuer,
        fingerprint,
        notAfter,
        key,
      })
    }
    if (revoked || byFingerprint.has(fingerprint)) continue
    if (owner.address === undefined) {
      if (!found.has(fingerprint)) events.push(foundLine(address, one, now))
      leftOut.push({ kind: 'left-out', place, ...owner.fault })
    } else {
      const own = living.get(owner.address)
      if (own === undefined) living.set(owner.address, [one])
      else own.push(one)
    }
  }
  const identities: AdoptedIdentity[] = []
  const wanted = new Map(desired.identities.map((one) => [one.address, one]))
  for (const [address, own] of living) {
    own.sort((a, b) => a.certificate.notBefore - b.certificate.notBefore)
    const present = inventory.identities.get(address)
    const current = present?.current?.chain[0]
    const seen = owners.seenAt(address)
    const shown = own.find(({ certificate }) => fingerprintOf(certificate) === seen)
    const chosen = shown ?? (current === undefined ? own.at(-1) : undefined)
    if (chosen !== undefined) {
      const generation =
        unfinished.get(fingerprintOf(chosen.certificate)) ??
        Math.max(made.get(address) ?? 0, newestNumber(present)) + 1
      identities.push(
        identityOf(wanted.get(address)!, chosen, { generation, current, isSeen: chosen === shown }),
      )
    }
    for (const one of own) {
      if (one === chosen || found.has(fingerprintOf(one.certificate))) continue
      events.push(foundLine(address, one, now))
      if (chosen !== undefined) continue
      leftOut.push({
        kind: 'left-out',
        place: one.place,
        code: 'adoption/replaced',
        message: `${address} has a certificate of this store, and its agent was not seen with this one`,
        hint: 'if it is in use: nomad-pki probe, then adopt again; if another store made it for the same node, use one of them alone for the node',
      })
    }
  }
  return { identities, events, leftOut }
}

/**
 * Finds what an earlier run noted as a generation and was killed before it wrote.
 *
 * @returns Its number, by the fingerprint.
 */
export function unfinishedIn({
  identities,
  ledger,
}: Pick<Inventory, 'identities' | 'ledger'>): ReadonlyMap<string, number> {
  const unfinished = new Map<string, number>()
  for (const line of ledger.events) {
    if (line.event !== 'adopted') continue
    // Older ones than those that are there were there, too.
    if (line.generation <= newestNumber(identities.get(line.address))) continue
    unfinished.set(line.fingerprint, line.generation)
  }
  return unfinished
}

function newestNumber(found: Pick<FoundIdentity, 'generations'> | undefined): number {
  const numbers = found?.generations.map((name) => parseGenerationName(name)?.number ?? 0) ?? []
  return Math.max(0, ...numbers)
}

function foundLine(
  address: string,
  { certificate, issuer }: EngineLeaf,
  at: number,
): EventOf<'found'> {
  return { event: 'found', address, at, ...leafFacts(certificate), issuer }
}

function identityOf(
  { address, name, profile }: DesiredIdentity,
  { place, certificate, issuer }: EngineLeaf,
  {
    generation,
    current,
    isSeen,
  }: {
    readonly generation: number
    readonly current: Certificate | undefined
    readonly isSeen: boolean
  },
): AdoptedIdentity {
  const { role, region, keyHeld } = profile
  const named = nameLeaf(certificate)
  const { names, ips } = typeof named === 'string' ? { names: [], ips: [] } : named
  return {
    ...{ address, role, region, name, generation, names, ips, issuer },
    ...(current !== undefined && { replaces: fingerprintOf(current) }),
    leaf: certificate,
    // That a node should hold its key does not say that it holds this one; a handshake with it does.
    held: keyHeld === 'node' && isSeen ? 'node' : 'elsewhere',
    places: [place],
    notes: [
      isSeen
        ? 'its agent was seen with it; its key is not in the engine and not here'
        : 'its key is not in the engine and not here; no agent was seen with it',
    ],
  }
}

type Owner =
  | { readonly address: string }
  | { readonly address?: undefined; readonly fault: Pick<LeftOut, 'code' | 'message' | 'hint'> }

interface Owners {
  readonly of: (certificate: Certificate) => Owner
  /** The fingerprint of what an agent presented last. */
  readonly seenAt: (address: string) => string | undefined
}

/** Whose a certificate is: the agent's that was seen with it, else the one that has its names. */
function ownersIn(
  { identities }: Pick<Desired, 'identities'>,
  { ledger }: Pick<Inventory, 'ledger'>,
): Owners {
  const exact = new Map<string, string[]>()
  const byName = new Map<string, Set<string>>()
  const addresses = new Set<string>()
  for (const { address, name, profile, names, ips, uris } of identities) {
    const { role, region } = profile
    addresses.add(address)
    const holder = uris.length > 0 ? name : undefined
    // A machine's certificate does not say its region.
    const said = role === 'machine' ? undefined : region
    push(exact, namesKey({ role, region: said, names, ips, holder }), address)
    for (const one of [...names, ...ips]) {
      const key = `${role} ${region} ${one}`
      byName.set(key, (byName.get(key) ?? new Set()).add(address))
    }
  }
  const last = new Map<string, string>()
  const presented = new Map<string, string>()
  for (const line of ledger.events) {
    if (line.event !== 'observed') continue
    const asked = line.asked ?? line.address
    if (!addresses.has(asked)) continue
    last.set(asked, line.fingerprint)
    presented.set(line.fingerprint, asked)
  }
  return {
    seenAt: (address) => last.get(address),
    of(certificate) {
      const named = nameLeaf(certificate)
      if (typeof named === 'string') {
        return fault(
          'adoption/role-name',
          named,
          'a role of the mount gives out other names than those of agents: is the mount used for something else, too?',
        )
      }
      const seen = presented.get(fingerprintOf(certificate))
      if (seen !== undefined && isOfKind(seen, named)) return { address: seen }
      const same = exact.get(namesKey(named)) ?? []
      const near = new Set(
        [...named.names, ...named.ips].flatMap((one) => [
          ...(byName.get(`${named.role} ${named.region ?? ''} ${one}`) ?? []),
        ]),
      )
      const found = same.length > 0 ? same : [...near]
      const [first, ...more] = found
      if (first !== undefined && more.length === 0) return { address: first }
      const words = wordsOf(named)
      if (first === undefined) {
        return fault(
          'adoption/agent',
          `the spec has no ${words}`,
          'add it to the spec and adopt again; if nobody has it: nomad-pki revoke --serial SERIAL --authority NAME',
        )
      }
      return fault(
        'adoption/agent',
        `${found.length} identities of the spec have its names (${words}; ${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''})`,
        'where an agent uses it: nomad-pki probe, then adopt again; a name of its own for each node tells them apart',
      )
    },
  }
}

function fault(code: LeftOut['code'], message: string, hint: string): Owner {
  return { fault: { code, message, hint } }
}

function isOfKind(address: string, named: Named): boolean {
  const { role, region } = parseIdentity(address)
  return role === named.role && region === (named.region ?? region)
}

function wordsOf({ role, region, names, ips, holder }: Named): string {
  const own = [...names, ...ips, ...(holder === undefined ? [] : [holder])].slice(0, 3).join(', ')
  return `${role} of ${region ?? 'any region'} ${own === '' ? 'without a name of its own' : `called ${own}`}`
}

/** What identities of one kind with the same names share. */
export function namesKey({
  role,
  region,
  names,
  ips,
  holder,
}: Pick<Named, 'role' | 'region' | 'names' | 'ips' | 'holder'>): string {
  const own = [...names, ...ips].map((one) => one.toLowerCase()).sort()
  return [role, region, holder ?? '', ...own].join(' ')
}

function push(map: Map<string, string[]>, key: string, value: string): void {
  const own = map.get(key)
  if (own === undefined) map.set(key, [value])
  else own.push(value)
}
