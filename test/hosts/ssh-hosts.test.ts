/** Hosts by ssh, with an ssh that writes down how it was called. */

import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { env } from 'node:process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { shellQuote } from '../../src/shell-quote.js'
import { sshHosts, type SshHostsOptions } from '../../src/hosts/ssh-hosts.js'

let folder: string
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-ssh-')))
})
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

/** An ssh that runs commands here; `behaviour` is shell that can change what it does. */
function fakeSsh(behaviour = ''): string {
  const program = path.join(folder, 'ssh')
  const text = `#!/bin/sh
printf '%s\\n' "$*" >>${shellQuote(path.join(folder, 'calls'))}
master='' exit='' socket='' log=''
while [ $# -gt 0 ]; do
  case $1 in
    -MNf) master=1 ;;
    -E) log=$2; shift ;;
    -S) socket=$2; shift ;;
    -O) exit=1; shift ;;
    -o | -l | -p) shift ;;
    --) shift; break ;;
  esac
  shift
done
host=$1
command=$2
${behaviour}
if [ -n "$exit" ]; then rm -f "$socket"; exit 0; fi
if [ -n "$master" ]; then : >"$socket"; exit 0; fi
[ -e "$socket" ] || { echo 'no master' >&2; exit 255; }
exec sh -c "$command"
`
  fs.writeFileSync(program, text, { mode: 0o755 })
  return program
}

function calls(): readonly string[] {
  return fs.readFileSync(path.join(folder, 'calls'), 'utf8').trim().split('\n')
}

function hosts(behaviour = '', options: Partial<SshHostsOptions> = {}) {
  return sshHosts({ env, program: fakeSsh(behaviour), ...options })
}

describe('a host by ssh', () => {
  test('one connection serves all its scripts, and is ended', async () => {
    const port = hosts('', { user: 'deploy', port: 2222 })
    const host = port.at('s1.example')
    expect(await host.run('echo one')).toMatchObject({ reached: true, status: 0, stdout: 'one\n' })
    expect(await host.run('exit 4')).toMatchObject({ reached: true, status: 4 })
    await port.end()
    const all = calls()
    expect(all.filter((call) => call.startsWith('-MNf'))).toHaveLength(1)
    expect(all.at(-1)).toMatch(/^-O exit -S .+ -- s1\.example$/)
    const socket = /-S (.+?) -o/.exec(all[0]!)![1]!
    expect(fs.existsSync(path.dirname(socket))).toBe(false)
    for (const call of all.slice(0, -1)) {
      expect(call).toContain('-o BatchMode=yes')
      expect(call).toContain('-l deploy -p 2222 -- s1.example')
      // How a host proves itself is the user's to say.
      expect(call).not.toMatch(/StrictHostKeyChecking|UserKnownHostsFile|PasswordAuthentication/)
    }
  })

  test('each line is told when it comes, whole, and nothing that a profile says', async () => {
    const port = hosts('[ -n "$exit$master" ] || { echo a profile speaks; printf "and more: "; }')
    const flag = path.join(folder, 'flag')
    const lines: string[] = []
    const answer = await port.at('s1').run(
      // It goes on only when its first line was heard.
      `echo é-one\nwhile [ ! -e ${shellQuote(flag)} ]; do sleep 0.1; done\nprintf two; sleep 0.1; echo ' words'`,
      {
        onLine(line) {
          lines.push(line)
          fs.writeFileSync(flag, '')
        },
        timeout: 20_000,
      },
    )
    await port.end()
    expect(answer).toMatchObject({ reached: true, stdout: 'é-one\ntwo words\n' })
    expect(lines).toEqual(['é-one', 'two words'])
  })

  test('nothing of a script is in an argument', async () => {
    const port = hosts()
    await port.at('s1').run("echo a-secret >/dev/null # 'quoted'")
    await port.end()
    expect(calls().join('\n')).not.toContain('secret')
    expect(calls().some((call) => call.endsWith('-- s1 exec sh -s'))).toBe(true)
  })

  test('sudo is asked not to ask', async () => {
    const port = hosts('PATH=$(dirname "$0"):$PATH; export PATH', { sudo: true })
    const sudo = path.join(folder, 'sudo')
    fs.writeFileSync(sudo, '#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\nexec "$@"\n', {
      mode: 0o755,
    })
    expect(await port.at('s1').run('echo root')).toMatchObject({ reached: true, stdout: 'root\n' })
    fs.writeFileSync(sudo, '#!/bin/sh\necho "sudo: a password is required" >&2\nexit 1\n')
    expect(await port.at('s1').run('echo root')).toEqual({
      reached: false,
      message: 'no script runs there: sudo: a password is required',
      remedy: expect.stringContaining('NOPASSWD') as string,
    })
    await port.end()
  })

  test.each([
    ['Host key verification failed.', /^Host key verification failed$/, /ssh-keygen -R/],
    ['ssh: Could not resolve hostname s1: Name or service not known', /resolve/, /write ssh:/],
    ['deploy@s1: Permission denied (publickey).', /Permission denied/, /key in your agent/],
    ['ssh: connect to host s1 port 22: Connection refused', /refused/, /is the host up/],
    ['ssh: connect to host s1 port 22: No route to host', /No route/, /is the host up/],
  ])('a connection that fails says why: %s', async (said, message, remedy) => {
    const port = hosts(`[ -z "$master" ] || { echo '${said}' >"$log"; exit 255; }`)
    const answer = await port.at('s1').run('true')
    expect(answer).toMatchObject({ reached: false })
    const { message: told, remedy: cure } = answer as { message: string; remedy: string }
    expect(told).toMatch(message)
    expect(cure).toMatch(remedy)
    await port.end()
  })

  test('a host that comes back is asked again', async () => {
    const port = hosts(
      `if [ -n "$master" ] && [ ! -e ${shellQuote(path.join(folder, 'up'))} ]; then exit 255; fi`,
    )
    expect(await port.at('s1').run('true')).toMatchObject({ reached: false })
    fs.writeFileSync(path.join(folder, 'up'), '')
    expect(await port.at('s1').run('true')).toMatchObject({ reached: true, status: 0 })
    await port.end()
  })

  test('the socket of a host is never that of another one, whatever failed before', async () => {
    const port = hosts(
      `case $host$master in b1) [ -e ${shellQuote(path.join(folder, 'up'))} ] || exit 255 ;; esac`,
    )
    for (const name of ['a', 'b', 'c', 'b', 'd', 'e']) await port.at(name).run('true')
    const sockets = calls()
      .filter((call) => call.startsWith('-MNf'))
      .map((call) => [/ (\S+)$/.exec(call)![1], /-S (.+?) -o/.exec(call)![1]] as const)
    const named = new Map(sockets.map(([host, socket]) => [socket, host]))
    expect(named.size).toBe(sockets.length)
    await port.end()
  })

  test('a link that is cut in the middle is not a failed script', async () => {
    const port = hosts(`[ -n "$master$exit" ] || { echo 'nomad-pki: begun'; echo half; exit 255; }`)
    expect(await port.at('s1').run('true')).toMatchObject({ reached: false })
    await port.end()
  })

  test('what begins with a dash would be an option, and is not a host', () => {
    const port = hosts()
    for (const name of ['-oProxyCommand=touch /tmp/x', '-', '']) {
      expect(() => port.at(name)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
    }
  })

  test('after the end no host is asked', async () => {
    const port = hosts()
    const host = port.at('s1')
    await host.run('true')
    await port.end()
    const before = calls().length
    expect(await host.run('true')).toMatchObject({ reached: false })
    expect(calls()).toHaveLength(before)
  })

  test('without ssh it says so', async () => {
    const port = sshHosts({ env, program: path.join(folder, 'no-such-ssh') })
    expect(await port.at('s1').run('true')).toMatchObject({
      reached: false,
      message: expect.stringMatching(/no-such-ssh: there is no such program$/) as string,
      remedy: 'install the client of OpenSSH',
    })
    await port.end()
  })
})
