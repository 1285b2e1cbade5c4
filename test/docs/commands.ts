/**
 * `docs/commands.md`, made from the table of commands.
 *
 * @module
 */

import type { CompletionOption } from '../../src/report/completion.js'

/** What the reference says about a command. */
export interface ReferenceCommand {
  readonly name: string
  readonly arguments: string
  readonly summary: string
  readonly details?: string
  readonly options: readonly CompletionOption[]
  readonly examples: readonly string[]
}

/**
 * The reference as Markdown.
 *
 * @param commands What there is.
 * @param globals Options that hold everywhere.
 * @param statuses Exit statuses with their sentences.
 */
export function commandReference(
  commands: readonly ReferenceCommand[],
  globals: readonly CompletionOption[],
  statuses: readonly (readonly [number, string])[],
): string {
  const parts = [
    '# Commands',
    'Made from the program itself (`nomad-pki COMMAND --help` says the same).',
    'Answers go to stdout, everything else to stderr. Without a terminal nothing is asked, and without `--yes`, or a plan that was reviewed (`--plan`), nothing is applied. Documents of `--json` begin with `format` and `version`; their schemas are in `dist/schemas/`, and instants in them are epoch milliseconds.',
    '## Everywhere',
    optionTable(globals),
    '## Exit status',
    `| status | says |\n|---|---|\n${statuses.map(([code, text]) => `| ${code} | ${cell(text)} |`).join('\n')}`,
  ]
  for (const { name, arguments: args, summary, details, options, examples } of commands) {
    parts.push(
      `## ${name}`,
      `${summary[0]!.toUpperCase()}${summary.slice(1)}.${details === undefined ? '' : ` ${details}`}`,
      `\`\`\`\nnomad-pki ${name}${args === '' ? '' : ` ${args}`}${options.length > 0 ? ' [options]' : ''}\n\`\`\``,
    )
    if (options.length > 0) parts.push(optionTable(options))
    parts.push(`\`\`\`sh\n${examples.join('\n')}\n\`\`\``)
  }
  return `${parts.join('\n\n')}\n`
}

function optionTable(options: readonly CompletionOption[]): string {
  const rows = options.map(({ flags, summary }) => `| \`${cell(flags)}\` | ${cell(summary)} |`)
  return `| option | is |\n|---|---|\n${rows.join('\n')}`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
