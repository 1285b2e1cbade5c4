/** Archives that nobody packed: names, types, sizes, sums and manifests that a stranger made up. */

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { prepareInstall } from '../../src/delivery/install.js'
import { readArchive } from '../../src/delivery/read-archive.js'
import { readTar, writeTar } from '../../src/delivery/tar.js'
import { directoryConfigs } from '../../src/store/directory-configs.js'
import { aWorld, pack, present } from './node.js'
import { seed } from '../seed.js'

type Contents = Map<string, Uint8Array>

let packed: Uint8Array
let contents: Contents
let generation: string
const folder = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-archives-'))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))
beforeAll(async () => {
  const world = aWorld()
  await world.apply()
  packed = await pack(world)
  contents = new Map(readTar(packed).map(({ path: name, bytes }) => [name, bytes]))
  generation = [...contents.keys()]
    .map((name) => name.split('/')[1]!)
    .find((one) => /^\d/.test(one))!
})

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const manifestName = 'nomad-pki/manifest.json'
const sumsName = 'nomad-pki/SHA256SUMS'

/** An archive whose sums and whose own manifest fit what is in it: only the lie itself is left. */
function consistent(files: Contents): Uint8Array {
  return summed(consistentFiles(files))
}

/** The files with a manifest that fits them. */
function consistentFiles(files: Contents): Contents {
  const all = new Map(files)
  const inside = [...all.keys()].filter((name) => name !== sumsName && name !== manifestName)
  try {
    const manifest = JSON.parse(Buffer.from(all.get(manifestName)!).toString()) as object
    const listed = inside.map((name) => [name.replace('nomad-pki/', ''), hash(all.get(name)!)])
    if ('files' in manifest) {
      const mended = { ...manifest, files: Object.fromEntries(listed) as unknown }
      all.set(manifestName, Buffer.from(`${JSON.stringify(mended, null, 2)}\n`))
    }
  } catch {
    // It is none.
  }
  return all
}

/** An archive of files, with sums that fit them. */
function summed(files: Contents): Uint8Array {
  const sums = [...files.keys()]
    .filter((name) => name !== sumsName)
    .map((name) => `${hash(files.get(name)!)}  ${name.replace('nomad-pki/', '')}\n`)
  return asTar(new Map(files).set(sumsName, Buffer.from(sums.join(''))))
}

function asTar(files: Contents): Uint8Array {
  return writeTar(
    [...files].map(([name, bytes]) => ({ path: name, bytes, mode: 0o644 })),
    present,
  )
}

function changed(change: (files: Contents) => void): Uint8Array {
  const files = new Map(contents)
  change(files)
  return consistent(files)
}

/** A value in one of the JSON files. */
function withValue(file: string, key: string, value: unknown): Uint8Array {
  return changed((files) => {
    const document = JSON.parse(Buffer.from(files.get(file)!).toString()) as Record<string, unknown>
    // Where it is undefined, JSON leaves it out.
    document[key] = value
    files.set(file, Buffer.from(`${JSON.stringify(document, null, 2)}\n`))
  })
}

function expectRefused(archive: Uint8Array): string {
  try {
    readArchive(archive)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_ARCHIVE_INVALID' })
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

test('what was packed is read, and so is what is consistent in itself', () => {
  expect(readArchive(packed).entries.length).toBe(contents.size)
  expect(readArchive(consistent(contents)).manifest.directory).toBe(generation)
})

describe('three lists of sums, and each is compared by itself', () => {
  const changedPart = (file: string): Contents => {
    const files = new Map(contents)
    const name = `nomad-pki/${generation}/${file}`
    files.set(name, Buffer.concat([files.get(name)!, Buffer.from('\n')]))
    return files
  }

  test.each(['ca.pem', 'cert.pem', 'key.pem'])('%s: those of the generation alone', (file) => {
    expect(expectRefused(consistent(changedPart(file)))).toContain(
      `${file} is not what the manifest of its generation says`,
    )
  })

  test.each(['ca.pem', 'cert.pem', 'key.pem', 'manifest.json'])(
    "%s: those of the archive's manifest alone",
    (file) => {
      // The sums fit, and the list in the manifest is still that of the archive as it was packed.
      const sums = new Map(consistentFiles(changedPart(file)))
      sums.set(manifestName, contents.get(manifestName)!)
      expect(expectRefused(summed(sums))).toContain('its files are not what its manifest says')
    },
  )

  test('SHA256SUMS alone', () => {
    const files = new Map(contents)
    files.set(sumsName, Buffer.from(`${hash(Buffer.alloc(0))}  x\n`))
    expect(expectRefused(asTar(files))).toContain('its files are not what SHA256SUMS says')
  })
})

describe('names', () => {
  test.each([
    '/etc/passwd',
    '../../etc/cron.d/x',
    'nomad-pki/../../../etc/passwd',
    'nomad-pki/../nomad-pki/x',
    'nomad-pki//ca.pem',
    'nomad-pki/./ca.pem',
    'nomad-pki/GEN/../../x',
    'nomad-pki/GEN/ca.pem/',
    'nomad-pki/GEN/CA.PEM',
    'nomad-pki/GEN',
    'nomad-pki/',
    'nomad-pki',
    'NOMAD-PKI/GEN/ca.pem',
    'nomad-pki\\x',
    'nomad-pki/current/ca.pem',
    'nomad-pki/9-00000000/ca.pem',
    'nomad-pki/GEN/ca.pem.hcl',
    'nomad-pki/.tls.hcl',
    'nomad-pki/-rf',
    '__proto__',
    'nomad-pki/__proto__',
  ])('%s', (name) => {
    const place = name.replace('GEN', generation)
    const message = expectRefused(changed((files) => files.set(place, Buffer.from('x'))))
    expect(message).toContain('unexpected entry')
  })

  test.each([
    ['not UTF-8', Buffer.from([0x6e, 0xff, 0xfe, 0x80])],
    ['a terminal that obeys', Buffer.from('\u001b]0;x\u0007\u009b2J', 'latin1')],
    ['a line of its own', Buffer.from('a\nnomad-pki/x')],
    ['nothing', Buffer.alloc(0)],
    ['spaces', Buffer.from('   ')],
  ])('%s', (_what, name) => {
    const message = expectRefused(header((field) => name.copy(field.fill(0, 0, 100), 0)))
    // eslint-disable-next-line no-control-regex
    expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })
})

/** The packed tar with its first header changed and summed again. */
function header(change: (field: Buffer) => void): Uint8Array {
  const tar = gunzipSync(packed)
  const field = tar.subarray(0, 512)
  change(field)
  const sum = field.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0)
  field.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return gzipSync(tar)
}

describe('what is not a plain file', () => {
  test.each(
    Object.entries({
      '1': 'a hard link',
      '2': 'a symbolic link',
      '3': 'a character device',
      '4': 'a block device',
      '5': 'a directory',
      '6': 'a fifo',
      '7': 'a contiguous file',
      g: 'a global pax header',
      x: 'a pax header',
      L: "GNU's long name",
      K: "GNU's long link",
      S: 'a sparse file',
      D: 'a directory of a dump',
      V: 'a volume header',
      '\u00ff': 'nothing that is known',
    }),
  )('%s: %s', (type) => {
    const archive = header((field) => {
      field.write(type, 156, 'latin1')
      field.write('/etc/passwd', 157, 'latin1')
    })
    expect(expectRefused(archive)).toContain('is not a plain file')
  })
})

describe('sizes', () => {
  test('a bomb of a thousand times its size is not unpacked', () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    expect(bomb.length).toBeLessThan(100_000)
    expect(expectRefused(bomb)).toContain('too large')
  })

  test('eight gigabytes that are announced and not there', () => {
    const archive = header((field) => field.write('77777777777\0', 124, 'latin1'))
    expect(expectRefused(archive)).toContain('torn')
  })

  test('members of gzip one after the other are one stream, and a stranger among them is seen', () => {
    const appendix = Buffer.concat([packed, gzipSync(Buffer.from('x'))])
    expect(expectRefused(appendix)).toContain('follow its end')
  })
})

describe('sums and manifests', () => {
  test('each file, changed by one bit', () => {
    for (const [name, bytes] of contents) {
      const files = new Map(contents)
      const copy = Buffer.from(bytes)
      copy[copy.length >> 1]! ^= 1
      files.set(name, copy)
      const archive = writeTar(
        [...files].map(([place, content]) => ({ path: place, bytes: content, mode: 0o644 })),
        present,
      )
      expect(expectRefused(archive)).toMatch(/SHA256SUMS|manifest/)
    }
  })

  test('each file, missing', () => {
    for (const name of contents.keys()) {
      if (name === sumsName) continue
      // A leaf is a node's own business if the archive says so; a key that is missing must be said.
      const archive = changed((files) => files.delete(name))
      if (name.endsWith('/cert.pem')) expect(readArchive(archive).files.cert).toBeUndefined()
      else expectRefused(archive)
    }
  })

  const outer = ['format', 'version', 'cluster', 'address', 'generation', 'directory', 'made']
  const more = ['layout', 'tls', 'owner', 'key', 'stanza', 'files']
  const inner = ['format', 'version', 'address', 'generation', 'made', 'leaf', 'files']
  const junk: readonly unknown[] = [
    ...[undefined, null, 0, -1, 1e300, true, '', 'x', [], {}, [[]], '\u001b[2J', '../../x'],
    ...['9-00000000', 'identity/server/global/s2', 'authority/agent/1', { fingerprint: 7 }],
    { fingerprint: 'g'.repeat(64) },
    { toString: 1, 'ca.pem': null },
    '9'.repeat(5000),
  ]
  test.each([
    ...[...outer, ...more].map((key) => ['outer', key] as const),
    ...inner.map((key) => ['inner', key] as const),
  ])('%s: %s is junk', (which, key) => {
    const file = which === 'outer' ? manifestName : `nomad-pki/${generation}/manifest.json`
    for (const value of junk) {
      try {
        const { manifest } = readArchive(withValue(file, key, value))
        // What is taken as it comes is what nothing depends on.
        expect(['owner', 'cluster', 'tls', 'stanza', 'files', 'key']).toContain(key)
        expect(manifest.directory).toBe(generation)
        // eslint-disable-next-line no-control-regex
        expect(`${manifest.owner}${manifest.cluster}${manifest.tls}`).not.toMatch(/[\u0000-\u001f]/)
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_ARCHIVE_INVALID' })
      }
    }
  })

  test.each([
    '',
    'null',
    '[]',
    '"x"',
    '{',
    '{"__proto__":{"format":"nomad-pki/archive"}}',
    '\uFEFF{}',
  ])('a manifest that reads %j', (text) => {
    expectRefused(changed((files) => files.set(manifestName, Buffer.from(text))))
    expectRefused(
      changed((files) => files.set(`nomad-pki/${generation}/manifest.json`, Buffer.from(text))),
    )
  })
})

test('random changes of a tar, summed again or not, never end in anything but a refusal', () => {
  const tar = gunzipSync(packed)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(tar.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (changes, mend) => {
        const copy = Buffer.from(tar)
        for (const [at, value] of changes) copy[at] = value
        let archive: Uint8Array = gzipSync(copy, { level: 0 })
        try {
          if (mend) {
            const entries = readTar(archive)
            archive = consistent(new Map(entries.map(({ path: name, bytes }) => [name, bytes])))
          }
          expect(readArchive(archive).manifest.directory).toMatch(/^[1-9][0-9]*-[0-9a-f]{8}$/)
        } catch (error) {
          if (!(error instanceof Error) || !('code' in error)) throw error
          expect(['ERR_ARCHIVE_INVALID', 'ERR_INTERNAL']).toContain(error.code)
          // A tar of ours can't hold the name: that is this test's writer.
          if (error.code === 'ERR_INTERNAL') expect(error.message).toContain("can't hold the name")
        }
      },
    ),
    { seed, numRuns: 300 },
  )
})

test('random damage of certificates and keys whose sums are right is refused before anything is touched', async () => {
  const tls = path.join(folder, 'tls')
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('ca.pem', 'cert.pem', 'key.pem'),
      fc.nat(2000),
      fc.nat(255),
      async (file, at, value) => {
        const name = `nomad-pki/${generation}/${file}`
        const archive = changed((files) => {
          const bytes = Buffer.from(files.get(name)!)
          bytes[at % bytes.length] = value
          files.set(name, bytes)
          const inner = `nomad-pki/${generation}/manifest.json`
          const text = Buffer.from(files.get(inner)!).toString()
          const sum = `"${file}": "${hash(bytes)}"`
          files.set(inner, Buffer.from(text.replace(new RegExp(`"${file}": "[^"]*"`), sum)))
        })
        const where = { tls, now: present }
        const outcome = await prepareInstall(archive, where, directoryConfigs(folder)).catch(
          (error: unknown) => error,
        )
        if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'ERR_INSTALL_REFUSED' })
        expect(fs.existsSync(tls)).toBe(false)
      },
    ),
    { seed, numRuns: 60 },
  )
})
