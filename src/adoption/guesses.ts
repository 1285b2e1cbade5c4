/**
 * Names of nodes and operators where no configuration says one: out of the certificate, or out of the path.
 *
 * @module
 */

import { isName, sharedName } from '../address.js'
import { classifyName } from '../nomad/names.js'
import { isAgent } from '../nomad/roles.js'
import { commonNames } from '../x509/name.js'
import type { Leaf } from './leaves.js'
import { baseOf } from './of-agent.js'
import { hostOf } from './roles.js'

/**
 * The name that a certificate gets where no configuration names its node.
 *
 * @param leaf The certificate.
 * @param leaves All that are there: paths tell those apart that name no host.
 */
export function guessedName(leaf: Leaf, leaves: readonly Leaf[]): string {
  if (!isAgent(leaf.named.role)) return operatorName(leaf)
  return nameInStore(leaf) ?? hostOf(leaf.named) ?? pathName(leaf, hostlessBeside(leaf, leaves))
}

/** Those of the same role and region that name no host, among them the certificate itself. */
export function hostlessBeside({ named }: Leaf, leaves: readonly Leaf[]): readonly Leaf[] {
  return leaves.filter(
    ({ named: other }) =>
      other.role === named.role && other.region === named.region && hostOf(other) === undefined,
  )
}

/** An operator's name: the common name where it is a person's, else that of the file. */
export function operatorName(leaf: Leaf): string {
  const said = leaf.named.holder ?? nameInStore(leaf)
  if (said !== undefined) return said
  const common = commonNames(leaf.certificate.subject).at(-1)
  if (common !== undefined && classifyName(common).kind === 'plain') {
    const name = asName(common.split('@')[0]!)
    if (name !== undefined) return name
  }
  const stem = stemOf(leaf.files[0]!)
  // `nomad tls cert create -cli` calls it global-cli-nomad.pem.
  return asName(/^.+-cli-.+$/.test(stem) ? 'cli' : stem) ?? 'operator'
}

/** The name under which a store of ours has a certificate: its path says it, where the rest of the path fits. */
export function nameInStore({ files, named: { role, region } }: Leaf): string | undefined {
  const [, ofRole, ofRegion, name] =
    /(?:^|\/)identity\/([^/]+)\/([^/]+)\/([^/]+)\/[1-9][0-9]*-[0-9a-f]{8}\/cert\.pem$/.exec(
      files[0]!,
    ) ?? []
  const isOwn = ofRole === role && (region === undefined || ofRegion === region)
  return isOwn && name !== undefined && isName(name) ? name : undefined
}

/** A name out of the path: the file's, or the folder's where all files have one name. */
export function pathName(leaf: Leaf, among: readonly Leaf[]): string {
  const file = leaf.files[0]!
  const stems = new Set(among.map(({ files }) => stemOf(files[0]!)))
  const folder = file.split('/').at(-2)
  const name = stems.size < among.length && folder !== undefined ? folder : stemOf(file)
  return asName(name) ?? 'node'
}

function stemOf(file: string): string {
  return baseOf(file).replace(/\.(pem|crt|cer|cert|der|json)$/i, '')
}

function asName(text: string): string | undefined {
  const name = text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 63)
  return isName(name) && name !== sharedName ? name : undefined
}
