/**
 * A tar of a few plain files, written and read: POSIX ustar, gzip around it. The same files give the
 * same bytes on every machine, so nothing is compressed (zlib's output differs between its builds),
 * and it does not name who packed it or when. It knows only what an archive of ours needs: no
 * directories, no links, no long names; the reader refuses what the writer doesn't write.
 *
 * IEEE Std 1003.1, pax, "ustar Interchange Format"; RFC 1951 §3.2.4; RFC 1952 §2.3.
 *
 * @module
 */

import { crc32, gunzipSync } from 'node:zlib'
import { NomadPkiError } from '../errors.js'

/** A file in a tar. */
export interface TarEntry {
  /** Relative, up to 100 bytes of ASCII. */
  readonly path: string
  readonly bytes: Uint8Array
  /** Permission bits. */
  readonly mode: number
}

const block = 512
/** Larger than all that a node can receive. */
const mostBytes = 8 * 1024 * 1024

/**
 * Writes a gzip'd tar.
 *
 * @param entries In this order.
 * @param mtime Epoch milliseconds, of all of them.
 */
export function writeTar(entries: readonly TarEntry[], mtime: number): Uint8Array {
  const parts = entries.flatMap(({ path, bytes, mode }) => [
    headerOf(path, bytes.length, mode, Math.floor(mtime / 1000)),
    bytes,
    Buffer.alloc((block - (bytes.length % block)) % block),
  ])
  return storedGzip(Buffer.concat([...parts, Buffer.alloc(2 * block)]))
}

/**
 * Reads what {@link writeTar} wrote, or what another tar made of the same kind of files.
 *
 * @throws {NomadPkiError} `ERR_ARCHIVE_INVALID`
 */
export function readTar(archive: Uint8Array): readonly TarEntry[] {
  let tar: Buffer
  try {
    tar = gunzipSync(archive, { maxOutputLength: mostBytes })
  } catch (cause) {
    throw invalid('it is not a gzip file, it is torn, or it is too large', cause)
  }
  const entries: TarEntry[] = []
  for (let at = 0; ;) {
    const header = tar.subarray(at, at + block)
    if (header.length < block) throw invalid('it is torn')
    if (header.every((byte) => byte === 0)) {
      if (tar.subarray(at).some((byte) => byte !== 0)) throw invalid('extra bytes follow its end')
      return entries
    }
    if (header.toString('latin1', 257, 262) !== 'ustar') throw invalid('it holds no ustar headers')
    if (octal(header, 148, 8) !== sumOf(header)) throw invalid('the checksum of a header is wrong')
    const path = text(header, 0, 100)
    const type = String.fromCharCode(header[156]!)
    if (type !== '0' && type !== '\0') throw invalid(`${quoted(path)} is not a plain file`)
    if (text(header, 345, 155) !== '') throw invalid(`the name of ${quoted(path)} is long`)
    const size = octal(header, 124, 12)
    const from = at + block
    if (from + size > tar.length) throw invalid('it is torn')
    if (entries.some((other) => other.path === path))
      throw invalid(`it holds ${quoted(path)} twice`)
    entries.push({
      path,
      bytes: tar.subarray(from, from + size),
      mode: octal(header, 100, 8) & 0o7777,
    })
    at = from + Math.ceil(size / block) * block
  }
}

/** A name for a message: it cannot move a terminal's cursor. */
export function quoted(name: string): string {
  return JSON.stringify(name).replace(
    /[\u007f-\u009f]/g,
    (control) => `\\u00${control.charCodeAt(0).toString(16)}`,
  )
}

/** An error about the archive; `cause` is what it came from. */
export function invalid(why: string, cause?: unknown): NomadPkiError {
  return new NomadPkiError('ERR_ARCHIVE_INVALID', `not an archive to install from: ${why}`, {
    cause,
  })
}

function headerOf(path: string, size: number, mode: number, mtime: number): Uint8Array {
  if (path.length > 100 || /[^\u0021-\u007e]/.test(path)) {
    throw new NomadPkiError('ERR_INTERNAL', `a tar can't hold the name ${JSON.stringify(path)}`)
  }
  const header = Buffer.alloc(block)
  const put = (at: number, value: string): void => {
    header.write(value, at, 'latin1')
  }
  const number = (at: number, width: number, value: number): void => {
    put(at, value.toString(8).padStart(width - 1, '0'))
  }
  put(0, path)
  number(100, 8, mode)
  number(108, 8, 0)
  number(116, 8, 0)
  number(124, 12, size)
  number(136, 12, mtime)
  put(156, '0')
  put(257, 'ustar\u000000')
  number(329, 8, 0)
  number(337, 8, 0)
  put(148, `${sumOf(header).toString(8).padStart(6, '0')}\u0000 `)
  return header
}

/** The sum of a header's bytes, its own field taken as spaces. */
function sumOf(header: Uint8Array): number {
  return header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0)
}

function text(header: Buffer, at: number, width: number): string {
  const field = header.toString('latin1', at, at + width)
  const end = field.indexOf('\0')
  return end === -1 ? field : field.slice(0, end)
}

function octal(header: Buffer, at: number, width: number): number {
  const digits = text(header, at, width).trim()
  if (!/^[0-7]{1,11}$/.test(digits)) throw invalid('a header field is not an octal number')
  return Number.parseInt(digits, 8)
}

/** RFC 1952 around blocks that are stored, not compressed (RFC 1951 §3.2.4). */
function storedGzip(bytes: Uint8Array): Uint8Array {
  const most = 0xffff
  const parts: Uint8Array[] = [Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)]
  for (let at = 0; at < bytes.length; at += most) {
    const piece = bytes.subarray(at, at + most)
    const head = Buffer.alloc(5)
    head[0] = at + most >= bytes.length ? 1 : 0
    head.writeUInt16LE(piece.length, 1)
    head.writeUInt16LE(~piece.length & most, 3)
    parts.push(head, piece)
  }
  const tail = Buffer.alloc(8)
  tail.writeUInt32LE(crc32(bytes), 0)
  tail.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([...parts, tail])
}
