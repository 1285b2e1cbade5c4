/**
 * Nodes that renew themselves from a real OpenBao, each by its own `nomad-pki renew` and its own AppRole, while
 * requests never pause: the engine is sealed for a while, and a renewal is killed after the switch, before the reload.
 * `NOMAD_PKI_RENEW_MINUTES` (`.ci/deep`) makes it ten nodes that renew every two minutes, for so long; the engine is
 * sealed for five minutes of them.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { openbao, type OpenBao } from '../judges/openbao.js'
import { command } from './harness/binaries.js'
import type { Member } from './harness/cluster.js'
import { Count, figuresText } from './harness/figures.js'
import { type Begin, Fleet } from './harness/fleet.js'
import { type Load, startLoad } from './harness/load.js'
import { shownBy } from './harness/proof.js'
import { chance, seed } from './harness/random.js'
import { expectKnownLosses } from './harness/rolling.js'
import { cleanEnvironment, eventually, type Outcome, run, runOk, sleep } from './harness/run.js'

const minutes = Number(process.env.NOMAD_PKI_RENEW_MINUTES ?? 0)
const long = minutes > 0

/**
 * A certificate is renewed when what is left of it is `before`, or up to a tenth more. That is longer than the engine
 * is sealed, so none ends meanwhile. In the short run each run of the timer renews.
 */
const pace = long
  ? { life: '12m', before: '570s', every: 10_000, total: minutes * 60_000, pause: 400 }
  : { life: '10m', before: '590s', every: 2_000, total: 45_000, pause: 150 }
const sealed = long ? Math.min(300_000, pace.total / 4) : 12_000
/** How often a node is expected to have renewed, at the least. */
const least = long ? Math.floor((pace.total - sealed) / 60_000 / 3) : 1

const named = (role: Member['role'], ...names: readonly string[]): readonly Member[] =>
  names.map((name) => ({ name, role, region: 'global' }))
const members = long
  ? [
      ...named('server', 's1', 's2', 's3'),
      ...named('client', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7'),
    ]
  : [...named('server', 's1'), ...named('client', 'c1', 'c2')]

/** `systemctl` of a host on which one unit runs, whose process is in a file; once it kills all that called it. */
const systemctl = `#!/bin/sh
here=\${0%/*}
case "$*" in
  'show -p LoadState '*) echo LoadState=loaded ;;
  'show -p MainPID '*) echo "MainPID=$(cat "$here/pid")" ;;
  'show -p Type '*) echo Type=notify ;;
  'is-active '*) echo active ;;
  'reload '*)
    if rm "$here/die" 2>/dev/null; then
      p=$$ all=
      while :; do
        p=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$p/status")
        all="$p $all"
        case $(tr '\\0' ' ' <"/proc/$p/cmdline") in *' renew '*) break ;; esac
      done
      kill -KILL $all $$
    fi
    kill -HUP "$(cat "$here/pid")"
    ;;
  *) exit 1 ;;
esac
`

let bao: OpenBao
let fleet: Fleet
let load: Load
let home = ''

const hostOf = (base: string, name: string): string => join(base, 'hosts', name)
const renewOn = (base: string, name: string, killAfter?: number): Promise<Outcome> => {
  const host = hostOf(base, name)
  // On a node no variable speaks of an engine.
  const env = { PATH: `${join(host, 'bin')}:${cleanEnvironment().PATH ?? ''}` }
  return run(
    process.execPath,
    [command, 'renew', '--config', join(host, 'etc/nomad-pki/node.yaml')],
    { cwd: host, env, timeout: 180_000, ...(killAfter !== undefined && { killAfter }) },
  )
}

async function done(method: string, way: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await bao.call(method, way, body)
  expect(answer.status, answer.text).toBeLessThan(300)
  return answer.data
}

const begin: Begin = async ({ base, plans, pki }) => {
  await pki('init', '--new-store')
  await expect(pki('apply', '--yes')).rejects.toThrow('nomad-pki authority setup global')
  await pki('authority', 'setup', 'global')
  await pki('apply', 'operator/global/alice', '--yes')
  await done('POST', 'sys/auth/approle', { type: 'approle' })
  const spec = readFileSync(join(base, 'cluster.yaml'), 'utf8')
  // Whoever sets up has a token; a node has an AppRole.
  writeFileSync(
    join(base, 'cluster.yaml'),
    spec.replace(/^vault: \{ (.*) \}$/m, 'vault: { $1, auth: { method: approle } }'),
  )
  for (const { name, role, ports } of plans) {
    const host = hostOf(base, name)
    const etc = join(host, 'etc/nomad-pki')
    const tls = join(host, 'etc/nomad.d/tls')
    await pki('pack', name, '--renew', '--out-dir', etc)
    const file = (path: string): string => readFileSync(join(etc, path), 'utf8')
    const roleName = `nomad-${role}-global-${name}`
    await done(
      'POST',
      `pki/nomad/roles/${roleName}`,
      JSON.parse(file('engine/role.json')) as object,
    )
    await done('POST', `sys/policies/acl/${name}`, { policy: file('engine/policy.hcl') })
    await done('POST', `auth/approle/role/${name}`, { token_policies: [name], token_ttl: '5m' })
    const { role_id: id } = await done('GET', `auth/approle/role/${name}/role-id`)
    const { secret_id: secret } = await done('POST', `auth/approle/role/${name}/secret-id`)
    writeFileSync(join(etc, 'role-id'), `${String(id)}\n`, { mode: 0o600 })
    writeFileSync(join(etc, 'secret-id'), `${String(secret)}\n`, { mode: 0o600 })
    mkdirSync(join(host, 'bin'))
    writeFileSync(join(host, 'bin/systemctl'), systemctl, { mode: 0o755 })
    const text = file('node.yaml')
      .replace(/^tls: .*$/m, `tls: ${JSON.stringify(tls)}`)
      .replace(/^probe: .*$/m, `probe: 127.0.0.1:${ports.http}`)
    expect(text).toContain(`lifetime: `)
    expect(text).toMatch(/^reload: nomad/m)
    writeFileSync(join(etc, 'node.yaml'), text)
    const current = (pem: string): string => JSON.stringify(join(tls, 'current', pem))
    writeFileSync(
      join(host, 'etc/nomad.d/tls.hcl'),
      `tls {
  http = true
  rpc  = true

  ca_file   = ${current('ca.pem')}
  cert_file = ${current('cert.pem')}
  key_file  = ${current('key.pem')}

  verify_server_hostname = true
  verify_https_client    = true
}
`,
    )
    await runOk(
      process.execPath,
      [command, 'renew', '--config', join(etc, 'node.yaml'), '--reload', 'none'],
      { cwd: host },
    )
  }
  writeFileSync(join(base, 'cluster.yaml'), spec)
}

beforeAll(async () => {
  console.log(`rotation: seed ${seed}`)
  home = mkdtempSync(join(tmpdir(), 'nomad-pki-bao-'))
  chmodSync(home, 0o755)
  bao = await openbao(home)
  fleet = await Fleet.start(
    'renewing-nodes',
    '{}',
    (spec) =>
      `${spec
        .replace(/^store: .*$/m, (line) => `${line}\nvault: { address: "${bao.origin}" }`)
        .replace(
          /^ {2}us-west: \{ issuer.*$/m,
          '  global: { issuer: agent, lifetime: 3y, engine: { mount: pki/nomad } }',
        )
        .replace(/^ {2}us-west:\n[^]*(?=^operators:)/m, '')
        .replace(/^ {2}global:\n {4}servers:/m, '  global:\n    authority: global\n    servers:')
        .trimEnd()}\ndefaults: { lifetime: ${pace.life}, renewBefore: ${pace.before} }\n`,
    begin,
    {
      env: { BAO_ADDR: bao.origin, BAO_CACERT: bao.ca, BAO_TOKEN: 'root' },
      members,
    },
  )
  for (const name of fleet.names) {
    writeFileSync(join(hostOf(fleet.base, name), 'bin/pid'), String(fleet.agent(name).pid))
  }
  load = await startLoad(fleet, pace.pause)
}, 600_000)

afterAll(async () => {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- beforeAll may have thrown
  await load?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await fleet?.stop()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition
  await bao?.close()
  if (home !== '') rmSync(home, { recursive: true, force: true })
})

/** What a reader beside the agents saw. */
interface Looks {
  readonly looks: number
  readonly torn: readonly string[]
  /** Certificates that had ended. */
  readonly ended: readonly string[]
}

/** It resolves each link once, as an agent that opens both files at its reload; until it is asked what it saw. */
function reader(folders: readonly string[]): () => Promise<Looks> {
  const worker = new Worker(
    `const { parentPort, workerData: folders } = require('node:worker_threads')
const fs = require('node:fs')
const { X509Certificate, createPrivateKey } = require('node:crypto')
const torn = [], ended = []
let looks = 0, at = 0, over = false
parentPort.on('message', () => { over = true })
const look = () => {
  const tls = folders[at++ % folders.length]
  try {
    const name = fs.readlinkSync(tls + '/current')
    const pem = (file) => fs.readFileSync(tls + '/' + name + '/' + file)
    const leaf = new X509Certificate(pem('cert.pem'))
    looks += 1
    if (!leaf.checkPrivateKey(createPrivateKey(pem('key.pem')))) torn.push(tls + '/' + name)
    if (Date.parse(leaf.validTo) <= Date.now()) ended.push(tls + '/' + name)
  } catch (error) { torn.push(String(error)) }
  if (over) parentPort.postMessage({ looks, torn, ended })
  else setTimeout(look, 5)
}
look()`,
    { eval: true, workerData: folders },
  )
  return async () => {
    const told = new Promise<Looks>((resolve) => worker.once('message', resolve))
    worker.postMessage('over')
    const looks = await told
    await worker.terminate()
    return looks
  }
}

/** Whether each port of an agent shows the leaf that is in place. */
async function showsCurrent(name: string): Promise<boolean> {
  const leaf = fingerprintOf(parseCertificates(fleet.onNode(name, 'cert.pem'))[0]!)
  const shown = await shownBy(fleet, name)
  return shown.every(({ chain }) => fingerprintOf(chain[0]!) === leaf)
}

/** Whether the installer noted that the agent was told of what is in place. */
function wasTold(name: string): boolean {
  const { directory, state } = JSON.parse(
    readFileSync(join(fleet.tls(name), 'receipt.json'), 'utf8'),
  ) as Readonly<Record<'directory' | 'state', string>>
  return directory === fleet.generationOf(name) && state !== 'switched'
}

test(
  `${members.length} nodes renew themselves: no torn pair, no TLS error, and all are proven at the end`,
  async () => {
    const random = chance('renewing')
    const count = new Count(
      fleet,
      load.traffic,
      `${members.length} nodes that renew themselves for ${Math.round(pace.total / 1000)} s`,
    )
    const looks = reader(fleet.names.map((name) => fleet.tls(name)))
    const first = new Map(
      fleet.names.map((name) => [name, Number.parseInt(fleet.generationOf(name), 10)]),
    )
    const ended = { yes: false }
    const faults: string[] = []
    const counts = { runs: 0, renewed: 0, sealed: 0, killed: 0, between: 0 }
    /** Nodes of which the next run is killed at a chance moment. */
    const doomed = new Set<string>()

    const timer = async (name: string): Promise<void> => {
      await sleep(random() * pace.every)
      while (!ended.yes) {
        const killAfter = doomed.delete(name) ? 200 + random() * 6_000 : undefined
        const before = fleet.generationOf(name)
        const { status, stdout, stderr } = await renewOn(fleet.base, name, killAfter)
        counts.runs += 1
        if (stderr.endsWith('killed by SIGKILL')) {
          counts.killed += 1
          if (killAfter === undefined) {
            // It died after the switch, and the agent was not told.
            counts.between += 1
            if (fleet.generationOf(name) === before || wasTold(name) || (await showsCurrent(name)))
              faults.push(`${name}: it was not killed between switch and reload`)
          }
        } else if (status === 0) {
          if (!stdout.includes('is renewed from')) counts.renewed += 1
        } else if (/the engine is sealed: unseal it/.test(stderr) && status === 3) {
          counts.sealed += 1
        } else {
          faults.push(`${name}: ${status}\n${stdout}\n${stderr}`)
        }
        await sleep(pace.every * (0.8 + 0.4 * random()))
      }
    }
    const begun = performance.now()
    const until = (share: number): Promise<void> =>
      sleep(Math.max(0, begun + pace.total * share - performance.now()))
    const timers = fleet.names.map(timer)

    // The moment between switch and reload, once on each kind of agent. The first certificate was placed without a
    // reload: a run that finds it not yet due only has it loaded, and would be killed with nothing switched.
    await until(0.15)
    const struck = ['s1', 'c2']
    for (const name of struck) {
      await eventually(`${name} to be told of its certificate`, () =>
        Promise.resolve(wasTold(name) || undefined),
      )
      writeFileSync(join(hostOf(fleet.base, name), 'bin/die'), '')
    }
    await eventually(
      'both to be killed',
      () => Promise.resolve(counts.between === struck.length || undefined),
      { timeout: 300_000, explain: () => faults.join('\n') },
    )
    if (long) for (const name of ['c3', 'c4', 's2']) doomed.add(name)
    await until(0.4)
    await done('PUT', 'sys/seal')
    await sleep(sealed)
    const key = /Unseal Key: (\S+)/.exec(readFileSync(join(home, 'openbao.log'), 'utf8'))![1]
    await done('PUT', 'sys/unseal', { key })
    if (long) for (const name of ['c5', 'c6', 's3']) doomed.add(name)
    await until(1)
    ended.yes = true
    await Promise.all(timers)

    // What was killed last is finished by one more run.
    for (const name of fleet.names) {
      await eventually(`${name} to be proven`, async () => {
        const { status, stdout, stderr } = await renewOn(fleet.base, name)
        if (status !== 0) throw new Error(`${status} ${stdout} ${stderr}`)
        return (await showsCurrent(name)) ? true : undefined
      })
    }
    const figures = await count.end()
    const seen = await looks()
    console.log(`rotation: ${figuresText(figures)}`)
    console.log(
      `rotation: nodes that renew themselves: ${counts.runs} runs, ${counts.renewed} renewals, ${counts.sealed} ended at the sealed engine (${Math.round(sealed / 1000)} s), ${counts.killed} killed, ${counts.between} of them between switch and reload; ${seen.looks} looks at pairs, ${seen.torn.length} torn, ${seen.ended.length} ended`,
    )
    expect(faults).toEqual([])
    expect(counts.between).toBe(2)
    expect(seen).toMatchObject({ torn: [], ended: [] })
    expect(seen.looks).toBeGreaterThan(100)
    expect(figures.complaints).toEqual([])
    expectKnownLosses(figures)
    for (const name of fleet.names) {
      const made = Number.parseInt(fleet.generationOf(name), 10) - first.get(name)!
      expect(made, `generations of ${name}`).toBeGreaterThanOrEqual(least)
      // Each was loaded by a reload; one that was killed after its signal may be told once more.
      expect(figures.renewals.get(name), `reloads of ${name}`).toBeGreaterThanOrEqual(made)
      expect(await showsCurrent(name)).toBe(true)
    }
  },
  pace.total + 240_000,
)
