/**
 * `config`: an agent's configuration as Nomad will read it; `show` and `check` need no spec.
 *
 * @module
 */

import {
  checkAgentConfig,
  checkGossip,
  readAgentConfig,
  type AgentConfig,
  type CheckAgentConfigOptions,
  type CheckTlsOptions,
  type NamedAgent,
} from '../../agent/index.js'
import { resolveAddress } from '../../address.js'
import { type Diagnostic } from '../../diagnostics.js'
import { isNomadPkiError } from '../../errors.js'
import { isVersion } from '../../nomad/versions.js'
import { makePlan } from '../../plan/make-plan.js'
import { configDocument, configsDocument, configText } from '../../report/config.js'
import { diagnosticsText, findingsText } from '../../report/diagnostics.js'
import { configDiff } from '../../report/diff.js'
import type { Document } from '../../report/json.js'
import { parseSpec } from '../../cluster/parse.js'
import { configPathsOf, readAgentFiles } from '../agent-files.js'
import { agentUser } from '../agent-user.js'
import type { Context } from '../context.js'
import { foreignFound } from '../look-beside.js'
import { namedFiles } from '../named-files.js'
import { exitStatus, statusOfFindings } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { printerOf } from '../printer.js'
import { usage } from '../usage.js'
import { openWorkspace, readSpec, takeInventory } from '../workspace.js'

/** The effective values after Nomad's own merge, each with where it comes from. */
export const show: Command<'config show'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const config = readAgentConfig((await readAgentFiles(args, context)).files)
  if (printer.json) printer.document(configDocument(config, args))
  else {
    printer.answer(configText(config, printer.style))
    printer.warn(config.diagnostics)
  }
  return statusOfFindings(asFindings(config.diagnostics), false)
}

/** What Nomad will refuse or silently ignore. */
export const check: Command<'config check'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const { nomadVersion, transport } = await clusterOf(options, context)
  const diagnostics: Diagnostic[] = []
  const agents: NamedAgent[] = []
  const documents: Document[] = []
  for (const name of args.length === 0 ? [''] : args) {
    const paths = name === '' ? [] : await configPathsOf(name, context)
    const { files, folders } = await readAgentFiles(paths, context)
    const config = readAgentConfig(files)
    agents.push({ name, config })
    const found = checkAgentConfig(files, {
      // The files that count in a directory are already chosen.
      kind: 'files',
      ...{ nomadVersion, transport },
      ...(await namedBy(config, folders, options, context)),
    })
    diagnostics.push(...found)
    documents.push({ ...configDocument(config, paths), diagnostics: found })
  }
  const together = checkGossip(agents)
  diagnostics.push(...together)
  if (printer.json) {
    // A list even of one would be another document than the one that scripts have.
    const [first, ...more] = documents
    printer.document(more.length === 0 ? first! : configsDocument(documents, together))
  }
  if (printer.json) return statusOfFindings(asFindings(diagnostics), options.strict === true)
  if (diagnostics.length > 0) printer.answer(diagnosticsText(diagnostics, printer.style))
  else printer.answer(printer.style.good('nothing found that Nomad would refuse or ignore'))
  return statusOfFindings(asFindings(diagnostics), options.strict === true)
}

/**
 * What the spec in this folder says of the cluster, if there is one, so that `plan` and `config check` judge
 * alike; the version of Nomad is the option's before it.
 *
 * @throws {NomadPkiError} `ERR_USAGE`
 */
async function clusterOf(
  options: Options<'config check'>,
  context: Context,
): Promise<Pick<CheckTlsOptions, 'nomadVersion' | 'transport'>> {
  const given = options.nomadVersion
  if (given !== undefined && !isVersion(given)) {
    throw usage(`not a version: ${JSON.stringify(given)}`, 'write it as 1.11.3')
  }
  try {
    const { spec } = parseSpec((await readSpec(context, options)).text)
    return { nomadVersion: given ?? spec?.nomadVersion, transport: spec?.transport }
  } catch (error) {
    // A configuration is checked without a spec too, on its node for example.
    if (isNomadPkiError(error)) return { nomadVersion: given }
    throw error
  }
}

/** What is known of the files that the configuration names, and the user that is to read them. */
async function namedBy(
  config: AgentConfig,
  folders: readonly string[],
  options: Options<'config check'>,
  context: Context,
): Promise<CheckAgentConfigOptions> {
  const given = options.user === undefined ? undefined : await agentUser(options.user, context)
  const { found, here } = namedFiles(config, folders, context.now())
  // --user means that this is the machine of the agent.
  const isHere = here || given !== undefined
  const foreign = { found: foreignFound(config, folders, isHere), at: context.now() }
  if (!isHere) return { elsewhere: found.size > 0, foreign }
  const owner = found.get('key_file')?.permissions
  const user =
    given ??
    (owner === undefined
      ? undefined
      : { ...(await agentUser(String(owner.uid), context)), assumed: true })
  return { named: found, user, foreign }
}

/** What `apply` would write. */
export const diff: Command<'config diff'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const { desired } = workspace
  const all = desired.configs.map(({ address }) => address)
  const wanted = args.length === 0 ? all : args.map((text) => resolveAddress(text, all))
  const { plan, materials } = makePlan(desired, await takeInventory(workspace), {
    now: context.now(),
  })
  const edits = [...materials.edits].filter(([address]) => wanted.includes(address))
  const findings = plan.findings.filter(({ address }) => wanted.includes(address))
  if (printer.json) {
    const changes = edits.map(([address, { path }]) => ({ address, file: path }))
    printer.document({ format: 'nomad-pki/config-diff', version: 1, changes, findings })
  } else {
    const texts = edits.map(([, { path, text, expected }]) =>
      configDiff(path, expected && Buffer.from(expected).toString('utf8'), text, printer.style),
    )
    if (findings.length > 0) printer.tell(findingsText(findings, printer.errorStyle, { all: true }))
    if (texts.length > 0) printer.answer(texts.join('\n'))
    else if (!findings.some(({ severity }) => severity === 'error')) {
      printer.answer(printer.style.good('nothing to do'))
    }
  }
  return edits.length > 0 || findings.some(({ severity }) => severity === 'error')
    ? exitStatus.work
    : exitStatus.ok
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
