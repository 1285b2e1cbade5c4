/** Where templates/install.sh puts things: names, links, users, modes, full disks, and others at work. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { env, getuid } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aWorld, generationOf, Node, pack, renewed, toldBy, type Run } from './node.js'
import { shellQuote } from '../../src/shell-quote.js'

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** The first archive is unpacked in `one`, the second in `two`; nothing is in place. */
let template: Node
beforeAll(async () => {
  const { first, second } = await renewed()
  template = new Node()
  template.unpack(first, 'one')
  template.unpack(second, 'two')
})

function aNode(): { node: Node; one: string; two: string } {
  const node = template.copy()
  const at = (name: string): string => path.join(node.folder, name, 'nomad-pki')
  return { node, one: at('one'), two: at('two') }
}

const none = ['--reload', 'none']
const root = getuid?.() === 0

/** Runs it elsewhere than where a node has its files by default here. */
function into(from: string, tls: string, args: readonly string[] = none): Run {
  const { status, stdout, stderr } = spawnSync('sh', ['install.sh', '--tls', tls, ...args], {
    cwd: from,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

describe('names', () => {
  test.each([
    "it's here",
    'two "words"',
    '$(touch x) `touch y` ${HOME}',
    'a -> b',
    '*',
    '-rf',
    'ü',
    'x\\ny',
    'deep/er/and deeper',
  ])('%s', (name) => {
    const { node, one, two } = aNode()
    const tls = path.join(node.folder, 'places', name)
    expect(into(one, tls)).toMatchObject({ status: 0, stderr: '' })
    expect(into(two, tls)).toMatchObject({ status: 0, stderr: '' })
    expect(fs.readlinkSync(`${tls}/current`)).toMatch(/^2-/)
    expect(into(two, tls, [...none, '--rollback'])).toMatchObject({ status: 0, stderr: '' })
    expect(fs.readlinkSync(`${tls}/current`)).toMatch(/^1-/)
    expect(fs.readdirSync(node.folder).sort()).toEqual(
      ['one', 'one.tar.gz', 'places', 'two', 'two.tar.gz'].sort(),
    )
    expect(fs.existsSync(path.join(one, 'x')) || fs.existsSync(path.join(one, 'y'))).toBe(false)
  })

  test('a relative one, and slashes at its end', () => {
    const { one } = aNode()
    expect(into(one, 'here///').status).toBe(0)
    expect(fs.readlinkSync(path.join(one, 'here/current'))).toMatch(/^1-/)
    for (const tls of ['/', '//', '///']) expect(into(one, tls).status).toBe(64)
  })
})

describe('links', () => {
  test('/etc/nomad.d that is one, and tls in it that is one', () => {
    const { node, one, two } = aNode()
    fs.mkdirSync(path.join(node.folder, 'real/deep'), { recursive: true })
    fs.symlinkSync('real', path.join(node.folder, 'nomad.d'))
    fs.symlinkSync('deep', path.join(node.folder, 'real/tls'))
    const tls = path.join(node.folder, 'nomad.d/tls')
    expect(into(one, tls).status).toBe(0)
    expect(into(two, tls).status).toBe(0)
    expect(fs.readlinkSync(path.join(node.folder, 'real/deep/current'))).toMatch(/^2-/)
    expect(fs.lstatSync(path.join(node.folder, 'real/tls')).isSymbolicLink()).toBe(true)
  })

  test('one that leads nowhere, a file, and a current that is no link of ours: refused', () => {
    const { node, one } = aNode()
    const place = (name: string): string => path.join(node.folder, name)
    fs.symlinkSync('/nowhere/at/all', place('dangling'))
    fs.writeFileSync(place('file'), '')
    fs.mkdirSync(place('plain/current'), { recursive: true })
    fs.mkdirSync(place('else'))
    fs.symlinkSync('../one', place('else/current'))
    for (const [name, message] of [
      ['dangling', /is a link that leads nowhere/],
      ['dangling/tls', /is a link that leads nowhere/],
      ['file', /is not a directory/],
      ['file/tls', /is not a directory/],
      ['plain', /current is not a link/],
      ['else', /leads to nothing that this installs/],
    ] as const) {
      const run = toldBy(into(one, place(name), [...none, '--porcelain']))
      expect([name, run.status, run.told.reason]).toEqual([name, 3, 'place'])
      expect(run.stderr).toMatch(message)
    }
  })

  test("what the agent's user put in place of a file is not followed", () => {
    const { node, one } = aNode()
    expect(node.install(one).status).toBe(0)
    const target = path.join(node.folder, 'target')
    fs.writeFileSync(target, 'x', { mode: 0o640 })
    const manifest = path.join(node.tls, 'current/manifest.json')
    fs.copyFileSync(manifest, target)
    fs.chmodSync(target, 0o640)
    fs.rmSync(manifest)
    fs.symlinkSync(target, manifest)
    const run = node.install(one)
    expect(run.status).toBe(1)
    expect(run.stderr).toContain('is a link: look who made it')
    expect((fs.statSync(target).mode & 0o777).toString(8)).toBe('640')
  })
})

describe('modes', () => {
  test.each([0o000, 0o022, 0o077, 0o777])('whatever the umask is: %i', (mask) => {
    const { node, one } = aNode()
    const text = `umask ${mask.toString(8)}; exec sh install.sh --tls "$1" --reload none`
    const tls = path.join(node.folder, 'etc/nomad.d/tls')
    const run = spawnSync('sh', ['-c', text, 'sh', tls], { cwd: one, encoding: 'utf8' })
    expect(run).toMatchObject({ status: 0 })
    const mode = (file: string): string =>
      (fs.statSync(path.join(tls, file)).mode & 0o7777).toString(8)
    expect(
      ['..', '.', 'current', 'current/key.pem', 'current/cert.pem', 'receipt.json'].map(mode),
    ).toEqual(['755', '755', '755', '600', '644', '644'])
  })
})

describe('users', () => {
  /** Gives everything to a user without rights and runs as that one; as it is where we are not root. */
  function unprivileged(node: Node, from: string, args: readonly string[] = none): Run {
    const who = 65534
    if (root) spawnSync('chown', ['-R', `${who}`, node.folder])
    const { status, stdout, stderr } = spawnSync(
      'sh',
      ['install.sh', '--tls', node.tls, '--settle', '0', '--watch', '0', ...args],
      { cwd: from, encoding: 'utf8', ...(root && { uid: who, gid: who }) },
    )
    return { status, stdout, stderr }
  }

  test('not root: in a place of its own', () => {
    const { node, one, two } = aNode()
    expect(unprivileged(node, one)).toMatchObject({ status: 0 })
    expect(unprivileged(node, two)).toMatchObject({ status: 0 })
    expect(node.current).toMatch(/^2-/)
    expect(node.mode('current/key.pem')).toBe('600')
    const run = toldBy(unprivileged(node, two, [...none, '--owner', 'root', '--porcelain']))
    expect([run.status, run.told.reason]).toEqual([3, 'owner'])
    expect(run.stderr).toContain('only root can give files to root')
  })

  test('not root, and a place that it may not write: refused, also with --dry-run', () => {
    const { node, one } = aNode()
    const tls = path.join(node.folder, 'closed')
    fs.mkdirSync(tls)
    fs.chmodSync(tls, 0o555)
    for (const args of [none, [...none, '--dry-run']]) {
      const run = unprivileged(node, one, ['--tls', tls, ...args])
      expect(run.status).toBe(3)
      expect(run.stderr).toMatch(/closed can't be written by/)
    }
    expect(fs.readdirSync(tls)).toEqual([])
    fs.chmodSync(tls, 0o755)
  })
})

describe('a full disk', () => {
  /** A `cat` that gives up in its N-th call, after half of what it should write. */
  function full(node: Node, at: number): Record<string, string> {
    const bin = path.join(node.folder, `bin${at}`)
    fs.mkdirSync(bin)
    const places = env.PATH!.split(':').map((place) => path.join(place, 'cat'))
    const cat = places.find((file) => fs.existsSync(file))!
    fs.writeFileSync(
      path.join(bin, 'cat'),
      `#!/bin/sh
case $* in /proc/*|*/pid) exec ${cat} "$@" ;; esac
read -r n <"${bin}/n"
echo $((n + 1)) >"${bin}/n"
[ "$n" = ${at} ] || exec ${cat} "$@"
printf half
echo "cat: write error: No space left on device" >&2
exit 1
`,
      { mode: 0o755 },
    )
    fs.writeFileSync(path.join(bin, 'n'), '1\n')
    return { PATH: `${bin}:${env.PATH!}` }
  }

  test('at any file: the old generation is in place, nothing half is left, and with room it goes on', () => {
    for (const at of [1, 2, 3, 4, 5]) {
      const { node, one, two } = aNode()
      expect(node.install(one).status).toBe(0)
      const old = node.current!
      const names = node.names()
      const run = node.install(two, none, { env: full(node, at) })
      expect([at, run.status]).toEqual([at, 1])
      expect(run.stderr).toContain('No space left')
      expect(run.told).toMatchObject({ result: 'failed', reason: 'stopped', generation: old })
      expect(run.stderr).toContain(`${old} is in place; the same command goes on`)
      expect(node.current).toBe(old)
      expect(node.names().filter((name) => !name.startsWith('2-'))).toEqual(names)
      expect(node.names().filter((name) => name.startsWith('.'))).toEqual([])
      expect(node.install(two).status).toBe(0)
      expect(node.current).toMatch(/^2-/)
    }
  })

  test('at the receipt: it is in place, and the same command writes it', () => {
    const { node, one, two } = aNode()
    expect(node.install(one).status).toBe(0)
    const run = node.install(two, none, { env: full(node, 6) })
    expect(run.status).toBe(1)
    expect(node.current).toMatch(/^2-/)
    expect(node.receipt()).toMatchObject({ generation: 1 })
    // What the receipt says is of another generation.
    expect(run.told).toMatchObject({ result: 'failed', changed: 'yes', state: '-' })
    expect(node.install(two).status).toBe(0)
    expect(node.receipt()).toMatchObject({ generation: 2 })
  })

  test('after what is in use was mended: that is a change', () => {
    const { node, one } = aNode()
    expect(node.install(one).status).toBe(0)
    fs.writeFileSync(path.join(node.tls, 'current/ca.pem'), 'damaged')
    const run = node.install(one, none, { env: full(node, 5) })
    expect(run).toMatchObject({ status: 1, told: { result: 'failed', changed: 'yes' } })
    expect(node.read('current/ca.pem')).not.toBe('damaged')
  })
})

describe('others at work', () => {
  function lockedBy(node: Node, pid: string): void {
    fs.mkdirSync(path.join(node.tls, '.lock'), { recursive: true })
    fs.writeFileSync(path.join(node.tls, '.lock/pid'), pid)
  }
  /** Without the second between two looks. */
  function hurried(node: Node): Record<string, string> {
    const bin = path.join(node.folder, 'hurried')
    fs.mkdirSync(bin, { recursive: true })
    fs.writeFileSync(path.join(bin, 'sleep'), '#!/bin/sh\n', { mode: 0o755 })
    return { PATH: `${bin}:${env.PATH!}` }
  }

  test('a living process is waited for, and then it is refused', () => {
    const { node, one } = aNode()
    const child = spawn('sleep', ['60'])
    children.push(child)
    const stat = fs.existsSync('/proc/self/stat')
      ? fs.readFileSync(`/proc/${child.pid!}/stat`, 'utf8').split(') ')[1]!.split(' ')[19]!
      : ''
    lockedBy(node, `${child.pid!} ${stat}\n`)
    const run = node.install(one, none, { env: hurried(node) })
    expect(run.status).toBe(3)
    expect(run.stderr).toContain(`process ${child.pid!} is installing here already`)
    expect(run.told).toMatchObject({ result: 'refused', reason: 'locked' })
    expect(node.names()).toEqual(['.lock'])
  })

  test('a dead one, one whose number is another process now, and one that died before it wrote its number', () => {
    for (const pid of ['4194303 1\n', '1 99999999999\n', '']) {
      const { node, one } = aNode()
      lockedBy(node, pid)
      expect(node.install(one, none, { env: hurried(node) }).status).toBe(0)
      expect(node.names()).not.toContain('.lock')
      // And one that died while it inherited.
      lockedBy(node, pid)
      fs.mkdirSync(path.join(node.tls, '.lock/next'))
      fs.writeFileSync(path.join(node.tls, '.lock/next/pid'), '4194302 1\n')
      expect(node.install(one, none, { env: hurried(node) }).status).toBe(0)
      expect(node.names()).not.toContain('.lock')
    }
  })

  test.each([
    ['before it looks for unproven switches', 'find', '"$1" = .'],
    ['before it takes the lock', 'mkdir', '"$1" = "$AT/.lock"'],
  ])(
    'two of one archive: the second one, slow %s, finds it in place',
    async (_when, tool, call) => {
      const { node, one, two } = aNode()
      expect(node.install(one).status).toBe(0)
      // Both have looked at what is in place when the first one turns it.
      const bin = path.join(node.folder, 'slow')
      fs.mkdirSync(bin)
      const wait = 'while [ "$(readlink "$AT/current")" = "$OLD" ]; do sleep 0.1; done'
      const text = `#!/bin/sh\nPATH=${shellQuote(env.PATH!)}\n[ ! ${call} ] || ${wait}\nexec ${tool} "$@"\n`
      fs.writeFileSync(path.join(bin, tool), text, { mode: 0o755 })
      const run = (delay: boolean): Promise<{ status: number | null; said: string }> =>
        new Promise((resolve) => {
          const child = spawn('sh', ['install.sh', '--tls', node.tls, ...none], {
            cwd: two,
            env: {
              ...env,
              AT: node.tls,
              OLD: node.current,
              ...(delay && { PATH: `${bin}:${env.PATH!}` }),
            },
          })
          let said = ''
          child.stdout.on('data', (part: Buffer) => (said += part.toString()))
          child.stderr.on('data', (part: Buffer) => (said += part.toString()))
          child.on('close', (status) => resolve({ status, said }))
        })
      const [late] = await Promise.all([run(true), run(false)])
      expect([late.status, late.said]).toEqual([0, expect.stringContaining('is in place')])
      expect(late.said).not.toContain('something else')
      expect(node.current).toBe(generationOf(two))
    },
  )

  test('five at once: each ends well or is refused, and one generation is in place', async () => {
    const { node, one } = aNode()
    const ended = await Promise.all(
      [1, 2, 3, 4, 5].map(
        () =>
          new Promise<number | null>((resolve) => {
            const child = spawn('sh', ['install.sh', '--tls', node.tls, ...none], { cwd: one })
            child.on('close', resolve)
          }),
      ),
    )
    expect(ended.filter((status) => status !== 0 && status !== 3)).toEqual([])
    expect(ended).toContain(0)
    const current = node.current!
    expect(current).toBe(generationOf(one))
    expect(node.names()).toEqual([current, 'current', 'receipt.json'].sort())
  })
})

describe('the flat layout', () => {
  test('tar puts it where a stanza names it, without links', async () => {
    const world = aWorld()
    await world.apply()
    const archive = path.join(template.folder, 'flat.tar.gz')
    fs.writeFileSync(archive, await pack(world, 's1', { layout: 'flat' }))
    const tls = path.join(template.folder, 'flat tls')
    fs.mkdirSync(tls)
    const text = 'tar -xzf "$1" -C "$2" --strip-components=1'
    const run = spawnSync('sh', ['-c', text, 'sh', archive, tls], { encoding: 'utf8' })
    expect(run).toMatchObject({ status: 0, stderr: '' })
    expect(fs.readdirSync(tls).sort()).toEqual([
      'SHA256SUMS',
      'current',
      'manifest.json',
      'tls.hcl',
    ])
    expect(fs.readdirSync(path.join(tls, 'current')).sort()).toEqual(
      ['ca.pem', 'cert.pem', 'key.pem', 'manifest.json'].sort(),
    )
    expect((fs.statSync(path.join(tls, 'current/key.pem')).mode & 0o777).toString(8)).toBe('600')
    const sums = spawnSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: tls, encoding: 'utf8' })
    expect(sums.status).toBe(0)
    expect(fs.readFileSync(path.join(tls, 'tls.hcl'), 'utf8')).toContain('/current/cert.pem"')
  })
})
