/**
 * `pack`: what a node receives, as one file; or what all of them receive, each in its own.
 *
 * @module
 */

import path from 'node:path'
import { parseIdentity, resolveAddress, shortOf } from '../../address.js'
import { archiveName, type Layout } from '../../delivery/archive.js'
import { isFileLayout, type FileLayout } from '../../delivery/file-layouts.js'
import {
  packIdentity,
  placeOfMachine,
  untilText,
  type PackedIdentity,
} from '../../delivery/pack-identity.js'
import type { NomadPkiError } from '../../errors.js'
import { isNomadPkiError, type ErrorCode } from '../../errors.js'
import { nodeFiles } from '../../files/files.js'
import { placeFile } from '../../files/place.js'
import { profileOf } from '../../nomad/roles.js'
import type { Document } from '../../report/json.js'
import { checksumLine } from '../../report/style.js'
import { shellQuote } from '../../shell-quote.js'
import type { ClusterSpec } from '../../cluster/spec.js'
import { renewsItself, type Desired, type DesiredIdentity } from '../../cluster/desired.js'
import { packageFile, type Context } from '../context.js'
import { exitStatus, type ExitStatus } from '../status.js'
import type { Command } from '../command.js'
import { packForTool } from '../pack-layout.js'
import { packP12 } from '../pack-p12.js'
import { packRenew } from '../pack-renew.js'
import { packTrust } from '../pack-trust.js'
import { printerOf, type Printer } from '../printer.js'
import { longName, type Options } from '../surface.js'
import type { FlagName } from '../surface/entry.js'
import { usage } from '../usage.js'
import { makeFolder, requireFolder, requireFolderOf, requireOutside } from '../write.js'
import { openWorkspace, requireOwnStore } from '../workspace.js'

/** Writes the archives and prints their fingerprints, a line each, as `sha256sum -c` reads them. */
export const command: Command<'pack'> = async ({ args, options }, context) => {
  if (options.renew === true) return packRenew(args, options, context)
  const printer = printerOf(context, options)
  const asked = options.layout ?? 'links'
  const trustAlone = options.trustOnly === true && args.length === 0 && options.all !== true
  requireFitting(asked, trustAlone ? { ...options, region: undefined } : options)
  if (trustAlone) return packTrust(options, context)
  if (asked === 'p12' || isFileLayout(asked)) return packForOthers(asked, args, options, context)
  const layout: Layout = asked
  const without =
    options.trustOnly === true ? 'leaf' : options.withoutKey === true ? 'key' : undefined
  const fileOf = placeOf(args, options)
  const workspace = await openWorkspace(context, options, printer)
  const { spec, desired, store } = workspace
  await requireOwnStore(workspace)
  const identities = chosen(args, options, desired, printer)
  const installer = await context.readFile(packageFile(context, 'templates/install.sh'))
  const packed: (readonly [string, PackedIdentity])[] = []
  // What one of many lacks keeps no other from its archive.
  const held = options.outDir === undefined ? undefined : new Map<string, NomadPkiError>()
  // All of them before the first is written: what one lacks is said while nothing is there.
  for (const identity of identities) {
    try {
      const one = await packIdentity(spec, identity, store, {
        ...{ now: context.now(), installer, layout, without },
      })
      packed.push([fileOf(one), one])
    } catch (error) {
      holdOf(held, identity.address, error, ['ERR_PACK_UNFIT', 'ERR_STORE_MISSING'])
    }
  }
  if (options.outDir !== undefined) {
    requireOutside(context, store.location, options.outDir, 'a folder of archives')
    requireFolder(context, options.outDir)
  }
  for (const [file] of packed) {
    requireOutside(context, store.location, file, 'an archive')
    if (options.outDir === undefined) requireFolderOf(context, file)
  }
  const dry = options.dryRun === true
  if (!dry && options.outDir !== undefined && packed.length > 0)
    await makeFolder(context.resolve(options.outDir))
  const holdsKey = ({ manifest }: PackedIdentity): boolean =>
    without === undefined && manifest.held === undefined
  const documents: Document[] = []
  for (const [file, one] of packed) {
    const { archive, fingerprint, manifest, warnings } = one
    for (const warning of warnings) printer.tell(`warning: ${manifest.address}: ${warning}`)
    let state: Awaited<ReturnType<typeof placeFile>> | 'rehearsed' = 'rehearsed'
    try {
      if (!dry) state = await placeFile(nodeFiles, context.resolve(file), archive, 0o600)
    } catch (error) {
      holdOf(held, manifest.address, error, ['ERR_FILE_EXISTS'])
      continue
    }
    documents.push({ ...documentOf(file, one, layout, holdsKey(one)), written: !dry })
    if (printer.json) continue
    printer.answer(checksumLine(fingerprint, file))
    const note = {
      placed: '',
      same: '; it is there already',
      rehearsed: '; dry run: nothing was written',
    }
    printer.tell(
      `${manifest.address}, generation ${manifest.generation}, valid until ${untilText(manifest)}${note[state]}`,
    )
    const how = layout === 'links' ? installOf(spec, manifest.address) : undefined
    if (how !== undefined)
      printer.tell(`on its host: nomad-pki install ${path.basename(file)} ${how}`)
  }
  if (printer.json) {
    printer.document(
      options.outDir === undefined
        ? documents[0]!
        : {
            ...{ format: 'nomad-pki/packs', version: 1, archives: documents },
            held: [...(held ?? [])].map(([address, { message, hint }]) => ({
              address,
              message,
              ...(hint !== undefined && { hint }),
            })),
          },
    )
  } else if (!dry && documents.some(({ key }) => key === true)) {
    const all = documents.every(({ key }) => key === true)
    const what =
      documents.length === 1
        ? 'it holds the private key'
        : `${all ? 'each' : 'some'} ${all ? 'holds' : 'hold'} a private key`
    printer.tell(`${what}: send it over a private channel, and remove it after`)
  }
  return tellHeld(held, identities.length, printer)
}

const archives: readonly string[] = ['links', 'flat']
const toolFiles: readonly string[] = ['cfssl', 'nomad-tls']

/** The options that only some layouts have. */
const layoutOptions: readonly (readonly [
  option: keyof Options<'pack'> & FlagName,
  of: readonly string[],
])[] = [
  ['withoutKey', archives],
  ['trustOnly', archives],
  ['region', toolFiles],
  ['withAuthorityKey', toolFiles],
  ['compat', ['p12']],
  ['passwordFile', ['p12']],
  ['newPasswordFile', ['p12']],
]

function requireFitting(layout: string, options: Options<'pack'>): void {
  for (const [option, of] of layoutOptions) {
    if (options[option] === undefined || of.includes(layout)) continue
    throw usage(
      `${longName(option)} does not go with the layout ${layout}`,
      `it goes with ${of.map((one) => `--layout ${one}`).join(' and ')}`,
    )
  }
}

/** What is not an archive: files as other tools name them, or a browser reads them. */
async function packForOthers(
  layout: FileLayout | 'p12',
  args: readonly string[],
  options: Options<'pack'>,
  context: Context,
): Promise<ExitStatus> {
  const printer = printerOf(context, options)
  if (options.all !== true && args.length === 0) {
    throw usage(
      'name what is packed',
      layout === 'p12' ? 'pack alice --layout p12' : `--all, or addresses`,
    )
  }
  const workspace = await openWorkspace(context, options, printer)
  await requireOwnStore(workspace)
  const addresses = workspace.desired.identities.map(({ address }) => address)
  const named = [...new Set(args.map((text) => resolveAddress(text, addresses)))]
  if (layout !== 'p12') return packForTool(layout, named, workspace, options, context, printer)
  const identities = workspace.desired.identities.filter(({ address }) => named.includes(address))
  return packP12(identities, workspace, options, context, printer)
}

type HeldPacks = Map<string, NomadPkiError>

/** Keeps an error of one of many for the end; any other one ends the command. */
function holdOf(
  held: HeldPacks | undefined,
  address: string,
  error: unknown,
  codes: readonly ErrorCode[],
): void {
  if (held === undefined || !isNomadPkiError(error) || !codes.includes(error.code)) throw error
  held.set(address, error)
}

/** Names those that have no archive, last, because that is to be read. */
function tellHeld(held: HeldPacks | undefined, all: number, printer: Printer): ExitStatus {
  if (held === undefined || held.size === 0) return exitStatus.ok
  if (!printer.json) {
    for (const error of held.values()) printer.fail(error)
    printer.report(`${held.size} of ${all} were not packed: ${[...held.keys()].join(', ')}`)
  }
  return exitStatus.error
}

/** Where an archive goes. */
function placeOf(
  args: readonly string[],
  { out, outDir, all }: Options<'pack'>,
): (packed: PackedIdentity) => string {
  if (all === true && args.length > 0) {
    throw usage(`--all is every agent: without ${args.join(' ')}`)
  }
  if (all !== true && args.length === 0) {
    throw usage('which node?', 'nomad-pki pack NODE --out FILE, or --all --out-dir FOLDER')
  }
  if (outDir !== undefined) {
    return ({ manifest }) => path.join(outDir, archiveName(manifest.address, manifest.generation))
  }
  if (all === true || args.length > 1) {
    throw usage('several archives need --out-dir FOLDER', '--out-dir out')
  }
  if (out === undefined || out === '-') {
    throw usage(
      'name the file: the archive holds a private key',
      `--out ${args[0]!.split('/').at(-1) ?? 'node'}.tar.gz`,
    )
  }
  return () => out
}

function chosen(
  args: readonly string[],
  { all }: Options<'pack'>,
  { identities }: Desired,
  printer: Printer,
): readonly DesiredIdentity[] {
  if (all === true) {
    const hosted = identities.filter(
      ({ profile }) => profileOf(profile.role).hosted && !renewsItself({ profile }),
    )
    const own = identities.filter(renewsItself)
    if (own.length > 0) {
      const [first] = own
      const names = own.slice(0, 3).map(({ address }) => address)
      const more = own.length > 3 ? ` and ${own.length - 3} more` : ''
      printer.tell(
        `not packed: ${names.join(', ')}${more}: ${own.length === 1 ? 'it renews itself and gets' : 'they renew themselves and get'} no archive; what a node needs for it: nomad-pki pack ${shortOf(first!.address)} --renew --out-dir FOLDER`,
      )
    }
    if (hosted.length === 0) throw usage('the spec has no agents for which archives are made')
    return hosted
  }
  const addresses = identities.map(({ address }) => address)
  const named = new Set(args.map((text) => resolveAddress(text, addresses)))
  return identities.filter(({ address }) => named.has(address))
}

/** How a machine is told of new files: the spec says it, and no archive does, because root follows it. */
function installOf(spec: ClusterSpec, address: string): string | undefined {
  if (parseIdentity(address).role !== 'machine') return undefined
  const { reload } = placeOfMachine(spec, { address })
  if (reload === undefined) return '--reload none'
  return `--reload ${shellQuote(reload.unit)}${reload.how === 'restart' ? ' --restart' : ''}`
}

function documentOf(
  file: string,
  { fingerprint, manifest, directory }: PackedIdentity,
  layout: Layout,
  key: boolean,
): Document {
  return {
    format: 'nomad-pki/pack',
    version: 1,
    address: manifest.address,
    generation: manifest.generation,
    directory,
    leaf: manifest.leaf.fingerprint,
    notAfter: Date.parse(manifest.leaf.notAfter),
    layout,
    key,
    file,
    archive: fingerprint,
  }
}
