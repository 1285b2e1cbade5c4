/**
 * What `inspect` says of things, as text.
 *
 * @module
 */

import type { Together } from '../nomad/fit-together.js'
import type { CertificateDescription, Description, KeyDescription } from './describe.js'
import { count, printable, type Style } from './style.js'
import { table } from './table.js'
import { formatMinute, formatRelative } from './time.js'

/** One description as text. */
export function descriptionText(thing: Description, style: Style, now: number): string {
  const rows = rowsOf(thing, style, now)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [style.faint(name), value])
  return `${style.strong(printable(titleOf(thing)))}\n${table(rows, { indent: 2 })}`
}

function titleOf(thing: Description): string {
  if (thing.kind === 'key') return `private key: ${thing.where}`
  if (thing.kind === 'request') return `request: ${thing.where}`
  if (thing.kind === 'endpoint') return `listener: ${thing.where}`
  if (thing.kind === 'unreadable') return `cannot be read: ${thing.where}`
  if (thing.kind === 'crl') return `revocation list: ${thing.where}`
  if (thing.kind === 'container') return `${thing.form}: ${thing.where}`
  if (thing.kind === 'settings') return `${thing.what}: ${thing.where}`
  const what = thing.authority
    ? thing.selfIssued
      ? 'root'
      : 'authority'
    : thing.nomad.length > 0
      ? thing.nomad.join(', ')
      : 'certificate'
  return `${what}: ${thing.where}`
}

function rowsOf(
  thing: Description,
  style: Style,
  now: number,
): readonly (readonly [string, string])[] {
  const list = (values: readonly string[]): string => values.map(printable).join(', ')
  if (thing.kind === 'key') {
    return [
      ...keyRows(thing, style),
      ['key identifier', thing.keyIdentifier ?? ''],
      ['belongs to', list(thing.belongsTo)],
    ]
  }
  if (thing.kind === 'unreadable') return [['because', printable(thing.message)]]
  if (thing.kind === 'endpoint') {
    const asked =
      thing.authorities === undefined
        ? 'not shown: it ends the handshake without a certificate, and in TLS 1.2 nothing proves what it names'
        : list(thing.authorities) || 'any'
    return [
      ['port', thing.rpc ? 'RPC of Nomad' : 'HTTPS'],
      ['protocol', thing.protocol],
      [
        'asks for certificates of',
        thing.asksForCertificate ? asked : 'none: it asks for no certificate',
      ],
    ]
  }
  if (thing.kind === 'container') {
    return [
      ['name', printable(thing.friendlyName ?? '')],
      ['holds', `${count(thing.certificates, 'certificate')}, ${count(thing.keys, 'private key')}`],
    ]
  }
  if (thing.kind === 'settings') {
    return thing.says.map(([name, text]) => [printable(name), printable(text)])
  }
  const life = (instant: number): string =>
    `${formatMinute(instant)}  ${style.faint(formatRelative(instant, now))}`
  if (thing.kind === 'crl') {
    const { issuer, thisUpdate, nextUpdate, revoked, number = '', entries } = thing
    const over = nextUpdate !== undefined && nextUpdate <= now
    const shown = entries
      .slice(0, mostEntries)
      .map(({ serial, reason = 'no reason given' }) => `${serial} (${printable(reason)})`)
    const more = entries.length > mostEntries ? `, and ${entries.length - mostEntries} more` : ''
    return [
      ['Nomad', 'does not read revocation lists: it still accepts a revoked certificate'],
      ['issuer', printable(issuer)],
      ['number', number],
      ['made', life(thisUpdate)],
      [
        'readers take it until',
        nextUpdate === undefined
          ? 'it does not say'
          : (over ? style.bad : (text: string) => text)(life(nextUpdate)),
      ],
      ['revokes', count(revoked, 'certificate')],
      ['serials', shown.join(', ') + more],
    ]
  }
  const names: readonly (readonly [string, string])[] = [
    ['names', list(thing.names)],
    ['addresses', list(thing.ips)],
    ['uris', list(thing.uris)],
    ['emails', list(thing.emails)],
  ]
  if (thing.kind === 'request') {
    return [
      ['Nomad', 'does not read requests: an authority makes a certificate of it'],
      ['subject', printable(thing.subject)],
      ...names,
      ['key', printable(thing.key)],
      ['key identifier', thing.keyIdentifier],
    ]
  }
  const over = thing.notAfter < now
  const early = thing.notBefore > now
  return [
    ['Nomad', (thing.refused === undefined ? (text: string) => text : style.bad)(takenText(thing))],
    ['subject', printable(thing.subject)],
    [
      'issuer',
      thing.selfIssued
        ? 'itself'
        : `${printable(thing.issuer)}${thing.issuer === thing.subject ? ' (the same name, by another key)' : ''}`,
    ],
    ['valid from', (early ? style.bad : (text: string) => text)(life(thing.notBefore))],
    ['valid until', (over ? style.bad : (text: string) => text)(life(thing.notAfter))],
    ...names,
    ['permitted', list(thing.permitted)],
    ['excluded', list(thing.excluded)],
    ['usage', list([...thing.keyUsage, ...thing.extendedKeyUsage])],
    ['path length', thing.pathLength === undefined ? '' : String(thing.pathLength)],
    ['key', printable(thing.key)],
    ['key identifier', thing.keyIdentifier],
    ['serial', thing.serial],
    ['sha-256', thing.fingerprint],
  ]
}

/** So many serial numbers of a list are shown; `--json` has all. */
const mostEntries = 10

function keyRows(
  { encrypted, encryption, key }: KeyDescription,
  style: Style,
): readonly (readonly [string, string])[] {
  if (!encrypted) {
    return key === undefined
      ? [['key', 'of a kind or form that agents do not load']]
      : [
          ['Nomad', 'loads it as key_file, with the certificate that it belongs to'],
          ['key', printable(key)],
        ]
  }
  return [
    ['Nomad', style.bad('does not load it: it is encrypted, and agents take no passphrase')],
    [
      'encrypted',
      encryption === undefined
        ? 'in a way that is not known here'
        : `${encryption.scheme}, ${count(encryption.rounds, 'round')}${encryption.rounds < fewRounds ? ' (weak: passphrases are guessed fast)' : ''}`,
    ],
    ['key', key === undefined ? 'not known without its passphrase' : printable(key)],
  ]
}

/** NIST SP 800-132 §5.2: 1,000 rounds at least. */
const fewRounds = 1000

/** What Nomad makes of it, as a sentence without its subject. */
function takenText({ authority, nomad, refused, notAfter }: CertificateDescription): string {
  if (refused !== undefined) return `does not take it: ${printable(refused)}`
  const until = `until ${formatMinute(notAfter)}`
  if (authority) return `takes it as an authority in ca_file ${until}`
  if (nomad.length > 0)
    return `takes it as ${nomad.map(printable).join(' and ')} ${until}, where agents trust its issuer`
  return `takes it for HTTPS alone ${until}: it has no name such as server.global.nomad`
}

/** What of several things belongs together, as text; empty where nothing is to be said. */
export function togetherText({ fits, misfits, missing }: Together, style: Style): string {
  const list = (title: string, sentences: readonly string[]): readonly string[] =>
    sentences.length === 0
      ? []
      : [[style.strong(title), ...sentences.map((one) => `  ${printable(one)}`)].join('\n')]
  return [
    ...list('fits', fits),
    ...list('does not fit', misfits),
    ...list('missing', missing),
  ].join('\n\n')
}
