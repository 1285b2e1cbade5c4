/**
 * The certificates of agents and operators that live, with their keys and who signed them.
 *
 * @module
 */

import { isName } from '../address.js'
import type { FoundKey } from '../keys/found-key.js'
import { formatInstant } from '../duration.js'
import { groupBy } from '../grouping.js'
import { handshakeKeyFault } from '../nomad/load-fault.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import type { Certificate } from '../x509/certificate.js'
import { commonNames, formatName } from '../x509/name.js'
import { isKnownSignature } from '../x509/signature.js'
import type { Collection } from './collect.js'
import { nodeFault } from './fit.js'
import type { LeftOut } from './materials.js'
import { nameLeaf, type Named } from './roles.js'
import { isAuthority, isSelfSigned, type Tree, type Trees } from './trees.js'

/** A leaf that can be adopted. */
export interface Leaf {
  readonly certificate: Certificate
  readonly places: readonly string[]
  readonly files: readonly string[]
  readonly key: FoundKey
  readonly named: Named
  readonly signer: Tree
}

/** What is known beside the files. */
export interface LeafTerms {
  /** Epoch milliseconds. */
  readonly now: number
  /** Regions of agents whose configurations were read. */
  readonly regions: readonly string[]
  /** Whether configurations name the nodes, so that those without a certificate are in the spec. */
  readonly named: boolean
}

/** The leaves that can be adopted, and why the others are not. */
export function leavesIn(
  collection: Collection,
  trees: Trees,
  { now, regions, named: nodesAreNamed }: LeafTerms,
): { readonly leaves: readonly Leaf[]; readonly leftOut: readonly LeftOut[] } {
  const leaves: Leaf[] = []
  const leftOut: LeftOut[] = []
  for (const { certificate, places, files } of collection.certificates) {
    if (isAuthority(certificate)) continue
    const leave = (code: LeftOut['code'], message: string, hint?: string): void => {
      leftOut.push({
        kind: 'left-out',
        place: places[0]!,
        code,
        message,
        ...(hint !== undefined && { hint }),
      })
    }
    const { publicKey, notAfter } = certificate
    if (notAfter <= now) {
      leave('adoption/expired', `the certificate expired ${formatInstant(notAfter)}`)
      continue
    }
    const named = nameLeaf(certificate)
    if (typeof named === 'string') {
      leave('adoption/role-name', named, personHint(certificate))
      continue
    }
    const { region } = named
    const fault =
      region === undefined
        ? undefined
        : nodeFault({ kind: 'server', region, name: 's1' })?.message.replace(
            /^regions\.[^ ]+: /,
            '',
          )
    if (fault !== undefined) {
      leave(
        'adoption/region',
        `its region ${JSON.stringify(region)} cannot be a region in the spec: ${fault}`,
      )
      continue
    }
    const unusable = handshakeKeyFault(publicKey, isAgent(named.role))
    if (unusable !== undefined) {
      leave('adoption/key', unusable)
      continue
    }
    const signer = trees.signerOf(certificate)
    if (signer === undefined) {
      leave('adoption/issuer', signerText(certificate))
      continue
    }
    const root = signer.issuer ?? signer
    if (!root.anchor) {
      leave(
        'adoption/levels',
        `two intermediates stand between it and ${formatName(root.issuer!.certificate.subject)}; a spec has one at most`,
      )
      continue
    }
    const key = collection.keyOf(publicKey)
    if (key === undefined) {
      leave(
        'adoption/key-missing',
        'its private key is not here, or cannot be read',
        nodesAreNamed
          ? 'put the key beside it and adopt again; else the next apply makes a new pair for its node'
          : 'put the key beside it and adopt again; else add its node to the spec, and the next apply makes a new pair',
      )
      continue
    }
    leaves.push({ certificate, places, files, key, named, signer })
  }
  const spelled = spellings(leaves, regions)
  const kept = leaves.filter(({ named: { region }, places }) => {
    const usual = region === undefined ? undefined : spelled.get(region.toLowerCase())
    if (usual === region) return true
    leftOut.push({
      kind: 'left-out',
      place: places[0]!,
      code: 'adoption/region',
      message: `its region ${region!} differs from ${usual!} in case alone: a spec has one of them`,
    })
    return false
  })
  return { leaves: kept, leftOut }
}

/** One spelling of each region: that of the configurations; else of most servers, then of most. */
function spellings(
  leaves: readonly Leaf[],
  regions: readonly string[],
): ReadonlyMap<string, string> {
  const usual = new Map<string, string>()
  const own = leaves.filter(({ named: { region } }) => region !== undefined)
  const weight = (group: readonly Leaf[]): number =>
    group.length + group.filter(({ named }) => runsServer(named.role)).length * leaves.length
  const groups = [...groupBy(own, ({ named }) => named.region!)].sort(
    ([a, x], [b, y]) => weight(y) - weight(x) || (a < b ? -1 : 1),
  )
  for (const region of [...regions, ...groups.map(([one]) => one)]) {
    if (!usual.has(region.toLowerCase())) usual.set(region.toLowerCase(), region)
  }
  return usual
}

/** `step` and Vault write the common name of a person as a host's name, too: that looks like a host. */
function personHint({ subject, subjectAltName = [] }: Certificate): string | undefined {
  const common = commonNames(subject).at(-1)
  const [only, ...others] = subjectAltName
  if (only?.type !== 'dns' || others.length > 0 || only.value !== common || !isName(common)) {
    return undefined
  }
  if (common.includes('.')) return undefined
  return `if it is a person's, a new one is made for that person: nomad-pki add operator ${common} --region REGION`
}

function signerText(certificate: Certificate): string {
  if (isSelfSigned(certificate)) return 'it signed itself, and is not an authority'
  if (!isKnownSignature(certificate.signatureAlgorithm)) {
    return 'its signature is of a kind that agents refuse (SHA-1, for instance)'
  }
  return `the authority that signed it is not here: ${formatName(certificate.issuer) || 'it has no name'}`
}
