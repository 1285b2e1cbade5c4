import { isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIp, parseNetwork } from '../../src/cluster/network.js'
import { formatIp, formatNetwork, networkHolds, unmapped } from '../../src/x509/ip-address.js'
import { seed } from '../seed.js'

describe('addresses', () => {
  // RFC 5952 §4 and its examples
  test.each([
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::AAAA', '2001:db8::aaaa'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['10.0.0.255', '10.0.0.255'],
    ['255.255.255.255', '255.255.255.255'],
  ])('%s is written %s', (text, canonical) => {
    const address = parseIp(text)
    expect('ok' in address && formatIp(address.ok)).toBe(canonical)
  })

  test('any IPv6 address survives being written and read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
        fc.pre(unmapped(octets) === undefined && octets.some((byte) => byte !== 0))
        const text = formatIp(octets)
        expect(isIPv6(text)).toBe(true)
        expect(parseIp(text)).toEqual({ ok: octets })
      }),
      { seed },
    )
  })

  test('any IPv6 address that fast-check writes is read as the URL parser does', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = parseIp(text)
        fc.pre('ok' in address)
        // WHATWG URL's serializer is RFC 5952 as well.
        expect(`[${formatIp((address as { ok: Uint8Array }).ok)}]`).toBe(
          new URL(`http://[${text}]/`).hostname,
        )
      }),
      { seed },
    )
  })
})

describe('networks', () => {
  test.each([
    ['10.2.0.0/16', '10.2.255.255', true],
    ['10.2.0.0/16', '10.3.0.0', false],
    ['10.2.0.128/25', '10.2.0.127', false],
    ['0.0.0.0/0', '200.1.2.3', true],
    ['10.0.0.1/32', '10.0.0.1', true],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['::/0', '10.0.0.1', false],
    ['::1/128', '::1', true],
  ])('%s contains %s: %s', (network, address, inside) => {
    const one = parseNetwork(network)
    const two = parseIp(address)
    if (!('ok' in one) || !('ok' in two)) throw new Error('the table is wrong')
    expect(networkHolds(one.ok, two.ok)).toBe(inside)
    expect(formatNetwork(one.ok)).toBe(network)
  })

  test.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    'x/8',
    '/8',
    '::/129',
    '10/8',
    'fe80::1%eth0/64',
  ])('%s is not a network', (text) => {
    expect(parseNetwork(text)).toHaveProperty('fault')
  })

  test('of IPv4-mapped addresses is refused, with the IPv4 network', () => {
    expect(parseNetwork('::ffff:10.0.0.0/104')).toMatchObject({
      hint: 'write it as IPv4: 10.0.0.0/8',
    })
  })
})
