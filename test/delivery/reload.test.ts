/** How templates/install.sh has the agent load what it put in place: processes, units, and deaths. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { env, platform } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Node, renewed, toldBy } from './node.js'

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** The first generation is in place, the second one unpacked. */
let template: Node
beforeAll(async () => {
  const { first, second } = await renewed()
  template = new Node()
  expect(template.install(template.unpack(first, 'one')).status).toBe(0)
  template.unpack(second, 'two')
})

function aNode(): { node: Node; two: string } {
  const node = template.copy()
  return { node, two: path.join(node.folder, 'two/nomad-pki') }
}

/** A process that is called nomad, and does something at SIGHUP, once it says that it would. */
async function agent(onHangup: string): Promise<ChildProcess> {
  const file = path.join(new Node().folder, 'nomad')
  const sh = spawnSync('sh', ['-c', 'command -v sh'], { encoding: 'utf8' }).stdout.trim()
  const text = `#!${sh}\ntrap "$1" HUP\necho up\nwhile :; do sleep 0.05; done\n`
  fs.writeFileSync(file, text, { mode: 0o755 })
  const child = spawn(file, [onHangup])
  children.push(child)
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return child
}

/** What a process wrote when it was told: it may come to it later than we do. */
function heard(mark: string): { toBe: (text: string) => Promise<void> } {
  const text = (): string => (fs.existsSync(mark) ? fs.readFileSync(mark, 'utf8') : '')
  return expect.poll(text, { timeout: 20_000, interval: 20 })
}

describe('a process', () => {
  test('is told to load it, and lives', async () => {
    const { node, two } = aNode()
    const mark = path.join(node.folder, 'heard')
    const { pid } = await agent(`echo >>"${mark}"`)
    const run = node.install(two, ['--reload', String(pid)])
    expect(run).toMatchObject({ status: 0, stderr: '' })
    expect(run.stdout).toContain('the agent was told to load it')
    expect(run.told).toMatchObject({ result: 'installed', state: 'reloaded', agent: 'told' })
    await heard(mark).toBe('\n')
    expect(run.moments).toEqual([`switched ${node.current}`, `reloaded ${node.current}`])
    expect(node.receipt()).toMatchObject({ generation: 2, state: 'reloaded' })
    expect(node.names()).not.toContain('.pending')
    // Nothing to do: it isn't told again.
    const again = node.install(two, ['--reload', String(pid)])
    expect(again.stdout).toContain('in place already')
    expect(again.told).toMatchObject({ result: 'unchanged', changed: 'no', agent: 'not-told' })
    expect(again.moments).toEqual([])
    await heard(mark).toBe('\n')
  })

  test('that could not read its key is told again, once the mode is mended', async () => {
    const { node, two } = aNode()
    const mark = path.join(node.folder, 'heard')
    const { pid } = await agent(`echo >>"${mark}"`)
    expect(node.install(two, ['--reload', 'none'])).toMatchObject({ status: 0 })
    const key = path.join(node.folder, 'tls/current/key.pem')
    for (const times of [1, 2]) {
      // The first time its switch is unproven, the second time it is in place already.
      fs.chmodSync(key, 0o440)
      const run = node.install(two, ['--watch', '0', '--reload', String(pid)])
      expect(run).toMatchObject({ status: 0 })
      expect(run.stdout).toContain('key.pem was not 600, and is now')
      expect(fs.statSync(key).mode & 0o777).toBe(0o600)
      await heard(mark).toBe('\n'.repeat(times))
    }
  })

  test('that dies of it: back to the generation before', async () => {
    const { node, two } = aNode()
    const old = node.current
    const { pid } = await agent('exit 1')
    const run = node.install(two, ['--watch', '10', '--reload', String(pid)])
    expect(run.status).toBe(1)
    expect(run.stderr).toContain(`the agent died after the reload of 2-`)
    expect(run.stderr).toContain(`${old!} is in place again; start the agent`)
    expect(run.told).toMatchObject({ result: 'returned', reason: 'agent', agent: 'died' })
    expect([run.told.wanted, run.told.generation]).toEqual([expect.stringMatching(/^2-/), old])
    expect(node.current).toBe(old)
    expect(node.receipt()).toMatchObject({ generation: 1 })
    expect(node.names()).not.toContain('.pending')
  })

  test('by a file that holds it', async () => {
    const { node, two } = aNode()
    const mark = path.join(node.folder, 'heard')
    const { pid } = await agent(`echo >>"${mark}"`)
    const file = path.join(node.folder, 'nomad.pid')
    fs.writeFileSync(file, `${pid!}\n`)
    expect(node.install(two, ['--watch', '0', '--reload', file])).toMatchObject({ status: 0 })
    await heard(mark).toBe('\n')
  })

  test('that was started just now is left alone until it has settled: a signal during start-up kills an agent', async () => {
    const { node, two } = aNode()
    const mark = path.join(node.folder, 'heard')
    const { pid } = await agent(`echo >>"${mark}"`)
    const run = node.install(two, ['--settle', '5', '--watch', '0', '--reload', String(pid)])
    expect(run.status).toBe(0)
    expect(run.stdout).toMatch(/was started [0-4] s ago: waiting until it is 5 s old/)
    await heard(mark).toBe('\n')
  })

  test.each([
    ['that is not there', '4194303', /there is no process 4194303/],
    ['that is the first of all', '1', /no process to reload/],
    ['whose file is not there', '/nowhere/nomad.pid', /is not a file that can be read/],
  ])('%s: refused before anything is changed', (_what, reload, message) => {
    const { node, two } = aNode()
    const old = node.current
    const run = node.install(two, ['--reload', reload])
    expect(run.status).toBe(3)
    expect(run.stderr).toMatch(message)
    expect(run.told).toMatchObject({ reason: 'process', generation: old })
    expect(node.current).toBe(old)
  })

  test('that is not nomad, and would be killed by the signal because it does not catch it: refused', () => {
    const { node, two } = aNode()
    const child = spawn('sleep', ['60'])
    children.push(child)
    const reload = ['--reload', String(child.pid)]
    const other = node.install(two, reload)
    expect(other.status).toBe(3)
    expect(other.stderr).toMatch(/process \d+ is (sleep|busybox), not nomad: is it the agent\?/)
    expect(child.exitCode).toBeNull()
    // Linux alone tells which signals a process catches.
    if (platform !== 'linux') return
    const name = /override (process=\w+)/.exec(other.stderr)![1]!
    const run = node.install(two, [...reload, '--override', name, '--reason', 'a test'])
    expect(run.status).toBe(3)
    expect(run.stderr).toContain('does not catch SIGHUP')
    expect(child.exitCode).toBeNull()
  })

  test('whose file is a pipe: refused, and it does not wait for the other end', () => {
    const { node, two } = aNode()
    const pipe = path.join(node.folder, 'pipe')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    const run = node.install(two, ['--reload', pipe])
    expect(run.status).toBe(3)
    expect(run.stderr).toContain('is not a file that can be read')
  })

  test('that is not nomad and takes it all the same: it is noted in the receipt', async () => {
    const { node, two } = aNode()
    const child = spawn('sh', ['-c', 'trap : HUP; echo up; while :; do sleep 0.05; done'])
    children.push(child)
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const reload = ['--watch', '0', '--reload', String(child.pid)]
    const refused = node.install(two, reload)
    expect(refused.status).toBe(3)
    const [, name = '', code = ''] = /override ((process)=\S+)/.exec(refused.stderr) ?? []
    expect(code).toBe('process')
    const reason = 'a wrapper, "ours" \\o/'
    const run = node.install(two, [...reload, '--override', name, '--reason', reason])
    expect(run).toMatchObject({ status: 0 })
    expect(node.receipt()).toMatchObject({
      state: 'reloaded',
      overrides: [{ code: 'process', value: name.slice('process='.length), reason }],
    })
  })

  test('a signal while it waits: the last line says so, and what is in place', async () => {
    const { node, two } = aNode()
    const old = node.current
    const { pid } = await agent(':')
    const line = ['install.sh', '--porcelain', '--tls', node.tls, '--settle', '999']
    const child = spawn('sh', [...line, '--reload', String(pid)], { cwd: two })
    children.push(child)
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (part: Buffer) => {
      stdout += part.toString()
      if (stdout.includes('waiting until')) child.kill('SIGTERM')
    })
    child.stderr.on('data', (part: Buffer) => (stderr += part.toString()))
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
    expect(status).toBe(143)
    const { told, moments } = toldBy({ status, stdout, stderr })
    expect(moments).toEqual([`switched ${node.current}`])
    expect(told).toMatchObject({ status: '143', result: 'stopped', reason: 'interrupted' })
    expect(told).toMatchObject({ changed: 'yes', before: old, generation: node.current })
    expect(node.current).toMatch(/^2-/)
    expect(stderr).toContain(told.message)
  })

  test('--hold leaves it unproven, and --proven ends that', async () => {
    const { node, two } = aNode()
    const { pid } = await agent(':')
    expect(node.install(two, ['--watch', '0', '--reload', String(pid), '--hold']).status).toBe(0)
    expect(node.names()).toContain('.pending')
    expect(node.install(two, ['--proven']).status).toBe(0)
    expect(node.names()).not.toContain('.pending')
    expect(node.receipt()).toMatchObject({ generation: 2, state: 'proven' })
  })
})

/** A systemctl that remembers: state, main process, what it was asked. */
function systemctl(node: Node, script: string): Record<string, string> {
  const bin = path.join(node.folder, 'bin')
  fs.mkdirSync(bin)
  const text = `#!/bin/sh
at=$SYSTEMCTL_AT
echo "$*" >>"$at/asked"
state() { cat "$at/state"; }
${script}
`
  fs.writeFileSync(path.join(bin, 'systemctl'), text, { mode: 0o755 })
  fs.writeFileSync(path.join(node.folder, 'state'), 'active')
  fs.writeFileSync(path.join(node.folder, 'main'), '100')
  return { PATH: `${bin}:${env.PATH!}`, SYSTEMCTL_AT: node.folder }
}
const common = `
case $1 in
  is-active) state ;;
  show) echo "MainPID=$(cat "$at/main")" ;;
`

describe('a unit', () => {
  test('is reloaded by systemctl', () => {
    const { node, two } = aNode()
    const shim = systemctl(node, `${common}\nesac`)
    const run = node.install(two, ['--reload', 'nomad.service'], { env: shim })
    expect(run).toMatchObject({ status: 0, stderr: '' })
    expect(run.moments.at(-1)).toBe(`reloaded ${node.current}`)
    expect(fs.readFileSync(path.join(node.folder, 'asked'), 'utf8')).toContain(
      'reload nomad.service\n',
    )
    expect(node.receipt()).toMatchObject({ state: 'reloaded' })
  })

  test('that is starting is waited for', () => {
    const { node, two } = aNode()
    const shim = systemctl(
      node,
      `case $1 in
        is-active) [ "$(grep -c is-active "$at/asked")" -gt 2 ] && echo active || echo activating ;;
        show) echo MainPID=7 ;;
        reload) [ "$(grep -c is-active "$at/asked")" -gt 2 ] || exit 1 ;;
      esac`,
    )
    expect(
      node.install(two, ['--watch', '0', '--reload', 'nomad.service'], { env: shim }).status,
    ).toBe(0)
  })

  test('that is active before its process is ready is left alone until that has settled; one that notifies is not', async () => {
    const { pid } = await agent(':')
    for (const [type, waits] of [
      ['simple', true],
      ['notify', false],
      ['notify-reload', false],
    ] as const) {
      const { node, two } = aNode()
      const shim = systemctl(
        node,
        `case $* in
          is-active*) echo active ;;
          *Type*) echo Type=${type} ;;
          *MainPID*) echo MainPID=${pid!} ;;
        esac`,
      )
      // Nobody has to wait for it here: the clock does not run, and it would say so.
      fs.writeFileSync(path.join(node.folder, 'bin/sleep'), '#!/bin/sh\n', { mode: 0o755 })
      const args = ['--settle', '999', '--watch', '0', '--reload', 'nomad.service']
      const run = node.install(two, args, { env: shim })
      expect(run.status).toBe(0)
      expect([type, run.stdout.includes('waiting until it is 999 s old')]).toEqual([type, waits])
    }
  })

  test('that dies of it, and is started again by systemd: back, and restarted', () => {
    const { node, two } = aNode()
    const old = node.current
    const shim = systemctl(node, `${common} reload) echo 101 >"$at/main" ;;\nesac`)
    const run = node.install(two, ['--reload', 'nomad.service'], { env: shim })
    expect(run.status).toBe(1)
    expect(run.stderr).toContain(`${old!} is in place again, and nomad.service was restarted`)
    expect(node.current).toBe(old)
    expect(fs.readFileSync(path.join(node.folder, 'asked'), 'utf8')).toContain('restart nomad.s')
  })

  test('that cannot be reloaded: in place, not loaded, and the same command goes on', () => {
    const { node, two } = aNode()
    const shim = systemctl(node, `${common} reload) [ -f "$at/well" ] ;;\nesac`)
    const run = node.install(two, ['--reload', 'nomad.service'], { env: shim })
    expect(run.status).toBe(2)
    expect(run.stderr).toContain('the agent could not be reloaded')
    expect(run.told).toMatchObject({ result: 'installed', reason: 'reload', agent: 'not-told' })
    expect(node.current).toMatch(/^2-/)
    fs.writeFileSync(path.join(node.folder, 'well'), '')
    expect(
      node.install(two, ['--watch', '0', '--reload', 'nomad.service'], { env: shim }).status,
    ).toBe(0)
    expect(node.receipt()).toMatchObject({ state: 'reloaded' })
  })

  test('that was not told when it was put in place is told by the same archive later', () => {
    const { node } = aNode()
    const one = path.join(node.folder, 'one/nomad-pki')
    const shim = systemctl(node, `${common}\nesac`)
    const again = node.install(one, ['--reload', 'none'])
    expect(again.stdout).toContain('is in place already; nothing says that the agent has loaded it')
    const told = node.install(one, ['--watch', '0', '--reload', 'nomad.service'], { env: shim })
    expect(told).toMatchObject({ status: 0 })
    expect(told.stdout).toContain('the agent was told to load it')
    expect(node.receipt()).toMatchObject({ generation: 1, state: 'reloaded' })
  })

  test('that is not active: refused before anything is changed', () => {
    const { node, two } = aNode()
    const old = node.current
    const shim = systemctl(node, `${common}\nesac`)
    fs.writeFileSync(path.join(node.folder, 'state'), 'failed')
    const run = node.install(two, ['--reload', 'nomad.service'], { env: shim })
    expect(run.status).toBe(3)
    expect(run.stderr).toContain('--reload none puts it in place')
    expect(node.current).toBe(old)
  })
})
