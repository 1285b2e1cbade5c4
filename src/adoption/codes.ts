/**
 * The codes of what keeps an agent that is there from a place in a first spec: `docs/codes.md` is
 * made from this table.
 *
 * @module
 */

/** Every code with its sentence. A code never changes its meaning. */
export const adoptionCodes = {
  'adoption/name': 'the name of the agent cannot be a name in the spec, or two agents have it',
  'adoption/region': 'the region of the agent cannot be a region in the spec',
  'adoption/role': 'neither server nor client is enabled in the configuration',
} as const

/** A code. */
export type AdoptionCode = keyof typeof adoptionCodes
