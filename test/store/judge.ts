/**
 * What must hold of a store's files after any interruption, before anything is healed.
 */

import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Everything that is wrong with what agents would load now, and with the keys on disk. */
export function faultsOf(root: string): string[] {
  const faults: string[] = []
  for (const path of walk(root)) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const directory = path.slice(0, -name.length - 1)
    if (name === 'current') {
      const target = join(root, directory, readlinkSync(join(root, path)))
      const marks = ['key.pem', 'cert.pem', 'ca.pem'].map((file) =>
        existsSync(join(target, file)) ? readFileSync(join(target, file), 'utf8') : 'nothing',
      )
      const [key, cert, ca] = marks.map((text) => /^[a-z]+ (.+)\n$/.exec(text)?.[1])
      if (key === undefined || key !== cert || key !== ca) faults.push(`${path} is torn`)
    }
    if (name === 'key.pem' || name === 'ca-key.pem') {
      if ((statSync(join(root, path)).mode & 0o077) !== 0) faults.push(`${path} is open`)
    }
    // A certificate whose key is gone is a certificate that is lost.
    if (name === 'cert.pem' && !path.includes('/.gone-')) {
      if (!existsSync(join(root, directory, 'key.pem'))) faults.push(`${path} lost its key`)
    }
    if (/^authority\/[^/]+\/\d+\/ca\.pem$/.test(path)) {
      if (!existsSync(join(root, directory, 'ca-key.pem'))) faults.push(`${path} lost its key`)
    }
    if (name === 'ca.pem' && path.startsWith('bundle/')) {
      if (!/^BUNDLE \d\n$/.test(readFileSync(join(root, path), 'utf8'))) {
        faults.push(`${path} is torn`)
      }
    }
  }
  return faults
}

/** Every path below a directory with its content, but for the ledger and its temporary company. */
export function snapshot(root: string): Record<string, string> {
  return Object.fromEntries(
    walk(root)
      .filter((path) => path !== 'ledger.jsonl')
      .map((path) => {
        const full = join(root, path)
        return [path, path.endsWith('/current') ? readlinkSync(full) : readFileSync(full, 'utf8')]
      }),
  )
}

function walk(root: string, below = ''): string[] {
  if (!existsSync(root)) return []
  return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    return entry.isDirectory() ? walk(root, path) : [path]
  })
}
