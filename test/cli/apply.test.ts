import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { stagingName } from '../../src/store/layout.js'
import { cli, folder } from './cli.js'

const spec = `version: 1
cluster: acme
regions:
  global:
    servers: { s1: {} }
    clients: { "c[001-040]": {} }
`
const made = (cwd: string): boolean => fs.existsSync(path.join(cwd, 'pki/authority'))

/** The spec and a store that was begun. */
async function cluster(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const cwd = folder({ 'cluster.yaml': spec, ...files })
  expect((await cli(cwd, ['init', '--new-store'])).status).toBe(0)
  return cwd
}

describe('apply on a terminal', () => {
  test('shows the plan on stderr and asks; yes is yes', async () => {
    const cwd = await cluster()
    const { status, stdout, stderr } = await cli(cwd, ['apply', '--no-color'], {
      terminal: true,
      input: 'y\n',
    })
    expect(status).toBe(0)
    expect(stderr).toContain('43 steps: 42 to create, 1 to write')
    expect(stderr).toContain('Apply these steps? [y/N] ')
    expect(stdout).toContain('43 steps done')
    expect(made(cwd)).toBe(true)
  })

  test.each(['n\n', '\n', '', 'yesterday\n', 'nyes\n'])('%j is no', async (input) => {
    const cwd = await cluster()
    const { status, stdout, stderr } = await cli(cwd, ['apply'], { terminal: true, input })
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' })
    expect(stderr).toContain('nothing was done')
    expect(made(cwd)).toBe(false)
  })

  test('asks nothing when there is nothing to do', async () => {
    const cwd = await cluster()
    await cli(cwd, ['apply', '--yes'])
    const { status, stderr } = await cli(cwd, ['apply'], { terminal: true })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test('colours only on a terminal, and not where they are refused', async () => {
    const cwd = await cluster()
    const coloured = async (
      argv: readonly string[],
      world: Parameters<typeof cli>[2],
    ): Promise<boolean> => (await cli(cwd, argv, world)).stdout.includes('\u001b[')
    expect(await coloured(['plan'], { terminal: true })).toBe(true)
    expect(await coloured(['plan'], { terminal: false })).toBe(false)
    expect(await coloured(['plan', '--no-color'], { terminal: true })).toBe(false)
    expect(await coloured(['--no-color', 'plan'], { terminal: true })).toBe(false)
    expect(await coloured(['plan'], { terminal: true, env: { NO_COLOR: '1' } })).toBe(false)
    expect(await coloured(['plan'], { terminal: true, env: { NO_COLOR: '' } })).toBe(true)
    expect(await coloured(['plan'], { terminal: true, env: { TERM: 'dumb' } })).toBe(false)
    expect(await coloured(['plan', '--json'], { terminal: true })).toBe(false)
  })

  test('the bar fits the terminal, says what it is doing, and is gone in the end', async () => {
    const cwd = await cluster()
    const { stderr } = await cli(cwd, ['apply', '--yes'], { terminal: true, columns: 60 })
    const pictures = stderr.split('\r').slice(1)
    expect(pictures.length).toBeGreaterThan(1)
    expect(pictures.at(-1)).toBe('\u001b[K')
    for (const picture of pictures) {
      expect(picture.replace('\u001b[K', '').length).toBeLessThan(60)
    }
    expect(pictures[0]).toMatch(/0\/43 {2}create authority/)
  })

  test('no bar without a terminal, with --quiet, or on a dumb one', async () => {
    for (const world of [{}, { terminal: true, env: { TERM: 'dumb' } }]) {
      const cwd = await cluster()
      expect((await cli(cwd, ['apply', '--yes'], world)).stderr).toBe('')
    }
    const cwd = await cluster()
    expect((await cli(cwd, ['apply', '--yes', '--quiet'], { terminal: true })).stderr).toBe('')
  })
})

describe('apply interrupted', () => {
  test('before its first step: nothing was done, and it says how to go on', async () => {
    const cwd = await cluster()
    const { status, stderr } = await cli(cwd, ['apply', '--yes', '-f', 'cluster.yaml'], {
      interrupt: AbortSignal.abort(),
    })
    expect(status).toBe(130)
    expect(stderr).toContain('to go on: nomad-pki apply --file cluster.yaml --yes')
  })
})

describe('apply killed between the ledger and the rename of a new root', () => {
  /** As a kill -9 leaves it: the line is written, the directory still has its other name. */
  async function killed(): Promise<string> {
    const cwd = await cluster()
    await cli(cwd, ['apply', '--yes'])
    const pki = path.join(cwd, 'pki')
    const root = path.join(pki, 'authority/agent/1')
    const files = fs
      .readdirSync(root)
      .map((name) => [name, fs.readFileSync(path.join(root, name))] as const)
    fs.renameSync(root, path.join(pki, 'authority/agent', stagingName('1', files)))
    const ledger = fs.readFileSync(path.join(pki, 'ledger.jsonl'), 'utf8').split('\n')
    // The store's beginning, and the authority.
    const lines = `${ledger.slice(0, 2).join('\n')}\n`
    fs.writeFileSync(path.join(pki, 'ledger.jsonl'), lines, { mode: 0o600 })
    for (const name of ['bundle', 'identity']) fs.rmSync(path.join(pki, name), { recursive: true })
    return cwd
  }

  test('plan says so, and does not call for a backup', async () => {
    const { status, stdout } = await cli(await killed(), ['plan'])
    expect(status).toBe(2)
    expect(stdout).toContain('authority/agent/1: an interrupted run made it')
    expect(stdout).not.toContain('backup')
  })

  test('the next apply puts it into place and goes on with the very same root', async () => {
    const cwd = await killed()
    const staged = fs.readdirSync(path.join(cwd, 'pki/authority/agent'))[0]!
    const before = fs.readFileSync(path.join(cwd, 'pki/authority/agent', staged, 'ca.pem'), 'utf8')
    const { status, stderr } = await cli(cwd, ['apply', '--yes'])
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringContaining('was whole, and was put into place') as string,
    })
    expect(fs.readFileSync(path.join(cwd, 'pki/authority/agent/1/ca.pem'), 'utf8')).toBe(before)
    expect((await cli(cwd, ['verify'])).status).toBe(0)
  })
})

describe('a saved plan', () => {
  test('overwrites an older one, and is what --json prints', async () => {
    const cwd = await cluster()
    expect((await cli(cwd, ['plan', '--out', 'p.json'])).status).toBe(2)
    const { status, stdout } = await cli(cwd, ['plan', '--out', 'p.json', '--json'])
    expect(status).toBe(2)
    expect(JSON.parse(fs.readFileSync(path.join(cwd, 'p.json'), 'utf8'))).toEqual(
      JSON.parse(stdout),
    )
  })

  test('overwrites nothing else: not the spec, and no key', async () => {
    const cwd = await cluster({ 'notes.txt': 'mine' })
    expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
    const key = 'pki/authority/agent/1/ca-key.pem'
    const files = [key, 'cluster.yaml', 'notes.txt', 'pki/ledger.jsonl']
    const before = files.map((file) => fs.readFileSync(path.join(cwd, file), 'utf8'))
    for (const file of [...files, 'pki/plan.json']) {
      const { status, stderr } = await cli(cwd, ['plan', '--out', file])
      expect(status).toBe(1)
      expect(stderr).toMatch(/not saved in the store|only a saved plan is written over/)
    }
    expect(files.map((file) => fs.readFileSync(path.join(cwd, file), 'utf8'))).toEqual(before)
    expect(fs.existsSync(path.join(cwd, 'pki/plan.json'))).toBe(false)
  })

  test('goes nowhere it cannot be written', async () => {
    const cwd = await cluster()
    const { status, stderr } = await cli(cwd, ['plan', '--out', 'no/such/folder/p.json'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/^error: /)
    expect(stderr).not.toContain('internal')
  })

  test.each(['', '[]', '{}', '{"format":"nomad-pki/plan","version":2}', 'null', '"x"'])(
    '%j is none',
    async (text) => {
      const cwd = await cluster({ 'p.json': text })
      const { status, stderr } = await cli(cwd, ['apply', '--plan', 'p.json'])
      expect(status).toBe(1)
      expect(stderr).toContain('not a saved plan')
      expect(made(cwd)).toBe(false)
    },
  )
})

describe('specs that are none', () => {
  test.each([
    ['empty', ''],
    ['binary', Buffer.from([0, 1, 2, 255, 254, 0])],
    ['Latin-1', Buffer.from('version: 1\ncluster: caf\u00e9\n', 'latin1')],
    ['a list', '- a\n'],
    ['tabs', 'version: 1\n\tcluster: a\n'],
    ['duplicate keys', 'version: 1\nversion: 1\ncluster: a\n'],
    ['50 MB', Buffer.alloc(50 * 1024 * 1024, 0x61)],
    ['an alias bomb', `a: &a [x,x]\n${'b: &b [*a,*a]\n'.repeat(3)}`],
  ])('%s: a clear message, exit 1, nothing made', async (_what, content) => {
    const cwd = folder({ 'cluster.yaml': content })
    for (const line of [['plan'], ['apply', '--yes'], ['status'], ['add', 'client', 'global/c1']]) {
      const { status, stdout, stderr } = await cli(cwd, line)
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
      expect(stderr).toMatch(/^error: cluster\.yaml/m)
      expect(stderr).not.toMatch(/internal|^ {4}at /m)
    }
    expect(made(cwd)).toBe(false)
  })
})
