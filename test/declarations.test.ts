/**
 * The declarations as they are built, read as a stranger's compiler reads them: each type that a
 * signature needs must have a name that can be imported.
 */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
// Without links: the compiler names files by where they really are.
const place = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-types-')))

beforeAll(() => {
  execFileSync(process.execPath, [path.join(root, 'build.mjs'), place])
}, 300_000)
afterAll(() => fs.rmSync(place, { recursive: true, force: true }))

/** The types below an entry that it does not name, each with the declarations that need it. */
function unnamedIn(entry: string, folder = path.join(place, 'types')): string[] {
  const program = ts.createProgram([path.join(folder, entry)], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    types: [],
  })
  const checker = program.getTypeChecker()
  const real = (symbol: ts.Symbol): ts.Symbol =>
    (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)
  const module = checker.getSymbolAtLocation(program.getSourceFile(path.join(folder, entry))!)!
  const named = checker.getExportsOfModule(module).map(real)
  expect(named.length).toBeGreaterThan(0)

  const lost = new Map<ts.Symbol, Set<string>>()
  const seen = new Set(named)
  const open = [...named]
  for (const symbol of open) {
    const visit = (node: ts.Node): void => {
      const name = ts.isTypeReferenceNode(node)
        ? node.typeName
        : ts.isExpressionWithTypeArguments(node)
          ? node.expression
          : undefined
      const found = name && checker.getSymbolAtLocation(name)
      if (found !== undefined) {
        const target = real(found)
        const ours = target.declarations?.some((one) =>
          one.getSourceFile().fileName.startsWith(folder),
        )
        if (ours === true && (target.flags & ts.SymbolFlags.TypeParameter) === 0) {
          if (!named.includes(target)) {
            lost.set(target, (lost.get(target) ?? new Set()).add(symbol.name))
          }
          if (!seen.has(target)) open.push(target)
          seen.add(target)
        }
      }
      ts.forEachChild(node, visit)
    }
    symbol.declarations?.forEach(visit)
  }
  return [...lost].map(([type, by]) => `${type.name}: needed by ${[...by].join(', ')}`)
}

describe('each type that a signature needs can be imported by name', () => {
  test.each(['index.d.ts', 'hcl/index.d.ts'])('%s', (entry) => {
    expect(unnamedIn(entry)).toEqual([])
  })

  test('one that cannot is named, with what needs it', () => {
    const folder = path.join(place, 'sample')
    fs.mkdirSync(folder)
    const files = {
      'index.d.ts': "export { f, type Given } from './f.js'\n",
      'f.d.ts':
        "import type { Deep } from './deep.js'\nexport interface Given { readonly deep: Deep }\nexport interface Options { readonly name: string }\nexport declare function f<T>(given: Given & T, options?: Options): void\n",
      'deep.d.ts': 'export type Deep = readonly Deeper[]\nexport interface Deeper { a: 1 }\n',
    }
    for (const [name, text] of Object.entries(files)) {
      fs.writeFileSync(path.join(folder, name), text)
    }
    expect(unnamedIn('index.d.ts', folder)).toEqual([
      'Options: needed by f',
      'Deep: needed by Given',
      'Deeper: needed by Deep',
    ])
  })
})
