/**
 * Whether authorities can be in Vault or OpenBao as the spec says.
 *
 * @module
 */

import type { Role } from '../address.js'
import { algorithmOf, type KeyAlgorithm } from '../keys/algorithms.js'
import type { AuthorityDraft } from './authorities.js'
import type { Resolving } from './raw.js'
import type { OperatorSpec, RegionSpec, Terms } from './spec.js'
import { issuerNameIn, roleNameIn } from './vault.js'

/** Names that the engine takes (framework.GenericNameRegex of its SDK). */
const engineName = /^\w(?:[\w.-]*\w)?$/

/** Reports what the engine cannot do. */
export function checkEngines(
  { raw, sources, report }: Resolving,
  drafts: ReadonlyMap<string, AuthorityDraft>,
  regions: readonly RegionSpec[],
  operators: readonly OperatorSpec[],
): void {
  const issuers = new Map<string, string>()
  let used = false
  for (const { name, engine, issuer, signers } of drafts.values()) {
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
    if (issuer === undefined) {
      report.error(
        'spec/engine',
        at,
        `${name} is a root: only an intermediate can be in an engine`,
        {
          hint: `keep the root here, and add an intermediate: us-west: { issuer: ${name}, engine: { … } }`,
        },
      )
      continue
    }
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
      const own = `${engine.mount} ${issuerNameIn(engine, Number(generation))}`
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
      const kinds = new Map<Role, Set<'rsa' | 'other'>>()
      const all: readonly (readonly [Role, Terms])[] = [
        ...region.groups.map(({ role, terms }) => [role, terms] as const),
        ...operators
          .filter((one) => one.region === region.name)
          .map(({ terms }) => ['operator', terms] as const),
      ]
      for (const [role, { key, keyHeld }] of all) {
        if (keyHeld === 'node') {
          report.error(
            'spec/engine',
            at,
            `${name} is in an engine, and keys of ${region.name} are held by nodes (keyHeld: node)`,
            {
              expected: `keyHeld: store for the agents of ${region.name}`,
              hint: 'an engine signs requests whose names it takes from them; a request of a node brings a key alone',
            },
          )
        }
        const seen = kinds.get(role) ?? new Set()
        kinds.set(role, seen.add(kindOf(key)))
        const roleName = roleNameIn(engine!, role, region.name)
        if (!engineName.test(roleName)) {
          report.error(
            'spec/engine',
            at,
            `${JSON.stringify(roleName)} cannot be the name of a role in an engine`,
            {
              hint: 'write roles: so that the region stands in the middle: nomad-{region}-{role}',
            },
          )
        }
      }
      for (const [role, seen] of kinds) {
        if (seen.size < 2) continue
        report.error(
          'spec/engine',
          at,
          `one role of the engine takes RSA keys or others, and the ${role} certificates of ${region.name} have both`,
          {
            hint: 'give them one kind of key',
          },
        )
      }
      for (const domain of region.domains) {
        if (domain !== 'nomad' && !domain.endsWith('.nomad')) continue
        report.error(
          'spec/engine',
          at,
          `a role for the domain ${domain} would take names of other agents`,
          {
            hint: `remove ${domain} from the domains of ${region.name}: role names need none`,
          },
        )
      }
    }
  }
  if (raw.vault !== undefined && !used) {
    report.warning('spec/irrelevant', sources.keyAt(raw, 'vault'), 'no authority is in an engine', {
      hint: 'add engine: { mount: … } to an intermediate, or remove vault',
    })
  }
  if (raw.vault?.auth?.role !== undefined && raw.vault.auth.method !== 'cert') {
    report.warning(
      'spec/irrelevant',
      sources.keyAt(raw.vault.auth, 'role'),
      'only a login by certificate names a role',
      {
        hint: 'add method: cert, or remove role',
      },
    )
  }
}

function kindOf(key: KeyAlgorithm): 'rsa' | 'other' {
  return algorithmOf(key).kind === 'rsa' ? 'rsa' : 'other'
}
