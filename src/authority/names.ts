/**
 * The names of a leaf: what was asked for, checked, and what its role has by itself. The only way a
 * name gets into a certificate of ours.
 *
 * @module
 */

import { domainToASCII } from 'node:url'
import { NomadPkiError } from '../errors.js'
import { leafNames } from '../nomad/leaf-names.js'
import { dnsNameFault, nameFault, regionFault } from '../nomad/names.js'
import { profileOf } from '../nomad/roles.js'
import type { GeneralName } from '../x509/extension.js'
import { encodeIp, formatIp } from '../x509/ip-address.js'
import type { LeafRequest } from './request.js'

/**
 * The subjectAltName of a leaf, the role's own names first.
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID` for a name that no certificate can say, or that this role may not carry.
 */
export function namesOf(request: LeafRequest): readonly GeneralName[] {
  const { role, region } = request
  const fault = regionFault(region)
  if (fault !== undefined) refuse(`region ${JSON.stringify(region)} ${fault}`)
  const names = leafNames({
    role,
    region,
    names: request.names?.map((name) => dnsName(name, request)),
    ips: request.ips?.map((text) => formatIp(encodeIp(text))),
    uris: request.uris?.map(uri),
  })
  return [
    ...names.dns.map((value): GeneralName => ({ type: 'dns', value })),
    ...names.ips.map((value): GeneralName => ({ type: 'ip', value })),
    ...names.uris.map((value): GeneralName => ({ type: 'uri', value })),
  ]
}

function dnsName(name: string, { role, region }: LeafRequest): string {
  // Unicode is mapped before anything is checked: a full-width `ｓerver` is `server` afterwards.
  const ascii = /^[\u0020-\u007e]*$/.test(name) ? name : domainToASCII(name)
  const fault = ascii === '' ? dnsNameFault(name) : nameFault(ascii, role, region)
  if (fault !== undefined) {
    const also = ascii === name || ascii === '' ? '' : ` (${ascii})`
    refuse(`${JSON.stringify(name)}${also} ${fault}`)
  }
  // The listener's checks compare role names letter by letter; all others are compared without case.
  return profileOf(role).roleNames(region).includes(ascii) ? ascii : ascii.toLowerCase()
}

/** RFC 5280 §4.2.1.6: absolute, ASCII; and what Go's parser takes, or it refuses the certificate. */
function uri(text: string): string {
  const absolute = /^[a-z][a-z0-9+.-]*:[!-~]+$/i.test(text)
  const fault = !absolute
    ? 'is not an absolute URI in ASCII'
    : /%(?![0-9a-f]{2})/i.test(text)
      ? 'has a % without two hex digits'
      : /["<>\\^`{|}]/.test(text)
        ? 'has a character that a URI must escape'
        : undefined
  if (fault !== undefined) refuse(`URI ${JSON.stringify(text)} ${fault}`)
  const host = /^[^:]*:\/\/(?:[^/?#@]*@)?([^/?#]*)/.exec(text)?.[1]
  if (host !== undefined && !/^\[[0-9a-f:.]+\](:[0-9]{1,5})?$/i.test(host)) {
    const hostFault = dnsNameFault(host.replace(/:[0-9]{1,5}$/, ''))
    if (hostFault !== undefined) refuse(`the host of URI ${JSON.stringify(text)} ${hostFault}`)
  }
  return text
}

function refuse(message: string): never {
  throw new NomadPkiError('ERR_NAME_INVALID', message)
}
