/**
 * templates/install.sh, killed before, in the middle of and after every command that could change
 * something: what `current` leads to is a whole generation, the old one or the new one, no key can be
 * read by others, and the same command goes on to the same end.
 *
 * `CRASH_STRIDE=1` takes every kill point; without it a sample is taken. The count is printed.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { env } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readTar } from '../../src/delivery/tar.js'
import { installerPath, Node, pack, renewed } from './node.js'

const stride = Number(env.CRASH_STRIDE ?? 29)
let points = 0
let total = 0

/** What the installer calls; those that change something are counted. */
const changing = ['mktemp', 'mv', 'ln', 'chmod', 'chown', 'cat', 'mkdir', 'rm', 'sync']
const looking = [
  'sh',
  'sed',
  'sha256sum',
  'sort',
  'find',
  'ls',
  'date',
  'id',
  'expr',
  'uname',
  'tr',
  'cmp',
  'grep',
]

afterAll(() => {
  console.log(`kill points of install.sh: ${points} of ${total}`)
})

/** A PATH that counts, and kills the whole process group at the call that is asked for. */
function shims(): { counting: string; plain: string } {
  const home = new Node()
  const bin = path.join(home.folder, 'bin')
  fs.mkdirSync(bin)
  const where = (name: string): string =>
    env
      .PATH!.split(':')
      .map((place) => path.join(place, name))
      .find((file) => fs.existsSync(file))!
  for (const name of looking) fs.symlinkSync(where(name), path.join(bin, name))
  // Nobody comes back to life while the next one waits for the lock of a dead one.
  fs.writeFileSync(path.join(bin, 'sleep'), `#!${where('sh')}\n`, { mode: 0o755 })
  for (const name of changing) {
    const real = name === 'sync' ? ':' : `'${where(name)}' "$@"`
    // Half of what cat and rm do: a torn file, a folder that is half gone.
    const half =
      name === 'cat'
        ? `'${where('head')}' -c 9 "$@"`
        : name === 'rm'
          ? `for last; do :; done; '${where('rm')}' -f "$last"/key.pem "$last"/pid`
          : ':'
    const text = `#!${where('sh')}
read -r n <"$CRASH/count"
n=$((n + 1))
echo $n >"$CRASH/count"
if [ $n = "$CRASH_AT" ]; then
  case $CRASH_WHEN in
    half) ${half} ;;
    after) ${real} ;;
  esac
  kill -9 0
fi
${real.startsWith(':') ? '' : 'exec '}${real}
`
    fs.writeFileSync(path.join(bin, name), text, { mode: 0o755 })
  }
  const plain = path.join(home.folder, 'plain')
  fs.mkdirSync(plain)
  for (const name of [...looking, ...changing]) fs.symlinkSync(where(name), path.join(plain, name))
  fs.copyFileSync(path.join(bin, 'sleep'), path.join(plain, 'sleep'))
  fs.rmSync(path.join(plain, 'sync'))
  fs.copyFileSync(path.join(bin, 'sleep'), path.join(plain, 'sync'))
  return { counting: bin, plain }
}

let bin = ''
let plain = ''
let started: Node
let switched: Node
let full: Node
const archives = new Map<string, ReadonlyMap<string, Uint8Array>>()

beforeAll(async () => {
  ;({ counting: bin, plain } = shims())
  const { world, first, second } = await renewed()
  const packed = [first, second]
  for (let at = 0; at < 2; at += 1) {
    fs.rmSync(world.current('server/global/s1', 'key.pem'))
    world.later(60_000)
    await world.apply()
    packed.push(await pack(world))
  }
  const base = new Node()
  for (const [at, archive] of packed.entries()) {
    base.unpack(archive, `n${at + 1}`)
    const files = readTar(archive).map(
      ({ path: name, bytes }) => [name.split('/').at(-1)!, bytes] as const,
    )
    const directory = readTar(archive)
      .map(({ path: name }) => name.split('/')[1]!)
      .find((name) => /^\d+-/.test(name))!
    archives.set(directory, new Map(files))
  }
  started = base
  const grown = (from: Node, number: number): Node => {
    const node = from.copy()
    const args = ['--reload', 'none', '--give-up']
    expect(node.install(path.join(node.folder, `n${number}/nomad-pki`), args).status).toBe(0)
    return node
  }
  switched = grown(base, 1)
  full = grown(grown(switched, 2), 3)
})

interface Scenario {
  readonly from: () => Node
  /** Which archive is the folder that it runs in. */
  readonly archive: number
  readonly args: readonly string[]
  /** The number of the generation before and after. */
  readonly before: number | undefined
  readonly after: number
  readonly prepare?: (node: Node) => void
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'the first generation': {
    from: () => started,
    archive: 1,
    args: [],
    before: undefined,
    after: 1,
  },
  'the next one': { from: () => switched, archive: 2, args: [], before: 1, after: 2 },
  'the fourth, when one is pruned': {
    from: () => full,
    archive: 4,
    args: ['--give-up'],
    before: 3,
    after: 4,
  },
  'the way back': { from: () => full, archive: 3, args: ['--rollback'], before: 3, after: 2 },
  'a mend of what is in use': {
    from: () => switched,
    archive: 1,
    args: [],
    before: undefined,
    after: 1,
    prepare: (node) => {
      fs.writeFileSync(path.join(node.tls, 'current/ca.pem'), 'damaged')
    },
  },
}

/** Resolves to the exit status; `null`: it was killed. */
async function run(
  node: Node,
  { archive, args }: Scenario,
  at: number,
  when: string,
): Promise<number | null> {
  fs.writeFileSync(path.join(node.folder, 'count'), '0\n')
  const tools = at === 0 && when === '' ? plain : bin
  const child = spawn(
    path.join(tools, 'sh'),
    [installerPath, '--tls', node.tls, '--reload', 'none', '--verified', ...args],
    {
      cwd: path.join(node.folder, `n${archive}/nomad-pki`),
      // A session of its own: the kill is for the whole group.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: tools, CRASH: node.folder, CRASH_AT: String(at), CRASH_WHEN: when },
    },
  )
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== null && status !== 0) throw new Error(`status ${status}: ${stderr}`)
  return status
}

function beginning({ from, prepare }: Scenario): Node {
  const node = from().copy()
  prepare?.(node)
  return node
}

function numberOf(directory: string | undefined): number | undefined {
  return directory === undefined ? undefined : Number(directory.split('-')[0])
}

/** The trio that an agent would load now, byte by byte that of a generation. */
function expectWhole(node: Node): void {
  const { current } = node
  if (current === undefined) return
  for (const part of ['ca.pem', 'cert.pem', 'key.pem']) {
    const found = fs.readFileSync(path.join(node.tls, 'current', part))
    expect(Buffer.compare(found, archives.get(current)!.get(part)!)).toBe(0)
  }
}

function expectPrivate(node: Node): void {
  for (const file of filesUnder(node.tls)) {
    if (!fs.readFileSync(file, 'latin1').includes('PRIVATE KEY')) continue
    expect([file, (fs.statSync(file).mode & 0o777).toString(8)]).toEqual([file, '600'])
  }
}

/** Plain files. It does not follow links, as a recursive `readdir` does: the lock holds links to itself. */
function filesUnder(folder: string): string[] {
  if (!fs.existsSync(folder)) return []
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const place = path.join(folder, entry.name)
    if (entry.isDirectory()) return filesUnder(place)
    return entry.isFile() ? [place] : []
  })
}

describe('killed anywhere', () => {
  test.concurrent.each(Object.entries(scenarios))(
    '%s',
    { timeout: 3_600_000 },
    async (name, scenario) => {
      const whole = beginning(scenario)
      expect(await run(whole, scenario, 0, 'count')).toBe(0)
      const calls = Number(fs.readFileSync(path.join(whole.folder, 'count'), 'utf8'))
      const expected = whole.names()
      expect(numberOf(whole.current)).toBe(scenario.after)
      const all = Array.from({ length: calls }, (_, at) => at + 1).flatMap((at) =>
        ['before', 'half', 'after'].map((when) => [at, when] as const),
      )
      total += all.length
      // Each scenario begins its sample elsewhere.
      for (let at = name.length % stride; at < all.length; at += stride) {
        const [call, when] = all[at]!
        const node = beginning(scenario)
        expect(await run(node, scenario, call, when)).toBeNull()
        points += 1
        expect([scenario.before, scenario.after]).toContain(
          scenario.prepare === undefined ? numberOf(node.current) : scenario.after,
        )
        if (scenario.prepare === undefined) expectWhole(node)
        expectPrivate(node)
        expect([name, call, when, await run(node, scenario, 0, '')]).toEqual([name, call, when, 0])
        expect([name, call, when, numberOf(node.current)]).toEqual([
          name,
          call,
          when,
          scenario.after,
        ])
        expectWhole(node)
        expect([name, call, when, node.names()]).toEqual([name, call, when, expected])
        node.remove()
      }
    },
  )
})
