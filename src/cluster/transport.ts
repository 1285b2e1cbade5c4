/**
 * What the agents of a cluster speak with each other.
 *
 * @module
 */

/** The stages of turning TLS on in a running cluster, in their order. */
export const transports = ['plaintext', 'upgrading', 'tls'] as const

/** What the agents speak: plaintext alone, plaintext and TLS, or TLS alone. */
export type Transport = (typeof transports)[number]
