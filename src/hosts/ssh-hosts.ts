/**
 * Hosts by the system's own `ssh`, so that the user's configuration, agent, jump hosts and known hosts
 * hold here too. One connection for each host serves all its scripts.
 *
 * - `BatchMode`: it never asks. How host keys are checked is not touched.
 * - Scripts travel on standard input: nothing of them is in an argument or a process list.
 * - The master is started by `-MNf` with its outputs ignored: it keeps them open, and whoever waits for
 *   their end waits for ever. A minute without a script ends it, also where this process was killed.
 *
 * @module
 */

import { isIP } from 'node:net'
import path from 'node:path'
import { NomadPkiError } from '../errors.js'
import { nodeFiles } from '../files/files.js'
import { openCommand } from '../files/open-command.js'
import { makePrivateFolder, removePrivateFolder } from '../files/private-folder.js'
import { readWhole } from '../files/read.js'
import { runCommand, type CommandResult } from '../files/run-command.js'
import {
  endText,
  linesAsTheyCome,
  outputLimit,
  travelling,
  usualTimeout,
  writtenBy,
  type Host,
  type HostAnswer,
  type Hosts,
} from './host.js'

/** How to log in, beyond what the user's own configuration of ssh says. */
export interface SshHostsOptions {
  /** ssh's own environment, as the user has it. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user to log in as. Default: ssh's own. */
  readonly user?: string | undefined
  /** The port of sshd. Default: ssh's own. */
  readonly port?: number | undefined
  /** Whether the user becomes root with `sudo -n`. Default: false. */
  readonly sudo?: boolean | undefined
  /** The program. Default: `ssh` of the `PATH`. */
  readonly program?: string | undefined
  /** Milliseconds until a host must have let us in. Default: 15,000. */
  readonly connectTimeout?: number | undefined
}

/** The connection that all that is done on a host shares. */
interface Master {
  readonly socket: string
  /** The file in which it says what goes wrong. */
  readonly log: string
  /** Why there is no connection. */
  readonly ready: Promise<string | undefined>
}

type NotReached = Extract<HostAnswer, { readonly reached: false }>
type Connected = { readonly reached: true; readonly master: Master } | NotReached

/** The path of a socket may have so many bytes on macOS; ssh appends 17 while it makes one. */
const socketPathLimit = 103 - 17

/**
 * Gives hosts by ssh. The first script of a host connects; {@link Hosts.end} ends all connections.
 *
 * @param options Who logs in.
 * @returns A port to hosts. Its `at` throws `ERR_USAGE` for a destination that ssh would take for an option.
 */
export function sshHosts({
  env,
  user,
  port,
  sudo = false,
  program = 'ssh',
  connectTimeout = 15_000,
}: SshHostsOptions): Hosts {
  let folder: string | undefined
  let closed = false
  let made = 0
  const masters = new Map<string, Master>()
  const login = [
    ...['-o', 'BatchMode=yes', '-o', 'RequestTTY=no', '-o', 'RemoteCommand=none'],
    ...[
      '-o',
      'ClearAllForwardings=yes',
      '-o',
      `ConnectTimeout=${Math.ceil(connectTimeout / 1000)}`,
    ],
    ...['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=3'],
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
  ]

  /** @returns Why there is no connection. */
  const connect = (destination: string): Master => {
    const known = masters.get(destination)
    if (known !== undefined) return known
    folder ??= makePrivateFolder(socketPathLimit - '/99999'.length)
    // A number is never given twice: the socket of another host's master would take what is meant for this one.
    const place = path.join(folder, String((made += 1)))
    // ssh expands what a percent sign begins.
    const socket = place.replaceAll('%', '%%')
    const log = `${place}.log`
    const begin = async (): Promise<string | undefined> => {
      const timeout = connectTimeout + 5000
      const { end } = await runCommand({
        argv: [
          ...[program, '-MNf', '-E', log, '-S', socket, '-o', 'ControlPersist=60'],
          ...[...login, '--', destination],
        ],
        ...{ cwd: '/', env, timeout, outputLimit, leaves: true },
      })
      const fault = endText(end, timeout)
      if (end.how === 'not started') return `${program}: ${end.why}`
      if (fault !== undefined || end.how !== 'exited') return fault
      const said = textOf(log)
      if (/disabling multiplexing/i.test(said)) return 'ssh did not make a connection of its own'
      return end.status === 0 ? undefined : lastLine(said, `ssh ended with ${end.status}`)
    }
    const master = { socket, log, ready: begin() }
    masters.set(destination, master)
    return master
  }

  const connected = async (destination: string): Promise<Connected> => {
    if (closed) return { reached: false, message: 'the connections were ended' }
    const master = connect(destination)
    const fault = await master.ready
    if (fault === undefined) return { reached: true, master }
    // The next one tries again: a host may come back.
    if (masters.get(destination) === master) masters.delete(destination)
    return unreachable(fault)
  }

  const at = (destination: string): Host => {
    if (destination.startsWith('-') || destination === '') {
      throw new NomadPkiError(
        'ERR_USAGE',
        `${JSON.stringify(destination)} is not the name of a host`,
        {
          hint: 'ssh would take it for an option: write another alias or an address',
        },
      )
    }
    return {
      name: destination,
      async run(script, { signal, timeout = usualTimeout, onLine } = {}) {
        const link = await connected(destination)
        if (!link.reached) return link
        const { socket } = link.master
        const result = await runCommand({
          argv: [
            ...[program, '-S', socket, '-o', 'ControlMaster=no', ...login, '--', destination],
            sudo ? 'exec sudo -n sh -s' : 'exec sh -s',
          ],
          ...{ cwd: '/', env, timeout, outputLimit, signal },
          input: Buffer.from(travelling(script)),
          onOutput: onLine && linesAsTheyCome(onLine),
        })
        return answerOf(result, timeout, sudo)
      },
      async open(address, number) {
        const link = await connected(destination)
        if (!link.reached) return link
        const { socket, log } = link.master
        const before = textOf(log).length
        const place = `${isIP(address) === 6 ? `[${address}]` : address}:${number}`
        const stream = await openCommand({
          argv: [
            ...[program, '-S', socket, '-o', 'ControlMaster=no', ...login, '-W', place],
            ...['--', destination],
          ],
          ...{ cwd: '/', env },
          // The connection that all share says why in its own log.
          faultOf: (status, stderr) =>
            status === 0
              ? undefined
              : channelFault(`${place} of ${destination}`, textOf(log).slice(before), stderr),
        })
        return { reached: true, stream }
      },
    }
  }

  return {
    at,
    async end() {
      closed = true
      const all = [...masters]
      masters.clear()
      await Promise.all(
        all.map(async ([destination, { socket, ready }]) => {
          if ((await ready) !== undefined) return
          await runCommand({
            argv: [program, '-O', 'exit', '-S', socket, '--', destination],
            ...{ cwd: '/', env, timeout: 5000, outputLimit },
          })
        }),
      )
      if (folder !== undefined) removePrivateFolder(folder)
      folder = undefined
    },
  }
}

function answerOf(result: CommandResult, timeout: number, sudo: boolean): HostAnswer {
  const { end } = result
  const fault = endText(end, timeout)
  if (fault !== undefined || end.how !== 'exited') {
    return { reached: false, message: fault ?? 'ssh did not come to its end' }
  }
  const { status } = end
  const stderr = Buffer.from(result.stderr).toString('utf8')
  // 255 is ssh's own: no connection, or one that was lost.
  if (status === 255) return unreachable(lastLine(stderr, 'ssh ended with 255'))
  const written = writtenBy(Buffer.from(result.stdout).toString('utf8'))
  if (written === undefined) {
    const said = lastLine(stderr, `it ended with ${status}, and ran nothing`)
    const remedy = sudo
      ? 'sudo -n must not ask for a password: a rule NOPASSWD for this user, or another user in node.ssh'
      : 'the login shell of this user must run commands: ssh HOST true'
    return { reached: false, message: `no script runs there: ${said}`, remedy }
  }
  return { reached: true, status, stdout: written, stderr }
}

/**
 * Why a stream to a port came to nothing. The host was reached: what it says is about its port.
 *
 * @see channels.c of OpenSSH 9.2, channel_input_open_failure: `channel 2: open failed: connect failed: …`
 */
function channelFault(place: string, log: string, stderr: Uint8Array): NomadPkiError {
  const [, why] = /open failed: ([^\r\n]+)/.exec(log) ?? []
  const said = why ?? lastLine(Buffer.from(stderr).toString('utf8'), 'ssh ended')
  if (/administratively prohibited/i.test(said)) {
    return new NomadPkiError('ERR_UNREACHABLE', `sshd does not open ${place}`, {
      hint: 'its sshd_config must allow it: AllowTcpForwarding local, and PermitOpen where that is set',
    })
  }
  if (/refused/i.test(said)) {
    const cause = Object.assign(new Error(said), { code: 'ECONNREFUSED' })
    return new NomadPkiError('ERR_UNREACHABLE', `nothing listens at ${place}`, { cause })
  }
  const shown = said.replace(/^connect failed: /i, '').replace(/[^\x20-\x7e]/g, '')
  return new NomadPkiError('ERR_UNREACHABLE', `${place} does not answer: ${shown}`)
}

/** What is known of the usual faults (ssh(1), readconf.c of OpenSSH). */
const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /host key verification failed|REMOTE HOST IDENTIFICATION/i,
    'find out why the host has another key; ssh-keygen -R HOST forgets the one before',
  ],
  [
    /no matching host key|host key is known/i,
    'log in once by hand, and compare the key of the host',
  ],
  [/permission denied/i, 'ssh HOST must work without a password: a key in your agent, or node.ssh'],
  [/no such program/, 'install the client of OpenSSH'],
  [/could not resolve/i, 'write ssh: at the node: a name or an address that this machine knows'],
  [
    /timed out|no route|refused|unreachable/i,
    'is the host up, and does it listen for ssh? Where it is gone, take it out of the spec',
  ],
]

function unreachable(message: string): NotReached {
  const found = remedies.find(([pattern]) => pattern.test(message))
  return { reached: false, message, ...(found !== undefined && { remedy: found[1] }) }
}

function lastLine(text: string, otherwise: string): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[^\x20-\x7e]/g, '').trim())
    .filter((line) => line !== '')
  const telling = lines.findLast((line) => remedies.some(([pattern]) => pattern.test(line)))
  return (telling ?? lines.at(-1) ?? otherwise).replace(/[.]$/, '')
}

function textOf(file: string): string {
  const reading = readWhole(nodeFiles, file)
  return reading.state === 'read' ? Buffer.from(reading.bytes).toString('utf8') : ''
}
