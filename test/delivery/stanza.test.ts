/** install.sh --stanza: a file of its own, and never over another's. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { packIdentity } from '../../src/delivery/pack-identity.js'
import { aWorld, installerPath, Node, present, type ToldRun } from './node.js'
import { shellQuote } from '../../src/shell-quote.js'

interface Place {
  readonly node: Node
  readonly etc: string
  readonly stanza: string
  install(stanza?: string, args?: readonly string[], more?: string): Promise<ToldRun>
}

const spec = 'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {} } } }\n'
let folders = 0

async function aPlace(): Promise<Place> {
  const world = aWorld(spec)
  await world.apply()
  const node = new Node()
  const etc = path.join(node.folder, 'nomad.d')
  fs.mkdirSync(etc)
  const file = path.join(etc, 'tls.hcl')
  return {
    node,
    etc,
    stanza: file,
    async install(stanza = file, args = ['--reload', 'none'], more = '') {
      const text = `${spec}node: { tls: ${JSON.stringify(node.tls)}${more} }\n`
      const { spec: parsed } = parseSpec(text, { file: 'cluster.yaml' })
      const identity = desire(parsed!).identities.find(({ name }) => name === 's1')!
      const { archive } = await packIdentity(parsed!, identity, world.store, {
        now: present,
        installer: fs.readFileSync(installerPath),
      })
      folders += 1
      return node.install(node.unpack(archive, `n${folders}`), ['--stanza', stanza, ...args])
    },
  }
}

/** A systemctl of a unit that is well. */
function unit(node: Node): Record<string, string> {
  const bin = path.join(node.folder, 'bin')
  fs.mkdirSync(bin, { recursive: true })
  const text = `#!/bin/sh\necho "$*" >>${shellQuote(path.join(node.folder, 'asked'))}\ncase $1 in is-active) echo active ;; show) echo MainPID=7 ;; esac\n`
  fs.writeFileSync(path.join(bin, 'systemctl'), text, { mode: 0o755 })
  return { PATH: `${bin}:${process.env.PATH!}` }
}

describe('a file that is not there', () => {
  test('is written, and a restart is asked for: exit 2, and no reload', async () => {
    const place = await aPlace()
    const old = process.env.PATH
    Object.assign(process.env, unit(place.node))
    const run = await place.install(undefined, ['--watch', '0', '--reload', 'nomad.service'])
    process.env.PATH = old
    expect(run.status).toBe(2)
    expect(run.stderr).toContain(
      'and so is the stanza: restart the agent (systemctl restart nomad.service)',
    )
    expect(run.told).toMatchObject({ result: 'installed', reason: 'restart', agent: 'not-told' })
    expect(fs.readFileSync(place.stanza, 'utf8')).toContain(`${place.node.tls}/current/cert.pem"`)
    expect(fs.statSync(place.stanza).mode & 0o777).toBe(0o644)
    expect(fs.readdirSync(place.etc)).toEqual(['tls.hcl'])
    expect(fs.readFileSync(path.join(place.node.folder, 'asked'), 'utf8')).not.toMatch(/^reload/m)
  })

  test('and the next start takes it up: exit 0; the same again is nothing', async () => {
    const place = await aPlace()
    const run = await place.install()
    expect(run).toMatchObject({ status: 0, stderr: '' })
    expect(run.stdout).toContain('the agent loads both at its next start, not by a reload')
    const before = fs.statSync(place.stanza).ino
    const again = await place.install()
    expect(again.stdout).toContain('in place already')
    expect(fs.statSync(place.stanza).ino).toBe(before)
  })

  test('in a folder that is not there, in one with another tls block, or without .hcl: refused', async () => {
    const place = await aPlace()
    expect((await place.install(path.join(place.etc, 'deep/tls.hcl'))).status).toBe(3)
    expect((await place.install(path.join(place.etc, 'tls.conf'))).status).toBe(64)
    for (const [name, text] of [
      ['agent.hcl', 'name = "s1"\n  tls {\n}\n'],
      ['agent.json', '{ "tls": {} }'],
    ] as const) {
      const other = path.join(place.etc, name)
      fs.writeFileSync(other, text)
      const run = await place.install()
      expect([name, run.status]).toEqual([name, 3])
      expect(run.stderr).toContain(`${name} has a tls block already`)
      fs.rmSync(other)
    }
    expect(fs.existsSync(place.node.tls)).toBe(false)
    expect(fs.readdirSync(place.etc)).toEqual([])
  })
})

describe('a file that is there', () => {
  test.each([
    ["another's", 'tls { http = true }\n'],
    ['empty', ''],
  ])('%s: refused, and not changed', async (_what, text) => {
    const place = await aPlace()
    fs.writeFileSync(place.stanza, text)
    const run = await place.install()
    expect(run.status).toBe(3)
    expect(run.stderr).toContain('was not written by install.sh')
    expect(run.told.reason).toBe('stanza')
    expect(fs.readFileSync(place.stanza, 'utf8')).toBe(text)
    expect(fs.existsSync(place.node.tls)).toBe(false)
  })

  test('a link: refused', async () => {
    const place = await aPlace()
    fs.writeFileSync(path.join(place.node.folder, 'target'), '')
    fs.symlinkSync('../target', place.stanza)
    expect((await place.install()).stderr).toContain('is not a plain file')
  })

  test('ours: written again, with a restart where a reload is not enough', async () => {
    const place = await aPlace()
    await place.install()
    const changed = await place.install(
      undefined,
      undefined,
      ', stanza: { verify_https_client: false }',
    )
    expect(changed).toMatchObject({ status: 0 })
    expect(changed.stdout).toContain('at its next start, not by a reload')
    expect(fs.readFileSync(place.stanza, 'utf8')).toContain('verify_https_client')
  })

  test('ours, and changed by hand: refused', async () => {
    const place = await aPlace()
    await place.install()
    fs.appendFileSync(place.stanza, '# mine\n')
    const run = await place.install(
      undefined,
      undefined,
      ', stanza: { verify_https_client: false }',
    )
    expect(run.status).toBe(3)
    expect(run.stderr).toContain('or was changed')
    expect(fs.readFileSync(place.stanza, 'utf8')).toContain('# mine')
  })
})

test('an archive whose stanza names another place is refused', async () => {
  const place = await aPlace()
  await place.install()
  const folder = path.join(place.node.folder, `n${folders}/nomad-pki`)
  const other = path.join(place.node.folder, 'elsewhere')
  const args = ['install.sh', '--tls', other, '--stanza', place.stanza, '--reload', 'none']
  const run = spawnSync('sh', args, { cwd: folder, encoding: 'utf8' })
  expect(run.status).toBe(3)
  expect(run.stderr).toContain('the stanza of the archive names files in')
})
