/**
 * `revoke`: notes that a certificate must not be used, makes the lists of those who read lists, and says what
 * really shuts it out.
 *
 * @module
 */

import { latestLists, revocationsIn, type Revocations } from '../../inventory/revoked.js'
import type { Inventory } from '../../inventory/inventory.js'
import type { StoreBatch } from '../../inventory/store.js'
import { revocationDocument, revocationText, type NewList } from '../../report/revocation.js'
import { authorityKeys } from '../authority-keys.js'
import type { Command } from '../command.js'
import { requireBegun } from '../begin-store.js'
import { printerOf } from '../printer.js'
import { consequencesOf } from '../revoke-consequences.js'
import { enginePaths, revokeThere } from '../revoke-in-engine.js'
import { newLists } from '../revoke-lists.js'
import { chosenCertificates, revocationEvents } from '../revoke-chosen.js'
import { exitStatus } from '../status.js'
import { underLock } from '../under-lock.js'
import { usage } from '../usage.js'
import { fileFlag, openWorkspace, takeOwnInventory } from '../workspace.js'

/** Writes the ledger and the lists, in one batch; then revokes in the engine what an engine signed. */
export const command: Command<'revoke'> = async ({ args, options }, context) => {
  const printer = printerOf(context, options)
  const [target] = args
  if (target !== undefined && options.serial !== undefined) {
    throw usage(`${target} and --serial exclude each other`, 'name the certificate once')
  }
  if (target === undefined && options.serial === undefined && options.reason !== undefined) {
    throw usage('which certificate?', 'nomad-pki revoke s1 --reason key-compromise')
  }
  const workspace = await openWorkspace(context, options, printer)
  const flag = fileFlag(options)
  await requireBegun(workspace, flag)
  const at = context.now()
  const dryRun = options.dryRun === true

  /** Everything is read under the lock: no list gets the number of another one. */
  const work = async (write: boolean): Promise<Done> => {
    const inventory = await takeOwnInventory(workspace)
    const chosen =
      target === undefined && options.serial === undefined
        ? []
        : await chosenCertificates(target, options, { workspace, inventory, flag, now: at })
    const events = revocationEvents(chosen, inventory, { reason: options.reason, at })
    const known = revocationsIn({ events: [...inventory.ledger.events, ...events] })
    const concerned = new Set(
      chosen.length === 0
        ? [...latestLists(inventory.ledger).keys(), ...known.all.map(({ issuer }) => issuer)]
        : chosen.map(({ issuer }) => issuer),
    )
    const lists = await newLists(concerned, known, inventory, {
      issuers: authorityKeys(workspace, context, options),
      desired: workspace.desired,
      now: at,
      rehearse: dryRun,
      // Nothing new is no reason for a new list, unless it was asked for.
      only: events.length > 0 || chosen.length === 0 ? undefined : 'missing',
    })
    if (write) {
      const batch = workspace.store.batch()
      for (const event of events) batch.record(event)
      for (const list of lists) putList(batch, list, at)
      if (events.length > 0 || lists.some(({ pem }) => pem !== undefined)) await batch.commit()
    }
    return { inventory, chosen, events, lists, known }
  }
  const done = dryRun
    ? await work(false)
    : await underLock(workspace.store, 'revoke', () => work(true))
  // Without a name: what the ledger has and an engine may not.
  const living = done.known.all.filter(({ notAfter = Infinity }) => notAfter > at)
  const { inventory } = done
  const ours = done.chosen.length === 0 ? living : done.chosen
  const engine = await revokeThere(ours, workspace, inventory, context, { rehearse: dryRun })
  const facts = {
    ...{ at, flag, dryRun, location: workspace.store.location },
    lists: done.lists,
    engine,
    engineLists: enginePaths(ours, workspace, inventory),
    revoked: done.events,
    before: done.chosen.length - done.events.length,
    consequences: consequencesOf(done.chosen, done.known, workspace, inventory, at),
    nomadVersion: workspace.spec.nomadVersion,
    tls: workspace.spec.node.tls,
  }
  if (printer.json) printer.document(revocationDocument(facts))
  else printer.answer(revocationText(facts, printer.style))
  if (dryRun && !printer.json) printer.tell('dry run: nothing was written')
  const isOpen = engine.some(
    ({ is }) =>
      is === 'refused' || is === 'unknown' || (is === 'missing' && done.chosen.length > 0),
  )
  return isOpen || done.lists.some(({ obstacle, needed }) => needed && obstacle !== undefined)
    ? exitStatus.error
    : exitStatus.ok
}

interface Done {
  readonly inventory: Inventory
  readonly chosen: Awaited<ReturnType<typeof chosenCertificates>>
  readonly events: ReturnType<typeof revocationEvents>
  readonly lists: readonly NewList[]
  readonly known: Revocations
}

function putList(batch: StoreBatch, list: NewList, at: number): void {
  const { address, name, generation, pem, number, nextUpdate } = list
  if (pem === undefined) return
  batch.putList(name, generation, pem)
  batch.record({ event: 'listed', address, at, number, thisUpdate: at, nextUpdate })
}
