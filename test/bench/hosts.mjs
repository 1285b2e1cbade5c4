// Many hosts for the bench: one sshd on loopback addresses, with a folder for each host. No agent runs there.
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

const quote = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`

/** The address of a host; the first is number 1. */
const addressOf = (at) => `127.0.${1 + Math.floor(at / 250)}.${1 + (at % 250)}`

/**
 * Starts them: c001, c002, …
 *
 * @returns The environment in which `ssh c001` reaches the first, and what ends the sshd.
 */
export async function startHosts(folder, names) {
  const of = (name) => join(folder, name)
  mkdirSync(of('bin'), { recursive: true })
  mkdirSync(of('hosts'))
  for (const key of ['host', 'user']) {
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', of(key)])
  }
  const port = await freePort()
  // What a host is told to put into its folder for TLS goes into its own here; it has no systemd.
  writeFileSync(
    of('shell'),
    `#!/bin/sh
set -- $SSH_CONNECTION
home=${quote(of('hosts'))}/$3
mkdir -p "$home/tmp"
TLS_HERE=$home/tls TMPDIR=$home/tmp
export TLS_HERE TMPDIR
case $SSH_ORIGINAL_COMMAND in
  'exec sh -s') sed -e 's#^tls=.*#tls=$TLS_HERE#' -e 's#command -v systemctl#false#' | sh -s ;;
  *) exec sh -c "$SSH_ORIGINAL_COMMAND" ;;
esac
`,
  )
  chmodSync(of('shell'), 0o755)
  writeFileSync(
    of('sshd_config'),
    `ListenAddress 0.0.0.0
Port ${port}
HostKey ${of('host')}
AuthorizedKeysFile ${of('user.pub')}
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
MaxStartups 500
ForceCommand ${of('shell')}
`,
  )
  writeFileSync(of('known_hosts'), `bench ${readFileSync(of('host.pub'), 'utf8')}`)
  const aliases = names.map((name, at) => `Host ${name}\n  HostName ${addressOf(at)}\n`)
  writeFileSync(
    of('ssh_config'),
    `${aliases.join('')}Host *
  Port ${port}
  HostKeyAlias bench
  UserKnownHostsFile ${of('known_hosts')}
  GlobalKnownHostsFile /dev/null
  IdentityFile ${of('user')}
  IdentitiesOnly yes
`,
  )
  const search = (process.env.PATH ?? '').split(':')
  const ssh = search.map((place) => join(place, 'ssh')).find((one) => existsSync(one))
  if (ssh === undefined) throw new Error('there is no ssh')
  writeFileSync(of('bin/ssh'), `#!/bin/sh\nexec ${ssh} -F ${quote(of('ssh_config'))} "$@"\n`)
  chmodSync(of('bin/ssh'), 0o755)
  if (process.getuid() === 0) mkdirSync('/run/sshd', { recursive: true })
  const sshd = ['/usr/sbin/sshd', ...search.map((place) => join(place, 'sshd'))]
  const daemon = sshd.find((one) => existsSync(one))
  if (daemon === undefined) throw new Error('there is no sshd')
  // Into a file: this process waits for others, and nobody would empty a pipe.
  const log = openSync(of('sshd.log'), 'w')
  const child = spawn(daemon, ['-D', '-e', '-f', of('sshd_config')], {
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  while (!readFileSync(of('sshd.log'), 'utf8').includes('Server listening')) {
    if (child.exitCode !== null) {
      throw new Error(`sshd ended: ${readFileSync(of('sshd.log'), 'utf8')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    env: { PATH: `${of('bin')}:${process.env.PATH}` },
    hosts: of('hosts'),
    /** What a host has in its place for TLS. */
    tlsOf: (at) => join(of('hosts'), addressOf(at), 'tls'),
    end: () => child.kill(),
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
