/** promtool takes the metrics, the rules and the dashboard's queries. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { cli, folder } from '../cli/cli.js'

const work = mkdtempSync(join(tmpdir(), 'nomad-pki-promtool-'))
afterAll(() => {
  rmSync(work, { recursive: true, force: true })
})

function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8' })
  if (error !== undefined) throw error
  expect(`${stdout}${stderr}`, `${status}`).not.toMatch(/FAILED|error|unknown/i)
  expect(status).toBe(0)
  return `${stdout}${stderr}`
}

test.each(['--per-node', '--per-region'])(
  'the metrics of a rotating cluster, %s',
  async (grain) => {
    const cwd = folder({
      'cluster.yaml':
        'version: 1\ncluster: acme\nauthorities: { agent: {} }\nregions:\n  global:\n    servers: { s1: {} }\n    clients: { "c[1-3]": {} }\noperators: { alice: {} }\n',
    })
    await cli(cwd, ['init', '--new-store'])
    await cli(cwd, ['apply', '--yes'])
    expect((await cli(cwd, ['rotate', 'authority', 'agent', '--next'])).stderr).not.toContain(
      'error',
    )
    await cli(cwd, ['apply', '--yes'])
    await cli(cwd, ['status', '--metrics', 'm.prom', grain])
    const text = readFileSync(join(cwd, 'm.prom'), 'utf8')
    expect(text).toContain('nomad_pki_rotation_agents{')
    promtool(['check', 'metrics'], text)
  },
)

test('the rules, with their cases', () => {
  expect(promtool(['check', 'rules', 'templates/monitoring/alerts.yml'])).toContain(
    '10 rules found',
  )
  expect(promtool(['test', 'rules', 'templates/monitoring/alerts_test.yml'])).toContain('SUCCESS')
})

test('each query of the dashboard is one that Prometheus parses', () => {
  const { panels } = JSON.parse(readFileSync('templates/monitoring/dashboard.json', 'utf8')) as {
    panels: { targets: { expr: string }[] }[]
  }
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  expect(queries.length).toBeGreaterThan(10)
  const rules = queries.map((expr, at) => ({
    record: `panel:${at}`,
    expr: expr.replaceAll('$cluster', 'acme'),
  }))
  const file = join(work, 'rules.yml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
  expect(promtool(['check', 'rules', file])).toContain(`${queries.length} rules found`)
})
