/**
 * The one judgement, as a table, and against a small model over random histories.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgeAll } from '../../src/evidence/judge.js'
import type { Judgement } from '../../src/evidence/judgement.js'
import { proofsIn } from '../../src/evidence/proven.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { ledgerWith, told } from '../ledger.js'
import { seed } from '../seed.js'

const hour = 3_600_000
const day = 24 * hour
const s1 = 'identity/server/global/s1'
const [root1, root2] = ['authority/agent/1', 'authority/agent/2']
type Detail = Record<string, string | number | boolean | null | readonly string[]>

/** Lines of a ledger, an hour apart. */
class History {
  readonly events: LedgerEvent[] = []
  now = 1000 * day

  add(event: string, detail: Detail = {}, address = s1): this {
    this.now += hour
    this.events.push(told(event, address, this.now, detail))
    return this
  }

  make(number: number, trusted: readonly string[], more: Detail = {}): this {
    const fingerprint = `leaf${number}`
    const notAfter = this.now + 90 * day
    return this.add('issued', {
      ...{ generation: number, serial: '0a', fingerprint, notAfter },
      ...{ issuer: trusted.at(-1)!, trusted },
      ...more,
    })
  }

  /** Both ports show it, in one probe. */
  see(leaf: string, trusts: readonly string[] | null, more: Detail = {}, host = '10.0.0.1'): this {
    this.now += hour
    for (const rpc of [false, true]) {
      this.events.push({
        ...{ event: 'observed', address: s1, at: this.now, run: this.now, rpc },
        ...{ endpoint: `${host}:464${rpc ? 7 : 6}`, fingerprint: leaf, generation: null, trusts },
        ...more,
      })
    }
    return this
  }

  silent(host = '10.0.0.1'): this {
    this.now += hour
    for (const rpc of [false, true]) {
      const endpoint = `${host}:464${rpc ? 7 : 6}`
      const message = 'nothing listens there'
      this.events.push({
        ...{ event: 'silent', address: s1, at: this.now, run: this.now, rpc, endpoint, message },
      })
    }
    return this
  }

  receipt(number: number): this {
    return this.add('received', { generation: number, fingerprint: `leaf${number}`, archive: null })
  }

  later(milliseconds: number): this {
    this.now += milliseconds
    return this
  }

  inventory(): Inventory {
    const ledger = ledgerWith(this.events)
    return { ledger, authorities: new Map(), identities: new Map() } as unknown as Inventory
  }

  judged(): Judgement {
    return judgeAll(this.inventory(), { now: this.now }).get(s1)!
  }
}

const made = (): History => new History().make(1, [root1])
const rotated = (): History => made().make(2, [root1, root2])
const compromised = (): History => rotated().make(3, [root2]).add('compromised', {}, root1)

describe('the judgement', () => {
  test.each<[string, History, string, RegExp]>([
    ['never seen', made(), 'unknown', /never seen/],
    ['seen whole', made().see('leaf1', [root1]), 'proven', /generation 1/],
    ['an older leaf', rotated().see('leaf1', [root1]), 'lagging', /presents generation 1, not 2/],
    [
      'the newest leaf, old trust',
      rotated().see('leaf2', [root1]),
      'lagging',
      /does not trust .*2/,
    ],
    [
      'a root left, and is trusted still',
      rotated().make(3, [root2]).see('leaf3', [root1, root2]),
      'lagging',
      /still trusts authority\/agent\/1/,
    ],
    ['a rogue root', made().see('leaf1', [root1, 'CN=Rogue']), 'foreign', /also trusts CN=Rogue/],
    [
      'a root of ours that it never had',
      made().see('leaf1', [root1, root2]),
      'foreign',
      /also trusts/,
    ],
    ['a leaf of nobody', made().see('other', [root1]), 'foreign', /the ledger does not have/],
    [
      'the leaf has ended',
      made()
        .see('leaf1', [root1])
        .later(91 * day),
      'expired',
      /expired on/,
    ],
    [
      'the leaf begins tomorrow',
      new History().make(1, [root1], { notBefore: 1002 * day }).see('leaf1', [root1]),
      'lagging',
      /begins only on/,
    ],
    [
      'silence after a sighting',
      made().see('leaf1', [root1]).silent(),
      'silent',
      /nothing listens/,
    ],
    [
      'it answers again',
      made().see('leaf1', [root1]).silent().see('leaf1', [root1]),
      'proven',
      /1/,
    ],
    [
      'it moved: the old address counts no more',
      rotated().see('leaf1', [root1]).see('leaf2', [root1, root2], {}, '10.0.0.9'),
      'proven',
      /generation 2/,
    ],
    [
      'a mistyped address was asked once',
      made().silent('10.9.9.9').see('leaf1', [root1]),
      'proven',
      /generation 1/,
    ],
    ['its trust cannot be seen', rotated().see('leaf2', null), 'unobservable', /receipt/],
    ['and a receipt says it', rotated().receipt(2).see('leaf2', null), 'proven', /by the receipt/],
    ['a receipt alone', rotated().receipt(2), 'proven', /not seen since/],
    [
      'seen, then its receipt: the order in which a rollout proves it',
      rotated().see('leaf2', [root1, root2]).receipt(2),
      'proven',
      /^generation 2$/,
    ],
    [
      'seen with trust that nobody can see, then a receipt',
      rotated().see('leaf2', null).receipt(2),
      'proven',
      /not seen since/,
    ],
    [
      'seen, then another generation, and back',
      rotated().see('leaf2', [root1, root2]).receipt(1).receipt(2),
      'proven',
      /not seen since/,
    ],
    [
      'seen long ago, and a receipt of today',
      rotated()
        .see('leaf2', [root1, root2])
        .later(2 * day)
        .receipt(2),
      'proven',
      /not seen since/,
    ],
    ['a receipt, then silence', rotated().receipt(2).silent(), 'silent', /nothing listens/],
    [
      'a certificate of the newest root was refused, whatever its name says',
      rotated().see('leaf2', [root1, root2], { refuses: [root2] }),
      'lagging',
      /does not trust authority\/agent\/2/,
    ],
    [
      'a certificate of a root that left was taken',
      rotated()
        .make(3, [root2])
        .see('leaf3', [root2], { accepts: [root1] }),
      'lagging',
      /still trusts authority\/agent\/1/,
    ],
    [
      'a compromised root that it was not seen to refuse',
      rotated().make(3, [root2]).add('compromised', {}, root1).see('leaf3', [root2]),
      'unobservable',
      /not seen to refuse/,
    ],
    [
      'and that it refused once, before a handshake that offers nothing',
      rotated()
        .make(3, [root2])
        .add('compromised', {}, root1)
        .see('leaf3', [root2], { refuses: [root1] })
        .see('leaf3', [root2]),
      'proven',
      /generation 3/,
    ],
    [
      'and that a later handshake named: a refusal of before counts no more',
      compromised()
        .see('leaf3', [root2], { refuses: [root1] })
        .see('leaf1', [root1])
        .see('leaf3', [root2]),
      'unobservable',
      /not seen to refuse/,
    ],
    [
      'and after its gate has closed the name tells: nothing is kept that could be offered',
      compromised()
        .see('leaf3', [root2], { refuses: [root1] })
        .add('probe-ended', { gate: 'closed' }, root1)
        .see('leaf1', [root1])
        .see('leaf3', [root2]),
      'proven',
      /generation 3/,
    ],
    [
      'its leaf ended before its gate closed',
      compromised().add('probe-ended', {}, root1).see('leaf3', [root2]),
      'unobservable',
      /not seen to refuse/,
    ],
    [
      'what was seen before its gate closed',
      compromised().see('leaf3', [root2]).add('probe-ended', { gate: 'closed' }, root1),
      'unobservable',
      /not seen to refuse/,
    ],
    [
      'reinstated, and compromised again',
      compromised()
        .see('leaf3', [root2], { refuses: [root1] })
        .add('probe-ended', { gate: 'closed' }, root1)
        .add('override', { code: 'reinstate', value: root1, reason: 'a drill' }, 'store')
        .add('compromised', {}, root1)
        .see('leaf1', [root1])
        .see('leaf3', [root2]),
      'unobservable',
      /not seen to refuse/,
    ],
    [
      'reinstated: nothing must be refused',
      rotated()
        .make(3, [root2])
        .add('compromised', {}, root1)
        .add('override', { code: 'reinstate', value: root1, reason: 'a drill' }, 'store')
        .see('leaf3', [root2]),
      'proven',
      /generation 3/,
    ],
    [
      'somebody answers for it',
      rotated().silent().add('excepted', { authority: root2, reason: 'it burned down' }),
      'excepted',
      /^it burned down \(nothing listens there\)$/,
    ],
    [
      'in another rotation',
      rotated().silent().add('excepted', { authority: root1, reason: 'it burned down' }),
      'silent',
      /nothing/,
    ],
  ])('%s', (_, history, state, message) => {
    const judged = history.judged()
    expect([judged.state, judged.message]).toEqual([state, expect.stringMatching(message)])
  })

  test('what its newest generation would not cure is held back from delivery', () => {
    const copy = { under: root1, serial: '0a' }
    const held = (history: History): boolean => history.judged().held === true
    expect(held(made().see('leaf0', [root1]))).toBe(false)
    expect(held(made().see('leaf0', ['CN=another authority']))).toBe(true)
    const copied = (): History => made().see('leaf0', [root1], copy)
    expect(held(copied())).toBe(true)
    const answered = copied().add(
      'override',
      { code: 'copy', value: 'x', reason: 'a drill' },
      'store',
    )
    expect(held(answered)).toBe(true)
    expect(answered.judged().remedy).toMatch(/^nomad-pki rotate leaves /)
    expect(held(answered.make(2, [root1]))).toBe(false)
  })

  test('evidence of the future says nothing, and spoils nothing that comes before it', () => {
    const history = rotated().see('leaf2', [root1, root2])
    const { now } = history
    history.later(2 * day).see('leaf1', [root1])
    history.now = now
    expect(history.judged().state).toBe('proven')
  })

  test('over random histories it says what a small model says, and status agrees', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('make' as const), drop: fc.boolean() }),
      fc.record({ do: fc.constant('see' as const), back: fc.nat(2), rogue: fc.boolean() }),
      fc.record({ do: fc.constant('silent' as const) }),
      fc.record({ do: fc.constant('receipt' as const), back: fc.nat(2) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const history = made()
        const trusts: string[][] = [[root1]]
        // The model: what was said last of the agent, and nothing else.
        let last = 'unknown'
        const stale = (): void => {
          if (last === 'proven') last = 'lagging'
        }
        for (const one of steps) {
          const number = Math.max(1, trusts.length - ('back' in one ? one.back : 0))
          const trusted = trusts[number - 1]!
          const state = number === trusts.length ? 'proven' : 'lagging'
          if (one.do === 'make') {
            trusts.push(one.drop ? [root2] : [root1, root2])
            history.make(trusts.length, trusts.at(-1)!)
            stale()
          } else if (one.do === 'see') {
            history.see(`leaf${number}`, one.rogue ? [...trusted, 'CN=Rogue'] : trusted)
            last = one.rogue ? 'foreign' : state
          } else if (one.do === 'silent') {
            history.silent()
            last = 'silent'
          } else {
            history.receipt(number)
            last = state
          }
        }
        const judged = history.judged()
        expect(judged.state).toBe(last)
        const proof = proofsIn(history.inventory(), { now: history.now }).get(s1)!
        expect(proof.state === 'proven').toBe(last === 'proven')
      }),
      { seed, numRuns: 400 },
    )
  })
})
