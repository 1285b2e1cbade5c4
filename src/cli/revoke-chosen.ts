/**
 * Which certificates `revoke` means: those of an address, one with a fingerprint or a serial number, or one
 * that the ledger lacks.
 *
 * @module
 */

import { renewsItself } from '../cluster/desired.js'
import { presentedBy, presentedLeaves } from '../evidence/presented.js'
import { authorityNameOf, parseIdentity, resolveAddress } from '../address.js'
import { latin1Of } from '../bytes.js'
import { isIssuedBy } from '../checks/issued-by.js'
import { formatInstant } from '../duration.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { openAttempts } from '../evidence/attempts.js'
import { rootAbove } from '../evidence/generations.js'
import type { Inventory } from '../inventory/inventory.js'
import {
  fingerprintIn,
  knownCertificates,
  serialOf,
  type KnownCertificate,
} from '../inventory/known-certificates.js'
import { keyDigestOf, revocationsIn, type Revocation } from '../inventory/revoked.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import type { RevocationReason } from '../revocation-reasons.js'
import type { Options } from './surface.js'
import { usage } from './usage.js'
import type { Workspace } from './workspace.js'

/** A certificate that is to be revoked. */
export interface Chosen {
  /** The identity; the authority, where only the serial number is known. */
  readonly address: string
  readonly serial: string
  readonly issuer: string
  readonly fingerprint?: string | undefined
  readonly notAfter?: number | undefined
  /** SHA-256 of its public key, hex. */
  readonly key?: string | undefined
}

interface Around {
  readonly workspace: Workspace
  readonly inventory: Inventory
  /** ` --file …` as it was given. */
  readonly flag: string
  /** Epoch milliseconds. */
  readonly now: number
}

/**
 * Finds what was named.
 *
 * @returns At least one certificate, of which some may be revoked already.
 * @throws {NomadPkiError} `ERR_REFUSED` for an authority; `ERR_ADDRESS_UNKNOWN`, `ERR_ADDRESS_AMBIGUOUS`;
 *   `ERR_USAGE`
 */
export async function chosenCertificates(
  target: string | undefined,
  options: Pick<Options<'revoke'>, 'serial' | 'authority'>,
  around: Around,
): Promise<readonly Chosen[]> {
  const { inventory } = around
  if (target === undefined) return [byForeignSerial(options.serial!, options.authority!, around)]
  const known = withStored(inventory)
  const leaves = known.filter(({ kind }) => kind === 'leaf')
  const addresses = new Set([
    ...leaves.map(({ address }) => address),
    ...inventory.identities.keys(),
    ...around.workspace.desired.identities.filter(renewsItself).map(({ address }) => address),
  ])
  let unknown: unknown
  try {
    return await ofIdentity(resolveAddress(target, [...addresses]), leaves, around)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_ADDRESS_UNKNOWN')) throw error
    unknown = error
  }
  const authority = authorityNamed(target, inventory)
  if (authority !== undefined) throw refusedAuthority(authority, around)
  const fingerprint = fingerprintIn(target)
  const serial = serialOf(target)
  if (fingerprint === undefined && serial === undefined) throw unknown
  const found = known.filter(
    (one) => one.fingerprint === fingerprint || (serial !== undefined && one.serial === serial),
  )
  const [one, ...more] = found
  if (one === undefined) {
    throw new NomadPkiError(
      'ERR_ADDRESS_UNKNOWN',
      `the ledger has no certificate with this ${fingerprint === undefined ? 'serial number' : 'fingerprint'}`,
      {
        hint: `for one of a different tool: nomad-pki revoke --serial HEX --authority NAME${around.flag}`,
      },
    )
  }
  if (more.length > 0) {
    throw new NomadPkiError(
      'ERR_ADDRESS_AMBIGUOUS',
      `${found.length} authorities gave out this serial number`,
      {
        hint: `name the fingerprint: ${found.map((each) => `SHA256:${each.fingerprint}`).join(', ')}`,
      },
    )
  }
  if (one.kind === 'authority') throw refusedAuthority(one.address, around)
  return [await withKey(one, around)]
}

/**
 * What the ledger knows, what stands in the store without a line (a ledger that was begun anew), and what nodes that renew
 * themselves were seen with.
 */
function withStored(inventory: Inventory): readonly KnownCertificate[] {
  const known = knownCertificates(inventory.ledger)
  const told = new Set<string | undefined>(known.map(({ fingerprint }) => fingerprint))
  const stored: KnownCertificate[] = []
  for (const [address, { current }] of inventory.identities) {
    const leaf = current?.chain[0]
    if (leaf === undefined || told.has(fingerprintOf(leaf))) continue
    const issuer = issuerOf(leaf, inventory)
    if (issuer === undefined) continue
    const { serial, notAfter, notBefore } = leaf
    const fingerprint = fingerprintOf(leaf)
    stored.push({ address, kind: 'leaf', serial, fingerprint, issuer, notAfter, at: notBefore })
  }
  for (const { address, leaf, at } of presentedBy(inventory.ledger)) {
    const issuer = issuerOf(leaf, inventory)
    const fingerprint = fingerprintOf(leaf)
    if (issuer === undefined || told.has(fingerprint)) continue
    told.add(fingerprint)
    const { serial, notAfter } = leaf
    stored.push({ address, kind: 'leaf', serial, fingerprint, issuer, notAfter, at })
  }
  return [...known, ...stored]
}

function issuerOf(leaf: Certificate, { authorities }: Inventory): string | undefined {
  return [...authorities.values()].find(
    ({ certificate }) => certificate !== undefined && isIssuedBy(leaf, certificate),
  )?.address
}

/** All certificates of an identity that have not ended. */
async function ofIdentity(
  address: string,
  leaves: readonly KnownCertificate[],
  around: Around,
): Promise<readonly Chosen[]> {
  const { inventory, flag, now } = around
  const own = leaves.filter((one) => one.address === address)
  const isSelfRenewed = around.workspace.desired.identities.some(
    (one) => one.address === address && renewsItself(one),
  )
  if (own.length === 0 && isSelfRenewed) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `${address} renews itself, and was not seen with a certificate yet: its serial number is not known here`,
      {
        address,
        hint: `nomad-pki probe ${address}, then again; or, with the number that the engine noted: nomad-pki revoke --serial HEX --authority NAME${flag}`,
      },
    )
  }
  const living = own.filter(({ notAfter = Infinity }) => notAfter > now)
  if (living.length === 0) {
    throw new NomadPkiError('ERR_REFUSED', `${address} has no certificate that has not ended`, {
      address,
      hint: 'agents refuse a certificate that has ended: nothing has to be revoked',
    })
  }
  const { byFingerprint } = revocationsIn(inventory.ledger)
  const before = living.flatMap(({ fingerprint }) => byFingerprint.get(fingerprint) ?? [])
  const last = Math.max(...before.map(({ at }) => at))
  const newer = living.find(
    ({ fingerprint, at }) => !byFingerprint.has(fingerprint) && before.length > 0 && at >= last,
  )
  // A command line that is run twice must not take the new key with the old one.
  if (newer !== undefined) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `${address} was revoked on ${formatInstant(last)}, and has a new certificate since then`,
      {
        address,
        hint: `to revoke the new one too: nomad-pki revoke SHA256:${newer.fingerprint}${flag}`,
      },
    )
  }
  return Promise.all(living.map((one) => withKey(one, around)))
}

/** Adds the public key, where the store still has the certificate. */
async function withKey(
  { address, kind, serial, fingerprint, issuer, notAfter }: KnownCertificate,
  { workspace, inventory }: Around,
): Promise<Chosen> {
  const chosen = { address, serial, fingerprint, issuer, notAfter }
  if (kind !== 'leaf') return chosen
  const current = inventory.identities.get(address)?.current?.chain[0]
  if (current !== undefined && fingerprintOf(current) === fingerprint) {
    return { ...chosen, key: keyDigestOf(current) }
  }
  const presented = presentedLeaves(inventory.ledger)(fingerprint)
  if (presented !== undefined) return { ...chosen, key: keyDigestOf(presented) }
  const { role, region, name } = parseIdentity(address)
  for (const { cert } of await workspace.store.readGenerations({ role, region, name })) {
    const leaf = cert && leafIn(cert.bytes)
    if (leaf !== undefined && fingerprintOf(leaf) === fingerprint) {
      return { ...chosen, key: keyDigestOf(leaf) }
    }
  }
  return chosen
}

/** An old generation whose file is damaged has no key that could be compared. */
function leafIn(bytes: Uint8Array): Certificate | undefined {
  try {
    return parseCertificates(latin1Of(bytes))[0]
  } catch (error) {
    if (isNomadPkiError(error)) return undefined
    throw error
  }
}

function byForeignSerial(text: string, name: string, { inventory, flag, now }: Around): Chosen {
  const serial = serialOf(text)
  if (serial === undefined) {
    throw usage(
      `invalid --serial ${JSON.stringify(text)}`,
      'hex digits, at most 40, as openssl x509 -serial prints them',
    )
  }
  const found = authoritiesNamed(name, inventory)
  const [issuer, ...more] = found
  if (issuer === undefined) {
    throw new NomadPkiError(
      'ERR_ADDRESS_UNKNOWN',
      `no authority is called ${JSON.stringify(name)}`,
      {
        hint: `there are: ${[...inventory.authorities.keys()].join(', ') || 'none yet'}`,
      },
    )
  }
  if (more.length > 0) {
    throw new NomadPkiError(
      'ERR_ADDRESS_AMBIGUOUS',
      `${JSON.stringify(name)} has ${found.length} generations`,
      {
        hint: `say which: ${found.map((one) => `--authority ${one.slice('authority/'.length)}`).join(', ')}`,
      },
    )
  }
  const known = withStored(inventory).find((one) => one.serial === serial && one.issuer === issuer)
  if (known === undefined) {
    // One that was asked for, and of which no answer is known.
    const asked = openAttempts(inventory.ledger, { now }).find(
      (one) => one.attempt === serial && one.issuer === issuer,
    )
    if (asked === undefined) return { address: issuer, serial, issuer }
    const { address, key, notAfter } = asked
    return { address, serial, issuer, key, notAfter }
  }
  throw new NomadPkiError(
    'ERR_REFUSED',
    `the ledger knows this certificate: it is one of ${known.address}`,
    {
      address: known.address,
      hint: `nomad-pki revoke SHA256:${known.fingerprint}${flag}`,
    },
  )
}

/** `agent`, `agent/1`, `authority/agent/1` */
function authoritiesNamed(text: string, { authorities }: Inventory): readonly string[] {
  const all = [...authorities.keys()]
  const exact = all.filter((one) => one === text || one === `authority/${text}`)
  return exact.length > 0 ? exact : all.filter((one) => authorityNameOf(one) === text)
}

function authorityNamed(text: string, inventory: Inventory): string | undefined {
  return authoritiesNamed(text.replace(/^bundle\//, ''), inventory).at(-1)
}

/** A list cannot take trust from an authority: its root is replaced. */
function refusedAuthority(address: string, { inventory, flag }: Around): NomadPkiError {
  const root = rootAbove(address, inventory.authorities) ?? address
  const what =
    root === address ? `${address} is a root` : `${address} is an authority under ${root}`
  return new NomadPkiError(
    'ERR_REFUSED',
    `${what}: agents read no list, so revoking it changes nothing`,
    {
      address,
      hint: `if others may have its key, mark the root and replace it: nomad-pki rotate authority ${authorityNameOf(root)} --compromised${flag}`,
    },
  )
}

/** The new lines of the ledger; none for what is revoked already, unless the key now counts as stolen. */
export function revocationEvents(
  chosen: readonly Chosen[],
  { ledger }: Inventory,
  {
    reason = 'unspecified',
    at,
  }: { readonly reason: RevocationReason | undefined; readonly at: number },
): readonly Revocation[] {
  const { all } = revocationsIn(ledger)
  return chosen.flatMap(({ address, serial, issuer, fingerprint, notAfter, key }) => {
    const before = all.find((one) => one.serial === serial && one.issuer === issuer)
    if (before !== undefined && (before.reason === reason || reason !== 'key-compromise')) return []
    const event: Revocation = {
      event: 'revoked',
      ...{ address, at, serial, issuer, reason },
      ...(fingerprint !== undefined && { fingerprint }),
      ...(notAfter !== undefined && { notAfter }),
      ...(key !== undefined && { key }),
    }
    return [event]
  })
}
