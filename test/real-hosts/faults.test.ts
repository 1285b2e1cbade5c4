/** What goes wrong on real hosts: where it stops, what it says, and that the same command goes on afterwards. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../real-nomad/harness/run.js'
import { Bed } from './bed.js'

const bed = new Bed(2, [
  ['s1', 'global'],
  ['s2', 'global'],
  ['s3', 'global'],
  ['c1', 'global'],
])
const shim = '/usr/local/bin/systemctl'
const spec = path.join(bed.ops, 'cluster.yaml')
const known = path.join(bed.folder, 'known_hosts')

/** Settings of single nodes, beyond where their configurations are. */
const settings = new Map<string, string>()
function writeSpec(): void {
  const of = (name: string): string =>
    `, config: { host: /etc/nomad.d, copy: agents/${name} }${settings.get(name) ?? ''}`
  fs.writeFileSync(spec, bed.spec({ of }))
}

const said = async (name: string, line: string): Promise<string> =>
  (await bed.on(name, line)).stdout

const generations = (): Promise<readonly string[]> =>
  Promise.all(bed.hosts.map(({ name }) => said(name, 'readlink /etc/nomad-tls/current')))

beforeAll(async () => {
  await bed.start()
  writeSpec()
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'config', 'pull')
  await bed.expect(0, 'apply', '--yes')
})
afterAll(() => bed.stop())

test('the first delivery brings the configuration, so that agents begin with TLS', async () => {
  await bed.expect(2, 'rollout', '--yes')
  for (const { name } of bed.hosts) {
    expect(await said(name, 'cat /etc/nomad.d/tls.hcl; stat -c %a /etc/nomad.d/tls.hcl')).toMatch(
      /verify_server_hostname = true[^]*\n644\n$/,
    )
  }
  await bed.startAgents()
  await bed.expect(0, 'probe')
})

test('a configuration that was edited here is put back to a running agent, which restarts', async () => {
  settings.set('s1', ', stanza: { tls_min_version: tls13 }')
  writeSpec()
  await bed.expect(0, 'apply', '--yes')
  const before = await said('s1', 'cat /run/nomad.pid; stat -c %Y /etc/nomad.d/agent.hcl')
  const { stdout } = await bed.expect(0, 'rollout', '--yes')
  expect(stdout).toContain('server s1, restarted')
  expect(await said('s1', 'cat /etc/nomad.d/tls.hcl')).toContain('tls_min_version')
  const after = await said('s1', 'cat /run/nomad.pid; stat -c %Y /etc/nomad.d/agent.hcl')
  const [pid, touched] = before.split('\n')
  expect(after.split('\n')[0]).not.toBe(pid)
  expect(after.split('\n')[1]).toBe(touched)
  await bed.expect(0, 'probe')
})

test('a configuration that was edited on the host after the pull is not written over', async () => {
  settings.set('s2', ', stanza: { tls_min_version: tls13 }')
  writeSpec()
  await bed.expect(0, 'apply', '--yes')
  await bed.on('s2', "echo '# by hand' >>/etc/nomad.d/tls.hcl")
  const theirs = await said('s2', 'cat /etc/nomad.d/tls.hcl')
  const refused = await bed.expect(3, 'rollout', '--yes')
  expect(refused.stdout).toContain(
    '/etc/nomad.d/tls.hcl was changed on the host since it was pulled',
  )
  expect(refused.stdout).toContain('nothing was changed')
  expect(await said('s2', 'cat /etc/nomad.d/tls.hcl')).toBe(theirs)
  const conflict = await bed.expect(2, 'config', 'pull', 's2')
  expect(conflict.stdout).toContain('# by hand')
  expect(conflict.stdout).toContain('nothing of config/global/s2 was written')
  // The host's is taken, and the edit is made in that.
  fs.rmSync(path.join(bed.ops, 'agents/s2/tls.hcl'))
  await bed.expect(0, 'config', 'pull', 's2')
  await bed.expect(0, 'apply', '--yes')
  await bed.expect(0, 'rollout', '--yes')
  expect(await said('s2', 'cat /etc/nomad.d/tls.hcl')).toMatch(/tls_min_version[^]*# by hand/)
})

test('all that speaks against it is told together, and nothing is changed', async () => {
  await bed.expect(0, 'rotate', 'leaves', '--all', '--yes')
  const before = await generations()
  const keys = fs.readFileSync(known, 'utf8')
  const { address } = bed.host('s1')
  const other = fs.readFileSync(path.join(bed.home('c1'), 'host_key.pub'), 'utf8')
  fs.writeFileSync(known, keys.replace(new RegExp(`^${address} .*\n`, 'm'), `${address} ${other}`))
  await bed.on(
    's2',
    'cp -a /etc/nomad-tls /run/kept && mount -t tmpfs -o size=256k none /etc/nomad-tls && cp -a /run/kept/. /etc/nomad-tls/',
  )
  await bed.on(
    's3',
    `printf '#!/bin/sh\\nexec /usr/bin/date -d "1 hour" "$@"\\n' >/usr/local/bin/date && chmod 755 /usr/local/bin/date`,
  )
  bed.link('c1', 'down')
  const { stdout } = await bed.expect(3, 'rollout', '--yes')
  bed.link('c1', 'up')
  const of = (name: string): string => bed.host(name).address
  const told = (name: string, text: string | RegExp): void => {
    expect(stdout.split('\n').find((line) => line.startsWith(`${of(name)}: `))).toMatch(text)
  }
  told('s1', 'Host key verification failed; find out why the host has another key')
  expect(stdout).toMatch(new RegExp(`^${of('s2')}: only [0-9]+ kB are free .*make room$`, 'm'))
  told('s3', /its clock is (1h|59m5[0-9]s) ahead; set its clock/)
  expect(stdout).toMatch(
    new RegExp(`^${of('c1')}: .*(timed out|no route|unreachable).*is the host up`, 'im'),
  )
  expect(stdout).toContain('nothing was changed')
  fs.writeFileSync(known, keys)
  await bed.on('s2', 'umount /etc/nomad-tls')
  await bed.on('s3', 'rm /usr/local/bin/date')
  expect(await generations()).toEqual(before)
})

test('the leader changes twice; a second rollout meanwhile is refused', async () => {
  const leader = async (): Promise<string> =>
    JSON.parse(await bed.ask(bed.host('s1'), '/v1/status/leader')) as string
  const leaders = [await leader()]
  const order: string[] = []
  const moved: Promise<unknown>[] = []
  let second: ReturnType<Bed['pki']> | undefined
  const { status, said: text } = await bed.rollout(['--only', 'servers'], (event) => {
    const { state, address = '' } = event
    if (event.event === 'step') second ??= bed.pki('rollout', '--yes')
    if (state === 'sending') order.push(address)
    if (state !== 'proven' || moved.length === 2) return
    // One that was done already leads, so that who comes last is not who led at the beginning.
    const done = bed.host(address.slice(address.lastIndexOf('/') + 1))
    const place = `/v1/operator/raft/transfer-leadership?address=${done.address}:4647`
    moved.push(
      bed
        .ask(bed.host('s3'), place, 'PUT')
        .then(async () => leaders.push(`${done.address}:4647`, await leader())),
    )
  })
  await Promise.all(moved)
  expect(text).toContain('"done"')
  expect(status).toBe(0)
  expect(new Set(order).size).toBe(3)
  expect(new Set(leaders).size).toBeGreaterThan(1)
  const { status: refused, stderr } = await second!
  expect(refused).toBe(3)
  expect(stderr).toMatch(/is held by "rollout"/)
  expect(bed.between().pairs).toEqual([])
  await bed.expect(0, 'probe', 's1', 's2', 's3')
})

test('a host that disappears half-way stops it there', async () => {
  await bed.expect(0, 'rotate', 'leaves', 's1', 's2', '--yes')
  let cut = ''
  const { status, said: text } = await bed.rollout(['--only', 'servers'], ({ state, address }) => {
    if (state !== 'sending' || cut !== '') return
    cut = address!.slice(address!.lastIndexOf('/') + 1)
    bed.link(cut, 'down')
  })
  expect(status).toBe(1)
  expect(text).toContain(`the link to ${bed.host(cut).address} was cut`)
  expect(text).toContain('the same command goes on')
  bed.link(cut, 'up')
  await bed.ready()
  await eventually(`${cut} to be healthy`, async () => {
    const dry = await bed.pki('rollout', '--dry-run', '--only', 'servers')
    return dry.status === 2 || undefined
  })
  const { events } = await bed.mustRollout(0, '--only', 'servers')
  expect(events.filter(({ state }) => state === 'proven')).toHaveLength(2)
  await bed.expect(0, 'probe', 's1', 's2', 's3')
})

test('the link is cut between switch and reload; the host reloads all the same, and that is seen', async () => {
  await bed.expect(0, 'rotate', 'leaves', 's3', '--yes')
  const flag = path.join(bed.home('s3'), 'run/reloading')
  await bed.on(
    's3',
    `cp ${shim} ${shim}.ok && sed -i 's/kill -HUP/touch \\/run\\/reloading; sleep 5; kill -HUP/' ${shim}`,
  )
  const going = bed.rollout(['--only', 'servers'])
  await eventually('the switch', async () => Promise.resolve(fs.existsSync(flag) || undefined))
  bed.link('s3', 'down')
  const { status, said: text } = await going
  bed.link('s3', 'up')
  expect(status).toBe(1)
  expect(text).toContain(`the link to ${bed.host('s3').address} was cut`)
  await bed.ready()
  await bed.on('s3', `mv ${shim}.ok ${shim}`)
  await eventually('s3 to be healthy', async () => {
    const dry = await bed.pki('rollout', '--dry-run', '--only', 'servers')
    return dry.status === 2 || undefined
  })
  await bed.mustRollout(0, '--only', 'servers')
  await bed.expect(0, 'probe', 's1', 's2', 's3')
})

test('an agent that does not load it stops the rollout at this host', async () => {
  await bed.expect(0, 'rotate', 'leaves', 's1', '--yes')
  await bed.on('s1', `cp ${shim} ${shim}.ok && sed -i 's/kill -HUP/true/' ${shim}`)
  const stopped = await bed.pki('rollout', '--yes')
  expect(stopped.status).toBe(1)
  expect(stopped.stdout).toMatch(/198\.18\.72\.11: it is not proven/)
  expect(stopped.stdout).toContain('the same command goes on')
  expect(stopped.stdout).not.toMatch(/c1: sending/)
  await bed.on('s1', `mv ${shim}.ok ${shim}`)
  await bed.mustRollout(0, '--only', 'servers')
})

test('a server that does not come back stops it, and the same command goes on', async () => {
  await bed.expect(0, 'rotate', 'leaves', 's1', '--yes')
  const dies = "-e 's/kill -HUP/kill -9/' -e 's/^start() {/start() { return 1/'"
  await bed.on('s1', `cp ${shim} ${shim}.ok && sed -i ${dies} ${shim}`)
  const stopped = await bed.mustRollout(1, '--only', 'servers')
  expect(stopped.said).toContain('the agent died after the reload')
  expect(stopped.events.at(-1)).toMatchObject({ event: 'stopped' })
  expect((await bed.on('s1', 'systemctl is-active nomad')).status).not.toBe(0)
  await bed.on('s1', `mv ${shim}.ok ${shim}; systemctl start nomad`)
  await bed.ready()
  await eventually('s1 to answer', async () => {
    const dry = await bed.pki('rollout', '--dry-run', '--only', 'servers')
    return dry.status === 2 || undefined
  })
  await bed.mustRollout(0, '--only', 'servers')
  await bed.expect(0, 'probe', 's1', 's2', 's3')
  expect(bed.between().pairs).toEqual([])
})

test('the disk is full in the middle of an installation: nothing is half placed, and with room it goes on', async () => {
  await bed.expect(0, 'rotate', 'leaves', 's1', 's2', '--yes')
  // There is room when it is looked at. What the installer begins with takes the rest.
  await bed.on(
    's1',
    'cp -a /etc/nomad-tls /run/full && mount -t tmpfs -o size=4m none /etc/nomad-tls && chmod 755 /etc/nomad-tls && cp -a /run/full/. /etc/nomad-tls/ && rm -rf /run/full',
  )
  const mktemp = `#!/bin/sh
/usr/bin/mktemp "$@" || exit 1
case "$*" in */etc/nomad-tls/.part-*) dd if=/dev/zero of=/etc/nomad-tls/fill bs=1k >/dev/null 2>&1 ;; esac
exit 0
`
  const shimFile = path.join(bed.home('s1'), 'run/mktemp')
  fs.writeFileSync(shimFile, mktemp, { mode: 0o755 })
  await bed.on('s1', 'cp /run/mktemp /usr/local/bin/mktemp')
  const list = (): Promise<string> =>
    said(
      's1',
      'cd /etc/nomad-tls && readlink current && find . ! -name fill | sort && cat receipt.json',
    )
  const before = await list()
  expect(before).toContain('key.pem')
  const stopped = await bed.rollout(['--only', 'servers'])
  expect(stopped.status, stopped.said).toBe(1)
  expect(stopped.said).toMatch(
    /stopped half-way: [0-9]+-[0-9a-f]{8} is in place[^\n]*No space left on device/,
  )
  expect(stopped.said).toContain('make room')
  expect(stopped.events.at(-1)).toMatchObject({ event: 'stopped' })
  // No other server is touched after it, and the work folder with its keys is gone.
  const sent = stopped.events.filter(({ state }) => state === 'sending')
  expect(sent.at(-1)!.address).toMatch(/s1$/)
  expect(await list()).toBe(before)
  expect(await said('s1', 'ls /run')).not.toContain('nomad-pki-rollout')
  await bed.on('s1', 'rm /etc/nomad-tls/fill /usr/local/bin/mktemp')
  await bed.mustRollout(0, '--only', 'servers')
  await bed.expect(0, 'probe', 's1', 's2', 's3')
  expect(await list()).not.toBe(before)
  expect(bed.between().pairs).toEqual([])
})
