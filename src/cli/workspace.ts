/**
 * What most commands begin with: the spec, the store it names, and the agents' configurations.
 *
 * @module
 */

import path from 'node:path'
import { resolveAddress } from '../address.js'
import { clusterFindings, notedCluster } from '../checks/cluster.js'
import { hasErrors, type Finding } from '../diagnostics.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { Configs } from '../inventory/configs.js'
import type { Inventory } from '../inventory/inventory.js'
import { readLedger } from '../inventory/ledger.js'
import { readInventory } from '../inventory/read.js'
import type { Store } from '../inventory/store.js'
import { configPaths } from '../plan/config-files.js'
import { desire } from '../cluster/desire.js'
import type { Desired } from '../cluster/desired.js'
import { parseSpec } from '../cluster/parse.js'
import { shellQuote } from '../shell-quote.js'
import type { ClusterSpec } from '../cluster/spec.js'
import { directoryConfigs } from '../store/directory-configs.js'
import { directoryStore } from '../store/directory-store.js'
import { readFilesInUse } from '../store/files-in-use.js'
import { findLeftAsides } from '../store/left-asides.js'
import type { Context } from './context.js'
import type { GlobalOptions } from './surface/entry.js'
import type { Printer } from './printer.js'

/** The name that is looked for where `--file` names none; in the current folder and nowhere else. */
export const defaultSpec = 'cluster.yaml'

/** A spec and what it is about. */
export interface Workspace {
  /** As the user named it. */
  readonly file: string
  /** The folder of the spec: what its paths are relative to. */
  readonly base: string
  readonly text: string
  readonly spec: ClusterSpec
  readonly desired: Desired
  readonly store: Store
  readonly configs: Configs
}

/** ` --file …` as it was given, to be put behind a command that goes on. */
export function fileFlag({ file }: Pick<GlobalOptions, 'file'>): string {
  return file === undefined ? '' : ` --file ${shellQuote(file)}`
}

/**
 * Reads the spec as text.
 *
 * @throws {NomadPkiError} `ERR_SPEC_UNREADABLE`
 */
export async function readSpec(
  context: Context,
  options: Pick<GlobalOptions, 'file'>,
): Promise<{ readonly file: string; readonly text: string; readonly bytes: Uint8Array }> {
  const file = options.file ?? defaultSpec
  let bytes: Uint8Array
  try {
    bytes = await context.readFile(file)
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    const missing = error.message.endsWith('no such file')
    throw new NomadPkiError('ERR_SPEC_UNREADABLE', error.message, {
      hint: missing ? 'nomad-pki init writes one; --file names another' : undefined,
      cause: error,
    })
  }
  try {
    // The mark at the beginning belongs to the text: an edit keeps every byte.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return { file, text, bytes }
  } catch (cause) {
    throw new NomadPkiError('ERR_SPEC_UNREADABLE', `${file}: it is not UTF-8 text`, { cause })
  }
}

/**
 * Opens the workspace; warnings about the spec are told.
 *
 * @throws {NomadPkiError} `ERR_SPEC_UNREADABLE`; `ERR_SPEC_INVALID` with all diagnostics.
 */
export async function openWorkspace(
  context: Context,
  options: Pick<GlobalOptions, 'file'>,
  printer: Printer,
): Promise<Workspace> {
  const { file, text } = await readSpec(context, options)
  const { spec, diagnostics } = parseSpec(text, { file })
  if (spec === undefined || hasErrors(diagnostics)) {
    throw new NomadPkiError('ERR_SPEC_INVALID', `${file} has errors`, { diagnostics })
  }
  printer.warn(diagnostics)
  const base = path.dirname(context.resolve(file))
  return {
    file,
    base,
    text,
    spec,
    desired: desire(spec),
    store: directoryStore(path.resolve(base, spec.store), {}),
    configs: directoryConfigs(base),
  }
}

/** Everything that there is, with the configurations that the spec names. */
export async function takeInventory(
  { store, configs, desired, base }: Workspace,
  options: { readonly manifests: boolean } = { manifests: false },
): Promise<Inventory> {
  const paths = configPaths(desired.configs)
  const inventory = await readInventory({ store, configs }, { configs: paths, ...options })
  return readFilesInUse(findLeftAsides(inventory, desired.configs), desired.configs, base)
}

/**
 * Everything that there is, of a store of the spec's own cluster.
 *
 * @throws {NomadPkiError} `ERR_PLAN_BLOCKED` where it is another cluster's.
 */
export async function takeOwnInventory(workspace: Workspace): Promise<Inventory> {
  const inventory = await takeInventory(workspace)
  refuseAnother(clusterFindings(workspace.desired, inventory))
  return inventory
}

/**
 * Refuses a store of another cluster, for a command that reads no inventory.
 *
 * @throws {NomadPkiError} `ERR_PLAN_BLOCKED`
 */
export async function requireOwnStore(workspace: Workspace): Promise<void> {
  const { store, desired } = workspace
  const ledger = readLedger((await store.readLedger())?.bytes)
  if (notedCluster(ledger) === undefined) await takeOwnInventory(workspace)
  else {
    const { location } = store
    refuseAnother(clusterFindings(desired, { ledger, location, authorities: new Map() }))
  }
}

function refuseAnother([other]: readonly Finding[]): void {
  if (other === undefined) return
  const { message, remedy: hint, address } = other
  throw new NomadPkiError('ERR_PLAN_BLOCKED', message, { address, hint })
}

/**
 * Finds the identities that were named on the command line, among those of the spec.
 *
 * @returns `undefined` where none were named: all of them.
 * @throws {NomadPkiError} `ERR_ADDRESS_UNKNOWN`, `ERR_ADDRESS_AMBIGUOUS`
 */
export function namedIdentities(
  args: readonly string[],
  desired: Desired,
): readonly string[] | undefined {
  if (args.length === 0) return undefined
  // Authorities and bundles are planned with whatever needs them; naming one plans nothing else.
  const candidates = [...desired.identities, ...desired.authorities, ...desired.bundles].map(
    ({ address }) => address,
  )
  return [...new Set(args.map((text) => resolveAddress(text, candidates)))]
}
