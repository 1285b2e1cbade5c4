import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exitStatusSentences } from '../../src/cli/status.js'
import { commands } from '../../src/cli/surface.js'
import { FakeAgent, trioIn } from '../probe/agents.js'
import { cli, folder, now } from './cli.js'
import { copyFolder } from '../copy-folder.js'

const day = 86_400_000
const spec = `version: 1
cluster: acme
regions:
  global:
    servers: { s1: {} }
operators:
  alice: { region: global, lifetime: 24h }
`

/** Files of a cluster that is applied; every situation begins with a copy. */
let applied = ''
/** An agent with what was made for s1. */
let agent: FakeAgent
beforeAll(async () => {
  applied = folder({ 'cluster.yaml': spec })
  await cli(applied, ['init', '--new-store'])
  expect((await cli(applied, ['apply', '--yes'])).status).toBe(0)
  agent = await FakeAgent.start(trioIn(path.join(applied, 'pki/identity/server/global/s1/current')))
})
afterAll(() => agent.stop())

/** A copy in which one command was already run. */
async function after(cwd: string, ...lines: (readonly string[])[]): Promise<string> {
  for (const line of lines) {
    const { status: exit, stdout, stderr } = await cli(cwd, line)
    expect({ exit, stdout, stderr }).toEqual({ exit: 0, stdout, stderr })
  }
  return cwd
}

function copy(change: (cwd: string) => void): string {
  const cwd = folder()
  copyFolder(applied, cwd)
  change(cwd)
  return cwd
}

const edit = (cwd: string, from: string, to: string): void => {
  const file = path.join(cwd, 'cluster.yaml')
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(from, to))
}

const running = (): string =>
  copy((cwd) => {
    edit(cwd, '{ s1: {} }', `{ s1: { http: "${agent.http}", rpc: "${agent.rpc}" } }`)
  })

const situations: Readonly<Record<string, () => string | Promise<string>>> = {
  'all is well': () => copy(() => undefined),
  'every agent runs what was made': running,
  'every agent was seen with it': () => after(running(), ['probe']),
  'a stage was applied and not delivered': () =>
    after(
      copy(() => undefined),
      ['rotate', 'authority', '--next'],
      ['apply', '--yes'],
    ),
  'an archive is on its node': () =>
    after(
      copy(() => undefined),
      ['pack', 's1', '--out', 's1.tgz'],
    ),
  'the store is of another cluster': () =>
    copy((cwd) => {
      edit(cwd, 'cluster: acme', 'cluster: beta')
    }),
  'no store was begun': () => folder({ 'cluster.yaml': spec }),
  'a node was added': () =>
    copy((cwd) => {
      edit(cwd, '{ s1: {} }', '{ s1: {}, s2: {} }')
    }),
  'the spec is broken': () =>
    copy((cwd) => {
      edit(cwd, 'cluster: acme', 'cluster: [')
    }),
  'the ledger is broken': () =>
    copy((cwd) => {
      const file = path.join(cwd, 'pki/ledger.jsonl')
      const text = fs.readFileSync(file, 'utf8')
      fs.writeFileSync(file, text.replace('"event":"bundle"', '"event":"bundel"'))
    }),
  'the key of the authority is elsewhere': () =>
    copy((cwd) => {
      fs.rmSync(path.join(cwd, 'pki/authority/agent/1/ca-key.pem'))
    }),
  'an operator of a tool': () =>
    copy((cwd) => {
      edit(cwd, 'lifetime: 24h', 'lifetime: 30d')
    }),
}

const plan = ['plan']
const apply = ['apply', '--yes']
const due = ['rotate', 'leaves', '--due']
const verify = ['verify', '--offline']
const status = ['status']
const install = ['install', 's1.tgz', '--tls', 'tls', '--reload', 'none']

const rows: readonly (readonly [
  situation: string,
  days: number,
  line: readonly string[],
  expected: number,
])[] = [
  ['all is well', 0, plan, 0],
  ['all is well', 0, apply, 0],
  ['all is well', 0, due, 0],
  ['all is well', 0, verify, 0],
  ['all is well', 0, status, 0],
  ['all is well', 0, ['env', 'alice'], 0],
  // A person's certificate ended: no work.
  ['all is well', 3, plan, 0],
  ['all is well', 3, status, 0],
  // A leaf is due, then expired.
  ['all is well', 65, plan, 2],
  ['all is well', 65, status, 2],
  ['all is well', 65, due, 0],
  ['all is well', 95, plan, 2],
  ['all is well', 95, status, 2],
  ['all is well', 95, verify, 2],
  ['all is well', 95, due, 0],
  ['no store was begun', 0, plan, 2],
  ['no store was begun', 0, status, 2],
  ['no store was begun', 0, verify, 2],
  ['no store was begun', 0, apply, 3],
  ['no store was begun', 0, due, 3],
  ['no store was begun', 0, ['pack', 's1', '--out', 'a.tgz'], 1],
  ['no store was begun', 0, ['env', 'alice'], 1],
  ['a node was added', 0, plan, 2],
  ['a node was added', 0, status, 2],
  ['a node was added', 0, verify, 2],
  ['a node was added', 0, ['apply'], 3],
  ['a node was added', 0, apply, 0],
  ['the spec is broken', 0, plan, 1],
  ['the spec is broken', 0, apply, 1],
  ['the spec is broken', 0, status, 1],
  ['the ledger is broken', 0, plan, 2],
  ['the ledger is broken', 0, apply, 1],
  ['the ledger is broken', 0, verify, 2],
  ['the ledger is broken', 0, status, 2],
  ['the key of the authority is elsewhere', 0, plan, 0],
  ['the key of the authority is elsewhere', 65, plan, 2],
  ['the key of the authority is elsewhere', 65, due, 3],
  ['the key of the authority is elsewhere', 65, apply, 1],
  ['an operator of a tool', 0, apply, 0],
  ['an operator of a tool', 3, status, 2],
  ['an operator of a tool', 3, plan, 2],
  ['an operator of a tool', 3, due, 0],
  // Nobody listens; nothing was ever delivered.
  ['all is well', 0, ['probe', '--timeout', '1s'], 2],
  ['all is well', 0, ['rollout', '--dry-run', '--commands'], 2],
  ['all is well', 0, ['rotate', 'authority'], 0],
  ['all is well', 0, ['rotate', 'authority', 'nobody'], 64],
  ['every agent runs what was made', 0, ['probe'], 0],
  ['every agent runs what was made', 0, ['rollout', '--dry-run', '--commands'], 2],
  ['every agent was seen with it', 0, ['rollout', '--dry-run', '--commands'], 0],
  ['every agent was seen with it', 0, status, 0],
  ['a stage was applied and not delivered', 0, ['rotate', 'authority'], 3],
  ['a stage was applied and not delivered', 0, ['rotate', 'authority', '--next'], 3],
  ['a stage was applied and not delivered', 0, ['rollout', '--dry-run', '--commands'], 2],
  ['no store was begun', 0, ['rotate', 'authority'], 3],
  ['an archive is on its node', 0, install, 0],
  ['an archive is on its node', 0, [...install, '--probe', '127.0.0.1:1'], 2],
  ['an archive is on its node', 0, [...install, '--fingerprint', '0'.repeat(64)], 3],
  ['the store is of another cluster', 0, plan, 2],
  ['the store is of another cluster', 0, apply, 1],
  ['the store is of another cluster', 0, verify, 2],
  ['the store is of another cluster', 0, status, 2],
  ['the store is of another cluster', 0, ['rotate', 'authority'], 1],
  ['a node was added', 0, ['pack', '--all', '--out-dir', 'out'], 1],
  ['a node was added', 0, ['rollout', '--dry-run', '--commands'], 2],
  ['the spec is broken', 0, ['rollout', '--dry-run', '--commands'], 1],
  ['all is well', 0, ['install', 'nothing.tar.gz', '--tls', 'tls', '--reload', 'none'], 1],
  ['all is well', 0, ['plan', '--no-such'], 64],
]

const page = fs.readFileSync(new URL('../../docs/exit-status.md', import.meta.url), 'utf8')

describe('what 0 promises', () => {
  test.each(rows)('%s, %i days later: %j exits %i', async (situation, days, line, expected) => {
    const cwd = await situations[situation]!()
    const { status: exit, stdout, stderr } = await cli(cwd, line, { now: now + days * day })
    expect({ exit, stdout, stderr }).toEqual({ exit: expected, stdout, stderr })
  })

  test('the page says what each other status means that a row has', () => {
    const cells = page
      .slice(page.indexOf('## What the others mean'))
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('|').map((cell) => cell.trim()))
    const silent = rows.filter(([, , line, expected]) => {
      const name = line[0] === 'rotate' ? `rotate ${line[1]}` : line[0]
      const row = cells.find(([, commandsOf]) => commandsOf!.includes(`\`${name}\``))
      return expected > 0 && expected < 4 && (row?.[expected + 1] ?? '') === ''
    })
    expect(silent).toEqual([])
  })

  test('the page has every status and every command', () => {
    for (const [code] of exitStatusSentences) expect(page).toContain(`| ${code} |`)
    for (const { name } of commands) expect(page).toContain(`\`${name}\``)
  })
})

describe('what was made and not delivered', () => {
  test('is 2 before and after the predecessor ends', async () => {
    const cwd = copy(() => undefined)
    // Seen with its first generation; then a second one that nobody delivers.
    const ledger = path.join(cwd, 'pki/ledger.jsonl')
    const issued = fs
      .readFileSync(ledger, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find(({ event, address }) => event === 'issued' && address === 'identity/server/global/s1')!
    const lines = [
      { format: 'nomad-pki/evidence', version: 2, cluster: 'acme', at: now },
      {
        ...{ event: 'observed', address: 'identity/server/global/s1', endpoint: '10.0.0.1:4646' },
        ...{ rpc: false, at: now, fingerprint: issued['fingerprint'], generation: 1, trusts: null },
      },
    ]
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    fs.writeFileSync(path.join(cwd, 'evidence.json'), text)
    const taken = await cli(cwd, ['probe', '--evidence', 'evidence.json'])
    expect(taken.stderr).toContain('1 line noted')
    const later = { now: now + 65 * day }
    expect((await cli(cwd, ['rotate', 'leaves', '--due'], later)).status).toBe(0)
    for (const days of [66, 89, 91, 120]) {
      expect((await cli(cwd, ['status'], { now: now + days * day })).status).toBe(2)
    }
  })
})
