/**
 * `config`: an agent's configuration as Nomad will read it; `show` and `check` need no spec.
 *
 * @module
 */

import {
  checkAgentConfig,
  configFilesOf,
  isVersion,
  readAgentConfig,
  type AgentConfig,
  type AgentFile,
  type NamedFile,
} from '../../agent/index.js'
import { resolveAddress } from '../../address.js'
import { didYouMean, type Diagnostic } from '../../diagnostics.js'
import { NomadPkiError } from '../../errors.js'
import { makePlan, materialsOf } from '../../plan/make-plan.js'
import { configDocument, configText } from '../../report/config.js'
import { diagnosticsText, findingsText } from '../../report/diagnostics.js'
import { diffText } from '../../report/diff.js'
import { directoryConfigs } from '../../store/directory-configs.js'
import type { Context } from '../context.js'
import { exitStatus, statusOfFindings, type ExitStatus } from '../status.js'
import type { Call, Command } from '../surface.js'
import { voiceOf } from '../voice.js'
import { openWorkspace, takeInventory } from '../workspace.js'

const verbs = { show, diff, check } as const

/** Runs one of the three. */
export const command: Command = async ({ args: [verb = '', ...args], options }, context) => {
  if (!Object.hasOwn(verbs, verb)) {
    const known = Object.keys(verbs)
    const near = didYouMean(verb, known)
    throw new NomadPkiError('ERR_USAGE', `no such thing to do: config ${verb}`, {
      hint: near === undefined ? `there are: ${known.join(', ')}` : `did you mean ${near}?`,
    })
  }
  return verbs[verb as keyof typeof verbs]({ args, options }, context)
}

/** The effective values after Nomad's own merge, each with where it comes from. */
async function show({ args, options }: Call, context: Context): Promise<ExitStatus> {
  const voice = voiceOf(context, options)
  const config = readAgentConfig(await readAll(args, context))
  if (voice.json) voice.document(configDocument(config, args))
  else {
    voice.answer(configText(config, voice.style))
    voice.warn(config.diagnostics)
  }
  return statusOfFindings(asFindings(config.diagnostics), false)
}

/** What Nomad will refuse or silently ignore. */
async function check({ args, options }: Call, context: Context): Promise<ExitStatus> {
  const voice = voiceOf(context, options)
  const nomadVersion = options.nomadVersion
  if (nomadVersion !== undefined && !isVersion(nomadVersion)) {
    throw new NomadPkiError('ERR_USAGE', `not a version: ${JSON.stringify(nomadVersion)}`, {
      hint: 'write it as 1.11.3',
    })
  }
  const files = await readAll(args, context)
  const config = readAgentConfig(files)
  const diagnostics = checkAgentConfig(files, {
    // Which files of a directory count is settled by now.
    kind: 'files',
    nomadVersion,
    named: await namedFiles(config, context),
  })
  if (voice.json) voice.document({ ...configDocument(config, args), diagnostics })
  else if (diagnostics.length > 0) voice.answer(diagnosticsText(diagnostics, voice.style))
  else voice.answer(voice.style.good('Nomad will read this as it is meant'))
  return statusOfFindings(asFindings(diagnostics), options.strict === true)
}

/**
 * The files that the configuration names, as far as this machine has them: where it has none, it is
 * not the agent's machine, and nothing can be said about them.
 */
async function namedFiles(
  { tls }: AgentConfig,
  context: Context,
): Promise<ReadonlyMap<string, NamedFile> | undefined> {
  const named = new Map<string, NamedFile>()
  for (const key of ['ca_file', 'cert_file', 'key_file'] as const) {
    const path = tls[key]?.value
    if (typeof path !== 'string' || path === '') continue
    const mode = await context.mode(path)
    named.set(path, mode === undefined ? { state: 'missing' } : { state: 'present', mode })
  }
  return [...named.values()].some(({ state }) => state === 'present') ? named : undefined
}

/** What `apply` would write. */
async function diff({ args, options }: Call, context: Context): Promise<ExitStatus> {
  const voice = voiceOf(context, options)
  const workspace = await openWorkspace(context, options, voice)
  const { desired } = workspace
  const all = desired.configs.map(({ address }) => address)
  const wanted = args.length === 0 ? all : args.map((text) => resolveAddress(text, all))
  const plan = makePlan(desired, await takeInventory(workspace), { now: context.now() })
  const edits = [...(materialsOf(plan)?.edits ?? [])].filter(([address]) =>
    wanted.includes(address),
  )
  const findings = plan.findings.filter(({ address }) => wanted.includes(address))
  if (voice.json) {
    const changes = edits.map(([address, { path }]) => ({ address, file: path }))
    voice.document({ format: 'nomad-pki/config-diff', version: 1, changes, findings })
  } else {
    const texts = edits.map(([, { path, text, expected }]) =>
      diffText(path, expected && Buffer.from(expected).toString('utf8'), text, voice.style),
    )
    if (findings.length > 0) voice.tell(findingsText(findings, voice.errorStyle, { all: true }))
    if (texts.length > 0) voice.answer(texts.join('\n'))
    else if (!findings.some(({ severity }) => severity === 'error')) {
      voice.answer(voice.style.good('nothing to do'))
    }
  }
  return edits.length > 0 || findings.some(({ severity }) => severity === 'error')
    ? exitStatus.work
    : exitStatus.ok
}

/** Files and directories, in the order given: as Nomad takes several `-config`. */
async function readAll(paths: readonly string[], context: Context): Promise<readonly AgentFile[]> {
  if (paths.length === 0) {
    throw new NomadPkiError('ERR_USAGE', 'whose configuration?', {
      hint: 'name its directory or files, as -config takes them',
    })
  }
  const configs = directoryConfigs(context.cwd)
  const files: AgentFile[] = []
  for (const path of paths) {
    const contents = await configs.read(path)
    if (contents.kind === 'missing') {
      throw new NomadPkiError('ERR_FILE_UNREADABLE', `${path}: no such file or directory`)
    }
    const found = contents.kind === 'directory' ? configFilesOf(contents.files) : contents.files
    if (found.length === 0) {
      throw new NomadPkiError('ERR_FILE_UNREADABLE', `${path}: no *.hcl or *.json in it`)
    }
    // As the user named it: what is told should be what was typed.
    for (const file of found) {
      const named =
        contents.kind === 'directory' ? `${path.replace(/\/+$/, '')}/${file.name}` : path
      files.push({ ...file, path: named })
    }
  }
  return files
}

function asFindings(diagnostics: readonly Diagnostic[]): readonly {
  severity: Diagnostic['severity']
  address: string
  reason: string
  message: string
}[] {
  return diagnostics.map(({ severity, code, message }) => ({
    severity,
    address: '',
    reason: code,
    message,
  }))
}
