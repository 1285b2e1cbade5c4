/**
 * Whether a certificate is valid for a host's name, as Go's crypto/x509 VerifyHostname decides it
 * and so every dialer of Nomad: subjectAltName alone, no common name; letters of either case; a
 * wildcard for the whole first label and no more.
 *
 * @module
 */

/** Go's validHostname of a name in lower case: letters, digits, `_`, hyphens inside; a pattern may begin with `*.`. */
function isValidHostname(host: string, isPattern: boolean): boolean {
  const text = !isPattern && host.endsWith('.') ? host.slice(0, -1) : host
  let start = 0
  for (let at = 0; at <= text.length; at += 1) {
    const code = at === text.length ? 46 : text.charCodeAt(at)
    if (code === 46) {
      if (at === start) return false
      start = at + 1
    } else if (code === 42) {
      const whole = isPattern && at === 0 && text.charCodeAt(1) === 46
      if (!whole) return false
    } else if (!isHostCode(code) && !(code === 45 && at > start)) return false
  }
  return true
}

function isHostCode(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 95
}

/** Go folds ASCII alone. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/**
 * Whether one dNSName covers a host.
 *
 * @param pattern The dNSName.
 * @param host The name that the dialer asks for; not an address.
 */
export function matchesHostname(pattern: string, host: string): boolean {
  const candidate = lowerAscii(host)
  const lower = lowerAscii(pattern)
  if (!isValidHostname(candidate, false) || !isValidHostname(lower, true)) {
    // What is not a host name is compared as it is: the region `a b` still works.
    return lower !== '' && lower !== '.' && candidate !== '.' && lower === candidate
  }
  const wanted = candidate.endsWith('.') ? candidate.slice(0, -1) : candidate
  if (!lower.startsWith('*.')) return lower === wanted
  const dot = wanted.indexOf('.')
  return dot !== -1 && wanted.slice(dot) === lower.slice(1)
}
