import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkfifoSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from './fs.js'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Store, StoreBatch } from '../../src/inventory/store.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { nodeFiles } from '../../src/files/files.js'
import { commit, plain, storeContract } from './contract.js'
import { c1, filesOf, line, s1 } from './words.js'
import { errno, hastyFiles, watched } from './calls.js'
import { folder } from './grounds.js'
import { seed } from '../seed.js'

storeContract('a store on directories', () =>
  directoryStore(join(folder(), 'pki'), { files: hastyFiles }),
)

storeContract('a store on directories that the system lists backwards', () =>
  directoryStore(join(folder(), 'pki'), {
    files: {
      ...hastyFiles,
      list: (path) => [...hastyFiles.list(path)].reverse(),
      names: (path) => hastyFiles.names(path).reverse(),
    },
  }),
)

/** A store in a folder, with one authority, one bundle and one identity of two generations. */
async function small(): Promise<{ store: Store; root: string }> {
  const root = join(folder(), 'pki')
  const store = directoryStore(root, { files: hastyFiles })
  await commit(store, (batch) => {
    batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
    batch.putBundle('agent', 'B\n')
    batch.putGeneration(s1, '1-00000001', filesOf('one'))
    batch.putGeneration(s1, '2-00000002', filesOf('two'))
    batch.record(line('issued', 'identity/server/global/s1'))
  })
  return { store, root }
}

/** Every path below a directory with its mode, links with what they say. */
function tree(root: string, below = ''): string[] {
  return readdirSync(join(root, below))
    .sort()
    .flatMap((name) => {
      const path = below === '' ? name : `${below}/${name}`
      const status = lstatSync(join(root, path))
      if (status.isSymbolicLink()) return [`link ${path} → ${readlinkSync(join(root, path))}`]
      const own = `${(status.mode & 0o7777).toString(8)} ${path}`
      return status.isDirectory() ? [own, ...tree(root, path)] : [own]
    })
}

const layout = [
  '700 authority',
  '700 authority/agent',
  '700 authority/agent/1',
  '400 authority/agent/1/ca-key.pem',
  '644 authority/agent/1/ca.pem',
  '700 bundle',
  '700 bundle/agent',
  '644 bundle/agent/ca.pem',
  '700 identity',
  '700 identity/server',
  '700 identity/server/global',
  '700 identity/server/global/s1',
  '700 identity/server/global/s1/1-00000001',
  '644 identity/server/global/s1/1-00000001/ca.pem',
  '644 identity/server/global/s1/1-00000001/cert.pem',
  '600 identity/server/global/s1/1-00000001/key.pem',
  '644 identity/server/global/s1/1-00000001/manifest.json',
  '700 identity/server/global/s1/2-00000002',
  '644 identity/server/global/s1/2-00000002/ca.pem',
  '644 identity/server/global/s1/2-00000002/cert.pem',
  '600 identity/server/global/s1/2-00000002/key.pem',
  '644 identity/server/global/s1/2-00000002/manifest.json',
  'link identity/server/global/s1/current → 2-00000002',
  '600 ledger.jsonl',
]

describe('layout and modes', () => {
  test('everything is where the documentation says, with the mode that it says', async () => {
    const { root } = await small()
    expect(statSync(root).mode & 0o7777).toBe(0o700)
    expect(tree(root)).toEqual(layout)
  })

  test('a key has its mode from its first byte: open asks for it, and nothing widens it later', async () => {
    const asked = new Map<string, number>()
    const files = watched(hastyFiles, (call, [path, , mode]) => {
      if (call === 'open' && typeof mode === 'number') asked.set(String(path), mode)
    })
    const store = directoryStore(join(folder(), 'pki'), { files })
    await commit(store, (batch) => {
      batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
      batch.putGeneration(s1, '1-00000001', filesOf('one'))
      batch.record(line('issued', 'x'))
    })
    const modes = [...asked].map(([path, mode]) => [path.slice(path.lastIndexOf('/') + 1), mode])
    expect(modes).toContainEqual(['ca-key.pem', 0o400])
    expect(modes).toContainEqual(['key.pem', 0o600])
    expect(modes).toContainEqual(['ledger.jsonl', 0o600])
    expect(modes.filter(([name]) => String(name).endsWith('key.pem'))).toHaveLength(2)
  })

  test('modes found open are told with their cure, and repaired', async () => {
    const { store, root } = await small()
    const current = join(root, 'identity/server/global/s1/current')
    chmodSync(join(current, 'key.pem'), 0o640)
    chmodSync(join(current, 'ca.pem'), 0o664)
    chmodSync(join(root, 'authority/agent/1/ca-key.pem'), 0o444)
    chmodSync(join(root, 'ledger.jsonl'), 0o644)
    chmodSync(root, 0o755)
    const { findings } = await store.read()
    expect(
      findings.map(({ severity, address, reason, file }) => [severity, address, reason, file]),
    ).toEqual([
      ['warning', 'store', 'mode-open', ''],
      ['error', 'authority/agent/1', 'mode-open', 'authority/agent/1/ca-key.pem'],
      [
        'error',
        'identity/server/global/s1',
        'mode-open',
        'identity/server/global/s1/2-00000002/ca.pem',
      ],
      [
        'error',
        'identity/server/global/s1',
        'mode-open',
        'identity/server/global/s1/2-00000002/key.pem',
      ],
      ['warning', 'store', 'mode-open', 'ledger.jsonl'],
    ])
    expect(findings[0]?.remedy).toBe(`chmod 700 ${root}`)
    expect(findings[1]?.message).toBe(
      'users other than its owner can read authority/agent/1/ca-key.pem (mode 0444 instead of 0400)',
    )
    expect(findings[3]?.remedy).toBe('nomad-pki apply identity/server/global/s1')
    await commit(store, (batch) => {
      batch.repairModes('identity/server/global/s1')
      batch.repairModes('authority/agent/1')
    })
    chmodSync(join(root, 'ledger.jsonl'), 0o600)
    expect((await store.read()).findings).toEqual([])
    expect(tree(root)).toEqual(layout)
  })

  test.each([
    ['authority', 'store'],
    ['authority/agent', 'store'],
    ['authority/agent/1', 'authority/agent/1'],
    ['bundle', 'store'],
    ['bundle/agent', 'bundle/agent'],
    ['identity', 'store'],
    ['identity/server', 'store'],
    ['identity/server/global', 'store'],
    ['identity/server/global/s1', 'identity/server/global/s1'],
    ['identity/server/global/s1/2-00000002', 'identity/server/global/s1'],
    ['probe', 'store'],
  ])('%s that others can write is told, one that they can read is not', async (path, address) => {
    const { store, root } = await small()
    await commit(store, (batch) => {
      batch.putProbe('agent', 1, 'P\n')
    })
    const asked = async (mode: number): Promise<unknown> => {
      chmodSync(join(root, path), mode)
      const { findings } = await store.read({ manifests: true })
      return findings.map(({ reason, file, address: of }) => [reason, file, of])
    }
    expect(await asked(0o755)).toEqual([])
    expect(await asked(0o720)).toEqual([['mode-open', path, address]])
    expect(await asked(0o702)).toEqual([['mode-open', path, address]])
  })

  test('of the folders above it, only those that are not there are made', async () => {
    const place = folder()
    const made: string[] = []
    const files = watched(hastyFiles, (call, [path]) => {
      if (call === 'mkdir') made.push(String(path))
    })
    const store = directoryStore(join(place, 'a/b/pki'), { files })
    await (await store.lock()).release()
    expect(made).toEqual(['a', 'a/b', 'a/b/pki'].map((path) => join(place, path)))
  })

  test('repairing modes follows no link', async () => {
    const { store, root } = await small()
    const outside = join(folder(), 'theirs')
    writeFileSync(outside, 'theirs', { mode: 0o644 })
    chmodSync(outside, 0o644)
    const key = join(root, 'identity/server/global/s1/1-00000001/key.pem')
    unlinkSync(key)
    symlinkSync(outside, key)
    await commit(store, (batch) => {
      batch.repairModes('identity/server/global/s1')
    })
    expect(statSync(outside).mode & 0o777).toBe(0o644)
  })
})

describe('bad worlds', () => {
  test('a file where the store should be', async () => {
    const root = join(folder(), 'pki')
    writeFileSync(root, 'hello')
    const store = directoryStore(root)
    await expect(store.read()).rejects.toMatchObject({
      code: 'ERR_STORE_UNREADABLE',
      message: `can't read ${root}: it is a file, not a directory`,
    })
    await expect(store.lock()).rejects.toMatchObject({ code: 'ERR_STORE_UNWRITABLE' })
    expect(readFileSync(root, 'utf8')).toBe('hello')
  })

  test('a link as the store: to a directory it is followed, to nothing it is refused', async () => {
    const place = folder()
    const root = join(place, 'pki')
    symlinkSync('elsewhere', root)
    const store = directoryStore(root, { files: hastyFiles })
    await expect(store.read()).rejects.toMatchObject({
      code: 'ERR_STORE_UNREADABLE',
      message: expect.stringContaining('a link to elsewhere, which is not there') as string,
    })
    await expect(store.lock()).rejects.toMatchObject({ code: 'ERR_STORE_UNWRITABLE' })
    expect(existsSync(join(place, 'elsewhere'))).toBe(false)
    mkdirSync(join(place, 'elsewhere'), { mode: 0o700 })
    await commit(store, (batch) => {
      batch.putBundle('agent', 'B\n')
    })
    expect(readFileSync(join(place, 'elsewhere/bundle/agent/ca.pem'), 'utf8')).toBe('B\n')
  })

  test.each(['with spaces', `"both" 'quotes'`, 'línea\n新しい', '-rf', '$(touch x);`y`'])(
    'a folder called %j',
    async (name) => {
      const root = join(folder(), name, 'pki')
      const store = directoryStore(root)
      await commit(store, (batch) => {
        batch.putGeneration(s1, '1-00000001', filesOf('one'))
        batch.record(line('issued', 'x'))
      })
      const contents = await directoryStore(root).read()
      expect(contents.findings).toEqual([])
      expect(contents.identities).toHaveLength(1)
      await expect(store.lock().then(() => store.lock({ wait: 1 }))).rejects.toMatchObject({
        code: 'ERR_STORE_LOCKED',
        message: expect.not.stringContaining('\n') as string,
      })
    },
  )

  test('the longest names that the grammar takes', async () => {
    const longest = { role: 'combined', region: 'r'.repeat(51), name: 'n'.repeat(63) } as const
    const store = directoryStore(join(folder(), 'pki'), { files: hastyFiles })
    await commit(store, (batch) => {
      batch.putAuthority('a'.repeat(63), 999_999_999, { key: 'K\n', certificate: 'C\n' })
      batch.putGeneration(longest, '999999999-ffffffff', filesOf('one'))
      batch.record(line('issued', 'x'))
    })
    expect((await store.read()).identities[0]?.current?.number).toBe(999_999_999)
  })

  test('a path that is too long is an error that says so', async () => {
    const store = directoryStore(
      join(folder(), ...Array.from({ length: 30 }, () => 'x'.repeat(200))),
    )
    await expect(store.lock()).rejects.toMatchObject({
      code: 'ERR_STORE_UNWRITABLE',
      message: expect.stringContaining('too long') as string,
    })
  })

  test('foreign files are noted and left alone; names that can be no region or node are no identities', async () => {
    const { store, root } = await small()
    writeFileSync(join(root, 'README'), '')
    writeFileSync(join(root, 'authority/agent/1/ca-key.pem.bak'), '')
    writeFileSync(join(root, 'identity/server/global/s1/.DS_Store'), '')
    mkdirSync(join(root, 'identity/server/global/bad name'))
    mkdirSync(join(root, 'identity/witch'))
    const before = tree(root)
    const contents = await store.read()
    expect(contents.findings.map(({ severity, reason, file }) => [severity, reason, file])).toEqual(
      [
        ['note', 'foreign-file', 'README'],
        ['note', 'foreign-file', 'authority/agent/1/ca-key.pem.bak'],
        ['note', 'foreign-file', 'identity/witch'],
        ['note', 'foreign-file', 'identity/server/global/bad name'],
        ['note', 'foreign-file', 'identity/server/global/s1/.DS_Store'],
      ],
    )
    expect(contents.identities).toHaveLength(1)
    const lock = await store.lock()
    expect(await store.heal()).toEqual([])
    await lock.release()
    expect(tree(root)).toEqual(before)
  })

  test.each([
    ['nowhere', '9-00000009'],
    ['outside', '../../../../../../etc'],
    ['an absolute place', '/etc'],
    ['another identity', '../s2/1-00000001'],
    ['a dot', '.'],
  ])('a link that points %s is never followed', async (_where, target) => {
    const { store, root } = await small()
    const link = join(root, 'identity/server/global/s1/current')
    unlinkSync(link)
    symlinkSync(target, link)
    const [identity] = (await store.read()).identities
    expect(identity?.link).toBe(target)
    expect(identity?.current).toBeUndefined()
    await commit(store, (batch) => {
      batch.turn(s1, '1-00000001')
    })
    expect(readlinkSync(link)).toBe('1-00000001')
  })

  test('a directory in the place of the link is told, and not taken for one', async () => {
    const { store, root } = await small()
    const link = join(root, 'identity/server/global/s1/current')
    unlinkSync(link)
    mkdirSync(link)
    expect((await store.read()).findings).toMatchObject([
      { severity: 'error', reason: 'link-broken', address: 'identity/server/global/s1' },
    ])
    await expect(
      commit(store, (batch) => {
        batch.turn(s1, '1-00000001')
      }),
    ).rejects.toMatchObject({ code: 'ERR_STORE_UNWRITABLE' })
  })

  test('links in the place of files and directories are told and not followed, pipes are not waited for', async () => {
    const { store, root } = await small()
    const outside = folder()
    writeFileSync(join(outside, 'secret'), 'secret')
    const current = join(root, 'identity/server/global/s1/current')
    unlinkSync(join(current, 'key.pem'))
    symlinkSync(join(outside, 'secret'), join(current, 'key.pem'))
    unlinkSync(join(current, 'ca.pem'))
    mkfifoSync(join(current, 'ca.pem'))
    symlinkSync(outside, join(root, 'identity/client'))
    const contents = await store.read()
    expect(contents.findings.map(({ reason, file }) => [reason, file])).toEqual([
      ['foreign-file', 'identity/client'],
      ['incomplete', 'identity/server/global/s1/2-00000002/ca.pem'],
      ['incomplete', 'identity/server/global/s1/2-00000002/key.pem'],
    ])
    expect(contents.identities[0]?.current?.key).toBeUndefined()
    await expect(
      commit(store, (batch) => {
        batch.putGeneration(c1, '1-00000001', filesOf('one'))
      }),
    ).rejects.toMatchObject({
      code: 'ERR_STORE_UNWRITABLE',
      message: expect.stringContaining('is a link where a directory belongs') as string,
      hint: 'move it away',
    })
    expect(readdirSync(outside)).toEqual(['secret'])
  })

  test('on a file system that folds letters, two regions that differ in nothing else are refused', async () => {
    const fold = (path: unknown): string => String(path).replace(/\/eu(?=\/|$)/, '/EU')
    const folding = {
      ...hastyFiles,
      mkdir: (path: string, mode: number) => {
        nodeFiles.mkdir(fold(path), mode)
      },
    }
    const store = directoryStore(join(folder(), 'pki'), { files: folding })
    await commit(store, (batch) => {
      batch.putGeneration({ ...s1, region: 'EU' }, '1-00000001', filesOf('upper'))
    })
    await expect(
      commit(store, (batch) => {
        batch.putGeneration({ ...s1, region: 'eu' }, '1-00000001', filesOf('lower'))
      }),
    ).rejects.toMatchObject({
      code: 'ERR_STORE_UNWRITABLE',
      message: expect.stringContaining(`can't hold both "EU" and "eu"`) as string,
    })
  })

  test('a file that the system does not let us read stops everything, and nothing is made anew for it', async () => {
    const { root } = await small()
    const files = watched(hastyFiles, (call, [path]) => {
      if (call === 'open' && String(path).endsWith('2-00000002/key.pem')) throw errno('EACCES')
    })
    const { findings } = await directoryStore(root, { files }).read()
    expect(findings).toMatchObject([
      {
        severity: 'error',
        address: 'store',
        reason: 'unreadable',
        message: expect.stringContaining('permission denied') as string,
      },
    ])
  })

  test('a directory that can not be listed is an error', async () => {
    const { root } = await small()
    const files = watched(hastyFiles, (call, [path]) => {
      if (call === 'list' && String(path).endsWith('/server')) throw errno('EACCES')
    })
    await expect(directoryStore(root, { files }).read()).rejects.toMatchObject({
      code: 'ERR_STORE_UNREADABLE',
      hint: 'run as the user that owns it',
    })
  })

  test('a lock that was removed by hand stops its holder before it writes', async () => {
    const { store, root } = await small()
    const lock = await store.lock()
    unlinkSync(join(root, '.lock'))
    const batch = store.batch()
    batch.putBundle('agent', 'other\n')
    await expect(batch.commit()).rejects.toMatchObject({ code: 'ERR_STORE_LOCKED' })
    expect(readFileSync(join(root, 'bundle/agent/ca.pem'), 'utf8')).toBe('B\n')
    await lock.release()
  })

  test('a damaged ledger is not written on', async () => {
    const { store, root } = await small()
    writeFileSync(join(root, 'ledger.jsonl'), 'no line of ours\n')
    await expect(
      commit(store, (batch) => {
        batch.putBundle('agent', 'other\n')
        batch.record(line('bundle', 'bundle/agent'))
      }),
    ).rejects.toMatchObject({ code: 'ERR_LEDGER_BROKEN' })
    expect(readFileSync(join(root, 'bundle/agent/ca.pem'), 'utf8')).toBe('B\n')
  })
})

test('a ledger line that lacks only its newline stays; one that is torn is cut off', async () => {
  const { store, root } = await small()
  const path = join(root, 'ledger.jsonl')
  const sound = readFileSync(path, 'utf8')
  const heal = async (): Promise<string> => {
    const lock = await store.lock()
    try {
      await store.heal()
    } finally {
      await lock.release()
    }
    return readFileSync(path, 'utf8')
  }
  writeFileSync(path, sound.slice(0, -1))
  expect(await heal()).toBe(sound)
  writeFileSync(path, sound.slice(0, -2))
  expect(await heal()).toBe(sound.slice(0, sound.lastIndexOf('\n', sound.length - 2) + 1))
})

test('all generations of an authority go in one batch, and its directory with them', async () => {
  for (const store of [
    directoryStore(join(folder(), 'pki'), { files: hastyFiles, git: 'ignore' }),
    memoryStore(),
  ]) {
    await commit(store, (batch) => {
      for (const number of [1, 2, 3]) {
        batch.putAuthority('agent', number, { key: 'K\n', certificate: `${number}\n` })
      }
    })
    await commit(store, (batch) => {
      for (const number of [1, 2, 3]) batch.removeAuthority('agent', number)
    })
    const { authorities, findings } = await store.read()
    expect(authorities).toEqual([])
    expect(findings).toEqual([])
  }
})

test('any sequence of batches comes to the same on directories and in memory', async () => {
  const identities = [s1, c1, { ...s1, name: 's2' }] as const
  const step = fc.record({
    who: fc.nat(2),
    what: fc.constantFrom('put', 'turn', 'drop', 'remove', 'authority', 'bundle', 'prune'),
    number: fc.integer({ min: 1, max: 4 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 6 }),
      async (batches) => {
        const stores = [
          directoryStore(join(folder(), 'pki'), { files: hastyFiles, git: 'ignore' }),
          memoryStore(),
        ]
        for (const steps of batches) {
          const outcomes: string[] = []
          for (const store of stores) {
            const fill = (batch: StoreBatch): void => {
              for (const { who, what, number } of steps) {
                const identity = identities[who]!
                const directory = `${number}-0000000${number}`
                if (what === 'put') batch.putGeneration(identity, directory, filesOf(directory))
                if (what === 'turn') batch.turn(identity, directory)
                if (what === 'drop') batch.removeIdentity(identity, [directory])
                if (what === 'remove') batch.removeIdentity(identity)
                if (what === 'authority') {
                  batch.putAuthority('agent', number, { key: 'K\n', certificate: `${who}\n` })
                }
                if (what === 'bundle') batch.putBundle('agent', `${who}\n`)
                if (what === 'prune') batch.removeAuthority('agent', number)
                batch.record(line(what, directory))
              }
            }
            outcomes.push(
              await commit(store, fill).then(
                () => 'done',
                (error: unknown) => (error as { code: string }).code,
              ),
            )
          }
          expect(outcomes[0]).toBe(outcomes[1])
          const [directories, memory] = await Promise.all(stores.map((store) => store.read()))
          expect(plain(directories!)).toEqual(plain(memory!))
          expect(directories!.findings).toEqual([])
        }
      },
    ),
    { numRuns: 60, seed },
  )
})
