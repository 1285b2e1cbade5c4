/**
 * Puts what was adopted into a store. Each part is made once, so that the same command goes on where an
 * interrupted one stopped: authorities, then the ledger's lines, then the files of identities. A file
 * without its line would pass for one that this program made.
 *
 * @module
 */

import type { AdoptedAuthority, AdoptedIdentity } from '../adoption/adopted.js'
import { authorityText } from '../authority/take-over.js'
import { checkContext } from '../checks/context.js'
import { isIssuedBy } from '../checks/issued-by.js'
import { desire } from '../cluster/desire.js'
import type { Desired } from '../cluster/desired.js'
import type { ClusterSpec } from '../cluster/spec.js'
import { NomadPkiError } from '../errors.js'
import { generationName } from '../inventory/generation-name.js'
import type { Inventory } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { encodeManifest, leafFacts } from '../inventory/manifest.js'
import { readInventory } from '../inventory/read.js'
import type { Configs } from '../inventory/configs.js'
import type { Store } from '../inventory/store.js'
import { fingerprintOf, sameCertificate, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { encodeCrl } from '../x509/make-crl.js'
import { formatName } from '../x509/name.js'

/** What is put, and by which spec. */
export interface AdoptedParts {
  readonly spec: ClusterSpec
  readonly authorities: readonly AdoptedAuthority[]
  readonly identities: readonly AdoptedIdentity[]
  /** What else is noted of certificates; default: nothing. */
  readonly events?: readonly (EventOf<'found'> | EventOf<'revoked'>)[] | undefined
}

/** What of it the store lacks. */
export interface MissingParts {
  readonly authorities: readonly AdoptedAuthority[]
  /** Authorities that the store has without the key that is here. */
  readonly keys: readonly AdoptedAuthority[]
  /** Authorities that the store has without the revocation list that is here. */
  readonly lists: readonly AdoptedAuthority[]
  readonly identities: readonly AdoptedIdentity[]
}

/** What was new. */
export interface PutAdopted {
  /** Addresses, in the order in which they were put. */
  readonly put: readonly string[]
}

/**
 * Finds out what of it the store lacks.
 *
 * @throws {NomadPkiError} `ERR_PLAN_BLOCKED` where another authority has the place of an adopted one.
 */
export function missingOf(
  { authorities, identities }: Pick<AdoptedParts, 'authorities' | 'identities'>,
  inventory: Pick<Inventory, 'authorities' | 'identities' | 'location'>,
): MissingParts {
  for (const { address, certificate } of authorities) {
    const found = inventory.authorities.get(address)?.certificate
    if (found === undefined || sameCertificate(found, certificate)) continue
    throw new NomadPkiError(
      'ERR_PLAN_BLOCKED',
      `the store has another authority as ${address}: ${authorityText(found)}, and ${authorityText(certificate)} is to be adopted`,
      {
        address,
        hint: `where no agent uses that one yet, move the store ${inventory.location} away, and adopt again`,
      },
    )
  }
  const isHere = ({ address }: AdoptedAuthority): boolean =>
    inventory.authorities.get(address)?.certificate !== undefined
  return {
    authorities: authorities.filter((one) => !isHere(one)),
    keys: authorities.filter(
      (one) =>
        one.key !== undefined &&
        isHere(one) &&
        inventory.authorities.get(one.address)?.key.state === 'absent',
    ),
    lists: authorities.filter((one) => one.list !== undefined && isHere(one)),
    identities: identities.filter(({ address, leaf, replaces }) => {
      const found = inventory.identities.get(address)
      if (found === undefined || (found.current === undefined && found.unfinished === undefined)) {
        return true
      }
      const current = found.current?.chain[0]
      // A renewal takes over from the certificate that it was planned for, and from no other.
      if (replaces !== (current && fingerprintOf(current))) return false
      const own = found.unfinished?.chain[0]
      if (own !== undefined) return sameCertificate(own, leaf)
      return current !== undefined
    }),
  }
}

/**
 * Puts it.
 *
 * @param parts What to put; the spec names all of it.
 * @param ports The store, which must have begun; and the time.
 * @throws {NomadPkiError} `ERR_PLAN_BLOCKED`, `ERR_STORE_LOCKED`, `ERR_STORE_UNWRITABLE`
 */
export async function putAdopted(
  parts: AdoptedParts,
  ports: { readonly store: Store; readonly configs: Configs; readonly clock: () => number },
): Promise<PutAdopted> {
  const { store, configs, clock } = ports
  const lock = await store.lock({ command: 'adopt' })
  try {
    await store.heal()
    const before = await readInventory({ store, configs }, { configs: [] })
    const missing = missingOf(parts, before)
    await putAuthorities([...missing.authorities, ...missing.keys], before, { store, at: clock() })
    await putLists([...missing.authorities, ...missing.lists], { store, at: clock() })
    const inventory = await readInventory({ store, configs }, { configs: [] })
    const desired = desire(parts.spec)
    await noteIdentities(missing.identities, desired, inventory, { store, at: clock() })
    await noteCertificates(parts.events ?? [], inventory, store)
    await putIdentities(missing.identities, desired, inventory, { store, at: clock() })
    return {
      put: [...missing.authorities, ...missing.keys, ...missing.identities].map(
        ({ address }) => address,
      ),
    }
  } finally {
    await lock.release()
  }
}

interface Port {
  readonly store: Store
  readonly at: number
}

async function putAuthorities(
  authorities: readonly AdoptedAuthority[],
  inventory: Inventory,
  { store, at }: Port,
): Promise<void> {
  if (authorities.length === 0) return
  const batch = store.batch()
  for (const { address, name, generation, certificate, key, issuer, crossed } of authorities) {
    batch.putAuthority(name, generation, {
      ...(key && { key: key.pem }),
      certificate: encodeCertificate(certificate),
    })
    const fingerprint = fingerprintOf(certificate)
    const noted = inventory.ledger.events.some(
      (line) =>
        line.event === 'authority' && line.address === address && line.fingerprint === fingerprint,
    )
    if (!noted) {
      batch.record({
        event: 'authority',
        address,
        at,
        serial: certificate.serial,
        fingerprint,
        subject: formatName(certificate.subject),
        notAfter: certificate.notAfter,
        issuer: issuer ?? null,
        adopted: true,
      })
    }
    for (const [by, cross] of crossed) {
      if (inventory.authorities.get(address)?.crossed.has(by) === true) continue
      batch.putCross(name, generation, by, encodeCertificate(cross))
      batch.record({
        event: 'crossed',
        address,
        at,
        by: `authority/${name}/${by}`,
        serial: cross.serial,
        fingerprint: fingerprintOf(cross),
        notAfter: cross.notAfter,
      })
    }
  }
  await batch.commit()
}

/** The next list of an authority has the number after that of its last one, and keeps its entries. */
async function putLists(
  authorities: readonly AdoptedAuthority[],
  { store, at }: Port,
): Promise<void> {
  const batch = store.batch()
  let count = 0
  for (const { address, name, generation, list } of authorities) {
    if (list === undefined) continue
    count += 1
    const { der, number, thisUpdate, nextUpdate } = list
    batch.putList(name, generation, encodeCrl(der))
    // Without a date that its readers wait for, nothing tells when they need another one.
    if (nextUpdate === undefined) continue
    batch.record({ event: 'listed', address, at, number, thisUpdate, nextUpdate })
  }
  if (count > 0) await batch.commit()
}

/** The ledger's lines come first, in a step of their own. */
async function noteIdentities(
  identities: readonly AdoptedIdentity[],
  { bundles, identities: wanted }: Desired,
  { ledger }: Inventory,
  { store, at }: Port,
): Promise<void> {
  const noted = new Set<string>()
  for (const line of ledger.events) {
    if (line.event === 'adopted') noted.add(`${line.address} ${line.fingerprint}`)
  }
  const profiles = new Map(wanted.map(({ address, profile }) => [address, profile]))
  const trusted = new Map(bundles.map((bundle) => [bundle.address, bundle.trusted]))
  const batch = store.batch()
  let lines = 0
  for (const { address, leaf, issuer, generation } of identities) {
    const profile = profiles.get(address)
    if (profile === undefined || noted.has(`${address} ${fingerprintOf(leaf)}`)) continue
    lines += 1
    batch.record({
      event: 'adopted',
      address,
      at,
      generation,
      ...leafFacts(leaf),
      issuer,
      trusted: trusted.get(profile.bundle) ?? [],
    })
  }
  if (lines > 0) await batch.commit()
}

/** Each certificate is noted once, also where another run has noted it meanwhile. */
async function noteCertificates(
  events: NonNullable<AdoptedParts['events']>,
  { ledger }: Inventory,
  store: Store,
): Promise<void> {
  const name = ({ event, issuer, serial }: (typeof events)[number]): string =>
    `${event} ${issuer} ${serial}`
  const noted = new Set(
    ledger.events.flatMap((line) =>
      line.event === 'found' || line.event === 'revoked' ? [name(line)] : [],
    ),
  )
  const fresh = events.filter((one) => !noted.has(name(one)))
  if (fresh.length === 0) return
  const batch = store.batch()
  for (const one of fresh) batch.record(one)
  await batch.commit()
}

async function putIdentities(
  identities: readonly AdoptedIdentity[],
  desired: Desired,
  inventory: Inventory,
  { store, at }: Port,
): Promise<void> {
  const context = checkContext(desired, inventory, { now: at })
  // Another generation of its intermediate signs now.
  const chainOfEarlier = (address: string): readonly Certificate[] => {
    const certificate = inventory.authorities.get(address)?.certificate
    const root =
      certificate &&
      [...context.authorities.values()].find((one) => isIssuedBy(certificate, one.certificate))
    return certificate === undefined || root === undefined ? [] : [certificate, ...root.chain]
  }
  const profiles = new Map(desired.identities.map(({ address, profile }) => [address, profile]))
  const batch = store.batch()
  let count = 0
  for (const { address, name: bundle, trusted } of desired.bundles) {
    const text = context.bundles.get(address)
    if (text === undefined || inventory.bundles.get(address)?.text === text) continue
    count += 1
    batch.putBundle(bundle, text)
    batch.record({ event: 'bundle', address, at, trusted })
  }
  for (const { address, role, region, name, generation, leaf, key, held, issuer } of identities) {
    const profile = profiles.get(address)
    const ca = profile && context.bundles.get(profile.bundle)
    // The spec was edited since, and names it no longer.
    if (ca === undefined) continue
    count += 1
    const directory = generationName(generation, fingerprintOf(leaf))
    if (inventory.identities.get(address)?.unfinished !== undefined) {
      batch.turn({ role, region, name }, directory)
      continue
    }
    const above = context.authorities.get(issuer)?.chain ?? chainOfEarlier(issuer)
    const files = {
      key: key?.pem,
      cert: [leaf, ...above].map(encodeCertificate).join(''),
      ca,
    }
    const manifest = encodeManifest({
      address,
      generation,
      made: at,
      leaf: leafFacts(leaf),
      held,
      files,
    })
    batch.putGeneration({ role, region, name }, directory, { ...files, manifest })
  }
  if (count > 0) await batch.commit()
}
