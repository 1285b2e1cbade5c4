import { expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { pemEncode } from '../../src/keys/pem.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { readInventory } from '../../src/inventory/read.js'
import type { Store, StoreContents } from '../../src/inventory/store.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { agent, build, intermediate, root } from '../lint/draft.js'

const held = generateKeySync('ecdsa-p256')
const key = encodePrivateKey(held)
const leaf = pemEncode(
  'CERTIFICATE',
  build(agent('server', 'global', { spki: held.publicKey.spki })),
)
const middle = pemEncode('CERTIFICATE', build(intermediate()))
const ca = pemEncode('CERTIFICATE', build(root()))

/** What is read of one server whose files are these. */
async function read(cert: string, trust: string = ca) {
  const file = (text: string) => ({ bytes: Buffer.from(text, 'latin1'), mode: 0o600 })
  const current = {
    directory: '1-00000000',
    number: 1,
    fingerprint: '00000000',
    ca: file(trust),
    cert: file(cert),
    key: file(key),
  }
  const contents: StoreContents = {
    exists: true,
    authorities: [],
    bundles: [],
    identities: [
      {
        role: 'server',
        region: 'global',
        name: 's1',
        link: current.directory,
        current,
        generations: [current.directory],
      },
    ],
    findings: [],
  }
  const store: Store = { ...memoryStore(), read: () => Promise.resolve(contents) }
  const inventory = await readInventory({ store, configs: memoryConfigs() })
  const { current: found, findings } = inventory.identities.get('identity/server/global/s1')!
  return { found: found!, findings }
}

test.each([
  ['as it is written', leaf + middle],
  ['with CRLF', (leaf + middle).replaceAll('\n', '\r\n')],
  ['with CRLF in the leaf alone', leaf.replaceAll('\n', '\r\n') + middle],
  ['behind a text', `leaf\n${leaf}${middle}`],
])('a chain %s is read whole', async (_, cert) => {
  const { found, findings } = await read(cert)
  expect(found.chain).toHaveLength(2)
  expect(findings).toEqual([])
})

test.each([
  ['a damaged one', leaf + middle.replace('MII', 'M!I'), /line \d+: the block of CERTIFICATE/],
  ['a key alone', key, /holds no certificate/],
  ['nothing', '', /holds no certificate/],
])('a chain with %s is a finding', async (_, cert, message) => {
  const { found, findings } = await read(cert)
  expect(found.chain).toEqual([])
  expect(findings).toMatchObject([
    { reason: 'incomplete', message: expect.stringMatching(message) as string },
  ])
})

test('trust is what an agent trusts: a damaged certificate is skipped', async () => {
  const other = ca.replace('-----BEGIN CERTIFICATE-----\n', '-----BEGIN CERTIFICATE-----\na: b\n\n')
  const { found } = await read(leaf, ca + other + ca.replace('MII', 'M!I'))
  expect(found.trust).toHaveLength(1)
})
