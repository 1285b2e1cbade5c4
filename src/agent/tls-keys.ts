/**
 * The ten keys of Nomad's `tls` block, and what is to be known about each.
 *
 * @module
 */

/** What a `tls` block is to say; what is absent stays as it is. */
export interface TlsValues {
  /** HTTPS on the HTTP port. */
  readonly http?: boolean | undefined
  /** Mutual TLS for RPC and Raft. */
  readonly rpc?: boolean | undefined
  /** Absolute path of the trusted roots. */
  readonly ca_file?: string | undefined
  /** Absolute path of the certificate and its intermediates. */
  readonly cert_file?: string | undefined
  /** Absolute path of the private key. */
  readonly key_file?: string | undefined
  /** Check role and region of peers, both ways. */
  readonly verify_server_hostname?: boolean | undefined
  /** Ask HTTPS clients for a certificate. */
  readonly verify_https_client?: boolean | undefined
  /** Accept plaintext RPC too, while TLS is being introduced. */
  readonly rpc_upgrade_mode?: boolean | undefined
  /** `tls10` to `tls13`. */
  readonly tls_min_version?: string | undefined
  /** Names of suites of TLS 1.2, with commas and no spaces. */
  readonly tls_cipher_suites?: string | undefined
}

/**
 * Names the three files of an agent, as the store, an archive and a node lay them out.
 *
 * @param tls The directory that has the link `current`, absolute.
 */
export function tlsFilesIn(
  tls: string,
): Readonly<Record<'ca_file' | 'cert_file' | 'key_file', string>> {
  const current = `${tls}/current`
  return {
    ca_file: `${current}/ca.pem`,
    cert_file: `${current}/cert.pem`,
    key_file: `${current}/key.pem`,
  }
}

/** A key of the `tls` block. */
export type TlsKey = keyof TlsValues

/** What is to be known about a key. */
export interface TlsKeyEntry {
  readonly key: TlsKey
  readonly type: 'boolean' | 'string'
  /** Whether it names a file. */
  readonly path: boolean
}

/**
 * All keys (nomad/structs/config/tls.go:18-73), in the order in which they are written. What a change of
 * each needs is in `nomad/reload.ts`.
 */
export const tlsKeys: readonly TlsKeyEntry[] = [
  { key: 'http', type: 'boolean', path: false },
  { key: 'rpc', type: 'boolean', path: false },
  { key: 'ca_file', type: 'string', path: true },
  { key: 'cert_file', type: 'string', path: true },
  { key: 'key_file', type: 'string', path: true },
  { key: 'verify_server_hostname', type: 'boolean', path: false },
  { key: 'verify_https_client', type: 'boolean', path: false },
  { key: 'rpc_upgrade_mode', type: 'boolean', path: false },
  { key: 'tls_min_version', type: 'string', path: false },
  { key: 'tls_cipher_suites', type: 'string', path: false },
]
