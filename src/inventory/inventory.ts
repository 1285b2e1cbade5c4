/**
 * What there is, as parsed values: no check ever sees PEM.
 *
 * @module
 */

import type { IdentityName } from '../address.js'
import type { Finding } from '../diagnostics.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { Certificate } from '../x509/certificate.js'
import type { ConfigContents } from './configs.js'
import type { Ledger } from './ledger.js'
import type { KeyElsewhere, Manifest } from './manifest.js'

/** A private key as far as a plan may look into it. */
export type FoundKey =
  | { readonly state: 'absent' }
  | { readonly state: 'encrypted' }
  | {
      readonly state: 'malformed'
      /** What is wrong with the file: lower case, no full stop. */
      readonly message: string
    }
  | {
      readonly state: 'present'
      /** The public half; the private one is not kept. */
      readonly publicKey: PublicKey
    }

/** The private key of an identity; its manifest says where one is that is not here. */
export type FoundLeafKey =
  | FoundKey
  | {
      /** Where it is; nothing else is known of it. */
      readonly state: KeyElsewhere
    }

/** One generation of an authority. */
export interface FoundAuthority {
  /** `authority/agent/1` */
  readonly address: string
  /** The name in its address. */
  readonly name: string
  /** The number in its address. */
  readonly generation: number
  /** Absent where the file is missing or malformed. */
  readonly certificate?: Certificate | undefined
  /** What is known of its private key. */
  readonly key: FoundKey
  /** Cross-certificates by the generation that signed them. */
  readonly crossed: ReadonlyMap<number, Certificate>
  /** The text of its revocation list, `crl.pem`. */
  readonly list?: string | undefined
  /** What is wrong with its files. */
  readonly findings: readonly Finding[]
}

/** A trust bundle. */
export interface FoundBundle {
  /** `bundle/agent` */
  readonly address: string
  /** The name of the root. */
  readonly name: string
  /** The text of `ca.pem`. */
  readonly text: string
  /** What the text holds. */
  readonly certificates: readonly Certificate[]
  /** What is wrong with the file. */
  readonly findings: readonly Finding[]
}

/** The generation that an identity's link points at. */
export interface FoundGeneration {
  /** `3-9f2c41ab` */
  readonly directory: string
  /** 3 of `3-9f2c41ab`. */
  readonly number: number
  /** What `cert.pem` holds: leaf first. Empty where it is missing or malformed. */
  readonly chain: readonly Certificate[]
  /** What is known of its private key. */
  readonly key: FoundLeafKey
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
export interface FoundIdentity extends IdentityName {
  /** `identity/server/global/s1` */
  readonly address: string
  /** The text of the `current` link; `undefined` where there is none. */
  readonly link?: string | undefined
  /** The generation that agents load; absent where the link leads nowhere. */
  readonly current?: FoundGeneration | undefined
  /** A whole generation above the current one: made, but an interruption came before the link turned. */
  readonly unfinished?: FoundGeneration | undefined
  /** Names of all generation directories, ascending. */
  readonly generations: readonly string[]
  /** What is wrong with its files. */
  readonly findings: readonly Finding[]
}

/** The files that an agent uses today, as far as they can be read on this machine. */
export interface FilesInUse {
  /** Where the file of `ca_file` was read; where it was not, what the configuration calls it. */
  readonly path: string
  /** What `ca_file` holds: the roots that the agent trusts. Empty: it cannot be read here. */
  readonly roots: readonly Certificate[]
  /** What `cert_file` holds, leaf first; empty where it was not read. */
  readonly chain: readonly Certificate[]
}

/** What there is. */
export interface Inventory {
  /** Whether there is a store at all. */
  readonly storeExists: boolean
  /** Where the store is, for messages. */
  readonly location: string
  /** By address. */
  readonly authorities: ReadonlyMap<string, FoundAuthority>
  /** By address. */
  readonly bundles: ReadonlyMap<string, FoundBundle>
  /** By address. */
  readonly identities: ReadonlyMap<string, FoundIdentity>
  /** By the `paths` and `write` of the spec. */
  readonly configs: ReadonlyMap<string, ConfigContents>
  /** By the address of the configuration, `config/global/s1`; default: they were not looked at. */
  readonly inUse?: ReadonlyMap<string, FilesInUse> | undefined
  /** What was done. */
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
