/** A cluster that uses another authority: it is named, kept by the commands of the page, or left on purpose. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseCertificates } from '../../src/x509/certificates.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { formatName } from '../../src/x509/name.js'
import { verifyChain } from '../../src/x509/verify-chain.js'
import { fixture } from '../adoption/folders.js'
import { wordsOf } from '../testscript.js'
import { cli, folder, type Said } from './cli.js'
import { copyFolder } from '../copy-folder.js'

const page = fileURLToPath(new URL('../../docs/take-over.md', import.meta.url))

/** A cluster of an authority that this tool's store does not know. */
let other = ''
let root = ''
let name = ''
beforeAll(async () => {
  other = folder({
    'cluster.yaml':
      'version: 1\ncluster: other\nregions:\n  global: { servers: { s1: {} }, clients: { c1: {} } }\n',
  })
  expect((await cli(other, ['init', '--new-store'])).status).toBe(0)
  expect((await cli(other, ['apply', '--yes'])).status).toBe(0)
  const [certificate] = parseCertificates(read(other, 'pki/authority/agent/1/ca.pem'))
  name = formatName(certificate!.subject)
  root = `SHA256:${fingerprintOf(certificate!)}`
})

function read(cwd: string, file: string): string {
  return fs.readFileSync(path.join(cwd, file), 'utf8')
}

function agent(node: string, role: string, host: string): string {
  return `name = "${node}"
region = "global"
${role} { enabled = true }
bind_addr = "${host}"
tls {
  http = true
  rpc = true
  verify_server_hostname = true
  verify_https_client = true
  ca_file = "/etc/nomad.d/tls/ca.pem"
  cert_file = "/etc/nomad.d/tls/cert.pem"
  key_file = "/etc/nomad.d/tls/key.pem"
}
`
}

/** Copies of the agents' configurations, with their certificates beside them. */
function copies(): string {
  const cwd = folder({
    'agents/s1/nomad.hcl': agent('s1', 'server', '10.0.0.11'),
    'agents/c1/nomad.hcl': agent('c1', 'client', '10.0.0.21'),
  })
  for (const [node, role] of [
    ['s1', 'server'],
    ['c1', 'client'],
  ] as const) {
    fs.mkdirSync(path.join(cwd, `agents/${node}/tls`))
    for (const file of ['ca.pem', 'cert.pem']) {
      fs.copyFileSync(
        path.join(other, `pki/identity/${role}/global/${node}/current/${file}`),
        path.join(cwd, `agents/${node}/tls/${file}`),
      )
    }
  }
  fs.copyFileSync(
    path.join(other, 'pki/authority/agent/1/ca.pem'),
    path.join(cwd, 'nomad-agent-ca.pem'),
  )
  fs.copyFileSync(
    path.join(other, 'pki/authority/agent/1/ca-key.pem'),
    path.join(cwd, 'nomad-agent-ca-key.pem'),
  )
  return cwd
}

/** The lines of the page, a block each. */
function blocks(): readonly (readonly string[])[] {
  return [...fs.readFileSync(page, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) =>
    text!.trim().split('\n'),
  )
}

async function run(cwd: string, line: string): Promise<Said> {
  if (!line.startsWith('nomad-pki ')) {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd, encoding: 'utf8' })
    expect(stderr).toBe('')
    return { status: status ?? 128, stdout, stderr }
  }
  const words = wordsOf(line.split(' || ')[0]!).flatMap((word) =>
    word === 'agents/*' ? ['agents/s1', 'agents/c1'] : [word],
  )
  return cli(cwd, words.slice(1))
}

/** Every command of a page that is ours, in its order: in blocks and in tables. */
function commandsOf(file: string): readonly string[] {
  const text = fs.readFileSync(
    fileURLToPath(new URL(`../../docs/${file}`, import.meta.url)),
    'utf8',
  )
  return [...text.matchAll(/^(nomad-pki [^\n]+)$|\| [^\n]*|/gm)].flatMap(([line]) =>
    line.startsWith('|')
      ? [...line.matchAll(/`(nomad-pki [^`]+)`/g)].map(([, command]) => command!)
      : line === ''
        ? []
        : [line],
  )
}

describe.each([
  ['from-nomad-tls.md', 'nomad-tls'],
  ['from-cfssl.md', 'cfssl'],
])('docs/%s', (file, tool) => {
  test('each of its commands does what the page says, in the order of the page', async () => {
    const cwd = folder()
    copyFolder(fixture(tool), path.join(cwd, 'tls'))
    const commands = commandsOf(file)
    expect(commands.length).toBeGreaterThan(10)
    for (const line of commands) {
      const said = await run(cwd, line)
      // 2: it says that there is work, such as files that were not delivered.
      expect([line, [0, 2].includes(said.status), said.stderr]).toEqual([line, true, said.stderr])
      expect(said.stderr).not.toMatch(/^error/m)
    }
    const spec = read(cwd, 'cluster.yaml')
    for (const word of ['s1:', 'shared:', 'alice:']) expect(spec).toContain(word)
    expect((await cli(cwd, ['plan'])).stdout).toBe('nothing to do\n')
  })
})

describe('an authority without its key', () => {
  function keyless(): string {
    const cwd = folder()
    copyFolder(fixture('nomad-tls'), path.join(cwd, 'tls'))
    fs.rmSync(path.join(cwd, 'tls/nomad-agent-ca-key.pem'))
    return cwd
  }
  const leaves = ['server/global/s1', 'client/global/shared']
  const trust = (cwd: string): readonly number[] =>
    leaves.map((leaf) => parseCertificates(read(cwd, `pki/identity/${leaf}/current/ca.pem`)).length)

  test('the commands of the page bring trust in the next root to every agent', async () => {
    const cwd = keyless()
    expect((await cli(cwd, ['adopt', 'tls'])).status).toBe(0)
    const [, , stage] = blocks() as [unknown, unknown, [string, string]]
    for (const line of stage) {
      const said = await run(cwd, line)
      expect([line, said.status, said.stderr]).toEqual([line, 0, said.stderr])
    }
    expect(trust(cwd)).toEqual([2, 2])
    // To sign before any agent was seen is refused, whatever stage it is.
    const spec = read(cwd, 'cluster.yaml')
    const early = spec.replace('signing: 1', 'signing: 2')
    expect(early).not.toBe(spec)
    fs.writeFileSync(path.join(cwd, 'cluster.yaml'), early)
    expect((await cli(cwd, ['plan'])).stdout).toMatch(/^error: authority\/agent\/2: agents use /m)
  })

  test('the old root is left by the override of the page, with the spec of the page', async () => {
    const cwd = keyless()
    expect((await cli(cwd, ['adopt', 'tls'])).status).toBe(0)
    const spec = read(cwd, 'cluster.yaml')
    fs.writeFileSync(
      path.join(cwd, 'cluster.yaml'),
      spec.replace(/, fingerprint: "[^"]+"/, ', signing: 2'),
    )
    const refused = await cli(cwd, ['apply', '--yes'])
    expect(refused.status).not.toBe(0)
    expect(trust(cwd)).toEqual([1, 1])
    const [printed] = /leave-root=SHA256:[0-9a-f]{64}/.exec((await cli(cwd, ['plan'])).stdout)!
    const [, , , , [line]] = blocks() as [unknown, unknown, unknown, unknown, [string]]
    expect(line).toContain('leave-root=SHA256:…')
    const left = await run(cwd, `${line.replace('leave-root=SHA256:…', printed)} --yes`)
    expect([left.status, left.stderr]).toEqual([0, left.stderr])
    expect(read(cwd, 'pki/ledger.jsonl')).toContain('"the key of the old authority is lost"')
    const now = Date.now()
    const [leaf] = parseCertificates(read(cwd, `pki/identity/${leaves[0]!}/current/cert.pem`))
    const roots = parseCertificates(read(cwd, 'pki/authority/agent/2/ca.pem'))
    expect(verifyChain(leaf!, [], roots, { now }).ok).toBe(true)
  })
})

describe('a cluster that uses another authority', () => {
  test('is taken over by the commands of the page, and old and new files accept each other', async () => {
    const cwd = copies()
    const begun = await cli(cwd, ['init', '--cluster', 'acme', '--from', 'agents/s1', 'agents/c1'])
    expect(begun.stderr).toContain(`${name}, ${root}`)
    expect(begun.stderr).toContain('nomad-pki adopt FOLDER --agents agents/s1 agents/c1')
    expect(read(cwd, 'cluster.yaml')).toContain(
      `# 2 of 2 agents trust ${name}, ${root} today (agents/s1/tls/ca.pem)`,
    )
    const refused = await cli(cwd, ['plan'])
    expect(refused.status).toBe(2)
    expect(refused.stdout).toContain(`use another authority today: ${name}, ${root}`)
    expect(refused.stdout).toContain('fix: before apply: nomad-pki adopt FOLDER')
    expect((await cli(cwd, ['apply', '--yes'])).status).not.toBe(0)
    expect(fs.existsSync(path.join(cwd, 'pki/authority/agent/1'))).toBe(false)
    expect((await run(cwd, 'nomad-pki verify')).stdout).toContain('(foreign-authority)')
    fs.rmSync(path.join(cwd, 'pki'), { recursive: true })
    fs.rmSync(path.join(cwd, 'cluster.yaml'))

    fs.mkdirSync(path.join(cwd, 'tls'))
    for (const file of ['nomad-agent-ca.pem', 'nomad-agent-ca-key.pem']) {
      fs.renameSync(path.join(cwd, file), path.join(cwd, 'tls', file))
    }
    const [[dry, adopt], [plan, apply, verify]] = blocks() as [
      [string, string],
      [string, string, string],
    ]
    const dryRun = await run(cwd, dry)
    expect(dryRun.status).toBe(0)
    expect(fs.existsSync(path.join(cwd, 'cluster.yaml'))).toBe(false)
    const adopted = await run(cwd, adopt)
    expect(adopted.stdout).toContain(`+ authority/agent/1  ${name}, ${root}`)
    const planned = await run(cwd, plan)
    expect(planned.status).toBe(2)
    expect(planned.stdout).not.toMatch(/^error|authority\/agent\/1 +create/m)
    expect((await run(cwd, apply)).status).toBe(0)
    const proven = await run(cwd, verify)
    expect(proven.status).toBe(0)
    expect(proven.stdout).not.toContain('foreign-authority')
    const now = Date.now()
    const certs = (place: string): ReturnType<typeof parseCertificates> =>
      parseCertificates(read('', place))
    const old = path.join(other, 'pki/identity/server/global/s1/current')
    const fresh = path.join(cwd, 'pki/identity/server/global/s1/current')
    for (const [shown, trusting] of [
      [old, fresh],
      [fresh, old],
    ]) {
      const [leaf, ...rest] = certs(`${shown}/cert.pem`)
      expect(verifyChain(leaf!, rest, certs(`${trusting}/ca.pem`), { now }).ok).toBe(true)
    }
  })

  test('is left on purpose by an override with its fingerprint, which is noted', async () => {
    const cwd = copies()
    await cli(cwd, ['init', '--cluster', 'acme', '--from', 'agents/s1', 'agents/c1'])
    const wrong = ['--override', `leave-root=SHA256:${'0'.repeat(64)}`, '--reason', 'moving']
    expect((await cli(cwd, ['apply', '--yes', ...wrong])).status).not.toBe(0)
    const right = ['--override', `leave-root=${root}`, '--reason', 'the key is lost']
    const planned = await cli(cwd, ['plan', ...right])
    expect(planned.stdout).toMatch(/^warning: .*use another authority today/m)
    expect(planned.stdout).not.toMatch(/^error/m)
    expect((await cli(cwd, ['apply', '--yes', ...right])).status).toBe(0)
    const noted = read(cwd, 'pki/ledger.jsonl')
      .split('\n')
      .find((line) => line.includes('"override"'))
    expect(noted).toContain(`"code":"leave-root","value":"${root}","reason":"the key is lost"`)
  })

  test('where ours exists already, the way out is a generation that no other has', async () => {
    const cwd = copies()
    for (const node of ['s1', 'c1']) {
      fs.renameSync(path.join(cwd, `agents/${node}/tls`), path.join(cwd, `agents/${node}/hidden`))
    }
    await cli(cwd, ['init', '--cluster', 'acme', '--from', 'agents/s1', 'agents/c1'])
    expect((await cli(cwd, ['apply', '--yes', 'server/global/s1'])).status).toBe(0)
    fs.copyFileSync(path.join(cwd, 'agents/c1/hidden/ca.pem'), path.join(cwd, 'agents/c1/ca.pem'))
    const { stdout } = await cli(cwd, ['plan'])
    expect(stdout).toContain('error: config/global/c1: config/global/c1 uses another authority')
    expect(stdout).toMatch(/authority\/agent\/2\/ca\.pem .*set `signing: 2, trusted: \[2\]`/)
  })

  test('of two roots that agents trust, one ours: a warning, until the leaf is of the other', async () => {
    const cwd = copies()
    await cli(cwd, ['init', '--cluster', 'acme', '--from', 'agents/s1'])
    fs.rmSync(path.join(cwd, 'agents/s1/tls'), { recursive: true })
    expect((await cli(cwd, ['apply', '--yes', 'authority/agent/1'])).status).toBe(0)
    const both = read(cwd, 'pki/authority/agent/1/ca.pem') + read(cwd, 'nomad-agent-ca.pem')
    fs.writeFileSync(path.join(cwd, 'agents/s1/ca.pem'), both)
    const without = await cli(cwd, ['plan'])
    expect(without.stdout).toContain('warning: config/global/s1: config/global/s1 would no longer')
    fs.copyFileSync(
      path.join(other, 'pki/identity/server/global/s1/current/cert.pem'),
      path.join(cwd, 'agents/s1/cert.pem'),
    )
    const signed = await cli(cwd, ['plan'])
    expect(signed.stdout).toContain('error: config/global/s1: config/global/s1 uses another')
  })

  test('a file that cannot be read here is a warning, and a comment of the first spec', async () => {
    const cwd = copies()
    fs.rmSync(path.join(cwd, 'agents/s1/tls'), { recursive: true })
    await cli(cwd, ['init', '--cluster', 'acme', '--from', 'agents/s1'])
    expect(read(cwd, 'cluster.yaml')).toContain(
      '# 1 of 1 agents trust /etc/nomad.d/tls/ca.pem today, which cannot be read here',
    )
    const { stdout } = await cli(cwd, ['plan'])
    expect(stdout).toContain('the agent trusts /etc/nomad.d/tls/ca.pem, which cannot be read here')
    expect(stdout).not.toMatch(/^error/m)
  })
})
