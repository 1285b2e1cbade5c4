import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { adoptionCodes } from '../../src/adoption/codes.js'
import { evidenceCodes } from '../../src/evidence/codes.js'
import { storeReasons } from '../../src/store/reasons.js'
import { reasons } from '../../src/checks/reasons.js'
import { errorCodes } from '../../src/errors.js'

const allReasons = { ...reasons, ...storeReasons }

// `npx vitest run test/checks/reasons.test.ts -u` writes both pages anew.

test('docs/reasons.md is the table of reasons', async () => {
  const rows = Object.entries(allReasons).map(([word, sentence]) => `| \`${word}\` | ${sentence} |`)
  const page = `# Reasons

Why a plan acts and what a finding says, in the same words. They stand in the text, in \`--json\`, and in the ledger.

| reason | means |
|---|---|
${rows.join('\n')}

A finding can also have the name of a lint rule (\`nomad/…\`, \`rfc5280/…\`, \`rfc8813/…\`) as its reason.
`
  await expect(page).toMatchFileSnapshot('../../docs/reasons.md')
})

test('docs/errors.md is the table of error codes', async () => {
  const rows = Object.entries(errorCodes).map(([code, sentence]) => `| \`${code}\` | ${sentence} |`)
  const page = `# Error codes

\`NomadPkiError.code\`, and \`code\` in the JSON of a failed command. A code never changes its meaning.

| code | means |
|---|---|
${rows.join('\n')}
`
  await expect(page).toMatchFileSnapshot('../../docs/errors.md')
})

test('every reason that the source gives is in the table', () => {
  const root = fileURLToPath(new URL('../../src/', import.meta.url))
  const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(path.join(root, name), 'utf8'))
  const given = [...source.join('\n').matchAll(/\breason: '([^']+)'/g)].map(([, word]) => word!)
  expect(given.length).toBeGreaterThan(40)
  for (const word of given) expect(Object.keys(allReasons)).toContain(word)
})

test('docs/codes.md lists every code of evidence and of agents that are taken over', async () => {
  const tables = { evidence: evidenceCodes, adoption: adoptionCodes }
  const root = fileURLToPath(new URL('../../src/', import.meta.url))
  for (const [room, table] of Object.entries(tables)) {
    const text = readdirSync(path.join(root, room))
      .filter((name) => name !== 'codes.ts')
      .map((name) => readFileSync(path.join(root, room, name), 'utf8'))
      .join('\n')
    const given = [...text.matchAll(new RegExp(`'(${room}/[a-z-]+)'`, 'g'))].map(
      ([, code]) => code!,
    )
    expect([...new Set(given)].sort()).toEqual(Object.keys(table).sort())
  }
  const rows = (table: Readonly<Record<string, string>>): string =>
    Object.entries(table)
      .map(([code, sentence]) => `| \`${code}\` | ${sentence} |`)
      .join('\n')
  const page = `# Codes

Every word that a machine can rely on, and where it stands.

| words | where |
|---|---|
| exit statuses | [exit-status.md](exit-status.md) |
| \`ERR_…\`: errors of commands and of the library | [errors.md](errors.md) |
| reasons of steps and findings | [reasons.md](reasons.md) |
| \`spec/…\`: what can be wrong with cluster.yaml | [spec.md](spec.md) |
| \`agent/…\`: what can be wrong with an agent's configuration | [agent-codes.md](agent-codes.md) |
| \`nomad/…\`, \`rfc…/…\`, \`community/…\`: lint rules | [lint.md](lint.md) |

## Evidence

What \`probe --evidence\` and \`rotate authority --evidence\` say of a file.

| code | means |
|---|---|
${rows(evidenceCodes)}

## Agents that are there

What \`init --from\` says of a configuration.

| code | means |
|---|---|
${rows(adoptionCodes)}
`
  await expect(page).toMatchFileSnapshot('../../docs/codes.md')
})
