/**
 * Why a certificate can be revoked: by themselves, because the command line names them.
 *
 * @module
 */

/**
 * Why a certificate is revoked, by the number that a list has for it (RFC 5280 §5.3.1). What is missing is
 * for authorities (2, 10), or ends again (6, 8).
 */
export const revocationReasons = {
  unspecified: 0,
  'key-compromise': 1,
  'affiliation-changed': 3,
  superseded: 4,
  'cessation-of-operation': 5,
  'privilege-withdrawn': 9,
} as const

/** Why a certificate is revoked. */
export type RevocationReason = keyof typeof revocationReasons

/** Whether a text is one of the reasons. */
export function isRevocationReason(text: string): text is RevocationReason {
  return Object.hasOwn(revocationReasons, text)
}
