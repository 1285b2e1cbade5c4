/**
 * The machine of the store: it takes an answer, after everything in it was compared with what was asked,
 * with the spec, and with the public keys.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import { checkAnswer } from '../issuers/answered.js'
import { askedFrom } from '../issuers/asked-of.js'
import { parseAnswerFile, type OfflineAnswer } from '../issuers/offline-file.js'
import {
  encodeRequest,
  requestDigest,
  signerOfItem,
  type AskedCertificate,
  type OfflineRequest,
} from '../issuers/offline-request.js'
import { answerWords } from '../issuers/offline-words.js'
import { foundFor, putCertified } from '../issuers/put-certified.js'
import { samePublicKey } from '../keys/public-key.js'
import { signerOf } from '../checks/key-place.js'
import { listAskedFor, listFor, putLists } from './asked-lists.js'
import { lastNumber } from './revoke-lists.js'
import { makePlan } from '../plan/make-plan.js'
import { askedFor } from '../plan/waiting.js'
import { fingerprintText, sameCertificate } from '../x509/certificate.js'
import { storeNameOf } from './commands/authority-request.js'
import { agreed, isNamed, requireFresh, type OfflineCall } from './offline-call.js'
import { exitStatus, type ExitStatus } from './status.js'
import { underLock } from './under-lock.js'
import { fileFlag, takeOwnInventory, type Workspace } from './workspace.js'

/**
 * Takes an answer.
 *
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`, `ERR_REFUSED`, `ERR_CORRESPONDENCE`
 */
export async function takeAnswer(call: OfflineCall): Promise<ExitStatus> {
  const { bytes, workspace, options, printer, context } = call
  const answer = parseAnswerFile(bytes)
  const { request, lists, signedAt } = answer
  const named = isNamed(request, options.fingerprint)
  return underLock(workspace.store, 'authority accept', async () => {
    const dryRun = options.dryRun === true
    if (!dryRun) await workspace.store.heal()
    const inventory = await takeOwnInventory(workspace)
    requireOwn(request, inventory)
    requireNew(answer, inventory)
    requireFresh(request, context.now())
    requirePins(answer, workspace)
    requireSpec(request, workspace, inventory, context.now())
    requireLists(request, workspace, inventory)
    const certified = await checkAnswer(answer)
    const words = answerWords({ request, certificates: certified, lists, signedAt })
    if (!(await agreed(call, { words, question: 'Take all of it?', named }))) {
      printer.tell('nothing was taken')
      return exitStatus.refused
    }
    if (dryRun) {
      printer.tell('everything fits; nothing was taken')
      return exitStatus.ok
    }
    const batch = workspace.store.batch()
    const { authorities } = inventory
    const at = context.now()
    const { ledger } = inventory
    const keys = new Map()
    const count =
      putCertified(request.items, certified, batch, { authorities, at, keys }) +
      putLists(request, lists, batch, {
        ...{ inventory, at },
        // To the millisecond: what was revoked in the same second, and later, is not in it.
        line: ({ address }) => ({ thisUpdate: listAskedFor(address, ledger)!.at }),
      })
    await batch.commit()
    const inEngine = workspace.desired.authorities.find(
      ({ address, engine, signer }) =>
        engine !== undefined &&
        signer === 'engine' &&
        request.items.some((item) => item.kind === 'intermediate' && item.address === address),
    )
    const next =
      inEngine === undefined ? 'nomad-pki apply' : `nomad-pki authority setup ${inEngine.name}`
    if (request.items.length > 0) {
      printer.tell(`${count} taken; to go on: ${next}${fileFlag(options)}`)
    }
    for (const { address } of request.lists) {
      printer.tell(
        `copy ${workspace.store.location}/${address}/crl.pem to software that reads lists; Nomad reads none`,
      )
    }
    return exitStatus.ok
  })
}

function refuse(message: string, hint: string, address?: string): never {
  throw new NomadPkiError('ERR_REFUSED', message, { hint, address })
}

const again = 'make a new request, and have it signed: nomad-pki authority request --out FILE'

/** Whether this store made the request, and no newer one for the same. */
function requireOwn(request: OfflineRequest, { ledger, authorities }: Inventory): void {
  const digest = requestDigest(request)
  const hex = digest.slice('SHA256:'.length)
  const own = ledger.events.some(
    (event) =>
      (event.event === 'requested' || event.event === 'list-requested') && event.request === hex,
  )
  if (!own) {
    if (request.store !== storeNameOf(ledger)) {
      refuse(
        `it answers a request of another store (${request.store})`,
        'take it on the machine whose store asked',
      )
    }
    refuse(`it answers ${digest}, which this store did not ask`, again)
  }
  for (const item of request.items) {
    const issuer = signerOfItem(item)
    const last = askedFor(item.address, issuer, ledger)
    if (last === undefined || last.request === hex) continue
    refuse(
      `it answers an earlier request: ${item.address} was asked for again on ${formatInstant(last.at)} (SHA256:${last.request.slice(0, 16)}…)`,
      'take the answer to the newer request',
      item.address,
    )
  }
  for (const { address } of request.lists) {
    const last = listAskedFor(address, ledger)
    if (last === undefined || last.request === hex) continue
    refuse(
      `it answers an earlier request: the revocation list of ${address} was asked for again on ${formatInstant(last.at)} (SHA256:${last.request.slice(0, 16)}…)`,
      'take the answer to the newer request',
      address,
    )
  }
  for (const { address, certificate } of request.known) {
    const found = authorities.get(address)?.certificate
    if (found !== undefined && sameCertificate(found, certificate)) continue
    refuse(`${address} is not the one that the request was made with`, again, address)
  }
}

/** An answer is taken once. */
function requireNew({ request, certificates }: OfflineAnswer, inventory: Inventory): void {
  const { items, lists } = request
  const there = items.map((item) => foundFor(item, inventory.authorities))
  if (
    there.every((one, at) => one !== undefined && sameCertificate(one, certificates[at]!)) &&
    lists.every((asked) => listFor(asked, request, inventory) !== undefined)
  ) {
    const line = inventory.ledger.events.findLast(
      (event) =>
        ('attempt' in event && event.attempt === items[0]?.serial && event.event !== 'requested') ||
        (event.event === 'listed' && event.address === lists[0]?.address),
    )
    refuse(
      `it was taken already${line === undefined ? '' : `, on ${formatInstant(line.at)}`}: the store has all of it`,
      'nothing is left to do with it; go on: nomad-pki apply',
    )
  }
  items.forEach((item, at) => {
    const found = there[at]
    if (found?.serial !== item.serial || sameCertificate(found, certificates[at]!)) return
    refuse(
      `the request was answered before: ${item.address} is ${fingerprintText(found)}, and this answer has ${fingerprintText(certificates[at]!)}`,
      'the same was signed twice: find out who did, and keep to the first answer',
      item.address,
    )
  })
}

/** Whether the lists are newer than those of the store, and their keys still elsewhere. */
function requireLists(request: OfflineRequest, { desired }: Workspace, inventory: Inventory): void {
  for (const asked of request.lists) {
    const { address, number } = asked
    if (listFor(asked, request, inventory) !== undefined) continue
    const last = lastNumber(address, inventory)
    if (last >= number) {
      refuse(
        `the store has revocation list ${last} of ${address}, and the answer has list ${number}`,
        again,
        address,
      )
    }
    if (signerOf(address, desired) === 'offline') continue
    refuse(
      `the spec no longer says that the key of ${address} is on another machine`,
      'nomad-pki revoke has it sign the list here; or set `signer: offline` again',
      address,
    )
  }
}

/** Whether the spec still asks for the same. */
function requireSpec(
  request: OfflineRequest,
  { desired }: Workspace,
  inventory: Inventory,
  now: number,
): void {
  const asked = new Set(request.items.map(({ address }) => address))
  // A pin says that a root is lost where it is not there; this one comes now, and was compared with it.
  const authorities = desired.authorities.map((one) =>
    asked.has(one.address) ? { ...one, fingerprint: undefined } : one,
  )
  const { waiting } = makePlan({ ...desired, authorities }, inventory, { now }).materials
  for (const item of request.items) {
    const found = foundFor(item, inventory.authorities)
    // A run was killed after it had put this one.
    if (found?.serial === item.serial) continue
    const issuer = signerOfItem(item)
    const wanted = waiting.find(
      (one) =>
        one.kind === item.kind && one.wanted.address === item.address && one.signer === issuer,
    )
    if (wanted === undefined) {
      refuse(
        `the spec or the store changed since: ${item.address} is no longer asked for as ${item.kind === 'cross' ? `a cross-certificate by ${issuer}` : `${item.kind === 'root' ? 'a' : 'an'} ${item.kind} that waits`}`,
        again,
        item.address,
      )
    }
    const key = item.kind === 'intermediate' ? item.publicKey : undefined
    const { name } = wanted.wanted
    const below = desired.authorities.some((one) => one.issuer?.name === name) ? 1 : 0
    requireSame(item, askedFrom(wanted, key, below, item.serial), request)
    const own = inventory.authorities.get(item.address)?.key
    if (key !== undefined && own?.state === 'present' && !samePublicKey(own.publicKey, key)) {
      refuse(
        `the key of ${item.address} in the store is not the one that the request was made with`,
        again,
        item.address,
      )
    }
  }
}

function requireSame(
  asked: AskedCertificate,
  now: AskedCertificate,
  request: OfflineRequest,
): void {
  const textOf = (item: AskedCertificate): Record<string, unknown> => {
    const value = JSON.parse(encodeRequest({ ...request, items: [item] })) as {
      readonly items: readonly Record<string, unknown>[]
    }
    return value.items[0]!
  }
  const [before, after] = [textOf(asked), textOf(now)]
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [JSON.stringify(before[name]), JSON.stringify(after[name])]
    if (was === is) continue
    refuse(
      `the spec changed since the request was made: ${name} of ${asked.address} was ${was}, and is ${is}`,
      `undo the edit; or ${again}`,
      asked.address,
    )
  }
}

/** Whether new roots are those that the spec pins. */
function requirePins(
  { request: { items }, certificates }: OfflineAnswer,
  { spec }: Workspace,
): void {
  items.forEach((item, at) => {
    if (item.kind !== 'root') return
    const [name, generation] = [authorityNameOf(item.address), generationOf(item.address)]
    const pin = spec.authorities.find((one) => one.name === name)?.fingerprints[generation]
    const has = fingerprintText(certificates[at]!)
    if (pin === undefined || pin === has) return
    refuse(
      `${item.address} is ${has}, and the spec pins ${pin}`,
      `correct \`fingerprint\` of ${name} in the spec if this root is the right one`,
      item.address,
    )
  })
}
