/**
 * Which of the certificates an agent uses, told by its own files and by what a certificate names.
 *
 * @module
 */

import type { ListedNode } from '../cluster/new-spec.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import type { Leaf } from './leaves.js'
import type { SurveyedNode } from './survey-agents.js'

/** It names the host, its address, or neither. */
export type Standing = 'name' | 'address' | 'none'

/** How a certificate stands to an agent by its names. */
export function standing({ named }: Leaf, { node }: SurveyedNode): Standing {
  const { ips, names } = saidOf(node)
  const own = node.name.toLowerCase()
  const isOwn = (name: string): boolean =>
    names.includes(name) || name === own || name.split('.')[0] === own
  if (named.names.some(isOwn)) return 'name'
  return named.ips.some((ip) => ips.includes(ip)) ? 'address' : 'none'
}

function saidOf({ value }: ListedNode): {
  readonly ips: readonly string[]
  readonly names: readonly string[]
} {
  return {
    ips: (value['ips'] ?? []) as readonly string[],
    names: (value['names'] ?? []) as readonly string[],
  }
}

/**
 * What in a certificate says that it is another host's, where a file's name says that it is this
 * agent's: every host may call its file server.pem.
 */
function contradiction(
  leaf: Leaf,
  agent: SurveyedNode,
  agents: readonly SurveyedNode[],
): string | undefined {
  if (standing(leaf, agent) !== 'none') return undefined
  const { names, ips } = leaf.named
  const own = saidOf(agent.node).ips
  if (ips.length > 0 && own.length > 0) {
    return `names ${ips.join(', ')}, its configuration says ${own.join(', ')}`
  }
  const other = agents.find((one) => one !== agent && standing(leaf, one) !== 'none')
  if (other === undefined) return undefined
  return `names ${[...names, ...ips].join(', ')}, as ${other.node.name} has it`
}

/** Whether role and region of a certificate are those of an agent. */
export function isOfSection({ named }: Leaf, { node }: SurveyedNode): boolean {
  return named.role === node.kind && named.region === node.region
}

const notThere = 'its certificate or key was not there: the first apply makes a new pair'

type FoundLeaf = { readonly leaf: Leaf } | { readonly leaf?: undefined; readonly note: string }

/**
 * The certificate that an agent uses: what `cert_file` holds; else one of that file's name, if nothing
 * in it says that it is another's; else the one that names the agent.
 */
export function leafOf(
  agent: SurveyedNode,
  leaves: readonly Leaf[],
  agents: readonly SurveyedNode[],
): FoundLeaf {
  const own = agent.agent.inUse?.chain[0]
  const alike = own === undefined ? namesakes(agent, leaves) : equals(own, leaves)
  const fitting = alike.filter((leaf) => contradiction(leaf, agent, agents) === undefined)
  const [first] = fitting
  if (first !== undefined && fitting.length === 1) return { leaf: first }
  // What it uses was read, and is not here: an older certificate of the host is not it.
  if (own !== undefined && alike.length === 0) return { note: notThere }
  const candidates = fitting.length > 1 ? fitting : leaves
  const named = candidates.filter((leaf) => isOfSection(leaf, agent))
  for (const wanted of ['name', 'address'] as const) {
    const [newest, ...others] = newestFirst(
      named.filter((leaf) => standing(leaf, agent) === wanted),
    )
    if (newest === undefined) continue
    if (others.every((other) => sameNames(newest, other))) return { leaf: newest }
    return {
      note: `several certificates name it (${[newest, ...others].map(({ places }) => places[0]!).join(', ')}): the first apply makes a new pair`,
    }
  }
  const [other] = alike
  const why = other && contradiction(other, agent, agents)
  return {
    note:
      why === undefined
        ? notThere
        : `${other!.places[0]!} is not taken for it: that ${why}. The first apply makes a new pair`,
  }
}

function equals(own: Certificate, leaves: readonly Leaf[]): readonly Leaf[] {
  const fingerprint = fingerprintOf(own)
  return leaves.filter(({ certificate }) => fingerprintOf(certificate) === fingerprint)
}

/** Those in a file of the name that `cert_file` has. */
function namesakes({ certFile }: SurveyedNode, leaves: readonly Leaf[]): readonly Leaf[] {
  if (certFile === undefined) return []
  const file = baseOf(certFile)
  return leaves.filter(({ files }) => files.some((one) => baseOf(one) === file))
}

/** Whether two certificates name the same beyond their role. */
export function sameNames(a: Pick<Leaf, 'named'>, b: Pick<Leaf, 'named'>): boolean {
  const text = ({ named: { names, ips } }: Pick<Leaf, 'named'>): string =>
    [...names]
      .sort()
      .concat([...ips].sort())
      .join(' ')
  return text(a) === text(b)
}

/** The one that begins last first; each run has the same order. */
export function newestFirst(leaves: readonly Leaf[]): readonly Leaf[] {
  return [...leaves].sort(
    (a, b) =>
      b.certificate.notBefore - a.certificate.notBefore ||
      (fingerprintOf(a.certificate) < fingerprintOf(b.certificate) ? -1 : 1),
  )
}

/** The last part of a path. */
export function baseOf(file: string): string {
  return file.split('/').at(-1) ?? file
}
