/**
 * What should exist and is not asked for by any other check: servers where there are clients.
 *
 * @module
 */

import { didYouMean, type Finding } from '../diagnostics.js'
import { groupBy } from '../grouping.js'
import { isAgent, runsServer } from '../nomad/roles.js'
import type { Desired, DesiredIdentity } from '../cluster/desired.js'
import { count } from '../count.js'

/** Finds regions whose clients have no server to join: clients dial their own region's servers alone. */
export function verifyRegions(desired: Desired): readonly Finding[] {
  const agents = desired.identities.filter(({ profile }) => isAgent(profile.role))
  const regions = groupBy(agents, ({ profile }) => profile.region)
  const served = [...regions].filter(([, members]) => members.some(isServer)).map(([name]) => name)
  return [...regions].flatMap(([region, members]): Finding[] => {
    if (members.some(isServer)) return []
    const [first] = members
    const near = didYouMean(region, served)
    return [
      {
        severity: 'error',
        address: first!.address,
        reason: 'no-server',
        message: `the region ${region} has ${count(members.length, 'client')} and no server that they could join${near === undefined ? '' : `; did you mean ${near}?`}`,
        remedy: `nomad-pki add server ${region}/s1, or move its clients to the region that they join, then: nomad-pki apply`,
      },
    ]
  })
}

function isServer({ profile }: DesiredIdentity): boolean {
  return runsServer(profile.role)
}
