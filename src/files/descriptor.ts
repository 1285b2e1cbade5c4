/**
 * Reads a descriptor that this process was started with.
 *
 * @module
 */

import { fstat, read, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { promisify } from 'node:util'
import { NomadPkiError } from '../errors.js'
import { errnoOf } from './fault.js'

/** More than this is not a secret. */
const mostOctets = 64 * 1024
/** How long one that does not block may give nothing, milliseconds: a person may type at its other end. */
const patience = 120_000
/** Between two looks, milliseconds. */
const pause = 20

/**
 * Reads a descriptor to its end. The descriptor itself is read: what is behind `/dev/fd/N` is opened anew, which a
 * socket does not allow, and which begins a file at its start again.
 *
 * @param number The descriptor.
 * @param wait How long one that does not block may give nothing, milliseconds. Default: two minutes.
 * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`
 */
export async function readDescriptor(number: number, wait: number = patience): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    const status = await promisify(fstat)(number)
    // Node has descriptors of its own, which are neither.
    if (!(status.isFile() || status.isFIFO() || status.isSocket() || status.isCharacterDevice())) {
      throw unreadable(number, status.isDirectory() ? 'it is a folder' : 'it is not open')
    }
    if (status.isFIFO() && isOwnPipe(number)) throw unreadable(number, 'it is not open')
    for (let waited = 0; ;) {
      const chunk = Buffer.alloc(4096)
      const length = await readOnce(number, chunk)
      if (length === 0) break
      if (length === undefined) {
        if (waited > wait) {
          throw unreadable(number, `it gave nothing within ${wait / 1000} seconds`)
        }
        await new Promise((resolve) => setTimeout(resolve, pause))
        waited += pause
        continue
      }
      waited = 0
      chunks.push(chunk.subarray(0, length))
      size += length
      if (size > mostOctets) throw unreadable(number, `it gives more than ${mostOctets} bytes`)
    }
  } catch (error) {
    if (error instanceof NomadPkiError) throw error
    const code = errnoOf(error)
    const why = code === 'EBADF' ? 'it is not open for reading' : (code ?? 'it cannot be read')
    throw unreadable(number, why)
  }
  return Buffer.concat(chunks)
}

/**
 * Whether this process has the end that is written to: then it is a pipe that Node made for itself, and nobody gave it.
 * Where the system does not tell, it is taken for one that was given.
 */
function isOwnPipe(number: number): boolean {
  try {
    const folder = '/proc/self/fd'
    const pipe = readlinkSync(`${folder}/${number}`)
    return readdirSync(folder).some((other) => {
      if (linkOf(`${folder}/${other}`) !== pipe) return false
      const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`${folder}info/${other}`, 'latin1'))
      return (parseInt(flags?.[1] ?? '0', 8) & 3) === 1
    })
  } catch {
    return false
  }
}

/** `undefined` for the descriptor of the listing itself, which is closed. */
function linkOf(place: string): string | undefined {
  try {
    return readlinkSync(place)
  } catch {
    return undefined
  }
}

/** `undefined` where nothing is there yet; 0 at the end. */
function readOnce(number: number, into: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    read(number, into, 0, into.length, null, (error, length) => {
      if (error === null) resolve(length)
      else if (error.code === 'EAGAIN') resolve(undefined)
      // What was at the other end of a socket is gone.
      else if (error.code === 'EOF' || error.code === 'ECONNRESET') resolve(0)
      else reject(error)
    })
  })
}

function unreadable(number: number, why: string): NomadPkiError {
  return new NomadPkiError('ERR_FILE_UNREADABLE', `file descriptor ${number}: ${why}`, {
    hint: `open it for the command: --passphrase-fd ${number} ${number}< FILE`,
  })
}
