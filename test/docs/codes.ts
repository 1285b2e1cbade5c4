/**
 * The pages that list codes and reasons, each made from its table in the sources.
 *
 * @module
 */

import { adoptionCodes } from '../../src/adoption/codes.js'
import { agentCodes, type AgentCodeEntry } from '../../src/agent/codes.js'
import { reasons } from '../../src/checks/reasons.js'
import { errorCodes } from '../../src/errors.js'
import { evidenceCodes } from '../../src/evidence/codes.js'
import { hclCodes } from '../../src/hcl/index.js'
import { storeReasons } from '../../src/store/reasons.js'

/** A code and its sentence a row. */
function rowsOf(table: Readonly<Record<string, string>>): string {
  return Object.entries(table)
    .map(([code, sentence]) => `| \`${code}\` | ${sentence} |`)
    .join('\n')
}

/** `docs/errors.md`. */
export function errorsPage(): string {
  return `# Error codes

\`NomadPkiError.code\`, and \`code\` in the JSON of a failed command. A code never changes its meaning.

| code | means |
|---|---|
${rowsOf(errorCodes)}
`
}

/** `docs/reasons.md`. */
export function reasonsPage(): string {
  return `# Reasons

Why a plan acts and what a finding says, in the same words. They stand in the text, in \`--json\`, and in the ledger.

| reason | means |
|---|---|
${rowsOf({ ...reasons, ...storeReasons })}

A finding can also have the name of a lint rule (\`nomad/…\`, \`rfc5280/…\`, \`rfc8813/…\`) as its reason.
`
}

/** `docs/codes.md`. */
export function codesPage(): string {
  return `# Codes

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
${rowsOf(evidenceCodes)}

## Agents that are there

What \`init --from\` says of a configuration.

| code | means |
|---|---|
${rowsOf(adoptionCodes)}
`
}

/** `docs/agent-codes.md`. */
export function agentCodesPage(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const codes: readonly (readonly [string, AgentCodeEntry])[] = Object.entries(agentCodes)
  const rows = codes.map(
    ([code, { severities, means, remedy, source }]) =>
      `| \`${code}\` | ${severities.join(', ')} | ${cell(means)} | ${cell(remedy)} | ${source} |`,
  )
  return `# Codes of agents’ configurations

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
${rowsOf(hclCodes)}
`
}
