/** `rollout` on a terminal: one line a host that changes in place, and what is left when it is over. */

import { describe, expect, test } from 'vitest'
import { liveRollout } from '../../src/cli/live-rollout.js'
import { printerOf } from '../../src/cli/printer.js'
import type { RolloutNode } from '../../src/rollout/order.js'
import { fakeSsh, sevenHosts } from '../hosts/fake-ssh.js'
import { terminalAfter } from '../terminal.js'
import { cli, folder, now } from './cli.js'
import { testContext, type World } from './context.js'

const size = { columns: 80, rows: 10 }

async function onTerminal(
  argv: readonly string[],
  world: Partial<World> = {},
): Promise<{
  readonly status: number
  readonly written: string
  readonly lines: readonly string[]
}> {
  const base = folder({ 'cluster.yaml': sevenHosts })
  const env = { ...fakeSsh(folder(), now), ...world.env }
  await cli(base, ['init', '--new-store'])
  await cli(base, ['apply', '--yes'])
  let written = ''
  const onWrite = (text: string): void => {
    written += text
  }
  const said = await cli(base, argv, { ...size, terminal: true, onWrite, ...world, env })
  return { status: said.status, written, lines: terminalAfter(written, size) }
}

describe('rollout on a terminal', () => {
  test('what is left is a table, and nothing of the pictures before; more hosts than lines', async () => {
    const argv = ['rollout', '--yes', '--wait', '0s', '--max-failures', '1']
    const { status, written, lines } = await onTerminal(argv)
    expect(status).toBe(1)
    expect(written).toMatch(/looking at every host/)
    // eslint-disable-next-line no-control-regex -- the cursor was moved
    expect(written).toMatch(/\u001b\[[0-9]+A/)
    const text = lines.join('\n')
    for (const name of ['s1', 's2', 'c1', 'c2', 'c3', 'c4']) {
      expect(
        text.match(new RegExp(`^  ${name}  +in place  +0s  the agent does not run`, 'gm')),
      ).toHaveLength(1)
    }
    expect(text.match(/^ {2}off +failed +0s$/gm)).toHaveLength(1)
    // What a person has to do stays.
    expect(text.match(/bring its files yourself/g)).toHaveLength(1)
    expect(text).not.toContain('looking at every host')
    expect(text).not.toContain('#####')
    expect(lines.join('')).toMatch(/1 failed: the same command goes on$/)
    expect(lines.at(-1)).toBe('')
  })

  test('NO_COLOR takes the colours alone', async () => {
    const argv = ['rollout', 'c1', '--yes']
    // eslint-disable-next-line no-control-regex -- colours are what is looked for
    const colour = /\u001b\[[0-9;]*m/
    expect((await onTerminal(argv)).written).toMatch(colour)
    const plain = await onTerminal(argv, { env: { NO_COLOR: '1' } })
    expect(plain.written).not.toMatch(colour)
    expect(plain.written).toMatch(/looking at every host/)
  })

  test.each<[string, readonly string[], Partial<World>]>([
    ['TERM=dumb', [], { env: { TERM: 'dumb' } }],
    ['--json', ['--json'], {}],
    ['no terminal', [], { terminal: false }],
  ])('%s: a line an event', async (_name, flags, world) => {
    const { written } = await onTerminal(['rollout', 'c1', '--yes', ...flags], world)
    expect(written).toContain(flags.length > 0 ? '"state":"sending"' : '   c1: sending')
    // eslint-disable-next-line no-control-regex -- the cursor is not moved
    expect(written).not.toMatch(/\u001b\[[0-9]*[AJK]/)
  })

  test('after the terminal became narrower the lines of the picture before are removed', () => {
    const screen = { columns: 80, rows: 24 }
    const made = testContext({ argv: [], cwd: '/', now, terminal: true })
    const flags = { file: undefined, quiet: undefined, color: false, debug: undefined }
    const { context } = made
    const narrow = { ...context, stderr: { ...context.stderr, ...screen } }
    const node: RolloutNode = {
      ...{ address: 'identity/client/global/c1', host: 'c1', generation: 2, proven: 1 },
      ...{ leader: false, restart: false, overrides: [], configs: [], receipt: false },
    }
    const steps = [{ number: 1, kind: 'clients' as const, region: 'global', nodes: [node] }]
    const live = liveRollout({ steps }, narrow, printerOf(narrow, flags))!
    live.take({ event: 'ready', hosts: 1 })
    live.above(() => undefined)
    live.take({ event: 'host', node, host: 'c1', state: 'sending', message: 'x'.repeat(200) })
    live.above(() => undefined)
    const before = made.stderr().length
    Object.assign(narrow.stderr, { columns: 40 })
    live.end()
    // One line of 79 columns takes two rows, and the bar one.
    expect(made.stderr().slice(before)).toBe('\u001b[3A\r\u001b[J')
  })
})
