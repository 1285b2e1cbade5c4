/**
 * `init`: from the templates, or from the agents that are there, to a spec of one's own, a
 * `.gitignore` for the store, and the store's beginning.
 *
 * @module
 */

import path from 'node:path'
import { surveyAgents } from '../../adoption/survey-agents.js'
import { isName, isRegionName } from '../../address.js'
import { hasErrors } from '../../diagnostics.js'
import { NomadPkiError } from '../../errors.js'
import { authorityText, takeOverPage } from '../../authority/take-over.js'
import { shellQuote } from '../../shell-quote.js'
import type { Certificate } from '../../x509/certificate.js'
import { newSpec, type NewSpec } from '../../cluster/new-spec.js'
import { parseSpec } from '../../cluster/parse.js'
import { isBegun } from '../../inventory/begun.js'
import { directoryStore } from '../../store/directory-store.js'
import { readAgents } from '../agent-files.js'
import { beginStore, hasContent } from '../begin-store.js'
import { packageFile, type Context } from '../context.js'
import { exitStatus, type ExitStatus } from '../status.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { printerOf, type Printer } from '../printer.js'
import { usage } from '../usage.js'
import { defaultSpec, fileFlag, openWorkspace } from '../workspace.js'
import { readIfThere, showWrites, writeFiles, type FileWrite } from '../write.js'

/** Writes over nothing. */
export const command: Command<'init'> = async ({ options }, context) => {
  const printer = printerOf(context, options)
  if (options.newStore === true) return newStore(options, printer, context)
  const file = options.file ?? defaultSpec
  if (await context.exists(file)) {
    throw new NomadPkiError('ERR_FILE_EXISTS', `${file} exists already`, {
      hint: 'to begin anew, move it away; to change the cluster, edit it, or: nomad-pki add; for a new store: nomad-pki init --new-store',
    })
  }
  const template = await readText(context, packageFile(context, 'templates/cluster.yaml'))
  const wanted = clusterOf(options, context)
  const found =
    options.from === undefined ? undefined : await adopted(wanted, options.from, file, context)
  const { text, diagnostics } = newSpec(found?.wanted ?? wanted, template, { file })
  const { spec } = parseSpec(text, { file })
  // What it was told can be wrong (two names that differ in case only); what is written never is.
  if (spec === undefined || hasErrors(diagnostics)) {
    throw new NomadPkiError('ERR_SPEC_INVALID', 'these options do not make a valid spec', {
      diagnostics,
    })
  }
  printer.warn(diagnostics)
  const writes: FileWrite[] = [{ file, text, expected: undefined }]
  const ignored = await ignoreStore(
    context,
    path.join(path.dirname(file), '.gitignore'),
    spec.store,
  )
  if (ignored !== undefined) writes.unshift(ignored)
  if (options.dryRun === true) {
    showWrites(writes, printer)
    return exitStatus.ok
  }
  await writeFiles(context, writes)
  const named = fileFlag(options)
  printer.answer(writes.map((write) => `wrote ${write.file}`).join('\n'))
  const store = directoryStore(path.resolve(path.dirname(context.resolve(file)), spec.store))
  if (await isBegun(store)) {
    printer.tell(`the store ${spec.store} is there, and stays as it is`)
  } else {
    await beginStore(store, spec.cluster, context.now())
    printer.answer(`began ${spec.store}`)
  }
  const [root] = found?.roots ?? []
  printer.tell(
    [
      ...(root === undefined ? [] : ['', ...keepText(found!.roots, options.from ?? [])]),
      '',
      'next:',
      `  edit ${file}: the addresses and names of the nodes`,
      `  nomad-pki plan${named}      what will be made`,
      `  nomad-pki apply${named}     make it`,
      `  nomad-pki verify${named}    prove it`,
    ].join('\n'),
  )
  return exitStatus.ok
}

/** A store for a spec that is there; the spec is only read. */
async function newStore(
  options: Options<'init'>,
  printer: Printer,
  context: Context,
): Promise<ExitStatus> {
  const { store, spec, desired } = await openWorkspace(context, options, printer)
  if (await isBegun(store)) throw hasContent(store)
  if (options.dryRun === true) {
    printer.tell(`dry run: ${spec.store} would be begun; nothing was written`)
    return exitStatus.ok
  }
  await beginStore(store, spec.cluster, context.now())
  printer.answer(`began ${spec.store}`)
  const offline = desired.authorities.find(
    (one) => one.issuer === undefined && one.signer === 'offline',
  )
  if (offline !== undefined) {
    printer.tell(
      `next: nomad-pki authority request ${offline.name}${fileFlag(options)} --out FILE asks for a new authority; every agent of a running cluster must get its root`,
    )
    return exitStatus.ok
  }
  printer.tell(
    `next: nomad-pki apply${fileFlag(options)} makes a new authority; every agent of a running cluster must get its root`,
  )
  return exitStatus.ok
}

/** What keeps a running cluster in one piece. */
function keepText(roots: readonly Certificate[], agents: readonly string[]): readonly string[] {
  return [
    'the agents use an authority already:',
    ...roots.map((root) => `  ${authorityText(root)}`),
    `to keep it, before the first apply, name the folder that holds its certificate and key (${takeOverPage}):`,
    `  nomad-pki adopt FOLDER --agents ${agents.map(shellQuote).join(' ')}`,
  ]
}

/** The nodes, from the configurations of the agents that are there. */
async function adopted(
  wanted: NewSpec,
  paths: readonly string[],
  file: string,
  context: Context,
): Promise<{ readonly wanted: NewSpec; readonly roots: readonly Certificate[] }> {
  const { spec, diagnostics, roots } = surveyAgents(await readAgents(paths, file, context))
  if (hasErrors(diagnostics)) {
    throw new NomadPkiError('ERR_SPEC_INVALID', 'these agents do not make a valid spec', {
      diagnostics,
    })
  }
  return { wanted: { ...wanted, ...spec }, roots }
}

function clusterOf(options: Options<'init'>, context: Context): NewSpec {
  const folder = path.basename(path.dirname(context.resolve(options.file ?? defaultSpec)))
  const cluster = options.cluster ?? (isName(folder) ? folder : 'nomad')
  if (!isName(cluster)) throw initUsage(`--cluster ${JSON.stringify(cluster)}: not a name`)
  const counts = {
    servers: countsOf('servers', options.servers),
    clients: countsOf('clients', options.clients),
    combined: countsOf('combined', options.combined),
  }
  const operators = operatorsOf(options.operator)
  if (options.from !== undefined) return { cluster, operators }
  // Nothing said: the smallest cluster that survives the loss of a server.
  return Object.values(counts).some((regions) => Object.keys(regions).length > 0)
    ? { cluster, ...counts, operators }
    : { cluster, servers: { global: 3 }, clients: { global: 1 }, operators }
}

function countsOf(flag: string, texts: readonly string[] = []): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const text of texts) {
    const { region = '', digits = '' } =
      /^(?<region>[^=]*)=(?<digits>[0-9]{1,6})$/.exec(text)?.groups ?? {}
    const count = Number(digits)
    if (region !== '' && count === 0) {
      throw initUsage(
        `--${flag} ${JSON.stringify(text)}: at least 1`,
        `leave --${flag} ${region}=0 out where there are none`,
      )
    }
    if (region === '' || count < 1) {
      throw initUsage(
        `--${flag} ${JSON.stringify(text)}: not REGION=COUNT`,
        `write --${flag} global=3`,
      )
    }
    if (!isRegionName(region)) {
      throw initUsage(
        `--${flag} ${JSON.stringify(text)}: not a region's name`,
        'letters, digits, ".", "_" and "-", at most 51',
      )
    }
    if (counts.has(region)) throw initUsage(`--${flag}: ${region} is named twice`)
    counts.set(region, count)
  }
  return Object.fromEntries(counts)
}

function operatorsOf(names: readonly string[] = []): readonly string[] {
  for (const name of names) {
    if (!isName(name)) {
      throw initUsage(
        `--operator ${JSON.stringify(name)}: not a name`,
        'letters, digits, ".", "_" and "-", at most 63',
      )
    }
  }
  return [...new Set(names)]
}

/** The `.gitignore` with a line for the store; `undefined` where it has one already. */
export async function ignoreStore(
  context: Context,
  file: string,
  store: string,
): Promise<FileWrite | undefined> {
  const expected = await readIfThere(context, file)
  const before = expected === undefined ? '' : Buffer.from(expected).toString('utf8')
  const line = `/${store.replace(/^\.\//, '').replace(/\/+$/, '')}/`
  if (before.split(/\r?\n/).includes(line)) return undefined
  const newline = before.includes('\r\n') ? '\r\n' : '\n'
  const gap = before === '' || before.endsWith('\n') ? '' : newline
  const text = `${before}${gap}# private keys: nomad-pki's store${newline}${line}${newline}`
  return { file, text, expected }
}

async function readText(context: Context, file: string): Promise<string> {
  return Buffer.from(await context.readFile(file)).toString('utf8')
}

function initUsage(message: string, hint = 'see: nomad-pki init --help'): NomadPkiError {
  return usage(message, hint)
}
