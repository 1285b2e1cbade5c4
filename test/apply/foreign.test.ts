/**
 * An apply whose certificates somebody else signs: many in flight, some answers missing. Whatever was
 * signed is in the store, or the ledger says that it may exist.
 */

import { readFileSync } from 'node:fs'
import { env } from 'node:process'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { applyPlan, collect } from '../../src/apply/apply-plan.js'
import type { ApplyEvent } from '../../src/apply/events.js'
import type { Issuers } from '../../src/authority/issuers.js'
import { openAttempts } from '../../src/evidence/attempts.js'
import type { Files } from '../../src/files/files.js'
import { rehearsalIssuers } from '../../src/issuers/rehearsal-issuers.js'
import { storeIssuers } from '../../src/issuers/store-issuers.js'
import type { Store } from '../../src/inventory/store.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { sha256 } from '../../src/sha256.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { fingerprintOf, type Certificate } from '../../src/x509/certificate.js'
import { parseRequest } from '../../src/x509/request.js'
import { engine, type Engine, type EngineParts } from '../issuers/engine.js'
import { hastyFiles, mortal } from '../store/calls.js'
import { day, World } from '../world.js'

const before = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: {} }
`
const everything = env.NOMAD_PKI_KILL_POINTS === 'all'
const clients = 40
const after = `${before}    clients: { "c[01-${clients}]": {} }\n`

type Script = Omit<EngineParts, 'certificate' | 'key' | 'above' | 'clock'>

/** Stands where a run ended before it opened one. */
const unopened = { signed: [], calls: () => 0, mostAtOnce: () => 0 } as const

/** Engines in the names of the store's authorities; `opened` gets each. */
function engines(store: Store, world: World, script: Script, opened: Engine[]): Issuers {
  return {
    ...storeIssuers(store),
    async open({ name, generation, path: [certificate, ...above] }) {
      const key = parsePrivateKey((await store.readAuthorityKey(name, generation))!)
      const made = engine({ certificate, above, key, clock: () => world.now, ...script })
      opened.push(made)
      return made
    },
  }
}

/** A store with a root; its engine is to make all clients. */
async function begun(): Promise<World> {
  const world = new World(before)
  await world.apply()
  return world.edit('servers: { s1: {} }\n', after.slice(after.indexOf('servers')))
}

interface Run {
  readonly events: readonly ApplyEvent[]
  readonly error: unknown
  readonly engine: Pick<Engine, 'signed' | 'calls' | 'mostAtOnce'>
}

async function run(
  world: World,
  script: Script,
  on: (event: ApplyEvent) => boolean | undefined = () => undefined,
  { signal, files }: { readonly signal?: AbortSignal; readonly files?: Files } = {},
): Promise<Run> {
  const ports = world.ports
  const store =
    files === undefined ? ports.store : directoryStore(world.path(), { files, git: 'ignore' })
  const { plan, materials } = await world.planned()
  const events: ApplyEvent[] = []
  const opened: Engine[] = []
  let error: unknown
  try {
    for await (const event of applyPlan(plan, materials, {
      ...ports,
      store,
      issuers: engines(store, world, script, opened),
      clock: () => world.now,
      signal,
    })) {
      events.push(event)
      if (on(event) === false) break
    }
  } catch (thrown) {
    error = thrown
  }
  return { events, error, engine: opened[0] ?? unopened }
}

const addresses = (events: readonly ApplyEvent[], type: 'doing' | 'done'): readonly string[] =>
  events.flatMap((event) => (event.type === type ? [event.step.address] : []))

/** Every certificate that was signed is known by its line, or may exist by an open attempt. */
async function expectAccounted(world: World, signed: readonly Certificate[]): Promise<number> {
  const { ledger } = await world.inventory()
  const known = new Set(
    ledger.events.flatMap((event) => ('fingerprint' in event ? [event.fingerprint] : [])),
  )
  const open = new Set(openAttempts(ledger, { now: world.now }).map(({ key }) => key))
  const lost = signed.filter((one) => !known.has(fingerprintOf(one)))
  for (const one of lost) expect(open).toContain(sha256(one.publicKey.spki))
  return lost.length
}

/** A few milliseconds, other for each call. */
const uneven = (call: number): number => [9, 1, 4, 14, 2][call % 5]!

describe('several in flight', () => {
  test('as many as the issuer takes and no more; what happens is told in the order of the plan', async () => {
    const world = await begun()
    const { events, error, engine: asked } = await run(world, { takes: uneven, concurrency: 5 })
    expect(error).toBeUndefined()
    expect(asked.mostAtOnce()).toBe(5)
    expect(asked.calls()).toBe(clients)
    expect(addresses(events, 'done')).toEqual(addresses(events, 'doing'))
    expect(addresses(events, 'doing')).toEqual([...addresses(events, 'doing')].sort())
    expect(events.at(-1)).toEqual({ type: 'finished', done: clients })
    expect(await world.steps()).toEqual([])
    expect(await expectAccounted(world, asked.signed)).toBe(0)
    expect(openAttempts((await world.inventory()).ledger, { now: world.now })).toEqual([])
  })

  test('sixteen, where it does not say', async () => {
    const { engine: asked } = await run(await begun(), { takes: () => 30 })
    expect(asked.mostAtOnce()).toBe(16)
  })

  test('a slow one does not leave the others idle', async () => {
    const world = await begun()
    let enough: () => void = () => undefined
    const others = new Promise<void>((resolve) => {
      enough = resolve
    })
    // The first answers when eleven others were asked: with none begun ahead it never would.
    const { error, engine: asked } = await run(world, {
      concurrency: 4,
      takes: (call) => (call === 1 ? others : 1),
      script: (call) => {
        if (call === 12) enough()
        return 'signs'
      },
    })
    expect(error).toBeUndefined()
    expect(asked.calls()).toBe(clients)
  }, 30_000)

  test('an issuer that writes its own dates may take its time: each is prepared when its turn comes', async () => {
    const world = await begun()
    const { error } = await run(world, {
      concurrency: 2,
      script: () => {
        world.now += 60_000
        return 'signs'
      },
    })
    expect(error).toBeUndefined()
  })
})

describe('the intent', () => {
  test('is a durable line before the issuer is asked', async () => {
    const world = await begun()
    let checked = 0
    await run(world, {
      script: (_call, { request, expected }) => {
        const key = sha256(parseRequest(request!()).publicKey.spki)
        const lines = readFileSync(world.path('ledger.jsonl'), 'utf8')
        const line = lines.split('\n').find((text) => text.includes(key))
        expect(JSON.parse(line!)).toMatchObject({
          event: 'attempted',
          issuer: 'authority/agent/1',
          attempt: expected.serial,
          notAfter: expected.notAfter,
        })
        checked += 1
        return 'signs'
      },
    })
    expect(checked).toBe(clients)
  })

  test.each<[what: string, issuers: (store: Store) => Issuers]>([
    ['our own key', storeIssuers],
    ['a rehearsal', rehearsalIssuers],
  ])('%s has none: nothing can exist outside', async (_what, issuers) => {
    const world = await begun()
    const ports = world.ports
    const { plan, materials } = await world.planned()
    await collect(
      applyPlan(plan, materials, {
        ...ports,
        issuers: issuers(ports.store),
        clock: () => world.now,
      }),
    )
    const { events } = (await world.inventory()).ledger
    expect(events.filter(({ event }) => event === 'issued')).toHaveLength(clients + 1)
    expect(events.filter(({ event }) => event === 'attempted')).toEqual([])
  })

  test('a root whose own key is outside has one too', async () => {
    const world = new World(before)
    const ports = world.ports
    const own = storeIssuers(ports.store)
    const { plan, materials } = await world.planned()
    await collect(
      applyPlan(plan, materials, {
        ...ports,
        issuers: {
          ...own,
          begin: async (authority) => ({ ...(await own.begin(authority)), signatures: 'foreign' }),
        },
        clock: () => world.now,
      }),
    )
    const { ledger } = await world.inventory()
    const told = ledger.events.filter(({ address }) => address === 'authority/agent/1')
    expect(told).toMatchObject([
      { event: 'attempted', issuer: 'authority/agent/1' },
      { event: 'authority' },
    ])
    expect(openAttempts(ledger, { now: world.now })).toEqual([])
  })
})

describe('one fails among many', () => {
  test('refused: the others in flight are kept, nobody else is asked, and nothing stays open', async () => {
    const world = await begun()
    const {
      events,
      error,
      engine: asked,
    } = await run(world, {
      concurrency: 4,
      takes: uneven,
      script: (call) => (call === 7 ? 'refuses' : 'signs'),
    })
    expect(error).toMatchObject({
      code: 'ERR_ISSUER_REFUSED',
      address: expect.stringMatching(/^identity\/client\/global\/c0/) as string,
    })
    // Three more were in flight.
    expect(asked.calls()).toBeLessThanOrEqual(10)
    expect(await expectAccounted(world, asked.signed)).toBe(0)
    expect(openAttempts((await world.inventory()).ledger, { now: world.now })).toEqual([])
    expect(addresses(events, 'done')).toHaveLength(asked.signed.length)
    // The next one goes on.
    expect((await run(world, { takes: uneven })).error).toBeUndefined()
    expect(await world.steps()).toEqual([])
  })

  test.each([
    ['is silent', 'ERR_ISSUER_UNKNOWN'],
    ['lies', 'ERR_CORRESPONDENCE'],
    ['gives another', 'ERR_CORRESPONDENCE'],
    ['throws', undefined],
  ] as const)('%s: what may exist is listed until a person has looked', async (behaviour, code) => {
    const world = await begun()
    const { error, engine: asked } = await run(world, {
      concurrency: 4,
      script: (call) => (call === 7 ? behaviour : 'signs'),
    })
    if (code === undefined) expect(error).toBeInstanceOf(TypeError)
    else expect(error).toMatchObject({ code })
    const lost = await expectAccounted(world, asked.signed)
    expect(lost).toBe(behaviour === 'is silent' || behaviour === 'lies' ? 1 : 0)
    const open = openAttempts((await world.inventory()).ledger, { now: world.now })
    expect(open).toHaveLength(1)
    const { address, attempt, notAfter } = open[0]!

    expect((await run(world, {})).error).toBeUndefined()
    const warning = expect.objectContaining({
      severity: 'warning',
      reason: 'maybe-issued',
      address,
      remedy: expect.stringContaining(attempt) as string,
    }) as object
    const verified = async (now: number): Promise<unknown> =>
      verifyCluster(world.desired, await world.inventory(), { now })
    expect((await world.plan()).findings).toContainEqual(warning)
    expect(await verified(world.now)).toContainEqual(warning)
    expect(JSON.stringify(await verified(notAfter + 1))).not.toContain('maybe-issued')

    const looked = { code: 'attempt', value: attempt, reason: 'revoked there' } as const
    const options = { overrides: [looked] }
    expect(JSON.stringify((await world.plan(options)).findings)).not.toContain('maybe-issued')
    await world.apply(options)
    expect(JSON.stringify(await verified(world.now))).not.toContain('maybe-issued')
  })
})

describe('stopped', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  test('what is in flight is waited for and kept', async () => {
    const world = await begun()
    const controller = new AbortController()
    const {
      events,
      error,
      engine: asked,
    } = await run(
      world,
      {
        concurrency: 4,
        takes: () => 20,
        script: (call) => {
          if (call === 6) controller.abort()
          return 'signs'
        },
      },
      undefined,
      { signal: controller.signal },
    )
    expect(error).toBeUndefined()
    expect(asked.calls()).toBeLessThan(10)
    expect(await expectAccounted(world, asked.signed)).toBe(0)
    expect(openAttempts((await world.inventory()).ledger, { now: world.now })).toEqual([])
    expect(events.at(-1)).toEqual({ type: 'stopped', done: asked.calls(), steps: clients })
  })

  test('one that hangs is left after five seconds, and may exist', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const world = await begun()
    const controller = new AbortController()
    const running = run(
      world,
      {
        concurrency: 4,
        script: (call) => {
          if (call === 6) {
            controller.abort()
            vi.advanceTimersByTime(4_999)
            setImmediate(() => setImmediate(() => vi.advanceTimersByTime(1)))
          }
          return call === 6 ? 'hangs' : 'signs'
        },
      },
      undefined,
      { signal: controller.signal },
    )
    const { events, error } = await running
    expect(error).toBeUndefined()
    expect(events.at(-1)).toMatchObject({ type: 'stopped' })
    expect(openAttempts((await world.inventory()).ledger, { now: world.now })).toHaveLength(1)
  })

  test('by who reads the events: the lock is free, and nothing is lost', async () => {
    const world = await begun()
    const { engine: asked } = await run(
      world,
      { concurrency: 4, takes: uneven },
      (event) => !(event.type === 'doing' && event.step.address.endsWith('c21')),
    )
    expect(asked.signed.length).toBeGreaterThan(3)
    expect(await expectAccounted(world, asked.signed)).toBe(0)
    await world.apply()
    expect(await world.steps()).toEqual([])
  })
})

test('killed at any call: what was signed has its line, or may exist by the ledger', async () => {
  const few = `${before}    clients: { "c[1-3]": {} }\n`
  const started = async (): Promise<World> => {
    const world = await begun()
    return world.edit(
      after.slice(after.indexOf('    clients')),
      few.slice(few.indexOf('    clients')),
    )
  }
  const dying = async (world: World, dieAt: number): Promise<readonly [number, Run]> => {
    const { files, calls } = mortal(dieAt, true)
    const done = await run(world, { concurrency: 2 }, undefined, { files })
    await hastyFiles.removeTree(world.path('.lock'))
    return [calls(), done]
  }
  const [total] = await dying(await started(), Number.POSITIVE_INFINITY)
  expect(total).toBeGreaterThan(20)
  let lost = 0
  for (let dieAt = 1; dieAt <= total; dieAt += everything ? 1 : 3) {
    const world = await started()
    const [, { engine: asked }] = await dying(world, dieAt)
    const { store } = world
    const lock = await store.lock()
    await store.heal()
    await lock.release()
    await run(world, { concurrency: 2 })
    expect(await world.steps()).toEqual([])
    const { signed } = asked
    lost += await expectAccounted(world, signed)
    const { ledger } = await world.inventory()
    const found = openAttempts(ledger, { now: world.now })
    const made = new Set(signed.map(({ publicKey }) => sha256(publicKey.spki)))
    // It warns of no certificate that is in the store.
    const known = new Set(
      ledger.events.flatMap((event) => ('fingerprint' in event ? [event.fingerprint] : [])),
    )
    for (const { key } of found) {
      const its = signed.filter(({ publicKey }) => sha256(publicKey.spki) === key)
      for (const one of its) expect(known).not.toContain(fingerprintOf(one))
    }
    expect(found.length).toBeLessThanOrEqual(Math.max(made.size, 4))
  }
  expect(lost).toBeGreaterThan(0)
}, 600_000)

test('a year later nothing that may have existed lives', async () => {
  const world = await begun()
  await run(world, { script: () => 'is silent' })
  const { ledger } = await world.inventory()
  expect(openAttempts(ledger, { now: world.now }).length).toBeGreaterThan(0)
  expect(openAttempts(ledger, { now: world.now + 400 * day })).toEqual([])
})
