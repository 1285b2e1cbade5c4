/**
 * A lost store is rebuilt from a real OpenBao: whoever has many certificates there gets all of them back, in bounded
 * memory. `NOMAD_PKI_ADOPTED` is their number.
 */

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPackage } from '../built.js'
import { folder } from '../cli/cli.js'
import {
  copyRoot,
  engineEnv,
  engineSpec,
  leafIn,
  namedServer,
  fromNothing,
} from '../engine/cluster.js'
import { openbao, type OpenBao } from './openbao.js'

const many = Number(process.env.NOMAD_PKI_ADOPTED ?? 40)
/** The heap that the command may have, MB. More ends it. */
const heap = 512

let bao: OpenBao
let built = ''
const home = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-adopt-engine-'))
const specText = (): string =>
  engineSpec(bao, {
    name: 'west',
    below: 'engine: { mount: pki }',
    region: {
      ...namedServer,
      clients: `{ "c[00001-${String(many).padStart(5, '0')}]": { names: ["{node}.acme.internal"] } }`,
    },
    more: 'operators:\n  prometheus: { kind: machine, region: west }\n',
  })

beforeAll(async () => {
  bao = await openbao(home)
  built = buildPackage()
}, 120_000)
afterAll(async () => {
  await bao.close()
  for (const each of [home, built]) fs.rmSync(each, { recursive: true, force: true })
})

/** Runs the command with a bound on its memory, and says what it took. */
async function bounded(
  cwd: string,
  ...args: readonly string[]
): Promise<{ readonly status: number | null; readonly output: string; readonly peak: number }> {
  const program = [`--max-old-space-size=${heap}`, path.join(built, 'bin/nomad-pki.js')]
  const child = spawn(process.execPath, [...program, ...args], {
    cwd,
    env: { ...process.env, ...engineEnv(bao) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  }
  let peak = 0
  const look = setInterval(() => {
    try {
      const text = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8')
      peak = Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1] ?? peak)
    } catch {
      // It has ended.
    }
  }, 20)
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearInterval(look)
  return { status, output, peak: Math.round(peak / 1024) }
}

test('all certificates of an engine come back, each as the generation of its own identity', async () => {
  const first = folder({ 'cluster.yaml': specText() })
  await fromNothing(bao, first, 'west')

  const second = folder({ 'cluster.yaml': specText() })
  copyRoot(first, second)
  const began = Date.now()
  const { status, output, peak } = await bounded(second, 'adopt', 'root', '--engine')
  const seconds = (Date.now() - began) / 1000
  console.log(`adopt --engine: ${many + 2} certificates in ${seconds.toFixed(1)} s, ${peak} MB`)
  expect(status, output.slice(-2000)).toBe(0)
  expect(output.match(/^\+ identity\//gm)).toHaveLength(many + 2)
  for (const of of ['client/west/c00001', 'server/west/s1', 'machine/west/prometheus']) {
    expect(leafIn(second, of).der).toEqual(leafIn(first, of).der)
  }
  // Nothing is left to take, and that is found in the same bounds.
  const again = await bounded(second, 'adopt', '--engine')
  expect(again.output).not.toMatch(/^\+ /m)
  expect(again.status).toBe(0)
}, 1_200_000)
