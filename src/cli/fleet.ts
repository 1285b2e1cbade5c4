/**
 * `--with`: other clusters to compare with, whatever is at hand of each.
 *
 * @module
 */

import path from 'node:path'
import { latin1Of } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import { nodeFiles } from '../files/files.js'
import type { Inventory } from '../inventory/inventory.js'
import { readInventory } from '../inventory/read.js'
import { trustedCertificates } from '../nomad/readable.js'
import { directoryConfigs } from '../store/directory-configs.js'
import { directoryStore } from '../store/directory-store.js'
import { fleetMember, fleetRoots, type FleetMember } from '../verify/fleet-member.js'
import type { Context } from './context.js'
import type { Printer } from './printer.js'
import { usage } from './usage.js'
import { openWorkspace, takeInventory, type Workspace } from './workspace.js'
import { placeOf } from './write.js'

/**
 * Reads what `--with` names: a spec with its store, a folder that is a store, or a PEM file of roots.
 *
 * @param names As the user gave them.
 * @param own The cluster that they are compared with.
 * @param options `now`: epoch milliseconds.
 * @throws {NomadPkiError} `ERR_USAGE` for the cluster itself; `ERR_FILE_UNREADABLE`, `ERR_SPEC_INVALID`,
 * `ERR_STORE_UNREADABLE`.
 */
export async function fleetOf(
  names: readonly string[],
  own: Workspace,
  context: Context,
  options: { readonly now: number; readonly printer: Printer },
): Promise<readonly FleetMember[]> {
  const members: FleetMember[] = []
  const seen = new Map([[placeOf(own.store.location), 'the store of this cluster itself']])
  for (const file of names) {
    const found = await readOther(file, context, options)
    const place = placeOf(found.store ?? context.resolve(file))
    const known = seen.get(place)
    if (known !== undefined) {
      throw usage(`--with ${file} is ${known}`, 'name the cluster.yaml of a different cluster')
    }
    seen.set(place, 'named twice')
    members.push(found.member)
  }
  return members
}

async function readOther(
  file: string,
  context: Context,
  { now, printer }: { readonly now: number; readonly printer: Printer },
): Promise<{ readonly member: FleetMember; readonly store?: string }> {
  const place = context.resolve(file)
  if (isFolder(place)) {
    const store = directoryStore(place)
    const ports = { store, configs: directoryConfigs(place) }
    const inventory = await readInventory(ports, { manifests: false })
    if (holdsNothing(inventory)) {
      const spec = path.join(file, 'cluster.yaml')
      const there = await context.exists(spec)
      throw new NomadPkiError('ERR_STORE_MISSING', `${file} is not a store of nomad-pki`, {
        hint: there ? `--with ${spec}` : 'name its cluster.yaml, its store, or a ca_file',
      })
    }
    return { member: fleetMember(undefined, inventory, { now, file }), store: place }
  }
  const text = latin1Of(await context.readFile(file))
  if (/^-----BEGIN /m.test(text)) {
    const roots = trustedCertificates(text)
    if (roots.length > 0) return { member: fleetRoots(roots, { now, file }) }
    throw new NomadPkiError('ERR_FILE_UNREADABLE', `${file} holds no certificate`, {
      hint: 'name the ca_file of an agent, a cluster.yaml, or a store',
    })
  }
  const other = await openWorkspace(context, { file }, printer)
  const inventory = await takeInventory(other)
  if (!inventory.storeExists || holdsNothing(inventory)) {
    throw new NomadPkiError(
      'ERR_STORE_MISSING',
      `${file}: there is no store at ${inventory.location}${inventory.storeExists ? ': the folder holds nothing of nomad-pki' : ''}`,
      {
        hint: 'restore it, or name the ca_file of one of its agents with --with',
      },
    )
  }
  return {
    member: fleetMember(other.desired, inventory, { now, file }),
    store: other.store.location,
  }
}

/** A folder that was never a store, or one that was emptied: a comparison with it proves nothing. */
function holdsNothing({ authorities, ledger }: Inventory): boolean {
  return authorities.size === 0 && ledger.lines.length === 0
}

function isFolder(place: string): boolean {
  try {
    return nodeFiles.stat(place)?.isDirectory() === true
  } catch {
    return false
  }
}
