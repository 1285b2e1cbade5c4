/**
 * The scripts that read an agent's configuration on its host, and the parts that put a file of it back. A host that
 * answers them is not trusted: what it says is read within bounds.
 *
 * @module
 */

import { isConfigFileName } from '../agent/index.js'
import { sha256 } from '../sha256.js'
import { shellQuote } from '../shell-quote.js'

/** So many files of one agent are taken. */
export const mostFiles = 64
/** So many bytes of one agent are taken, all files together. */
export const mostBytes: number = 512 * 1024

/** A configuration as it is on a host. */
export type HostConfig =
  | {
      readonly state: 'read'
      readonly kind: 'directory' | 'file'
      /** Content by name. */
      readonly files: ReadonlyMap<string, Uint8Array>
    }
  | {
      readonly state: 'refused'
      /** One sentence: lower case, no full stop. */
      readonly message: string
      readonly remedy?: string | undefined
    }

/** A file of a configuration that is to be put on a host. */
export interface ConfigPut {
  /** Absolute path on the host. */
  readonly target: string
  /** SHA-256 (hex) of what must be there now; `undefined`: nothing. */
  readonly expected: string | undefined
  readonly bytes: Uint8Array
}

/** Names that travel: what Nomad reads has no need of others, and a terminal and a shell are safe with them. */
const plain = /^[A-Za-z0-9._@+=,~ -]{1,200}$/

/**
 * Reads a file, or the files of a directory that Nomad would read. Links are told, and not followed: with a link the
 * user of the agent could have any file of the host read.
 *
 * @param path Absolute, on the host.
 */
export function readConfigScript(path: string): string {
  return `umask 077
LC_ALL=C
export LC_ALL
path=${shellQuote(path)}
say() { printf '%s=%s\\n' "$1" "$2"; }
command -v base64 >/dev/null 2>&1 || { say fault 'base64 is missing there'; exit 1; }
total=0
count=0
take() {
  name=\${1#./}
  case $name in *[!A-Za-z0-9._@+=,~\\ -]*) say odd 'a name with unusual characters'; return 0 ;; esac
  if [ -L "$1" ]; then say link "$name"; return 0; fi
  [ ! -d "$1" ] || return 0
  if [ ! -f "$1" ]; then say odd "$name"; return 0; fi
  count=$((count + 1))
  if [ "$count" -gt ${mostFiles} ]; then say fault 'there are more than ${mostFiles} files'; exit 1; fi
  total=$((total + $(wc -c <"$1" || echo 0)))
  if [ "$total" -gt ${mostBytes} ]; then say fault 'there are more than ${mostBytes} bytes'; exit 1; fi
  {
    # What was opened is what was looked at: names can change in between.
    if [ -e /proc/self/fd/3 ]; then
      [ "$(readlink /proc/self/fd/3)" = "\${real%/}/$name" ] || { say link "$name"; return 0; }
    fi
    say file "$name"
    base64 <&3
    say end "$name"
  } 3<"$1" || say unread "$name"
}
if [ -d "$path" ]; then
  cd -P "$path" 2>/dev/null || { say fault 'it cannot be entered'; exit 1; }
  real=$(pwd -P)
  say kind directory
  for file in ./* ./.[!.]* ./..?*; do
    case $file in *.hcl | *.json) ;; *) continue ;; esac
    if [ -e "$file" ] || [ -L "$file" ]; then take "$file"; fi
  done
elif [ -f "$path" ] || [ -L "$path" ]; then
  cd -P "\${path%/*}/" 2>/dev/null || { say fault 'its directory cannot be entered'; exit 1; }
  real=$(pwd -P)
  say kind file
  take "./\${path##*/}"
else
  say kind missing
fi
say whole yes
`
}

/**
 * Reads what {@link readConfigScript} wrote.
 *
 * @param stdout What a host wrote: anything at all.
 * @param path What was asked for.
 */
export function readHostConfig(stdout: string, path: string): HostConfig {
  const refuse = (message: string, remedy?: string): HostConfig => ({
    ...{ state: 'refused', message },
    ...(remedy !== undefined && { remedy }),
  })
  const files = new Map<string, Uint8Array>()
  let kind: string | undefined
  let total = 0
  let whole = false
  const lines = stdout.split('\n')
  for (let at = 0; at < lines.length; at += 1) {
    const [, word, value = ''] = /^([a-z]+)=(.*)$/.exec(lines[at]!) ?? []
    if (word === undefined) continue
    const shown = plain.test(value) ? value : 'a file'
    if (word === 'fault') return refuse(`${path} is not taken: ${shown}`)
    if (word === 'link') {
      return refuse(
        `${shown} in ${path} is a link, and links are not followed`,
        'put the file itself there, or name its real place as host: in the spec',
      )
    }
    if (word === 'odd') return refuse(`${path} has ${shown} that is not taken`)
    if (word === 'unread') return refuse(`${shown} in ${path} cannot be read there`)
    if (word === 'kind') kind = value
    if (word === 'whole') whole = true
    if (word !== 'file') continue
    const end = lines.indexOf(`end=${value}`, at)
    if (!plain.test(value) || value === '.' || value === '..' || files.has(value) || end < 0) {
      return refuse(`${path}: the host answers in an unknown form`)
    }
    if (kind === 'directory' && !isConfigFileName(value) && !value.startsWith('.#')) {
      return refuse(`${path}: the host sends a file that Nomad does not read`)
    }
    const text = lines.slice(at + 1, end).join('')
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
      return refuse(`${path}: the host answers in an unknown form`)
    }
    const bytes = Buffer.from(text, 'base64')
    total += bytes.length
    if (isConfigFileName(value) || kind === 'file') files.set(value, bytes)
    if (files.size > mostFiles || total > mostBytes) {
      return refuse(
        `${path} is too large`,
        `at most ${mostFiles} files of ${mostBytes} bytes in all`,
      )
    }
    at = end
  }
  if (kind === 'missing') {
    return refuse(`${path} is not there`, 'correct host: of its config in the spec')
  }
  if (!whole || (kind !== 'directory' && kind !== 'file')) {
    return refuse(`${path}: the host did not answer whole`)
  }
  const own = path.slice(path.lastIndexOf('/') + 1)
  if (kind === 'file' && (files.size !== 1 || !files.has(own))) {
    return refuse(`${path}: the host answers in an unknown form`)
  }
  return { state: 'read', kind, files }
}

/** The functions of {@link checkConfigs} and {@link putConfigs}. */
const functions = `config_sum() {
  [ -e "$1" ] || { echo none; return 0; }
  if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"; else openssl dgst -sha256 -r <"$1"; fi | cut -c1-64
}
# Prints what is to be done: same, write or changed.
config_state() {
  if [ -L "$1" ]; then echo changed; return 0; fi
  now=$(config_sum "$1")
  if [ "$now" = "$3" ]; then echo same
  elif [ "$now" = "$2" ]; then echo write
  else echo changed; fi
}
# The new file is made in a folder that only root can enter: the directory may be another user's.
config_put() {
  name=\${1##*/}
  place=\${1%/*}
  aside=$(mktemp -d "\${place:-/}/.nomad-pki.XXXXXX") || return 1
  (
    cd "$aside" || exit 1
    if [ -e "../$name" ]; then cp -p "../$name" "./$name"; else (umask 022 && : >"./$name"); fi &&
      cat "$2" >"./$name" && [ ! -L "../$name" ] && [ ! -d "../$name" ] && mv -f "./$name" "../$name"
  )
  put=$?
  rm -rf "$aside"
  return "$put"
}`

/** What is to be done with a file, as the host says it. */
function stateOf({ target, expected, bytes }: ConfigPut): string {
  return `$(config_state ${shellQuote(target)} ${expected ?? 'none'} ${sha256(bytes)})`
}

/** Says of each file whether the host still has what was pulled: a line `config=changed PATH` of one that differs. */
export function checkConfigs(puts: readonly ConfigPut[]): string {
  if (puts.length === 0) return ''
  return [
    functions,
    ...puts.map((put) => `say config "${stateOf(put)} "${shellQuote(put.target)}`),
  ].join('\n')
}

/**
 * Stops before anything is done where the host no longer has what was pulled.
 *
 * @returns Nothing for no files.
 */
export function guardConfigs(puts: readonly ConfigPut[]): string {
  if (puts.length === 0) return ''
  return [
    functions,
    ...puts.map(
      (put) =>
        `[ "${stateOf(put)}" != changed ] || { say config 'changed '${shellQuote(put.target)}; exit 1; }`,
    ),
  ].join('\n')
}

/** Puts files in place that the host has not yet; looks at each once more before. It follows {@link guardConfigs}. */
export function putConfigs(
  puts: readonly ConfigPut[],
  embedded: (name: string, bytes: Uint8Array) => string,
): string {
  return puts
    .map((put, index) => {
      const place = shellQuote(put.target)
      const file = `config.${index + 1}`
      return `${embedded(file, put.bytes)}
case ${stateOf(put)} in
  same) ;;
  write) config_put ${place} "$PWD/${file}" || { say config 'unwritten '${place}; exit 1; } ;;
  *) say config 'changed '${place}; exit 1 ;;
esac`
    })
    .join('\n')
}
