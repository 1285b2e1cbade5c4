/** templates/install.sh, run as a node runs it. */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { env } from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import { readTar } from '../../src/delivery/tar.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import {
  generationOf,
  installerPath,
  Node,
  pack,
  renewed,
  rewriteSums,
  shells,
  foreignArchive,
  toldBy,
} from './node.js'
import { shellQuote } from '../../src/shell-quote.js'

function aNode(): Node {
  return new Node()
}

let first: Uint8Array
let second: Uint8Array
let third: Uint8Array
let fourth: Uint8Array
/** Of another node. */
let neighbour: Uint8Array
/** The second without its key. */
let bare: Uint8Array
/** Of a cluster that looks the same and has another root. */
let foreign: Uint8Array
beforeAll(async () => {
  const spec = 'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {}, s2: {} } } }\n'
  const { world, ...archives } = await renewed(spec)
  ;({ first, second } = archives)
  const next = async (): Promise<Uint8Array> => {
    // A key that is gone is a reason for a new generation.
    fs.rmSync(world.current('server/global/s1', 'key.pem'))
    world.later(60_000)
    await world.apply()
    return pack(world)
  }
  neighbour = await pack(world, 's2')
  bare = await pack(world, 's1', { without: 'key' })
  third = await next()
  fourth = await next()
  foreign = await foreignArchive(spec)
})

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('%s', (_name, shell) => {
  test('the first generation, the same again, the next, and back', () => {
    const node = aNode()
    const one = node.unpack(first, 'one')
    const made = node.install(one, ['--reload', 'none'], { shell })
    expect(made).toMatchObject({ status: 0 })
    expect(made.stdout).toContain('is in place; the agent loads it at its next reload or start')
    const old = node.current!
    expect(old).toMatch(/^1-[0-9a-f]{8}$/)
    const address = 'identity/server/global/s1'
    const files = { result: 'installed', state: 'switched', agent: 'not-told', address }
    expect(made.told).toMatchObject({ ...files, before: '-', wanted: old })
    expect(node.names()).toEqual([old, 'current', 'receipt.json'].sort())
    expect(['key', 'cert', 'ca'].map((part) => node.mode(`current/${part}.pem`))).toEqual([
      '600',
      '644',
      '644',
    ])
    const receipt = node.receipt()
    expect(receipt).toMatchObject({ generation: 1, archive: null, state: 'switched' })
    expect(receipt['chain']).toEqual(
      parseCertificates(node.read('current/cert.pem')).map(({ der }) =>
        Buffer.from(der).toString('base64'),
      ),
    )

    const again = node.install(one, ['--reload', 'none'], { shell })
    expect(again.status).toBe(0)
    expect(again.stdout).toContain(`${old} is in place already`)
    expect(again.told).toMatchObject({ ...files, result: 'unchanged', wanted: old })
    expect(node.receipt()).toEqual(receipt)

    const two = node.unpack(second, 'two')
    expect(node.install(two, ['--reload', 'none'], { shell }).status).toBe(0)
    expect(node.current).toMatch(/^2-/)
    const back = node.install(two, ['--reload', 'none', '--rollback'], { shell })
    expect(back).toMatchObject({ status: 0, stderr: '', told: { ...files, wanted: old } })
    expect(node.current).toBe(old)
  })
})

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('%s', (_name, shell) => {
  test('a redirection that fails is not the status of what is in place', () => {
    const node = aNode()
    expect(node.install(node.unpack(first, 'one'), undefined, { shell }).status).toBe(0)
    const old = node.current
    const bin = path.join(node.folder, 'bin')
    fs.mkdirSync(bin)
    // The stage is not there when the files are written to it: dash ends with 2 then.
    const text = `#!/bin/sh\n[ "$1" != -m ] || exit 0\nPATH=${shellQuote(env.PATH!)} exec mkdir "$@"\n`
    fs.writeFileSync(path.join(bin, 'mkdir'), text, { mode: 0o755 })
    const two = node.unpack(second, 'two')
    const path2 = { PATH: `${bin}:${env.PATH!}` }
    const run = node.install(two, undefined, { shell, env: path2 })
    expect(run.status).toBe(1)
    expect(run.stderr).toContain(`stopped half-way: ${old!} is in place`)
    expect(run.told).toMatchObject({ result: 'failed', reason: 'stopped' })
    expect(node.current).toBe(old)
    expect(node.install(two, undefined, { shell }).status).toBe(0)
  })
})

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('%s', (_name, shell) => {
  test.each(['<&-', '>&-', '2>&-', '<&- >&- 2>&-'])('descriptors that are closed: %s', (closed) => {
    const node = aNode()
    const from = node.unpack(first, 'one')
    const line = `cd ${shellQuote(from)} && ${shell.join(' ')} install.sh --tls ${shellQuote(node.tls)} --reload none ${closed}`
    expect(spawnSync('sh', ['-c', line], { encoding: 'utf8' })).toMatchObject({ status: 0 })
    expect(node.current).toMatch(/^1-/)
  })
})

describe('an archive that must not be installed here', () => {
  /** Changes the unpacked folder; the sums are made good unless they are what is meant. */
  function changed(
    archive: Uint8Array,
    change: (folder: string) => void,
    mend = true,
  ): { node: Node; folder: string } {
    const node = aNode()
    const folder = node.unpack(archive, 'archive')
    change(folder)
    if (mend) rewriteSums(folder)
    return { node, folder }
  }
  const edit =
    (file: string, from: string | RegExp, to: string | ((text: string) => string)) =>
    (folder: string): void => {
      const place = path.join(folder, file.replace('GEN', generationOf(folder)))
      const text = fs.readFileSync(place, 'latin1')
      const edited = text.replace(from, typeof to === 'string' ? () => to : to)
      expect(edited).not.toBe(text)
      fs.writeFileSync(place, edited)
    }
  const inGeneration =
    (act: (directory: string) => void) =>
    (folder: string): void => {
      act(path.join(folder, generationOf(folder)))
    }

  test.each([
    ['a flipped byte in a certificate', edit('GEN/cert.pem', 'M', 'N'), false, /cert\.pem is torn/],
    [
      'a torn key',
      inGeneration((at) => fs.truncateSync(`${at}/key.pem`, 40)),
      false,
      /key\.pem is torn/,
    ],
    ['a missing file', inGeneration((at) => fs.rmSync(`${at}/ca.pem`)), false, /exactly what/],
    [
      'no trust at all',
      inGeneration((at: string) => fs.rmSync(`${at}/ca.pem`)),
      true,
      /ca\.pem is missing/,
    ],
    ['an extra file', (at: string) => fs.writeFileSync(`${at}/x.hcl`, ''), false, /exactly what/],
    [
      'an extra file that is listed',
      (at: string) => fs.writeFileSync(`${at}/x.hcl`, ''),
      true,
      /lists what no archive holds: x\.hcl/,
    ],
    ['a link', (at: string) => fs.symlinkSync('/etc/passwd', `${at}/x`), false, /links or worse/],
    [
      'no sums',
      (at: string) => fs.rmSync(`${at}/SHA256SUMS`),
      false,
      /no archive is unpacked here/,
    ],
    ['empty sums', (at: string) => fs.writeFileSync(`${at}/SHA256SUMS`, ''), false, /exactly what/],
    [
      'another format',
      edit('manifest.json', 'nomad-pki/archive', 'nomad-pki/plan'),
      true,
      /not that of an archive/,
    ],
    [
      'a later version',
      edit('manifest.json', '"version": 1', '"version": 2'),
      true,
      /another version/,
    ],
    ['the flat layout', edit('manifest.json', '"links"', '"flat"'), true, /copied, not installed/],
    [
      'a way out in the name',
      edit('manifest.json', /"directory": "[^"]*"/, '"directory": "../../x"'),
      true,
      /names no generation/,
    ],
    [
      'an address with a space',
      edit('manifest.json', /"address": "[^"]*"/, '"address": "a b"'),
      true,
      /names no address/,
    ],
    [
      'two addresses',
      edit('GEN/manifest.json', 'global/s1', 'global/s2'),
      true,
      /of another address/,
    ],
    [
      'two numbers',
      edit('GEN/manifest.json', '"generation": 2', '"generation": 7'),
      true,
      /of another generation/,
    ],
    [
      'two leaves',
      edit('GEN/manifest.json', /"fingerprint": "./, (text) =>
        text.endsWith('0') ? '"fingerprint": "1' : '"fingerprint": "0',
      ),
      true,
      /of another leaf/,
    ],
    [
      'an expired leaf',
      edit('GEN/manifest.json', /"notAfter": "2/, '"notAfter": "1'),
      true,
      /expired at 1/,
    ],
    [
      'a leaf of the future',
      edit('GEN/manifest.json', /"notBefore": "2/, '"notBefore": "9'),
      true,
      /is the clock right/,
    ],
    ['no dates', edit('GEN/manifest.json', '"notAfter"', '"notafter"'), true, /says no dates/],
    [
      'a certificate of which the manifest knows nothing',
      edit('GEN/cert.pem', '\n', '\n\n'),
      true,
      /cert\.pem is not that of/,
    ],
    [
      'a trust of which the manifest knows nothing',
      edit('GEN/ca.pem', '\n', '\n\n'),
      true,
      /ca\.pem is not that of/,
    ],
  ] as const)('%s', (_what, change, mend, message) => {
    const { node, folder } = changed(second, change, mend)
    const run = node.install(folder)
    expect(run.stderr).toMatch(/^install\.sh: refused: /m)
    expect(run.stderr).toMatch(message)
    expect(run.status).toBe(3)
    const dates: Readonly<Record<string, string>> = {
      'an expired leaf': 'expired',
      'a leaf of the future': 'not-yet-valid',
    }
    expect(run.told).toMatchObject({ reason: dates[_what] ?? 'archive', address: '-', state: '-' })
    expect(fs.existsSync(node.tls)).toBe(false)
  })

  test("another node's", () => {
    const node = aNode()
    expect(node.install(node.unpack(neighbour, 's2')).status).toBe(0)
    const run = node.install(node.unpack(second, 's1'))
    expect(run.status).toBe(3)
    expect(run.stderr).toContain(
      'is for identity/server/global/s1, and this is identity/server/global/s2',
    )
    // The address is that of what is in place.
    expect(run.told).toMatchObject({ reason: 'address', address: 'identity/server/global/s2' })
  })

  test('one that is older, by the time at which it was made and not by its number', () => {
    const node = aNode()
    expect(node.install(node.unpack(second, 'two')).status).toBe(0)
    const run = node.install(node.unpack(first, 'one'))
    expect(run.status).toBe(3)
    expect(run.stderr).toMatch(/made at .*, before what is in place .*--rollback/)
    expect(run.told).toMatchObject({
      reason: 'older',
      wanted: expect.stringMatching(/^1-/) as string,
    })
    expect(node.current).toMatch(/^2-/)
    // Two of one second: then the number says it.
    const made = /"made": "[^"]*"/
    const there = made.exec(node.read('current/manifest.json'))![0]
    const folder = node.unpack(first, 'same second')
    edit('GEN/manifest.json', made, there)(folder)
    rewriteSums(folder)
    expect(node.install(folder).stderr).toMatch(/before what is in place/)
  })

  test("another pair's key, and another root's trust, where the sums are right", () => {
    const other = new Map(
      readTar(foreign).map(({ path: name, bytes }) => [name.split('/').at(-1)!, bytes]),
    )
    for (const [file, message, reason] of [
      ['key.pem', /key does not belong/, 'key'],
      ['ca.pem', /not trusted by the ca\.pem/, 'chain'],
    ] as const) {
      const { node, folder } = changed(second, (at) => {
        const place = path.join(at, generationOf(at))
        fs.writeFileSync(path.join(place, file), other.get(file)!)
        const inner = path.join(place, 'manifest.json')
        const text = fs.readFileSync(inner, 'latin1')
        const sum = createHash('sha256').update(other.get(file)!).digest('hex')
        fs.writeFileSync(
          inner,
          text.replace(new RegExp(`"${file}": "[^"]*"`), `"${file}": "${sum}"`),
        )
      })
      const run = node.install(folder)
      expect(run.stderr).toMatch(message)
      expect([run.status, run.told.reason]).toEqual([3, reason])
    }
  })

  test('a fingerprint that is not that of the archive, or an archive that is not what was unpacked', () => {
    const node = aNode()
    const folder = node.unpack(second, 'two')
    const file = path.join(node.folder, 'two.tar.gz')
    const fingerprint = createHash('sha256').update(second).digest('hex')
    const none = ['--reload', 'none']
    const other = node.install(folder, [...none, '--archive', file, '--fingerprint', '00'])
    expect(other.status).toBe(3)
    expect(other.stderr).toContain(`is ${fingerprint}, not 00`)
    expect(other.told.reason).toBe('fingerprint')
    node.unpack(first, 'one')
    const swapped = node.install(folder, [
      ...none,
      '--archive',
      path.join(node.folder, 'one.tar.gz'),
    ])
    expect(swapped.stderr).toContain('is not what was unpacked here')
    expect(fs.existsSync(node.tls)).toBe(false)
    const right = ['--archive', file, '--fingerprint', fingerprint]
    expect(node.install(folder, [...none, ...right])).toMatchObject({ status: 0 })
    expect(node.receipt()).toMatchObject({ archive: fingerprint })
  })

  test.each([
    ['nothing', []],
    ['no --reload', ['--tls', 'x']],
    ['an unknown option', ['--tls', 'x', '--reload', 'none', '--yes']],
    ['an option without its value', ['--tls']],
    ['the root', ['--tls', '/', '--reload', 'none']],
    ['a fingerprint of nothing', ['--tls', 'x', '--reload', 'none', '--fingerprint', '00']],
    ['seconds that are none', ['--tls', 'x', '--reload', 'none', '--watch', '1s']],
  ])('called with %s: 64', (_what, args) => {
    const plain = spawnSync('sh', [installerPath, ...args], { encoding: 'utf8' })
    expect(plain).toMatchObject({ status: 64, stdout: '' })
    expect(plain.stderr).toContain('--help says how')
    const line = [installerPath, '--porcelain', ...args]
    const { stdout, told } = toldBy(spawnSync('sh', line, { encoding: 'utf8' }))
    expect(stdout).toBe('')
    expect(told).toMatchObject({ status: '64', result: 'usage', reason: 'usage', generation: '-' })
    expect(plain.stderr).toBe(`install.sh: ${told.message!}\n`)
  })

  test('every reason that it can give is documented, and no other', () => {
    const script = fs.readFileSync(installerPath, 'utf8')
    const given = script.matchAll(/\b(?:(?:refuse|die \d+|guard) |code=)([a-z-]+)(?= ["']| ;;|\n)/g)
    const page = fs.readFileSync(new URL('../../docs/delivery.md', import.meta.url), 'utf8')
    const [, table = ''] = /\n\| reason +\|[^\n]*\n([^]*?)\n\n/.exec(page) ?? []
    const documented = [...table.matchAll(/`([a-z-]+)`/g)].map(([, reason]) => reason)
    const reasons = new Set([...given].map(([, reason]) => reason))
    expect(reasons.size).toBeGreaterThan(20)
    expect(documented.sort()).toEqual([...reasons].sort())
  })

  test('--help: every option that it takes, and the exit statuses', () => {
    const { status, stdout } = spawnSync('sh', [installerPath, '--help'], { encoding: 'utf8' })
    expect(status).toBe(0)
    const script = fs.readFileSync(installerPath, 'utf8')
    const [options = ''] = /while \[ \$# -gt 0[^]*?\ndone/.exec(script) ?? []
    const names = new Set(options.match(/--[a-z-]+/g))
    expect(names.size).toBeGreaterThan(12)
    for (const name of names) if (name !== '--help') expect(stdout).toContain(`  ${name}`)
    expect(stdout).toContain('Exit status: 0')
    expect(stdout).not.toContain('shellcheck')
  })
})

describe('one switch at a time', () => {
  test('a switch that was never proven holds the next one, until it is proven or given up', () => {
    const node = aNode()
    expect(node.install(node.unpack(first, 'one')).status).toBe(0)
    expect(node.install(node.unpack(second, 'two')).status).toBe(0)
    const three = node.unpack(third, 'three')
    const held = node.install(three)
    expect(held.status).toBe(3)
    expect(held.told).toMatchObject({ reason: 'unproven', wanted: generationOf(three) })
    expect(held.stderr).toMatch(/the switch to 2-\w+ at \S+ was never proven/)
    expect(node.current).toMatch(/^2-/)
    const proven = node.install(three, ['--proven'])
    expect(proven).toMatchObject({ status: 0, told: { result: 'noted', state: 'proven' } })
    expect(node.receipt()).toMatchObject({ generation: 2, state: 'proven' })
    expect(node.install(three).status).toBe(0)
    expect(node.current).toMatch(/^3-/)
    expect(node.install(three, ['--reload', 'none', '--rollback']).status).toBe(0)
    expect(node.current).toMatch(/^2-/)
    expect(node.install(three).stderr).toContain('was never proven')
    expect(node.install(three, ['--reload', 'none', '--give-up']).status).toBe(0)
    expect(node.current).toMatch(/^3-/)
  })

  test('a lock that is held by a living process is respected, one of a dead process inherited', () => {
    const node = aNode()
    const one = node.unpack(first, 'one')
    fs.mkdirSync(path.join(node.tls, '.lock'), { recursive: true })
    fs.writeFileSync(path.join(node.tls, '.lock/pid'), `${2 ** 22 + 1} 1\n`)
    expect(node.install(one).status).toBe(0)
    expect(node.names()).not.toContain('.lock')
  })

  test('three are kept: the current one, the one before it and another', () => {
    const node = aNode()
    for (const [at, archive] of [first, second, third, fourth].entries()) {
      const args = ['--reload', 'none', '--give-up']
      expect(node.install(node.unpack(archive, `n${at}`), args).status).toBe(0)
    }
    expect(
      node
        .names()
        .filter((name) => /^\d/.test(name))
        .map((name) => name[0]),
    ).toEqual(['2', '3', '4'])
    expect(node.current).toMatch(/^4-/)
  })

  test('what is damaged in place is mended by the same archive: contents, modes', () => {
    const node = aNode()
    const one = node.unpack(first, 'one')
    expect(node.install(one).status).toBe(0)
    const place = path.join(node.tls, 'current')
    const before = node.read('current/cert.pem')
    fs.writeFileSync(path.join(place, 'cert.pem'), 'x')
    expect(node.install(one).status).toBe(0)
    expect(node.read('current/cert.pem')).toBe(before)
    fs.chmodSync(path.join(place, 'key.pem'), 0o644)
    const mended = node.install(one)
    expect(mended.stdout).toContain('was not 600, and is now')
    expect(mended.told).toMatchObject({ result: 'installed', changed: 'yes' })
    expect(node.mode('current/key.pem')).toBe('600')
  })

  test('--dry-run changes nothing', () => {
    const node = aNode()
    const one = node.unpack(first, 'one')
    const run = node.install(one, ['--reload', 'none', '--dry-run'])
    expect(run.status).toBe(0)
    expect(run.stdout).toMatch(
      /would switch \S.*\/current: nothing to 1-\w{8}, for identity\/server\/global\/s1/,
    )
    expect(run.told).toMatchObject({ result: 'planned', changed: 'no', wanted: generationOf(one) })
    expect(fs.existsSync(node.tls)).toBe(false)
    const nothing = node.install(one, ['--reload', 'none', '--rollback', '--dry-run'])
    expect(nothing.told).toMatchObject({ result: 'refused', reason: 'nothing', wanted: '-' })
    expect(node.install(one).status).toBe(0)
    expect(node.install(one, ['--reload', 'none', '--dry-run']).told.result).toBe('unchanged')
    const two = node.unpack(second, 'two')
    expect(node.install(two).status).toBe(0)
    const back = node.install(two, ['--reload', 'none', '--rollback', '--dry-run'])
    expect(back.told).toMatchObject({ result: 'planned', wanted: generationOf(one) })
    fs.rmSync(path.join(node.tls, generationOf(one), 'key.pem'))
    const damaged = node.install(two, ['--reload', 'none', '--rollback'])
    expect(damaged.told).toMatchObject({ reason: 'damaged', wanted: generationOf(one) })
  })

  test('without --porcelain there is no such line, with it the words for people stay', () => {
    const node = aNode()
    const one = node.unpack(first, 'one')
    const run = (...args: string[]): string => {
      const line = ['install.sh', '--tls', node.tls, '--reload', 'none', '--dry-run', ...args]
      return spawnSync('sh', line, { cwd: one, encoding: 'utf8' }).stdout
    }
    const plain = run()
    expect(plain).not.toMatch(/porcelain|moment=/)
    expect(toldBy({ status: 0, stdout: run('--porcelain'), stderr: '' }).stdout).toBe(plain)
    expect(run('--porcelain', '--help')).toBe(run('--help'))
  })

  test('what another wrote into a manifest or a receipt can not add to the line', () => {
    const node = aNode()
    const one = node.unpack(first, 'one')
    expect(node.install(one).status).toBe(0)
    for (const [file, key] of [
      ['current/manifest.json', 'address'],
      ['current/manifest.json', 'fingerprint'],
      ['receipt.json', 'state'],
    ] as const) {
      const place = path.join(node.tls, file)
      const text = node.read(file)
      const odd = text.replace(new RegExp(`"${key}": "[^"]*"`), `"${key}": "x status=9 result=y"`)
      expect(odd).not.toBe(text)
      fs.writeFileSync(place, odd)
      const { told } = node.install(node.folder)
      expect(told).toMatchObject({ status: '3', result: 'refused', [key]: '-' })
      fs.writeFileSync(place, text)
    }
  })
})

describe('what a node has already', () => {
  test('a key that is not in the archive is taken from the generation in place, and from a file', () => {
    const node = aNode()
    const folder = node.unpack(bare, 'bare')
    const bareRun = node.install(folder)
    expect(bareRun.stderr).toContain('the archive has no key')
    expect(bareRun.told.reason).toBe('key')
    const key = path.join(node.folder, 'key')
    const full = node.unpack(second, 'full')
    fs.copyFileSync(path.join(full, generationOf(full), 'key.pem'), key)
    expect(node.install(folder, ['--reload', 'none', '--key', key]).status).toBe(0)
    expect(node.mode('current/key.pem')).toBe('600')
    expect(node.install(folder).stdout).toContain('in place already')
    const other = aNode()
    expect(other.install(other.unpack(first, 'one')).status).toBe(0)
    // Another key than the first generation's belongs to it.
    const lost = other.install(other.unpack(bare, 'bare'))
    expect(lost.told.reason).toBe('key')
    expect(lost.stderr).toContain('requested-key.pem is not there. If it is lost')
    fs.copyFileSync(
      path.join(other.tls, 'current/key.pem'),
      path.join(other.tls, 'requested-key.pem'),
    )
    expect(other.install(other.unpack(bare, 'again')).stderr).toContain('is a different key')
  })
})
