import { isIPv6, SocketAddress } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { element, octetString, sequence, setOf } from '../../src/der/write.js'
import { isNomadPkiError } from '../../src/errors.js'
import { constraintFault } from '../../src/x509/constraints.js'
import {
  cidrOf,
  decodeSubtree,
  encodeIp,
  encodeSubtree,
  formatIp,
  networkHolds,
  octetsOf,
  parseNetwork,
  unmapped,
} from '../../src/x509/ip-address.js'
import { commonNames, encodeName, formatName, parseName } from '../../src/x509/name.js'
import { encodedOid } from '../../src/x509/oids.js'
import type { GeneralName } from '../../src/x509/extension.js'
import { seed } from '../seed.js'

const invalid = (run: () => unknown): boolean => {
  try {
    run()
    return false
  } catch (error) {
    return isNomadPkiError(error, 'ERR_NAME_INVALID')
  }
}

describe('a subject', () => {
  test('is PrintableString where it can be, UTF8String where it must, and the country always Printable', () => {
    const name = parseName(
      encodeName({
        commonName: 'us_west',
        country: 'CH',
        organization: 'Acme (East)',
        locality: 'Zürich',
      }),
      'it',
    )
    expect(name.attributes.map(({ type, value, tag, rdn }) => [type, value, tag, rdn])).toEqual([
      ['C', 'CH', 19, 0],
      ['L', 'Zürich', 12, 1],
      ['O', 'Acme (East)', 19, 2],
      ['CN', 'us_west', 12, 3],
    ])
  })

  test('golden bytes', () => {
    expect(Buffer.from(encodeName({ commonName: 'Zürich' })).toString('hex')).toBe(
      '3012' + '3110' + '300e' + '0603550403' + '0c07' + '5ac3bc72696368',
    )
  })

  test.each([
    ['an empty common name', { commonName: '' }],
    ['blanks', { commonName: 'x', organization: '  ' }],
    ['65 characters', { commonName: 'x'.repeat(65) }],
    ['a country in lower case', { commonName: 'x', country: 'ch' }],
    ['a country of three letters', { commonName: 'x', country: 'CHE' }],
    ['a line break', { commonName: 'a\nb' }],
    ['NUL', { commonName: 'server.global.nomad\0.evil' }],
    ['half a character', { commonName: '\ud800' }],
  ])('is refused with %s', (_, attributes) => {
    expect(invalid(() => encodeName(attributes))).toBe(true)
  })

  test('64 characters outside of the BMP are 64 characters', () => {
    expect(invalid(() => encodeName({ commonName: '𝔫'.repeat(64) }))).toBe(false)
  })

  test('round trips whatever it says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), (text) => {
        let der: Uint8Array
        try {
          der = encodeName({ commonName: 'x', organization: text })
        } catch (error) {
          expect(isNomadPkiError(error, 'ERR_NAME_INVALID')).toBe(true)
          return
        }
        expect(parseName(der, 'it').attributes.find(({ type }) => type === 'O')!.value).toBe(text)
      }),
      { seed, numRuns: 500 },
    )
  })
})

describe('common names', () => {
  const attribute = (tag: number, bytes: Uint8Array): Uint8Array =>
    sequence(encodedOid('2.5.4.3'), element(tag, bytes))
  test.each([
    ['UTF8String', 12, Buffer.from('server.a.nomad')],
    ['PrintableString', 19, Buffer.from('server.a.nomad')],
    ['T61String', 20, Buffer.from('server.a.nomad')],
    ['IA5String', 22, Buffer.from('server.a.nomad')],
    ['NumericString', 18, Buffer.from('server.a.nomad')],
    ['BMPString', 30, Buffer.from('server.a.nomad', 'utf16le').swap16()],
  ])('are read in any string type: %s', (_, tag, bytes) => {
    expect(commonNames(parseName(sequence(setOf(attribute(tag, bytes))), 'it'))).toEqual([
      'server.a.nomad',
    ])
  })

  test('are all there, in order, also within one RDN', () => {
    const one = attribute(12, Buffer.from('a'))
    const two = attribute(12, Buffer.from('b'))
    const three = attribute(12, Buffer.from('c'))
    const name = parseName(sequence(setOf(one), setOf(two, three)), 'it')
    expect(commonNames(name)).toEqual(['a', 'b', 'c'])
    expect(formatName(name)).toBe('CN=b+CN=c,CN=a')
  })

  test('a type without characters stays as hex', () => {
    const name = parseName(
      sequence(setOf(sequence(encodedOid('2.5.4.3'), octetString(Buffer.from([1, 2]))))),
      'it',
    )
    expect(commonNames(name)).toEqual(['#0102'])
  })

  test('a terminal obeys none of them', () => {
    const name = parseName(sequence(setOf(attribute(12, Buffer.from('a\u001b[31m,b\u202e')))), 'it')
    expect(formatName(name)).toBe('CN=a\\1b[31m\\,b\\e2\\80\\ae')
  })
})

describe('addresses', () => {
  test.each([
    ['10.0.0.1', '0a000001'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::1', 'fd000000000000000000000000000001'],
    ['2001:DB8:0:0:1::1', '20010db8000000000001000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['64:ff9b::10.0.0.1', '0064ff9b00000000000000000a000001'],
  ])('%s is %s', (text, expected) => {
    expect(Buffer.from(encodeIp(text)).toString('hex')).toBe(expected)
  })

  test.each([
    '1.2.3.999',
    '1.2.3',
    '',
    ' 10.0.0.1',
    'fe80::1%eth0',
    '::ffff:1.2.3.4',
    '::ffff:0102:0304',
    '1::2::3',
    '010.0.0.1',
    '0x0a.0.0.1',
    '10.0.0.1/8',
    'localhost',
    '[::1]',
  ])('but not %j', (text) => {
    expect(invalid(() => encodeIp(text))).toBe(true)
  })

  test('round trip, and are written as Node writes them', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (bytes, mask) => {
          // Zeros are what makes the difference.
          const sparse = bytes.map((byte, at) => (mask[at]! > 100 ? 0 : byte))
          const text = formatIp(sparse)
          expect(isIPv6(text)).toBe(true)
          if (text.startsWith('::ffff:') && text.includes('.')) return
          expect(Buffer.compare(encodeIp(text), sparse)).toBe(0)
          // Node writes ::a.b.c.d for what RFC 5952 leaves in hex.
          const theirs = new SocketAddress({ family: 'ipv6', address: text }).address
          if (!theirs.includes('.')) expect(text).toBe(theirs)
        },
      ),
      { seed, numRuns: 1000 },
    )
  })

  test.each([
    ['10.0.0.0/8', '0a000000ff000000'],
    ['0.0.0.0/0', '0000000000000000'],
    ['10.1.2.3/32', '0a010203ffffffff'],
    ['10.0.16.0/20', '0a001000fffff000'],
    ['::1/128', `${'00'.repeat(15)}01${'ff'.repeat(16)}`],
    ['fd00::/8', `fd${'00'.repeat(15)}ff${'00'.repeat(15)}`],
  ])('a network %s is %s', (text, expected) => {
    const network = parseNetwork(text)
    expect(Buffer.from(encodeSubtree(network)).toString('hex')).toBe(expected)
    expect(decodeSubtree(Buffer.from(expected, 'hex'))).toEqual({
      ...network,
      address: Buffer.from(network.address),
    })
  })

  test.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.1/8',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '/8',
    '10.0.0.0/',
    'x/8',
  ])('no network: %j', (text) => {
    expect(invalid(() => parseNetwork(text))).toBe(true)
  })

  test('a mask with gaps is none', () => {
    expect(decodeSubtree(Buffer.from('0a000000ff00ff00', 'hex'))).toBeUndefined()
    expect(decodeSubtree(Buffer.from('0a000000', 'hex'))).toBeUndefined()
  })

  test('a mapped address is read where it can stand in a certificate, and not written into one', () => {
    const text = '::ffff:10.0.0.1'
    const mapped = octetsOf(text)!
    expect(unmapped(mapped)).toEqual(Uint8Array.of(10, 0, 0, 1))
    expect(formatIp(mapped)).toBe(text)
    expect(invalid(() => encodeIp(text))).toBe(true)
    // A foreign certificate may exclude such a network, with bits behind its prefix.
    expect(networkHolds(cidrOf('::ffff:10.0.0.1/104')!, mapped)).toBe(true)
    expect(octetsOf('fe80::1%eth0')).toBeUndefined()
    for (const near of ['::ff00:a00:1', '::ff:a00:1', '1::ffff:a00:1', '::a00:1']) {
      expect(unmapped(octetsOf(near)!)).toBeUndefined()
    }
  })

  test('are in their network and in no other family’s', () => {
    const network = parseNetwork('10.16.0.0/12')
    expect(networkHolds(network, encodeIp('10.31.255.255'))).toBe(true)
    expect(networkHolds(network, encodeIp('10.32.0.0'))).toBe(false)
    expect(networkHolds(parseNetwork('::/0'), encodeIp('10.0.0.1'))).toBe(false)
  })
})

describe('name constraints', () => {
  const dns = (value: string): GeneralName => ({ type: 'dns', value })
  const ip = (value: string): GeneralName => ({ type: 'ip', value })
  const west = { permitted: [dns('us-west.nomad'), dns('localhost')], excluded: [] }
  test.each([
    ['the zone itself', dns('us-west.nomad'), west, true],
    ['below it', dns('server.us-west.nomad'), west, true],
    ['in other letters', dns('SERVER.US-West.nomad'), west, true],
    ['another region', dns('server.us-east.nomad'), west, false],
    ['a suffix that is no label', dns('evilus-west.nomad'), west, false],
    ['localhost', dns('localhost'), west, true],
    ['a wildcard below', dns('*.us-west.nomad'), west, true],
    ['a final dot cannot be parsed', dns('server.us-west.nomad.'), west, false],
    ['an empty label cannot be parsed', dns('server..us-west.nomad'), west, false],
    ['an address, where none is listed', ip('10.0.0.1'), west, true],
    ['an address outside', ip('11.0.0.1'), { permitted: [ip('10.0.0.0/8')], excluded: [] }, false],
    [
      'IPv6 where only IPv4 is permitted',
      ip('::1'),
      { permitted: [ip('127.0.0.0/8')], excluded: [] },
      false,
    ],
    [
      'a mapped address is IPv6',
      ip('::ffff:10.0.0.1'),
      { permitted: [ip('10.0.0.0/8')], excluded: [] },
      false,
    ],
    ['excluded', dns('a.b'), { permitted: [], excluded: [dns('b')] }, false],
    [
      'excluded before permitted',
      dns('a.b'),
      { permitted: [dns('b')], excluded: [dns('a.b')] },
      false,
    ],
    ['a leading dot means below only', dns('b'), { permitted: [dns('.b')], excluded: [] }, false],
    ['the empty constraint is all', dns('a.b'), { permitted: [dns('')], excluded: [] }, true],
    [
      'a wildcard that covers an excluded name (CVE-2025-61727)',
      dns('*.b'),
      { permitted: [], excluded: [dns('a.b')] },
      false,
    ],
    ['a wildcard that does not', dns('*.b'), { permitted: [], excluded: [dns('x.a.b')] }, true],
    [
      'a wildcard beside what is excluded below a name',
      dns('*.b'),
      { permitted: [], excluded: [dns('.a.b')] },
      true,
    ],
    [
      'a wildcard at what is excluded below a name',
      dns('*.a.b'),
      { permitted: [], excluded: [dns('.a.b')] },
      false,
    ],
    ['a wildcard in a label', dns('*x.b'), { permitted: [], excluded: [dns('a.b')] }, false],
    [
      'a URI without a host (Go 1.26)',
      { type: 'uri', value: 'nomad-pki:operator/alice' },
      west,
      false,
    ],
    ['a URI with a host', { type: 'uri', value: 'nomad-pki://operator.nomad/alice' }, west, true],
    ['a URI with an address', { type: 'uri', value: 'x://10.0.0.1/' }, west, false],
    [
      'a mailbox',
      { type: 'email', value: 'a@b.c' },
      { permitted: [{ type: 'email', value: 'b.c' }], excluded: [] },
      true,
    ],
    [
      'another mailbox',
      { type: 'email', value: 'a@b.c' },
      { permitted: [{ type: 'email', value: 'x@b.c' }], excluded: [] },
      false,
    ],
  ] as const)('%s', (_, name, constraints, permitted) => {
    expect(constraintFault(name, constraints) === undefined).toBe(permitted)
  })

  test('the message names what is permitted', () => {
    expect(constraintFault(dns('a.b'), west)).toBe(
      'lies outside of what is permitted (us-west.nomad, localhost)',
    )
  })
})
