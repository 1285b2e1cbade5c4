/** Each link of a document to another one, or to a heading, leads somewhere. */

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

const documents = [
  ...fs.readdirSync(root),
  ...fs
    .readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'))

const text = (name: string): string => fs.readFileSync(path.join(root, name), 'utf8')
const withoutCode = (markdown: string): string => markdown.replaceAll(/^```[^]*?^```$/gm, '')

/** The names of a document's headings, as GitHub makes them, and of its own anchors. */
function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading] of withoutCode(markdown).matchAll(/^#+ (.+)$/gm)) {
    const slug = heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-')
    let name = slug
    for (let count = 1; anchors.has(name); count += 1) name = `${slug}-${count}`
    anchors.add(name)
  }
  for (const [, id] of markdown.matchAll(/<a id="([^"]+)">/g)) anchors.add(id!)
  return anchors
}

test.each(documents)('%s', (name) => {
  const lost = [...withoutCode(text(name)).matchAll(/(?<!`)\[[^\]]*\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#')
      const to = file === '' ? name : path.join(path.dirname(name), file)
      if (!fs.existsSync(path.join(root, to))) return true
      return anchor !== undefined && !anchorsOf(text(to)).has(anchor)
    })
  expect(lost).toEqual([])
})

test('README lists every document, and docs/library.md every page of the reference', () => {
  const unlisted = documents.filter((name) =>
    name.startsWith('docs/library/')
      ? !text('docs/library.md').includes(`](${name.slice('docs/'.length)})`)
      : name.startsWith('docs/') && !text('README.md').includes(`](${name})`),
  )
  expect(unlisted).toEqual([])
})
