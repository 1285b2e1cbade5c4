/**
 * `docs/library/`, made by TypeDoc from the sources: a page for each group of `src/index.ts`, and one for
 * `nomad-pki/hcl`. The table in `docs/library.md` lists them.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { roles } from '../../src/address.js'
import { reasons } from '../../src/checks/reasons.js'
import { errorCodes } from '../../src/errors.js'
import { agentStates } from '../../src/evidence/judgement.js'
import { ledgerEvents } from '../../src/inventory/ledger-events.js'
import { namesIn, sections } from './sections.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The page of each group, by its title in `src/index.ts`, and what it is for. */
const groups: Readonly<Record<string, readonly [page: string, about: string]>> = {
  'Describe a cluster': [
    'describe',
    'From the text of `cluster.yaml` to everything that the cluster should have.',
  ],
  'Read what exists': [
    'read',
    'The store, its ledger and the agents’ configurations as values. Nothing in them is a secret.',
  ],
  'Plan and apply': ['plan', 'From what should be and what is to steps, and the steps done.'],
  Check: [
    'check',
    'Whether Nomad accepts the files: by its rules, and by real handshakes in memory.',
  ],
  'Keys and certificates': ['certificates', 'Keys and certificates as values, and as PEM.'],
  'Issue a certificate': [
    'issue',
    'One certificate, without a store: prepared, checked by lint, signed, compared with what was asked for.',
  ],
  Issuers: [
    'issuers',
    'The port to what signs, and its implementations. [An issuer of your own](../library.md#an-issuer-of-your-own) implements `Issuer`.',
  ],
  Stores: [
    'stores',
    'The port to keys, certificates and ledger, and its implementations. [A store of your own](../library.md#a-store-of-your-own) implements `Store`.',
  ],
  'Agents’ configurations': [
    'configurations',
    'The `tls` block of an agent’s configuration, and the port to the files.',
  ],
  'Ask running agents': [
    'probe',
    'What running agents present and trust, and what that proves. [The words](../proof.md).',
  ],
  Rotate: ['rotate', 'Where the rotation of a root stands, its gate, and the order of delivery.'],
  Deliver: ['deliver', 'Archives for nodes and people.'],
  'Errors, addresses, spans of time': [
    'basics',
    'What all other groups use. [All codes of errors](../errors.md).',
  ],
}

const hcl = [
  'hcl',
  'The subpath `nomad-pki/hcl`: HCL 1 and JSON as a tree that can be edited, read as HashiCorp’s own parser reads them. It knows no Nomad.',
] as const

const options = {
  plugin: ['typedoc-plugin-markdown'],
  router: 'module',
  readme: 'none',
  name: 'nomad-pki',
  sort: ['source-order'],
  groupOrder: ['Functions', 'Variables', 'Classes', 'Interfaces', 'Type Aliases'],
  disableSources: true,
  disableGit: true,
  excludeExternals: true,
  excludePrivate: true,
  excludeReferences: true,
  hideBreadcrumbs: true,
  hidePageHeader: true,
  hideGroupHeadings: false,
  useCodeBlocks: true,
  expandParameters: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeAliasPropertiesFormat: 'table',
  propertyMembersFormat: 'table',
  tableColumnSettings: { hideModifiers: true, hideDefaults: true, hideInherited: true },
  // A name that no page has is a fault of index.ts; a link that leads nowhere is one of a comment.
  validation: { notExported: true, invalidLink: true, notDocumented: false },
  treatWarningsAsErrors: true,
}

interface Group {
  readonly page: string
  readonly title: string
  readonly about: string
  readonly names: readonly string[]
  readonly text: string
}

function allGroups(): readonly Group[] {
  const index = fs.readFileSync(path.join(root, 'src/index.ts'), 'utf8')
  const own = sections(index).map(({ title, names, text }) => {
    const entry = groups[title]
    if (entry === undefined) throw new Error(`test/docs/library.ts has no page for "${title}"`)
    const [page, about] = entry
    return { page, title, about, names, text }
  })
  const [page, about] = hcl
  const text = "export * from './hcl/index.js'"
  const names = namesIn(fs.readFileSync(path.join(root, 'src/hcl/index.ts'), 'utf8'))
  return [...own, { page, title: 'HCL (`nomad-pki/hcl`)', about, names, text }]
}

/** The text of each page, by its path. All are made at once, on the first call. */
export function libraryPages(): ReadonlyMap<string, string> {
  made ??= make()
  return made
}

let made: ReadonlyMap<string, string> | undefined

/** The paths of the pages. */
export const libraryPaths: readonly string[] = [...Object.values(groups), hcl].map(
  ([page]) => `docs/library/${page}.md`,
)

function make(): ReadonlyMap<string, string> {
  const place = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-library-')))
  try {
    const write = (name: string, text: string): void =>
      fs.writeFileSync(path.join(place, name), text)
    const all = allGroups()
    const source = path.join(fs.realpathSync(root), 'src')
    for (const { page, text } of all) {
      // A path can hold a quote.
      const absolute = text.replaceAll(
        /from '\.\/([^']*)'/g,
        (_, file: string) => `from ${JSON.stringify(path.join(source, file))}`,
      )
      write(`${page}.ts`, `${absolute}\n`)
    }
    write('package.json', '{ "type": "module" }')
    const files = all.map(({ page }) => `${page}.ts`)
    const compilerOptions = { rootDir: '/', typeRoots: [path.join(root, 'node_modules/@types')] }
    write(
      'tsconfig.json',
      JSON.stringify({
        extends: path.join(root, 'tsconfig.json'),
        compilerOptions,
        files,
        include: [],
      }),
    )
    write(
      'typedoc.json',
      JSON.stringify({ ...options, entryPoints: files, tsconfig: 'tsconfig.json', out: 'out' }),
    )
    const { status, stdout, stderr } = spawnSync(
      execPath,
      [path.join(root, 'node_modules/typedoc/bin/typedoc'), '--options', 'typedoc.json'],
      { cwd: place, encoding: 'utf8', env: { PATH: process.env['PATH'], NO_COLOR: '1' } },
    )
    if (status !== 0) throw new Error(`TypeDoc ended with ${String(status)}\n${stdout}${stderr}`)
    const read = (page: string): string =>
      fs.readFileSync(path.join(place, `out/${page}.md`), 'utf8')
    return tidy(new Map(all.map(({ page }) => [page, read(page)])), all)
  } finally {
    fs.rmSync(place, { recursive: true, force: true })
  }
}

/**
 * Unions that TypeDoc cannot name, because the sources make them from a table: where all their words stand,
 * the name does instead.
 */
const unions: Readonly<Record<string, readonly string[]>> = {
  AgentState: agentStates,
  ErrorCode: Object.keys(errorCodes),
  EventName: Object.keys(ledgerEvents),
  Reason: Object.keys(reasons),
  Role: roles,
}

/** The name of the union that has these words and no others; `undefined` where it has none. */
function unionOf(words: readonly string[]): string | undefined {
  return Object.entries(unions).find(
    ([, all]) => all.length === words.length && all.every((word) => words.includes(word)),
  )?.[0]
}

/** The pages with titles and the way back, with names for long unions, without anchors that nothing links to. */
function tidy(pages: ReadonlyMap<string, string>, all: readonly Group[]): Map<string, string> {
  const linked = new Set(
    [...pages.values()].flatMap((text) => text.match(/(?<=#)property-[\w-]+/g) ?? []),
  )
  const pageOf = (name: string): string => all.find(({ names }) => names.includes(name))!.page
  return new Map(
    all.map(({ page, title, about }) => {
      const link = (name: string): string =>
        `[\`${name}\`](${pageOf(name) === page ? '' : `${pageOf(name)}.md`}#${name.toLowerCase()})`
      const text = pages
        .get(page)!
        .replaceAll(/ +$/gm, '')
        .replace(/^# .*$/m, () => `# ${title}\n\n${about} [All groups](../library.md).`)
        .replaceAll(/<a id="([^"]*)"><\/a> ?/g, (anchor, id: string) =>
          linked.has(id) ? anchor : '',
        )
        // In tables, then in blocks of code, then where the union itself is explained.
        .replaceAll(/(?:\\\| )?`"[^"]+"`(?: \\\| `"[^"]+"`)+/g, (union) => {
          const name = unionOf(wordsOf(union))
          return name === undefined ? union : link(name)
        })
        .replaceAll(/\s+\| "[^"]+"(?:\n\s+\| "[^"]+")+/g, (union) => {
          const name = unionOf(wordsOf(union))
          return name === undefined ? union : ` ${name}`
        })
        .replaceAll(/^type (\w+) = (?:keyof )?typeof .*;$/gm, (alias, name: string) =>
          unions[name] === undefined
            ? alias
            : `type ${name} =\n${unions[name].map((word) => `  | '${word}'`).join('\n')}`,
        )
      return [`docs/library/${page}.md`, text]
    }),
  )
}

function wordsOf(union: string): string[] {
  return union.match(/(?<=")[^"]+(?=")/g)!.filter((word) => /\w/.test(word))
}

/** `docs/library.md`: what stands between the marks is the list of pages. */
export function libraryIndex(present: string): string {
  const rows = allGroups().map(({ page, title, names }) => {
    const functions = names.filter((name) => /^[a-z]/.test(name)).map((name) => `\`${name}\``)
    return `| [${title}](library/${page}.md) | ${functions.join(', ')} |`
  })
  const table = ['| task | functions |', '|---|---|', ...rows].join('\n')
  const marked = /(<!-- pages -->\n)[^]*?(<!-- \/pages -->)/
  if (!marked.test(present)) throw new Error('docs/library.md has no marks for the list of pages')
  return present.replace(marked, (_, begin: string, end: string) => `${begin}${table}\n${end}`)
}
