/**
 * From a folder that another tool filled to a spec and the first generations of a store: the authority
 * stays what it is, certificates that live become those of their agents, and all else is named.
 *
 * @module
 */

import { authorityAddress, identityAddress } from '../address.js'
import { adoptionNotes } from './notes.js'
import { authorityText } from '../authority/take-over.js'
import type { Diagnostic } from '../diagnostics.js'
import { hasErrors } from '../diagnostics.js'
import type { NewSpec } from '../cluster/new-spec.js'
import { fingerprintOf, isTwin, type Certificate } from '../x509/certificate.js'
import { formatName } from '../x509/name.js'
import { collect, type MaterialFile } from './collect.js'
import { fromStore } from './from-store.js'
import { leavesIn, type Leaf } from './leaves.js'
import type { AdoptedAuthority, AdoptedIdentity } from './adopted.js'
import { withLists } from './lists.js'
import type { LeftOut } from './materials.js'
import {
  isNextOf,
  nameAuthorities,
  type PresentAuthority,
  type SpecifiedAuthority,
} from './name-authorities.js'
import { placeLeaves } from './placed.js'
import { settleRenewals, type StoreIdentity } from './renewals.js'
import {
  ownAgents,
  probedFiles,
  probedLeftOut,
  probedNodes,
  withProbed,
  type ProbedAgent,
} from './probed.js'
import { isSameLine, regionsBySigner, regionSigners } from './region-signers.js'
import { specOf } from './spec.js'
import { surveyAgents, type SurveyedAgent } from './survey-agents.js'
import { treesIn, type Tree, type Trees } from './trees.js'

/** What is adopted from. */
export interface AdoptionInput {
  readonly files: readonly MaterialFile[]
  /** Configurations of agents; default: none. */
  readonly agents?: readonly SurveyedAgent[] | undefined
  /** What running agents present; default: none was asked. */
  readonly probed?: readonly ProbedAgent[] | undefined
  /** Addresses by fingerprint of what the store has already; default: nothing. */
  readonly known?: ReadonlyMap<string, string> | undefined
  /** Authorities that the store has already; default: none. */
  readonly authorities?: readonly PresentAuthority[] | undefined
  /** What the spec says of them; default: there is no spec yet. */
  readonly specified?: readonly SpecifiedAuthority[] | undefined
  /** Identities that the store has already; default: none. */
  readonly identities?: readonly StoreIdentity[] | undefined
  /** Epoch milliseconds. */
  readonly now: number
}

/** What comes of it. */
export interface Adoption {
  /** Parts of a new spec. */
  readonly spec: Omit<NewSpec, 'cluster'>
  readonly authorities: readonly AdoptedAuthority[]
  readonly identities: readonly AdoptedIdentity[]
  readonly leftOut: readonly LeftOut[]
  /** What is wrong with configurations of agents; with an error nothing is adopted. */
  readonly diagnostics: readonly Diagnostic[]
  /** Why nothing can be adopted: one sentence, and what to do. */
  readonly refused?: { readonly message: string; readonly hint: string } | undefined
}

/**
 * Plans an adoption.
 *
 * @param input Everything read in full.
 * @returns Never throws for anything in the files.
 */
export function planAdoption({
  files,
  agents: surveyed = [],
  probed = [],
  known,
  authorities: present = [],
  specified = [],
  identities: stored = [],
  now,
}: AdoptionInput): Adoption {
  const agents = withProbed(surveyed, probed)
  const survey = surveyAgents(agents, { adopting: true })
  const trusted = survey.roots
  const here = [...files, ...probedFiles(probed), ...agents.flatMap(materialsOfAgent)]
  const collection = collect([...here, ...fromStore(here, present)])
  const kept = new Map(
    present.map(({ address, certificate }) => [fingerprintOf(certificate), address]),
  )
  const trees = treesIn(collection, {
    trusted,
    stored: kept,
    isNext: (later, address) => isNextOf(address, later, present, specified),
    now,
  })
  const found = leavesIn(collection, trees, {
    now,
    regions: survey.nodes.map(({ node }) => node.region),
    named: agents.length + probed.length > 0,
  })
  let leftOut: LeftOut[] = [...collection.leftOut, ...trees.leftOut, ...found.leftOut]
  const places = placeLeaves(found.leaves, survey.nodes, known ?? new Map(), stored)
  const settled = settleRenewals(
    places.placed,
    new Map(stored.map((one) => [one.address, one])),
    identityAddress,
  )
  const placed = {
    ...places,
    placed: settled.placed,
    leftOut: [...places.leftOut, ...settled.leftOut],
  }
  const seen = probedNodes(probed, trees, placed, known ?? new Map())
  const placement = { ...placed, bare: [...placed.bare, ...seen] }
  leftOut.push(...placement.leftOut, ...probedLeftOut(probed, trees))
  const diagnostics: Diagnostic[] = [...survey.diagnostics]
  const failed = (): Adoption => ({
    spec: {},
    authorities: [],
    identities: [],
    leftOut,
    diagnostics,
  })
  if (hasErrors(diagnostics)) return failed()

  const ofRegions = regionSigners(placement)
  const chosen = new Set(ofRegions.values())
  const regions = regionsBySigner(placement.placed, stored, trees)
  // An intermediate that no region names could sign nothing.
  const signers = new Set(
    placement.placed
      .map(({ leaf }) => leaf.signer)
      .filter(
        (signer) =>
          signer.issuer === undefined ||
          [...chosen].some((one) => isSameLine(signer, one, regions)),
      ),
  )
  const roots = rootsOf(trees, signers, trusted)
  if (!Array.isArray(roots)) {
    return { ...failed(), refused: roots }
  }
  const named = nameAuthorities(trees, roots, signers, regions, known ?? new Map())
  const [other] = named.refused
  if (named.size === 0 && other !== undefined) {
    return {
      ...failed(),
      refused: {
        message: `the store has another root already, and ${authorityText(other.certificate)} is in ${other.places[0]!}`,
        hint: 'where no agent uses the root of the store yet, move the store away and adopt again; else begin a rotation: nomad-pki rotate authority',
      },
    }
  }
  const { own, leftOut: foreign } = ownAgents(seen, (tree) => named.has(tree))
  const ports = new Set(foreign.map(({ place }) => place))
  leftOut = [...leftOut.filter(({ place }) => !ports.has(place)), ...foreign]
  for (const tree of trees.trees) {
    if (named.has(tree) || ports.has(tree.places[0]!)) continue
    const crossing = [...named.keys()].some(({ crosses }) => crosses.some(({ by }) => by === tree))
    leftOut.push({
      kind: 'left-out',
      place: tree.places[0]!,
      code: named.refused.has(tree) ? 'adoption/authority' : 'adoption/signs-nothing',
      message: named.refused.has(tree)
        ? `the store has another authority already, and ${authorityText(tree.certificate)} is not it`
        : `the authority ${formatName(tree.certificate.subject)} signed no living certificate that is adopted${crossing ? ', beyond a cross-certificate' : ''}`,
    })
  }
  const plain = [...named].map(([tree, { name, generation }]): AdoptedAuthority => {
    const above = tree.issuer && named.get(tree.issuer)
    const crossed = new Map<number, Certificate>()
    for (const { by, certificate } of tree.crosses) {
      const signer = named.get(by)
      if (signer?.name === name) crossed.set(signer.generation, certificate)
    }
    return {
      address: authorityAddress(name, generation),
      name,
      generation,
      certificate: tree.certificate,
      key: tree.key,
      ...(above && { issuer: authorityAddress(above.name, above.generation) }),
      crossed,
      places: tree.places,
      notes: adoptionNotes(tree.certificate, tree.issuer?.certificate),
    }
  })
  const listed = withLists(
    plain,
    collection.lists,
    new Map(present.flatMap(({ address, list }) => (list ? [[address, list] as const] : []))),
  )
  const { authorities } = listed
  leftOut.push(...listed.leftOut)
  const addressOf = (leaf: Leaf): string | undefined => {
    const entry = named.get(leaf.signer)
    return entry && authorityAddress(entry.name, entry.generation)
  }
  const adopted = placement.placed.filter(({ leaf }) => {
    if (addressOf(leaf) !== undefined) return true
    leftOut.push({
      kind: 'left-out',
      place: leaf.places[0]!,
      code: 'adoption/authority',
      message: `it was signed by ${formatName(leaf.signer.certificate.subject)}, which is not adopted`,
    })
    return false
  })
  const taken = adopted.filter(({ stays }) => stays !== true)
  const identities = taken.map((one): AdoptedIdentity => {
    const { role, region, name, leaf, sharedBy, renewal } = one
    return {
      address: identityAddress(one),
      role,
      region,
      name,
      generation: renewal?.generation ?? 1,
      ...(renewal && { replaces: renewal.replaces }),
      leaf: leaf.certificate,
      names: leaf.named.names,
      ips: leaf.named.ips,
      key: leaf.key,
      issuer: addressOf(leaf)!,
      places: leaf.places,
      notes: [
        ...(renewal?.notes ?? []),
        ...(sharedBy === undefined
          ? []
          : [
              `${sharedBy.length} agents share it, so plan and apply do not look at their configurations (${sharedBy.slice(0, 3).join(', ')}${sharedBy.length > 3 ? ', …' : ''}); the comment at shared in the spec says how to split it`,
            ]),
      ],
    }
  })
  const spec = specOf({
    authorities,
    placed: adopted,
    bare: [...placed.bare, ...own],
    signers: new Map(
      [...ofRegions].flatMap(([region, tree]) => {
        const name = named.get(tree)?.name
        return name === undefined ? [] : [[region, name] as const]
      }),
    ),
    survey: survey.spec,
    now,
  })
  return { spec, authorities, identities, leftOut, diagnostics }
}

/** What an agent's own files hold: certificates alone, its key stays where it is. */
function materialsOfAgent({ inUse, config }: SurveyedAgent): readonly MaterialFile[] {
  if (inUse === undefined) return []
  const of = (file: string, certificates: readonly Certificate[]): MaterialFile => ({
    file,
    materials: certificates.map((certificate) => ({
      kind: 'certificate',
      place: file,
      certificate,
    })),
  })
  return [of(inUse.path, inUse.roots), of(`cert_file of ${config}`, inUse.chain)]
}

/** The roots that agents are to trust, or why that cannot be told. */
function rootsOf(
  { trees }: Trees,
  signers: ReadonlySet<Tree>,
  trusted: readonly Certificate[],
): Tree[] | { readonly message: string; readonly hint: string } {
  const trust = new Set(trusted.map(fingerprintOf))
  const roots = new Set<Tree>()
  for (const signer of signers) roots.add(signer.issuer ?? signer)
  for (const tree of trees) {
    if (tree.anchor && trust.has(fingerprintOf(tree.certificate))) roots.add(tree)
  }
  if (roots.size === 0) {
    const anchors = trees.filter(({ anchor }) => anchor)
    if (anchors.length !== 1) {
      return {
        hint: 'name the folder that holds the certificate of the authority, and of one cluster alone',
        message:
          anchors.length === 0
            ? 'there is no authority in it that lives: no certificate with CA:TRUE, or all have expired'
            : `there are ${anchors.length} authorities in it, and no certificate of an agent tells which one is in use: ${anchors.map(({ places }) => places[0]!).join(', ')}`,
      }
    }
    roots.add(anchors[0]!)
  }
  for (const tree of trees) {
    if ([...roots].some((root) => isTwin(root.certificate, tree.certificate))) roots.add(tree)
  }
  const [first, ...others] = roots
  // Trust in both is given to every agent, so something has to show that agents have it already.
  const together = new Set([first!])
  for (let grew = true; grew;) {
    grew = false
    for (const root of others) {
      if (together.has(root) || ![...together].some((one) => belongTogether(one, root))) continue
      together.add(root)
      grew = true
    }
  }
  const apart = others.find((root) => !together.has(root))
  if (apart !== undefined) {
    return {
      hint: 'adopt the folder of one cluster; or name the configurations of the agents with --agents, with a copy of a ca_file that holds both beside them',
      message: `several roots sign for agents (${authorityText(first!.certificate)} in ${first!.places[0]!}; ${authorityText(apart.certificate)} in ${apart.places[0]!}), and no file holds both of them: are they two clusters?`,
    }
  }
  return [...roots]
}

/** Whether they have one key, or one file holds both, as a `ca_file` of a rotation does, or one certified the other. */
function belongTogether(a: Tree, b: Tree): boolean {
  return (
    isTwin(a.certificate, b.certificate) ||
    a.files.some((file) => b.files.includes(file)) ||
    a.crosses.some(({ by }) => by === b) ||
    b.crosses.some(({ by }) => by === a)
  )
}
