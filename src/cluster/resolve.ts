/**
 * From values of the right shape to a spec: defaults, references and limits.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import { suiteKeyOf, type SuiteKey } from '../agent/cipher-suites.js'
import { resolveAuthorities, type AuthorityDraft } from './authorities.js'
import type { RawSpec, Resolving } from './raw.js'
import type { Report } from './report.js'
import type { Sources } from './sources.js'
import { checkEngines } from './engines.js'
import { resolveNode } from './node.js'
import { resolveRegions } from './regions.js'
import { resolveOperators } from './operators.js'
import type { AuthoritySpec, ClusterSpec, OperatorSpec, RegionSpec } from './spec.js'
import { createTerms } from './terms.js'
import { vaultOf } from './vault.js'

/**
 * Resolves a spec; what is wrong is reported. The result is only good if nothing failed.
 */
export function resolveSpec(raw: RawSpec, sources: Sources, report: Report): ClusterSpec {
  const resolving: Resolving = { raw, sources, report }
  const termsOf = createTerms(resolving)
  const drafts = resolveAuthorities(resolving)
  const regions = resolveRegions(resolving, drafts, termsOf)
  const operators = resolveOperators(resolving, drafts, regions, termsOf)
  checkEngines(resolving, drafts, regions, operators)
  return {
    cluster: raw.cluster ?? '',
    ...(raw.federation === undefined ? {} : { federation: raw.federation }),
    store: storeOf(resolving),
    authorities: [...drafts.values()].map((draft) => finish(draft, drafts, regions, operators)),
    ...(raw.vault === undefined ? {} : { vault: vaultOf(raw.vault) }),
    node: resolveNode(resolving, (role) => suiteKeysOf(regions, role)),
    transport: raw.transport ?? 'tls',
    ...(raw.nomad?.version === undefined ? {} : { nomadVersion: raw.nomad.version }),
    regions,
    operators,
  }
}

function suiteKeysOf(
  regions: readonly RegionSpec[],
  role: AgentRole | undefined,
): ReadonlySet<SuiteKey | undefined> {
  const groups = regions.flatMap((region) => region.groups)
  return new Set(
    groups
      .filter((group) => role === undefined || group.role === role)
      .map(({ terms }) => suiteKeyOf(terms.key)),
  )
}

function storeOf({ raw, sources, report }: Resolving): string {
  const store = raw.store ?? 'pki'
  const parts = store.split('/').filter((part) => part !== '' && part !== '.')
  const at = sources.at(raw, 'store')
  if (parts.every((part) => part === '..')) {
    report.error('spec/store', at, `store: ${JSON.stringify(store)} is not a folder of its own`, {
      expected: 'a folder that holds nothing else, such as pki',
    })
  } else if (store.startsWith('~')) {
    report.error(
      'spec/store',
      at,
      `store: ${JSON.stringify(store)} begins with ~, which is not expanded here`,
      {
        hint: 'write the whole path',
      },
    )
  }
  return store
}

/** What follows from all that an authority signs. */
function finish(
  draft: AuthorityDraft,
  drafts: ReadonlyMap<string, AuthorityDraft>,
  regions: readonly RegionSpec[],
  operators: readonly OperatorSpec[],
): AuthoritySpec {
  const mine = regions.filter((region) => region.authority === draft.name)
  let longest = 0
  for (const region of mine) {
    for (const { terms } of region.groups) longest = Math.max(longest, terms.lifetime)
    for (const one of operators) {
      if (one.region === region.name) longest = Math.max(longest, one.terms.lifetime)
    }
  }
  for (const other of drafts.values()) {
    if (other.issuer === draft.name) longest = Math.max(longest, other.lifetime)
  }
  const renewBefore =
    draft.renewBefore ??
    Math.floor(Math.min(Math.max(draft.lifetime / 5, longest), draft.lifetime / 2))
  const permitted = {
    regions: mine.map(({ name }) => name),
    domains: [...new Set(mine.flatMap(({ domains }) => domains))],
    networks: [...new Set(mine.flatMap(({ networks }) => networks))],
  }
  return {
    ...draft,
    renewBefore,
    ...(draft.issuer !== undefined && { constraints: permitted }),
    ...(draft.engine !== undefined && {
      roleBounds: mine.map(({ name, domains, networks }) => ({ region: name, domains, networks })),
    }),
  }
}
