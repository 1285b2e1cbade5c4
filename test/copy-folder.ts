/**
 * Copies a folder as it is: modes and links.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

/** `cpSync` of Node 22 and later gives directories new modes (0755 for 0700). */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  execFileSync('cp', ['-a', `${from}/.`, to])
}
