/** Places for stores: temporary folders that are gone after the test. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

/** In memory where there is such a place: thousands of small files wait for no disk then. */
const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

const folders: string[] = []
afterEach(() => {
  for (const one of folders.splice(0)) rmSync(one, { recursive: true, force: true })
})

/** A new temporary folder, gone after the test. */
export function folder(): string {
  const path = mkdtempSync(join(place, 'nomad-pki-store-'))
  folders.push(path)
  return path
}
