/**
 * `add`: a server, client, combined agent or operator, as an edit of the spec that keeps its layout.
 *
 * @module
 */

import { addNode, type NewNode } from '../../cluster/edit.js'
import { editSpec } from '../edit-spec.js'
import { parseKind, parseNode } from '../node-argument.js'
import { exitStatus } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { printerOf } from '../printer.js'
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
    const fallback = kind === 'operator' || spec.regions.length === 1 ? first : undefined
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
      },
      { file: name },
    )
  })
  if (!written) return exitStatus.ok
  printer.answer(`added ${kind} ${added} to ${file}`)
  printer.tell(`next: nomad-pki apply${fileFlag(options)}`)
  return exitStatus.ok
}

/** One path is the configuration; of several one is written, in a directory its `tls.hcl`. */
function configOf({ config: paths = [], write }: Options<'add'>): NewNode['config'] {
  const last = paths.at(-1)
  if (last === undefined || (paths.length === 1 && write === undefined)) return last
  const file = /\.(?:hcl|json)$/.test(last) ? last : `${last.replace(/\/+$/, '')}/tls.hcl`
  return { paths, write: write ?? file }
}
