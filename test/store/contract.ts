/**
 * What every store promises, whatever it is made of. Run by `directory-store.test.ts` and
 * `memory-store.test.ts`.
 */

import { describe, expect, test } from 'vitest'
import { readLedger } from '../../src/inventory/ledger.js'
import { encodeManifest } from '../../src/inventory/manifest.js'
import type { Store, StoreBatch, StoreContents, StoredFile } from '../../src/inventory/store.js'
import { c1, filesOf, line, s1 } from './words.js'

/** Fills a batch under the lock and commits it. */
export async function commit(store: Store, fill: (batch: StoreBatch) => void): Promise<void> {
  const lock = await store.lock()
  try {
    const batch = store.batch()
    fill(batch)
    await batch.commit()
  } finally {
    await lock.release()
  }
}

/** A store's content as plain texts, without what only a disk has. */
export function plain(contents: StoreContents): unknown {
  const text = (file: StoredFile | undefined): string | undefined =>
    file && Buffer.from(file.bytes).toString()
  return {
    authorities: contents.authorities.map(({ name, generation, certificate, key }) => ({
      name,
      generation,
      certificate: text(certificate),
      key: text(key),
    })),
    bundles: contents.bundles.map(({ name, file }) => ({ name, text: text(file) })),
    identities: contents.identities.map(({ role, region, name, link, current, generations }) => ({
      path: `${role}/${region}/${name}`,
      link,
      current: current && {
        directory: current.directory,
        number: current.number,
        fingerprint: current.fingerprint,
        ca: text(current.ca),
        cert: text(current.cert),
        key: text(current.key),
      },
      generations,
    })),
    ledger: text(contents.ledger),
  }
}

/** Runs the suite. */
export function storeContract(name: string, makeStore: () => Store): void {
  describe(`${name} keeps the contract of a store`, () => {
    test('what was never written does not exist, and is empty', async () => {
      const store = makeStore()
      expect(await store.read()).toEqual({
        exists: false,
        authorities: [],
        bundles: [],
        identities: [],
        ledger: undefined,
        findings: [],
      })
      expect(await store.readGenerations(s1)).toEqual([])
      expect(await store.readIdentity(s1)).toBeUndefined()
      expect(await store.readAuthorityKey('agent', 1)).toBeUndefined()
      expect(await store.readProbe('agent', 1)).toBeUndefined()
      expect(await store.readLedger()).toBeUndefined()
    })

    test('a batch becomes true as a whole, and not before its commit', async () => {
      const store = makeStore()
      const lock = await store.lock()
      const batch = store.batch()
      batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
      batch.putBundle('agent', 'B\n')
      batch.putGeneration(s1, '1-00000001', filesOf('one'))
      batch.record(line('issued', 'identity/server/global/s1'))
      expect(plain(await store.read())).toEqual({
        authorities: [],
        bundles: [],
        identities: [],
        ledger: undefined,
      })
      await batch.commit()
      await lock.release()
      const contents = await store.read()
      expect(contents.exists).toBe(true)
      expect(contents.findings).toEqual([])
      expect(plain(contents)).toEqual({
        authorities: [{ name: 'agent', generation: 1, certificate: 'C\n', key: 'K\n' }],
        bundles: [{ name: 'agent', text: 'B\n' }],
        identities: [
          {
            path: 'server/global/s1',
            link: '1-00000001',
            current: {
              directory: '1-00000001',
              number: 1,
              fingerprint: '00000001',
              ca: 'ca one\n',
              cert: 'cert one\n',
              key: 'key one\n',
            },
            generations: ['1-00000001'],
          },
        ],
        ledger: expect.stringMatching(/^\{"seq":1,.*"event":"issued".*\}\n$/) as string,
      })
      expect(Buffer.from((await store.readAuthorityKey('agent', 1))!).toString()).toBe('K\n')
      expect((await store.readLedger())?.bytes).toEqual(contents.ledger?.bytes)
    })

    test('a generation whose key the node holds is whole without one, and its manifest is read', async () => {
      const store = makeStore()
      const files = { cert: 'C\n', ca: 'A\n' }
      const facts = { serial: '01', fingerprint: '00000001', notBefore: 0, notAfter: 1 }
      const manifest = encodeManifest({
        ...{ address: 'identity/server/global/s1', generation: 1, made: 0, leaf: facts, files },
      })
      await commit(store, (batch) => {
        expect(() => {
          batch.putGeneration(s1, '1-00000001', { ...files, manifest: '{}' })
        }).toThrow(/that the node holds it/)
        batch.putGeneration(s1, '1-00000001', { ...files, manifest })
      })
      const { current } = (await store.readIdentity(s1))!
      expect(current?.key).toBeUndefined()
      const [found] = (await store.read({ manifests: false })).identities
      expect(Buffer.from(found!.current!.manifest!.bytes).toString()).toBe(manifest)
      expect((await store.read()).findings).toEqual([])
      // The same once more is no change, and a key beside it is another generation.
      await commit(store, (batch) => {
        batch.putGeneration(s1, '1-00000001', { ...files, manifest })
      })
      await expect(
        commit(store, (batch) => {
          batch.putGeneration(s1, '1-00000001', { ...files, key: 'K\n', manifest })
        }),
      ).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' })
      await commit(store, (batch) => {
        batch.putGeneration(s1, '2-00000002', { ...files, key: 'K\n', manifest })
      })
      await expect(
        commit(store, (batch) => {
          batch.putGeneration(s1, '2-00000002', { ...files, manifest })
        }),
      ).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' })
    })

    test('a probe leaf is kept by the authority that signed it, over another one, and removed', async () => {
      const store = makeStore()
      const kept = async (generation: number): Promise<string | undefined> => {
        const bytes = await store.readProbe('agent', generation)
        return bytes && Buffer.from(bytes).toString()
      }
      await commit(store, (batch) => {
        batch.putProbe('agent', 1, 'one\n')
        batch.putProbe('agent', 2, 'two\n')
      })
      await commit(store, (batch) => {
        batch.putProbe('agent', 2, 'two again\n')
      })
      expect([await kept(1), await kept(2), await kept(3)]).toEqual([
        'one\n',
        'two again\n',
        undefined,
      ])
      expect((await store.read()).findings).toEqual([])
      await commit(store, (batch) => {
        batch.removeProbe('agent', 1)
      })
      expect([await kept(1), await kept(2)]).toEqual([undefined, 'two again\n'])
    })

    test('generations stand beside each other, ascending by number, and the last one put is current', async () => {
      const store = makeStore()
      for (const number of [1, 2, 9, 10, 11]) {
        await commit(store, (batch) => {
          batch.putGeneration(s1, `${number}-0000000a`, filesOf(String(number)))
        })
      }
      const [identity] = (await store.read()).identities
      expect(identity?.generations).toEqual([
        '1-0000000a',
        '2-0000000a',
        '9-0000000a',
        '10-0000000a',
        '11-0000000a',
      ])
      expect(identity?.link).toBe('11-0000000a')
      expect(await store.readIdentity(s1)).toEqual(
        (await store.read({ manifests: true })).identities[0],
      )
      expect(await store.readIdentity({ ...s1, name: 's2' })).toBeUndefined()
      const all = await store.readGenerations(s1)
      expect(all.map(({ number }) => number)).toEqual([1, 2, 9, 10, 11])
      expect(all.map(({ manifest }) => Buffer.from(manifest!.bytes).toString())).toEqual(
        ['1', '2', '9', '10', '11'].map((mark) => filesOf(mark).manifest),
      )
    })

    test('everything is read in the order of its name, and authorities in that of their generations', async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        for (const name of ['b', 'c', 'a']) {
          for (const generation of [10, 2, 1])
            batch.putAuthority(name, generation, { key: 'K\n', certificate: 'C\n' })
          batch.putBundle(name, 'B\n')
          for (const role of ['server', 'client'] as const) {
            batch.putGeneration({ role, region: 'eu', name }, '1-00000001', filesOf('one'))
            batch.putGeneration({ role, region: 'af', name }, '1-00000001', filesOf('one'))
          }
        }
      })
      const { authorities, bundles, identities } = await store.read()
      expect(authorities.map(({ name, generation }) => `${name}/${generation}`)).toEqual(
        ['a', 'b', 'c'].flatMap((name) => [`${name}/1`, `${name}/2`, `${name}/10`]),
      )
      expect(bundles.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
      expect(identities.map(({ role, region, name }) => `${role}/${region}/${name}`)).toEqual(
        ['client/af', 'client/eu', 'server/af', 'server/eu'].flatMap((path) =>
          ['a', 'b', 'c'].map((name) => `${path}/${name}`),
        ),
      )
    })

    test('an authority whose key is elsewhere has none to read', async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putAuthority('agent', 1, { certificate: 'C\n' })
      })
      expect(await store.readAuthorityKey('agent', 1)).toBeUndefined()
    })

    test('going back is turning to a generation that is there', async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putGeneration(s1, '1-00000001', filesOf('one'))
      })
      await commit(store, (batch) => {
        batch.putGeneration(s1, '2-00000002', filesOf('two'))
      })
      await commit(store, (batch) => {
        batch.turn(s1, '1-00000001')
      })
      const [identity] = (await store.read()).identities
      expect(identity?.link).toBe('1-00000001')
      expect(identity?.generations).toEqual(['1-00000001', '2-00000002'])
    })

    test('turning to nothing is refused, and the rest of the batch with it', async () => {
      const store = makeStore()
      const refused = commit(store, (batch) => {
        batch.putBundle('agent', 'B\n')
        batch.putGeneration(c1, '1-00000001', filesOf('one'))
        batch.record(line('issued', 'identity/client/eu_west/c1'))
        batch.turn(s1, '7-00000007')
      })
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_STORE_UNREADABLE',
        address: 'identity/server/global/s1',
      })
      expect(plain(await store.read())).toEqual({
        authorities: [],
        bundles: [],
        identities: [],
        ledger: undefined,
      })
    })

    test("an authority's key gets another form only where it is the one that was read", async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
      })
      for (const [generation, expected] of [
        [1, 'other\n'],
        [2, 'K\n'],
      ] as const) {
        await expect(
          commit(store, (batch) => {
            batch.replaceAuthorityKey('agent', generation, {
              key: 'E\n',
              expected: Buffer.from(expected),
            })
          }),
        ).rejects.toMatchObject({
          code: 'ERR_STORE_UNREADABLE',
          address: `authority/agent/${generation}`,
        })
      }
      await commit(store, (batch) => {
        batch.replaceAuthorityKey('agent', 1, { key: 'E\n', expected: Buffer.from('K\n') })
      })
      const { authorities } = await store.read()
      const [{ key, certificate } = {}] = authorities
      expect(Buffer.from(key!.bytes).toString()).toBe('E\n')
      expect(Buffer.from(certificate!.bytes).toString()).toBe('C\n')
      expect([undefined, 0o400]).toContain(key!.mode)
    })

    test("an authority's key is never written over another one, its certificate may be", async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
      })
      await expect(
        commit(store, (batch) => {
          batch.putAuthority('agent', 1, { key: 'other\n', certificate: 'other\n' })
        }),
      ).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS', address: 'authority/agent/1' })
      await commit(store, (batch) => {
        batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C again\n' })
        batch.putAuthority('agent', 2, { certificate: 'without a key\n' })
      })
      expect(plain(await store.read())).toMatchObject({
        authorities: [
          { name: 'agent', generation: 1, certificate: 'C again\n', key: 'K\n' },
          { name: 'agent', generation: 2, certificate: 'without a key\n', key: undefined },
        ],
      })
    })

    test('a cross-certificate comes with its authority or later, and can be made anew', async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putAuthority('agent', 2, { key: 'K\n', certificate: 'C\n' })
        batch.putCross('agent', 2, 1, 'by 1\n')
      })
      await commit(store, (batch) => {
        batch.putCross('agent', 2, 1, 'by 1 again\n')
        batch.putCross('agent', 2, 3, 'by 3\n')
      })
      const { authorities, findings } = await store.read()
      expect(findings).toEqual([])
      expect(plain(await store.read())).toMatchObject({
        authorities: [{ name: 'agent', generation: 2, certificate: 'C\n', key: 'K\n' }],
      })
      expect(
        Object.fromEntries(
          [...authorities[0]!.crossed].map(([by, { bytes }]) => [
            by,
            Buffer.from(bytes).toString(),
          ]),
        ),
      ).toEqual({ 1: 'by 1 again\n', 3: 'by 3\n' })
      await expect(
        commit(store, (batch) => {
          batch.putCross('agent', 4, 1, 'for nobody\n')
        }),
      ).rejects.toMatchObject({ code: 'ERR_STORE_UNREADABLE', address: 'authority/agent/4' })
    })

    test('a revocation list stands beside its authority, and is written anew', async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
      })
      for (const pem of ['list 1\n', 'list 2\n']) {
        await commit(store, (batch) => {
          batch.putList('agent', 1, pem)
        })
        const { authorities, findings } = await store.read()
        expect(findings).toEqual([])
        expect(Buffer.from(authorities[0]!.list!.bytes).toString()).toBe(pem)
        expect(Buffer.from(authorities[0]!.certificate!.bytes).toString()).toBe('C\n')
      }
      await commit(store, (batch) => {
        batch.putCross('agent', 1, 2, 'by 2\n')
      })
      expect((await store.read()).authorities[0]!.list).toBeDefined()
      await expect(
        commit(store, (batch) => {
          batch.putList('agent', 2, 'of nobody\n')
        }),
      ).rejects.toMatchObject({ code: 'ERR_STORE_UNREADABLE', address: 'authority/agent/2' })
    })

    test('a generation is never written over another one; writing the same twice is writing it once', async () => {
      const store = makeStore()
      const put =
        (mark: string) =>
        (batch: StoreBatch): void => {
          batch.putGeneration(s1, '1-00000001', filesOf(mark))
        }
      await commit(store, put('one'))
      await commit(store, put('one'))
      await expect(commit(store, put('two'))).rejects.toMatchObject({
        code: 'ERR_FILE_EXISTS',
        address: 'identity/server/global/s1',
        hint: 'the store changed: plan again',
      })
      expect(plain(await store.read())).toMatchObject({
        identities: [{ current: { key: 'key one\n' } }],
      })
    })

    test('what is removed is gone: generations, identities, authorities, bundles', async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putAuthority('agent', 1, { key: 'K1\n', certificate: 'C1\n' })
        batch.putAuthority('agent', 2, { key: 'K2\n', certificate: 'C2\n' })
        batch.putAuthority('west', 1, { key: 'W\n', certificate: 'W\n' })
        batch.putBundle('agent', 'B\n')
        batch.putBundle('old', 'O\n')
        batch.putGeneration(s1, '1-00000001', filesOf('one'))
        batch.putGeneration(s1, '2-00000002', filesOf('two'))
        batch.putGeneration(c1, '1-00000001', filesOf('one'))
      })
      await commit(store, (batch) => {
        batch.removeIdentity(s1, ['1-00000001', '5-00000005'])
        batch.removeIdentity(c1)
        batch.removeAuthority('agent', 1)
        batch.removeAuthority('west', 1)
        batch.removeAuthority('never', 1)
        batch.removeBundle('old')
      })
      const contents = await store.read()
      expect(plain(contents)).toMatchObject({
        authorities: [{ name: 'agent', generation: 2 }],
        bundles: [{ name: 'agent' }],
        identities: [{ path: 'server/global/s1', link: '2-00000002', generations: ['2-00000002'] }],
      })
      expect(contents.authorities).toHaveLength(1)
      expect(contents.bundles).toHaveLength(1)
      expect(contents.identities).toHaveLength(1)
      expect(contents.findings).toEqual([])
    })

    test('the generation that is current until now can go when another one is turned to', async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putGeneration(s1, '1-00000001', filesOf('one'))
      })
      await commit(store, (batch) => {
        batch.putGeneration(s1, '2-00000002', filesOf('two'))
        batch.removeIdentity(s1, ['1-00000001'])
      })
      expect(plain(await store.read())).toMatchObject({
        identities: [{ link: '2-00000002', generations: ['2-00000002'] }],
      })
    })

    test('the current generation is not removed', async () => {
      const store = makeStore()
      await commit(store, (batch) => {
        batch.putGeneration(s1, '1-00000001', filesOf('one'))
      })
      await expect(
        commit(store, (batch) => {
          batch.removeIdentity(s1, ['1-00000001'])
        }),
      ).rejects.toMatchObject({ code: 'ERR_INTERNAL' })
      expect((await store.read()).identities[0]?.current?.directory).toBe('1-00000001')
    })

    test('the ledger is one chain over batches and holders, in the order of recording', async () => {
      const store = makeStore()
      for (const round of [1, 2, 3]) {
        await commit(store, (batch) => {
          batch.record(line('issued', `identity/server/global/s${round}`))
          batch.record(line('turned', 'ümlaut and "quotes"\n', { round, reasons: ['missing'] }))
        })
      }
      const ledger = readLedger((await store.readLedger())?.bytes)
      expect(ledger.fault).toBeUndefined()
      expect(ledger.tornBytes).toBe(0)
      expect(ledger.lines.map(({ seq, event }) => [seq, event])).toEqual([
        [1, 'issued'],
        [2, 'turned'],
        [3, 'issued'],
        [4, 'turned'],
        [5, 'issued'],
        [6, 'turned'],
      ])
      expect(ledger.lines[3]).toMatchObject({ round: 2, reasons: ['missing'] })
    })

    test('nobody writes without the lock, nor with one that was given back', async () => {
      const store = makeStore()
      await expect(store.batch().commit()).rejects.toMatchObject({ code: 'ERR_INTERNAL' })
      await expect(store.heal()).rejects.toMatchObject({ code: 'ERR_INTERNAL' })
      const lock = await store.lock()
      await store.batch().commit()
      await lock.release()
      await lock.release()
      await expect(store.batch().commit()).rejects.toMatchObject({ code: 'ERR_INTERNAL' })
      const next = await store.lock()
      // The first one's holder gives back nothing more.
      await lock.release()
      await store.batch().commit()
      await next.release()
    })

    test('a batch is committed once', async () => {
      const store = makeStore()
      const lock = await store.lock()
      const batch = store.batch()
      await batch.commit()
      await expect(batch.commit()).rejects.toMatchObject({ code: 'ERR_INTERNAL' })
      await lock.release()
    })

    test('a second holder waits, and is then refused with the name of the first', async () => {
      const store = makeStore()
      const lock = await store.lock({ command: 'nomad-pki apply' })
      await expect(store.lock({ wait: 1 })).rejects.toMatchObject({
        code: 'ERR_STORE_LOCKED',
        message: expect.stringContaining('"nomad-pki apply"') as string,
      })
      const later = store.lock({ wait: 20_000 })
      await lock.release()
      await (await later).release()
    })

    test('whoever waits for the lock can be interrupted', async () => {
      const store = makeStore()
      const lock = await store.lock()
      const stop = new AbortController()
      const waiting = store.lock({ wait: 60_000, signal: stop.signal })
      stop.abort()
      await expect(waiting).rejects.toMatchObject({ code: 'ERR_INTERRUPTED' })
      await lock.release()
    })

    test.each([
      [
        'a path in a name',
        (batch: StoreBatch) => {
          batch.turn({ ...s1, name: '../s1' }, '1-00000001')
        },
      ],
      [
        'a path in a region',
        (batch: StoreBatch) => {
          batch.turn({ ...s1, region: '..' }, '1-00000001')
        },
      ],
      [
        'no name',
        (batch: StoreBatch) => {
          batch.removeIdentity({ ...s1, name: '' })
        },
      ],
      [
        'a directory that is none',
        (batch: StoreBatch) => {
          batch.turn(s1, 'current')
        },
      ],
      [
        'a directory with a path',
        (batch: StoreBatch) => {
          batch.turn(s1, '1-00000001/..')
        },
      ],
      [
        'a dot for an authority',
        (batch: StoreBatch) => {
          batch.removeAuthority('..', 1)
        },
      ],
      [
        'generation 0',
        (batch: StoreBatch) => {
          batch.removeAuthority('agent', 0)
        },
      ],
      [
        'a fraction',
        (batch: StoreBatch) => {
          batch.removeAuthority('agent', 1.5)
        },
      ],
      [
        'a bundle with a path',
        (batch: StoreBatch) => {
          batch.putBundle('a/b', '')
        },
      ],
      [
        'modes of a configuration',
        (batch: StoreBatch) => {
          batch.repairModes('config/global/s1')
        },
      ],
    ])('%s is refused before anything is done', async (_what, use) => {
      const store = makeStore()
      const lock = await store.lock()
      const batch = store.batch()
      expect(() => {
        use(batch)
      }).toThrow(expect.objectContaining({ code: 'ERR_INTERNAL' }) as Error)
      await lock.release()
    })

    test('a batch does not remove what it turns to', async () => {
      const store = makeStore()
      await expect(
        commit(store, (batch) => {
          batch.putGeneration(s1, '1-00000001', filesOf('one'))
          batch.removeIdentity(s1)
        }),
      ).rejects.toMatchObject({ code: 'ERR_INTERNAL' })
    })

    test('the path of an identity ends in its address and the link', () => {
      expect(makeStore().pathOf(s1)).toMatch(/\/identity\/server\/global\/s1\/current$/)
    })
  })
}
