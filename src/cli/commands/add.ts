/**
 * `add`: a server, client, combined agent or operator, as an edit of the spec that keeps its layout.
 *
 * @module
 */

import { addNode } from '../../spec/edit.js'
import { editSpec } from '../edit-spec.js'
import { parseKind, parseNode } from '../node-argument.js'
import { exitStatus } from '../status.js'
import type { Command } from '../surface.js'
import { voiceOf } from '../voice.js'
import { fileFlag } from '../workspace.js'

/** Writes the spec; `apply` does the rest. */
export const command: Command = async ({ args: [kindText = '', text = ''], options }, context) => {
  const voice = voiceOf(context, options)
  const kind = parseKind(kindText)
  let added = ''
  const { file } = await editSpec(context, options, voice, (source, spec, name) => {
    // A person belongs somewhere, and where there is one region nobody has to say it.
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
        config: options.config,
        lifetime: options.lifetime,
      },
      { file: name },
    )
  })
  voice.answer(`added ${kind} ${added} to ${file}`)
  voice.tell(`next: nomad-pki apply${fileFlag(options)}`)
  return exitStatus.ok
}
