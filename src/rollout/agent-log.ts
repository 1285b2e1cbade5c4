/**
 * What an agent says of itself after it failed: the last lines of its log, read on its host.
 *
 * @module
 */

import type { Host } from '../hosts/host.js'
import { shellQuote } from '../shell-quote.js'
import { prologue, readLog } from './scripts.js'

/** Milliseconds that reading a log may take: it only adds to a message. */
const timeout = 20_000

/**
 * Reads the agent's errors since a moment, or its warnings where it has none: out of the journal, else out of
 * the log file that its command line or its configuration names.
 *
 * @param target The host.
 * @param unit The agent's unit.
 * @param since By the host's clock, seconds; `undefined`: ten minutes ago.
 * @returns At most three lines; none where no log can be read.
 */
export async function agentLog(
  target: Host,
  unit: string,
  since: number | undefined,
): Promise<readonly string[]> {
  const answer = await target.run(logScript(unit, since), { timeout })
  return answer.reached ? readLog(answer.stdout) : []
}

/**
 * Reads the log and changes nothing. A handshake of a probe leaves a warning on a server: that is not the
 * agent's trouble.
 */
export function logScript(unit: string, since: number | undefined): string {
  return `${prologue}
unit=${shellQuote(unit)}
since=${since ?? '$(($(date +%s) - 600))'}
telling() {
  all=$(tr -d '\\000-\\010\\013-\\037\\177' | grep -v 'TLS handshake')
  some=$(printf '%s\\n' "$all" | grep -E '\\[ERROR\\]|"@level":"error"|==> Error|panic:')
  [ -n "$some" ] || some=$(printf '%s\\n' "$all" | grep -E '\\[WARN\\]|"@level":"warn"')
  printf '%s\\n' "$some" | tail -n 3 | cut -c1-300
}
log_file() {
  pid=$(systemctl show -p MainPID "$unit" 2>/dev/null | sed -n 's/^MainPID=//p')
  words=$(tr '\\000' '\\n' <"/proc/\${pid:-0}/cmdline") 2>/dev/null || words=
  found=$(printf '%s\\n' "$words" | sed -n 's/^--\\{0,1\\}log-file=//p' | tail -n 1)
  configs=$(printf '%s\\n' "$words" | sed -n -e 's/^--\\{0,1\\}config=//p' -e '/^--\\{0,1\\}config$/{n;p;}')
  [ -n "$found" ] || found=$(printf '%s\\n' "\${configs:-/etc/nomad.d}" | while IFS= read -r config; do
    for file in "$config" "$config"/*.hcl "$config"/*.json; do
      [ -f "$file" ] || continue
      sed -n 's/^[[:space:]{]*"\\{0,1\\}log_file"\\{0,1\\}[[:space:]]*[=:][[:space:]]*"\\([^"]*\\)".*/\\1/p' "$file"
    done
  done | tail -n 1)
  case $found in */) found=\${found}nomad.log ;; esac
  printf '%s\\n' "$found"
}
rows=$(journalctl -u "$unit" --since "@$since" -o cat --no-pager -q 2>/dev/null | telling)
if [ -z "$rows" ]; then
  file=$(log_file)
  from=$(date -d "@$since" +%Y-%m-%dT%H:%M:%S 2>/dev/null || :)
  [ ! -f "$file" ] || rows=$(tail -n 2000 "$file" | awk -v from="$from" 'substr($1, 1, 19) >= from' | telling)
fi
printf '%s\\n' "$rows" | while IFS= read -r row; do
  [ -z "$row" ] || say log "$row"
done
`
}
