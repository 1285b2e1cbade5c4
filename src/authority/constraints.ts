/**
 * What an intermediate for some regions may name.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import { dnsNameFault, regionFault } from '../nomad/names.js'
import type { GeneralName, NameConstraints } from '../x509/extension.js'
import { formatNetwork, loopbackNetworks, parseNetwork } from '../x509/ip-address.js'

/** The regions that an intermediate signs for, and what else it may name. */
export interface ConstraintSource {
  readonly regions?: readonly string[] | undefined
  /** DNS zones beyond the regions' own. */
  readonly domains?: readonly string[] | undefined
  /** CIDR; with none, addresses are not constrained. */
  readonly networks?: readonly string[] | undefined
}

/**
 * The name constraints of an intermediate: `<region>.nomad` for each of its regions, `localhost` and
 * the declared domains. Addresses are bound only where networks are declared, and then the
 * loopback's must be named too, or no agent could carry its own.
 *
 * They don't bind a common name, which Nomad accepts: with the intermediate's key a person has the
 * rights of a server in every region. The constraints guard against mistakes.
 *
 * @throws {NomadPkiError} `ERR_NAME_INVALID`
 */
export function constraintsOf(source: ConstraintSource): NameConstraints {
  const zones = (source.regions ?? []).map((region) => {
    const fault = regionFault(region)
    if (fault !== undefined) refuse(`region ${JSON.stringify(region)} ${fault}`)
    return `${region}.nomad`.toLowerCase()
  })
  const domains = (source.domains ?? []).map((domain) => {
    const lower = domain.toLowerCase()
    const fault = dnsNameFault(lower)
    if (fault !== undefined) {
      refuse(
        `domain ${JSON.stringify(domain)} ${fault}`,
        domain.startsWith('.') ? `write ${domain.slice(1)}` : undefined,
      )
    }
    if (isBelow(lower, 'nomad') && !zones.some((zone) => isBelow(lower, zone))) {
      refuse(`domain ${domain} would permit the names of other regions`)
    }
    return lower
  })
  const names: GeneralName[] = distinct([...zones, 'localhost', ...domains]).map((value) => ({
    type: 'dns',
    value,
  }))
  const networks = (source.networks ?? []).map((text) => {
    return formatNetwork(parseNetwork(text))
  })
  if (networks.length > 0) {
    for (const value of distinct([...networks, ...loopbackNetworks])) {
      names.push({ type: 'ip', value })
    }
  }
  return { permitted: names, excluded: [] }
}

function isBelow(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`)
}

function distinct(items: readonly string[]): readonly string[] {
  return [...new Set(items)]
}

function refuse(message: string, hint?: string): never {
  throw new NomadPkiError('ERR_NAME_INVALID', message, { hint })
}
