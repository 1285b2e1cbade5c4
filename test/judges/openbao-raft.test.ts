/**
 * A batch of certificates from three nodes of a real OpenBao, of which the leader is killed while they sign: none is
 * missing at the end, and each that exists twice stands in the ledger. `NOMAD_PKI_RAFT_LEAVES` is their number.
 */

import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLedger } from '../../src/inventory/ledger.js'
import { sha256 } from '../../src/sha256.js'
import type { Certificate } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { folder, type Said } from '../cli/cli.js'
import { engineSpec, withToken } from '../engine/cluster.js'
import { raftCluster, type RaftCluster } from './openbao-raft.js'

const leaves = Number(process.env.NOMAD_PKI_RAFT_LEAVES ?? 200)
const kills = 2
/** `engine-issuers.ts` has eight calls in flight: what is lost with a leader is among them. */
const inFlight = 8

let bao: RaftCluster
let place = ''
const home = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-raft-'))
const run = (line: string): Promise<Said> => withToken(bao, place, line, { BAO_TOKEN: bao.token })
const ledger = (): ReturnType<typeof readLedger>['events'] =>
  readLedger(fs.readFileSync(path.join(place, 'pki/ledger.jsonl'))).events
/** A line stands before each request; `issued` comes with many others at once. */
const attempted = (): number => ledger().filter(({ event }) => event === 'attempted').length

const specOf = (clients: number): string =>
  engineSpec(bao, {
    name: 'west',
    below: 'engine: { mount: pki }',
    region: { clients: `{ "c[1-${clients}]": {} }` },
  })

beforeAll(async () => {
  bao = await raftCluster(home)
  place = folder({ 'cluster.yaml': specOf(leaves / kills) })
  await run('init --new-store')
  await run('apply --yes')
  const setUp = await run('authority setup west')
  expect(setUp.status, setUp.stderr).toBe(0)
}, 120_000)
afterAll(async () => {
  await bao.close()
  fs.rmSync(home, { recursive: true, force: true })
})

test(
  `${leaves} certificates, and the leader is killed twice meanwhile`,
  async () => {
    let runs = 0
    // A half of them each: a new leader is there before the next is killed.
    for (let half = 1; half <= kills; half += 1) {
      fs.writeFileSync(path.join(place, 'cluster.yaml'), specOf((leaves * half) / kills))
      const batch = { ended: false }
      const killing = (async () => {
        while (!batch.ended && attempted() < (leaves * (half - 0.5)) / kills) await sleep(5)
        const isMeanwhile = !batch.ended
        if (isMeanwhile) await bao.killLeader()
        return isMeanwhile
      })()
      for (let tries = 0; ; tries += 1) {
        const applied = await run('apply --yes')
        runs += 1
        if (applied.status === 0) break
        // A request that a standby was handing on may be refused with the leader: then it stops.
        process.stdout.write(applied.stderr)
        expect(tries).toBeLessThan(3)
        await sleep(500)
      }
      batch.ended = true
      expect(await killing, 'the leader was killed while certificates were signed').toBe(true)
    }

    const ours = new Set<string>()
    for (let at = 1; at <= leaves; at += 1) {
      const file = path.join(place, `pki/identity/client/west/c${at}/current/cert.pem`)
      ours.add(parseCertificates(fs.readFileSync(file, 'utf8'))[0]!.serial)
    }
    expect(ours.size).toBe(leaves)

    const events = ledger()
    const made = new Set(events.flatMap((one) => ('serial' in one ? [one.serial] : [])))
    const extra: Certificate[] = []
    const { data } = await bao.call('LIST', 'pki/certs')
    for (const serial of data.keys as readonly string[]) {
      if (made.has(serial.replaceAll(':', ''))) continue
      const { data: found } = await bao.call('GET', `pki/cert/${serial}`)
      const [certificate] = parseCertificates(String(found.certificate))
      if (certificate!.basicConstraints?.ca !== true) extra.push(certificate!)
    }
    // Each of them is an attempt whose line stays open.
    const closed = new Set(
      events.flatMap((one) => (one.event !== 'attempted' && 'attempt' in one ? [one.attempt] : [])),
    )
    const open = events.flatMap((one) =>
      one.event === 'attempted' && !closed.has(one.attempt) ? [one.key] : [],
    )
    for (const { publicKey } of extra) expect(open).toContain(sha256(publicKey.spki))
    expect(extra.length).toBeLessThanOrEqual(Math.max(kills * inFlight, leaves / 100))
    if (leaves >= 1_000) expect(extra.length).toBeLessThanOrEqual(leaves / 100)
    process.stdout.write(
      `raft: ${leaves} certificates, ${kills} leaders killed, ${runs} runs, ${extra.length} made twice, ${open.length} attempts open\n`,
    )
    expect((await run('verify')).status).toBe(0)
  },
  30_000 + leaves * 1_000,
)
