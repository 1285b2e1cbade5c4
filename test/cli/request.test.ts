/** request and sign: the key stays on the node, the spec decides the names, and renewals need no person. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { parseCertificates } from '../../src/x509/certificates.js'
import { cli, folder, now, type Said } from './cli.js'

const day = 86_400_000
/** When the first certificates are made: the installer's clock is the system's, so renewals are today. */
const start = now - 70 * day
const spec = `version: 1
cluster: acme
defaults: { keyHeld: node }
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { ips: [10.0.0.11] }, s2: { keyHeld: store } }
    clients: { c1: { key: ecdsa-p384 } }
operators: { alice: {} }
`
const place = 'pki/identity/server/global/s1'

/** The authority, and a node of which nothing is there but a folder. */
let admin = ''
let node = ''
beforeEach(async () => {
  admin = folder({ 'cluster.yaml': spec })
  node = folder()
  await cli(admin, ['init', '--new-store'], { now: start })
  expect((await cli(admin, ['apply', '--yes'], { now: start })).status).toBe(0)
})

const onNode = (line: string, at = start): Promise<Said> => cli(node, line.split(' '), { now: at })
const atStore = (line: string, at = start): Promise<Said> =>
  cli(admin, line.split(' '), { now: at })

/** A request on the node, brought to the authority; its fingerprint. */
async function asked(
  more = 'server/global/s1 --tls tls',
  at = start,
  file = 's1.csr',
): Promise<string> {
  const said = await onNode(`request ${more} --out ${file} --json`, at)
  expect(said.status, said.stderr).toBe(0)
  fs.copyFileSync(path.join(node, file), path.join(admin, file))
  return (JSON.parse(said.stdout) as { fingerprint: string }).fingerprint
}

async function delivered(file: string, at = start): Promise<void> {
  const packed = await atStore(`pack s1 --out ${file}`, at)
  expect(packed.status, packed.stderr).toBe(0)
  expect(packed.stderr).not.toContain('holds the private key')
  fs.copyFileSync(path.join(admin, file), path.join(node, file))
  const put = await onNode(`install ${file} --tls tls --reload none`, now)
  expect(put.status, put.stderr).toBe(0)
}

function pair(): { readonly leaf: string; readonly key: string } {
  const read = (name: string): string =>
    fs.readFileSync(path.join(node, 'tls/current', name), 'latin1')
  const ran = spawnSync('openssl', ['pkey', '-pubout'], {
    input: read('key.pem'),
    encoding: 'utf8',
  })
  const [leaf] = parseCertificates(read('cert.pem'))
  return {
    leaf: Buffer.from(leaf!.publicKey.spki).toString('base64'),
    key: ran.stdout.replace(/-----.*-----|\n/g, ''),
  }
}

test('plan waits for a request, apply makes all else, and no key is ever in the store', async () => {
  const waits = await atStore('plan')
  expect(waits.status).toBe(2)
  expect(waits.stdout).toContain('request-needed')
  expect(waits.stdout).toContain('2 wait for a request by their node')
  const fingerprint = await asked()
  const before = fs.readFileSync(path.join(node, 'tls/requested-key.pem'), 'latin1')
  expect(fs.statSync(path.join(node, 'tls/requested-key.pem')).mode & 0o777).toBe(0o600)
  expect(await asked()).toBe(fingerprint)
  const signed = await atStore(`sign s1.csr --fingerprint ${fingerprint}`)
  expect(signed.status, signed.stderr).toBe(0)
  expect(signed.stderr).toContain('granted  CN server.global.nomad')
  await delivered('s1.tar.gz')
  const now1 = pair()
  expect(now1.key).toBe(now1.leaf)
  expect(fs.readFileSync(path.join(node, 'tls/current/key.pem'), 'latin1')).toBe(before)
  expect(fs.existsSync(path.join(node, 'tls/requested-key.pem'))).toBe(false)
  expect(fs.readdirSync(path.join(admin, place, 'current')).sort()).toEqual([
    'ca.pem',
    'cert.pem',
    'manifest.json',
  ])
  expect((await atStore('plan server/global/s1')).status).toBe(0)
})

test('the same request again makes no second certificate', async () => {
  const fingerprint = await asked()
  expect((await atStore(`sign s1.csr --fingerprint ${fingerprint}`)).status).toBe(0)
  const ledger = fs.readFileSync(path.join(admin, 'pki/ledger.jsonl'), 'utf8')
  const again = await atStore(`sign s1.csr --fingerprint ${fingerprint}`)
  expect(again).toMatchObject({ status: 0 })
  expect(again.stdout).toContain('generation 1 is the certificate of this request')
  expect(fs.readFileSync(path.join(admin, 'pki/ledger.jsonl'), 'utf8')).toBe(ledger)
})

test('a waiting key that others can read is not put in place', async () => {
  const fingerprint = await asked()
  expect((await atStore(`sign s1.csr --fingerprint ${fingerprint}`)).status).toBe(0)
  await atStore('pack s1 --out s1.tar.gz')
  fs.copyFileSync(path.join(admin, 's1.tar.gz'), path.join(node, 's1.tar.gz'))
  fs.chmodSync(path.join(node, 'tls/requested-key.pem'), 0o644)
  const put = await onNode('install s1.tar.gz --tls tls --reload none', now)
  expect(put.status).toBe(3)
  expect(put.stderr).toContain('other users can read')
  expect(fs.existsSync(path.join(node, 'tls/current'))).toBe(false)
})

test('nobody is asked where nobody can answer, and a person can', async () => {
  const fingerprint = await asked()
  const alone = await atStore('sign s1.csr')
  expect(alone.status).toBe(3)
  expect(alone.stderr).toContain('no terminal to ask on')
  expect(alone.stderr).toContain('repeat it with --fingerprint')
  const other = await atStore(`sign s1.csr --fingerprint SHA256:${'0'.repeat(64)}`)
  expect(other.status).toBe(3)
  expect(other.stderr).toContain('it is not what the node sent')
  const no = await cli(admin, ['sign', 's1.csr'], { now: start, terminal: true, input: 'n' })
  expect(no.status).toBe(3)
  expect(fs.existsSync(path.join(admin, place))).toBe(false)
  const yes = await cli(admin, ['sign', 's1.csr'], { now: start, terminal: true, input: 'y' })
  expect(yes.stderr).toContain(`Is it ${fingerprint}?`)
  expect(yes.status).toBe(0)
})

test('a renewal is signed by the key in use: taken when it is due, and not before', async () => {
  await atStore(`sign s1.csr --fingerprint ${await asked()}`)
  await delivered('s1.tar.gz')
  const first = pair()
  await asked('--tls tls', start + day, 'early.csr')
  const early = await atStore('sign early.csr', start + day)
  expect(early.status).toBe(3)
  expect(early.stderr).toContain('its renewal is not due')
  const late = now
  expect((await atStore('plan server/global/s1', late)).stdout).toContain('request-needed')
  await asked('--tls tls', late, 'due.csr')
  const due = await atStore('sign due.csr', late)
  expect(due.status, due.stderr).toBe(0)
  expect(due.stderr).toContain('signed by the key of generation 1, and due')
  // The pair in use is whole until the new one is.
  expect(pair()).toEqual(first)
  await delivered('s1-2.tar.gz', late)
  const second = pair()
  expect(second.key).toBe(second.leaf)
  expect(second.key).not.toBe(first.key)
  // And back as a pair.
  const back = await onNode('install --rollback --tls tls --reload none', late)
  expect(back.status, back.stderr).toBe(0)
  expect(pair()).toEqual(first)
})

test('the key in use can be asked for again', async () => {
  await atStore(`sign s1.csr --fingerprint ${await asked()}`)
  await delivered('s1.tar.gz')
  const { key } = pair()
  const late = now
  await asked('--tls tls --keep-key', late, 'kept.csr')
  expect(fs.existsSync(path.join(node, 'tls/requested-key.pem'))).toBe(false)
  expect((await atStore('sign kept.csr', late)).status).toBe(0)
  await delivered('s1-2.tar.gz', late)
  expect(pair()).toEqual({ key, leaf: key })
})

test('a revoked certificate vouches for no request, and its key is not certified again', async () => {
  await atStore(`sign s1.csr --fingerprint ${await asked()}`)
  await delivered('s1.tar.gz')
  expect((await atStore('revoke s1 --reason key-compromise', now)).status).toBe(0)
  await asked('--tls tls --keep-key', now, 'kept.csr')
  const kept = await atStore('sign kept.csr', now)
  expect(kept.status).toBe(3)
  expect(kept.stderr).toContain('its key was revoked (key-compromise)')
  // Who has the stolen key asks for a new one: a person has to know the fingerprint.
  const fingerprint = await asked('--tls tls', now, 'new.csr')
  const thief = await atStore('sign new.csr', now)
  expect(thief.status).toBe(3)
  expect(thief.stderr).toContain('the certificate that signs it was revoked on')
  const owner = await atStore(`sign new.csr --fingerprint ${fingerprint}`, now)
  expect(owner.status, owner.stderr).toBe(0)
  expect((await atStore('plan', now)).stdout).not.toContain('revoked')
})

test('a signature beside a request is worth nothing over another one, or by a stranger', async () => {
  await atStore(`sign s1.csr --fingerprint ${await asked()}`)
  await delivered('s1.tar.gz')
  const late = now
  await asked('--tls tls', late, 'due.csr')
  const due = fs.readFileSync(path.join(admin, 'due.csr'), 'latin1')
  const cms = due.slice(due.indexOf('-----BEGIN CMS'))
  const thief = folder()
  await cli(thief, ['request', 'server/global/s1', '--tls', 'tls', '--out', 'x.csr'])
  const stolen = fs.readFileSync(path.join(thief, 'x.csr'), 'latin1') + cms
  fs.writeFileSync(path.join(admin, 'stolen.csr'), stolen)
  const said = await atStore('sign stolen.csr', late)
  expect(said.status).toBe(3)
  expect(said.stderr).toContain('the signature beside the request is not valid')
})

test.each([
  ['server/global/s2', 'the spec does not say keyHeld: node for identity/server/global/s2'],
  ['client/global/c1', 'its key is ecdsa-p256, and the spec asks for ecdsa-p384'],
])('%s: %s', async (address, why) => {
  const fingerprint = await asked(`${address} --tls tls`)
  const said = await atStore(`sign s1.csr --fingerprint ${fingerprint}`)
  expect(said.status).toBe(3)
  expect(said.stderr).toContain(why)
})

test('a request for one is not signed as another', async () => {
  const fingerprint = await asked()
  const said = await atStore(`sign s1.csr --as c1 --fingerprint ${fingerprint}`)
  expect(said.status).toBe(3)
  expect(said.stderr).toContain(
    'it asks for server.global.nomad, and identity/client/global/c1 is a client',
  )
})

test('a node says whose request it is, and is no other', async () => {
  const said = await onNode('request --tls tls')
  expect(said.status).toBe(64)
  expect(said.stderr).toContain('ROLE/REGION/NAME')
  expect((await onNode('request s1 --tls tls')).status).toBe(64)
  await atStore(`sign s1.csr --fingerprint ${await asked()}`)
  await delivered('s1.tar.gz')
  const other = await onNode('request client/global/c9 --tls tls')
  expect(other.status).toBe(3)
  expect(other.stderr).toContain('this node is identity/server/global/s1')
})

test('a waiting key that others can read, or of another algorithm, is not asked for', async () => {
  await asked()
  const key = path.join(node, 'tls/requested-key.pem')
  const changed = await onNode('request server/global/s1 --tls tls --key rsa-2048')
  expect(changed.status).toBe(1)
  expect(changed.stderr).toContain('is a key of ecdsa-p256 that waits')
  fs.chmodSync(key, 0o644)
  const open = await onNode('request server/global/s1 --tls tls')
  expect(open.status).toBe(3)
  expect(open.stderr).toContain('other users can read')
})
