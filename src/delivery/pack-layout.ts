/**
 * The current generations under the file names of another tool: for roles, images and configurations that name
 * those files.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { latin1Of, sameBytes } from '../bytes.js'
import { renewsItself, type Desired, type DesiredIdentity } from '../cluster/desired.js'
import { sections } from '../cluster/sections.js'
import type { ClusterSpec } from '../cluster/spec.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { Manifest } from '../inventory/manifest.js'
import type { Store } from '../inventory/store.js'
import {
  exportAuthority,
  keyIsElsewhere,
  type ExportedAuthority,
} from '../issuers/export-authority.js'
import { parsePrivateKey } from '../keys/private-key.js'
import { isAgent } from '../nomad/roles.js'
import { parseCertificates } from '../x509/certificates.js'
import { encodeRequest, makeRequest } from '../x509/request.js'
import { fileLayouts, partOf, parts, type FileLayout, type Part } from './file-layouts.js'
import { readFit, type FitGeneration } from './pack-identity.js'

/** What is packed, and how. */
export interface LayoutOptions {
  /** Epoch milliseconds. */
  readonly now: number
  readonly layout: FileLayout
  /** Addresses that the user named: each is the one of its part. */
  readonly named: readonly string[]
  /** Whether the parts that nobody was named for are packed too. */
  readonly all: boolean
  /** Default: all regions where the names of the layout say the region, else the only one. */
  readonly region?: string | undefined
  /** Whether the authority's private key is among the files. Default: no. */
  readonly authorityKey?: boolean | undefined
}

/** A file to be written. */
export interface LayoutFile {
  readonly name: string
  readonly kind: 'authority' | 'certificate' | 'key' | 'request' | 'signing'
  readonly bytes: Uint8Array
  readonly mode: number
  /** Whose it is; absent for the authority and the configuration. */
  readonly address?: string | undefined
}

/** The files, and what was packed into them. */
export interface PackedLayout {
  readonly files: readonly LayoutFile[]
  readonly manifests: readonly Manifest[]
  /** Sentences about what was left out, or has to be known. */
  readonly notes: readonly string[]
}

/** An identity that was chosen for a part. */
interface Chosen {
  readonly identity: DesiredIdentity
  readonly part: Part
}

/**
 * Packs the current generations of a region, or of all, under the names of a layout.
 *
 * @throws {NomadPkiError} `ERR_USAGE` where the names cannot tell what the spec tells apart; as {@link readFit};
 *   `ERR_PACK_UNFIT` where one file would have to hold two things; `ERR_STORE_UNREADABLE`, `ERR_KEY_ENCRYPTED`
 *   where the authority's key is asked for and cannot be had.
 */
export async function packLayout(
  spec: ClusterSpec,
  desired: Desired,
  store: Store,
  options: LayoutOptions,
): Promise<PackedLayout> {
  const notes: string[] = []
  const chosen = choose(desired, options, notes)
  const found = await Promise.all(
    chosen.map(async (one) => ({
      ...one,
      fit: await readFit(spec, one.identity, store, { now: options.now }),
    })),
  )
  for (const { identity, fit } of found) {
    notes.push(...fit.warnings.map((warning) => `${identity.address}: ${warning}`))
  }
  const files: LayoutFile[] = []
  const names = fileLayouts[options.layout]
  if (names.signing !== undefined) {
    files.push(publicFile(names.signing, 'signing', signingText(found[0]!.identity)))
  }
  files.push(...(await authorityFiles(found, desired, store, options, notes)))
  for (const { identity, part, fit } of found)
    files.push(...pairFiles(identity, part, fit, options))
  return { files, manifests: found.map(({ fit }) => fit.manifest), notes }
}

function choose(
  { identities }: Desired,
  { layout, named, all, region }: LayoutOptions,
  notes: string[],
): readonly Chosen[] {
  const { pair, regional } = fileLayouts[layout]
  const known = [...new Set(identities.map(({ profile }) => profile.region))]
  if (region !== undefined && !known.includes(region)) {
    throw usage(`unknown region: ${region}`, `regions of the spec: ${known.join(', ')}`)
  }
  const wanted = identities.filter(({ address }) => named.includes(address))
  const nameless = wanted.find(({ profile }) => partOf(profile.role) === undefined)
  if (nameless !== undefined) {
    throw usage(
      `${nameless.address} is a machine: ${layout} has no names for its files`,
      `nomad-pki pack ${nameless.name} makes an archive for its host`,
    )
  }
  const inScope = (one: DesiredIdentity): boolean =>
    region === undefined || one.profile.region === region
  const stray = wanted.find((one) => !inScope(one))
  if (stray !== undefined) throw usage(`${stray.address} is not of the region ${region!}`)
  const regions = new Set(
    (all ? identities.filter(inScope) : wanted).map(({ profile }) => profile.region),
  )
  if (!regional && regions.size > 1) {
    const listed = [...regions].join(', ')
    throw usage(
      `the names of ${layout} do not say the region, and there are several: ${listed}`,
      `--region ${[...regions][0]!}, each region into a folder of its own`,
    )
  }
  const chosen: Chosen[] = []
  for (const within of regions) {
    for (const part of parts) {
      const own = identities.filter(
        ({ profile }) => profile.region === within && partOf(profile.role) === part,
      )
      // The store has no files of a node that renews itself; one that is named is refused where its files are read.
      const candidates = own.filter((one) => !renewsItself(one) || named.includes(one.address))
      const asked = candidates.filter(({ address }) => named.includes(address))
      const { certificate } = pair(part, within)
      if (asked.length > 1) {
        throw usage(
          `${certificate} is one file, and two were named for it: ${asked[0]!.address}, ${asked[1]!.address}`,
          'pack each into a folder of its own',
        )
      }
      if (asked.length === 0 && !all) continue
      const identity = asked[0] ?? (candidates.length === 1 ? candidates[0] : undefined)
      if (identity !== undefined) {
        chosen.push({ identity, part })
        // Without --all it is meant for one node.
        if (all && candidates.length > 1) {
          notes.push(`${certificate} is for ${identity.name} alone: the others have their own keys`)
        }
        continue
      }
      if (candidates.length === 0) {
        notes.push(
          own.length > 0
            ? `${certificate} is left out: in ${within} each ${part} renews itself`
            : `${certificate} is left out: the spec has no ${part} in ${within}`,
        )
        continue
      }
      throw severalFor(certificate, within, candidates)
    }
  }
  if (chosen.length === 0) throw usage('nothing to pack: the spec has no identities there')
  return chosen
}

function severalFor(
  certificate: string,
  region: string,
  candidates: readonly DesiredIdentity[],
): NomadPkiError {
  const some = candidates.slice(0, 3).map(({ name }) => name)
  const listed = candidates.length > 3 ? `${some.join(', ')}, …` : some.join(', ')
  const { role } = candidates[0]!.profile
  const shared = isAgent(role) ? `, or give them one key: ${sections[role]}: { shared: true }` : ''
  return usage(
    `${certificate} is one file, and ${candidates.length} in ${region} have their own keys: ${listed}`,
    `name one: nomad-pki pack --all ${candidates[0]!.address} …${shared}`,
  )
}

type Found = Chosen & { readonly fit: FitGeneration }

/** The trust that all of them share, and what only the authority's key can make. */
async function authorityFiles(
  found: readonly Found[],
  desired: Desired,
  store: Store,
  { layout, authorityKey = false }: LayoutOptions,
  notes: string[],
): Promise<readonly LayoutFile[]> {
  const names = fileLayouts[layout].authority
  const [first, ...others] = found
  const other = others.find(({ fit }) => !sameBytes(fit.ca, first!.fit.ca))
  if (other !== undefined) {
    throw new NomadPkiError(
      'ERR_PACK_UNFIT',
      `${names.certificate} is one file, and ${first!.identity.address} and ${other.identity.address} trust different authorities`,
      { hint: 'nomad-pki apply where a rotation is under way, else each into a folder of its own' },
    )
  }
  const certificate = publicFile(names.certificate, 'authority', latin1Of(first!.fit.ca))
  if (!authorityKey && names.request === undefined) return [certificate]
  const authorities = parseCertificates(latin1Of(certificate.bytes))
  if (authorities.length > 1) {
    const why = `${names.certificate} holds ${authorities.length} authorities, and ${layout === 'cfssl' ? 'cfssl' : 'nomad tls'} signs with one`
    if (authorityKey) {
      throw new NomadPkiError('ERR_PACK_UNFIT', why, {
        hint: 'leave --with-authority-key out, or wait for the end of the rotation',
      })
    }
    notes.push(`${names.request!} is left out: ${why}`)
    return [certificate]
  }
  const bundle = desired.bundles.find(({ address }) => address === first!.identity.profile.bundle)
  const generations = (bundle?.trusted ?? []).map((address) => ({
    name: authorityNameOf(address),
    generation: generationOf(address),
  }))
  let exported: ExportedAuthority | undefined
  try {
    exported = await exportAuthority(store, generations, authorities[0]!)
  } catch (error) {
    if (authorityKey || !isNomadPkiError(error, 'ERR_KEY_ENCRYPTED')) throw error
  }
  if (exported === undefined) {
    if (authorityKey) throw keyIsElsewhere(names.certificate)
    notes.push(
      `${names.request!} is left out: the authority's key signs it, and is not in the store`,
    )
    return [certificate]
  }
  const { key, request } = exported
  return [
    ...(names.request === undefined
      ? []
      : [{ name: names.request, kind: 'request', bytes: request, mode: 0o644 } as const]),
    ...(authorityKey ? [{ name: names.key, kind: 'key', bytes: key, mode: 0o600 } as const] : []),
    certificate,
  ]
}

function pairFiles(
  { address, profile }: DesiredIdentity,
  part: Part,
  { key, cert }: FitGeneration,
  { layout }: LayoutOptions,
): readonly LayoutFile[] {
  if (key === undefined) {
    throw new NomadPkiError('ERR_PACK_UNFIT', 'its key is on its node, and this layout has a key', {
      address,
      hint: '--layout links or flat: an archive without the key',
    })
  }
  const names = fileLayouts[layout].pair(part, profile.region)
  const requests: LayoutFile[] = []
  if (names.request !== undefined) {
    const leaf = parseCertificates(latin1Of(cert))[0]!
    const request = makeRequest({
      subject: leaf.subject.der,
      key: parsePrivateKey(latin1Of(key)),
      names: leaf.subjectAltName,
    })
    requests.push({ ...publicFile(names.request, 'request', encodeRequest(request)), address })
  }
  // The key before its certificate, as everywhere.
  return [
    ...requests,
    { name: names.key, kind: 'key', bytes: key, mode: 0o600, address },
    { ...publicFile(names.certificate, 'certificate', latin1Of(cert)), address },
  ]
}

/** What `cfssl gencert -config` reads: the guide's, with the lifetime of the spec. */
function signingText({ profile }: DesiredIdentity): string {
  const hours = Math.max(1, Math.floor(profile.lifetime / 3_600_000))
  // RFC 8813 §3: an ECDSA key never enciphers a key; the guide's own configuration asks for it all the same.
  const encipherment = profile.key.startsWith('rsa') ? ['key encipherment'] : []
  const usages = ['signing', ...encipherment, 'server auth', 'client auth']
  const signing = { signing: { default: { expiry: `${hours}h`, usages } } }
  return `${JSON.stringify(signing, null, 2)}\n`
}

function publicFile(name: string, kind: LayoutFile['kind'], text: string): LayoutFile {
  return { name, kind, bytes: Buffer.from(text, 'latin1'), mode: 0o644 }
}

function usage(message: string, hint?: string): NomadPkiError {
  return new NomadPkiError('ERR_USAGE', message, { hint })
}
