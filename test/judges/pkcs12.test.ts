/**
 * PKCS#12 files of `makePkcs12`, both forms and the keys that operators have, before readers that share no code
 * with it. Each reader must also refuse another password.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KeyAlgorithm } from '../../src/keys/algorithms.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { makePkcs12, type Pkcs12Form, type Pkcs12Parts } from '../../src/x509/make-pkcs12.js'
import { aCluster } from '../builders.js'
import { run, runOk } from '../real-nomad/harness/run.js'

const password = 'correct horse ~!"$%'
const wrong = 'correct horse ~!"$&'

interface File extends Pkcs12Parts {
  readonly path: string
  readonly name: string
}

const kinds: readonly (readonly [Pkcs12Form, KeyAlgorithm])[] = [
  ['modern', 'ecdsa-p256'],
  ['modern', 'ecdsa-p384'],
  ['modern', 'rsa-2048'],
  ['compat', 'ecdsa-p256'],
  ['compat', 'rsa-2048'],
]

let base: string
let goReader: string
const files = new Map<string, File>()

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'nomad-pki-pkcs12-'))
  for (const [form, algorithm] of kinds) {
    const name = `${form} ${algorithm}`
    const cluster = await aCluster()
      .withIntermediate('global')
      .withOperator('alice', { authority: 'global', key: algorithm })
      .build()
    const { key, chain } = cluster.holder('identity/operator/global/alice')
    const parts = {
      ...{ key, certificates: [...chain, cluster.root()], password, form },
      friendlyName: 'alice (acme global)',
    }
    const path = join(base, `${form}-${algorithm}.p12`)
    writeFileSync(path, makePkcs12(parts))
    files.set(name, { ...parts, path, name })
  }
  goReader = join(base, 'go-reader')
  execFileSync('go', ['build', '-o', goReader, '.'], {
    cwd: join(import.meta.dirname, 'pkcs12'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
})

afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})

/** What a reader found. */
interface Found {
  readonly leaf: string
  /** Hex of the other certificates, sorted: readers have orders of their own. */
  readonly others: readonly string[]
  /** Hex: PKCS#8, or SPKI where the reader gives no private key. */
  readonly key: string
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const certificatesIn = (text: string): string[] =>
  parseCertificates(text.slice(text.indexOf('-----BEGIN'))).map(({ der }) => hex(der))

/** OpenSSL 3. `undefined`: it does not open. */
async function openssl({ path }: File, secret: string): Promise<Found | undefined> {
  const read = async (...what: readonly string[]): Promise<string | undefined> => {
    const args = ['pkcs12', '-in', path, '-passin', 'stdin', '-nodes', ...what]
    const { status, stdout } = await run('openssl', args, { input: `${secret}\n` })
    return status === 0 ? stdout : undefined
  }
  const leaf = await read('-clcerts', '-nokeys')
  const others = await read('-cacerts', '-nokeys')
  const key = await read('-nocerts')
  if (leaf === undefined || others === undefined || key === undefined) return undefined
  expect(leaf).toContain('friendlyName: alice (acme global)')
  const pkcs8 = await runOk('openssl', ['pkey'], { input: key })
  return { leaf: certificatesIn(leaf)[0]!, others: certificatesIn(others).sort(), key: pkcs8 }
}

/** Java. */
async function keytool({ path, name }: File, secret: string): Promise<Found | undefined> {
  // One file may be read several times.
  const folder = mkdtempSync(join(base, 'java-'))
  const env = { SECRET: secret, NEW: 'anotherone' }
  const list = [
    '-list',
    '-rfc',
    '-keystore',
    path,
    '-storetype',
    'PKCS12',
    '-storepass:env',
    'SECRET',
  ]
  const listed = await run('keytool', list, { env })
  if (listed.status !== 0) return undefined
  expect(listed.stdout.toLowerCase(), name).toContain('alias name: alice (acme global)')
  expect(listed.stdout).toContain('Entry type: PrivateKeyEntry')
  expect(listed.stdout).toContain('Certificate chain length: 3')
  const copy = join(folder, 'copy.p12')
  const store = ['-srckeystore', path, '-srcstoretype', 'PKCS12', '-srcstorepass:env', 'SECRET']
  await runOk(
    'keytool',
    [
      '-importkeystore',
      ...store,
      '-destkeystore',
      copy,
      '-deststoretype',
      'PKCS12',
      '-deststorepass:env',
      'NEW',
    ],
    { env },
  )
  const args = ['pkcs12', '-in', copy, '-passin', 'stdin', '-nodes', '-nocerts']
  const key = await runOk('openssl', args, { input: 'anotherone\n' })
  const [leaf, ...others] = certificatesIn(listed.stdout)
  return {
    leaf: leaf!,
    others: others.sort(),
    key: await runOk('openssl', ['pkey'], { input: key }),
  }
}

/** NSS: Firefox, and Chrome on Linux. */
async function pk12util({ path }: File, secret: string): Promise<Found | undefined> {
  const folder = mkdtempSync(join(base, 'nss-'))
  const db = `sql:${folder}`
  await runOk('certutil', ['-N', '-d', db, '--empty-password'])
  const secretFile = join(folder, 'secret')
  writeFileSync(secretFile, secret)
  const imported = await run('pk12util', ['-i', path, '-d', db, '-w', secretFile, '-K', ''])
  if (imported.status !== 0) return undefined
  const listed = await runOk('certutil', ['-L', '-d', db])
  // u: NSS has the key of it.
  expect(listed).toMatch(/^alice \(acme global\) +u,u,u *$/m)
  const nicknames = listed
    .split('\n')
    .flatMap((line) => /^(\S.*?) {2,}[a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]* *$/.exec(line)?.[1] ?? [])
  const certificates = new Map<string, string>()
  for (const nickname of nicknames) {
    const text = await runOk('certutil', ['-L', '-d', db, '-a', '-n', nickname])
    certificates.set(nickname, certificatesIn(text)[0]!)
  }
  const leaf = certificates.get('alice (acme global)')!
  certificates.delete('alice (acme global)')
  const back = join(folder, 'back.p12')
  await runOk('pk12util', [
    '-o',
    back,
    '-d',
    db,
    '-n',
    'alice (acme global)',
    '-W',
    'anotherone',
    '-K',
    '',
  ])
  const args = ['pkcs12', '-in', back, '-passin', 'stdin', '-nodes', '-nocerts']
  const key = await runOk('openssl', args, { input: 'anotherone\n' })
  return {
    ...{ leaf, others: [...certificates.values()].sort() },
    key: await runOk('openssl', ['pkey'], { input: key }),
  }
}

/** GnuTLS. */
async function certtool({ path }: File, secret: string): Promise<Found | undefined> {
  const args = ['--p12-info', '--inder', '--infile', path, '--password', secret]
  const { status, stdout } = await run('certtool', args)
  if (status !== 0) return undefined
  const key =
    /-----BEGIN ENCRYPTED PRIVATE KEY-----[\s\S]*?-----END ENCRYPTED PRIVATE KEY-----/.exec(
      stdout,
    )![0]
  const [leaf, ...others] = certificatesIn(
    stdout.replaceAll(/-----BEGIN ENCRYPTED[\s\S]*?-----END ENCRYPTED PRIVATE KEY-----/g, ''),
  )
  const opened = await runOk('openssl', ['pkey', '-passin', 'env:SECRET'], {
    input: key,
    env: { SECRET: secret },
  })
  return { leaf: leaf!, others: others.sort(), key: opened }
}

interface GoAnswer {
  readonly error?: string
  readonly key: string
  readonly leaf: string
  readonly others: readonly string[]
}

/** software.sslmate.com/src/go-pkcs12. */
async function goPkcs12({ path, key }: File, secret: string): Promise<Found | undefined> {
  const answer = JSON.parse(await runOk(goReader, [path, secret])) as GoAnswer
  if (answer.error !== undefined) return undefined
  const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString('hex')
  // It gives the public half of what it has read.
  expect(fromBase64(answer.key)).toBe(hex(key.publicKey.spki))
  return {
    leaf: fromBase64(answer.leaf),
    others: answer.others.map(fromBase64).sort(),
    key: encodePrivateKey(key),
  }
}

describe.each([
  ['openssl', openssl],
  ['keytool', keytool],
  ['pk12util', pk12util],
  ['certtool', certtool],
  ['go-pkcs12', goPkcs12],
] as const)('%s', (_, read) => {
  test.each(kinds.map(([form, algorithm]) => `${form} ${algorithm}`))(
    'finds all of it: %s',
    async (name) => {
      const file = files.get(name)!
      const [leaf, ...others] = file.certificates.map(({ der }) => hex(der))
      expect(await read(file, password)).toEqual({
        leaf,
        others: others.sort(),
        // openssl pkey writes a key as we do.
        key: encodePrivateKey(file.key),
      })
    },
  )

  test.each(['modern ecdsa-p256', 'compat ecdsa-p256'])(
    'does not open it with another password: %s',
    async (name) => {
      expect(await read(files.get(name)!, wrong)).toBeUndefined()
    },
  )
})
