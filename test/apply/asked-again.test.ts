/**
 * Answers that are lost: asked again at growing pauses, each time with a line of its own before it, one at a time, and
 * not for ever.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Signatures, type Question, type Signed } from '../../src/apply/signatures.js'
import type { Issuer } from '../../src/authority/issuer.js'
import { prepare } from '../../src/authority/prepare.js'
import { openAttempts } from '../../src/evidence/attempts.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { makeRequest } from '../../src/x509/request.js'
import { engine, type Behaviour, type Engine } from '../issuers/engine.js'

const now = Date.UTC(2026, 0, 1)
const key = generateKeySync('ecdsa-p256')
const { certificate } = await createRoot(
  { subject: { commonName: 'agent' }, lifetime: 3650 * 86_400_000, key },
  { now },
)

interface Asked {
  readonly results: readonly PromiseSettledResult<Signed>[]
  readonly lines: readonly LedgerEvent[]
  readonly pauses: readonly number[]
  readonly engine: Engine
  readonly lost: number
}

/** Asks for some certificates at once; the engine has four in flight. */
async function asked(
  count: number,
  script: (call: number) => Behaviour,
  { random = 0, onPause }: { random?: number; onPause?: (stop: () => void) => void } = {},
): Promise<Asked> {
  const controller = new AbortController()
  const issuer = engine({
    ...{ certificate, key },
    clock: () => now,
    concurrency: 4,
    // All that are asked together are in flight together.
    takes: async () => sleep(5),
    script,
  })
  const lines: LedgerEvent[] = []
  const pauses: number[] = []
  const signatures = new Signatures(
    {
      clock: () => now,
      note: async (line) => void lines.push(line),
      sleep: async (time) => {
        pauses.push(time)
        onPause?.(() => controller.abort())
      },
      random: () => random,
      signal: controller.signal,
    },
    now,
  )
  try {
    const results = await Promise.allSettled(
      Array.from({ length: count }, async (_, at) => signatures.sign(question(at, issuer))),
    )
    return { results, lines, pauses, engine: issuer, lost: signatures.lost.length }
  } finally {
    signatures.end()
  }
}

function question(at: number, issuer: Issuer): Question {
  const own = generateKeySync('ecdsa-p256')
  return {
    address: `identity/client/global/c${at}`,
    issuer: 'authority/agent/1',
    signer: issuer,
    prepare: (time) =>
      prepare(
        {
          ...{ role: 'client', region: 'global', publicKey: own.publicKey, lifetime: 86_400_000 },
          request: (wanted) => makeRequest({ ...wanted, key: own }),
        },
        issuer,
        { now: time },
      ),
  }
}

const open = (lines: readonly LedgerEvent[]): number =>
  openAttempts({ events: lines } as Parameters<typeof openAttempts>[0], { now }).length
const fulfilled = ({ results }: Asked): number =>
  results.filter(({ status }) => status === 'fulfilled').length

describe('an answer that is lost', () => {
  test('is asked for again, and each time is a line before it', async () => {
    const done = await asked(1, (call) => (call < 4 ? 'loses its leader' : 'signs'))
    expect(fulfilled(done)).toBe(1)
    expect(done.lines.map(({ event }) => event)).toEqual(Array(4).fill('attempted'))
    expect(new Set(done.lines.map((line) => ('attempt' in line ? line.attempt : ''))).size).toBe(4)
    // What was made is the last one's; the three before it may exist.
    const [result] = done.results
    const { attempt } = (result as PromiseFulfilledResult<Signed>).value
    expect(done.lines.at(-1)).toMatchObject({ attempt })
    expect(done.lost).toBe(3)
    expect(done.pauses).toEqual([125, 250, 500])
  })

  test('the pauses have chance in them, and are at most what stands there', async () => {
    const done = await asked(1, (call) => (call < 4 ? 'loses its leader' : 'signs'), { random: 1 })
    expect(done.pauses).toEqual([250, 500, 1_000])
  })

  test('those that were lost together: one goes ahead, the others ask when its answer is there', async () => {
    const done = await asked(20, (call) => (call <= 9 ? 'loses its leader' : 'signs'))
    expect(fulfilled(done)).toBe(20)
    // Four in flight, and five more by the one that goes ahead.
    expect(done.lost).toBe(9)
    expect(done.pauses).toHaveLength(6)
    expect(done.engine.calls()).toBe(29)
    expect(open(done.lines)).toBe(29)
  })

  test('for ever: it ends, says how often it was asked, and nobody else is asked', async () => {
    const done = await asked(10, () => 'loses its leader')
    expect(fulfilled(done)).toBe(0)
    const said = done.results.flatMap((one) =>
      one.status === 'rejected' ? [one.reason as unknown] : [],
    )
    expect(String(said.find((one) => String(one).includes('asked')))).toMatch(/asked 16 times/)
    expect(done.engine.calls()).toBe(4 + 15)
    expect(open(done.lines)).toBeGreaterThanOrEqual(19)
  })

  test('without a cause that passes: it is not asked again', async () => {
    const done = await asked(1, () => 'is silent')
    expect(done.engine.calls()).toBe(1)
    expect(done.results[0]).toMatchObject({ reason: { code: 'ERR_ISSUER_UNKNOWN' } })
  })

  test('and then a refusal: that is said, and the first may exist', async () => {
    const done = await asked(1, (call) => (call === 1 ? 'loses its leader' : 'refuses'))
    expect(done.results[0]).toMatchObject({ reason: { code: 'ERR_ISSUER_REFUSED' } })
    expect(open(done.lines)).toBe(1)
  })

  test('somebody stops it in the pause: nobody is asked again', async () => {
    const done = await asked(1, () => 'loses its leader', { onPause: (stop) => stop() })
    expect(done.engine.calls()).toBe(1)
    expect(done.results[0]).toMatchObject({ reason: { code: 'ERR_ISSUER_UNKNOWN' } })
  })
})

test('our own key is asked once, and has no line', async () => {
  const lines: LedgerEvent[] = []
  const signatures = new Signatures(
    { clock: () => now, note: async (line) => void lines.push(line) },
    now,
  )
  await signatures.sign(question(1, heldIssuer({ certificate, key })))
  expect(lines).toEqual([])
})
