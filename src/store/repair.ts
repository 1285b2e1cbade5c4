/**
 * Sets modes to what they should be.
 *
 * @module
 */

import { formatAddress, type Address } from '../address.js'
import type { StoreTree } from './tree.js'
import { modeOfFile, modes, probePath } from './layout.js'

/**
 * Sets the modes of everything that belongs to an address, and of the directories on the way to it.
 *
 * @param tree The store, whose lock is held.
 * @param address Of an identity, a generation of an authority, or a bundle.
 * @throws Node's `ErrnoException`
 */
export function repairModes(tree: StoreTree, address: Address): void {
  const path =
    address.kind === 'identity'
      ? formatAddress({ ...address, generation: undefined })
      : formatAddress(address)
  let at = tree.root
  set(tree, at, modes.directory)
  for (const name of path.split('/')) {
    at = `${at}/${name}`
    if (tree.files.lstat(at)?.isDirectory() !== true) return
    set(tree, at, modes.directory)
  }
  setBelow(tree, at, address.kind === 'authority')
  if (address.kind === 'authority') {
    for (const place of ['probe', `probe/${address.name}`]) {
      if (tree.files.lstat(`${tree.root}/${place}`)?.isDirectory() !== true) return
      set(tree, `${tree.root}/${place}`, modes.directory)
    }
    set(tree, `${tree.root}/${probePath(address.name, address.generation)}`, modes.key)
  }
}

function setBelow(tree: StoreTree, directory: string, authority: boolean): void {
  for (const entry of tree.files.list(directory)) {
    const path = `${directory}/${entry.name}`
    if (entry.isDirectory()) {
      set(tree, path, modes.directory)
      setBelow(tree, path, authority)
    } else if (entry.isFile()) {
      set(tree, path, modeOfFile(entry.name, authority))
    }
    // A link's own mode means nothing, and what it points at is not ours.
  }
}

function set(tree: StoreTree, path: string, mode: number): void {
  const status = tree.files.lstat(path)
  if (status === undefined || status.isSymbolicLink() || (status.mode & 0o7777) === mode) return
  tree.files.chmod(path, mode)
  tree.touched.add(path)
}
