/** `status --inventory` and `plan --inventory`: a plan where neither store nor key is. */

import fs from 'node:fs'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, expect, test } from 'vitest'
import { copyFolder } from '../copy-folder.js'
import { cli, folder, now } from './cli.js'

const spec = `version: 1
cluster: acme
regions:
  global:
    servers: { s1: { config: agents/s1 } }
    clients: { c1: {} }
`
const grown = spec.replace('c1: {}', 'c1: {}, c2: {}')

let made = ''
beforeAll(async () => {
  made = folder({ 'cluster.yaml': spec, 'agents/s1/nomad.hcl': 'server {\n  enabled = true\n}\n' })
  await cli(made, ['init', '--new-store'])
  await cli(made, ['apply', '--yes'])
  const said = await cli(made, ['status', '--inventory', 'inventory.json', '--quiet'])
  expect(said).toMatchObject({ status: 0, stderr: '' })
})

/** A folder with a spec and the inventory alone, as a job of a pull request has them. */
function job(text: string): string {
  const cwd = folder({ 'cluster.yaml': text })
  fs.copyFileSync(path.join(made, 'inventory.json'), path.join(cwd, 'inventory.json'))
  return cwd
}

test('what is on the disk of the job is all that it takes, and the plan is that of the store', async () => {
  const there = folder()
  copyFolder(made, there)
  for (const text of [spec, grown, spec.replace('s1: {', 's1: { ips: [10.0.0.1],')]) {
    fs.writeFileSync(path.join(there, 'cluster.yaml'), text)
    const cwd = job(text)
    for (const more of [['--json'], ['--json', '--at', '+80d'], ['--json', '--prune']]) {
      const expected = await cli(there, ['plan', ...more])
      const found = await cli(cwd, ['plan', '--inventory', 'inventory.json', ...more])
      expect(found.status).toBe(expected.status)
      // Paths are those of the machine that has the store.
      const there2here = expected.stdout.replaceAll(
        JSON.stringify(there).slice(1, -1),
        JSON.stringify(made).slice(1, -1),
      )
      expect(JSON.parse(found.stdout)).toEqual(JSON.parse(there2here))
    }
    expect(fs.readdirSync(cwd).sort()).toEqual(['cluster.yaml', 'inventory.json'])
  }
})

test('it says of when the inventory is, and what it cannot know', async () => {
  const cwd = job(spec.replace('c1: {}', 'c1: { config: agents/c1.hcl }'))
  const { stderr, stdout } = await cli(cwd, ['plan', '--inventory', 'inventory.json'])
  const minute = new Date(now).toISOString().slice(0, 16).replace('T', ' ')
  expect(stderr).toContain(`the inventory is of ${minute}Z; apply runs where the store is`)
  expect(stderr).toContain('does not have the configuration of config/global/c1')
  expect(stderr).not.toContain('to apply it')
  expect(stdout).toContain('nothing to do')
})

test('as Markdown', async () => {
  const { status, stdout } = await cli(job(grown), [
    ...['plan', '--inventory', 'inventory.json', '--markdown'],
  ])
  expect(status).toBe(2)
  expect(stdout).toMatch(
    /^<!-- nomad-pki plan -->\n### nomad-pki plan for `acme`\n\n\*\*1 step\*\* to apply, of the inventory of /,
  )
  expect(stdout).toContain('identity/client/global/c2')
})

test('of a store that was never begun the plan says so', async () => {
  const cwd = folder({ 'cluster.yaml': spec })
  await cli(cwd, ['status', '--inventory', 'inventory.json'])
  const { stdout, status } = await cli(cwd, ['plan', '--inventory', 'inventory.json', '--json'])
  expect(status).toBe(2)
  expect(stdout).toContain('store-not-begun')
})

test('the file is what its schema says', () => {
  const at = new URL('../../src/report/schemas/inventory.json', import.meta.url)
  const validate = new Ajv2020().compile(JSON.parse(fs.readFileSync(at, 'utf8')) as object)
  const document = JSON.parse(fs.readFileSync(path.join(made, 'inventory.json'), 'utf8')) as Record<
    string,
    unknown
  >
  validate(document)
  expect(validate.errors).toBeNull()
  expect(validate({ ...document, begun: 'yes' })).toBe(false)
})

test('it is written over itself alone, and never into the store', async () => {
  const cwd = folder()
  copyFolder(made, cwd)
  expect((await cli(cwd, ['status', '--inventory', 'inventory.json'])).status).toBe(0)
  for (const [place, message] of [
    ['cluster.yaml', /exists, and is not an inventory of this cluster/],
    ['pki/inventory.json', /an inventory of this cluster is not saved in the store/],
  ] as const) {
    const said = await cli(cwd, ['status', '--inventory', place])
    expect(said).toMatchObject({ status: 1, stderr: expect.stringMatching(message) as string })
  }
})

test('another file is refused, with what writes one', async () => {
  const { status, stderr } = await cli(made, ['plan', '--inventory', 'cluster.yaml'])
  expect(status).toBe(1)
  expect(stderr).toMatch(
    /cluster\.yaml: not an inventory: it is not JSON[^]*nomad-pki status --inventory FILE/,
  )
})

test('half a file, an old one, one of another cluster, a folder and nothing', async () => {
  const cwd = job(spec)
  const at = (name: string): string => path.join(cwd, name)
  const whole = fs.readFileSync(at('inventory.json'), 'utf8')
  const plan = (file: string, time = now): ReturnType<typeof cli> =>
    cli(cwd, ['plan', '--inventory', file], { now: time })
  fs.writeFileSync(at('half.json'), whole.slice(0, whole.length / 2))
  expect((await plan('half.json')).stderr).toMatch(
    /half\.json: not an inventory: it ends in line \d+, in the middle[^]*hint: it was cut off[^]*copy it again/,
  )
  const day = 86_400_000
  expect((await plan('inventory.json', now + 26 * day)).stderr).toContain(
    'Z (26d ago: what was made since is not in it; write it again); apply runs',
  )
  fs.writeFileSync(at('cluster.yaml'), spec.replace('acme', 'other'))
  const other = await plan('inventory.json')
  expect(other.status).toBe(2)
  expect(other.stdout).toMatch(/other-cluster/)
  fs.mkdirSync(at('folder'))
  expect((await plan('folder')).stderr).toContain('folder: it is a folder')
  expect((await plan('none.json')).stderr).toContain('none.json: no such file')
})
