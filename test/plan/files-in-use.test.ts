/** Where the files of an agent may be read that its present `tls` names. */

import { describe, expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { readInventory } from '../../src/inventory/read.js'
import { configPaths } from '../../src/plan/config-files.js'
import { filesToLookAt, placesOfTls } from '../../src/plan/files-in-use.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { memoryStore } from '../../src/store/memory-store.js'

const tls = (ca: string, cert?: string): string =>
  `tls {\n  ca_file = "${ca}"\n${cert === undefined ? '' : `  cert_file = "${cert}"\n`}}\n`

const ofFiles = (files: Readonly<Record<string, string>>, except?: string): unknown =>
  placesOfTls(
    Object.entries(files).map(([path, text]) => ({
      ...{ path, name: path.split('/').at(-1)!, bytes: Buffer.from(text) },
    })),
    except,
  )

describe('a file that a configuration names', () => {
  test.each<readonly [what: string, folder: string, named: string, places: readonly string[]]>([
    [
      'beside the configuration: the longest end of its path first, itself last',
      'a/s1.hcl',
      '/opt/tls/ca.pem',
      ['a/opt/tls/ca.pem', 'a/tls/ca.pem', 'a/ca.pem', '/opt/tls/ca.pem'],
    ],
    ['a configuration in this folder', 's1.hcl', '/ca.pem', ['./ca.pem', '/ca.pem']],
    ['a configuration at the top', '/s1.hcl', '/ca.pem', ['/ca.pem', '/ca.pem']],
    ['a path with dots', 'a/s1.hcl', '/./ca.pem', ['a/ca.pem', '/./ca.pem']],
    [
      'doubled slashes',
      'a//s1.hcl',
      '//tls//ca.pem',
      ['a/tls/ca.pem', 'a/ca.pem', '//tls//ca.pem'],
    ],
    [
      'a relative path begins at /',
      'a/s1.hcl',
      'tls/ca.pem',
      ['a/tls/ca.pem', 'a/ca.pem', '/tls/ca.pem'],
    ],
    ['a path that goes up has no copies', 'a/s1.hcl', '/opt/../ca.pem', ['/opt/../ca.pem']],
    ['an empty path', 'a/s1.hcl', '', []],
  ])('%s', (_, file, named, places) => {
    expect(ofFiles({ [file]: tls(named) })).toEqual({ ca: places, cert: [] })
  })

  test('of several folders each is looked at once', () => {
    const files = { 'a/1.hcl': tls('/ca.pem', '/cert.pem'), 'a/2.hcl': '', 'b/3.hcl': '' }
    expect(ofFiles(files)).toEqual({
      ca: ['a/ca.pem', 'b/ca.pem', '/ca.pem'],
      cert: ['a/cert.pem', 'b/cert.pem', '/cert.pem'],
    })
  })

  test('nothing is looked at where the stanza names the files that it is to name', () => {
    const files = { 'a/1.hcl': tls('/new/ca.pem', '/new/cert.pem') }
    expect(ofFiles(files, '/new/ca.pem')).toEqual({ ca: [], cert: [] })
    expect(ofFiles(files, '/other/ca.pem')).not.toEqual({ ca: [], cert: [] })
  })
})

test('agents whose stanza names other files are looked at', async () => {
  const { spec } = parseSpec(`version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { config: s1 }, s2: { config: s2 } }
`)
  const { configs } = desire(spec!)
  const files = {
    's1/a.hcl': `server { enabled = true }\n${tls('/old/ca.pem')}`,
    's2/a.hcl': `server { enabled = true }\n${tls('/etc/nomad-tls/current/ca.pem')}`,
  }
  const ports = { store: memoryStore(), configs: memoryConfigs(files) }
  const inventory = await readInventory(ports, { configs: configPaths(configs) })
  const found = filesToLookAt(configs, inventory)
  expect(found.find(({ address }) => address === 'config/global/s1')?.ca).toEqual([
    's1/old/ca.pem',
    's1/ca.pem',
    '/old/ca.pem',
  ])
  expect(found.find(({ address }) => address === 'config/global/s2')?.ca).toEqual([])
})
