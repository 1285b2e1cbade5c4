/**
 * `authority accept`: signs a request on the machine that has the key, and takes the answer on the machine
 * of the store. Which of the two it is, the file and the spec's `signer` both say.
 *
 * @module
 */

import { isAnswerFile } from '../../issuers/offline-file.js'
import type { Command } from '../command.js'
import { printerOf } from '../printer.js'
import { signRequest } from '../sign-authority-request.js'
import { takeAnswer } from '../take-authority-answer.js'
import { usage } from '../usage.js'
import { openWorkspace } from '../workspace.js'

/** Exits 3 where it was refused. */
export const command: Command<'authority accept'> = async ({ args: [file], options }, context) => {
  const printer = printerOf(context, options)
  const bytes = await context.readFile(file!)
  const workspace = await openWorkspace(context, options, printer)
  const { out, fingerprint, yes, dryRun, passphraseFd } = options
  const said = { out, fingerprint, yes, dryRun, passphraseFd, file: options.file }
  const call = { file: file!, bytes, workspace, options: said, printer, context }
  if (!isAnswerFile(bytes)) return signRequest(call)
  if (out !== undefined) {
    throw usage('--out is for a request that is signed here, and the file is an answer')
  }
  return takeAnswer(call)
}
