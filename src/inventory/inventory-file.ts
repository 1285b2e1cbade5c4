/**
 * An inventory as a file: everything that a plan is made from, and no private key. It lets a machine without the
 * store plan a change of the spec.
 *
 * @module
 */

import { identityAddress, parseIdentity } from '../address.js'
import { positionOf, type Finding } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import { parsePublicKey } from '../keys/public-key.js'
import { trustedCertificates } from '../nomad/readable.js'
import { fingerprintOf, parseCertificate, type Certificate } from '../x509/certificate.js'
import type {
  FilesInUse,
  FoundAuthority,
  FoundGeneration,
  FoundIdentity,
  FoundKey,
  FoundLeafKey,
  Inventory,
} from './inventory.js'
import { configDocument, contentsOf, type ConfigDocument } from './inventory-configs.js'
import { inventoryFault } from './inventory-shape.js'
import { readLedger } from './ledger.js'

/** An inventory, and when it was taken. */
export interface TakenInventory {
  /** The cluster, as the spec named it. */
  readonly cluster: string
  /** Epoch milliseconds. */
  readonly madeAt: number
  /** Whether the store was ever begun. */
  readonly begun: boolean
  readonly inventory: Inventory
}

const format = 'nomad-pki/inventory'

/** DER as base64, by fingerprint. */
type Certificates = Record<string, string>

interface KeyDocument {
  readonly state: FoundLeafKey['state']
  readonly publicKey?: string
  readonly message?: string
}

interface GenerationDocument {
  readonly directory: string
  readonly number: number
  readonly chain: readonly string[]
  readonly key: KeyDocument
  /** Index into `texts`. */
  readonly bundle: number
}

interface InventoryDocument {
  readonly format: typeof format
  readonly version: 1
  readonly cluster: string
  readonly madeAt: number
  readonly begun: boolean
  readonly storeExists: boolean
  readonly location: string
  /** What `ca.pem` files hold; many are alike. */
  readonly texts: readonly string[]
  readonly certificates: Certificates
  readonly authorities: readonly {
    readonly address: string
    readonly name: string
    readonly generation: number
    readonly certificate?: string
    readonly key: KeyDocument
    readonly crossed: Readonly<Record<string, string>>
    readonly list?: string
    readonly findings: readonly Finding[]
  }[]
  readonly bundles: readonly {
    readonly address: string
    readonly name: string
    readonly text: number
    readonly certificates: readonly string[]
    readonly findings: readonly Finding[]
  }[]
  readonly identities: readonly {
    readonly address: string
    readonly link?: string
    readonly current?: GenerationDocument
    readonly unfinished?: GenerationDocument
    readonly generations: readonly string[]
    readonly findings: readonly Finding[]
  }[]
  readonly configs: readonly ConfigDocument[]
  readonly inUse: readonly {
    readonly address: string
    readonly path: string
    readonly roots: readonly string[]
    readonly chain: readonly string[]
  }[]
  /** The ledger as it stands in the store. */
  readonly ledger?: string
  readonly findings: readonly Finding[]
}

/**
 * Writes an inventory.
 *
 * @param taken The inventory, without manifests.
 * @param ledger The bytes that its ledger was read from; `undefined`: there is none.
 * @returns JSON. Private keys are not in it, nor the secrets of configurations.
 */
export function formatInventory(
  { cluster, madeAt, begun, inventory }: TakenInventory,
  ledger: Uint8Array | undefined,
): string {
  const certificates: Certificates = {}
  const texts = new Map<string, number>()
  const put = (certificate: Certificate): string => {
    const fingerprint = fingerprintOf(certificate)
    certificates[fingerprint] ??= base64(certificate.der)
    return fingerprint
  }
  const putText = (text: string): number => {
    const known = texts.get(text) ?? texts.size
    texts.set(text, known)
    return known
  }
  const generation = (found: FoundGeneration): GenerationDocument => ({
    directory: found.directory,
    number: found.number,
    chain: found.chain.map(put),
    key: keyDocument(found.key),
    bundle: putText(found.bundle),
  })
  const document: Omit<InventoryDocument, 'texts' | 'certificates'> = {
    ...{ format, version: 1, cluster, madeAt, begun },
    storeExists: inventory.storeExists,
    location: inventory.location,
    authorities: [...inventory.authorities.values()].map(({ certificate, crossed, ...one }) => ({
      ...one,
      ...(certificate !== undefined && { certificate: put(certificate) }),
      ...(one.list === undefined ? {} : { list: withoutKeys(one.list) }),
      key: keyDocument(one.key),
      crossed: Object.fromEntries([...crossed].map(([by, cross]) => [String(by), put(cross)])),
    })),
    bundles: [...inventory.bundles.values()].map((one) => ({
      ...one,
      text: putText(one.text),
      certificates: one.certificates.map(put),
    })),
    identities: [...inventory.identities.values()].map(
      ({ address, link, current, unfinished, generations, findings }) => ({
        address,
        ...(link !== undefined && { link }),
        ...(current && { current: generation(current) }),
        ...(unfinished && { unfinished: generation(unfinished) }),
        generations,
        findings,
      }),
    ),
    configs: [...inventory.configs.values()].map(configDocument),
    inUse: [...(inventory.inUse ?? [])].map(([address, { path, roots, chain }]) => ({
      address,
      path,
      roots: roots.map(put),
      chain: chain.map(put),
    })),
    ...(ledger !== undefined && { ledger: Buffer.from(ledger).toString('utf8') }),
    findings: inventory.findings,
  }
  const all = { ...document, texts: [...texts.keys()].map(withoutKeys), certificates }
  return `${JSON.stringify(all, undefined, 1)}\n`
}

/** What the inventory of a cluster begins with: nothing else is written over. */
export function inventoryMark(cluster: string): string {
  const head = JSON.stringify({ format, version: 1, cluster }, undefined, 1)
  return `${head.slice(0, head.lastIndexOf('\n'))},\n`
}

/**
 * Reads an inventory that {@link formatInventory} wrote.
 *
 * @param text The file.
 * @throws {NomadPkiError} `ERR_INVENTORY_INVALID`
 */
export function parseInventory(text: string): TakenInventory {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw unparsed(text, cause)
  }
  const { format: named, version } = (value ?? {}) as Partial<Record<string, unknown>>
  if (named !== format) throw invalid(`its format is not "${format}"`)
  if (version !== 1) {
    const newer = typeof version === 'number' && version > 1
    const shown = JSON.stringify(version ?? null).slice(0, 40)
    throw invalid(
      `its version is ${shown}, and 1 is the one known here`,
      undefined,
      newer ? 'a newer nomad-pki wrote it: plan with that version' : writesOne,
    )
  }
  const fault = inventoryFault(value)
  if (fault !== undefined) throw invalid(fault)
  try {
    return inventoryOf(value as InventoryDocument)
  } catch (cause) {
    // Its members are of the right kinds, and what they hold is not what they name.
    throw invalid(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

const writesOne = 'nomad-pki status --inventory FILE writes one, where the store is'

/** Says where a text ceases to be JSON. */
function unparsed(text: string, cause: unknown): NomadPkiError {
  const whole = text.trimEnd()
  if (whole === '') return invalid('it is empty', cause)
  if (whole.startsWith('{') && !whole.endsWith('}')) {
    const { line } = positionOf(text, whole.length)
    return invalid(
      `it ends in line ${line}, in the middle of the document`,
      cause,
      'it was cut off, or is still being copied: copy it again, whole',
    )
  }
  const at = /position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1]
  if (at === undefined) return invalid('it is not JSON', cause)
  const { line, column } = positionOf(text, Number(at))
  return invalid(`it is not JSON, in line ${line}, column ${column}`, cause)
}

function inventoryOf(document: InventoryDocument): TakenInventory {
  const parsed = new Map<string, Certificate>()
  const certificate = (fingerprint: string): Certificate => {
    let known = parsed.get(fingerprint)
    if (known === undefined) {
      const name = `certificates[${JSON.stringify(fingerprint.slice(0, 80))}]`
      if (!Object.hasOwn(document.certificates, fingerprint)) throw new Error(`${name} is missing`)
      known = parsedAs(name, document.certificates[fingerprint]!)
      if (fingerprintOf(known) !== fingerprint) {
        throw new Error(`${name} holds a certificate with another fingerprint`)
      }
      parsed.set(fingerprint, known)
    }
    return known
  }
  const trusts = new Map<number, readonly Certificate[]>()
  const textAt = (index: number): string => {
    const text = document.texts[index]
    if (text === undefined) throw new Error(`texts has no entry ${index}`)
    return text
  }
  const generation = (found: GenerationDocument): FoundGeneration => ({
    ...found,
    chain: found.chain.map(certificate),
    key: keyOf(found.key),
    bundle: textAt(found.bundle),
    get trust() {
      const known = trusts.get(found.bundle) ?? trustedCertificates(textAt(found.bundle))
      trusts.set(found.bundle, known)
      return known
    },
    manifest: null,
    sums: {},
  })
  const authorities = document.authorities.map((one): FoundAuthority => ({
    ...one,
    certificate: one.certificate === undefined ? undefined : certificate(one.certificate),
    key: keyOf(one.key) as FoundKey,
    crossed: new Map(
      Object.entries(one.crossed).map(([by, cross]) => [Number(by), certificate(cross)]),
    ),
  }))
  const identities = document.identities.map((one): FoundIdentity => {
    const { role, region, name } = parseIdentity(one.address)
    const { current, unfinished } = one
    return {
      ...one,
      ...{ role, region, name, address: identityAddress({ role, region, name }) },
      current: current && generation(current),
      unfinished: unfinished && generation(unfinished),
    }
  })
  const { ledger } = document
  return {
    cluster: document.cluster,
    madeAt: document.madeAt,
    begun: document.begun,
    inventory: {
      storeExists: document.storeExists,
      location: document.location,
      authorities: byAddress(authorities),
      bundles: byAddress(
        document.bundles.map((one) => ({
          ...one,
          text: textAt(one.text),
          certificates: one.certificates.map(certificate),
        })),
      ),
      identities: byAddress(identities),
      configs: new Map(document.configs.map((one) => [one.path, contentsOf(one)])),
      inUse: new Map(
        document.inUse.map(({ address, path, roots, chain }): [string, FilesInUse] => [
          address,
          { path, roots: roots.map(certificate), chain: chain.map(certificate) },
        ]),
      ),
      ledger: readLedger(ledger === undefined ? undefined : Buffer.from(ledger)),
      findings: document.findings,
    },
  }
}

function keyDocument(key: FoundLeafKey): KeyDocument {
  if (key.state === 'present') {
    return { state: key.state, publicKey: base64(key.publicKey.spki) }
  }
  return key.state === 'malformed' ? { state: key.state, message: key.message } : key
}

function keyOf({ state, publicKey = '', message = '' }: KeyDocument): FoundLeafKey {
  switch (state) {
    case 'present':
      return { state, publicKey: parsePublicKey(Buffer.from(publicKey, 'base64')) }
    case 'malformed':
      return { state, message }
    case 'absent':
    case 'encrypted':
    case 'node':
    case 'elsewhere':
      return { state }
    default:
      throw new Error(`a key is ${JSON.stringify(state)}`)
  }
}

/** A key that lies in a file of certificates by mistake stays a difference, and does not travel. */
function withoutKeys(text: string): string {
  return text.replace(
    /(-----BEGIN [^-\n]*PRIVATE KEY-----)[^]*?(-----END [^-\n]*PRIVATE KEY-----|$)/g,
    '$1\n(hidden)\n$2',
  )
}

function byAddress<One extends { readonly address: string }>(
  all: readonly One[],
): ReadonlyMap<string, One> {
  return new Map(all.map((one) => [one.address, one]))
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function parsedAs(name: string, text: string): Certificate {
  try {
    return parseCertificate(Buffer.from(text, 'base64'))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${name} is not a certificate: ${why}`, { cause })
  }
}

function invalid(why: string, cause?: unknown, hint: string = writesOne): NomadPkiError {
  return new NomadPkiError('ERR_INVENTORY_INVALID', `not an inventory: ${why}`, { hint, cause })
}
