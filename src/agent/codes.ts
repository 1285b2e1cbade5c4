/**
 * The codes of everything that can be said about an agent's configuration, beside those of `hcl/`.
 *
 * @module
 */

import type { Diagnostic, Position, Severity } from '../diagnostics.js'

/** Every code with the sentence that documents it. A code never changes its meaning. */
export const agentCodes = {
  'agent/tls-repeated': 'a file has more than one `tls` block; Nomad stops at the second',
  'agent/tls-label': 'the `tls` block has a label',
  'agent/tls-not-a-block': 'what `tls` holds is not a block',
  'agent/tls-value': 'a value in the `tls` block has the wrong type',
  'agent/unknown-key': 'Nomad does not know the key and stops',
  'agent/repeated-key': 'a key occurs twice where Nomad takes it once, and stops',
  'agent/removed-key': 'a key that newer versions of Nomad no longer know, and stop at',
  'agent/value': 'Nomad cannot decode the value and stops',
  'agent/duration': 'Nomad cannot read the duration and stops',
  'agent/unwritable': 'a wanted value that HCL 1 cannot express',
  'agent/relative-path': 'a relative path; the unit of the packages runs in /',
  'agent/path': 'a path that is not what it seems',
  'agent/overridden': 'a later file overrides what is wanted',
  'agent/sticky-true': 'another file says true, and booleans only add up: false has no effect',
  'agent/rpc-upgrade-mode': 'plaintext RPC is still accepted',
  'agent/region': 'the region is not the one wanted',
  'agent/role': 'the role is not the one wanted',
  'agent/stray-file': 'Nomad loads a file that looks like a backup or a temporary one',
  'agent/no-files': 'Nomad loads no file from the directory',
  'agent/no-such-file': 'the file to be written is not among those that Nomad reads',
  'agent/template': 'what looks like a template that was never rendered',
  'agent/tls-incomplete': 'ca_file, cert_file and key_file belong together',
  'agent/tls-off': 'http or rpc is not encrypted',
  'agent/verify-server-hostname': 'any certificate of the authority can act as a server',
  'agent/min-version': 'the value of tls_min_version is not one that Nomad takes',
  'agent/cipher-suites': 'the list of cipher suites is not one that Nomad takes',
  'agent/data-dir': 'a directory of the agent is missing, or not absolute',
  'agent/advertise': 'nothing says which address to advertise, and the one bound is local',
  'agent/gossip-key': 'the gossip key is not one that Nomad takes',
  'agent/datacenter': 'the name of the datacenter holds a character that Nomad refuses',
  'agent/no-role': 'neither server nor client is enabled',
  'agent/not-reloaded': 'another block names the same files and does not reload them',
  'agent/file-missing': 'a file that the configuration names is not there',
  'agent/file-unreadable': 'a file that the configuration names cannot be read by the agent',
  'agent/file-kind': 'what the configuration names is a directory, or no plain file',
  'agent/file-content': 'Nomad refuses what a file holds, or no handshake succeeds with it',
  'agent/file-passed-over': 'Nomad passes over a part of a file without a word',
  'agent/file-mode': 'a private key can be read, or a file be replaced, by others',
  'agent/file-unseen': 'who runs the check cannot look at a file, so it is not judged',
  'agent/files-elsewhere': 'none of the files is on this machine, so they are not judged',
  'agent/ignored': 'Nomad reads the text and silently ignores a part of it',
  'agent/restart': 'the change is applied by a restart only',
} as const

/** A code of this room. */
export type AgentCode = keyof typeof agentCodes

/** What a diagnostic says besides its place and sentence. */
export interface DiagnosticDetails {
  readonly file?: string | undefined
  readonly expected?: string | undefined
  readonly hint?: string | undefined
}

/** A diagnostic of this room. */
export function diagnostic(
  severity: Severity,
  code: AgentCode,
  { line, column }: Position,
  message: string,
  { file, expected, hint }: DiagnosticDetails = {},
): Diagnostic {
  return {
    severity,
    ...(file === undefined ? {} : { file }),
    line,
    column,
    code,
    message,
    ...(expected === undefined ? {} : { expected }),
    ...(hint === undefined ? {} : { hint }),
  }
}
