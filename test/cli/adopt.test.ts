/** A folder that another tool filled becomes spec and store: what is taken, what is not, and what plan then says. */

import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixture, stateOf } from '../adoption/folders.js'
import { copyFolder } from '../copy-folder.js'
import { cli, folder, type Said } from './cli.js'

interface Document {
  readonly specChanged: boolean
  readonly authorities: readonly { address: string; key: boolean; new: boolean; notes: string[] }[]
  readonly identities: readonly { address: string; new: boolean; from: string[]; notes: string[] }[]
  readonly leftOut: readonly { place: string; code: string; message: string; hint?: string }[]
}

function withFolder(name: string): string {
  const cwd = folder({ word: 'correct horse\n' })
  copyFolder(fixture(name), path.join(cwd, 'old'))
  return cwd
}

function documentOf({ stdout }: Said): Document {
  return JSON.parse(stdout) as Document
}

function read(cwd: string, file: string): string {
  return fs.readFileSync(path.join(cwd, file), 'utf8')
}

function mode(cwd: string, file: string): string {
  return (fs.statSync(path.join(cwd, file)).mode & 0o777).toString(8)
}

interface More {
  readonly flags?: readonly string[]
  readonly authorities?: readonly { readonly address: string; readonly key: boolean }[]
}

const withIntermediate = (key: boolean): NonNullable<More['authorities']> => [
  { address: 'authority/agent/1', key },
  { address: 'authority/issuing/1', key },
]

const folders: readonly (readonly [string, readonly string[], readonly string[], More])[] = [
  [
    'nomad-tls',
    ['identity/server/global/s1', 'identity/client/global/shared', 'identity/operator/global/cli'],
    [],
    {},
  ],
  [
    'cfssl',
    [
      'identity/server/global/shared',
      'identity/client/global/shared',
      'identity/combined/global/shared',
      'identity/operator/global/cli',
    ],
    [
      'old/ca-csr.json adoption/unused',
      'old/cfssl.json adoption/unused',
      'old/cli.csr adoption/unused',
      'old/client.csr adoption/unused',
      'old/dev.json: csr adoption/unused',
      'old/nomad-ca.csr adoption/unused',
      'old/server.csr adoption/unused',
    ],
    {},
  ],
  [
    'openssl',
    ['identity/server/global/s1', 'identity/client/global/c1'],
    [
      'old/c1.p12 adoption/encrypted',
      'old/c1.req adoption/unused',
      'old/root-encrypted.key adoption/encrypted',
      'old/root.srl adoption/unrelated',
      'old/s1.req adoption/unused',
    ],
    {},
  ],
  [
    'easy-rsa',
    ['identity/server/global/s1', 'identity/client/global/c1', 'identity/operator/global/alice'],
    [
      'old/pki/index.txt adoption/unrelated',
      'old/pki/index.txt.attr adoption/unrelated',
      'old/pki/reqs/alice.req adoption/unused',
      'old/pki/reqs/c1.req adoption/unused',
      'old/pki/reqs/s1.req adoption/unused',
      'old/pki/serial adoption/unrelated',
    ],
    {},
  ],
  [
    'consul-tls',
    [
      'identity/server/global/s1',
      'identity/server/global/s2',
      'identity/server/global/s3',
      'identity/client/global/shared',
      'identity/operator/global/cli',
    ],
    [],
    {},
  ],
  [
    'step',
    ['identity/server/global/s1', 'identity/client/global/c1', 'identity/operator/global/alice'],
    [
      'old/config/ca.json adoption/unrelated',
      'old/config/defaults.json adoption/unrelated',
      'old/leaves/bob.crt adoption/role-name',
    ],
    { flags: ['--passphrase-file', 'word'], authorities: withIntermediate(true) },
  ],
  [
    'vault',
    [
      'identity/server/global/s1',
      'identity/server/global/s2',
      'identity/server/global/s3',
      'identity/client/global/shared',
      'identity/operator/global/alice',
    ],
    [],
    { authorities: withIntermediate(false) },
  ],
  [
    'consul-template',
    [
      'identity/server/global/s1',
      'identity/server/global/s2',
      'identity/server/global/s3',
      'identity/client/global/shared',
      'identity/operator/global/cli',
    ],
    [],
    { authorities: [{ address: 'authority/agent/1', key: false }] },
  ],
]

const ownKey = [{ address: 'authority/agent/1', key: true }]

describe.each(folders)('a folder of %s', (name, identities, leftOut, more) => {
  const { flags = [], authorities = ownKey } = more
  const isKeyless = authorities.some(({ key }) => !key)

  test('is adopted: nothing is left to do, and Nomad accepts it', async () => {
    const cwd = withFolder(name)
    const before = stateOf(path.join(cwd, 'old'))
    const adopted = await cli(cwd, ['adopt', 'old', '--cluster', 'acme', '--json', ...flags])
    expect([adopted.status, adopted.stderr]).toEqual([0, adopted.stderr])
    const said = documentOf(adopted)
    expect(said.authorities).toMatchObject(authorities.map((one) => ({ ...one, new: true })))
    expect(said.identities.map(({ address }) => address).sort()).toEqual([...identities].sort())
    expect(said.leftOut.map(({ place, code }) => `${place} ${code}`).sort()).toEqual(leftOut)
    expect(stateOf(path.join(cwd, 'old'))).toEqual(before)
    for (const { address, key } of authorities) {
      if (key) expect(mode(cwd, `pki/${address}/ca-key.pem`)).toBe('400')
      else expect(fs.existsSync(path.join(cwd, `pki/${address}/ca-key.pem`))).toBe(false)
    }
    for (const { address } of said.identities) {
      expect(mode(cwd, `pki/${address}/current/key.pem`)).toBe('600')
    }
    const plan = await cli(cwd, ['plan'])
    expect([plan.status, plan.stdout]).toEqual([0, 'nothing to do\n'])
    const verify = await cli(cwd, ['verify', '--json'])
    expect(JSON.parse(verify.stdout)).toMatchObject({ errors: 0, warnings: 0 })
    expect(verify.status).toBe(0)
    // No secret is told.
    const keys = adopted.stdout + adopted.stderr + read(cwd, 'cluster.yaml')
    expect(keys).not.toContain('PRIVATE KEY')
  })

  test('a dry run writes nothing, and a second run adds nothing', async () => {
    const cwd = withFolder(name)
    const nothing = stateOf(cwd)
    const dry = await cli(cwd, ['adopt', 'old', '--cluster', 'acme', '--dry-run', ...flags])
    expect(dry.status).toBe(0)
    expect(dry.stdout).toContain('+ authority/agent/1')
    expect(dry.stdout).toContain('regions:')
    expect(stateOf(cwd)).toEqual(nothing)
    await cli(cwd, ['adopt', 'old', '--cluster', 'acme', ...flags])
    const after = stateOf(cwd)
    const again = await cli(cwd, ['adopt', 'old', '--json', ...flags])
    expect(again.status).toBe(0)
    const said = documentOf(again)
    expect(said.specChanged).toBe(false)
    expect([...said.authorities, ...said.identities].filter((one) => one.new)).toEqual([])
    expect(stateOf(cwd)).toEqual(after)
  })

  test('its certificates can be renewed, or the new root begins with trust, and all accept each other', async () => {
    const cwd = withFolder(name)
    await cli(cwd, ['adopt', 'old', '--cluster', 'acme', ...flags])
    if (isKeyless) {
      // Each comment about a missing key names what ends it.
      const spec = read(cwd, 'cluster.yaml')
      expect(new Set(spec.match(/rotate authority \S+ --next/g))).toEqual(
        new Set(['rotate authority agent --next']),
      )
      expect((await cli(cwd, ['rotate', 'authority', 'agent', '--next'])).status).toBe(0)
      expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
      expect((await cli(cwd, ['verify', '--json'])).status).toBe(0)
      return
    }
    const renewed = await cli(cwd, ['rotate', 'leaves', '--all', '--yes'])
    expect([renewed.status, renewed.stderr]).toEqual([0, renewed.stderr])
    expect((await cli(cwd, ['verify', '--json'])).status).toBe(0)
  })
})

const config = (node: string, role: string, cert: string): string => `name = "${node}"
region = "global"
${role} { enabled = true }
advertise { http = "10.0.0.1${node.slice(1)}" }
tls {
  http = true
  rpc = true
  verify_server_hostname = true
  verify_https_client = true
  ca_file = "/opt/tls/nomad-agent-ca.pem"
  cert_file = "/opt/tls/${cert}.pem"
  key_file = "/opt/tls/${cert}-key.pem"
}
`

describe('configurations of agents', () => {
  test('name the nodes; one pair of all servers is shared, one of a single client is its own', async () => {
    const cwd = withFolder('cfssl')
    for (const [node, role, cert] of [
      ['s1', 'server', 'server'],
      ['s2', 'server', 'server'],
      ['s3', 'server', 'server'],
      ['c1', 'client', 'client'],
    ] as const) {
      fs.mkdirSync(path.join(cwd, 'agents', node), { recursive: true })
      fs.writeFileSync(path.join(cwd, 'agents', node, 'nomad.hcl'), config(node, role, cert))
    }
    const adopted = await cli(cwd, ['adopt', 'old', '--agents', 'agents/*', '--json'])
    expect(adopted.status).toBe(0)
    expect(documentOf(adopted).identities.map(({ address }) => address)).toEqual([
      'identity/client/global/c1',
      'identity/server/global/shared',
      'identity/combined/global/shared',
      'identity/operator/global/cli',
    ])
    const spec = read(cwd, 'cluster.yaml')
    expect(spec).toContain(
      'for s1, s2, s3; their configurations are not followed while it is shared',
    )
    expect(documentOf(adopted).identities[1]!.notes).toEqual([
      '3 agents share it, so plan and apply do not look at their configurations (agents/s1, agents/s2, agents/s3); the comment at shared in the spec says how to split it',
    ])
    expect(spec).toContain('c1: { config: agents/c1, http: "10.0.0.11:4646" }')
    const plan = await cli(cwd, ['plan', '--json'])
    // The stanza is the only thing that is not as it should be: it names the old files.
    const { steps, findings } = JSON.parse(plan.stdout) as {
      steps: { address: string }[]
      findings: { severity: string; message: string }[]
    }
    expect(steps.map(({ address }) => address)).toEqual(['config/global/c1'])
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
    expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
    expect((await cli(cwd, ['verify', '--json'])).status).toBe(0)
    // The comment's own lines split it, and from then on the configurations are followed.
    const split = spec.replace(/^ +shared: .*\n/m, '').replace(/^( +)# {3}(s[123]: .*)$/gm, '$1$2')
    fs.writeFileSync(path.join(cwd, 'cluster.yaml'), split)
    const apart = await cli(cwd, ['apply', '--yes'])
    expect([apart.status, apart.stderr]).toEqual([0, apart.stderr])
    for (const node of ['s1', 's2', 's3']) {
      expect(fs.existsSync(path.join(cwd, `pki/identity/server/global/${node}`))).toBe(true)
      expect(read(cwd, `agents/${node}/nomad.hcl`)).not.toContain('/opt/tls/')
    }
    expect((await cli(cwd, ['verify', '--json'])).status).toBe(0)
  })

  test('a copy of cert_file says which certificate it is, without a copy of ca_file', async () => {
    const cwd = withFolder('nomad-tls')
    fs.mkdirSync(path.join(cwd, 'agents/n1'), { recursive: true })
    fs.writeFileSync(path.join(cwd, 'agents/n1/nomad.hcl'), config('n1', 'client', 'mine'))
    const pem = path.join(cwd, 'old/global-client-nomad.pem')
    fs.copyFileSync(pem, path.join(cwd, 'agents/n1/mine.pem'))
    const adopted = await cli(cwd, ['adopt', 'old', '--agents', 'agents/n1', '--json'])
    expect(adopted.status).toBe(0)
    expect(documentOf(adopted).identities.map(({ address }) => address)).toContain(
      'identity/client/global/n1',
    )
    const plan = await cli(cwd, ['plan', '--json'])
    const { steps } = JSON.parse(plan.stdout) as { steps: { address: string }[] }
    expect(steps.map(({ address }) => address)).toEqual(['config/global/n1'])
  })

  test('an agent whose certificate is not there gets one with the first apply, and for that reason', async () => {
    const cwd = withFolder('nomad-tls')
    fs.mkdirSync(path.join(cwd, 'agents'))
    fs.writeFileSync(path.join(cwd, 'agents/c7.hcl'), config('c7', 'client', 'other'))
    expect((await cli(cwd, ['adopt', 'old', '--agents', 'agents/c7.hcl'])).status).toBe(0)
    const { stdout } = await cli(cwd, ['plan', 'identity/client/global/c7'])
    expect(stdout).toMatch(/^\+ {2}identity\/client\/global\/c7 {2}create/m)
    expect(stdout).not.toContain('global/shared')
  })
})

describe('an authority without its key', () => {
  test('is adopted; its certificates stay, and the rotation to a new root begins without an edit', async () => {
    const cwd = withFolder('nomad-tls')
    fs.rmSync(path.join(cwd, 'old/nomad-agent-ca-key.pem'))
    const adopted = await cli(cwd, ['adopt', 'old', '--json'])
    expect(documentOf(adopted).authorities).toMatchObject([{ key: false }])
    expect((await cli(cwd, ['plan'])).stdout).toBe('nothing to do\n')
    expect((await cli(cwd, ['verify'])).status).toBe(0)
    expect(fs.existsSync(path.join(cwd, 'pki/authority/agent/1/ca-key.pem'))).toBe(false)
    const next = await cli(cwd, ['rotate', 'authority', 'agent', '--next'])
    expect([next.status, next.stderr]).toEqual([0, next.stderr])
    const applied = await cli(cwd, ['apply', '--yes'])
    expect([applied.status, applied.stderr]).toEqual([0, applied.stderr])
    expect(read(cwd, 'pki/bundle/agent/ca.pem').match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect((await cli(cwd, ['verify'])).status).toBe(0)
  })
})

describe('an adopted root that an edit of the spec would leave', () => {
  async function keyless(edit: (spec: string) => string): Promise<string> {
    const cwd = withFolder('nomad-tls')
    fs.rmSync(path.join(cwd, 'old/nomad-agent-ca-key.pem'))
    await cli(cwd, ['adopt', 'old'])
    const file = path.join(cwd, 'cluster.yaml')
    const spec = fs.readFileSync(file, 'utf8')
    const edited = edit(spec.replace(/, fingerprint: "SHA256:[0-9a-f]+"/, ''))
    expect(edited).not.toBe(spec)
    fs.writeFileSync(file, edited)
    return cwd
  }
  const entry = /agent: \{ key: ecdsa-p256, /
  const bundled = (cwd: string): number =>
    read(cwd, 'pki/bundle/agent/ca.pem').match(/BEGIN CERTIFICATE/g)!.length

  test.each(['signing: 2', 'signing: 2, trusted: [1, 2]'])(
    '%s is an error; nothing is signed by the new root, and its override is printed and noted',
    async (terms) => {
      const cwd = await keyless((spec) => spec.replace(entry, `$&${terms}, `))
      const before = stateOf(path.join(cwd, 'pki/identity'))
      const planned = await cli(cwd, ['plan'])
      expect(planned.status).toBe(2)
      expect(planned.stdout).toMatch(
        /^error: authority\/agent\/2: agents use authority\/agent\/1 \(/m,
      )
      expect(planned.stdout).toContain('set `signing: 1, trusted: [1, 2]` for agent in the spec')
      const [override] = /--override leave-root=SHA256:[0-9a-f]{64}/.exec(planned.stdout)!
      expect((await cli(cwd, ['apply', '--yes'])).status).not.toBe(0)
      expect(stateOf(path.join(cwd, 'pki/identity'))).toEqual(before)
      expect(fs.existsSync(path.join(cwd, 'pki/authority/agent/2'))).toBe(false)
      const flags = [...override.split(' '), '--reason', 'the key is lost']
      const cut = await cli(cwd, ['plan', ...flags])
      expect(cut.stdout).toMatch(/^warning: .*agents use authority\/agent\/1/m)
      expect(cut.stdout).not.toMatch(/^error/m)
      expect((await cli(cwd, ['apply', '--yes', ...flags])).status).toBe(0)
      expect(read(cwd, 'pki/ledger.jsonl')).toMatch(/"code":"leave-root".*"the key is lost"/)
      expect(bundled(cwd)).toBe(terms === 'signing: 2' ? 1 : 2)
      // It was left: nothing asks for it again.
      expect((await cli(cwd, ['plan'])).stdout).not.toMatch(/^error/m)
    },
  )

  test('the spec that the error names brings trust in both, and nothing else', async () => {
    const cwd = await keyless((spec) => spec.replace(entry, '$&signing: 1, trusted: [1, 2], '))
    expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
    expect(bundled(cwd)).toBe(2)
  })
})

describe('a certificate that is due under a root without its key', () => {
  test('gets trust in the next root; its renewal alone is held', async () => {
    const cwd = withFolder('nomad-tls')
    fs.rmSync(path.join(cwd, 'old/nomad-agent-ca-key.pem'))
    await cli(cwd, ['adopt', 'old'])
    const file = path.join(cwd, 'cluster.yaml')
    const due = read(cwd, 'cluster.yaml').replace('s1: {', 's1: { key: ecdsa-p384, ')
    fs.writeFileSync(file, due)
    const next = await cli(cwd, ['rotate', 'authority', 'agent', '--next'])
    expect([next.status, next.stderr]).toEqual([0, next.stderr])
    await cli(cwd, ['apply', '--yes'])
    for (const identity of ['server/global/s1', 'client/global/shared']) {
      const trust = read(cwd, `pki/identity/${identity}/current/ca.pem`)
      expect([identity, trust.match(/BEGIN CERTIFICATE/g)!.length]).toEqual([identity, 2])
    }
    const { steps, held } = JSON.parse((await cli(cwd, ['plan', '--json'])).stdout) as {
      steps: unknown[]
      held: { address: string; action: string; reasons: { reason: string }[] }[]
    }
    expect(steps).toEqual([])
    expect(held).toMatchObject([
      {
        address: 'identity/server/global/s1',
        action: 'renew',
        reasons: [{ reason: 'key-algorithm' }],
      },
    ])
  })
})

describe('an authority whose key comes later', () => {
  const address = 'authority/agent/1'

  test('gets it from the folder: it is in the store, it is said, and the comment is gone', async () => {
    const cwd = withFolder('nomad-tls')
    const away = path.join(cwd, 'away.pem')
    fs.renameSync(path.join(cwd, 'old/nomad-agent-ca-key.pem'), away)
    await cli(cwd, ['adopt', 'old'])
    expect(read(cwd, 'cluster.yaml')).toContain(`the key of ${address} was not there`)
    fs.renameSync(away, path.join(cwd, 'old/nomad-agent-ca-key.pem'))
    const dry = await cli(cwd, ['adopt', 'old', '--dry-run'])
    expect(dry.stdout).toContain(`+ key of ${address}`)
    const { status, stdout } = await cli(cwd, ['adopt', 'old'])
    expect(status).toBe(0)
    expect(stdout).toContain(`+ key of ${address}`)
    expect(mode(cwd, `pki/${address}/ca-key.pem`)).toBe('400')
    expect(read(cwd, 'cluster.yaml')).not.toContain('was not there')
    const again = documentOf(await cli(cwd, ['adopt', 'old', '--json']))
    expect(again.authorities).toMatchObject([{ key: true, new: false, newKey: false }])
    expect((await cli(cwd, ['rotate', 'leaves', '--all', '--yes'])).status).toBe(0)
  })

  test('has it in the store where the folder has it no longer', async () => {
    const cwd = withFolder('nomad-tls')
    await cli(cwd, ['adopt', 'old'])
    fs.rmSync(path.join(cwd, 'old/nomad-agent-ca-key.pem'))
    const { stdout } = await cli(cwd, ['adopt', 'old'])
    expect(stdout).toContain(`= ${address}`)
    expect(stdout).not.toContain('without its key')
    const said = documentOf(await cli(cwd, ['adopt', 'old', '--json']))
    expect(said.authorities).toMatchObject([{ key: true }])
  })
})

describe('what was begun before', () => {
  test('a spec of init stays as it is but for the names of a bare node, and gets the authority', async () => {
    const cwd = withFolder('openssl')
    await cli(cwd, ['init', '--servers', 'global=1', '--clients', 'global=1'])
    const before = read(cwd, 'cluster.yaml')
    const adopted = await cli(cwd, ['adopt', 'old', '--json'])
    expect(adopted.status).toBe(0)
    // But what a certificate names is not lost with its renewal.
    const after = read(cwd, 'cluster.yaml')
    expect(after).toBe(
      before
        .replace('s1: {}', 's1: { names: [s1.acme.test], ips: [10.0.0.11] }')
        .replace('c1: {}', 'c1: { names: [c1.acme.test] }'),
    )
    expect(after).not.toBe(before)
    // Once adopted, the spec alone counts.
    fs.writeFileSync(path.join(cwd, 'cluster.yaml'), before)
    await cli(cwd, ['adopt', 'old'])
    expect(read(cwd, 'cluster.yaml')).toBe(before)
    fs.writeFileSync(path.join(cwd, 'cluster.yaml'), after)
    // What it asks for is asked for, also of what was adopted.
    const { stdout } = await cli(cwd, ['plan'])
    expect(stdout).toContain('the key is ecdsa-p384, the spec says ecdsa-p256')
    expect(documentOf(adopted).identities).toHaveLength(2)
  })

  test('an authority alone, and its certificates later: their names are not lost', async () => {
    const cwd = withFolder('openssl')
    fs.mkdirSync(path.join(cwd, 'ca'))
    for (const name of fs.readdirSync(path.join(cwd, 'old'))) {
      if (/^root/.test(name))
        fs.copyFileSync(path.join(cwd, 'old', name), path.join(cwd, 'ca', name))
    }
    expect((await cli(cwd, ['adopt', 'ca', '--cluster', 'acme'])).status).toBe(0)
    expect(read(cwd, 'cluster.yaml')).toMatch(/this node is an example: .*\n +s1: \{\}/)
    const both = await cli(cwd, ['adopt', 'old'])
    expect([both.status, both.stderr]).toEqual([0, both.stderr])
    expect(read(cwd, 'cluster.yaml')).toContain('c1.acme.test')
    const { stdout } = await cli(cwd, ['plan'])
    expect(stdout).not.toMatch(/names|addresses/)
  })

  test('another --cluster than that of the spec is refused', async () => {
    const cwd = withFolder('nomad-tls')
    await cli(cwd, ['adopt', 'old', '--cluster', 'acme'])
    const before = stateOf(cwd)
    const again = await cli(cwd, ['adopt', 'old', '--cluster', 'other'])
    expect(again.status).toBe(64)
    expect(again.stderr).toContain('--cluster other: cluster.yaml is the spec of acme')
    expect(stateOf(cwd)).toEqual(before)
    expect((await cli(cwd, ['adopt', 'old', '--cluster', 'acme'])).status).toBe(0)
  })

  test('a pattern of --agents in a folder that is not there is an error of the user', async () => {
    const cwd = withFolder('nomad-tls')
    const { status, stderr } = await cli(cwd, ['adopt', 'old', '--agents', 'nowhere/*'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/^error: --agents nowhere\/\*: nowhere: /)
    expect(stderr).not.toContain('internal')
  })

  test('a store with another root refuses, and nothing changes', async () => {
    const cwd = withFolder('nomad-tls')
    await cli(cwd, ['init', '--servers', 'global=1'])
    await cli(cwd, ['apply', '--yes'])
    const before = stateOf(cwd)
    const adopted = await cli(cwd, ['adopt', 'old'])
    expect(adopted.status).toBe(1)
    expect(adopted.stderr).toContain('the store has another root already')
    expect(stateOf(cwd)).toEqual(before)
  })

  test('a run that stopped anywhere is finished by the same command', async () => {
    const whole = withFolder('cfssl')
    await cli(whole, ['adopt', 'old', '--cluster', 'acme'])
    const files = Object.keys(stateOf(path.join(whole, 'pki'))).filter(
      (name) => !/ledger|\.lock/.test(name),
    )
    for (const part of ['authority', 'bundle', 'identity']) {
      const cwd = folder()
      copyFolder(whole, cwd)
      fs.rmSync(path.join(cwd, 'pki', part), { recursive: true })
      const again = await cli(cwd, ['adopt', 'old'])
      expect([part, again.status, again.stderr]).toEqual([part, 0, again.stderr])
      const now = Object.keys(stateOf(path.join(cwd, 'pki'))).filter(
        (name) => !/ledger|\.lock/.test(name),
      )
      expect(now).toEqual(files)
      expect((await cli(cwd, ['plan'])).stdout).toBe('nothing to do\n')
      expect((await cli(cwd, ['verify', '--offline'])).status).toBe(0)
    }
  })
})

describe('a folder that is full of other things', () => {
  test('5,000 files, a link out and a large file are left out in a few lines', async () => {
    const cwd = withFolder('nomad-tls')
    fs.mkdirSync(path.join(cwd, 'old/photos'))
    for (let index = 0; index < 5000; index += 1) {
      fs.writeFileSync(path.join(cwd, `old/photos/${index}.jpg`), 'x')
    }
    fs.symlinkSync('/etc/hostname', path.join(cwd, 'old/out.pem'))
    fs.closeSync(fs.openSync(path.join(cwd, 'old/large'), 'w'))
    fs.truncateSync(path.join(cwd, 'old/large'), 2 ** 31)
    const { status, stdout } = await cli(cwd, ['adopt', 'old', '--cluster', 'acme'])
    expect(status).toBe(0)
    expect(stdout).toContain('  and 4997 more:\n      it holds no certificate, key or request')
    expect(stdout).toMatch(/old\/out\.pem\n {6}it is a link to .*hostname, outside of the folder/)
    expect(stdout).toContain('old/large\n      it is larger than 1048576 bytes')
    expect(stdout.split('\n').length).toBeLessThan(40)
    expect((await cli(cwd, ['plan'])).stdout).toBe('nothing to do\n')
  })
})
