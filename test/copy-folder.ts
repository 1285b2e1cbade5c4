/**
 * Copies a folder, or a file, as it is: modes and links.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'

/** `cpSync` of Node 22 and later gives directories new modes (0755 for 0700). */
export function copyFolder(from: string, to: string): void {
  const isFolder = statSync(from).isDirectory()
  if (isFolder) mkdirSync(to, { recursive: true })
  execFileSync('cp', ['-a', isFolder ? `${from}/.` : from, to])
}
