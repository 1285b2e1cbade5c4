/**
 * This machine as the only host: for agents that run where the store is.
 *
 * @module
 */

import { runCommand } from '../files/run-command.js'
import {
  endText,
  linesAsTheyCome,
  outputLimit,
  travelling,
  usualTimeout,
  writtenBy,
  type Host,
  type Hosts,
} from './host.js'

/**
 * Gives this machine for every name. Scripts run with its `sh`, as the user of this process.
 *
 * @param env The scripts' environment.
 * @returns A port to hosts.
 */
export function thisHost(env: Readonly<Record<string, string | undefined>>): Hosts {
  const host = (name: string): Host => ({
    name,
    async run(script, { signal, timeout = usualTimeout, onLine } = {}) {
      const { end, stdout, stderr } = await runCommand({
        ...{ argv: ['sh', '-s'], cwd: '/', env, timeout, outputLimit, signal },
        input: Buffer.from(travelling(script)),
        onOutput: onLine && linesAsTheyCome(onLine),
      })
      const fault = endText(end, timeout)
      const written = writtenBy(Buffer.from(stdout).toString('utf8'))
      if (end.how !== 'exited' || written === undefined) {
        return { reached: false, message: fault ?? 'its shell ran nothing' }
      }
      const said = Buffer.from(stderr).toString('utf8')
      return { reached: true, status: end.status, stdout: written, stderr: said }
    },
    open: () =>
      Promise.resolve({ reached: false, message: 'its ports are asked without a host between' }),
  })
  return { at: host, end: () => Promise.resolve() }
}
