import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { reasons } from '../../src/checks/reasons.js'
import { errorCodes } from '../../src/errors.js'

// `npx vitest run test/checks/reasons.test.ts -u` writes both pages anew.

test('docs/reasons.md is the table of reasons', async () => {
  const rows = Object.entries(reasons).map(([word, sentence]) => `| \`${word}\` | ${sentence} |`)
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
  const source = ['identity', 'authority'].map((name) =>
    readFileSync(new URL(`../../src/checks/${name}.ts`, import.meta.url), 'utf8'),
  )
  const given = [...source.join('\n').matchAll(/reason: '([^']+)'/g)].map(([, word]) => word!)
  expect(given.length).toBeGreaterThan(10)
  for (const word of given) expect(Object.keys(reasons)).toContain(word)
})
