/**
 * `add`: a server, client, combined agent, operator or machine, as an edit of the spec that keeps its layout.
 *
 * @module
 */

import { addNode, type NewNode } from '../../cluster/edit.js'
import { isAgent, profileOf } from '../../nomad/roles.js'
import { editSpec } from '../edit-spec.js'
import { parseKind, parseNode, type NodeKind } from '../node-argument.js'
import { exitStatus } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { printerOf } from '../printer.js'
import { usage } from '../usage.js'
import { fileFlag } from '../workspace.js'

/** Writes the spec; `apply` does the rest. */
export const command: Command<'add'> = async (
  { args: [kindText = '', text = ''], options },
  context,
) => {
  const printer = printerOf(context, options)
  const kind = parseKind(kindText)
  let added = ''
  const { file, written } = await editSpec(context, options, printer, (source, spec, name) => {
    // An operator belongs to a region; the only one need not be named.
    const first = spec.regions[0]?.name
    const fallback = !isAgent(kind) || spec.regions.length === 1 ? first : undefined
    const node = parseNode(text, kind, { region: options.region, fallback })
    added = `${node.region}/${node.name}`
    return addNode(
      source,
      {
        ...node,
        ips: options.ip,
        names: options.name,
        config: configOf(options),
        lifetime: options.lifetime,
        ...placeOf(kind, options),
      },
      { file: name },
    )
  })
  if (!written) return exitStatus.ok
  printer.answer(`added ${kind} ${added} to ${file}`)
  printer.tell(`next: nomad-pki apply${fileFlag(options)}`)
  return exitStatus.ok
}

/** Where ssh reaches it; and where a machine has its files: nodes have theirs in `node.tls`. */
function placeOf(kind: NodeKind, options: Options<'add'>): Partial<NewNode> {
  for (const name of ['tls', 'owner', 'reload'] as const) {
    if (kind === 'machine' || options[name] === undefined) continue
    throw usage(`--${name} is for a machine, not for ${profileOf(kind).title}`)
  }
  const { tls, owner, reload, ssh } = options
  if (kind === 'operator' && ssh !== undefined) {
    throw usage('--ssh is for a node or a machine, not for an operator')
  }
  return { tls, owner, reload, ssh: ssh === 'false' && kind !== 'machine' ? false : ssh }
}

/** One path is the configuration; of several one is written, in a directory its `tls.hcl`. */
function configOf({ config: paths = [], write }: Options<'add'>): NewNode['config'] {
  const last = paths.at(-1)
  if (last === undefined || (paths.length === 1 && write === undefined)) return last
  const file = /\.(?:hcl|json)$/.test(last) ? last : `${last.replace(/\/+$/, '')}/tls.hcl`
  return { paths, write: write ?? file }
}
