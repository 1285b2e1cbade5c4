import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { inputFrom } from '../../src/cli/context.js'
import { main } from '../../src/cli/main.js'
import { askSecret, confirm } from '../../src/cli/prompt.js'
import { statusOfError } from '../../src/cli/status.js'
import { cli, folder, now } from './cli.js'
import { testContext } from './context.js'

/** A terminal on which somebody types; it remembers the modes that it was put into. */
function terminal(): { readonly stream: NodeJS.ReadStream; readonly modes: boolean[] } {
  const modes: boolean[] = []
  const stream = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (on: boolean) => modes.push(on),
  }) as unknown as NodeJS.ReadStream
  return { stream, modes }
}

function asking(stream: NodeJS.ReadStream): ReturnType<typeof testContext> {
  const made = testContext({ argv: [], cwd: '/', now: 0, terminal: true })
  return { ...made, context: { ...made.context, stdin: inputFrom(() => stream) } }
}

const typed = (stream: NodeJS.ReadStream, text: string): void => {
  ;(stream as unknown as PassThrough).write(text)
}

describe('a secret that is typed', () => {
  test.each([
    ['word\n', 'word'],
    ['\n', ''],
    ['worx\u007fd\r', 'word'],
  ])('%j', async (keys, answer) => {
    const { stream, modes } = terminal()
    const asked = asking(stream)
    const secret = askSecret(asked.context, 'password', 'hint')
    typed(stream, keys)
    expect(await secret).toBe(answer)
    expect(modes).toEqual([true, false])
    expect(asked.stderr()).toBe('password: \n')
  })

  test.each([
    ['Ctrl-C', '\u0003', 'ERR_INTERRUPTED', 130],
    ['Ctrl-C within a word', 'wo\u0003', 'ERR_INTERRUPTED', 130],
    ['Ctrl-D', '\u0004', 'ERR_REFUSED', 3],
  ])('%s is not an answer', async (_, keys, code, status) => {
    const { stream, modes } = terminal()
    const asked = asking(stream)
    const secret = askSecret(asked.context, 'password', 'hint')
    typed(stream, keys)
    const error: unknown = await secret.catch((caught: unknown) => caught)
    expect([error, statusOfError(error)]).toEqual([expect.objectContaining({ code }), status])
    expect(modes).toEqual([true, false])
    expect(asked.stderr()).toBe('password: \n')
  })
})

test('Ctrl-C at one password asks for no other, and ends the command', async () => {
  const cwd = folder({ password: 'correct horse' })
  await cli(cwd, ['init', '--servers', 'global=1', '--operator', 'alice'])
  await cli(cwd, ['apply', '--yes'])
  for (const name of ['a.p12', 'b.p12']) {
    const line = ['--layout', 'p12', '--out', name, '--password-file', 'password']
    expect((await cli(cwd, ['pack', 'alice', ...line])).status).toBe(0)
  }
  const { stream } = terminal()
  const made = testContext({
    argv: ['inspect', 'a.p12', 'b.p12', '--no-color'],
    cwd,
    now,
    terminal: true,
  })
  typed(stream, '\u0003')
  const status = await main({ ...made.context, stdin: inputFrom(() => stream) })
  expect({ status, stdout: made.stdout() }).toEqual({ status: 130, stdout: '' })
  expect(made.stderr()).toMatch(/^password of a\.p12: \nerror: interrupted; nothing was done/)
})

test('a question leaves Ctrl-C to the terminal, which sends the signal', async () => {
  const { stream, modes } = terminal()
  const { context } = asking(stream)
  const answer = confirm(context, 'Apply?', 'hint')
  typed(stream, 'y\n')
  expect(await answer).toBe(true)
  expect(modes).toEqual([])
})
