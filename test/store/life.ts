/**
 * A store's life in short, for those who kill it: made, filled, renewed, gone back, pruned. Every
 * step asks what is there and does what is missing, as `plan` and `apply` do, so that it can be
 * begun anew after any interruption and comes to the same end.
 */

import type { Store, StoreBatch } from '../../src/inventory/store.js'
import { filesOf, line } from './words.js'

const nodes = ['s1', 's2', 's3'].map(
  (name) => ({ role: 'server', region: 'global', name }) as const,
)
const old = { role: 'client', region: 'eu_west', name: 'old' } as const

/** Brings a store to its end, from wherever it is. */
export async function live(store: Store): Promise<void> {
  const lock = await store.lock()
  try {
    await store.heal()
    await pruneTorn(store)
    for (const stage of stages) {
      const contents = await store.read()
      const batch = store.batch()
      if (stage(batch, contents)) await batch.commit()
    }
  } finally {
    await lock.release()
  }
}

/**
 * A power failure can leave a generation torn that nothing points at yet. Real plans make one of a
 * higher number and prune this one; here it goes first, so that every life ends alike.
 */
async function pruneTorn(store: Store): Promise<void> {
  const batch = store.batch()
  for (const { role, region, name, current } of (await store.read()).identities) {
    const torn = (await store.readGenerations({ role, region, name }))
      .filter(({ number }) => number > (current?.number ?? 0))
      .filter(({ key, cert, ca, manifest }) =>
        [key, cert, ca, manifest].some((file) => (file?.bytes.length ?? 0) === 0),
      )
    if (torn.length === 0) continue
    batch.removeIdentity(
      { role, region, name },
      torn.map(({ directory }) => directory),
    )
  }
  await batch.commit()
}

type Stage = (batch: StoreBatch, contents: Awaited<ReturnType<Store['read']>>) => boolean

const stages: readonly Stage[] = [
  (batch, { authorities, bundles }) => {
    if (!authorities.some(({ generation }) => generation === 1)) {
      batch.putAuthority('agent', 1, { key: 'KEY 1\n', certificate: 'CERTIFICATE 1\n' })
      batch.record(line('authority', 'authority/agent/1'))
    }
    if (bundles.length === 0) batch.putBundle('agent', 'BUNDLE 1\n')
    return authorities.length === 0 || bundles.length === 0
  },
  generationStage(1),
  (batch, { identities, authorities }) => {
    if (identities.some(({ name }) => name === 's1' && identities.length === 3)) return false
    if (authorities.length === 2) return false
    batch.putGeneration(old, '1-0000000d', filesOf('old'))
    return true
  },
  generationStage(2),
  (batch, { authorities, bundles }) => {
    const done = authorities.some(({ generation }) => generation === 2)
    const text = Buffer.from(bundles[0]!.file.bytes).toString()
    if (done && text === 'BUNDLE 2\n') return false
    if (!done) {
      batch.putAuthority('agent', 2, { key: 'KEY 2\n', certificate: 'CERTIFICATE 2\n' })
      batch.record(line('authority', 'authority/agent/2'))
    }
    // Into the directory that this batch makes.
    if (!done) batch.putCross('agent', 2, 1, 'CROSS 2 BY 1\n')
    batch.putBundle('agent', 'BUNDLE 2\n')
    return true
  },
  // Beside an authority that is there already.
  (batch, { authorities }) => {
    const crossed = authorities.find(({ generation }) => generation === 2)?.crossed
    if (crossed?.has(3) === true) return false
    batch.putCross('agent', 2, 3, 'CROSS 2 BY 3\n')
    batch.record(line('crossed', 'authority/agent/2'))
    return true
  },
  // The same key in another form: at every moment one of the two is there.
  (batch, { authorities }) => {
    const bytes = authorities.find(({ generation }) => generation === 2)?.key?.bytes
    if (bytes === undefined || Buffer.from(bytes).toString() !== 'KEY 2\n') return false
    batch.replaceAuthorityKey('agent', 2, { key: 'KEY 2 ENCRYPTED\n', expected: bytes })
    batch.record(line('encrypted', 'authority/agent/2'))
    return true
  },
  // Makes the third and takes the second away in one batch: what was current goes.
  (batch, { identities }) => {
    let work = false
    for (const node of nodes) {
      const found = identities.find(({ name }) => name === node.name)
      const made = found?.generations.includes('3-00000003') === true
      if (found?.link !== '3-00000003') {
        work = true
        if (made) batch.turn(node, '3-00000003')
        else batch.putGeneration(node, '3-00000003', filesOf(`${node.name} 3`))
        batch.record(line('issued', `identity/server/global/${node.name}`))
      }
      const surplus = found?.generations.filter((name) => name !== '3-00000003') ?? []
      if (surplus.length > 0) {
        work = true
        batch.removeIdentity(node, surplus)
      }
    }
    return work
  },
  (batch, { identities, authorities }) => {
    const there = identities.some(({ name }) => name === 'old')
    const first = authorities.some(({ generation }) => generation === 1)
    if (there) batch.removeIdentity(old)
    if (first) batch.removeAuthority('agent', 1)
    return there || first
  },
]

function generationStage(number: number): Stage {
  const directory = `${number}-0000000${number}`
  return (batch, { identities }) => {
    let work = false
    for (const node of nodes) {
      const found = identities.find(({ name }) => name === node.name)
      const linked = found?.current?.number ?? 0
      if (linked >= number) continue
      work = true
      if (found?.generations.includes(directory) === true) batch.turn(node, directory)
      else batch.putGeneration(node, directory, filesOf(`${node.name} ${number}`))
      batch.record(line('issued', `identity/server/global/${node.name}`))
    }
    return work
  }
}
