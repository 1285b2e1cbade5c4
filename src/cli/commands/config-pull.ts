/**
 * `config pull`: copies of the configurations that agents have on their hosts.
 *
 * @module
 */

import path from 'node:path'
import { resolveAddress } from '../../address.js'
import { hiddenSpans } from '../../agent/index.js'
import type { DesiredConfig } from '../../cluster/desired.js'
import { isNomadPkiError, NomadPkiError } from '../../errors.js'
import { isAgent } from '../../nomad/roles.js'
import { nodeFiles } from '../../files/files.js'
import type { Hosts } from '../../hosts/host.js'
import { sshHosts } from '../../hosts/ssh-hosts.js'
import { diffText } from '../../report/diff.js'
import { printable } from '../../report/style.js'
import { readConfigScript, readHostConfig } from '../../rollout/config-scripts.js'
import { identityHost } from '../../rollout/destinations.js'
import { inParallel } from '../../in-parallel.js'
import { formatPulled, planPull, type PullStep } from '../../rollout/pulled.js'
import { sha256 } from '../../sha256.js'
import { refuseTrackedCopy, writeCopy } from '../../store/config-copies.js'
import type { Command } from '../command.js'
import { copyOf } from '../config-copy.js'
import { printerOf, type Printer } from '../printer.js'
import { exitStatus, type ExitStatus } from '../status.js'
import { openWorkspace, type Workspace } from '../workspace.js'

/** Exits 0 if all copies are as their hosts have them, or were edited here alone; 2 if both sides changed; 1 if a host failed. */
export const command: Command<'config pull'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const { spec, desired } = workspace
  const all = desired.configs.filter(({ host }) => host !== undefined)
  const configured = new Set(desired.configs.map(({ identity }) => identity))
  const without = desired.identities.flatMap(({ address, profile }) =>
    isAgent(profile.role) && !configured.has(address) ? [address] : [],
  )
  const addresses = [...desired.configs.map(({ address }) => address), ...without]
  const named = new Set(args.map((text) => resolveAddress(text, addresses)))
  const wanted = named.size === 0 ? all : all.filter(({ address }) => named.has(address))
  const local =
    desired.configs.find((one) => named.has(one.address) && one.host === undefined)?.address ??
    without.find((address) => named.has(address))
  if (local !== undefined || wanted.length === 0) {
    throw new NomadPkiError(
      'ERR_USAGE',
      local === undefined
        ? 'the spec does not say where a host has its configuration'
        : `the spec does not say where the host of ${local} has its configuration`,
      { hint: 'write at the node: config: { host: /etc/nomad.d, copy: agents/NAME }' },
    )
  }
  // Before a host is asked: its secrets must have a place.
  for (const config of wanted) {
    const { place, copy } = copyOf(config, workspace)
    await refuseTrackedCopy(place, copy.kind === 'file' || isFileName(config))
  }
  const hosts = sshHosts({ ...spec.node.ssh, env: context.env })
  const hostOf = identityHost(spec, desired)
  const signal = context.onInterrupt(() => {
    printer.tell('interrupted: no further host is asked')
  })
  const results = new Map<string, Pull>()
  try {
    await inParallel(wanted, 8, async (config) => {
      if (signal.aborted) return
      const destination = hostOf(config.identity)
      const pulling = pull(config, destination, hosts, workspace, options.dryRun === true, signal)
      results.set(config.address, await pulling.catch(unlessInterrupted))
    })
  } finally {
    await hosts.end()
  }
  if (signal.aborted) throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted between two hosts')
  for (const { address, paths } of wanted) {
    tell(address, paths[0]!, results.get(address)!, options.dryRun === true, printer)
  }
  return statusOf([...results.values()], options.dryRun === true, printer)
}

type Pull =
  | {
      readonly state: 'done'
      readonly steps: readonly PullStep[]
      /** Of conflicts: what is here and what the host has. */
      readonly both: ReadonlyMap<
        string,
        { readonly here: string; readonly there: string | undefined }
      >
    }
  | { readonly state: 'failed'; readonly message: string; readonly remedy?: string | undefined }

/** A copy that cannot be written does not keep the others from it, and what was written of them is told. */
function unlessInterrupted(error: unknown): Pull {
  if (!isNomadPkiError(error) || error.code === 'ERR_INTERRUPTED') throw error
  return { state: 'failed', message: error.message, remedy: error.hint }
}

async function pull(
  config: DesiredConfig,
  destination: string | false | undefined,
  hosts: Hosts,
  workspace: Workspace,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<Pull> {
  const failed = (message: string, remedy?: string): Pull => ({ state: 'failed', message, remedy })
  if (destination === false) {
    return failed(
      'the spec says ssh: false of its host',
      'copy its files by hand, and write config: PATH',
    )
  }
  if (destination === undefined)
    return failed('nothing says where ssh reaches its host', 'write ssh: at the node')
  const from = config.host!
  const answer = await hosts.at(destination).run(readConfigScript(from), { signal })
  if (!answer.reached) {
    return failed(
      `its host ${destination} was not reached by ssh: ${answer.message}`,
      answer.remedy,
    )
  }
  const found = readHostConfig(answer.stdout, from)
  if (found.state === 'refused') return failed(`${destination}: ${found.message}`, found.remedy)
  const { place, copy, pulled } = copyOf(config, workspace)
  if (copy.kind !== 'missing' && copy.kind !== found.kind) {
    return failed(
      `${from} is a ${found.kind}, and ${config.paths[0]!} is a ${copy.kind}`,
      'name another place as copy:',
    )
  }
  // The copy of a file has the name that the spec gives it.
  const there =
    found.kind === 'directory'
      ? found.files
      : new Map([[path.basename(place), [...found.files.values()][0]!]])
  const steps = planPull(there, copy.files, pulled)
  const both = new Map(
    steps.flatMap(({ name, action }) => {
      if (action !== 'conflict') return []
      const other = there.get(name)
      const texts = { here: textOf(copy.files.get(name)!), there: other && textOf(other) }
      return [[name, texts] as const]
    }),
  )
  if (!dryRun && both.size === 0) {
    const taken = steps.filter(({ action }) => action === 'take')
    await writeCopy(nodeFiles, place, copy, {
      kind: found.kind,
      files: new Map(taken.map(({ name }) => [name, there.get(name)!])),
      gone: steps.flatMap(({ name, action }) => (action === 'gone' ? [name] : [])),
      record: formatPulled({
        ...{ path: from, kind: found.kind },
        sums: new Map([...there].map(([name, bytes]) => [name, sha256(bytes)])),
      }),
    })
  }
  return { state: 'done', steps, both }
}

function tell(address: string, place: string, one: Pull, dryRun: boolean, printer: Printer): void {
  const { style } = printer
  if (one.state === 'failed') {
    printer.report(
      `${address}: ${one.message}${one.remedy === undefined ? '' : `\n  fix: ${one.remedy}`}`,
    )
    return
  }
  const listed = one.steps.map(({ name, action }) => `${name} ${words[action]}`).join(', ')
  const line = printable(`${address}: ${listed === '' ? 'no file' : listed}`)
  printer.answer(one.both.size > 0 ? style.bad(line) : line)
  for (const [name, { here, there }] of one.both) {
    const file = path.basename(place) === name ? place : `${place}/${name}`
    printer.answer(
      diffText(file, there ?? '', here, style, { hide: (text) => hiddenSpans(text, 'secrets') }),
    )
    printer.answer(
      printable(
        `${style.faint('fix:')} - is on the host, + is here: move ${file} away to take the host's, then: nomad-pki config pull ${address}`,
      ),
    )
  }
  if (one.both.size > 0 && !dryRun) printer.answer(`nothing of ${address} was written`)
}

const words: Readonly<Record<PullStep['action'], string>> = {
  take: 'is taken',
  gone: 'is gone there, and is removed here',
  same: 'is the same',
  keep: 'was edited here: it stays',
  conflict: 'was changed here and on the host',
}

function statusOf(all: readonly Pull[], dryRun: boolean, printer: Printer): ExitStatus {
  const done = all.filter((one) => one.state === 'done')
  const open = done.filter(
    ({ both, steps }) =>
      both.size > 0 ||
      (dryRun && steps.some(({ action }) => action === 'take' || action === 'gone')),
  )
  if (dryRun) printer.tell('dry run: nothing was written')
  if (done.length < all.length) return exitStatus.error
  return open.length > 0 ? exitStatus.work : exitStatus.ok
}

function isFileName({ host }: DesiredConfig): boolean {
  return /\.(hcl|json)$/.test(host ?? '')
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8')
}
