/** Whether what comes continues what is there: both installers, and the override of each guard. */

import fs from 'node:fs'
import path from 'node:path'
import { env } from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  goBack,
  install,
  prepareInstall,
  prepareReturn,
  rehearseInstall,
  type InstallRequest,
} from '../../src/delivery/install.js'
import { readTar } from '../../src/delivery/tar.js'
import { isNomadPkiError } from '../../src/errors.js'
import type { Override } from '../../src/overrides.js'
import { directoryConfigs } from '../../src/store/directory-configs.js'
import { day } from '../world.js'
import {
  aWorld,
  generationOf,
  installerPath,
  Node,
  pack,
  present,
  renewed,
  rootOf,
  foreignArchive,
} from './node.js'
import { copyFolder } from '../copy-folder.js'

const spec = 'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {}, s2: {} } } }\n'
const reason = 'the store was lost'

let first: Uint8Array
let second: Uint8Array
let neighbour: Uint8Array
/** After the old root was dropped: a node that slept through the rotation has nothing in common with it. */
let dropped: Uint8Array
/** Another store's, of the same spec, and younger. */
let foreign: Uint8Array
/** One that expired, and what heals it: a leaf of a new root, beside the old one. */
let expired: Uint8Array
let healed: Uint8Array
beforeAll(async () => {
  const { world, ...archives } = await renewed(spec)
  ;({ first, second } = archives)
  neighbour = await pack(world, 's2')
  foreign = await foreignArchive(spec)

  const rotated = aWorld(`${spec}authorities: { agent: { lifetime: 10y } }\n`)
  rotated.now -= 70 * day
  await rotated.apply()
  rotated.edit('lifetime: 10y', 'lifetime: 10y, signing: 2, trusted: [2]')
  rotated.later(70 * day)
  await rotated.apply()
  dropped = await pack(rotated)

  const short = 'authorities: { agent: { lifetime: 10y } }\ndefaults: { lifetime: 20d }\n'
  const old = aWorld(`${spec}${short}`)
  old.now -= 200 * day
  await old.apply()
  expired = await pack(old, 's1', { now: old.now })
  old.edit('lifetime: 10y', 'lifetime: 10y, signing: 2, trusted: [1, 2]')
  old.later(200 * day)
  await old.apply()
  healed = await pack(old)
})

interface Tried {
  readonly status: number
  readonly message: string
}

type Installer = (node: Node, archive: Uint8Array, overrides: readonly Override[]) => Promise<Tried>

/** Each unpacked archive in a folder of its own. */
let folders = 0

const installers: readonly (readonly [string, Installer])[] = [
  [
    'install.sh',
    (node, archive, overrides) => {
      folders += 1
      const run = node.install(node.unpack(archive, `n${folders}`), [
        '--reload',
        'none',
        ...flags(overrides),
      ])
      return Promise.resolve({ status: run.status ?? -1, message: run.stderr })
    },
  ],
  ['nomad-pki install', (node, archive, overrides) => tried(() => put(node, archive, overrides))],
]

function flags(overrides: readonly Override[]): string[] {
  return overrides.flatMap(({ code, value, reason: why }) => [
    ...['--override', `${code}=${value}`, '--reason', why],
  ])
}

async function tried(act: () => Promise<unknown>): Promise<Tried> {
  try {
    await act()
    return { status: 0, message: '' }
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return { status: error.code === 'ERR_INSTALL_REFUSED' ? 3 : 1, message: error.message }
  }
}

function requestFor(node: Node, overrides: readonly Override[]): InstallRequest {
  const pace = { settle: 0, watch: 0 }
  return { script: installerPath, tls: node.tls, reload: 'none', now: present, pace, overrides }
}

async function put(node: Node, archive: Uint8Array, overrides: readonly Override[]): Promise<void> {
  const request = requestFor(node, overrides)
  const configs = directoryConfigs(node.folder)
  await install(await prepareInstall(archive, request, configs), request, configs)
}

/** As `install --dry-run`. */
function rehearsed(node: Node, archive: Uint8Array): Promise<Tried> {
  const configs = directoryConfigs(node.folder)
  return tried(async () => {
    const request = requestFor(node, [])
    await rehearseInstall(await prepareInstall(archive, request, configs), request)
  })
}

function nameOf(archive: Uint8Array): string {
  return readTar(archive)
    .map(({ path: name }) => name.split('/')[1]!)
    .find((name) => /^\d+-/.test(name))!
}

/** Nodes with one archive in place, by the archive. */
const begun = new Map<Uint8Array, Node>()

/** A node with the first archive in place, whose switch is no open question. */
function aNode(archive: Uint8Array): Node {
  const node = begun.get(archive) ?? begin(archive)
  begun.set(archive, node)
  return node.copy()
}

function begin(archive: Uint8Array): Node {
  const node = new Node()
  const folder = node.unpack(archive, 'begin')
  const inner = path.join(folder, generationOf(folder), 'manifest.json')
  // What expired could not be installed today: it was installed when it was young.
  const late = fs.readFileSync(inner, 'utf8')
  if (Date.parse(/"notAfter": "([^"]*)"/.exec(late)![1]!) > Date.now()) {
    expect(node.install(folder)).toMatchObject({ status: 0 })
  } else {
    fs.mkdirSync(node.tls)
    copyFolder(path.dirname(inner), path.join(node.tls, generationOf(folder)))
    fs.symlinkSync(generationOf(folder), path.join(node.tls, 'current'))
  }
  return node
}

describe.each(installers)('%s', (_name, run) => {
  test('what the same authority made is taken', async () => {
    expect(await run(aNode(first), second, [])).toMatchObject({ status: 0 })
  })

  test.each([
    ['another store', () => first, () => foreign],
    ['a rotation that this node slept through', () => first, () => dropped],
  ] as const)(
    'what %s made is refused, and taken under the name of its root',
    async (_what, from, to) => {
      const node = aNode(from())
      const old = node.current
      const names = node.names()
      const refused = await run(node, to(), [])
      expect(refused.status).toBe(3)
      expect(refused.message).toContain('another authority made it')
      expect(refused.message).toContain('--override new-root=SHA256:HEX --reason TEXT')
      // The right value comes from the store, not from the archive that is doubted.
      expect(refused.message).not.toContain(rootOf(to()).slice(7))
      const other = { code: 'new-root', value: rootOf(from()), reason } as const
      expect((await run(node, to(), [other])).status).toBe(3)
      expect([node.current, node.names()]).toEqual([old, names])

      const right = { code: 'new-root', value: rootOf(to()), reason } as const
      expect(await run(node, to(), [right])).toMatchObject({ status: 0 })
      expect(node.current).toBe(nameOf(to()))
      expect(node.receipt()).toMatchObject({ overrides: [right] })
      // Once more, and what was overridden is still noted.
      node.install(node.folder, ['--proven'])
      expect(node.receipt()).toMatchObject({ state: 'proven', overrides: [right] })
    },
  )

  test('also where somebody removed the link, or the receipt, or both', async () => {
    for (const gone of [['current'], ['receipt.json'], ['current', 'receipt.json']]) {
      const node = aNode(first)
      for (const file of gone) fs.rmSync(path.join(node.tls, file))
      const refused = await run(node, foreign, [])
      expect(refused.status).toBe(3)
      expect(refused.message).toContain('another authority made it')
    }
  })

  describe('where only the receipt is left', () => {
    const others = /another authority made it: the receipt of this node names other roots/
    const unknown = /another authority may have made it: .* its receipt does not name its roots/

    function lose(node: Node): void {
      fs.rmSync(path.join(node.tls, 'current'))
      for (const name of node.names()) {
        if (/^\d+-/.test(name)) fs.rmSync(path.join(node.tls, name), { recursive: true })
      }
      expect(node.names()).toEqual(['receipt.json'])
    }
    /** As a version before wrote it. */
    function withoutRoots(node: Node): void {
      const receipt = node.receipt()
      delete receipt['roots']
      const text = JSON.stringify(receipt, undefined, 2)
      fs.writeFileSync(path.join(node.tls, 'receipt.json'), `${text}\n`)
    }

    test('it names the roots that the node trusted', () => {
      expect(aNode(first).receipt()).toMatchObject({ roots: [rootOf(first)] })
    })

    test.each([
      ['another store', () => foreign, others, () => undefined],
      ['a rotation that this node slept through', () => dropped, others, () => undefined],
      ['another store, after a receipt of before', () => foreign, unknown, withoutRoots],
    ] as const)(
      'what %s made is refused, and taken under the name of its root',
      async (_what, to, message, change) => {
        const node = aNode(first)
        lose(node)
        change(node)
        const refused = await run(node, to(), [])
        expect(refused.status).toBe(3)
        expect(refused.message).toMatch(message)
        expect(refused.message).toContain('--override new-root=SHA256:HEX --reason TEXT')
        expect(refused.message).not.toContain(rootOf(to()).slice(7))
        const other = { code: 'new-root', value: rootOf(first), reason } as const
        expect((await run(node, to(), [other])).status).toBe(3)
        expect(node.names()).toEqual(['receipt.json'])

        const right = { code: 'new-root', value: rootOf(to()), reason } as const
        expect(await run(node, to(), [right])).toMatchObject({ status: 0 })
        expect(node.receipt()).toMatchObject({ roots: [rootOf(to())], overrides: [right] })
      },
    )

    test('what the same authority made is taken; after a receipt of before the same leaf', async () => {
      const narrow = aNode(first)
      lose(narrow)
      expect(await run(narrow, second, [])).toMatchObject({ status: 0 })
      const wider = aNode(expired)
      const text = `{\n  "format": "nomad-pki/receipt",\n  "version": 1,\n  "directory": "${nameOf(expired)}",\n  "roots": [\n    "${rootOf(expired)}"\n  ]\n}\n`
      fs.writeFileSync(path.join(wider.tls, 'receipt.json'), text)
      lose(wider)
      expect(await run(wider, healed, [])).toMatchObject({ status: 0 })
      const again = aNode(first)
      lose(again)
      withoutRoots(again)
      expect((await run(again, second, [])).message).toMatch(unknown)
      expect(await run(again, first, [])).toMatchObject({ status: 0 })
    })

    test('of its last generation alone, that counts, and not an earlier one that lies there', async () => {
      const node = aNode(first)
      const right = { code: 'new-root', value: rootOf(foreign), reason } as const
      expect(await run(node, foreign, [right])).toMatchObject({ status: 0 })
      node.install(node.folder, ['--proven'])
      fs.rmSync(path.join(node.tls, 'current'))
      fs.rmSync(path.join(node.tls, nameOf(foreign)), { recursive: true })
      expect((await run(node, second, [])).message).toMatch(others)
    })

    test('an archive of another address or cluster is refused', async () => {
      const node = aNode(neighbour)
      lose(node)
      const value = 'identity/server/global/s1'
      expect((await run(node, second, [])).message).toContain(`--override address=${value} `)
      expect((await rehearsed(node, second)).message).toContain(`--override address=${value} `)
      const renamed = aNode(first)
      lose(renamed)
      const text = renamed.read('receipt.json').replace('"acme"', '"other"')
      fs.writeFileSync(path.join(renamed.tls, 'receipt.json'), text)
      expect((await run(renamed, second, [])).message).toContain('--override cluster=acme ')
      expect((await rehearsed(renamed, second)).message).toContain('--override cluster=acme ')
    })
  })

  test('where ca.pem alone is damaged, the receipt says whom the node trusted', async () => {
    for (const damage of ['', 'torn']) {
      const node = aNode(first)
      fs.writeFileSync(path.join(node.tls, 'current', 'ca.pem'), damage)
      expect((await run(node, foreign, [])).message).toContain('another authority made it')
      expect(await run(node, second, [])).toMatchObject({ status: 0 })
    }
  })

  test('a generation without its manifest still says whom the node trusted', async () => {
    const node = aNode(first)
    fs.rmSync(path.join(node.tls, 'current', 'manifest.json'))
    for (const gone of ['current', 'receipt.json']) fs.rmSync(path.join(node.tls, gone))
    expect((await run(node, foreign, [])).message).toContain('another authority made it')
  })

  test('a cluster that has expired can be healed', async () => {
    const node = aNode(expired)
    expect(await run(node, healed, [])).toEqual({ status: 0, message: '' })
    expect(node.receipt()).not.toHaveProperty('overrides')
  })

  test('an older archive, one of another address and one of another cluster: each has its override', async () => {
    const back = aNode(second)
    const older = { code: 'older', value: nameOf(first), reason } as const
    expect((await run(back, first, [])).message).toContain(`--override older=${nameOf(first)} `)
    expect(await run(back, first, [older])).toMatchObject({ status: 0 })
    expect(back.receipt()).toMatchObject({ generation: 1, overrides: [older] })

    const moved = aNode(neighbour)
    const value = 'identity/server/global/s1'
    const address = { code: 'address', value, reason } as const
    expect((await run(moved, second, [])).message).toContain(`--override address=${value} `)
    expect(await run(moved, second, [address])).toMatchObject({ status: 0 })
    expect(moved.receipt()).toMatchObject({ address: value, overrides: [address] })

    const renamed = aNode(first)
    const text = renamed.read('receipt.json').replace('"acme"', '"other"')
    fs.writeFileSync(path.join(renamed.tls, 'receipt.json'), text)
    const cluster = { code: 'cluster', value: 'acme', reason } as const
    expect((await run(renamed, second, [])).message).toContain('--override cluster=acme ')
    expect(await run(renamed, second, [cluster])).toMatchObject({ status: 0 })
  })
})

/** `--rollback` of each installer, with more flags. */
const returns = [
  [
    'install.sh',
    (node: Node, overrides: readonly Override[], giveUp = false) => {
      const run = node.install(node.folder, [
        ...['--reload', 'none', '--rollback', ...(giveUp ? ['--give-up'] : [])],
        ...flags(overrides),
      ])
      return Promise.resolve({ status: run.status ?? -1, message: run.stderr + run.stdout })
    },
  ],
  [
    'nomad-pki install',
    async (node: Node, overrides: readonly Override[], giveUp = false) => {
      let said = ''
      const { status, message } = await tried(async () => {
        const request = { ...requestFor(node, overrides), giveUp }
        said = (await goBack(request)).said.join('\n')
      })
      return { status, message: message + said }
    },
  ],
] as const

describe('a way back that was never proven', () => {
  test.each(returns)(
    'said again it goes on, with --give-up it returns: %s',
    async (_name, back) => {
      const node = aNode(first)
      await put(node, second, [])
      node.install(node.folder, ['--proven'])
      const places = []
      for (const giveUp of [false, false, true, true]) {
        expect((await back(node, [], giveUp)).status).toBe(0)
        places.push(node.current)
      }
      expect(places).toEqual([first, first, second, first].map(nameOf))
    },
  )
})

describe('after a mistake there is a way back', () => {
  async function mistaken(): Promise<Node> {
    const node = aNode(first)
    await put(node, foreign, [{ code: 'new-root', value: rootOf(foreign), reason }])
    return node
  }

  test.each(returns)('--rollback of %s, which says what it breaks', async (_name, back) => {
    const node = await mistaken()
    const refused = await back(node, [])
    expect(refused.status).toBe(3)
    expect(refused.message).toContain(`--override rollback=${nameOf(first)} --reason TEXT`)
    const rollback = { code: 'rollback', value: nameOf(first), reason } as const
    // A rehearsal finds the same.
    const code = 'ERR_INSTALL_REFUSED'
    await expect(prepareReturn(requestFor(node, []))).rejects.toMatchObject({ code })
    const rehearsal = await prepareReturn(requestFor(node, [rollback]))
    expect(rehearsal.said.join('\n')).toContain(`back: ${nameOf(foreign)} to ${nameOf(first)};`)
    expect(rehearsal.warnings.join('\n')).toContain('is not trusted by what')
    expect(node.current).toBe(nameOf(foreign))
    const done = await back(node, [rollback])
    expect(done.status).toBe(0)
    expect(done.message).toMatch(/warning: the leaf of 1-\w+ is not trusted by what 1-\w+ trusts/)
    expect(node.current).toBe(nameOf(first))
    expect(node.receipt()).toMatchObject({ overrides: [rollback] })
  })

  test.each(returns)(
    '--rollback of %s, where only this agent would refuse the others',
    async (_name, back) => {
      const world = aWorld(`${spec}authorities: { agent: { lifetime: 10y } }\n`)
      await world.apply()
      const before = await pack(world)
      world.edit('lifetime: 10y', 'lifetime: 10y, signing: 2, trusted: [1, 2]')
      await world.apply()
      const node = aNode(before)
      // Now it trusts both roots, and its leaf is under the second.
      await put(node, await pack(world), [])
      node.install(node.folder, ['--proven'])
      const here = node.current
      const refused = await back(node, [])
      expect(refused.status).toBe(3)
      expect(refused.message).toContain(
        `the leaf of ${here} is not trusted by what ${nameOf(before)} trusts`,
      )
      expect(node.current).toBe(here)
    },
  )

  test.each(installers)('the old archive by %s', async (_name, run) => {
    const node = await mistaken()
    node.install(node.folder, ['--proven'])
    const overrides = [
      { code: 'new-root', value: rootOf(first), reason },
      { code: 'older', value: nameOf(first), reason },
    ] as const
    expect((await run(node, first, overrides.slice(0, 1))).status).toBe(3)
    expect((await run(node, first, overrides.slice(1))).status).toBe(3)
    expect(await run(node, first, overrides)).toMatchObject({ status: 0 })
    expect(node.current).toBe(nameOf(first))
  })
})

describe('without openssl', () => {
  /** Everything but openssl; and base64 or not. */
  function poor(node: Node, without: readonly string[]): Record<string, string> {
    const bin = path.join(node.folder, 'poor')
    fs.mkdirSync(bin)
    for (const place of env.PATH!.split(':')) {
      for (const name of fs.existsSync(place) ? fs.readdirSync(place) : []) {
        const link = path.join(bin, name)
        if (!without.includes(name) && !fs.existsSync(link)) {
          fs.symlinkSync(path.join(place, name), link)
        }
      }
    }
    return { PATH: bin }
  }

  test('the same trust is taken, another is refused, and its root can be named', () => {
    const node = aNode(first)
    const bare = { env: poor(node, ['openssl']) }
    const two = node.unpack(foreign, 'foreign')
    const none = ['--reload', 'none']
    const refused = node.install(two, none, bare)
    expect(refused.status).toBe(3)
    expect(refused.stderr).toContain('another authority made it')
    expect(refused.told.reason).toBe('new-root')
    const right = ['--override', `new-root=${rootOf(foreign)}`, '--reason', reason]
    expect(node.install(two, [...none, '--dry-run', ...right], bare)).toMatchObject({ status: 0 })
    expect(node.install(node.unpack(second, 'second'), none, bare)).toMatchObject({ status: 0 })
    for (const name of ['current', nameOf(first), nameOf(second)]) {
      fs.rmSync(path.join(node.tls, name), { recursive: true })
    }
    expect(node.install(two, none, bare).stderr).toContain('the receipt of this node names other')
    expect(node.install(path.join(node.folder, 'second/nomad-pki'), none, bare).status).toBe(0)
  })

  test('and without base64: refused with the reason', () => {
    const node = aNode(first)
    const bare = { env: poor(node, ['openssl', 'base64']) }
    const run = node.install(node.unpack(foreign, 'foreign'), ['--reload', 'none'], bare)
    expect(run.status).toBe(3)
    expect(run.stderr).toContain('neither openssl nor base64')
    expect(run.told.reason).toBe('tool')
  })
})

test('programs are told which guard refused', async () => {
  const renamed = aNode(first)
  const text = renamed.read('receipt.json').replace('"acme"', '"other"')
  fs.writeFileSync(path.join(renamed.tls, 'receipt.json'), text)
  const mistaken = aNode(first)
  await put(mistaken, foreign, [{ code: 'new-root', value: rootOf(foreign), reason }])
  const none = ['--reload', 'none']
  const reasons = [
    renamed.install(renamed.unpack(second, 'two'), none),
    mistaken.install(mistaken.folder, [...none, '--rollback']),
    mistaken.install(mistaken.unpack(second, 'two'), [...none, '--give-up']),
  ].map(({ told }) => told.reason)
  expect(reasons).toEqual(['cluster', 'rollback', 'older'])
})

describe('an override', () => {
  test.each([
    [
      'of an unknown guard',
      ['--override', 'newroot=x', '--reason', 'x'],
      /unknown override: newroot=x/,
    ],
    ['without a reason', ['--override', 'rollback=1-00000000'], /needs --reason/],
    [
      'of no root',
      ['--override', 'new-root=SHA256:00', '--reason', 'x'],
      /expected new-root=SHA256:HEX/,
    ],
    ['with odd letters', ['--override', 'older=$(id)', '--reason', 'x'], /not a value of it/],
  ])('%s: 64, and nothing is changed', (_what, args, message) => {
    const node = aNode(first)
    const run = node.install(node.unpack(second, 'two'), ['--reload', 'none', ...args])
    expect(run.status).toBe(64)
    expect(run.stderr).toMatch(message)
    expect(node.current).toBe(nameOf(first))
  })
})
