/** install: the checks before, the stanza, the proof by handshake, and what follows from it. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { env, execPath, pid } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  goBack,
  install,
  prepareInstall,
  type InstallOutcome,
  type InstallRequest,
} from '../../src/delivery/install.js'
import { runInstaller } from '../../src/delivery/installer.js'
import { directoryConfigs } from '../../src/store/directory-configs.js'
import { installerPath, Node, pack, present, renewed, rootOf, foreignArchive } from './node.js'

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

let first: Uint8Array
/** The next leaf. */
let second: Uint8Array
/** The second's leaf, and one root more that it trusts. */
let refreshed: Uint8Array
/** The refreshed trust, without the leaf and its key. */
let trustOnly: Uint8Array
/** Another cluster that looks the same, and is younger. */
let foreign: Uint8Array
beforeAll(async () => {
  // With an intermediate: OpenSSL, which the agents here are made of, appends what it finds to a leaf alone.
  const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y }
  west: { issuer: agent, lifetime: 3y }
regions: { global: { authority: west, servers: { s1: {} } } }
`
  const { world, ...archives } = await renewed(spec)
  ;({ first, second } = archives)
  world
    .later(60_000)
    .edit('agent: { lifetime: 10y', 'agent: { lifetime: 10y, signing: 1, trusted: [1, 2]')
  await world.apply()
  refreshed = await pack(world)
  trustOnly = await pack(world, 's1', { without: 'leaf' })
  foreign = await foreignArchive(spec)
})

async function aNode(...archives: readonly Uint8Array[]): Promise<Node> {
  const node = new Node()
  for (const archive of archives) {
    expect((await put(node, archive, { giveUp: true })).state).toBe('placed')
  }
  return node
}

type Extra = Partial<InstallRequest> & { readonly config?: string; readonly fingerprint?: string }

function requestFor(node: Node, extra: Extra): InstallRequest & Extra {
  return {
    script: installerPath,
    tls: node.tls,
    reload: 'none',
    now: present,
    pace: { settle: 0, watch: 0 },
    prove: { patience: 500 },
    ...extra,
  }
}

async function put(node: Node, archive: Uint8Array, extra: Extra = {}): Promise<InstallOutcome> {
  const request = requestFor(node, extra)
  const configs = directoryConfigs(node.folder)
  return install(await prepareInstall(archive, request, configs), request, configs)
}

/** An agent that runs with what is in place; what it does at SIGHUP. */
async function running(
  node: Node,
  habit: 'reload' | 'keep' | 'close' | 'die',
  asks = '',
): Promise<{ reload: string; probe: { host: string; port: number }; end: () => void }> {
  const script = fileURLToPath(new URL('agent.mjs', import.meta.url))
  const child = spawn(execPath, [script, node.tls, habit, asks])
  children.push(child)
  const port = await new Promise<string>((resolve) => {
    child.stdout.once('data', (text: Buffer) => resolve(text.toString()))
  })
  return {
    reload: String(child.pid),
    probe: { host: '127.0.0.1', port: Number(port) },
    end: () => child.kill('SIGKILL'),
  }
}

describe('the proof', () => {
  test('the agent presents the new leaf: proven, and the next switch is free', async () => {
    const node = await aNode(first)
    const { reload, probe } = await running(node, 'reload')
    const outcome = await put(node, second, { reload, probe })
    expect(outcome).toMatchObject({ state: 'proven', proof: { state: 'proven' } })
    expect(node.receipt()).toMatchObject({ generation: 2, state: 'proven', cluster: 'acme' })
    // With the intermediate, which the store that reads it may lack.
    expect(node.receipt()['chain']).toHaveLength(2)
    expect(node.names()).not.toContain('.pending')
  })

  test('it presents the old one still: back, and what is in place is what it runs with', async () => {
    const node = await aNode(first)
    const old = node.current!
    const { reload, probe } = await running(node, 'keep')
    const outcome = await put(node, second, { reload, probe })
    expect(outcome).toMatchObject({ state: 'back', directory: old, proof: { state: 'old' } })
    expect(node.current).toBe(old)
    expect(node.receipt()).toMatchObject({ generation: 1, archive: null, state: 'proven' })
    expect(node.names()).not.toContain('.pending')
  })

  test('nobody answers: that says nothing, so it stays, unproven, and holds the next switch', async () => {
    const node = await aNode(first)
    const { reload, probe } = await running(node, 'close')
    const outcome = await put(node, second, { reload, probe })
    expect(outcome).toMatchObject({ state: 'unproven', proof: { state: 'unreachable' } })
    expect(node.current).toMatch(/^2-/)
    await expect(put(node, refreshed)).rejects.toMatchObject({ code: 'ERR_INSTALL_REFUSED' })
    expect(node.current).toMatch(/^2-/)
    expect((await put(node, refreshed, { giveUp: true })).state).toBe('placed')
  })

  test('it presents something else: that is not its old leaf, so it stays', async () => {
    const node = await aNode(first)
    const stranger = await running(await aNode(foreign), 'keep')
    const { reload } = await running(node, 'reload')
    const outcome = await put(node, second, { reload, probe: stranger.probe })
    expect(outcome).toMatchObject({ state: 'unproven', proof: { state: 'foreign' } })
    expect(node.current).toMatch(/^2-/)
  })

  test('the same leaf with another trust, and the agent asks for nothing: the receipt must do', async () => {
    const node = await aNode(second)
    const { reload, probe } = await running(node, 'reload')
    const outcome = await put(node, refreshed, { reload, probe })
    expect(outcome).toMatchObject({ state: 'reloaded', proof: { state: 'unobservable' } })
    expect(node.receipt()).toMatchObject({ generation: 3, state: 'reloaded' })
    // Nothing will ever show more: it must not hold the next one.
    expect(node.names()).not.toContain('.pending')
  })

  test('what is in place already: no run says that it told the agent, unless it did', async () => {
    const node = await aNode(first)
    const { reload, probe } = await running(node, 'reload')
    // Nobody was told of it yet.
    expect(await put(node, first)).toMatchObject({ state: 'placed' })
    expect(await put(node, first, { reload })).toMatchObject({ state: 'reloaded' })
    expect(await put(node, first, { reload })).toMatchObject({ state: 'unchanged' })
    expect(await put(node, first)).toMatchObject({ state: 'unchanged' })
    expect(await put(node, first, { reload, probe })).toMatchObject({ state: 'proven' })
    expect(await put(node, first, { reload })).toMatchObject({ state: 'unchanged' })
    expect(node.receipt()).toMatchObject({ state: 'proven' })
  })

  test('the same leaf with another trust, and the agent asks: the names of its roots are the proof', async () => {
    const node = await aNode(second)
    const { reload, probe } = await running(node, 'reload', 'asks')
    expect(await put(node, refreshed, { reload, probe })).toMatchObject({ state: 'proven' })
    const other = await aNode(second)
    const kept = await running(other, 'keep', 'asks')
    expect(await put(other, refreshed, kept)).toMatchObject({ state: 'back' })
    expect(other.current).toMatch(/^2-/)
  })

  test('the agent dies of it: back, without asking anybody', async () => {
    const node = await aNode(first)
    const { reload, probe } = await running(node, 'die')
    const pace = { settle: 0, watch: 10 }
    await expect(put(node, second, { reload, probe, pace })).rejects.toMatchObject({
      code: 'ERR_INSTALL_FAILED',
      message: expect.stringMatching(
        /the agent died.*is in place again; start the agent/,
      ) as string,
    })
    expect(node.current).toMatch(/^1-/)
    expect(node.receipt()).toMatchObject({ generation: 1, archive: null })
  })

  test('interrupted while it waits: it ends at once, leaves no lock, and the same goes on', async () => {
    const node = await aNode(first)
    const { reload, probe } = await running(node, 'reload')
    const controller = new AbortController()
    const pace = { settle: 999, watch: 0 }
    const stopped = put(node, second, { reload, probe, pace, signal: controller.signal })
    const switched = setInterval(() => {
      if (node.current?.startsWith('2-') === true) controller.abort()
    }, 50)
    await expect(stopped).rejects.toMatchObject({ code: 'ERR_INTERRUPTED' })
    clearInterval(switched)
    expect(node.current).toMatch(/^2-/)
    expect(node.names()).not.toContain('.lock')
    expect((await put(node, second, { reload, probe })).state).toBe('proven')
  })

  test('what was in place is damaged: the new one is proven all the same', async () => {
    const node = await aNode(first)
    const { reload, probe } = await running(node, 'reload')
    fs.writeFileSync(path.join(node.tls, 'current/cert.pem'), '-----BEGIN CERTIFICATE-----\nx\n')
    expect((await put(node, second, { reload, probe })).state).toBe('proven')
  })
})

describe('openssl as the one that asks, where there is no Node', () => {
  async function shell(
    habit: 'reload' | 'keep' | 'close',
    archives: readonly [Uint8Array, Uint8Array] = [first, second],
  ): Promise<{ node: Node; run: ReturnType<Node['install']> }> {
    const node = await aNode(archives[0])
    const { reload, probe } = await running(node, habit)
    const args = ['--watch', '0', '--reload', reload, '--probe', `127.0.0.1:${probe.port}`]
    return {
      node,
      run: node.install(node.unpack(archives[1], 'next'), args, { env: hurried(node) }),
    }
  }

  /** Ten looks, without the seconds between them. */
  function hurried(node: Node): Record<string, string> {
    const bin = path.join(node.folder, 'bin')
    fs.mkdirSync(bin)
    for (const name of ['sleep', 'sync']) {
      fs.writeFileSync(path.join(bin, name), '#!/bin/sh\n', { mode: 0o755 })
    }
    return { PATH: `${bin}:${env.PATH!}` }
  }

  test('the new leaf', async () => {
    const { node, run } = await shell('reload')
    expect(run).toMatchObject({ status: 0, stderr: '' })
    expect(run.told).toMatchObject({ result: 'installed', state: 'reloaded', agent: 'presents' })
    expect(run.stdout).toMatch(/the agent was told to load it, and 127\.0\.0\.1:\d+ presents it/)
    // openssl alone is not a proof.
    expect(node.receipt()).toMatchObject({ generation: 2, state: 'reloaded' })
    expect(node.names()).not.toContain('.pending')
  })

  test('the old leaf: back', async () => {
    const { node, run } = await shell('keep')
    expect(run.status).toBe(1)
    expect(run.stderr).toMatch(/still presents the leaf of 1-.*1-\w+ is in place again/)
    expect(run.told).toMatchObject({ result: 'returned', reason: 'agent', agent: 'old' })
    expect(node.current).toMatch(/^1-/)
  })

  test('something else: in place, and not proven', async () => {
    const node = await aNode(first)
    const { reload } = await running(node, 'reload')
    const { probe } = await running(await aNode(foreign), 'keep')
    const args = ['--watch', '0', '--reload', reload, '--probe', `127.0.0.1:${probe.port}`]
    const run = node.install(node.unpack(second, 'next'), args, { env: hurried(node) })
    expect(run.status).toBe(2)
    expect(run.stderr).toMatch(/presents [0-9a-f]{64}, which is neither the new leaf nor the one/)
    expect(run.told).toMatchObject({ result: 'installed', reason: 'agent', agent: 'other' })
  })

  test('nobody answers: in place, not proven, and it holds the next switch', async () => {
    const { node, run } = await shell('close')
    expect(run.status).toBe(2)
    expect(run.stderr).toMatch(/in place, and not proven: nothing at 127\.0\.0\.1:\d+ answers/)
    expect(run.told).toMatchObject({ result: 'installed', reason: 'agent', agent: 'silent' })
    expect(node.current).toMatch(/^2-/)
    expect(node.install(node.unpack(refreshed, 'third')).stderr).toContain('was never proven')
  })

  test('the same leaf with another trust: the receipt must do', async () => {
    const { node, run } = await shell('reload', [second, refreshed])
    expect(run.status).toBe(0)
    expect(run.stdout).toContain('whether its trust was loaded can not be seen from here')
    expect(run.told).toMatchObject({ result: 'installed', reason: '-', agent: 'same-leaf' })
    expect(node.receipt()).toMatchObject({ generation: 3, state: 'reloaded' })
    expect(node.names()).not.toContain('.pending')
  })
})

describe('what install.sh said', () => {
  function installer(text: string): string {
    const file = path.join(new Node().folder, 'install.sh')
    fs.writeFileSync(file, text)
    return file
  }
  const line = (message: string): string =>
    `echo 'porcelain=1 status=0 before=- wanted=2-0be1d7c5 more=x generation=- message=${message}'`

  test('is read from its last line, and not from its words for people', async () => {
    const words = "echo 'a note'\necho 'a tool complains' >&2\necho 'install.sh: refused: x' >&2\n"
    const refused = installer(`${words}${line('the reason message=this one')}\nexit 3\n`)
    await expect(runInstaller(refused, '/', [])).rejects.toMatchObject({
      code: 'ERR_INSTALL_REFUSED',
      message: 'the reason message=this one',
    })
    const unloaded = installer(`${words}${line('not loaded')}\nexit 2\n`)
    expect(await runInstaller(unloaded, '/', [])).toEqual({
      state: 'unloaded',
      report: {
        ...{ status: 0, result: 'failed', reason: undefined, changed: false, before: undefined },
        wanted: '2-0be1d7c5',
        generation: undefined,
        state: undefined,
        agent: 'not-told',
        message: 'not loaded',
      },
      said: ['a note', 'a tool complains', 'not loaded'],
    })
  })

  test.each([
    ['nothing', 'exit 0\n', 'the installer exited with 0 and gave no reason'],
    ['no reason', `${line('')}\nkill -9 $$\n`, 'the installer exited with SIGKILL'],
    ['something else last', `${line('')}\necho more\n`, 'the installer exited with 0'],
    ['only what a tool complains of', "echo 'no room' >&2\nexit 1\n", 'no room'],
  ])('%s: it failed', async (_what, text, message) => {
    await expect(runInstaller(installer(text), '/', [])).rejects.toMatchObject({
      code: 'ERR_INSTALL_FAILED',
      message: expect.stringContaining(message) as string,
    })
  })
})

describe('back', () => {
  test('refused, by both installers, unless each leaf verifies under the trust of the other', async () => {
    // Somebody swapped the root by hand: nobody is left who would believe the old leaf.
    const node = await aNode(second)
    fs.rmSync(path.join(node.tls, 'receipt.json'))
    const overrides = [{ code: 'new-root', value: rootOf(foreign), reason: 'a test' }] as const
    expect((await put(node, foreign, { overrides })).state).toBe('placed')
    fs.rmSync(path.join(node.tls, '.pending'))
    const swapped = node.current
    await expect(goBack(requestFor(node, {}))).rejects.toMatchObject({
      code: 'ERR_INSTALL_REFUSED',
      message: expect.stringMatching(
        /the leaf of 2-\w+ is not trusted by what 1-\w+ trusts.*the leaf of 1-\w+ is not trusted by what 2-/,
      ) as string,
    })
    const shell = node.install(node.folder, ['--reload', 'none', '--rollback'])
    expect(shell.status).toBe(3)
    expect(shell.stderr).toContain('is not trusted by what 1-')
    expect(node.current).toBe(swapped)
  })

  test('from a wider trust, and asked twice it stays', async () => {
    const node = await aNode(second, refreshed)
    expect(await goBack(requestFor(node, {}))).toMatchObject({ state: 'placed' })
    expect(node.current).toMatch(/^2-/)
    expect(await goBack(requestFor(node, {}))).toMatchObject({ state: 'placed' })
    expect(node.current).toMatch(/^2-/)
  })

  test('with a proof; an agent that keeps what it had is not gone after', async () => {
    const node = await aNode(first, second)
    const agent = await running(node, 'reload')
    expect(await goBack(requestFor(node, agent))).toMatchObject({ state: 'proven' })
    expect(node.current).toMatch(/^1-/)
    const other = await aNode(first, second)
    const kept = await running(other, 'keep')
    expect(await goBack(requestFor(other, kept))).toMatchObject({
      state: 'unproven',
      proof: { state: 'old' },
    })
    expect(other.current).toMatch(/^1-/)
  })

  test('refused where there is nothing', async () => {
    const code = 'ERR_INSTALL_REFUSED'
    await expect(goBack(requestFor(await aNode(), {}))).rejects.toMatchObject({ code })
    await expect(goBack(requestFor(await aNode(first), {}))).rejects.toMatchObject({ code })
  })
})

test('what a killed run had unpacked is removed, that of a running process and of others is not', async () => {
  const place = (name: string): string => path.join(tmpdir(), `nomad-pki-${name}`)
  const hex = '0123456789abcdef'
  const [dead, alive, other] = [`4194303-${hex}`, `${pid}-${hex}`, `x-${hex}`].map(place)
  for (const folder of [dead!, alive!, other!]) {
    fs.mkdirSync(path.join(folder, 'nomad-pki'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'nomad-pki/key.pem'), 'x')
  }
  try {
    await aNode(first)
    expect([dead, alive, other].map((folder) => fs.existsSync(folder!))).toEqual([
      false,
      true,
      true,
    ])
  } finally {
    for (const folder of [dead!, alive!, other!]) {
      fs.rmSync(folder, { recursive: true, force: true })
    }
  }
})

describe('what a node has already', () => {
  test('trust alone: leaf and key stay what they were, byte by byte', async () => {
    const node = await aNode(second)
    const [cert, key] = [node.read('current/cert.pem'), node.read('current/key.pem')]
    expect((await put(node, trustOnly, { giveUp: true })).state).toBe('placed')
    expect(node.current).toMatch(/^3-/)
    expect([node.read('current/cert.pem'), node.read('current/key.pem')]).toEqual([cert, key])
    expect(node.mode('current/key.pem')).toBe('600')
    // Without anything in place, or around another leaf, there is nothing to trust.
    await expect(put(await aNode(), trustOnly)).rejects.toThrow('none is in place')
    await expect(put(await aNode(first), trustOnly)).rejects.toThrow('not that of the manifest')
  })

  test('the archive of another cluster of the same names is refused while the receipt is there', async () => {
    const node = await aNode(second)
    node.install(node.folder, ['--proven'])
    const receipt = path.join(node.tls, 'receipt.json')
    const text = fs.readFileSync(receipt, 'utf8').replace('"acme"', '"other"')
    fs.writeFileSync(receipt, text)
    await expect(put(node, refreshed)).rejects.toThrow(
      'the archive is of the cluster acme, and this node is of other',
    )
  })

  test('a fingerprint as people write it', async () => {
    const node = await aNode()
    const { stdout } = spawnSync('sha256sum', { input: first, encoding: 'utf8' })
    const fingerprint = `SHA256:${stdout
      .slice(0, 64)
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:')}`
    await expect(put(node, second, { fingerprint })).rejects.toThrow(
      'the fingerprint of the archive',
    )
    expect((await put(node, first, { fingerprint })).state).toBe('placed')
    const shell = await aNode()
    const folder = shell.unpack(first, 'one')
    const archive = path.join(shell.folder, 'one.tar.gz')
    const args = ['--reload', 'none', '--archive', archive, '--fingerprint', fingerprint]
    expect(shell.install(folder, args)).toMatchObject({ status: 0 })
  })
})

describe('the stanza', () => {
  const config = 'nomad.d'
  function configured(node: Node, text: string): string {
    const folder = path.join(node.folder, config)
    fs.mkdirSync(folder, { recursive: true })
    fs.writeFileSync(path.join(folder, 'agent.hcl'), text)
    return folder
  }
  const plain = 'name = "s1"\nserver { enabled = true }\n'

  test('is written where it is not there, after the files it names, and a restart is asked for', async () => {
    const node = await aNode()
    const folder = configured(node, plain)
    const { reload } = await running(await aNode(first), 'die')
    // The agent is not told anything: it could not take it up.
    const outcome = await put(node, first, { reload, config: folder })
    expect(outcome).toMatchObject({ state: 'restart' })
    const written = fs
      .readdirSync(folder)
      .map((file) => fs.readFileSync(path.join(folder, file), 'utf8'))
      .join('')
    expect(written).toContain(`${node.tls}/current/cert.pem`)
    // Once it is there it is left alone, and a reload is enough.
    const agent = await running(node, 'reload')
    const before = fs.readdirSync(folder).map((file) => fs.statSync(path.join(folder, file)).ino)
    expect(await put(node, second, { ...agent, config: folder, giveUp: true })).toMatchObject({
      state: 'proven',
    })
    expect(fs.readdirSync(folder).map((file) => fs.statSync(path.join(folder, file)).ino)).toEqual(
      before,
    )
  })

  test('in another configuration of what is in place already: the agent is told to load it', async () => {
    const node = await aNode()
    const agent = { reload: (await running(await aNode(first), 'reload')).reload }
    const folder = configured(node, plain)
    expect(await put(node, first, { config: folder })).toMatchObject({ state: 'restart' })
    expect(await put(node, first, { ...agent, config: folder })).toMatchObject({
      state: 'reloaded',
    })
    const file = fs.readdirSync(folder).find((name) => name !== 'agent.hcl') ?? 'agent.hcl'
    const text = fs.readFileSync(path.join(folder, file), 'utf8')
    expect(text).toContain(`${node.tls}/current/ca.pem`)
    // A reload applies it: only the path of a file is another.
    fs.writeFileSync(
      path.join(folder, file),
      text.replace(`${node.tls}/current/ca.pem`, '/etc/other/ca.pem'),
    )
    expect(await put(node, first, { ...agent, config: folder })).toMatchObject({
      state: 'reloaded',
    })
    expect(fs.readFileSync(path.join(folder, file), 'utf8')).toBe(text)
    expect(node.receipt()).toMatchObject({ state: 'reloaded' })
    expect(await put(node, first, { ...agent, config: folder })).toMatchObject({
      state: 'unchanged',
    })
  })

  test('a configuration that can not receive it: refused before anything is changed', async () => {
    const node = await aNode()
    const folder = configured(node, 'tls {\n  http = true\n')
    await expect(put(node, first, { config: folder })).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
    })
    expect(fs.existsSync(node.tls)).toBe(false)
    await expect(put(node, first, { config: '/nowhere/at/all' })).rejects.toMatchObject({
      code: 'ERR_INSTALL_REFUSED',
    })
  })
})
