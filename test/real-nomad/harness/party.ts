/**
 * An agent on three given files, whatever is in them; and a real agent made to dial an address.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Agent, type AgentPlan, writeAgentConfig } from './agent.js'
import { api } from './api.js'
import { agentPorts } from './ports.js'
import { eventually } from './run.js'

/** What an agent is started on. */
export interface Files {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface PartyPlan extends Files {
  readonly name: string
  readonly region: string
  readonly role: 'server' | 'client'
}

/** Starts an agent of its own, a server as the only one of its region. Doesn't wait. */
export async function startParty(base: string, party: PartyPlan): Promise<Agent> {
  const { name, region, role } = party
  const plan: AgentPlan = {
    name,
    region,
    role,
    ports: await agentPorts(),
    directory: join(base, 'agents', name),
    dataDir: join(base, 'data', name),
  }
  mkdirSync(join(base, 'data'), { recursive: true, mode: 0o700 })
  writeAgentConfig(plan)
  const file = (of: string): string => join(plan.directory, of)
  writeFileSync(file('ca.pem'), party.ca)
  writeFileSync(file('cert.pem'), party.cert)
  writeFileSync(file('key.pem'), party.key, { mode: 0o600 })
  // A client's API is our lever: it must not ask who pulls it.
  writeFileSync(
    file('tls.hcl'),
    `tls {
  http                   = true
  rpc                    = true
  ca_file                = ${JSON.stringify(file('ca.pem'))}
  cert_file              = ${JSON.stringify(file('cert.pem'))}
  key_file               = ${JSON.stringify(file('key.pem'))}
  verify_server_hostname = true
  verify_https_client    = ${role === 'server'}
}
`,
  )
  return new Agent(plan)
}

/** Resolves with `true` when the agent can be asked, with `false` when it has ended. */
export function outcomeOf(agent: Agent): Promise<boolean> {
  return eventually(
    `${agent.name} to start or to end`,
    async () => {
      if (agent.exitStatus !== undefined) return false
      const log = agent.log()
      if (agent.plan.role === 'server') {
        return log.includes('cluster leadership acquired') ? true : undefined
      }
      // Its API may be unusable by now (P-224): the log alone says that it is up.
      return log.includes('Nomad agent started!') ? true : undefined
    },
    { explain: () => agent.tail() },
  )
}

/** Resolves when it can be asked. Throws with its log when it ended. */
export async function ready(agent: Agent): Promise<void> {
  if (!(await outcomeOf(agent))) throw new Error(`${agent.name} has ended\n${agent.tail()}`)
}

/** Makes a real client agent dial an RPC address now: a new list of servers is pinged before it is taken. */
export async function dialBy(
  dialer: Agent,
  port: number,
): Promise<{ readonly accepted: boolean; readonly reason: string }> {
  const { status, body } = await api(
    dialer.plan.ports.http,
    `/v1/agent/servers?address=127.0.0.1:${port}`,
    { ca: '' },
    { method: 'POST', serverName: false },
  )
  if (status === 200) return { accepted: true, reason: 'answered' }
  if (status !== 400 || !body.includes('failed ping')) throw new Error(`${status} ${body}`)
  return { accepted: false, reason: body.replace(/.*failed ping: /s, '').trim() }
}
