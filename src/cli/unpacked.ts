/**
 * The package's files for a command that is one file without a package around it: `build.mjs` puts
 * them into that file as texts, and commands want paths (a shell is given `install.sh`).
 *
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Gives a folder that holds files of the package. The folder is made at the first call, open to
 * nobody else, and removed when the process ends.
 *
 * @param files Names, relative to the package, with their contents.
 */
export function unpacked(files: Readonly<Record<string, string>>): () => URL {
  let url: URL | undefined
  return () => (url ??= unpack(files))
}

function unpack(files: Readonly<Record<string, string>>): URL {
  const folder = mkdtempSync(path.join(tmpdir(), 'nomad-pki-'))
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true })
  })
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text, { mode: 0o600 })
  }
  return pathToFileURL(`${folder}/`)
}
