/**
 * What has to last while certificates are replaced: the allocations of `lastingJob`, and the agents' processes.
 *
 * @module
 */

import { eventually } from '../real-nomad/harness/run.js'
import type { Bed } from './bed.js'

/** The stanza that reads what `rollout` brings. */
export const tlsStanza = `tls {
  http = true
  rpc  = true
  ca_file   = "/etc/nomad-tls/current/ca.pem"
  cert_file = "/etc/nomad-tls/current/cert.pem"
  key_file  = "/etc/nomad-tls/current/key.pem"
  verify_server_hostname = true
  verify_https_client    = true
}
`

/** Gives the stanza to every host's agent. */
export async function turnTlsOn(bed: Bed): Promise<void> {
  for (const { name } of bed.hosts) {
    await bed.on(name, `cat >/etc/nomad.d/tls.hcl <<'X'\n${tlsStanza}X`)
  }
}

/** The allocations of the job that run, by their identifiers; waits until there are so many. */
export async function running(bed: Bed, count: number): Promise<readonly string[]> {
  return eventually(
    `${count} allocations that run`,
    async () => {
      const all = JSON.parse(
        await bed.ask(bed.host('s1'), '/v1/job/lasting/allocations'),
      ) as readonly { readonly ID: string; readonly ClientStatus: string }[]
      const ids = all.filter(({ ClientStatus }) => ClientStatus === 'running').map(({ ID }) => ID)
      return ids.length === count ? ids.sort() : undefined
    },
    { timeout: 60_000 },
  )
}

/** Processes of the agents: none is restarted. */
export async function pids(bed: Bed): Promise<readonly string[]> {
  return Promise.all(
    bed.hosts.map(async ({ name }) => (await bed.on(name, 'cat /run/nomad.pid')).stdout.trim()),
  )
}

/** When the last of the named agents' certificates ends, epoch milliseconds. */
export async function lastEnd(bed: Bed, pattern: RegExp, count: number): Promise<number> {
  const { stdout } = await bed.pki('status', '--made', '--json')
  const { entries } = JSON.parse(stdout) as {
    readonly entries: readonly { readonly address: string; readonly notAfter?: number | string }[]
  }
  const ends = entries.flatMap(({ address, notAfter }) =>
    pattern.test(address) && notAfter !== undefined ? [new Date(notAfter).getTime()] : [],
  )
  if (ends.length !== count) throw new Error(`${ends.length} certificates, not ${count}\n${stdout}`)
  return Math.max(...ends)
}
