/**
 * What there is, as parsed values: no check ever sees PEM.
 *
 * @module
 */

import type { Role } from '../address.js'
import type { Finding } from '../diagnostics.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { Certificate } from '../x509/certificate.js'
import type { ConfigContents } from './configs.js'
import type { Ledger } from './ledger.js'
import type { Manifest } from './manifest.js'

/** A private key as far as a plan may look into it. */
export type FoundKey =
  | { readonly state: 'absent' }
  | { readonly state: 'encrypted' }
  | { readonly state: 'malformed'; readonly message: string }
  | { readonly state: 'present'; readonly publicKey: PublicKey }

/** One generation of an authority. */
export interface FoundAuthority {
  readonly address: string
  readonly name: string
  readonly generation: number
  readonly certificate?: Certificate | undefined
  readonly key: FoundKey
  readonly crossed: ReadonlyMap<number, Certificate>
  readonly findings: readonly Finding[]
}

/** A trust bundle. */
export interface FoundBundle {
  readonly address: string
  readonly name: string
  readonly text: string
  readonly certificates: readonly Certificate[]
  readonly findings: readonly Finding[]
}

/** The generation that an identity's link points at. */
export interface FoundGeneration {
  readonly directory: string
  readonly number: number
  /** What `cert.pem` holds: leaf first. Empty where it is missing or malformed. */
  readonly chain: readonly Certificate[]
  readonly key: FoundKey
  /** What `ca.pem` holds, as text; compare it with the bundle before parsing it. */
  readonly bundle: string
  /** Parsed from {@link bundle} on first use, equal texts once. */
  readonly trust: readonly Certificate[]
  /** The text of `manifest.json`; `undefined` where it is missing, `null` where it was not asked for. */
  readonly manifest: string | undefined | null
  /** SHA-256 of the files beside the manifest, hex; empty where that was not asked for. */
  readonly sums: Readonly<Partial<Manifest['files']>>
}

/** An identity. */
export interface FoundIdentity {
  readonly address: string
  readonly role: Role
  readonly region: string
  readonly name: string
  /** The text of the `current` link; `undefined` where there is none. */
  readonly link?: string | undefined
  readonly current?: FoundGeneration | undefined
  /** A whole generation above the current one: made, but an interruption came before the link turned. */
  readonly unfinished?: FoundGeneration | undefined
  /** Names of all generation directories, ascending. */
  readonly generations: readonly string[]
  readonly findings: readonly Finding[]
}

/** The files that an agent uses today, as far as they can be read on this machine. */
export interface FilesInUse {
  /** Where the file of `ca_file` was read. */
  readonly path: string
  /** What `ca_file` holds: the roots that the agent trusts. Empty: it cannot be read here. */
  readonly roots: readonly Certificate[]
  /** What `cert_file` holds, leaf first; empty where it was not read. */
  readonly chain: readonly Certificate[]
}

/** What there is. */
export interface Inventory {
  readonly storeExists: boolean
  readonly location: string
  readonly authorities: ReadonlyMap<string, FoundAuthority>
  readonly bundles: ReadonlyMap<string, FoundBundle>
  readonly identities: ReadonlyMap<string, FoundIdentity>
  /** By the `paths` and `write` of the spec. */
  readonly configs: ReadonlyMap<string, ConfigContents>
  /** By the address of the configuration, `config/global/s1`; default: nobody looked. */
  readonly inUse?: ReadonlyMap<string, FilesInUse> | undefined
  readonly ledger: Ledger
  /** What is wrong with the store as a whole. */
  readonly findings: readonly Finding[]
}

/** What killed runs left in the store, whatever it belongs to. */
export function leftOvers(inventory: Inventory): readonly Finding[] {
  const { findings, authorities, bundles, identities } = inventory
  const all: Finding[] = findings.filter(isLeftOver)
  for (const found of [authorities, bundles, identities]) {
    for (const one of found.values()) {
      if (one.findings.length > 0) all.push(...one.findings.filter(isLeftOver))
    }
  }
  return all
}

function isLeftOver({ reason }: Finding): boolean {
  return reason === 'left-over'
}
