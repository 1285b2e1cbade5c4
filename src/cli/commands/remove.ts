/**
 * `remove`: the edit of the spec that `add` makes, backwards. The store is not touched.
 *
 * @module
 */

import { removeNode } from '../../cluster/edit.js'
import { isAgent } from '../../nomad/roles.js'
import { editSpec } from '../edit-spec.js'
import { parseKind, parseNode } from '../node-argument.js'
import { exitStatus } from '../status.js'
import type { Command } from '../command.js'
import { printerOf } from '../printer.js'
import { fileFlag } from '../workspace.js'

/** Writes the spec. */
export const command: Command<'remove'> = async (
  { args: [kindText = '', text = ''], options },
  context,
) => {
  const printer = printerOf(context, options)
  const kind = parseKind(kindText)
  let removed = ''
  const { file, written } = await editSpec(context, options, printer, (source, spec, name) => {
    const fallback = !isAgent(kind)
      ? spec.operators.find((operator) => operator.name === text)?.region
      : undefined
    const node = parseNode(text, kind, {
      fallback: fallback ?? (spec.regions.length === 1 ? spec.regions[0]!.name : undefined),
    })
    removed = `${node.region}/${node.name}`
    return removeNode(source, node, { file: name })
  })
  if (!written) return exitStatus.ok
  printer.answer(`removed ${kind} ${removed} from ${file}`)
  printer.tell(
    `its certificate is valid until it ends; to take it out of the store: nomad-pki apply${fileFlag(options)} --prune`,
  )
  return exitStatus.ok
}
