/** The commands that are printed for a node with a shell: a tool of the host compares before anything of the archive is touched. */

import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import { shellInstall } from '../../src/report/shell-install.js'
import { Node, renewed } from './node.js'
import { shellQuote } from '../../src/shell-quote.js'

let first: Uint8Array
let second: Uint8Array
beforeAll(async () => {
  ;({ first, second } = await renewed())
})

describe('the command', () => {
  function run(archive: Uint8Array, expected: Uint8Array, name: string) {
    const node = new Node()
    fs.writeFileSync(path.join(node.folder, name), archive, { mode: 0o600 })
    const fingerprint = createHash('sha256').update(expected).digest('hex')
    const line = shellInstall(name, `--tls ${shellQuote(node.tls)}`, '--reload none')
    const text = line.replace('FINGERPRINT', fingerprint)
    return { node, run: spawnSync('sh', ['-c', text], { cwd: node.folder, encoding: 'utf8' }) }
  }

  test.each(['s1.tar.gz', "it's s1.tar.gz"])('installs what was packed: %s', (name) => {
    const { node, run: ended } = run(first, first, name)
    expect(ended).toMatchObject({ status: 0 })
    expect(node.receipt()).toMatchObject({
      archive: createHash('sha256').update(first).digest('hex'),
    })
  })

  test('of another archive unpacks nothing and runs nothing', () => {
    const { node, run: ended } = run(second, first, 's1.tar.gz')
    expect(ended.status).not.toBe(0)
    expect(fs.readdirSync(node.folder)).toEqual(['s1.tar.gz'])
  })
})

describe('the documents', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const files = [
    'README.md',
    ...['docs', 'templates'].flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), { encoding: 'utf8' })
        .map((name) => `${folder}/${name}`),
    ),
  ].filter((file) => /\.(md|ya?ml|service|timer)$/.test(file))
  /** Code blocks with a line that unpacks an archive and runs the installer in it. */
  const blocks = files.flatMap((file) =>
    [...fs.readFileSync(path.join(root, file), 'utf8').matchAll(/^```[^\n]*\n([^]*?)^```/gm)]
      .map(([, block = '']) => block)
      .filter((block) => /\btar -x|unarchive:/.test(block) && block.includes('install.sh'))
      .map((block) => [file, block] as const),
  )

  test('have such commands', () => {
    expect(new Set(blocks.map(([file]) => file))).toEqual(
      new Set(['docs/guide.md', 'docs/delivery.md']),
    )
  })

  test.each(blocks)('compare before they unpack: %s', (_file, block) => {
    const compared = block.search(/sha256sum -c -|checksum_algorithm: sha256/)
    expect(compared).toBeGreaterThan(-1)
    expect(compared).toBeLessThan(block.search(/\btar -x|unarchive:/))
  })
})
