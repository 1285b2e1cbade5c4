/**
 * What is unusual in a certificate of another tool, and Nomad takes: said, and never a reason to refuse.
 *
 * @module
 */

import { authorityNameOf } from '../address.js'
import { lint } from '../lint/lint.js'
import type { Certificate } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'
import { isSelfSigned } from './trees.js'

/**
 * Notes on an authority.
 *
 * @param certificate Its certificate.
 * @param issuer Who signed it; `undefined` for a root.
 * @returns Sentences, a line each.
 */
export function adoptionNotes(
  certificate: Certificate,
  issuer: Certificate | undefined,
): readonly string[] {
  const notes: string[] = []
  const { pathLength } = certificate.basicConstraints ?? {}
  if (pathLength !== undefined) {
    notes.push(
      pathLength === 0
        ? 'its path length is 0: no intermediate can stand below it'
        : `its path length is ${pathLength}`,
    )
  }
  const { nameConstraints } = certificate
  if (nameConstraints !== undefined) {
    const names = nameConstraints.permitted.flatMap((name) => ('value' in name ? [name.value] : []))
    notes.push(`its name constraints permit ${names.join(', ') || 'nothing by name'} alone`)
  }
  const isRoot = issuer === undefined && isSelfSigned(certificate)
  if (issuer === undefined && !isRoot) {
    notes.push(
      `${formatName(certificate.issuer)} signed it, and is not here: agents trust it as it is`,
    )
  }
  for (const { message, source } of lint(certificate, {
    strictness: 'foreign',
    profile: isRoot ? 'root' : 'intermediate',
    ...(isRoot ? { issuer: certificate } : issuer && { issuer }),
  })) {
    notes.push(`${message} (${source})`)
  }
  return notes
}

/**
 * The comment in the spec about an authority without its key. `adopt` takes it out when the key comes.
 *
 * @param address `authority/agent/1`
 * @param replaced The authority whose next generation replaces it: itself, or the root above it.
 */
export function keylessNote(address: string, replaced: string): string {
  return `${keylessStart(address)}. To replace it: nomad-pki rotate authority ${authorityNameOf(replaced)} --next`
}

/** What {@link keylessNote} begins with. */
export function keylessStart(address: string): string {
  return `the key of ${address} was not there: it cannot sign`
}
