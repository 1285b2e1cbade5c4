/**
 * Which roots `probe` asks agents about by offering a certificate, and what they said to one of them.
 *
 * @module
 */

import { parseAddress, resolveAddress } from '../address.js'
import { sameBytes } from '../bytes.js'
import { evidenceIn } from '../evidence/evidence.js'
import { authorityNames, recogniser } from '../evidence/recognise.js'
import { groupBy } from '../grouping.js'
import type { Inventory } from '../inventory/inventory.js'
import type { AgentTarget } from '../probe/endpoints.js'
import type { Offers, Probe } from '../probe/probe-cluster.js'
import { refusalsDocument, refusalsText, type Refusal } from '../report/refusals.js'
import { formatName } from '../x509/name.js'
import type { Context } from './context.js'
import { controlLeaf, probeLeaves } from './probe-leaves.js'
import { exitStatus, type ExitStatus } from './status.js'
import type { Printer } from './printer.js'
import { usage } from './usage.js'
import type { Workspace } from './workspace.js'

/**
 * The root that `--refuses` names; also one that is no longer in the store.
 *
 * @throws {NomadPkiError} `ERR_USAGE`
 */
export function rootOf(text: string | undefined, inventory: Inventory): string | undefined {
  if (text === undefined) return undefined
  const whole = /^authority\/[^/]+\/[1-9][0-9]*$/.test(text)
  const address = whole ? text : resolveAddress(text, [...inventory.authorities.keys()])
  if (parseAddress(address).kind === 'authority') return address
  throw usage(
    `--refuses ${JSON.stringify(text)} is not an authority`,
    'name a root by its address: authority/agent/1',
  )
}

/**
 * What is offered: a leaf under the root that was asked for; else under each root whose name says too
 * little. That is the case where several have the name, while a rotation is in course, and after a root
 * was compromised.
 */
export async function offersFor(
  refused: string | undefined,
  workspace: Workspace,
  inventory: Inventory,
  context: Context,
  options: { readonly keep: boolean },
): Promise<{ readonly offers: Offers | undefined; readonly missing: ReadonlyMap<string, string> }> {
  const roots = refused === undefined ? doubtful(workspace, inventory) : [refused]
  if (roots.length === 0) return { offers: undefined, missing: new Map() }
  const { leaves, missing } = await probeLeaves(roots, workspace, inventory, context, options)
  if (leaves.size === 0) return { offers: undefined, missing }
  return { offers: { leaves, control: await controlLeaf(context.now()) }, missing }
}

function doubtful({ desired }: Workspace, inventory: Inventory): readonly string[] {
  const { isAmbiguous } = recogniser(inventory)
  const rotating = new Set(
    desired.bundles.flatMap(({ trusted }) => (trusted.length > 1 ? trusted : [])),
  )
  // Its leaf outlives a compromised root in the store, until its gate has closed: agents may trust what was pruned.
  const { compromised } = evidenceIn(inventory.ledger, { now: Infinity })
  const marked = new Set(
    compromised.flatMap(({ address, closed }) => (closed === undefined ? [address] : [])),
  )
  const found = [...inventory.authorities.values()].flatMap(({ address, certificate }) => {
    if (certificate === undefined) return []
    const { issuer, subject } = certificate
    // Under an intermediate a leaf says nothing of the root.
    if (!sameBytes(issuer.der, subject.der)) return []
    const asks = rotating.has(address) || isAmbiguous(formatName(subject)) || marked.has(address)
    return asks ? [address] : []
  })
  return [...new Set([...found, ...marked])]
}

/** Whether a root's name is enough: its gate has closed, and no other root has the name. */
function nameTells(root: string, inventory: Inventory): boolean {
  const names = authorityNames(inventory)
  const name = names.nameOf(root)
  const { compromised } = evidenceIn(inventory.ledger, { now: Infinity })
  return (
    name !== undefined &&
    names.withName(name).length === 1 &&
    compromised.some(({ address, closed }) => address === root && closed !== undefined)
  )
}

/** Says of each agent whether it refuses a root. Exits 0 only if every one does. */
export function tellRefusals(
  root: string,
  targets: readonly AgentTarget[],
  { sightings, unreachable, undecided, missing }: Probe & { readonly missing: string | undefined },
  inventory: Inventory,
  printer: Printer,
): ExitStatus {
  const byName = missing !== undefined && nameTells(root, inventory)
  const seen = groupBy(sightings, ({ asked }) => asked)
  const silent = groupBy(unreachable, ({ address }) => address)
  const open = groupBy(undecided, ({ address }) => address)
  const addresses = new Set([...targets.map(({ address }) => address), ...seen.keys()])
  const agents = [...addresses].map((address): Refusal => {
    const ports = seen.get(address) ?? []
    const trusting = ports.find(({ accepts }) => accepts?.includes(root) === true)
    const endpoint = trusting?.endpoint
    if (endpoint !== undefined) {
      return { address, state: 'accepts', message: `${endpoint} takes a certificate under it` }
    }
    const naming = byName ? ports.find(({ trusts }) => trusts?.includes(root) === true) : undefined
    if (naming !== undefined) {
      return { address, state: 'accepts', message: `${naming.endpoint} names it` }
    }
    const fault =
      (byName ? undefined : missing) ??
      silent.get(address)?.[0]?.message ??
      open.get(address)?.[0]?.message
    if (fault !== undefined) return { address, state: 'undecided', message: fault }
    // A port that does not ask for a certificate trusts no root by it.
    if (ports.some(({ refuses }) => refuses?.includes(root) === true)) {
      return { address, state: 'refuses', message: '' }
    }
    if (byName && ports.some(({ trusts }) => trusts !== null)) {
      return { address, state: 'refuses', message: `by name: ${missing}` }
    }
    const [port] = ports
    const message =
      port === undefined
        ? 'its address is unknown'
        : `${port.endpoint} asks for no certificate, so the roots it trusts cannot be seen`
    return { address, state: 'undecided', message }
  })
  if (printer.json) printer.document(refusalsDocument(root, agents))
  else printer.answer(refusalsText(root, agents, printer.style))
  const all = agents.length > 0 && agents.every(({ state }) => state === 'refuses')
  return all ? exitStatus.ok : exitStatus.work
}
