/** The hook of the local file: what it is told, and that its faults cost nothing. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { env, execPath } from 'node:process'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, test } from 'vitest'
import { copyFolder } from '../copy-folder.js'
import { happeningLines, type Happening } from '../../src/report/happened.js'
import { cli, folder, now, type Said } from './cli.js'

const day = 86_400_000
const spec =
  'version: 1\ncluster: acme\nauthorities: { agent: {} }\nregions:\n  global:\n    servers: { s1: {} }\n    clients: { c1: { keyHeld: node } }\n'

let made = ''
beforeAll(async () => {
  made = folder({ 'cluster.yaml': spec })
  await cli(made, ['init', '--new-store'])
  expect((await cli(made, ['apply', '--yes'])).status).toBeLessThan(3)
})

/** A copy with a hook: a script for Node, in a file that only its owner can change. */
function hooked(
  script = "require('fs').writeFileSync('told', require('fs').readFileSync(0))",
): string {
  const cwd = folder()
  copyFolder(made, cwd)
  fs.writeFileSync(path.join(cwd, 'hook.cjs'), script, { mode: 0o600 })
  const command = JSON.stringify([execPath, 'hook.cjs'])
  local(cwd, `hook: { command: ${command}, timeout: 5s }\n`)
  return cwd
}

function local(cwd: string, text: string): void {
  fs.writeFileSync(path.join(cwd, 'nomad-pki.local.yaml'), text, { mode: 0o600 })
}

function told(cwd: string): readonly (Happening & { cluster: string; at: number })[] {
  const file = path.join(cwd, 'told')
  if (!fs.existsSync(file)) return []
  const text = fs.readFileSync(file, 'utf8')
  fs.rmSync(file)
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const document: unknown = JSON.parse(line)
      validate(document)
      expect(validate.errors, line).toBeNull()
      return document as Happening & { cluster: string; at: number }
    })
}

const schema = new URL('../../src/report/schemas/happened.json', import.meta.url)
const validate = new Ajv2020({ strict: true, strictRequired: false }).compile(
  JSON.parse(fs.readFileSync(schema, 'utf8')) as object,
)

/** Evidence of a place that reaches both ports of an agent: it presents its newest certificate and names its roots. */
async function seen(cwd: string, addresses: readonly string[]): Promise<void> {
  const ledger = fs
    .readFileSync(path.join(cwd, 'pki/ledger.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const trusts: string[] = []
  for (const { event, address } of ledger) {
    if (event !== 'authority') continue
    const { stdout } = await cli(cwd, ['inspect', address as string, '--json'])
    const { things } = JSON.parse(stdout) as { things: readonly { subject: string }[] }
    trusts.push(things[0]!.subject)
  }
  const lines: readonly object[] = addresses.flatMap((address, index) => {
    const own = ledger.filter((line) => line['address'] === address && 'fingerprint' in line)
    const { fingerprint, generation } = own.at(-1)!
    return [4646, 4647].map((port) => ({
      ...{ event: 'observed', address, endpoint: `10.0.0.${index}:${port}`, rpc: port === 4647 },
      ...{ at: now, fingerprint, generation, trusts },
    }))
  })
  const head = { format: 'nomad-pki/evidence', version: 2, cluster: 'acme', at: now }
  const members = {
    ...{ event: 'members', address: 'cluster/acme', at: now, region: 'global' },
    ...{ servers: addresses.map((address) => `${address.split('/').at(-1)!}.global`) },
    ...{ clients: [], gone: [] },
  }
  const text = [head, ...lines, members].map((line) => `${JSON.stringify(line)}\n`).join('')
  fs.writeFileSync(path.join(cwd, 'evidence.json'), text)
  const said = await cli(cwd, ['probe', '--evidence', 'evidence.json'])
  expect(said.stderr).toContain('noted')
}

const renew = (cwd: string): Promise<Said> => cli(cwd, ['rotate', 'leaves', 's1', '--yes'])
const brief = (all: readonly Happening[]): readonly string[] =>
  all.map(({ event, address }) => `${event} ${address}`)

describe('what it is told', () => {
  test('a renewal, with the end and the fingerprint, and no secret', async () => {
    const cwd = hooked(
      "const fs = require('fs'); fs.writeFileSync('told', fs.readFileSync(0)); fs.writeFileSync('env', Object.keys(process.env).filter((k) => k.startsWith('NOMAD_PKI')).sort().join())",
    )
    const { status, stderr } = await renew(cwd)
    expect({ status, warned: stderr.includes('warning') }).toEqual({ status: 0, warned: false })
    const [one, ...more] = told(cwd)
    expect(more).toEqual([])
    expect(one).toEqual({
      ...{ format: 'nomad-pki/happened', version: 1, cluster: 'acme', at: now },
      ...{ event: 'renewed', address: 'identity/server/global/s1' },
      notAfter: expect.any(Number) as number,
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      message: expect.stringMatching(
        /^identity\/server\/global\/s1: a new generation was made/,
      ) as string,
    })
    expect(fs.readFileSync(path.join(cwd, 'env'), 'utf8')).toBe(
      'NOMAD_PKI_CLUSTER,NOMAD_PKI_OPERATION',
    )
  })

  test('a certificate that was revoked, once, and not the reason that a person gave', async () => {
    const cwd = hooked()
    const revoke = ['revoke', 's1', '--reason', 'key-compromise']
    expect((await cli(cwd, revoke)).status).toBe(0)
    const all = told(cwd)
    expect(brief(all)).toEqual(['revoked identity/server/global/s1'])
    expect(JSON.stringify(all)).not.toContain('compromise')
    expect(all[0]).toMatchObject({
      notAfter: expect.any(Number) as number,
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    })
    await cli(cwd, revoke)
    expect(told(cwd)).toEqual([])
  })

  test('a receipt and a sighting: delivered', async () => {
    const cwd = hooked()
    expect((await cli(cwd, ['pack', 's1', '--out', 's1.tar.gz'])).status).toBe(0)
    const installed = await cli(cwd, ['install', 's1.tar.gz', '--tls', 'tls', '--reload', 'none'])
    expect(installed.status, installed.stderr).toBe(0)
    expect(told(cwd)).toEqual([])
    const said = await cli(cwd, ['probe', '--evidence', 'tls/receipt.json'])
    expect(said.status, said.stderr).toBeLessThan(3)
    expect(said.stderr).not.toContain('warning: the hook')
    expect(brief(told(cwd))).toContain('delivered identity/server/global/s1')
  })

  test('an agent that was seen with its newest generation: proven, once', async () => {
    const cwd = hooked()
    await seen(cwd, ['identity/server/global/s1'])
    expect(told(cwd)).toMatchObject([
      {
        ...{ event: 'proven', address: 'identity/server/global/s1' },
        notAfter: expect.any(Number) as number,
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      },
    ])
    await cli(cwd, ['probe', '--evidence', 'evidence.json'])
    expect(told(cwd)).toEqual([])
  })

  test('what a timer could not renew: due, then expired', async () => {
    const cwd = hooked()
    const at = async (days: number): Promise<readonly string[]> => {
      await cli(cwd, ['rotate', 'leaves', '--due'], { now: now + days * day })
      return brief(told(cwd))
    }
    expect(await at(0)).not.toContain('due identity/server/global/s1')
    expect(await at(80)).toContain('renewed identity/server/global/s1')
    fs.renameSync(path.join(cwd, 'pki/authority/agent/1/ca-key.pem'), path.join(cwd, 'away'))
    expect(await at(155)).toContain('due identity/server/global/s1')
    expect(await at(200)).toContain('expired identity/server/global/s1')
  })

  test('the gate of a rotation: held', async () => {
    const cwd = hooked()
    await cli(cwd, ['rotate', 'authority', 'agent', '--next'])
    told(cwd)
    await cli(cwd, ['apply', '--yes'])
    expect(brief(told(cwd))).toContain('renewed identity/server/global/s1')
    expect((await cli(cwd, ['rotate', 'authority', 'agent', '--next'])).status).toBe(3)
    expect(told(cwd)).toMatchObject([
      { event: 'gate', address: 'authority/agent/2', state: 'held', waiting: 3 },
    ])
  })

  test('the gate of a rotation: held by one agent less, then open', async () => {
    const cwd = hooked()
    const only = spec.replace('    clients: { c1: { keyHeld: node } }\n', '')
    fs.writeFileSync(path.join(cwd, 'cluster.yaml'), only)
    expect((await cli(cwd, ['rotate', 'authority', 'agent', '--next'])).status).toBe(0)
    await cli(cwd, ['apply', '--yes'])
    told(cwd)
    await cli(cwd, ['rotate', 'authority', 'agent'])
    expect(told(cwd)).toMatchObject([{ event: 'gate', state: 'held' }])
    await seen(cwd, ['identity/server/global/s1'])
    expect(brief(told(cwd))).toEqual(['proven identity/server/global/s1'])
    const opened = await cli(cwd, ['rotate', 'authority', 'agent'])
    expect(opened.status, opened.stdout + opened.stderr).toBe(0)
    expect(told(cwd)).toMatchObject([
      { event: 'gate', address: 'authority/agent/2', state: 'open', waiting: 0 },
    ])
  })

  test('nothing where nothing happened, with --dry-run, and from commands that run nothing', async () => {
    const cwd = hooked()
    for (const line of [
      ['apply', '--dry-run'],
      ['rotate', 'leaves', '--all', '--dry-run'],
      ['plan'],
      ['status'],
      ['verify', '--offline'],
      ['rotate', 'authority', 'agent'],
    ]) {
      await cli(cwd, line)
      expect(told(cwd), line.join(' ')).toEqual([])
    }
  })
})

describe('its faults are warnings, and the command ends as without it', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a status', "console.error('no route'); process.exit(3)", /node\S* exited with 3: no route/],
    ['no end', 'setTimeout(() => {}, 60000)', /did not end within 1s and was ended/],
    ['input that it does not read', 'process.exit(0)', /^(?![^]*warning)/],
    [
      'an endless answer',
      "for (;;) require('fs').writeSync(1, 'x'.repeat(65536))",
      /wrote too much|exited/,
    ],
  ]
  test.each(cases)('%s', async (name, script, message) => {
    const cwd = hooked(script)
    // On a busy machine a program may need seconds to begin.
    const timeout = name === 'no end' ? '1s' : '60s'
    local(
      cwd,
      `hook: { command: ${JSON.stringify([execPath, 'hook.cjs'])}, timeout: ${timeout} }\n`,
    )
    const { status, stderr } = await renew(cwd)
    expect(status).toBe(0)
    expect(stderr).toMatch(message)
    expect(fs.readdirSync(path.join(cwd, 'pki/identity/server/global/s1'))).toHaveLength(3)
  })

  test('a program that is not there', async () => {
    const cwd = hooked()
    local(cwd, 'hook: { command: [./none] }\n')
    const { status, stderr } = await renew(cwd)
    expect(status).toBe(0)
    expect(stderr).toMatch(
      /warning: the hook was not told: \.\/none cannot be run[^]*hint: what was done/,
    )
  })

  test('a local file that is wrong says what was expected', async () => {
    const cwd = hooked()
    local(cwd, 'hook: [./none]\n')
    const { status, stderr } = await renew(cwd)
    expect(status).toBe(0)
    expect(stderr).toMatch(/hook was not told: [^]*hook is a list\n {2}hint: expected: \S/)
  })

  test('a local file that others can read is not read', async () => {
    const cwd = hooked()
    fs.chmodSync(path.join(cwd, 'nomad-pki.local.yaml'), 0o644)
    const { status, stderr } = await renew(cwd)
    expect({ status, told: told(cwd) }).toEqual({ status: 0, told: [] })
    expect(stderr).toMatch(/warning: the hook was not told: [^]*mode 0644[^]*chmod 600/)
  })

  test('a program that others can change is not run', async () => {
    const cwd = hooked()
    fs.writeFileSync(path.join(cwd, 'open.sh'), '#!/bin/sh\ncat >told\n')
    fs.chmodSync(path.join(cwd, 'open.sh'), 0o777)
    local(cwd, 'hook: { command: [./open.sh] }\n')
    const { stderr } = await renew(cwd)
    expect(told(cwd)).toEqual([])
    expect(stderr).toContain('warning: the hook was not told')
  })
})

test('beyond a thousand lines the rest is counted', () => {
  const one: Happening = { event: 'due', address: 'a', message: 'm' }
  const lines = happeningLines(
    Array.from({ length: 1500 }, () => one),
    { cluster: 'acme', at: 1 },
  )
    .trimEnd()
    .split('\n')
  expect(lines).toHaveLength(1001)
  expect(JSON.parse(lines[1000]!)).toMatchObject({ event: 'more', count: 500 })
})

describe('the templates', () => {
  const input = happeningLines(
    [
      { event: 'renewed', address: 'identity/server/global/s1', message: 's1 was made' },
      { event: 'due', address: 'identity/client/global/c1', message: 'c1 is due' },
    ],
    { cluster: 'acme', at: 1 },
  )

  /** Runs one with programs that keep what they get. */
  function run(
    name: string,
    args: readonly string[],
    text = input,
  ): { args: string; body: string } {
    const cwd = folder()
    for (const program of ['curl', 'sendmail']) {
      const body = `#!/bin/sh\nprintf '%s\\n' "$*" >args\ncat >body\n`
      fs.writeFileSync(path.join(cwd, program), body, { mode: 0o755 })
    }
    const { status, stderr } = spawnSync('sh', [path.resolve('templates/hooks', name), ...args], {
      cwd,
      input: text,
      encoding: 'utf8',
      env: { PATH: `${cwd}:${env['PATH'] ?? ''}`, NOMAD_PKI_CLUSTER: 'acme' },
    })
    expect(status, stderr).toBe(0)
    const read = (file: string): string =>
      fs.existsSync(path.join(cwd, file)) ? fs.readFileSync(path.join(cwd, file), 'utf8') : ''
    return { args: read('args'), body: read('body') }
  }

  test('a webhook gets one JSON document', () => {
    const { args, body } = run('webhook.sh', ['/etc/nomad-pki/webhook'])
    expect(args).toContain('--config /etc/nomad-pki/webhook ')
    expect(JSON.parse(body)).toMatchObject({
      cluster: 'acme',
      events: [{ event: 'renewed' }, { event: 'due', message: 'c1 is due' }],
    })
  })

  test('a mail has a sentence a line, and only the events that were named', () => {
    const head =
      'To: ops@example.com\nSubject: nomad-pki: acme\nContent-Type: text/plain; charset=utf-8\n\n'
    expect(run('mail.sh', ['ops@example.com']).body).toBe(`${head}s1 was made\nc1 is due\n`)
    expect(run('mail.sh', ['ops@example.com', 'due', 'expired']).body).toBe(`${head}c1 is due\n`)
    expect(run('mail.sh', ['ops@example.com', 'gate']).body).toBe('')
  })
})
