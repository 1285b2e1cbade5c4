/**
 * Sets modes to what they should be.
 *
 * @module
 */

import { formatAddress, type Address } from '../address.js'
import type { Ground } from './ground.js'
import { modeOfFile, modes, probePath } from './layout.js'

/**
 * Sets the modes of everything that belongs to an address, and of the directories on the way to it.
 *
 * @param ground The store, whose lock is held.
 * @param address Of an identity, a generation of an authority, or a bundle.
 * @throws Node's `ErrnoException`
 */
export function repairModes(ground: Ground, address: Address): void {
  const path =
    address.kind === 'identity'
      ? formatAddress({ ...address, generation: undefined })
      : formatAddress(address)
  let at = ground.root
  set(ground, at, modes.directory)
  for (const name of path.split('/')) {
    at = `${at}/${name}`
    if (ground.files.lstat(at)?.isDirectory() !== true) return
    set(ground, at, modes.directory)
  }
  setBelow(ground, at, address.kind === 'authority')
  if (address.kind === 'authority') {
    for (const place of ['probe', `probe/${address.name}`]) {
      if (ground.files.lstat(`${ground.root}/${place}`)?.isDirectory() !== true) return
      set(ground, `${ground.root}/${place}`, modes.directory)
    }
    set(ground, `${ground.root}/${probePath(address.name, address.generation)}`, modes.key)
  }
}

function setBelow(ground: Ground, directory: string, authority: boolean): void {
  for (const entry of ground.files.list(directory)) {
    const path = `${directory}/${entry.name}`
    if (entry.isDirectory()) {
      set(ground, path, modes.directory)
      setBelow(ground, path, authority)
    } else if (entry.isFile()) {
      set(ground, path, modeOfFile(entry.name, authority))
    }
    // A link's own mode means nothing, and what it points at is not ours.
  }
}

function set(ground: Ground, path: string, mode: number): void {
  const status = ground.files.lstat(path)
  if (status === undefined || status.isSymbolicLink() || (status.mode & 0o7777) === mode) return
  ground.files.chmod(path, mode)
  ground.touched.add(path)
}
