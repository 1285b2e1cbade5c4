/**
 * `verify`: prove that Nomad will accept it.
 *
 * @module
 */

import type { Finding } from '../../diagnostics.js'
import { besideFindings } from '../../plan/beside.js'
import { signUntilAnswer } from '../../plan/waiting.js'
import { proveCluster } from '../../probe/prove-cluster.js'
import { diagnosticsText, findingsText } from '../../report/diagnostics.js'
import { specDocument, verifyDocument } from '../../report/json.js'
import { specSummary, verifySummary } from '../../report/verify.js'
import { parseSpec } from '../../cluster/parse.js'
import { agentProof } from '../../verify/agents.js'
import { fleetFindings } from '../../verify/fleet.js'
import { fleetMember } from '../../verify/fleet-member.js'
import { verifyCluster } from '../../verify/verify-cluster.js'
import { statusOfFindings, type ExitStatus } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import type { Context } from '../context.js'
import { seenInEngine } from '../engine.js'
import { fleetOf } from '../fleet.js'
import { lookBeside } from '../look-beside.js'
import { printerOf, type Printer } from '../printer.js'
import { usage } from '../usage.js'
import { parseInstant } from '../when.js'
import { openWorkspace, readSpec, takeInventory } from '../workspace.js'

/** Exits 0 where nothing is wrong, 2 with findings that are errors (`--strict`: or warnings). */
export const command: Command<'verify'> = async ({ options }, context) => {
  const printer = printerOf(context, options)
  if (options.specOnly === true) return verifySpec(options, context, printer)
  const now = context.now()
  const at = options.at === undefined ? now : parseInstant(options.at, now)
  const ledgerHead = parseHead(options.ledgerHead)
  const workspace = await openWorkspace(context, options, printer)
  const { desired, store } = workspace
  const inventory = await takeInventory(workspace, { manifests: true })
  const findings: Finding[] = [
    // Until the next generation is there, the one before it signs: what it has signed is right, as for a plan.
    ...verifyCluster(signUntilAnswer(desired, inventory, now), inventory, { now, at, ledgerHead }),
    ...besideFindings(lookBeside(workspace, inventory), at),
  ]
  let handshakes = 0
  // A handshake happens now: it can say nothing about another day.
  if (options.offline !== true && at === now) {
    const seen = await proveCluster(desired, inventory, store, { now })
    handshakes = seen.handshakes
    findings.push(
      ...seen.findings,
      ...(await seenInEngine(workspace, inventory, context, { signs: false, all: true })),
    )
  }
  const others = await fleetOf(options.with ?? [], workspace, context, { now: at, printer })
  const own = fleetMember(desired, inventory, { now: at })
  findings.push(...fleetFindings([own, ...others]))
  const { cluster } = desired
  const proof = agentProof(desired, inventory, { now: at })
  if (printer.json) {
    const head = inventory.ledger.head
    printer.document(
      verifyDocument(findings, { cluster, at, ledgerHead: head, handshakes, proof, others }),
    )
  } else {
    const all = options.long === true
    if (findings.length > 0) printer.answer(`${findingsText(findings, printer.style, { all })}\n`)
    printer.answer(
      verifySummary(
        findings,
        { cluster, desired, handshakes, proof, at, now, compared: others.length },
        printer.style,
      ),
    )
  }
  return statusOfFindings(findings, options.strict === true)
}

/** The spec alone, with every diagnostic: also one with errors is an answer. */
async function verifySpec(
  options: Options<'verify'>,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const { file, text } = await readSpec(context, options)
  const { spec, diagnostics } = parseSpec(text, { file })
  if (printer.json) printer.document(specDocument(diagnostics, { file, cluster: spec?.cluster }))
  else {
    if (diagnostics.length > 0) {
      printer.answer(`${diagnosticsText(diagnostics, printer.style)}\n`)
    }
    printer.answer(specSummary(file, diagnostics, printer.style))
  }
  return statusOfFindings(diagnostics, options.strict === true)
}

/** The beginning of the head is enough; below 64 bits a matching ledger could be forged. */
function parseHead(text: string | undefined): string | undefined {
  if (text === undefined || /^[0-9a-f]{16,64}$/.test(text)) return text
  throw usage('--ledger-head is 16 to 64 hexadecimal digits', 'nomad-pki status prints it')
}
