/**
 * The agents' configurations in memory.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { NomadPkiError } from '../errors.js'
import type { ConfigFile, Configs } from '../inventory/configs.js'

/**
 * Keeps agents' configurations in memory, for tests and for trying an edit.
 *
 * @param files Texts by their paths: `{ 'agents/s1/server.hcl': '…' }`. Left as they are; a copy is written to.
 * @returns The port. Its functions throw, and document it.
 */
export function memoryConfigs(files: Readonly<Record<string, string>> = {}): Configs {
  const texts = new Map(
    Object.entries(files).map(([path, text]) => [plain(path), Buffer.from(text) as Uint8Array]),
  )
  return {
    async read(path) {
      const location = plain(path)
      const one = texts.get(location)
      if (one !== undefined) {
        const name = location.slice(location.lastIndexOf('/') + 1)
        return { path, location, kind: 'file', files: [{ path: location, name, bytes: one }] }
      }
      const prefix = location === '' ? '' : `${location}/`
      const below = [...texts].filter(([key]) => key.startsWith(prefix))
      if (below.length === 0) return { path, location, kind: 'missing', files: [] }
      const found: ConfigFile[] = below
        .map(([key, bytes]) => ({ path: key, name: key.slice(prefix.length), bytes }))
        .filter(({ name }) => !name.includes('/'))
        .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
      return { path, location, kind: 'directory', files: found }
    },
    async write(writes) {
      for (const { path, text, expected } of writes) {
        const there = texts.get(plain(path))
        const same =
          there === undefined || expected === undefined
            ? there === expected
            : sameBytes(there, expected)
        const done = there !== undefined && Buffer.from(there).toString('utf8') === text
        if (!same && !done)
          throw new NomadPkiError('ERR_CONFIG_CHANGED', `${path} is not what was read`)
      }
      for (const { path, text } of writes) texts.set(plain(path), Buffer.from(text))
    },
  }
}

/** `./agents//s1/` and `agents/s1` are one place. */
function plain(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  return (path.startsWith('/') ? '/' : '') + parts.join('/')
}
