/**
 * `pack --layout cfssl` and `nomad-tls`: the files under the names that another tool gave them.
 *
 * @module
 */

import path from 'node:path'
import { sameRequest } from '../x509/request.js'
import { latin1Of } from '../bytes.js'
import type { FileLayout } from '../delivery/file-layouts.js'
import { untilText } from '../delivery/pack-identity.js'
import { packLayout, type LayoutFile } from '../delivery/pack-layout.js'
import { nodeFiles } from '../files/files.js'
import { placeFiles } from '../files/place.js'
import { checksumLine } from '../report/style.js'
import { sha256 } from '../sha256.js'
import type { Options } from './surface.js'
import type { Context } from './context.js'
import type { Printer } from './printer.js'
import { exitStatus, type ExitStatus } from './status.js'
import { usage } from './usage.js'
import { makeFolder, readIfThere, requireFolder, requireOutside } from './write.js'
import type { Workspace } from './workspace.js'

/** Writes the files into the folder, and prints their checksums as `sha256sum -c` reads them. */
export async function packForTool(
  layout: FileLayout,
  named: readonly string[],
  { spec, desired, store }: Workspace,
  options: Options<'pack'>,
  context: Context,
  printer: Printer,
): Promise<ExitStatus> {
  const { outDir, out, region, all = false } = options
  if (outDir === undefined || out !== undefined) {
    throw usage(
      `name the folder: the layout ${layout} is several files`,
      `nomad-pki pack --all --layout ${layout} --out-dir FOLDER`,
    )
  }
  const packed = await packLayout(spec, desired, store, {
    ...{ now: context.now(), layout, named, all, region },
    authorityKey: options.withAuthorityKey === true,
  })
  requireOutside(context, store.location, outDir, 'a folder of keys')
  requireFolder(context, outDir)
  const placed = (file: LayoutFile): string => path.join(outDir, file.name)
  for (const file of packed.files) {
    requireOutside(context, store.location, placed(file), `a ${file.kind}`)
  }
  const files = await Promise.all(
    packed.files.map(async (file) => ({ ...file, bytes: await kept(file, placed(file), context) })),
  )
  const dry = options.dryRun === true
  let states: readonly string[] = []
  if (!dry) {
    await makeFolder(context.resolve(outDir))
    states = await placeFiles(
      nodeFiles,
      files.map((file) => ({ ...file, path: context.resolve(placed(file)) })),
    )
  }
  if (printer.json) {
    printer.document({
      ...{ format: 'nomad-pki/files', version: 1, layout, written: !dry },
      files: files.map(({ name, kind, address, bytes }) => ({
        ...{ file: path.join(outDir, name), kind, sha256: sha256(bytes) },
        ...(address !== undefined && { address }),
      })),
      notes: packed.notes,
    })
    return exitStatus.ok
  }
  for (const file of files) printer.answer(checksumLine(sha256(file.bytes), placed(file)))
  for (const manifest of packed.manifests) {
    printer.tell(
      `${manifest.address}, generation ${manifest.generation}, valid until ${untilText(manifest)}`,
    )
  }
  for (const note of packed.notes) printer.tell(`note: ${note}`)
  if (dry) printer.tell('dry run: nothing was written')
  else if (states.every((state) => state === 'same')) printer.tell('all of it is there already')
  else
    printer.tell(
      'the folder holds private keys: send it over a private channel, and remove it after',
    )
  return exitStatus.ok
}

/** Each signature by an ECDSA key is another one: a request that is there and says the same is kept. */
async function kept(file: LayoutFile, place: string, context: Context): Promise<Uint8Array> {
  if (file.kind !== 'request') return file.bytes
  const there = await readIfThere(context, place)
  return there !== undefined && sameRequest(latin1Of(there), latin1Of(file.bytes))
    ? there
    : file.bytes
}
