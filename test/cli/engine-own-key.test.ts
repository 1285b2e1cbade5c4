/** Whose key it is that stands under the name of ours in Vault or OpenBao, and runs of a set-up that were killed. */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { digestOf } from '../../src/store/layout.js'
import { engineSpec, good as succeeds, ledgerIn, withToken } from '../engine/cluster.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { folder, now, type Said } from './cli.js'

let engine: FakeEngine
let place = ''
const run = (line: string): Promise<Said> => withToken(engine, place, line)
const good = (line: string): Promise<Said> => succeeds(run(line), line)
const write = (agent: string, west = 'none'): void =>
  fs.writeFileSync(path.join(place, 'cluster.yaml'), engineSpec(engine, { agent, below: west }))
const inStore = (file: string): string => path.join(place, 'pki', file)
const ledger = (): string => ledgerIn(place)
/** Somebody who knows the key brings it into the mount. */
const plant = (mount: string, name: string): void => {
  engine.mounts.add(mount)
  engine.keys.set(name, generateKeySync('ecdsa-p256'))
}

beforeEach(async () => {
  engine = await fakeEngine({ clock: () => now })
  place = folder()
})
afterEach(() => engine.close())

describe('a key that this store did not have made', () => {
  test.each([
    ['a root', 'engine: { mount: pki/own }, key: ecdsa-p256', '', 'agent'],
    ['an intermediate', '', 'engine: { mount: pki/own }, key: ecdsa-p256', 'us-west'],
    [
      'one whose root is on another machine',
      'signer: offline',
      'engine: { mount: pki/own }, key: ecdsa-p256',
      'us-west',
    ],
  ])('%s: it is not taken, and set up when it is deleted', async (_, agent, west, name) => {
    write(agent, west)
    await good('init --new-store')
    if (name === 'us-west') await run('apply --yes')
    plant('pki/own', `${name}-1`)
    const [planted] = engine.keys.values()
    for (const line of [`authority setup ${name} --dry-run`, `authority setup ${name}`]) {
      const refused = await run(line)
      expect(refused.stderr).toContain(
        `the key ${name}-1 in pki/own is not taken as that of authority/${name}/1`,
      )
      expect(refused.stderr).toContain(`bao delete pki/own/key/${name}-1`)
      expect(refused.status).toBe(1)
    }
    expect(fs.existsSync(inStore(`authority/${name}/1`))).toBe(false)
    if (agent.includes('offline')) {
      const asked = await run('authority request agent --out a.request')
      expect(asked.stderr).toContain('is not taken as that of authority/us-west/1')
      expect(asked.status).toBe(1)
      expect(fs.existsSync(path.join(place, 'a.request'))).toBe(false)
    }
    expect(engine.issuers.size).toBe(0)

    engine.keys.clear()
    const setUp = await run(`authority setup ${name}`)
    expect(setUp.stderr).toBe('')
    expect(setUp.status).toBe(agent.includes('offline') ? 2 : 0)
    expect([...engine.keys.values()]).not.toContain(planted)
    expect(ledger().match(/"event":"generated"/g)).toHaveLength(1)
    if (agent.includes('offline')) await good('authority request agent --out a.request')
    else await good('apply --yes')
  })

  test('before a rotation: the next generation has a name that all know', async () => {
    write('engine: { mount: pki/own }')
    await good('init --new-store')
    await good('authority setup agent')
    await good('apply --yes')
    plant('pki/own', 'agent-2')
    await run('rotate authority agent --next')
    const refused = await run('authority setup agent')
    expect(refused.stderr).toContain('the key agent-2 in pki/own is not taken')
    expect(refused.status).toBe(1)
    expect(fs.existsSync(inStore('authority/agent/2'))).toBe(false)
  })

  test('a key that came after ours was deleted is another one', async () => {
    write('signer: offline', 'engine: { mount: pki/own }, key: ecdsa-p256')
    await good('init --new-store')
    expect((await run('authority setup us-west')).status).toBe(2)
    plant('pki/own', 'us-west-1')
    expect((await run('authority request agent --out a.request')).status).toBe(1)
    expect((await run('authority setup us-west')).status).toBe(1)
  })

  test('an answer that is lost: nothing tells that key from another', async () => {
    write('engine: { mount: pki/own }')
    await good('init --new-store')
    engine.script = ({ path: call }) =>
      call.endsWith('generate/internal') ? { status: 200, cut: true } : undefined
    expect((await run('authority setup agent')).status).toBe(1)
    engine.script = () => undefined
    expect(engine.keys.size).toBe(1)
    const refused = await run('authority setup agent')
    expect(refused.stderr).toContain('or a run of this store ended before it noted its key')
    expect(refused.status).toBe(1)
    engine.keys.clear()
    await good('authority setup agent')
  })

  test('a run that ended behind the note of its key: the next one takes it, a dry run says so', async () => {
    write('engine: { mount: pki/own }')
    await good('init --new-store')
    engine.script = ({ path: call }) =>
      call.endsWith('root/existing') ? { status: 403, body: { errors: ['no'] } } : undefined
    expect((await run('authority setup agent')).status).toBe(3)
    engine.script = () => undefined
    const [made] = engine.keys.values()
    const dry = await good('authority setup agent --dry-run')
    expect(dry.stdout).toContain('is there: the key agent-1 in pki/own')
    expect(dry.stdout).not.toContain('make a key')
    await good('authority setup agent')
    expect([...engine.keys.values()]).toEqual([made])
  })
})

describe('a run that was killed', () => {
  const west = 'engine: { mount: pki/own }'

  test.each([
    ['a root', west, '', 'agent'],
    ['an intermediate', '', west, 'us-west'],
  ])(
    'after its line in the ledger, before the certificate was in its place: %s',
    async (_, agent, below, name) => {
      write(agent, below)
      await good('init --new-store')
      if (name === 'us-west') await run('apply --yes')
      await good(`authority setup ${name}`)
      const certificate = fs.readFileSync(inStore(`authority/${name}/1/ca.pem`))
      const digest = digestOf([['ca.pem', certificate]])
      fs.renameSync(inStore(`authority/${name}/1`), inStore(`authority/${name}/.next-1-${digest}`))
      // The engine has it only afterwards.
      if (name === 'us-west') engine.issuers.clear()
      const dry = await good(`authority setup ${name} --dry-run`)
      expect(dry.stdout).toContain(`would be done: put authority/${name}/1 into its place`)
      expect(dry.stdout).toContain(
        name === 'agent'
          ? 'is there: the issuer pki/own/issuer/agent-1'
          : 'would be done: give the certificate to pki/own',
      )
      expect(dry.stdout).not.toMatch(/would be done: (certify|take|make a key)/)
      expect(fs.existsSync(inStore(`authority/${name}/1`))).toBe(false)
      await good(`authority setup ${name}`)
      expect(fs.readFileSync(inStore(`authority/${name}/1/ca.pem`))).toEqual(certificate)
      expect(ledger().match(/"event":"authority"/g)).toHaveLength(name === 'us-west' ? 2 : 1)
      await good('apply --yes')
      await good('verify')
    },
  )

  test('between the certificate and the name of the issuer: the next one names it', async () => {
    write('', west)
    await good('init --new-store')
    await run('apply --yes')
    engine.script = ({ method }) =>
      method === 'PATCH' ? { status: 403, body: { errors: ['no'] } } : undefined
    expect((await run('authority setup us-west')).status).toBe(3)
    engine.script = () => undefined
    expect([...engine.issuers.values()].map((one) => one.issuer_name)).toEqual([''])
    expect((await good('authority setup us-west')).stdout).toContain(
      'done: the issuer pki/own/issuer/us-west-1',
    )
    expect([...engine.issuers.values()].map((one) => one.issuer_name)).toEqual(['us-west-1'])
    await good('apply --yes')
    await good('verify')
  })

  test('an issuer that has our certificate under a name of its own keeps it', async () => {
    write('', west)
    await good('init --new-store')
    await run('apply --yes')
    await good('authority setup us-west')
    const [issuer] = engine.issuers.values()
    issuer!.issuer_name = 'of-another'
    const refused = await run('authority setup us-west')
    expect(refused.stderr).toContain('under another name: "of-another"')
    expect(refused.status).toBe(1)
    expect(issuer!.issuer_name).toBe('of-another')
    issuer!.issuer_name = 'us-west-1'
    await good('authority setup us-west')
  })
})
