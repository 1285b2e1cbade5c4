/**
 * An adoption, dead at each of its calls that does something: the next one always finishes, the store is
 * whole, and the folder that it reads stays as it is.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { env } from 'node:process'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { planAdoption } from '../../src/adoption/adopt.js'
import { materialsIn } from '../../src/adoption/materials.js'
import { missingOf, putAdopted } from '../../src/apply/put-adopted.js'
import { beginStore } from '../../src/cli/begin-store.js'
import { newSpec } from '../../src/cluster/new-spec.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import type { ClusterSpec } from '../../src/cluster/spec.js'
import { nodeFiles, type Files } from '../../src/files/files.js'
import { walkFiles } from '../../src/files/walk.js'
import { isBegun } from '../../src/inventory/begun.js'
import { readInventory } from '../../src/inventory/read.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { fixture, stateOf } from '../adoption/folders.js'
import { hastyFiles, mortal } from '../store/calls.js'

const everything = env.NOMAD_PKI_KILL_POINTS === 'all'
const now = Date.now()
const source = fixture('nomad-tls')
const configs = memoryConfigs()
const made: string[] = []
afterAll(() => {
  for (const one of made) rmSync(one, { recursive: true, force: true })
})

function place(): string {
  const at = mkdtempSync(path.join(tmpdir(), 'nomad-pki adopt killed '))
  made.push(at)
  return path.join(at, 'pki')
}

let files: Parameters<typeof planAdoption>[0]['files'] = []
let spec: ClusterSpec
let before: Readonly<Record<string, string>>
beforeAll(async () => {
  before = stateOf(source)
  const walked = await walkFiles(nodeFiles, source)
  files = walked.flatMap((one) =>
    'bytes' in one ? [{ file: one.path, materials: materialsIn(one.path, one.bytes) }] : [],
  )
  const template = readFileSync(new URL('../../templates/cluster.yaml', import.meta.url), 'utf8')
  const { text } = newSpec({ cluster: 'acme', ...planAdoption({ files, now }).spec }, template)
  spec = parseSpec(text).spec!
})

/** What the command does after it has read the folder. */
async function adopt(at: string, calls: Files): Promise<void> {
  const store = directoryStore(at, { files: calls, git: 'ignore' })
  const { authorities, identities } = planAdoption({ files, now })
  if (!(await isBegun(store))) await beginStore(store, 'acme', now)
  await putAdopted({ spec, authorities, identities }, { store, configs, clock: () => now })
}

async function killed(at: string, dieAt: number): Promise<number> {
  const { files: dying, calls } = mortal(dieAt, true)
  await adopt(at, dying).catch((error: unknown) => {
    if (calls() < dieAt) throw error
  })
  await hastyFiles.removeTree(path.join(at, '.lock'))
  return calls()
}

async function expectWhole(at: string): Promise<void> {
  const store = directoryStore(at, { files: hastyFiles, git: 'ignore' })
  const inventory = await readInventory({ store, configs }, { configs: [] })
  expect(inventory.findings).toEqual([])
  expect(makePlan(desire(spec), inventory, { now }).plan.steps).toEqual([])
  const { authorities, identities } = planAdoption({ files, now })
  const missing = missingOf({ authorities, identities }, inventory)
  expect([missing.authorities, missing.keys, missing.identities]).toEqual([[], [], []])
  for (const { address } of [...authorities, ...identities]) {
    const lines = inventory.ledger.events.filter(
      (one) => one.address === address && (one.event === 'adopted' || one.event === 'authority'),
    )
    expect([address, lines.length]).toEqual([address, 1])
  }
  expect(readdirSync(at).filter((name) => name.startsWith('.'))).toEqual([])
  expect(stateOf(source)).toEqual(before)
}

test('a killed adoption is finished by the next one, wherever it died', async () => {
  const whole = place()
  const total = await killed(whole, Number.POSITIVE_INFINITY)
  await expectWhole(whole)
  expect(total).toBeGreaterThan(50)
  let points = 0
  for (let dieAt = 1; dieAt <= total; dieAt += everything ? 1 : 4) {
    const at = place()
    await killed(at, dieAt)
    await adopt(at, hastyFiles)
    await expectWhole(at)
    points += 1
  }
  console.log(`kill points of an adoption: ${points} of ${total}`)
}, 600_000)
