/**
 * Everything that a command may know of the world, injected: so that a test calls a command as the
 * shell does. The only place that reads the clock, the environment and the standard streams.
 *
 * @module
 */

import type { promises } from 'node:fs'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import { NomadPkiError } from '../errors.js'

/** A stream that is written to. */
export interface Output {
  /** Writes as it is; a reader that has gone away is no error. */
  write(text: string): void
  readonly isTTY: boolean
  /** Width of the terminal; 80 where there is none. */
  readonly columns: number
}

/** A stream that is read from. */
export interface Input {
  readonly isTTY: boolean
  /** Everything up to the end. */
  readAll(): Promise<Uint8Array>
  /** One line without its end; `undefined` at the end of the input. */
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
 * @param packageUrl The folder of the installed package.
 */
export function processContext(packageUrl: URL): Context {
  const cwd = currentDirectory()
  const stdin = processInput()
  process.once('SIGINT', quit)
  return {
    argv: process.argv.slice(2),
    env: process.env,
    cwd,
    packageUrl,
    stdin,
    stdout: processOutput(() => process.stdout),
    stderr: processOutput(() => process.stderr),
    now: () => Date.now(),
    onInterrupt,
    ...filesFrom(cwd, stdin),
  }
}

/** The part of a context that reads files, seen from a folder. */
export function filesFrom(
  cwd: string,
  stdin: Input,
): Pick<Context, 'readFile' | 'exists' | 'mode' | 'resolve'> {
  const resolve = (file: string): string => path.resolve(cwd, file)
  return {
    readFile: (file) => (file === '-' ? stdin.readAll() : readWhole(resolve(file), file)),
    exists: async (file) => {
      const { lstat } = await files()
      return lstat(resolve(file)).then(
        () => true,
        () => false,
      )
    },
    mode: async (file) => {
      const { stat } = await files()
      return stat(resolve(file)).then(
        ({ mode }) => mode & 0o7777,
        () => undefined,
      )
    },
    resolve,
  }
}

/** Loaded by whoever reads: `--help` does not. */
const files = (): Promise<typeof promises> => import('node:fs/promises')

/** The path of a file of the package. */
export function packageFile(context: Context, name: string): string {
  return fileURLToPath(new URL(name, context.packageUrl))
}

function currentDirectory(): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw new NomadPkiError('ERR_FILE_UNREADABLE', 'the current folder does not exist any more', {
      hint: 'change to a folder that exists',
      cause,
    })
  }
}

/** Made when it is first needed: each standard stream costs half a millisecond. */
function processOutput(open: () => NodeJS.WriteStream): Output {
  let opened: NodeJS.WriteStream | undefined
  let closed = false
  const stream = (): NodeJS.WriteStream => {
    if (opened === undefined) {
      opened = open()
      // `nomad-pki plan | head`: the reader has what it wanted, and the work goes on without an audience.
      opened.on('error', () => {
        closed = true
      })
    }
    return opened
  }
  return {
    write(text) {
      if (!closed && text !== '') stream().write(text)
    },
    get isTTY() {
      return stream().isTTY
    },
    get columns() {
      const { isTTY, columns } = stream()
      return isTTY && columns > 0 ? columns : 80
    },
  }
}

function processInput(): Input {
  return {
    get isTTY() {
      return process.stdin.isTTY
    },
    async readAll() {
      const chunks: Buffer[] = []
      let size = 0
      for await (const chunk of process.stdin) {
        chunks.push(chunk as Buffer)
        size += (chunk as Buffer).length
        if (size > fileLimit) throw tooLarge('the standard input')
      }
      return Buffer.concat(chunks)
    },
    readLine: ({ hidden }) => readLine(hidden),
  }
}

/** Reads byte by byte what the terminal's own line editing yields, or, hidden, without its echo. */
function readLine(hidden: boolean): Promise<string | undefined> {
  const stream = process.stdin
  const raw = hidden && stream.isTTY
  return new Promise((resolve, reject) => {
    let bytes: number[] = []
    const finish = (line: string | undefined): void => {
      stream.off('data', onData).off('end', onEnd).off('error', onEnd)
      if (raw) stream.setRawMode(false)
      stream.pause()
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
          finish(undefined)
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

async function readWhole(location: string, name: string): Promise<Uint8Array> {
  try {
    const { open } = await files()
    const file = await open(location, 'r')
    try {
      // In pieces: the size of a pipe or a device is not known before its end.
      const chunks: Buffer[] = []
      let size = 0
      for await (const chunk of file.createReadStream({ highWaterMark: 1 << 18 })) {
        chunks.push(chunk as Buffer)
        size += (chunk as Buffer).length
        if (size > fileLimit) throw tooLarge(name)
      }
      return Buffer.concat(chunks)
    } finally {
      await file.close().catch(() => undefined)
    }
  } catch (cause) {
    if (cause instanceof NomadPkiError) throw cause
    throw new NomadPkiError('ERR_FILE_UNREADABLE', `${name}: ${sentenceOf(cause)}`, { cause })
  }
}

function tooLarge(name: string): NomadPkiError {
  return new NomadPkiError('ERR_FILE_UNREADABLE', `${name}: larger than 64 MB`)
}

function sentenceOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  switch (code) {
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
