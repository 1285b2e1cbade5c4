/** A store of another cluster whose nodes have the same names, and a cluster that was renamed. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { chainLine, emptyHead } from '../../src/inventory/ledger.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { cli, folder } from './cli.js'
import { copyFolder } from '../copy-folder.js'

const spec = (cluster: string, agent = '{}'): string =>
  `version: 1\ncluster: ${cluster}\nauthorities:\n  agent: ${agent}\nregions:\n  global:\n    servers: { s1: {} }\noperators: { alice: {} }\n`
const both = /the store .*pki is of the cluster acme, the spec is of beta/
const remedy = 'nomad-pki apply --override cluster=beta --reason'

/** A store of the cluster acme, applied. */
let applied = ''
beforeAll(async () => {
  applied = folder({ 'cluster.yaml': spec('acme') })
  await cli(applied, ['init', '--new-store'])
  expect((await cli(applied, ['apply', '--yes'])).status).toBe(0)
})

const ledgerOf = (cwd: string): string => path.join(cwd, 'pki/ledger.jsonl')

/** The store under another spec. */
function under(text: string): string {
  const cwd = folder()
  copyFolder(applied, cwd)
  fs.writeFileSync(path.join(cwd, 'cluster.yaml'), text)
  return cwd
}

/** As a version before left it: its ledger does not name the cluster. */
function ofBefore(cwd: string): string {
  let after = { head: emptyHead, seq: 0 }
  const lines = fs
    .readFileSync(ledgerOf(cwd), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const { seq, prev, cluster, ...event } = JSON.parse(line) as LedgerEvent &
        Partial<Record<'seq' | 'prev' | 'cluster', unknown>>
      expect([typeof seq, typeof prev]).toEqual(['number', 'string'])
      if (event.event !== 'began') expect(cluster).toBeUndefined()
      const made = chainLine(event, after)
      after = made
      return `${made.text}\n`
    })
  fs.writeFileSync(ledgerOf(cwd), lines.join(''))
  return cwd
}

test('the ledger begins with the name of the cluster, also for a spec that init writes', async () => {
  const cwd = folder()
  await cli(cwd, ['init', '--cluster', 'west', '--servers', 'global=1'])
  for (const [place, cluster] of [
    [cwd, 'west'],
    [applied, 'acme'],
  ] as const) {
    const [first] = fs.readFileSync(ledgerOf(place), 'utf8').split('\n')
    expect(JSON.parse(first!)).toMatchObject({ event: 'began', cluster })
  }
})

describe.each([
  ['', (cwd: string) => cwd],
  [' of an earlier version', ofBefore],
])('a store%s of another cluster', (_of, prepared) => {
  test.each([
    [['plan'], 2],
    [['plan', '--json'], 2],
    [['apply', '--yes'], 1],
    [['rotate', 'leaves', '--all', '--yes'], 1],
    [['rotate', 'leaves', '--due'], 1],
    [['rotate', 'authority', '--next'], 1],
    [['rollout', '--dry-run', '--commands'], 1],
    [['verify', '--offline'], 2],
    [['status'], 2],
    [['probe', '--timeout', '1s'], 1],
    [['pack', 's1', '--out', 's1.tar.gz'], 1],
    [['pack', '--all', '--out-dir', 'out'], 1],
    [['env', 'alice'], 1],
  ])('%j names both clusters and what to do', async (line, expected) => {
    const cwd = prepared(under(spec('beta')))
    const before = fs.readFileSync(ledgerOf(cwd))
    const { status, stdout, stderr } = await cli(cwd, line)
    expect({ status, stdout, stderr }).toEqual({ status: expected, stdout, stderr })
    expect(stdout + stderr).toMatch(both)
    expect(stdout + stderr).toContain(remedy)
    expect(fs.readFileSync(ledgerOf(cwd))).toEqual(before)
    expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toBe(spec('beta'))
    expect(fs.readdirSync(cwd).sort()).toEqual(['cluster.yaml', 'pki'])
  })

  test('makes nothing for a node that the spec adds, not even by a timer', async () => {
    const cwd = prepared(under(spec('beta').replace('{ s1: {} }', '{ s1: {}, s2: {} }')))
    expect((await cli(cwd, ['apply', '--yes'])).status).toBe(1)
    const later = { now: Date.now() + 65 * 86_400_000 }
    expect((await cli(cwd, ['rotate', 'leaves', '--due'], later)).stderr).toMatch(both)
    expect(fs.existsSync(path.join(cwd, 'pki/identity/server/global/s2'))).toBe(false)
  })

  test('goes on where the cluster was renamed: under its name, with a reason, for ever', async () => {
    const cwd = prepared(under(spec('beta')))
    const wrong = ['--override', 'cluster=gamma', '--reason', 'x']
    expect((await cli(cwd, ['apply', '--yes', ...wrong])).status).toBe(1)
    const right = ['--override', 'cluster=beta', '--reason', 'the company was renamed']
    expect((await cli(cwd, ['plan', ...right])).status).toBe(0)
    expect((await cli(cwd, ['plan'])).status).toBe(2)
    expect((await cli(cwd, ['apply', '--yes', ...right])).status).toBe(0)
    expect(fs.readFileSync(ledgerOf(cwd), 'utf8')).toContain('"event":"override","address":"store"')
    for (const line of [['plan'], ['verify', '--offline'], ['status'], ['env', 'alice']]) {
      expect((await cli(cwd, line)).status).toBe(0)
    }
    expect((await cli(cwd, ['pack', 's1', '--out', 's1.tar.gz'])).status).toBe(0)
    // A slip is not noted.
    const slip = await cli(cwd, ['apply', '--yes', ...wrong])
    expect([slip.status, slip.stderr]).toEqual([1, expect.stringContaining('cluster gamma, the')])
    expect((await cli(cwd, ['plan'])).status).toBe(0)
    // And back: it is the old name that is another's now.
    fs.writeFileSync(path.join(cwd, 'cluster.yaml'), spec('acme'))
    expect((await cli(cwd, ['plan'])).stdout).toMatch(/is of the cluster beta, the spec is of acme/)
  })
})

describe('a store of an earlier version', () => {
  test('of the same cluster is taken', async () => {
    const cwd = ofBefore(under(spec('acme')))
    expect((await cli(cwd, ['plan'])).status).toBe(0)
    expect((await cli(cwd, ['status'])).status).toBe(0)
  })

  test('whose roots have names of their own says nothing of clusters', async () => {
    const own = '{ subject: { commonName: "Our CA {generation}" } }'
    const cwd = folder({ 'cluster.yaml': spec('acme', own) })
    await cli(cwd, ['init', '--new-store'])
    await cli(cwd, ['apply', '--yes'])
    ofBefore(cwd)
    fs.writeFileSync(path.join(cwd, 'cluster.yaml'), spec('beta', own))
    expect((await cli(cwd, ['plan'])).status).toBe(0)
  })
})
