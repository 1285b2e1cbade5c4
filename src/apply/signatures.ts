/**
 * Asks issuers. Before one outside this process is asked, the attempt is a durable line of the ledger:
 * a certificate that was signed and never arrived has a trace. Our own keys leave none, because nothing
 * can exist outside.
 *
 * ```text
 * prepare → attempted ── durable ──▶ ask → issued     its line closes the attempt
 *                                        → refused    a line closes it
 *                                        → unknown    it stays open
 * ```
 *
 * @module
 */

import { issue } from '../authority/issue.js'
import type { Signer } from '../authority/issuer.js'
import type { Prepared } from '../authority/prepare.js'
import { isNomadPkiError } from '../errors.js'
import type { LedgerEvent } from '../inventory/ledger-events.js'
import { sha256 } from '../sha256.js'
import type { Certificate } from '../x509/certificate.js'
import { Permits } from './permits.js'

/** How many calls are in flight, where a foreign issuer does not say. */
const usualConcurrency = 16

/**
 * How long answers are waited for after somebody asked to stop, milliseconds. What a broken connection
 * loses may exist.
 */
const patience = 5_000

/** Who is asked, and for what. */
export interface Question {
  /** What the certificate is for. */
  readonly address: string
  /** The authority that is asked. */
  readonly issuer: string
  readonly signer: Pick<Signer, 'signatures' | 'concurrency'>
  /**
   * Prepares the certificate.
   *
   * @param now The moment for which it is prepared, epoch milliseconds.
   */
  prepare(now: number): Prepared
}

/** What came of it. */
export interface Signed {
  readonly certificate: Certificate
  /** The attempt that the certificate's line closes; absent where none was noted. */
  readonly attempt?: string | undefined
}

/** What asking needs. */
export interface SignaturePorts {
  readonly clock: () => number
  readonly signal?: AbortSignal | undefined
  /** Makes a line of the ledger durable. */
  readonly note: (event: LedgerEvent) => Promise<void>
}

/** Whether others can have what an issuer signs. */
export function isForeign({ signatures }: Pick<Signer, 'signatures'>): boolean {
  return signatures === 'foreign'
}

/** How many calls an issuer takes at once. */
export function concurrencyOf(signer: Pick<Signer, 'signatures' | 'concurrency'>): number {
  return Math.max(1, signer.concurrency ?? (isForeign(signer) ? usualConcurrency : 1))
}

/** The signatures of one apply. */
export class Signatures {
  readonly #ports: SignaturePorts
  /** The time for which everything is prepared that our own keys sign. */
  readonly #now: number
  /** Whether nobody else is asked, after a failure. */
  halted = false
  /** Abort what is in flight: one for each call, because a signal warns of many listeners. */
  readonly #inFlight = new Set<AbortController>()
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #gates = new Map<string, { readonly noted: Permits; readonly asked: Permits }>()

  constructor(ports: SignaturePorts, now: number) {
    this.#ports = ports
    this.#now = now
    ports.signal?.addEventListener('abort', this.#wait, { once: true })
  }

  /** Nobody is asked any more: no timer is left behind. */
  end(): void {
    this.#ports.signal?.removeEventListener('abort', this.#wait)
    clearTimeout(this.#timer)
  }

  /** Asks nobody more. What is in flight ends by itself. */
  halt(): void {
    this.halted = true
  }

  /**
   * Has a certificate signed.
   *
   * @throws {NomadPkiError} what `prepare` and `issue` throw; an `AbortError` where nobody was asked.
   */
  async sign(question: Question): Promise<Signed> {
    if (!isForeign(question.signer)) {
      const { certificate } = await issue(question.prepare(this.#now))
      return { certificate }
    }
    const { noted, asked } = this.#gateOf(question)
    // The next ones are noted while the present ones are signed.
    return noted.hold(async () => {
      if (this.#stopped) throw nobodyAsked()
      // An issuer's clock dates the certificate: it is prepared when its turn comes.
      const prepared = question.prepare(this.#ports.clock())
      const attempt = await this.#note(question, prepared)
      return asked.hold(async () => this.#ask(question, prepared, attempt))
    })
  }

  async #note({ address, issuer }: Question, { expected }: Prepared): Promise<string> {
    const { serial: attempt, publicKey, notAfter } = expected
    const at = this.#ports.clock()
    const key = sha256(publicKey.spki)
    await this.#ports.note({ event: 'attempted', address, at, attempt, issuer, key, notAfter })
    return attempt
  }

  async #ask({ address }: Question, prepared: Prepared, attempt: string): Promise<Signed> {
    const close = (message: string): Promise<void> =>
      this.#ports.note({ event: 'refused', address, at: this.#ports.clock(), attempt, message })
    if (this.#stopped) {
      await close('stopped before the issuer was asked')
      throw nobodyAsked()
    }
    const call = new AbortController()
    this.#inFlight.add(call)
    try {
      const { certificate } = await issue(prepared, { signal: call.signal })
      return { certificate, attempt }
    } catch (error) {
      this.halt()
      // All other errors leave it open, an abort too: the request may have been sent.
      if (isNomadPkiError(error, 'ERR_ISSUER_REFUSED')) await close(error.message)
      throw error
    } finally {
      this.#inFlight.delete(call)
    }
  }

  readonly #wait = (): void => {
    this.#timer = setTimeout(() => {
      for (const call of this.#inFlight) call.abort()
    }, patience)
  }

  get #stopped(): boolean {
    return this.halted || this.#ports.signal?.aborted === true
  }

  #gateOf({ issuer, signer }: Question): { readonly noted: Permits; readonly asked: Permits } {
    let gate = this.#gates.get(issuer)
    if (gate === undefined) {
      const most = concurrencyOf(signer)
      gate = { noted: new Permits(2 * most), asked: new Permits(most) }
      this.#gates.set(issuer, gate)
    }
    return gate
  }
}

/** Whether an error says that the work was stopped. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function nobodyAsked(): Error {
  return new DOMException('stopped before the issuer was asked', 'AbortError')
}
