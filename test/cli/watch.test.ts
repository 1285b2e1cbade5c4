/** `status --watch`: it follows what other commands do, and what happens to its files. */

import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { terminalAfter } from '../terminal.js'
import { cli, folder, now, type Said } from './cli.js'
import type { World } from './context.js'

const spec =
  'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n    clients: { c1: {} }\n'

async function cluster(): Promise<string> {
  const cwd = folder({ 'cluster.yaml': spec })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  return cwd
}

/** Watches; each step is taken when a text appears after the step before, and Ctrl-C follows the last text. */
async function watch(
  cwd: string,
  steps: readonly (readonly [when: RegExp, act?: () => unknown])[],
  world: Partial<World> = {},
): Promise<Said> {
  const controller = new AbortController()
  const left = [...steps]
  let written = ''
  const onWrite = (text: string): void => {
    written += text
    const [next] = left
    if (next?.[0].test(written) !== true) return
    left.shift()
    written = ''
    void Promise.resolve(next[1]?.()).then(() => {
      if (left.length === 0) controller.abort()
    })
  }
  const argv = ['status', '--watch']
  const said = await cli(cwd, argv, { interrupt: controller.signal, onWrite, ...world })
  expect(left).toEqual([])
  return said
}

const place = (cwd: string, name: string): string => path.join(cwd, name)
const move = (cwd: string, from: string, to: string) => (): void => {
  fs.renameSync(place(cwd, from), place(cwd, to))
}
const write = (cwd: string, text: string) => (): void => {
  fs.writeFileSync(place(cwd, 'cluster.yaml'), text)
}

describe('without a terminal', () => {
  test('a line for each change: a renewal, a spec with errors, a store that goes and comes back', async () => {
    const cwd = await cluster()
    const { status, stdout, stderr } = await watch(cwd, [
      [/Nothing is due/, () => cli(cwd, ['rotate', 'leaves', 's1', '--yes'])],
      [/issued/, write(cwd, 'version: 1\ncluster: [\n')],
      [/cluster\.yaml has errors/, write(cwd, spec)],
      [/it can be read again/, move(cwd, 'pki', 'gone')],
      [/is not there[^]*missing/, move(cwd, 'gone', 'pki')],
      [/pki is there[^]*undelivered \(was missing\): identity\/server\/global\/s1/],
    ])
    expect({ status, stderr }).toEqual({ status: 130, stderr: '' })
    for (const line of stdout.trimEnd().split('\n')) {
      expect(line).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z ./)
    }
    expect(stdout.match(/ issued identity\/server\/global\/s1$/gm)).toHaveLength(1)
    expect(stdout.match(/cluster\.yaml has errors: /g)).toHaveLength(1)
  }, 120_000)

  test('a first reading that fails is an error, as without --watch', async () => {
    const said = await cli(folder(), ['status', '--watch'])
    expect(said.status).toBe(1)
    expect(said.stderr).toContain('cluster.yaml: no such file')
  })

  test('it ends when nobody reads its output any more', async () => {
    const cwd = await cluster()
    const said = await cli(cwd, ['status', '--watch'], { closed: true })
    expect(said.status).toBe(0)
  })

  test.each([
    [['--json'], /--watch and --json exclude each other/],
    [['--metrics', 'x.prom'], /--watch and --metrics exclude each other/],
    [['--at', '+30d'], /--watch and --at exclude each other/],
    [['--file', '-'], /--watch cannot read the spec from the standard input/],
  ])('%j is an error of use', async (options, expected) => {
    const said = await cli(await cluster(), ['status', '--watch', ...options])
    expect(said.status).toBe(64)
    expect(said.stderr).toMatch(expected)
  })
})

describe('on a terminal', () => {
  test.each([
    [80, 24],
    [40, 24],
  ])(
    '%i columns: one picture that is drawn in place, and stays after Ctrl-C',
    async (columns, rows) => {
      const cwd = await cluster()
      const { status, stdout, stderr } = await watch(
        cwd,
        [[/Nothing is due/, () => cli(cwd, ['rotate', 'leaves', 's1', '--yes'])], [/issued/]],
        { terminal: true, columns, rows },
      )
      expect({ status, stderr }).toEqual({ status: 130, stderr: '' })
      const lines = terminalAfter(stdout, { columns, rows })
      const text = lines.join('\n')
      expect(lines.length).toBeLessThanOrEqual(rows)
      expect(text.match(/^acme /gm)).toHaveLength(1)
      expect(text).toMatch(/Z {2}issued {2}identity\//)
      expect(lines.at(-1)).toBe('')
    },
    60_000,
  )

  test('NO_COLOR takes the colours alone; TERM=dumb is no terminal', async () => {
    const cwd = await cluster()
    // eslint-disable-next-line no-control-regex -- colours are what is looked for
    const colour = /\u001b\[[0-9;]*m/
    const on = async (env: Record<string, string>): Promise<string> =>
      (await watch(cwd, [[/Nothing is due/]], { terminal: true, env })).stdout
    expect(await on({})).toMatch(colour)
    const plain = await on({ NO_COLOR: '1' })
    expect(plain).not.toMatch(colour)
    expect(plain).toContain('\u001b[K')
    expect(await on({ TERM: 'dumb' })).not.toContain('\u001b')
  })
})

test('without a terminal it says the state once an hour: only a write shows that nobody reads any more', async () => {
  let at = now
  const { stdout } = await watch(
    await cluster(),
    [[/Nothing is due/, () => (at = now + 3_599_000)], [/Nothing is due/]],
    { clock: () => (at += 500) },
  )
  const times = stdout
    .trimEnd()
    .split('\n')
    .map((line) => Date.parse(line.slice(0, line.indexOf(' '))))
  expect(times).toHaveLength(2)
  expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(3_600_000)
})

test('the clock of the world is shown', async () => {
  const { stdout } = await watch(await cluster(), [[/Nothing is due/]])
  expect(stdout).toContain(new Date(now).toISOString().slice(0, 19))
})
