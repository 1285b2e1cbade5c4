/**
 * The last line of `verify`.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import type { Desired } from '../spec/desired.js'
import { count, type Style } from './style.js'
import { formatMinute } from './time.js'

/**
 * What was looked at, and how it stands.
 *
 * @param about What was verified.
 */
export function verifySummary(
  findings: readonly Finding[],
  about: {
    readonly cluster: string
    readonly desired: Desired
    readonly handshakes: number
    readonly at: number
    readonly now: number
  },
  style: Style,
): string {
  const { desired, handshakes, at, now } = about
  const what = [
    count(desired.authorities.length, 'authority', 'authorities'),
    count(desired.identities.length, 'identity', 'identities'),
    ...(desired.configs.length === 0 ? [] : [count(desired.configs.length, 'configuration')]),
    ...(handshakes === 0 ? [] : [count(handshakes, 'handshake')]),
  ].join(', ')
  const of = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length
  const [errors, warnings, notes] = [of('error'), of('warning'), of('note')]
  const when = at === now ? '' : ` as of ${formatMinute(at)}`
  const verdict =
    errors > 0
      ? style.bad(`${count(errors, 'error')}, ${count(warnings, 'warning')}`)
      : warnings > 0
        ? style.doubtful(`no errors, ${count(warnings, 'warning')}`)
        : style.good('everything is true')
  const rest = notes > 0 ? `, ${count(notes, 'note')}` : ''
  return `${style.strong(about.cluster)}${when}: ${verdict}${rest} ${style.faint(`(${what})`)}`
}
