/** `init --from` and `config check` take agents alike: a path each, several `-config` with commas. */

import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli, folder } from './cli.js'

const key = (letter: string): string => Buffer.from(letter.repeat(32)).toString('base64')
const server = (name: string, more = ''): string =>
  `name = "${name}"\nregion = "global"\ndata_dir = "/opt/nomad"\nbind_addr = "10.0.0.1"\nserver {\n  enabled = true\n  ${more}\n}\n`

describe('gossip keys of several servers', () => {
  const check = async (...keys: readonly (string | undefined)[]): Promise<string> => {
    const files = Object.fromEntries(
      keys.map((one, at) => [
        `agents/s${at}.hcl`,
        server(`s${at}`, one === undefined ? '' : `encrypt = "${one}"`),
      ]),
    )
    const said = await cli(folder(files), ['config', 'check', ...Object.keys(files)])
    for (const one of keys) if (one !== undefined) expect(said.stdout).not.toContain(one)
    return said.stdout
  }

  test('one key, or none at all, is in order', async () => {
    expect(await check(key('a'), key('a'))).not.toContain('gossip')
    expect(await check(undefined, undefined)).not.toContain('gossip')
  })

  test('another key is told of the fewer, and a missing one', async () => {
    const said = await check(key('b'), key('a'), undefined, key('a'))
    expect(said).toContain(
      'agents/s0.hcl:7:13: this server has another gossip key than agents/s1.hcl and 1 more',
    )
    expect(said).toContain('agents/s2.hcl:1:1: this server has no gossip key')
    expect(said.match(/this server has/g)!.length).toBe(2)
  })

  test('--json is one document, with each agent and what is told of them together', async () => {
    const files = {
      'a.hcl': server('a', `encrypt = "${key('a')}"`),
      'b.hcl': `${server('b', `encrypt = "${key('b')}"`)}log_level = "LOUD"\n`,
    }
    const cwd = folder(files)
    const argv = ['config', 'check', ...Object.keys(files)]
    const { stdout, status } = await cli(cwd, [...argv, '--json'])
    const { agents, diagnostics } = JSON.parse(stdout) as {
      readonly agents: readonly { paths: string[]; diagnostics: { code: string }[] }[]
      readonly diagnostics: readonly { code: string; file: string }[]
    }
    expect(status).toBe((await cli(cwd, argv)).status)
    expect(agents.map(({ paths }) => paths)).toEqual([['a.hcl'], ['b.hcl']])
    expect(agents.map((one) => one.diagnostics.map(({ code }) => code))).toEqual([
      ['agent/tls-off'],
      ['agent/tls-off', 'agent/value'],
    ])
    expect(diagnostics).toMatchObject([{ code: 'agent/gossip-differs', file: 'b.hcl' }])
    // Of one agent it stays what it was.
    const one = await cli(cwd, ['config', 'check', 'a.hcl', '--json'])
    expect(JSON.parse(one.stdout)).toMatchObject({ format: 'nomad-pki/config', paths: ['a.hcl'] })
  })

  test('clients have no gossip', async () => {
    const files = {
      's.hcl': server('s', `encrypt = "${key('a')}"`),
      'c.hcl': server('c').replace('server {', 'client {'),
    }
    const { stdout } = await cli(folder(files), ['config', 'check', 's.hcl', 'c.hcl'])
    expect(stdout).not.toContain('gossip')
  })
})

test('several -config of one agent are one argument, for both commands', async () => {
  const cwd = folder({
    'common/base.hcl': 'region = "global"\ndata_dir = "/opt/nomad"\nbind_addr = "10.0.0.1"\n',
    's1.hcl': 'name = "s1"\nserver {\n  enabled = true\n}\ntls {\n  rpc = false\n}\n',
    's2.hcl': 'name = "s2"\nserver {\n  enabled = true\n}\n',
  })
  const agents = ['common,s1.hcl', 'common,s2.hcl']
  const { stdout } = await cli(cwd, ['config', 'check', ...agents])
  expect(stdout).not.toContain('data_dir')
  const one = await cli(cwd, ['config', 'check', 's1.hcl'])
  expect(one.stdout).toContain('"data_dir" is missing')
  expect((await cli(cwd, ['init', '--from', ...agents])).status).toBe(0)
  const spec = fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')
  expect(spec).toMatch(/s1: .*config: \{ paths: \[common, s1\.hcl\], write: s1\.hcl \}/)
  expect(spec).toMatch(/s2: .*config: \{ paths: \[common, s2\.hcl\], write: s2\.hcl \}/)
})

test('HCL2 in a configuration: the message says what agents read, and never a value', async () => {
  const cwd = folder({
    'a.hcl': 'data_dir = var.dir\n',
    'b.hcl': 'data_dir = file("x")\n',
    'c.hcl': 'server { encrypt = s3cret }\n',
  })
  const said = async (file: string): Promise<string> => {
    const { stdout, stderr } = await cli(cwd, ['config', 'check', file])
    return stdout + stderr
  }
  expect(await said('a.hcl')).toContain('Nomad agents read HCL 1, which has no variables')
  expect(await said('b.hcl')).toContain('Nomad agents read HCL 1, which has no functions')
  expect(await said('c.hcl')).not.toContain('s3cret')
})
