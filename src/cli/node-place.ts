/**
 * Where a node has its files, where neither a spec nor an archive nor the user says it.
 *
 * @module
 */

import { nodePlaces } from '../cluster/node.js'
import { nodeFiles } from '../files/files.js'

/**
 * Gives the directory in which a certificate is in place, among those that specs name mostly.
 *
 * @returns The one that `init` writes into a spec, where none has a certificate.
 */
export function usualPlace(): string {
  const all = [nodePlaces.written, nodePlaces.unsaid]
  return all.find((one) => nodeFiles.lstat(`${one}/current`) !== undefined) ?? nodePlaces.written
}
