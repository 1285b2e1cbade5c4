import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { agentCodes, checkAgentConfig, planTlsEdit } from '../../src/agent/index.js'
import type { AgentCodeEntry } from '../../src/agent/codes.js'
import { corpus, mutate, random } from '../hcl/corpus.js'
import { agentFiles } from './builders.js'
import { valueCases } from './values.js'

const codes: readonly (readonly [string, AgentCodeEntry])[] = Object.entries(agentCodes)

test('every code that the room gives is in the table, and none that it does not', () => {
  const folder = new URL('../../src/agent/', import.meta.url)
  const source = readdirSync(folder)
    .filter((name) => name !== 'codes.ts')
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n')
  const given = new Set([...source.matchAll(/'(agent\/[a-z-]+)'/g)].map(([, code]) => code!))
  expect([...given].sort()).toEqual(codes.map(([code]) => code).sort())
})

describe('a code has the severities that the table says', () => {
  const table: Readonly<Record<string, AgentCodeEntry>> = agentCodes
  test('for the corpus, changes of it and the table of values', () => {
    const next = random(12)
    const texts = [
      ...corpus.map(({ text }) => text),
      ...corpus.filter((_, index) => index % 4 === 0).map(({ text }) => mutate(text, next)),
      ...valueCases.map(([text]) => text),
      'tls { http = true rpc = true rpc_upgrade_mode = true ca_file = "a" tls_min_version = "tls10" }',
    ]
    const wrong: string[] = []
    for (const text of texts) {
      const files = agentFiles({ 'a.hcl': text, 'b.bak.hcl': 'tls { verify_https_client = true }' })
      const wanted = { http: true, verify_https_client: false }
      for (const { code, severity } of [
        ...checkAgentConfig(files, { nomadVersion: '1.8.0' }),
        ...planTlsEdit(files, wanted, { region: 'x', role: 'client' }).diagnostics,
      ]) {
        const entry = table[code]
        if (entry !== undefined && !entry.severities.includes(severity)) {
          wrong.push(`${code} ${severity}`)
        }
      }
    }
    expect([...new Set(wrong)]).toEqual([])
  })
})
