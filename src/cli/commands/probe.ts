/**
 * `probe`: ask the running agents which generation they loaded and whom they trust.
 *
 * @module
 */

import { resolveAddress } from '../../address.js'
import { durationSyntax, parseDuration } from '../../duration.js'
import { NomadPkiError } from '../../errors.js'
import { endpointsOf } from '../../probe/endpoints.js'
import { probeCluster, type Probe } from '../../probe/probe-cluster.js'
import { probeDocument, probeText } from '../../report/probe.js'
import { judgeAgents } from '../../rotation/judge-agents.js'
import { createProgress } from '../progress.js'
import { exitStatus } from '../status.js'
import type { Command } from '../surface.js'
import { voiceOf } from '../voice.js'
import { openWorkspace, takeInventory, type Workspace } from '../workspace.js'

/** Exits 0 if every agent is proven on its newest generation, 2 if one is not. */
export const command: Command = async ({ args, options }, context) => {
  const voice = voiceOf(context, options)
  const timeout = parseTimeout(options.timeout)
  const workspace = await openWorkspace(context, options, voice)
  const { spec, desired } = workspace
  const inventory = await takeInventory(workspace)
  const all = endpointsOf(spec, desired, inventory)
  const addresses = all.map(({ address }) => address)
  const named = new Set(args.map((text) => resolveAddress(text, addresses)))
  const targets = args.length === 0 ? all : all.filter(({ address }) => named.has(address))
  const handshakes = targets.reduce((sum, { endpoints }) => sum + endpoints.length, 0)
  const progress = createProgress(context, handshakes, voice)
  const signal = context.onInterrupt(() => {
    progress.clear()
    voice.tell('interrupted: nothing is noted')
  })
  let probe: Probe
  try {
    probe = await probeCluster(targets, inventory, {
      clock: () => context.now(),
      timeout,
      signal,
      onAsked: (done, endpoint) => {
        progress.update(done, endpoint)
      },
    })
  } finally {
    progress.clear()
  }
  if (inventory.storeExists) await note(probe, workspace)
  const verdicts = judgeAgents(desired, inventory, {
    addresses: targets.map(({ address }) => address),
    seen: probe.sightings,
    silent: probe.unreachable,
  })
  const facts = {
    cluster: desired.cluster,
    at: context.now(),
    verdicts,
    handshakes,
    warned: probe.sightings.filter(({ rpc }) => rpc).length,
  }
  if (voice.json) voice.document(probeDocument(facts))
  else voice.answer(probeText(facts, voice.style, { all: options.all === true }))
  return verdicts.every(({ state }) => state === 'proven') ? exitStatus.ok : exitStatus.work
}

function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const span = parseDuration(text)
  if (span !== undefined && span > 0 && span <= 600_000) return span
  throw new NomadPkiError(
    'ERR_USAGE',
    `--timeout ${JSON.stringify(text)} is no span of up to 10m`,
    {
      hint: durationSyntax,
    },
  )
}

/** What was seen goes into the ledger. */
async function note({ sightings }: Probe, { store }: Workspace): Promise<void> {
  if (sightings.length === 0) return
  const lock = await store.lock({ command: 'probe' })
  try {
    const batch = store.batch()
    for (const { address, at, generation, fingerprint, endpoint, rpc, trusts } of sightings) {
      batch.record({
        event: 'observed',
        address,
        at,
        generation,
        fingerprint,
        endpoint,
        rpc,
        trusts,
      })
    }
    await batch.commit()
  } finally {
    await lock.release()
  }
}
