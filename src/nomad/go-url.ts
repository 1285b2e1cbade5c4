/**
 * Why Go cannot read a URL: net/url Parse (as of Go 1.26); and a URI in a certificate, whose host has to
 * be as crypto/x509 domainNameValid wants it too. A certificate with another one is not loaded at all.
 *
 * @module
 */

/**
 * Says why Go does not take a name for a domain. crypto/x509 parser.go domainNameValid
 *
 * @param constraint Whether it is a subtree of name constraints, which may begin with a dot.
 */
export function domainFault(text: string, constraint: boolean): string | undefined {
  if (text === '') return undefined
  if (text.endsWith('.')) return 'ends in a dot'
  const rest = constraint && text.startsWith('.') ? text.slice(1) : text
  if (!/^[!-~]*$/.test(rest)) return 'holds a character that is not visible ASCII'
  return rest.split('.').includes('') ? 'has an empty label' : undefined
}

/** Why a URI of a subjectAltName cannot be parsed; a clause, lower case. */
export function uriFault(uri: string): string | undefined {
  return faultOf(uri, (host) => {
    // Decoded, such an escape is not ASCII.
    if (host.includes('%')) return 'has a host that is not ASCII'
    const fault = domainFault(host, false)
    return fault === undefined ? undefined : `has a host that ${fault}`
  })
}

/** Why net/url Parse refuses a text; a clause, lower case. */
export function urlFault(text: string): string | undefined {
  return faultOf(text, () => undefined)
}

function faultOf(uri: string, hostFault: (host: string) => string | undefined): string | undefined {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(uri)) return 'holds a control character'
  const hash = uri.indexOf('#')
  const [before, fragment] = hash === -1 ? [uri, ''] : [uri.slice(0, hash), uri.slice(hash + 1)]
  if (hasBadEscape(fragment)) return 'has a % without two hex digits'
  if (before === '*') return undefined
  if (before.startsWith(':')) return 'has no scheme before its colon'
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(before)?.[0] ?? ''
  const rest = before.slice(scheme.length).replace(/\?.*$/s, '')
  if (!rest.startsWith('/')) {
    if (scheme !== '') return undefined
    const [segment = ''] = rest.split('/')
    if (segment.includes(':')) return 'has a colon in its first segment'
  }
  let path = rest
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const end = rest.indexOf('/', 2)
    const authority = rest.slice(2, end === -1 ? undefined : end)
    path = end === -1 ? '' : rest.slice(end)
    const fault = authorityFault(authority, hostFault)
    if (fault !== undefined) return fault
  }
  return hasBadEscape(path) ? 'has a % without two hex digits' : undefined
}

function authorityFault(
  authority: string,
  hostFault: (host: string) => string | undefined,
): string | undefined {
  const at = authority.lastIndexOf('@')
  const user = at === -1 ? '' : authority.slice(0, at)
  const host = authority.slice(at + 1)
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user) || hasBadEscape(user)) {
    return 'has user information that is not valid'
  }
  const bracket = host.indexOf('[')
  if (bracket > 0) return 'has a bracket within its host'
  if (bracket === 0) {
    const close = host.lastIndexOf(']')
    if (close === -1) return 'has a host without its closing bracket'
    if (!/^(?::[0-9]*)?$/.test(host.slice(close + 1))) return 'has a port that is not a number'
    if (!/^[0-9a-f:.]+(?:%25[^%]*)?$/i.test(host.slice(1, close))) {
      return 'has a host in brackets that is not an IPv6 address'
    }
    return undefined
  }
  const colon = host.indexOf(':')
  if (colon !== -1 && !/^:[0-9]*$/.test(host.slice(colon))) return 'has a port that is not a number'
  // Of escapes only those beyond ASCII may stand in a host (net/url unescape).
  if (/%(?![89a-f][0-9a-f])/i.test(host)) return 'has an escape in its host'
  if (!/^[A-Za-z0-9\-._~!$&'()*+,;=:<>"%\u0080-\uffff]*$/.test(host)) {
    return 'has a character in its host that cannot stand there'
  }
  return hostFault(host)
}

function hasBadEscape(text: string): boolean {
  return /%(?![0-9a-f]{2})/i.test(text)
}
