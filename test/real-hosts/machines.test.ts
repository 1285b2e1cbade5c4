/** A machine on a real host: its files, its owner and its unit, by `rollout` alone. No agent runs. */

import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../real-nomad/harness/run.js'
import { Bed } from './bed.js'

const bed = new Bed(5, [['s1', 'global']])
const tls = '/etc/nomad-pki/exporter'

/** A systemctl that has one unit, which loads what it is told by writing down the leaf. */
const systemctl = `#!/bin/sh
for last; do :; done
[ "$last" = exporter.service ] || exit 4
case $1 in
  is-active) cat /run/exporter.state ;;
  show) case "$*" in *LoadState*) echo LoadState=loaded ;; *MainPID*) echo MainPID=$(cat /run/sshd.pid 2>/dev/null || echo 1) ;; *Type*) echo Type=notify ;; esac ;;
  reload) sha256sum <${tls}/current/cert.pem >>/run/exporter.loaded ;;
esac
`

const said = async (line: string): Promise<string> => (await bed.on('s1', line)).stdout

beforeAll(async () => {
  await bed.start()
  const { address } = bed.host('s1')
  const machine = `exporter: { kind: machine, region: global, owner: deploy, reload: reload exporter.service, ssh: ${address} }`
  const text = bed.spec().replace(/^(operators: \{.*) \}$/m, `$1, ${machine} }`)
  expect(text).toContain('exporter')
  fs.writeFileSync(path.join(bed.ops, 'cluster.yaml'), text)
  fs.writeFileSync(path.join(bed.home('s1'), 'run/systemctl'), systemctl, { mode: 0o755 })
  await bed.on('s1', 'cp /run/systemctl /usr/local/bin/systemctl; echo active >/run/exporter.state')
  await bed.expect(0, 'init', '--new-store')
  await bed.expect(0, 'apply', '--yes')
})
afterAll(() => bed.stop())

test('its files are its own user’s, its unit is told, and the receipt ends it', async () => {
  const { stdout } = await bed.expect(0, 'rollout', '--only', 'machines', '--yes')
  expect(stdout).toContain('exporter.service was told; nothing shows that it has read them')
  expect(await said(`stat -c '%U %a' ${tls}/current/key.pem`)).toBe('deploy 600\n')
  expect(await said('cat /run/exporter.loaded')).toBe(
    await said(`sha256sum <${tls}/current/cert.pem`),
  )
  expect((await bed.expect(0, 'rollout', '--only', 'machines', '--yes')).stdout).toContain(
    'nothing to bring',
  )
})

test('a unit that is not active is not told, and that is said', async () => {
  await bed.expect(0, 'rotate', 'leaves', 'exporter', '--yes')
  await bed.on('s1', 'echo inactive >/run/exporter.state')
  const { stdout } = await bed.expect(0, 'rollout', 'exporter', '--yes')
  expect(stdout).toContain('exporter.service is not active there: its next start reads them')
  expect(await said('wc -l </run/exporter.loaded')).toBe('1\n')
  expect(await said(`readlink ${tls}/current`)).toMatch(/^2-/)
  expect(await said(`ls /run ${tls}`)).not.toMatch(/nomad-pki-rollout|\.part-/)
})

test('by a sudo that makes a terminal for each command, a link that is cut leaves nothing half done', async () => {
  const file = path.join(bed.ops, 'cluster.yaml')
  const text = fs.readFileSync(file, 'utf8')
  fs.writeFileSync(file, text.replace('ssh: { user: root }', 'ssh: { user: deploy, sudo: true }'))
  await bed.on('s1', "sed -i '1i Defaults use_pty' /etc/sudoers.d/deploy")
  expect(await said('grep -c use_pty /etc/sudoers.d/deploy')).toBe('1\n')
  await bed.expect(0, 'rotate', 'leaves', 'exporter', '--yes')
  // The unit takes its time, and meanwhile the host's end of every connection of this user is gone.
  const flag = path.join(bed.home('s1'), 'run/reloading')
  fs.writeFileSync(
    path.join(bed.home('s1'), 'run/systemctl'),
    systemctl.replace('reload)', 'reload) touch /run/reloading; sleep 4;'),
  )
  await bed.on('s1', 'echo active >/run/exporter.state; cp /run/systemctl /usr/local/bin/systemctl')
  const going = bed.pki('rollout', 'exporter', '--yes')
  await eventually('the reload', () => Promise.resolve(fs.existsSync(flag) || undefined))
  await bed.on(
    's1',
    'for one in /proc/[0-9]*; do case $(tr "\\0" " " <$one/cmdline) in "sshd: deploy"*) kill -9 ${one#/proc/} ;; esac; done',
  )
  const cut = await going
  expect(cut.status, cut.stdout).toBe(1)
  expect(cut.stdout).toMatch(/the link to \S+ was cut/)
  expect(cut.stdout).toContain('the same command goes on')
  // What the host has begun it finishes: the files, the reload, the receipt.
  await eventually('the end of the installer', async () => {
    const left = await said(`ls -d /run/nomad-pki-rollout.*; ls -d ${tls}/.lock*`)
    return left === '' || undefined
  })
  expect(await said(`readlink ${tls}/current; grep state ${tls}/receipt.json`)).toMatch(
    /^3-[^]*reloaded/,
  )
  expect(await said('tail -n 1 /run/exporter.loaded')).toBe(
    await said(`sha256sum <${tls}/current/cert.pem`),
  )
  await bed.on('s1', 'rm /run/reloading')
  await bed.expect(0, 'rollout', 'exporter', '--yes')
  // Nothing is done twice.
  expect((await said('wc -l </run/exporter.loaded')).trim()).toBe('2')
  expect((await bed.on('s1', 'ls /run/reloading')).status).not.toBe(0)
})
