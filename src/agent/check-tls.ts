/**
 * The merged `tls` values held against what Nomad does with them.
 *
 * @module
 */

import type { Diagnostic, Severity } from '../diagnostics.js'
import { runsServer } from '../nomad/roles.js'
import { alwaysHoldsIn, holdsIn, versionGates } from '../nomad/versions.js'
import type { AgentUser } from './access.js'
import { checkNamed, type NamedFile } from './check-named.js'
import { suiteFault, type SuiteKey } from './cipher-suites.js'
import { type AgentCode, diagnostic } from './codes.js'
import type { AgentConfig, Effective } from './read-agent-config.js'
import { type TlsKey, tlsKeys } from './tls-keys.js'
import { isAbsolute } from './wanted.js'

/** What is known beside the files. */
export interface CheckTlsOptions {
  /** The version of Nomad, `1.11.3`; default: any that is supported. */
  readonly nomadVersion?: string | undefined
  /** The files that the configuration names, by key; one that is not in it is not judged. */
  readonly named?: ReadonlyMap<TlsKey, NamedFile> | undefined
  /** The user that the agent runs as; default: unknown, and what it may read is not judged. */
  readonly user?: AgentUser | undefined
  /**
   * How far TLS is turned on in the cluster: what a stage asks for is not a finding. Default: `tls`.
   */
  readonly transport?: 'plaintext' | 'upgrading' | 'tls' | undefined
  /** Whether it was looked for them, and this is another machine than the agent's. */
  readonly elsewhere?: boolean | undefined
}

/**
 * Checks the merged `tls` values.
 *
 * @param config As read.
 */
export function checkTls(config: AgentConfig, options: CheckTlsOptions = {}): Diagnostic[] {
  const { tls } = config
  const { nomadVersion, named, user } = options
  const diagnostics: Diagnostic[] = []
  const first = config.files.find(({ hasTls }) => hasTls)?.file ?? config.files[0]?.file ?? ''
  const somewhere = tlsKeys
    .map(({ key }) => tls[key]?.origin)
    .find((origin) => origin !== undefined)
  const say = (
    severity: Severity,
    code: AgentCode,
    at: TlsKey | undefined,
    message: string,
    details: { expected?: string | undefined; hint?: string | undefined } = {},
  ): void => {
    const origin = (at === undefined ? undefined : tls[at]?.origin) ?? somewhere
    const place = origin ?? { line: 1, column: 1, file: first }
    diagnostics.push(diagnostic(severity, code, place, message, { file: place.file, ...details }))
  }
  const on = (key: TlsKey): boolean => tls[key]?.value === true
  const text = (key: TlsKey): string => String(tls[key]?.value ?? '')
  const http = on('http')
  const rpc = on('rpc')

  const { transport = 'tls' } = options
  const accepts = transport === 'upgrading' && runsServer(config.role ?? 'combined')
  if ((!http || !rpc) && !(transport === 'plaintext' && !http && !rpc)) {
    const what = !http && !rpc ? 'HTTP and RPC are' : http ? 'RPC is' : 'HTTP is'
    say('warning', 'agent/tls-off', http ? 'rpc' : 'http', `${what} not encrypted`, {
      expected: 'tls { http = true, rpc = true, … }',
    })
  }
  if (rpc && !on('verify_server_hostname') && !accepts) {
    const message =
      'without verify_server_hostname any certificate of the authority can act as a server'
    say('warning', 'agent/verify-server-hostname', 'verify_server_hostname', message, {
      expected: 'verify_server_hostname = true',
    })
  }
  if (on('rpc_upgrade_mode') && !accepts) {
    say(
      'warning',
      'agent/rpc-upgrade-mode',
      'rpc_upgrade_mode',
      'plaintext RPC is still accepted',
      {
        hint: 'remove "rpc_upgrade_mode = true" when all agents have TLS',
      },
    )
  }
  if (accepts && rpc && !on('rpc_upgrade_mode')) {
    const message = 'the server refuses plaintext, and transport of the spec is upgrading'
    say('warning', 'agent/rpc-upgrade-mode', 'rpc', message, {
      expected: 'rpc_upgrade_mode = true',
    })
  }
  checkComplete()
  for (const item of checkVersionAndSuites(config, {
    nomadVersion,
    suiteKey: named?.get('key_file')?.key,
  })) {
    diagnostics.push(item)
  }
  for (const { key, path } of tlsKeys) {
    const effective = tls[key]
    if (path && effective !== undefined) checkPath(key, effective)
  }
  if (options.elsewhere === true) {
    const key = tlsKeys.find(({ key: of, path }) => path && text(of) !== '')?.key
    say(
      'note',
      'agent/files-elsewhere',
      key,
      'none of the files that "tls" names is on this machine',
      {
        hint: 'run it on the machine of the agent, or name its user: --user NAME',
      },
    )
  }
  return diagnostics

  function checkComplete(): void {
    const missing = (['ca_file', 'cert_file', 'key_file'] as const).filter(
      (key) => text(key) === '',
    )
    if (missing.length === 0) return
    const used = http || rpc || on('verify_server_hostname') || on('verify_https_client')
    if (!used && missing.length === 3) return
    // Real agents of 1.11.3: rpc, and http with verify_https_client, stop without a CA
    // (helper/tlsutil/config.go:239, 369); rpc stops without a pair (372). The rest starts, and
    // then no handshake succeeds.
    const noCa = missing.includes('ca_file') && (rpc || (http && on('verify_https_client')))
    const noPair =
      (rpc || (http && on('verify_https_client'))) && missing.some((key) => key !== 'ca_file')
    const stops = noCa || noPair || alwaysHoldsIn(versionGates['combined-pem'], nomadVersion)
    say(
      stops ? 'error' : 'warning',
      'agent/tls-incomplete',
      http ? 'http' : 'rpc',
      `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
      {
        expected: 'ca_file, cert_file and key_file together',
        hint: stops ? undefined : 'the agent starts, and no handshake succeeds',
      },
    )
  }

  function checkPath(key: TlsKey, { value }: Effective<boolean | string>): void {
    const path = String(value)
    if (path === '') return
    if (/[\r\n]/.test(path)) {
      say('warning', 'agent/path', key, `the path in "${key}" holds a line end, as heredocs do`, {
        expected: 'a quoted string',
      })
    } else if (path.includes('${')) {
      say('warning', 'agent/path', key, `"\${" in "${key}" is a literal: Nomad does not replace it`)
    } else if (!isAbsolute(path)) {
      say('warning', 'agent/relative-path', key, `the path in "${key}" is relative`, {
        hint: 'the unit of the packages runs the agent in /: write the path in full',
      })
    }
    const file = named?.get(key)
    if (file === undefined) return
    for (const { severity, code, message, ...details } of checkNamed(key, path, file, {
      encrypted: http || rpc,
      nomadVersion,
      user,
      regionSaid: config.region.origin !== undefined,
    })) {
      say(severity, code, key, message, details)
    }
  }
}

/**
 * Checks which versions of TLS and which suites are asked for: a wrong one stops the agent.
 *
 * @param config As read.
 * @param options `about`: the keys that are judged; default: both.
 */
export function checkVersionAndSuites(
  { tls }: AgentConfig,
  options: {
    readonly nomadVersion?: string | undefined
    readonly suiteKey?: SuiteKey | undefined
    readonly about?: ((key: TlsKey) => boolean) | undefined
  },
): Diagnostic[] {
  const { nomadVersion, suiteKey, about = () => true } = options
  const diagnostics: Diagnostic[] = []
  const say = (
    severity: Severity,
    code: AgentCode,
    at: TlsKey,
    message: string,
    details: { expected?: string | undefined; hint?: string | undefined } = {},
  ): void => {
    const origin = tls[at]?.origin
    if (origin === undefined || !about(at)) return
    diagnostics.push(diagnostic(severity, code, origin, message, { file: origin.file, ...details }))
  }
  const least = String(tls.tls_min_version?.value ?? '')
  const suites = String(tls.tls_cipher_suites?.value ?? '')
  if (least !== '' && !/^tls1[0-3]$/.test(least)) {
    const message = `Nomad does not know the TLS version "${least.slice(0, 40)}"`
    say('error', 'agent/min-version', 'tls_min_version', message, {
      expected: 'tls10, tls11, tls12 or tls13',
    })
  } else if (least === 'tls13' && !holdsIn(versionGates['tls-min-version-tls13'], nomadVersion)) {
    say('error', 'agent/min-version', 'tls_min_version', '"tls13" is known since Nomad 1.8.3')
  } else if (least === 'tls10' || least === 'tls11') {
    const message = `"${least}" is no longer considered safe`
    say('warning', 'agent/min-version', 'tls_min_version', message, { expected: 'tls12 or tls13' })
  }
  const fault = suiteFault(suites, suiteKey)
  if (fault !== undefined) {
    say('error', 'agent/cipher-suites', 'tls_cipher_suites', fault.message, { hint: fault.hint })
  } else if (suites !== '' && least === 'tls13') {
    const message = 'the list has no effect with TLS 1.3 alone'
    say('note', 'agent/cipher-suites', 'tls_cipher_suites', message)
  }
  return diagnostics
}
