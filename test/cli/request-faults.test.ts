/** request, sign, rotate leaves and install where something is in the way: what is said, and the exit status. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { fakeSsh } from '../hosts/fake-ssh.js'
import { jitterOf } from '../../src/rotation/due.js'
import { cli, folder, now, type Said } from './cli.js'

const day = 86_400_000
const start = now - 70 * day
const specOf = (held: string, tls = 'node: { tls: /etc/nomad-tls }\n'): string => `version: 1
cluster: acme
defaults: { keyHeld: ${held} }
${tls}regions:
  global:
    servers: { s1: {} }
    clients: { c1: { keyHeld: store } }
`

let admin = ''
let node = ''
beforeEach(async () => {
  admin = folder({ 'cluster.yaml': specOf('node') })
  node = folder()
  await cli(admin, ['init', '--new-store'], { now: start })
  expect((await cli(admin, ['apply', '--yes'], { now: start })).status).toBe(0)
})

const onNode = (line: string, at = now): Promise<Said> => cli(node, line.split(' '), { now: at })
const atStore = (line: string, at = now): Promise<Said> => cli(admin, line.split(' '), { now: at })
const inSpec = (held: string, tls?: string): void => {
  fs.writeFileSync(path.join(admin, 'cluster.yaml'), specOf(held, tls))
}
const waiting = (): string => path.join(node, 'tls/requested-key.pem')

async function asked(line = 'server/global/s1 --tls tls', at = start): Promise<string> {
  const said = await onNode(`request ${line} --out asked.csr --json`, at)
  expect(said.status, said.stderr).toBe(0)
  fs.renameSync(path.join(node, 'asked.csr'), path.join(admin, 'asked.csr'))
  return (JSON.parse(said.stdout) as { fingerprint: string }).fingerprint
}

/** s1 has a certificate, made at `start`; its key is on the node alone. */
async function running(): Promise<void> {
  const fingerprint = await asked()
  const signed = await atStore(`sign asked.csr --fingerprint ${fingerprint}`, start)
  expect(signed.status, signed.stderr).toBe(0)
  await brought('first.tar.gz')
}

async function brought(file: string): Promise<Said> {
  expect((await atStore(`pack s1 --out ${file}`)).status).toBe(0)
  fs.renameSync(path.join(admin, file), path.join(node, file))
  return onNode(`install ${file} --tls tls --reload none`)
}

describe('rotate leaves', () => {
  const remedy =
    'nomad-pki request identity/server/global/s1 --tls /etc/nomad-tls --out s1.csr; then here, with that file: nomad-pki sign s1.csr'

  test.each(['', ' --dry-run'])(
    '--due%s names the nodes that have to ask, and exits 2',
    async (more) => {
      await running()
      const said = await atStore(`rotate leaves --due${more}`)
      expect(said.status, said.stderr).toBe(2)
      expect(said.stdout + said.stderr).toContain(remedy)
    },
  )

  test('by address asks nothing where nothing can be made, and exits 2', async () => {
    await running()
    const said = await atStore('rotate leaves s1', start + day)
    expect(said.status, said.stderr).toBe(2)
    expect(said.stdout).toContain('1 waits for a request by its node')
    expect(said.stdout).not.toContain('nothing to do')
    expect(said.stderr).toContain(remedy)
  })

  test('makes what it can, and exits 2 where nodes have to ask for the rest', async () => {
    await running()
    const said = await atStore('rotate leaves --all --yes', start + day)
    expect(said.status, said.stderr).toBe(2)
    expect(said.stdout).toContain('1 step done')
    expect(said.stderr).toContain(remedy)
    expect(said.stderr).toContain('in order: nomad-pki rollout')
  })

  test('--due counts what was revoked, wherever its key is', async () => {
    await running()
    expect((await atStore('revoke c1 --reason key-compromise', start + day)).status).toBe(0)
    const made = await atStore('rotate leaves --due', start + day)
    expect(made.status, made.stderr).toBe(0)
    expect(made.stdout).toContain('revoked')
    expect(made.stdout).not.toContain('its renewal is due')
    expect((await atStore('revoke s1 --reason key-compromise', start + day)).status).toBe(0)
    const waits = await atStore('rotate leaves --due', start + day)
    expect(waits.status, waits.stderr).toBe(2)
    expect(waits.stderr).toContain(remedy)
  })

  test('what --due finds ahead of the plan, sign takes without a person', async () => {
    await running()
    // The plan renews with 30 days left; the place of s1 in the spread is some days ahead of that.
    const early = start + 60 * day - jitterOf('identity/server/global/s1') * 3 * day + day / 10
    expect((await atStore('plan server/global/s1', early)).status).toBe(0)
    expect((await atStore('rotate leaves --due', early)).status).toBe(2)
    await asked('--tls tls', early)
    const said = await atStore('sign asked.csr', early)
    expect(said.status, said.stderr).toBe(0)
  })
})

describe('the way back from keyHeld: node', () => {
  test('plan says it, and rotate leaves makes the key that it names', async () => {
    await running()
    inSpec('store')
    const plan = await atStore('plan', start + day)
    expect(plan.status).toBe(0)
    expect(plan.stdout).toContain('its node holds its key, and the spec says keyHeld: store')
    expect(plan.stdout).toContain('nomad-pki rotate leaves identity/server/global/s1')
    const kept = await atStore('rotate leaves s1 --keep-key --yes', start + day)
    expect(kept.status).toBe(1)
    expect(kept.stderr).toContain('Its key is on its node')
    const made = await atStore('rotate leaves s1 --yes', start + day)
    expect(made.status, made.stderr).toBe(0)
    const current = path.join(admin, 'pki/identity/server/global/s1/current')
    expect(fs.readdirSync(current)).toContain('key.pem')
    expect((await atStore('plan', start + day)).stdout).not.toContain('keyHeld')
    const put = await brought('back.tar.gz')
    expect(put.status, put.stderr).toBe(0)
    expect(fs.readFileSync(path.join(node, 'tls/current/key.pem'))).toEqual(
      fs.readFileSync(path.join(current, 'key.pem')),
    )
  })

  test('where a renewal is due, the error names the same way', async () => {
    await running()
    inSpec('store')
    const plan = await atStore('plan s1')
    expect(plan.status).toBe(2)
    expect(plan.stdout).toContain('nomad-pki rotate leaves identity/server/global/s1')
    expect((await atStore('rotate leaves --due')).status).toBe(1)
    expect((await atStore('rotate leaves s1 --yes')).status).toBe(0)
    expect((await atStore('plan s1')).status).toBe(0)
  })
})

test.each([
  ['node: { tls: /srv/nomad/tls }\n', '/srv/nomad/tls'],
  ["node: { tls: '/srv/our nomad' }\n", "'/srv/our nomad'"],
  ['', '/etc/nomad.d/tls'],
])('where the spec says %j, the line for the node says --tls', async (tls, place) => {
  inSpec('node', tls)
  const line = `nomad-pki request identity/server/global/s1 --tls ${place} --out s1.csr`
  expect((await atStore('plan')).stdout).toContain(line)
  expect((await atStore('verify')).stdout).toContain(line)
  expect((await atStore('pack s1 --out s1.tar.gz')).stderr).toContain(line)
})

test('where a node has still to ask, an order of delivery names the command that says so', async () => {
  for (const line of ['rollout --dry-run --commands', 'rollout --dry-run']) {
    const said = await cli(admin, line.split(' '), { now: start + day, env: fakeSsh(folder()) })
    const all = said.stdout + said.stderr
    expect(all).toMatch(/nothing was made yet for (identity\/)?server\/global\/s1: nomad-pki plan/)
    expect(all).not.toMatch(/s1: nomad-pki apply/)
  }
  expect((await atStore('plan server/global/s1')).stdout).toContain('nomad-pki request')
})

describe('request', () => {
  test('prints a next line that works as it is', async () => {
    const said = await onNode('request server/global/s1 --tls tls --out s1.csr')
    const line = /nomad-pki sign s1\.csr --fingerprint SHA256:[0-9a-f]{64}(?=; then)/.exec(
      said.stderr,
    )![0]
    expect(said.stderr).toMatch(/nomad-pki install ARCHIVE --tls '\/.*\/tls' --reload/)
    expect(said.stderr).not.toContain('HEX')
    fs.copyFileSync(path.join(node, 's1.csr'), path.join(admin, 's1.csr'))
    const signed = await atStore(line.slice('nomad-pki '.length))
    expect(signed.status, signed.stderr).toBe(0)
  })

  test('a dry run shows no request that somebody could use', async () => {
    for (const more of ['', ' --out s1.csr', ' --json']) {
      const said = await onNode(`request server/global/s1 --tls tls --dry-run${more}`)
      expect(said.status, said.stderr).toBe(0)
      expect(said.stdout + said.stderr).not.toMatch(/BEGIN|SHA256:|nomad-pki sign/)
      expect(said.stdout).toContain('server/global/s1')
      expect(fs.existsSync(path.join(node, 'tls'))).toBe(false)
    }
    // A key that waits is there: its fingerprint is true.
    const fingerprint = await asked()
    const said = await onNode('request server/global/s1 --tls tls --dry-run')
    expect(said.stdout).toContain(fingerprint)
    expect(said.stdout + said.stderr).not.toContain('BEGIN')
  })

  test.each(['pki', 'pki/identity/server/global/s1', 'pki/new'])(
    'makes no key in the store: %s',
    async (tls) => {
      const said = await atStore(`request s1 --tls ${tls}`)
      expect(said.status).toBe(3)
      expect(said.stderr).toContain('lies in the store')
      expect(fs.existsSync(path.join(admin, tls, 'requested-key.pem'))).toBe(false)
    },
  )

  test('what lies in the place of the waiting key is named, with what to do', async () => {
    fs.mkdirSync(path.join(node, 'tls'))
    const remove = /hint: .*rm '.*requested-key\.pem'; the next request makes a new key/
    fs.writeFileSync(waiting(), 'garbage\n', { mode: 0o600 })
    const garbage = await onNode('request server/global/s1 --tls tls')
    expect(garbage.status).toBe(1)
    expect(garbage.stderr).toContain('requested-key.pem: not a private key: it holds no PEM block')
    expect(garbage.stderr).toMatch(remove)
    fs.rmSync(waiting())
    fs.symlinkSync('/etc/hostname', waiting())
    const link = await onNode('request server/global/s1 --tls tls')
    expect(link.status).toBe(3)
    expect(link.stderr).toContain(
      'requested-key.pem: it is a symbolic link; request makes a plain file',
    )
    expect(link.stderr).toMatch(remove)
    fs.rmSync(waiting())
    await asked()
    fs.chmodSync(waiting(), 0o640)
    const open = await onNode('request server/global/s1 --tls tls')
    expect(open.stderr).toMatch(remove)
  })
})

describe('sign', () => {
  test('a dry run ends as the real run would', async () => {
    const fingerprint = await asked()
    const alone = await atStore('sign asked.csr --dry-run')
    expect(alone.status).toBe(3)
    expect(alone.stderr).toContain('no terminal to ask on')
    expect((await atStore('sign asked.csr')).status).toBe(3)
    const known = await atStore(`sign asked.csr --dry-run --fingerprint ${fingerprint}`)
    expect(known.status, known.stderr).toBe(0)
    const person = await cli(admin, ['sign', 'asked.csr', '--dry-run'], { now, terminal: true })
    expect(person.status, person.stderr).toBe(0)
    expect(person.stderr).toContain('a person is asked for it here')
    expect(fs.existsSync(path.join(admin, 'pki/identity/server/global/s1'))).toBe(false)
  })

  test('a key that a node had, and may still run on, is not taken for another', async () => {
    await running()
    const old = fs.readFileSync(path.join(node, 'tls/current/key.pem'))
    await asked('--tls tls', now)
    expect((await atStore('sign asked.csr')).status).toBe(0)
    // s1 has a newer certificate: its first one is an earlier generation, and good for days.
    const thief = folder({ 'tls/requested-key.pem': old })
    fs.chmodSync(path.join(thief, 'tls/requested-key.pem'), 0o600)
    fs.writeFileSync(
      path.join(admin, 'cluster.yaml'),
      specOf('node').replace('s1: {}', 's1: {}, s2: {}'),
    )
    const line = 'request server/global/s2 --tls tls --out s2.csr --json'
    const made = await cli(thief, line.split(' '), { now })
    fs.renameSync(path.join(thief, 's2.csr'), path.join(admin, 's2.csr'))
    const { fingerprint } = JSON.parse(made.stdout) as { readonly fingerprint: string }
    const said = await atStore(`sign s2.csr --fingerprint ${fingerprint}`)
    expect(said.status).toBe(3)
    expect(said.stderr).toContain('its key is also that of identity/server/global/s1')
  })

  test('its hint has no word that stands for something else', async () => {
    await asked()
    const said = await atStore('sign asked.csr')
    expect(said.stderr).not.toContain('HEX')
    expect(said.stderr).toContain('what nomad-pki request printed on the node')
  })
})

describe('install', () => {
  test('where the waiting key is lost, it says which key, where it looked, and what to do', async () => {
    const fingerprint = await asked()
    expect((await atStore(`sign asked.csr --fingerprint ${fingerprint}`, start)).status).toBe(0)
    fs.rmSync(waiting())
    const lost = await brought('lost.tar.gz')
    expect(lost.status).toBe(3)
    expect(lost.stderr).toContain(`the key of its certificate (${fingerprint}) is not on this node`)
    expect(lost.stderr).toContain('requested-key.pem is not there')
    expect(lost.stderr).toContain('nomad-pki request identity/server/global/s1 --tls')
    const other = await asked()
    const mixed = await onNode('install lost.tar.gz --tls tls --reload none')
    expect(mixed.stderr).toContain(`requested-key.pem is a different key (${other})`)
    // As it says: the new key gets a certificate, where a person compares.
    expect((await atStore(`sign asked.csr --fingerprint ${other}`)).status).toBe(0)
    const put = await brought('again.tar.gz')
    expect(put.status, put.stderr).toBe(0)
  })

  test('with a certificate in place, the key in use is not what is missing', async () => {
    await running()
    await asked('--tls tls', now)
    expect((await atStore('sign asked.csr')).status).toBe(0)
    fs.rmSync(waiting())
    const lost = await brought('lost.tar.gz')
    expect(lost.status).toBe(3)
    expect(lost.stderr).toContain('requested-key.pem is not there')
    expect(lost.stderr).toMatch(/1-[0-9a-f]{8}\/key\.pem is a different key/)
    expect(lost.stderr).not.toContain('does not belong')
  })
})
