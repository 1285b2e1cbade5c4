/**
 * The codes of what is wrong with evidence: `docs/codes.md` is made from this table.
 *
 * @module
 */

/** Every code with its sentence. A code never changes its meaning. */
export const evidenceCodes = {
  'evidence/address': 'it names a region or an authority that the spec does not have',
  'evidence/cluster': 'it is about another cluster',
  'evidence/fingerprint': 'the ledger has no such leaf, or another one in that generation',
  'evidence/format': 'it is neither evidence of a probe nor a receipt of an installer',
  'evidence/generation': 'the identity has no such generation',
  'evidence/missing': 'a key is missing',
  'evidence/more': 'there are more faults than are listed',
  'evidence/syntax': 'it is not a JSON object a line',
  'evidence/time': 'it is from the future',
  'evidence/too-large': 'the file is larger than 32 MB',
  'evidence/too-many': 'a list has more items than one cluster has agents',
  'evidence/type': 'a value is of another type',
  'evidence/value': 'a value is not of the form that it must have',
  'evidence/version': 'it is of a version that is not known here',
} as const

/** A code. */
export type EvidenceCode = keyof typeof evidenceCodes
