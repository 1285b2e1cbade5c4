/** A store that was lost, and a second administrator's: rebuilt from the spec and an engine in this process. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { directoryStore } from '../../src/store/directory-store.js'
import { fingerprintOf, fingerprintText } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import {
  copyRoot,
  engineSpec,
  ledgerIn,
  namedServer,
  fromNothing,
  withToken,
} from '../engine/cluster.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { folder, now, type Said } from './cli.js'

let engine: FakeEngine
let first = ''
let second = ''
const run = (place: string, line: string): Promise<Said> => withToken(engine, place, line)

const specText = (root = ''): string =>
  engineSpec(engine, {
    agent: root,
    region: { ...namedServer, clients: '{ c1: { names: [c1.acme.internal] }, c2: {}, c3: {} }' },
  })
const write = (place: string, root?: string): void =>
  fs.writeFileSync(path.join(place, 'cluster.yaml'), specText(root))
const ledger = ledgerIn
const rootFile = (): string => path.join(first, 'pki/authority/agent/1/ca.pem')
const pinOf = (file: string): string =>
  fingerprintText(parseCertificates(fs.readFileSync(file, 'utf8'))[0]!)
const withRoot = (): string => copyRoot(first, second)
const leafOf = (place: string, address: string): string =>
  fs.readFileSync(path.join(place, 'pki/identity', address, 'current/cert.pem'), 'utf8')

beforeAll(async () => {
  engine = await fakeEngine({ clock: () => now })
  first = folder()
  write(first)
  await fromNothing(engine, first)
})
beforeEach(() => {
  engine.script = () => undefined
  second = folder()
  write(second)
})
afterAll(() => engine.close())

describe('what the root rests on', () => {
  test('nothing says which root is right: refused, with nothing written', async () => {
    const { stderr, status } = await run(second, 'adopt --engine')
    expect(stderr).toContain('nothing says which root authority/agent/1 is')
    expect(stderr).toContain('nomad-pki adopt FOLDER --engine')
    expect(status).toBe(1)
    expect(fs.readdirSync(second)).toEqual(['cluster.yaml'])
  })

  test('the engine alone is not believed: its root is named, and a pin in the spec takes it', async () => {
    const other = { certificate: fs.readFileSync(rootFile(), 'utf8'), issuer_name: 'old-root' }
    engine.issuers.set('root', other)
    try {
      const refused = await run(second, 'adopt --engine')
      const [, pin] = /pin it in the spec \(agent: \{ (.+?) \}\)/.exec(refused.stderr)!
      expect(pin).toContain(pinOf(rootFile()))
      expect(refused.status).toBe(1)
      write(second, pin)
      const { stdout, status } = await run(second, 'adopt --engine')
      expect(stdout).toContain('from pki/nomad/issuer/old-root')
      expect(stdout).toContain('note: the spec pins its fingerprint')
      expect(status).toBe(0)
      // What was revealed is taken for what it is.
      expect((await run(second, 'verify')).stdout).not.toContain('fingerprint-differs')
    } finally {
      engine.issuers.delete('root')
    }
  })

  test('a root with the right name and another key signed nothing of the engine', async () => {
    const third = folder()
    write(third)
    await run(third, 'init --new-store')
    await run(third, 'apply --yes')
    fs.mkdirSync(path.join(second, 'root'))
    fs.copyFileSync(
      path.join(third, 'pki/authority/agent/1/ca.pem'),
      path.join(second, 'root/x.pem'),
    )
    const { stderr, status } = await run(second, 'adopt root --engine')
    expect(stderr).toContain('no file has one that signed the issuers of the engine')
    expect(status).toBe(1)
  })
})

describe('a lost store', () => {
  test('plan, verify and apply name the command that rebuilds it', async () => {
    for (const line of ['plan', 'verify', 'apply --yes']) {
      const { stdout, stderr } = await run(second, line)
      expect(stdout + stderr).toContain('nomad-pki adopt FOLDER --engine;')
    }
  })

  test('--dry-run tells all of it and writes nothing', async () => {
    const { stdout, status } = await run(second, `adopt ${withRoot()} --engine --dry-run`)
    expect(stdout).toContain('+ identity/client/us-west/c1')
    expect(status).toBe(0)
    expect(fs.existsSync(path.join(second, 'pki'))).toBe(false)
  })

  test('issuers and living certificates come back, signed is nothing, and the plan says what is made anew', async () => {
    const before = { signed: engine.signed.length, calls: engine.calls.length }
    const { stdout, stderr, status } = await run(second, `adopt ${withRoot()} --engine`)
    expect(stderr).not.toContain('error')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^\+ authority\/agent\/1 .*, without its key$/m)
    expect(stdout).toMatch(/^\+ authority\/us-west\/1 .*, without its key$/m)
    expect(stdout).toMatch(/^\+ identity\/server\/us-west\/s1$/m)
    // c2 and c3 have no name of their own: nothing tells whose is which.
    expect(stdout).toContain('2 identities of the spec have its names')
    expect(engine.signed).toHaveLength(before.signed)
    expect(engine.calls.slice(before.calls).every(({ method }) => method !== 'POST')).toBe(true)
    expect(leafOf(second, 'client/us-west/c1')).toBe(leafOf(first, 'client/us-west/c1'))
    expect(fs.existsSync(path.join(second, 'pki/identity/client/us-west/c1/current/key.pem'))).toBe(
      false,
    )
    expect(ledger(second).match(/"event":"found"/g)).toHaveLength(2)

    const plan = await run(second, 'plan')
    expect(plan.stdout).toMatch(/identity\/client\/us-west\/c1 +renew +key-elsewhere/)
    expect(plan.stdout).toMatch(/identity\/client\/us-west\/c2 +create +missing/)
    // What nobody here can deliver is not good.
    expect((await run(second, 'status')).stdout).toMatch(/client\/us-west\/c1 .* missing/)
    const packed = await run(second, 'pack client/us-west/c1 --out-dir out')
    expect(packed.stderr).toMatch(/the key of 1-\w+ is not in this store/)
    expect(packed.status).toBe(1)
    expect(fs.existsSync(path.join(second, 'out'))).toBe(false)
    // A second run finds nothing new.
    const lines = ledger(second)
    expect((await run(second, 'adopt root --engine')).stdout).toContain('0 that are no generation')
    expect(ledger(second)).toBe(lines)

    // The lost store is no loss of authority: the next run makes all of it.
    expect((await run(second, 'apply --yes')).stderr).not.toContain('error')
    expect((await run(second, 'plan')).status).toBe(0)
    expect(engine.signed).toHaveLength(before.signed + 4)
    expect((await run(second, 'verify')).status).toBe(0)
  })

  test('a run that was killed between its lines and its files is gone on with', async () => {
    await run(second, `adopt ${withRoot()} --engine`)
    const before = ledger(second)
    const generation = path.join(second, 'pki/identity/client/us-west/c1')
    const [name] = fs.readdirSync(generation).filter((one) => one !== 'current')
    fs.rmSync(generation, { recursive: true })
    const { stdout, status } = await run(second, 'adopt root --engine')
    expect(stdout).toMatch(/^\+ identity\/client\/us-west\/c1$/m)
    expect(status).toBe(0)
    // Under the number of its line, which is not written twice.
    expect(fs.readdirSync(generation).sort()).toEqual([name, 'current'])
    expect(ledger(second)).toBe(before)
  })

  test('keyHeld: node: that the node has the key is said when its agent was seen, not because an engine has a certificate', async () => {
    const nodes = specText().replace('c1: {', 'c1: { keyHeld: node,')
    expect(nodes).not.toBe(specText())
    fs.writeFileSync(path.join(second, 'cluster.yaml'), nodes)
    await run(second, `adopt ${withRoot()} --engine`)
    const manifest = path.join(second, 'pki/identity/client/us-west/c1/current/manifest.json')
    expect(fs.readFileSync(manifest, 'utf8')).toContain('"held": "elsewhere"')
    const verified = await run(second, 'verify --long')
    expect(verified.stdout).toMatch(/c1: .*\(key-elsewhere\)/)
    expect((await run(second, 'plan')).stdout).toMatch(/c1: .* waits for a request/)
    await see(second, 'c1', leafOf(second, 'client/us-west/c1'))
    expect((await run(second, 'plan')).stdout).not.toMatch(/c1: .* waits for a request/)
  })

  describe('an authority with a subject of its own, which says no generation', () => {
    const named = (more: string): string =>
      specText().replace(
        'us-west: { issuer: agent,',
        `us-west: { issuer: agent, subject: { commonName: "West" }, ${more}`,
      )
    const asSecond = async (more: string, line: string): Promise<Said> => {
      fs.writeFileSync(path.join(second, 'cluster.yaml'), named(more))
      const own = [...engine.issuers.values()].find((one) => one.issuer_name === 'us-west-1')!
      own.issuer_name = 'us-west-2'
      try {
        return await run(second, line)
      } finally {
        own.issuer_name = 'us-west-1'
      }
    }

    test('the name in the engine is not believed; the pin of the spec is', async () => {
      const refused = await asSecond('signing: 2,', `adopt ${withRoot()} --engine`)
      const [, pin] = /pin it in the spec \(us-west: \{ (fingerprint: "SHA256:\w+") \}\)/.exec(
        refused.stdout,
      )!
      expect(refused.stdout).not.toMatch(/^\+ authority\/us-west\/2/m)
      const taken = await asSecond(`signing: 2, ${pin!},`, 'adopt root --engine')
      expect(taken.stdout).toMatch(/^\+ authority\/us-west\/2/m)
    })

    test('another certificate than the pinned one is refused, and no new one is made for it', async () => {
      const pin = `fingerprint: "SHA256:${'0'.repeat(64)}",`
      const said = await asSecond(`signing: 2, ${pin}`, `adopt ${withRoot()} --engine`)
      expect(said.stdout).toContain(`the spec pins SHA256:${'0'.repeat(64)}`)
      const setUp = await asSecond(`signing: 3, ${pin}`, 'authority setup us-west')
      expect(setUp.stderr).toContain('neither the store nor pki/nomad has that certificate')
      expect(setUp.status).toBe(1)
    })
  })

  test('the ledger says which certificate a generation has: another one under its name is not taken', async () => {
    await run(second, `adopt ${withRoot()} --engine`)
    const file = path.join(second, 'pki/authority/us-west/1')
    fs.rmSync(file, { recursive: true })
    const own = [...engine.issuers.values()].find((one) => one.issuer_name === 'us-west-1')!
    const theirs = own.certificate
    own.certificate = fs.readFileSync(rootFile(), 'utf8')
    try {
      const { stderr, status } = await run(second, 'authority setup us-west')
      expect(stderr).toContain('is not taken as authority/us-west/1')
      expect(status).toBe(1)
    } finally {
      own.certificate = theirs
    }
    own.issuer_name = 'elsewhere'
    try {
      const { stderr } = await run(second, 'authority setup us-west')
      expect(stderr).toMatch(/the ledger has SHA256:\w+ for authority\/us-west\/1, and neither/)
    } finally {
      own.issuer_name = 'us-west-1'
    }
    expect((await run(second, 'plan')).stdout).toContain(
      'nomad-pki authority setup us-west, where the engine has it',
    )
    expect((await run(second, 'authority setup us-west')).status).toBe(0)
    expect(fs.existsSync(path.join(file, 'ca.pem'))).toBe(true)
  })

  test('an issuer under the name of another generation is not taken: its subject, which the root signed, says which it is', async () => {
    const spec = specText().replace(
      'us-west: { issuer: agent,',
      'us-west: { issuer: agent, signing: 2,',
    )
    expect(spec).not.toBe(specText())
    fs.writeFileSync(path.join(second, 'cluster.yaml'), spec)
    const own = [...engine.issuers.values()].find((one) => one.issuer_name === 'us-west-1')!
    own.issuer_name = 'us-west-2'
    try {
      const { stdout } = await run(second, `adopt ${withRoot()} --engine`)
      expect(stdout).toContain('its subject says us-west CA 1')
      expect(stdout).not.toMatch(/^\+ authority\/us-west\/2/m)
    } finally {
      own.issuer_name = 'us-west-1'
    }
  })

  test('a former generation in the engine, where the newer one is not: its issuer, certificates and revocations', async () => {
    const moved = specText().replace(
      'issuer: agent, engine: { mount: pki/nomad }',
      'issuer: agent, signing: 2, signer: { 1: engine, 2: file }, engine: { mount: pki/nomad }',
    )
    expect(moved).not.toBe(specText())
    const [leaf] = parseCertificates(leafOf(first, 'server/us-west/s1'))
    engine.revoked.add(leaf!.serial.replace(/(..)(?=.)/g, '$1:'))
    try {
      fs.writeFileSync(path.join(second, 'cluster.yaml'), moved)
      const { stdout, stderr, status } = await run(second, `adopt ${withRoot()} --engine`)
      expect(stderr).not.toContain('error')
      expect(status).toBe(0)
      expect(stdout).toMatch(/^\+ authority\/us-west\/1 .*, without its key$/m)
      expect(stdout).toContain('authority/us-west/2 is not taken: no file has it')
      expect(stdout).toMatch(/^\+ identity\/client\/us-west\/c1$/m)
      expect(ledger(second)).toContain('"event":"revoked","address":"identity/server/us-west/s1"')
      // Again: nothing is left to take.
      const again = await run(second, 'adopt --engine')
      expect(again.stdout).not.toMatch(/^\+/m)
      expect(again.status).toBe(0)
    } finally {
      engine.revoked.clear()
    }
  })

  test('an issuer that another root signed is not taken, nor is anything under it', async () => {
    withRoot()
    const own = [...engine.issuers.values()][0]!
    const theirs = own.certificate
    own.certificate = fs.readFileSync(rootFile(), 'utf8')
    try {
      // Its own name, and the root's certificate behind it: not an intermediate of the root.
      engine.script = ({ method, path: asked }) =>
        method === 'GET' && asked === 'pki/nomad/issuer/issuer-1'
          ? { status: 200, body: { data: { certificate: 'x', issuer_name: 'us-west-1' } } }
          : undefined
      const { stderr, status } = await run(second, 'adopt root --engine')
      expect(stderr).toContain('nothing says which root')
      expect(status).toBe(1)
    } finally {
      own.certificate = theirs
    }
  })
})

describe('a hostile or broken engine', () => {
  const answers = (asked: RegExp, data: unknown): void => {
    engine.script = (call) =>
      asked.test(`${call.method} ${call.path}`) ? { status: 200, body: { data } } : undefined
  }
  test.each<[string, RegExp, unknown, RegExp]>([
    [
      'serial numbers that are none',
      /^LIST .*certs$/,
      { keys: ['aa:bb', '../x\u001b[2J'] },
      /entry 2 is "\.\.\/x\\u001b\[2J"/,
    ],
    ['a list that is none', /^LIST .*certs$/, { keys: 'aa' }, /is not a list of an engine/],
    [
      'issuers that are paths',
      /^LIST .*issuers$/,
      { keys: ['../../sys/seal'] },
      /it names "\.\.\/\.\.\/sys\/seal"/,
    ],
  ])('%s: refused with the place, and nothing is written', async (_, asked, data, message) => {
    withRoot()
    answers(asked, data)
    const { stderr, status } = await run(second, 'adopt root --engine')
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain('\u001b[2J')
    expect(status).toBe(3)
    expect(fs.existsSync(path.join(second, 'pki'))).toBe(false)
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'PEM that is not a certificate',
      () => ({ certificate: '-----BEGIN\u001b[2J' }),
      /it is not one certificate/,
    ],
    [
      'another certificate',
      () => ({ certificate: engine.signed[0] }),
      /it is another certificate, with the serial number/,
    ],
    ['a date that is none', () => ({ certificate: undefined, revocation_time: 'now' }), /left out/],
  ])('%s: left out with its place, and the others come', async (_, answer, message) => {
    withRoot()
    const last = parseCertificates(engine.signed.at(-1)!)[0]!.serial
    answers(new RegExp(`^GET .*cert/${last.replace(/(..)(?=.)/g, '$1:')}$`), answer())
    const { stdout, status } = await run(second, 'adopt root --engine')
    expect(stdout).toMatch(message)
    expect(stdout).toContain(`pki/nomad/cert/${last.slice(0, 2)}:`)
    expect(stdout).not.toContain('\u001b')
    expect(status).toBe(0)
    expect(ledger(second)).not.toContain(last)
  })
})

/** The agent of a client presented a certificate, as `probe` notes it. */
async function see(place: string, name: string, pem: string): Promise<void> {
  const store = directoryStore(path.join(place, 'pki'))
  const lock = await store.lock({ command: 'probe' })
  const batch = store.batch()
  const address = `identity/client/us-west/${name}`
  batch.record({
    ...{ event: 'observed', address, at: now, run: now, asked: address, generation: null },
    ...{ endpoint: `10.0.0.${name.slice(1)}:4646`, rpc: false, trusts: ['authority/agent/1'] },
    fingerprint: fingerprintOf(parseCertificates(pem)[0]!),
  })
  await batch.commit()
  await lock.release()
}

describe('two administrators, one engine', () => {
  test('the second makes nothing for an agent that was seen with a certificate of the first', async () => {
    await run(second, `adopt ${withRoot()} --engine`)
    const before = engine.signed.length
    await see(second, 'c1', leafOf(first, 'client/us-west/c1'))
    // Its names do not tell whose it is; its agent does.
    await see(second, 'c3', leafOf(first, 'client/us-west/c3'))
    const again = await run(second, 'adopt root --engine')
    expect(again.stdout).toMatch(/^\+ identity\/client\/us-west\/c3$/m)
    expect(again.stdout).toContain('its agent was seen with it')
    const { stdout } = await run(second, 'plan')
    expect(stdout).not.toMatch(/client\/us-west\/c[13] +(renew|create)/)
    expect(stdout).toMatch(/client\/us-west\/c2 +create/)
    expect((await run(second, 'status')).stdout).toMatch(/client\/us-west\/c1 .* good/)
    await run(second, 'apply --yes')
    // Those of s1 and c2 alone.
    expect(engine.signed).toHaveLength(before + 2)
    const verified = await run(second, 'verify --long')
    expect(verified.stdout).toMatch(/c1.*was made elsewhere, its agent has it/)
    expect(verified.status).toBe(0)
  })

  test('the first learns what the second made; what is not in use takes no place', async () => {
    await run(second, `adopt ${withRoot()} --engine`)
    await run(second, 'apply --yes')
    const own = leafOf(first, 'client/us-west/c1')
    const theirs = leafOf(second, 'client/us-west/c1')
    expect(theirs).not.toBe(own)
    const unseen = await run(first, 'adopt --engine')
    expect(unseen.stdout).toContain('its agent was not seen with this one')
    expect(unseen.stdout).not.toContain('identity/client/us-west/c1\n')
    expect(leafOf(first, 'client/us-west/c1')).toBe(own)
    expect((await run(first, 'plan')).status).toBe(0)

    await see(first, 'c1', theirs)
    const seen = await run(first, 'adopt --engine')
    expect(seen.stdout).toMatch(/^\+ identity\/client\/us-west\/c1 {2}generation 2$/m)
    expect(leafOf(first, 'client/us-west/c1')).toBe(theirs)
    // The first goes on: nothing is made for it, and its own certificates stay.
    const plan = await run(first, 'plan')
    expect(plan.stdout).not.toMatch(/c1 +renew/)
    expect(fs.readdirSync(path.join(first, 'pki/identity/client/us-west/c1'))).toHaveLength(3)
  })
})

test('a spec without an engine is told so', async () => {
  fs.writeFileSync(
    path.join(second, 'cluster.yaml'),
    'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n',
  )
  const { stderr, status } = await run(second, 'adopt --engine')
  expect(stderr).toContain('has no authority in Vault or OpenBao')
  expect(status).toBe(64)
})
