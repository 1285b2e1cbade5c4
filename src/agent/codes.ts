/**
 * The codes of everything that can be said about an agent's configuration, beside those of `hcl/`.
 *
 * @module
 */

import type { Diagnostic, Position, Severity } from '../diagnostics.js'

/** What there is to know about a code. */
export interface AgentCodeEntry {
  /** The worst first. */
  readonly severities: readonly Severity[]
  readonly means: string
  readonly remedy: string
  /** Where Nomad says so; empty: it does not mind. */
  readonly source: string
}

/** Every code; it never changes its meaning. `docs/agent-codes.md` is made of this. */
export const agentCodes = {
  'agent/tls-repeated': {
    severities: ['error'],
    means:
      'a file has more than one `tls` block, and Nomad stops at the second with "unexpected keys tls"',
    remedy: 'merge the blocks into one',
    source: 'command/agent/config_parse.go:320-428',
  },
  'agent/tls-label': {
    severities: ['error'],
    means: 'the `tls` block has a label',
    remedy: 'remove the label',
    source: 'command/agent/config_parse.go:320-428',
  },
  'agent/tls-not-a-block': {
    severities: ['error'],
    means: 'what `tls` holds is not a block',
    remedy: 'write `tls { … }`',
    source: 'hcl/decoder.go decodeStruct',
  },
  'agent/tls-value': {
    severities: ['error'],
    means: 'a value in the `tls` block has the wrong type',
    remedy: 'true or false for switches, a quoted string for the rest',
    source: 'hcl/decoder.go decodeBool',
  },
  'agent/unknown-key': {
    severities: ['error', 'warning'],
    means:
      'Nomad does not know the key and stops; a warning where another key is to be written (it stops the agent either way), and for versions whose keys are not known here',
    remedy: 'correct the spelling, remove the line, or name the version of Nomad that is meant',
    source: 'command/agent/config_parse.go:320-428',
  },
  'agent/repeated-key': {
    severities: ['error'],
    means: 'a key occurs twice where Nomad takes it once, and stops',
    remedy: 'keep one of them',
    source: 'command/agent/config_parse.go:320-428',
  },
  'agent/removed-key': {
    severities: ['error', 'warning'],
    means:
      'a key that newer versions of Nomad no longer know, and stop at; a warning where the version that is meant still knows it, or none is given',
    remedy: 'remove the line',
    source: 'GH-23712',
  },
  'agent/value': {
    severities: ['error', 'warning'],
    means:
      'Nomad cannot decode the value, or refuses it, and stops; a warning where a later file sets another, or only another role reads it',
    remedy: 'write what is expected there',
    source: 'command/agent/command.go:343-560',
  },
  'agent/duration': {
    severities: ['error', 'warning'],
    means:
      'Nomad cannot read the duration, or refuses it, and stops; a warning where a later file sets another, or only another role reads it',
    remedy: 'write it with a unit, `30s`',
    source: 'command/agent/config_parse.go:108-318',
  },
  'agent/unwritable': {
    severities: ['error'],
    means: 'a wanted value that HCL 1 cannot express, such as a path with `${`',
    remedy: 'choose another path',
    source: 'hcl/scanner scanString',
  },
  'agent/relative-path': {
    severities: ['error', 'warning'],
    means:
      'a relative path; the unit of the packages runs the agent in `/`; an error where it would be written',
    remedy: 'write the path in full',
    source: '.release/linux/package/usr/lib/systemd/system/nomad.service',
  },
  'agent/path': {
    severities: ['warning'],
    means:
      'a path that is not what it seems: a line end from a heredoc, or `${`, which Nomad does not replace',
    remedy: 'write it as one quoted string',
    source: 'hcl/token.go Value',
  },
  'agent/overridden': {
    severities: ['error', 'note'],
    means: 'a later file overrides the value; an error where the value is wanted',
    remedy: 'remove the line in the later file, or let `write` name that file',
    source: 'nomad/structs/config/tls.go:188-222',
  },
  'agent/sticky-true': {
    severities: ['error', 'warning'],
    means: 'another file says true, and booleans only add up: false has no effect',
    remedy: 'remove the line that says true',
    source: 'nomad/structs/config/tls.go:188-222',
  },
  'agent/rpc-upgrade-mode': {
    severities: ['warning'],
    means: 'plaintext RPC is still accepted',
    remedy: 'remove `rpc_upgrade_mode = true` when all agents have TLS',
    source: 'nomad/rpc.go:303-309',
  },
  'agent/region': {
    severities: ['error', 'warning'],
    means: 'the region is not the one wanted; a warning where no file says it and a flag may',
    remedy: 'correct the spec or the file, or start the agent with `-region`',
    source: 'command/agent/config.go:1823',
  },
  'agent/role': {
    severities: ['error'],
    means: 'the role is not the one wanted',
    remedy: 'move the node in the spec, or correct the file',
    source: 'command/agent/command.go:343-560',
  },
  'agent/stray-file': {
    severities: ['error', 'warning'],
    means:
      'Nomad loads a file of the directory that looks like a backup or a temporary one; an error where it has `tls` and the stanza is to be written',
    remedy: 'move it elsewhere, or give it a name that does not end in .hcl or .json',
    source: 'command/agent/config.go:3272-3352',
  },
  'agent/no-files': {
    severities: ['warning'],
    means: 'Nomad loads no file from the directory',
    remedy: 'name the directory that the agent is started with',
    source: 'command/agent/config.go:3272-3352',
  },
  'agent/no-such-file': {
    severities: ['error'],
    means: 'the file to be written is not among those that Nomad reads',
    remedy: 'let `write` be one of `paths`, or a name in one of its directories',
    source: 'command/agent/config.go:3272-3352',
  },
  'agent/template': {
    severities: ['error', 'warning'],
    means:
      'text that looks like an unrendered template; an error in a key whose templates Nomad renders, with a function that it does not know',
    remedy: 'render it, and check the result',
    source: 'command/agent/config.go:2238-2307; go-sockaddr template/template.go',
  },
  'agent/tls-incomplete': {
    severities: ['error', 'warning'],
    means:
      'ca_file, cert_file and key_file belong together; a warning where the agent starts and no handshake succeeds',
    remedy: 'write all three',
    source: 'helper/tlsutil/config.go:239, 369-372; command/agent/agent.go:182-191',
  },
  'agent/tls-off': {
    severities: ['warning'],
    means: 'http or rpc is not encrypted',
    remedy: 'set both, with the three files',
    source: 'command/agent/command.go:375-378',
  },
  'agent/verify-server-hostname': {
    severities: ['warning'],
    means: 'any certificate of the authority can act as a server',
    remedy: '`verify_server_hostname = true`',
    source: 'nomad/auth/auth.go:404-406; nomad/server.go:480',
  },
  'agent/min-version': {
    severities: ['error', 'warning'],
    means:
      'the value of tls_min_version is not one that Nomad takes (`tls13` since 1.8.3), or one that is no longer safe',
    remedy: '`tls12` or `tls13`',
    source: 'helper/tlsutil/config.go:21-26, 452-463',
  },
  'agent/cipher-suites': {
    severities: ['error', 'note'],
    means:
      'the list of cipher suites is not one that Nomad takes: spaces, names of TLS 1.3, no suite for the kind of key; or it has no effect',
    remedy: 'commas without spaces, and a suite for the key',
    source: 'helper/tlsutil/config.go:381-433',
  },
  'agent/data-dir': {
    severities: ['error'],
    means: 'a directory of the agent is missing, or not absolute',
    remedy: 'an absolute `data_dir`, or `-data-dir`',
    source: 'command/agent/command.go:343-560',
  },
  'agent/advertise': {
    severities: ['error'],
    means:
      'no file says which address to advertise, and the one bound is local; or the one that is said cannot be advertised',
    remedy: '`advertise { … }`',
    source: 'command/agent/config.go:2355-2560',
  },
  'agent/gossip-key': {
    severities: ['error'],
    means: 'the gossip key is not base64, or not of 16, 24 or 32 bytes',
    remedy: '`nomad operator gossip keyring generate`',
    source: 'command/agent/keyring.go:19-71',
  },
  'agent/gossip-differs': {
    severities: ['error'],
    means:
      'servers of one cluster have different gossip keys, or one lacks a key: they do not see each other',
    remedy: 'one key for all servers of all regions',
    source: 'nomad/server.go setupSerf',
  },
  'agent/datacenter': {
    severities: ['error'],
    means: 'the name of the datacenter holds a character that Nomad refuses',
    remedy: 'a name without `*` and NUL',
    source: 'command/agent/command.go:343-560',
  },
  'agent/no-role': {
    severities: ['error'],
    means: 'neither server nor client is enabled',
    remedy: 'enable one, or start the agent with `-server` or `-client`',
    source: 'command/agent/command.go:343-560',
  },
  'agent/not-reloaded': {
    severities: ['warning'],
    means: 'a `consul` or `vault` block names the same files and does not reload them',
    remedy: 'restart the agent after a renewal, or give the block files of its own',
    source: 'GH-4593, GH-17297',
  },
  'agent/left-behind': {
    severities: ['warning'],
    means:
      'an edit of `tls` names new files, and a `consul` or `vault` block stays on the old ones, which nothing renews any more',
    remedy: 'name the new files in the block, or give it a certificate of its own',
    source: '',
  },
  'agent/own-files': {
    severities: ['note'],
    means: 'a `consul` or `vault` block has a certificate that `tls` does not name',
    remedy: 'make sure that something renews it',
    source: '',
  },
  'agent/keys-refused': {
    severities: ['warning'],
    means:
      'Consul or Vault fetches the keys of workload identities from `/.well-known/jwks.json` without a certificate, and `verify_https_client` refuses that',
    remedy:
      'a proxy with a certificate, keys configured by hand, or `verify_https_client = false` with ACLs',
    source: 'GH-23877; command/agent/http.go:143',
  },
  'agent/keyring-active': {
    severities: ['warning'],
    means:
      'more than one `keyring` block is active: a server of Nomad Community Edition stops, one of Enterprise uses all',
    remedy: '`active = true` in one block',
    source: 'nomad/encrypter_ce.go:28',
  },
  'agent/file-missing': {
    severities: ['error', 'warning'],
    means:
      'a file that the configuration names is not there; a warning where the agent does not read it (TLS off before 1.11.3; the key), the path is relative, or a `consul` or `vault` block names it',
    remedy: 'deliver it, or correct the path',
    source: 'command/agent/agent.go:182-191',
  },
  'agent/file-ended': {
    severities: ['warning'],
    means: 'the certificate that a `consul` or `vault` block names has ended',
    remedy: 'renew it where it is made, and restart the agent',
    source: 'GH-4593, GH-17297',
  },
  'agent/file-kind': {
    severities: ['error', 'warning'],
    means: 'what the configuration names is a directory, or not a plain file',
    remedy: 'name the file in it',
    source: 'nomad/structs/config/tls.go:82-99',
  },
  'agent/file-unreadable': {
    severities: ['error', 'warning'],
    means:
      'the user of the agent cannot read a file, or enter a directory on the way to it; a warning where the user is a guess',
    remedy: '`chown` it, or give the group a right',
    source: 'nomad/structs/config/tls.go:82-99',
  },
  'agent/file-content': {
    severities: ['error', 'warning'],
    means:
      'Nomad refuses what a file holds, or no handshake succeeds with it; a warning where the agent does not use it, or a `consul` or `vault` block names it',
    remedy: 'issue and deliver the three files again',
    source: 'helper/tlsutil/config.go:176-195, 435-449; command/agent/tls_metrics.go:48-153',
  },
  'agent/file-peers': {
    severities: ['error', 'warning'],
    means:
      'the files load, and peers refuse the certificate: another authority, a missing intermediate, its dates, usages, role or region; a warning where only a part of the traffic is refused. Peers are taken to trust what ca_file holds',
    remedy: 'issue a certificate for the role and the region of the agent, and deliver its chain',
    source: 'helper/tlsutil/config.go:278-374; nomad/server.go:640; nomad/auth/auth.go:404',
  },
  'agent/file-passed-over': {
    severities: ['warning'],
    means: 'Nomad silently skips a part of a file',
    remedy: 'remove or mend the part',
    source: 'crypto/x509 AppendCertsFromPEM',
  },
  'agent/file-mode': {
    severities: ['warning', 'note'],
    means:
      'a private key can be read, or a file be replaced, by others; a note for a group, and where a closed directory is all that keeps them out',
    remedy: '`chmod 600` the key, `chmod o-w` the rest',
    source: '',
  },
  'agent/file-unseen': {
    severities: ['note'],
    means: 'the user that runs the check cannot look at a file, so it is not judged',
    remedy: 'run it as root, or as the user of the agent',
    source: '',
  },
  'agent/files-elsewhere': {
    severities: ['note'],
    means: 'none of the files is on this machine, so they are not judged',
    remedy: 'run it on the machine of the agent, or give `--user`',
    source: '',
  },
  'agent/ignored': {
    severities: ['warning'],
    means: 'Nomad reads the text and silently ignores a part of it',
    remedy: 'correct the spelling, or remove the line',
    source: 'command/agent/config_parse.go:320-428',
  },
  'agent/restart': {
    severities: ['note'],
    means: 'the change is applied by a restart only',
    remedy: 'restart the agent after `apply`',
    source: 'helper/tlsutil/config.go:467-487; command/agent/agent.go:1592-1630',
  },
} as const

/** A code of this room. */
export type AgentCode = keyof typeof agentCodes

/** What a diagnostic says beyond its place and sentence. */
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
