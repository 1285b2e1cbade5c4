/**
 * Our reader against HashiCorp's HCL 1 as Nomad builds it (the Go module), token by token with line
 * and column: the corpus, the corpus with CRLF, and mutants of both.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Entry, entriesOf, type Shaped } from '../../src/agent/flatten.js'
import {
  asString,
  type Document,
  type Item,
  type Key,
  type Literal,
  parseConfig,
  positionsIn,
  rawText,
  type Value,
} from '../../src/hcl/index.js'
import { corpus, mutate, random } from '../hcl/corpus.js'

const mutants = Math.max(10_000, Number(process.env['NOMAD_PKI_MUTANTS'] ?? '0'))
const batch = 2_000

/** What we refuse and HashiCorp's parser takes, because it loses something then. */
const stricter: Readonly<Record<string, string>> = {
  'hcl/no-value': 'a key without a value is dropped, at the end or before "}}"',
  'hcl/bare-word': 'the same, behind a number: "10MB }}"',
  'hcl/syntax': 'an unfinished list before "}" is forgotten when another "}" follows',
  'hcl/number': 'an exponent without digits swallows the next character; 08 fails when decoded',
  'hcl/json': 'its JSON parser stops where it does not understand, and says nothing',
  'hcl/json-nested-list': 'its JSON parser loses its place',
}

interface Verdict {
  readonly error?: string
  readonly nodes: readonly (readonly string[])[]
}

let folder: string
let binary: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nomad-pki-hcl-'))
  binary = join(folder, 'judge')
  execFileSync('go', ['build', '-o', binary, '.'], {
    cwd: join(import.meta.dirname, 'hcl'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function judgeAll(texts: readonly string[]): Verdict[] {
  const input = texts.map((text) => `${JSON.stringify(text)}\n`).join('')
  const answer = execFileSync(binary, { input, encoding: 'utf8', maxBuffer: 2 ** 30 })
  return answer
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Verdict)
}

type Node = string[]

function nodesOf(document: Document): Node[] {
  const position = positionsIn(document.text)
  const at = (offset: number): string => {
    const { line, column } = position(offset)
    return `${line}:${column}`
  }
  const out: Node[] = []
  if (document.syntax === 'json') shapedNodes(document, entriesOf(document), out)
  else itemNodes(document, document.root.items, at, out)
  return out
}

function literalNode(document: Document, literal: Literal, place: string): Node {
  const { kind } = literal
  const isText = kind === 'string' || kind === 'heredoc' || kind === 'null'
  return [
    kind === 'null' ? 'string' : kind,
    place,
    isText ? asString(document, literal) : rawText(document, literal),
  ]
}

function itemNodes(
  document: Document,
  items: readonly Item[],
  at: (offset: number) => string,
  out: Node[],
): void {
  const visit = (value: Value): void => {
    if (value.type === 'literal') out.push(literalNode(document, value, at(value.start)))
    else {
      const [open, close] = value.type === 'object' ? ['{', '}'] : ['[', ']']
      out.push([open, at(value.start)])
      if (value.type === 'object') itemNodes(document, value.items, at, out)
      else value.items.forEach(visit)
      out.push([close, at(value.end - 1)])
    }
  }
  for (const { keys, value } of items) {
    out.push(...keys.map(({ name, start }): Node => ['key', at(start), name]))
    visit(value)
  }
}

/** Tokens out of JSON have no place in HashiCorp's tree. */
const nowhere = '0:0'

function shapedNodes(document: Document, entries: readonly Entry[], out: Node[]): void {
  const visit = (value: Shaped): void => {
    if (value.type === 'literal') out.push(literalNode(document, value.literal, nowhere))
    else if (value.type === 'object') {
      out.push(['{', nowhere])
      shapedNodes(document, value.entries, out)
      out.push(['}', nowhere])
    } else {
      out.push(['[', nowhere])
      value.items.forEach(visit)
      out.push([']', nowhere])
    }
  }
  for (const { keys, value } of entries) {
    out.push(...keys.map(({ name }: Key): Node => ['key', nowhere, name]))
    visit(value)
  }
}

/** What the two of them disagree on, or `undefined`. */
function disagreement(text: string, { error, nodes }: Verdict): unknown {
  const { document, diagnostics } = parseConfig(text)
  if (document === undefined) {
    if (error !== undefined) return undefined
    const fault = diagnostics[0]!
    if (!Object.hasOwn(stricter, fault.code)) return { text, fault }
    const line = Array.from(text.split('\n')[fault.line - 1] ?? '')
    const unfinished = line[fault.column - 1] === '}'
    return fault.code === 'hcl/syntax' && !unfinished ? { text, fault } : undefined
  }
  if (error !== undefined) return { text, error }
  const ours = nodesOf(document)
  return JSON.stringify(ours) === JSON.stringify(nodes) ? undefined : { text, ours, nodes }
}

describe('HashiCorp’s HCL 1 v1.0.1-nomad-1', () => {
  test('reads every file of the corpus as we do, with LF and with CRLF', () => {
    const texts = corpus.flatMap(({ text }) => [text, text.replaceAll(/\r?\n/g, '\r\n')])
    const verdicts = judgeAll(texts)
    expect(texts.flatMap((text, at) => disagreement(text, verdicts[at]!) ?? [])).toEqual([])
    expect(verdicts.every(({ error }) => error === undefined)).toBe(true)
  })

  test(
    `reads ${mutants} mutants as we do, or both refuse them`,
    () => {
      const next = random(Number(process.env['NOMAD_PKI_SEED'] ?? '1'))
      const disagreements: unknown[] = []
      let taken = 0
      for (let done = 0; done < mutants; done += batch) {
        const texts = Array.from({ length: Math.min(batch, mutants - done) }, () => {
          const { text } = corpus[Math.floor(next() * corpus.length)]!
          return mutate(next() < 0.3 ? text.replaceAll(/\r?\n/g, '\r\n') : text, next)
        })
        judgeAll(texts).forEach((verdict, at) => {
          const found = disagreement(texts[at]!, verdict)
          if (found !== undefined) disagreements.push(found)
          if (verdict.error === undefined) taken += 1
        })
      }
      console.log(
        `verdicts compared: ${mutants} mutants, ${taken} valid, ${disagreements.length} disagreements`,
      )
      expect(disagreements).toEqual([])
      expect(taken).toBeGreaterThan(mutants / 10)
    },
    120_000 + mutants * 10,
  )
})
