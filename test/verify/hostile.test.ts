/** Files that somebody, or a bad disk, changed: `verify` tells, and never throws. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aCluster, type Cluster } from '../builders.js'
import { verifyCluster } from '../../src/verify/verify-cluster.js'
import { seed } from '../seed.js'

async function small(): Promise<Cluster> {
  return aCluster()
    .withIntermediate('west', { regions: ['us-west'] })
    .withServer('w1', { region: 'us-west', authority: 'west' })
    .withClient('c9', { region: 'us-west', authority: 'west' })
    .build()
}

const w1 = 'identity/server/us-west/w1'

const mutation = fc.oneof(
  fc.record({
    kind: fc.constant('flip' as const),
    at: fc.nat(4000),
    value: fc.integer({ min: 0, max: 255 }),
  }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(4000), value: fc.nat(400) }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(4000), value: fc.nat(400) }),
)

function mutate(
  text: string,
  { kind, at, value }: { kind: string; at: number; value: number },
): string {
  const place = at % text.length
  switch (kind) {
    case 'flip':
      return text.slice(0, place) + String.fromCharCode(value) + text.slice(place + 1)
    case 'cut':
      return text.slice(0, place) + text.slice(place + value)
    default:
      return text.slice(0, place + value) + text.slice(place)
  }
}

describe.each(['cert', 'key', 'ca', 'manifest'] as const)('%s.pem or so, damaged', (file) => {
  test('something is found, about that identity, and each error has a remedy', async () => {
    const cluster = await small()
    const holder = cluster.holder(w1)
    const sound = holder.files[file]
    const secret = holder.files.key.split('\n')[1]!.slice(8, 40)
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        const damaged = mutations.reduce(mutate, sound)
        holder.files[file] = damaged
        const findings = verifyCluster(cluster.desired, await cluster.inventory(), {
          now: cluster.now,
        })
        for (const { severity, remedy } of findings) {
          if (severity === 'error') expect(remedy).toBeTypeOf('string')
        }
        expect(JSON.stringify(findings)).not.toContain(secret)
        // A manifest may change in what nobody compares.
        if (damaged !== sound && file !== 'manifest') {
          expect(findings.map(({ address }) => address)).toContain(w1)
        }
      }),
      { seed, numRuns: 60 },
    )
  })
})

test('the bundle and the ledger, damaged', async () => {
  const cluster = await small()
  const { bundle, ledger } = cluster
  await fc.assert(
    fc.asyncProperty(mutation, mutation, async (one, two) => {
      cluster.bundle = mutate(bundle, one)
      cluster.ledger = mutate(ledger, two)
      const findings = verifyCluster(cluster.desired, await cluster.inventory(), {
        now: cluster.now,
      })
      const addresses = findings.map(({ address }) => address)
      if (cluster.bundle !== bundle) expect(addresses).toContain('bundle/agent')
      // Whatever is last has no line after it that would tell; `--ledger-head` is for that.
      const end = cluster.ledger.lastIndexOf('\n', cluster.ledger.length - 2) + 1
      if (!ledger.startsWith(cluster.ledger.slice(0, end))) expect(addresses).toContain('ledger')
    }),
    { seed, numRuns: 60 },
  )
})
