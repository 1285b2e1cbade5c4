/**
 * The machine that has an authority's key: it signs a request, notes it in its own store, and writes the
 * answer.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { formatInstant } from '../duration.js'
import { NomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import { certifierOf } from '../issuers/asked-of.js'
import { certify } from '../issuers/certify.js'
import { answerFile, parseRequestFile } from '../issuers/offline-file.js'
import { givesList, signLists } from '../issuers/offline-list.js'
import { requestDigest, signersOf, type OfflineRequest } from '../issuers/offline-request.js'
import { requestWords } from '../issuers/offline-words.js'
import { foundFor, putCertified } from '../issuers/put-certified.js'
import { rehearsalIssuers } from '../issuers/rehearsal-issuers.js'
import { samePublicKey } from '../keys/public-key.js'
import { shellQuote } from '../shell-quote.js'
import { fingerprintText, sameCertificate } from '../x509/certificate.js'
import { authorityKeys } from './authority-keys.js'
import { listFor, listNotes, putLists, requireNewNumbers } from './asked-lists.js'
import { agreed, isNamed, rehearse, requireFresh, type OfflineCall } from './offline-call.js'
import { exitStatus, type ExitStatus } from './status.js'
import { underLock } from './under-lock.js'
import { usage } from './usage.js'
import { takeOwnInventory, type Workspace } from './workspace.js'
import { requireFolderOf, requireOutside, writeFiles } from './write.js'

/**
 * Signs a request.
 *
 * @throws {NomadPkiError} `ERR_CERTIFICATE_MALFORMED`, `ERR_REFUSED`, and what `certify` throws
 */
export async function signRequest(call: OfflineCall): Promise<ExitStatus> {
  const { bytes, workspace, options, printer, context } = call
  const request = parseRequestFile(bytes)
  requireKeys(request, workspace)
  const { out } = options
  if (out === undefined) throw usage('a request is signed into an answer: --out ANSWER')
  requireOutside(context, workspace.store.location, out, 'an answer')
  requireFolderOf(context, out)
  if (await context.exists(out)) {
    throw new NomadPkiError('ERR_FILE_EXISTS', `${out} exists already`, {
      hint: 'name another file',
    })
  }
  requireFresh(request, context.now())
  const named = isNamed(request, options.fingerprint)
  // What cannot be signed is found before a person reads it.
  await rehearse(request)
  const looked = await takeOwnInventory(workspace)
  requireHere(request, looked)
  const notes = unknownHere(request, looked)
  const words = [requestWords(request).trimEnd(), ...notes].join('\n')
  if (!(await agreed(call, { words, question: 'Sign all of it?', named }))) {
    printer.tell('nothing was signed')
    return exitStatus.refused
  }
  return underLock(workspace.store, 'authority accept', async () => {
    const dryRun = options.dryRun === true
    if (!dryRun) await workspace.store.heal()
    const inventory = await takeOwnInventory(workspace)
    const { authorities } = inventory
    requireHere(request, inventory)
    const issuers = dryRun
      ? rehearsalIssuers()
      : authorityKeys(workspace, context, { passphraseFd: options.passphraseFd })
    const certifier = certifierOf(issuers, (item) => foundFor(item, authorities))
    const certified = await certify(request, certifier)
    const lists = await signLists(request, async (asked, certificate) => {
      const before = listFor(asked, request, inventory)
      if (before !== undefined) return givesList(certificate, before)
      const { address } = asked
      const [of, generation] = [authorityNameOf(address), generationOf(address)]
      return issuers.open({ name: of, generation, path: [certificate] })
    })
    const count = certified.length + lists.length
    if (dryRun) {
      printer.tell(`${count} would be signed; nothing was`)
      return exitStatus.ok
    }
    const batch = workspace.store.batch()
    const { keys } = certifier
    const at = context.now()
    // The certificates are kept first: signed again, the same request has the same answer.
    const hex = requestDigest(request).slice('SHA256:'.length)
    const put =
      putCertified(request.items, certified, batch, { authorities, keys, at }) +
      putLists(request, lists, batch, { inventory, at, line: () => ({ request: hex }) })
    if (put > 0) await batch.commit()
    const signedAt = Math.floor(at / 1000) * 1000
    const text = answerFile({ request, certificates: certified, lists, signedAt })
    await writeFiles(context, [{ file: out, text, expected: undefined }])
    printer.answer(out)
    printer.tell(
      `${count} signed; on the machine of the store: nomad-pki authority accept ${shellQuote(out)}`,
    )
    return exitStatus.ok
  })
}

/**
 * Compares a request with the store here: the roots that sign are in it, and a root that it has is not made again.
 *
 * @throws {NomadPkiError} `ERR_REFUSED`
 */
function requireHere(request: OfflineRequest, inventory: Inventory): void {
  const { authorities } = inventory
  const signers = new Set(signersOf(request))
  for (const { address, certificate } of request.known) {
    const found = authorities.get(address)?.certificate
    if (found === undefined && signers.has(address)) {
      throw new NomadPkiError(
        'ERR_REFUSED',
        `${address} is to sign, and the store here does not have it (${fingerprintText(certificate)})`,
        {
          address,
          hint: 'sign on the machine where this root was made; or copy its folder from the backup of that machine into the store here',
        },
      )
    }
    if (found === undefined || sameCertificate(found, certificate)) continue
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the request knows another ${address} (${fingerprintText(certificate)}) than the store here (${fingerprintText(found)})`,
      { address, hint: 'it comes from another cluster, or one of the two stores is an old copy' },
    )
  }
  for (const item of request.items) {
    const found = foundFor(item, authorities)
    if (item.kind !== 'root' || found === undefined || found.serial === item.serial) continue
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the request asks for a new root ${item.address}, and it was made here before (${fingerprintText(found)}, ${formatInstant(found.notBefore)})`,
      {
        address: item.address,
        hint: 'take the answer to the request that it was made for; if that store is lost, restore it from a backup; for another root ask for the next generation (`signing`)',
      },
    )
  }
  requireNewNumbers(request, inventory)
}

/** What a person is to look at twice, because nothing here vouches for it. */
function unknownHere(request: OfflineRequest, inventory: Inventory): readonly string[] {
  const { authorities } = inventory
  const foreign = request.known
    .filter(({ address }) => authorities.get(address)?.certificate === undefined)
    .map(
      ({ address, certificate }) =>
        `The store here does not have ${address}: compare its fingerprint where it was made. ${fingerprintText(certificate)}`,
    )
  const replaced = request.items.flatMap((item) => {
    const found = foundFor(item, authorities)
    if (item.kind !== 'intermediate' || found === undefined || found.serial === item.serial)
      return []
    const key = samePublicKey(found.publicKey, item.publicKey) ? 'the same' : 'another'
    return [
      `The key of ${item.issuer} signed ${item.address} before, for ${key} key: ${fingerprintText(found)}, ${formatInstant(found.notBefore)}.`,
    ]
  })
  const lines = [...foreign, ...replaced, ...listNotes(request, inventory)]
  return lines.length === 0 ? [] : ['', 'Look at this:', ...lines.map((line) => `   ${line}`)]
}

/** Which side this is: the spec here must say where the keys are. */
function requireKeys(request: OfflineRequest, { spec, file }: Workspace): void {
  if (request.cluster !== spec.cluster) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the request is of the cluster ${request.cluster}, and ${file} is of ${spec.cluster}`,
      { hint: 'use the cluster.yaml and the store of that cluster: --file' },
    )
  }
  for (const signer of signersOf(request)) {
    const name = authorityNameOf(signer)
    const authority = spec.authorities.find((one) => one.name === name)
    const kind = authority?.signers[generationOf(signer)]
    if (kind === 'offline') {
      throw new NomadPkiError(
        'ERR_REFUSED',
        `${file} says that the key of ${signer} is on another machine: a request is signed there`,
        {
          hint: `carry it there; on that machine cluster.yaml says where the key is: \`signer: encrypted\` for ${name}`,
        },
      )
    }
    if (kind === undefined) {
      throw new NomadPkiError('ERR_REFUSED', `${file} does not name ${signer}, which is to sign`, {
        hint: `bring the newest cluster.yaml over, and let \`signer\` of ${name} say where the key is on this machine`,
      })
    }
  }
}
