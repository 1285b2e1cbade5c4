/**
 * The cipher suites that Nomad takes in `tls_cipher_suites` (helper/tlsutil/config.go:29-70), each
 * with the kind of key it needs.
 *
 * @module
 */

/** The kind of private key that a suite signs with. */
export type SuiteKey = 'RSA' | 'ECDSA'

/**
 * Gives the kind of suite that a key needs.
 *
 * @param algorithm The name of its algorithm, ours or foreign: `rsa-2048`, `ecdsa-p224`.
 * @returns `undefined` for a key that agents do not load (helper/tlsutil/config.go:439-449).
 */
export function suiteKeyOf(algorithm: string): SuiteKey | undefined {
  return algorithm.startsWith('rsa') ? 'RSA' : algorithm.startsWith('ecdsa') ? 'ECDSA' : undefined
}

const endings = [
  'CHACHA20_POLY1305',
  'AES_128_GCM_SHA256',
  'AES_256_GCM_SHA384',
  'AES_128_CBC_SHA',
  'AES_256_CBC_SHA',
]

/** By name. */
export const cipherSuites: ReadonlyMap<string, SuiteKey> = new Map<string, SuiteKey>([
  ...endings.map((ending) => [`TLS_ECDHE_RSA_WITH_${ending}`, 'RSA'] as const),
  ...endings.map((ending) => [`TLS_ECDHE_ECDSA_WITH_${ending}`, 'ECDSA'] as const),
  // Without forward secrecy there is no ChaCha20 suite.
  ...endings.slice(1).map((ending) => [`TLS_RSA_WITH_${ending}`, 'RSA'] as const),
])

/** What is wrong with a list. */
export interface SuiteFault {
  readonly message: string
  readonly hint?: string | undefined
}

/**
 * Why Nomad refuses a list, or `undefined`.
 *
 * @param list As written in the configuration.
 * @param key The kind of the agent's private key, if it is known.
 */
export function suiteFault(list: string, key?: SuiteKey): SuiteFault | undefined {
  if (list.trim() === '') return undefined
  const names = list.split(',')
  for (const name of names) {
    if (cipherSuites.has(name)) continue
    if (cipherSuites.has(name.trim())) {
      return { message: 'the list of cipher suites holds spaces', hint: 'commas only, no spaces' }
    }
    if (/^TLS_(?:AES|CHACHA20)_/.test(name.trim())) {
      return {
        message: `"${name.trim()}" is a suite of TLS 1.3, which cannot be chosen`,
        hint: 'list suites of TLS 1.2 only, or set tls_min_version = "tls13" and no list',
      }
    }
    const removed = /_CBC_SHA256$/.test(name)
    return {
      message: `Nomad does not know the cipher suite "${name.slice(0, 80)}"`,
      hint: removed ? 'removed in 1.8.2, 1.7.10 and 1.6.13' : undefined,
    }
  }
  if (key !== undefined && !names.some((name) => cipherSuites.get(name) === key)) {
    return {
      message: `no suite in the list works with the agent's ${key} key`,
      hint: `add TLS_ECDHE_${key}_WITH_AES_256_GCM_SHA384`,
    }
  }
  return undefined
}
