import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hasErrors } from '../../src/diagnostics.js'
import { nameFault } from '../../src/nomad/names.js'
import { desire } from '../../src/cluster/desire.js'
import { addNode, removeNode } from '../../src/cluster/edit.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { fullSpec } from './specs.js'
import { seed } from '../seed.js'

const pieces = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    ',',
    '- ',
    '#',
    ' #',
    '"',
    "'",
    '\n',
    '\n  ',
    '\t',
    ' ',
    '? ',
    '| ',
    '> ',
  ],
  ...[
    '&a ',
    '*a',
    '!x ',
    '%',
    '@',
    '`',
    '---\n',
    '...\n',
    '\\',
    '\r\n',
    '\r',
    '\ufeff',
    '\u00a0',
    '\u2028',
    '🦊',
  ],
  ...[
    'null',
    '~',
    'true',
    '0',
    '-1',
    '1e9',
    '0x10',
    '.inf',
    '.nan',
    '<<',
    '10d',
    '90',
    'ed25519',
    'shared',
  ],
  ...[
    '{node}',
    '{n}',
    '{n2}',
    '"c[1-9]"',
    '[0-99999]',
    '+{n}',
    '/16',
    '10.0.0.1',
    '::',
    '\u0000',
    '=',
    '__proto__',
  ],
]
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat(12),
  text: fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 4 })),
})

/** The spec with some holes and some strange pieces. */
const mangled = fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) =>
  edits.reduce((text, { at, length, text: piece }) => {
    const start = Math.floor(at * text.length)
    return text.slice(0, start) + piece + text.slice(start + length)
  }, fullSpec),
)

/** The spec with comments and blanks in strange places: still a spec, mostly. */
const roughened = fc
  .array(
    fc.tuple(fc.nat(200), fc.constantFrom(' # c', '   ', '\n', '\n# c', '\n\n  # "', ' #\t{')),
    { minLength: 1, maxLength: 6 },
  )
  .map((edits) =>
    edits.reduce((text, [line, piece]) => {
      const lines = text.split('\n')
      const at = line % lines.length
      lines[at] = `${lines[at] ?? ''}${piece}`
      return lines.join('\n')
    }, fullSpec),
  )
const written = fc.oneof({ weight: 3, arbitrary: mangled }, { weight: 1, arbitrary: roughened })

test('whatever is written: a spec, or an error with its place; nothing is thrown', () => {
  let good = 0
  let bad = 0
  fc.assert(
    fc.property(written, (text) => {
      const { spec, diagnostics } = parseSpec(text, { file: 'x' })
      expect(spec === undefined).toBe(hasErrors(diagnostics))
      const lines = text.split('\n')
      for (const { line, column, message, code } of diagnostics) {
        expect(line).toBeLessThanOrEqual(lines.length)
        expect(column).toBeLessThanOrEqual(Array.from(lines[line - 1]!).length + 1)
        expect(message).not.toMatch(/undefined|\[object|NaN|\n/)
        expect(code).toMatch(/^spec\//)
      }
      if (spec === undefined) {
        bad += 1
        return
      }
      good += 1
      // What was accepted can be carried out: addresses are unique, names can be certified.
      const desired = desire(spec)
      const all = [...desired.identities, ...desired.configs, ...desired.authorities].map(
        ({ address }) => address,
      )
      expect(new Set(all).size).toBe(all.length)
      for (const { names, profile } of desired.identities) {
        expect(profile.renewBefore).toBeLessThan(profile.lifetime)
        for (const name of names)
          expect(nameFault(name, profile.role, profile.region)).toBeUndefined()
      }
      for (const { subject, renewBefore, lifetime } of desired.authorities) {
        expect(Array.from(subject.commonName).length).toBeLessThanOrEqual(64)
        expect(renewBefore).toBeLessThan(lifetime)
      }
    }),
    { seed, numRuns: Number(process.env['FUZZ_RUNS'] ?? 800) },
  )
  expect(good).toBeGreaterThan(20)
  expect(bad).toBeGreaterThan(100)
})

test('an edit of whatever is good either does nothing else or nothing at all', () => {
  fc.assert(
    fc.property(written, fc.boolean(), (text, take) => {
      const before = parseSpec(text)
      fc.pre(before.spec !== undefined)
      const node = { kind: 'server', region: 'global', name: take ? 's1' : 'zz' } as const
      const { text: out, diagnostics } = take ? removeNode(text, node) : addNode(text, node)
      const after = parseSpec(out)
      expect(after.spec).toBeDefined()
      if (hasErrors(diagnostics)) expect(out).toBe(text)
      else
        expect(desire(after.spec!).identities.length - desire(before.spec).identities.length).toBe(
          take ? -1 : 1,
        )
    }),
    { seed, numRuns: Number(process.env['FUZZ_RUNS'] ?? 60), maxSkipsPerRun: 200 },
  )
})
