/**
 * The agent's user owns the folder above the agent's files, as HashiCorp's packages leave it, and puts
 * links and directories of its own where root is about to write: nothing outside is touched.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { execPath, getuid } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { install, prepareInstall } from '../../src/delivery/install.js'
import { isNomadPkiError } from '../../src/errors.js'
import { directoryConfigs } from '../../src/store/directory-configs.js'
import { installerPath, Node, present, renewed } from '../delivery/node.js'

/** A user without rights, who stands for `nomad`. */
const nobody = 65534

let first: Uint8Array
let second: Uint8Array
beforeAll(async () => {
  expect(getuid?.(), 'this suite needs root').toBe(0)
  ;({ first, second } = await renewed())
})

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** Runs as that user until it is ended; says `up` first. */
async function attacker(text: string): Promise<ChildProcess> {
  const child = spawn(execPath, ['-e', `const fs = require('node:fs');console.log('up');${text}`], {
    uid: nobody,
    gid: nobody,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(child)
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return child
}

interface Place {
  readonly node: Node
  /** `/etc/nomad.d`, which is the agent's user's. */
  readonly etc: string
  readonly tls: string
  /** Root's alone; nobody may write it. */
  readonly target: string
}

function aPlace(): Place {
  const node = new Node()
  fs.chmodSync(node.folder, 0o755)
  const etc = path.join(node.folder, 'nomad.d')
  fs.mkdirSync(etc)
  fs.chownSync(etc, nobody, nobody)
  const target = path.join(node.folder, 'shadow')
  fs.writeFileSync(target, 'root:*', { mode: 0o600 })
  return { node, etc, tls: path.join(etc, 'tls'), target }
}

type Installer = (place: Place, archive: Uint8Array) => Promise<{ status: number; message: string }>
let folders = 0
const installers: readonly (readonly [string, Installer])[] = [
  [
    'install.sh',
    ({ node, tls }, archive) =>
      new Promise((resolve) => {
        folders += 1
        const child = spawn(
          'sh',
          [installerPath, '--tls', tls, '--reload', 'none', '--give-up', '--owner', 'nobody'],
          { cwd: node.unpack(archive, `n${folders}`), stdio: ['ignore', 'ignore', 'pipe'] },
        )
        let message = ''
        child.stderr.on('data', (text: Buffer) => (message += text.toString()))
        child.on('close', (status) => resolve({ status: status ?? -1, message }))
      }),
  ],
  [
    'nomad-pki install',
    async ({ node, tls }, archive) => {
      const request = { script: installerPath, tls, reload: 'none', now: present, giveUp: true }
      const configs = directoryConfigs(node.folder)
      try {
        const prepared = await prepareInstall(archive, request, configs)
        await install(prepared, { ...request, owner: 'nobody' }, configs)
        return { status: 0, message: '' }
      } catch (error) {
        if (!isNomadPkiError(error)) throw error
        return { status: error.code === 'ERR_INSTALL_REFUSED' ? 3 : 1, message: error.message }
      }
    },
  ],
]

/** What is below the folder and root's, with content: it must stay as it is. */
function rootsOwn(place: Place): readonly string[] {
  return [fs.readFileSync(place.target, 'utf8'), String(fs.statSync(place.target).mode)]
}

describe.each(installers)('%s', (_name, run) => {
  test('links in place of every name that it may write', async () => {
    const place = aPlace()
    const before = rootsOwn(place)
    fs.mkdirSync(place.tls)
    const child = await attacker(`
      const [etc, tls, target] = ${JSON.stringify([place.etc, place.tls, place.target])}
      try { fs.renameSync(tls, tls + '.old'); fs.mkdirSync(tls, 0o755) } catch {}
      for (;;) {
        for (const name of ['.write-receipt.json', '.write-.pending', 'receipt.json', '.pending', '.stanza', '.lock']) {
          try { fs.symlinkSync(target, tls + '/' + name) } catch {}
        }
        for (const name of fs.readdirSync(tls)) {
          if (!name.startsWith('.part-')) continue
          for (const file of ['receipt.json', '.pending', 'current']) {
            try { fs.symlinkSync(target, tls + '/' + name + '/' + file) } catch {}
          }
        }
      }`)
    for (const archive of [first, second]) {
      const { status, message } = await run(place, archive)
      expect(status).toBe(3)
      expect(message).toMatch(/can change .*nomad\.d, and root does not write/)
    }
    child.kill('SIGKILL')
    expect(rootsOwn(place)).toEqual(before)
  })

  test('a stage that is swapped for a directory of the attacker', async () => {
    const place = aPlace()
    // The folder of the files is the agent's user's too: an upgrade of the package changes all below.
    fs.mkdirSync(place.tls)
    fs.chownSync(place.tls, nobody, nobody)
    const child = await attacker(`
      const tls = ${JSON.stringify(place.tls)}
      for (let n = 0; ; n += 1) for (const name of fs.readdirSync(tls)) {
        if (!/^\\.(new|part)-/.test(name)) continue
        try { fs.renameSync(tls + '/' + name, tls + '/.mine' + n); fs.mkdirSync(tls + '/' + name, 0o777) } catch {}
      }`)
    const { status } = await run(place, first)
    expect(status).toBe(3)
    child.kill('SIGKILL')
    expect(fs.readdirSync(place.tls)).toEqual([])
  })

  test('the remedy that is printed cures it, for a folder that was in use', async () => {
    const place = aPlace()
    fs.chownSync(place.etc, 0, 0)
    expect(await run(place, first)).toMatchObject({ status: 0 })
    // As the package's postinst does at each upgrade.
    spawnSync('chown', ['-R', `${nobody}:${nobody}`, place.etc])
    for (;;) {
      const { status, message } = await run(place, second)
      if (status === 0) break
      const [, remedy] =
        /where another user can put a link: (chown root .*?), or/.exec(message) ?? []
      expect(remedy, message).toBeDefined()
      expect(spawnSync('sh', ['-c', remedy!]).status).toBe(0)
    }
    const owners = ['', 'current', 'current/key.pem'].map(
      (file) => fs.statSync(path.join(place.tls, file)).uid,
    )
    expect(owners).toEqual([0, 0, nobody])
  })

  test.each([
    [
      'a directory that its group may write',
      (etc: string) => {
        fs.chownSync(etc, 0, nobody)
        fs.chmodSync(etc, 0o775)
      },
    ],
    [
      'a directory that everybody may write',
      (etc: string) => {
        fs.chownSync(etc, 0, 0)
        fs.chmodSync(etc, 0o777)
      },
    ],
    [
      "another user's entry in a sticky directory",
      (etc: string) => {
        fs.chownSync(etc, 0, 0)
        fs.chmodSync(etc, 0o1777)
        fs.mkdirSync(path.join(etc, 'tls'))
        fs.chownSync(path.join(etc, 'tls'), nobody, nobody)
      },
    ],
    [
      "a link that leads through another user's directory",
      (etc: string) => {
        fs.mkdirSync(path.join(etc, 'deep'))
        fs.chownSync(path.join(etc, 'deep'), 0, 0)
        const inner = path.join(etc, '../root.d')
        fs.symlinkSync('nomad.d/deep', inner)
        fs.renameSync(etc, `${etc}.2`)
        fs.mkdirSync(etc)
        fs.symlinkSync('../nomad.d.2/deep', path.join(etc, 'tls'))
      },
    ],
  ] as const)('%s: refused', async (_what, prepare) => {
    const place = aPlace()
    prepare(place.etc)
    const { status, message } = await run(place, first)
    expect(message).toMatch(/can change .*root does not write/)
    expect(status).toBe(3)
  })

  test("root's own entry in a sticky directory, and a link of root's: taken", async () => {
    const place = aPlace()
    fs.chownSync(place.etc, 0, 0)
    fs.chmodSync(place.etc, 0o1777)
    fs.mkdirSync(path.join(place.node.folder, 'real'))
    fs.symlinkSync('../real', place.tls)
    expect(await run(place, first)).toMatchObject({ status: 0 })
  })
})

describe('the configuration that nomad-pki install writes', () => {
  const stanza = 'name = "s1"\n'
  const runWith = async (place: Place, config: string): Promise<string> => {
    const configs = directoryConfigs(place.node.folder)
    const tls = path.join(place.node.folder, 'tls')
    const request = { script: installerPath, tls, reload: 'none', now: present }
    try {
      const prepared = await prepareInstall(first, { ...request, config }, configs)
      await install(prepared, { ...request, owner: 'nobody' }, configs)
      return 'written'
    } catch (error) {
      if (!isNomadPkiError(error)) throw error
      return `${error.code}: ${error.message}`
    }
  }
  const refusal =
    /ERR_INSTALL_REFUSED: user 65534 can change .*nomad\.d.* where another user can put/

  test.each([
    ['the file is a link of the agent', 'tls.hcl', 'tls.hcl'],
    ['the folder holds a link of the agent', '', 'tls.hcl'],
    ['a folder on the way is a link of the agent', 'conf/tls.hcl', 'conf'],
  ])('%s: refused, and nothing is touched', async (_what, config, link) => {
    const place = aPlace()
    const target = path.join(place.node.folder, link === 'conf' ? 'other' : 'other.hcl')
    const file = link === 'conf' ? path.join(target, 'tls.hcl') : target
    if (link === 'conf') fs.mkdirSync(target)
    fs.writeFileSync(file, stanza, { mode: 0o600 })
    fs.symlinkSync(target, path.join(place.etc, link))
    fs.lchownSync(path.join(place.etc, link), nobody, nobody)
    expect(await runWith(place, path.join(place.etc, config))).toMatch(refusal)
    expect(fs.readFileSync(file, 'utf8')).toBe(stanza)
    expect(fs.existsSync(path.join(place.node.folder, 'tls'))).toBe(false)
  })

  test("a folder within the agent's own: refused", async () => {
    const place = aPlace()
    fs.mkdirSync(path.join(place.etc, 'conf'))
    expect(await runWith(place, path.join(place.etc, 'conf'))).toMatch(refusal)
    expect(fs.readdirSync(path.join(place.etc, 'conf'))).toEqual([])
  })

  test('as the package lays it out, and behind a link of root: written', async () => {
    const place = aPlace()
    fs.writeFileSync(path.join(place.etc, 'nomad.hcl'), stanza)
    fs.chownSync(path.join(place.etc, 'nomad.hcl'), nobody, nobody)
    const link = path.join(place.node.folder, 'config')
    fs.symlinkSync('nomad.d', link)
    expect(await runWith(place, path.join(link, 'nomad.hcl'))).toBe('written')
    expect(fs.readFileSync(path.join(place.etc, 'nomad.hcl'), 'utf8')).toContain('tls {')
    expect(fs.statSync(path.join(place.etc, 'nomad.hcl')).uid).toBe(nobody)
  })

  test('a link that is put there after the look: not followed', async () => {
    const place = aPlace()
    const target = path.join(place.node.folder, 'other.hcl')
    fs.writeFileSync(target, stanza, { mode: 0o600 })
    const file = path.join(place.etc, 'tls.hcl')
    fs.symlinkSync(target, file)
    const write = { path: file, text: 'tls {}', expected: Buffer.from(stanza) }
    await expect(directoryConfigs(place.node.folder).write([write])).rejects.toThrow(
      /it is a link, user 65534 can change .*nomad\.d, and root follows no link there/,
    )
    expect(fs.readFileSync(target, 'utf8')).toBe(stanza)
  })
})
