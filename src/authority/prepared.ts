/**
 * The token between `prepare` and `issue`: only what was prepared, and so linted, can be issued, and
 * only once.
 *
 * @module
 */

import { NomadPkiError } from '../errors.js'
import type { LintContext } from '../lint/lint.js'
import { parseTbs, type Certificate } from '../x509/certificate.js'
import type { IssuerInput, Signer } from './issuer.js'

/** What stands behind a {@link Prepared}. */
export interface Preparation {
  readonly input: IssuerInput
  /** Who is asked, and what the answers are held against. */
  readonly signer: Signer
  /** What goes behind the certificate. */
  readonly chain: readonly Certificate[]
  readonly lintContext: LintContext
}

let make: (preparation: Preparation) => Prepared
let take: (prepared: Prepared) => Preparation | undefined

/** A certificate that may be issued, once. Made by `prepare`, `prepareIntermediate` and `prepareRoot` alone. */
export class Prepared {
  readonly #tbs: Uint8Array
  #copy: Certificate | undefined
  #preparation: Preparation | undefined

  private constructor(preparation: Preparation) {
    this.#tbs = preparation.input.tbs
    this.#preparation = preparation
  }

  /**
   * What the certificate will say; it has no signature yet. Read from a copy of the bytes: what looks
   * at it cannot change what is signed.
   */
  get expected(): Certificate {
    this.#copy ??= parseTbs(Uint8Array.from(this.#tbs))
    return this.#copy
  }

  static {
    make = (preparation) => new Prepared(preparation)
    take = (prepared) => {
      // What only looks like one has no such field.
      if (!(#preparation in prepared)) return undefined
      const preparation = prepared.#preparation
      prepared.#preparation = undefined
      return preparation
    }
  }
}

/**
 * Makes the token. Only `prepare.ts` calls it, after the rules were checked.
 *
 * @param preparation What `issue` will need.
 */
export function madeFrom(preparation: Preparation): Prepared {
  return make(preparation)
}

/**
 * Takes the preparation out, for ever.
 *
 * @throws {NomadPkiError} `ERR_PREPARED_SPENT`
 */
export function spend(prepared: Prepared): Preparation {
  const preparation = take(prepared)
  if (preparation !== undefined) return preparation
  throw new NomadPkiError('ERR_PREPARED_SPENT', 'this Prepared was used before', {
    hint: 'prepare it anew',
  })
}
