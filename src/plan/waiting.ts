/**
 * What waits for a key on another machine: roots, intermediates and cross-certificates that only it can
 * sign. A plan holds them and what needs them, and everything else goes on: an intermediate that has a
 * successor asked for signs until the answer is there.
 *
 * @module
 */

import { authorityAddress, generationOf, isOfAuthority } from '../address.js'
import type { Reason } from '../checks/reasons.js'
import { signerOf } from '../checks/key-place.js'
import type { Desired, DesiredAuthority, DesiredIssuer } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import { formatInstant } from '../duration.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { missingCrosses } from './missing-crosses.js'
import type { Step } from './plan.js'

/** A certificate that only a key on another machine can sign. */
export interface Waiting {
  /** What is to be made. */
  readonly kind: 'root' | 'intermediate' | 'cross'
  /** The authority that it is for. */
  readonly wanted: DesiredAuthority
  /** The authority whose key signs it: its address; a root's is its own. */
  readonly signer: string
}

/**
 * Finds among steps what waits.
 *
 * @param steps Of authorities.
 * @param now Epoch milliseconds.
 */
export function waitingIn(
  steps: readonly Step[],
  desired: Desired,
  inventory: Inventory,
  now: number,
): readonly Waiting[] {
  const waiting: Waiting[] = []
  for (const { address, action } of steps) {
    const wanted = desired.authorities.find((one) => one.address === address)
    if (wanted === undefined) continue
    if (action === 'create') {
      const signer = wanted.issuer?.address ?? address
      if (signerOf(signer, desired) !== 'offline') continue
      waiting.push({ kind: wanted.issuer === undefined ? 'root' : 'intermediate', wanted, signer })
    } else if (action === 'cross') {
      for (const by of missingCrosses(wanted, inventory, now)) {
        if (signerOf(by, desired) === 'offline') waiting.push({ kind: 'cross', wanted, signer: by })
      }
    }
  }
  return waiting
}

/** An error for each authority that waits: what it waits for, and what to do. */
export function waitingFindings(
  waiting: readonly Waiting[],
  { ledger }: Pick<Inventory, 'ledger'>,
): readonly Finding[] {
  const reason: Reason = 'signed-elsewhere'
  return waiting.map(({ wanted, kind, signer }): Finding => {
    const { address } = wanted
    const asked = askedFor(address, signer, ledger)
    const name = signer.slice('authority/'.length, signer.lastIndexOf('/'))
    // The key of one in an engine is made there before its certificate is asked for.
    const first =
      kind === 'intermediate' && wanted.signer === 'engine'
        ? `nomad-pki authority setup ${wanted.name}, which makes its key; then: `
        : ''
    const request = `${asked === undefined ? first : ''}nomad-pki authority request ${name} --out FILE`
    const what = kind === 'cross' ? `a cross-certificate by ${signer}` : 'its certificate'
    return {
      severity: 'error',
      address,
      reason,
      message: `${what} is signed on another machine, which has the key of ${signer}${asked === undefined ? '' : `; it was asked on ${formatInstant(asked.at)} (request SHA256:${asked.request.slice(0, 16)}…)`}`,
      remedy:
        asked === undefined
          ? request
          : `with the answer: nomad-pki authority accept ANSWER; to ask again: ${request}`,
    }
  })
}

/** The last time that a certificate was asked for. */
export function askedFor(
  address: string,
  signer: string,
  { events }: Inventory['ledger'],
): EventOf<'requested'> | undefined {
  return events.findLast(
    (event): event is EventOf<'requested'> =>
      event.event === 'requested' && event.address === address && event.issuer === signer,
  )
}

/** Where the key of an older generation is: with one in the store it is not in an engine. */
function placeOf(
  { key: { state } }: FoundAuthority,
  { signer }: DesiredAuthority,
): Partial<DesiredAuthority> {
  if (signer !== 'engine' || (state !== 'present' && state !== 'encrypted')) return {}
  return { signer: state === 'present' ? 'file' : 'encrypted', engine: undefined }
}

/**
 * Lets the newest generation that is there sign, while its successor waits to be set up in an engine, or, of an
 * intermediate, for the root's key on another machine.
 *
 * @param now Epoch milliseconds: one that has ended does not sign.
 */
export function signUntilAnswer(desired: Desired, inventory: Inventory, now: number): Desired {
  const instead = new Map<string, DesiredAuthority>()
  for (const wanted of desired.authorities) {
    const { issuer, address, name, generation } = wanted
    const inEngine = wanted.signer === 'engine' && (issuer !== undefined || wanted.signing)
    const waits = issuer !== undefined && isAway(issuer.address)
    if (!waits && !inEngine) continue
    if (inventory.authorities.get(address)?.certificate !== undefined) continue
    const older = [...inventory.authorities.values()]
      .filter(
        (one) =>
          isOfAuthority(one.address, name) &&
          one.generation < generation &&
          (one.certificate?.notAfter ?? 0) > now,
      )
      .sort((a, b) => b.generation - a.generation)[0]
    if (older === undefined) continue
    const listed = desired.authorities.find((one) => one.address === older.address)
    // A root that agents are not to trust any more does not sign again.
    if (issuer === undefined && listed === undefined) continue
    instead.set(address, {
      ...(listed ?? {
        ...wanted,
        address: authorityAddress(name, older.generation),
        generation: older.generation,
        ...placeOf(older, wanted),
      }),
      ...{ signing: true, crossed: false, crossedBy: [] },
    })
  }
  if (instead.size === 0) return desired
  const issuers = new Map<string, DesiredIssuer>(
    [...instead].map(([address, one]) => [
      address,
      { address: one.address, name: one.name, generation: generationOf(one.address) },
    ]),
  )
  const profiles = new Map<unknown, Desired['identities'][number]['profile']>()
  const olderOnes = new Set([...instead.values()].map(({ address }) => address))
  return {
    ...desired,
    authorities: desired.authorities.flatMap((one) => {
      const before = instead.get(one.address)
      if (before === undefined) return olderOnes.has(one.address) ? [] : [one]
      return [before, { ...one, signing: false, crossed: false, crossedBy: [] }]
    }),
    // Agents trust a root when it is there.
    bundles: desired.bundles.map((bundle) => ({
      ...bundle,
      trusted: bundle.trusted.filter((root) => !instead.has(root)),
    })),
    identities: desired.identities.map((identity) => {
      const { profile } = identity
      const issuer = issuers.get(profile.issuer.address)
      if (issuer === undefined) return identity
      const known = profiles.get(profile) ?? { ...profile, issuer }
      profiles.set(profile, known)
      return { ...identity, profile: known }
    }),
  }

  /** A root that signs on another machine, or is not set up in its engine. */
  function isAway(root: string): boolean {
    const signer = signerOf(root, desired)
    const isThere = inventory.authorities.get(root)?.certificate !== undefined
    return signer === 'offline' || (signer === 'engine' && !isThere)
  }
}
