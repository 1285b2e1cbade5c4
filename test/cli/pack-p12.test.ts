import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { latin1Of } from '../../src/bytes.js'
import { main } from '../../src/cli/main.js'
import { nodeFiles } from '../../src/files/files.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { readPkcs12 } from '../../src/x509/pkcs12.js'
import { wordsOf } from '../testscript.js'
import { cli, folder, now } from './cli.js'
import { testContext } from './context.js'

const spec = `version: 1
cluster: acme
authorities: { agent: {}, west: { issuer: agent } }
regions: { global: { authority: west, servers: { s1: {} } } }
operators: { alice: {}, bob: {} }
`

let cwd = ''
const read = (name: string): Buffer => fs.readFileSync(path.join(cwd, name))
const mode = (name: string): number => fs.statSync(path.join(cwd, name)).mode & 0o777
const pack = (...line: readonly string[]): ReturnType<typeof cli> => cli(cwd, ['pack', ...line])

beforeAll(async () => {
  cwd = folder({ 'cluster.yaml': spec, password: 'correct horse\n' })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
})

const place = 'pki/identity/operator/global/alice/current'

async function expectAlice(file: string, password: string): Promise<void> {
  const { keys, certificates, friendlyName } = await readPkcs12(read(file), password)
  expect(keys).toEqual([parsePrivateKey(latin1Of(read(`${place}/key.pem`)))])
  const chain = ['cert.pem', 'ca.pem'].flatMap((name) =>
    parseCertificates(latin1Of(read(`${place}/${name}`))),
  )
  expect(chain).toHaveLength(3)
  expect(certificates.map(({ der }) => Buffer.from(der))).toEqual(
    chain.map(({ der }) => Buffer.from(der)),
  )
  expect(friendlyName).toBe('alice (acme global)')
}

describe('pack --layout p12', () => {
  test('a password from a file opens key, chain and root; only its owner reads it', async () => {
    const run = await pack(
      'alice',
      '--layout',
      'p12',
      '--out',
      'own.p12',
      '--password-file',
      'password',
    )
    expect([run.status, run.stdout]).toEqual([
      0,
      expect.stringMatching(/^[0-9a-f]{64} {2}own\.p12\n$/),
    ])
    expect(run.stdout + run.stderr).not.toContain('correct')
    expect(mode('own.p12')).toBe(0o600)
    await expectAlice('own.p12', 'correct horse')
  })

  test('a new password is shown on a terminal, once, and is another one each time', async () => {
    const shown: string[] = []
    for (const name of ['one.p12', 'two.p12']) {
      const line = ['pack', 'alice', '--layout', 'p12', '--out', name, '--quiet']
      const run = await cli(cwd, line, { terminal: true })
      const [, password = ''] =
        /^password, shown this once: ((?:[a-z2-9]{5}-){4}[a-z2-9]{5})\n$/.exec(run.stderr) ?? []
      expect(run.stdout).not.toContain(password)
      await expectAlice(name, password)
      shown.push(password)
    }
    expect(shown[0]).not.toBe(shown[1])
  })

  test('a new password is written into a file that only its owner reads', async () => {
    const run = await pack(
      'alice',
      '--layout',
      'p12',
      '--out',
      'filed.p12',
      '--compat',
      '--new-password-file',
      'new',
    )
    const password = read('new').toString().trimEnd()
    expect(run.status).toBe(0)
    expect(mode('new')).toBe(0o600)
    expect(run.stdout + run.stderr).not.toContain(password)
    await expectAlice('filed.p12', password)
    // pbeWithSHAAnd3-KeyTripleDES-CBC
    expect(read('filed.p12').includes(Buffer.from('2a864886f70d010c0103', 'hex'))).toBe(true)
  })

  test('nothing is written over, and a rehearsal writes nothing', async () => {
    fs.writeFileSync(path.join(cwd, 'taken'), 'mine')
    for (const line of [
      ['--out', 'taken', '--password-file', 'password'],
      ['--out', 'free.p12', '--new-password-file', 'taken'],
    ]) {
      const run = await pack('alice', '--layout', 'p12', ...line)
      expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('taken exists already')])
    }
    expect(read('taken').toString()).toBe('mine')
    const dry = await pack(
      'alice',
      '--layout',
      'p12',
      '--out',
      'free.p12',
      '--dry-run',
      '--new-password-file',
      'free',
    )
    expect(dry.status).toBe(0)
    expect(fs.existsSync(path.join(cwd, 'free.p12')) || fs.existsSync(path.join(cwd, 'free'))).toBe(
      false,
    )
  })

  test('a password whose file could not be written does not stay, and the same command works then', async () => {
    const line = ['alice', '--layout', 'p12', '--out', 'full.p12', '--new-password-file', 'full']
    const link = vi.spyOn(nodeFiles, 'link')
    link.mockImplementationOnce((from, to) => {
      fs.linkSync(from, to)
    })
    link.mockImplementationOnce(() => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    })
    const before = fs.readdirSync(cwd)
    try {
      const run = await pack(...line)
      expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('the disk is full')])
      expect(run.stderr).toContain('hint: free some space and run the same command again\n')
      expect(link).toHaveBeenCalledTimes(2)
    } finally {
      link.mockRestore()
    }
    expect(fs.readdirSync(cwd)).toEqual(before)
    expect((await pack(...line)).status).toBe(0)
    await expectAlice('full.p12', read('full').toString().trimEnd())
  })

  test('Ctrl-C between the password and its file waits for the file', async () => {
    let asked = 0
    const made = testContext({
      argv: wordsOf('pack alice --layout p12 --out held.p12 --new-password-file held'),
      ...{ cwd, now },
    })
    const status = await main({
      ...made.context,
      onInterrupt(notice) {
        asked += 1
        expect(fs.existsSync(path.join(cwd, 'held'))).toBe(false)
        return made.context.onInterrupt(notice)
      },
    })
    expect({ status, asked }).toEqual({ status: 0, asked: 1 })
    await expectAlice('held.p12', read('held').toString().trimEnd())
  })

  test.each([
    ['same', 'same'],
    ['same', './same'],
    ['same', 'here/same'],
  ])('--out %s and --new-password-file %s are one file', async (out, file) => {
    fs.rmSync(path.join(cwd, 'here'), { force: true })
    fs.symlinkSync('.', path.join(cwd, 'here'))
    for (const more of [[], ['--dry-run']]) {
      const line = ['--layout', 'p12', '--out', out, '--new-password-file', file, ...more]
      const run = await pack('alice', ...line)
      expect([run.status, run.stderr]).toEqual([
        64,
        expect.stringContaining('--out and --new-password-file name the same file'),
      ])
      expect(fs.existsSync(path.join(cwd, 'same'))).toBe(false)
    }
  })

  test.each([
    [['s1', '--out', 'x', '--password-file', 'password'], 64, 'agents do not load PKCS#12'],
    [['alice', 'bob', '--out', 'x', '--password-file', 'password'], 64, 'for one operator'],
    [['alice', '--out-dir', 'x', '--password-file', 'password'], 64, 'for one operator'],
    [['alice', '--out', 'x'], 64, 'there is no terminal to show the new password on'],
    [['alice', '--out', 'pki/x', '--password-file', 'password'], 1, 'is not saved in the store'],
    [['alice', '--out', 'x', '--password-file', 'short'], 64, 'wanted at least 8'],
    [['alice', '--out', 'x', '--password-file', 'wide'], 64, 'beyond printable ASCII'],
    [['alice', '--out', 'x', '--password-file', 'lines'], 64, 'beyond printable ASCII'],
    [['alice', '--out', 'x', '--password-file', 'nowhere'], 1, 'nowhere: no such file'],
    [['alice', '--out', 'x', '--password-file', 'password', '--new-password-file', 'y'], 64, ''],
    [
      ['alice', '--out', 'x', '--password-file', 'password', '--trust-only'],
      64,
      '--trust-only does not go',
    ],
  ])('%j is refused', async (line, status, message) => {
    fs.writeFileSync(path.join(cwd, 'short'), 'abc\n')
    fs.writeFileSync(path.join(cwd, 'wide'), 'pässwörd€\n')
    fs.writeFileSync(path.join(cwd, 'lines'), 'correct\nhorse\n')
    const run = await pack(...line, '--layout', 'p12')
    expect([run.status, run.stderr]).toEqual([status, expect.stringContaining(message)])
    expect(['x', 'y'].filter((name) => fs.existsSync(path.join(cwd, name)))).toEqual([])
  })
})
