/** What another copy of a store made: whose key signed it, and when it counts. */

import { beforeAll, describe, expect, test } from 'vitest'
import {
  copiesIn,
  copiesText,
  copyFindings,
  ownSignerOf,
  type Copies,
} from '../../src/evidence/copies.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { World } from '../world.js'
import { ledgerWith, told } from '../ledger.js'
import { copyFolder } from '../copy-folder.js'

const root = 'authority/agent/1'
const s1 = 'identity/server/global/s1'

describe('whose key signed a chain', () => {
  let ours: Inventory
  let renewed: readonly Certificate[]
  let crossed: readonly Certificate[]
  let strange: readonly Certificate[]

  const chainOf = ({ identities }: Inventory): readonly Certificate[] =>
    identities.get(s1)!.current!.chain

  beforeAll(async () => {
    const world = new World()
    await world.apply()
    ours = await world.inventory()
    const copy = (): World => {
      const made = new World()
      copyFolder(world.folder, made.folder)
      return made
    }
    const going = copy()
    await going.apply({ renew: [s1] })
    renewed = chainOf(await going.inventory())
    const rotating = copy().edit(
      'agent: { lifetime: 10y }',
      'agent: { lifetime: 10y, signing: 2, trusted: [1, 2], crossed: true }',
    )
    await rotating.apply()
    crossed = chainOf(await rotating.inventory())
    const other = new World()
    await other.apply()
    strange = chainOf(await other.inventory())
  })

  const without = (event: string): Inventory => ({
    ...ours,
    ledger: { ...ours.ledger, events: ours.ledger.events.filter((one) => one.event !== event) },
  })

  test('a leaf that a copy renewed', () => {
    expect(ownSignerOf(renewed, ours)).toBe(root)
  })

  test('a leaf of a root that a copy made, and that our root certified', () => {
    expect(crossed).toHaveLength(2)
    expect(ownSignerOf(crossed, ours)).toBe(root)
    expect(ownSignerOf(crossed.slice(0, 1), ours)).toBeUndefined()
  })

  test('a leaf of another store', () => {
    expect(ownSignerOf(strange, ours)).toBeUndefined()
  })

  test('an authority that was put in by hand: others may have signed with it before', () => {
    expect(ownSignerOf(renewed, without('authority'))).toBeUndefined()
  })

  test('an authority that was adopted: the tool that made it signed with it before', () => {
    const adopted = ours.ledger.events.map((one) =>
      one.event === 'authority' ? { ...one, adopted: true } : one,
    )
    const inventory = { ...ours, ledger: { ...ours.ledger, events: adopted } }
    expect(ownSignerOf(renewed, inventory)).toBeUndefined()
  })

  test('an authority whose key is kept elsewhere', () => {
    const found = ours.authorities.get(root)!
    const keyless = { ...found, key: { state: 'absent' } } as const
    expect(
      ownSignerOf(renewed, { ...ours, authorities: new Map([[root, keyless]]) }),
    ).toBeUndefined()
  })

  test('a signature of another key under the name of our root', () => {
    const [leaf] = renewed
    const forged = { ...leaf!, signature: Buffer.from(leaf!.signature).reverse() }
    expect(ownSignerOf([forged], ours)).toBeUndefined()
  })

  test('an issuer between that is not an authority', () => {
    const [leaf, above] = crossed
    const plain = { ...above!, basicConstraints: { ca: false } }
    expect(ownSignerOf([leaf!, plain], ours)).toBeUndefined()
  })

  test.each([
    ['a web page', [['CN', 'www.example.com']]],
    ['an operator', [['CN', 'cli.global.nomad']]],
    [
      'a name with an organisation beside it',
      [
        ['CN', 'server.global.nomad'],
        ['O', 'acme'],
      ],
    ],
  ])('a name that is not of an agent of ours: %s', (_, names) => {
    const [leaf] = renewed
    const attributes = names.map(([type, value]) => ({ type: type!, value: value! }))
    const other = { ...leaf!, subject: { ...leaf!.subject, attributes } } as unknown as Certificate
    expect(ownSignerOf([other], ours)).toBeUndefined()
  })

  test('nothing', () => {
    expect(ownSignerOf([], ours)).toBeUndefined()
  })
})

const hour = 3_600_000
const [own, theirs, later] = ['aa'.repeat(32), 'bb'.repeat(32), 'cc'.repeat(32)]

type Detail = Record<string, string | number | boolean | null>

class History {
  readonly events: LedgerEvent[] = []
  now = 1_800_000_000_000
  generations: readonly string[] = []

  add(event: string, detail: Detail, address = s1): this {
    this.now += hour
    this.events.push(told(event, address, this.now, detail))
    return this
  }

  make(fingerprint: string, event = 'issued'): this {
    return this.add(event, { fingerprint })
  }

  see(fingerprint: string, under: string | null = root, ahead = 0): this {
    this.add('observed', {
      ...{ endpoint: '10.0.0.1:4646', rpc: false, fingerprint, generation: null, trusts: null },
      ...(under !== null && { under, serial: '0a' }),
    })
    const seen = this.events.pop()!
    this.events.push({ ...seen, at: seen.at + ahead })
    return this
  }

  receive(fingerprint: string, under: string | null = root): this {
    return this.add('received', {
      ...{ generation: 2, fingerprint, archive: null, host: 'node-1', state: 'switched' },
      ...(under !== null && { under, serial: '0b' }),
    })
  }

  accept(address = 'store'): this {
    return this.add('override', { code: 'copy', value: 'x', reason: 'a drill' }, address)
  }

  inventory(fault?: Inventory['ledger']['fault']): Inventory {
    const identities = new Map([[s1, { generations: this.generations }]])
    const ledger = { ...ledgerWith(this.events), fault }
    return { ledger, identities } as unknown as Inventory
  }

  found(): string[] {
    const { leaves } = copiesIn(this.inventory(), { now: this.now })
    return leaves.map(({ fingerprint }) => fingerprint)
  }
}

const begun = (): History => new History().make(own)
const lyingIn = (name: string): History => {
  const history = begun().see(theirs)
  history.generations = [name]
  return history
}

describe('what another copy made', () => {
  test.each<[string, History, readonly string[]]>([
    ['never probed', begun(), []],
    ['our own leaf', begun().see(own, null), []],
    ['our own leaf, whatever a line says', begun().see(own), []],
    ['a leaf that none of our keys signed', begun().see(theirs, null), []],
    ['a leaf that our key signed', begun().see(theirs), [theirs]],
    ['the same twice', begun().see(theirs).see(theirs), [theirs]],
    ['two of them', begun().see(theirs).see(later), [theirs, later]],
    ['from the future', begun().see(theirs, root, 2 * hour), []],
    ['the copy that made it was restored', begun().see(theirs).make(theirs), []],
    ['a generation that was only switched to', begun().make(theirs, 'turned').see(theirs), []],
    ['a probe leaf', begun().make(theirs, 'probe').see(theirs), []],
    ['a killed run left it', lyingIn('2-bbbbbbbb'), []],
    ['a killed run left another', lyingIn('2-cccccccc'), [theirs]],
    ['somebody answered', begun().see(theirs).accept(), []],
    ['somebody answered, and it is seen again', begun().see(theirs).accept().see(theirs), []],
    ['somebody answered, and there is more', begun().see(theirs).accept().see(later), [later]],
    ['somebody answered before', begun().accept().see(theirs), [theirs]],
    ["a node's override is not the store's", begun().see(theirs).accept(s1), [theirs]],
    ['a receipt of ours', begun().receive(own), []],
    ['a receipt of a leaf that none of our keys signed', begun().receive(theirs, null), []],
    ['a receipt of a leaf that our key signed', begun().receive(theirs), [theirs]],
    ['its receipt, and then itself', begun().receive(theirs).see(theirs), [theirs]],
    ['a receipt that somebody answered for', begun().receive(theirs).accept().see(theirs), []],
  ])('%s', (_, history, expected) => {
    expect(history.found()).toEqual(expected)
  })

  test('a ledger that is broken says nothing: its end is not read', () => {
    const { now } = begun()
    const inventory = begun().see(theirs).inventory({ line: 3, message: 'cut' })
    expect(copiesIn(inventory, { now: now + hour }).leaves).toEqual([])
  })

  test('what a probe sees now counts as if it was noted', () => {
    const history = begun()
    const seen = {
      ...{ address: s1, asked: s1, at: history.now, endpoint: '10.0.0.1:4646', rpc: false },
      ...{ fingerprint: theirs, generation: null, trusts: null, under: root, serial: '0a' },
    }
    const found = (): readonly unknown[] =>
      copiesIn(history.inventory(), { now: history.now, seen: [seen] }).leaves
    expect(found()).toHaveLength(1)
    history.see(theirs).accept()
    expect(found()).toEqual([])
  })

  test('a receipt names the host, and no endpoint', () => {
    const history = begun().receive(theirs)
    expect(copiesIn(history.inventory(), history).leaves).toEqual([
      {
        ...{ address: s1, endpoint: null, host: 'node-1', at: history.now },
        ...{ fingerprint: theirs, serial: '0b', under: root },
      },
    ])
    const [finding] = copyFindings(history.inventory(), history)
    expect(finding?.message).toContain(`${s1} by the receipt of node-1 (serial 0b)`)
  })

  test('the finding holds the store, and its override names what was seen', () => {
    const history = begun().see(theirs)
    const findings = (value?: string): unknown[] => [
      ...copyFindings(history.inventory(), {
        now: history.now,
        overrides: value === undefined ? [] : [{ code: 'copy', value, reason: 'a drill' }],
      }),
    ]
    const { state } = copiesIn(history.inventory(), history)
    expect(findings()).toEqual([
      expect.objectContaining({
        ...{ severity: 'error', address: 'store', reason: 'copied' },
        message: expect.stringContaining(`${s1} at 10.0.0.1:4646 (serial 0a)`) as string,
        remedy: expect.stringContaining(`--override copy=${state} --reason`) as string,
      }),
    ])
    expect(findings(state)).toEqual([])
    history.see(later)
    expect(findings(state)).toHaveLength(1)
    const { state: both } = copiesIn(history.inventory(), history)
    history.see(theirs)
    expect(findings(both)).toEqual([])
  })
})

describe('the words of it', () => {
  const leaf = (number: number, more: object = {}): Copies['leaves'][number] =>
    ({
      ...{ address: `identity/server/global/s${number}`, endpoint: `10.0.0.${number}:4647` },
      ...{ host: null, serial: `0${number}`, fingerprint: 'ab'.repeat(32), under: root },
      ...more,
    }) as unknown as Copies['leaves'][number]
  const textOf = (...leaves: readonly Copies['leaves'][number][]): string =>
    copiesText({ leaves } as unknown as Copies)

  test('name an agent by where it was seen, or by the receipt of its installer', () => {
    expect(textOf(leaf(1))).toBe(
      'the ledger lacks certificates that authority/agent/1 signed: identity/server/global/s1 at 10.0.0.1:4647 (serial 01); another copy of this store made them, or another person has the key',
    )
    expect(textOf(leaf(1, { endpoint: null, host: 'h1' }))).toContain(
      ': identity/server/global/s1 by the receipt of h1 (serial 01);',
    )
    expect(textOf(leaf(1, { endpoint: null, host: undefined, serial: undefined }))).toContain(
      ': identity/server/global/s1 by the receipt of its installer (SHA-256 abababababababab…);',
    )
  })

  test('name three of them and each signer once', () => {
    const of = (count: number): string =>
      textOf(...Array.from({ length: count }, (_, at) => leaf(at + 1)))
    expect(of(3)).toMatch(/s1 at .*, identity\S+s2 at .*, identity\S+s3 at [^,]* \(serial 03\); /)
    expect(of(4)).toMatch(/s3 at \S+ \(serial 03\) and 1 more; /)
    expect(of(4)).not.toContain('global/s4')
    expect(textOf(leaf(1), leaf(2, { under: 'authority/agent/2' }), leaf(3))).toContain(
      'that authority/agent/1 and authority/agent/2 signed: ',
    )
  })
})
