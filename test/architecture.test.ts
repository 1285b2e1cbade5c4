/**
 * Walks the imports under `src/` and names what leaked: the map of CONTRIBUTING.md as a description
 * that happens to run. When the house changes, this table changes with it.
 */

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const source = fileURLToPath(new URL('../src/', import.meta.url))

/** From the top of the page to its end: imports go up only. Rooms of one line are of one band. */
const bands: readonly (readonly string[])[] = [
  [
    'errors.ts',
    'bytes.ts',
    'diagnostics.ts',
    'duration.ts',
    'address.ts',
    'overrides.ts',
    'memo.ts',
    'sha256.ts',
    'splice.ts',
    'grouping.ts',
    'count.ts',
    'revocation-reasons.ts',
    'shell-quote.ts',
    'in-parallel.ts',
  ],
  ['der', 'keys', 'x509', 'hcl', 'nomad', 'agent'],
  ['lint', 'authority'],
  ['cluster', 'inventory', 'checks'],
  ['evidence'],
  ['plan', 'verify', 'rotation', 'adoption'],
  [
    'files',
    'store',
    'engine',
    'issuers',
    'probe',
    'delivery',
    'renewal',
    'apply',
    'hosts',
    'rollout',
  ],
  ['report', 'cli'],
]

/** What may appear where: a prefix of the path under `src/`. */
const places: readonly (readonly [what: string, pattern: RegExp, where: readonly string[]])[] = [
  ['fs-extra', /from 'fs-extra'|import\('fs-extra'\)/, ['files/']],
  [
    'node:fs',
    /'node:fs(\/promises)?'/,
    ['files/', 'store/', 'cli/context.ts', 'cli/run.ts', 'cli/unpacked.ts'],
  ],
  ['node-forge', /'node-forge[^']*'/, ['x509/']],
  ['node-forge other than by await import()', /^import (?!type)[^\n]*'node-forge/m, []],
  ['commander', /'commander'/, ['cli/program.ts']],
  ['yaml', /'yaml'/, ['cluster/']],
  ['jsonc-parser', /'jsonc-parser'/, ['hcl/']],
  ['node:tls', /'node:tls'/, ['probe/']],
  [
    'the sockets of node:net',
    /import (?!type|\{ isIP(v4|v6)?(, isIP(v4|v6)?)* \})[^\n]* from 'node:net'/,
    ['probe/', 'issuers/ssh-agent.ts'],
  ],
  [
    'node:http, node:https, fetch',
    /'node:https?'|\bfetch\(/,
    ['engine/client.ts', 'probe/', 'renewal/send-receipt.ts'],
  ],
  ['node:child_process', /'node:child_process'/, ['files/', 'delivery/']],
  ['console', /\bconsole\./, ['cli/']],
  ['process', /(?<![\w.'])process\.(?!versions)/, ['cli/']],
  // Nothing above issuers/ holds the private key of an authority: apply/ and cli/ make keys of leaves.
  [
    'a private key',
    /\b(PrivateKey|encodePrivateKey|parsePrivateKey|generateKey(Sync)?)\b/,
    [
      'keys/',
      // A leaf's key signs the request of its successor.
      'x509/detached-signature.ts',
      'x509/make-pkcs12.ts',
      'x509/pkcs12.ts',
      'x509/request.ts',
      'nomad/load-fault.ts',
      'issuers/',
      // Keys of leaves: they sign requests for what they are, and go to browsers.
      'delivery/node-key.ts',
      'delivery/pack-layout.ts',
      'delivery/pack-p12.ts',
      'apply/identities.ts',
      'cli/probe-leaves.ts',
      'index.ts',
    ],
  ],
  [
    'the key of an authority',
    /\b(readAuthorityKey|heldIssuer|heldSigner|newAuthorityKey|createRoot)\b/,
    ['issuers/', 'store/', 'inventory/store.ts', 'index.ts'],
  ],
  [
    'a signature by a key at hand',
    /\bsignBytes\b/,
    ['keys/', 'x509/request.ts', 'x509/detached-signature.ts', 'issuers/'],
  ],
  [
    'a signature by node:crypto',
    /import [^\n]*\b(sign|createSign|createPrivateKey)\b[^\n]* from 'node:crypto'/,
    ['keys/'],
  ],
  ['the clock', /new Date\(\)|Date\.now\(/, ['cli/context.ts']],
  ['a default export', /^export default/m, []],
  ['an enum', /^(export )?(const )?enum /m, []],
]

/** Tables and grammars may be long. */
const grammars: readonly string[] = [
  'agent/schema-table.ts',
  'cluster/read.ts',
  'cluster/regions.ts',
  'cluster/shape.ts',
  'cluster/yaml-edit.ts',
  'inventory/ledger-events.ts',
]

interface SourceFile {
  readonly name: string
  /** Without comments and, for what is looked for in code, as it is written. */
  readonly code: string
  /** Files under `src/` that it imports, types included. */
  readonly imports: readonly string[]
  /** Those of them that are loaded with it. */
  readonly loads: readonly string[]
}

const files: readonly SourceFile[] = fs
  .readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
  .map((name) => {
    const code = withoutComments(fs.readFileSync(path.join(source, name), 'utf8'))
    const specifiers = [...code.matchAll(/(?:from|import\() ?'(\.{1,2}\/[^']+)'/g)]
    const values = [...code.matchAll(/^(?:import|export) (?!type)[^']*?from '(\.{1,2}\/[^']+)'/gm)]
    const target = ([, text]: RegExpMatchArray): string =>
      path.join(path.dirname(name), text!).replace(/\.js$/, '.ts')
    return { name, code, imports: specifiers.map(target), loads: values.map(target) }
  })

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/[^\n]*/g, '$1')
}

function bandOf(name: string): number {
  const room = name.split('/', 1)[0]!
  return bands.findIndex((band) => band.includes(room))
}

describe('the house', () => {
  test('every file lies in a room of the map', () => {
    const lost = files.filter(({ name }) => name !== 'index.ts' && bandOf(name) === -1)
    expect(lost.map(({ name }) => name)).toEqual([])
  })

  test('every import finds its file', () => {
    const known = new Set(files.map(({ name }) => name))
    const lost = files.flatMap(({ name, imports }) =>
      imports.filter((target) => !known.has(target)).map((target) => `${name} → ${target}`),
    )
    expect(lost).toEqual([])
  })

  test('imports go up the page only', () => {
    const leaks = files
      .filter(({ name }) => name !== 'index.ts')
      .flatMap(({ name, imports }) =>
        imports.filter((target) => bandOf(target) > bandOf(name)).map((to) => `${name} → ${to}`),
      )
    expect(leaks).toEqual([])
  })

  test('nothing imports the public API, which only names', () => {
    const leaks = files.filter(({ imports }) => imports.includes('index.ts'))
    expect(leaks.map(({ name }) => name)).toEqual([])
    const index = files.find(({ name }) => name === 'index.ts')
    expect(index?.code).not.toMatch(/^(export )?((const|let|function|class|interface) |type \w)/m)
  })

  test('no file needs itself in order to be loaded', () => {
    const edges = new Map(files.map(({ name, loads }) => [name, loads]))
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (name: string, trail: readonly string[]): void => {
      if (trail.includes(name)) {
        circles.push([...trail.slice(trail.indexOf(name)), name].join(' → '))
        return
      }
      if (done.has(name)) return
      for (const target of edges.get(name) ?? []) visit(target, [...trail, name])
      done.add(name)
    }
    for (const { name } of files) visit(name, [])
    expect(circles).toEqual([])
  })

  test('no room needs another that needs it', () => {
    const rooms = new Map<string, Set<string>>()
    for (const { name, loads } of files) {
      const room = name.split('/', 1)[0]!
      for (const target of loads) {
        const other = target.split('/', 1)[0]!
        if (other === room || name === 'index.ts') continue
        rooms.set(room, (rooms.get(room) ?? new Set()).add(other))
      }
    }
    const mutual = [...rooms].flatMap(([room, others]) =>
      [...others].filter((other) => room < other && rooms.get(other)?.has(room) === true),
    )
    expect(mutual).toEqual([])
  })

  test.each(places)('%s stays in its room', (_what, pattern, where) => {
    const leaks = files.filter(
      ({ name, code }) => !where.some((place) => name.startsWith(place)) && pattern.test(code),
    )
    expect(leaks.map(({ name }) => name)).toEqual([])
  })

  test('the patterns see what they look for', () => {
    const samples = [
      "import { copy } from 'fs-extra'",
      "import { open } from 'node:fs/promises'",
      "await import('node-forge/lib/pkcs12.js')",
      "import forge from 'node-forge'",
      "import { Command } from 'commander'",
      "import { parseDocument } from 'yaml'",
      "import { parseTree } from 'jsonc-parser'",
      "import { connect } from 'node:tls'",
      "import { connect, isIP } from 'node:net'",
      'await fetch(url)',
      "import { spawn } from 'node:child_process'",
      'console.error(1)',
      '  process.exit(1)',
      'key: PrivateKey',
      'await store.readAuthorityKey(name, 1)',
      'signBytes(key, tbs)',
      "import { createPrivateKey, sign } from 'node:crypto'",
      'now = Date.now()',
      'export default 1',
      'export const enum A {}',
    ]
    expect(places.map(([what, pattern], at) => pattern.test(samples[at]!) || what)).toEqual(
      places.map(() => true),
    )
  })

  test('a file is read in a screen or two: more than 400 lines is a table or a grammar', () => {
    const long = files
      .map(({ name }) => ({
        name,
        lines: fs.readFileSync(path.join(source, name), 'utf8').split('\n').length,
      }))
      .filter(({ name, lines }) => lines > 400 && !grammars.includes(name))
    expect(long).toEqual([])
  })

  test('every file begins with a title', () => {
    const untitled = files.filter(
      ({ name }) =>
        !/^\/\*\*[\s\S]*?@module/.test(fs.readFileSync(path.join(source, name), 'utf8')),
    )
    expect(untitled.map(({ name }) => name)).toEqual([])
  })
})
