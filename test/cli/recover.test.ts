/** `rollout --recover`: what it says, what it refuses, and what it makes, with an ssh that runs the real scripts here. */

import fs from 'node:fs'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { fakeSsh } from '../hosts/fake-ssh.js'
import { cli, folder, type Said } from './cli.js'

const day = 86_400_000
const spec = `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { "s[1-3]": { ssh: "{node}.example", http: "127.0.0.1:9", rpc: "127.0.0.1:9" } }
    clients: { c1: { ssh: c1.example, http: "127.0.0.1:9" } }
operators:
  alice: { region: global }
`

interface Place {
  readonly base: string
  readonly hosts: string
  readonly run: (...words: readonly string[]) => Promise<Said>
  readonly at: (now: number, ...words: readonly string[]) => Promise<Said>
}

/** A cluster that was made so many days ago; its hosts tell the time of today. */
async function place(days: number): Promise<Place> {
  const base = folder({ 'cluster.yaml': spec })
  const bed = folder()
  const env = fakeSsh(bed)
  const at: Place['at'] = (now, ...words) => cli(base, words, { env, now })
  const made = Date.now() - days * day
  await at(made, 'init', '--new-store')
  expect((await at(made, 'apply', '--yes')).status).toBe(0)
  return {
    ...{ base, hosts: path.join(bed, 'hosts'), at },
    run: (...words) => at(Date.now(), ...words),
  }
}

const ledger = ({ base }: Place): string =>
  fs.readFileSync(path.join(base, 'pki/ledger.jsonl'), 'utf8')
const specOf = ({ base }: Place): string => fs.readFileSync(path.join(base, 'cluster.yaml'), 'utf8')

describe('rollout --recover', () => {
  test('a dry run says all of it and changes nothing; then it is done', async () => {
    const bed = await place(400)
    const before = ledger(bed)
    const dry = await bed.run('rollout', '--recover', '--dry-run')
    expect(dry, dry.stderr).toMatchObject({ status: 2 })
    expect(dry.stdout).toMatch(/^the certificates of 4 of 4 agents have ended, the first on /)
    expect(dry.stdout).toContain(
      'global: 3 of 3 servers ended, 1 of 1 client ended; its servers refuse each other: no leader can be elected',
    )
    expect(dry.stdout).toMatch(/ {2}1 {2}nomad-pki apply\n {5}makes 4 new certificates/)
    expect(dry.stdout).toContain('  2  nomad-pki apply identity/operator/global/alice\n')
    expect(ledger(bed)).toBe(before)
    expect(
      fs.readdirSync(bed.hosts).flatMap((host) => fs.readdirSync(path.join(bed.hosts, host))),
    ).toEqual([])
    const nobody = await bed.run('rollout', '--recover')
    expect(nobody).toMatchObject({ status: 3 })
    expect(nobody.stderr).toContain('there is no terminal to ask on')
    // No agent runs there: each loads its files when it starts.
    const done = await bed.run('rollout', '--recover', '--yes')
    expect(done, done.stderr).toMatchObject({ status: 2 })
    expect(done.stdout).toContain('1  global: s[1-3]')
    expect(done.stdout).toContain('4 not running: the next start loads the files')
    expect(ledger(bed)).toMatch(
      /"event":"issued","address":"identity\/operator\/global\/alice",[^\n]*"generation":2/,
    )
    expect(specOf(bed)).toBe(spec)
  })

  test('as a program reads it', async () => {
    const bed = await place(400)
    const { stdout, stderr } = await bed.run('rollout', '--recover', '--yes', '--json')
    const lines = stdout.trim().split('\n')
    const schema = new URL('../../src/report/schemas/rollout-event.json', import.meta.url)
    const validate = new Ajv2020({
      strict: true,
      strictRequired: false,
      allowUnionTypes: true,
    }).compile(JSON.parse(fs.readFileSync(schema, 'utf8')) as object)
    for (const line of lines) {
      void validate(JSON.parse(line))
      expect(validate.errors, line).toBeNull()
    }
    const [first, second] = lines.map(
      (line) => JSON.parse(line) as { event: string; unmade?: number },
    )
    expect(first).toMatchObject({ event: 'recovery', unmade: 4, edits: [], authorities: [] })
    expect(second).toMatchObject({ event: 'order', hosts: 4 })
    expect(stderr).toContain('steps done')
  })

  test('with a wrong clock certificates only seem to have ended', async () => {
    const bed = await place(1)
    const before = ledger(bed)
    const said = await bed.at(Date.now() + 400 * day, 'rollout', '--recover', '--yes')
    expect(said).toMatchObject({ status: 3 })
    expect(said.stderr).toMatch(/the clock of c1\.example is 1y35d behind/)
    expect(said.stderr).toContain('first set the clock that is wrong, here or there')
    expect(ledger(bed)).toBe(before)
  })

  test('where no host tells its time, nothing is made or replaced', async () => {
    const bed = await place(400)
    fs.rmSync(path.join(bed.base, 'pki/authority/agent/1/ca-key.pem'))
    for (const host of ['s1', 's2', 's3', 'c1']) {
      fs.mkdirSync(path.join(bed.hosts, `${host}.example`))
      fs.writeFileSync(path.join(bed.hosts, `${host}.example`, 'away'), 'No route to host\n')
    }
    const before = ledger(bed)
    const dry = await bed.run('rollout', '--recover', '--dry-run')
    expect(dry, dry.stderr).toMatchObject({ status: 2 })
    expect(dry.stdout).toContain(
      'no host told its time: look first whether the clock here is right',
    )
    const said = await bed.run('rollout', '--recover', '--yes')
    expect(said).toMatchObject({ status: 3 })
    expect(said.stderr).toContain(
      'no host told its time, so nothing shows that the clock here is right',
    )
    expect(said.stderr).toContain('No route to host')
    expect(ledger(bed)).toBe(before)
    expect(specOf(bed)).toBe(spec)
  })

  test('while nothing has ended it is refused, and names what is right then', async () => {
    const bed = await place(1)
    const said = await bed.run('rollout', '--recover', '--yes')
    expect(said).toMatchObject({ status: 3 })
    expect(said.stderr).toContain(
      'no certificate is seen to have ended, and 4 agents did not answer',
    )
    fs.rmSync(path.join(bed.base, 'pki/authority/agent/1/ca-key.pem'))
    const early = await bed.run('rollout', '--recover', '--yes')
    expect(early).toMatchObject({ status: 3 })
    expect(early.stderr).toContain(
      'authority/agent/1 can sign nothing, and no certificate has ended yet',
    )
    expect(early.stderr).toContain('nomad-pki rotate authority agent --run')
  })

  test('an authority whose certificate is lost is not replaced while its key is elsewhere', async () => {
    const bed = await place(400)
    fs.rmSync(path.join(bed.base, 'pki/authority/agent/1'), { recursive: true })
    const elsewhere = spec.replace(
      'regions:',
      'authorities: { agent: { signer: command } }\nregions:',
    )
    fs.writeFileSync(path.join(bed.base, 'cluster.yaml'), elsewhere)
    const said = await bed.run('rollout', '--recover', '--yes')
    expect(said).toMatchObject({ status: 3 })
    expect(said.stderr).toContain(
      'authority/agent/1 is not in the store, and its key is not lost with it: the spec says that it is behind a command',
    )
    expect(specOf(bed)).toBe(elsewhere)
  })

  test('the stages of a rotation are no cure where the certificate is lost too', async () => {
    const bed = await place(1)
    fs.rmSync(path.join(bed.base, 'pki/authority/agent/1'), { recursive: true })
    const said = await bed.run('rollout', '--recover', '--yes')
    expect(said).toMatchObject({ status: 3 })
    expect(said.stderr).toContain('restore authority/agent/1 from a backup of the store')
    expect(said.stderr).not.toContain('--run')
  })

  test('the key is lost and all has ended: a new root, trusted alone', async () => {
    const bed = await place(400)
    fs.rmSync(path.join(bed.base, 'pki/authority/agent/1/ca-key.pem'))
    const said = await bed.run('rollout', '--recover', '--yes')
    expect(said, said.stderr).toMatchObject({ status: 2 })
    expect(said.stdout).toContain('authority/agent/1 lives, and its key is not in the store')
    expect(specOf(bed)).toMatch(/signing: 2[^]*trusted: \[ ?2 ?\]/)
    expect(said.stdout).toContain('4 not running: the next start loads the files')
  })

  test('the root itself has ended: a new one, trusted alone, and the same command does nothing more', async () => {
    const bed = await place(4000)
    const said = await bed.run('rollout', '--recover', '--yes')
    expect(said, said.stderr).toMatchObject({ status: 2 })
    expect(said.stdout).toMatch(
      /authority\/agent\/1 itself ended on [0-9T:Z-]+: nothing below it is accepted/,
    )
    expect(specOf(bed)).toMatch(/signing: 2[^]*trusted: \[ ?2 ?\]/)
    expect(said.stdout).toContain('4 not running: the next start loads the files')
    await bed.run('rollout', '--recover', '--yes')
    expect(specOf(bed)).toMatch(/signing: 2/)
  })

  test('only clients have ended: the servers are left alone, and it is said that an ordinary rollout does it', async () => {
    const bed = await place(200)
    const servers = ['s1', 's2', 's3']
    expect((await bed.run('apply', ...servers, '--yes')).status).toBe(0)
    const said = await bed.run('rollout', '--recover', '--yes')
    expect(said.stdout).toContain('0 of 3 servers ended, 1 of 1 client ended')
    expect(said.stdout).toContain('nomad-pki rollout --only clients does it too')
    expect(said.stdout).toContain('1 not running: the next start loads the files')
    expect(said, said.stderr).toMatchObject({ status: 2 })
    for (const name of servers) {
      expect(fs.existsSync(path.join(bed.hosts, `${name}.example`, 'tls'))).toBe(false)
    }
    expect(ledger(bed)).not.toMatch(/"event":"authority"[^\n]*agent\/2/)
  })

  test('agents that read the store are told, and nothing is brought', async () => {
    const bed = await place(400)
    fs.writeFileSync(path.join(bed.base, 'cluster.yaml'), spec.replace('/etc/nomad-tls', 'store'))
    const before = ledger(bed)
    const said = await bed.run('rollout', '--recover', '--yes')
    expect(said).toMatchObject({ status: 2 })
    expect(said.stderr).toContain('the agents read the store itself: nothing is brought')
    expect(ledger(bed)).toBe(before)
  })

  describe('an agent whose host is gone', () => {
    const gone = spec.replace(
      'clients: { c1',
      'clients: { "c[8-9]": { ssh: "{node}.example", http: "127.0.0.1:9" }, c1',
    )

    /** c8 and c9 came later than the others, if they were made at all, and their hosts are gone. */
    async function without(made: number | undefined): Promise<Place> {
      const bed = await place(400)
      fs.writeFileSync(path.join(bed.base, 'cluster.yaml'), gone)
      if (made !== undefined) {
        const said = await bed.at(Date.now() - made * day, 'apply', 'c8', 'c9', '--yes')
        expect(said, said.stderr).toMatchObject({ status: 0 })
      }
      for (const host of ['c8.example', 'c9.example']) {
        fs.mkdirSync(path.join(bed.hosts, host))
        fs.writeFileSync(path.join(bed.hosts, host, 'away'), 'No route to host\n')
      }
      return bed
    }

    const remedies = (text: string): readonly (readonly string[])[] =>
      [...text.matchAll(/nomad-pki (remove \S+ [a-z0-9/-]+)/g)].map(([, line]) => line!.split(' '))

    test('it may live by a root that must be replaced: what the refusal names cures it', async () => {
      const bed = await without(30)
      fs.rmSync(path.join(bed.base, 'pki/authority/agent/1/ca-key.pem'))
      for (const name of ['c8', 'c9']) {
        const refused = await bed.run('rollout', '--recover', '--yes')
        expect(refused).toMatchObject({ status: 3 })
        expect(refused.stderr).toMatch(
          new RegExp(
            `${name} \\(it does not answer; until [0-9T:Z-]+\\).*a new root would cut them off`,
          ),
        )
        expect(refused.stderr).toMatch(/or wait until [0-9T:Z-]+; or, where its host is gone/)
        // Without a quorum no stage of a rotation comes to its end.
        expect(refused.stderr).not.toContain('--run')
        const [cure] = remedies(refused.stderr)
        expect(cure).toEqual(['remove', 'client', `global/${name}`])
        expect((await bed.run(...cure!)).status).toBe(0)
      }
      const done = await bed.run('rollout', '--recover', '--yes')
      expect(done, done.stderr).toMatchObject({ status: 2 })
      expect(done.stdout).toContain('4 not running: the next start loads the files')
    })

    test('the end that a refusal names is one', async () => {
      const bed = await without(30)
      fs.rmSync(path.join(bed.base, 'pki/authority/agent/1/ca-key.pem'))
      const { stderr } = await bed.run('rollout', '--recover', '--yes')
      const end = Date.parse(/or wait until (\S+);/.exec(stderr)![1]!)
      const dry = (at: number): Promise<Said> => bed.at(at, 'rollout', '--recover', '--dry-run')
      expect((await dry(end - 1000)).stderr).toContain('would cut them off')
      expect((await dry(end + 1000)).stderr).not.toContain('would cut them off')
    })

    test('one that never had a certificate of ours holds no root', async () => {
      const bed = await without(undefined)
      fs.rmSync(path.join(bed.base, 'pki/authority/agent/1/ca-key.pem'))
      const done = await bed.run('rollout', '--recover', '--yes')
      expect(done.stderr).not.toContain('would cut them off')
      expect(done, done.stderr).toMatchObject({ status: 2 })
      expect(done.stdout).toContain('4 not running: the next start loads the files')
    })

    test('it is all that has ended: nobody tells the time, and taking it out of the spec is the cure', async () => {
      const bed = await without(120)
      expect((await bed.run('apply', 's1', 's2', 's3', 'c1', '--yes')).status).toBe(0)
      for (const name of ['c8', 'c9']) {
        const refused = await bed.run('rollout', '--recover', '--yes')
        expect(refused).toMatchObject({ status: 3 })
        expect(refused.stderr).toContain('no host told its time')
        const [cure] = remedies(refused.stderr)
        expect(cure).toEqual(['remove', 'client', `global/${name}`])
        expect((await bed.run(...cure!)).status).toBe(0)
      }
      expect((await bed.run('rollout', '--recover', '--yes')).stderr).not.toContain('told its time')
    })
  })

  test('an authority that ended before any agent had a certificate: the edit that is named is the cure', async () => {
    const other = folder({ 'cluster.yaml': spec })
    const at = (now: number, ...words: readonly string[]): Promise<Said> =>
      cli(other, words, { now })
    await at(Date.now() - 4000 * day, 'init', '--new-store')
    await at(Date.now() - 4000 * day, 'apply', 'alice', '--yes')
    const refused = await at(Date.now(), 'rollout', '--recover', '--yes')
    expect(refused).toMatchObject({ status: 3 })
    expect(refused.stderr).toContain(
      'set `signing: 2, trusted: [2]` for agent in the spec, then: nomad-pki apply',
    )
    const text = fs.readFileSync(path.join(other, 'cluster.yaml'), 'utf8')
    fs.writeFileSync(
      path.join(other, 'cluster.yaml'),
      text.replace('regions:', 'authorities: { agent: { signing: 2, trusted: [2] } }\nregions:'),
    )
    expect((await at(Date.now(), 'apply', '--yes')).status).toBe(0)
  })
})
