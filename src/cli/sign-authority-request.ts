/**
 * The machine that has an authority's key: it signs a request, notes it in its own store, and writes the
 * answer.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import { certifierOf, partsOf } from '../issuers/asked-of.js'
import { certify } from '../issuers/certify.js'
import { answerFile, parseRequestFile } from '../issuers/offline-file.js'
import type { OfflineRequest } from '../issuers/offline-request.js'
import { requestWords } from '../issuers/offline-words.js'
import { foundFor, putCertified } from '../issuers/put-certified.js'
import { rehearsalIssuers } from '../issuers/rehearsal-issuers.js'
import { fingerprintText, sameCertificate } from '../x509/certificate.js'
import { authorityKeys } from './authority-keys.js'
import { agreed, isNamed, requireFresh, type OfflineCall } from './offline-call.js'
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
  const words = requestWords(request)
  if (!(await agreed(call, { words, question: 'Sign all of it?', named }))) {
    printer.tell('nothing was signed')
    return exitStatus.refused
  }
  return underLock(workspace.store, 'authority accept', async () => {
    const dryRun = options.dryRun === true
    if (!dryRun) await workspace.store.heal()
    const inventory = await takeOwnInventory(workspace)
    const { authorities } = inventory
    for (const { address, certificate } of request.known) {
      const found = authorities.get(address)?.certificate
      if (found === undefined || sameCertificate(found, certificate)) continue
      throw new NomadPkiError(
        'ERR_REFUSED',
        `the request knows another ${address} (${fingerprintText(certificate)}) than the store here (${fingerprintText(found)})`,
        { address, hint: 'it comes from another cluster, or one of the two stores is an old copy' },
      )
    }
    const issuers = dryRun
      ? rehearsalIssuers()
      : authorityKeys(workspace, context, { passphraseFd: options.passphraseFd })
    const certifier = certifierOf(issuers, (item) => foundFor(item, authorities))
    const certified = await certify(request, certifier)
    if (dryRun) {
      printer.tell(`${certified.length} would be signed; nothing was`)
      return exitStatus.ok
    }
    const batch = workspace.store.batch()
    const { keys } = certifier
    const at = context.now()
    // The certificates are kept first: signed again, the same request has the same answer.
    if (putCertified(request.items, certified, batch, { authorities, keys, at }) > 0) {
      await batch.commit()
    }
    const signedAt = Math.floor(at / 1000) * 1000
    const text = answerFile({ request, certificates: certified, signedAt })
    await writeFiles(context, [{ file: out, text, expected: undefined }])
    printer.answer(out)
    printer.tell(
      `${certified.length} signed; on the machine of the store: nomad-pki authority accept ${out}`,
    )
    return exitStatus.ok
  })
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
  for (const item of request.items) {
    const signer = item.kind === 'root' ? item.address : item.issuer
    const { name, generation } = partsOf(signer)
    const authority = spec.authorities.find((one) => one.name === name)
    const kind = authority?.signers[generation]
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
