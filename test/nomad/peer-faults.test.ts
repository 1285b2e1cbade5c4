/** Files that load, and with which no peer is reached: told without a spec and without a store. */

import { beforeAll, describe, expect, test } from 'vitest'
import { peerFaults, type PeerFacts } from '../../src/nomad/peer-faults.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { extendedKeyUsage } from '../../src/x509/extensions.js'
import { extensionOids } from '../../src/x509/oids.js'
import { aCluster, day, withExtension, withoutExtension } from '../builders.js'

const now = Math.floor(Date.now() / 1000) * 1000
const ours: Record<string, readonly Certificate[]> = {}
let trust: readonly Certificate[] = []
let other: readonly Certificate[] = []

beforeAll(async () => {
  const cluster = await aCluster(now)
    .withIntermediate('west')
    .withServer('s1')
    .withServer('nosan')
    .withServer('serverOnly')
    .withClient('c1')
    .withCombined('a1')
    .withServer('w1', { region: 'west', authority: 'west' })
    .build()
  const at = (role: string, name: string, region = 'global'): string =>
    `identity/${role}/${region}/${name}`
  cluster.reissue(at('server', 'nosan'), ({ extensions }) => ({
    extensions: withoutExtension(extensions, extensionOids.subjectAltName),
  }))
  cluster.reissue(at('server', 'serverOnly'), ({ extensions }) => ({
    extensions: withExtension(extensions, extendedKeyUsage(['serverAuth'])),
  }))
  for (const { wanted, chain } of cluster.holders.values()) ours[wanted.name] = chain
  trust = parseCertificates(cluster.holder(at('server', 's1')).files.ca)
  other = parseCertificates(
    (await aCluster(now).withServer('s1').build()).holder(at('server', 's1')).files.ca,
  )
})

function facts(name: string, more: Partial<PeerFacts> = {}): PeerFacts {
  const chain = ours[name]!
  const usual = { http: true, rpc: true, verifyServerHostname: true }
  return { chain, trust, region: 'global', role: 'server', ...usual, ...more }
}

test('what is in order is not told: each role with its own, an intermediate with its chain', () => {
  expect(peerFaults(facts('s1'), now)).toEqual([])
  expect(peerFaults(facts('c1', { role: 'client' }), now)).toEqual([])
  expect(peerFaults(facts('a1', { role: 'combined' }), now)).toEqual([])
  expect(peerFaults(facts('a1'), now)).toEqual([])
  expect(peerFaults(facts('w1', { region: 'west' }), now)).toEqual([])
})

describe('every peer refuses', () => {
  test.each<[string, () => readonly [PeerFacts, number?], RegExp]>([
    ['another region', () => [facts('s1', { region: 'eu' })], /agent of eu refuses it as a server/],
    ['a client certificate of a server', () => [facts('c1')], /refuses it as a server/],
    [
      'a certificate of another region, at a client',
      () => [facts('c1', { role: 'client', region: 'eu' })],
      /server of eu refuses it as a client/,
    ],
    ['another authority', () => [facts('s1', { trust: other })], /peers refuse its certificate/],
    [
      'a missing intermediate',
      () => [facts('w1', { region: 'west', chain: ours['w1']!.slice(0, 1) })],
      /peers refuse its certificate/,
    ],
    ['no name at all', () => [facts('nosan')], /refuses it as a server/],
    ['serverAuth alone', () => [facts('serverOnly')], /when the agent dials/],
    ['what has ended', () => [facts('s1'), now + 400 * day], /expired|ended/],
    ['what has not begun', () => [facts('s1'), now - 400 * day], /is valid from/],
  ])('%s', (_, given, expected) => {
    const [one, at = now] = given()
    const found = peerFaults(one, at)
    expect(found.map(({ effect }) => effect)).toEqual(['all'])
    expect(found[0]!.message).toMatch(expected)
  })
})

test('a client with a server certificate: its HTTPS alone', () => {
  const found = peerFaults(facts('s1', { role: 'client' }), now)
  expect(found.length).toBeGreaterThan(0)
})

test('without verify_server_hostname no name of RPC is looked at; without TLS nothing is', () => {
  const wrong = { region: 'eu', verifyServerHostname: false }
  expect(peerFaults(facts('s1', wrong), now)).toEqual([])
  expect(peerFaults(facts('s1', { http: false, rpc: false, trust: other }), now)).toEqual([])
})
