/**
 * The files that `tls` names, as they lie on the agent's machine.
 *
 * @module
 */

import type { Severity } from '../diagnostics.js'
import type { LoadFault } from '../nomad/load-fault.js'
import type { PeerFault } from '../nomad/peer-faults.js'
import { holdsIn, versionGates } from '../nomad/versions.js'
import {
  type AgentUser,
  describe,
  mayEnter,
  mayRead,
  opennessOf,
  type Permissions,
  writableByAll,
} from './access.js'
import type { SuiteKey } from './cipher-suites.js'
import type { AgentCode } from './codes.js'
import type { TlsKey } from './tls-keys.js'
import { isAbsolute } from './wanted.js'

/** What was found at a path that the configuration names. */
export interface NamedFile {
  /** `special`: a pipe, a device, a socket; `unseen`: it could not be looked at. */
  readonly state: 'missing' | 'directory' | 'special' | 'unseen' | 'present'
  /** What is missing, or what cannot be entered; default: the path itself. */
  readonly at?: string | undefined
  /** The directories on the way, from the root on; default: nothing is known of them. */
  readonly way?: readonly Permissions[] | undefined
  /** Its own; absent: nothing is known. */
  readonly permissions?: Permissions | undefined
  /** What Nomad makes of its content; absent: it could not be read. */
  readonly faults?: readonly LoadFault[] | undefined
  /** For `cert_file`: why peers refuse what loads; absent: that was not looked at. */
  readonly peers?: readonly PeerFault[] | undefined
  /** For `key_file`: what kind of key it holds. */
  readonly key?: SuiteKey | undefined
}

/** What is known beside it. */
export interface CheckNamedOptions {
  /** Whether `http` or `rpc` is on. */
  readonly encrypted: boolean
  /** Default: any that is supported. */
  readonly nomadVersion?: string | undefined
  /** The user that the agent runs as; default: unknown, and what it may read is not judged. */
  readonly user?: AgentUser | undefined
  /** Whether a file says the region. Default: yes. */
  readonly regionSaid?: boolean | undefined
}

/** Something about a file, without its place. */
export interface NamedFault {
  readonly severity: Severity
  readonly code: AgentCode
  readonly message: string
  readonly expected?: string | undefined
  readonly hint?: string | undefined
}

/**
 * Checks one of the three files that a `tls` block names: whether the agent can load it, and who can read it.
 *
 * @param key The key that names it.
 * @param path Its value.
 * @param file What was found there.
 */
export function checkNamed(
  key: TlsKey,
  path: string,
  file: NamedFile,
  options: CheckNamedOptions,
): readonly NamedFault[] {
  const { encrypted, nomadVersion, user } = options
  // Since 1.11.3 also where TLS is off: the metric of their expiry reads them
  // (command/agent/agent.go:182-191), except the key.
  const needed =
    encrypted || (key !== 'key_file' && holdsIn(versionGates['expiry-metric'], nomadVersion))
  // What a relative path means depends on where the agent is started.
  const severity = needed && isAbsolute(path) ? 'error' : 'warning'
  const of = `the file of "${key}"`
  const at = file.at === undefined || file.at === path ? '' : ` (${file.at})`
  switch (file.state) {
    case 'missing':
      return [{ severity, code: 'agent/file-missing', message: `${of} is not there${at}` }]
    case 'directory':
      return [{ severity, code: 'agent/file-kind', message: `${of} is a directory` }]
    case 'special':
      return [
        { severity: 'warning', code: 'agent/file-kind', message: `${of} is not a plain file` },
        ...unreadable(of, severity, file, user),
      ]
    case 'unseen':
    case 'present': {
      const barred = unreadable(of, severity, file, user)
      const unseen = file.state === 'unseen' || file.faults === undefined
      return [
        ...barred,
        ...(barred.length === 0 && unseen ? [notSeen(of, at)] : []),
        ...(file.faults === undefined
          ? []
          : contents(file.faults, isAbsolute(path), { encrypted, nomadVersion })),
        ...(file.peers ?? []).map(({ effect, message }) => refused(effect, message, options)),
        ...tooOpen(key, of, file, user),
      ]
    }
  }
}

function notSeen(of: string, at: string): NamedFault {
  return {
    severity: 'note',
    code: 'agent/file-unseen',
    message: `this user cannot look at ${of}${at}, so it is not judged`,
    hint: 'run it as root, or as the user of the agent',
  }
}

function unreadable(
  of: string,
  worst: Severity,
  { way = [], permissions }: NamedFile,
  user: AgentUser | undefined,
): readonly NamedFault[] {
  if (user === undefined) return []
  const assumed = user.assumed === true
  const severity = assumed ? 'warning' : worst
  const hint = assumed
    ? 'that is the owner of "key_file"; name the user of the agent with --user NAME'
    : undefined
  const barred = way.find((directory) => !mayEnter(user, directory))
  if (barred !== undefined) {
    const message = `${user.name} cannot enter ${barred.path} (${describe(barred)}), on the way to ${of}`
    return [{ severity, code: 'agent/file-unreadable', message, hint }]
  }
  if (permissions === undefined || mayRead(user, permissions)) return []
  const message = `${user.name} cannot read ${of} (${describe(permissions)})`
  return [{ severity, code: 'agent/file-unreadable', message, hint }]
}

function contents(
  faults: readonly LoadFault[],
  sure: boolean,
  { encrypted, nomadVersion }: CheckNamedOptions,
): readonly NamedFault[] {
  const known = faults.filter((fault) => holdsIn(fault, nomadVersion))
  const fatal = known.filter(({ effect }) => effect !== 'dropped')
  // Real agents of 1.11.3 without http and rpc: the metric reads ca_file and cert_file, a server
  // looks at what kind of key it has, and a key that does not fit does no harm.
  const stops = fatal.filter(
    ({ file, evenOff }) =>
      encrypted ||
      evenOff === true ||
      (file !== 'key' && holdsIn(versionGates['expiry-metric'], nomadVersion)),
  )
  const dropped = known.filter(({ effect }) => effect === 'dropped')
  const told = (list: readonly LoadFault[]): string => list.map(({ message }) => message).join('; ')
  return [
    ...(fatal.length === 0
      ? []
      : [
          {
            severity: stops.length > 0 && sure ? 'error' : 'warning',
            code: 'agent/file-content',
            message: told(fatal),
          } as const,
        ]),
    ...(dropped.length === 0
      ? []
      : [
          {
            severity: 'warning',
            code: 'agent/file-passed-over',
            message: told(dropped),
          } as const,
        ]),
  ]
}

function refused(
  effect: PeerFault['effect'],
  message: string,
  { regionSaid }: CheckNamedOptions,
): NamedFault {
  return {
    severity: effect === 'all' ? 'error' : 'warning',
    code: 'agent/file-peers',
    message,
    hint:
      regionSaid === false
        ? 'no file sets the region, so this check assumes global; an agent that starts with a different -region needs a different certificate'
        : 'issue a certificate for the role and the region of the agent, under a root of ca_file, and deliver it with its intermediates',
  }
}

function tooOpen(
  key: TlsKey,
  of: string,
  { way = [], permissions }: NamedFile,
  user: AgentUser | undefined,
): readonly NamedFault[] {
  if (permissions === undefined) return []
  const code = 'agent/file-mode'
  const writable = writableByAll(permissions, way)
  if (writable !== undefined) {
    const message = `every user can replace ${of}: ${writable.path} (${describe(writable)})`
    return [{ severity: 'warning', code, message, hint: `chmod o-w ${writable.path}` }]
  }
  const open = key === 'key_file' ? opennessOf(permissions, way) : undefined
  if (open === undefined) return []
  // A key of root's that the agent reads by its group is a layout like another.
  const own =
    user !== undefined && user.assumed !== true && user.uid !== permissions.uid && user.uid !== 0
  if (open.to === 'group' && own && user.gids.includes(permissions.gid)) return []
  const expected = 'mode 0600'
  const who = open.to === 'everyone' ? 'every user' : `group ${permissions.gid}`
  if (open.shield !== undefined) {
    const message = `only ${open.shield.path} (${describe(open.shield)}) keeps ${who} from the private key (${describe(permissions)})`
    return [{ severity: 'note', code, message, expected }]
  }
  const message = `${who} can read the private key (${describe(permissions)})`
  return [{ severity: open.to === 'everyone' ? 'warning' : 'note', code, message, expected }]
}
