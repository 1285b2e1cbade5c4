/**
 * How other tools name the files of a cluster: the one table.
 *
 * `cfssl`: Nomad's mTLS guide up to 1.4, and the roles and images that were written after it.
 * `nomad-tls`: `nomad tls ca create` and `nomad tls cert create` (command/tls_cert_create.go recordPreparation,
 * command/tls_ca_create.go:209 at v1.11.3).
 *
 * @module
 */

import type { Role } from '../address.js'

/** A layout of files that another tool made before. */
export type FileLayout = 'cfssl' | 'nomad-tls'

/** What other tools tell apart: they have no agent that is both. */
export type Part = 'server' | 'client' | 'cli'

/** The names of one pair; a request where the tool leaves one. */
export interface PairNames {
  readonly certificate: string
  readonly key: string
  readonly request?: string | undefined
}

/** The names of a layout. */
export interface LayoutNames {
  readonly authority: PairNames
  /** The names of a part's files in a region. */
  readonly pair: (part: Part, region: string) => PairNames
  /** Whether the names say the region: then one folder can hold several. */
  readonly regional: boolean
  /** The signing configuration; absent where the tool has none. */
  readonly signing?: string | undefined
}

/** The table. */
export const fileLayouts: Readonly<Record<FileLayout, LayoutNames>> = {
  cfssl: {
    authority: pairNames('nomad-ca', true),
    pair: (part) => pairNames(part, true),
    regional: false,
    signing: 'cfssl.json',
  },
  'nomad-tls': {
    authority: pairNames('nomad-agent-ca', false),
    pair: (part, region) => pairNames(`${region}-${part}-nomad`, false),
    regional: true,
  },
}

/** The parts in the order in which they are written. */
export const parts: readonly Part[] = ['server', 'client', 'cli']

/**
 * Which part an identity of a role is: an agent that is both has a server's names. `undefined`: other tools
 * have no name for it.
 */
export function partOf(role: Role): Part | undefined {
  switch (role) {
    case 'server':
    case 'combined':
      return 'server'
    case 'client':
      return 'client'
    case 'operator':
      return 'cli'
    case 'machine':
      return undefined
  }
}

/** Whether a layout is one of these. */
export function isFileLayout(layout: string): layout is FileLayout {
  return Object.hasOwn(fileLayouts, layout)
}

function pairNames(stem: string, requests: boolean): PairNames {
  return {
    certificate: `${stem}.pem`,
    key: `${stem}-key.pem`,
    ...(requests && { request: `${stem}.csr` }),
  }
}
