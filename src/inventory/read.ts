/**
 * Reads the store and the agents' configurations into values. It judges nothing: what cannot be
 * parsed becomes a finding of the item it belongs to, and the checks decide what follows.
 *
 * @module
 */

import { formatAddress, identityAddress } from '../address.js'
import { latin1Of, sameBytes } from '../bytes.js'
import type { Finding } from '../diagnostics.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { firstWritten } from '../keys/pem.js'
import { writtenHalfOf } from '../keys/private-key.js'
import { trustedCertificates } from '../nomad/readable.js'
import { sha256 } from '../sha256.js'
import { parseCertificate, type Certificate } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import type { ConfigContents, Configs } from './configs.js'
import type {
  FoundAuthority,
  FoundBundle,
  FoundGeneration,
  FoundIdentity,
  FoundKey,
  FoundLeafKey,
  Inventory,
} from './inventory.js'
import { readLedger } from './ledger.js'
import { keyElsewhereIn } from './manifest.js'
import type {
  Store,
  StoredAuthority,
  StoredFile,
  StoredGeneration,
  StoredIdentity,
} from './store.js'

/** Where things are read from. */
export interface InventoryPorts {
  /** The store to read. */
  readonly store: Store
  /** The configurations to read. */
  readonly configs: Configs
}

/** What to read beyond the store. */
export interface ReadInventoryOptions {
  /** The agents' configurations, by the path of the spec. Default: none. */
  readonly configs?: Iterable<string> | undefined
  /** Whether manifests are read too; a plan does not need them. Default: yes. */
  readonly manifests?: boolean | undefined
}

/**
 * Reads everything that exists: the store with its ledger, and the configurations that are asked for. A file
 * that cannot be parsed is a finding, not an error.
 *
 * @param ports The store and the configurations.
 * @param options Which configurations to read, and whether manifests are read too.
 * @returns Values only: no PEM of a key, and no private key.
 * @throws {NomadPkiError} `ERR_STORE_UNREADABLE`, `ERR_FILE_UNREADABLE` where a whole directory can't be listed.
 * @example
 *
 * ```ts
 * import { memoryConfigs, memoryStore, readInventory } from 'nomad-pki'
 *
 * const inventory = await readInventory({ store: memoryStore(), configs: memoryConfigs() })
 * for (const { address, message } of inventory.findings) console.error(`${address}: ${message}`)
 * console.log(inventory.storeExists, inventory.ledger.events.length)
 * ```
 */
export async function readInventory(
  ports: InventoryPorts,
  options: ReadInventoryOptions = {},
): Promise<Inventory> {
  const { manifests = true } = options
  const contents = await ports.store.read({ manifests })
  const findings = new Map<string, Finding[]>()
  const general: Finding[] = []
  for (const finding of contents.findings) {
    const owner = /^(identity\/[^/]+\/[^/]+\/[^/]+|authority\/[^/]+\/[0-9]+|bundle\/[^/]+)/.exec(
      finding.address,
    )?.[1]
    if (owner === undefined) general.push(finding)
    else findings.set(owner, [...(findings.get(owner) ?? []), finding])
  }
  const memory = new Parsed(manifests)

  const authorities = new Map<string, FoundAuthority>()
  for (const stored of contents.authorities) {
    const found = readAuthority(stored, findings)
    authorities.set(found.address, found)
  }
  const bundles = new Map<string, FoundBundle>()
  for (const { name, file } of contents.bundles) {
    const address = formatAddress({ kind: 'bundle', name })
    const problems = [...(findings.get(address) ?? [])]
    const text = textOf(file)
    bundles.set(address, {
      address,
      name,
      text,
      certificates: attempt(address, `ca.pem`, problems, () => parseCertificates(text)) ?? [],
      findings: problems,
    })
  }
  const identities = new Map<string, FoundIdentity>()
  for (const stored of contents.identities) {
    const found = await readIdentity(ports.store, stored, findings, memory)
    identities.set(found.address, found)
  }
  const configs = new Map<string, ConfigContents>()
  for (const path of options.configs ?? []) {
    if (!configs.has(path)) configs.set(path, await readConfig(ports.configs, path))
  }
  return {
    storeExists: contents.exists,
    location: ports.store.location,
    authorities,
    bundles,
    identities,
    configs,
    ledger: readLedger(contents.ledger?.bytes),
    findings: general,
  }
}

/** A configuration that cannot be read is a fault of its agent alone. */
async function readConfig(configs: Configs, path: string): Promise<ConfigContents> {
  try {
    return await configs.read(path)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_FILE_UNREADABLE')) throw error
    const { message, hint: remedy } = error
    return { path, location: path, kind: 'missing', files: [], fault: { message, remedy } }
  }
}

function readAuthority(
  stored: StoredAuthority,
  known: ReadonlyMap<string, readonly Finding[]>,
): FoundAuthority {
  const { name, generation } = stored
  const address = formatAddress({ kind: 'authority', name, generation })
  const findings = [...(known.get(address) ?? [])]
  const certificate =
    stored.certificate &&
    attempt(address, 'ca.pem', findings, () => parseCertificates(textOf(stored.certificate!))[0])
  if (stored.certificate !== undefined && certificate === undefined && findings.length === 0) {
    findings.push({
      severity: 'error',
      address,
      reason: 'incomplete',
      message: 'ca.pem holds no certificate',
      file: 'ca.pem',
    })
  }
  const crossed = new Map<number, Certificate>()
  for (const [by, file] of stored.crossed) {
    const [parsed] =
      attempt(address, `crossed-by-${by}.pem`, findings, () => parseCertificates(textOf(file))) ??
      []
    if (parsed) crossed.set(by, parsed)
  }
  const list = stored.list && textOf(stored.list)
  return {
    ...{ address, name, generation, certificate, key: readKey(stored.key), crossed, findings },
    ...(list !== undefined && { list }),
  }
}

async function readIdentity(
  store: Store,
  stored: StoredIdentity,
  known: ReadonlyMap<string, readonly Finding[]>,
  memory: Parsed,
): Promise<FoundIdentity> {
  const { role, region, name, generations } = stored
  const address = identityAddress({ role, region, name })
  const findings = known.size === 0 ? [] : [...(known.get(address) ?? [])]
  const current = stored.current && readGeneration(address, stored.current, findings, memory)
  const newest = generations.at(-1)
  let unfinished: FoundGeneration | undefined
  // Only an interruption leaves a generation above the linked one; looking costs a directory each.
  if (newest !== undefined && newest !== stored.current?.directory) {
    const all = await store.readGenerations(stored)
    const made = all.find((generation) => generation.directory === newest)
    if (made !== undefined && made.number > (stored.current?.number ?? 0)) {
      const read = readGeneration(address, made, [], memory)
      if (isWhole(read, made)) unfinished = read
    }
  }
  return {
    address,
    role,
    region,
    name,
    link: stored.link,
    current,
    unfinished,
    generations,
    findings,
  }
}

/** Whether all files are there and the key, unless it is elsewhere, belongs to the leaf: what an agent could load. */
function isWhole(found: FoundGeneration, stored: StoredGeneration): boolean {
  const leaf = found.chain[0]
  return (
    leaf !== undefined &&
    stored.manifest !== undefined &&
    found.bundle !== '' &&
    (found.key.state === 'node' ||
      found.key.state === 'elsewhere' ||
      (found.key.state === 'present' && sameBytes(found.key.publicKey.spki, leaf.publicKey.spki)))
  )
}

function readGeneration(
  address: string,
  stored: StoredGeneration,
  findings: Finding[],
  memory: Parsed,
): FoundGeneration {
  const chain =
    stored.cert &&
    attempt(address, `${stored.directory}/cert.pem`, findings, () =>
      memory.chain(textOf(stored.cert!)),
    )
  const bundle = stored.ca === undefined ? '' : memory.bundleOf(stored.ca)
  return {
    directory: stored.directory,
    number: stored.number,
    chain: chain ?? [],
    key: leafKey(stored),
    bundle,
    get trust() {
      return memory.trust(bundle)
    },
    manifest: memory.manifests ? stored.manifest && textOf(stored.manifest) : null,
    sums: memory.manifests ? sumsOf(stored) : {},
  }
}

function sumsOf({ ca, cert, key }: StoredGeneration): FoundGeneration['sums'] {
  return {
    ...(ca && { 'ca.pem': sha256(ca.bytes) }),
    ...(cert && { 'cert.pem': sha256(cert.bytes) }),
    ...(key && { 'key.pem': sha256(key.bytes) }),
  }
}

/** A key that is not here need not be missing. */
function leafKey({ key, manifest }: StoredGeneration): FoundLeafKey {
  const held = key === undefined ? keyElsewhereIn(manifest && textOf(manifest)) : undefined
  return held === undefined ? readKey(key) : { state: held }
}

function readKey(file: StoredFile | undefined): FoundKey {
  if (file === undefined) return { state: 'absent' }
  try {
    const text = textOf(file)
    const written = firstWritten(text, 'PRIVATE KEY')
    return { state: 'present', publicKey: writtenHalfOf(written?.der ?? text) }
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) return { state: 'encrypted' }
    if (isNomadPkiError(error)) return { state: 'malformed', message: error.message }
    throw error
  }
}

/** Parses equal texts once: ten thousand agents carry the same intermediates and trust. */
class Parsed {
  /** Whether manifests were asked for. */
  readonly manifests: boolean
  readonly #texts = new Map<string, string>()
  #last: { readonly bytes: Uint8Array; readonly text: string } | undefined
  readonly #rests = new Map<string, readonly Certificate[]>()
  readonly #trusts = new Map<string, readonly Certificate[]>()

  constructor(manifests: boolean) {
    this.manifests = manifests
  }

  /** Most agents trust the same as the agent before: comparing bytes is cheaper than making another text. */
  bundleOf(file: StoredFile): string {
    if (this.#last !== undefined && sameBytes(this.#last.bytes, file.bytes)) {
      return this.#last.text
    }
    const text = textOf(file)
    const known = this.#texts.get(text) ?? text
    this.#texts.set(known, known)
    this.#last = { bytes: file.bytes, text: known }
    return known
  }

  chain(text: string): readonly Certificate[] {
    const first = firstWritten(text, 'CERTIFICATE')
    if (first === undefined) {
      const all = parseCertificates(text)
      if (all.length > 0) return all
      throw new NomadPkiError('ERR_CERTIFICATE_MALFORMED', 'it holds no certificate')
    }
    const leaf = parseCertificate(first.der)
    let above = this.#rests.get(first.rest)
    if (above === undefined) {
      above = parseCertificates(first.rest)
      this.#rests.set(first.rest, above)
    }
    return above.length === 0 ? [leaf] : [leaf, ...above]
  }

  /** As an agent loads it. */
  trust(text: string): readonly Certificate[] {
    let known = this.#trusts.get(text)
    if (known === undefined) {
      known = trustedCertificates(text)
      this.#trusts.set(text, known)
    }
    return known
  }
}

function attempt<T>(
  address: string,
  file: string,
  findings: Finding[],
  parse: () => T,
): T | undefined {
  try {
    return parse()
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    findings.push({
      severity: 'error',
      address,
      reason: 'incomplete',
      message: `${file} cannot be parsed: ${error.message}`,
      file,
    })
    return undefined
  }
}

function textOf({ bytes }: StoredFile): string {
  return latin1Of(bytes)
}
