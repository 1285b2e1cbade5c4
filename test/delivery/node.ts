/**
 * A node for tests of delivery: archives of a small cluster, unpacked, and the installer run on a
 * folder of its own.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { env } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { packIdentity, type PackOptions } from '../../src/delivery/pack-identity.js'
import { readTar } from '../../src/delivery/tar.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { day, smallSpec, World } from '../world.js'
import { copyFolder } from '../copy-folder.js'

/** The present: the installer asks the system's clock. */
export const present: number = Math.floor(Date.now() / 1000) * 1000
const hour = 3_600_000

/** `templates/install.sh` */
export const installerPath: string = fileURLToPath(
  new URL('../../templates/install.sh', import.meta.url),
)

/** A `sync` that does nothing: what a disk does in a power cut is not tested here, and waiting for it takes long. */
const hasty: string = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-hasty-'))
fs.chmodSync(hasty, 0o755)
fs.writeFileSync(path.join(hasty, 'sync'), '#!/bin/sh\n', { mode: 0o755 })
env.PATH = `${hasty}:${env.PATH!}`

/**
 * With NOMAD_PKI_SHELL everything here runs under that shell and no other: dash, or BusyBox with its own
 * tools and openssl alone. It must be there: a run that asks for it never passes without.
 */
const asked: string | undefined = env.NOMAD_PKI_SHELL
if (asked !== undefined) {
  const found = (name: string): string => {
    const places = env.PATH!.split(':').map((place) => path.join(place, name))
    const file = places.find((one) => fs.existsSync(one))
    if (file === undefined) throw new Error(`NOMAD_PKI_SHELL=${asked}: there is no ${name} here`)
    return fs.realpathSync(file)
  }
  if (asked === 'busybox') {
    spawnSync(found('busybox'), ['--install', '-s', hasty])
    fs.symlinkSync(found('openssl'), path.join(hasty, 'openssl'))
    env.PATH = hasty
  } else {
    fs.symlinkSync(found(asked), path.join(hasty, 'sh'))
  }
}
if (asked !== undefined) {
  test('sh is the shell that was asked for', () => {
    expect(fs.realpathSync(path.join(hasty, 'sh'))).toContain(asked)
  })
}

/** Every kind of shell that is on this machine; `sh` is. */
export const shells: readonly (readonly string[])[] = [
  ['sh'],
  ...[['dash'], ['busybox', 'ash'], ['bash', '--posix']].filter(
    ([program]) =>
      asked === undefined &&
      spawnSync(program!, ['-c', ':']).error === undefined &&
      !fs.realpathSync('/bin/sh').endsWith(`/${program!}`),
  ),
]
afterAll(() => fs.rmSync(hasty, { recursive: true, force: true }))

/** A cluster that lives from an hour ago on. */
export function aWorld(spec: string = smallSpec): World {
  const world = new World(spec)
  world.now = present - hour
  return world
}

/** Packs what a node of the world's cluster receives now. */
export async function pack(
  world: World,
  name = 's1',
  options: Partial<PackOptions> = {},
  spec: string = smallSpec,
): Promise<Uint8Array> {
  const parsed = parseSpec(spec, { file: 'cluster.yaml' }).spec!
  const identity = world.desired.identities.find((one) => one.name === name)!
  const { archive } = await packIdentity(parsed, identity, world.store, {
    now: present,
    installer: fs.readFileSync(installerPath),
    ...options,
  })
  return archive
}

/** One server; the spec of {@link renewed} and {@link foreignArchive}. */
const oneServer = 'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {} } } }\n'

/**
 * A cluster that is seventy days old: the first archive of its node `s1`, and that of its renewal now.
 * The world goes on from there.
 */
export async function renewed(spec: string = oneServer): Promise<{
  readonly world: World
  readonly first: Uint8Array
  readonly second: Uint8Array
}> {
  const world = aWorld(spec)
  world.now -= 70 * day
  await world.apply()
  const first = await pack(world)
  world.later(70 * day)
  await world.apply()
  return { world, first, second: await pack(world) }
}

/** An archive of another store of the same spec: younger than all of {@link renewed}, with another root. */
export async function foreignArchive(spec: string = oneServer): Promise<Uint8Array> {
  const world = aWorld(spec).later(hour / 2)
  await world.apply()
  return pack(world)
}

/** The root in an archive, as a person finds it where the store is. */
export function rootOf(archive: Uint8Array): string {
  const ca = readTar(archive).find(({ path: name }) => name.endsWith('/ca.pem'))!
  const { raw } = new X509Certificate(Buffer.from(ca.bytes))
  return `SHA256:${createHash('sha256').update(raw).digest('hex')}`
}

/** The generation's directory in an unpacked folder. */
export function generationOf(folder: string): string {
  return fs.readdirSync(folder).find((name) => /^\d+-[0-9a-f]{8}$/.test(name))!
}

/** Makes the checksums of an unpacked folder right again, as somebody would who tampers with care. */
export function rewriteSums(folder: string): void {
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== 'SHA256SUMS' && fs.lstatSync(path.join(folder, name)).isFile())
  const sums = files.map((name) => {
    const sum = createHash('sha256').update(fs.readFileSync(path.join(folder, name)))
    return `${sum.digest('hex')}  ${name}\n`
  })
  fs.writeFileSync(path.join(folder, 'SHA256SUMS'), sums.join(''))
}

/** What a run of the installer said. */
export interface Run {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The last line of stdout under `--porcelain`: these keys, in this order. */
const keys = [
  ...['porcelain', 'status', 'result', 'reason', 'changed', 'before', 'wanted', 'generation'],
  ...['fingerprint', 'address', 'state', 'agent'],
] as const
const lastLine = new RegExp(
  `^((?:.*\\n)*)${keys.map((key) => `${key}=(\\S+) `).join('')}message=(.*)\\n$`,
)

/** What a run of the installer said to people, and what it told programs. */
export interface ToldRun extends Run {
  readonly told: Readonly<Record<string, string>>
  /** What happened meanwhile: `switched 2-0be1d7c5`. */
  readonly moments: readonly string[]
}

/** Takes the line for programs from what was said. */
export function toldBy(run: Run): ToldRun {
  const [, said = '', ...values] = lastLine.exec(run.stdout) ?? []
  if (values.length === 0) throw new Error(`no last line for programs: ${JSON.stringify(run)}`)
  const told = Object.fromEntries([...keys, 'message'].map((key, at) => [key, values[at]!]))
  const isMoment = (line: string): boolean => line.startsWith('moment=')
  const lines = said.split('\n')
  return {
    ...{ ...run, told, stdout: lines.filter((line) => !isMoment(line)).join('\n') },
    moments: lines.filter(isMoment).map((line) => line.slice('moment='.length)),
  }
}

/** The results that an exit status can have. */
const results: Readonly<Record<string, readonly string[]>> = {
  0: ['installed', 'unchanged', 'planned', 'noted'],
  1: ['failed', 'returned'],
  2: ['installed'],
  3: ['refused'],
  64: ['usage'],
}

const nodes: Node[] = []
afterAll(() => {
  for (const node of nodes) node.remove()
})

/** A folder with unpacked archives and the place where the agent has its files; gone after the tests. */
export class Node {
  readonly folder: string = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-node '))
  readonly tls: string = path.join(this.folder, 'tls')

  constructor() {
    nodes.push(this)
  }

  /** Another node that looks the same: quicker than installing it again. */
  copy(): Node {
    const node = new Node()
    copyFolder(this.folder, node.folder)
    return node
  }

  /** Unpacks an archive and returns the folder to install from. */
  unpack(archive: Uint8Array, as: string): string {
    for (const { path: name, bytes, mode } of readTar(archive)) {
      const place = path.join(this.folder, as, name)
      fs.mkdirSync(path.dirname(place), { recursive: true })
      fs.writeFileSync(place, bytes, { mode })
    }
    fs.writeFileSync(path.join(this.folder, `${as}.tar.gz`), archive, { mode: 0o600 })
    return path.join(this.folder, as, 'nomad-pki')
  }

  /** Everything that lasts, with what would show that it was written again. */
  private state(): string[] {
    const names = fs.existsSync(this.tls)
      ? fs.readdirSync(this.tls, { recursive: true, encoding: 'utf8' })
      : []
    return names
      .filter((name) => !/^\.(lock|part-)/.test(name))
      .sort()
      .map((name) => {
        const { ino, mode, uid } = fs.lstatSync(path.join(this.tls, name))
        return `${name} ${ino} ${mode} ${uid}`
      })
  }

  /** Runs the installer in a folder; what it tells programs must be what is so. */
  install(
    from: string,
    args: readonly string[] = ['--reload', 'none'],
    options: { readonly shell?: readonly string[]; readonly env?: Record<string, string> } = {},
  ): ToldRun {
    const before = [this.current, this.state()] as const
    const run = toldBy(this.run(from, args, options))
    const { told, status, stderr } = run
    expect([told.status, results[status!]]).toEqual([
      String(status),
      expect.arrayContaining([told.result]) as string[],
    ])
    expect([told.reason === '-', told.message === '']).toEqual([status === 0, status === 0])
    expect(stderr).toContain(told.message)
    if (status === 64) return run
    const { current = '-' } = this
    expect([told.before, told.generation]).toEqual([before[0] ?? '-', current])
    if (told.fingerprint !== '-')
      expect(current).toBe(`${current.split('-')[0]!}-${told.fingerprint!.slice(7, 15)}`)
    // Nothing that an archive claims to be gets into the line unless it has the form of a generation.
    expect(told.wanted).toMatch(/^(-|[1-9]\d*-[0-9a-f]{8})$/)
    if (told.changed === 'no') expect(this.state()).toEqual(before[1])
    if (told.result === 'installed')
      expect([told.generation, told.changed]).toEqual([told.wanted, 'yes'])
    return run
  }

  private run(
    from: string,
    args: readonly string[],
    options: { readonly shell?: readonly string[]; readonly env?: Record<string, string> },
  ): Run {
    const [program = 'sh', ...before] = options.shell ?? ['sh']
    const script = fs.existsSync(path.join(from, 'install.sh')) ? 'install.sh' : installerPath
    const { status, stdout, stderr } = spawnSync(
      program,
      [
        ...[...before, script, '--porcelain', '--tls', this.tls],
        ...['--settle', '0', '--watch', '1', ...args],
      ],
      {
        cwd: from,
        encoding: 'utf8',
        env: { ...env, ...options.env },
      },
    )
    // bash complains, before it reads a script, of a locale that is not installed.
    return { status, stdout, stderr: stderr.replaceAll(/^bash: warning: setlocale: .*\n/gm, '') }
  }

  /** Where `current` leads. */
  get current(): string | undefined {
    try {
      return fs.readlinkSync(path.join(this.tls, 'current'))
    } catch {
      return undefined
    }
  }

  read(file: string): string {
    return fs.readFileSync(path.join(this.tls, file), 'latin1')
  }

  /** Names in the place, hidden ones too, sorted. */
  names(): string[] {
    return fs.readdirSync(this.tls).sort()
  }

  mode(file: string): string {
    return (fs.statSync(path.join(this.tls, file)).mode & 0o7777).toString(8)
  }

  receipt(): Record<string, unknown> {
    return JSON.parse(this.read('receipt.json')) as Record<string, unknown>
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true })
  }
}
