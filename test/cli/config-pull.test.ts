/** `config pull`, with an ssh that runs the real scripts on this machine; and hosts that lie. */

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { mostBytes, mostFiles, readHostConfig } from '../../src/rollout/config-scripts.js'
import { installScript, readInstall } from '../../src/rollout/scripts.js'
import { sha256 } from '../../src/sha256.js'
import { copyFolder } from '../copy-folder.js'
import { fakeSsh } from '../hosts/fake-ssh.js'
import { cli, folder, now, type Said } from './cli.js'

const secret = 'bm9tYWQtcGtpLWdvc3NpcC1rZXktb2YtMzItYnl0ZXM='
const agent = `region = "global"
server {
  enabled = true
  encrypt = "${secret}"
}
`

const beds: string[] = []
afterAll(() => {
  for (const made of beds) fs.rmSync(made, { recursive: true, force: true })
})

interface Bed {
  readonly base: string
  /** The directory on the host. */
  readonly etc: string
  readonly copy: string
  /** The folders of the hosts. */
  readonly hosts: string
  readonly run: (...words: readonly string[]) => Promise<Said>
}

function bed(copy = 'agents/{node}'): Bed {
  const made = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-pull-')))
  beds.push(made)
  const etc = path.join(made, "etc of 's1'")
  fs.mkdirSync(etc)
  fs.writeFileSync(path.join(etc, 'nomad.hcl'), agent)
  fs.writeFileSync(path.join(etc, 'notes.txt'), 'not read')
  const host = path.join(made, "etc of '{node}'").replaceAll("'", "''")
  const base = folder({
    'cluster.yaml': `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { config: { host: '${host}', copy: '${copy}' } } }
`,
  })
  const place = folder()
  const env = fakeSsh(place, now)
  const run = (...words: readonly string[]): Promise<Said> => cli(base, words, { env })
  const hosts = path.join(place, 'hosts')
  return { base, etc, run, hosts, copy: path.join(base, copy.replace('{node}', 's1')) }
}

const modeOf = (file: string): number => fs.statSync(file).mode & 0o777

describe('config pull', () => {
  test('copies what Nomad reads, for its owner alone, and apply edits the copy', async () => {
    const { run, copy, etc } = bed()
    const first = await run('config', 'pull')
    expect(first).toMatchObject({ status: 0, stdout: 'config/global/s1: nomad.hcl is taken\n' })
    expect(fs.readFileSync(path.join(copy, 'nomad.hcl'), 'utf8')).toBe(agent)
    expect(fs.readdirSync(copy).sort()).toEqual(['.pulled', 'nomad.hcl'])
    expect([modeOf(copy), modeOf(path.join(copy, 'nomad.hcl'))]).toEqual([0o700, 0o600])
    expect(fs.readFileSync(path.join(copy, '.pulled'), 'utf8')).not.toContain(secret)
    expect(await run('config', 'pull')).toMatchObject({
      status: 0,
      stdout: 'config/global/s1: nomad.hcl is the same\n',
    })
    await run('init', '--new-store')
    expect((await run('apply', '--yes')).status).toBe(0)
    expect(fs.readFileSync(path.join(copy, 'tls.hcl'), 'utf8')).toContain('/etc/nomad-tls/current')
    // What was edited here alone stays.
    expect(await run('config', 'pull')).toMatchObject({
      status: 0,
      stdout: 'config/global/s1: nomad.hcl is the same, tls.hcl was edited here: it stays\n',
    })
    expect(fs.readdirSync(etc).sort()).toEqual(['nomad.hcl', 'notes.txt'])
  })

  test('takes what changed on the host alone, also a file that is gone', async () => {
    const { run, copy, etc } = bed()
    fs.writeFileSync(path.join(etc, 'old.json'), '{}\n')
    await run('config', 'pull')
    fs.writeFileSync(path.join(etc, 'nomad.hcl'), `${agent}# more\n`)
    fs.rmSync(path.join(etc, 'old.json'))
    const dry = await run('config', 'pull', '--dry-run')
    expect(dry.status).toBe(2)
    expect(fs.existsSync(path.join(copy, 'old.json'))).toBe(true)
    expect(await run('config', 'pull')).toMatchObject({ status: 0, stdout: dry.stdout })
    expect(fs.readFileSync(path.join(copy, 'nomad.hcl'), 'utf8')).toBe(`${agent}# more\n`)
    expect(fs.existsSync(path.join(copy, 'old.json'))).toBe(false)
  })

  test('where both sides changed it writes nothing, and shows the difference without secrets', async () => {
    const { run, copy, etc } = bed()
    await run('config', 'pull')
    const here = agent.replace('"global"', '"here"').replace(secret, 'bmV3IHNlY3JldCBpcyBoZXJlISE=')
    fs.writeFileSync(path.join(copy, 'nomad.hcl'), here)
    fs.writeFileSync(path.join(etc, 'nomad.hcl'), agent.replace('"global"', '"there"'))
    fs.writeFileSync(path.join(etc, 'new.hcl'), 'datacenter = "d"\n')
    const { status, stdout } = await run('config', 'pull')
    expect(status).toBe(2)
    expect(stdout).toContain('nomad.hcl was changed here and on the host')
    expect(stdout).toContain('-region = "there"')
    expect(stdout).toContain('+region = "here"')
    expect(stdout).toContain('nothing of config/global/s1 was written')
    expect(stdout).not.toContain(secret)
    expect(stdout).not.toContain('bmV3IHNlY3')
    expect(fs.readFileSync(path.join(copy, 'nomad.hcl'), 'utf8')).toBe(here)
    expect(fs.existsSync(path.join(copy, 'new.hcl'))).toBe(false)
    // What the message says cures it.
    fs.renameSync(path.join(copy, 'nomad.hcl'), path.join(copy, 'mine'))
    expect((await run('config', 'pull', 'config/global/s1')).status).toBe(0)
    expect(fs.readFileSync(path.join(copy, 'nomad.hcl'), 'utf8')).toContain('"there"')
  })

  test('a copy that nobody pulled is not written over', async () => {
    const { run, copy } = bed()
    fs.mkdirSync(copy, { recursive: true })
    fs.writeFileSync(path.join(copy, 'nomad.hcl'), 'region = "mine"\n')
    expect((await run('config', 'pull')).status).toBe(2)
    expect(fs.readFileSync(path.join(copy, 'nomad.hcl'), 'utf8')).toBe('region = "mine"\n')
  })

  test('refuses a place that git tracks or would track, before a host is asked', async () => {
    const { base, run, copy } = bed()
    execFileSync('git', ['init', '-q', base])
    const open = await run('config', 'pull')
    expect(open.status).toBe(3)
    expect(open.stderr).toContain('git would track')
    expect(open.stderr).toContain('/agents/s1/')
    expect(fs.existsSync(copy)).toBe(false)
    fs.writeFileSync(path.join(base, '.gitignore'), '/agents/s1/\n')
    expect((await run('config', 'pull')).status).toBe(0)
    execFileSync('git', ['-C', base, 'add', '-f', 'agents/s1/nomad.hcl'])
    const tracked = await run('config', 'pull')
    expect(tracked.status).toBe(3)
    expect(tracked.stderr).toContain('git tracks files in')
  })

  test('a host that was not reached is an error', async () => {
    const { run, hosts } = bed()
    fs.mkdirSync(path.join(hosts, 's1'))
    fs.writeFileSync(path.join(hosts, 's1/away'), 'Host key verification failed.\n')
    const { status, stderr } = await run('config', 'pull')
    expect(status).toBe(1)
    expect(stderr).toContain('its host s1 was not reached by ssh')
  })

  test('a copy that cannot be written does not keep the others from being written', async () => {
    const { base, run, copy, etc } = bed()
    const others = Array.from({ length: 11 }, (_, at) => `s${at + 2}`)
    for (const name of others) {
      copyFolder(etc, etc.replace("'s1'", `'${name}'`))
    }
    const spec = path.join(base, 'cluster.yaml')
    const text = fs.readFileSync(spec, 'utf8')
    const [line] = /^ +servers:.*$/m.exec(text)!
    const [, settings] = /s1: (.*) \}$/.exec(line)!
    const rows = ['s1', ...others].map((name) => `      ${name}: ${settings}`)
    fs.writeFileSync(spec, text.replace(line, `    servers:\n${rows.join('\n')}`))
    fs.mkdirSync(path.dirname(copy))
    fs.symlinkSync(path.join(base, 'no', 'where'), copy)
    const { status, stdout, stderr } = await run('config', 'pull')
    expect(status).toBe(1)
    expect(stderr).toContain('config/global/s1: ')
    expect(stdout.match(/: nomad\.hcl is taken$/gm)).toHaveLength(others.length)
  })

  test('links are told and not followed', async () => {
    const { run, copy, etc } = bed()
    fs.symlinkSync('/etc/passwd', path.join(etc, 'zz.hcl'))
    const { status, stderr } = await run('config', 'pull')
    expect(status).toBe(1)
    expect(stderr).toContain('is a link, and links are not followed')
    expect(fs.existsSync(copy)).toBe(false)
  })

  test.each([
    [
      'more files than anybody needs',
      (etc: string) => {
        for (let at = 0; at <= mostFiles; at += 1) fs.writeFileSync(path.join(etc, `${at}.hcl`), '')
      },
      `there are more than ${mostFiles} files`,
    ],
    [
      'more bytes than anybody needs',
      (etc: string) => {
        fs.writeFileSync(path.join(etc, 'big.hcl'), Buffer.alloc(mostBytes + 1, 32))
      },
      `there are more than ${mostBytes} bytes`,
    ],
    [
      'a name with a new line',
      (etc: string) => {
        fs.writeFileSync(path.join(etc, 'a\nfile=x.hcl'), 'x')
      },
      'that is not taken',
    ],
  ])('bounds on the host: %s', async (_, make, message) => {
    const { run, copy, etc } = bed()
    make(etc)
    const { status, stderr } = await run('config', 'pull')
    expect(status).toBe(1)
    expect(stderr).toContain(message)
    expect(fs.existsSync(copy)).toBe(false)
  })

  test('a file instead of a directory', async () => {
    const { run, base, etc } = bed('agents/{node}.hcl')
    const spec = path.join(base, 'cluster.yaml')
    const text = fs.readFileSync(spec, 'utf8')
    fs.writeFileSync(spec, text.replace("', copy", "/nomad.hcl', copy"))
    expect(await run('config', 'pull')).toMatchObject({
      ...{ status: 0, stdout: 'config/global/s1: s1.hcl is taken\n' },
    })
    expect(fs.readFileSync(path.join(base, 'agents/s1.hcl'), 'utf8')).toBe(agent)
    expect(modeOf(path.join(base, 'agents/s1.hcl'))).toBe(0o600)
    fs.writeFileSync(path.join(etc, 'nomad.hcl'), '# new\n')
    await run('config', 'pull')
    expect(fs.readFileSync(path.join(base, 'agents/s1.hcl'), 'utf8')).toBe('# new\n')
  })

  test('an agent whose host has no configuration in the spec is named', async () => {
    const { run, base } = bed()
    const spec = path.join(base, 'cluster.yaml')
    fs.appendFileSync(spec, '    clients: { c9: {} }\n')
    expect(await run('config', 'pull', 'c9')).toMatchObject({
      status: 64,
      stderr: expect.stringContaining(
        'where the host of identity/client/global/c9 has its',
      ) as string,
    })
  })

  test('before the pull a plan says what comes first', async () => {
    const { run } = bed()
    await run('init', '--new-store')
    const { stdout } = await run('plan')
    expect(stdout).toContain('nomad-pki config pull config/global/s1')
  })

  test.each([
    ['host: /etc/nomad.d', 'copy'],
    ['copy: agents/s1', 'host'],
    ['host: etc, copy: agents/s1', 'absolute'],
    ['host: /etc/../root, copy: agents/s1', 'absolute'],
    ['host: /etc/nomad.d, copy: agents/s1, write: x', 'write'],
  ])('the spec refuses { %s }', async (text, message) => {
    const cwd = folder({
      'cluster.yaml': `version: 1\ncluster: acme\nregions: { global: { servers: { s1: { config: { ${text} } } } } }\n`,
    })
    const { status, stderr } = await cli(cwd, ['plan'])
    expect(status).toBe(1)
    expect(stderr).toContain(message)
  })
})

describe('a rollout puts back what apply edited', () => {
  async function edited(): Promise<Bed> {
    const made = bed()
    fs.writeFileSync(path.join(made.etc, 'tls.hcl'), 'tls { http = true }\n')
    fs.chmodSync(path.join(made.etc, 'tls.hcl'), 0o604)
    expect((await made.run('config', 'pull')).status).toBe(0)
    await made.run('init', '--new-store')
    expect((await made.run('apply', '--yes')).status).toBe(0)
    return made
  }

  test('the one changed file, with its mode, after the files that it names', async () => {
    const { run, etc, copy, hosts } = await edited()
    const untouched = fs.statSync(path.join(etc, 'nomad.hcl'))
    const before = fs.readFileSync(path.join(etc, 'tls.hcl'), 'utf8')
    expect((await run('rollout', '--dry-run')).status).toBe(2)
    expect(fs.readFileSync(path.join(etc, 'tls.hcl'), 'utf8')).toBe(before)
    const { stdout, status } = await run('rollout', '--yes')
    expect(stdout).toContain('s1: in place')
    expect(status).toBe(2)
    const text = fs.readFileSync(path.join(etc, 'tls.hcl'), 'utf8')
    expect(text).toContain('/etc/nomad-tls/current/cert.pem')
    expect(text).toBe(fs.readFileSync(path.join(copy, 'tls.hcl'), 'utf8'))
    expect(modeOf(path.join(etc, 'tls.hcl'))).toBe(0o604)
    expect(fs.existsSync(path.join(hosts, 's1/tls/current/cert.pem'))).toBe(true)
    expect(fs.statSync(path.join(etc, 'nomad.hcl')).mtimeMs).toBe(untouched.mtimeMs)
    // Nothing is left beside it, and the record knows what the host has now.
    expect(fs.readdirSync(etc).sort()).toEqual(['nomad.hcl', 'notes.txt', 'tls.hcl'])
    expect(await run('config', 'pull')).toMatchObject({
      ...{ status: 0, stdout: 'config/global/s1: nomad.hcl is the same, tls.hcl is the same\n' },
    })
  })

  test('a file that is new', async () => {
    const { run, etc } = bed()
    await run('config', 'pull')
    await run('init', '--new-store')
    await run('apply', '--yes')
    expect((await run('rollout', '--yes')).status).toBe(2)
    expect(fs.readFileSync(path.join(etc, 'tls.hcl'), 'utf8')).toContain('cert_file')
    expect(modeOf(path.join(etc, 'tls.hcl'))).toBe(0o644)
  })

  test.each([
    [
      'was edited there',
      (file: string) => {
        fs.writeFileSync(file, 'tls { http = false }\n')
      },
    ],
    [
      'was removed there',
      (file: string) => {
        fs.rmSync(file)
      },
    ],
    [
      'became a link',
      (file: string) => {
        fs.renameSync(file, `${file}.real`)
        fs.symlinkSync(`${file}.real`, file)
      },
    ],
  ])('one that %s since the pull is refused, and nothing is written over', async (_, change) => {
    const { run, etc, hosts } = await edited()
    const file = path.join(etc, 'tls.hcl')
    change(file)
    const kept = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined
    const { status, stdout } = await run('rollout', '--yes')
    expect(status).toBe(3)
    expect(stdout).toContain('tls.hcl was changed on the host since it was pulled')
    expect(stdout).toContain('nomad-pki config pull')
    expect(fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined).toBe(kept)
    expect(fs.existsSync(path.join(hosts, 's1/tls/current'))).toBe(false)
  })

  test('one that changes after the look stops before its certificate is touched', () => {
    const made = bed()
    const target = path.join(made.etc, 'nomad.hcl')
    const puts = [{ target, expected: sha256(Buffer.from('other')), bytes: Buffer.from('new') }]
    const delivery = {
      ...{ tls: path.join(made.etc, 'tls'), unit: 'nomad.service', overrides: [], configs: puts },
      ...{ archive: Buffer.from('not unpacked'), fingerprint: 'ab'.repeat(32) },
    }
    const { stdout } = spawnSync('sh', ['-s'], {
      ...{ input: installScript(delivery, 'reload'), encoding: 'utf8' },
    })
    expect(readInstall(stdout)).toMatchObject({
      ...{ config: { state: 'changed', path: target }, installer: undefined },
    })
    expect(fs.readFileSync(target, 'utf8')).toBe(agent)
  })

  test('without a pull it is refused', async () => {
    const { run, copy } = await edited()
    fs.rmSync(path.join(copy, '.pulled'))
    const { status, stdout } = await run('rollout', '--yes')
    expect(status).toBe(3)
    expect(stdout).toContain('was not pulled from its host')
  })
})

describe('a host that lies', () => {
  const b64 = (text: string): string => Buffer.from(text).toString('base64')
  const said = (...lines: readonly string[]): string => [...lines, 'whole=yes', ''].join('\n')
  const file = (name: string, text = 'x'): readonly string[] => [
    ...[`file=${name}`, b64(text), `end=${name}`],
  ]

  test('what is true is read', () => {
    expect(
      readHostConfig(said('kind=directory', ...file('a.hcl', 'region = "x"')), '/etc/nomad.d'),
    ).toEqual({
      ...{ state: 'read', kind: 'directory' },
      files: new Map([['a.hcl', Buffer.from('region = "x"')]]),
    })
  })

  test.each([
    ['a way out', file('../../.ssh/authorized_keys.hcl')],
    ['an absolute path', file('/etc/cron.d/x.hcl')],
    ['a name that is not read', file('.pulled')],
    ['a program', file('run.sh')],
    ['a control character', file('a\u001b[2J.hcl')],
    ['a file twice', [...file('a.hcl'), ...file('a.hcl')]],
    ['no end', ['file=a.hcl', b64('x')]],
    ['what is not base64', ['file=a.hcl', 'not base64!', 'end=a.hcl']],
    ['too many', Array.from({ length: mostFiles + 1 }, (_, at) => file(`${at}.hcl`)).flat()],
    ['too much', file('a.hcl', 'x'.repeat(mostBytes + 1))],
  ])('%s is refused', (_, lines) => {
    const read = readHostConfig(said('kind=directory', ...lines), '/etc/nomad.d')
    expect(read).toMatchObject({ state: 'refused' })
    expect(JSON.stringify(read)).not.toMatch(/\\u001b/)
  })

  test.each([
    ['nothing', ''],
    ['cut', ['kind=directory', ...file('a.hcl')].join('\n')],
    ['another file', said('kind=file', ...file('other.hcl'))],
    ['two files', said('kind=file', ...file('nomad.hcl'), ...file('b.hcl'))],
  ])('%s is refused for a file', (_, text) => {
    expect(readHostConfig(text, '/etc/nomad.d/nomad.hcl')).toMatchObject({ state: 'refused' })
  })
})
