/**
 * `pack --layout p12`: an operator's key for a browser.
 *
 * @module
 */

import { untilText } from '../delivery/pack-identity.js'
import { packPkcs12, requireOperator } from '../delivery/pack-p12.js'
import { unwritten } from '../files/aside.js'
import { existsAlready, placeFile } from '../files/place.js'
import { nodeFiles } from '../files/files.js'
import { checksumLine } from '../report/style.js'
import type { DesiredIdentity } from '../cluster/desired.js'
import type { Options } from './surface.js'
import type { Context } from './context.js'
import { p12Password } from './p12-password.js'
import type { Printer } from './printer.js'
import { exitStatus, type ExitStatus } from './status.js'
import { usage } from './usage.js'
import { placeOf, requireFolderOf, requireOutside } from './write.js'
import type { Workspace } from './workspace.js'

/** Writes the file, and shows or writes its password. */
export async function packP12(
  identities: readonly DesiredIdentity[],
  { spec, store }: Workspace,
  options: Options<'pack'>,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const { out, outDir, newPasswordFile } = options
  const [identity] = identities
  if (
    identity === undefined ||
    identities.length > 1 ||
    outDir !== undefined ||
    out === undefined ||
    out === '-'
  ) {
    throw usage(
      'a PKCS#12 file is for one operator, and has its own password',
      'nomad-pki pack alice --layout p12 --out alice.p12',
    )
  }
  requireOperator(identity)
  requireFree(out, 'a PKCS#12 file', store.location, context)
  if (newPasswordFile !== undefined) {
    requireFree(newPasswordFile, 'a password', store.location, context)
    if (placeOf(context.resolve(out)) === placeOf(context.resolve(newPasswordFile))) {
      throw usage(
        '--out and --new-password-file name the same file',
        'each needs a file of its own',
      )
    }
  }
  const dry = options.dryRun === true
  const password = await p12Password(options, context)
  const form = options.compat === true ? 'compat' : 'modern'
  const { archive, fingerprint, manifest, directory, warnings } = await packPkcs12(
    spec,
    identity,
    store,
    { now: context.now(), password: password.text, form },
  )
  for (const warning of warnings) printer.tell(`warning: ${manifest.address}: ${warning}`)
  if (!dry) {
    // Ctrl-C between the two would leave a password without its file.
    context.onInterrupt(() => undefined)
    await password.place()
    try {
      await placeFile(nodeFiles, context.resolve(out), archive, 0o600)
    } catch (error) {
      password.drop()
      throw error
    }
  }
  if (printer.json) {
    printer.document({
      ...{ format: 'nomad-pki/pack', version: 1, address: manifest.address },
      ...{ generation: manifest.generation, directory, leaf: manifest.leaf.fingerprint },
      ...{ notAfter: Date.parse(manifest.leaf.notAfter), layout: 'p12', key: true, file: out },
      ...{ archive: fingerprint, written: !dry },
    })
  } else {
    printer.answer(checksumLine(fingerprint, out))
    printer.tell(
      `${manifest.address}, generation ${manifest.generation}, valid until ${untilText(manifest)}${dry ? '; dry run: nothing was written' : ''}`,
    )
  }
  if (!dry) password.show()
  return exitStatus.ok
}

/** Refuses a file that cannot be made. Its salts are new each time: the same again is another file. */
function requireFree(file: string, what: string, store: string, context: Context): void {
  requireOutside(context, store, file, what)
  requireFolderOf(context, file)
  try {
    if (nodeFiles.lstat(context.resolve(file)) === undefined) return
  } catch (error) {
    throw unwritten(file, error, false)
  }
  throw existsAlready(file)
}
