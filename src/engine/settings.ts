/**
 * How this machine reaches its engine: the spec says which one it is, and the environment, as the tools of OpenBao
 * and Vault read it, how it is trusted. `BAO_*` counts before `VAULT_*`.
 *
 * The spec alone does not say where a token goes: anybody who can propose a change of it could have the token sent to
 * an address of theirs. The environment or the local file names the same address.
 *
 * @module
 */

import { isIP } from 'node:net'
import type { LocalVault } from '../cluster/local.js'
import type { VaultSpec } from '../cluster/vault.js'
import { NomadPkiError } from '../errors.js'
import { parseDuration } from '../duration.js'
import type { EngineAddress, EngineProgram } from './client.js'

/** The variables that are read, without `BAO_` and `VAULT_`, each with its sentence; docs/vault.md has the same table. */
export const engineEnvironment = {
  ADDR: 'the address; it must be the one of the spec',
  NAMESPACE: 'the namespace, where the spec names none',
  TOKEN: 'the token',
  TOKEN_PATH: 'the file with the token (`BAO_TOKEN_PATH` alone). Default: `~/.vault-token`',
  CACERT: "a file of roots that the engine's certificate leads to, in place of the system's",
  CLIENT_CERT: 'the client certificate (a file)',
  CLIENT_KEY: 'its private key (a file)',
  TLS_SERVER_NAME: "the name that the engine's certificate must have",
  CLIENT_TIMEOUT: 'how long one call may take: `30s`, or seconds. Default: 15s',
  SKIP_VERIFY: 'refused, unless the address is a loopback',
} as const

type Variable = keyof typeof engineEnvironment

/**
 * Tells which client the person at this machine uses: `vault` where variables of Vault are set and none of OpenBao.
 * Printed commands and variables are then Vault's.
 */
export function programOf(env: SettingsSource['env']): EngineProgram {
  const isAnySet = (prefix: string): boolean =>
    Object.keys(engineEnvironment).some((variable) => isSet(env[`${prefix}${variable}`]))
  return isAnySet('VAULT_') && !isAnySet('BAO_') ? 'vault' : 'bao'
}

/** What a variable is called in messages, for that person. */
export function variableFor(env: SettingsSource['env'], variable: Variable): string {
  return `${programOf(env).toUpperCase()}_${variable}`
}

/** What the settings are made of. */
export interface SettingsSource {
  /** What the spec says. */
  readonly vault: VaultSpec
  /** What the local file says. */
  readonly local: LocalVault | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a file that a variable names. */
  readonly readFile: (file: string) => Promise<Uint8Array>
}

/** Milliseconds. */
const defaultTimeout = 15_000

/**
 * Gives how the engine is reached.
 *
 * @throws {NomadPkiError} `ERR_REFUSED` where the environment and the spec differ, or ask for what is not safe;
 * `ERR_FILE_UNREADABLE`
 */
export async function engineSettings({
  vault,
  local,
  env,
  readFile,
}: SettingsSource): Promise<EngineAddress> {
  const origin = originOf(vault.address)
  requireSamePlace(origin, vault.address, local, env)
  const namespace = valueOf(env, 'NAMESPACE')
  if (
    vault.namespace !== undefined &&
    namespace !== undefined &&
    plain(namespace.value) !== plain(vault.namespace)
  ) {
    throw refused(
      `${namespace.name} is ${JSON.stringify(namespace.value)}, and the spec says vault.namespace: ${vault.namespace}`,
      `unset ${namespace.name}, or correct the spec`,
    )
  }
  for (const name of ['BAO_CAPATH', 'VAULT_CAPATH']) {
    if (isSet(env[name])) {
      throw refused(`${name} is not supported`, `name one file with ${variableFor(env, 'CACERT')}`)
    }
  }
  const ca = valueOf(env, 'CACERT')
  const cert = valueOf(env, 'CLIENT_CERT')
  const key = valueOf(env, 'CLIENT_KEY')
  if ((cert === undefined) !== (key === undefined)) {
    throw refused(
      `${(cert ?? key)!.name} is set alone`,
      `set ${variableFor(env, 'CLIENT_CERT')} and ${variableFor(env, 'CLIENT_KEY')} together`,
    )
  }
  return {
    origin,
    namespace: vault.namespace ?? namespace?.value,
    ...(ca && { ca: await readFile(ca.value) }),
    ...(cert &&
      key && {
        certificate: { cert: await readFile(cert.value), key: await readFile(key.value) },
      }),
    serverName: valueOf(env, 'TLS_SERVER_NAME')?.value,
    insecure: insecureFor(origin, env),
    timeout: timeoutOf(env),
    program: programOf(env),
    settings: Object.fromEntries(
      (Object.keys(engineEnvironment) as Variable[]).map((variable) => [
        `BAO_${variable}`,
        variableFor(env, variable),
      ]),
    ),
  }
}

/** The value of a variable, and which of the two names it has. */
export function valueOf(
  env: Readonly<Record<string, string | undefined>>,
  variable: Exclude<Variable, 'TOKEN_PATH'>,
): { readonly name: string; readonly value: string } | undefined {
  for (const prefix of ['BAO_', 'VAULT_']) {
    const name = `${prefix}${variable}`
    const value = env[name]
    if (isSet(value)) return { name, value }
  }
  return undefined
}

function requireSamePlace(
  origin: string,
  written: string,
  local: LocalVault | undefined,
  env: SettingsSource['env'],
): void {
  const named = valueOf(env, 'ADDR')
  const here = named?.value ?? local?.address
  const where = named?.name ?? 'vault.address of nomad-pki.local.yaml'
  if (here === undefined) {
    throw refused(
      `this machine does not confirm the address of the engine, ${written}`,
      `if it is right: export ${variableFor(env, 'ADDR')}=${origin}`,
    )
  }
  if (originOf(here) === origin) return
  throw refused(
    `${where} is ${here}, and the spec says vault.address: ${written}`,
    'the token goes to none of them: find out which is right, and correct the other',
  )
}

/**
 * Gives what a call begins with; a path is not part of an address.
 *
 * @throws {NomadPkiError} `ERR_REFUSED` for what is not an address, and for one that is not encrypted.
 */
export function originOf(address: string): string {
  let url: URL
  try {
    url = new URL(address)
  } catch {
    throw refused(
      `${JSON.stringify(address)} is not an address`,
      'write it as https://vault.acme.internal:8200',
    )
  }
  if (url.href !== `${url.origin}/`) {
    throw refused(
      `${url.origin}: an address of an engine has a host and a port, and nothing else`,
      'write it as https://vault.acme.internal:8200',
    )
  }
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return url.origin
  throw refused(
    `${url.origin} is not encrypted: everybody on the way could read the token`,
    'write it as https://…; http:// is for a loopback alone',
  )
}

function isLoopback({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}

function insecureFor(origin: string, env: SettingsSource['env']): boolean {
  const skip = valueOf(env, 'SKIP_VERIFY')
  if (skip === undefined || /^(0|f|false)$/i.test(skip.value)) return false
  if (isLoopback(new URL(origin))) return true
  throw refused(
    `${skip.name} is set: anybody on the way to ${origin} could read the token`,
    `unset ${skip.name}, and name the engine's root with ${variableFor(env, 'CACERT')}`,
  )
}

function timeoutOf(env: SettingsSource['env']): number {
  const text = valueOf(env, 'CLIENT_TIMEOUT')
  if (text === undefined) return defaultTimeout
  const span = /^[0-9]{1,6}$/.test(text.value)
    ? Number(text.value) * 1000
    : parseDuration(text.value)
  if (span !== undefined && span >= 1000 && span <= 3_600_000) return span
  throw refused(
    `${text.name} is ${JSON.stringify(text.value)}`,
    'write seconds or a span such as 30s, at most 1h',
  )
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== ''
}

/** `infra` and `infra/` are one namespace. */
function plain(namespace: string): string {
  return namespace.replace(/^\/+|\/+$/g, '')
}

function refused(message: string, hint: string): NomadPkiError {
  return new NomadPkiError('ERR_REFUSED', message, { hint })
}
