/**
 * What became of revocations in Vault or OpenBao.
 *
 * @module
 */

import { count, printable, type Style } from './style.js'

/** One certificate, and what its engine says. */
export interface RevokedThere {
  /** The identity; the authority, where only the serial number is known. */
  readonly address: string
  /** `pki/nomad/cert/17:ab:0c` */
  readonly place: string
  /** `would be`: a dry run asks nothing. `missing`: the engine does not have it. */
  readonly is: 'revoked' | 'would be' | 'missing' | 'refused' | 'unknown'
  /** Why not, one sentence: lower case, no full stop. */
  readonly reason?: string | undefined
}

/**
 * Tells it.
 *
 * @param again The command that tries again what was not done.
 */
export function revokedThereLines(
  there: readonly RevokedThere[],
  { listPaths, again }: { readonly listPaths: readonly string[]; readonly again: string },
  style: Style,
): readonly string[] {
  if (there.length === 0) return []
  const lines = there.map(({ is, place, address, reason }) => {
    const what = printable(`${place} (${address})`)
    switch (is) {
      case 'revoked':
        return `revoked in the engine: ${what}`
      case 'would be':
        return `would be revoked in the engine: ${what}`
      case 'missing':
        return style.bad(
          `not revoked in the engine: ${what}: it does not have this certificate, so its list does not name it`,
        )
      case 'unknown':
        return style.bad(
          `not known to be revoked in the engine: ${what}: ${printable(reason ?? '')}`,
        )
      case 'refused':
        return style.bad(`could not be revoked in the engine: ${what}: ${printable(reason ?? '')}`)
    }
  })
  const open = there.filter(({ is }) => is === 'refused' || is === 'unknown').length
  const cure =
    open === 0
      ? []
      : [
          `the ledger has what was revoked; for the ${count(open, 'certificate')} that the engine may still call good, when the cause is gone: ${again}`,
        ]
  const lists = listPaths.map(
    (one) => `the engine makes the revocation list: ${printable(one)}/crl`,
  )
  return [[...lines, ...cure, ...lists].join('\n')]
}
