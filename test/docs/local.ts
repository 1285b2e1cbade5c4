/**
 * `docs/local.md`, made from the table of the local file.
 *
 * @module
 */

import { localFileName, localShape } from '../../src/cluster/local.js'
import { tables } from './spec.js'

/** The reference of `nomad-pki.local.yaml` as Markdown. */
export function localReference(): string {
  return [head, '## All keys', '', ...tables(localShape, '')].join('\n')
}

const head = `# The local file: ${localFileName}

<!-- Made from the table in src/cluster/local.ts: change it there, then npm run docs -->

What this machine runs and reads for the cluster. It lies beside the spec, and is optional. Commands stand here and never in the spec.

- It must be a plain file of the user who runs nomad-pki, with mode 0600. Links are refused.
- Git must ignore it: add the line \`/${localFileName}\` to \`.gitignore\`.
- It is YAML 1.2 under the rules of the spec ([spec.md](spec.md)): an unknown key is an error with line and column.
- A command is a list: the program, then its arguments. No shell reads it. It runs in the folder of this file, in a process group of its own.
- \`status\` and \`authority show\` do not read it and run nothing. \`plan\` and \`verify\` read it where an authority is in Vault or OpenBao, and run nothing but \`vault.tokenCommand\`.

What the hook is told: [automation.md](automation.md#hooks). How to choose where a key is, and what a command gets: [authority-key.md](authority-key.md). Vault and OpenBao: [vault.md](vault.md).
`
