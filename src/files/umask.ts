/**
 * What this process takes away from the modes it asks for.
 *
 * @module
 */

import { readFileSync } from 'node:fs'

/**
 * The umask, without setting it (`process.umask()` sets it twice in order to read it, which another
 * thread could run into).
 *
 * @returns `undefined` where the system doesn't tell: then every mode is to be set explicitly.
 */
export function umask(): number | undefined {
  try {
    // Linux 4.7 and later: Documentation/filesystems/proc.rst.
    const line = /^Umask:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return line === null ? undefined : Number.parseInt(line[1]!, 8)
  } catch {
    return undefined
  }
}
