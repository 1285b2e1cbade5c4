/**
 * `authority request`: one file with all that waits for a key on another machine.
 *
 * @module
 */

import { authorityNameOf } from '../../address.js'
import { formatInstant } from '../../duration.js'
import { NomadPkiError } from '../../errors.js'
import type { Inventory } from '../../inventory/inventory.js'
import type { Ledger } from '../../inventory/ledger.js'
import type { StoreBatch } from '../../inventory/store.js'
import { askedFrom } from '../../issuers/asked-of.js'
import type { AskedList } from '../../issuers/offline-list.js'
import { parseRequestFile, requestFile } from '../../issuers/offline-file.js'
import { requestDigest, signerOfItem, type OfflineRequest } from '../../issuers/offline-request.js'
import { requestWords } from '../../issuers/offline-words.js'
import { rehearsalIssuers } from '../../issuers/rehearsal-issuers.js'
import { makePlan } from '../../plan/make-plan.js'
import { askedFor, type Waiting } from '../../plan/waiting.js'
import { shellQuote } from '../../shell-quote.js'
import { authorityKeys } from '../authority-keys.js'
import type { Command } from '../command.js'
import { listAskedFor, listsToAsk } from '../asked-lists.js'
import { isFresh, rehearse } from '../offline-call.js'
import { printerOf } from '../printer.js'
import { exitStatus } from '../status.js'
import { underLock } from '../under-lock.js'
import { usage } from '../usage.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'
import { requireFolderOf, requireOutside, writeFiles } from '../write.js'

/** Exits 0 also where nothing waits. */
export const command: Command<'authority request'> = async ({ args: [name], options }, context) => {
  const printer = printerOf(context, options)
  const { out } = options
  if (out === undefined) throw usage('authority request needs --out FILE')
  const workspace = await openWorkspace(context, options, printer)
  requireOffline(name, workspace)
  requireOutside(context, workspace.store.location, out, 'a request')
  requireFolderOf(context, out)
  if (await context.exists(out)) {
    throw new NomadPkiError('ERR_FILE_EXISTS', `${out} exists already`, {
      hint: 'name another file, or remove that one: a request that was not answered can be made again',
    })
  }
  const dryRun = options.dryRun === true
  return underLock(workspace.store, 'authority request', async () => {
    if (!dryRun) await workspace.store.heal()
    const inventory = await takeOwnInventory(workspace)
    const now = context.now()
    const { materials, plan } = makePlan(workspace.desired, inventory, { now })
    const due = listsToAsk(workspace, inventory, now)
    const { waiting, lists } = chosen(name, materials.waiting, due)
    if (waiting.length + lists.length === 0) {
      printer.tell(
        name === undefined
          ? 'nothing waits for a key on another machine'
          : `nothing waits for the key of ${name}`,
      )
      return exitStatus.ok
    }
    const blocked = plan.findings.find(
      ({ severity, reason, address }) =>
        severity === 'error' &&
        reason !== 'signed-elsewhere' &&
        (address === 'store' || waiting.some(({ wanted }) => wanted.address === address)),
    )
    if (blocked !== undefined) {
      const { address, message, remedy: hint } = blocked
      throw new NomadPkiError('ERR_PLAN_BLOCKED', `${address}: ${message}`, { address, hint })
    }
    const { passphraseFd } = options
    const issuers = dryRun
      ? rehearsalIssuers()
      : authorityKeys(workspace, context, { passphraseFd })
    const batch = workspace.store.batch()
    const made = await requestOf({ waiting, lists }, workspace, inventory, {
      ...{ issuers, batch, now },
    })
    const before = requestBefore(made, inventory.ledger, now)
    const request = before ?? made
    const text = requestFile(request)
    // What cannot be read or signed is found here, and not on the other machine.
    parseRequestFile(Buffer.from(text))
    await rehearse(request)
    const digest = requestDigest(request)
    if (dryRun) {
      printer.answer(requestWords(request).trimEnd())
      printer.tell('nothing was written: a dry run makes no keys, so a real request has others')
      return exitStatus.ok
    }
    // The same request has its lines.
    for (const item of before === undefined ? request.items : []) {
      batch.record({
        event: 'requested',
        address: item.address,
        at: now,
        request: digest.slice('SHA256:'.length),
        issuer: signerOfItem(item),
        attempt: item.serial,
      })
    }
    for (const { address, number } of before === undefined ? request.lists : []) {
      const hex = digest.slice('SHA256:'.length)
      batch.record({ event: 'list-requested', address, at: now, request: hex, number })
    }
    await batch.commit()
    await writeFiles(context, [{ file: out, text, expected: undefined }])
    printer.answer(`${digest}  ${out}`)
    if (before !== undefined) {
      printer.tell(`it is the request of ${formatInstant(before.madeAt)}: nothing changed since`)
    }
    printer.tell(
      `${request.items.length + request.lists.length} to be signed; on the machine that has the key: nomad-pki authority accept ${shellQuote(out)} --out ANSWER --fingerprint ${digest}; then here: nomad-pki authority accept ANSWER${fileFlag(options)}`,
    )
    return exitStatus.ok
  })
}

/**
 * The request that was made before for the same: one that got lost, or whose answer did. The other machine may have
 * signed it, and signs no second root for one address.
 *
 * @param made What would be asked now.
 * @returns `undefined` where none asks for the same, or it is too old to be signed.
 */
function requestBefore(
  made: OfflineRequest,
  ledger: Ledger,
  now: number,
): OfflineRequest | undefined {
  const asked = made.items.map((item) => askedFor(item.address, signerOfItem(item), ledger))
  const lists = made.lists.map(({ address }) => listAskedFor(address, ledger))
  const first = [...asked, ...lists][0]
  if (first === undefined || asked.includes(undefined) || lists.includes(undefined)) {
    return undefined
  }
  const before = {
    ...made,
    madeAt: Math.floor(first.at / 1000) * 1000,
    items: made.items.map((item, at) => ({ ...item, serial: asked[at]!.attempt })),
    lists: made.lists.map((one, at) => ({ ...one, number: lists[at]!.number })),
  }
  const isSame = requestDigest(before) === `SHA256:${first.request}`
  return isSame && isFresh(before, now) ? before : undefined
}

/** The random name of a store; of one that began without, zeros. */
export function storeNameOf({ events }: Pick<Ledger, 'events'>): string {
  const began = events.findLast((event) => event.event === 'began')
  return began?.event === 'began' ? began.store : '0'.repeat(32)
}

/** What of a plan waits for the keys of one authority; all of them must be of one. */
function chosen(
  name: string | undefined,
  waiting: readonly Waiting[],
  lists: readonly AskedList[],
): Chosen {
  const signers = [...waiting.map(({ signer }) => signer), ...lists.map(({ address }) => address)]
  const names = [...new Set(signers.map(authorityNameOf))]
  if (name === undefined && names.length > 1) {
    throw usage(`several keys are asked: name one of ${names.join(', ')}`)
  }
  const isOwn = (signer: string): boolean => name === undefined || authorityNameOf(signer) === name
  return {
    waiting: waiting.filter(({ signer }) => isOwn(signer)),
    lists: lists.filter(({ address }) => isOwn(address)),
  }
}

interface Chosen {
  readonly waiting: readonly Waiting[]
  readonly lists: readonly AskedList[]
}

function requireOffline(name: string | undefined, { desired, spec }: Workspace): void {
  const offline = desired.authorities.filter(({ signer }) => signer === 'offline')
  if (name !== undefined && !spec.authorities.some((one) => one.name === name)) {
    throw new NomadPkiError(
      'ERR_ADDRESS_UNKNOWN',
      `no authority is called ${JSON.stringify(name)}`,
      {
        hint: `one of ${spec.authorities.map((one) => one.name).join(', ')}`,
      },
    )
  }
  const own = offline.filter((one) => name === undefined || one.name === name)
  if (own.length > 0) return
  throw new NomadPkiError(
    'ERR_REFUSED',
    name === undefined
      ? 'no authority of the spec has its key on another machine'
      : `the spec does not say that the key of ${name} is on another machine`,
    {
      hint: 'nomad-pki apply signs with keys at hand; else set `signer: offline` for it in the spec',
    },
  )
}

async function requestOf(
  { waiting, lists }: Chosen,
  { desired }: Workspace,
  inventory: Inventory,
  {
    issuers,
    batch,
    now,
  }: {
    readonly issuers: Pick<ReturnType<typeof rehearsalIssuers>, 'begin'>
    readonly batch: StoreBatch
    readonly now: number
  },
): Promise<OfflineRequest> {
  const items: OfflineRequest['items'][number][] = []
  const known = new Map<string, OfflineRequest['known'][number]>()
  const know = (address: string): void => {
    const certificate = inventory.authorities.get(address)?.certificate
    if (certificate !== undefined) known.set(address, { address, certificate })
  }
  for (const one of waiting) {
    const { wanted, kind, signer } = one
    const { address, name, generation } = wanted
    const below = desired.authorities.some(({ issuer }) => issuer?.name === name) ? 1 : 0
    let publicKey: Awaited<ReturnType<typeof issuers.begin>>['publicKey'] | undefined
    if (kind === 'intermediate') {
      const key = await issuers.begin({ name, generation, algorithm: wanted.key })
      publicKey = key.publicKey
      if (inventory.authorities.get(address)?.key.state === undefined) {
        key.keep(
          {
            putAuthority(_name, _generation, { key: pem }) {
              // It waits in the store for its certificate.
              if (pem !== undefined) batch.putAuthority(name, generation, { key: pem })
            },
          },
          '',
        )
      }
    }
    items.push(askedFrom(one, publicKey, below))
    if (kind !== 'root') know(signer)
    if (kind === 'cross') know(address)
  }
  for (const { address } of lists) know(address)
  return {
    cluster: desired.cluster,
    store: storeNameOf(inventory.ledger),
    madeAt: Math.floor(now / 1000) * 1000,
    known: [...known.values()],
    ...{ items, lists },
  }
}
