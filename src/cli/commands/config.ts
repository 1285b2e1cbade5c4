/**
 * `config`: an agent's configuration as Nomad will read it; `show` and `check` need no spec.
 *
 * @module
 */

import { dirname } from 'node:path'
import {
  checkAgentConfig,
  configFilesOf,
  readAgentConfig,
  type AgentConfig,
  type AgentFile,
  type CheckTlsOptions,
} from '../../agent/index.js'
import { resolveAddress } from '../../address.js'
import { type Diagnostic } from '../../diagnostics.js'
import { isNomadPkiError, NomadPkiError } from '../../errors.js'
import { isVersion } from '../../nomad/versions.js'
import { makePlan, materialsOf } from '../../plan/make-plan.js'
import { configDocument, configText } from '../../report/config.js'
import { diagnosticsText, findingsText } from '../../report/diagnostics.js'
import { configDiff } from '../../report/diff.js'
import { parseSpec } from '../../spec/parse.js'
import { directoryConfigs } from '../../store/directory-configs.js'
import { agentUser } from '../agent-user.js'
import type { Context } from '../context.js'
import { namedFiles } from '../named-files.js'
import { exitStatus, statusOfFindings, type ExitStatus } from '../status.js'
import type { Call, Options } from '../command.js'
import { voiceOf } from '../voice.js'
import { openWorkspace, readSpec, takeInventory } from '../workspace.js'

/** The effective values after Nomad's own merge, each with where it comes from. */
export async function show({ args, options }: Call, context: Context): Promise<ExitStatus> {
  const voice = voiceOf(context, options)
  const config = readAgentConfig((await readAll(args, context)).files)
  if (voice.json) voice.document(configDocument(config, args))
  else {
    voice.answer(configText(config, voice.style))
    voice.warn(config.diagnostics)
  }
  return statusOfFindings(asFindings(config.diagnostics), false)
}

/** What Nomad will refuse or silently ignore. */
export async function check({ args, options }: Call, context: Context): Promise<ExitStatus> {
  const voice = voiceOf(context, options)
  const nomadVersion = await nomadVersionOf(options, context)
  const { files, folders } = await readAll(args, context)
  const config = readAgentConfig(files)
  const diagnostics = checkAgentConfig(files, {
    // Which files of a directory count is settled by now.
    kind: 'files',
    nomadVersion,
    ...(await namedBy(config, folders, options, context)),
  })
  if (voice.json) voice.document({ ...configDocument(config, args), diagnostics })
  else if (diagnostics.length > 0) voice.answer(diagnosticsText(diagnostics, voice.style))
  else voice.answer(voice.style.good('Nomad will read this as it is meant'))
  return statusOfFindings(asFindings(diagnostics), options.strict === true)
}

/**
 * The version of Nomad that is meant: the option's, else that of the spec in this folder, if there is
 * one, so that `plan` and `config check` judge alike.
 *
 * @throws {NomadPkiError} `ERR_USAGE`
 */
async function nomadVersionOf(options: Options, context: Context): Promise<string | undefined> {
  const given = options.nomadVersion
  if (given !== undefined) {
    if (isVersion(given)) return given
    throw new NomadPkiError('ERR_USAGE', `not a version: ${JSON.stringify(given)}`, {
      hint: 'write it as 1.11.3',
    })
  }
  try {
    return parseSpec((await readSpec(context, options)).text).spec?.nomadVersion
  } catch (error) {
    // A configuration is checked without a spec too, on its node for example.
    if (isNomadPkiError(error)) return undefined
    throw error
  }
}

/** What is known of the files that the configuration names, and who is to read them. */
async function namedBy(
  config: AgentConfig,
  folders: readonly string[],
  options: Options,
  context: Context,
): Promise<CheckTlsOptions> {
  const given = options.user === undefined ? undefined : await agentUser(options.user, context)
  const { found, here } = namedFiles(config, folders, context.now())
  // Whoever says who the agent is means this machine.
  if (!here && given === undefined) return { elsewhere: found.size > 0 }
  const owner = found.get('key_file')?.permissions
  const user =
    given ??
    (owner === undefined
      ? undefined
      : { ...(await agentUser(String(owner.uid), context)), assumed: true })
  return { named: found, user }
}

/** What `apply` would write. */
export async function diff({ args, options }: Call, context: Context): Promise<ExitStatus> {
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
      configDiff(path, expected && Buffer.from(expected).toString('utf8'), text, voice.style),
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
async function readAll(
  paths: readonly string[],
  context: Context,
): Promise<{ readonly files: readonly AgentFile[]; readonly folders: readonly string[] }> {
  const configs = directoryConfigs(context.cwd)
  const files: AgentFile[] = []
  const folders: string[] = []
  for (const path of paths) {
    const contents = await configs.read(path)
    folders.push(contents.kind === 'directory' ? contents.location : dirname(contents.location))
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
      files.push({ ...file, path: named, named: contents.kind === 'file' })
    }
  }
  return { files, folders }
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
