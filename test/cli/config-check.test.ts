import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cli, folder, type Said } from './cli.js'

let store = ''
const current = (file: string): string =>
  path.join(store, 'pki/identity/server/global/s1/current', file)
beforeAll(async () => {
  store = folder({
    'cluster.yaml':
      'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n    clients: { c1: {} }\n',
  })
  await cli(store, ['init', '--new-store'])
  expect((await cli(store, ['apply', '--yes'])).status).toBe(0)
})

/** A folder with a server's configuration that names its three files, and those. */
function machine(change: (cwd: string) => void = () => undefined): string {
  const cwd = fs.realpathSync(folder({}))
  fs.mkdirSync(path.join(cwd, 'nomad.d/tls'), { recursive: true })
  for (const file of ['ca.pem', 'cert.pem', 'key.pem']) {
    fs.copyFileSync(current(file), path.join(cwd, 'nomad.d/tls', file))
  }
  const at = (file: string): string => JSON.stringify(path.join(cwd, 'nomad.d/tls', file))
  fs.writeFileSync(
    path.join(cwd, 'nomad.d/nomad.hcl'),
    `data_dir = "/opt/nomad"
server { enabled = true }
tls {
  http = true
  rpc  = true
  verify_server_hostname = true
  ca_file   = ${at('ca.pem')}
  cert_file = ${at('cert.pem')}
  key_file  = ${at('key.pem')}
}
`,
  )
  change(cwd)
  return cwd
}

async function check(cwd: string, ...argv: readonly string[]): Promise<Said> {
  return cli(cwd, ['config', 'check', 'nomad.d', ...argv])
}

const key = (cwd: string): string => path.join(cwd, 'nomad.d/tls/key.pem')

describe('on the machine of the agent', () => {
  test('what is in order', async () => {
    const { status, stdout } = await check(machine())
    expect(stdout).toBe('nothing found that Nomad would refuse or ignore\n')
    expect(status).toBe(0)
  })

  test.each<[string, (cwd: string) => void, string, number]>([
    [
      'a file that is missing',
      (cwd) => {
        fs.rmSync(key(cwd))
      },
      'error: nomad.d/nomad.hcl:9:15: the file of "key_file" is not there',
      2,
    ],
    [
      'all of them missing, though their folder is there',
      (cwd) => {
        for (const file of ['ca.pem', 'cert.pem', 'key.pem']) {
          fs.rmSync(path.join(cwd, 'nomad.d/tls', file))
        }
      },
      'the file of "ca_file" is not there',
      2,
    ],
    [
      'and the folder as well, which would lie in the one of the configuration',
      (cwd) => {
        fs.rmSync(path.join(cwd, 'nomad.d/tls'), { recursive: true })
      },
      'the file of "cert_file" is not there (',
      2,
    ],
    [
      'a link to nothing',
      (cwd) => {
        fs.rmSync(key(cwd))
        fs.symlinkSync('../gone/key.pem', key(cwd))
      },
      'nomad.d/gone)',
      2,
    ],
    [
      'a directory',
      (cwd) => {
        fs.rmSync(key(cwd))
        fs.mkdirSync(key(cwd))
      },
      'error: nomad.d/nomad.hcl:9:15: the file of "key_file" is a directory',
      2,
    ],
    [
      'a key that everybody can read',
      (cwd) => {
        // The folder that holds the test is closed; no folder below it keeps anybody out.
        fs.chmodSync(key(cwd), 0o644)
      },
      'the private key (mode 0644',
      0,
    ],
    [
      'another key',
      (cwd) => {
        fs.copyFileSync(path.join(store, 'pki/identity/client/global/c1/current/key.pem'), key(cwd))
      },
      'error: nomad.d/nomad.hcl:9:15: the key does not belong to the first certificate',
      2,
    ],
    [
      'a certificate in DER',
      (cwd) => {
        const file = path.join(cwd, 'nomad.d/tls/cert.pem')
        const lines = fs.readFileSync(file, 'utf8').split('\n')
        const base64 = lines.slice(1, lines.indexOf('-----END CERTIFICATE-----')).join('')
        fs.writeFileSync(file, Buffer.from(base64, 'base64'))
      },
      'cert_file holds no certificate in PEM that agents read',
      2,
    ],
    [
      'a bundle with a damaged certificate',
      (cwd) => {
        const file = path.join(cwd, 'nomad.d/tls/ca.pem')
        const text = fs.readFileSync(file, 'utf8')
        fs.writeFileSync(file, text + text.replace(/\n(.{40})/, '\n$1!'))
      },
      'warning: nomad.d/nomad.hcl:7:15: 1 damaged block(s) of ca_file are skipped',
      0,
    ],
    [
      'another region than the certificate says',
      (cwd) => {
        const file = path.join(cwd, 'nomad.d/nomad.hcl')
        fs.writeFileSync(file, `region = "eu"\n${fs.readFileSync(file, 'utf8')}`)
      },
      'error: nomad.d/nomad.hcl:9:15: every agent of eu refuses it as a server',
      2,
    ],
    [
      "a client's certificate at a server",
      (cwd) => {
        for (const file of ['cert.pem', 'key.pem']) {
          const from = path.join(store, 'pki/identity/client/global/c1/current', file)
          fs.copyFileSync(from, path.join(cwd, 'nomad.d/tls', file))
        }
      },
      'every agent of global refuses it as a server',
      2,
    ],
    [
      'suites for another kind of key',
      (cwd) => {
        const file = path.join(cwd, 'nomad.d/nomad.hcl')
        const suites = 'tls { tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"'
        fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('tls {', suites))
      },
      'ECDSA key',
      2,
    ],
  ])('%s', async (_, change, expected, status) => {
    const said = await check(machine(change))
    expect(said.stdout).toContain(expected)
    expect(said.status).toBe(status)
  })

  test('versions: the key first in cert_file is refused by 1.11.3 alone', async () => {
    const cwd = machine((at) => {
      const cert = path.join(at, 'nomad.d/tls/cert.pem')
      fs.writeFileSync(cert, fs.readFileSync(key(at), 'utf8') + fs.readFileSync(cert, 'utf8'))
    })
    expect((await check(cwd, '--nomad-version', '1.11.3')).status).toBe(2)
    expect((await check(cwd, '--nomad-version', '1.11.2')).status).toBe(0)
    expect((await check(cwd, '--nomad-version', '2.0.0')).status).toBe(0)
  })
})

describe('--user', () => {
  test('by number: the key is not this one’s', async () => {
    const { status, stdout } = await check(machine(), '--user', '54321:54321')
    expect(stdout).toMatch(/user 54321 cannot (read|enter) /)
    expect(status).toBe(2)
  })

  test('by name: root reads everything', async () => {
    const { status, stdout } = await check(machine(), '--user', 'root')
    expect(stdout).toBe('nothing found that Nomad would refuse or ignore\n')
    expect(status).toBe(0)
  })

  test.each([
    ['no-such-user', 'there is no user "no-such-user"', 'id -u no-such-user'],
    ['root:no-such-group', 'there is no group "no-such-group"', 'id -u root'],
    ['', '--user is empty', 'name '],
    [':5', 'invalid --user', '998:997'],
    ['5:', 'invalid --user', '998:997'],
    ['1:2:3', 'invalid --user', '998:997'],
  ])('%j is refused', async (user, message, hint) => {
    const { status, stderr } = await check(machine(), '--user', user)
    expect(status).toBe(64)
    expect(stderr).toContain(message)
    expect(stderr).toContain(hint)
  })
})

describe('on another machine', () => {
  const elsewhere = (): string =>
    machine((cwd) => {
      const file = path.join(cwd, 'nomad.d/nomad.hcl')
      const text = fs.readFileSync(file, 'utf8')
      fs.writeFileSync(file, text.replace(/"\/.*\/tls\//g, '"/srv/of-another-machine/'))
    })

  test('the files are not judged, and that is said', async () => {
    const { status, stdout } = await check(elsewhere(), '--strict')
    expect(stdout).toContain(
      'note: nomad.d/nomad.hcl:7:15: none of the files that "tls" names is on this machine',
    )
    expect(status).toBe(0)
  })

  test('a folder that every machine has does not make it the one', async () => {
    const cwd = machine((at) => {
      const file = path.join(at, 'nomad.d/nomad.hcl')
      const text = fs.readFileSync(file, 'utf8')
      const common = path.join(at, 'common')
      fs.mkdirSync(common)
      fs.writeFileSync(
        file,
        text.replace(/"\/.*\/tls\//g, () => `${JSON.stringify(common).slice(0, -1)}/`),
      )
    })
    const { status, stdout } = await check(cwd, '--strict')
    expect(stdout).toContain('none of the files that "tls" names is on this machine')
    expect(status).toBe(0)
  })

  test('unless --user says that it is the one', async () => {
    const { status, stdout } = await check(elsewhere(), '--user', 'root')
    expect(stdout).toContain('error: nomad.d/nomad.hcl:7:15: the file of "ca_file" is not there')
    expect(status).toBe(2)
  })
})

describe('the version of Nomad', () => {
  const spec = (version: string): string =>
    `version: 1\ncluster: acme\nnomad: { version: ${version} }\nregions: { global: { servers: { s1: {} } } }\n`
  const agent =
    'data_dir = "/opt/nomad"\nserver {\n  enabled = true\n  raft_logstore { backend = "wal" }\n}\n'
  const unknown = 'Nomad 1.11.3 does not know "raft_logstore" in "server", and stops'

  test.each<[string, Record<string, string>, string[], boolean]>([
    ['any, where nothing says one', {}, [], false],
    ['the one of the spec in the folder', { 'cluster.yaml': spec('1.11.3') }, [], true],
    ['another of the spec', { 'cluster.yaml': spec('2.0.5') }, [], false],
    ['any, where the spec cannot be read', { 'cluster.yaml': 'nomad: {' }, [], false],
    ['the one given', {}, ['--nomad-version', '1.11.3'], true],
    [
      'the one given, before that of the spec',
      { 'cluster.yaml': spec('2.0.5') },
      ['--nomad-version', '1.11.3'],
      true,
    ],
  ])('is %s', async (_, files, argv, refused) => {
    const said = await check(folder({ 'nomad.d/a.hcl': agent, ...files }), ...argv)
    expect(said.status).toBe(refused ? 2 : 0)
    expect(said.stdout.includes(unknown)).toBe(refused)
  })
})
