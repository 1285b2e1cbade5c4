/**
 * What `probe` offers to agents to see whether they trust a root: a probe leaf under it, made where its
 * key is at hand and kept in the store; else an operator's own certificate under it that still lives.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { isAgent } from '../nomad/roles.js'
import { issue } from '../authority/issue.js'
import type { Issuer } from '../authority/issuer.js'
import { prepareProbe } from '../authority/prepare.js'
import { latin1Of } from '../bytes.js'
import { formatInstant } from '../duration.js'
import { isNomadPkiError } from '../errors.js'
import { closedRoots } from '../evidence/closed.js'
import { evidenceIn } from '../evidence/evidence.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import type { Ledger } from '../inventory/ledger.js'
import type { Store } from '../inventory/store.js'
import { storeIssuers } from '../issuers/store-issuers.js'
import { throwawayIssuer } from '../issuers/throwaway.js'
import { generateKey } from '../keys/generate.js'
import { encodePrivateKey } from '../keys/private-key.js'
import { samePublicKey } from '../keys/public-key.js'
import type { OfferedLeaf } from '../probe/offer.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { encodeCertificate, parseCertificates } from '../x509/certificates.js'
import { isSignedBy } from '../x509/signature.js'
import type { Context } from './context.js'
import { underLock } from './under-lock.js'
import type { Workspace } from './workspace.js'

/** What can be offered. */
export interface ProbeLeaves {
  /** By the root's address. */
  readonly leaves: ReadonlyMap<string, OfferedLeaf>
  /** Why nothing can be offered under a root: one sentence each, lower case, no full stop. */
  readonly missing: ReadonlyMap<string, string>
}

/** A leaf that ends sooner is made anew, milliseconds: agents' clocks differ. */
const margin = 3_600_000

/**
 * Finds a leaf under each of these roots.
 *
 * @param roots Addresses of authorities' generations.
 * @param options `keep`: whether one may be made, which is kept in the store.
 */
export async function probeLeaves(
  roots: readonly string[],
  workspace: Workspace,
  inventory: Inventory,
  context: Context,
  { keep }: { readonly keep: boolean },
): Promise<ProbeLeaves> {
  const leaves = new Map<string, OfferedLeaf>()
  const missing = new Map<string, string>()
  const { compromised } = evidenceIn(inventory.ledger, { now: context.now() })
  for (const root of roots) {
    const authority = inventory.authorities.get(root)
    const leaf =
      (await keptLeaf(root, workspace.store, context.now())) ??
      (keep && authority !== undefined
        ? await keepProbeLeaf(authority, workspace.store, inventory.ledger, context)
        : undefined) ??
      (authority && (await operatorsLeaf(authority, workspace, inventory, context.now())))
    if (leaf !== undefined) leaves.set(root, leaf)
    else {
      const { closed } = compromised.find(({ address }) => address === root) ?? {}
      missing.set(
        root,
        closed === undefined
          ? 'this command cannot use its key, and no probe leaf or operator under it has a valid certificate'
          : `its probe leaf was removed on ${formatInstant(closed)}, when every agent refused it`,
      )
    }
  }
  return { leaves, missing }
}

/**
 * Makes a probe leaf under a root and keeps it in the store. A rotation of a compromised root calls it
 * before the root is marked: afterwards nothing is signed with it.
 *
 * @returns `undefined` where the key is not at hand, the root is marked compromised or has ended, or
 *   there is no store.
 * @throws {NomadPkiError} as `prepareProbe`, `issue` and the store
 */
export async function keepProbeLeaf(
  { address, name, generation, certificate, key }: FoundAuthority,
  store: Store,
  ledger: Ledger,
  context: Pick<Context, 'now'>,
): Promise<OfferedLeaf | undefined> {
  const now = context.now()
  if (certificate === undefined || key.state !== 'present' || certificate.notAfter <= now + margin)
    return undefined
  const { compromised } = evidenceIn(ledger, { now })
  if (compromised.some((one) => one.address === address)) return undefined
  const issuer = await storeIssuers(store).open({ name, generation, path: [certificate] })
  const leaf = await makeLeaf(issuer, now)
  const [made] = parseCertificates(leaf.cert)
  await underLock(store, 'probe', async () => {
    const batch = store.batch()
    batch.putProbe(name, generation, leaf.key + leaf.cert)
    batch.record({
      event: 'probe',
      ...{ address, at: now, serial: made!.serial },
      ...{ fingerprint: fingerprintOf(made!), notAfter: made!.notAfter },
    })
    await batch.commit()
  })
  return leaf
}

/**
 * Removes probe leaves that have ended: the keys of certificates that nobody takes.
 *
 * @param ledger Says when each ends.
 * @param now Epoch milliseconds.
 */
export async function dropEndedLeaves(store: Store, ledger: Ledger, now: number): Promise<void> {
  const ends = new Map<string, number>()
  for (const event of ledger.events) {
    if (event.event === 'probe') ends.set(event.address, event.notAfter)
  }
  const ended: (readonly [name: string, generation: number, address: string])[] = []
  for (const [address, notAfter] of ends) {
    const [name, generation] = [authorityNameOf(address), generationOf(address)]
    if (notAfter > now || (await store.readProbe(name, generation)) === undefined) continue
    ended.push([name, generation, address])
  }
  if (ended.length === 0) return
  await underLock(store, 'probe', async () => {
    const batch = store.batch()
    for (const [name, generation, address] of ended) {
      batch.removeProbe(name, generation)
      batch.record({ event: 'probe-ended', address, at: now })
    }
    await batch.commit()
  })
}

/**
 * Removes the probe leaves of compromised roots whose gate has closed, and notes that it has: from then on
 * a root's name tells whether an agent that comes back from an old image trusts it.
 *
 * @param now Epoch milliseconds.
 */
export async function dropSpentLeaves(
  { store, desired }: Workspace,
  inventory: Inventory,
  now: number,
): Promise<void> {
  const closed = closedRoots(desired, inventory, { now })
  if (closed.length === 0) return
  await underLock(store, 'probe', async () => {
    const batch = store.batch()
    for (const address of closed) {
      const [name, generation] = [authorityNameOf(address), generationOf(address)]
      if ((await store.readProbe(name, generation)) !== undefined)
        batch.removeProbe(name, generation)
      batch.record({ event: 'probe-ended', address, at: now, gate: 'closed' })
    }
    await batch.commit()
  })
}

/** A leaf of the same form that nobody trusts: its root's key is gone when this returns. */
export async function controlLeaf(now: number): Promise<OfferedLeaf> {
  const request = { subject: { commonName: 'nomad-pki probe control' }, lifetime: 86_400_000 }
  return makeLeaf(await throwawayIssuer(request, { now }), now)
}

async function makeLeaf(issuer: Issuer, now: number): Promise<OfferedLeaf> {
  const key = await generateKey('ecdsa-p256')
  const { chain } = await issue(prepareProbe(key.publicKey, issuer, { now }))
  return { cert: chain.map(encodeCertificate).join(''), key: encodePrivateKey(key) }
}

async function keptLeaf(root: string, store: Store, now: number): Promise<OfferedLeaf | undefined> {
  const bytes = await store.readProbe(authorityNameOf(root), generationOf(root))
  if (bytes === undefined) return undefined
  const text = latin1Of(bytes)
  const at = text.indexOf('-----BEGIN CERTIFICATE-----')
  if (at === -1) return undefined
  try {
    const [leaf] = parseCertificates(text.slice(at))
    if (leaf === undefined || !lives(leaf, now)) return undefined
  } catch (error) {
    // A damaged one is made anew, where it can be.
    if (!isNomadPkiError(error)) throw error
    return undefined
  }
  return { key: text.slice(0, at), cert: text.slice(at) }
}

async function operatorsLeaf(
  { certificate, name: root }: FoundAuthority,
  { desired, store }: Workspace,
  { authorities }: Pick<Inventory, 'authorities'>,
  now: number,
): Promise<OfferedLeaf | undefined> {
  if (certificate === undefined) return undefined
  const roots = [...authorities.values()].flatMap((one) =>
    one.name === root && one.certificate !== undefined ? [one.certificate.publicKey] : [],
  )
  for (const { name, profile } of desired.identities) {
    if (isAgent(profile.role)) continue
    const { role, region } = profile
    for (const { cert, key } of await store.readGenerations({ role, region, name })) {
      if (cert === undefined || key === undefined) continue
      try {
        const chain = parseCertificates(latin1Of(cert.bytes))
        const [leaf, above] = [chain[0], chain.at(-1)]
        if (leaf === undefined || above === undefined || !lives(leaf, now)) continue
        // Straight under the root or under an intermediate: no cross-certificate behind it is what is taken.
        if (chain.length > 2 || roots.some((one) => samePublicKey(one, above.publicKey))) continue
        if (!isSignedBy(above, certificate.publicKey)) continue
        return { cert: latin1Of(cert.bytes), key: latin1Of(key.bytes) }
      } catch (error) {
        if (!isNomadPkiError(error)) throw error
      }
    }
  }
  return undefined
}

function lives({ notBefore, notAfter }: Certificate, now: number): boolean {
  return notBefore <= now && now < notAfter - margin
}
