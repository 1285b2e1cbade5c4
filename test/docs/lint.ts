/**
 * `docs/lint.md`, made from the rules and, for the examples, from their vectors.
 *
 * @module
 */

import { lint } from '../../src/lint/lint.js'
import { rules } from '../../src/lint/rules.js'
import { parseCertificate } from '../../src/x509/certificate.js'
import { agent, build } from '../lint/draft.js'
import { lintContextOf, vectors } from '../lint/vectors.js'

/** The page: every rule, with what it says of its first bad vector. */
export function lintPage(): string {
  const rows = rules.map((rule) => {
    const vector = vectors.find((one) => one.rule === rule.name)
    const [fault, draft] = Object.entries(vector?.bad ?? {})[0] ?? []
    const found =
      vector === undefined || draft === undefined
        ? lint(parseCertificate(build(agent('server', 'global'))), { region: 'a..b' })
        : lint(parseCertificate(build(draft)), lintContextOf(vector, fault))
    const { message } = found.find((one) => one.rule === rule.name)!
    const foreign = rule.binding === true ? (rule.severity ?? 'error') : 'note'
    const cells = [rule.name, message, rule.source, rule.severity ?? 'error', foreign]
    return `| \`${rule.name}\` | ${cells.slice(1).join(' | ').replaceAll('<', '\\<')} |`
  })
  return `# Lint rules

Every certificate is held against these rules before it is signed, and again by \`verify\`. In what we
issue a broken rule stops the signature (the fourth column); in what others issued it is a note, unless
Nomad itself refuses such a certificate or gives it other authority (the last column). A message is
given for each as an example. Vectors, good and bad, are under \`test/vectors/lint/\`.

| rule | for example | source | ours | others’ |
|---|---|---|---|---|
${rows.join('\n')}
`
}
