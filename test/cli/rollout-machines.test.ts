/** `rollout` of machines, with an ssh that runs the real scripts and the real installer on this machine. */

import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { shellQuote } from '../../src/shell-quote.js'
import { fakeSsh } from '../hosts/fake-ssh.js'
import { cli, folder, now, type Said } from './cli.js'
import { linesOf } from './json-lines.js'

const spec = `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { ips: [127.0.0.1] } }
operators:
  alice: { region: global }
  prometheus: { kind: machine, region: global, ssh: mon.example }
  traefik: { kind: machine, region: global, ssh: edge.example, reload: restart traefik.service }
  ci: { kind: machine, region: global }
`

interface Place {
  readonly base: string
  readonly bed: string
  readonly run: (...words: readonly string[]) => Promise<Said>
  readonly tls: (host: string) => string
}

async function place(text = spec): Promise<Place> {
  const base = folder({ 'cluster.yaml': text })
  const bed = folder()
  const env = fakeSsh(bed, now)
  // The only systemctl that its scripts find: it writes down what it is told.
  const shim = `#!/bin/sh
case $* in
  'show -p LoadState traefik.service') echo LoadState=loaded ;;
  'show -p Type traefik.service') echo Type=oneshot ;;
  restart*) echo "$*" >>${shellQuote(path.join(bed, 'told'))} ;;
esac
`
  fs.writeFileSync(path.join(bed, 'bin/systemctl'), shim, { mode: 0o755 })
  const run: Place['run'] = (...words) => cli(base, words, { env })
  await run('init', '--new-store')
  expect((await run('apply', '--yes')).status).toBe(0)
  return { base, bed, run, tls: (host) => path.join(bed, 'hosts', host, 'tls') }
}

describe('rollout of machines', () => {
  test('they come last, and what is said of them is what is known', async () => {
    const { base, bed, run, tls } = await place()
    const { status, stdout } = await run('rollout', '--yes')
    expect(stdout).toMatch(
      /^2 steps to 1 agent and 2 machines; [^]*\n {2}1 {2}global: server s1\n {2}2 {2}global: 2 machines prometheus, traefik\ncosts: one reload .* of each of 1 agent;/,
    )
    expect(stdout).toMatch(
      /^ {3}prometheus: in place: it reads them by itself, and nothing shows whether it has$/m,
    )
    expect(stdout).toMatch(
      /^ {3}traefik: reloaded: 1-[0-9a-f]{8}\n(.*\n)*? {3}traefik: in place: traefik.service was told; nothing shows that it has read them$/m,
    )
    expect(stdout).toContain('2 machines have their files: nothing shows that they are read')
    // The agent does not run.
    expect(status).toBe(2)
    expect(fs.readFileSync(path.join(bed, 'told'), 'utf8')).toBe('restart traefik.service\n')
    for (const host of ['mon.example', 'edge.example']) {
      expect(fs.statSync(path.join(tls(host), 'current/key.pem')).mode & 0o777).toBe(0o600)
      expect(fs.existsSync(path.join(tls(host), '.pending'))).toBe(false)
    }
    const ledger = fs.readFileSync(path.join(base, 'pki/ledger.jsonl'), 'utf8')
    expect(ledger).toMatch(/"event":"received","address":"identity\/machine\/global\/prometheus"/)
    expect(fs.readdirSync(path.join(bed, 'tmp'))).toEqual([])
  })

  test('a receipt ends it; a new certificate is brought again', async () => {
    const { run, tls } = await place()
    const first = await run('rollout', '--only', 'machines', '--yes')
    expect(first, first.stderr).toMatchObject({ status: 0 })
    expect(fs.existsSync(tls('s1'))).toBe(false)
    const again = await run('rollout', '--only', 'machines', '--yes')
    expect(first.stdout).toMatch(/^2 machines have their files: nothing shows that they are read$/m)
    // The agent of this cluster has nothing yet.
    expect([again.status, again.stdout]).toEqual([
      0,
      'nothing to bring: what you named has the newest generation\n',
    ])
    await run('rotate', 'leaves', 'prometheus', '--yes')
    const renewed = await run('rollout', 'prometheus', '--yes', '--json')
    expect(renewed.status).toBe(0)
    const lines = linesOf(renewed.stdout)
    expect(lines.map(({ event, state }) => state ?? event)).toEqual([
      ...['order', 'looked', 'ready', 'step', 'sending', 'switched', 'delivered', 'done'],
    ])
    expect(lines.at(-1)).toMatchObject({ proven: 0, placed: 0, delivered: 1, failures: [] })
    expect(fs.readlinkSync(path.join(tls('mon.example'), 'current'))).toMatch(/^2-/)
  })

  test('after a run that was killed before its receipt came, a unit that was told is not called idle', async () => {
    const { base, run } = await place()
    await run('rollout', '--only', 'machines', '--yes')
    const ledger = path.join(base, 'pki/ledger.jsonl')
    const lines = fs.readFileSync(ledger, 'utf8').split('\n')
    fs.writeFileSync(ledger, lines.filter((line) => !line.includes('"received"')).join('\n'))
    const { status, stdout } = await run('rollout', 'traefik', '--yes')
    expect(status, stdout).toBe(0)
    expect(stdout).not.toContain('is not active there')
    expect(stdout).toContain('traefik.service was told; nothing shows that it has read them')
  })

  test('an installer that says it is done, and shows no receipt of these files, did not bring them', async () => {
    const { bed, run } = await place()
    const said = (receipt: string): string => `
echo 'nomad-pki: begun'
echo clock=$(date +%s)
echo user=0
echo 'porcelain=1 status=0 result=installed reason=- changed=yes before=- wanted=- generation=- fingerprint=- address=- state=proven agent=told message='
${receipt}
exit 0
`
    fs.mkdirSync(path.join(bed, 'hosts/mon.example'))
    for (const receipt of ['', 'echo receipt:; echo {', 'echo receipt:; echo {}']) {
      fs.writeFileSync(path.join(bed, 'hosts/mon.example/instead'), said(receipt))
      const { status, stdout } = await run('rollout', 'prometheus', '--yes')
      expect(status, stdout).toBe(1)
      expect(stdout).toContain(
        'mon.example: its installer shows no receipt of these files; the same command goes on',
      )
      expect(stdout).not.toContain('in place')
    }
  })

  test('a host that is not reached refuses it, and nothing is changed anywhere', async () => {
    const { bed, run, tls } = await place()
    fs.mkdirSync(path.join(bed, 'hosts/edge.example'))
    fs.writeFileSync(path.join(bed, 'hosts/edge.example/away'), 'No route to host\n')
    const { status, stdout } = await run('rollout', '--yes')
    expect(status).toBe(3)
    expect(stdout).toContain('edge.example: No route to host')
    for (const host of ['127.0.0.1', 'mon.example']) expect(fs.existsSync(tls(host))).toBe(false)
  })

  test('one that does not start again is a failure, and the machine has what it had', async () => {
    const { bed, run, tls } = await place()
    await run('rollout', '--only', 'machines', '--yes')
    await run('rotate', 'leaves', 'traefik', 'prometheus', '--yes')
    const shim = path.join(bed, 'bin/systemctl')
    fs.writeFileSync(
      shim,
      fs.readFileSync(shim, 'utf8').replace('restart*)', 'restart*) exit 1 ;; x)'),
    )
    const { status, stdout } = await run('rollout', 'traefik', '--yes')
    expect(status).toBe(1)
    expect(stdout).toMatch(/edge\.example: the machine died after the reload of 2-/)
    expect(fs.readlinkSync(path.join(tls('edge.example'), 'current'))).toMatch(/^1-/)
    const other = await run('rollout', '--only', 'machines', '--max-failures', '1', '--yes')
    expect(other.status).toBe(1)
    expect(fs.readlinkSync(path.join(tls('mon.example'), 'current'))).toMatch(/^2-/)
  })

  test('the commands are those of the machine', async () => {
    const { run } = await place()
    const { stdout } = await run('rollout', '--dry-run', '--commands')
    expect(stdout).toMatch(
      /on prometheus: .*sh install\.sh --tls \/etc\/nomad-pki\/prometheus .*--reload none/,
    )
    expect(stdout).toMatch(
      /on traefik: .*--tls \/etc\/nomad-pki\/traefik .*--reload traefik\.service --restart/,
    )
    expect(stdout).not.toContain('nomad-pki probe machine')
    const json = JSON.parse((await run('rollout', '--dry-run', '--commands', '--json')).stdout) as {
      readonly steps: readonly { readonly kind: string }[]
    }
    expect(json.steps.at(-1)).toMatchObject({
      kind: 'machines',
      probe: 'nomad-pki probe --evidence receipt.json',
    })
  })

  test('agents that read the store are brought nothing; machines have hosts of their own', async () => {
    const { run, tls } = await place(spec.replace('/etc/nomad-tls', 'store'))
    const { status } = await run('rollout', '--only', 'machines', '--yes')
    expect(status).toBe(0)
    expect(fs.existsSync(path.join(tls('mon.example'), 'current/cert.pem'))).toBe(true)
  })

  test('a machine whose host nothing names, and what is for agents alone', async () => {
    const { run } = await place()
    const named = await run('rollout', 'ci', '--yes')
    expect(named.status).toBe(64)
    expect(named.stderr).toContain('nothing says where ssh reaches the host of ci')
    expect(named.stderr).toContain('write ssh: at the machine in the spec')
    const recovery = await run('rollout', '--recover', '--only', 'machines', '--yes')
    expect(recovery.status).toBe(64)
    expect(recovery.stderr).toContain('error: --recover is for agents')
    const alone = await run('rollout', '--recover', 'traefik', '--yes')
    expect(alone.status).toBe(64)
    expect(alone.stderr).toContain('error: --recover is for agents')
    const back = await run('rollout', '--back', 'traefik', '--yes')
    expect(back.status).toBe(64)
    expect(back.stderr).toContain('--back is for agents')
    expect(back.stderr).toContain(
      'sh install.sh --tls /etc/nomad-pki/traefik --reload traefik.service --restart --rollback',
    )
  })
})
