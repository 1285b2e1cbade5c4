/**
 * `pack --layout p12`: an operator's key for a browser.
 *
 * @module
 */

import { untilText } from '../delivery/pack-identity.js'
import { packPkcs12, requireOperator } from '../delivery/pack-p12.js'
import { existsAlready, placeFile } from '../files/place.js'
import { nodeFiles } from '../files/files.js'
import type { DesiredIdentity } from '../cluster/desired.js'
import type { Options } from './surface.js'
import type { Context } from './context.js'
import { p12Password } from './p12-password.js'
import type { Printer } from './printer.js'
import { exitStatus, type ExitStatus } from './status.js'
import { usage } from './usage.js'
import { requireOutside } from './write.js'
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
    out === undefined
  ) {
    throw usage(
      'a PKCS#12 file is for one operator, and has its own password',
      'nomad-pki pack alice --layout p12 --out alice.p12',
    )
  }
  requireOperator(identity)
  const written = [out, ...(newPasswordFile === undefined ? [] : [newPasswordFile])]
  for (const file of written) {
    requireOutside(context, store.location, file, 'a PKCS#12 file')
    // Its salts are new each time: the same again is another file.
    if (nodeFiles.lstat(context.resolve(file)) !== undefined) throw existsAlready(file)
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
    await password.place()
    await placeFile(nodeFiles, context.resolve(out), archive, 0o600)
  }
  if (printer.json) {
    printer.document({
      ...{ format: 'nomad-pki/pack', version: 1, address: manifest.address },
      ...{ generation: manifest.generation, directory, leaf: manifest.leaf.fingerprint },
      ...{ notAfter: Date.parse(manifest.leaf.notAfter), layout: 'p12', key: true, file: out },
      ...{ archive: fingerprint, written: !dry },
    })
  } else {
    printer.answer(`${fingerprint}  ${out}`)
    printer.tell(
      `${manifest.address}, generation ${manifest.generation}, valid until ${untilText(manifest)}${dry ? '; dry run: nothing was written' : ''}`,
    )
  }
  if (!dry) password.show()
  return exitStatus.ok
}
