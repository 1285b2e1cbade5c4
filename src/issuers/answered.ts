/**
 * The issuers behind an answer: each gives the certificate that came with it, once. What they give is
 * held against what was prepared, as with every issuer outside this process.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { Issuer, IssuerAnswer } from '../authority/issuer.js'
import type { Certificate } from '../x509/certificate.js'
import { certify, type Certifier } from './certify.js'
import { chainOf, nameOf } from './held.js'
import type { OfflineAnswer } from './offline-file.js'
import { givesList, signLists } from './offline-list.js'

/**
 * Checks every certificate of an answer: its signature with the public key of the root that should have
 * made it, its names, dates and rights against the request, and the rules of `lint`. Of each revocation
 * list its signature, its issuer, its number, its dates and its entries.
 *
 * @param answer The roots that it calls known must be those of the store: the caller has compared them.
 * @throws {NomadPkiError} `ERR_CORRESPONDENCE`, `ERR_KEY_ALGORITHM`, `ERR_LINT` and what `prepare` throws
 */
export async function checkAnswer(answer: OfflineAnswer): Promise<readonly Certificate[]> {
  const { request, lists } = answer
  const certified = await certify(request, answering(answer))
  await signLists(request, async (asked, certificate) =>
    givesList(certificate, lists[request.lists.indexOf(asked)]!),
  )
  return certified
}

function answering({ request: { items }, certificates }: OfflineAnswer): Certifier {
  const give: Issuer['issue'] = async ({ expected }): Promise<IssuerAnswer> => {
    // An item has its own serial number: none is answered with another's certificate.
    const certificate = certificates[items.findIndex(({ serial }) => serial === expected.serial)]
    return certificate === undefined
      ? { outcome: 'refused', reason: `${expected.serial} was not answered` }
      : { outcome: 'issued', certificate: certificate.der }
  }
  return {
    async begin(item) {
      const { publicKey } = certificates[items.indexOf(item)]!
      if (publicKey.algorithm !== item.key) {
        throw new NomadPkiError(
          'ERR_CORRESPONDENCE',
          `its key is ${publicKey.name}, and ${item.key} was asked for`,
          { hint: 'sign the request again, with a key of that algorithm' },
        )
      }
      return { name: item.address, publicKey, signatures: 'foreign', issue: give }
    },
    async open({ certificate }) {
      return {
        name: nameOf(certificate),
        certificate,
        above: [],
        chain: chainOf(certificate, []),
        signatures: 'foreign',
        issue: give,
      }
    },
  }
}
