import { spawnSync } from 'node:child_process'
import { gzipSync, gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readTar, writeTar, type TarEntry } from '../../src/delivery/tar.js'
import { seed } from '../seed.js'

const mtime = Date.UTC(2026, 10, 25)
const entry = (path: string, text: string, mode = 0o644): TarEntry => ({
  path,
  bytes: Buffer.from(text),
  mode,
})

const entries = fc.uniqueArray(
  fc.record({
    path: fc.stringMatching(/^[a-zA-Z0-9._/-]{1,99}$/),
    bytes: fc.uint8Array({ maxLength: 1600 }),
    mode: fc.constantFrom(0o600, 0o644, 0o755),
  }),
  { selector: ({ path }) => path, maxLength: 8 },
)

describe('a tar of plain files', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(entries, (given) => {
        const read = readTar(writeTar(given, mtime))
        expect(read.map(({ path, mode }) => [path, mode])).toEqual(
          given.map(({ path, mode }) => [path, mode]),
        )
        for (const [at, { bytes }] of read.entries()) {
          expect(Buffer.compare(bytes, given[at]!.bytes)).toBe(0)
        }
      }),
      { seed, numRuns: 200 },
    )
  })

  test('more than one stored block of deflate (65,535 bytes)', () => {
    for (const size of [64_511, 65_535, 65_536, 200_000]) {
      const [read] = readTar(writeTar([entry('a', 'x'.repeat(size))], mtime))
      expect(read?.bytes.length).toBe(size)
    }
  })

  test('the same files give the same bytes, of which the first say nothing of who and when', () => {
    const given = [entry('a', 'b')]
    expect(Buffer.compare(writeTar(given, mtime), writeTar(given, mtime))).toBe(0)
    expect([...writeTar(given, mtime).subarray(0, 10)]).toEqual([31, 139, 8, 0, 0, 0, 0, 0, 0, 255])
  })

  test('tar lists it', () => {
    const input = writeTar([entry('n/a', 'x'), entry('n/key', 'y', 0o600)], mtime)
    const { stdout } = spawnSync('tar', ['-tzvf', '-'], { input, encoding: 'utf8' })
    expect(stdout).toMatch(/^-rw-r--r-- .* n\/a\n-rw------- .* n\/key\n$/s)
  })

  test('a name that a tar of this kind cannot hold is a defect of the caller', () => {
    for (const name of ['', 'ü', 'a b', 'x'.repeat(101)].slice(1)) {
      expect(() => writeTar([entry(name, '')], mtime)).toThrow(/a tar can't hold the name/)
    }
  })
})

/** A tar whose first header was tampered with; the checksum is made good unless it is what was meant. */
function tampered(change: (header: Buffer) => void, mend = true): Uint8Array {
  const tar = gunzipSync(writeTar([entry('a', 'text')], mtime))
  const header = tar.subarray(0, 512)
  change(header)
  if (mend) {
    const sum = header.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  }
  return gzipSync(tar)
}

describe('what is refused', () => {
  const whole = writeTar([entry('a', 'text')], mtime)
  test.each([
    ['nothing', new Uint8Array(0), /not a gzip file/],
    ['text', Buffer.from('hello'), /not a gzip file/],
    ['a torn gzip', whole.subarray(0, -9), /not a gzip file, it is torn/],
    ['a flipped bit', flipped(whole, 700), /not a gzip file, it is torn/],
    ['a bomb', gzipSync(Buffer.alloc(9 * 1024 * 1024)), /too large/],
    ['a torn tar', gzipSync(gunzipSync(whole).subarray(0, 512)), /it is torn/],
    ['no end', gzipSync(gunzipSync(whole).subarray(0, 1024)), /it is torn/],
    [
      'an appendix',
      gzipSync(Buffer.concat([gunzipSync(whole), Buffer.from('x')])),
      /follow its end/,
    ],
    ['a link', tampered((header) => header.write('2', 156)), /"a" is not a plain file/],
    ['a hard link', tampered((header) => header.write('1', 156)), /"a" is not a plain file/],
    ['a directory', tampered((header) => header.write('5', 156)), /"a" is not a plain file/],
    ['a pax header', tampered((header) => header.write('x', 156)), /"a" is not a plain file/],
    ['a long name', tampered((header) => header.write('p', 345)), /the name of "a" is long/],
    ['a size beyond', tampered((header) => header.write('00000007777', 124)), /it is torn/],
    [
      'a negative size',
      tampered((header) => header.write('-0000000001', 124)),
      /not an octal number/,
    ],
    ['a base-256 size', tampered((header) => (header[124] = 0x80)), /not an octal number/],
    ['another checksum', tampered((header) => header.write('b', 0), false), /checksum of a header/],
    ['the old format', tampered((header) => header.fill(0, 257, 265)), /no ustar headers/],
    ['a name twice', writeTar([entry('a', '1'), entry('a', '2')], mtime), /it holds "a" twice/],
  ])('%s', (_what, archive, message) => {
    expect(() => readTar(archive)).toThrow(message)
  })

  test('random damage never throws anything else', () => {
    fc.assert(
      fc.property(fc.nat(1535), fc.nat(255), (at, value) => {
        const tar = gunzipSync(whole)
        tar[at] = value
        try {
          readTar(gzipSync(tar))
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_ARCHIVE_INVALID' })
        }
      }),
      { seed, numRuns: 500 },
    )
  })
})

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[at] = copy[at]! ^ 1
  return copy
}
