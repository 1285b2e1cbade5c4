/** Two copies of one store: what the one made is seen by the other, from the command down. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, expect, test, vi } from 'vitest'
import { cli, folder, type Said } from '../cli/cli.js'
import { FakeAgent, trioIn, type Trio } from './agents.js'
import { copyFolder } from '../copy-folder.js'

vi.setConfig({ testTimeout: 60_000 })

const agents: FakeAgent[] = []
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
})

const specText = (server: string, client: string): string => `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
regions:
  global:
    servers: { s1: ${server} }
    clients: { c1: ${client} }
`

const run = (cwd: string, ...argv: readonly string[]): Promise<Said> =>
  cli(cwd, argv, { now: Date.now() })

const trio = (cwd: string, node: string): Trio => trioIn(join(cwd, 'pki/identity', node, 'current'))

async function live(): Promise<{ cwd: string; s1: FakeAgent; c1: FakeAgent }> {
  const cwd = folder({ 'cluster.yaml': specText('{}', '{}') })
  for (const argv of [
    ['init', '--new-store'],
    ['apply', '--yes'],
  ]) {
    expect((await run(cwd, ...argv)).status).toBe(0)
  }
  const s1 = await FakeAgent.start(trio(cwd, 'server/global/s1'))
  const c1 = await FakeAgent.start(trio(cwd, 'client/global/c1'), { rpc: false })
  agents.push(s1, c1)
  const at = specText(`{ http: "${s1.http}", rpc: "${s1.rpc}" }`, `{ http: "${c1.http}" }`)
  writeFileSync(join(cwd, 'cluster.yaml'), at)
  return { cwd, s1, c1 }
}

function copyOf(cwd: string): string {
  const copy = folder()
  copyFolder(cwd, copy)
  return copy
}

function ledger(cwd: string): readonly Record<string, unknown>[] {
  const text = readFileSync(join(cwd, 'pki/ledger.jsonl'), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** How `rollout --dry-run --commands` exits, to whom it delivers, and of whom it says that something else comes first. */
async function rollout(cwd: string): Promise<[number, string[], string[]]> {
  const { status, stdout } = await run(cwd, 'rollout', '--dry-run', '--commands', '--json')
  const { steps, doubtful } = JSON.parse(stdout) as {
    steps: readonly { nodes: readonly { address: string }[] }[]
    doubtful: readonly { address: string }[]
  }
  const nodes = steps.flatMap((step) => step.nodes)
  return [status, nodes.map(({ address }) => address), doubtful.map(({ address }) => address)]
}

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true })
function isValid(name: string, said: Said): boolean {
  const schema = new URL(`../../src/report/schemas/${name}.json`, import.meta.url)
  const validate = ajv.compile(JSON.parse(readFileSync(schema, 'utf8')) as object)
  return validate(JSON.parse(said.stdout)) && validate.errors === null
}

const another = /another copy of this store made/

test('a copy goes on, and the other one issues nothing before somebody decides', async () => {
  const { cwd, s1, c1 } = await live()
  expect((await run(cwd, 'probe')).status).toBe(0)
  const copy = copyOf(cwd)
  expect((await run(copy, 'rotate', 'leaves', 's1', '--yes')).status).toBe(0)
  s1.reload(trio(copy, 'server/global/s1'))
  expect((await run(copy, 'probe')).status).toBe(0)

  const probed = await run(cwd, 'probe')
  expect(probed.status).toBe(2)
  expect(probed.stdout).toMatch(/server\/global\/s1 +foreign +.*authority\/agent\/1 signed/)
  expect(probed.stdout).toMatch(another)
  expect(ledger(cwd).filter(({ under }) => under === 'authority/agent/1')).toHaveLength(2)
  const json = await run(cwd, 'probe', '--json')
  expect(isValid('probe', json)).toBe(true)
  expect(JSON.parse(json.stdout)).toMatchObject({
    copies: [{ address: 'identity/server/global/s1', under: 'authority/agent/1' }],
  })

  const status = await run(cwd, 'status')
  expect(status.status).toBe(2)
  expect(status.stdout).toMatch(another)
  expect(isValid('status', await run(cwd, 'status', '--json'))).toBe(true)

  const planned = await run(cwd, 'plan', '--json')
  expect(planned.status).toBe(2)
  const { findings } = JSON.parse(planned.stdout) as {
    findings: readonly { address: string; reason: string; remedy: string }[]
  }
  expect(findings).toContainEqual(
    expect.objectContaining({ severity: 'error', address: 'store', reason: 'copied' }),
  )

  // Nothing that this copy has cures it, so nothing is to be delivered.
  expect(await rollout(cwd)).toEqual([2, [], ['identity/server/global/s1']])

  // Everything that issues is held: what is due, and what is asked for.
  for (const argv of [
    ['apply', '--yes'],
    ['rotate', 'leaves', 'c1', '--yes'],
    ['apply', '--yes', '--override', 'copy=0123456789abcdef', '--reason', 'a guess'],
  ]) {
    const refused = await run(cwd, ...argv)
    expect(refused.status, argv.join(' ')).toBe(1)
    expect(refused.stderr).toMatch(another)
  }
  expect(ledger(cwd).filter(({ event }) => event === 'override')).toEqual([])

  // The printed remedy is what cures it.
  const [, state] = /--override copy=([0-9a-f]{16}) /.exec(findings[0]!.remedy)!
  const override = ['--override', `copy=${state!}`, '--reason', 'the other host is gone']
  expect((await run(cwd, 'apply', '--yes', ...override)).status).toBe(0)
  expect(ledger(cwd).at(-1)).toMatchObject({
    ...{ event: 'override', address: 'store', code: 'copy', value: state },
    reason: 'the other host is gone',
  })
  expect((await run(cwd, 'apply', '--yes')).status).toBe(0)
  // What this copy has for s1 is older than what it runs: its installer would refuse it.
  const again = await run(cwd, 'probe')
  expect(again.stdout).toContain(
    'fix: nomad-pki rotate leaves identity/server/global/s1, deliver it',
  )
  expect(again.stdout).not.toContain('--override copy')
  expect(await rollout(cwd)).toEqual([2, [], ['identity/server/global/s1']])
  expect((await run(cwd, 'rotate', 'leaves', 's1', '--yes')).status).toBe(0)
  expect(await rollout(cwd)).toEqual([2, ['identity/server/global/s1'], []])
  s1.reload(trio(cwd, 'server/global/s1'))
  expect((await run(cwd, 'probe')).status).toBe(0)

  // The other copy went on all the same.
  expect((await run(copy, 'rotate', 'leaves', 'c1', '--yes')).status).toBe(0)
  c1.reload(trio(copy, 'client/global/c1'))
  expect((await run(cwd, 'probe')).stdout).toMatch(another)
  expect((await run(cwd, 'apply', '--yes', ...override)).status).toBe(1)
})

test('the receipt of an installer shows it before anybody is asked', async () => {
  const { cwd } = await live()
  const copy = copyOf(cwd)
  expect((await run(copy, 'rotate', 'leaves', 's1', '--yes')).status).toBe(0)
  const node = folder()
  const archive = join(node, 's1.tar.gz')
  expect((await run(copy, 'pack', 's1', '--out', archive)).status).toBe(0)
  const install = ['install', archive, '--tls', join(node, 'tls'), '--reload', 'none']
  const installed = await run(node, ...install)
  expect(installed.status, installed.stderr).toBe(0)
  const evidence = ['probe', '--evidence', join(node, 'tls/receipt.json')]

  const probed = await run(cwd, ...evidence)
  expect(probed.status).toBe(2)
  expect(probed.stdout).toMatch(another)
  expect(ledger(cwd).at(-1)).toMatchObject({ event: 'received', under: 'authority/agent/1' })
  const json = await run(cwd, ...evidence, '--json')
  expect(isValid('probe', json)).toBe(true)
  expect(JSON.parse(json.stdout)).toMatchObject({ copies: [{ endpoint: null }] })
  const status = await run(cwd, 'status', '--json')
  expect(status.status).toBe(2)
  expect(isValid('status', status)).toBe(true)
  const verified = await run(cwd, 'verify', '--offline')
  expect(verified.status).toBe(2)
  expect(verified.stdout + verified.stderr).toMatch(another)
  const refused = await run(cwd, 'apply', '--yes')
  expect(refused.status).toBe(1)
  expect(refused.stderr).toMatch(another)

  const [, state] = /--override copy=([0-9a-f]{16}) /.exec(probed.stdout)!
  const override = ['--override', `copy=${state!}`, '--reason', 'the other host is gone']
  expect((await run(cwd, 'apply', '--yes', ...override)).status).toBe(0)
  expect((await run(cwd, ...evidence)).stdout).not.toMatch(another)
  // The copy that made it takes it as its own.
  expect((await run(copy, ...evidence)).stdout).not.toMatch(another)
})

test('the newer copy is put back: nothing is held', async () => {
  const { cwd, s1 } = await live()
  const backup = copyOf(cwd)
  expect((await run(cwd, 'rotate', 'leaves', 's1', '--yes')).status).toBe(0)
  s1.reload(trio(cwd, 'server/global/s1'))
  const evidence = join(folder(), 'evidence.json')
  expect((await run(backup, 'probe', '--out', evidence)).status).toBe(2)
  expect((await run(backup, 'apply', '--yes')).status).toBe(1)
  expect((await run(cwd, 'probe', '--evidence', evidence)).stdout).not.toMatch(another)
  expect((await run(cwd, 'probe')).status).toBe(0)
  expect((await run(cwd, 'apply', '--yes')).status).toBe(0)
})

test('another authority, and the files of another agent, are not a copy', async () => {
  const { cwd, s1, c1 } = await live()
  const other = await live()
  s1.reload(trio(other.cwd, 'server/global/s1'))
  c1.reload(trio(cwd, 'server/global/s1'))
  const probed = await run(cwd, 'probe')
  expect(probed.status).toBe(2)
  expect(probed.stdout).toContain('foreign')
  expect(probed.stdout).not.toMatch(another)
  expect((await run(cwd, 'apply', '--yes')).status).toBe(0)
})
