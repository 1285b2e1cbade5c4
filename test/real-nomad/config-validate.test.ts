/**
 * `nomad config validate` as the judge of hundreds of configurations in seconds, where starting an
 * agent on each takes minutes: the corpus, a table of values, and seeded changes of both, by text
 * and by structure. What it does not look at, because only a start does, is told apart.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkAgentConfig } from '../../src/agent/index.js'
import { valueRules } from '../../src/agent/value-rules.js'
import type { Diagnostic } from '../../src/diagnostics.js'
import { type Item, parseConfig, type Value } from '../../src/hcl/index.js'
import { allPaths, configWith } from '../agent/dated.js'
import { inJson, valueCases, verdictOf } from '../agent/values.js'
import { corpus, mutate, random } from '../hcl/corpus.js'
import { nomadBinary, nomadVersion } from './harness/binaries.js'
import { cleanEnvironment } from './harness/run.js'

/** How many changes; `.ci/deep` says more. */
const changes = Number(process.env.NOMAD_PKI_VALIDATED ?? 200)
const seed = Number(process.env.NOMAD_PKI_SEED ?? 20_261_125)

/** The Nomad at hand. */
const version = nomadVersion()

const folder = mkdtempSync(join(tmpdir(), 'nomad-pki-validate-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** What stops an agent at its start, after its configuration was found valid. */
function laterOnly({ code, message }: Diagnostic): boolean {
  return (
    [
      'agent/advertise',
      'agent/tls-incomplete',
      'agent/min-version',
      'agent/cipher-suites',
      'agent/template',
    ].includes(code) ||
    valueRules.get(/"([\w.]+)"/.exec(message)?.[1] ?? '')?.atStart === true ||
    /"log_rotate_duration"|gossip key has|cannot both be set|_identity_ttl"|job_default_priority|"start_join" is|syslog has|fingerprint|holds a (?:space|port)|the port of|the same port/.test(
      message,
    )
  )
}

/** Where we refuse what it takes, and why (the same list as the unit suite's judge has). */
const stricter =
  /^hcl\/(?:no-value|number|json|json-nested-list|json-dropped|encoding|too-deep|syntax|bare-word)$/

interface Verdict {
  readonly text: string
  readonly valid: boolean
  readonly said: string
  readonly errors: readonly Diagnostic[]
}

function verdict(text: string): Verdict {
  const file = join(folder, 'agent.hcl')
  writeFileSync(file, text)
  const { status, stdout, stderr } = spawnSync(nomadBinary(), ['config', 'validate', file], {
    env: cleanEnvironment(),
    encoding: 'utf8',
  })
  const files = [{ name: 'agent.hcl', bytes: new TextEncoder().encode(text) }]
  const errors = checkAgentConfig(files, { nomadVersion: version }).filter(
    ({ severity }) => severity === 'error',
  )
  return { text, valid: status === 0, said: stdout + stderr, errors }
}

function agrees({ valid, errors }: Verdict): boolean {
  if (!valid) return errors.length > 0
  return errors.every((error) => laterOnly(error) || stricter.test(error.code))
}

const values = [
  ...['true', '"true"', '"yes"', '5', '"5"', '-1', '0', '1.5', '""', '"30s"', '"x"', '[]', '["a"]'],
  ...['[1]', '[{}]', '{}', '<<E\nx\nE\n', '99999999999'],
]
const jsonValues = [
  ...['true', '"true"', '"yes"', '5', '"5"', '-1', '0', '1.5', '""', '"30s"', '"x"', '[]', '["a"]'],
  ...['[1]', '[{}]', '{}', 'null', '[{},{}]'],
]

/** One item gets another value, another name, a label, or stands there twice. */
function change(text: string, next: () => number): string {
  const { document } = parseConfig(text)
  if (document === undefined) return text
  const json = document.syntax === 'json'
  const items: Item[] = []
  const visit = (value: Value): void => {
    if (value.type === 'literal') return
    for (const inner of value.items) {
      if ('value' in inner) {
        items.push(inner)
        visit(inner.value)
      } else visit(inner)
    }
  }
  visit(document.root)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!
  if (items.length === 0) return text
  const item = pick(items)
  const source = (range: { readonly start: number; readonly end: number }): string =>
    text.slice(range.start, range.end)
  const whole = source(item)
  const key = source(item.keys[0]!)
  const held = source(item.value)
  const again = json ? ', ' : '\n'
  const made = ((): string => {
    switch (Math.floor(next() * 7)) {
      case 0:
        return json ? `${key}: ${pick(jsonValues)}` : `${key} = ${pick(values)}`
      case 1:
        return whole + again + whole
      case 2:
        return whole + again + source(pick(items))
      case 3:
        return whole.replace(
          key,
          json
            ? JSON.stringify(key.slice(1, -1).toUpperCase())
            : `"${key.replaceAll('"', '').toUpperCase()}"`,
        )
      case 4:
        return whole.replace(key, json ? '"zzz"' : 'zzz')
      case 5:
        return json ? `${key}: [${held}]` : `${key} = ${held}`
      default:
        return json ? `${key}: {"label": ${held}}` : `${key} "label" { zz = ${held} }`
    }
  })()
  return text.slice(0, item.start) + made + text.slice(item.end)
}

const sound = 'data_dir = "/opt"\nserver { enabled = true }\n'

/** Agents of Windows are valid there; here Nomad finds their paths relative. */
const here = corpus.filter(({ text }) => !/"[A-Z]:[\\/]/i.test(text))

test('it judges every file of the corpus as we do', () => {
  const verdicts = here.map(({ text }) => verdict(text))
  const valid = verdicts.filter((one) => one.valid).length
  console.log(`config validate: ${verdicts.length} of the corpus, ${valid} valid`)
  expect(verdicts.filter((one) => !agrees(one))).toEqual([])
})

test('and every value of the table as it is written there', () => {
  const wrong = valueCases.filter(
    ([addition, given]) => verdict(sound + addition).valid !== verdictOf(given, version),
  )
  expect(wrong).toEqual([])
})

test('and the same values in JSON with every block in a list', () => {
  const verdicts = valueCases.flatMap(([addition]) => {
    const json = inJson(sound + addition, true)
    return json === undefined ? [] : [verdict(json)]
  })
  console.log(`config validate: ${verdicts.length} in JSON`)
  expect(verdicts.filter((one) => !agrees(one))).toEqual([])
})

test('and every key of every version', () => {
  const verdicts = [...allPaths()].map((path) => verdict(sound + configWith(path)))
  const refused = verdicts.filter(({ valid }) => !valid).length
  console.log(`config validate: ${verdicts.length} keys, ${version} refuses ${refused}`)
  expect(verdicts.filter((one) => !agrees(one))).toEqual([])
})

test(`and ${changes} changes of them`, { timeout: 60_000 + changes * 500 }, () => {
  const next = random(seed)
  const sources = [
    ...here.map(({ text }) => text).filter((text) => verdict(text).valid),
    ...valueCases.map(([addition]) => sound + addition),
  ]
  let valid = 0
  const disagreements: Verdict[] = []
  for (let count = 0; count < changes; count += 1) {
    const source = sources[Math.floor(next() * sources.length)]!
    const found = verdict(count % 4 === 0 ? mutate(source, next) : change(source, next))
    if (found.valid) valid += 1
    if (!agrees(found)) disagreements.push(found)
  }
  console.log(`config validate: ${changes} changes, ${valid} valid, seed ${seed}`)
  expect(disagreements).toEqual([])
  expect(valid).toBeGreaterThan(changes / 20)
  expect(changes - valid).toBeGreaterThan(changes / 5)
})
