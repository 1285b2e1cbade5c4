/** Where an authority's key is: passphrases and their sources, the local file, the key's form in the store. */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { expect, test, describe } from 'vitest'
import { lockKey } from '../../src/keys/lock-key.js'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { isEncryptedKey, unlockKey } from '../../src/keys/unlock-key.js'
import { cli, folder, type Said } from './cli.js'

const passphrase = 'correct horse €'

function specOf(signer: string): string {
  return `version: 1
cluster: acme
authorities: { agent: { signer: ${signer} } }
regions:
  global:
    servers: { s1: {} }
`
}

function write(place: string, name: string, text: string, mode: number = 0o600): void {
  const file = path.join(place, name)
  fs.rmSync(file, { force: true })
  fs.writeFileSync(file, text)
  fs.chmodSync(file, mode)
}

const local = 'nomad-pki.local.yaml'
const fromFile = 'passphrases: { agent: { file: passphrase } }\n'

async function begun(signer: string, said?: string): Promise<string> {
  const place = folder({ 'cluster.yaml': specOf(signer) })
  expect((await cli(place, ['init', '--new-store'])).status).toBe(0)
  if (said !== undefined) write(place, local, said)
  write(place, 'passphrase', `${passphrase}\n`)
  return place
}

const keyFile = 'pki/authority/agent/1/ca-key.pem'

function key(place: string): Buffer {
  return fs.readFileSync(path.join(place, keyFile))
}

function ledger(place: string): string {
  return fs.readFileSync(path.join(place, 'pki/ledger.jsonl'), 'utf8')
}

function expectSaid({ status, stdout, stderr }: Said, wanted: number, text: RegExp): void {
  expect(stdout + stderr).toMatch(text)
  expect(status).toBe(wanted)
  expect(stdout + stderr).not.toContain(passphrase)
}

describe('a root with signer: encrypted', () => {
  test('is made under the passphrase of a file, signs, verifies, and the key is never plain', async () => {
    const place = await begun('encrypted', fromFile)
    expectSaid(await cli(place, ['apply', '--yes']), 0, /steps done/)
    expect(isEncryptedKey(key(place))).toBe(true)
    expect(fs.statSync(path.join(place, keyFile)).mode & 0o777).toBe(0o400)
    const opened = parsePrivateKey(unlockKey(key(place), passphrase))
    expect(opened.algorithm).toBe('ecdsa-p256')
    expectSaid(await cli(place, ['plan']), 0, /nothing to do/)
    expectSaid(await cli(place, ['verify']), 0, /proven/)
    expectSaid(await cli(place, ['rotate', 'leaves', '--all', '--yes']), 0, /1 step done/)
    expectSaid(await cli(place, ['authority', 'show']), 0, /encrypted/)
    const everything = fs
      .readdirSync(place, { recursive: true, encoding: 'utf8' })
      .filter((name) => fs.statSync(path.join(place, name)).isFile())
    const secret = Buffer.from(opened.pkcs8).subarray(36, 68)
    for (const name of everything) {
      expect(fs.readFileSync(path.join(place, name)).includes(secret)).toBe(false)
    }
  })

  test('is rotated, crossed, and both keys are encrypted', async () => {
    const place = await begun('encrypted', fromFile)
    await cli(place, ['apply', '--yes'])
    write(
      place,
      'cluster.yaml',
      specOf('encrypted, signing: 2, trusted: [1, 2], crossed: true').replace('acme', 'acme'),
    )
    expectSaid(await cli(place, ['apply', '--yes']), 0, /steps done/)
    const second = fs.readFileSync(path.join(place, 'pki/authority/agent/2/ca-key.pem'))
    expect(isEncryptedKey(second)).toBe(true)
    expectSaid(await cli(place, ['verify']), 0, /proven/)
    expectSaid(await cli(place, ['plan']), 0, /nothing to do/)
  })

  test.each<[string, string | undefined, string | undefined, number, RegExp]>([
    ['no source', undefined, undefined, 3, /there is no terminal to ask for the new passphrase/],
    ['a short one', fromFile, 'short\n', 3, /has 5 characters, wanted at least 8/],
    ['one character', fromFile, 'x\n', 3, /has 1 character, wanted at least 8/],
    ['an empty one', fromFile, '\n', 3, /gives an empty passphrase/],
    ['two lines', fromFile, 'one line here\nanother\n', 3, /gives more than one line/],
    ['a large file', fromFile, 'x'.repeat(2000), 3, /more than 1024 bytes/],
    ['no file', fromFile.replace('passphrase }', 'absent }'), undefined, 3, /absent.*no such file/],
    [
      'a command that fails',
      `passphrases: { agent: { command: [sh, -c, "echo no >&2; exit 3"] } }`,
      undefined,
      3,
      /sh exited with 3: no/,
    ],
    [
      'a command that hangs',
      'passphrases: { agent: { command: [sleep, "30"], timeout: 1s } }',
      undefined,
      3,
      /sleep did not answer within 1s and was ended/,
    ],
  ])('%s: nothing is made', async (_what, said, text, status, message) => {
    const place = await begun('encrypted', said)
    if (text !== undefined) write(place, 'passphrase', text)
    const before = ledger(place)
    expectSaid(await cli(place, ['apply', '--yes']), status, message)
    expect(ledger(place)).toBe(before)
    expect(fs.existsSync(path.join(place, 'pki/authority'))).toBe(false)
  })

  test('a command gives the passphrase', async () => {
    const place = await begun(
      'encrypted',
      'passphrases: { agent: { command: [cat, passphrase] } }\n',
    )
    expectSaid(await cli(place, ['apply', '--yes']), 0, /steps done/)
    expect(() => unlockKey(key(place), passphrase)).not.toThrow()
  })

  test('a wrong passphrase is told, and nothing is signed', async () => {
    const place = await begun('encrypted', fromFile)
    await cli(place, ['apply', '--yes'])
    write(place, 'passphrase', 'another one\n')
    const before = ledger(place)
    expectSaid(
      await cli(place, ['rotate', 'leaves', '--all', '--yes']),
      1,
      /passphrase does not open the key of authority\/agent\/1/,
    )
    expect(ledger(place)).toBe(before)
  })

  test('three wrong ones on a terminal are enough', async () => {
    const place = await begun('encrypted', fromFile)
    await cli(place, ['apply', '--yes'])
    fs.rmSync(path.join(place, local))
    const line = ['rotate', 'leaves', '--all', '--yes']
    const wrong = { terminal: true, input: 'wrong one\nwrong two\nwrong 3\n' }
    expectSaid(await cli(place, line, wrong), 1, /does not open the key.*\(3 times\)/)
    const right = { terminal: true, input: `wrong one\n${passphrase}\n` }
    expectSaid(await cli(place, line, right), 0, /1 step done/)
  })
})

test('a new passphrase is typed twice, and two that differ make nothing', async () => {
  const place = await begun('encrypted')
  const differ = { terminal: true, input: `${passphrase}\ncorrect hrose\n` }
  expectSaid(await cli(place, ['apply', '--yes'], differ), 3, /the two passphrases differ/)
  expect(fs.existsSync(path.join(place, 'pki/authority'))).toBe(false)
  const same = { terminal: true, input: `${passphrase}\n${passphrase}\n` }
  expectSaid(await cli(place, ['apply', '--yes'], same), 0, /steps done/)
  expect(() => unlockKey(key(place), passphrase)).not.toThrow()
})

describe('the local file', () => {
  test.each<[string, (place: string) => void, RegExp, RegExp]>([
    [
      'open to the group',
      (place) => {
        fs.chmodSync(path.join(place, local), 0o640)
      },
      /is open to other users \(mode 0640\)/,
      /chmod 600/,
    ],
    [
      'a link',
      (place) => {
        fs.renameSync(path.join(place, local), path.join(place, 'elsewhere.yaml'))
        fs.symlinkSync('elsewhere.yaml', path.join(place, local))
      },
      /it is a symbolic link/,
      /links are not followed/,
    ],
    [
      'a directory',
      (place) => {
        fs.rmSync(path.join(place, local))
        fs.mkdirSync(path.join(place, local))
      },
      /not a plain file/,
      /plain file/,
    ],
    [
      'tracked by git',
      (place) => {
        git(place, 'init', '-q')
        fs.writeFileSync(path.join(place, '.gitignore'), `/pki/\n/${local}\n`)
        git(place, 'add', '-f', local)
      },
      /git tracks/,
      /git rm --cached nomad-pki\.local\.yaml/,
    ],
    [
      'not ignored by git',
      (place) => {
        git(place, 'init', '-q')
        fs.writeFileSync(path.join(place, '.gitignore'), '/pki/\n')
      },
      /git would track/,
      /add the line \/nomad-pki\.local\.yaml to/,
    ],
    [
      'with a mistake',
      (place) => {
        write(place, local, 'passphrases: { agnet: { file: passphrase } }\n')
      },
      /no authority "agnet"/,
      /did you mean agent/,
    ],
  ])('%s is refused, and nothing is made', async (_what, spoil, message, hint) => {
    const place = await begun('encrypted', fromFile)
    spoil(place)
    const said = await cli(place, ['apply', '--yes'])
    expectSaid(said, 1, message)
    expect(said.stderr).toMatch(hint)
    expect(fs.existsSync(path.join(place, 'pki/authority'))).toBe(false)
  })

  test('ignored by git is read', async () => {
    const place = await begun('encrypted', fromFile)
    git(place, 'init', '-q')
    fs.writeFileSync(path.join(place, '.gitignore'), `/pki/\n/${local}\n`)
    expectSaid(await cli(place, ['apply', '--yes']), 0, /steps done/)
  })

  test.each<[string, (place: string) => void, RegExp]>([
    [
      'a script that all can write',
      (place) => fs.chmodSync(path.join(place, 'bin/show'), 0o777),
      /other users can change .*bin\/show \(mode 0777\)\n.*chmod go-w/,
    ],
    [
      'a folder of it that all can write',
      (place) => fs.chmodSync(path.join(place, 'bin'), 0o777),
      /other users can change the folder .*\/bin \(mode 0777\)/,
    ],
    [
      'a file of its arguments',
      (place) => fs.chmodSync(path.join(place, 'passphrase'), 0o622),
      /other users can change .*passphrase \(mode 0622\)/,
    ],
    [
      'a link into a folder that all can write',
      (place) => {
        fs.mkdirSync(path.join(place, 'open'))
        fs.chmodSync(path.join(place, 'open'), 0o777)
        fs.renameSync(path.join(place, 'bin/show'), path.join(place, 'open/show'))
        fs.symlinkSync('../open/show', path.join(place, 'bin/show'))
      },
      /other users can change the folder .*\/open \(mode 0777\)/,
    ],
  ])('a command of it: %s is not run', async (_what, spoil, message) => {
    const place = await begun('encrypted')
    fs.mkdirSync(path.join(place, 'bin'))
    write(place, 'bin/show', '#!/bin/sh\ntouch ran\ncat "$1"\n', 0o755)
    const file = path.join(place, 'passphrase')
    write(
      place,
      local,
      `passphrases: { agent: { command: [./bin/show, ${JSON.stringify(file)}] } }`,
    )
    spoil(place)
    expectSaid(await cli(place, ['apply', '--yes']), 1, message)
    // By PATH, and for a signature.
    write(place, local, `signers: { agent: { command: [show, ${JSON.stringify(file)}] } }`)
    write(place, 'cluster.yaml', specOf('command'))
    const env = { PATH: `${place}/bin:/usr/bin:/bin` }
    expectSaid(await cli(place, ['apply', '--yes'], { env }), 1, message)
    expect(fs.existsSync(path.join(place, 'ran'))).toBe(false)
    expect(fs.existsSync(path.join(place, 'pki/authority'))).toBe(false)
  })

  test('a signer that cannot sign is a refusal: an agent that is not there, a command that fails', async () => {
    const agent = await begun(`ssh-agent, sshKey: "SHA256:${'A'.repeat(42)}E"`)
    const env = { SSH_AUTH_SOCK: path.join(agent, 'socket') }
    expectSaid(await cli(agent, ['apply', '--yes'], { env }), 3, /cannot be reached/)
    expectSaid(await cli(agent, ['apply', '--yes']), 3, /SSH_AUTH_SOCK is not set/)
    const command = await begun('command', 'signers: { agent: { command: ["false"] } }')
    expectSaid(await cli(command, ['apply', '--yes']), 3, /false exited with 1/)
    const encrypted = await begun('encrypted')
    const fd = await cli(encrypted, ['apply', '--yes', '--passphrase-fd', '999'])
    expectSaid(fd, 3, /descriptor 999: it is not open for reading/)
  })

  test('plan, status, verify and show run no command of it and open no key', async () => {
    const place = await begun('encrypted', fromFile)
    await cli(place, ['apply', '--yes'])
    write(place, local, 'passphrases: { agent: { command: [touch, ran] } }\n')
    for (const line of ['plan', 'status', 'verify', 'authority show', 'apply --yes']) {
      await cli(place, line.split(' '))
    }
    expect(fs.existsSync(path.join(place, 'ran'))).toBe(false)
  })
})

function git(place: string, ...args: readonly string[]): void {
  execFileSync('git', args, { cwd: place, stdio: 'ignore' })
}

describe('authority encrypt and decrypt', () => {
  test('there and back: the same key, a line of the ledger each, and no other copy', async () => {
    const place = await begun('file', fromFile)
    await cli(place, ['apply', '--yes'])
    const plain = parsePrivateKey(key(place))
    const listed = fs.readdirSync(path.join(place, 'pki/authority/agent/1'))
    write(place, 'cluster.yaml', specOf('encrypted'))
    expectSaid(await cli(place, ['plan']), 0, /nomad-pki authority encrypt authority\/agent\/1/)
    expectSaid(
      await cli(place, ['authority', 'show']),
      2,
      /key in the store is not \(signer-differs\)/,
    )
    expectSaid(await cli(place, ['authority', 'encrypt', 'agent']), 0, /its key is encrypted/)
    expect(parsePrivateKey(unlockKey(key(place), passphrase)).pkcs8).toEqual(plain.pkcs8)
    expect(fs.readdirSync(path.join(place, 'pki/authority/agent/1'))).toEqual(listed)
    expect(ledger(place)).toContain('"event":"encrypted","address":"authority/agent/1"')
    expectSaid(await cli(place, ['authority', 'encrypt', 'agent']), 0, /encrypted already/)
    expectSaid(await cli(place, ['verify']), 0, /proven/)

    expectSaid(await cli(place, ['authority', 'decrypt']), 3, /first set `signer: file`/)
    write(place, 'cluster.yaml', specOf('file'))
    expectSaid(await cli(place, ['plan']), 0, /set `signer: encrypted`/)
    expectSaid(await cli(place, ['authority', 'decrypt']), 0, /its key is not encrypted/)
    expect(parsePrivateKey(key(place)).pkcs8).toEqual(plain.pkcs8)
    expect(ledger(place)).toContain('"event":"decrypted"')
    expectSaid(await cli(place, ['authority', 'encrypt']), 3, /first set `signer: encrypted`/)
    expectSaid(await cli(place, ['plan']), 0, /nothing to do/)
  })

  test('a key that openssl encrypted signs, and its key is not asked about', async () => {
    const place = await begun('file', fromFile)
    await cli(place, ['apply', '--yes'])
    const made = lockKey(parsePrivateKey(key(place)), passphrase)
    write(place, keyFile, made, 0o400)
    const said = await cli(place, ['rotate', 'leaves', '--all', '--yes'])
    expectSaid(said, 3, /the key of authority\/agent\/1 is encrypted/)
    expect(said.stderr).toMatch(/set `signer: encrypted` for agent in the spec/)
    write(place, 'cluster.yaml', specOf('encrypted'))
    expectSaid(await cli(place, ['rotate', 'leaves', '--all', '--yes']), 0, /1 step done/)
  })

  test('another passphrase: the old one opens the key, and the new one alone afterwards', async () => {
    const place = await begun('encrypted', fromFile)
    await cli(place, ['apply', '--yes'])
    const before = key(place)
    write(place, 'new', 'a new passphrase\n')
    const fds = (...names: readonly string[]): readonly number[] =>
      names.map((name) => fs.openSync(path.join(place, name), 'r'))
    const line = (text: string): Promise<Said> => cli(place, text.split(' '))
    // Without a word about a change the key stays, and so does its passphrase.
    const [wrong, right] = fds('new', 'passphrase')
    expectSaid(
      await line(`authority encrypt --passphrase-fd ${wrong}`),
      3,
      /is already encrypted, with a different passphrase.*\n.*--change-passphrase/,
    )
    expectSaid(await line(`authority encrypt --passphrase-fd ${right}`), 0, /is encrypted already/)
    const change = 'authority encrypt --change-passphrase'
    expectSaid(await line(change), 3, /new passphrase.*\n.*--new-passphrase-fd/)
    expectSaid(await line('authority encrypt --new-passphrase-fd 9'), 64, /add --change-passphrase/)
    const [dry] = fds('new')
    expectSaid(
      await line(`${change} --new-passphrase-fd ${dry} --dry-run`),
      0,
      /would be under another passphrase/,
    )
    expect(key(place)).toEqual(before)
    const [given] = fds('new')
    const said = await line(`${change} --new-passphrase-fd ${given}`)
    expectSaid(said, 0, /its key is under another passphrase/)
    expect(said.stderr).toMatch(/put the new passphrase where nomad-pki\.local\.yaml says/)
    expect(said.stdout + said.stderr).not.toContain('a new passphrase')
    const opened = parsePrivateKey(unlockKey(key(place), 'a new passphrase'))
    expect(opened.pkcs8).toEqual(parsePrivateKey(unlockKey(before, passphrase)).pkcs8)
    expect(() => unlockKey(key(place), passphrase)).toThrow(/does not open/)
    write(place, 'passphrase', 'a new passphrase\n')
    expectSaid(await cli(place, ['rotate', 'leaves', '--all', '--yes']), 0, /1 step done/)
    // A terminal: the old one, and the new one twice.
    fs.rmSync(path.join(place, local))
    const input = `a new passphrase\n${passphrase}\n${passphrase}\n`
    expectSaid(await cli(place, change.split(' '), { terminal: true, input }), 0, /another/)
    expect(() => unlockKey(key(place), passphrase)).not.toThrow()
  })

  test('a dry run is refused where the run is', async () => {
    const place = await begun('file', fromFile)
    await cli(place, ['apply', '--yes'])
    write(place, 'cluster.yaml', specOf('encrypted'))
    fs.rmSync(path.join(place, 'passphrase'))
    for (const more of [[], ['--dry-run']]) {
      expectSaid(await cli(place, ['authority', 'encrypt', ...more]), 3, /no such file/)
    }
    write(place, 'passphrase', `${passphrase}\n`)
    expectSaid(await cli(place, ['authority', 'encrypt']), 0, /encrypted/)
    write(place, 'cluster.yaml', specOf('file'))
    write(place, 'passphrase', 'not this one\n')
    for (const more of [[], ['--dry-run']]) {
      expectSaid(await cli(place, ['authority', 'decrypt', ...more]), 1, /does not open the key/)
    }
    write(place, 'passphrase', `${passphrase}\n`)
    fs.mkdirSync(path.join(place, 'pki/.lock'), { mode: 0o700 })
    const before = key(place)
    expectSaid(await cli(place, ['authority', 'decrypt', '--dry-run']), 3, /lock/)
    fs.rmdirSync(path.join(place, 'pki/.lock'))
    expectSaid(await cli(place, ['authority', 'decrypt', '--dry-run']), 0, /would be not encr/)
    expect(key(place)).toEqual(before)
  })

  test('status says it where the key is not where the spec says, and exits 2', async () => {
    const place = await begun('file', fromFile)
    await cli(place, ['apply', '--yes'])
    expectSaid(await cli(place, ['status']), 0, /nothing is due/)
    write(place, 'cluster.yaml', specOf('encrypted'))
    expectSaid(await cli(place, ['status']), 2, /key in the store is not \(signer-differs\)/)
    expect((await cli(place, ['status', '--json'])).stdout).toContain('"signer-differs"')
  })

  test('where the store has no key there is nothing to encrypt', async () => {
    const place = await begun('encrypted', fromFile)
    expectSaid(await cli(place, ['authority', 'encrypt']), 3, /the store has no key of/)
    expectSaid(await cli(place, ['authority', 'encrypt', 'agnet']), 1, /agnet/)
  })

  test('a key in the store of an authority whose key is elsewhere is told', async () => {
    const place = await begun('file')
    await cli(place, ['apply', '--yes'])
    write(place, 'cluster.yaml', specOf('command'))
    expectSaid(await cli(place, ['plan']), 0, /behind a command, and the store has ca-key\.pem/)
  })
})
