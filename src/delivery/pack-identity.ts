/**
 * Packs what one agent receives out of the store: its current generation, looked at before it goes.
 *
 * @module
 */

import { bundleAddress, identityAddress } from '../address.js'
import { latin1Of, sameBytes } from '../bytes.js'
import { revokedReason } from '../checks/revoked.js'
import { NomadPkiError } from '../errors.js'
import { formatInstant } from '../duration.js'
import { readLedger } from '../inventory/ledger.js'
import { readManifest, type Manifest } from '../inventory/manifest.js'
import { revocationsIn, type Revocations } from '../inventory/revoked.js'
import type { Store, StoredGeneration } from '../inventory/store.js'
import { isAgent, profileOf } from '../nomad/roles.js'
import { requestRemedy } from '../plan/held-by-node.js'
import { refuseOwnRenewal } from '../plan/own-renewal.js'
import type { DesiredIdentity } from '../cluster/desired.js'
import type { ClusterSpec, MachinePlace } from '../cluster/spec.js'
import { packArchive, packFiles, type Layout } from './archive.js'
import { checkTrio } from './check-trio.js'
import { fingerprintText } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import { sha256 } from '../sha256.js'
import { tlsValuesOf } from '../cluster/stanza.js'

/** How it is packed. */
export interface PackOptions {
  /** Epoch milliseconds. */
  readonly now: number
  /** `templates/install.sh` */
  readonly installer: Uint8Array
  /** Default: `links`. */
  readonly layout?: Layout | undefined
  /**
   * What the node has already and keeps: its private key, or the leaf and its chain too, which makes an
   * archive of new trust around it. Default: nothing.
   */
  readonly without?: 'key' | 'leaf' | undefined
}

/** An archive, and what is in it. */
export interface PackedIdentity {
  /** The gzip'd tar. It holds the private key, unless it was left out. */
  readonly archive: Uint8Array
  /** SHA-256 of the archive, hex. */
  readonly fingerprint: string
  /** The generation that is in it. */
  readonly manifest: Manifest
  /** `3-9f2c41ab` */
  readonly directory: string
  /** Sentences about what is not wrong and should be known. */
  readonly warnings: readonly string[]
}

/**
 * Packs the current generation of an identity into an archive with its installer. An archive of an agent holds
 * the private key unless `without` says otherwise.
 *
 * @param spec Where nodes have their files, their owner, what the stanza says.
 * @param identity An agent's, a machine's, or a person's: that is three files and the variables that name them.
 * @param store Where the generation is.
 * @param options The time, the installer, the layout.
 * @returns The archive (a gzip'd tar), its fingerprint, and what should be known about it.
 * @throws {NomadPkiError} `ERR_USAGE` where agents read the store itself, and for an operator without its key;
 * `ERR_STORE_MISSING` if there is no current generation; `ERR_STORE_UNREADABLE`; `ERR_PACK_UNFIT` if an
 * agent could not load it; `ERR_REFUSED` where the node renews itself.
 *
 * @see docs/delivery.md
 * @example
 *
 * ```ts
 * import {
 *   applyPlan, collect, desire, makePlan, memoryConfigs, memoryStore, packIdentity, parseSpec, readInventory,
 *   storeIssuers,
 * } from 'nomad-pki'
 *
 * const { spec } = parseSpec('version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n')
 * if (spec === undefined) throw new Error('the spec has errors')
 * const store = memoryStore()
 * const ports = { store, configs: memoryConfigs(), issuers: storeIssuers(store), clock: () => Date.now() }
 * const desired = desire(spec)
 * const { plan, materials } = makePlan(desired, await readInventory(ports), { now: Date.now() })
 * await collect(applyPlan(plan, materials, ports))
 *
 * const installer = new TextEncoder().encode('#!/bin/sh\n') // templates/install.sh of the package
 * const packed = await packIdentity(spec, desired.identities[0]!, store, { now: Date.now(), installer })
 * console.log(packed.directory, packed.archive.length > 0)
 * ```
 */
export async function packIdentity(
  spec: ClusterSpec,
  identity: DesiredIdentity,
  store: Store,
  options: PackOptions,
): Promise<PackedIdentity> {
  const { address, profile } = identity
  const { role } = profile
  if (!profileOf(role).hosted) return packOperator(spec, identity, store, options)
  const place = isAgent(role)
    ? { tls: spec.node.tls, owner: spec.node.owner[role] }
    : placeOfMachine(spec, identity)
  const { tls, owner } = place
  if (tls === undefined) {
    throw new NomadPkiError('ERR_USAGE', 'the agents of this spec read the store itself', {
      address,
      hint: 'node: { tls: /etc/nomad-tls } says where a node has its files',
    })
  }
  const { generation, manifest, ca, cert, key, warnings } = await readFit(
    spec,
    identity,
    store,
    options,
  )
  const { directory } = generation
  const archive = packArchive({
    cluster: spec.cluster,
    directory,
    layout: options.layout ?? 'links',
    tls,
    owner,
    stanza: isAgent(role) ? tlsValuesOf(identity.stanza ?? spec.node.stanza, tls) : undefined,
    manifest,
    files: {
      ca,
      cert: options.without === 'leaf' ? undefined : cert,
      key: options.without === undefined ? key : undefined,
      manifest: generation.manifest!.bytes,
    },
    installer: options.installer,
  })
  return { archive, fingerprint: sha256(archive), manifest, directory, warnings }
}

/**
 * Finds where a machine has its files.
 *
 * @throws {NomadPkiError} `ERR_INTERNAL` where it is not a machine of the spec.
 */
export function placeOfMachine(
  spec: ClusterSpec,
  { address }: Pick<DesiredIdentity, 'address'>,
): MachinePlace {
  const place = spec.operators.find((one) => identityAddress(one) === address)?.place
  if (place !== undefined) return place
  throw new NomadPkiError('ERR_INTERNAL', `not a machine of the spec: ${address}`)
}

/** The current generation of an identity, proven to be fit. */
export interface FitGeneration {
  readonly generation: StoredGeneration
  readonly manifest: Manifest
  readonly ca: Uint8Array
  readonly cert: Uint8Array
  readonly key: Uint8Array | undefined
  readonly warnings: readonly string[]
}

/**
 * Reads the current generation of an identity and looks at it before it goes.
 *
 * @throws {NomadPkiError} `ERR_STORE_MISSING` if there is none; `ERR_PACK_UNFIT` if it could not be loaded.
 */
export async function readFit(
  spec: ClusterSpec,
  { address, name, profile }: DesiredIdentity,
  store: Store,
  options: Pick<PackOptions, 'now' | 'without'>,
): Promise<FitGeneration> {
  refuseOwnRenewal({ address, profile }, 'no archive is brought to it')
  const { role, region } = profile
  const generation = await currentOf(store, { role, region, name }, address, {
    keyHeld: profile.keyHeld,
    tls: spec.node.tls,
  })
  const { directory, ca, cert, key } = generation
  if (ca === undefined || cert === undefined) {
    throw unfit(address, `${directory} is not whole`)
  }
  // A plan reads no manifests: a new generation brings one.
  const another = `nomad-pki rotate leaves ${address}`
  if (generation.manifest === undefined) {
    throw unfit(address, `${directory} has no manifest`, another)
  }
  const manifest = readManifest(latin1Of(generation.manifest.bytes))
  if (typeof manifest === 'string')
    throw unfit(address, `the manifest of ${directory}: ${manifest}`, another)
  if (manifest.address !== address) {
    throw unfit(address, `the manifest of ${directory} is of ${manifest.address}`, another)
  }
  if (key === undefined && manifest.held === undefined && options.without === undefined) {
    throw unfit(address, `${directory} has no key`, '--without-key: the node has it already')
  }
  // An engine has the certificate; whether the node has its key is not known here.
  if (key === undefined && manifest.held === 'elsewhere' && options.without === undefined) {
    throw unfit(address, `the key of ${directory} is not in this store`, another)
  }
  if (manifest.held === 'node' && !isAgent(role)) {
    throw unfit(
      address,
      `the key of ${directory} is not in the store, and ${profileOf(role).title} needs the key too`,
    )
  }
  if (options.without !== 'leaf') {
    const revoked = await revokedIn(store, cert.bytes)
    if (revoked !== undefined) throw unfit(address, revoked, `nomad-pki apply ${address}`)
  }
  const parts = [
    ['ca.pem', ca.bytes],
    ['cert.pem', cert.bytes],
    ['key.pem', key?.bytes],
  ] as const
  for (const [file, bytes] of parts) {
    if (bytes !== undefined && sha256(bytes) !== manifest.files[file]) {
      throw unfit(address, `${file} of ${directory} is not what its manifest says`, another)
    }
  }
  const { faults, warnings } = checkTrio(
    { ca: ca.bytes, cert: cert.bytes, key: key?.bytes },
    options.now,
    role,
  )
  const all = [...faults, ...pinFaults(spec, profile.bundle, ca.bytes)]
  if (all.length > 0) throw unfit(address, all.join('; '))
  return {
    generation,
    manifest,
    ca: ca.bytes,
    cert: cert.bytes,
    key: key?.bytes,
    warnings,
  }
}

/** The ledger of a store, as it was read last: many identities are packed in one go. */
const ledgers = new WeakMap<
  Store,
  { readonly bytes: Uint8Array; readonly revocations: Revocations }
>()

/** Whether a leaf was revoked, as a sentence. */
async function revokedIn(store: Store, cert: Uint8Array): Promise<string | undefined> {
  const bytes = (await store.readLedger())?.bytes
  if (bytes === undefined) return undefined
  let known = ledgers.get(store)
  if (known === undefined || !sameBytes(known.bytes, bytes)) {
    known = { bytes, revocations: revocationsIn(readLedger(bytes)) }
    ledgers.set(store, known)
  }
  if (known.revocations.all.length === 0) return undefined
  const [leaf] = parseCertificates(latin1Of(cert))
  return leaf && revokedReason(leaf, known.revocations)?.message
}

/** What a browser, Prometheus or a shell elsewhere needs, as plain files. */
async function packOperator(
  spec: ClusterSpec,
  identity: DesiredIdentity,
  store: Store,
  options: PackOptions,
): Promise<PackedIdentity> {
  const { address, profile } = identity
  if (options.without !== undefined) {
    throw new NomadPkiError('ERR_USAGE', `${address} is an operator: its key is what is packed`, {
      address,
      hint: '--without-key and --trust-only are for nodes and machines',
    })
  }
  const { generation, manifest, ca, cert, key, warnings } = await readFit(
    spec,
    identity,
    store,
    options,
  )
  const archive = packFiles(
    [
      { path: 'nomad.env', bytes: Buffer.from(environmentOf(profile.region)), mode: 0o644 },
      { path: 'ca.pem', bytes: ca, mode: 0o644 },
      { path: 'cert.pem', bytes: cert, mode: 0o644 },
      { path: 'key.pem', bytes: key!, mode: 0o600 },
    ],
    manifest.made,
  )
  const { directory } = generation
  return { archive, fingerprint: sha256(archive), manifest, directory, warnings }
}

/** The variables of Nomad's api/api.go:337-391, for a shell in the folder of the files. */
function environmentOf(region: string): string {
  return `# In this folder: . ./nomad.env
# NOMAD_ADDR is yours to say: export NOMAD_ADDR=https://10.0.0.11:4646
export NOMAD_REGION=${region}
export NOMAD_CACERT="$PWD/ca.pem"
export NOMAD_CLIENT_CERT="$PWD/cert.pem"
export NOMAD_CLIENT_KEY="$PWD/key.pem"
# Each server has this name, whatever its address is.
export NOMAD_TLS_SERVER_NAME=server.${region}.nomad
`
}

/** The roots that the spec pins and the bundle does not hold. */
export function pinFaults(spec: ClusterSpec, bundle: string, ca: Uint8Array): readonly string[] {
  const root = spec.authorities.find(({ name }) => bundleAddress(name) === bundle)
  const pins = Object.values(root?.fingerprints ?? {})
  if (pins.length === 0) return []
  const held = parseCertificates(latin1Of(ca)).map(fingerprintText)
  return pins
    .filter((pin) => !held.includes(pin))
    .map((pin) => `the spec pins the root ${pin}, and ca.pem holds ${held.join(', ')}`)
}

/** `s1: until 2027-03-01T09:30:00Z`, for messages. */
export function untilText({ leaf }: Manifest): string {
  return formatInstant(Date.parse(leaf.notAfter))
}

async function currentOf(
  store: Store,
  identity: Parameters<Store['readGenerations']>[0],
  address: string,
  { keyHeld, tls }: { readonly keyHeld: 'store' | 'node'; readonly tls: string | undefined },
): Promise<StoredGeneration> {
  const found = await store.readIdentity(identity)
  if (found?.current === undefined) {
    throw new NomadPkiError('ERR_STORE_MISSING', `${address} has no current generation`, {
      address,
      hint: keyHeld === 'node' ? requestRemedy(address, { tls }) : `nomad-pki apply ${address}`,
    })
  }
  return found.current
}

function unfit(address: string, why: string, hint?: string): NomadPkiError {
  return new NomadPkiError('ERR_PACK_UNFIT', `${address} is not fit to be packed: ${why}`, {
    address,
    hint: hint ?? 'nomad-pki plan says what to do about it',
  })
}
