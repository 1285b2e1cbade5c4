import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cli, folder, now } from './cli.js'

const spec = (cluster: string): string =>
  `version: 1\ncluster: ${cluster}\nregions:\n  global:\n    servers: { s1: {} }\n    clients: { "c[1-3]": {} }\noperators: { alice: {} }\n`

let cwd = ''
const read = (name: string): string => fs.readFileSync(path.join(cwd, name), 'utf8')
beforeAll(async () => {
  cwd = folder({ 'cluster.yaml': spec('acme') })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
})

test('metrics and calendar are written beside the answer, and again', async () => {
  const line = ['status', '--metrics', 'a.prom', '--calendar', 'a.ics', '--alarm', '7d']
  expect((await cli(cwd, line)).status).toBe(0)
  const [metrics, calendar] = [read('a.prom'), read('a.ics')]
  expect(metrics).toContain(
    'nomad_pki_certificates{cluster="acme",role="client",region="global",state="good"} 3\n',
  )
  expect(metrics).toContain(
    `nomad_pki_last_success_timestamp_seconds{cluster="acme",command="status"} ${now / 1000}\n`,
  )
  expect(metrics.match(/^nomad_pki_certificate_renewal/gm)).toHaveLength(4)
  expect(calendar.match(/^BEGIN:VEVENT/gm)).toHaveLength(10)
  expect(calendar).toContain('TRIGGER:-P7D\r\n')

  const later = now + 60_000
  expect((await cli(cwd, line, { now: later })).status).toBe(0)
  expect(read('a.prom')).toContain(`command="status"} ${later / 1000}\n`)
  expect(
    fs.readdirSync(cwd).filter((name) => name.startsWith('.') && name !== '.gitignore'),
  ).toEqual([])
})

test('a calendar of a store that nothing is wrong with says nothing of keys', async () => {
  await cli(cwd, ['status', '--metrics', 'b.prom', '--calendar', 'b.ics'])
  expect(read('b.prom') + read('b.ics')).not.toMatch(/PRIVATE|[0-9a-f]{32}/)
})

test('steps that wait and their findings are counted', async () => {
  fs.writeFileSync(path.join(cwd, 'cluster.yaml'), spec('acme').replace('[1-3]', '[1-5]'))
  expect((await cli(cwd, ['status', '--metrics', 'c.prom'])).status).toBe(2)
  fs.writeFileSync(path.join(cwd, 'cluster.yaml'), spec('acme'))
  expect(read('c.prom')).toContain('nomad_pki_plan_steps{cluster="acme",action="create"} 2\n')
  expect(read('c.prom')).toContain('region="global",state="missing"} 2\n')
})

test('per region there is one series for each role', async () => {
  await cli(cwd, ['status', '--metrics', 'd.prom', '--per-region'])
  expect(read('d.prom').match(/^nomad_pki_certificate_renewal.*$/gm)).toHaveLength(2)
})

test('a page says what status says, and is written again', async () => {
  for (const time of [now, now + 60_000]) {
    expect((await cli(cwd, ['status', '--html', 'a.html'], { now: time })).status).toBe(0)
    expect(read('a.html')).toMatch(
      /^<!doctype html>[\s\S]*Nothing is due, but no agent was ever seen [^]* Next: <span class="option">nomad-pki<\/span> probe\.<[\s\S]*<\/html>\n$/,
    )
    expect(read('a.html')).toContain('identity/client/global/c3')
  }
  expect(read('a.html')).not.toMatch(/PRIVATE/)
})

describe('nothing else is written over', () => {
  test.each([
    ['the spec', 'cluster.yaml', 'exists, and is not a file of metrics of this cluster'],
    ['a file in the store', 'pki/x.prom', 'is not saved in the store'],
    ['a folder that is not there', 'none/x.prom', 'there is no folder'],
  ])('%s', async (_, file, expected) => {
    const before = read('cluster.yaml')
    const { status, stderr } = await cli(cwd, ['status', '--metrics', file])
    expect(status).toBe(1)
    expect(stderr).toContain(expected)
    expect(read('cluster.yaml')).toBe(before)
    expect(fs.existsSync(path.join(cwd, 'pki/x.prom'))).toBe(false)
  })

  test('a pipe is not read, and a device is not replaced', async () => {
    execFileSync('mkfifo', [path.join(cwd, 'pipe')])
    for (const file of ['pipe', '/dev/null']) {
      const { status, stderr } = await cli(cwd, ['status', '--metrics', file])
      expect(status).toBe(1)
      expect(stderr).toContain(`${file} is not a plain file`)
    }
    fs.rmSync(path.join(cwd, 'pipe'))
  })

  test('two kinds in one file are an error of use, by whatever name', async () => {
    fs.symlinkSync(cwd, path.join(cwd, 'here'))
    for (const other of ['g.out', './g.out', 'here/g.out']) {
      const { status, stderr } = await cli(cwd, ['status', '--html', 'g.out', '--metrics', other])
      expect(status).toBe(64)
      expect(stderr).toMatch(/g\.out is to be a (page|file of metrics) .* and a (page|file)/)
      expect(fs.existsSync(path.join(cwd, 'g.out'))).toBe(false)
    }
    fs.rmSync(path.join(cwd, 'here'))
  })

  test('what another cluster wrote', async () => {
    const other = folder({ 'cluster.yaml': spec('acme-2') })
    await cli(other, ['init', '--new-store'])
    await cli(other, ['apply', '--yes'])
    for (const [option, name] of [
      ['--metrics', 'e.prom'],
      ['--calendar', 'e.ics'],
      ['--html', 'e.html'],
    ] as const) {
      await cli(cwd, ['status', option, name])
      const before = read(name)
      const { status, stderr } = await cli(other, ['status', option, path.join(cwd, name)])
      expect(status).toBe(1)
      expect(stderr).toContain('of this cluster')
      expect(read(name)).toBe(before)
    }
  })

  test('one refused file holds the other back', async () => {
    const { status } = await cli(cwd, [
      'status',
      '--metrics',
      'f.prom',
      '--calendar',
      'cluster.yaml',
    ])
    expect(status).toBe(1)
    expect(fs.existsSync(path.join(cwd, 'f.prom'))).toBe(false)
  })
})

test.each([
  [['--alarm', '7d'], '--alarm needs --calendar'],
  [['--calendar', 'x.ics', '--alarm', 'soon'], 'not a duration: "soon"'],
  [['--per-node'], '--per-node needs --metrics or --calendar'],
  [['--metrics', 'x.prom', '--per-node', '--per-region'], 'exclude each other'],
  [['--metrics', 'x.prom', '--at', '+30d'], '--metrics and --at exclude each other'],
  [['--calendar', 'x.ics', '--made'], '--calendar and --made exclude each other'],
])('%j is an error of use', async (options, expected) => {
  const { status, stderr } = await cli(cwd, ['status', ...options])
  expect(status).toBe(64)
  expect(stderr).toContain(expected)
  expect(fs.existsSync(path.join(cwd, 'x.ics'))).toBe(false)
})
