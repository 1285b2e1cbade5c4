import fs from 'node:fs'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { createServer } from 'node:tls'
import { gzipSync } from 'node:zlib'
import forge from 'node-forge'
import { beforeAll, describe, expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { encodeName } from '../../src/x509/name.js'
import { makeRequest } from '../../src/x509/request.js'
import { pemEncode } from '../../src/keys/pem.js'
import { certify } from '../x509/chains.js'
import { cli, folder } from './cli.js'

const spec = `version: 1
cluster: acme
defaults: { key: rsa-2048 }
regions:
  global:
    servers: { s1: {} }
operators:
  alice: { region: global }
`

let cwd = ''
const current = (file: string): string =>
  path.join(cwd, 'pki/identity/server/global/s1/current', file)
beforeAll(async () => {
  cwd = folder({ 'cluster.yaml': spec })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
})

describe('inspect', () => {
  test('whose certificates a listener asks for', async () => {
    const server = createServer({
      key: fs.readFileSync(current('key.pem')),
      cert: fs.readFileSync(current('cert.pem')),
      ca: fs.readFileSync(current('ca.pem')),
      requestCert: true,
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { stdout } = await cli(cwd, ['inspect', `127.0.0.1:${port}`])
    server.close()
    expect(stdout).toMatch(/asks for certificates of {2}CN=acme agent CA 1/)
  })

  test('an archive of pack: the certificates and the key in it', async () => {
    await cli(cwd, ['pack', 's1', '--out', 's1.tgz'])
    await cli(cwd, ['pack', 'alice', '--out', 'alice.tgz'])
    const node = await cli(cwd, ['inspect', 's1.tgz'])
    expect(node.status).toBe(0)
    expect(node.stderr).toBe('')
    expect(node.stdout).toMatch(/s1\.tgz \(nomad-pki\/1-[0-9a-f]{8}\/ca\.pem\)/)
    expect(node.stdout).toContain('server of global')
    const { fingerprint256 } = new X509Certificate(fs.readFileSync(current('ca.pem')))
    expect(node.stdout.replaceAll(':', '').toUpperCase()).toContain(
      fingerprint256.replaceAll(':', ''),
    )
    expect(node.stdout).not.toContain('PRIVATE KEY')
    const json = await cli(cwd, ['inspect', 's1.tgz', '--json'])
    const { things } = JSON.parse(json.stdout) as { things: { kind: string }[] }
    expect(things.map(({ kind }) => kind).sort()).toEqual(['certificate', 'certificate', 'key'])
    const operator = await cli(cwd, ['inspect', 'alice.tgz'])
    expect([operator.status, operator.stderr]).toEqual([0, ''])
  })

  test.each([
    ['another gzip file', () => gzipSync('nothing')],
    ['a torn archive', () => fs.readFileSync(path.join(cwd, 's1.tgz')).subarray(0, 3000)],
  ])('%s is told as what it is', async (_what, bytes) => {
    fs.rmSync(path.join(cwd, 's1.tgz'), { force: true })
    await cli(cwd, ['pack', 's1', '--out', 's1.tgz'])
    fs.writeFileSync(path.join(cwd, 'other.tgz'), bytes())
    const { status, stderr } = await cli(cwd, ['inspect', 'other.tgz'])
    expect(status).toBe(1)
    expect(stderr).toContain('other.tgz: a gzip file, and not an archive to install from: ')
    expect(stderr).toContain('hint: unpack it, and inspect the certificates in it')
  })

  test('what cannot be read hides nothing else, and sets the exit status', async () => {
    const good = fs.readFileSync(current('cert.pem'), 'utf8')
    fs.writeFileSync(path.join(cwd, 'bad.pem'), pemEncode('CERTIFICATE', Buffer.of(0x30, 0)))
    fs.writeFileSync(
      path.join(cwd, 'half.pem'),
      pemEncode('CERTIFICATE', Buffer.of(0x30, 0)) + good,
    )
    const several = await cli(cwd, ['inspect', 'bad.pem', current('cert.pem'), 'absent.pem'])
    expect(several.status).toBe(1)
    expect(several.stdout).toContain('cannot be read: bad.pem')
    expect(several.stdout).toContain('server of global')
    expect(several.stdout).toContain('absent.pem: no such file')
    const half = await cli(cwd, ['inspect', 'half.pem'])
    expect(half.status).toBe(1)
    expect(half.stdout).toContain('cannot be read: half.pem (1 of 2)')
    expect(half.stdout).toContain('server of global: half.pem (2 of 2)')
    const missing = await cli(cwd, ['inspect', 'absent.pem'])
    expect(missing.status).toBe(1)
    expect(missing.stderr).toContain('absent.pem: no such file')
  })

  test.each([
    [
      'a label of old',
      (pem: string) => pem.replaceAll(' CERTIFICATE-', ' X509 CERTIFICATE-'),
      'it is of type X509 CERTIFICATE',
    ],
    [
      'a PEM header',
      (pem: string) => pem.replace('CERTIFICATE-----\n', 'CERTIFICATE-----\nFoo: bar\n\n'),
      'it has headers',
    ],
    [
      'DER',
      (pem: string) => Buffer.from(new X509Certificate(pem).raw),
      'it is in DER and not in PEM',
    ],
  ])('an authority that agents pass over: %s', async (_, change, why) => {
    const ca = fs.readFileSync(current('ca.pem'), 'utf8')
    fs.writeFileSync(path.join(cwd, 'other-ca'), change(ca))
    const { stdout } = await cli(cwd, ['inspect', current('cert.pem'), 'other-ca'])
    expect(stdout).toContain(`does not take it: ${why}, and agents skip it`)
    expect(stdout).toContain('refuse ' + current('cert.pem') + ': they do not take other-ca')
    expect(stdout).not.toContain('agents that trust these authorities take')
  })

  test('headers do not matter to a leaf', async () => {
    const pem = fs.readFileSync(current('cert.pem'), 'utf8')
    const headed = pem.replace('CERTIFICATE-----\n', 'CERTIFICATE-----\nFoo: bar\n\n')
    fs.writeFileSync(path.join(cwd, 'headed.pem'), headed)
    const { stdout } = await cli(cwd, ['inspect', 'headed.pem', current('ca.pem')])
    expect(stdout).toContain('agents that trust these authorities take headed.pem as server')
  })

  test('a file with the root in front of the leaf', async () => {
    const text = (name: string): string => fs.readFileSync(current(name), 'utf8')
    fs.writeFileSync(path.join(cwd, 'wrong.pem'), text('ca.pem') + text('cert.pem'))
    const { stdout } = await cli(cwd, ['inspect', 'wrong.pem', current('key.pem')])
    expect(stdout).toContain(
      'does not fit\n  wrong.pem is in the wrong order: the key belongs to its certificate 2, and agents take the first for the leaf: put the leaf first\n',
    )
    expect(stdout).not.toMatch(/is the key of|agents that trust|takes it as server/)
    expect(stdout).toMatch(/Nomad +does not take it: wrong\.pem is in the wrong order/)
  })

  test('keys of lengths that are none of ours', async () => {
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2056,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    fs.writeFileSync(path.join(cwd, 'odd.pem'), privateKey)
    const { status, stdout } = await cli(cwd, ['inspect', 'odd.pem'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/key +rsa-2056/)
  })

  test('a running agent: what it presents', async () => {
    const server = createServer({
      key: fs.readFileSync(current('key.pem')),
      cert: fs.readFileSync(current('cert.pem')),
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { status, stdout } = await cli(cwd, ['inspect', `127.0.0.1:${port}`])
    server.close()
    expect(status).toBe(0)
    expect(stdout).toContain(`server of global: 127.0.0.1:${port}`)
    expect(stdout).toContain('asks for certificates of  none: it asks for no certificate')
  })

  test('PKCS#12: its password from a file or a question, and never shown', async () => {
    const pem = (file: string): string => fs.readFileSync(current(file), 'utf8')
    const asn1 = forge.pkcs12.toPkcs12Asn1(
      forge.pki.privateKeyFromPem(pem('key.pem')),
      [forge.pki.certificateFromPem(pem('cert.pem'))],
      'open sesame',
      { algorithm: '3des' },
    )
    const bytes = Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'latin1')
    fs.writeFileSync(path.join(cwd, 'x.p12'), bytes)
    fs.writeFileSync(path.join(cwd, 'password'), 'open sesame\n')

    const nobody = await cli(cwd, ['inspect', 'x.p12'])
    expect(nobody.status).toBe(3)
    expect(nobody.stderr).toContain('--password-file')
    const file = await cli(cwd, ['inspect', 'x.p12', '--password-file', 'password'])
    expect(file.stdout).toMatch(/^PKCS#12: x\.p12\n {2}holds {2}1 certificate, 1 private key\n/)
    expect(file.stdout).toContain('server of global: x.p12 (certificate 1)')
    expect(file.stdout).toMatch(/belongs to +[0-9a-f]{64}/)
    const asked = await cli(cwd, ['inspect', 'x.p12', '--no-color'], {
      terminal: true,
      input: 'open sesame\n',
    })
    expect(asked.stdout).toBe(file.stdout)
    expect(asked.stderr).toContain('password of x.p12: ')
    const wrong = await cli(cwd, ['inspect', 'x.p12'], { terminal: true, input: 'x\n' })
    expect(wrong.status).toBe(1)
    for (const { stdout, stderr } of [file, asked, wrong]) {
      expect(stdout + stderr).not.toContain('sesame')
    }
  })

  test('a request, in PEM, DER and from stdin', async () => {
    const key = generateKeySync('ecdsa-p256')
    const der = makeRequest({
      subject: encodeName({ commonName: 'server.global.nomad' }),
      key,
      names: [{ type: 'dns', value: 'server.global.nomad' }],
    })
    const pem = pemEncode('CERTIFICATE REQUEST', der)
    fs.writeFileSync(path.join(cwd, 'r.der'), der)
    const fromDer = await cli(cwd, ['inspect', 'r.der'])
    const fromStdin = await cli(cwd, ['inspect', '-'], { input: pem })
    expect(fromDer.stdout).toMatch(
      /^request: r\.der\n {2}Nomad +does not read requests.*\n {2}subject +CN=server\.global\.nomad\n/,
    )
    expect(fromStdin.stdout).toBe(fromDer.stdout.replace('r.der', 'stdin'))
  })

  test('everything that a file holds, and which key belongs where', async () => {
    const all = ['key.pem', 'cert.pem', 'ca.pem'].map((file) => fs.readFileSync(current(file)))
    fs.writeFileSync(path.join(cwd, 'all.pem'), Buffer.concat(all))
    const { stdout } = await cli(cwd, ['inspect', 'all.pem'])
    expect(stdout).toContain('private key: all.pem (1 of 3)')
    expect(stdout).toContain('server of global: all.pem (2 of 3)')
    expect(stdout).toContain('root: all.pem (3 of 3)')
    expect(stdout).toMatch(/belongs to +[0-9a-f]{64}/)
    expect(stdout).not.toContain('BEGIN')
  })

  test('what Nomad takes a certificate for, and until when; or why it does not', async () => {
    const good = await cli(cwd, ['inspect', current('cert.pem')])
    expect(good.stdout).toMatch(/Nomad +takes it as server of global until 20\d\d-/)
    const root = await cli(cwd, ['inspect', current('ca.pem')])
    expect(root.stdout).toMatch(/Nomad +takes it as an authority in ca_file until /)
    const later = Date.now() + 4000 * 86_400_000
    const ended = await cli(cwd, ['inspect', current('cert.pem')], { now: later })
    expect(ended.stdout).toMatch(/Nomad +does not take it: it ended at 20\d\d-/)
    // One thing is matched to nothing.
    expect(good.stdout).not.toMatch(/^(fits|missing)/m)
  })

  test('several files: what fits, what does not, what is missing', async () => {
    const place = (role: string, name: string, file: string): string =>
      path.join(cwd, `pki/identity/${role}/global/${name}/current`, file)
    const names = ['s1.pem', 's1-key.pem', 'alice-key.pem', 'ca.pem']
    const from = [
      place('server', 's1', 'cert.pem'),
      place('server', 's1', 'key.pem'),
      place('operator', 'alice', 'key.pem'),
      place('server', 's1', 'ca.pem'),
    ]
    for (const [at, name] of names.entries()) fs.copyFileSync(from[at]!, path.join(cwd, name))
    const { status, stdout } = await cli(cwd, ['inspect', ...names])
    expect(status).toBe(0)
    const told = stdout.slice(stdout.indexOf('\nfits\n'))
    expect(told).toMatch(
      /^\nfits\n {2}s1-key\.pem is the key of s1\.pem\n {2}s1\.pem is signed by ca\.pem\n {2}agents that trust these authorities take s1\.pem as server of global until .*\n\ndoes not fit\n {2}alice-key\.pem is the key of nothing here\n$/,
    )
    const without = await cli(cwd, ['inspect', 's1.pem', 'alice-key.pem', '--json'])
    expect(JSON.parse(without.stdout)).toMatchObject({
      together: {
        fits: [],
        misfits: ['alice-key.pem is the key of nothing here'],
        missing: [
          expect.stringMatching(
            /^the authority that signed s1\.pem: CN=acme agent CA 1 [0-9a-f]{8}$/,
          ),
          'the private key of s1.pem',
        ],
      },
    })
    // The store has the rest of what an address names.
    const address = await cli(cwd, ['inspect', 's1'])
    expect(address.stdout).not.toContain('missing')
  })

  test('a revocation list, in PEM and DER: Nomad reads none', async () => {
    for (const name of ['two.pem', 'two.der']) {
      const list = new URL(`../vectors/openssl-crl/${name}`, import.meta.url)
      fs.copyFileSync(list, path.join(cwd, 'odd-name'))
      const { status, stdout } = await cli(cwd, ['inspect', 'odd-name'])
      expect([status, stdout]).toEqual([0, expect.stringMatching(/^revocation list: odd-name\n/)])
      expect(stdout).toMatch(
        /Nomad +does not read revocation lists: it still accepts a revoked certificate/,
      )
      expect(stdout).toMatch(/revokes +2 certificates/)
    }
  })

  test('JSON of cfssl: what gencert prints, and what it reads', async () => {
    const text = (file: string): string => fs.readFileSync(current(file), 'utf8')
    const output = { cert: text('cert.pem'), csr: '', key: text('key.pem') }
    fs.writeFileSync(path.join(cwd, 'out.json'), `\ufeff${JSON.stringify(output)}`)
    const printed = await cli(cwd, ['inspect', 'out.json'])
    expect(printed.stdout).toMatch(
      /^output of cfssl: out\.json\n {2}holds {2}1 certificate, 1 private key\n/,
    )
    expect(printed.stdout).toContain('server of global: out.json (cert)')
    expect(printed.stdout).toContain('out.json (key) is the key of out.json (cert)')
    expect(printed.stdout).not.toContain('BEGIN')
    const settings = { signing: { default: { expiry: '87600h', usages: ['signing'] } } }
    fs.writeFileSync(path.join(cwd, 'cfssl.json'), JSON.stringify(settings))
    const read = await cli(cwd, ['inspect', 'cfssl.json'])
    expect(read.stdout).toBe(
      'signing configuration of cfssl: cfssl.json\n  default  87600h, signing\n',
    )
    fs.writeFileSync(path.join(cwd, 'plain.json'), '{"a": 1}')
    expect((await cli(cwd, ['inspect', 'plain.json'])).status).toBe(1)
  })

  test.each([
    ['empty', ''],
    ['text', 'hello\n'],
    ['binary', Buffer.from([0x30, 0x82, 0xff, 0xff, 0, 1, 2])],
    ['half a certificate', '-----BEGIN CERTIFICATE-----\nMIIB'],
    ['base64 that is none', '-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n'],
    ['something else', '-----BEGIN PGP MESSAGE-----\nAAAA\n-----END PGP MESSAGE-----\n'],
  ])('%s is told as what it is not', async (_what, content) => {
    fs.writeFileSync(path.join(cwd, 'odd'), content)
    const { status, stdout, stderr } = await cli(cwd, ['inspect', 'odd'])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(/^error: /)
    expect(stderr).not.toContain('internal')
  })
})

describe('verify --ledger-head', () => {
  test('a head that was written down is found later, and not in a rewritten ledger', async () => {
    const place = folder({ 'cluster.yaml': spec.replace('rsa-2048', 'ecdsa-p256') })
    await cli(place, ['init', '--new-store'])
    await cli(place, ['apply', '--yes'])
    const { stdout } = await cli(place, ['status', '--json'])
    const { ledgerHead } = JSON.parse(stdout) as { ledgerHead: string }
    await cli(place, ['add', 'client', 'global/c1'])
    await cli(place, ['apply', '--yes'])
    const args = ['verify', '--offline', '--ledger-head']
    expect((await cli(place, [...args, ledgerHead])).status).toBe(0)
    expect((await cli(place, [...args, ledgerHead.slice(0, 16)])).status).toBe(0)
    expect((await cli(place, [...args, ledgerHead.slice(0, 15)])).status).toBe(64)
    const other = await cli(place, [...args, 'f'.repeat(64)])
    expect(other.status).toBe(2)
    expect(other.stdout).toMatch(/ledger/)
    expect((await cli(place, [...args, 'nonsense'])).status).toBe(64)
  })
})

describe('an encrypted key', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const passphrase = 'Grün-1'
  const files = (): string => {
    const place = folder({
      'new.pem': privateKey.export({
        format: 'pem',
        type: 'pkcs8',
        cipher: 'aes-256-cbc',
        passphrase,
      }),
      'old.pem': privateKey.export({
        format: 'pem',
        type: 'sec1',
        cipher: 'aes-128-cbc',
        passphrase,
      }),
      'plain.pem': privateKey.export({ format: 'pem', type: 'pkcs8' }),
      pass: `${passphrase}\n`,
      other: 'other\n',
    })
    for (const name of ['pass', 'other']) fs.chmodSync(path.join(place, name), 0o600)
    const key = parsePrivateKey(fs.readFileSync(path.join(place, 'plain.pem')))
    const { certificate } = certify('x', { key })
    fs.writeFileSync(path.join(place, 'cert.pem'), encodeCertificate(certificate))
    return place
  }
  const inspect = (place: string, line: string, more = {}): ReturnType<typeof cli> =>
    cli(place, ['inspect', ...line.split(' ')], more)

  test('says how it is encrypted, how often a guess costs a hash, and that agents do not load it', async () => {
    const place = files()
    const modern = await inspect(place, 'new.pem')
    expect([modern.status, modern.stdout]).toEqual([
      0,
      expect.stringMatching(
        /Nomad +does not load it: it is encrypted.*\n.*AES-256-CBC, PBKDF2 with SHA-256, 2,048 rounds\n/,
      ),
    ])
    const old = await inspect(place, 'old.pem')
    expect(old.stdout).toContain(
      'AES-128-CBC, MD5 (the old PEM of OpenSSL), 1 round (weak: passphrases are guessed fast)',
    )
    const { things } = JSON.parse((await inspect(place, 'new.pem --json')).stdout) as {
      things: readonly unknown[]
    }
    expect(things).toEqual([
      {
        ...{ kind: 'key', where: 'new.pem', encrypted: true, belongsTo: [] },
        encryption: { scheme: 'AES-256-CBC, PBKDF2 with SHA-256', rounds: 2048 },
      },
    ])
  })

  test('its passphrase tells which certificate it belongs to; never what it is', async () => {
    const place = files()
    const closed = await inspect(place, 'cert.pem new.pem')
    expect(closed.status).toBe(0)
    expect(closed.stdout).toContain(
      'the passphrase of new.pem: only with it can be told whether it is the key of cert.pem',
    )
    expect(closed.stdout).not.toContain('the private key of cert.pem')
    const open = await inspect(place, '--passphrase-file pass cert.pem new.pem old.pem')
    expect(open.status, open.stderr).toBe(0)
    expect(open.stdout).toContain('new.pem is the key of cert.pem')
    expect(open.stdout).toContain('old.pem is the key of cert.pem')
    expect(open.stdout).toMatch(/encrypted +AES-256-CBC.*\n {2}key +ecdsa-p256/)
    const wrong = await inspect(place, '--passphrase-file other cert.pem new.pem')
    expect(wrong.status).toBe(1)
    expect(wrong.stderr).toContain('the passphrase does not open new.pem')
    expect(wrong.stdout).toContain('the passphrase of new.pem: only with it')
  })

  test('a terminal is asked where there is something to match, and an empty line passes', async () => {
    const place = files()
    const alone = await inspect(place, 'new.pem', { terminal: true, input: '' })
    expect(alone.stderr).not.toContain('passphrase of')
    const asked = await inspect(place, 'cert.pem new.pem', {
      terminal: true,
      input: `${passphrase}\n`,
    })
    expect(asked.stderr).toContain('passphrase of new.pem')
    expect(asked.stdout).toContain('new.pem is the key of cert.pem')
    const passed = await inspect(place, 'cert.pem new.pem', { terminal: true, input: '\n' })
    expect([passed.status, passed.stdout]).toEqual([
      0,
      expect.stringContaining('the passphrase of new.pem'),
    ])
  })

  test('a file with its key before its certificate is told as that, and agents can load it', async () => {
    const place = files()
    const text = (name: string): string => fs.readFileSync(path.join(place, name), 'utf8')
    fs.writeFileSync(path.join(place, 'both.pem'), text('plain.pem') + text('cert.pem'))
    const said = await inspect(place, 'both.pem')
    expect(said.stdout).toMatch(
      /^private key: both\.pem \(1 of 2\)\n {2}Nomad +loads it as key_file/,
    )
    expect(said.stdout).toContain('both.pem (1 of 2) is the key of both.pem (2 of 2)')
    expect(said.stdout).toContain(
      'both.pem holds a certificate and its key: cert_file and key_file can both name it',
    )
    fs.writeFileSync(path.join(place, 'locked.pem'), text('new.pem') + text('cert.pem'))
    const locked = await inspect(place, '--passphrase-file pass locked.pem')
    expect(locked.stdout).toContain('locked.pem (1 of 2) is the key of locked.pem (2 of 2)')
    // Agents load no encrypted key, wherever it stands.
    expect(locked.stdout).not.toContain('can both name it')
  })
})

test('an empty file, and a name beside a spec that is wrong, are told as what they are', async () => {
  const place = folder({ empty: '', 'cluster.yaml': 'version: 1\n' })
  expect((await cli(place, ['inspect', 'empty'])).stderr).toContain('empty: the file is empty')
  const none = await cli(place, ['inspect', 'none.pem'])
  expect([none.status, none.stderr]).toEqual([
    1,
    expect.stringContaining('none.pem: no such file, and cluster.yaml has errors'),
  ])
})
