/**
 * Another program of the user's as a stream of bytes: no shell, in a process group of its own.
 *
 * @module
 */

import { kill } from 'node:process'
import { Duplex } from 'node:stream'
import { startFault } from './run-command.js'

/** A program that carries bytes. */
export interface CommandStreamCall {
  /** The program and its arguments. Without `/` the program is looked for in PATH. */
  readonly argv: readonly string[]
  /** The folder that it runs in. */
  readonly cwd: string
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /**
   * Why the stream ends with an error, once the program has ended; `undefined`: it ended as it should.
   *
   * @param status Its exit status; `null` where a signal ended it, or it was not started.
   * @param stderr The end of what it wrote on its standard error; where it was not started, why.
   */
  readonly faultOf: (status: number | null, stderr: Uint8Array) => Error | undefined
}

/** Only the end of what a program complains of is kept. */
const stderrLimit = 4096

/**
 * Starts a program, and gives its standard input and output as one stream. The end of its output is passed on
 * when the program has ended, so that an end by a fault is an error and not an end.
 *
 * @param call The program, and how its end is judged.
 * @returns The stream. Destroying it ends the program and all that it started.
 */
export async function openCommand({ argv, cwd, env, faultOf }: CommandStreamCall): Promise<Duplex> {
  const [program, ...args] = argv as [string, ...string[]]
  const { spawn } = await import('node:child_process')
  const child = spawn(program, args, { cwd, env, detached: true, stdio: 'pipe' })
  let stderr = Buffer.alloc(0)
  let ended = false
  const stream = new Duplex({
    read() {
      child.stdout.resume()
    },
    write(chunk: Uint8Array, _encoding, callback) {
      if (child.stdin.writable)
        child.stdin.write(chunk, () => {
          callback()
        })
      else callback()
    },
    final(callback) {
      child.stdin.end(callback)
    },
    destroy(error, callback) {
      if (!ended && child.pid !== undefined) {
        try {
          kill(-child.pid, 'SIGKILL')
        } catch {
          // All of it has ended.
        }
      }
      callback(error)
    },
  })
  const finish = (status: number | null, said: Uint8Array): void => {
    if (ended) return
    ended = true
    const fault = faultOf(status, said)
    if (fault === undefined) stream.push(null)
    else stream.destroy(fault)
  }
  // A program that has ended reads no more: what it ended with is judged, and not that.
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => undefined)
  child.stdout.on('data', (chunk: Buffer) => {
    if (!stream.destroyed && !stream.push(chunk)) child.stdout.pause()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-stderrLimit)
  })
  child.on('error', (error) => {
    finish(null, Buffer.from(startFault(error)))
  })
  child.on('close', (status) => {
    finish(status, stderr)
  })
  return stream
}
