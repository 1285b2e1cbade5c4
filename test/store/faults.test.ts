/**
 * Calls that fail: the disk is full, read-only, gives up; whoever runs this may not write. Each is a
 * clear error, nothing is half-written, and once it is mended the same work goes on.
 */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath, getuid } from 'node:process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import type { Files } from '../../src/files/files.js'
import { readLedger } from '../../src/inventory/ledger.js'
import type { StoreBatch } from '../../src/inventory/store.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { errno, hastyFiles, watched } from './calls.js'
import { commit, plain } from './contract.js'
import { folder } from './grounds.js'
import { faultsOf, snapshot } from './judge.js'
import { live } from './life.js'
import { filesOf, line, s1 } from './words.js'

const writing: ReadonlySet<keyof Files> = new Set([
  'open',
  'write',
  'mkdir',
  'symlink',
  'link',
  'rename',
  'syncAll',
])

test('the disk is full from any call on, and then has room again', async () => {
  const whole = join(folder(), 'pki')
  let total = 0
  await live(
    directoryStore(whole, {
      files: watched(hastyFiles, (call) => {
        if (writing.has(call)) total += 1
      }),
      git: 'ignore',
    }),
  )
  const expected = snapshot(whole)
  expect(total).toBeGreaterThan(150)
  for (let full = 1; full <= total; full += 5) {
    const root = join(folder(), 'pki')
    let calls = 0
    const refusals: string[] = []
    const files = watched(hastyFiles, (call, [, flags]) => {
      if (!writing.has(call)) return
      calls += 1
      // What is read needs no room.
      if (call === 'open' && (Number(flags) & 3) === 0) return
      if (calls >= full) {
        refusals.push(call)
        throw errno('ENOSPC')
      }
    })
    const outcome = live(directoryStore(root, { files, git: 'ignore' }))
    await outcome.catch((error: unknown) => {
      expect(error).toMatchObject({
        code: 'ERR_STORE_UNWRITABLE',
        message: expect.stringContaining('the disk is full (ENOSPC)') as string,
        hint: expect.stringContaining('free some space') as string,
      })
    })
    if (refusals.length > 0) await expect(outcome).rejects.toThrow()
    expect(faultsOf(root)).toEqual([])
    await live(directoryStore(root, { files: hastyFiles, git: 'ignore' }))
    expect(faultsOf(root)).toEqual([])
    expect(snapshot(root)).toEqual(expected)
  }
})

test('a batch that fails before its barrier has turned nothing and left nothing torn', async () => {
  const root = join(folder(), 'pki')
  const store = directoryStore(root, { files: hastyFiles, git: 'ignore' })
  await commit(store, (batch) => {
    batch.putBundle('agent', 'BUNDLE 1\n')
    batch.putGeneration(s1, '1-00000001', filesOf('s1 1'))
    batch.record(line('issued', 'identity/server/global/s1'))
  })
  const before = snapshot(root)
  for (const failing of ['symlink', 'syncAll'] as const) {
    const files = watched(hastyFiles, (call) => {
      if (call === failing) throw errno('EIO')
    })
    const broken = directoryStore(root, { files, git: 'ignore' })
    await expect(
      commit(broken, (batch) => {
        batch.putBundle('agent', 'BUNDLE 2\n')
        batch.turn(s1, '1-00000001')
        batch.removeBundle('agent')
        batch.record(line('turned', 'identity/server/global/s1'))
      }),
    ).rejects.toMatchObject({ code: 'ERR_STORE_UNWRITABLE' })
    expect(snapshot(root)).toEqual(before)
  }
})

test('an append to the ledger that fails half-way is taken back', async () => {
  const root = join(folder(), 'pki')
  const store = directoryStore(root, { files: hastyFiles, git: 'ignore' })
  await commit(store, (batch) => {
    batch.record(line('first', 'x'))
  })
  let full = false
  const files: Files = {
    ...hastyFiles,
    write(fd, bytes, offset) {
      if (!Buffer.from(bytes).includes('"second"')) return hastyFiles.write(fd, bytes, offset)
      if (full) throw errno('ENOSPC')
      full = true
      return hastyFiles.write(fd, bytes.subarray(0, 20), offset)
    },
  }
  await expect(
    commit(directoryStore(root, { files, git: 'ignore' }), (batch) => {
      batch.record(line('second', 'x'))
    }),
  ).rejects.toMatchObject({ code: 'ERR_STORE_UNWRITABLE', address: 'ledger.jsonl' })
  const ledger = readLedger((await store.readLedger())?.bytes)
  expect([ledger.lines.length, ledger.tornBytes]).toEqual([1, 0])
})

test('without a sync of the whole file system every new file and directory is synced by itself', async () => {
  const root = join(folder(), 'pki')
  const synced = new Set<string>()
  const order: string[] = []
  const files: Files = {
    ...hastyFiles,
    syncAll: async () => false,
    fsync: async (path) => {
      await hastyFiles.fsync(path)
      synced.add(path.slice(root.length + 1))
      order.push('sync')
    },
    rename(from, to) {
      if (to.endsWith('/current')) order.push('turn')
      hastyFiles.rename(from, to)
    },
  }
  const store = directoryStore(root, { files, git: 'ignore' })
  await commit(store, (batch) => {
    batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
    batch.putGeneration(s1, '1-00000001', filesOf('s1 1'))
    batch.record(line('issued', 'x'))
  })
  const identity = 'identity/server/global/s1'
  for (const path of [
    ...['key.pem', 'cert.pem', 'ca.pem', 'manifest.json'].map(
      (file) => `${identity}/1-00000001/${file}`,
    ),
    `${identity}/1-00000001`,
    identity,
    'identity/server/global',
    'identity/server',
    'identity',
    'authority/agent',
    'authority',
    'ledger.jsonl',
    '',
  ]) {
    expect(synced).toContain(path)
  }
  expect([...synced].filter((path) => path.endsWith('ca-key.pem'))).toHaveLength(1)
  const turn = order.indexOf('turn')
  expect(order.slice(0, turn)).toContain('sync')
  expect(order.slice(turn)).toContain('sync')
})

describe('another user', () => {
  test('can neither read nor write it, and is told whose it is', async () => {
    const base = folder()
    chmodSync(base, 0o755)
    const root = join(base, 'pki')
    await commit(directoryStore(root, { files: hastyFiles, git: 'ignore' }), (batch) => {
      batch.putBundle('agent', 'BUNDLE 1\n')
    })
    const script = join(base, 'other-user.mjs')
    await build({
      entryPoints: [fileURLToPath(new URL('other-user.ts', import.meta.url))],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
      },
      logLevel: 'error',
    })
    chmodSync(script, 0o644)
    const root0 = getuid?.() === 0
    // As root another user is another one; as anybody else it is oneself, before a closed door.
    if (!root0) chmodSync(root, 0o000)
    // The running Node may lie where another user has no way to it (a cache of root's).
    const place = mkdtempSync(join(tmpdir(), 'nomad-pki-node-'))
    const node = join(place, 'node')
    chmodSync(place, 0o755)
    copyFileSync(execPath, node)
    chmodSync(node, 0o755)
    const { stdout, stderr } = spawnSync(node, [script, root], {
      encoding: 'utf8',
      ...(root0 && { uid: 65534, gid: 65534 }),
    })
    rmSync(place, { recursive: true })
    if (!root0) chmodSync(root, 0o700)
    expect(stderr).toBe('')
    const codes = JSON.parse(stdout) as Record<string, { code: string; message: string }>
    expect(codes.read?.code).toBe('ERR_STORE_UNREADABLE')
    expect(codes.lock?.code).toBe('ERR_STORE_UNWRITABLE')
    for (const { message } of Object.values(codes)) expect(message).toContain('permission denied')
    expect(readdirSync(root)).toEqual(['bundle'])
  })

  test('whose files lie in it are told once, with the cure', async () => {
    const root = join(folder(), 'pki')
    const store = directoryStore(root, { files: hastyFiles, git: 'ignore' })
    await commit(store, (batch) => {
      batch.putBundle('agent', 'BUNDLE 1\n')
      batch.putGeneration(s1, '1-00000001', filesOf('s1 1'))
    })
    // Only root can give files away; for anybody else the calls say so.
    const files: Files = {
      ...hastyFiles,
      fstat: (fd) => Object.assign(hastyFiles.fstat(fd), { uid: 4242 }),
    }
    if (getuid?.() === 0) chownSync(join(root, 'bundle/agent/ca.pem'), 4242, 4242)
    const { findings } = await directoryStore(root, { files, git: 'ignore' }).read()
    expect(findings).toMatchObject([
      {
        severity: 'warning',
        reason: 'owner-differs',
        message: expect.stringContaining('belongs to user 4242') as string,
      },
    ])
  })
})

describe('a store, or a folder in it, of another user', () => {
  /** Calls that say so of one path, which only root could make true. */
  const foreign = (theirs: string, uid?: number): Files => {
    const see =
      (call: 'stat' | 'lstat') =>
      (path: string): ReturnType<Files['stat']> => {
        const status = hastyFiles[call](path)
        return status && (path === theirs ? Object.assign(status, { uid: uid ?? 4242 }) : status)
      }
    return { ...hastyFiles, stat: see('stat'), lstat: see('lstat') }
  }

  test.each([
    ['', 'store'],
    ['bundle', 'store'],
    ['identity/server/global/s1', 'identity/server/global/s1'],
  ])('is told with its path: %j', async (path, address) => {
    const root = join(folder(), 'pki')
    await commit(directoryStore(root, { files: hastyFiles, git: 'ignore' }), (batch) => {
      batch.putBundle('agent', 'BUNDLE 1\n')
      batch.putGeneration(s1, '1-00000001', filesOf('s1 1'))
    })
    const whole = path === '' ? root : join(root, path)
    const { findings } = await directoryStore(root, {
      ...{ files: foreign(whole), git: 'ignore' },
    }).read()
    expect(findings).toEqual([
      {
        severity: 'warning',
        address,
        reason: 'owner-differs',
        message: `${whole} belongs to user 4242, and this runs as user ${getuid?.() ?? -1}`,
        file: path,
        remedy: `run as that user, or: chown -R "$(id -u)" ${root}`,
      },
    ])
  })
})

test('lines alone wait for the ledger and nothing else; with anything beside them the file system is waited for', async () => {
  const calls: string[] = []
  const files: Files = {
    ...hastyFiles,
    fsync: async (path) => {
      calls.push(path.slice(path.lastIndexOf('/') + 1))
      return hastyFiles.fsync(path)
    },
    syncAll: async () => {
      calls.push('all')
      return true
    },
  }
  const store = directoryStore(join(folder(), 'pki'), { files, git: 'ignore' })
  const event = line('issued', 'store')
  const waits = async (fill: (batch: StoreBatch) => void): Promise<string[]> => {
    const lock = await store.lock()
    calls.length = 0
    const batch = store.batch()
    fill(batch)
    await batch.commit()
    const made = [...calls]
    await lock.release()
    return made
  }
  await waits((batch) => {
    batch.putBundle('agent', 'B\n')
    batch.putAuthority('agent', 1, { key: 'K\n', certificate: 'C\n' })
    batch.putGeneration(s1, '1-00000001', filesOf('one'))
    batch.record(event)
  })
  expect(
    await waits((batch) => {
      batch.record(event)
      batch.record(event)
    }),
  ).toEqual(expect.not.arrayContaining(['all']))
  for (const more of [
    (batch: StoreBatch) => {
      batch.putBundle('agent', 'B\n')
    },
    (batch: StoreBatch) => {
      batch.putList('agent', 1, 'L\n')
    },
    (batch: StoreBatch) => {
      batch.turn(s1, '1-00000001')
    },
    (batch: StoreBatch) => {
      batch.putProbe('agent', 1, 'P\n')
    },
    (batch: StoreBatch) => {
      batch.repairModes('identity/server/global/s1')
    },
    (batch: StoreBatch) => {
      batch.removeBundle('agent')
    },
    (batch: StoreBatch) => {
      batch.removeIdentity(s1)
    },
    (batch: StoreBatch) => {
      batch.removeAuthority('agent', 1)
    },
  ]) {
    const waited = await waits((batch) => {
      batch.record(event)
      more(batch)
    })
    expect([more.toString(), waited]).toEqual([more.toString(), ['all', 'all']])
  }
})

test('before a generation goes that was current until now, the turn away from it is on disk', async () => {
  let waits = 0
  const files: Files = {
    ...hastyFiles,
    syncAll: async () => {
      waits += 1
      return true
    },
  }
  const store = directoryStore(join(folder(), 'pki'), { files, git: 'ignore' })
  const waited = async (fill: (batch: StoreBatch) => void): Promise<number> => {
    waits = 0
    await commit(store, fill)
    return waits
  }
  const put = (number: number) => (batch: StoreBatch) => {
    batch.putGeneration(s1, `${number}-0000000${number}`, filesOf(String(number)))
  }
  for (const number of [1, 2, 3]) expect(await waited(put(number))).toBe(2)
  expect(
    await waited((batch) => {
      put(4)(batch)
      batch.removeIdentity(s1, ['1-00000001'])
    }),
  ).toBe(2)
  expect(
    await waited((batch) => {
      put(5)(batch)
      batch.removeIdentity(s1, ['2-00000002', '4-00000004'])
    }),
  ).toBe(3)
})

test('a lock that cannot be given back is an error', async () => {
  const files = watched(hastyFiles, (call, [path]) => {
    if (call === 'unlink' && String(path).endsWith('/.lock')) throw errno('EACCES')
  })
  const root = join(folder(), 'pki')
  const lock = await directoryStore(root, { files, git: 'ignore' }).lock()
  await expect(lock.release()).rejects.toMatchObject({
    code: 'ERR_STORE_UNWRITABLE',
    message: expect.stringContaining(`.lock in the store ${root}`) as string,
  })
})

describe('one identity that is asked for', () => {
  const failing = (code: string, refused: string): Files =>
    watched(hastyFiles, (call, [path]) => {
      if ((call === 'names' || call === 'lstat') && String(path).endsWith(refused)) {
        throw errno(code)
      }
    })

  test('and went meanwhile is none', async () => {
    const root = join(folder(), 'pki')
    await commit(directoryStore(root, { files: hastyFiles, git: 'ignore' }), (batch) => {
      batch.putGeneration(s1, '1-00000001', filesOf('one'))
    })
    const store = directoryStore(root, { files: failing('ENOENT', '/s1'), git: 'ignore' })
    expect(await store.readIdentity(s1)).toBeUndefined()
    expect(await store.readGenerations(s1)).toEqual([])
  })

  test('and cannot be looked at is an error that names it', async () => {
    const root = join(folder(), 'pki')
    await commit(directoryStore(root, { files: hastyFiles, git: 'ignore' }), (batch) => {
      batch.putGeneration(s1, '1-00000001', filesOf('one'))
    })
    const store = directoryStore(root, { files: failing('EACCES', '/s1'), git: 'ignore' })
    for (const read of [() => store.readIdentity(s1), () => store.readGenerations(s1)]) {
      await expect(read()).rejects.toMatchObject({
        code: 'ERR_STORE_UNREADABLE',
        message: expect.stringContaining(`${root}/identity/server/global/s1`) as string,
      })
    }
  })

  test('and what is no fault of the disk is not taken for one', async () => {
    const root = folder()
    const files = watched(hastyFiles, (call, [path]) => {
      if (call === 'lstat' && String(path).endsWith('/s1')) throw new RangeError('ours')
    })
    const store = directoryStore(root, { files, git: 'ignore' })
    await expect(store.readIdentity(s1)).rejects.toThrow(RangeError)
  })

  test('below a store that cannot be one keeps its own error', async () => {
    const root = join(folder(), 'pki')
    writeFileSync(root, '')
    const store = directoryStore(root, { files: hastyFiles, git: 'ignore' })
    await expect(store.readIdentity(s1)).rejects.toMatchObject({
      message: `can't read ${root}: it is a file, not a directory`,
    })
  })
})

test('a store below a directory that is to be made is made with it, and only the store is closed', async () => {
  const base = folder()
  const store = directoryStore(join(base, 'a/b/pki'), { files: hastyFiles, git: 'ignore' })
  await commit(store, (batch) => {
    batch.putBundle('agent', 'B\n')
  })
  expect(plain(await store.read())).toMatchObject({ bundles: [{ name: 'agent' }] })
  mkdirSync(join(base, 'a/b/beside'))
})
