import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli, folder, now } from './cli.js'

const spec = `version: 1
cluster: acme
defaults: { lifetime: 30d, renewBefore: 10d }
regions:
  global:
    servers: { s1: { config: agents/s1 } }
    clients: { c1: { config: agents/c1 } }
`

/** Applied; then a slip in the configuration of c1. */
async function slipped(): Promise<string> {
  const cwd = folder({
    'cluster.yaml': spec,
    'agents/s1/nomad.hcl': 'server {\n  enabled = true\n}\n',
    'agents/c1/nomad.hcl': 'client {\n  enabled = true\n}\n',
  })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  fs.appendFileSync(path.join(cwd, 'agents/c1/nomad.hcl'), 'log_level = "VERBOSE"\n')
  return cwd
}

const generations = (cwd: string, address: string): number =>
  fs.readdirSync(path.join(cwd, 'pki/identity', address)).filter((name) => name !== 'current')
    .length
const later = { now: now + 25 * 86_400_000 }

describe('a slip in the configuration of one agent', () => {
  test.each([
    ['rotate', 'leaves', '--due'],
    ['rotate', 'leaves', '--all', '--yes'],
    ['apply', '--yes'],
  ])('%s %s %s renews everybody, tells the error and exits 1', async (...line) => {
    const cwd = await slipped()
    const { status, stderr } = await cli(cwd, line, later)
    expect(status).toBe(1)
    expect(stderr).toContain('log_level')
    expect(stderr).toMatch(/^1 error; everything else is done$/m)
    expect(generations(cwd, 'server/global/s1')).toBe(2)
    expect(generations(cwd, 'client/global/c1')).toBe(2)
  })

  test('--quiet tells the error all the same, and nothing else', async () => {
    const cwd = await slipped()
    const { status, stderr } = await cli(cwd, ['apply', '--yes', '--quiet'], later)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^error: config\/global\/c1: .*log_level/)
    expect(stderr).toMatch(/^1 error; everything else is done$/m)
  })

  test('holds its stanza, and no other', async () => {
    const cwd = await slipped()
    for (const name of ['s1', 'c1']) fs.rmSync(path.join(cwd, 'agents', name, 'tls.hcl'))
    const planned = await cli(cwd, ['plan'])
    expect(planned.status).toBe(2)
    expect(planned.stdout).toContain('1 step: 1 to write; 1 error')
    const { status, stdout } = await cli(cwd, ['apply', '--yes', '--json'])
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      done: [{ address: 'config/global/s1' }],
      held: [],
      findings: expect.arrayContaining([
        expect.objectContaining({ address: 'config/global/c1', severity: 'error' }),
      ]) as unknown[],
    })
    expect(fs.existsSync(path.join(cwd, 'agents/c1/tls.hcl'))).toBe(false)
    const again = await cli(cwd, ['apply', '--yes'])
    expect(again.status).toBe(1)
    expect(again.stderr).toContain('log_level')
  })

  test.each([
    ['a link to nowhere', 'nowhere'],
    ['a link to a directory', '.'],
  ])('a configuration that cannot be read, %s: the others are renewed', async (_what, target) => {
    const cwd = await slipped()
    fs.rmSync(path.join(cwd, 'agents/c1/nomad.hcl'))
    fs.symlinkSync(target, path.join(cwd, 'agents/c1/nomad.hcl'))
    const { status, stderr } = await cli(cwd, ['apply', '--yes'], later)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^error: config\/global\/c1: can't read .*nomad\.hcl: it is a link to/m)
    expect(stderr).toMatch(/^1 error; everything else is done$/m)
    expect(generations(cwd, 'server/global/s1')).toBe(2)
    const rotated = await cli(cwd, ['rotate', 'leaves', 's1', '--yes'], later)
    expect(rotated.status).toBe(0)
    expect(generations(cwd, 'server/global/s1')).toBe(3)
    const verified = await cli(cwd, ['verify', '--offline'], later)
    expect(verified.status).toBe(2)
    expect(verified.stdout).toContain("can't read")
  })

  test('a broken ledger stops everything', async () => {
    const cwd = await slipped()
    const ledger = path.join(cwd, 'pki/ledger.jsonl')
    fs.writeFileSync(
      ledger,
      fs.readFileSync(ledger, 'utf8').replace('"event":"bundle"', '"event":"bundel"'),
    )
    const { status, stderr } = await cli(cwd, ['rotate', 'leaves', '--all', '--yes'], later)
    expect(status).toBe(1)
    expect(stderr).toContain('ledger.jsonl')
    expect(generations(cwd, 'server/global/s1')).toBe(1)
  })
})
