/**
 * `--dry-run` exists for every command that writes, and writes nothing; a command without it writes
 * nothing at all. The whole tree is compared; the commands are those of the table.
 */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands, longName, type CommandName } from '../../src/cli/surface.js'
import { fixture } from '../adoption/folders.js'
import { wordsOf } from '../testscript.js'
import { selfNode, type SelfNode } from '../renewal/node.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { fakeSsh } from '../hosts/fake-ssh.js'
import { cli, folder, now } from './cli.js'
import { copyFolder } from '../copy-folder.js'

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

interface Line {
  readonly line: string
  /** What must have been done before. */
  readonly before?: readonly string[]
}

/** Command lines of each command that writes: one for each way in which it does. */
const writers: Readonly<Partial<Record<CommandName, readonly Line[]>>> = {
  init: [
    { line: 'init --file other.yaml --servers global=1' },
    { line: 'init --file new/other.yaml --from agents/s1 agents/s2.hcl', before: ['mkdir new'] },
    { line: 'init --new-store', before: ['rm pki'] },
  ],
  adopt: [
    {
      line: 'adopt tls --cluster acme --file new/cluster.yaml',
      before: ['mkdir new', 'files of nomad tls'],
    },
  ],
  add: [{ line: 'add client global/c9 --ip 10.0.0.9' }],
  remove: [{ line: 'remove client global/c1' }],
  apply: [{ line: 'apply --yes --prune', before: ['remove client global/c1'] }],
  'rotate leaves': [
    { line: 'rotate leaves --all --yes' },
    { line: 'rotate leaves --due', before: ['later'] },
  ],
  'rotate authority': [
    { line: 'rotate authority agent --next' },
    { line: 'rotate authority agent --next --compromised' },
  ],
  'rotate tls': [{ line: 'rotate tls --next', before: ['plaintext, and nobody waited for'] }],
  'authority encrypt': [
    { line: 'authority encrypt agent', before: ['passphrase', 'spec: encrypted'] },
  ],
  'authority decrypt': [
    {
      line: 'authority decrypt agent',
      before: ['passphrase', 'spec: encrypted', 'authority encrypt agent', 'spec: file'],
    },
  ],
  'authority setup': [{ line: 'authority setup low', before: ['an engine'] }],
  'authority request': [
    { line: 'authority request high --out agent.request', before: ['an offline root'] },
  ],
  'authority accept': [
    {
      line: 'authority accept agent.request --out agent.answer --yes',
      before: ['an offline root', 'authority request high --out agent.request', 'its key here'],
    },
  ],
  revoke: [
    { line: 'revoke s1 --reason key-compromise' },
    { line: 'revoke --serial 0abc --authority agent' },
    { line: 'revoke', before: ['revoke s1'] },
  ],
  pack: [
    { line: 'pack s1 --out s1.tar.gz' },
    { line: 'pack --all --out-dir out' },
    { line: 'pack alice --out alice.tar.gz' },
    { line: 'pack s1 c1 --layout cfssl --out-dir out' },
    { line: 'pack alice --layout p12 --out alice.p12 --new-password-file password' },
  ],
  'config pull': [{ line: 'config pull global/s1', before: ['an ssh', 'a copy'] }],
  rollout: [
    { line: 'rollout c1 --yes', before: ['an ssh'] },
    { line: 'rollout c1 --collect --yes', before: ['keyHeld: node', 'an ssh'] },
  ],
  install: [
    {
      line: 'install s1.tar.gz --tls tls --config agents/s1 --reload none',
      before: ['pack s1 --out s1.tar.gz'],
    },
    {
      line: 'install --rollback --tls tls --reload none',
      before: [
        'pack s1 --out s1.tar.gz',
        'install s1.tar.gz --tls tls --reload none',
        'rotate leaves s1 --yes',
        'pack s1 --out s1-2.tar.gz',
        'install s1-2.tar.gz --tls tls --reload none',
      ],
    },
  ],
  renew: [{ line: 'renew --config node/node.yaml', before: ['a node'] }],
  request: [{ line: 'request c1 --tls tls --out c1.csr' }, { line: 'request s1 --tls tls' }],
  sign: [
    {
      line: 'sign c1.csr',
      before: ['request c1 --tls tls --out c1.csr', 'keyHeld: node', 'yes'],
    },
  ],
  probe: [
    { line: 'probe --timeout 1s --out evidence.json' },
    { line: 'probe --timeout 1s --refuses authority/agent/1' },
  ],
}

const writing = commands.filter(({ writes }) => writes)
const reading = commands.filter(({ writes }) => !writes)

let applied = ''
let engine: FakeEngine
let self: SelfNode
afterAll(() => Promise.all([engine.close(), self.engine.close()]))
beforeAll(async () => {
  engine = await fakeEngine()
  self = await selfNode()
  applied = folder({
    'cluster.yaml': spec,
    'agents/s1/nomad.hcl': 'server {\n  enabled = true\n}\n',
    'agents/s2.hcl': 'server {\n  enabled = true\n}\n',
  })
  await cli(applied, ['init', '--new-store'])
  expect((await cli(applied, ['apply', '--yes'])).status).toBe(0)
})

test('each command that writes has --dry-run and a line here, and no other has', () => {
  const dry = commands.filter(({ options }) => options.some(({ name }) => name === 'dryRun'))
  expect(dry).toEqual(writing)
  expect(Object.keys(writers).sort()).toEqual(writing.map(({ name }) => name).sort())
})

/** A local file, and the passphrase that it names. */
function givePassphrase(place: string): void {
  const text = 'passphrases: { agent: { file: passphrase } }\n'
  fs.writeFileSync(path.join(place, 'nomad-pki.local.yaml'), text, { mode: 0o600 })
  fs.writeFileSync(path.join(place, 'passphrase'), 'correct horse battery\n', { mode: 0o600 })
}

/** The first stage of turning TLS on, with an open gate. */
async function waitForNobody(place: string): Promise<void> {
  fs.appendFileSync(path.join(place, 'cluster.yaml'), 'transport: plaintext\n')
  for (const address of ['server/global/s1', 'server/global/s2', 'c1', 'member/global']) {
    await cli(place, ['rotate', 'tls', '--except', address, '--reason', 'a test'])
  }
}

/** Another root, which signs an intermediate for the region. */
function writeRoot(place: string, signer: string): void {
  const text = spec
    .replace(
      'regions:',
      `authorities: { agent: {}, low: { issuer: high }, high: { signer: ${signer} } }\nregions:`,
    )
    .replace('  global:\n', '  global:\n    authority: low\n')
  fs.writeFileSync(path.join(place, 'cluster.yaml'), text)
}

/** An intermediate in an engine, for the region. */
function writeEngine(place: string): void {
  const text = spec
    .replace(
      'regions:',
      `vault: { address: "${engine.origin}" }\nauthorities: { agent: {}, low: { issuer: agent, engine: { mount: pki } } }\nregions:`,
    )
    .replace('  global:\n', '  global:\n    authority: low\n')
  fs.writeFileSync(path.join(place, 'cluster.yaml'), text)
}

async function copied(): Promise<string> {
  const place = folder()
  copyFolder(applied, place)
  return place
}

describe.each(
  writing.flatMap(({ name }) => (writers[name] ?? []).map((one) => [one.line, one] as const)),
)('%s', (_, { line, before = [] }) => {
  const ssh = before.includes('an ssh') ? fakeSsh(folder(), now) : {}
  const world = {
    ...(before.includes('later') && { now: now + 85 * 86_400_000 }),
    ...(before.includes('yes') && { terminal: true, input: 'y' }),
    get env() {
      return before.includes('an engine') ? { BAO_ADDR: engine.origin, BAO_TOKEN: 'root' } : ssh
    },
  }
  async function prepared(): Promise<string> {
    const place = await copied()
    for (const first of before) {
      if (first === 'later' || first === 'yes' || first === 'an ssh') continue
      if (first === 'a node') {
        self.copyTo(place)
        continue
      }
      if (first === 'a copy') {
        const host = path.join(folder({ 'nomad.hcl': '' }), 'nomad.hcl').replaceAll("'", "''")
        const withCopy = spec.replace(
          'config: agents/s1,',
          `config: { host: '${host}', copy: s1.hcl },`,
        )
        fs.writeFileSync(
          path.join(place, 'cluster.yaml'),
          withCopy.replace('config: agents/s1 }', `config: { host: '${host}', copy: s1.hcl } }`),
        )
        continue
      }
      if (first === 'keyHeld: node') {
        const held = spec.replace('c1: {}', 'c1: { keyHeld: node }')
        fs.writeFileSync(path.join(place, 'cluster.yaml'), held)
        continue
      }
      if (first === 'rm pki') {
        fs.rmSync(path.join(place, 'pki'), { recursive: true })
      } else if (first === 'mkdir new') fs.mkdirSync(path.join(place, 'new'))
      else if (first === 'passphrase') givePassphrase(place)
      else if (first === 'plaintext, and nobody waited for') await waitForNobody(place)
      else if (first === 'an engine') writeEngine(place)
      else if (first === 'an offline root') writeRoot(place, 'offline')
      else if (first === 'its key here') writeRoot(place, 'file')
      else if (first.startsWith('spec: ')) {
        const signer = first.slice('spec: '.length)
        fs.writeFileSync(
          path.join(place, 'cluster.yaml'),
          spec.replace('regions:', `authorities: { agent: { signer: ${signer} } }\nregions:`),
        )
      } else if (first === 'files of nomad tls') {
        copyFolder(fixture('nomad-tls'), path.join(place, 'tls'))
      } else expect((await cli(place, wordsOf(first))).status).toBe(0)
    }
    return place
  }

  test('writes without --dry-run, and nothing with it', async () => {
    const place = await prepared()
    const tree = treeOf(place)
    const { status, stdout, stderr } = await cli(place, [...wordsOf(line), '--dry-run'], world)
    expect([0, 2], stderr).toContain(status)
    expect(stdout + stderr).not.toBe('')
    expect(treeOf(place)).toEqual(tree)
    // Else the comparison would prove nothing.
    await cli(place, wordsOf(line), world)
    expect(treeOf(place)).not.toEqual(tree)
  })
})

// Each example, alone and with each option that takes no value: what a new command writes shows here.
describe.each(reading.map((entry) => [entry.name, entry] as const))(
  '%s writes nothing',
  (_, { examples, options }) => {
    const switches = options.flatMap(({ name, flags, excludes, needs, needsOne }) =>
      flags.includes('<') || (excludes ?? needs ?? needsOne) !== undefined ? [] : [longName(name)],
    )
    test.each(examples)('%s', async (example) => {
      const place = await copied()
      const words = wordsOf(example).slice(1)
      if (words.includes('b/cluster.yaml')) {
        fs.mkdirSync(path.join(place, 'b'))
        await cli(path.join(place, 'b'), ['init', '--servers', 'global=1'])
      }
      // The answer in a file that the user names.
      const outs = ['--out', '--metrics', '--calendar', '--html', '--inventory'].flatMap((flag) =>
        words.includes(flag) ? [words[words.indexOf(flag) + 1]!] : [],
      )
      const tree = treeOf(place)
      const barred = options
        .filter(({ name }) => words.includes(longName(name)))
        .flatMap(({ excludes = [] }) => excludes.map(longName))
      const free = switches.filter((flag) => !words.includes(flag) && !barred.includes(flag))
      const all = [[], ...free.map((flag) => [flag])]
      for (const more of all) {
        // What goes on until nobody reads it ends after its first text.
        const { status, stderr } = await cli(place, [...words, ...more], {
          closed: words.includes('--watch'),
        })
        expect([0, 2], stderr).toContain(status)
        for (const out of outs) fs.rmSync(path.join(place, out))
        expect(treeOf(place)).toEqual(tree)
      }
    })
  },
)

test('a store that is not there is not begun', async () => {
  const place = folder({ 'cluster.yaml': spec })
  const tree = treeOf(place)
  expect((await cli(place, ['init', '--new-store', '--dry-run'])).status).toBe(0)
  expect(treeOf(place)).toEqual(tree)
})
