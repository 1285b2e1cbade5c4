/** An inventory as a file: the same plan as with the store, and no secret. */

import fs from 'node:fs'
import { expect, test, describe } from 'vitest'
import { maskSecrets, readAgentConfig } from '../../src/agent/index.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import {
  formatInventory,
  inventoryMark,
  parseInventory,
} from '../../src/inventory/inventory-file.js'
import { makePlan, type MakePlanOptions } from '../../src/plan/make-plan.js'
import { readFilesInUse } from '../../src/store/files-in-use.js'
import { day, World } from '../world.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
  west: { issuer: agent }
regions:
  global:
    servers: { s1: { config: s1 }, s2: { keyHeld: node } }
    clients: { "c[1-3]": {}, c9: {} }
  us-west:
    authority: west
    clients: { w1: { config: w1.hcl } }
operators: { alice: { region: global } }
`

const gossip = Buffer.alloc(32, 0x5a).toString('base64')
const configuration = `# the token is hunter2
server { enabled = true encrypt = "${gossip}" bogus = 1 }
client { meta { "pw" = "meta-hunter2" } }
plugin "x" {
  args = ["--flag", "args-hunter2"]
  config { anything = ["list-hunter2", { deep = ["deep-hunter2"] }] }
}
plugin "y" { nonsense = "label-hunter2" }
env = ["A=env-hunter2"]
pin { code = <<X
heredoc-hunter2
X
}
consul { token = "consul-hunter2" nonsense = "consul-nonsense-hunter2" }
tls { http = true ca_file = "/etc/old/ca.pem" }
`
const secrets = [gossip, 'hunter2']

function configured(): World {
  const world = new World(spec)
  fs.mkdirSync(`${world.folder}/s1`)
  fs.writeFileSync(`${world.folder}/s1/nomad.hcl`, configuration)
  fs.writeFileSync(`${world.folder}/s1/notes.txt`, 'hunter2')
  fs.writeFileSync(
    `${world.folder}/s1/old.json`,
    '{"//": "json-hunter2", "client": [{"_comment": ["hunter2"]}], "Plugin": {"z": {"ARGS": ["hunter2"], "note": "hunter2"}}}',
  )
  fs.writeFileSync(`${world.folder}/w1.hcl`, 'client { enabled = true }\n')
  return world
}

async function taken(world: World): Promise<{ inventory: Inventory; text: string }> {
  const inventory = readFilesInUse(await world.inventory(), world.desired.configs, world.folder)
  const ledger = (await world.store.readLedger())?.bytes
  const text = formatInventory(
    { cluster: 'acme', madeAt: world.now, begun: true, inventory },
    ledger,
  )
  return { inventory, text }
}

const options: readonly Partial<MakePlanOptions>[] = [
  {},
  { prune: true },
  { only: ['identity/server/global/s1'] },
]

const states: readonly (readonly [string, (world: World) => unknown])[] = [
  ['nothing made', () => undefined],
  ['made', (w) => w.apply()],
  [
    'made, and the spec changed since',
    async (w) => {
      await w.apply()
      w.edit('"c[1-3]": {}', '"c[2-5]": { ips: ["10.0.0.{n}"] }').edit('10y', '9y')
    },
  ],
  [
    'half rotated',
    async (w) => {
      await w.apply()
      w.edit('{ lifetime: 10y }', '{ lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }')
      await w.apply()
      w.edit('trusted: [1, 2]', 'trusted: [2]')
    },
  ],
  [
    'damaged keys, links and bundles',
    async (w) => {
      await w.apply()
      const at = (name: string): string => w.current(name, 'key.pem')
      fs.writeFileSync(at('server/global/s1'), 'not a key')
      fs.rmSync(at('client/global/c1'))
      fs.chmodSync(at('client/global/c2'), 0o644)
      fs.rmSync(w.path('identity/client/global/c3/current'))
      fs.appendFileSync(
        w.path('bundle/agent/ca.pem'),
        '-----BEGIN PRIVATE KEY-----\nTUVEREVE\n-----END PRIVATE KEY-----\n',
      )
    },
  ],
  [
    'a broken ledger',
    async (w) => {
      await w.apply()
      fs.appendFileSync(w.path('ledger.jsonl'), '{"seq":1}\n')
    },
  ],
]

describe('the plan is the same as with the store', () => {
  test.each(states)('%s', async (_, prepare) => {
    const world = configured()
    await prepare(world)
    const { inventory, text } = await taken(world)
    const read = parseInventory(text)
    expect(read).toMatchObject({ cluster: 'acme', madeAt: world.now, begun: true })
    for (const later of [0, 70 * day, 400 * day]) {
      for (const more of options) {
        const how = { ...more, now: world.now + later }
        const { plan } = makePlan(world.desired, inventory, how)
        expect(
          JSON.parse(JSON.stringify(makePlan(world.desired, read.inventory, how).plan)),
        ).toEqual(JSON.parse(JSON.stringify(plan)))
      }
    }
  })
})

test('no private key and no secret of a configuration is in it', async () => {
  const world = configured()
  await states[4]![1](world)
  const { text } = await taken(world)
  for (const secret of [...secrets, 'TUVEREVE', Buffer.from(gossip).toString('base64')]) {
    expect(text).not.toContain(secret)
  }
  // Each key of the store: none of its lines is in the file, nor in base64.
  const keys = fs
    .readdirSync(world.path(), { recursive: true, withFileTypes: true })
    .filter(({ name, parentPath }) => name.endsWith('key.pem') && !parentPath.includes('/current'))
  expect(keys.length).toBeGreaterThan(4)
  for (const { name, parentPath } of keys) {
    const body = fs.readFileSync(`${parentPath}/${name}`, 'utf8').split('\n')[1]
    if (body !== undefined) expect(text).not.toContain(body)
  }
  expect(text.match(/PRIVATE KEY/g)).toHaveLength(2)
  expect(text.startsWith(inventoryMark('acme'))).toBe(true)
  expect(text.startsWith(inventoryMark('acm'))).toBe(false)
})

/** A document with other members. */
function edited(text: string, change: (document: Members) => object): string {
  return JSON.stringify(change(JSON.parse(text) as Members))
}
interface Members {
  readonly version: number
  readonly identities: readonly object[]
}

test('whatever is cut off, it is refused as an inventory', async () => {
  const world = new World()
  await world.apply()
  const { text } = await taken(world)
  for (let end = 0; end < text.length - 2; end += 97) {
    expect(() => parseInventory(text.slice(0, end))).toThrow(
      expect.objectContaining({ code: 'ERR_INVENTORY_INVALID' }),
    )
  }
})

describe('what is not an inventory is refused, and nothing else is thrown', () => {
  const cases: readonly (readonly [string, (text: string) => string, RegExp])[] = [
    ['nothing', () => ' \n', /: it is empty$/],
    ['no JSON', () => 'key: value\n', /not JSON/],
    ['a comma too many', (t) => t.replace('"version": 1,', '"version": 1,,'), /it is not JSON/],
    [
      'half a document',
      (t) => t.slice(0, t.indexOf('"bundles"')),
      /it ends in line \d+, in the middle of the document$/,
    ],
    ['half a document in one line', (t) => t.replaceAll('\n', '').slice(0, 200), /ends in line 1,/],
    ['null', () => 'null', /its format is not/],
    ['a list', () => '[]', /its format is not/],
    ['a plan', () => '{"format":"nomad-pki/plan"}', /its format is not/],
    ['a newer version', (t) => t.replace('"version": 1', '"version": 2'), /version is 2, and 1/],
    [
      'a version without end',
      (t) => edited(t, (d) => ({ ...d, version: 'x'.repeat(9e5) })),
      /version is "x{39}, and 1/,
    ],
    [
      'a certificate of another name',
      (t) => t.replace(/"[0-9a-f]{64}": "MII/, `"${'0'.repeat(64)}": "MII`),
      /certificates\["[0-9a-f]{64}"\] is missing$/,
    ],
    [
      'a certificate that is cut',
      (t) => t.replace(/("[0-9a-f]{64}": "MII)[^"]+/, '$1"'.slice(0, 2)),
      /certificates\["[0-9a-f]{64}"\] is not a certificate: ./,
    ],
    [
      'a part that is missing',
      (t) => t.replace('"identities"', '"others"'),
      /: identities is missing; expected a list$/,
    ],
    [
      'a list that is not one',
      (t) => edited(t, (d) => ({ ...d, texts: { length: 1e9 } })),
      /: texts is an object; expected a list$/,
    ],
    [
      'a member deep in it',
      (t) => edited(t, (d) => ({ ...d, identities: [{ ...d.identities[0], generations: 7 }] })),
      /: identities\[0\]\.generations is 7; expected a list$/,
    ],
    [
      'a severity that is not one',
      (t) =>
        edited(t, (d) => ({
          ...d,
          findings: [{ severity: 'x', address: 'a', reason: 'r', message: 'm' }],
        })),
      /: findings\[0\]\.severity is "x"; expected error, warning, note$/,
    ],
    [
      'names that every object has',
      (t) =>
        edited(t, (d) => ({
          ...d,
          inUse: [{ address: 'a', path: '', roots: ['constructor'], chain: [] }],
        })),
      /: certificates\["constructor"\] is missing$/,
    ],
    [
      'a date that is a text',
      (t) => edited(t, (d) => ({ ...d, madeAt: 'soon' })),
      /madeAt is "soon"; expected a number/,
    ],
    ['an address that is not one', (t) => t.replace('identity/server/global/s1', 'x'), /./],
  ]
  test.each(cases)('%s', async (_, change, message) => {
    const world = new World()
    await world.apply()
    const { text } = await taken(world)
    const changed = change(text)
    expect(changed).not.toBe(text)
    expect(() => parseInventory(changed)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVENTORY_INVALID',
        message: expect.stringMatching(message) as string,
      }),
    )
  })
})

describe('a masked configuration', () => {
  const texts: readonly (readonly [string, string])[] = [
    ['HCL', configuration],
    ['a heredoc', 'consul {\n  token = <<EOF\nhunter2\nmore hunter2\nEOF\n}\nregion = "eu"\n'],
    [
      'JSON',
      `{"server": [{"enabled": true, "encrypt": "${gossip}"}], "region": "eu", "client": {"meta": {"a": "hunter2"}}}`,
    ],
    [
      'a list and an escape',
      'server { retry_join = ["provider=aws secret_access_key=hunter2\\"x"] }\nregion = "eu"',
    ],
    [
      'a comment in a block',
      'server {\n  /* encrypt = "hunter2" */ enabled = true // hunter2 ü\n}\n',
    ],
    ['letters beyond ASCII', 'vault { token = "ühunter2😀" enabled = true }'],
  ]
  test.each(texts)('%s: places, values and findings stay', (_, text) => {
    const masked = maskSecrets(text)!
    for (const secret of secrets) expect(masked).not.toContain(secret)
    const shape = (t: string): readonly number[] =>
      t.split('\n').map((line) => Array.from(line).length)
    expect(shape(masked)).toEqual(shape(text))
    const read = (t: string): unknown => {
      const { values, diagnostics, gossipKey } = readAgentConfig([
        { name: 'a.hcl', bytes: Buffer.from(t) },
      ])
      return { values: [...values], diagnostics, bytes: gossipKey?.bytes }
    }
    expect(read(masked)).toEqual(read(text))
  })

  test('what cannot be parsed cannot be masked', () => {
    expect(maskSecrets('server { encrypt = ')).toBeUndefined()
  })
})
