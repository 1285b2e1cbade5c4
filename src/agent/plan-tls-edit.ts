/**
 * Which file of an agent's configuration the `tls` block goes into, what it will hold, and whether
 * the agent will then run with what was wanted: judged after Nomad's own merge over all files.
 *
 * @module
 */

import type { AgentRole } from '../address.js'
import { type Diagnostic, hasErrors, type Position } from '../diagnostics.js'
import { positionsIn } from '../hcl/index.js'
import { needsRestart } from '../nomad/reload.js'
import { checkFiles } from './check-files.js'
import { checkStart, rolesOf } from './check-start.js'
import { checkVersionAndSuites } from './check-tls.js'
import { diagnostic } from './codes.js'
import { contradictions, distinct, strayFiles } from './contradictions.js'
import { type AgentFile, configFilesOf, isConfigFileName } from './directory.js'
import { editTls } from './edit-tls.js'
import {
  checkKeysFetched,
  checkLeftBehind,
  checkOwnFiles,
  checkSameFiles,
} from './foreign-files.js'
import { type AgentConfig, readAgentConfig } from './read-agent-config.js'
import { type TlsKey, tlsKeys, type TlsValues } from './tls-keys.js'

/** What is known beside the files. */
export interface PlanTlsEditOptions {
  /**
   * `directory` (the default): the files are the top of one directory, and Nomad's rules say which
   * count; `files`: each is named by a `-config` of its own, in this order, and counts whatever its
   * name.
   */
  readonly kind?: 'directory' | 'files' | undefined
  /** Name or path of the file to be written; default: the one that has `tls`, else a new one. */
  readonly write?: string | undefined
  /** Where a new file goes; default: the directory of the first file's path. */
  readonly location?: string | undefined
  /** The region that the configuration must not contradict. */
  readonly region?: string | undefined
  /** The role that the configuration must not contradict. */
  readonly role?: AgentRole | undefined
  /** The version of Nomad, `1.11.3`; default: any that is supported. */
  readonly nomadVersion?: string | undefined
}

/** What would be written. */
export interface TlsEditPlan {
  /** Path of the file to be written, as far as it is known; else its name. */
  readonly file: string
  /** Its name inside the directory. */
  readonly name: string
  /** What it holds; `undefined` if it does not exist. */
  readonly before: string | undefined
  /** What it would hold; the same as before if something is wrong. */
  readonly after: string
  readonly changed: boolean
  /** The keys whose effect changes, in the order in which they are written. */
  readonly changes: readonly TlsChange[]
  /** Keys whose change the running agent takes up by a restart only. */
  readonly restart: readonly TlsKey[]
  /** If any is an error, nothing may be written. */
  readonly diagnostics: readonly Diagnostic[]
}

/** What a key of `tls` means before an edit and after it; what is not set is `false` or empty. */
export interface TlsChange {
  readonly key: TlsKey
  readonly before: boolean | string
  readonly after: boolean | string
}

/**
 * Plans the edit of one agent's configuration.
 *
 * @param files What was found, read in full.
 * @param asked What the `tls` block is to say; `rpc_upgrade_mode: false` is written only where it is on.
 * @returns Never throws for anything in the files.
 */
export function planTlsEdit(
  files: readonly AgentFile[],
  asked: TlsValues,
  options: PlanTlsEditOptions = {},
): TlsEditPlan {
  const kind = options.kind ?? 'directory'
  const ordered = kind === 'directory' ? configFilesOf(files) : files
  const config = readAgentConfig(ordered)
  const wanted = withoutIdleUpgrade(asked, config)
  const target = choose(ordered, config, kind, {
    ...options,
    location: options.location ?? directoryOf(files[0]?.path),
  })
  const before = target.existing === undefined ? undefined : textOf(config, target)
  const edit =
    before === undefined || hasDocument(config, target)
      ? editTls(before ?? '', wanted, {
          file: target.file,
          kind: target.name.endsWith('.json') ? 'json' : 'hcl',
        })
      : { text: before, changed: false, diagnostics: unreadOf(config, target) }
  const after =
    hasErrors(edit.diagnostics) || !edit.changed
      ? config
      : readAgain(ordered, target, edit.text, kind)
  const { nomadVersion, role } = options
  const readable = config.files.every(({ document }) => document !== undefined)
  const diagnostics = [
    ...target.diagnostics,
    // Of the target itself the edit has said it already, knowing what it replaces.
    ...config.diagnostics.filter(({ file }) => file !== target.file),
    ...edit.diagnostics.map((item) =>
      item.code === 'agent/relative-path' ? { ...item, severity: 'error' as const } : item,
    ),
    ...checkFiles(config, { nomadVersion, roles: rolesOf(config, { role }), edited: target.file }),
    ...effectOf(after, wanted, target.file),
    ...upgradeMode(config, wanted),
    // Places are those of the files as they are.
    ...checkLeftBehind(config, after),
    ...checkSameFiles(config, after),
    ...checkOwnFiles(config, after),
    // What a file that cannot be read would have said is unknown.
    ...(readable ? checkStart(config, { role, nomadVersion }) : []),
    ...versionAndSuites(config, after, wanted, nomadVersion),
    ...checkKeysFetched(config, after),
    ...strayFiles(config.files, ordered, kind),
    ...contradictions(config, options),
  ]
  const unique = distinct(diagnostics)
  const sound = !hasErrors(unique)
  const changes = sound ? changesBetween(config, after) : []
  const restart = restartKeys(changes)
  const { line, column } = placeOfTls(after, target.file)
  return {
    file: target.file,
    name: target.name,
    before,
    after: sound ? edit.text : (before ?? ''),
    changed: sound && edit.changed,
    changes,
    restart,
    diagnostics: [
      ...unique,
      ...(restart.length === 0
        ? []
        : [
            diagnostic(
              'note',
              'agent/restart',
              { line, column },
              `the change of ${restart.map((key) => `"${key}"`).join(', ')} needs a restart: a reload applies only what the three files hold`,
              {
                file: target.file,
                hint: 'restart the agent when the file is on its node',
              },
            ),
          ]),
    ],
  }
}

interface Target {
  readonly file: string
  readonly name: string
  readonly existing: AgentFile | undefined
  readonly diagnostics: readonly Diagnostic[]
}

const start: Position = { line: 1, column: 1 }

function choose(
  files: readonly AgentFile[],
  config: AgentConfig,
  kind: 'directory' | 'files',
  { write, location }: PlanTlsEditOptions,
): Target {
  const shown = ({ path, name }: AgentFile): string => path ?? name
  const at = (existing: AgentFile): Target => ({
    file: shown(existing),
    name: existing.name,
    existing,
    diagnostics: [],
  })
  const fresh = (name: string): Target => {
    const file = location === undefined ? name : `${location.replace(/\/+$/, '')}/${name}`
    return { file, name, existing: undefined, diagnostics: [] }
  }
  if (write !== undefined) {
    const found =
      files.find((file) => file.path === write) ?? files.find(({ name }) => name === write)
    if (found !== undefined) return at(found)
    const name = write.slice(write.lastIndexOf('/') + 1)
    const target = write.includes('/') ? { ...fresh(name), file: write } : fresh(name)
    if (kind === 'directory' && isConfigFileName(name)) return target
    const message = `Nomad does not read "${write}"`
    const expected =
      kind === 'directory' ? 'a name that ends in .hcl or .json' : files.map(shown).join(', ')
    const refusal = diagnostic('error', 'agent/no-such-file', start, message, {
      file: write,
      expected,
    })
    return { ...target, diagnostics: [refusal] }
  }
  // Where several have it, the last one: its strings win.
  const holder = config.files.findLastIndex(({ hasTls }) => hasTls)
  if (holder !== -1) return at(files[holder]!)
  const last = files.at(-1)
  if (kind === 'files' && last !== undefined) return at(last)
  const allJson = files.length > 0 && files.every(({ name }) => name.endsWith('.json'))
  const name = allJson ? 'tls.json' : 'tls.hcl'
  const same = files.find((file) => file.name === name)
  return same === undefined ? fresh(name) : at(same)
}

function directoryOf(path: string | undefined): string | undefined {
  const slash = path?.lastIndexOf('/') ?? -1
  return slash === -1 ? undefined : path!.slice(0, slash) || '/'
}

function textOf(config: AgentConfig, { file, existing }: Target): string {
  const document = config.files.find((read) => read.file === file)?.document
  // What cannot be read is shown as far as it is text, and never edited.
  return document?.text ?? new TextDecoder('utf-8', { ignoreBOM: true }).decode(existing?.bytes)
}

/** Whether the file that exists was understood: an edit of what was not would be a new file. */
function hasDocument(config: AgentConfig, { file }: Target): boolean {
  return config.files.some((read) => read.file === file && read.document !== undefined)
}

function unreadOf({ diagnostics }: AgentConfig, { file }: Target): readonly Diagnostic[] {
  return diagnostics.filter((item) => item.file === file)
}

function readAgain(
  files: readonly AgentFile[],
  target: Target,
  text: string,
  kind: 'directory' | 'files',
): AgentConfig {
  const written: AgentFile = {
    name: target.name,
    path: target.file,
    bytes: new TextEncoder().encode(text),
  }
  const others = files.map((file) => (file === target.existing ? written : file))
  if (target.existing !== undefined) return readAgentConfig(others)
  return readAgentConfig(
    kind === 'directory' ? configFilesOf([...others, written]) : [...others, written],
  )
}

/** What will not be as wanted, although it is written. */
function effectOf(config: AgentConfig, wanted: TlsValues, target: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  for (const { key, type } of tlsKeys) {
    const value = wanted[key]
    const effective = config.tls[key]
    if (value !== undefined && effective !== undefined && effective.value !== value) {
      for (const { value: other, origin } of [effective, ...effective.overrode]) {
        if (origin === undefined || origin.file === target || other === value) continue
        const message =
          type === 'boolean'
            ? `"${key}" is true here, and a false elsewhere cannot undo it`
            : `"${key}" is set here, and this file is read after ${target}`
        const code = type === 'boolean' ? 'agent/sticky-true' : 'agent/overridden'
        if (type === 'boolean' ? other !== true : origin !== effective.origin) continue
        diagnostics.push(
          diagnostic('error', code, origin, message, {
            file: origin.file,
            hint: 'remove the line',
          }),
        )
      }
    }
  }
  return diagnostics
}

/** What stays is told where it stands now, what is wanted where it will stand. */
function versionAndSuites(
  before: AgentConfig,
  after: AgentConfig,
  wanted: TlsValues,
  nomadVersion: string | undefined,
): Diagnostic[] {
  return [
    ...checkVersionAndSuites(before, { nomadVersion, about: (key) => wanted[key] === undefined }),
    ...checkVersionAndSuites(after, { nomadVersion, about: (key) => wanted[key] !== undefined }),
  ].filter(({ severity }) => severity === 'error')
}

/** Few configurations name it: off, it is not worth a line in all others. */
function withoutIdleUpgrade(asked: TlsValues, { tls }: AgentConfig): TlsValues {
  if (asked.rpc_upgrade_mode !== false || tls.rpc_upgrade_mode?.value === true) return asked
  return { ...asked, rpc_upgrade_mode: undefined }
}

/** Told where it stands now, before any edit. */
function upgradeMode(config: AgentConfig, wanted: TlsValues): Diagnostic[] {
  const diagnostics: Diagnostic[] = []
  const upgrade = config.tls.rpc_upgrade_mode
  if (
    upgrade?.value === true &&
    upgrade.origin !== undefined &&
    wanted.rpc_upgrade_mode === undefined
  ) {
    diagnostics.push(
      diagnostic(
        'warning',
        'agent/rpc-upgrade-mode',
        upgrade.origin,
        'plaintext RPC is still accepted',
        {
          file: upgrade.origin.file,
          hint: 'remove "rpc_upgrade_mode = true" when all agents have TLS',
        },
      ),
    )
  }
  return diagnostics
}

function changesBetween(before: AgentConfig, after: AgentConfig): TlsChange[] {
  return tlsKeys.flatMap(({ key, type }) => {
    const nothing = type === 'boolean' ? false : ''
    const [old, fresh] = [before.tls[key]?.value ?? nothing, after.tls[key]?.value ?? nothing]
    return old === fresh ? [] : [{ key, before: old, after: fresh }]
  })
}

function restartKeys(changes: readonly TlsChange[]): TlsKey[] {
  const changed = new Set(changes.map(({ key }) => key))
  return tlsKeys.map(({ key }) => key).filter((key) => changed.has(key) && needsRestart(key))
}

function placeOfTls({ files }: AgentConfig, target: string): Position {
  const document = files.find(({ file }) => file === target)?.document
  const item = document?.root.items.find(({ keys }) => keys[0]!.name.toLowerCase() === 'tls')
  return document === undefined || item === undefined
    ? start
    : positionsIn(document.text)(item.start)
}
