/**
 * `adopt --engine`: a store that was lost, or a second one, from the spec, the engine and what a person brings. Nothing
 * is signed, and nothing is changed in the engine.
 *
 * @module
 */

import path from 'node:path'
import { collect } from '../adoption/collect.js'
import {
  fromEngine,
  unfinishedIn,
  type EngineLeaf,
  type FromEngine,
} from '../adoption/from-engine.js'
import { malformed, type LeftOut } from '../adoption/materials.js'
import { missingOf, putAdopted } from '../apply/put-adopted.js'
import { takeAuthorities, type TakenAuthorities } from '../apply/take-authorities.js'
import { isSignedUnder } from '../checks/issued-by.js'
import { placeInEngine } from '../checks/key-place.js'
import {
  issuersIn,
  listIn,
  readCertificates,
  serialsIn,
  type EngineIssuerFound,
} from '../engine/certificates.js'
import { engineCommand, type EngineSession } from '../engine/session.js'
import { isBegun } from '../inventory/begun.js'
import type { Inventory } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { knownCertificates } from '../inventory/known-certificates.js'
import { revocationsIn } from '../inventory/revoked.js'
import { adoptionDocument, adoptionText, type AdoptionReport } from '../report/adoption.js'
import { checkStorePlace } from '../store/directory-store.js'
import type { Certificate } from '../x509/certificate.js'
import type { RevocationList } from '../x509/crl.js'
import { readFolders } from './adopt-folders.js'
import { beginStore } from './begin-store.js'
import type { Context } from './context.js'
import { openEngine } from './engine.js'
import { createProgress } from './progress.js'
import { printerOf, type Printer } from './printer.js'
import { exitStatus, type ExitStatus } from './status.js'
import type { Options } from './surface.js'
import { unlockFiles } from './unlock-folders.js'
import { usage } from './usage.js'
import { fileFlag, openWorkspace, takeInventory, takeOwnInventory } from './workspace.js'

/**
 * Rebuilds what the store holds, as far as an engine tells it.
 *
 * @param folders With the root's certificate, and its key where it is here; none: the spec pins the root.
 */
export async function adoptEngine(
  folders: readonly string[],
  options: Options<'adopt'>,
  context: Context,
): Promise<ExitStatus> {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const { desired, spec, store, configs, base, file } = workspace
  const { authorities: wanted, formerInEngine = [] } = desired
  const engines = [...wanted, ...formerInEngine].flatMap(({ engine }) => engine ?? [])
  if (engines.length === 0) {
    throw usage(
      `--engine: ${file} has no authority in Vault or OpenBao`,
      'add engine: { mount: … } to an authority in the spec; docs/vault.md',
    )
  }
  const mounts = [...new Set(engines.map(({ mount }) => mount))]
  const place = path.resolve(base, spec.store)
  const begun = await isBegun(store)
  const before = await (begun ? takeOwnInventory(workspace) : takeInventory(workspace))
  const files = collect(
    await unlockFiles(await readFolders(folders, place, context), options, context),
  )
  const session = await openEngine(workspace, context)
  let taken: TakenAuthorities
  let read: ReadLeaves
  const leftOut: LeftOut[] = [...files.leftOut]
  try {
    const issuers = new Map<string, readonly EngineIssuerFound[]>()
    for (const mount of mounts) {
      const found = await issuersIn(session, mount)
      issuers.set(
        mount,
        found.flatMap((one) => ('certificate' in one ? [one] : [])),
      )
      for (const one of found) {
        if ('message' in one) leftOut.push(malformed(one.place, one.message))
      }
    }
    taken = takeAuthorities(desired, before, { files, issuers }, context.now())
    read = await readLeaves(session, mounts, taken.inventory, { context, printer, desired })
  } finally {
    session.close()
  }
  const now = context.now()
  const found = fromEngine(desired, taken.inventory, read.leaves, now)
  const events = [...found.events, ...read.revoked]
  leftOut.push(...taken.leftOut, ...read.leftOut, ...found.leftOut)
  const { authorities } = taken
  const { identities } = found
  const missing = missingOf({ authorities, identities }, before)
  const fresh = new Set(
    [...missing.authorities, ...missing.identities].map(({ address }) => address),
  )
  const dryRun = options.dryRun === true
  const report: AdoptionReport = {
    ...{ cluster: spec.cluster, file, dryRun, specChanged: false, authorities, identities, fresh },
    keys: new Set(authorities.flatMap(({ address, key }) => (key === undefined ? [] : [address]))),
    ...{ freshKeys: new Set<string>(), leftOut },
    noted: {
      found: count(events, 'found'),
      revoked: count(events, 'revoked'),
      listed: read.listed,
    },
  }
  const isNew = !begun || fresh.size + events.length > 0
  if (isNew) {
    await checkStorePlace(place, { willBeIgnored: false })
    if (!dryRun) {
      if (!begun) await beginStore(store, spec.cluster, now)
      await putAdopted(
        { spec, authorities, identities, events },
        { store, configs, clock: () => context.now() },
      )
    }
  }
  if (printer.json) printer.document(adoptionDocument(report))
  else printer.answer(adoptionText(report))
  if (dryRun) return exitStatus.ok
  const flag = fileFlag(options)
  printer.tell(
    [
      '',
      'next:',
      `  nomad-pki probe${flag}     which of these certificates agents use`,
      `  nomad-pki plan${flag}      what has to be made anew, and why`,
    ].join('\n'),
  )
  return exitStatus.ok
}

function count(events: FromEngine['events'], name: 'found' | 'revoked'): number {
  return events.filter(({ event }) => event === name).length
}

interface ReadLeaves {
  readonly leaves: readonly EngineLeaf[]
  /** Certificates of the ledger that the engine has revoked. */
  readonly revoked: readonly EventOf<'revoked'>[]
  readonly leftOut: readonly LeftOut[]
  /** How many serial numbers the mounts list. */
  readonly listed: number
}

/** Reads the certificates that the store does not have as a generation, and what is revoked of those that it has. */
async function readLeaves(
  session: EngineSession,
  mounts: readonly string[],
  inventory: Inventory,
  {
    context,
    printer,
    desired,
  }: {
    readonly context: Context
    readonly printer: Printer
    readonly desired: Parameters<typeof takeAuthorities>[0]
  },
): Promise<ReadLeaves> {
  const { ledger } = inventory
  const now = context.now()
  const known = knownCertificates(ledger)
  const found = new Set(
    ledger.events.flatMap((one) => (one.event === 'found' ? [one.fingerprint] : [])),
  )
  const unfinished = unfinishedIn(inventory)
  // A certificate that is only noted may be in use now.
  const serials = new Set(
    known.flatMap(({ serial, fingerprint }) =>
      found.has(fingerprint) || unfinished.has(fingerprint) ? [] : [serial],
    ),
  )
  const leaves: EngineLeaf[] = []
  const leftOut: LeftOut[] = []
  let listed = 0
  const lists = new Map<string, RevocationList>()
  for (const { address, certificate } of inventory.authorities.values()) {
    const place = placeInEngine(address, desired, inventory)
    if (place === undefined || certificate === undefined) continue
    const list = await listIn(session, place.issuer, certificate)
    if (typeof list !== 'string') lists.set(address, list)
    else {
      leftOut.push({
        ...{ kind: 'left-out', code: 'adoption/unread' },
        place: `${place.issuer}/crl`,
        message: list,
      })
    }
  }
  const signal = context.onInterrupt(() => {
    context.stderr.write('interrupted: nothing was adopted\n')
  })
  for (const mount of mounts) {
    const all = await serialsIn(session, mount)
    listed += all.length
    const unknown = all.filter((serial) => !serials.has(serial))
    const authorities = [...inventory.authorities.values()]
    const signerOf = (leaf: Certificate): string | undefined =>
      authorities.find(
        ({ certificate }) => certificate !== undefined && isSignedUnder(leaf, certificate),
      )?.address
    let done = 0
    const progress = createProgress(context, unknown.length, {
      quiet: printer.quiet || printer.json,
    })
    try {
      await readCertificates(
        session,
        mount,
        unknown,
        (one) => {
          progress.update((done += 1), one.place)
          if ('message' in one) {
            leftOut.push(malformed(one.place, one.message))
            return
          }
          const { certificate, place, revoked } = one
          // An ended one is accepted nowhere; the authorities were looked at before.
          if (certificate.notAfter <= now || certificate.basicConstraints?.ca === true) return
          const issuer = signerOf(certificate)
          if (issuer !== undefined) {
            // What its list says the issuer signed; the other answer is the engine's word alone.
            const list = lists.get(issuer)
            const isListed = list?.revoked.has(certificate.serial) === true
            if (!revoked || isListed) {
              leaves.push({ place, certificate, revoked: isListed, issuer })
              return
            }
            leftOut.push({
              ...{ kind: 'left-out', place, code: 'adoption/question' },
              message: `the engine calls it revoked, and ${list === undefined ? 'the list of its issuer was not read' : 'the list that its issuer signed does not have it'}`,
              hint: `make the list anew (${engineCommand(session, 'read', `${mount}/crl/rotate`)}) and adopt again; or note it: nomad-pki revoke --serial ${certificate.serial} --authority ${issuer.slice('authority/'.length)}`,
            })
          } else {
            leftOut.push({
              ...{ kind: 'left-out', place, code: 'adoption/issuer' },
              message: 'no authority of the store signed it',
            })
          }
        },
        { signal },
      )
    } finally {
      progress.clear()
    }
  }
  const revoked: EventOf<'revoked'>[] = []
  const { byFingerprint } = revocationsIn(ledger)
  for (const { serial, fingerprint, address, issuer, notAfter } of known) {
    if (lists.get(issuer)?.revoked.has(serial) !== true || byFingerprint.has(fingerprint)) continue
    // What is read above says it of itself.
    if (found.has(fingerprint)) continue
    revoked.push({ event: 'revoked', address, at: now, serial, issuer, fingerprint, notAfter })
  }
  return { leaves, revoked, leftOut, listed }
}
