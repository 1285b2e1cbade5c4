/**
 * What a batch gathers before it is committed: plain data, checked as it comes, the same for a
 * store on directories and one in memory.
 *
 * @module
 */

import { isName, parseAddress, type IdentityName } from '../address.js'
import { NomadPkiError } from '../errors.js'
import { parseGenerationName } from '../inventory/generation-name.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { keyElsewhereIn } from '../inventory/manifest.js'
import type { GenerationFiles, StoreBatch } from '../inventory/store.js'
import { checkIdentity, identityPath, isGenerationNumber, probePath } from './layout.js'

/** A generation of an authority to be written. */
export interface AuthorityPut {
  readonly name: string
  readonly generation: number
  readonly key: string | undefined
  /** `undefined` where only cross-certificates come to one that is there. */
  readonly certificate: string | undefined
  /** Cross-certificates by the generation that signed them. */
  readonly crossed: ReadonlyMap<number, string>
  /** Its revocation list; `undefined`: the one that is there stays. */
  readonly list?: string | undefined
}

/** Another form of an authority's key. */
export interface KeyReplacement {
  readonly name: string
  readonly generation: number
  readonly key: string
  /** The file as it was read. */
  readonly expected: Uint8Array
}

/** A generation of an identity to be written. */
export interface GenerationPut {
  readonly identity: IdentityName
  readonly directory: string
  readonly files: GenerationFiles
}

/** A link to be turned. */
export interface Turn {
  readonly identity: IdentityName
  readonly directory: string
}

/** Something of an identity to be removed: all of it where no directories are named. */
export interface IdentityRemoval {
  readonly identity: IdentityName
  readonly directories: readonly string[] | undefined
}

/** Everything that one batch changes. */
export interface Changes {
  readonly authorities: readonly AuthorityPut[]
  readonly keys: readonly KeyReplacement[]
  readonly bundles: ReadonlyMap<string, string>
  readonly generations: readonly GenerationPut[]
  /** By the identity's path: the last one asked for counts. */
  readonly turns: ReadonlyMap<string, Turn>
  readonly removals: readonly IdentityRemoval[]
  readonly removedAuthorities: readonly { readonly name: string; readonly generation: number }[]
  readonly removedBundles: readonly string[]
  /** Probe leaves by their paths; `undefined`: removed. */
  readonly probes: ReadonlyMap<string, string | undefined>
  /** Addresses. */
  readonly repairs: readonly string[]
  readonly events: readonly LedgerEvent[]
}

/** Whether a batch is nothing but lines of the ledger. */
export function isLedgerAlone({ events, ...changes }: Changes): boolean {
  return (
    events.length > 0 &&
    Object.values(changes).every((one) => ('size' in one ? one.size : one.length) === 0)
  )
}

type AuthorityDraft = Omit<AuthorityPut, 'list'> & {
  readonly crossed: Map<number, string>
  list?: string | undefined
}

/** What stands beside an authority goes into the directory that is being made, where this batch makes it. */
function draftOf(authorities: AuthorityDraft[], name: string, generation: number): AuthorityDraft {
  let draft = authorities.find((one) => one.name === name && one.generation === generation)
  if (draft === undefined) {
    draft = { name, generation, key: undefined, certificate: undefined, crossed: new Map() }
    authorities.push(draft)
  }
  return draft
}

/**
 * A batch that hands over what it gathered.
 *
 * @param commit Makes it so.
 * @returns A batch that can be committed once.
 */
export function gather(commit: (changes: Changes) => Promise<void>): StoreBatch {
  const authorities: AuthorityDraft[] = []
  const keys: KeyReplacement[] = []
  const bundles = new Map<string, string>()
  const generations: GenerationPut[] = []
  const turns = new Map<string, Turn>()
  const removals: IdentityRemoval[] = []
  const removedAuthorities: { name: string; generation: number }[] = []
  const removedBundles: string[] = []
  const probes = new Map<string, string | undefined>()
  const repairs: string[] = []
  const events: LedgerEvent[] = []
  let committed = false

  return {
    putAuthority(name, generation, { key, certificate }) {
      checkAuthority(name, generation)
      const at = authorities.findIndex((one) => one.name === name && one.generation === generation)
      const before = authorities[at]
      if (before === undefined) {
        authorities.push({ name, generation, key, certificate, crossed: new Map() })
      } else if (before.certificate === undefined) {
        // Its cross-certificates came first.
        authorities[at] = { ...before, key: key ?? before.key, certificate }
      } else if (before.certificate !== certificate || before.key !== key) {
        throw new NomadPkiError('ERR_INTERNAL', 'a batch makes one authority twice', {
          address: `authority/${name}/${generation}`,
        })
      }
    },
    replaceAuthorityKey(name, generation, { key, expected }) {
      checkAuthority(name, generation)
      keys.push({ name, generation, key, expected })
    },
    putCross(name, generation, by, pem) {
      checkAuthority(name, generation)
      checkAuthority(name, by)
      draftOf(authorities, name, generation).crossed.set(by, pem)
    },
    putList(name, generation, pem) {
      checkAuthority(name, generation)
      draftOf(authorities, name, generation).list = pem
    },
    putBundle(name, pem) {
      checkName(name)
      bundles.set(name, pem)
    },
    putGeneration(identity, directory, files) {
      checkDirectory(identity, directory)
      if (files.key === undefined && keyElsewhereIn(files.manifest) === undefined) {
        throw new NomadPkiError(
          'ERR_INTERNAL',
          'the manifest of a generation without a key does not say that the node holds it',
          {
            address: identityPath(identity),
          },
        )
      }
      generations.push({ identity, directory, files })
      turns.set(identityPath(identity), { identity, directory })
    },
    turn(identity, directory) {
      checkDirectory(identity, directory)
      turns.set(identityPath(identity), { identity, directory })
    },
    removeIdentity(identity, directories) {
      checkIdentity(identity)
      for (const directory of directories ?? []) checkDirectory(identity, directory)
      removals.push({ identity, directories })
    },
    removeAuthority(name, generation) {
      checkAuthority(name, generation)
      removedAuthorities.push({ name, generation })
    },
    removeBundle(name) {
      checkName(name)
      removedBundles.push(name)
    },
    putProbe(name, generation, pem) {
      checkAuthority(name, generation)
      probes.set(probePath(name, generation), pem)
    },
    removeProbe(name, generation) {
      checkAuthority(name, generation)
      probes.set(probePath(name, generation), undefined)
    },
    repairModes(address) {
      if (parseAddress(address).kind === 'config') {
        throw new NomadPkiError('ERR_INTERNAL', `${address} is not in the store`)
      }
      repairs.push(address)
    },
    record(event) {
      events.push(event)
    },
    async commit() {
      if (committed) throw new NomadPkiError('ERR_INTERNAL', 'the batch was committed before')
      committed = true
      for (const { identity, directories } of removals) {
        const turned = turns.get(identityPath(identity))
        if (turned !== undefined && (directories?.includes(turned.directory) ?? true)) {
          throw new NomadPkiError('ERR_INTERNAL', 'a batch removes what it turns to', {
            address: identityPath(identity),
          })
        }
      }
      await commit({
        authorities,
        keys,
        bundles,
        generations,
        turns,
        removals,
        removedAuthorities,
        removedBundles,
        probes,
        repairs,
        events,
      })
    },
  }
}

/** What is thrown where the generation that a link points at is to be removed. */
export function removesCurrent(identity: IdentityName, directory: string): NomadPkiError {
  return new NomadPkiError('ERR_INTERNAL', `${directory} is current and can't be removed`, {
    address: identityPath(identity),
  })
}

/** What is thrown where a link would point at nothing. */
export function turnsToNothing(identity: IdentityName, directory: string): NomadPkiError {
  return new NomadPkiError('ERR_STORE_UNREADABLE', `generation ${directory} does not exist`, {
    address: identityPath(identity),
    hint: 'the store changed: plan again',
  })
}

/** What is thrown where a key would be written over another one. */
export function keyExists(name: string, generation: number): NomadPkiError {
  return new NomadPkiError(
    'ERR_FILE_EXISTS',
    'a different key is in its place, and it is not overwritten',
    {
      address: `authority/${name}/${generation}`,
      hint: 'make the next generation, or move that directory away yourself',
    },
  )
}

/** What is thrown where a key is not the one that was read. */
export function keyChanged(name: string, generation: number): NomadPkiError {
  const address = `authority/${name}/${generation}`
  return new NomadPkiError('ERR_STORE_UNREADABLE', 'the key is not the one that was read', {
    address,
    hint: 'another process changed it: run the command again',
  })
}

/** What is thrown where a cross-certificate would be for an authority that is not there. */
export function crossesNothing(name: string, generation: number): NomadPkiError {
  const address = `authority/${name}/${generation}`
  return new NomadPkiError('ERR_STORE_UNREADABLE', `${address} does not exist`, {
    address,
    hint: 'the store changed: plan again',
  })
}

/** What is thrown where a generation would be written over another one. */
export function generationExists(identity: IdentityName, directory: string): NomadPkiError {
  return new NomadPkiError('ERR_FILE_EXISTS', `generation ${directory} exists already`, {
    address: identityPath(identity),
    hint: 'the store changed: plan again',
  })
}

function checkName(name: string): void {
  if (!isName(name)) {
    throw new NomadPkiError('ERR_INTERNAL', `not a name: ${JSON.stringify(name)}`)
  }
}

function checkAuthority(name: string, generation: number): void {
  checkName(name)
  if (!isGenerationNumber(String(generation))) {
    throw new NomadPkiError('ERR_INTERNAL', `not a generation: ${generation}`)
  }
}

function checkDirectory(identity: IdentityName, directory: string): void {
  checkIdentity(identity)
  if (parseGenerationName(directory) === undefined) {
    throw new NomadPkiError(
      'ERR_INTERNAL',
      `not a generation's directory: ${JSON.stringify(directory)}`,
    )
  }
}
