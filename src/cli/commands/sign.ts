/**
 * `sign`: a certificate for a key that a node has made.
 *
 * @module
 */

import { resolveAddress, shortOf } from '../../address.js'
import { checkContext } from '../../checks/context.js'
import { addressesIn, answerRequest, type RequestAnswer } from '../../checks/request.js'
import { NomadPkiError } from '../../errors.js'
import { signerOf, vouching } from '../../evidence/vouched.js'
import type { Inventory } from '../../inventory/inventory.js'
import { keepersOf } from '../../inventory/kept-keys.js'
import { keyFingerprint } from '../../keys/fingerprint.js'
import { makePlan } from '../../plan/make-plan.js'
import { dueLeaves } from '../../rotation/due.js'
import { printable } from '../../report/style.js'
import { shellQuote } from '../../shell-quote.js'
import type { DesiredIdentity } from '../../cluster/desired.js'
import { parseRequestFile, type RequestFile } from '../../x509/request.js'
import { requireBegun } from '../begin-store.js'
import { samePublicKey } from '../../keys/public-key.js'
import type { Command } from '../command.js'
import type { Context } from '../context.js'
import { printerOf, type Printer } from '../printer.js'
import { canAsk, confirm } from '../prompt.js'
import { healFirst, refuseBlocked, runPlan } from '../run-plan.js'
import { exitStatus } from '../status.js'
import type { Options } from '../surface.js'
import { usage } from '../usage.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'

const askedByNode = { reason: 'requested', message: 'its node asks for it with a request' } as const

/** Makes a new generation without a key. Exits 3 where nobody vouches for the request. */
export const command: Command<'sign'> = async ({ args: [file], options }, context) => {
  const printer = printerOf(context, options)
  const named = fingerprintOf(options)
  const request = parseRequestFile(await context.readFile(file!))
  const workspace = await openWorkspace(context, options, printer)
  await requireBegun(workspace, fileFlag(options))
  const dryRun = options.dryRun === true
  const permitted = named !== undefined
  const own = await takeOwnInventory(workspace)
  const healed = await healFirst(workspace, own, { permitted, dryRun }, printer, context)
  const { inventory } = healed
  const wanted = identityOf(request, options, workspace, inventory)
  const { address } = wanted
  const { publicKey } = request.request
  const keepers = await keepersOf(publicKey, inventory, workspace.store)
  const answer = answerRequest(request.request, wanted, inventory, keepers)
  show(request, answer, wanted, printer)
  if (answer.faults.length > 0) throw refusal(answer.faults, address)
  const now = context.now()
  const planOf = (
    requests?: Parameters<typeof makePlan>[2]['requests'],
  ): ReturnType<typeof makePlan> =>
    makePlan(workspace.desired, inventory, {
      ...{ now, only: [address] },
      ...(requests && { requests, renew: [address], renewReason: askedByNode }),
    })
  // What a timer renews ahead of the plan, spread by address, is due here too.
  const isDue =
    planOf().plan.findings.some(
      (one) => one.address === address && one.reason === 'request-needed',
    ) ||
    dueLeaves(
      workspace.desired,
      inventory,
      checkContext(workspace.desired, inventory, { now }),
    ).includes(address)
  const current = inventory.identities.get(address)?.current
  const [leaf] = current?.chain ?? []
  if (!isDue && leaf !== undefined && samePublicKey(leaf.publicKey, publicKey)) {
    printer.answer(
      `${address}: generation ${current!.number} is the certificate of this request; no other is due`,
    )
    return exitStatus.ok
  }
  const facts = { address, named, due: isDue }
  if (!(await isAllowed(request, facts, { inventory, dryRun }, printer, context))) {
    printer.tell('nothing was done')
    return exitStatus.refused
  }
  const planned = planOf(new Map([[address, request.request]]))
  refuseBlocked(planned.plan, printer)
  const again = `nomad-pki sign ${shellQuote(file!)}${fileFlag(options)}`
  const status = await runPlan(
    planned,
    workspace,
    healed,
    { dryRun, all: true, again },
    printer,
    context,
  )
  if (status === exitStatus.ok && !dryRun) {
    const name = shortOf(address)
    printer.tell(
      `to deliver it, without a key: nomad-pki pack${fileFlag(options)} ${name} --out ${name.split('/').at(-1)!}.tar.gz`,
    )
  }
  return status
}

function fingerprintOf({ fingerprint }: Options<'sign'>): string | undefined {
  if (fingerprint === undefined) return undefined
  const hex = fingerprint
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return `SHA256:${hex}`
  throw usage(
    `--fingerprint ${JSON.stringify(fingerprint)} is not SHA256: and 64 hex digits`,
    'nomad-pki request prints it on the node',
  )
}

/** Whose request it is: as the user says, as it says itself, or as the certificate that signs it does. */
function identityOf(
  file: RequestFile,
  options: Options<'sign'>,
  { desired: { identities } }: Workspace,
  inventory: Inventory,
): DesiredIdentity {
  const [said, ...more] = addressesIn(file.request)
  if (more.length > 0 && options.as === undefined) {
    throw refusal([`it says that it is for ${1 + more.length} identities`], said!)
  }
  const candidates = identities.map(({ address }) => address)
  const text = options.as ?? said ?? signerOf(file, inventory)
  if (text === undefined) {
    throw usage(
      'whose request is it? It does not say so itself',
      '--as ADDRESS, such as --as server/global/s1',
    )
  }
  if (options.as === undefined && !candidates.includes(text)) {
    throw new NomadPkiError(
      'ERR_ADDRESS_UNKNOWN',
      `the request is for ${JSON.stringify(text.slice(0, 200))}, which the spec does not name`,
      { hint: 'nomad-pki add adds a node; --as ADDRESS says whose request it is' },
    )
  }
  const address = resolveAddress(text, candidates)
  return identities.find((one) => one.address === address)!
}

function refusal(faults: readonly string[], address: string): NomadPkiError {
  const all = printable(faults.join('; '))
  return new NomadPkiError('ERR_REQUEST_REFUSED', `the request is refused: ${all}`, {
    address,
    hint: 'nothing was signed',
  })
}

/** How many names and wishes are listed. */
const most = 12

function show(
  { request }: RequestFile,
  { asked, granted, ignored }: RequestAnswer,
  { address, profile }: DesiredIdentity,
  printer: Printer,
): void {
  const list = (all: readonly string[]): string => {
    const shown = all.slice(0, most).map(printable).join(', ')
    return all.length > most ? `${shown}, … (${all.length} in all)` : shown || 'nothing'
  }
  printer.tell(`request for ${address}`)
  printer.tell(`  key      ${request.publicKey.name}, ${keyFingerprint(request.publicKey)}`)
  printer.tell(`  asked    ${list(asked)}`)
  printer.tell(`  granted  ${list(granted)}, for ${profile.role}s`)
  for (const wish of ignored.slice(0, most)) printer.tell(`  ignored  ${printable(wish)}`)
  if (ignored.length > most) printer.tell(`  ignored  ${ignored.length - most} more`)
}

async function isAllowed(
  request: RequestFile,
  {
    address,
    named,
    due,
  }: { readonly address: string; readonly named: string | undefined; readonly due: boolean },
  { inventory, dryRun }: { readonly inventory: Inventory; readonly dryRun: boolean },
  printer: Printer,
  context: Context,
): Promise<boolean> {
  const fingerprint = keyFingerprint(request.request.publicKey)
  const vouched = vouching(request, address, inventory, { now: context.now() })
  if (vouched.state === 'false') throw refusal([vouched.why], address)
  if (named !== undefined) {
    if (named !== fingerprint) {
      throw refusal(
        [`its fingerprint is ${fingerprint}, not ${named}: it is not what the node sent`],
        address,
      )
    }
    return true
  }
  if (vouched.state === 'vouched' && due) {
    printer.tell(`it is signed by the key of generation ${vouched.generation}, and due`)
    return true
  }
  const why =
    vouched.state === 'open'
      ? vouched.why
      : `it is signed by the key of generation ${vouched.generation}, and its renewal is not due`
  // Shown above is what came: only what the node itself printed can be compared with it.
  const hint =
    'repeat it with --fingerprint, and behind it what nomad-pki request printed on the node'
  if (!canAsk(context)) {
    throw new NomadPkiError('ERR_REFUSED', `${why}, and there is no terminal to ask on`, {
      address,
      hint,
    })
  }
  if (dryRun) {
    printer.tell(`note: ${why}: without --fingerprint, a person is asked for it here`)
    return true
  }
  printer.tell(`${why}: compare the fingerprint with what nomad-pki request printed on the node`)
  return confirm(context, `Is it ${fingerprint}?`, hint)
}
