/**
 * Whether the servers of a cluster share one gossip key: those with another key, or none, see no other server.
 *
 * @module
 */

import type { Diagnostic } from '../diagnostics.js'
import { groupBy } from '../grouping.js'
import { runsServer } from '../nomad/roles.js'
import { diagnostic } from './codes.js'
import type { AgentConfig } from './read-agent-config.js'

/** One agent of several that belong together. */
export interface NamedAgent {
  /** What the user calls it. */
  readonly name: string
  readonly config: AgentConfig
}

/**
 * Compares the keys of all servers; of a key only its digest is looked at.
 *
 * @param agents All of one cluster; clients have no gossip.
 */
export function checkGossip(agents: readonly NamedAgent[]): Diagnostic[] {
  const servers = agents.filter(
    ({ config: { role, files } }) =>
      runsServer(role) &&
      // What cannot be read says nothing about a key.
      files.every(({ document }) => document !== undefined),
  )
  const groups = [...groupBy(servers, ({ config }) => config.gossipKey?.digest ?? '')].sort(
    ([a, one], [b, other]) => Number(a === '') - Number(b === '') || other.length - one.length,
  )
  const [[, usual] = ['', []], ...others] = groups
  return others.flatMap(([, members]) =>
    members.map(({ config: { gossipKey, files } }) => {
      const origin = gossipKey?.origin ?? { file: files[0]?.file ?? '', line: 1, column: 1 }
      const than = `${usual[0]!.name}${usual.length > 1 ? ` and ${usual.length - 1} more` : ''}`
      const message =
        gossipKey === undefined
          ? `this server has no gossip key, and ${than} has one: they do not see each other`
          : `this server has another gossip key than ${than}: they do not see each other`
      return diagnostic('error', 'agent/gossip-differs', origin, message, {
        file: origin.file,
        hint: 'one key for all servers of all regions: server { encrypt = "…" }; nomad operator gossip keyring generate makes one',
      })
    }),
  )
}
