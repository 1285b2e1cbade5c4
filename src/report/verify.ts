/**
 * The last lines of `verify`.
 *
 * @module
 */

import type { Diagnostic, Finding } from '../diagnostics.js'
import { neverSeen } from '../evidence/state-words.js'
import type { Desired } from '../cluster/desired.js'
import type { AgentProof } from '../verify/agents.js'
import { count, thousands, type Style } from './style.js'
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
    readonly proof: AgentProof
    readonly at: number
    readonly now: number
    /** How many clusters it was compared with. Default: 0. */
    readonly compared?: number | undefined
  },
  style: Style,
): string {
  const { at, now } = about
  const of = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length
  const [errors, warnings, notes] = [of('error'), of('warning'), of('note')]
  const when = at === now ? '' : ` as of ${formatMinute(at)}`
  const verdict =
    errors > 0
      ? style.bad(`${count(errors, 'error')}, ${count(warnings, 'warning')}`)
      : warnings > 0
        ? style.doubtful(`no errors, ${count(warnings, 'warning')}`)
        : style.good(`proven: ${whatOf(findings, about)}`)
  const rest = notes > 0 ? `; ${count(notes, 'note')}` : ''
  const looked = errors + warnings > 0 ? ` ${style.faint(`(looked at ${whatOf([], about)})`)}` : ''
  const agents = agentsText(about.proof, style)
  const files = `${style.strong(about.cluster)}${when}: ${verdict}${rest}${looked}`
  return agents === '' ? files : `${files}\n${agents}`
}

/** What is proven of running agents: the files alone say nothing of them. */
function agentsText({ agents, proven, delivered }: AgentProof, style: Style): string {
  if (agents === 0) return ''
  if (!delivered) return style.faint(`${neverSeen}; to ask: nomad-pki probe`)
  const text = `${thousands(proven)} of ${count(agents, 'agent')} proven on the newest generation`
  return proven === agents ? style.good(text) : style.doubtful(text)
}

/** What was held against Nomad's rules; a certificate that has expired is not proven. */
function whatOf(
  findings: readonly Finding[],
  {
    desired,
    handshakes,
    compared = 0,
  }: {
    readonly desired: Desired
    readonly handshakes: number
    readonly compared?: number | undefined
  },
): string {
  const expired = new Set(
    findings.flatMap(({ reason, address }) => (reason === 'expired' ? [address] : [])),
  )
  const sound = (all: readonly { readonly address: string }[]): number =>
    all.filter(({ address }) => !expired.has(address)).length
  return [
    count(sound(desired.authorities), 'authority', 'authorities'),
    count(sound(desired.identities), 'identity', 'identities'),
    ...(desired.configs.length === 0 ? [] : [count(desired.configs.length, 'configuration')]),
    ...(handshakes === 0 ? [] : [count(handshakes, 'handshake')]),
    ...(compared === 0 ? [] : [`compared with ${count(compared, 'cluster')}`]),
  ].join(', ')
}

/** The last line of `verify --spec-only`. */
export function specSummary(
  file: string,
  diagnostics: readonly Diagnostic[],
  style: Style,
): string {
  const of = (severity: Diagnostic['severity']): number =>
    diagnostics.filter((one) => one.severity === severity).length
  const [errors, warnings] = [of('error'), of('warning')]
  const verdict =
    errors > 0
      ? style.bad(`${count(errors, 'error')}, ${count(warnings, 'warning')}`)
      : warnings > 0
        ? style.doubtful(`no errors, ${count(warnings, 'warning')}`)
        : style.good('no errors')
  return `${style.strong(file)}: ${verdict} ${style.faint('(the spec alone)')}`
}
