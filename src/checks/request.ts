/**
 * A request of a node held against what the spec grants: nothing that it asks for gets into a certificate,
 * and each wish is answered. Only its public key counts, and not every key is taken.
 *
 * @module
 */

import { kindOf, shortOf } from '../address.js'
import { sameBytes } from '../bytes.js'
import { renewsItself, type DesiredIdentity } from '../cluster/desired.js'
import type { Inventory } from '../inventory/inventory.js'
import { revocationsIn } from '../inventory/revoked.js'
import { algorithmOf, type PublicKey } from '../keys/algorithms.js'
import { rsaFault } from '../keys/rsa-fault.js'
import { leafNames } from '../nomad/leaf-names.js'
import { isAgent, profileOf } from '../nomad/roles.js'
import type { GeneralName } from '../x509/extension.js'
import { sha256 } from '../sha256.js'
import { commonNames } from '../x509/name.js'
import { extensionOids } from '../x509/oids.js'
import type { CertificateRequest } from '../x509/request.js'

/** What a request says that it is for, as a URI in its subjectAltName: `nomad-pki:identity/server/global/s1`. */
const addressScheme = 'nomad-pki:identity/'

/** How a request is answered. */
export interface RequestAnswer {
  /** Why it is not signed: sentences. */
  readonly faults: readonly string[]
  /** What it asks for and does not get: sentences. */
  readonly ignored: readonly string[]
  /** The names that it asks for, in words; the same as granted or not. */
  readonly asked: readonly string[]
  /** The names that the spec grants. */
  readonly granted: readonly string[]
}

/**
 * The URI by which a request says whose it is.
 *
 * @param address `identity/server/global/s1`
 */
export function addressUri(address: string): string {
  return `nomad-pki:${address}`
}

/** The addresses that a request says it is for: none in a request of another tool. */
export function addressesIn({ subjectAltName = [] }: CertificateRequest): readonly string[] {
  return subjectAltName.flatMap((name) =>
    name.type === 'uri' && name.value.startsWith(addressScheme)
      ? [name.value.slice('nomad-pki:'.length)]
      : [],
  )
}

/**
 * Judges a request for an identity.
 *
 * @param request A request whose signature by its own key is checked.
 * @param wanted Whose it is said to be.
 * @param inventory For keys that are in use elsewhere.
 * @param keepers Addresses whose earlier generations have the request's key. Default: none.
 */
export function answerRequest(
  request: CertificateRequest,
  wanted: DesiredIdentity,
  inventory: Inventory,
  keepers: ReadonlySet<string> = new Set(),
): RequestAnswer {
  const { role, region } = wanted.profile
  const { names, ips, uris } = wanted
  const all = leafNames({ role, region, names, ips, uris })
  const commonName = profileOf(role).commonName(region)
  const granted = [
    ...(commonName === undefined ? [] : [`CN ${commonName}`]),
    ...all.dns.map((value) => `DNS ${value}`),
    ...all.ips.map((value) => `IP ${value}`),
    ...all.uris.map((value) => `URI ${value}`),
  ]
  const has = new Set(granted)
  const own = `URI ${addressUri(wanted.address)}`
  const asked = [
    ...request.subject.attributes.map(({ type, value }) => `${type} ${quoted(value)}`),
    ...(request.subjectAltName ?? []).map(nameText),
  ]
  const faults = [
    ...heldFaults(wanted),
    ...keyFaults(request.publicKey, wanted, inventory, keepers),
    ...contradictions(request, wanted),
    ...powersAsked(request),
  ]
  const beyond = asked.filter((name) => !has.has(name) && name !== own)
  const ignored = [
    ...beyond.map((name) => `${name}: the spec does not grant it`),
    ...extensionsIgnored(request, wanted),
    ...request.attributes.map((oid) => `attribute ${attributeName(oid)}: it is not used`),
  ]
  return { faults, ignored, asked, granted }
}

function heldFaults({ address, profile }: DesiredIdentity): readonly string[] {
  if (renewsItself({ profile })) {
    const short = shortOf(address)
    return [
      `the spec says renewedBy: node for ${address}, which asks ${profile.issuer.name} by itself: nomad-pki pack ${short} --renew makes its files`,
    ]
  }
  if (profile.keyHeld === 'node') return []
  if (!isAgent(profile.role))
    return [`${address} is ${profileOf(profile.role).title}, whose key is made in the store`]
  return [`the spec does not say keyHeld: node for ${address}: apply makes its key`]
}

/** A key that agents refuse, that is weak, that the spec does not ask for, or that is somebody else's. */
function keyFaults(
  key: PublicKey,
  { address, profile }: DesiredIdentity,
  inventory: Inventory,
  keepers: ReadonlySet<string>,
): readonly string[] {
  const faults: string[] = []
  const entry = key.algorithm && algorithmOf(key.algorithm)
  const weak = rsaFault(key)
  if (weak !== undefined) faults.push(`its RSA key is refused: ${weak}`)
  else if (entry?.agentsTake !== true) {
    faults.push(`agents refuse a key of ${key.name}; the spec asks for ${profile.key}`)
  } else if (key.algorithm !== profile.key) {
    faults.push(`its key is ${key.name}, and the spec asks for ${profile.key}`)
  }
  if (revocationsIn(inventory.ledger).keys.has(sha256(key.spki))) {
    faults.push('its key was revoked (key-compromise): make a new key on the node')
  }
  for (const other of new Set([...holdersOf(key, inventory), ...keepers])) {
    if (other === address) continue
    faults.push(
      kindOf(other) === 'authority'
        ? `its key is that of ${other}, an authority`
        : `its key is also that of ${other}: each node has a key of its own`,
    )
  }
  return faults
}

/** Whose certificates in the store have this key. */
function holdersOf(key: PublicKey, { authorities, identities }: Inventory): ReadonlySet<string> {
  const holders = new Set<string>()
  const same = (other: PublicKey | undefined): boolean =>
    other !== undefined && sameBytes(other.spki, key.spki)
  for (const [address, { certificate, key: held }] of authorities) {
    const found = held.state === 'present' ? held.publicKey : undefined
    if (same(certificate?.publicKey) || same(found)) holders.add(address)
  }
  for (const [address, { current, unfinished }] of identities) {
    for (const one of [current, unfinished]) {
      const found = one?.key.state === 'present' ? one.key.publicKey : undefined
      if (same(one?.chain[0]?.publicKey) || same(found)) holders.add(address)
    }
  }
  return holders
}

/** A role, a region or an address that is not the one it is signed for. */
function contradictions(
  request: CertificateRequest,
  { address, profile: { role, region } }: DesiredIdentity,
): readonly string[] {
  const own = profileOf(role).roleNames(region)
  const faults: string[] = []
  const texts = [
    ...commonNames(request.subject),
    ...(request.subjectAltName ?? []).flatMap((name) => (name.type === 'dns' ? [name.value] : [])),
  ]
  for (const text of new Set(texts)) {
    if (isRoleName(text) && !own.includes(text)) {
      faults.push(`it asks for ${quoted(text)}, and ${address} is a ${role} of ${region}`)
    }
  }
  for (const other of addressesIn(request)) {
    if (other !== address) faults.push(`it says that it is for ${quoted(other)}, not ${address}`)
  }
  return faults
}

/** Also where it only looks like one to somebody: full-width letters, a dot or a NUL at the end, blanks. */
function isRoleName(text: string): boolean {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    // eslint-disable-next-line no-control-regex
    .replace(/[\s\u0000-\u001f\u007f]/g, '')
    .replace(/\.+$/, '')
  return /^(server|client|cli)\..+\.nomad$/.test(plain)
}

/** What no leaf has, whoever asks: it is refused, because nobody asks for it by mistake. */
function powersAsked({ asked }: CertificateRequest): readonly string[] {
  const faults: string[] = []
  if (asked.basicConstraints?.ca === true) faults.push('it asks to be an authority (CA:TRUE)')
  const signs = (asked.keyUsage ?? []).filter((one) => one === 'keyCertSign' || one === 'cRLSign')
  if (signs.length > 0) faults.push(`it asks for the key usage ${signs.join(' and ')}`)
  if (asked.nameConstraints !== undefined) faults.push('it asks for name constraints')
  return faults
}

const extensionNames: ReadonlyMap<string, string> = new Map(
  Object.entries(extensionOids).map(([name, oid]) => [oid, name]),
)

function extensionsIgnored(
  { extensions, asked }: CertificateRequest,
  { profile: { role } }: DesiredIdentity,
): readonly string[] {
  const usages = profileOf(role).extendedKeyUsage as readonly string[]
  return extensions.flatMap(({ oid }): readonly string[] => {
    const name = extensionNames.get(oid)
    switch (name) {
      case 'subjectAltName':
        return []
      case 'extendedKeyUsage': {
        const others = (asked.extendedKeyUsage ?? []).filter((one) => !usages.includes(one))
        return others.map((one) => `extended key usage ${one}: a ${role} has ${usages.join(', ')}`)
      }
      case undefined:
        return [`extension ${oid}: it is not known here`]
      default:
        return [`extension ${name}: the spec decides it`]
    }
  })
}

/** RFC 2985 §5.4, and what Windows adds. The values are not shown: one of them can be a password. */
const attributes: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.9.7': 'challengePassword',
  '1.2.840.113549.1.9.2': 'unstructuredName',
  '1.2.840.113549.1.9.8': 'unstructuredAddress',
}

function attributeName(oid: string): string {
  return attributes[oid] ?? oid
}

const kinds = { dns: 'DNS', ip: 'IP', uri: 'URI', email: 'email' } as const

function nameText(name: GeneralName): string {
  return 'value' in name
    ? `${kinds[name.type]} ${quoted(name.value)}`
    : `a name of type ${name.type}`
}

/** As it is, where a terminal shows it as it is. */
function quoted(text: string): string {
  const cut = text.length > 120 ? `${text.slice(0, 120)}…` : text
  return /^[!-~]+$/.test(cut) ? cut : JSON.stringify(cut).replace(/[^ -~…]/gu, escaped)
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`
}
