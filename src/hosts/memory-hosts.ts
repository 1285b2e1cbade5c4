/**
 * Hosts that a function plays: for tests.
 *
 * @module
 */

import type { HostAnswer, HostRunOptions, Hosts } from './host.js'

/**
 * Gives hosts whose scripts a function answers.
 *
 * @param answer Called with the destination and the script of each run.
 * @returns A port to hosts.
 */
export function memoryHosts(
  answer: (
    destination: string,
    script: string,
    options: HostRunOptions,
  ) => HostAnswer | Promise<HostAnswer>,
): Hosts {
  let ended = false
  return {
    at: (name) => ({
      name,
      async run(script, options = {}) {
        if (ended) return { reached: false, message: 'the connections were ended' }
        return answer(name, script, options)
      },
    }),
    end() {
      ended = true
      return Promise.resolve()
    },
  }
}
