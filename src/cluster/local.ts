/**
 * The local file: what this machine runs and reads for the cluster, and nobody else's business. It lies beside the
 * spec and is not shared. Commands stand here and never in the spec: a change of the spec that somebody proposes
 * must not run code beside a key.
 *
 * @module
 */

import { namePattern } from '../address.js'
import { didYouMean, type Diagnostic } from '../diagnostics.js'
import { durationSyntax } from '../duration.js'
import { explainDuration } from './explain.js'
import { readShape } from './read.js'
import { createReport } from './report.js'
import type { Field, ListShape, MapShape, RecordShape, TextShape } from './shape-types.js'
import { readYaml } from './yaml.js'

/** The name of the local file, beside the spec. */
export const localFileName = 'nomad-pki.local.yaml'

/** A program that is run: no shell reads it. */
export interface LocalCommand {
  /** The program and its arguments. */
  readonly command: readonly string[]
  /** Milliseconds. */
  readonly timeout: number
}

/** Where a passphrase comes from. */
export type PassphraseSource = LocalCommand | { readonly file: string }

/** What the local file says. */
export interface LocalSettings {
  /** The programs that sign, by authority. */
  readonly signers: ReadonlyMap<string, LocalCommand>
  /** The passphrases of encrypted keys, by authority. */
  readonly passphrases: ReadonlyMap<string, PassphraseSource>
  /** What is told of what happened. Default: nothing is. */
  readonly hook?: LocalCommand | undefined
  /** Vault or OpenBao, as this machine reaches it; absent where the file does not speak of it. */
  readonly vault?: LocalVault | undefined
}

/** What this machine knows of Vault or OpenBao. Files are relative to the local file. */
export interface LocalVault {
  /** The address that tokens and secrets of this machine may go to. */
  readonly address?: string | undefined
  /** Prints a token. */
  readonly tokenCommand?: LocalCommand | undefined
  /** The file with the role id of an AppRole. */
  readonly roleIdFile?: string | undefined
  /** The file with its secret id. */
  readonly secretIdFile?: string | undefined
  /** The file with the token of a wrapping that holds the secret id. It is removed when it was opened. */
  readonly wrappedSecretIdFile?: string | undefined
  /** The file with the token of a login by JWT. */
  readonly jwtFile?: string | undefined
}

/** What came of the text. */
export interface ParsedLocal {
  /** Absent if any diagnostic is an error. */
  readonly settings?: LocalSettings
  /** Everything that is wrong, in the order of the text. */
  readonly diagnostics: readonly Diagnostic[]
}

/** How long a program may take, milliseconds: a person may have to touch a key. */
const defaultTimeout = 60_000
/** How long the program may take that is told what happened: the command waits for it. */
const hookTimeout = 30_000

const argument: TextShape = {
  kind: 'text',
  words: 'an argument, on one line',
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$',
  maxLength: 4096,
}
const argv: ListShape = { kind: 'list', of: argument, min: 1, max: 100 }
const timeout: Field = {
  key: 'timeout',
  shape: {
    kind: 'text',
    words: durationSyntax,
    pattern: '^(?=[0-9])([0-9]{1,3}m)?([0-9]{1,4}s)?$',
    explain: explainDuration,
    duration: true,
  },
  default: '60s',
  sentence: 'How long it may take: minutes and seconds. Then it is ended.',
  example: '2m',
}
const authorityName: TextShape = {
  kind: 'text',
  words: 'the name of an authority',
  pattern: namePattern,
  code: 'spec/name',
}

function perAuthority(of: RecordShape): MapShape {
  return { kind: 'map', key: authorityName, keyName: '<authority>', of }
}

/** The table of the local file: parser and reference are made from it. */
export const localShape: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'signers',
      shape: perAuthority({
        kind: 'record',
        fields: [
          {
            key: 'command',
            shape: argv,
            required: true,
            sentence:
              'The program and its arguments, as a list. No shell reads it. Without `/` the program is looked for in `PATH`; a relative path begins at the folder of this file.',
            example: '[/usr/local/libexec/sign-root, "0"]',
          },
          timeout,
        ],
      }),
      sentence: 'Programs that sign, for authorities with `signer: command` in the spec.',
      example: '{ agent: { command: [/usr/local/libexec/sign-root] } }',
    },
    {
      key: 'passphrases',
      shape: perAuthority({
        kind: 'record',
        fields: [
          {
            key: 'file',
            shape: { ...argument, words: 'a path' },
            sentence:
              'A file with the passphrase; relative to this file. It must be yours and closed to others (mode 0600). A line break at its end does not count.',
            example: '/run/credentials/passphrase',
          },
          {
            key: 'command',
            shape: argv,
            sentence: 'A program that prints the passphrase, as a list. No shell reads it.',
            example: '[pass, show, nomad-pki/agent]',
          },
          timeout,
        ],
      }),
      sentence:
        'Where passphrases come from, for authorities with `signer: encrypted` in the spec; one of `file` and `command`.',
      example: '{ agent: { command: [pass, show, nomad-pki/agent] } }',
    },
    {
      key: 'hook',
      shape: {
        kind: 'record',
        fields: [
          {
            key: 'command',
            shape: argv,
            required: true,
            sentence:
              'The program and its arguments, as a list. No shell reads it. It gets JSON lines on its standard input.',
            example: '[/usr/local/libexec/nomad-pki-webhook, /etc/nomad-pki/webhook]',
          },
          { ...timeout, default: '30s' },
        ],
      },
      sentence:
        'A program that is told what happened: certificates renewed, delivered, proven, due, expired or revoked, and the gates of rotations.',
      example: '{ command: [/usr/local/libexec/nomad-pki-mail, ops@example.com] }',
    },
    {
      key: 'vault',
      shape: {
        kind: 'record',
        fields: [
          {
            key: 'address',
            shape: { ...argument, words: 'an address such as https://vault.acme.internal:8200' },
            default: '`BAO_ADDR`, then `VAULT_ADDR`',
            sentence:
              'The address of Vault or OpenBao that this machine trusts with a token. It must be the one of the spec.',
            example: 'https://vault.acme.internal:8200',
          },
          {
            key: 'tokenCommand',
            shape: argv,
            default: '`BAO_TOKEN`, `VAULT_TOKEN`, then `~/.vault-token`',
            sentence: 'A program that prints a token, as a list. No shell reads it.',
            example: '[vault, print, token]',
          },
          timeout,
          {
            key: 'roleIdFile',
            shape: { ...argument, words: 'a path' },
            sentence: 'With `method: approle` in the spec: the file with the role id. Mode 0600.',
            example: '/run/credentials/role-id',
          },
          {
            key: 'secretIdFile',
            shape: { ...argument, words: 'a path' },
            sentence: 'With `method: approle` in the spec: the file with the secret id. Mode 0600.',
            example: '/run/credentials/secret-id',
          },
          {
            key: 'wrappedSecretIdFile',
            shape: { ...argument, words: 'a path' },
            sentence:
              'With `method: approle` in the spec: the file with the wrapping token of a secret id. Mode 0600. It opens once: what is in it goes into `secretIdFile`, or counts for this run alone, and the file is removed.',
            example: '/run/credentials/wrapped-secret-id',
          },
          {
            key: 'jwtFile',
            shape: { ...argument, words: 'a path' },
            sentence:
              'With `method: jwt` in the spec: the file with the JWT, such as the one that Nomad writes for a workload identity. Mode 0600.',
            example: '/secrets/nomad_vault.jwt',
          },
        ],
        refused: {
          token: 'a token does not stand here: set BAO_TOKEN, or write tokenCommand:',
          secretId: 'a secret does not stand here: write secretIdFile:',
          roleId: 'write roleIdFile:',
        },
      },
      sentence:
        'Vault or OpenBao, for authorities with `engine` in the spec: what this machine logs in with.',
      example: '{ address: "https://vault.acme.internal:8200" }',
    },
  ],
  refused: {
    commands: 'write signers:, passphrases: or hook:',
    hooks: 'there is one: write hook: { command: [ … ] }',
    signer: 'the spec says the kind; here: signers: { agent: { command: [ … ] } }',
    passphrase: 'a passphrase does not stand here: write passphrases: with file: or command:',
  },
}

interface RawLocal {
  readonly signers?: ReadonlyMap<string, { readonly command?: Argv; readonly timeout?: number }>
  readonly passphrases?: ReadonlyMap<
    string,
    { readonly command?: Argv; readonly file?: string; readonly timeout?: number }
  >
  readonly hook?: { readonly command?: Argv; readonly timeout?: number }
  readonly vault?: {
    readonly address?: string
    readonly tokenCommand?: Argv
    readonly timeout?: number
    readonly roleIdFile?: string
    readonly secretIdFile?: string
    readonly wrappedSecretIdFile?: string
    readonly jwtFile?: string
  }
}
type Argv = readonly (string | undefined)[]

/** A local file that says nothing. */
export const noLocalSettings: LocalSettings = { signers: new Map(), passphrases: new Map() }

/**
 * Reads the text of the local file.
 *
 * @param text The whole text.
 * @param options `file`: as the user named it; `authorities`: those of the spec.
 */
export function parseLocal(
  text: string,
  { file, authorities }: { readonly file?: string; readonly authorities: readonly string[] },
): ParsedLocal {
  const report = createReport(text, file)
  if (isBlank(text)) return { settings: noLocalSettings, diagnostics: [] }
  const document = readYaml(text, report)
  if (document === undefined) return { diagnostics: report.diagnostics() }
  const { value, sources } = readShape(document.contents!, localShape, report, 'the local file')
  const raw = (value ?? {}) as RawLocal
  for (const part of [raw.signers, raw.passphrases]) {
    if (part === undefined) continue
    for (const name of part.keys()) {
      if (authorities.includes(name)) continue
      const near = didYouMean(name, authorities)
      report.error(
        'spec/unknown-authority',
        sources.keyAt(part, name),
        `the spec has no authority ${JSON.stringify(name)}`,
        {
          expected: authorities.join(', '),
          hint: near === undefined ? undefined : `did you mean ${near}?`,
        },
      )
    }
  }
  const signers = new Map<string, LocalCommand>()
  for (const [name, entry] of raw.signers ?? []) {
    const { command } = entry
    if (command !== undefined) signers.set(name, commandOf(command, entry))
  }
  const passphrases = new Map<string, PassphraseSource>()
  for (const [name, entry] of raw.passphrases ?? []) {
    const { command, file: from } = entry
    if ((command === undefined) === (from === undefined)) {
      report.error(
        'spec/missing-key',
        sources.at(raw.passphrases, name),
        command === undefined
          ? `passphrases.${name} says neither file nor command`
          : `passphrases.${name} says both file and command`,
        { expected: 'one of file and command' },
      )
    } else if (from !== undefined) passphrases.set(name, { file: from })
    else if (command !== undefined) passphrases.set(name, commandOf(command, entry))
  }
  const told = raw.hook?.command
  const hook = told && commandOf(told, raw.hook, hookTimeout)
  const { vault } = raw
  const local: LocalVault | undefined = vault && {
    address: vault.address,
    tokenCommand: vault.tokenCommand && commandOf(vault.tokenCommand, vault),
    roleIdFile: vault.roleIdFile,
    secretIdFile: vault.secretIdFile,
    wrappedSecretIdFile: vault.wrappedSecretIdFile,
    jwtFile: vault.jwtFile,
  }
  const diagnostics = report.diagnostics()
  if (report.failed()) return { diagnostics }
  const settings = { signers, passphrases, ...(hook && { hook }), ...(local && { vault: local }) }
  return { settings, diagnostics }

  function commandOf(
    command: Argv,
    entry: { readonly timeout?: number },
    usual = defaultTimeout,
  ): LocalCommand {
    if (entry.timeout === 0) {
      report.error('spec/lifetime', sources.at(entry, 'timeout'), 'a timeout of 0', {
        expected: 'at least 1s',
      })
    }
    return {
      command: command.map((one) => one ?? ''),
      timeout: entry.timeout ?? usual,
    }
  }
}

/** Comments alone are as good as no file. */
function isBlank(text: string): boolean {
  return text.split(/\r?\n/).every((line) => /^\s*(#.*)?$/.test(line))
}
