/**
 * Installs an archive on the node it was packed for. The work is done by `templates/install.sh`, as
 * it would be without us; around it are the checks that a shell can't make, and the proof:
 *
 * ```text
 * prepare   fingerprint, archive, pair, chain, the same authority, the stanza: what a shell can't judge
 * place     install.sh: place, switch                      (and reload, where the stanza stays as it is)
 * stanza    written, and only then reload; or not, where the change needs a restart
 * prove     a handshake shows the new generation; the old one: back; no answer: not proven
 * ```
 *
 * @module
 */

import { parseAddress } from '../address.js'
import { planTlsEdit, type TlsEditPlan, type TlsValues } from '../agent/index.js'
import { tlsFilesIn } from '../agent/tls-keys.js'
import { hasErrors } from '../diagnostics.js'
import { NomadPkiError } from '../errors.js'
import { nodeFiles } from '../files/files.js'
import { openToOthers } from '../files/open-way.js'
import type { Configs, ConfigWrite } from '../inventory/configs.js'
import { keyFingerprint } from '../keys/fingerprint.js'
import { isAgent } from '../nomad/roles.js'
import type { Override } from '../overrides.js'
import { shellQuote } from '../shell-quote.js'
import { runInstaller, type InstallerRun } from './installer.js'
import { judgeArchive, judgeReturn, readQuietly } from './judge.js'
import {
  heldKey,
  readCurrent,
  readGeneration,
  readLast,
  type LastGeneration,
  type NodeGeneration,
} from './node.js'
import { prove, type Proof, type ProveOptions } from './proof.js'
import { forAgentsAlone, readArchive, type Archive } from './read-archive.js'
import { unpacked } from './unpack.js'

/** What an installation is about. */
export interface InstallRequest {
  /** Path of `templates/install.sh`: this package's own, never the archive's. */
  readonly script: string
  /** Absolute path of the directory with the link `current`. */
  readonly tls: string
  /** A process, a unit of systemd, or `none`. */
  readonly reload: string
  /** Restart the unit: a machine's, which reads its files at its start alone. Default: reload it. */
  readonly restart?: boolean | undefined
  readonly owner?: string | undefined
  /** Go on although the last switch was never proven; on the way back: return from it. Default: no. */
  readonly giveUp?: boolean | undefined
  /** Guards that were overridden; those that were needed are noted in the receipt. */
  readonly overrides?: readonly Override[] | undefined
  /** Where the agent listens, to prove what it loaded; absent: nothing is proven. */
  readonly probe?: { readonly host: string; readonly port: number } | undefined
  /** Epoch milliseconds. */
  readonly now: number
  readonly prove?: ProveOptions | undefined
  /** Ends it; what is in place then is whole, and the same goes on. */
  readonly signal?: AbortSignal | undefined
  /** Seconds: how old a process must be before it is signalled (default: 15), and watched after (5). */
  readonly pace?: { readonly settle: number; readonly watch: number } | undefined
}

/** An archive that may be installed here. */
export interface PreparedInstall {
  readonly archive: Archive
  /** The archive's bytes as they were checked: the file may have changed since. */
  readonly bytes: Uint8Array
  readonly present: NodeGeneration | undefined
  /** The key that the node holds, for an archive without one. */
  readonly keyFile: string | undefined
  /** What to write into the configuration; `undefined`: nothing, or it was not asked for. */
  readonly edit: { readonly plan: TlsEditPlan; readonly write: ConfigWrite } | undefined
  readonly warnings: readonly string[]
}

/** How an installation ended. */
export interface InstallOutcome {
  /** `3-9f2c41ab`, what is in place now. */
  readonly directory: string
  /**
   * `reloaded`: this run told the agent to load it. `placed`: the agent was not told. `unchanged`: it was
   * in place, and an earlier run told the agent. `restart`: the change of the stanza needs one. `back`: the
   * agent still showed the old generation.
   */
  readonly state:
    'proven' | 'reloaded' | 'placed' | 'unchanged' | 'unloaded' | 'unproven' | 'restart' | 'back'
  readonly proof: Proof | undefined
  /** The installer's own lines, for people. */
  readonly said: readonly string[]
}

/**
 * Looks at everything that a shell can't judge; changes nothing. The rest, such as another node's archive,
 * an older one, or a process that is not there, is refused by the installer before it changes anything.
 *
 * @param bytes The archive.
 * @param request What and where; `fingerprint`: SHA-256 that the archive must have; `config`: the agent's
 *   configuration, as `-config` takes it.
 * @param configs Reads the configuration.
 * @throws {NomadPkiError} `ERR_ARCHIVE_INVALID`, `ERR_INSTALL_REFUSED`, `ERR_CONFIG_INVALID`; `ERR_USAGE` for
 *   what only an agent has, and the archive is for a machine.
 */
export async function prepareInstall(
  bytes: Uint8Array,
  request: Pick<InstallRequest, 'tls' | 'now' | 'overrides' | 'probe'> & {
    readonly fingerprint?: string | undefined
    readonly config?: string | undefined
  },
  configs: Configs,
): Promise<PreparedInstall> {
  const archive = readArchive(bytes)
  const more = forAgentsAlone(archive, request)
  if (more !== undefined) throw more
  const wanted = request.fingerprint?.toLowerCase().replace(/^sha256:|:/g, '')
  if (wanted !== undefined && wanted !== archive.fingerprint) {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      `the fingerprint of the archive is ${archive.fingerprint}, not ${wanted}`,
      { hint: 'compare with what pack printed' },
    )
  }
  const present = readCurrent(request.tls)
  const last = readLast(request.tls)
  const held = keyOnNode(archive, last, request.tls)
  const { faults, warnings } = judgeArchive(
    archive,
    last,
    request.now,
    request.overrides,
    held?.key,
  )
  if (faults.length > 0) {
    throw new NomadPkiError('ERR_INSTALL_REFUSED', faults.join('; '), {
      address: archive.manifest.address,
      hint: 'nothing was changed',
    })
  }
  const edit =
    request.config === undefined
      ? undefined
      : await planEdit(archive, request.tls, request.config, configs)
  return { archive, bytes, present, keyFile: held?.file, edit, warnings }
}

/** The key for an archive without one, or why there is none. */
function keyOnNode(
  { files, manifest }: Archive,
  { present }: LastGeneration,
  tls: string,
):
  | { readonly file: string | undefined; readonly key: Parameters<typeof judgeArchive>[4] }
  | undefined {
  if (files.key !== undefined) return undefined
  const [leaf] = readQuietly(files.cert ?? present?.cert)
  if (leaf === undefined) return undefined
  const { directory, address } = manifest
  const { found, others } = heldKey(tls, directory, leaf.publicKey)
  if (found !== undefined) return { file: found.file, key: found.bytes }
  const missing = `the archive has no key, and the key of its certificate (${keyFingerprint(leaf.publicKey)}) is not on this node: ${others.join('; ')}. If it is lost, ask with a new one: nomad-pki request ${address} --tls ${shellQuote(tls)}; then sign and pack it again`
  return { file: undefined, key: { missing } }
}

/**
 * Goes through the checks that the installer makes itself; changes nothing.
 *
 * @param prepared From {@link prepareInstall}.
 * @returns What it would do: its lines, for people.
 * @throws {NomadPkiError} `ERR_INSTALL_REFUSED`, `ERR_INSTALL_FAILED`.
 */
export async function rehearseInstall(
  { archive, bytes, edit, keyFile }: PreparedInstall,
  request: InstallRequest,
): Promise<readonly string[]> {
  // Where the agent must be restarted it is not told anything.
  const reload = edit !== undefined && edit.plan.restart.length > 0 ? 'none' : request.reload
  return unpacked(archive, bytes, async (folder, file) => {
    const flags = [...flagsOf(request), ...keyFlags(keyFile), '--verified', '--archive', file]
    const args = [...flags, '--reload', reload, '--dry-run']
    return (await runInstaller(request.script, folder, args)).said
  })
}

/**
 * Installs a prepared archive.
 *
 * @param prepared From {@link prepareInstall}.
 * @param request What and where.
 * @param configs Writes the configuration.
 * @throws {NomadPkiError} `ERR_INSTALL_REFUSED`, `ERR_INSTALL_FAILED`, `ERR_CONFIG_CHANGED`, `ERR_INTERRUPTED`.
 */
export async function install(
  prepared: PreparedInstall,
  request: InstallRequest,
  configs: Configs,
): Promise<InstallOutcome> {
  const { archive, bytes, edit, present, keyFile } = prepared
  const { directory } = archive.manifest
  const flags = [...flagsOf(request), '--verified']
  return unpacked(archive, bytes, async (folder, file) => {
    // The second run finds the key where the first one put it.
    const keyAt = (): string | undefined =>
      keyFile === undefined || nodeFiles.lstat(keyFile) !== undefined
        ? keyFile
        : `${request.tls}/${directory}/key.pem`
    const run = (reload: string, more: readonly string[]): ReturnType<typeof runInstaller> =>
      runInstaller(
        request.script,
        folder,
        [...flags, ...keyFlags(keyAt()), ...['--archive', file, '--reload', reload], ...more],
        request.signal,
      )
    const said: string[] = []
    if (edit !== undefined) {
      // Files before the configuration that names them. The receipt says `switched` until the agent was told:
      // killed in between, the same command still tells it.
      said.push(...(await run('none', ['--hold', '--untold'])).said)
      await configs.write([edit.write])
      if (edit.plan.restart.length > 0)
        return { directory, state: 'restart', proof: undefined, said }
    }
    const ended = await run(request.reload, request.probe === undefined ? [] : ['--hold'])
    said.push(...ended.said)
    if (ended.state === 'unloaded') {
      return { directory, state: ended.state, proof: undefined, said }
    }
    return conclude(request, folder, ended, { directory, before: present, mayReturn: true }, said)
  })
}

/** A way back that may be gone. */
export interface PreparedReturn {
  readonly present: NodeGeneration
  /** `2-0be1d7c5`, where it goes back to. */
  readonly directory: string
  /** What the installer says that it would do, and what was overridden: lines, for people. */
  readonly said: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * Finds the generation before the present one, and everything that speaks against it; changes nothing.
 *
 * @throws {NomadPkiError} `ERR_INSTALL_REFUSED`
 */
export async function prepareReturn(request: InstallRequest): Promise<PreparedReturn> {
  const { tls, now, overrides } = request
  const { report, said } = await runInstaller(request.script, anywhere, [
    ...returnFlags(request),
    '--dry-run',
  ])
  if (report.before === undefined || report.wanted === undefined) {
    throw new NomadPkiError(
      'ERR_INTERNAL',
      'the installer did not name the generation to go back to',
    )
  }
  const present = readGeneration(tls, report.before)
  const back = readGeneration(tls, report.wanted)
  const { faults, warnings } = judgeReturn(present, back, now, overrides)
  if (faults.length > 0) throw new NomadPkiError('ERR_INSTALL_REFUSED', faults.join('; '))
  return { present, directory: back.directory, said, warnings }
}

/** Goes back to the generation before the present one, if it still fits. */
export async function goBack(request: InstallRequest): Promise<InstallOutcome> {
  const { present, directory, warnings } = await prepareReturn(request)
  const hold = request.probe === undefined ? [] : ['--hold']
  const args = [...returnFlags(request), ...hold]
  const run = await runInstaller(request.script, anywhere, args, request.signal)
  const { state } = run
  const said = [...warnings.map((warning) => `warning: ${warning}`), ...run.said]
  if (state === 'unloaded') return { directory, state, proof: undefined, said }
  return conclude(request, anywhere, run, { directory, before: present, mayReturn: false }, said)
}

/** The folder does not count where nothing is unpacked. */
const anywhere = '/'

function returnFlags(request: InstallRequest): readonly string[] {
  return [...flagsOf(request), '--verified', '--rollback', '--reload', request.reload]
}

async function conclude(
  request: InstallRequest,
  folder: string,
  { report }: InstallerRun,
  {
    directory,
    before,
    mayReturn,
  }: {
    readonly directory: string
    readonly before: NodeGeneration | undefined
    readonly mayReturn: boolean
  },
  said: readonly string[],
): Promise<InstallOutcome> {
  const { script, tls, reload, probe } = request
  const unseen =
    report.agent === 'told' ? 'reloaded' : report.state === 'switched' ? 'placed' : 'unchanged'
  if (probe === undefined) return { directory, state: unseen, proof: undefined, said }
  const now = readGeneration(tls, directory)
  const old = before?.directory === directory ? undefined : before
  const proof = await prove(probe, now, old, { signal: request.signal, ...request.prove })
  const settle = (how: '--proven' | '--settled'): ReturnType<typeof runInstaller> =>
    runInstaller(script, folder, ['--tls', tls, how])
  switch (proof.state) {
    case 'proven':
      await settle('--proven')
      return { directory, state: 'proven', proof, said }
    case 'unobservable':
      // Nothing will ever show more than this: the receipt must do.
      if (unseen !== 'placed') await settle('--settled')
      return { directory, state: unseen, proof, said }
    case 'old': {
      // It was not told to load anything, so it is not at fault.
      if (reload === 'none' || !mayReturn) return { directory, state: 'unproven', proof, said }
      const back = await runInstaller(script, folder, [
        ...['--tls', tls, '--verified', '--rollback', '--reload', 'none'],
      ])
      await settle('--proven')
      return {
        directory: back.report.generation ?? directory,
        state: 'back',
        proof,
        said: [...said, ...back.said],
      }
    }
    default:
      return { directory, state: 'unproven', proof, said }
  }
}

function keyFlags(keyFile: string | undefined): readonly string[] {
  return keyFile === undefined ? [] : ['--key', keyFile]
}

function flagsOf(request: InstallRequest): readonly string[] {
  const { tls, owner, pace, overrides = [] } = request
  return [
    ...['--tls', tls],
    ...(request.giveUp === true ? ['--give-up'] : []),
    ...(request.restart === true ? ['--restart'] : []),
    ...overrides.flatMap(({ code, value, reason }) => [
      ...['--override', `${code}=${value}`],
      ...['--reason', reason],
    ]),
    ...(owner === undefined ? [] : ['--owner', owner]),
    ...(pace === undefined ? [] : ['--settle', `${pace.settle}`, '--watch', `${pace.watch}`]),
  ]
}

/** The stanza, with the place that is meant here. */
function stanzaFor({ manifest }: Archive, tls: string): TlsValues {
  return { ...manifest.stanza, ...tlsFilesIn(tls) }
}

async function planEdit(
  archive: Archive,
  tls: string,
  config: string,
  configs: Configs,
): Promise<PreparedInstall['edit']> {
  const found = await configs.read(config)
  if (found.kind === 'missing') {
    throw new NomadPkiError('ERR_INSTALL_REFUSED', `there is no configuration at ${found.location}`)
  }
  const address = parseAddress(archive.manifest.address)
  const plan = planTlsEdit(found.files, stanzaFor(archive, tls), {
    kind: found.kind === 'directory' ? 'directory' : 'files',
    location: found.location,
    ...(address.kind === 'identity' && isAgent(address.role)
      ? { region: address.region, role: address.role }
      : {}),
  })
  if (hasErrors(plan.diagnostics)) {
    throw new NomadPkiError('ERR_CONFIG_INVALID', `${found.location} can't receive the stanza`, {
      diagnostics: plan.diagnostics,
      hint: 'nothing was changed',
    })
  }
  if (!plan.changed) return undefined
  const open = openToOthers(nodeFiles, plan.file)
  if (open !== undefined) {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      `${open.who} can change ${open.path}, and root does not write where another user can put a link: name the file behind it, or chown root '${open.path}' && chmod go-w '${open.path}'`,
      { hint: 'nothing was changed' },
    )
  }
  const expected = found.files.find(({ path }) => path === plan.file)?.bytes
  return { plan, write: { path: plan.file, text: plan.after, expected } }
}
