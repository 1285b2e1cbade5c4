/**
 * An `ssh` that runs what it is given on this machine, with a folder for each host: what a rollout does
 * there is done by the real scripts and the real installer.
 *
 * @module
 */

import fs from 'node:fs'
import path from 'node:path'
import { env, execPath } from 'node:process'
import { shellQuote } from '../../src/shell-quote.js'

/** A spec whose hosts it has, but for one that ssh does not reach. */
export const sevenHosts = `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { "c[1-4]": {}, "off": { ssh: false } }
operators:
  alice: { region: global }
`

/**
 * Makes it.
 *
 * @param folder Receives `bin/ssh`, `hosts/NAME/` with what the host of that name has, `tmp/` of all hosts, and
 *   `calls`. A file `away` in a host's folder is what its ssh says instead of a connection; `instead` is run in the place of each script; `ports` says which port of
 *   this machine each of its listeners is (`10.0.0.11:4646 40001`), and `closed` why others are not opened.
 * @param clock What hosts say that the time is, epoch milliseconds. Default: the time. A command whose clock stands
 *   still would else find theirs ahead after a minute of tests.
 * @returns The environment of a command that is to find it.
 */
export function fakeSsh(folder: string, clock?: number): Readonly<Record<string, string>> {
  const bin = path.join(folder, 'bin')
  fs.mkdirSync(bin, { recursive: true })
  // The paths of the host are in its folder, its files are this user's, and it has no systemd.
  const text = `#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    -MNf) master=1 ;;
    -O) exit 0 ;;
    -S) socket=$2; shift ;;
    -W) forward=$2; shift ;;
    -E) log=$2; shift ;;
    -o | -l | -p) shift ;;
    --) shift; break ;;
  esac
  shift
done
home="$HOSTS/$1"
mkdir -p "$home"
if [ -n "\${master:-}" ]; then
  echo "master $1" >>"$HOSTS/../calls"
  [ ! -f "$home/away" ] || { cat "$home/away" >"$log"; exit 255; }
  exit 0
fi
if [ -n "\${forward:-}" ]; then
  echo "forward $1 $forward" >>"$HOSTS/../calls"
  port=$(sed -n "s#^$forward ##p" "$home/ports")
  [ -n "$port" ] || {
    echo "channel 2: open failed: $(cat "$home/closed" 2>/dev/null || echo 'connect failed: Connection refused')" >>"$socket.log"
    echo 'Stdio forwarding request failed: Session open refused by peer' >&2
    exit 255
  }
  exec ${shellQuote(execPath)} -e 'const s = require("net").connect(+process.argv[1], "127.0.0.1"); process.stdin.pipe(s).pipe(process.stdout); s.on("error", () => process.exit(0))' "$port"
fi
[ ! -f "$home/instead" ] || { cat >/dev/null; . "$home/instead"; }
TLS_HERE="$home/tls"
export TLS_HERE
sed -e 's#^tls=.*#tls=$TLS_HERE#' -e "s#^sh install.sh#sh install.sh --owner '$(id -un)'#" \\
  -e 's#^say clock .*#say clock "\${HOST_CLOCK:-$(date -u +%s)}"#' \\
  -e 's#command -v systemctl#false#' -e 's#for place in /run#for place in#' | sh -s
`
  fs.writeFileSync(path.join(bin, 'ssh'), text, { mode: 0o755 })
  const hosts = path.join(folder, 'hosts')
  fs.mkdirSync(hosts, { recursive: true })
  const temporary = path.join(folder, 'tmp')
  fs.mkdirSync(temporary)
  const told: Readonly<Record<string, string>> =
    clock === undefined ? {} : { HOST_CLOCK: String(Math.floor(clock / 1000)) }
  return { PATH: `${bin}:${env.PATH ?? ''}`, HOSTS: hosts, TMPDIR: temporary, ...told }
}
