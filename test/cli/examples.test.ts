/** Every command's help has two examples: each of them is run where it makes sense. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from '../../src/cli/surface.js'
import { fixture } from '../adoption/folders.js'
import { wordsOf } from '../testscript.js'
import { fakeSsh } from '../hosts/fake-ssh.js'
import { selfNode, type SelfNode } from '../renewal/node.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { cli, folder, now } from './cli.js'
import { copyFolder } from '../copy-folder.js'

const spec = `version: 1
cluster: acme
regions:
  global:
    servers: { s1: { ips: [10.0.0.11], config: agents/s1 } }
  us-west:
    clients:
      c1: {}
operators:
  alice: { region: global }
`

const packed = 'nomad-pki pack s1 --out s1.tar.gz'

/** What must have been done before, for examples that need it. */
const before: Readonly<Record<string, string>> = {
  'nomad-pki install s1.tar.gz --tls tls --reload none': packed,
  'nomad-pki install s1.tar.gz --tls tls --config agents/s1 --reload none --dry-run': packed,
  'nomad-pki sign s1.csr --dry-run': 'nomad-pki request s1 --tls tls --out s1.csr',
  'nomad-pki sign other.csr --as s1 --dry-run': 'nomad-pki request s1 --tls tls --out other.csr',
  'nomad-pki remove client us-west/c9': 'nomad-pki add client us-west/c9',
  'nomad-pki remove operator bob': 'nomad-pki add operator bob --region global',
}

/** Agents that are there already. */
const agents = {
  'agents/s1/nomad.hcl': 'name = "s1"\nserver {\n  enabled = true\n}\n',
  'agents/c1.hcl': 'name = "c1"\nclient {\n  enabled = true\n}\n',
}

let applied = ''
let engine: FakeEngine
let self: SelfNode
afterAll(() => Promise.all([engine.close(), self.engine.close()]))
beforeAll(async () => {
  engine = await fakeEngine()
  self = await selfNode()
  applied = folder({
    'cluster.yaml': spec,
    'agents/s1/nomad.hcl': 'server {\n  enabled = true\n}\n',
  })
  await cli(applied, ['init', '--new-store'])
  expect((await cli(applied, ['apply', '--yes'])).status).toBe(0)
})

/** The spec, where an engine has an intermediate. */
function engineSpec(): string {
  return spec
    .replace(
      'regions:',
      `vault: { address: "${engine.origin}" }\nauthorities:\n  agent: {}\n  us-west: { issuer: agent, engine: { mount: pki/nomad } }\nregions:`,
    )
    .replace('  us-west:\n    clients', '  us-west:\n    authority: us-west\n    clients')
    .replace('  global:\n', '  global:\n    authority: agent\n')
}

function call(cwd: string, line: string): ReturnType<typeof cli> {
  const [program, ...argv] = wordsOf(line)
  expect(program).toBe('nomad-pki')
  if (argv[0] === 'rollout' || argv[1] === 'pull')
    return cli(cwd, argv, { env: fakeSsh(folder(), now) })
  if (argv[1] === 'setup' || argv.includes('--engine')) {
    return cli(cwd, argv, { env: { BAO_ADDR: engine.origin, BAO_TOKEN: 'root' } })
  }
  // A person compares the fingerprint; what goes on until nobody reads it ends after its first text.
  return cli(cwd, argv, { terminal: argv[0] === 'sign', closed: argv.includes('--watch') })
}

describe.each(commands.map((entry) => [entry.name, entry.examples] as const))(
  '%s',
  (name, examples) => {
    test.each(examples)('%s', async (example) => {
      const fresh = name === 'init' || name === 'adopt'
      const cwd = folder(fresh ? agents : {})
      if (name === 'adopt') copyFolder(fixture('nomad-tls'), path.join(cwd, 'tls'))
      if (!fresh) copyFolder(applied, cwd)
      if (example.includes('--engine')) {
        // A store that was set up, and is lost but for the certificate of its root.
        copyFolder(applied, cwd)
        fs.writeFileSync(path.join(cwd, 'cluster.yaml'), engineSpec())
        expect((await call(cwd, 'nomad-pki authority setup us-west')).status).toBe(0)
        fs.mkdirSync(path.join(cwd, 'root'))
        fs.copyFileSync(path.join(cwd, 'pki/bundle/agent/ca.pem'), path.join(cwd, 'root/ca.pem'))
        fs.rmSync(path.join(cwd, 'pki'), { recursive: true })
      }
      if (name === 'authority encrypt') {
        const said = spec.replace(
          'regions:',
          'authorities: { agent: { signer: encrypted } }\nregions:',
        )
        fs.writeFileSync(path.join(cwd, 'cluster.yaml'), said)
        const local = 'passphrases: { agent: { file: passphrase } }\n'
        fs.writeFileSync(path.join(cwd, 'nomad-pki.local.yaml'), local, { mode: 0o600 })
        fs.writeFileSync(path.join(cwd, 'passphrase'), 'correct horse\n', { mode: 0o600 })
      }
      if (name === 'renew') self.copyTo(cwd)
      if (name === 'verify') {
        fs.mkdirSync(path.join(cwd, 'b'))
        await cli(path.join(cwd, 'b'), ['init', '--servers', 'global=1'])
      }
      if (name === 'rotate tls') {
        // No agent runs here: the gate opens where nobody is waited for.
        fs.appendFileSync(path.join(cwd, 'cluster.yaml'), 'transport: plaintext\n')
        const { stdout } = await cli(cwd, ['rotate', 'tls', '--json'])
        const { gate } = JSON.parse(stdout) as { gate: { holds: { address: string }[] } }
        for (const { address } of gate.holds) {
          await cli(cwd, ['rotate', 'tls', '--except', address, '--reason', 'an example'])
        }
      }
      if (name === 'config pull') {
        const etc = path.join(cwd, 'etc')
        fs.mkdirSync(etc)
        fs.writeFileSync(path.join(etc, 'nomad.hcl'), 'server {\n  enabled = true\n}\n')
        const host = `'${etc.replaceAll("'", "''")}'`
        const pulled = spec.replace(
          'config: agents/s1',
          `config: { host: ${host}, copy: copies/s1 }`,
        )
        fs.writeFileSync(path.join(cwd, 'cluster.yaml'), pulled)
      }
      if (name === 'sign') {
        const held = spec.replace('s1: {', 's1: { keyHeld: node,')
        fs.writeFileSync(path.join(cwd, 'cluster.yaml'), held)
      }
      if (name === 'authority setup') {
        fs.writeFileSync(path.join(cwd, 'cluster.yaml'), engineSpec())
      }
      if (name === 'authority request' || name === 'authority accept') {
        const say = (signer: string): void => {
          const text = spec
            .replace(
              'regions:',
              `authorities: { agent: { signer: ${signer} }, low: { issuer: agent } }\nregions:`,
            )
            .replace(/^ {2}(global|us-west):$/gm, '  $1:\n    authority: low')
          fs.writeFileSync(path.join(cwd, 'cluster.yaml'), text)
        }
        say('offline')
        if (name === 'authority accept') {
          const request = 'nomad-pki authority request agent --out agent.request'
          expect((await call(cwd, request)).status).toBe(0)
          say('file')
          if (example.includes('accept agent.answer')) {
            const sign = 'nomad-pki authority accept agent.request --out agent.answer --yes'
            // On the other machine the intermediate is not there.
            const other = folder()
            copyFolder(cwd, other)
            fs.rmSync(path.join(other, 'pki/authority/low'), { recursive: true })
            expect((await call(other, sign)).status).toBe(0)
            fs.copyFileSync(path.join(other, 'agent.answer'), path.join(cwd, 'agent.answer'))
            say('offline')
          }
        }
      }
      const first = before[example]
      if (first !== undefined) expect((await call(cwd, first)).status).toBe(0)
      const { status, stdout, stderr } = await call(cwd, example)
      expect(stderr).not.toMatch(/^error/m)
      expect(stdout).not.toBe('')
      // 2: some examples look at another day, on which there is work.
      expect([0, 2]).toContain(status)
      if (name === 'init' || name === 'add') {
        expect(fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8')).toContain('regions:')
        expect([0, 2]).toContain((await cli(cwd, ['plan'])).status)
      }
    })
  },
)
