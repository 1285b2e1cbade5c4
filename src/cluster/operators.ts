/**
 * Those who use the HTTP API and are not agents: people, and machines such as Prometheus.
 *
 * @module
 */

import { type OperatorRole, sharedName } from '../address.js'
import { didYouMean } from '../diagnostics.js'
import type { AuthorityDraft } from './authorities.js'
import type { RawOperator, Resolving } from './raw.js'
import type { MachinePlace, OperatorSpec, RegionSpec } from './spec.js'
import { checkLifetime, type TermsOf } from './terms.js'

/** What `kind` of an operator can be. */
export const operatorKinds = ['person', 'machine'] as const

/** The keys that say where a machine has its files. */
const placeKeys = ['tls', 'owner', 'reload', 'ssh'] as const

/**
 * Resolves `operators`.
 *
 * @param resolving The spec as read.
 * @param drafts The authorities.
 * @param regions The regions, resolved.
 * @param termsOf The terms of the spec.
 */
export function resolveOperators(
  resolving: Resolving,
  drafts: ReadonlyMap<string, AuthorityDraft>,
  regions: readonly RegionSpec[],
  termsOf: TermsOf,
): readonly OperatorSpec[] {
  const { raw, sources, report } = resolving
  const { operators } = raw
  if (operators === undefined) return []
  const out: OperatorSpec[] = []
  const known = [...(raw.regions?.keys() ?? [])]
  for (const [name, entry] of operators) {
    const at = sources.keyAt(operators, name)
    if (name === sharedName) {
      report.error('spec/reserved-name', at, 'an operator cannot be called shared', {
        hint: 'every operator has a certificate of their own',
      })
      continue
    }
    const role = entry.kind === 'machine' ? 'machine' : 'operator'
    const { terms, lifetimeAt } = termsOf(role, entry)
    checkPlace(resolving, name, entry, role)
    let { region } = entry
    if (region !== undefined && !known.includes(region)) {
      if (raw.regions !== undefined && !(known.length === 0 && sources.has(raw, 'regions'))) {
        const near = didYouMean(region, known)
        report.error(
          'spec/unknown-region',
          sources.at(entry, 'region'),
          `unknown region ${JSON.stringify(region)}`,
          {
            expected: known.join(', '),
            hint: near === undefined ? undefined : `did you mean ${near}?`,
          },
        )
      }
      continue
    }
    if (region === undefined) {
      if (sources.has(entry, 'region')) continue
      if (known.length > 1) {
        report.error(
          'spec/region-choice',
          at,
          `operator ${name} does not say which of ${known.length} regions`,
          {
            expected: `region: ${known.length > 8 ? known.slice(0, 8).join(', ') + ', …' : known.join(' or ')}`,
          },
        )
        continue
      }
      region = known[0]
      if (region === undefined) continue
    }
    const authority = drafts.get(regions.find((one) => one.name === region)?.authority ?? '')
    if (authority !== undefined) {
      checkLifetime(report, terms, authority, {
        whose: `operator ${name}`,
        at: () => lifetimeAt ?? at,
        hint:
          role === 'machine'
            ? 'lifetime: 30d is usual for a machine'
            : 'people usually have hours: lifetime: 24h',
      })
    }
    out.push({
      ...{ name, region, terms, role },
      ...(role === 'machine' && { place: placeOf(name, entry) }),
    })
  }
  return out
}

/** A person's files are not brought to a host: what says where they lie would be without effect. */
function checkPlace(
  { sources, report }: Resolving,
  name: string,
  entry: RawOperator,
  role: OperatorRole,
): void {
  if (role === 'machine') return
  for (const key of placeKeys) {
    if (entry[key] === undefined) continue
    report.error('spec/irrelevant', sources.at(entry, key), `${key} has no effect for a person`, {
      hint: `kind: machine says that ${name} is a machine`,
    })
  }
}

function placeOf(name: string, entry: RawOperator): MachinePlace {
  const { tls = `/etc/nomad-pki/${name}`, owner = 'root', reload = 'none' } = entry
  const [how = '', unit] = reload.split(' ')
  return {
    tls: tls.length > 1 ? tls.replace(/\/+$/, '') : tls,
    owner,
    ssh: entry.ssh,
    reload: unit === undefined ? undefined : { how: how === 'restart' ? how : 'reload', unit },
  }
}
