/**
 * Hosts that a function plays: for tests.
 *
 * @module
 */

import type { HostAnswer, HostRunOptions, Hosts, HostStream } from './host.js'

/**
 * Gives hosts whose scripts a function answers.
 *
 * @param answer Called with the destination and the script of each run.
 * @param open Called with the destination, the address and the port of each stream. Default: no host is reached.
 * @returns A port to hosts.
 */
export function memoryHosts(
  answer: (
    destination: string,
    script: string,
    options: HostRunOptions,
  ) => HostAnswer | Promise<HostAnswer>,
  open: (
    destination: string,
    address: string,
    port: number,
  ) => HostStream | Promise<HostStream> = () => ({ reached: false, message: 'it has no ports' }),
): Hosts {
  let ended = false
  return {
    at: (name) => ({
      name,
      async run(script, options = {}) {
        if (ended) return { reached: false, message: 'the connections were ended' }
        const said = await answer(name, script, options)
        if (said.reached) for (const line of said.stdout.split('\n')) options.onLine?.(line)
        return said
      },
      async open(address, port) {
        if (ended) return { reached: false, message: 'the connections were ended' }
        return open(name, address, port)
      },
    }),
    end() {
      ended = true
      return Promise.resolve()
    },
  }
}
