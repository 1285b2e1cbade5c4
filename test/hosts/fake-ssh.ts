/**
 * An `ssh` that runs what it is given on this machine, with a folder for each host: what a rollout does
 * there is done by the real scripts and the real installer.
 *
 * @module
 */

import fs from 'node:fs'
import path from 'node:path'
import { env } from 'node:process'

/**
 * Makes it.
 *
 * @param folder Receives `bin/ssh`, `hosts/NAME/` with what the host of that name has, and `tmp/` of all hosts.
 * @returns The environment of a command that is to find it.
 */
export function fakeSsh(folder: string): Readonly<Record<string, string>> {
  const bin = path.join(folder, 'bin')
  fs.mkdirSync(bin, { recursive: true })
  // The paths of the host are in its folder, its files are this user's, and it has no systemd.
  const text = `#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in
    -MNf) master=1 ;;
    -O) exit 0 ;;
    -S) socket=$2; shift ;;
    -E | -o | -l | -p) shift ;;
    --) shift; break ;;
  esac
  shift
done
[ -z "\${master:-}" ] || exit 0
home="$HOSTS/$1"
mkdir -p "$home"
TLS_HERE="$home/tls"
export TLS_HERE
sed -e 's#^tls=.*#tls=$TLS_HERE#' -e "s#^sh install.sh#sh install.sh --owner '$(id -un)'#" \\
  -e 's#command -v systemctl#false#' -e 's#for place in /run#for place in#' | sh -s
`
  fs.writeFileSync(path.join(bin, 'ssh'), text, { mode: 0o755 })
  const hosts = path.join(folder, 'hosts')
  fs.mkdirSync(hosts, { recursive: true })
  const temporary = path.join(folder, 'tmp')
  fs.mkdirSync(temporary)
  return { PATH: `${bin}:${env.PATH ?? ''}`, HOSTS: hosts, TMPDIR: temporary }
}
