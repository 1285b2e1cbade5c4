/**
 * Every generated page, and what it is made from. `docs.mjs` writes and compares them.
 *
 * @module
 */

import { exitStatusSentences } from '../../src/cli/status.js'
import { commands, globalOptions } from '../../src/cli/surface.js'
import { agentCodesPage, codesPage, errorsPage, reasonsPage } from './codes.js'
import { commandReference } from './commands.js'
import { flow } from './flow.js'
import { ledgerPage } from './ledger.js'
import { localReference } from './local.js'
import { nodeReference } from './node-file.js'
import { libraryIndex, libraryPages, libraryPaths } from './library.js'
import { lintPage } from './lint.js'
import { withOutput } from './shown.js'
import { specReference } from './spec.js'

/** The text of a page; it is given the present one, of which some pages keep a part. */
type Page = (present: string) => string

/** The pages, by their path in the repository. */
export const pages: Readonly<Record<string, Page>> = {
  'README.md': withOutput,
  'docs/agent-codes.md': agentCodesPage,
  'docs/codes.md': codesPage,
  'docs/commands.md': () => commandReference(commands, globalOptions, exitStatusSentences),
  'docs/errors.md': errorsPage,
  'docs/images/flow.svg': flow,
  'docs/ledger.md': ledgerPage,
  'docs/library.md': libraryIndex,
  ...Object.fromEntries(libraryPaths.map((page) => [page, () => libraryPages().get(page)!])),
  'docs/lint.md': lintPage,
  'docs/machines.md': withOutput,
  'docs/reasons.md': reasonsPage,
  'docs/local.md': localReference,
  'docs/renewing-nodes.md': nodeReference,
  'docs/spec.md': specReference,
}
