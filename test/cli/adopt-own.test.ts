/** `adopt` of folders that this program made: what it wrote comes back as what it was, and nothing is to be done. */

import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare } from '../../src/authority/prepare.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKey } from '../../src/keys/generate.js'
import { encodePrivateKey, parsePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import { copyFolder } from '../copy-folder.js'
import { cli, folder, now } from './cli.js'

const day = 86_400_000
const spec = (more: string): string => `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
${more}
operators:
  alice: { lifetime: 30d, region: global }
  prometheus: { kind: machine, tls: /etc/prometheus/nomad-tls, region: global }
`

async function made(more: string): Promise<string> {
  const cwd = folder({ 'cluster.yaml': spec(more) })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  return cwd
}

interface Adopted {
  readonly text: string
  readonly addresses: readonly string[]
}

/** Adopts a folder, and expects that nothing is left to be made. */
async function adopted(from: string, at = now): Promise<Adopted> {
  const cwd = folder()
  const said = await cli(cwd, ['adopt', from], { now: at })
  expect(said.status, said.stderr + said.stdout).toBe(0)
  const plan = await cli(cwd, ['plan'], { now: at })
  expect([plan.status, plan.stdout]).toEqual([0, expect.stringContaining('nothing to do')])
  expect((await cli(cwd, ['verify', '--offline'], { now: at })).status).toBe(0)
  const addresses = [...said.stdout.matchAll(/^\+ (identity\/\S+)/gm)].map(([, one]) => one!)
  return { text: fs.readFileSync(path.join(cwd, 'cluster.yaml'), 'utf8'), addresses }
}

describe('a folder of ours comes back as it was', () => {
  test('a store: each name, and a machine as a machine', async () => {
    const cwd = await made(
      `regions:
  global:
    servers: { s1: { names: [nomad.acme.test], ips: [10.0.0.11] }, s2: {} }
    clients: { c1: {} }
  west: { clients: { shared: true }, servers: { w1: {} } }`,
    )
    // An older generation lies beside the one in use.
    await cli(cwd, ['rotate', 'leaves', '--all', '--yes'], { now: now + day })
    expect(fs.readdirSync(path.join(cwd, 'pki/identity/server/global/s1'))).toHaveLength(3)
    const out = folder()
    copyFolder(path.join(cwd, 'pki'), path.join(out, 'copy'))
    const { text, addresses } = await adopted(path.join(out, 'copy'), now + 2 * day)
    expect([...addresses].sort()).toEqual([
      'identity/client/global/c1',
      'identity/client/west/shared',
      'identity/machine/global/prometheus',
      'identity/operator/global/alice',
      ...['global/s1', 'global/s2', 'west/w1'].map((one) => `identity/server/${one}`),
    ])
    expect(text).toMatch(/prometheus: \{ region: global, kind: machine, .*lifetime: 30d/)
    expect(text).toMatch(/where its host has the files stands in no certificate: tls, owner/)
    expect(text).not.toContain('guess')
  })

  test.each(['cfssl', 'nomad-tls'])(
    '--layout %s, with the certificate of a machine beside it',
    async (layout) => {
      const cwd = await made(
        'regions: { global: { servers: { shared: true }, clients: { shared: true } } }',
      )
      const place = path.join(cwd, 'out')
      const words = ['pack', '--all', '--layout', layout, '--out-dir', 'out']
      expect((await cli(cwd, [...words, '--with-authority-key'])).status).toBe(0)
      const current = path.join(cwd, 'pki/identity/machine/global/prometheus/current')
      for (const name of ['cert.pem', 'key.pem']) {
        fs.copyFileSync(path.join(current, name), path.join(place, `scraper-${name}`))
      }
      const { text, addresses } = await adopted(place)
      expect([...addresses].sort()).toEqual([
        'identity/client/global/shared',
        'identity/machine/global/prometheus',
        expect.stringMatching(/^identity\/operator\/global\//),
        'identity/server/global/shared',
      ])
      expect(text).toMatch(/prometheus: \{ region: global, kind: machine/)
    },
  )
})

test('a foreign certificate that may be of a program is a question, and not a person for a day', async () => {
  const cwd = await made('regions: { global: { servers: { s1: {} } } }')
  const out = folder()
  copyFolder(path.join(cwd, 'pki/authority'), path.join(out, 'ca'))
  copyFolder(path.join(cwd, 'pki/identity/server'), path.join(out, 'identity/server'))
  // Without a role and the name that says whose it is: as another tool makes one.
  const read = (name: string): string => fs.readFileSync(path.join(out, 'ca/agent/1', name), 'utf8')
  const issuer = heldIssuer({
    certificate: parseCertificates(read('ca.pem'))[0]!,
    key: parsePrivateKey(read('ca-key.pem')),
  })
  const key = await generateKey('ecdsa-p256')
  const uris = ['https://grafana.acme.test/']
  const asked = { role: 'machine', region: 'global', publicKey: key.publicKey, uris } as const
  const { certificate } = await issue(prepare({ ...asked, lifetime: 90 * day }, issuer, { now }))
  fs.writeFileSync(path.join(out, 'grafana.pem'), encodeCertificate(certificate))
  fs.writeFileSync(path.join(out, 'grafana-key.pem'), encodePrivateKey(key))
  const { text, addresses } = await adopted(out)
  expect([...addresses].sort()).toEqual([
    'identity/operator/global/grafana',
    'identity/server/global/s1',
  ])
  expect(text).toMatch(/does a person use it, or a program such as Prometheus\? .*kind: machine/)
  expect(text).toMatch(/grafana: \{ region: global, key: ecdsa-p256, lifetime: 90d \}/)
})
