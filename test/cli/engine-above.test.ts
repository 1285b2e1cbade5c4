/** Who certifies an authority in Vault or OpenBao: a root on another machine, encrypted, or behind a command. */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { copyFolder } from '../copy-folder.js'
import { engineSpec, good as succeeds, inEngine, withToken } from '../engine/cluster.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { folder, now, type Said } from './cli.js'

let engine: FakeEngine
let place = ''
const run = (line: string, at = place): Promise<Said> => withToken(engine, at, line)
const good = (line: string, at = place): Promise<Said> => succeeds(run(line, at), line)

const specText = (agent: string, below?: string): string => engineSpec(engine, { agent, below })
/** The store that has the key of the root: its intermediate is in a file. */
const rootStore = (): string =>
  folder({
    'cluster.yaml': engineSpec(engine, { vault: 'none', agent: 'signer: file', below: '' }),
  })
const write = (agent: string, below?: string): void =>
  fs.writeFileSync(path.join(place, 'cluster.yaml'), specText(agent, below))

beforeEach(async () => {
  engine = await fakeEngine({ clock: () => now })
  place = folder()
})
afterEach(() => engine.close())

test('a root on another machine: the set-up makes the key, is answered by request and accept, and goes on', async () => {
  write('signer: offline')
  const key = rootStore()
  await good('init --new-store')
  await good('init --new-store', key)
  const asked = async (name: string): Promise<Said> => {
    await good(`authority request agent --out ${name}.request`)
    fs.copyFileSync(path.join(place, `${name}.request`), path.join(key, `${name}.request`))
    await good(`authority accept ${name}.request --out ${name}.answer --yes`, key)
    fs.copyFileSync(path.join(key, `${name}.answer`), path.join(place, `${name}.answer`))
    return good(`authority accept ${name}.answer --yes`)
  }

  expect((await run('plan')).stdout).toContain(
    'nomad-pki authority setup us-west, which makes its key; then: nomad-pki authority request agent --out FILE',
  )
  const early = await run('authority request agent --out early.request')
  expect(early.stderr).toContain('first: nomad-pki authority setup us-west')
  expect(early.status).toBe(3)

  const dry = await good('authority setup us-west --dry-run')
  expect(dry.stdout).toContain('Ask it: nomad-pki authority request agent --out FILE')
  expect([...engine.keys]).toEqual([])
  for (const what of ['first', 'second'] as const) {
    const setUp = await run('authority setup us-west')
    expect(setUp.stderr).toBe('')
    expect(setUp.stdout).toContain(what === 'first' ? 'done: a key of' : 'is there: the key')
    expect(setUp.stdout).toContain('Ask it: nomad-pki authority request agent --out FILE')
    expect(setUp.status).toBe(2)
  }
  expect([...engine.issuers]).toEqual([])
  expect((await asked('first')).stderr).toContain(
    '2 taken; to go on: nomad-pki authority setup us-west',
  )
  expect(fs.readdirSync(path.join(place, 'pki/authority/us-west/1'))).toEqual(['ca.pem'])
  expect((await good('authority setup us-west')).stdout).toContain('done: the issuer')
  expect((await good('apply --yes')).stderr).toBe('')
  expect(engine.signed).toHaveLength(2)
  await good('verify')

  // The next generation: the older one signs until the new one is answered and set up.
  write('signer: offline', `signing: 2, ${inEngine}`)
  expect((await run('plan')).stdout).toContain('nomad-pki authority setup us-west')
  expect((await run('authority setup us-west')).status).toBe(2)
  await run('rotate leaves c1 --yes')
  expect(engine.calls.at(-1)!.path).toContain('issuer/us-west-1/sign/')
  await asked('second')
  await good('authority setup us-west')
  await good('apply --yes')
  expect(engine.calls.at(-1)!.path).toContain('issuer/us-west-2/sign/')
})

test('an answer for another key than the one in the engine is not given to it', async () => {
  write('signer: offline')
  const key = rootStore()
  await good('init --new-store')
  await good('init --new-store', key)
  expect((await run('authority setup us-west')).status).toBe(2)
  await good('authority request agent --out a.request')
  // Somebody deletes the key and makes another of the same name.
  engine.keys.clear()
  expect((await run('authority setup us-west')).status).toBe(2)
  fs.copyFileSync(path.join(place, 'a.request'), path.join(key, 'a.request'))
  await good('authority accept a.request --out a.answer --yes', key)
  fs.copyFileSync(path.join(key, 'a.answer'), path.join(place, 'a.answer'))
  await good('authority accept a.answer --yes')
  const setUp = await run('authority setup us-west')
  expect(setUp.stderr).toContain('is for another key than us-west-1 in pki/nomad')
  expect(setUp.status).toBe(1)
  expect([...engine.issuers]).toEqual([])
})

test('an encrypted root: the passphrase comes as always', async () => {
  write('signer: encrypted')
  fs.writeFileSync(path.join(place, 'word'), 'correct horse battery staple\n', { mode: 0o600 })
  fs.writeFileSync(
    path.join(place, 'nomad-pki.local.yaml'),
    'passphrases: { agent: { file: word } }\n',
    { mode: 0o600 },
  )
  await good('init --new-store')
  await run('apply --yes')
  expect((await good('authority setup us-west')).stdout).toContain('certified by authority/agent/1')
  await good('apply --yes')
  await good('verify')
})

describe('a store that is lost, or of a second administrator', () => {
  const authorityOf = (at: string): string => path.join(at, 'pki/authority')
  beforeEach(async () => {
    write('')
    await good('init --new-store')
    await run('apply --yes')
    await good('authority setup us-west')
    await good('apply --yes')
  })
  const second = async (): Promise<string> => {
    const at = folder({ 'cluster.yaml': specText('') })
    await good('init --new-store', at)
    return at
  }

  test('with the root, the set-up takes the issuer that is there: no new authority, no new key', async () => {
    const at = await second()
    copyFolder(path.join(authorityOf(place), 'agent'), path.join(authorityOf(at), 'agent'))
    const [keys, issuers] = [engine.keys.size, engine.issuers.size]
    expect((await good('authority setup us-west --dry-run', at)).stdout).toContain(
      'would be done: take pki/nomad/issuer/us-west-1 as authority/us-west/1',
    )
    expect((await good('authority setup us-west', at)).stdout).toContain('done: take')
    expect([engine.keys.size, engine.issuers.size]).toEqual([keys, issuers])
    const pem = path.join('us-west', '1', 'ca.pem')
    expect(fs.readFileSync(path.join(authorityOf(at), pem), 'utf8')).toBe(
      fs.readFileSync(path.join(authorityOf(place), pem), 'utf8'),
    )
    await good('apply --yes', at)
    await good('verify', at)
    // Both stores go on with one engine.
    await good('verify')
    await good('rotate leaves c1 --yes')
  })

  test('with another root it is not taken', async () => {
    const at = await second()
    await run('apply --yes', at)
    const setUp = await run('authority setup us-west', at)
    expect(setUp.stderr).toContain('authority/agent/1 did not sign it')
    expect(setUp.status).toBe(1)
    expect(fs.existsSync(path.join(authorityOf(at), 'us-west'))).toBe(false)
  })

  test('with another key in the spec it is not taken', async () => {
    const at = await second()
    copyFolder(path.join(authorityOf(place), 'agent'), path.join(authorityOf(at), 'agent'))
    fs.writeFileSync(path.join(at, 'cluster.yaml'), specText('', `key: ecdsa-p384, ${inEngine}`))
    const setUp = await run('authority setup us-west', at)
    expect(setUp.stderr).toContain('its key is ecdsa-p256, and the spec says ecdsa-p384')
    expect(setUp.status).toBe(1)
  })
})
