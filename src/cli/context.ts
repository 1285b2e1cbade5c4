/**
 * Everything that a command may know of the world, injected: so that a test calls a command as the
 * shell does. The only place that reads the clock, the environment and the standard streams.
 *
 * @module
 */

import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  statSync,
  writeSync,
  type Stats,
} from 'node:fs'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import { NomadPkiError } from '../errors.js'

/** A stream that is written to. */
export interface Output {
  /** Writes as it is; a reader that has gone away is not an error. */
  write(text: string): void
  /** Whether a write has found that its reader has gone away. */
  readonly closed: boolean
  readonly isTTY: boolean
  /** Width of the terminal; 80 where there is none. */
  readonly columns: number
  /** Height of the terminal; 24 where there is none. */
  readonly rows: number
}

/** A stream that is read from. */
export interface Input {
  readonly isTTY: boolean
  /** Everything up to the end. */
  readAll(): Promise<Uint8Array>
  /**
   * One line without its end; `undefined` at the end of the input.
   *
   * @throws {NomadPkiError} `ERR_INTERRUPTED` for Ctrl-C in a hidden line, where the terminal sends no signal.
   */
  readLine(options: {
    /** Do not show what is typed. */
    readonly hidden: boolean
  }): Promise<string | undefined>
}

/** What a command may know of the world. */
export interface Context {
  /** The arguments, without `node` and the script. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder that relative paths mean. */
  readonly cwd: string
  /** The folder of the installed package (`templates/` is in it), with a `/` at the end. */
  readonly packageUrl: URL
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  /** Epoch milliseconds. */
  now(): number
  /**
   * From here on Ctrl-C asks the command to stop at its next step, and only a second one kills. A
   * command that does not call it ends at once.
   *
   * @param notice Called when the first one arrives.
   */
  onInterrupt(notice: () => void): AbortSignal
  /**
   * Reads a whole file.
   *
   * @param file Absolute, or relative to {@link Context.cwd}; `-` is the standard input.
   * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`; also for more than 64 MB, which nothing here is.
   */
  readFile(file: string): Promise<Uint8Array>
  /**
   * Reads a descriptor that was open at the start, to its end.
   *
   * @throws {NomadPkiError} `ERR_FILE_UNREADABLE`
   */
  readDescriptor(number: number): Promise<Uint8Array>
  /** Whether there is something at a path, of any kind. */
  exists(file: string): Promise<boolean>
  /** Permission bits of what is at a path, links followed; `undefined` where there is nothing. */
  mode(file: string): Promise<number | undefined>
  /** An absolute path. */
  resolve(file: string): string
}

const fileLimit = 64 * 1024 * 1024

/**
 * The context of this process.
 *
 * @param packageUrl Gives the folder of the installed package; called by commands that need a file of it.
 */
export function processContext(packageUrl: () => URL): Context {
  const cwd = currentDirectory()
  const stdin = inputFrom(() => process.stdin)
  process.once('SIGINT', quit)
  return {
    argv: process.argv.slice(2),
    env: process.env,
    cwd,
    get packageUrl() {
      return packageUrl()
    },
    stdin,
    stdout: processOutput(1, () => process.stdout),
    stderr: processOutput(2, () => process.stderr),
    now: () => Date.now(),
    onInterrupt,
    ...filesFrom(cwd, stdin),
  }
}

/** The part of a context that reads files, seen from a folder. */
export function filesFrom(
  cwd: string,
  stdin: Input,
): Pick<Context, 'readFile' | 'readDescriptor' | 'exists' | 'mode' | 'resolve'> {
  const resolve = (file: string): string => path.resolve(cwd, file)
  return {
    // Synchronous within: promises and streams of files cost 3 ms of a start, and nobody else waits.
    readFile: async (file) => (file === '-' ? stdin.readAll() : readWhole(resolve(file), file)),
    async readDescriptor(number) {
      if (number === 0) return stdin.readAll()
      // Hardly ever needed, and a start is short.
      const { readDescriptor } = await import('../files/descriptor.js')
      return readDescriptor(number)
    },
    exists: async (file) => statusOf(lstatSync, resolve(file)) !== undefined,
    mode: async (file) => {
      const mode = statusOf(statSync, resolve(file))?.mode
      return mode === undefined ? undefined : mode & 0o7777
    },
    resolve,
  }
}

/** The path of a file of the package. */
export function packageFile(context: Context, name: string): string {
  return fileURLToPath(new URL(name, context.packageUrl))
}

function currentDirectory(): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw new NomadPkiError('ERR_FILE_UNREADABLE', 'the current folder no longer exists', {
      hint: 'change to a folder that exists',
      cause,
    })
  }
}

/**
 * Writes to a descriptor itself: for a pipe or a file that is what Node's stream does, too, and the
 * stream costs 3 ms of a start (it is a socket). A terminal keeps its stream.
 */
function processOutput(fd: 1 | 2, stream: () => NodeJS.WriteStream): Output {
  let terminal: boolean | undefined
  let closed = false
  // /dev/null is a character device as a terminal is; whether it is one, only the stream knows.
  const isTerminal = (): boolean =>
    (terminal ??= fstatSync(fd).isCharacterDevice() && stream().isTTY)
  return {
    write(text) {
      if (closed || text === '') return
      try {
        if (isTerminal()) stream().write(text)
        else writeWhole(fd, Buffer.from(text))
      } catch (cause) {
        closed = true
        const code = (cause as NodeJS.ErrnoException).code
        // `nomad-pki plan | head`: the reader has what it wanted, and the work goes on without an audience.
        if (fd === 2 || code === 'EPIPE' || code === 'EBADF') return
        throw new NomadPkiError(
          'ERR_FILE_UNWRITABLE',
          `the output can't be written: ${sentenceOf(cause)}`,
          { cause },
        )
      }
    },
    get closed() {
      return closed
    },
    get isTTY() {
      return isTerminal()
    },
    get columns() {
      if (!isTerminal()) return 80
      const { columns } = stream()
      return columns > 0 ? columns : 80
    },
    get rows() {
      if (!isTerminal()) return 24
      const { rows } = stream()
      return rows > 0 ? rows : 24
    },
  }
}

/**
 * Writes all of it. Whoever is at the other end of a pipe may have made it one that does not wait:
 * then we do.
 */
function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}

/** What is read from a stream; the stream is made when it is first used. */
export function inputFrom(stream: () => NodeJS.ReadStream): Input {
  return {
    get isTTY() {
      return stream().isTTY
    },
    async readAll() {
      const chunks: Buffer[] = []
      let size = 0
      for await (const chunk of stream()) {
        chunks.push(chunk as Buffer)
        size += (chunk as Buffer).length
        if (size > fileLimit) throw tooLarge('the standard input')
      }
      return Buffer.concat(chunks)
    },
    readLine: ({ hidden }) => readLine(stream(), hidden),
  }
}

/** Reads byte by byte what the terminal's own line editing yields, or, hidden, without its echo. */
function readLine(stream: NodeJS.ReadStream, hidden: boolean): Promise<string | undefined> {
  const raw = hidden && stream.isTTY
  return new Promise((resolve, reject) => {
    let bytes: number[] = []
    const leave = (): void => {
      stream.off('data', onData).off('end', onEnd).off('error', onEnd)
      if (raw) stream.setRawMode(false)
      stream.pause()
    }
    const finish = (line: string | undefined): void => {
      leave()
      resolve(line)
    }
    const text = (): string => Buffer.from(bytes).toString('utf8')
    const onEnd = (): void => {
      finish(bytes.length === 0 ? undefined : text())
    }
    const onData = (chunk: Buffer): void => {
      for (const [index, byte] of chunk.entries()) {
        if (byte === 0x0a || byte === 0x0d) {
          if (index + 1 < chunk.length) stream.unshift(chunk.subarray(index + 1))
          finish(text())
          return
        }
        if (raw && byte === 0x03) {
          leave()
          reject(new NomadPkiError('ERR_INTERRUPTED', 'interrupted; nothing was done'))
          return
        }
        if (raw && byte === 0x04) {
          onEnd()
          return
        }
        if (raw && (byte === 0x7f || byte === 0x08)) bytes = [...Buffer.from(text().slice(0, -1))]
        else bytes.push(byte)
      }
    }
    if (raw) stream.setRawMode(true)
    stream.on('data', onData).on('end', onEnd).on('error', onEnd)
    stream.resume()
  })
}

/** Ctrl-C for a command that has nothing to finish. */
function quit(): void {
  if (process.stderr.isTTY) process.stderr.write('\n')
  process.exit(130)
}

function onInterrupt(notice: () => void): AbortSignal {
  process.removeListener('SIGINT', quit)
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // `once`: the second signal finds no listener and so does what it does by default.
    process.once(signal, () => {
      notice()
      controller.abort()
    })
  }
  return controller.signal
}

function readWhole(location: string, name: string): Uint8Array {
  let fd: number | undefined
  try {
    fd = openSync(location, 'r')
    // In pieces: the size of a pipe or a device is not known before its end.
    const chunks: Uint8Array[] = []
    let size = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(1 << 16)
      const read = readSync(fd, chunk)
      if (read === 0) return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, read))
      size += read
      if (size > fileLimit) throw tooLarge(name)
    }
  } catch (cause) {
    if (cause instanceof NomadPkiError) throw cause
    throw new NomadPkiError('ERR_FILE_UNREADABLE', `${name}: ${sentenceOf(cause)}`, { cause })
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** `undefined` for whatever can't be looked at, names that can't be among them. */
function statusOf(look: (file: string) => Stats, location: string): Stats | undefined {
  try {
    return look(location)
  } catch {
    return undefined
  }
}

function tooLarge(name: string): NomadPkiError {
  return new NomadPkiError('ERR_FILE_UNREADABLE', `${name}: larger than 64 MB`)
}

function sentenceOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  switch (code) {
    case 'ENOSPC':
      return 'no space left on the device'
    case 'ENOENT':
    case 'ENOTDIR':
      return 'no such file'
    case 'EISDIR':
      return 'it is a folder'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'ENAMETOOLONG':
      return 'the name is too long'
    case 'ERR_INVALID_ARG_VALUE':
      return 'a name cannot contain a NUL byte'
    default:
      return cause instanceof Error ? cause.message : String(cause)
  }
}
