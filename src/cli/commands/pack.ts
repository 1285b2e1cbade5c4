/**
 * `pack`: what a node receives, as one file.
 *
 * @module
 */

import { resolveAddress } from '../../address.js'
import type { Layout } from '../../delivery/archive.js'
import { packIdentity, untilText } from '../../delivery/pack-identity.js'
import { NomadPkiError } from '../../errors.js'
import { nodeFiles } from '../../files/files.js'
import { placeFile } from '../../files/place.js'
import { packageFile } from '../context.js'
import { exitStatus } from '../status.js'
import type { Command } from '../command.js'
import { voiceOf } from '../voice.js'
import { openWorkspace } from '../workspace.js'

/** Writes the archive and prints its fingerprint. */
export const command: Command = async ({ args: [name = ''], options }, context) => {
  const voice = voiceOf(context, options)
  // One of its choices: the table of commands says so.
  const [out, layout] = [options.out, (options.layout ?? 'links') as Layout]
  if (out === undefined || out === '-') {
    throw new NomadPkiError('ERR_USAGE', 'where to? the archive holds a private key', {
      hint: `--out ${name.split('/').at(-1) ?? 'node'}.tar.gz`,
    })
  }
  const without =
    options.trustOnly === true ? 'leaf' : options.withoutKey === true ? 'key' : undefined
  const { spec, desired, store } = await openWorkspace(context, options, voice)
  const address = resolveAddress(
    name,
    desired.identities.map((identity) => identity.address),
  )
  const identity = desired.identities.find((one) => one.address === address)!
  const { archive, fingerprint, manifest, directory, warnings } = await packIdentity(
    spec,
    identity,
    store,
    {
      now: context.now(),
      installer: await context.readFile(packageFile(context, 'templates/install.sh')),
      layout,
      without,
    },
  )
  for (const warning of warnings) voice.tell(`warning: ${warning}`)
  const written = options.dryRun !== true
  if (written) await placeFile(nodeFiles, context.resolve(out), archive, 0o600)
  const key = without === undefined
  if (voice.json) {
    voice.document({
      format: 'nomad-pki/pack',
      version: 1,
      address,
      generation: manifest.generation,
      directory,
      leaf: manifest.leaf.fingerprint,
      notAfter: Date.parse(manifest.leaf.notAfter),
      layout,
      key,
      file: out,
      archive: fingerprint,
      written,
    })
  } else {
    voice.answer(`${fingerprint}  ${out}`)
    voice.tell(`${address}, generation ${manifest.generation}, valid until ${untilText(manifest)}`)
    if (!written) voice.tell('dry run: nothing was written')
    else if (key)
      voice.tell('it holds the private key: send it on a private way, and remove it after')
  }
  return exitStatus.ok
}
