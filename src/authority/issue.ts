/**
 * The one way to a signature: only what was prepared, only once, and what comes back is held against
 * it.
 *
 * @module
 */

import { sameBytes } from '../bytes.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { PublicKey } from '../keys/algorithms.js'
import { lint } from '../lint/lint.js'
import { completeCertificate, parseCertificate, type Certificate } from '../x509/certificate.js'
import { isSignedBy } from '../x509/signature.js'
import { correspondenceFault } from './correspond.js'
import type { IssuerAnswer } from './issuer.js'
import { spend, type Prepared, type Preparation } from './prepared.js'

/** A certificate with what goes behind it. */
export interface Issued {
  /** The one that was signed. */
  readonly certificate: Certificate
  /** Leaf first, then intermediates, without the root: the content of `cert.pem`. */
  readonly chain: readonly Certificate[]
}

/** How to issue. */
export interface IssueOptions {
  /** Aborts while the issuer has not been asked yet. */
  readonly signal?: AbortSignal | undefined
  /**
   * Whether each signature is checked. Default: authorities' and foreign issuers' always, a held
   * key's the first time; checking costs as much again as issuing.
   */
  readonly verify?: boolean | undefined
}

/**
 * Has the issuer sign what was prepared, and compares what comes back with it. An issuer is not trusted: a
 * certificate with another name, key or life is an error.
 *
 * @param prepared From `prepare` or `prepareIntermediate`; it is spent, also when this fails.
 * @param options What has a default.
 * @returns The certificate, and the chain for `cert.pem`.
 * @throws {NomadPkiError} `ERR_PREPARED_SPENT`; `ERR_ISSUER_REFUSED`, nothing exists;
 * `ERR_ISSUER_UNKNOWN`, something may; `ERR_CORRESPONDENCE`, something exists that was not asked for
 */
export async function issue(prepared: Prepared, options: IssueOptions = {}): Promise<Issued> {
  const preparation = spend(prepared)
  const { input, signer, chain } = preparation
  options.signal?.throwIfAborted()
  const answer = await signer.issue(input, { signal: options.signal })
  if (answer.outcome === 'refused') {
    throw new NomadPkiError('ERR_ISSUER_REFUSED', `${signer.name} refused: ${answer.reason}`, {
      hint: answer.hint,
    })
  }
  if (answer.outcome === 'unknown') {
    throw new NomadPkiError(
      'ERR_ISSUER_UNKNOWN',
      `${signer.name} did not answer: ${answer.reason}`,
      {
        hint: 'a certificate may exist; look at the issuer before trying again',
        cause: answer,
      },
    )
  }
  const certificate = receive(answer.certificate, preparation, options.verify)
  return { certificate, chain: [certificate, ...chain] }
}

/** Whether an error of {@link issue} says that the answer is lost, and that asking once more is harmless. */
export function mayAskAgain(error: unknown): boolean {
  return (
    isNomadPkiError(error, 'ERR_ISSUER_UNKNOWN') &&
    (error.cause as IssuerAnswer & { readonly again?: boolean }).again === true
  )
}

/** Keys whose signature was seen to be valid in this process. */
const tried = new WeakSet<PublicKey>()

function receive(
  der: Uint8Array,
  { input, signer, lintContext }: Preparation,
  verify: boolean | undefined,
): Certificate {
  const { expected } = input
  const certificate = read(der, expected, signer.name)
  const fault = correspondenceFault(certificate, expected, input.now)
  if (fault !== undefined) throw correspondence(signer.name, fault)
  if (!sameBytes(certificate.tbs, input.tbs)) {
    const broken = lint(certificate, lintContext).find(({ severity }) => severity === 'error')
    if (broken !== undefined) throw correspondence(signer.name, `${broken.rule}: ${broken.message}`)
  }
  const { publicKey, signatures } = signer
  if (signatures === 'rehearsed') return certificate
  const usual =
    signatures === 'foreign' || expected.basicConstraints?.ca === true || !tried.has(publicKey)
  if (verify ?? usual) {
    if (!isSignedBy(certificate, publicKey)) {
      throw correspondence(signer.name, 'its signature is not by the authority’s key')
    }
    tried.add(publicKey)
  }
  return certificate
}

/** Where our own bytes came back, they are not parsed a second time. */
function read(der: Uint8Array, expected: Certificate, name: string): Certificate {
  try {
    return completeCertificate(expected, der) ?? parseCertificate(der)
  } catch (cause) {
    throw new NomadPkiError(
      'ERR_CORRESPONDENCE',
      `${name} returned something that is not a certificate`,
      { cause },
    )
  }
}

function correspondence(name: string, fault: string): NomadPkiError {
  return new NomadPkiError(
    'ERR_CORRESPONDENCE',
    `what ${name} returned is not what was prepared: ${fault}`,
    {
      hint: 'it signed something else: look into the issuer, and treat that certificate as issued',
    },
  )
}
