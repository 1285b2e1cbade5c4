/**
 * What the sources say of themselves to strangers: each public function is documented in full, names the
 * errors that can reach its caller and no others, and the examples compile and run.
 */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import ts from 'typescript'
import { afterAll, describe, expect, test } from 'vitest'
import { errorCodes } from '../src/errors.js'
import { sections } from './docs/sections.js'
import { ErrorReach } from './error-reach.js'

const root = fileURLToPath(new URL('../', import.meta.url))
const source = path.join(root, 'src')
const entries = { 'nomad-pki': 'src/index.ts', 'nomad-pki/hcl': 'src/hcl/index.ts' }

const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (file) =>
  fs.readFileSync(file, 'utf8'),
) as { config: object }
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
const program = ts.createProgram(
  Object.values(entries).map((entry) => path.join(root, entry)),
  options,
)
const checker = program.getTypeChecker()
const reach = new ErrorReach(checker, source)

interface Documented {
  readonly name: string
  readonly symbol: ts.Symbol
  readonly node: ts.FunctionDeclaration
  readonly summary: string
}

function summaryOf(node: ts.Node): string {
  const comment = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc)?.comment
  return (ts.getTextOfJSDocComment(comment) ?? '').trim()
}

/** What an entry exports, each by its name. */
function exportsOf(entry: string): { readonly name: string; readonly symbol: ts.Symbol }[] {
  const module = checker.getSymbolAtLocation(program.getSourceFile(path.join(root, entry))!)!
  return checker.getExportsOfModule(module).map((exported) => {
    const aliased = (exported.flags & ts.SymbolFlags.Alias) !== 0
    return { name: exported.name, symbol: aliased ? checker.getAliasedSymbol(exported) : exported }
  })
}

const exported = Object.values(entries).flatMap(exportsOf)

const functions = exported.flatMap(({ name, symbol }): (readonly [string, Documented])[] => {
  const node = symbol.declarations?.find(ts.isFunctionDeclaration)
  return node === undefined ? [] : [[name, { name, symbol, node, summary: summaryOf(node) }]]
})

/**
 * The members of a public type without a sentence. A member with one literal value that tells the arms
 * of a union apart needs none, nor do the patterns of a conditional type.
 */
function silentMembers(declaration: ts.Node): string[] {
  const silent: string[] = []
  const visit = (node: ts.Node, inUnion: boolean): void => {
    const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []
    if (ts.isBlock(node) || modifiers.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)) {
      return
    }
    if (ts.isConditionalTypeNode(node)) {
      visit(node.trueType, false)
      visit(node.falseType, false)
      return
    }
    if ((ts.isTypeElement(node) || ts.isClassElement(node)) && node.name !== undefined) {
      const tells =
        inUnion && ts.isPropertySignature(node) && node.type && ts.isLiteralTypeNode(node.type)
      if (!ts.isPrivateIdentifier(node.name) && tells !== true && summaryOf(node) === '') {
        // A method may say all in @returns.
        if (ts.getJSDocCommentsAndTags(node).length === 0) silent.push(node.name.getText())
      }
    }
    const arms = ts.isUnionTypeNode(node) || (inUnion && !ts.isTypeElement(node))
    ts.forEachChild(node, (child) => visit(child, arms))
  }
  visit(declaration, false)
  return silent
}

/** What is wrong with a first sentence. */
function faultOf(summary: string): string | undefined {
  const [first = ''] = summary.split('\n\n')
  if (!/[.:][`)]?$/.test(first)) return `no full stop: ${first}`
  return first.split(/\s+/).length < 5 ? `it says no more than the name: ${first}` : undefined
}

/**
 * Codes that the text of a function reaches and that cannot come out of it. "parsed": it takes values
 * that a parser of ours has checked already.
 */
const cannot: readonly (readonly [
  codes: readonly (keyof typeof errorCodes)[],
  functions: readonly string[] | 'all',
  why: string,
])[] = [
  [['ERR_INTERNAL'], 'all', 'a defect of nomad-pki, of which no function knows'],
  [['ERR_DER_MALFORMED'], 'all', 'readers make of it the code of what they read'],
  [
    ['ERR_PREPARED_SPENT'],
    ['applyPlan', 'createRoot'],
    'they prepare what they issue, once for each certificate',
  ],
  [
    ['ERR_ISSUER_REFUSED', 'ERR_ISSUER_UNKNOWN', 'ERR_CORRESPONDENCE'],
    ['createRoot'],
    'the key at hand signs the bytes as they are, and answers',
  ],
  [
    ['ERR_CERTIFICATE_MALFORMED'],
    ['applyPlan', 'createRoot', 'prepare', 'prepareIntermediate'],
    'what was just encoded can be parsed',
  ],
  [['ERR_PEM_MALFORMED'], ['applyPlan', 'parsePrivateKey'], 'ERR_KEY_MALFORMED is made of it'],
  [['ERR_ADDRESS_INVALID'], ['applyPlan', 'planRollout'], 'parsed: addresses of the plan'],
  [
    ['ERR_KEY_ALGORITHM', 'ERR_NAME_INVALID'],
    ['issue', 'lint', 'makePlan', 'verifyCluster'],
    'parsed: certificates, and the names in them',
  ],
  [['ERR_NAME_INVALID'], ['proveCluster', 'rotationOf'], 'parsed: names in certificates'],
  [
    ['ERR_CERTIFICATE_MALFORMED', 'ERR_KEY_ALGORITHM', 'ERR_NAME_INVALID'],
    ['judgeAgents', 'judgeGate', 'planRollout'],
    'a leaf of the ledger that cannot be read counts as none; names in certificates are parsed',
  ],
  [['ERR_CERTIFICATE_MALFORMED'], ['makePlan'], 'a leaf of the ledger that cannot be read is none'],
  [['ERR_KEY_ALGORITHM', 'ERR_NAME_INVALID'], ['parseSpec'], 'they are diagnostics'],
  [
    ['ERR_KEY_ALGORITHM'],
    ['heldIssuer', 'makeRequest', 'parseCertificates', 'probeCluster'],
    'parsed: the algorithm of a key is one of the table',
  ],
  [
    [
      'ERR_CERTIFICATE_MALFORMED',
      'ERR_KEY_ALGORITHM',
      'ERR_KEY_ENCRYPTED',
      'ERR_KEY_MALFORMED',
      'ERR_PEM_MALFORMED',
    ],
    ['readInventory'],
    'they are findings',
  ],
  [
    [
      'ERR_CERTIFICATE_MALFORMED',
      'ERR_KEY_ALGORITHM',
      'ERR_KEY_ENCRYPTED',
      'ERR_KEY_MALFORMED',
      'ERR_NAME_INVALID',
      'ERR_PEM_MALFORMED',
    ],
    ['packIdentity'],
    'ERR_PACK_UNFIT is made of them',
  ],
  [['ERR_CERTIFICATE_MALFORMED', 'ERR_PEM_MALFORMED'], ['verifyCluster'], 'they are findings'],
  [
    ['ERR_CERTIFICATE_MALFORMED', 'ERR_UNREACHABLE'],
    ['probeCluster'],
    'the port is unreachable or undecided, which is a value',
  ],
  [
    ['ERR_STORE_LOCKED'],
    ['directoryStore'],
    'the batches of what it returns throw it, and document it',
  ],
]

describe('each public function', () => {
  test.each(functions)('%s is documented in full', (name, { node, summary }) => {
    const tags = ts.getJSDocTags(node)
    expect(faultOf(summary)).toBeUndefined()
    expect(tags.filter(ts.isJSDocParameterTag).map((tag) => tag.name.getText())).toEqual(
      node.parameters.map((parameter) =>
        ts.isIdentifier(parameter.name)
          ? parameter.name.text
          : (expect.stringMatching(/^[a-z]+$/i) as string),
      ),
    )
    expect(tags.some((tag) => tag.tagName.text === 'returns')).toBe(true)
    for (const tag of tags.filter(ts.isJSDocThrowsTag)) {
      const codes = tag.getText().match(/ERR_[A-Z_]+/g) ?? []
      if (name !== 'collect') expect(codes).not.toEqual([])
      for (const code of codes) expect(Object.keys(errorCodes)).toContain(code)
    }
  })

  test.each(functions)(
    '%s names the errors that can reach its caller',
    (name, { symbol, node }) => {
      const named = reach.documented(node)
      const excused = new Set<string>(
        cannot.flatMap(([codes, where]) => (where === 'all' || where.includes(name) ? codes : [])),
      )
      const silent = [...reach.of(symbol)].filter(
        ([code]) => !named.has(code) && !excused.has(code),
      )
      // Name it with @throws, or say in `cannot` why it does not come out.
      expect(silent.map(([code, way]) => `${code}: ${way.join(' → ')}`)).toEqual([])
      const possible = reach.atMost(symbol)
      expect([...named].filter((code) => !possible.has(code))).toEqual([])
    },
  )

  test('nothing is excused that could not come anyway', () => {
    const idle = cannot.flatMap(([codes, where]) =>
      (where === 'all' ? [] : where).flatMap((name) => {
        const one = functions.find(([other]) => other === name)
        if (one === undefined) return [name]
        const all = reach.of(one[1].symbol)
        return codes.filter((code) => !all.has(code)).map((code) => `${name} ${code}`)
      }),
    )
    expect(idle).toEqual([])
  })
})

describe('each public type', () => {
  const types = exported.flatMap(({ name, symbol }) =>
    (symbol.declarations ?? [])
      .filter((one) => !ts.isFunctionDeclaration(one))
      .map((one) => [name, one] as const),
  )

  test.each(types)('%s and its members have a sentence', (_, declaration) => {
    const statement = ts.isVariableDeclaration(declaration)
      ? declaration.parent.parent
      : declaration
    expect(summaryOf(statement)).not.toBe('')
    expect(silentMembers(declaration)).toEqual([])
  })

  test('one without is named, wherever it stands', () => {
    const { statements } = ts.createSourceFile(
      'sample.ts',
      `export interface Deep {
         /** Said. */
         a: 1; b: { c: 2;
           /** Said. */
           d: 3 }; e(f: { g: 4 }): void }
       export type Arms = { kind: 'a'; x: number } | (Other & { kind: 'b';
         /** Said. */
         y: 2 })
       export class Kept { #own = 1; private z = 1; w = 1; v() { const u: { t: 1 } = { t: 1 } } }
       export type Asked<T> = T extends { p: infer P } ? P : { q: 1 }`,
      ts.ScriptTarget.Latest,
      true,
    )
    expect(statements.map((one) => silentMembers(one))).toEqual([
      ['b', 'c', 'e', 'g'],
      ['x'],
      ['w', 'v'],
      ['q'],
    ])
  })
})

test('internal functions say more than their names', () => {
  const silent = ['x509', 'keys', 'authority', 'nomad', 'plan', 'evidence'].flatMap((room) =>
    fs.readdirSync(path.join(source, room)).flatMap((file) => {
      const text = fs.readFileSync(path.join(source, room, file), 'utf8')
      return ts
        .createSourceFile(file, text, ts.ScriptTarget.Latest, true)
        .statements.filter(ts.isFunctionDeclaration)
        .filter((one) => (ts.getCombinedModifierFlags(one) & ts.ModifierFlags.Export) !== 0)
        .flatMap((one) => {
          const summary = summaryOf(one)
          return summary.split(/\s+/).length < 5
            ? [`${room}/${file} ${one.name?.text ?? ''}: ${summary}`]
            : []
        })
    }),
  )
  expect(silent).toEqual([])
})

describe('examples', () => {
  const place = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-examples-')))
  afterAll(() => fs.rmSync(place, { recursive: true, force: true }))

  const examples = functions.flatMap(([name, { node }]) =>
    ts
      .getJSDocTags(node)
      .filter((tag) => tag.tagName.text === 'example')
      .map((tag) => {
        const comment = ts.getTextOfJSDocComment(tag.comment) ?? ''
        return [name, /```ts\n([^]*?)```/.exec(comment)?.[1] ?? ''] as const
      }),
  )

  test('each group of functions has one', () => {
    const with_ = new Set(examples.map(([name]) => name))
    const without = sections(fs.readFileSync(path.join(root, entries['nomad-pki']), 'utf8'))
      .filter(({ names }) => !names.some((name) => with_.has(name)))
      .map(({ title }) => title)
    expect(without).toEqual([])
    expect(with_).toContain('parseConfig')
  })

  test('they compile', () => {
    const files = examples.map(([name, code]) => {
      const file = path.join(place, `${name}.mts`)
      fs.writeFileSync(file, `${code}\nexport {}\n`)
      return file
    })
    const paths = Object.fromEntries(
      Object.entries(entries).map(([name, entry]) => [name, [path.join(root, entry)]]),
    )
    const compiled = ts.createProgram(files, {
      ...options,
      rootDir: '/',
      paths,
      isolatedDeclarations: false,
      declaration: false,
      typeRoots: [path.join(root, 'node_modules/@types')],
    })
    const said = files.flatMap((file) => {
      const sourceFile = compiled.getSourceFile(file)
      return [
        ...compiled.getSyntacticDiagnostics(sourceFile),
        ...compiled.getSemanticDiagnostics(sourceFile),
      ].map(
        (one) => `${path.basename(file)}: ${ts.flattenDiagnosticMessageText(one.messageText, ' ')}`,
      )
    })
    expect(said).toEqual([])
  })

  test.each(examples)('the one of %s runs', async (name, code) => {
    const outfile = path.join(place, `${name}.mjs`)
    await build({
      stdin: { contents: code, loader: 'ts', resolveDir: root },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      mainFields: ['module', 'main'],
      alias: Object.fromEntries(
        Object.entries(entries).map(([alias, entry]) => [alias, path.join(root, entry)]),
      ),
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
    })
    execFileSync(process.execPath, [outfile], { cwd: place, encoding: 'utf8', stdio: 'pipe' })
  })
})
