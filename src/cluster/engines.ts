/**
 * Whether authorities can be in Vault or OpenBao as the spec says.
 *
 * @module
 */

import type { Role } from '../address.js'
import type { AuthorityDraft } from './authorities.js'
import type { Resolving } from './raw.js'
import type { OperatorSpec, RegionSpec, Terms } from './spec.js'
import { engineKeysOf, issuerNameIn, roleNameIn } from './vault.js'

/** Names that the engine takes (framework.GenericNameRegex of its SDK). */
const engineName = /^\w(?:[\w.-]*\w)?$/

/** The key's name is a common name while it is made, and an engine wants a DNS label there (RFC 1035 §2.3.4). */
const longestLabel = 63

const hostName =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/

/** Whether an engine certifies a DNS name (hostnameRegex of its engine `pki`): one with `_` it does not. */
export function isHostName(name: string): boolean {
  return hostName.test(name)
}

/** Reports what the engine cannot do. */
export function checkEngines(
  { raw, sources, report }: Resolving,
  drafts: ReadonlyMap<string, AuthorityDraft>,
  regions: readonly RegionSpec[],
  operators: readonly OperatorSpec[],
): void {
  const issuers = new Map<string, string>()
  const roles = new Map<string, string>()
  let used = false
  for (const { name, engine, signers } of drafts.values()) {
    const entry = raw.authorities?.get(name)
    const places = Object.values(signers)
    if (engine === undefined) {
      if (!places.includes('engine')) continue
      report.error(
        'spec/engine',
        sources.at(entry, 'signer'),
        `the key of ${name} is in an engine, and the spec does not say where`,
        { expected: `engine: { mount: pki/${raw.cluster ?? 'nomad'} }` },
      )
      continue
    }
    used = true
    const at = sources.keyAt(entry!, 'engine')
    if (!places.includes('engine')) {
      report.warning('spec/irrelevant', at, `no generation of ${name} has its key in the engine`, {
        hint: 'add signer: { GENERATION: engine }, or remove engine',
      })
      continue
    }
    if (raw.vault === undefined && !sources.has(raw, 'vault')) {
      report.error(
        'spec/engine',
        at,
        `${name} is in an engine, and the spec does not say where that is`,
        {
          expected: 'vault: { address: "https://…:8200" } at the top of the spec',
        },
      )
    }
    for (const [generation, place] of Object.entries(signers)) {
      if (place !== 'engine') continue
      const issuer = issuerNameIn(engine, Number(generation))
      if (issuer.length > longestLabel) {
        report.error(
          'spec/engine',
          at,
          `the issuer ${issuer} of ${name} has ${issuer.length} characters: an engine makes no key of that name`,
          { expected: `at most ${longestLabel}`, hint: 'write a shorter issuer: in engine' },
        )
      }
      const own = `${engine.mount} ${issuer}`
      const other = issuers.get(own)
      if (other !== undefined && other !== name) {
        report.error(
          'spec/engine',
          at,
          `${other} and ${name} would have one issuer, ${own.replace(' ', '/issuer/')}`,
          {
            hint: 'give each a mount, or an issuer template, of its own',
          },
        )
      }
      issuers.set(own, name)
    }
    for (const region of regions) {
      if (region.authority !== name) continue
      checkRegion(region)
    }

    function checkRegion(region: RegionSpec): void {
      if (!isHostName(region.name)) {
        report.error(
          'spec/engine',
          at,
          `an engine certifies no name of the region ${region.name}: server.${region.name}.nomad is not a host name`,
          { hint: `let ${region.name} have an authority that is not in an engine` },
        )
      }
      const all: readonly (readonly [Role, Terms])[] = [
        ...region.groups.map(({ role, terms }) => [role, terms] as const),
        ...operators
          .filter((one) => one.region === region.name)
          .map(({ role, terms }) => [role, terms] as const),
      ]
      for (const [role, terms] of all) {
        const keys = engineKeysOf(terms.key)
        const roleName = roleNameIn(engine!, role, region.name, keys)
        checkRole(roleName, `${role} certificates of ${region.name}, ${keys}`)
      }
    }

    function checkRole(roleName: string, what: string): void {
      if (!engineName.test(roleName)) {
        report.error(
          'spec/engine',
          at,
          `${JSON.stringify(roleName)} cannot be the name of a role in an engine`,
          { hint: 'write roles: so that the region stands in the middle: nomad-{region}-{role}' },
        )
      }
      const own = `${engine!.mount} ${roleName}`
      const other = roles.get(own)
      roles.set(own, what)
      if (other === undefined || other === what) return
      report.error(
        'spec/engine',
        at,
        `one role, ${own.replace(' ', '/roles/')}, would be for ${other} and for ${what}`,
        { hint: 'write roles: so that their names differ: nomad-{region}-{role}' },
      )
    }
  }
  if (raw.vault !== undefined && !used) {
    report.warning('spec/irrelevant', sources.keyAt(raw, 'vault'), 'no authority is in an engine', {
      hint: 'add engine: { mount: … } to an authority, or remove vault',
    })
  }
  if (
    raw.vault?.auth?.role !== undefined &&
    !['cert', 'jwt'].includes(raw.vault.auth.method ?? 'token')
  ) {
    report.warning(
      'spec/irrelevant',
      sources.keyAt(raw.vault.auth, 'role'),
      'only a login by certificate or JWT names a role',
      {
        hint: 'add method: cert or method: jwt, or remove role',
      },
    )
  }
}
