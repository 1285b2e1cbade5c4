/**
 * What `adopt` found: what it takes over, and everything that it leaves out with the reason.
 *
 * @module
 */

import type { AdoptedAuthority, AdoptedIdentity } from '../adoption/adopted.js'
import type { LeftOut } from '../adoption/materials.js'
import { authorityText } from '../authority/take-over.js'
import { formatInstant } from '../duration.js'
import { groupBy } from '../grouping.js'
import { fingerprintText } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'
import type { Document } from './json.js'
import { count, printable } from './style.js'

/** What is told. */
export interface AdoptionReport {
  readonly cluster: string
  readonly file: string
  readonly dryRun: boolean
  /** Whether the spec was, or would be, written or changed. */
  readonly specChanged: boolean
  readonly authorities: readonly AdoptedAuthority[]
  readonly identities: readonly AdoptedIdentity[]
  /** Addresses of what the store did not have before. */
  readonly fresh: ReadonlySet<string>
  /** Addresses of authorities whose keys the store has afterwards. */
  readonly keys: ReadonlySet<string>
  /** Of these, the ones that it had without their keys. */
  readonly freshKeys: ReadonlySet<string>
  readonly leftOut: readonly LeftOut[]
  /** With `--engine`: how many certificates the mounts list, and how many the ledger gets a line of. */
  readonly noted?:
    { readonly listed: number; readonly found: number; readonly revoked: number } | undefined
}

/** The document of `adopt --json`. */
export function adoptionDocument(report: AdoptionReport): Document {
  const { cluster, file, dryRun, specChanged, authorities, identities, fresh, leftOut } = report
  const { keys, freshKeys } = report
  return {
    format: 'nomad-pki/adoption',
    version: 1,
    cluster,
    file,
    dryRun,
    specChanged,
    authorities: authorities.map(({ address, certificate, list, places, notes }) => ({
      address,
      fingerprint: fingerprintText(certificate),
      subject: formatName(certificate.subject),
      notAfter: certificate.notAfter,
      key: keys.has(address),
      new: fresh.has(address),
      newKey: freshKeys.has(address),
      list:
        list === undefined
          ? null
          : { number: list.number, revoked: list.entries.length, from: list.place },
      from: places,
      notes,
    })),
    identities: identities.map(({ address, generation, leaf, issuer, places, notes }) => ({
      address,
      generation,
      fingerprint: fingerprintText(leaf),
      notAfter: leaf.notAfter,
      issuer,
      new: fresh.has(address),
      from: places,
      notes,
    })),
    leftOut: leftOut.map(({ place, code, message, hint }) => ({
      place,
      code,
      message,
      ...(hint !== undefined && { hint }),
    })),
    ...(report.noted && { engine: report.noted }),
  }
}

/** More than this many files with one reason share a line. */
const mostListed = 10

/** The same as text. */
export function adoptionText(report: AdoptionReport): string {
  const { authorities, identities, fresh, keys, freshKeys, leftOut } = report
  const lines: string[] = []
  const mark = (address: string): string => (fresh.has(address) ? '+' : '=')
  for (const { address, certificate, key, list, places, notes } of authorities) {
    const without = keys.has(address) ? '' : ', without its key'
    lines.push(`${mark(address)} ${address}  ${authorityText(certificate)}${without}`)
    lines.push(`    from ${places[0]!}, ends ${formatInstant(certificate.notAfter)}`)
    lines.push(...notes.map((note) => `    note: ${note}`))
    if (key !== undefined && freshKeys.has(address)) {
      lines.push(`+ key of ${address}`)
    }
    if (list !== undefined) {
      const revoked = count(list.entries.length, 'certificate')
      lines.push(`+ revocation list ${list.number} of ${address}: ${revoked}, from ${list.place}`)
    }
  }
  for (const { address, generation, replaces, leaf, places, notes } of identities) {
    const renewed = replaces === undefined ? '' : `  generation ${generation}`
    lines.push(`${mark(address)} ${address}${renewed}`)
    lines.push(`    from ${places[0]!}, ends ${formatInstant(leaf.notAfter)}`)
    lines.push(...notes.map((note) => `    note: ${note}`))
  }
  if (report.noted !== undefined) {
    const { listed, found, revoked } = report.noted
    lines.push(
      `the engine lists ${count(listed, 'certificate')}; noted in the ledger: ${found} that are no generation of this store, ${revoked} revoked in the engine`,
    )
  }
  if (leftOut.length > 0) lines.push('', 'left out:')
  for (const [, group] of groupBy(leftOut, ({ code, message }) => `${code} ${message}`)) {
    const shown = group.length > mostListed ? group.slice(0, 3) : group
    for (const { place } of shown) lines.push(`  ${place}`)
    if (shown.length < group.length) lines.push(`  and ${group.length - shown.length} more:`)
    const [{ message, hint }] = group as readonly [LeftOut, ...LeftOut[]]
    lines.push(`      ${message}`)
    if (hint !== undefined) lines.push(`      hint: ${hint}`)
  }
  // Names of files and subjects are a stranger's.
  return lines.map(printable).join('\n')
}
