/**
 * From a request to its certificates, the same way on both sides: the machine that has the key signs
 * what is prepared here, and the store prepares it again to hold each answer against it.
 *
 * @module
 */

import { authorityNameOf, generationOf } from '../address.js'
import { issue } from '../authority/issue.js'
import type { Issuer, Signer } from '../authority/issuer.js'
import {
  prepareCross,
  prepareIntermediate,
  prepareRoot,
  type Prepared,
} from '../authority/prepare.js'
import { subjectFor } from '../authority/subject.js'
import { sameBytes } from '../bytes.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { fingerprintText, type Certificate } from '../x509/certificate.js'
import type { AskedCertificate, AskedRoot, OfflineRequest } from './offline-request.js'

/** Who signs. */
export interface Certifier {
  /** The key of a root that is asked for. */
  begin(item: AskedRoot): Promise<Signer>
  /** Who signs in the name of a root: one that exists, or that {@link begin} began. */
  open(root: {
    readonly address: string
    readonly name: string
    readonly generation: number
    readonly certificate: Certificate
  }): Promise<Issuer>
  /** A certificate that was made for the same item before: it is taken where it says the same. */
  made?(item: AskedCertificate): Certificate | undefined
}

/**
 * Has every certificate of a request signed, or says of which it fails and why.
 *
 * @returns In the order of the items.
 * @throws {NomadPkiError} what `prepare` and `issue` throw, with the address.
 */
export async function certify(
  request: OfflineRequest,
  certifier: Certifier,
): Promise<readonly Certificate[]> {
  const roots = new Map(request.known.map(({ address, certificate }) => [address, certificate]))
  const open = new Map<string, Promise<Issuer>>()
  const issuerOf = (address: string): Promise<Issuer> => {
    let issuer = open.get(address)
    if (issuer === undefined) {
      const [name, generation] = [authorityNameOf(address), generationOf(address)]
      issuer = certifier.open({ address, name, generation, certificate: roots.get(address)! })
      open.set(address, issuer)
    }
    return issuer
  }
  const all: Certificate[] = []
  for (const item of request.items) {
    try {
      const prepared = await preparedFor(item, request, { certifier, issuerOf, roots })
      const before = certifier.made?.(item)
      const same = before !== undefined && sameBytes(before.tbs, prepared.expected.tbs)
      if (before !== undefined && !same && item.kind === 'root') {
        throw new NomadPkiError(
          'ERR_REFUSED',
          `a root with its serial number was made before (${fingerprintText(before)}), and it says something else`,
          { hint: 'the request was changed, or it comes from another store: do not sign it' },
        )
      }
      const certificate = same ? before : (await issue(prepared)).certificate
      if (item.kind === 'root') roots.set(item.address, certificate)
      all.push(certificate)
    } catch (error) {
      throw about(item, error)
    }
  }
  return all
}

async function preparedFor(
  item: AskedCertificate,
  { madeAt: now }: OfflineRequest,
  ports: {
    readonly certifier: Certifier
    readonly issuerOf: (address: string) => Promise<Issuer>
    readonly roots: ReadonlyMap<string, Certificate>
  },
): Promise<Prepared> {
  const { serial } = item
  switch (item.kind) {
    case 'root': {
      const { lifetime } = item
      const signer = await ports.certifier.begin(item)
      const subject = subjectFor(item.subject, signer.publicKey)
      return prepareRoot({ subject, lifetime }, signer, { now, serial })
    }
    case 'intermediate': {
      const { publicKey, lifetime, beyondIssuer, regions, domains, networks } = item
      const subject = subjectFor(item.subject, publicKey)
      return prepareIntermediate(
        { subject, publicKey, lifetime, beyondIssuer, regions, domains, networks },
        await ports.issuerOf(item.issuer),
        { now, serial },
      )
    }
    case 'cross': {
      const { intermediates } = item
      const root = ports.roots.get(item.address)!
      const issuer = await ports.issuerOf(item.issuer)
      return prepareCross(root, issuer, { now, serial, intermediates })
    }
  }
}

function about({ address }: AskedCertificate, error: unknown): unknown {
  if (!isNomadPkiError(error) || error.address !== undefined) return error
  return new NomadPkiError(error.code, `${address}: ${error.message}`, {
    address,
    hint: error.hint,
    cause: error,
  })
}
