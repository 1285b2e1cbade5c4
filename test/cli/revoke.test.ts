/** `revoke`: what it notes, what it says, what it refuses; and what every other command makes of it. */

import { X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { pemBlocks } from '../../src/keys/pem.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { parseCrl, type RevocationList } from '../../src/x509/crl.js'
import { isSignedBy } from '../../src/x509/signature.js'
import { cli, folder, now, type Said } from './cli.js'
import { copyFolder } from '../copy-folder.js'

const day = 86_400_000
const spec = `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: {}, s2: {} }
    clients: { c1: {} }
operators:
  alice: { region: global }
`

let made = ''
let cwd = ''
beforeAll(async () => {
  made = folder({ 'cluster.yaml': spec })
  await cli(made, ['init', '--new-store'])
  expect((await cli(made, ['apply', '--yes'])).status).toBe(0)
})
beforeEach(() => {
  cwd = folder()
  copyFolder(made, cwd)
})

const run = (line: string, at = now): Promise<Said> => cli(cwd, line.split(' '), { now: at })
const at = (file: string): string => path.join(cwd, 'pki', file)
const text = (file: string): string => fs.readFileSync(at(file), 'utf8')
const leafOf = (who: string): X509Certificate =>
  new X509Certificate(text(`identity/${who}/current/cert.pem`))
const fingerprintOf = (who: string): string =>
  leafOf(who).fingerprint256.replaceAll(':', '').toLowerCase()
const serialOf = (who: string): string => leafOf(who).serialNumber.toLowerCase()
const list = (authority = 'agent/1'): RevocationList =>
  parseCrl(pemBlocks(text(`authority/${authority}/crl.pem`))[0]!.der)
const events = (): readonly Record<string, unknown>[] =>
  text('ledger.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === 'revoked' || event === 'listed')

describe('revoke', () => {
  test('says first that Nomad reads no list; notes it; signs a list', async () => {
    const said = await run('revoke s1 --reason key-compromise')
    expect([said.status, said.stderr]).toEqual([0, ''])
    expect(said.stdout).toMatch(/^Nomad reads no revocation list and no OCSP/)
    expect(events()).toMatchObject([
      {
        ...{ event: 'revoked', address: 'identity/server/global/s1', issuer: 'authority/agent/1' },
        ...{ serial: serialOf('server/global/s1'), reason: 'key-compromise' },
        fingerprint: fingerprintOf('server/global/s1'),
      },
      { event: 'listed', address: 'authority/agent/1', number: 1 },
    ])
    const { entries, number, nextUpdate, ...signed } = list()
    expect(entries.map(({ serial, reason }) => [serial, reason])).toEqual([
      [serialOf('server/global/s1'), 'key-compromise'],
    ])
    expect(number).toBe('01')
    expect(nextUpdate).toBe(Math.floor((now + 30 * day) / 1000) * 1000)
    const [root] = parseCertificates(text('authority/agent/1/ca.pem'))
    expect(isSignedBy(signed, root!.publicKey)).toBe(true)
    expect(fs.statSync(at('authority/agent/1/crl.pem')).mode & 0o777).toBe(0o644)
  })

  test('what a key reaches depends on its role', async () => {
    const server = await run('revoke s1 --dry-run')
    expect(server.stdout).toContain('it reads the keyring of global')
    expect(server.stdout).toContain('nomad operator root keyring rotate -full -now')
    expect(server.stdout).not.toContain('client_introduction')
    const client = await run('revoke c1 --dry-run')
    expect(client.stdout).not.toContain('keyring')
    expect(client.stdout).toContain('it registers new nodes in global')
    expect(client.stdout).toContain('enforcement = "strict"')
    expect(client.stdout).toContain('nomad node intro create -node-name c1 -ttl 5m')
    // A token is for one pool, and without ACLs a thief makes its own.
    expect(client.stdout).toContain('with -node-pool POOL where its node_pool is not default')
    expect(client.stdout).toContain('without ACLs anyone that reaches the API makes such a token')
    const operator = await run('revoke alice --dry-run')
    expect(operator.stdout).not.toMatch(/keyring|registers/)
    expect(operator.stdout).toContain('the ACL token decides')
    // It lives for a day: nothing has to be replaced for it.
    expect(operator.stdout).toContain('cheapest cure: wait until')
  })

  test('an agent that checks no names takes every key for a server’s', async () => {
    fs.writeFileSync(
      path.join(cwd, 'cluster.yaml'),
      spec.replace('node: {', 'node: { stanza: { verify_server_hostname: false },'),
    )
    const { stdout, stderr } = await run('revoke c1 --dry-run')
    expect(stdout, stderr).toContain('it reads the keyring of each region')
  })

  test('nobody is said to have the key where the reason says otherwise', async () => {
    const { stdout } = await run('revoke s1 --reason superseded')
    expect(stdout).toContain('its end is enough, and nothing has to be replaced')
    expect(stdout).not.toContain('rotate authority')
  })

  test('a second time nothing is written; the numbers of lists rise', async () => {
    await run('revoke s1 --reason superseded')
    const before = [text('ledger.jsonl'), text('authority/agent/1/crl.pem')]
    const again = await run('revoke s1 --reason superseded', now + day)
    expect([again.status, again.stderr]).toEqual([0, ''])
    expect(again.stdout).toContain('1 certificate was revoked before')
    expect([text('ledger.jsonl'), text('authority/agent/1/crl.pem')]).toEqual(before)
    await run('revoke s2', now + day)
    expect([list().number, list().entries.length]).toEqual(['02', 2])
    // A key may turn out to be stolen later; what is stolen does not become harmless.
    await run('revoke s1 --reason key-compromise', now + day)
    await run('revoke s1 --reason superseded', now + 2 * day)
    expect(list().number).toBe('03')
    expect(list().entries.map(({ reason }) => reason)).toEqual(['key-compromise', undefined])
  })

  test('without a certificate all lists are made anew, and what has ended leaves them late', async () => {
    await run('revoke s1')
    expect((await run('revoke', now + 20 * day)).stdout).toContain('number 2, 1 certificate')
    // One list made beyond the end of the certificate still has it (RFC 5280 §3.3).
    await run('revoke', now + 100 * day)
    expect(list().entries).toHaveLength(1)
    await run('revoke', now + 101 * day)
    expect([list().entries.length, list().number]).toEqual([0, '04'])
  })

  test('a list that ended is a finding, and revoke cures it', async () => {
    await run('revoke s1 --reason superseded')
    await run('apply --yes')
    const later = now + 31 * day
    const found = await run('verify --offline', later)
    expect(found.stdout).toContain('its revocation list ended')
    await run('revoke', later)
    expect((await run('verify --offline', later)).stdout).not.toContain('its revocation list ended')
  })

  test('by fingerprint and by serial number, in each form that tools print', async () => {
    const { fingerprint256, serialNumber } = leafOf('server/global/s1')
    for (const name of [fingerprint256, `SHA256:${fingerprintOf('server/global/s1')}`]) {
      const said = await run(`revoke ${name} --dry-run`)
      expect(said.stdout, said.stderr).toContain('would be revoked: identity/server/global/s1')
    }
    for (const name of [serialNumber, `0x${serialNumber}`, `00${serialNumber.toLowerCase()}`]) {
      const said = await run(`revoke ${name} --dry-run`)
      expect(said.stdout, said.stderr).toContain('would be revoked: identity/server/global/s1')
    }
  })

  test('a certificate of a different tool, by its serial number', async () => {
    const said = await run('revoke --serial 0A:bc --authority agent --reason key-compromise')
    expect(said.status, said.stderr).toBe(0)
    expect(said.stdout).toContain('what its key reaches is not known here')
    expect(events()[0]).toMatchObject({ address: 'authority/agent/1', serial: '0abc' })
    expect(list().revoked).toEqual(new Set(['0abc']))
    const known = await run(`revoke --serial ${serialOf('server/global/s1')} --authority agent`)
    expect([known.status, known.stderr]).toEqual([
      3,
      expect.stringContaining('the ledger knows this certificate'),
    ])
  })

  test('a certificate of a node that the spec no longer has', async () => {
    await run('remove client global/c1')
    await run('apply --yes --prune')
    const said = await run('revoke c1 --reason cessation-of-operation')
    expect(said.status, said.stderr).toBe(0)
    expect(said.stdout).not.toContain('a new key for it')
    expect(list().entries).toHaveLength(1)
  })

  test.each([
    ['revoke agent', 3, 'nomad-pki rotate authority agent --compromised'],
    ['revoke authority/agent/1', 3, 'nomad-pki rotate authority agent --compromised'],
    ['revoke bundle/agent', 3, 'agents read no list'],
    ['revoke s9', 1, 'unknown address "s9"'],
    ['revoke abcdef', 1, 'the ledger has no certificate with this serial number'],
    ['revoke s1 --reason stolen', 64, 'key-compromise'],
    ['revoke --reason superseded', 64, 'which certificate?'],
    ['revoke s1 --serial 1 --authority agent', 64, 'exclude each other'],
    ['revoke --serial 1', 64, '--serial needs --authority'],
    ['revoke --serial x --authority agent', 64, 'invalid --serial "x"'],
    ['revoke --serial 1 --authority other', 1, 'no authority is called "other"'],
  ])('%s is refused', async (line, status, why) => {
    const before = text('ledger.jsonl')
    const said = await run(line)
    expect([said.status, said.stdout]).toEqual([status, ''])
    expect(said.stderr).toContain(why)
    expect(text('ledger.jsonl')).toBe(before)
  })

  test('a certificate that has ended needs none', async () => {
    const { status, stderr } = await run('revoke s1', now + 400 * day)
    expect(status).toBe(3)
    expect(stderr).toContain('has no certificate that has not ended')
  })

  test('the key of the authority is elsewhere: it is noted, and no list is made', async () => {
    fs.rmSync(at('authority/agent/1/ca-key.pem'))
    expect((await run('revoke s1 --dry-run')).status).toBe(1)
    const said = await run('revoke s1')
    // The ledger has it, and software that reads lists does not know it.
    expect(said.status, said.stderr).toBe(1)
    expect(said.stdout).toContain('no revocation list of authority/agent/1: ')
    expect(said.stdout).toContain('when the authority can sign: nomad-pki revoke')
    expect(events().map(({ event }) => event)).toEqual(['revoked'])
    expect(fs.existsSync(at('authority/agent/1/crl.pem'))).toBe(false)
  })

  test('a list that is missing or lacks an entry is told, and revoke cures it', async () => {
    const findings = async (when = now): Promise<readonly string[]> =>
      (await run('verify --offline', when)).stdout
        .split('\n')
        .filter((line) => line.includes('authority/agent/1: ') && line.includes('revo'))
    const key = at('authority/agent/1/ca-key.pem')
    const aside = path.join(cwd, 'aside.pem')
    const elsewhere = async (line: string, when: number): Promise<void> => {
      fs.renameSync(key, aside)
      expect((await run(line, when)).status).toBe(1)
      fs.renameSync(aside, key)
    }
    await elsewhere('revoke s1 --reason superseded', now)
    expect(await findings()).toEqual([
      expect.stringMatching(
        /^warning: .*it has no revocation list, and something of it was revoked/,
      ),
    ])
    // The same line again makes what is missing.
    expect((await run('revoke s1 --reason superseded')).status).toBe(0)
    expect(await findings()).toEqual([])
    await elsewhere('revoke s2 --reason superseded', now + day)
    expect(await findings(now + day)).toEqual([
      expect.stringMatching(/^warning: .*something was revoked since its revocation list was made/),
    ])
    expect((await run('revoke s2 --reason superseded', now + day)).status).toBe(0)
    expect([list().entries.length, await findings(now + day)]).toEqual([2, []])
  })

  test('a ledger that was begun anew takes nothing back', async () => {
    await run('revoke s1 --reason key-compromise')
    await run('revoke s2')
    const lines = text('ledger.jsonl').split('\n')
    fs.writeFileSync(
      at('ledger.jsonl'),
      lines.filter((line) => !/"event":"(?:revoked|listed)"/.test(line)).join('\n'),
    )
    const said = await run('revoke c1 --reason superseded')
    expect(said.status, said.stderr).toBe(0)
    const { number, entries } = list()
    expect(number).toBe('03')
    expect(entries.map(({ serial, reason }) => [serial, reason])).toEqual([
      [serialOf('server/global/s1'), 'key-compromise'],
      [serialOf('server/global/s2'), undefined],
      [serialOf('client/global/c1'), 'superseded'],
    ])
  })
})

describe('after revoke', () => {
  test('the row of status says so, with what gives a new key; and that command does', async () => {
    const row = async (line: string, name = 's1'): Promise<string> =>
      (await run(line)).stdout.split('\n').find((one) => one.includes(`global/${name}`)) ?? ''
    await run('revoke s1 --reason key-compromise')
    const cure = 'nomad-pki apply identity/server/global/s1'
    const said = await row('status --long')
    expect(said).toMatch(
      / revoked {2}revoked on \d{4}-\d\d-\d\d \(key-compromise\); nomad-pki apply/,
    )
    expect(said).toContain(cure)
    expect(said).not.toContain('good')
    const document = JSON.parse((await run('status --json')).stdout) as {
      entries: { address: string; state: string; needsWork: boolean }[]
    }
    expect(document.entries.find(({ address }) => address.endsWith('/s1'))).toMatchObject({
      state: 'revoked',
      needsWork: true,
      revoked: { reason: 'key-compromise', generation: 1, current: true, remedy: cure },
    })
    await run('status --metrics m.prom --html page.html')
    expect(fs.readFileSync(path.join(cwd, 'm.prom'), 'utf8')).toMatch(
      /nomad_pki_certificates\{.*role="server".*state="revoked"\} 1\n/,
    )
    const page = fs.readFileSync(path.join(cwd, 'page.html'), 'utf8')
    expect(page).toMatch(/<td class="bad">revoked<\/td>/)
    expect(page).toContain(cure)
    expect(page).toMatch(/Work to do: 1 revoked/)

    expect((await run(`${cure.slice('nomad-pki '.length)} --yes`)).status).toBe(0)
    // It was made, and nothing shows that the agent has it.
    const after = await row('status --long')
    expect(after).toMatch(/ undelivered .*generation 1 was revoked on .*; nomad-pki rollout$/)
    expect(await row('status --long --made')).toMatch(/ good *$/)
  })

  test("an operator's row says so too, and is work", async () => {
    await run('revoke alice --reason key-compromise')
    const { status, stdout } = await run('status --long')
    expect([status, stdout]).toEqual([
      2,
      expect.stringMatching(/global\/alice .* revoked {2}revoked on /),
    ])
  })

  test('of a node that holds its key, the row says how it asks for a certificate of a new one', async () => {
    const file = path.join(cwd, 'cluster.yaml')
    fs.writeFileSync(file, spec.replace('s1: {}', 's1: { keyHeld: node }'))
    await run('revoke s1 --reason key-compromise')
    expect((await run('status --long')).stdout).toMatch(
      / revoked {2}revoked on .*; on the node: nomad-pki request .*; then here, with that file: nomad-pki sign s1\.csr/,
    )
  })

  test('plan makes a new key, and revoke does not take that one by mistake', async () => {
    const old = leafOf('server/global/s1')
    await run('revoke s1 --reason key-compromise')
    const planned = await run('plan')
    expect(planned.status).toBe(2)
    expect(planned.stdout).toMatch(/identity\/server\/global\/s1 +renew +revoked/)
    expect((await run('status')).status).toBe(2)
    expect((await run('status')).stdout).toContain('nomad-pki apply identity/server/global/s1')
    const verified = await run('verify --offline')
    expect([verified.status, verified.stdout]).toEqual([2, expect.stringContaining('(revoked)')])

    // Not even --keep-key keeps it.
    expect((await run('rotate leaves s1 --keep-key --yes')).status).toBe(0)
    const next = leafOf('server/global/s1')
    const spki = (one: X509Certificate): Buffer =>
      one.publicKey.export({ type: 'spki', format: 'der' })
    expect(spki(next).equals(spki(old))).toBe(false)
    expect((await run('plan')).status).toBe(0)

    const again = await run('revoke s1 --reason key-compromise')
    expect(again.status).toBe(3)
    expect(again.stderr).toContain('has a new certificate since then')
    expect(again.stderr).toContain(`nomad-pki revoke SHA256:${fingerprintOf('server/global/s1')}`)
    // What is out there is told until it ends.
    const still = await run('verify --offline')
    expect(still.stdout).toContain(`${old.serialNumber.toLowerCase()} is revoked (key-compromise)`)
    expect((await run('verify --offline', now + 91 * day)).stdout).not.toContain('is revoked (')
  })

  test('pack refuses the revoked leaf in each layout, but not trust alone', async () => {
    await run('revoke s1')
    await run('revoke alice')
    for (const line of [
      'pack s1 --out s1.tgz',
      'pack s1 --out s1.tgz --layout flat',
      'pack s1 --out-dir out --layout cfssl',
      'pack alice --out alice.p12 --layout p12 --new-password-file password',
    ]) {
      const said = await run(line)
      expect(said.status, line).toBe(1)
      expect(said.stderr).toContain('its certificate was revoked on ')
      expect(said.stderr).toContain('nomad-pki apply')
    }
    const { status, stderr } = await run('pack s1 --out s1.tgz --trust-only')
    expect(status, stderr).toBe(0)
  })

  test('a rotation of the root takes it out, and then nothing is said of it', async () => {
    await run('revoke s1 --reason key-compromise')
    const { serialNumber } = leafOf('server/global/s1')
    await run('rotate authority agent --compromised --next')
    await run('apply --yes')
    const under = await run(`revoke ${serialNumber}`)
    expect(under.stdout, under.stderr).toContain('end the rotation that is under way')
  })

  test('the old root’s list is made anew until the root has left, and its end is told', async () => {
    await run('revoke s1 --reason key-compromise')
    await run('rotate authority agent --compromised --next')
    const marked = await run('revoke s2 --reason superseded')
    expect(marked.status, marked.stderr).toBe(0)
    expect(marked.stdout).toContain('its root is marked as compromised: others may sign lists')
    expect([list().number, list().entries.length]).toEqual(['02', 2])

    const later = now + 31 * day
    const ended = /^(\w+): authority\/agent\/1: its revocation list ended/m
    expect((await run('verify --offline', later)).stdout).toMatch(ended)
    const again = await run('revoke', later)
    expect(again.status, again.stdout).toBe(0)
    expect((await run('verify --offline', later)).stdout).not.toMatch(ended)
    expect(list().number).toBe('03')

    // Once the spec has left it, readers may have, too.
    await run('apply --yes', later)
    const file = path.join(cwd, 'cluster.yaml')
    fs.writeFileSync(
      file,
      fs
        .readFileSync(file, 'utf8')
        .replace('signing: 1', 'signing: 2')
        .replace('trusted: [1, 2]', 'trusted: [2]'),
    )
    const root = new X509Certificate(text('authority/agent/1/ca.pem')).fingerprint256
    const leave = `--override leave-root=SHA256:${root.replaceAll(':', '').toLowerCase()} --reason test`
    const left = await run(`apply --yes ${leave}`, later)
    expect(left.status, left.stderr).toBe(0)
    const gone = await run('verify --offline', later + 31 * day)
    expect(ended.exec(gone.stdout)?.[1], gone.stdout).toBe('note')
    await run('apply --yes --prune', later)
    if (fs.existsSync(at('authority/agent/1'))) throw new Error('the old root is still there')
    const pruned = await run('revoke', later + 32 * day)
    expect(pruned.stdout).toContain('it was removed from the store, its key too')
    expect(pruned.status).toBe(0)
  })

  test('where the node holds the key, each line that is printed is needed, and cures', async () => {
    fs.writeFileSync(
      path.join(cwd, 'cluster.yaml'),
      spec.replace('s1: {}', 's1: { keyHeld: node }'),
    )
    const signs = async (): Promise<string> => {
      const asked = await run('request server/global/s1 --tls tls --out s1.csr')
      expect(asked.status, asked.stderr).toBe(0)
      return /SHA256:[0-9a-f]{64}/.exec(asked.stdout + asked.stderr)![0]
    }
    expect((await run(`sign s1.csr --fingerprint ${await signs()}`)).status).toBe(0)
    expect((await run('apply --yes')).status).toBe(0)
    fs.rmSync(path.join(cwd, 's1.csr'))
    fs.rmSync(path.join(cwd, 'tls'), { recursive: true })
    const said = await run('revoke s1 --reason key-compromise')
    expect(said.status, said.stderr).toBe(0)
    expect(said.stdout).not.toContain('nomad-pki apply identity/server/global/s1')
    expect(said.stdout).toContain('1 agent holds its own key: where apply names one')
    const printed = said.stdout.split('\n').map((line) => line.trim())
    const request = printed.find((line) => line.startsWith('on s1: '))!
    expect(request).toBe(
      'on s1: nomad-pki request server/global/s1 --tls /etc/nomad-tls --out s1.csr',
    )
    const sign = printed.find((line) => line.includes('nomad-pki sign '))!
    const status = await run('status')
    expect(status.stdout).toContain('fix: on the node: nomad-pki request')
    const idle = await run('apply identity/server/global/s1')
    expect(idle.stderr).not.toContain('not due')
    expect(idle.stderr).toContain('its certificate was revoked on ')

    const fingerprint = await signs()
    const line = sign.slice(sign.indexOf('nomad-pki sign ') + 'nomad-pki '.length)
    const signed = await run(line.replace('SHA256:HEX', fingerprint))
    expect(signed.status, signed.stderr).toBe(0)
    expect((await run('status')).stdout).not.toContain('has no new key yet')
    expect((await run('plan')).status).toBe(0)
  })
})
