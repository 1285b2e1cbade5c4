/**
 * Bad news as text: what was thrown, what is wrong with a written text, what is wrong with a managed
 * thing.
 *
 * @module
 */

import type { Diagnostic, Finding, Severity } from '../diagnostics.js'
import { isNomadPkiError } from '../errors.js'
import { fold, type Group } from './fold.js'
import { count, paintOf, printable, type Style } from './style.js'

/**
 * One problem of a text, the place first:
 *
 * ```text
 * error: cluster.yaml:12:3: unknown key "regoin"
 *   expected: cluster, regions, …
 *   hint: did you mean "region"?
 * ```
 */
export function diagnosticText(diagnostic: Diagnostic, style: Style): string {
  const { file, line, column } = diagnostic
  const where = `${file === undefined ? 'line ' : `${printable(file)}:`}${line}:${column}`
  return lines(diagnostic.severity, `${where}: ${diagnostic.message}`, style, [
    ['expected', diagnostic.expected],
    ['hint', diagnostic.hint],
  ])
}

/** All problems of a text, and how many there are when that is more than a glance. */
export function diagnosticsText(diagnostics: readonly Diagnostic[], style: Style): string {
  const texts = diagnostics.map((diagnostic) => diagnosticText(diagnostic, style))
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  if (errors > 3) texts.push(style.faint(count(errors, 'error')))
  return texts.join('\n')
}

/** Findings that are alike, and what cures all of them. */
export interface FindingGroup extends Group<Finding> {
  readonly remedy: string | undefined
}

/**
 * Puts alike findings together, errors first.
 *
 * @param options `all`: each alone.
 */
export function findingGroups(
  findings: readonly Finding[],
  options: { readonly all: boolean },
): readonly FindingGroup[] {
  const ordered = [...findings].sort((a, b) => rank(a.severity) - rank(b.severity))
  return fold(ordered, {
    all: options.all,
    keyOf: ({ severity, reason, remedy, message, address }) =>
      `${severity}\n${reason}\n${general(remedy ?? '', address)}\n${general(message, address)}`,
  }).map(({ label, members }) => {
    const { remedy, address } = members[0]!
    return {
      ...{ label, members },
      remedy: members.length > 1 ? remedyOfMany(remedy, address) : remedy,
    }
  })
}

/**
 * What is wrong with managed things, alike ones on one line.
 *
 * @param options `all`: each on a line of its own.
 */
export function findingsText(
  findings: readonly Finding[],
  style: Style,
  options: { readonly all: boolean },
): string {
  return findingGroups(findings, options)
    .map(({ label, members, remedy }) => {
      const { severity, reason, message, file } = members[0]!
      const many = members.length > 1
      const who = many ? `${label} (${count(members.length, 'identity', 'of them')})` : label
      return lines(severity, `${who}: ${message} (${reason})`, style, [
        ['file', many ? undefined : file],
        ['fix', remedy],
      ])
    })
    .join('\n')
}

/**
 * A thrown error, with everything that helps.
 *
 * @param error Anything that was thrown.
 * @param options `debug`: with its stack and causes.
 */
export function errorText(
  error: unknown,
  style: Style,
  options: { readonly debug: boolean },
): string {
  const texts: string[] = []
  if (isNomadPkiError(error)) {
    if (error.diagnostics.length > 0) texts.push(diagnosticsText(error.diagnostics, style))
    else {
      const { message, address } = error
      const subject = address === undefined || message.includes(address) ? '' : `${address}: `
      texts.push(lines('error', subject + message, style, [['hint', error.hint]]))
    }
  } else {
    // An error that nobody expected is a defect, and says what to do about it without a stack.
    texts.push(
      lines('error', `internal: ${messageOf(error)}`, style, [
        [
          'hint',
          'this is a defect of nomad-pki; run it again with --debug and report what it says',
        ],
      ]),
    )
  }
  if (options.debug) texts.push(style.faint(stackOf(error)))
  return texts.join('\n')
}

function lines(
  severity: Severity,
  message: string,
  style: Style,
  details: readonly (readonly [string, string | undefined])[],
): string {
  const head = `${paintOf(style, severity)(`${severity}:`)} ${printable(message)}`
  const rest = details.flatMap(([name, text]) =>
    text === undefined ? [] : [`  ${style.faint(`${name}:`)} ${printable(text)}`],
  )
  return [head, ...rest].join('\n')
}

/** A text about one thing as it would be about all that are like it. */
function general(text: string, address: string): string {
  const name = address.slice(address.lastIndexOf('/') + 1)
  return text.replaceAll(address, '…').replaceAll(name, '…')
}

/** What cures all of them: `apply` without an address, or what each of them would be told. */
function remedyOfMany(remedy: string | undefined, address: string): string | undefined {
  if (remedy === `nomad-pki apply ${address}`) return 'nomad-pki apply'
  return remedy === undefined ? undefined : general(remedy, address)
}

function rank(severity: Severity): number {
  return severity === 'error' ? 0 : severity === 'warning' ? 1 : 2
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = isNomadPkiError(error) ? `${error.code} ` : ''
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${code}${error.stack ?? error.message}${cause}`
}
