/** What a reader finds while another process turns an identity to its next generation and removes the last one. */

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encodeManifest } from '../../src/inventory/manifest.js'
import type { Files } from '../../src/files/files.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { hastyFiles, watched } from './calls.js'
import { commit } from './contract.js'
import { chmodSync, renameSync, rmSync, symlinkSync, unlinkSync } from './fs.js'
import { folder } from './grounds.js'
import { filesOf, s1 } from './words.js'

const place = 'identity/server/global/s1'
const [first, second] = ['1-00000001', '2-00000002'] as const

/** A store whose identity has these generations; the first is current. */
async function made(directories: readonly string[]): Promise<string> {
  const root = join(folder(), 'pki')
  await commit(directoryStore(root, { files: hastyFiles }), (batch) => {
    for (const directory of directories) batch.putGeneration(s1, directory, filesOf(directory))
    batch.turn(s1, first)
  })
  return root
}

/** Reads, and does something before the first call of a kind whose path has this end. */
async function readWhile(
  root: string,
  { call, end, act }: { call: keyof Files; end: string; act: () => void },
): Promise<{ current: string | undefined; cert: string | undefined; findings: number }> {
  let waiting = true
  const files = watched(hastyFiles, (called, [path]) => {
    if (!waiting || called !== call || !String(path).endsWith(end)) return
    waiting = false
    act()
  })
  const { identities, findings } = await directoryStore(root, { files }).read()
  expect(waiting).toBe(false)
  const current = identities[0]?.current
  return {
    current: current?.directory,
    cert: current?.cert && Buffer.from(current.cert.bytes).toString(),
    findings: findings.length,
  }
}

/** What a run does at its end: the link turns, then what it led to goes. */
function turn(root: string, to: string = second): void {
  const link = join(root, place, '.turn-current')
  symlinkSync(to, link)
  renameSync(link, join(root, place, 'current'))
}

describe('a generation that goes while it is read', () => {
  const files = ['ca.pem', 'cert.pem', 'key.pem']

  test.each(files)('before its %s is opened: the next one is read instead', async (name) => {
    const root = await made([first, second])
    const found = await readWhile(root, {
      ...{ call: 'open', end: `${first}/${name}` },
      act: () => {
        turn(root)
        rmSync(join(root, place, first), { recursive: true })
      },
    })
    expect(found).toEqual({ current: second, cert: filesOf(second).cert, findings: 0 })
  })

  test.each(files)('only its %s: the next one is read instead', async (name) => {
    const root = await made([first, second])
    const found = await readWhile(root, {
      ...{ call: 'open', end: `${first}/${name}` },
      act: () => {
        turn(root)
        unlinkSync(join(root, place, first, name))
      },
    })
    expect(found).toEqual({ current: second, cert: filesOf(second).cert, findings: 0 })
  })

  test.each(files)('one alone, before its %s is opened, and the next one comes', async (name) => {
    const root = await made([first, second])
    const aside = join(folder(), second)
    renameSync(join(root, place, second), aside)
    const found = await readWhile(root, {
      ...{ call: 'open', end: `${first}/${name}` },
      act: () => {
        renameSync(aside, join(root, place, second))
        turn(root)
        rmSync(join(root, place, first), { recursive: true })
      },
    })
    expect(found).toEqual({ current: second, cert: filesOf(second).cert, findings: 0 })
  })

  test.each(files)('one that lacks its %s, and stays current, is what is read', async (name) => {
    const root = await made([first])
    unlinkSync(join(root, place, first, name))
    const { identities } = await directoryStore(root, { files: hastyFiles }).read()
    expect(identities[0]?.current?.directory).toBe(first)
    expect(identities[0]?.generations).toEqual([first])
  })

  test.each([[[first]], [[first, second]]])(
    'of %j: one that comes, and is turned to, before the link is read is the current one',
    async (directories) => {
      const root = await made([...directories, '3-00000003'])
      const aside = join(folder(), 'third')
      renameSync(join(root, place, '3-00000003'), aside)
      const found = await readWhile(root, {
        ...{ call: 'readlink', end: 's1/current' },
        act: () => {
          renameSync(aside, join(root, place, '3-00000003'))
          turn(root, '3-00000003')
        },
      })
      expect(found).toEqual({
        current: '3-00000003',
        cert: filesOf('3-00000003').cert,
        findings: 0,
      })
    },
  )

  test.each([[[first]], [[first, second]]])(
    'of %j: what was found of one that went is not told',
    async (directories) => {
      const root = await made([...directories, '3-00000003'])
      const aside = join(folder(), 'third')
      renameSync(join(root, place, '3-00000003'), aside)
      chmodSync(join(root, place, first, 'ca.pem'), 0o666)
      const found = await readWhile(root, {
        ...{ call: 'open', end: `${first}/key.pem` },
        act: () => {
          renameSync(aside, join(root, place, '3-00000003'))
          turn(root, '3-00000003')
          rmSync(join(root, place, first), { recursive: true })
        },
      })
      expect(found).toEqual({
        current: '3-00000003',
        cert: filesOf('3-00000003').cert,
        findings: 0,
      })
    },
  )
})

describe('the usual case lists no directory of an identity', () => {
  /** How many were listed. */
  async function listed(root: string): Promise<number> {
    let count = 0
    const files = watched(hastyFiles, (call, [path]) => {
      if ((call === 'names' || call === 'list') && String(path).endsWith(place)) count += 1
    })
    await directoryStore(root, { files }).read()
    return count
  }

  test('one generation that is whole', async () => {
    expect(await listed(await made([first]))).toBe(0)
    expect(await listed(await made([first, second]))).toBe(1)
  })

  test.each(['ca.pem', 'cert.pem', 'key.pem'])('one without its %s is looked at', async (name) => {
    const root = await made([first])
    unlinkSync(join(root, place, first, name))
    expect(await listed(root)).toBe(1)
  })

  test('one whose key the node holds is whole without it', async () => {
    const root = join(folder(), 'pki')
    const files = { cert: 'C\n', ca: 'A\n' }
    const leaf = { serial: '01', fingerprint: '00000001', notBefore: 0, notAfter: 1 }
    const manifest = encodeManifest({ address: place, generation: 1, made: 0, leaf, files })
    await commit(directoryStore(root, { files: hastyFiles }), (batch) => {
      batch.putGeneration(s1, first, { ...files, manifest })
    })
    expect(await listed(root)).toBe(0)
    unlinkSync(join(root, place, first, 'manifest.json'))
    expect(await listed(root)).toBe(1)
  })
})
