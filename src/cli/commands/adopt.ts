/**
 * `adopt`: a folder that another tool filled becomes cluster.yaml and the first generations of a store.
 *
 * @module
 */

import path from 'node:path'
import { planAdoption, type Adoption, type AdoptionInput } from '../../adoption/adopt.js'
import type { AdoptedAuthority, AdoptedIdentity } from '../../adoption/adopted.js'
import type { LeftOut } from '../../adoption/materials.js'
import { isName, sharedName } from '../../address.js'
import { missingOf, putAdopted } from '../../apply/put-adopted.js'
import { addNode, addNodes, nameNode, type NewNode } from '../../cluster/edit.js'
import { desire } from '../../cluster/desire.js'
import { newSpec } from '../../cluster/new-spec.js'
import { parseSpec } from '../../cluster/parse.js'
import type { ClusterSpec } from '../../cluster/spec.js'
import { hasErrors } from '../../diagnostics.js'
import { NomadPkiError } from '../../errors.js'
import { isBegun } from '../../inventory/begun.js'
import type { Inventory } from '../../inventory/inventory.js'
import { listIn } from '../../inventory/list-in.js'
import { readInventory } from '../../inventory/read.js'
import type { Store } from '../../inventory/store.js'
import { isAgent } from '../../nomad/roles.js'
import { adoptionDocument, adoptionText, type AdoptionReport } from '../../report/adoption.js'
import { recipeLines } from '../../report/recipe.js'
import { applySteps } from '../../rotation/recipe.js'
import { directoryConfigs } from '../../store/directory-configs.js'
import { checkStorePlace, directoryStore } from '../../store/directory-store.js'
import { fingerprintOf } from '../../x509/certificate.js'
import { adoptEngine } from '../adopt-engine.js'
import { expandPatterns, readFolders } from '../adopt-folders.js'
import { probeForAdoption } from '../adopt-probe.js'
import { readAgents } from '../agent-files.js'
import { beginStore } from '../begin-store.js'
import type { Command } from '../command.js'
import type { Options } from '../surface.js'
import { packageFile, type Context } from '../context.js'
import { printerOf } from '../printer.js'
import { exitStatus } from '../status.js'
import { unlockFiles } from '../unlock-folders.js'
import { identitiesIn, keysInStore } from '../adopted-before.js'
import { withGenerations, withKeys } from '../adopted-spec.js'
import { lastNumber } from '../revoke-lists.js'
import { usage } from '../usage.js'
import { defaultSpec, fileFlag, readSpec } from '../workspace.js'
import { showWrites, writeFiles, type FileWrite } from '../write.js'
import { ignoreStore } from './init.js'

/** Writes over nothing, and changes nothing in the folders that it reads. */
export const command: Command<'adopt'> = async ({ args, options }, context) => {
  if (options.engine === true) return adoptEngine(args, options, context)
  const printer = printerOf(context, options)
  if (args.length === 0) throw usage('name the folder to adopt', 'nomad-pki adopt tls')
  const file = options.file ?? defaultSpec
  const base = path.dirname(context.resolve(file))
  const present = await presentSpec(file, options, context)
  if (present !== undefined && (options.cluster ?? present.spec.cluster) !== present.spec.cluster) {
    throw usage(
      `--cluster ${options.cluster!}: ${file} is the spec of ${present.spec.cluster}`,
      'leave --cluster away, or name another spec with --file',
    )
  }
  const place = path.resolve(base, present?.spec.store ?? 'pki')
  const store = directoryStore(place)
  const configs = directoryConfigs(base)
  const begun = await isBegun(store)
  const inventory = begun ? await readInventory({ store, configs }, { configs: [] }) : undefined
  const agents = await readAgents(
    await expandPatterns(options.agents ?? [], context),
    file,
    context,
  )
  const files = await unlockFiles(await readFolders(args, place, context), options, context)
  const identities = inventory === undefined ? [] : identitiesIn(inventory)
  const adoption = planAdoption({
    files: [...files, ...(await keysInStore(files, agents, { identities, inventory }, store))],
    agents,
    probed:
      options.probe === undefined ? [] : await probeForAdoption(options.probe, agents, context),
    known: inventory && knownIn(inventory),
    authorities: inventory && authoritiesIn(inventory),
    specified: present?.spec.authorities,
    identities,
    now: context.now(),
  })
  requireAdoptable(adoption, args)
  const leftOut: LeftOut[] = [...adoption.leftOut]
  const { text, spec } =
    present === undefined
      ? await firstSpec(adoption, file, options, context)
      : moreNodes(
          withGenerations(
            withKeys(present.text, adoption),
            adoption,
            inventory,
            present.spec,
            file,
          ),
          adoption.identities,
          { file, before: adoptedBefore(inventory), inventory },
          leftOut,
        )
  const named = namedBy(spec, adoption.identities, leftOut)
  const missing =
    inventory === undefined
      ? { authorities: adoption.authorities, keys: [], lists: [], identities: named }
      : missingOf({ authorities: adoption.authorities, identities: named }, inventory)
  const writes: FileWrite[] = []
  if (text !== present?.text) {
    const ignored = await ignoreStore(
      context,
      path.join(path.dirname(file), '.gitignore'),
      spec.store,
    )
    if (ignored !== undefined) writes.push(ignored)
    writes.push({ file, text, expected: present?.bytes })
  }
  const report: AdoptionReport = {
    cluster: spec.cluster,
    file,
    dryRun: options.dryRun === true,
    specChanged: text !== present?.text,
    authorities: adoption.authorities,
    identities: named,
    fresh: new Set([...missing.authorities, ...missing.identities].map(({ address }) => address)),
    keys: new Set(adoption.authorities.filter(hasKeyAfter(inventory)).map((one) => one.address)),
    freshKeys: new Set(missing.keys.map(({ address }) => address)),
    leftOut,
  }
  const whole =
    inventory !== undefined &&
    report.fresh.size + report.freshKeys.size + missing.lists.length === 0 &&
    desire(spec).bundles.every(({ address }) => inventory.bundles.has(address))
  if (!whole) {
    // Before anything is written, and in a dry run too: a spec without its store says what is not so.
    await checkStorePlace(place, {
      willBeIgnored: writes.length > 1 && !path.relative(base, place).startsWith('..'),
    })
  }
  if (options.dryRun === true) {
    if (printer.json) printer.document(adoptionDocument(report))
    else printer.answer(adoptionText(report))
    showWrites(writes, printer)
    return exitStatus.ok
  }
  await writeFiles(context, writes)
  if (!whole) await put(store, { spec, adoption, identities: named, begun }, configs, context)
  if (printer.json) printer.document(adoptionDocument(report))
  else {
    printer.answer(adoptionText(report))
    for (const write of writes) printer.answer(`wrote ${write.file}`)
  }
  const flag = fileFlag(options)
  printer.tell(
    [
      '',
      'next:',
      `  edit ${file}: the comments in it are questions`,
      `  nomad-pki plan${flag}      what has to be made, and why`,
      ...(await nextLines(spec, store, configs, flag, context)),
      `  nomad-pki verify${flag}    check it`,
    ].join('\n'),
  )
  return exitStatus.ok
}

/** What makes the rest: where a key is on another machine, `apply` alone ends in an error. */
async function nextLines(
  spec: ClusterSpec,
  store: Store,
  configs: ReturnType<typeof directoryConfigs>,
  flag: string,
  context: Context,
): Promise<readonly string[]> {
  const places = spec.authorities.flatMap(({ signers }) => Object.values(signers))
  const plain = [`  nomad-pki apply${flag}     make it`]
  if (!places.some((place) => place === 'offline' || place === 'engine')) return plain
  const inventory = await readInventory({ store, configs }, { configs: [] })
  const steps = applySteps(spec, { inventory, now: context.now() })
  return steps.length === 1 ? plain : recipeLines(steps, flag)
}

interface Present {
  readonly text: string
  readonly bytes: Uint8Array
  readonly spec: ClusterSpec
}

async function presentSpec(
  file: string,
  options: Options<'adopt'>,
  context: Context,
): Promise<Present | undefined> {
  if (!(await context.exists(file))) return undefined
  const { text, bytes } = await readSpec(context, options)
  const { spec, diagnostics } = parseSpec(text, { file })
  if (spec === undefined || hasErrors(diagnostics)) {
    throw new NomadPkiError('ERR_SPEC_INVALID', `${file} has errors`, { diagnostics })
  }
  return { text, bytes, spec }
}

/** Whether the store has the key of an authority when the run has ended. */
function hasKeyAfter(inventory: Inventory | undefined): (one: AdoptedAuthority) => boolean {
  return ({ address, key }) =>
    key !== undefined || inventory?.authorities.get(address)?.key.state === 'present'
}

/** Addresses by fingerprint of what the store has, and of what its ledger noted as adopted. */
function knownIn({ authorities, identities, ledger }: Inventory): ReadonlyMap<string, string> {
  const known = new Map<string, string>()
  for (const event of ledger.events) {
    if (event.event === 'adopted') known.set(event.fingerprint, event.address)
  }
  for (const { address, certificate } of authorities.values()) {
    if (certificate !== undefined) known.set(fingerprintOf(certificate), address)
  }
  for (const { address, current } of identities.values()) {
    const leaf = current?.chain[0]
    if (leaf !== undefined) known.set(fingerprintOf(leaf), address)
  }
  return known
}

function authoritiesIn(inventory: Inventory): AdoptionInput['authorities'] {
  return [...inventory.authorities.values()].flatMap((found) => {
    const { address, certificate } = found
    if (certificate === undefined) return []
    const list = { ...listIn(found), number: lastNumber(address, inventory) }
    return [{ address, certificate, list }]
  })
}

function requireAdoptable({ diagnostics, refused }: Adoption, folders: readonly string[]): void {
  if (hasErrors(diagnostics)) {
    throw new NomadPkiError('ERR_SPEC_INVALID', 'these agents do not make a valid spec', {
      diagnostics,
    })
  }
  if (refused === undefined) return
  throw new NomadPkiError(
    'ERR_PLAN_BLOCKED',
    `nothing can be adopted from ${folders.join(', ')}: ${refused.message}`,
    { hint: refused.hint },
  )
}

async function firstSpec(
  adoption: Adoption,
  file: string,
  options: Options<'adopt'>,
  context: Context,
): Promise<{ readonly text: string; readonly spec: ClusterSpec }> {
  const folder = path.basename(path.dirname(context.resolve(file)))
  const cluster = options.cluster ?? (isName(folder) ? folder : 'nomad')
  if (!isName(cluster)) throw usage(`--cluster ${JSON.stringify(cluster)}: not a name`)
  const template = Buffer.from(
    await context.readFile(packageFile(context, 'templates/cluster.yaml')),
  ).toString('utf8')
  const { text, diagnostics } = newSpec({ cluster, ...adoption.spec }, template, { file })
  const { spec } = parseSpec(text, { file })
  if (spec === undefined || hasErrors(diagnostics)) {
    throw new NomadPkiError('ERR_SPEC_INVALID', 'these options do not make a valid spec', {
      diagnostics,
    })
  }
  return { text, spec }
}

/** The spec that is there, with the nodes that it lacks. */
function moreNodes(
  present: string,
  identities: readonly AdoptedIdentity[],
  {
    file,
    before,
    inventory,
  }: {
    readonly file: string
    readonly before: ReadonlySet<string>
    readonly inventory: Inventory | undefined
  },
  leftOut: LeftOut[],
): { readonly text: string; readonly spec: ClusterSpec } {
  let text = present
  let spec = parseSpec(text, { file }).spec!
  let wanted = addressesOf(spec)
  const take = (edited: string): void => {
    text = edited
    spec = parseSpec(text, { file }).spec!
    wanted = addressesOf(spec)
  }
  const nodeOf = ({ role, region, name, names, ips, leaf }: AdoptedIdentity): NewNode => {
    return { kind: role, region, name, names, ips, key: leaf.publicKey.algorithm }
  }
  const fresh = identities.filter(
    ({ address, name }) => !wanted.has(address) && !before.has(address) && name !== sharedName,
  )
  // One edit for all; where one of them cannot be added, one by one, to tell which.
  const together = addNodes(text, fresh.map(nodeOf), { file })
  const all = !hasErrors(together.diagnostics)
  if (all && fresh.length > 0) take(together.text)
  const done = new Set(all ? fresh : [])
  for (const identity of identities) {
    if (done.has(identity)) continue
    const { address, role, region, name, places, names, ips, replaces } = identity
    if (wanted.has(address)) {
      // What it names today, its next certificate names as well. Later the spec alone counts.
      const isHeld = inventory?.identities.get(address)?.current !== undefined
      if (!isAgent(role) || (isHeld && replaces === undefined)) continue
      const { text: named } = nameNode(text, { kind: role, region, name, names, ips }, { file })
      if (named !== text) take(named)
      continue
    }
    if (before.has(address)) {
      leftOut.push({
        kind: 'left-out',
        place: places[0]!,
        code: 'adoption/agent',
        message: `${address} was adopted before, and ${file} no longer names it`,
        hint: `to have it again, add it to ${file}, and adopt again`,
      })
      continue
    }
    const edit = name === sharedName ? undefined : addNode(text, nodeOf(identity), { file })
    const fault =
      edit === undefined
        ? 'an identity that several agents share is added by hand'
        : edit.diagnostics.find(({ severity }) => severity === 'error')?.message
    if (edit === undefined || fault !== undefined) {
      leftOut.push({
        kind: 'left-out',
        place: places[0]!,
        code: 'adoption/agent',
        message: `${file} does not name ${address}: ${fault!}`,
        hint: `add it to ${file}, and adopt again`,
      })
      continue
    }
    take(edit.text)
  }
  return { text, spec }
}

function addressesOf(spec: ClusterSpec): ReadonlySet<string> {
  return new Set(desire(spec).identities.map(({ address }) => address))
}

/** Addresses of identities that an earlier run adopted. */
function adoptedBefore(inventory: Inventory | undefined): ReadonlySet<string> {
  const before = new Set<string>()
  for (const { event, address } of inventory?.ledger.events ?? []) {
    if (event === 'adopted') before.add(address)
  }
  return before
}

/** The identities that the spec names. */
function namedBy(
  spec: ClusterSpec,
  identities: readonly AdoptedIdentity[],
  leftOut: LeftOut[],
): readonly AdoptedIdentity[] {
  const addresses = addressesOf(spec)
  const told = new Set(leftOut.map(({ place }) => place))
  for (const { address, region, places } of identities) {
    if (addresses.has(address) || told.has(places[0]!)) continue
    leftOut.push({
      kind: 'left-out',
      place: places[0]!,
      code: 'adoption/region',
      message: `the spec has no agent of its region ${region}`,
      hint: `add a server or client of ${region} to the spec, and adopt again`,
    })
  }
  return identities.filter(({ address, places }) => addresses.has(address) && !told.has(places[0]!))
}

async function put(
  store: Store,
  parts: {
    readonly spec: ClusterSpec
    readonly adoption: Adoption
    readonly identities: readonly AdoptedIdentity[]
    readonly begun: boolean
  },
  configs: ReturnType<typeof directoryConfigs>,
  context: Context,
): Promise<void> {
  const { spec, adoption, identities, begun } = parts
  if (!begun) await beginStore(store, spec.cluster, context.now())
  await putAdopted(
    { spec, authorities: adoption.authorities, identities },
    { store, configs, clock: () => context.now() },
  )
}
