import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { agentCodes, checkAgentConfig, planTlsEdit } from '../../src/agent/index.js'
import type { AgentCodeEntry } from '../../src/agent/codes.js'
import { hclCodes } from '../../src/hcl/index.js'
import { corpus, mutate, random } from '../hcl/corpus.js'
import { agentFiles } from './builders.js'
import { valueCases } from './values.js'

const codes: readonly (readonly [string, AgentCodeEntry])[] = Object.entries(agentCodes)

// `npx vitest run test/agent/codes.test.ts -u` writes the page anew.
test('docs/agent-codes.md is the table of codes', async () => {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const rows = codes.map(
    ([code, { severities, means, remedy, source }]) =>
      `| \`${code}\` | ${severities.join(', ')} | ${cell(means)} | ${cell(remedy)} | ${source} |`,
  )
  const unread = Object.entries(hclCodes).map(([code, means]) => `| \`${code}\` | ${means} |`)
  const page = `# Codes of agents’ configurations

What \`config show\`, \`config check\`, \`config diff\`, \`plan\` and \`init --from\` say about them, with file, line
and column. An error: the agent will not start, or refuses its peers; where the stanza is to be written,
nothing is written. A warning: it starts, but not as meant (\`--strict\` counts them). A note is worth knowing.
Of two severities the text says when it is which. Places in Nomad are those of 1.11 and 2.0.
[How they are read and written](config.md).

| code | severity | means | remedy | Nomad |
|---|---|---|---|---|
${rows.join('\n')}

A text that cannot be read at all is an error under one of these, and nothing is concluded from what it
would have said:

| code | means |
|---|---|
${unread.join('\n')}
`
  await expect(page).toMatchFileSnapshot('../../docs/agent-codes.md')
})

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
      ...corpus.map(({ text }) => mutate(text, next)),
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
