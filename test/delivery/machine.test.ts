/** A machine's archive: no stanza, nothing to probe, and whatever the spec says reads the files again. */

import fs from 'node:fs'
import path from 'node:path'
import { env } from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkTrio } from '../../src/delivery/check-trio.js'
import { install, prepareInstall } from '../../src/delivery/install.js'
import { readArchive } from '../../src/delivery/read-archive.js'
import { directoryConfigs } from '../../src/store/directory-configs.js'
import { day } from '../world.js'
import { aWorld, installerPath, Node, pack, present, rewriteSums } from './node.js'

const spec = `version: 1
cluster: acme
regions: { global: { servers: { s1: {} } } }
operators: { prometheus: { kind: machine, tls: /etc/prometheus/nomad-tls, owner: nobody } }
`
let first: Uint8Array
let second: Uint8Array
beforeAll(async () => {
  const world = aWorld(spec)
  world.now -= 20 * day
  await world.apply()
  first = await pack(world, 'prometheus', {}, spec)
  world.later(20 * day + 3_600_000)
  // 30 days, renewed in the last ten.
  await world.apply()
  second = await pack(world, 'prometheus', {}, spec)
})

/** A systemctl that notes what it was asked; `state`: what it says of every unit. */
function systemctl(node: Node, state: string, type = 'simple'): Record<string, string> {
  const bin = path.join(node.folder, 'bin')
  fs.mkdirSync(bin)
  fs.writeFileSync(
    path.join(bin, 'systemctl'),
    `#!/bin/sh
case $1 in
  is-active) echo ${state} ;;
  show) case $3 in MainPID) echo MainPID=1 ;; Type) echo Type=${type} ;; LoadState) echo LoadState=loaded ;; esac ;;
  *) echo "$*" >>"\${0%/bin/systemctl}/asked" ;;
esac
`,
    { mode: 0o755 },
  )
  return { PATH: `${bin}:${env.PATH!}` }
}

describe('the archive of a machine', () => {
  test('holds its files, its place and its owner, and no stanza', () => {
    const { manifest, entries } = readArchive(first)
    expect(manifest).toMatchObject({
      ...{ address: 'identity/machine/global/prometheus', stanza: {} },
      ...{ tls: '/etc/prometheus/nomad-tls', owner: 'nobody', key: true },
    })
    expect(entries.map((entry) => path.basename(entry.path)).sort()).toEqual(
      ['SHA256SUMS', 'ca.pem', 'cert.pem', 'install.sh', 'key.pem']
        .concat(['manifest.json', 'manifest.json'])
        .sort(),
    )
  })

  test('a renewal is installed after a renewal, though nothing shows that the first was read', () => {
    const node = new Node()
    const one = node.install(node.unpack(first, 'one'))
    expect([one.status, one.told.state]).toEqual([0, 'switched'])
    expect(one.stdout).toMatch(/^1-[0-9a-f]{8} is in place$/m)
    const two = node.install(node.unpack(second, 'two'))
    expect([two.status, two.told.result]).toEqual([0, 'installed'])
    expect(node.current).toMatch(/^2-/)
    expect(node.install(path.join(node.folder, 'two/nomad-pki')).told.result).toBe('unchanged')
    const back = node.install(path.join(node.folder, 'two'), ['--rollback', '--reload', 'none'])
    expect(back.status, back.stderr).toBe(0)
    expect(node.current).toMatch(/^1-/)
  })

  test('--restart starts the unit again, also one that runs once and is not active', () => {
    const node = new Node()
    const shim = systemctl(node, 'inactive', 'oneshot')
    const run = node.install(
      node.unpack(first, 'one'),
      ['--reload', 'traefik.service', '--restart'],
      { env: shim },
    )
    expect([run.status, run.told.state], run.stderr).toEqual([0, 'reloaded'])
    expect(run.moments.map((one) => one.split(' ')[0])).toEqual(['switched', 'reloaded'])
    expect(run.stdout).toMatch(/the machine was told to load it/)
    expect(fs.readFileSync(path.join(node.folder, 'asked'), 'utf8')).toBe(
      'restart traefik.service\n',
    )
  })

  test('a unit that does not come up with the new files gets the old ones back', () => {
    const node = new Node()
    node.install(node.unpack(first, 'one'))
    const shim = systemctl(node, 'failed')
    const run = node.install(
      node.unpack(second, 'two'),
      ['--reload', 'traefik.service', '--restart'],
      { env: shim },
    )
    expect([run.status, run.told.result], run.stderr).toEqual([1, 'returned'])
    expect(run.stderr).toMatch(/the machine died/)
    expect(node.current).toMatch(/^1-/)
  })

  test.each([
    [['--reload', 'none', '--restart']],
    [['--reload', '123', '--restart']],
    [['--reload', 'none', '--probe', '127.0.0.1:4646']],
    [['--reload', 'none', '--stanza', '/tmp/tls.hcl']],
  ])('%j is a wrong call', (args) => {
    const node = new Node()
    const run = node.install(node.unpack(first, 'one'), args)
    expect(run.status).toBe(64)
    expect(node.current).toBeUndefined()
  })

  test('a stanza in it is refused, by the installer and by install', async () => {
    const node = new Node()
    const folder = node.unpack(first, 'one')
    fs.writeFileSync(path.join(folder, 'tls.hcl'), 'tls {}\n')
    rewriteSums(folder)
    expect(node.install(folder).stderr).toMatch(/an archive for a machine holds no stanza/)
    const request = { tls: node.tls, now: present }
    const configs = directoryConfigs(node.folder)
    await expect(
      prepareInstall(first, { ...request, config: 'agents' }, configs),
    ).rejects.toMatchObject({ code: 'ERR_USAGE', message: /--config is for agents/ })
    const prepared = await prepareInstall(first, request, configs)
    const outcome = await install(
      prepared,
      { ...request, script: installerPath, reload: 'none', pace: { settle: 0, watch: 1 } },
      configs,
    )
    expect(outcome.state).toBe('placed')
  })

  test('it is judged for what it is: good for clients, and an agent would refuse to listen with it', () => {
    const { files } = readArchive(second)
    const trio = { ca: files.ca, cert: files.cert!, key: files.key }
    expect(checkTrio(trio, present, 'machine').faults).toEqual([])
    expect(checkTrio(trio, present, 'server').faults).toHaveLength(1)
  })
})
