/**
 * `adopt --probe`: what running agents present, for certificates that no folder holds.
 *
 * @module
 */

import type { ProbedAgent } from '../adoption/probed.js'
import type { SurveyedAgent } from '../adoption/survey-agents.js'
import { surveyAgents } from '../adoption/survey-agents.js'
import { NomadPkiError } from '../errors.js'
import { inParallel } from '../in-parallel.js'
import { describeEndpoint, parseEndpoint } from '../probe/endpoint.js'
import { formatEndpoint } from '../probe/endpoints.js'
import { formatName } from '../x509/name.js'
import type { Context } from './context.js'
import { usage } from './usage.js'

/** How many are asked at a time. */
const concurrency = 32

/** An endpoint, and the agent whose configuration names it. */
interface Target {
  readonly host: string
  readonly port: number
  readonly config?: string | undefined
}

/**
 * Makes one handshake with each agent, without a certificate.
 *
 * @param asked What `--probe` names; `true`: the agents of `--agents`, where they listen.
 * @param agents Their configurations.
 * @returns In the order in which they were named. One that does not answer is a value, too.
 * @throws {NomadPkiError} `ERR_USAGE`, `ERR_INTERRUPTED`
 */
export async function probeForAdoption(
  asked: readonly string[] | true,
  agents: readonly SurveyedAgent[],
  context: Context,
): Promise<readonly ProbedAgent[]> {
  const targets = asked === true ? ofAgents(agents) : asked.map(targetOf)
  if (targets.length === 0) {
    throw usage(
      '--probe: nothing says where an agent listens',
      'name the ports (--probe 10.0.0.11:4646), or the configurations with --agents',
    )
  }
  const signal = context.onInterrupt(() => {
    context.stderr.write('interrupted: nothing was adopted\n')
  })
  return inParallel(targets, concurrency, (target) => ask(target, signal))
}

async function ask({ host, port, config }: Target, signal: AbortSignal): Promise<ProbedAgent> {
  const endpoint = formatEndpoint({ host, port })
  try {
    const { chain, authorities, holdsKey } = await describeEndpoint(host, port, { signal })
    if (!holdsKey) {
      const fault = 'it presents a chain, and does not show that it has its key'
      return { endpoint, config, chain: [], fault }
    }
    return { endpoint, config, chain, trusts: authorities?.map(formatName) }
  } catch (error) {
    if (!(error instanceof NomadPkiError) || error.code === 'ERR_INTERRUPTED') throw error
    // The report names the port above.
    const fault = error.message.startsWith(`${endpoint} `)
      ? error.message.slice(endpoint.length + 1)
      : error.message
    return { endpoint, config, chain: [], fault, hint: error.hint }
  }
}

function targetOf(text: string): Target {
  const found = parseEndpoint(text)
  if (found !== undefined) return found
  throw usage(`--probe ${JSON.stringify(text)}: not HOST:PORT`, '--probe 10.0.0.11:4646')
}

function ofAgents(agents: readonly SurveyedAgent[]): readonly Target[] {
  return surveyAgents(agents, { adopting: true }).nodes.flatMap(({ agent, node: { value } }) => {
    const { http, ips } = value
    const [first] = Array.isArray(ips) ? (ips as readonly string[]) : []
    const text =
      typeof http === 'string'
        ? http
        : first?.includes(':') === true
          ? `[${first}]:4646`
          : first && `${first}:4646`
    const found = text === undefined ? undefined : parseEndpoint(text)
    return found === undefined ? [] : [{ ...found, config: agent.config }]
  })
}
