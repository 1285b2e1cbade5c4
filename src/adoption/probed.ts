/**
 * What running agents present, beside what folders hold: certificates without their keys, and the agents
 * that use them.
 *
 * @module
 */

import { isIP } from 'node:net'
import { identityAddress, isName } from '../address.js'
import { isAgent } from '../nomad/roles.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'
import type { MaterialFile } from './collect.js'
import { nodeFault } from './fit.js'
import type { LeftOut } from './materials.js'
import type { BareAgent, Placement } from './placed.js'
import { parseHostPort } from './host-port.js'
import { hostOf, nameLeaf } from './roles.js'
import type { SurveyedAgent } from './survey-agents.js'
import type { Tree, Trees } from './trees.js'

/** What one port showed. */
export interface ProbedAgent {
  /** `10.0.0.11:4646` */
  readonly endpoint: string
  /** The configuration that names it; absent: it was named by itself. */
  readonly config?: string | undefined
  /** As presented, the leaf first; empty: it did not answer. */
  readonly chain: readonly Certificate[]
  /** Names of the authorities that it trusts; `undefined`: it asks for no certificate. */
  readonly trusts?: readonly string[] | undefined
  /** Why it showed nothing: one sentence. */
  readonly fault?: string | undefined
  /** What to do about {@link fault}. */
  readonly hint?: string | undefined
}

/** The chains as files: authorities between a leaf and its root are of use, whoever shows them. */
export function probedFiles(probed: readonly ProbedAgent[]): readonly MaterialFile[] {
  return probed.map(({ endpoint, chain }) => ({
    file: endpoint,
    materials: chain.map((certificate) => ({ kind: 'certificate', place: endpoint, certificate })),
  }))
}

/** The agents, with what they present where no copy of their files was read. */
export function withProbed(
  agents: readonly SurveyedAgent[],
  probed: readonly ProbedAgent[],
): readonly SurveyedAgent[] {
  const shown = new Map(
    probed.flatMap((one) => (one.config === undefined ? [] : [[one.config, one]])),
  )
  return agents.map((agent) => {
    const one = shown.get(agent.config)
    if (one === undefined || one.chain.length === 0) return agent
    // What it presents now is what it uses, whatever a copy of its file says.
    const { path = one.endpoint, roots = [] } = agent.inUse ?? {}
    return { ...agent, inUse: { path, roots, chain: one.chain } }
  })
}

/** What is told about ports that showed nothing, or trust what is not adopted. */
export function probedLeftOut(probed: readonly ProbedAgent[], trees: Trees): readonly LeftOut[] {
  const names = new Set(trees.trees.map(({ certificate }) => formatName(certificate.subject)))
  return probed.flatMap(({ endpoint, fault, hint, chain: [leaf], trusts = [] }): LeftOut[] => {
    if (fault !== undefined) {
      const it = { kind: 'left-out', place: endpoint, code: 'adoption/silent' } as const
      return [{ ...it, message: fault, ...(hint !== undefined && { hint }) }]
    }
    // An agent of another cluster trusts what is of no use here.
    if (leaf === undefined || trees.signerOf(leaf) === undefined) return []
    const strange = trusts.filter((name) => !names.has(name))
    if (strange.length === 0) return []
    return [
      {
        kind: 'left-out',
        place: endpoint,
        code: 'adoption/issuer',
        message: `the agent trusts ${strange
          .slice(0, 3)
          .map((name) => name || 'an authority without a name')
          .join(' and ')}, whose certificate is not here`,
        hint: 'add its certificate to the folder, and adopt again: else the first delivery takes that trust away',
      },
    ]
  })
}

/** An agent that was seen, and the authority that signed what it presents. */
export interface SeenAgent extends BareAgent {
  readonly signer: Tree
}

/**
 * Tells agents of the cluster from those of another one, by the authority that signed.
 *
 * @param seen What {@link probedNodes} found.
 * @param isAdopted Whether an authority is adopted.
 */
export function ownAgents(
  seen: readonly SeenAgent[],
  isAdopted: (tree: Tree) => boolean,
): { readonly own: readonly SeenAgent[]; readonly leftOut: readonly LeftOut[] } {
  const foreign = seen.filter(({ signer }) => !isAdopted(signer.issuer ?? signer))
  return {
    own: seen.filter((one) => !foreign.includes(one)),
    leftOut: foreign.map(({ agent, signer }) => ({
      kind: 'left-out',
      place: agent.agent.config,
      code: 'adoption/authority',
      message: `${formatName(signer.certificate.subject)} signed what it presents, and is not adopted: is it an agent of another cluster?`,
      hint: 'name the ports of one cluster alone',
    })),
  }
}

/**
 * Nodes for leaves that agents present and whose keys no folder holds.
 *
 * @param probed What was presented.
 * @param trees The authorities.
 * @param placement Where everything else belongs.
 * @param known Fingerprints of what the store has.
 */
export function probedNodes(
  probed: readonly ProbedAgent[],
  trees: Trees,
  placement: Placement,
  known: ReadonlyMap<string, string>,
): readonly SeenAgent[] {
  const taken = new Set(
    [...placement.placed, ...placement.bare.map(({ agent }) => agent.node)].map(
      ({ region, name }) => `${region}/${name}`.toLowerCase(),
    ),
  )
  const adopted = new Set(placement.placed.map(({ leaf }) => fingerprintOf(leaf.certificate)))
  const seen = new Map<string, string>()
  const bare: SeenAgent[] = []
  for (const { endpoint, config, chain } of probed) {
    const [leaf] = chain
    if (leaf === undefined || config !== undefined) continue
    const fingerprint = fingerprintOf(leaf)
    const named = nameLeaf(leaf)
    if (typeof named === 'string' || !isAgent(named.role) || named.region === undefined) continue
    const signer = trees.signerOf(leaf)
    if (adopted.has(fingerprint) || known.has(fingerprint) || signer === undefined) continue
    const parsed = parseHostPort(endpoint)!
    const other = seen.get(fingerprint)
    // Two ports with one leaf are one agent, or agents that share it: each host gets a node.
    if (other === parsed.host) continue
    seen.set(fingerprint, parsed.host)
    const host = hostOf(named) ?? `ip-${parsed.host.replace(/[.:]+/g, '-')}`
    let name = other === undefined ? host : `${host}-${bare.length + 1}`
    for (let next = 2; taken.has(`${named.region}/${name}`.toLowerCase()); next += 1) {
      name = `${host.slice(0, 58)}-${next}`
    }
    const kind = named.role
    if (!isName(name) || nodeFault({ kind, region: named.region, name }) !== undefined) continue
    taken.add(`${named.region}/${name}`.toLowerCase())
    const ips = named.ips.length > 0 ? named.ips : isIP(parsed.host) === 0 ? [] : [parsed.host]
    const rpc = parsed.port === 4647
    const value = {
      ...(ips.length > 0 && { ips: [...ips] }),
      ...(named.names.length > 0 && { names: [...named.names] }),
      ...(!rpc && endpoint !== `${ips[0] ?? ''}:4646` && { http: endpoint }),
    }
    const node = {
      kind,
      region: named.region,
      name,
      value,
      notes: [`seen at ${endpoint}; the name of the node is a guess`],
    }
    bare.push({
      signer,
      agent: { agent: { config: endpoint, files: [] }, node, certFile: undefined },
      note: `its key is on its host alone: ${identityAddress({ role: kind, region: named.region, name })} gets a new pair with the first apply`,
    })
  }
  return bare
}
