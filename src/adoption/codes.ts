/**
 * The codes of what keeps an agent from a place in a first spec, and a file from a place in the store:
 * `docs/codes.md` is made from this table.
 *
 * @module
 */

/** Every code with its sentence. A code never changes its meaning. */
export const adoptionCodes = {
  'adoption/agent': 'no agent that was named uses this certificate',
  'adoption/authority': 'the store has another authority in its place already',
  'adoption/encrypted':
    'a private key or a PKCS#12 file is encrypted, and its passphrase was not given',
  'adoption/expired': 'it has expired',
  'adoption/issuer': 'the authority that signed it is not there',
  'adoption/key': 'agents, or this program, cannot use its key',
  'adoption/key-missing': 'its private key is not there',
  'adoption/key-unmatched': 'the private key belongs to no certificate that is there',
  'adoption/levels': 'more than one intermediate stands between it and the root',
  'adoption/malformed': 'it is damaged, or is not what it says',
  'adoption/name': 'the name of the agent cannot be a name in the spec, or two agents have it',
  'adoption/question':
    'the identity was renewed here and by the old tool, or an engine says two things of it: a person decides',
  'adoption/region': 'the region of the agent cannot be a region in the spec',
  'adoption/replaced': 'another certificate has its place',
  'adoption/role': 'neither server nor client is enabled in the configuration',
  'adoption/role-name': 'the certificate names no role of Nomad, or more than one region',
  'adoption/silent': 'an agent that was to be asked did not answer, or not in TLS',
  'adoption/signs-nothing':
    'no living certificate of an agent or operator depends on this authority',
  'adoption/unread': 'it was not read: a link, a pipe, too large, or not permitted',
  'adoption/unrelated': 'it holds no certificate, key or request',
  'adoption/unused': 'it was recognised, and a store has no use for it',
} as const

/** A code. */
export type AdoptionCode = keyof typeof adoptionCodes
