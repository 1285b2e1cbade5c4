/** What a recovery finds, what the spec must say before, and that the plan then makes it. */

import fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseSpec } from '../../src/cluster/parse.js'
import { editAuthorities } from '../../src/cluster/edit-authority.js'
import { generationsIn } from '../../src/evidence/generations.js'
import type { AgentVerdict } from '../../src/evidence/judge-agents.js'
import { agentsOf, recoveryOf, type Recovery } from '../../src/rotation/recovery.js'
import { day, World } from '../world.js'

const text = (more = 'agent: { lifetime: 400d }', of = ''): string => `version: 1
cluster: acme
authorities:
  ${more}
defaults: { lifetime: 30d, renewBefore: 10d }
regions:
  global:
    servers: { "s[1-3]": {} }
    clients: { c1: {}, c2: {} }
${of}`

/** The same below an intermediate; the lifetimes of both. */
const withIntermediate = (root: string, below: string): string => `version: 1
cluster: acme
authorities:
  agent: { lifetime: ${root} }
  below: { issuer: agent, lifetime: ${below} }
defaults: { lifetime: 20d, renewBefore: 5d }
regions:
  global:
    authority: below
    servers: { "s[1-3]": {} }
    clients: { c1: {}, c2: {} }
`

const names = [
  'server/global/s1',
  'server/global/s2',
  'server/global/s3',
  'client/global/c1',
  'client/global/c2',
]

/** A cluster whose spec is edited as a recovery says. */
class Ill extends World {
  spec: string

  constructor(spec = text()) {
    super(spec)
    this.spec = spec
  }

  /** What a probe sees: each agent presents a generation (from 1); 0 is silence, -1 a leaf that nobody knows. */
  async recovery(presents: readonly number[]): Promise<Recovery> {
    const inventory = await this.inventory()
    const made = generationsIn(inventory)
    const verdicts = names.slice(0, presents.length).map((name, at): AgentVerdict => {
      const address = `identity/${name}`
      const one = made.get(address)?.[presents[at]! - 1]
      const seen = {
        ...{ address, asked: address, at: this.now, endpoint: `${at}:4646`, rpc: false },
        ...{
          generation: one?.number ?? null,
          fingerprint: one?.fingerprint ?? 'f'.repeat(64),
          trusts: null,
        },
      }
      const base = {
        address,
        state: 'lagging',
        generation: null,
        newest: null,
        message: '',
      } as const
      return presents[at] === 0
        ? { ...base, state: 'silent', seen: [], silent: [] }
        : { ...base, seen: [seen], silent: [] }
    })
    const { spec } = parseSpec(this.spec)
    return recoveryOf({ spec: spec!, desired: this.desired, inventory, verdicts, now: this.now })
  }

  take({ edits }: Recovery): void {
    const made = editAuthorities(this.spec, edits)
    expect(made.diagnostics).toEqual([])
    this.edit(this.spec, made.text)
    this.spec = made.text
  }

  async errors(): Promise<readonly string[]> {
    const { findings } = await this.plan()
    return findings.filter(({ severity }) => severity === 'error').map(({ message }) => message)
  }

  /** Every agent presents what was made last, and the ledger has it. */
  async see(): Promise<void> {
    const made = generationsIn(await this.inventory())
    const { store } = this
    const lock = await store.lock()
    const batch = store.batch()
    for (const [at, name] of names.entries()) {
      const { number, fingerprint, trusted } = made.get(`identity/${name}`)!.at(-1)!
      batch.record({
        ...{ event: 'observed', address: `identity/${name}`, at: this.now, run: this.now },
        ...{ endpoint: `10.0.0.${at}:4646`, rpc: false, fingerprint, generation: number },
        trusts: trusted ?? null,
      })
    }
    await batch.commit()
    await lock.release()
  }

  loseKey(): void {
    fs.rmSync(this.path('authority/agent/1/ca-key.pem'))
  }
}

const lives = (recovery: Recovery): string =>
  agentsOf(recovery)
    .map(({ life }) => life[0])
    .join('')

describe('what has ended', () => {
  test.each([
    ['all', [1, 1, 1, 1, 1], 'eeeee', true],
    ['silent agents have nothing that lives either', [0, 0, 0, 0, 0], 'eeeee', true],
    ['two servers of three', [1, 1, 2, 2, 2], 'eelll', true],
    ['one server of three', [1, 2, 2, 2, 2], 'ellll', false],
    ['clients alone', [2, 2, 2, 1, 1], 'lllee', false],
    ['a silent agent may have loaded what lives', [0, 2, 2, 2, 2], 'ullll', false],
    ['a server that may be gone is not counted on', [0, 1, 2, 2, 2], 'uelll', true],
    ['a leaf that nobody knows is not called ended', [-1, -1, -1, -1, -1], 'lllll', false],
  ])('%s', async (_, presents, said, lost) => {
    const ill = new Ill()
    await ill.apply()
    ill.later(31 * day)
    if (presents.includes(2)) await ill.apply()
    const recovery = await ill.recovery(presents)
    expect(lives(recovery)).toBe(said)
    expect(recovery.regions).toMatchObject([{ region: 'global', quorumLost: lost }])
    expect(recovery.faults).toEqual([])
    expect(recovery.edits).toEqual([])
  })

  test('a leaf that outlives its root has ended with it', async () => {
    const ill = new Ill(
      text('agent: { lifetime: 20d }').replace('30d, renewBefore: 10d', '20d, renewBefore: 5d'),
    )
    await ill.apply()
    ill.later(20 * day + 1000)
    expect(lives(await ill.recovery([1, 1, 1, 1, 1]))).toBe('eeeee')
  })
})

describe('the root cannot sign', () => {
  test('it has ended: another one, trusted alone, and the plan makes it', async () => {
    const ill = new Ill(text('agent: { lifetime: 30d }'))
    await ill.apply()
    ill.later(31 * day)
    const recovery = await ill.recovery([1, 1, 1, 1, 1])
    expect(recovery.faults).toMatchObject([
      { address: 'authority/agent/1', fault: 'ended', holds: [] },
    ])
    expect(recovery.edits).toEqual([{ name: 'agent', signing: 2, trusted: [2] }])
    ill.take(recovery)
    expect(await ill.errors()).toEqual([])
    await ill.apply()
    // Brought or not: nothing has to be made again.
    const after = await ill.recovery([1, 1, 1, 1, 1])
    expect({ faults: after.faults, edits: after.edits }).toEqual({ faults: [], edits: [] })
    expect(await ill.steps()).toEqual([])
  })

  test('its key is lost, and all below it has ended: the same', async () => {
    const ill = new Ill()
    await ill.apply()
    ill.loseKey()
    ill.later(31 * day)
    const recovery = await ill.recovery([1, 1, 1, 1, 1])
    expect(recovery.faults).toMatchObject([{ fault: 'key-lost', holds: [] }])
    ill.take(recovery)
    expect(await ill.errors()).toEqual([])
    await ill.apply()
    expect(await ill.steps()).toEqual([])
    const { trusted } = generationsIn(await ill.inventory())
      .get('identity/server/global/s1')!
      .at(-1)!
    expect(trusted).toEqual(['authority/agent/2'])
  })

  test('its key is lost, and an agent may live by it: that agent is named', async () => {
    const ill = new Ill()
    await ill.apply()
    ill.later(25 * day)
    // c1 alone is renewed, and then the key is lost.
    await ill.apply({ renew: ['identity/client/global/c1'], only: ['identity/client/global/c1'] })
    ill.loseKey()
    ill.later(6 * day)
    const { faults } = await ill.recovery([1, 1, 1, 2, 1])
    expect(faults[0]!.holds.map(({ address }) => address)).toEqual(['identity/client/global/c1'])
    // The gate of the plan says the same, whoever edits the spec.
    ill.edit('lifetime: 400d', 'lifetime: 400d, signing: 2, trusted: [2]')
    const said = await ill.plan()
    expect(said.findings.some(({ reason }) => reason === 'trust-needed')).toBe(true)
  })

  test('an intermediate goes with its root, and numbers only rise', async () => {
    const ill = new Ill(withIntermediate('30d', '25d'))
    await ill.apply()
    ill.later(26 * day)
    const below = await ill.recovery([1, 1, 1, 1, 1])
    expect(below.edits).toEqual([{ name: 'below', signing: 2 }])
    ill.later(5 * day)
    const both = await ill.recovery([1, 1, 1, 1, 1])
    expect(both.edits).toEqual([
      { name: 'agent', signing: 2, trusted: [2] },
      { name: 'below', signing: 2 },
    ])
    ill.take(both)
    expect(await ill.errors()).toEqual([])
    await ill.apply()
    expect(await ill.steps()).toEqual([])
  })

  test('the key of a root is not needed where an intermediate can sign', async () => {
    const ill = new Ill(withIntermediate('400d', '300d'))
    await ill.apply()
    ill.loseKey()
    ill.later(26 * day)
    const { faults, edits } = await ill.recovery([1, 1, 1, 1, 1])
    expect({ faults, edits }).toEqual({ faults: [], edits: [] })
    expect(await ill.errors()).toEqual([])
    // Once the intermediate has ended as well, the root has to sign, and cannot.
    ill.later(275 * day)
    const both = await ill.recovery([1, 1, 1, 1, 1])
    expect(both.faults.map(({ address, fault }) => `${address} ${fault}`)).toEqual([
      'authority/agent/1 key-lost',
      'authority/below/1 ended',
    ])
  })

  test('a node that left the spec with a certificate that lives holds nothing', async () => {
    const ill = new Ill()
    await ill.apply()
    ill.later(25 * day)
    await ill.apply({ renew: ['identity/client/global/c2'], only: ['identity/client/global/c2'] })
    await ill.see()
    ill.loseKey()
    ill.later(6 * day)
    const without = ill.spec.replace(', c2: {}', '')
    ill.edit(ill.spec, without)
    ill.spec = without
    const recovery = await ill.recovery([1, 1, 1, 1])
    expect(recovery.faults).toMatchObject([{ fault: 'key-lost', holds: [] }])
    ill.take(recovery)
    expect(await ill.errors()).toEqual([])
    await ill.apply()
    expect(await ill.steps()).toEqual([])
  })

  test('a run that was killed after the first new certificate goes on', async () => {
    const ill = new Ill()
    await ill.apply()
    await ill.see()
    ill.loseKey()
    ill.later(31 * day)
    ill.take(await ill.recovery([1, 1, 1, 1, 1]))
    await ill.apply({ only: ['identity/server/global/s1'] })
    const { faults, edits } = await ill.recovery([1, 1, 1, 1, 1])
    expect({ faults, edits }).toEqual({ faults: [], edits: [] })
    expect(await ill.errors()).toEqual([])
    await ill.apply()
    expect(await ill.steps()).toEqual([])
  })

  test('certificates that live were made before the key was lost: they are only brought', async () => {
    const ill = new Ill()
    await ill.apply()
    ill.later(25 * day)
    await ill.apply()
    ill.loseKey()
    ill.later(6 * day)
    const recovery = await ill.recovery([1, 1, 1, 1, 1])
    expect(lives(recovery)).toBe('eeeee')
    expect(recovery.faults).toEqual([])
  })
})
