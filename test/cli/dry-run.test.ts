/** `--dry-run` exists for every command that writes, and writes nothing: the whole tree is compared. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../../src/cli/surface.js'
import { wordsOf } from '../testscript.js'
import { cli, folder } from './cli.js'

const spec = `version: 1
cluster: acme
regions:
  global:
    servers: { s1: { ips: [127.0.0.1], config: agents/s1 }, s2: { config: agents/s2.hcl } }
    clients: { c1: {} }
operators:
  alice: { region: global }
`

/** Every file, directory and link below a folder, with mode and content. */
function treeOf(place: string): Readonly<Record<string, string>> {
  const tree: Record<string, string> = {}
  for (const name of fs.readdirSync(place, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = path.join(place, name)
    const stat = fs.lstatSync(file)
    const content = stat.isSymbolicLink()
      ? fs.readlinkSync(file)
      : stat.isFile()
        ? fs.readFileSync(file, 'base64')
        : 'directory'
    tree[name] = `${(stat.mode & 0o7777).toString(8)} ${content}`
  }
  return tree
}

/** A command line of each command that writes, and what must have been done before. */
const writers: Readonly<
  Record<string, { readonly line: string; readonly before?: readonly string[] }>
> = {
  init: { line: 'init --file other.yaml --servers global=1' },
  add: { line: 'add client global/c9 --ip 10.0.0.9' },
  remove: { line: 'remove client global/c1' },
  apply: { line: 'apply --yes --prune', before: ['remove client global/c1'] },
  'rotate leaves': { line: 'rotate leaves --all --yes' },
  'rotate authority': { line: 'rotate authority agent --next' },
  pack: { line: 'pack s1 --out s1.tar.gz' },
  install: {
    line: 'install s1.tar.gz --tls tls --config agents/s1 --reload none',
    before: ['pack s1 --out s1.tar.gz'],
  },
  probe: { line: 'probe --timeout 1s --out evidence.json' },
}

let applied = ''
beforeAll(async () => {
  applied = folder({
    'cluster.yaml': spec,
    'agents/s1/nomad.hcl': 'server {\n  enabled = true\n}\n',
    'agents/s2.hcl': 'server {\n  enabled = true\n}\n',
  })
  await cli(applied, ['init', '--new-store'])
  expect((await cli(applied, ['apply', '--yes'])).status).toBe(0)
})

test('the commands that write are those with --dry-run', () => {
  const dry = commands.filter(({ options }) =>
    options.some(({ flags }) => flags.includes('--dry-run')),
  )
  expect(dry.map(({ name }) => name).sort()).toEqual(Object.keys(writers).sort())
})

describe.each(Object.entries(writers))('%s', (_, { line, before = [] }) => {
  async function prepared(): Promise<string> {
    const place = folder()
    fs.cpSync(applied, place, { recursive: true, verbatimSymlinks: true })
    for (const first of before) expect((await cli(place, wordsOf(first))).status).toBe(0)
    return place
  }

  test('writes without it, and nothing with it', async () => {
    const place = await prepared()
    const tree = treeOf(place)
    const { status, stdout, stderr } = await cli(place, [...wordsOf(line), '--dry-run'])
    expect([0, 2], stderr).toContain(status)
    expect(stdout + stderr).not.toBe('')
    expect(treeOf(place)).toEqual(tree)
    // Else the comparison would prove nothing.
    await cli(place, wordsOf(line))
    expect(treeOf(place)).not.toEqual(tree)
  })
})

test('a store that is not there is not begun', async () => {
  const place = folder({ 'cluster.yaml': spec })
  const tree = treeOf(place)
  expect((await cli(place, ['init', '--new-store', '--dry-run'])).status).toBe(0)
  expect(treeOf(place)).toEqual(tree)
})
