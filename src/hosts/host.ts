/**
 * The port to the hosts that agents run on: a script that runs there as root, and bytes to and from a port.
 *
 * @module
 */

import { count } from '../count.js'
import type { Duplex } from 'node:stream'
import type { CommandEnd } from '../files/run-command.js'

/** What a host answered. */
export type HostAnswer =
  /** The script ran to its end there. */
  | {
      readonly reached: true
      /** Its exit status, 0 to 254. */
      readonly status: number
      /** What it wrote to its standard output, UTF-8. */
      readonly stdout: string
      /** What it wrote to its standard error, UTF-8. */
      readonly stderr: string
    }
  /** The host was not reached, or the connection was lost: the script ran whole, in part, or not at all. */
  | {
      readonly reached: false
      /** Why: one sentence, lower case, no full stop. */
      readonly message: string
      /** What to do about it. */
      readonly remedy?: string | undefined
    }

/** A stream to a port, as a host sees it. */
export type HostStream =
  /** The host was reached. Whether something listens shows on the stream: an error says that nothing does. */
  | { readonly reached: true; readonly stream: Duplex }
  /** As {@link HostAnswer}. */
  | Extract<HostAnswer, { readonly reached: false }>

/** How a script runs. */
export interface HostRunOptions {
  /** Ends the waiting: the answer is `reached: false` then, and nobody knows how far the script came. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds for all of it. Default: 120,000. */
  readonly timeout?: number | undefined
  /** Is told each line of the standard output when it comes. All of them are in the answer too. */
  readonly onLine?: ((line: string) => void) | undefined
}

/**
 * A host. Contract: {@link Host.run} and {@link Host.open} answer and do not throw, but for a defect. A script is POSIX shell
 * and reads nothing from its standard input; it is begun only when all of it has arrived.
 */
export interface Host {
  /** As messages call it: what ssh is given. */
  readonly name: string
  /** Runs a script as root there, or as the user that the spec logs in as. */
  run(script: string, options?: HostRunOptions): Promise<HostAnswer>
  /**
   * Opens a TCP connection that begins on the host. Nothing runs there, and no right of root is needed.
   *
   * @param address A name or an address as the host itself knows it, IPv6 without brackets.
   * @param port The TCP port.
   */
  open(address: string, port: number): Promise<HostStream>
}

/** The hosts of a cluster. */
export interface Hosts {
  /**
   * A host by what ssh knows it as. Nothing is asked yet.
   *
   * @param destination A name, an alias or an address.
   */
  at(destination: string): Host
  /** Ends every connection. Afterwards no host is asked. */
  end(): Promise<void>
}

/** Milliseconds that a script may take. */
export const usualTimeout = 120_000

/** So many bytes of its outputs are kept, each. */
export const outputLimit: number = 1 << 20

const mark = 'nomad-pki: begun'

/**
 * What travels: the script in a function that the last line calls, so that a connection that is cut while
 * it travels begins nothing. The mark comes first, because shells and their profiles may write before it.
 */
export function travelling(script: string): string {
  return `nomad_pki_main() {\n${script}\n}\necho '${mark}'\nnomad_pki_main </dev/null\nexit $?\n`
}

/**
 * What the script itself wrote.
 *
 * @returns `undefined` where it was not begun.
 */
export function writtenBy(stdout: string): string | undefined {
  const at = stdout.indexOf(`${mark}\n`)
  return at < 0 ? undefined : stdout.slice(at + mark.length + 1)
}

/**
 * Tells the lines that the script itself writes, as they come.
 *
 * @param onLine Is told each whole line.
 * @returns Takes what the host writes, in pieces.
 */
export function linesAsTheyCome(onLine: (line: string) => void): (bytes: Uint8Array) => void {
  let left = ''
  let begun = false
  return (bytes) => {
    const lines = (left + Buffer.from(bytes).toString('latin1')).split('\n')
    left = lines.pop()!
    for (const line of lines) {
      if (begun) onLine(Buffer.from(line, 'latin1').toString('utf8'))
      else begun = line.endsWith(mark)
    }
  }
}

/** Why a program did not come to its end, in words; `undefined`: it did. */
export function endText(end: CommandEnd, timeout: number): string | undefined {
  switch (end.how) {
    case 'exited':
      return undefined
    case 'killed':
      return `${end.by} ended it`
    case 'not started':
      return end.why
    case 'timeout':
      return `no answer within ${count(timeout / 1000, 'second')}`
    case 'too much output':
      return `it wrote more than ${outputLimit >> 20} MB, and no script of ours does: nothing of it was taken`
    case 'aborted':
      return 'interrupted'
  }
}
