/**
 * `pack --trust-only` without an address: the bundle of roots alone, for agents whose certificates this
 * program did not make. It holds no secret.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import { nodeFiles } from '../files/files.js'
import { placeFile } from '../files/place.js'
import type { DesiredBundle } from '../cluster/desired.js'
import { checksumLine } from '../report/style.js'
import { sha256 } from '../sha256.js'
import { authorityText } from '../authority/take-over.js'
import { fingerprintText, sameCertificate } from '../x509/certificate.js'
import { exitStatus, type ExitStatus } from './status.js'
import type { Options } from './surface.js'
import type { Context } from './context.js'
import { printerOf } from './printer.js'
import { usage } from './usage.js'
import { requireFolderOf, requireOutside } from './write.js'
import { openWorkspace, takeOwnInventory, type Workspace } from './workspace.js'

/**
 * Writes the bundle.
 *
 * @throws {NomadPkiError} `ERR_USAGE`, `ERR_STORE_MISSING`, `ERR_FILE_EXISTS`
 */
export async function packTrust(options: Options<'pack'>, context: Context): Promise<ExitStatus> {
  const { out, outDir } = options
  if (out === undefined || out === '-' || outDir !== undefined) {
    throw usage(
      'without a node, --trust-only writes the trusted roots into one file',
      'nomad-pki pack --trust-only --out ca.pem',
    )
  }
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const inventory = await takeOwnInventory(workspace)
  const bundle = bundleOf(options, workspace)
  const found = inventory.bundles.get(bundle.address)
  const roots = bundle.trusted.flatMap((address) => {
    const certificate = inventory.authorities.get(address)?.certificate
    const held = certificate && found?.certificates.some((one) => sameCertificate(one, certificate))
    return held === true ? [{ address, certificate }] : []
  })
  if (found === undefined || roots.length < bundle.trusted.length) {
    throw new NomadPkiError(
      'ERR_STORE_MISSING',
      `${bundle.address} does not have all roots that the spec trusts`,
      { address: bundle.address, hint: 'nomad-pki apply' },
    )
  }
  requireOutside(context, workspace.store.location, out, 'a bundle')
  requireFolderOf(context, out)
  const bytes = Buffer.from(found.text)
  const dry = options.dryRun === true
  const state = dry ? 'rehearsed' : await placeFile(nodeFiles, context.resolve(out), bytes, 0o644)
  if (printer.json) {
    printer.document({
      ...{
        format: 'nomad-pki/trust',
        version: 1,
        bundle: bundle.address,
        file: out,
        written: !dry,
      },
      roots: roots.map(({ address, certificate }) => ({
        address,
        fingerprint: fingerprintText(certificate),
      })),
      sha256: sha256(bytes),
    })
    return exitStatus.ok
  }
  printer.answer(checksumLine(sha256(bytes), out))
  for (const { address, certificate } of roots) {
    printer.tell(`${address}  ${authorityText(certificate)}`)
  }
  const notes = {
    placed: "it holds no secret: put it in the place of each agent's ca_file, and reload",
    same: 'it is there already',
    rehearsed: 'dry run: nothing was written',
  }
  printer.tell(notes[state])
  return exitStatus.ok
}

/** The bundle of the region that is named, or the only one. */
function bundleOf(
  { region }: Options<'pack'>,
  { desired: { bundles, identities } }: Workspace,
): DesiredBundle {
  const own =
    region === undefined
      ? undefined
      : identities.find(({ profile }) => profile.region === region)?.profile.bundle
  if (region !== undefined && own === undefined) {
    throw usage(`--region ${region}: the spec has no agent in it`)
  }
  const [only, ...more] = bundles.filter(({ address }) => own === undefined || address === own)
  if (only !== undefined && more.length === 0) return only
  throw usage('the spec has several bundles of roots', '--region REGION chooses one')
}
