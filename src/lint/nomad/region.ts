/**
 * The rule `nomad/region`.
 *
 * @module
 */

import { regionFault } from '../../nomad/names.js'
import type { Rule } from '../rule.js'

/** A region whose role names don't fit a common name of 64, or are not DNS names. */
export const region: Rule = {
  name: 'nomad/region',
  source: 'RFC 5280 §A.1 (ub-common-name), command/agent/command.go:351',
  applies: (_, context) => context.region !== undefined,
  check: (_, context) => {
    const fault = regionFault(context.region!)
    return fault === undefined
      ? undefined
      : `the region's name ${JSON.stringify(context.region)} ${fault}`
  },
}
