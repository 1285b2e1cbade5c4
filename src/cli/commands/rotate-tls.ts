/**
 * `rotate tls`: where turning TLS on in a running cluster stands, and the edit of the spec that is its next stage.
 *
 * @module
 */

import { editTransport } from '../../cluster/edit-transport.js'
import { NomadPkiError } from '../../errors.js'
import type { GateVerdict, Hold } from '../../evidence/gate.js'
import { transportGate } from '../../evidence/transport-gate.js'
import type { Inventory } from '../../inventory/inventory.js'
import { isAgent, runsServer } from '../../nomad/roles.js'
import { endpointsOf, formatEndpoint } from '../../probe/endpoints.js'
import { askPlaintext } from '../../probe/plaintext.js'
import { count } from '../../report/style.js'
import { transportDocument, transportText } from '../../report/transport.js'
import { heartbeatGrace } from '../../rotation/heartbeat-grace.js'
import { transportPosition } from '../../rotation/transport-stages.js'
import type { Command } from '../command.js'
import { requireBegun } from '../begin-store.js'
import type { Context } from '../context.js'
import { editSpec } from '../edit-spec.js'
import { exceptAgent } from '../except.js'
import { printerOf } from '../printer.js'
import { exitStatus, statusOfGate } from '../status.js'
import { takeEvidence } from '../take-evidence.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'

/** Where it stands; with `--next` the next edit of the spec. Exits 3 where the gate is closed. */
export const command: Command<'rotate tls'> = async ({ options }, context) => {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const { spec, desired } = workspace
  const now = context.now()
  await requireBegun(workspace, fileFlag(options))
  if (options.evidence !== undefined) {
    await takeEvidence(options.evidence, workspace, printer, context)
  }
  if (options.except !== undefined) {
    const authority = desired.bundles[0]!.trusted.at(-1)!
    await exceptAgent(options.except, workspace, { reason: options.reason!, authority, at: now })
  }
  const inventory = await takeOwnInventory(workspace)
  const position = transportPosition(spec.transport)
  const plain =
    spec.transport === 'plaintext' ? [] : await askServers(workspace, inventory, context)
  const gate = withPlaintext(
    transportGate(desired, inventory, { now }),
    spec.transport === 'tls' ? plain : [],
  )
  const known = {
    ...{ transport: spec.transport, position, gate, plain },
    grace: heartbeatGrace(desired, inventory),
    agents: {
      servers: desired.identities.filter(({ profile }) => runsServer(profile.role)).length,
      clients: desired.identities.filter(
        ({ profile }) => isAgent(profile.role) && !runsServer(profile.role),
      ).length,
    },
  }
  const next = options.next === true
  const flags = fileFlag(options)
  if (next && position.next === undefined) {
    if (printer.json) printer.document(transportDocument(known, { taken: false }))
    else printer.answer(transportText(known, printer.style, { flags }))
    return statusOfGate(gate)
  }
  if (next && !gate.open) {
    printer.tell(transportText(known, printer.errorStyle, { flags }))
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the gate is closed: ${count(gate.holds.length, 'reason holds', 'reasons hold')} it`,
      { hint: gate.holds[0]?.remedy },
    )
  }
  if (printer.json) {
    printer.document(transportDocument(known, { taken: next && options.dryRun !== true }))
  } else if (!next) printer.answer(transportText(known, printer.style, { flags }))
  if (!next) return statusOfGate(gate)
  const { transport, title } = position.next!
  const { file, written } = await editSpec(context, options, printer, (text, _spec, named) =>
    editTransport(text, transport, { file: named }),
  )
  if (!written) return exitStatus.ok
  if (!printer.json) printer.answer(`${file}: transport: ${transport}: ${title}`)
  printer.tell(
    `next: nomad-pki apply${flags}; then each agent restarts once, in order: nomad-pki rollout${flags}`,
  )
  return exitStatus.ok
}

/** What a server made of a plain ping. */
interface PlainServer {
  readonly address: string
  readonly endpoint: string
  readonly state: 'answered' | 'refused' | 'silent'
  readonly message?: string | undefined
}

/** Pings every server in plaintext: what it answers was decided when it started. */
async function askServers(
  { spec, desired }: Workspace,
  inventory: Inventory,
  context: Context,
): Promise<readonly PlainServer[]> {
  const signal = context.onInterrupt(() => undefined)
  const ports = endpointsOf(spec, desired, inventory).flatMap(({ address, endpoints }) =>
    endpoints.filter(({ rpc }) => rpc).map((endpoint) => ({ address, endpoint })),
  )
  return Promise.all(
    ports.map(async ({ address, endpoint }) => ({
      ...{ address, endpoint: formatEndpoint(endpoint) },
      ...(await askPlaintext(endpoint, { signal })),
    })),
  )
}

/** At the end a server that still answers plaintext, or says nothing, holds the gate. */
function withPlaintext(gate: GateVerdict, servers: readonly PlainServer[]): GateVerdict {
  const holds = servers.flatMap(({ address, endpoint, state, message }): readonly Hold[] => {
    if (state === 'refused') return []
    const why =
      state === 'answered'
        ? `${endpoint} still answers plaintext RPC: it was not restarted with its last settings`
        : `whether ${endpoint} refuses plaintext is not known: ${message ?? 'no answer'}`
    const remedy =
      state === 'answered'
        ? 'bring it its configuration and restart it (a reload does not do it): nomad-pki rollout'
        : 'nomad-pki rotate tls, from where its RPC port can be reached'
    return [{ address, message: why, remedy }]
  })
  if (holds.length === 0) return gate
  return { ...gate, open: false, holds: [...gate.holds, ...holds] }
}
