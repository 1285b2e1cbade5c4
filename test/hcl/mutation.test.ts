import { describe, expect, test } from 'vitest'
import type { Position } from '../../src/diagnostics.js'
import { parseConfig } from '../../src/hcl/index.js'
import { corpus, mutate, random } from './corpus.js'
import { dataOf, judge } from './judge.js'

/** How many; `.ci/run` and `.ci/deep` say more. */
const mutants = Number(process.env['NOMAD_PKI_MUTANTS'] ?? '400')

/** Where we refuse and HashiCorp's parser does not, because it drops or misreads something then. */
const stricter: Readonly<Record<string, string>> = {
  'hcl/no-value': 'a key without a value is dropped, at the end or before "}}"',
  'hcl/syntax': 'an unfinished list before "}" is forgotten when another "}" follows',
  'hcl/bare-word': 'as hcl/no-value, behind a number: "10MB }}"',
  'hcl/number': 'an exponent without digits swallows the next character',
  'hcl/json': 'its JSON parser stops where it does not understand, and says nothing',
  'hcl/json-nested-list': 'its JSON parser loses its place',
}

/** Where it refuses and we do not: this judge has integers of 32 bits and decodes all numbers. */
function isNumberOfTheJudge(refused: string): boolean {
  return refused.includes('ParseInt') || refused.includes('ParseFloat')
}

describe('against HashiCorp’s own HCL 1', () => {
  test('every file of the corpus reads the same', () => {
    for (const { name, text } of corpus) {
      const { document, diagnostics } = parseConfig(text)
      expect(diagnostics, name).toEqual([])
      const verdict = judge(text)
      const data = dataOf(document!)
      if (document!.syntax === 'hcl' && data !== undefined) expect(verdict, name).toEqual({ data })
      else expect(verdict, name).toHaveProperty('data')
    }
  })

  test(
    `${mutants} mutants read the same or are refused by both`,
    () => {
      const next = random(20_261_125)
      const disagreements: unknown[] = []
      let compared = 0
      let refused = 0
      for (let count = 0; count < mutants; count += 1) {
        const sample = corpus[Math.floor(next() * corpus.length)]!
        const text = mutate(sample.text, next)
        const { document, diagnostics } = parseConfig(text)
        const verdict = judge(text)
        const fault = diagnostics[0]
        if (document === undefined) {
          refused += 1
          const known =
            Object.hasOwn(stricter, fault!.code) &&
            (fault!.code !== 'hcl/syntax' || characterAt(text, fault!) === '}')
          if ('data' in verdict && !known) {
            disagreements.push({ text, fault })
          }
        } else if ('refused' in verdict) {
          if (!isNumberOfTheJudge(verdict.refused) && dataOf(document) !== undefined) {
            disagreements.push({ text, verdict })
          }
        } else if (document.syntax === 'hcl') {
          const data = dataOf(document)
          if (data !== undefined) {
            compared += 1
            if (!sameData(data, verdict.data)) disagreements.push({ text, data, verdict })
          }
        }
      }
      expect(disagreements).toEqual([])
      // A mutation that always breaks, or never does, would prove nothing.
      expect(compared).toBeGreaterThan(mutants / 20)
      expect(refused).toBeGreaterThan(mutants / 5)
    },
    30_000 + mutants * 10,
  )
})

function characterAt(text: string, { line, column }: Position): string | undefined {
  return Array.from(text.split('\n')[line - 1] ?? '')[column - 1]
}

function sameData(a: unknown, b: unknown): boolean {
  return (
    JSON.stringify(a) === JSON.stringify(b) ||
    JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
  )
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([x], [y]) => (x < y ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)])
}
