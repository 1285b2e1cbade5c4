/**
 * The scripts that a rollout runs on a host, and what they answer. Each brings what it needs with it, in
 * itself: the archive, or the installer alone. All work is done by `templates/install.sh`.
 *
 * @module
 */

import { readPorcelain, type InstallerLine } from '../delivery/porcelain.js'
import type { MachinePlace } from '../cluster/spec.js'
import type { Override } from '../overrides.js'
import { shellQuote } from '../shell-quote.js'
import { boundedLine, hostWords } from './host-words.js'
import { otherUnits } from './other-units.js'
import { checkConfigs, guardConfigs, putConfigs, type ConfigPut } from './config-scripts.js'

/** What a host is to receive, and how. */
export interface HostDelivery {
  /** Absolute path of the directory with the link `current`. */
  readonly tls: string
  /** The agent's unit. */
  readonly unit: string
  /** What `packIdentity` made. */
  readonly archive: Uint8Array
  /** SHA-256 of it, hex. */
  readonly fingerprint: string
  /** What the installer is told to accept. */
  readonly overrides: readonly Override[]
  /** Whether it replaces a generation that was put in place there and never loaded. */
  readonly replaces?: boolean | undefined
  /** Files of the agent's configuration that it is to get before it loads its certificates. */
  readonly configs: readonly ConfigPut[]
}

/** What is done beside putting the files in place. */
export type Loading = 'reload' | 'restart' | 'none'

/** What a host said of itself. */
export interface HostLook {
  /** Its clock, epoch milliseconds, to the second. */
  readonly clock: number | undefined
  /** The number of the user that scripts run as. */
  readonly user: number | undefined
  /** Free kilobytes where the files go. */
  readonly free: number | undefined
  /** What `systemctl is-active` says of the unit; `absent`: the host has no systemd. */
  readonly unit: string
  /** Units that run and whose names have `nomad` in them, where the agent's own does not. */
  readonly others: readonly string[]
  /** Programs that are missing. */
  readonly missing: readonly string[]
  /** Files of its configuration that are not what was pulled from it. */
  readonly changed: readonly string[]
  /** What the installer says that it would do; `undefined` where it did not come so far. */
  readonly installer: InstallerLine | undefined
  /** What went wrong before the installer could say anything. */
  readonly fault: string | undefined
}

/** What came of an installation. */
export interface HostInstall {
  readonly installer: InstallerLine | undefined
  /** What the installer wrote into `receipt.json`, as it is. */
  readonly receipt: string | undefined
  /** What went wrong before the installer could say anything. */
  readonly fault: string | undefined
  /** When it began, by the host's clock, seconds. */
  readonly began: number | undefined
  /** Whether `systemctl` failed to load the files. */
  readonly loadFailed: boolean
  /** What went wrong with a file of its configuration: `changed` since it was pulled, or `unwritten`; and its path. */
  readonly config: { readonly state: string; readonly path: string } | undefined
}

/**
 * Looks at a host and changes nothing: clock, disk, user, unit, programs, and the installer's own dry run.
 * The archive lies in a private folder meanwhile.
 */
export function lookScript(delivery: HostDelivery): string {
  const { tls, unit } = delivery
  return `${prologue}
tls=${shellQuote(tls)}
unit=${shellQuote(unit)}
say clock "$(date -u +%s)"
say user "$(id -u)"
${missingTools}
${freeSpace}
unit_state
${otherUnits}
${checkConfigs(delivery.configs)}
${unpacking(delivery)}
sh install.sh ${installFlags(delivery)} --reload "$how" --dry-run
`
}

/**
 * Installs, and has the agent load the files. The switch stays unproven until {@link concludeScript}.
 *
 * @param delivery What and where.
 * @param loading `reload` is left out where the unit does not run: the next start loads the files.
 */
export function installScript(delivery: HostDelivery, loading: Loading): string {
  const { tls, unit, configs } = delivery
  // The installer loads the files itself, but where a configuration comes after them.
  const byInstaller = loading === 'reload' && configs.length === 0
  return `${prologue}
tls=${shellQuote(tls)}
unit=${shellQuote(unit)}
say began "$(date -u +%s)"
unit_state
${byInstaller ? '' : 'how=none'}
${guardConfigs(configs)}
${unpacking(delivery)}
sh install.sh ${installFlags(delivery)} --hold --reload "$how"
status=$?
${
  configs.length > 0
    ? `if [ "$status" = 0 ]; then
${putConfigs(configs, embedded)}
fi`
    : ''
}
${
  loading === 'none' || byInstaller
    ? ''
    : `if [ "$status" = 0 ] && [ "$running" = yes ]; then
  if systemctl ${loading} "$unit"; then
    say moment "reloaded $(cd "$tls/current/" && basename "$(pwd -P)")"
  else
    say load failed
  fi
fi`
}
tell_receipt
exit "$status"
`
}

/** Where a machine has its files, and what it is to receive. */
export type MachineDelivery = MachinePlace & Pick<HostDelivery, 'archive' | 'fingerprint'>

/**
 * Puts the files of a machine in their place, and has it read them as the spec says. Nothing ever proves a switch of
 * one, so a switch before is never waited for.
 *
 * @param delivery What and where.
 * @param dryRun Only look.
 */
export function machineScript(delivery: MachineDelivery, dryRun: boolean): string {
  const { tls, reload, archive, fingerprint } = delivery
  const isRestart = reload?.how === 'restart'
  const flags = [
    '--porcelain --tls "$tls" --archive ../archive.tar.gz',
    `--fingerprint ${fingerprint} --give-up --reload "$how" $afresh`,
    ...(dryRun ? ['--dry-run'] : []),
  ].join(' ')
  return `${prologue}
tls=${shellQuote(tls)}
unit=${shellQuote(reload?.unit ?? '')}
say clock "$(date -u +%s)"
say user "$(id -u)"
${missingTools}
${freeSpace}
how=none
${reload === undefined ? '' : 'unit_state'}
${
  isRestart
    ? `# A unit that runs once is not active, and starts again all the same.
[ "$(systemctl show -p LoadState "$unit" 2>/dev/null)" != LoadState=loaded ] || how=$unit
afresh=--restart
[ "$how" != none ] || afresh=`
    : 'afresh='
}
${unpacking({ archive })}
sh install.sh ${flags}
status=$?
${dryRun ? '' : 'tell_receipt'}
exit "$status"
`
}

/**
 * Goes back to the generation before, which the agent is told to load where it runs.
 *
 * @param place Where.
 * @param installer `templates/install.sh`
 * @param overrides What the installer is told to accept.
 * @param dryRun Only look.
 */
export function backScript(
  { tls, unit }: Pick<HostDelivery, 'tls' | 'unit'>,
  installer: Uint8Array,
  overrides: readonly Override[],
  dryRun: boolean,
): string {
  const flags = [...overrideFlags(overrides), ...(dryRun ? ['--dry-run'] : [])].join(' ')
  return `${prologue}
tls=${shellQuote(tls)}
unit=${shellQuote(unit)}
say clock "$(date -u +%s)"
say user "$(id -u)"
unit_state
scratch
${embedded('install.sh', installer)}
sh install.sh --porcelain --tls "$tls" --rollback --reload "$how" ${flags}
`
}

/**
 * Says on the host what was seen from elsewhere.
 *
 * @param how `proven`: its handshake showed the generation; `settled`: nothing can show it.
 * @param installer `templates/install.sh`
 */
export function concludeScript(
  { tls, unit }: Pick<HostDelivery, 'tls' | 'unit'>,
  how: 'proven' | 'settled',
  installer: Uint8Array,
): string {
  return `${prologue}
tls=${shellQuote(tls)}
unit=${shellQuote(unit)}
unit_state
scratch
${embedded('install.sh', installer)}
sh install.sh --porcelain --tls "$tls" --${how}
status=$?
tell_receipt
exit "$status"
`
}

/**
 * Reads what {@link lookScript} wrote.
 *
 * @param stdout What the script wrote.
 */
export function readLook(stdout: string): HostLook {
  const { values, missing, others, installer, configs } = read(stdout)
  const number = (name: string): number | undefined => {
    const text = values.get(name) ?? ''
    return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined
  }
  const clock = number('clock')
  return {
    clock: clock === undefined ? undefined : clock * 1000,
    user: number('user'),
    free: number('free'),
    unit: values.get('unit') ?? 'absent',
    ...{ missing, others },
    changed: configs.flatMap(({ state, path }) => (state === 'changed' ? [path] : [])),
    installer,
    fault: values.get('fault'),
  }
}

/**
 * Reads what {@link installScript} and {@link concludeScript} wrote.
 *
 * @param stdout What the script wrote.
 */
export function readInstall(stdout: string): HostInstall {
  const { values, installer, receipt, configs } = read(stdout)
  const began = Number(values.get('began') ?? Number.NaN)
  return {
    ...{ installer, receipt, fault: values.get('fault') },
    ...{ loadFailed: values.get('load') === 'failed', config: configs[0] },
    began: Number.isSafeInteger(began) ? began : undefined,
  }
}

/**
 * Reads the lines of a log that a script told.
 *
 * @param stdout What the script wrote.
 */
export function readLog(stdout: string): readonly string[] {
  return read(stdout).log
}

/**
 * Nothing that is written may end the work: the other end may be gone. The work folder is root's alone and,
 * where the host has it, in memory: the archive holds a key. A run that was killed leaves its own: the name
 * has the process, and the next run removes it.
 */
export const prologue = `umask 077
LC_ALL=C
export LC_ALL
trap '' PIPE
work=
say() { printf '%s=%s\\n' "$1" "$2" 2>/dev/null || :; }
scratch() {
  for place in /run "\${TMPDIR:-/tmp}" /tmp; do
    [ -d "$place" ] && [ -w "$place" ] || continue
    sweep "$place"
    [ -n "$work" ] || work=$(mktemp -d "$place/nomad-pki-rollout.$$.XXXXXX" 2>/dev/null) || work=
  done
  [ -n "$work" ] && cd "$work" || { say fault 'no folder for the archive can be made'; exit 1; }
  trap 'cd / && rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
}
sweep() {
  for old in "$1"/nomad-pki-rollout.*; do
    [ -d "$old" ] && [ ! -L "$old" ] && [ -O "$old" ] || continue
    owner=\${old##*/nomad-pki-rollout.}
    owner=\${owner%%.*}
    case $owner in '' | *[!0-9]*) continue ;; esac
    kill -0 "$owner" 2>/dev/null || rm -rf "$old" 2>/dev/null || :
  done
}
unit_state() {
  how=none
  running=no
  if ! command -v systemctl >/dev/null 2>&1; then
    say unit absent
    return 0
  fi
  state=$(systemctl is-active "$unit" 2>/dev/null || :)
  say unit "\${state:-unknown}"
  case $state in active | reloading | activating) how=$unit running=yes ;; esac
}
tell_receipt() {
  [ -f "$tls/receipt.json" ] || return 0
  echo receipt:
  cat "$tls/receipt.json"
}`

const missingTools = `for tool in tar gzip base64; do
  command -v "$tool" >/dev/null 2>&1 || say missing "$tool"
done`

const freeSpace = `place=$tls
while [ -n "$place" ] && [ ! -d "$place" ]; do place=\${place%/*}; done
say free "$(df -Pk "\${place:-/}" 2>/dev/null | awk 'NR == 2 { print $4 }')"`

/** Unpacks the archive into the work folder, and goes there. */
function unpacking({ archive }: Pick<HostDelivery, 'archive'>): string {
  return `scratch
${embedded('archive.tar.gz', archive)}
tar -xzf archive.tar.gz && cd nomad-pki || { say fault 'the archive cannot be unpacked'; exit 1; }`
}

function installFlags({ fingerprint, overrides, replaces }: HostDelivery): string {
  return [
    '--porcelain --tls "$tls" --archive ../archive.tar.gz',
    `--fingerprint ${fingerprint}`,
    ...(replaces === true ? ['--give-up'] : []),
    ...overrideFlags(overrides),
  ].join(' ')
}

function overrideFlags(overrides: readonly Override[]): readonly string[] {
  const [first] = overrides
  if (first === undefined) return []
  return [
    ...overrides.map(({ code, value }) => `--override ${shellQuote(`${code}=${value}`)}`),
    `--reason ${shellQuote(first.reason)}`,
  ]
}

/** A file of the work folder, out of the script itself. */
function embedded(name: string, bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\n')
  return `base64 -d >${name} <<'END_OF_BYTES' || { say fault '${name} cannot be written there'; exit 1; }\n${text}\nEND_OF_BYTES`
}

interface Read {
  readonly values: ReadonlyMap<string, string>
  readonly missing: readonly string[]
  readonly others: readonly string[]
  readonly log: readonly string[]
  readonly installer: InstallerLine | undefined
  readonly receipt: string | undefined
  readonly configs: readonly { readonly state: string; readonly path: string }[]
}

function read(stdout: string): Read {
  const [told = '', receipt] = stdout.split(/^receipt:\n/m, 2)
  const values = new Map<string, string>()
  const missing: string[] = []
  const others: string[] = []
  const log: string[] = []
  const configs: { state: string; path: string }[] = []
  let installer: InstallerLine | undefined
  for (const line of told.split('\n')) {
    const [, name, value] = /^([a-z]+)=(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) continue
    if (name === 'porcelain') installer = boundedLine(readPorcelain(line))
    else if (name === 'missing') missing.push(hostWords(value))
    else if (name === 'other') others.push(hostWords(value))
    else if (name === 'log') log.push(hostWords(value))
    else if (name === 'config') {
      const [state = '', ...rest] = value.split(' ')
      configs.push({ state, path: hostWords(rest.join(' ')) })
    } else values.set(name, hostWords(value))
  }
  return { values, missing, others, log, installer, receipt, configs }
}
