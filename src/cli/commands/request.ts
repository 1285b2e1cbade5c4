/**
 * `request`: on a node, its key and a request for a certificate.
 *
 * @module
 */

import { identityAddress, parseAddress, resolveAddress } from '../../address.js'
import { hasErrors } from '../../diagnostics.js'
import { prepareNodeRequest, type NodeRequest } from '../../delivery/node-request.js'
import { readCurrent } from '../../delivery/node.js'
import { isNomadPkiError, NomadPkiError } from '../../errors.js'
import { nodeFiles } from '../../files/files.js'
import { placeFile } from '../../files/place.js'
import { isAgent } from '../../nomad/roles.js'
import { desire } from '../../cluster/desire.js'
import type { DesiredIdentity } from '../../cluster/desired.js'
import { parseSpec } from '../../cluster/parse.js'
import { refuseOwnRenewal } from '../../plan/own-renewal.js'
import { shellQuote } from '../../shell-quote.js'
import { sameRequest } from '../../x509/request.js'
import type { Command } from '../command.js'
import type { Context } from '../context.js'
import { usualPlace } from '../node-place.js'
import { printerOf, type Printer } from '../printer.js'
import { exitStatus } from '../status.js'
import type { Options } from '../surface.js'
import { usage } from '../usage.js'
import { defaultSpec, readSpec } from '../workspace.js'
import { readIfThere, requireFolderOf } from '../write.js'

/** Writes a key that waits for its certificate, and the request. */
export const command: Command<'request'> = async ({ args: [text], options }, context) => {
  const printer = printerOf(context, options)
  const spec = await specHere(options, context, printer)
  const tls = context.resolve(options.tls ?? spec?.tls ?? usualPlace())
  const address = addressOf(text, spec?.agents, readCurrent(tls)?.manifest?.address)
  const wanted = spec?.agents.find((one) => one.address === address)
  refuseOwnRenewal(wanted, 'sign takes no request of it')
  if (wanted?.profile.keyHeld === 'store') {
    printer.tell(`warning: the spec does not say keyHeld: node for ${address}: sign will refuse it`)
  }
  const request = await prepareNodeRequest({
    ...{ tls, address, now: context.now(), keepKey: options.keepKey === true },
    algorithm: options.key ?? wanted?.profile.key,
  })
  const out = options.out === '-' ? undefined : options.out
  const there = out === undefined ? false : await isThere(out, request, context)
  if (options.dryRun !== true) {
    await request.write()
    if (out !== undefined && !there) {
      await placeFile(nodeFiles, context.resolve(out), Buffer.from(request.text, 'latin1'), 0o644)
    }
  }
  tell(request, { address, tls, out, there }, options, printer)
  return exitStatus.ok
}

/** The spec, where one is here: a node needs none. */
async function specHere(
  options: Options<'request'>,
  context: Context,
  printer: Printer,
): Promise<
  { readonly tls: string | undefined; readonly agents: readonly DesiredIdentity[] } | undefined
> {
  if (options.file === undefined && !(await context.exists(defaultSpec))) return undefined
  const { file, text } = await readSpec(context, options)
  const { spec, diagnostics } = parseSpec(text, { file })
  if (spec === undefined || hasErrors(diagnostics)) {
    throw new NomadPkiError('ERR_SPEC_INVALID', `${file} has errors`, { diagnostics })
  }
  printer.warn(diagnostics)
  const agents = desire(spec).identities.filter(({ profile }) => isAgent(profile.role))
  return { tls: spec.node.tls, agents }
}

function addressOf(
  text: string | undefined,
  agents: readonly DesiredIdentity[] | undefined,
  present: string | undefined,
): string {
  if (text === undefined) {
    if (present !== undefined) return present
    throw usage(
      'which node? No certificate is in place that would say it',
      'nomad-pki request ROLE/REGION/NAME, such as server/global/s1',
    )
  }
  if (agents !== undefined) {
    return resolveAddress(
      text,
      agents.map(({ address }) => address),
    )
  }
  if (present === text || present?.endsWith(`/${text}`) === true) return present
  const [role = '', region = '', name = '', ...more] = text.replace(/^identity\//, '').split('/')
  const address = [...['identity', role, region, name], ...more].join('/')
  try {
    const parsed = parseAddress(address)
    if (parsed.kind === 'identity' && parsed.generation === undefined && isAgent(parsed.role)) {
      return identityAddress(parsed)
    }
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_ADDRESS_INVALID')) throw error
  }
  throw usage(
    `${JSON.stringify(text)} does not name a node`,
    'without the spec: ROLE/REGION/NAME, such as server/global/s1; a role is server, client or combined',
  )
}

/** Whether the file holds this request already, from an earlier call. */
async function isThere(file: string, request: NodeRequest, context: Context): Promise<boolean> {
  requireFolderOf(context, file)
  const bytes = await readIfThere(context, file)
  if (bytes === undefined) return false
  if (sameRequest(Buffer.from(bytes).toString('latin1'), request.text)) return true
  throw new NomadPkiError('ERR_FILE_EXISTS', `${file} exists, and is not the request of this key`, {
    hint: 'remove it, or give another name: nothing is written over',
  })
}

function tell(
  { text, fingerprint, algorithm, key, keyFile, signedBy, notes }: NodeRequest,
  {
    address,
    tls,
    out,
    there,
  }: {
    readonly address: string
    readonly tls: string
    readonly out: string | undefined
    readonly there: boolean
  },
  { dryRun = false }: Options<'request'>,
  printer: Printer,
): void {
  for (const note of notes) printer.tell(`note: ${note}`)
  // A key that was made and not written is gone: nobody can use a certificate of it.
  const exists = !(dryRun && key === 'new')
  if (printer.json) {
    printer.document({
      ...{ format: 'nomad-pki/request', version: 1, address },
      ...{ fingerprint: exists ? fingerprint : null, algorithm, key, keyFile },
      ...{ signedBy: signedBy ?? null, file: out ?? null, dryRun },
      ...(out === undefined && !dryRun && { request: text }),
    })
    return
  }
  const where = {
    new: dryRun ? `would be made in ${keyFile}` : `made in ${keyFile}`,
    pending: `in ${keyFile}, from an earlier request`,
    loaded: `the one in use, ${keyFile}`,
  }
  // On standard output stands what is sent: where that is the request, the fingerprint goes beside it.
  const say = (line: string): void => {
    if (out === undefined && !dryRun) printer.tell(line)
    else printer.answer(line)
  }
  if (out === undefined && !dryRun) printer.answer(text.trimEnd())
  say(exists ? `${fingerprint}  ${address}` : `would ask for ${address}`)
  printer.tell(`the key (${algorithm}): ${where[key]}; it stays on this node`)
  if (signedBy !== undefined) printer.tell(`the request is signed by the key of ${signedBy} too`)
  if (dryRun) {
    printer.tell('dry run: nothing was written, and the request is not shown')
    return
  }
  if (there) printer.tell(`${out!} holds this request already`)
  const compared = signedBy === undefined ? ` --fingerprint ${fingerprint}` : ''
  printer.tell(
    `where the store is: nomad-pki sign ${out === undefined ? '-' : shellQuote(out)}${compared}; then pack it, and here: nomad-pki install ARCHIVE --tls ${shellQuote(tls)} --reload …`,
  )
}
