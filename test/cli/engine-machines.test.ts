/** A machine below an authority in Vault or OpenBao, from a file authority into the engine and back out of it. */

import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { copyFolder } from '../copy-folder.js'
import { copyRoot, good as succeeds, leafIn, fromNothing, withToken } from '../engine/cluster.js'
import { fakeEngine, type FakeEngine } from '../engine/fake-engine.js'
import { folder, now, type Said } from './cli.js'

let engine: FakeEngine
let place = ''
const runIn = (at: string, line: string): Promise<Said> => withToken(engine, at, line)
const run = (line: string): Promise<Said> => runIn(place, line)
const good = (line: string): Promise<Said> => succeeds(run(line), line)

/** @param east The authority of the second region. */
const specText = (east: string): string => `version: 1
cluster: acme
vault: { address: "${engine.origin}" }
authorities:
  agent: {}
  west: { issuer: agent, engine: { mount: pki/nomad } }
regions:
  us-west: { authority: west, domains: [acme.internal], servers: { s1: { names: [s1.acme.internal] } } }
  us-east: { authority: ${east}, servers: { s9: {} } }
operators:
  prometheus: { kind: machine, region: us-west }
  grafana: { kind: machine, region: us-east, lifetime: 60d }
`
const machines = {
  prometheus: 'machine/us-west/prometheus',
  grafana: 'machine/us-east/grafana',
}
beforeEach(async () => {
  engine = await fakeEngine({ clock: () => now })
  place = folder({ 'cluster.yaml': specText('agent') })
  await fromNothing(engine, place, 'west')
})
afterEach(() => engine.close())

test('its certificate has no common name and its URI alone; all that reads it takes it', async () => {
  const leaf = leafIn(place, machines.prometheus)
  expect(leaf.subject.attributes).toEqual([])
  expect(leaf.subjectAltName).toEqual([
    { type: 'uri', value: 'nomad-pki://machine.nomad/prometheus' },
  ])
  expect(engine.roles.get('nomad-machine-us-west')).toMatchObject({
    ...{ allowed_domains: [], allow_bare_domains: false, allow_any_name: false, require_cn: false },
    ...{ allowed_uri_sans: ['nomad-pki://machine.nomad/*'], allow_localhost: false },
    ...{ use_csr_sans: false, use_csr_common_name: false, server_flag: false, client_flag: true },
  })
  expect((await run('plan')).status).toBe(0)
  expect((await good('verify')).stdout).not.toContain('engine-')
  const inspected = await good('inspect machine/us-west/prometheus')
  expect(inspected.stdout).toContain('nomad-pki://machine.nomad/prometheus')
  expect(inspected.stdout).toContain('takes it for HTTPS alone')
  expect((await good('authority setup west --dry-run')).stdout).toContain(
    'path "pki/nomad/issuer/west-1/sign/nomad-machine-us-west"',
  )
  await good('pack prometheus --out prometheus.tar.gz')
  await good('revoke prometheus --reason superseded')
  expect(engine.revoked.size).toBe(1)
})

test('from the key of a file into the engine: one renewal, by the role of its own region', async () => {
  fs.writeFileSync(path.join(place, 'cluster.yaml'), specText('west'))
  // The intermediate is for one region more.
  await good('rotate authority west --next')
  await good('authority setup west')
  const planned = await run('plan --long')
  expect(planned.stdout).toMatch(/identity\/machine\/us-east\/grafana +renew +issuer-changed/)
  expect(planned.stdout).not.toContain('CN=undefined')
  await good('apply --yes')
  const leaf = leafIn(place, machines.grafana)
  expect(leaf.subject.attributes).toEqual([])
  // The role of the other region lets a certificate live 30 days.
  expect(Math.round((leaf.notAfter - now) / 86_400_000)).toBe(60)
  expect(engine.calls.some(({ path: by }) => by.endsWith('/nomad-machine-us-east'))).toBe(true)
  expect((await run('plan')).status).toBe(0)
})

test('adopt --engine knows whose it is, without a region in it', async () => {
  const second = folder({ 'cluster.yaml': specText('agent') })
  copyRoot(place, second)
  const adopted = await runIn(second, 'adopt root --engine')
  expect(adopted.stdout).toMatch(/^\+ identity\/machine\/us-west\/prometheus$/m)
  expect(adopted.status).toBe(0)
  expect(leafIn(second, machines.prometheus).serial).toBe(leafIn(place, machines.prometheus).serial)

  // A machine that the spec does not have is called by its name.
  const third = folder({
    'cluster.yaml': specText('agent').replace('prometheus:', 'other:'),
  })
  copyFolder(path.join(second, 'root'), path.join(third, 'root'))
  const foreign = await runIn(third, 'adopt root --engine')
  expect(foreign.stdout).toContain('the spec has no machine of any region called prometheus')
})
