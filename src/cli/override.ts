/**
 * `--override CODE=VALUE --reason TEXT`: the one form in which a guard is overridden.
 *
 * @module
 */

import { didYouMean } from '../diagnostics.js'
import { overrideCodes, type Override, type OverrideCode } from '../overrides.js'
import { usage } from './usage.js'

/**
 * Reads the overrides of a command line.
 *
 * @param options `override` and `reason`.
 * @param known The codes that the command has guards for.
 * @throws {NomadPkiError} `ERR_USAGE`
 */
export function overridesOf(
  {
    override = [],
    reason,
  }: {
    readonly override: readonly string[] | undefined
    readonly reason: string | undefined
  },
  known: readonly OverrideCode[],
): readonly Override[] {
  const codes = override.map((text) => readOne(text, known))
  if (codes.length === 0) return []
  const why = reason?.trim() ?? ''
  if (why === '') {
    throw usage('--override needs --reason TEXT: why is it right here?')
  }
  // eslint-disable-next-line no-control-regex -- a reason is printed, and noted as one line
  if (why.length > 500 || /[\u0000-\u001f\u007f]/.test(why)) {
    throw usage('--reason is one line of at most 500 characters')
  }
  return codes.map((one) => ({ ...one, reason: why }))
}

function readOne(
  text: string,
  known: readonly OverrideCode[],
): { readonly code: OverrideCode; readonly value: string } {
  const at = text.indexOf('=')
  const code = at === -1 ? text : text.slice(0, at)
  const found = known.find((one) => one === code)
  if (found === undefined) {
    const near = didYouMean(code, known)
    const list = known.map((one) => `${one}=${overrideCodes[one].value}`).join(', ')
    throw usage(
      `unknown override ${JSON.stringify(code)}`,
      near === undefined ? `there are: ${list}` : `did you mean ${near}?`,
    )
  }
  const entry = overrideCodes[found]
  const value =
    found === 'new-root' || found === 'leave-root'
      ? fingerprint(text.slice(at + 1))
      : text.slice(at + 1)
  if (at === -1 || !entry.pattern.test(value)) {
    throw usage(
      `invalid --override ${JSON.stringify(text)}`,
      `expected ${found}=${entry.value}: it accepts ${entry.accepts}`,
    )
  }
  return { code: found, value }
}

/** As openssl and people write it, `sha256:AB:CD:…`, in the one form. */
function fingerprint(text: string): string {
  return `SHA256:${text
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase()}`
}
