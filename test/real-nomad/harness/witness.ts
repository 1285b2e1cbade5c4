/**
 * `nomad-pki probe` of the whole cluster, and the receipts of its installers: the evidence for the gate.
 *
 * @module
 */
import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Fleet } from './fleet.js'

/** What it said of an agent. */
export interface Seen {
  readonly state: string
  readonly message: string
}

/**
 * Asks everybody, with the receipts taken before. Answers by the agents' names; Nomad was asked who
 * belongs to each region.
 */
export async function witness(fleet: Fleet): Promise<ReadonlyMap<string, Seen>> {
  await takeReceipts(fleet)
  return ask(fleet)
}

/** Brings the installers' receipts home. */
export async function takeReceipts(fleet: Fleet): Promise<void> {
  const receipts = fleet.names.flatMap((name) => {
    const [from, to] = [join(fleet.tls(name), 'receipt.json'), join(fleet.base, `${name}.json`)]
    if (!existsSync(from)) return []
    copyFileSync(from, to)
    return [to]
  })
  const taken = await fleet.pki('probe', '--evidence', ...receipts)
  if (taken.status !== 0 && taken.status !== 2) throw new Error(taken.stderr)
}

/** Handshakes alone. */
export async function ask(fleet: Fleet): Promise<ReadonlyMap<string, Seen>> {
  const { status, stdout, stderr } = await fleet.pki('probe', '--timeout', '3s', '--json')
  if (status !== 0 && status !== 2) throw new Error(stderr)
  const { agents, nomad, warned } = JSON.parse(stdout) as {
    readonly agents: readonly (Seen & {
      readonly address: string
      readonly ports: readonly { readonly endpoint: string; readonly rpc: boolean }[]
    })[]
    readonly warned: number
    readonly nomad: { readonly faults: readonly unknown[]; readonly members: readonly unknown[] }
  }
  if (nomad.faults.length > 0 || nomad.members.length < 2) throw new Error(JSON.stringify(nomad))
  const ports = agents.flatMap((agent) => agent.ports.filter(({ rpc }) => rpc))
  fleet.offers += warned - new Set(ports.map(({ endpoint }) => endpoint)).size
  return new Map(agents.map((agent) => [agent.address.split('/').at(-1) ?? '', agent]))
}

/** The names of those that are not proven on their newest generation. */
export async function unproven(fleet: Fleet): Promise<readonly string[]> {
  return [...(await witness(fleet))]
    .filter(([, { state }]) => state !== 'proven')
    .map(([name]) => name)
}

/** Who holds the gate of a root's next stage, and why. */
export async function holdsOf(fleet: Fleet): Promise<ReadonlyMap<string, string>> {
  const { stdout, stderr } = await fleet.pki('rotate', 'authority', 'agent', '--json')
  if (stdout === '') throw new Error(stderr)
  const { gate } = JSON.parse(stdout) as {
    readonly gate?: { readonly holds: readonly { address: string; message: string }[] } | null
  }
  return new Map((gate?.holds ?? []).map(({ address, message }) => [address, message]))
}
