import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { proofsIn, type Proof } from '../../src/evidence/proven.js'
import { seed } from '../seed.js'
import { ledgerWith, told } from '../ledger.js'

const hour = 3_600_000
const day = 24 * hour
const s1 = 'identity/client/global/c1'
const shared = 'identity/client/global/shared'
const [root1, root2] = ['authority/agent/1', 'authority/agent/2']

/** A ledger by verbs; each line is an hour after the one before. */
class Story {
  readonly #events: LedgerEvent[] = []
  readonly address: string
  readonly authorities = new Map<string, unknown>()
  now = 0

  constructor(address: string = s1) {
    this.address = address
  }

  #tell(event: string, more: Record<string, string | number | null | boolean | string[]>): this {
    this.now += hour
    this.#events.push(told(event, this.address, this.now, more))
    return this
  }

  made(generation: number, leaf = `leaf${generation}`, trusted: string[] = [root1]): this {
    const known = this.#events.find((one) => one.event === 'issued' && one.fingerprint === leaf)
    return this.#tell(known === undefined ? 'issued' : 'refreshed', {
      generation,
      serial: '0a',
      fingerprint: leaf,
      notAfter: known?.event === 'issued' ? known.notAfter : this.now + 90 * day,
      issuer: root1,
      trusted,
    })
  }

  /** Another agent answers where this one did. */
  other(endpoint = '10.0.0.1:4646'): this {
    this.now += hour
    const seen = { fingerprint: 'other', generation: 1, endpoint, rpc: false, trusts: null }
    this.#events.push({ event: 'observed', address: `${s1}0`, at: this.now, ...seen })
    return this
  }

  saw(leaf: string, trusts: string[] | null = null, endpoint = '10.0.0.1:4646'): this {
    return this.#tell('observed', {
      fingerprint: leaf,
      generation: null,
      endpoint,
      rpc: false,
      trusts,
    })
  }

  got(generation: number, leaf = `leaf${generation}`, host: string | null = null): this {
    return this.#tell('received', { generation, fingerprint: leaf, archive: null, host })
  }

  later(milliseconds: number): this {
    this.now += milliseconds
    return this
  }

  proof(now: number = this.now): Proof | undefined {
    const ledger = ledgerWith(this.#events)
    return proofsIn({ ledger, authorities: this.authorities } as unknown as Inventory, { now }).get(
      this.address,
    )
  }

  /** `undelivered 3, counts 2, proven 2` */
  get said(): string {
    const proof = this.proof()
    if (proof === undefined) return 'nothing'
    const { state, newest, counted, proven, foreign } = proof
    return `${state} ${newest.number}, counts ${counted.number}, proven ${proven?.number ?? '-'}${foreign ? ', foreign' : ''}`
  }
}

describe('the generation last proven', () => {
  test.each<[what: string, story: Story, said: string]>([
    ['nothing was made', new Story(), 'nothing'],
    ['one was made and nobody was asked', new Story().made(1), 'unproven 1, counts 1, proven -'],
    [
      'two were made and nobody was asked',
      new Story().made(1).made(2),
      'undelivered 2, counts 1, proven -',
    ],
    [
      'three were made and nobody was asked: the oldest may run',
      new Story().made(1).made(2).made(3),
      'undelivered 3, counts 1, proven -',
    ],
    [
      'nobody was asked, and what came before has ended',
      new Story()
        .made(1)
        .later(60 * day)
        .made(2)
        .later(31 * day),
      'unproven 2, counts 2, proven -',
    ],
    ['it was seen', new Story().made(1).saw('leaf1'), 'proven 1, counts 1, proven 1'],
    ['its installer says so', new Story().made(1).got(1), 'proven 1, counts 1, proven 1'],
    [
      'a newer one was made',
      new Story().made(1).saw('leaf1').made(2),
      'undelivered 2, counts 1, proven 1',
    ],
    [
      'and delivered',
      new Story().made(1).saw('leaf1').made(2).got(2),
      'proven 2, counts 2, proven 2',
    ],
    [
      'and seen',
      new Story().made(1).saw('leaf1').made(2).saw('leaf2'),
      'proven 2, counts 2, proven 2',
    ],
    [
      'delivered, and the reload failed',
      new Story().made(1).made(2).got(2).saw('leaf1'),
      'undelivered 2, counts 1, proven 1',
    ],
    [
      'delivered after it was seen without',
      new Story().made(1).made(2).saw('leaf1').got(2),
      'proven 2, counts 2, proven 2',
    ],
    [
      'it went back',
      new Story().made(1).made(2).got(2).got(1),
      'undelivered 2, counts 1, proven 1',
    ],
    [
      'it was seen to have gone back',
      new Story().made(1).made(2).saw('leaf2').saw('leaf1'),
      'undelivered 2, counts 1, proven 1',
    ],
    [
      'one was passed over',
      new Story().made(1).got(1).made(2).made(3).saw('leaf3'),
      'proven 3, counts 3, proven 3',
    ],
    [
      'a receipt of what was never made',
      new Story().made(1).got(1, 'other'),
      'undelivered 1, counts 1, proven -, foreign',
    ],
    [
      'a leaf of somebody else',
      new Story().made(1).saw('other'),
      'undelivered 1, counts 1, proven -, foreign',
    ],
    [
      'a leaf of somebody else, and later its own',
      new Story().made(1).saw('other').saw('leaf1'),
      'proven 1, counts 1, proven 1',
    ],
  ])('%s', (_what, story, said) => {
    expect(story.said).toBe(said)
  })

  test.each<[what: string, story: Story, said: string]>([
    [
      'a refresh that nobody saw',
      new Story().made(1).saw('leaf1', [root1]).made(2, 'leaf1', [root1, root2]),
      'undelivered 2, counts 1, proven 1',
    ],
    [
      'the old trust is still named',
      new Story().made(1).made(2, 'leaf1', [root1, root2]).saw('leaf1', [root1]),
      'undelivered 2, counts 1, proven 1',
    ],
    [
      'the new trust is named',
      new Story().made(1).made(2, 'leaf1', [root1, root2]).saw('leaf1', [root2, root1]),
      'proven 2, counts 2, proven 2',
    ],
    [
      'a root left, and is still named',
      new Story()
        .made(1, 'leaf1', [root1, root2])
        .made(2, 'leaf1', [root2])
        .saw('leaf1', [root1, root2]),
      'undelivered 2, counts 1, proven 1',
    ],
    [
      'a root left, and a stranger is trusted beside',
      new Story()
        .made(1, 'leaf1', [root1, root2])
        .made(2, 'leaf1', [root2])
        .saw('leaf1', [root2, 'CN=Consul']),
      'undelivered 2, counts 2, proven 2, foreign',
    ],
    [
      'it asks for nothing: its receipt says it',
      new Story().made(1).made(2, 'leaf1', [root2]).got(2, 'leaf1').saw('leaf1'),
      'proven 2, counts 2, proven 2',
    ],
    [
      'it asks for nothing, and there is no receipt',
      new Story().made(1).made(2, 'leaf1', [root2]).saw('leaf1'),
      'undelivered 2, counts 1, proven 1',
    ],
    [
      'a receipt of the one before, and it asks for nothing',
      new Story().made(1).got(1).made(2, 'leaf1', [root2]).saw('leaf1'),
      'undelivered 2, counts 1, proven 1',
    ],
  ])('of one leaf: %s', (_what, story, said) => {
    expect(story.said).toBe(said)
  })

  test('of one leaf: a port that asks for nothing says nothing, where another says it', () => {
    const story = new Story().made(1).made(2, 'leaf1', [root2])
    story
      .saw('leaf1', [root2], '10.0.0.1:4647')
      .later(-hour + 1000)
      .saw('leaf1', null)
    expect(story.said).toBe('proven 2, counts 2, proven 2')
  })

  test('of one leaf with the same trust, another chain behind it: the newest that it can be', () => {
    expect(new Story().made(1).made(2, 'leaf1').saw('leaf1').said).toBe(
      'proven 2, counts 2, proven 2',
    )
    expect(new Story().made(1).saw('leaf1').made(2, 'leaf1').said).toBe(
      'undelivered 2, counts 1, proven 1',
    )
  })

  test('a name that two generations of the root have shows nobody', () => {
    const story = new Story().made(1).made(2, 'leaf1', [root1, root2])
    const subject = {
      attributes: [{ type: 'CN', value: 'acme CA', rdn: 0 }],
      der: new Uint8Array(),
    }
    for (const root of [root1, root2])
      story.authorities.set(root, {
        certificate: { subject, issuer: subject, publicKey: { spki: Buffer.from(root) } },
        crossed: new Map(),
      })
    expect(story.saw('leaf1', ['CN=acme CA']).said).toBe('undelivered 2, counts 1, proven 1')
    expect(story.got(2, 'leaf1').saw('leaf1', ['CN=acme CA']).said).toBe(
      'unobservable 2, counts 2, proven 2',
    )
  })

  test('two ports that were asked in one go: the one that lags counts', () => {
    const story = new Story()
      .made(1)
      .made(2)
      .saw('leaf1', null, '10.0.0.1:4647')
      .later(-hour + 1000)
      .saw('leaf2')
    expect(story.said).toBe('undelivered 2, counts 1, proven 1')
    expect(story.saw('leaf2', null, '10.0.0.1:4647').said).toBe('proven 2, counts 2, proven 2')
  })

  test('an endpoint that was left holds nobody for ever', () => {
    const story = new Story().made(1).made(2).saw('leaf1', null, '10.0.0.1:4646')
    expect(story.later(day).saw('leaf2', null, '10.0.0.9:4646').said).toBe(
      'proven 2, counts 2, proven 2',
    )
  })

  test('many hosts with one leaf: each that was ever seen counts', () => {
    const story = new Story(shared)
      .made(1)
      .saw('leaf1', null, 'a:4646')
      .saw('leaf1', null, 'b:4646')
    story.made(2).saw('leaf2', null, 'a:4646').later(day)
    expect(story.said).toBe('undelivered 2, counts 1, proven 1')
    expect(story.saw('leaf2', null, 'b:4646').said).toBe('proven 2, counts 2, proven 2')
    const receipts = new Story(shared).made(1).got(1, 'leaf1', 'a').got(1, 'leaf1', 'b').made(2)
    expect(receipts.got(2, 'leaf2', 'a').said).toBe('undelivered 2, counts 1, proven 1')
    expect(receipts.got(2, 'leaf2', 'b').said).toBe('proven 2, counts 2, proven 2')
  })

  test('where another agent answers by now, this one is proven no more', () => {
    expect(new Story().made(1).saw('leaf1').other().said).toBe('unproven 1, counts 1, proven -')
    expect(new Story().made(1).saw('leaf1').made(2).saw('leaf2').other().said).toBe(
      'undelivered 2, counts 1, proven -',
    )
    expect(new Story().made(1).saw('leaf1').other('10.0.0.2:4646').said).toBe(
      'proven 1, counts 1, proven 1',
    )
    expect(new Story().made(1).got(1).saw('leaf1').other().said).toBe(
      'proven 1, counts 1, proven 1',
    )
  })

  test("people's certificates are proven by nobody", () => {
    expect(new Story('identity/operator/global/alice').made(1).made(2).said).toBe('nothing')
  })

  test('what counts was made, and is never newer than the newest; seeing the newest settles it', () => {
    const verb = fc.oneof(
      fc.record({ do: fc.constant('make' as const), refresh: fc.boolean() }),
      fc.record({ do: fc.constant('see' as const), leaf: fc.nat(6), port: fc.nat(2) }),
      fc.record({ do: fc.constant('get' as const), leaf: fc.nat(6) }),
    )
    fc.assert(
      fc.property(fc.array(verb, { maxLength: 12 }), fc.boolean(), (verbs, many) => {
        const story = new Story(many ? shared : s1).made(1, 'leaf1')
        const leaves = ['leaf1']
        for (const one of verbs) {
          if (one.do === 'make') {
            leaves.push(one.refresh ? leaves.at(-1)! : `leaf${leaves.length + 1}`)
            story.made(leaves.length, leaves.at(-1))
          } else if (one.do === 'see') story.saw(`leaf${one.leaf}`, [root1], `host:${one.port}`)
          else story.got(one.leaf, `leaf${one.leaf}`, 'h')
        }
        const proof = story.proof()!
        expect(proof.newest.number).toBe(leaves.length)
        expect(leaves[proof.counted.number - 1]).toBe(proof.counted.fingerprint)
        expect(proof.state === 'proven').toBe(proof.proven?.number === proof.newest.number)
        for (const port of [0, 1, 2]) story.saw(leaves.at(-1)!, [root1], `host:${port}`)
        story.got(leaves.length, leaves.at(-1), 'h')
        expect(story.proof()!.state).toBe('proven')
      }),
      { seed },
    )
  })
})
