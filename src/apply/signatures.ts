/**
 * Asks issuers. Before one outside this process is asked, the attempt is a durable line of the ledger:
 * a certificate that was signed and never arrived has a trace. Our own keys leave none, because nothing
 * can exist outside.
 *
 * ```text
 * prepare → attempted ── durable ──▶ ask → issued     its line closes the attempt
 *    ▲                                   → refused    a line closes it
 *    └── pause, where that is harmless ◀ → unknown    it stays open
 * ```
 *
 * Where answers are lost because an engine changes its leader, those in flight lose them together. One of them asks
 * again, at growing pauses; the others wait for its answer, so that few attempts stay open.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { issue, mayAskAgain } from '../authority/issue.js'
import type { Signer } from '../authority/issuer.js'
import type { Prepared } from '../authority/prepare.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { EventOf, LedgerEvent } from '../inventory/ledger-events.js'
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

/** Before each time that is asked again, milliseconds: an election takes up to 24 seconds. */
const pauses = [250, 500, 1_000, 2_000, 4_000, ...Array<number>(10).fill(5_000)]

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
  /** Default: the process's own. */
  readonly sleep?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined
  /** From 0 up to 1. Default: the process's own. */
  readonly random?: (() => number) | undefined
}

/** One time that an issuer is asked. */
interface Attempt {
  readonly prepared: Prepared
  readonly line: EventOf<'attempted'>
}

/** One whose answer is lost. */
interface Lost {
  readonly attempt: Attempt
  readonly error: unknown
  /** How many answers had come when this one was lost. */
  readonly answers: number
}

/** Whose turn it is at one issuer. */
interface Gate {
  readonly noted: Permits
  readonly asked: Permits
  /** One asks again at a time. */
  readonly again: Permits
  /** How many answers came: another one since mine was lost says that the cause is gone. */
  answers: number
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
  readonly #gates = new Map<string, Gate>()
  /** Attempts whose answers were lost, and which were followed by another one. */
  readonly lost: EventOf<'attempted'>[] = []

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
    const gate = this.#gateOf(question)
    // The next ones are noted while the present ones are signed.
    return gate.noted.hold(async () => {
      if (this.#stopped) throw nobodyAsked()
      const first = await this.#prepare(question)
      return gate.asked.hold(async () => {
        try {
          return await this.#ask(first, gate)
        } catch (error) {
          if (!mayAskAgain(error) || this.#stopped) throw this.#failed(error)
          const lost = { attempt: first, error, answers: gate.answers }
          return await gate.again.hold(async () => this.#askAgain(question, gate, lost))
        }
      })
    })
  }

  /** Asks until an answer comes. Each time is an attempt of its own: each may have been carried out. */
  async #askAgain(question: Question, gate: Gate, first: Lost): Promise<Signed> {
    const { sleep: wait = pause, random = Math.random, signal } = this.#ports
    let last = first
    for (const longest of pauses) {
      // From half of it to all of it: those that were lost together do not come back together.
      if (gate.answers === last.answers) await wait(longest * (0.5 + random() / 2), signal)
      if (this.#stopped) throw this.#failed(last.error)
      this.lost.push(last.attempt.line)
      const attempt = await this.#prepare(question)
      try {
        return await this.#ask(attempt, gate)
      } catch (error) {
        if (!mayAskAgain(error)) throw error
        last = { attempt, error, answers: gate.answers }
      }
    }
    const { message, hint, cause } = last.error as NomadPkiError
    throw this.#failed(
      new NomadPkiError('ERR_ISSUER_UNKNOWN', `${message} (asked ${pauses.length + 1} times)`, {
        hint,
        cause,
      }),
    )
  }

  /** An issuer's clock dates the certificate: it is prepared when its turn comes. */
  async #prepare(question: Question): Promise<Attempt> {
    const { address, issuer } = question
    const at = this.#ports.clock()
    const prepared = question.prepare(at)
    const { serial: attempt, publicKey, notAfter } = prepared.expected
    const key = sha256(publicKey.spki)
    const line = { event: 'attempted', address, at, attempt, issuer, key, notAfter } as const
    await this.#ports.note(line)
    return { prepared, line }
  }

  async #ask({ prepared, line: { address, attempt } }: Attempt, gate: Gate): Promise<Signed> {
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
      gate.answers += 1
      return { certificate, attempt }
    } catch (error) {
      if (!mayAskAgain(error)) this.halt()
      // All other errors leave it open, an abort too: the request may have been sent.
      if (isNomadPkiError(error, 'ERR_ISSUER_REFUSED')) await close(error.message)
      throw error
    } finally {
      this.#inFlight.delete(call)
    }
  }

  /** After it, nobody else is asked. */
  #failed(error: unknown): unknown {
    this.halt()
    return error
  }

  readonly #wait = (): void => {
    this.#timer = setTimeout(() => {
      for (const call of this.#inFlight) call.abort()
    }, patience)
  }

  get #stopped(): boolean {
    return this.halted || this.#ports.signal?.aborted === true
  }

  #gateOf({ issuer, signer }: Question): Gate {
    let gate = this.#gates.get(issuer)
    if (gate === undefined) {
      const most = concurrencyOf(signer)
      gate = {
        ...{ noted: new Permits(2 * most), asked: new Permits(most), again: new Permits(1) },
        answers: 0,
      }
      this.#gates.set(issuer, gate)
    }
    return gate
  }
}

/** Ends with the time, or with the signal. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal })
  } catch {
    // Stopped: its caller looks at that.
  }
}

/** Whether an error says that the work was stopped. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function nobodyAsked(): Error {
  return new DOMException('stopped before the issuer was asked', 'AbortError')
}
