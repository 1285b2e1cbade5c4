/**
 * Steps whose signatures are under way. Several wait at once, as many as the issuer takes; they land in
 * the order of the plan, whichever answer comes first. After a failure nobody else is asked, and what
 * was issued meanwhile is kept.
 *
 * @module
 */

import type { Step } from '../plan/plan.js'
import type { ApplyEvent } from './events.js'
import type { Flow } from './flow.js'
import type { IdentityWork, Put } from './identities.js'
import { concurrencyOf, isAbort, isForeign, type Signatures } from './signatures.js'
import { isNomadPkiError } from '../errors.js'

/** A step, and what will come of it. */
interface Flight {
  readonly step: Step
  readonly made: Promise<Put>
}

/**
 * Steps begun ahead for each call that an issuer takes at once. One that is slow holds up the landing of
 * those after it, and must not leave the issuer idle.
 */
const ahead = 4

/**
 * Does the steps of identities.
 *
 * @param steps In the order of the plan.
 * @param about Adds the step to an error.
 */
export async function* inFlight(
  steps: readonly Step[],
  { flow, identities, signatures }: Ports,
  about: (step: Step, error: unknown) => unknown,
): AsyncGenerator<ApplyEvent, void, void> {
  const flights: Flight[] = []
  let most = 1
  try {
    for (const [at, step] of steps.entries()) {
      if (flow.stopping) break
      yield { type: 'doing', step }
      identities.ahead(steps, at)
      flights.push(begin(step, identities))
      most = await width(step, identities, most)
      while (flights.length >= most) {
        await land(flights.shift()!)
        if (flow.full) yield* flow.flush()
      }
    }
    while (flights.length > 0) {
      await land(flights.shift()!)
      if (flow.full) yield* flow.flush()
    }
    yield* flow.flush()
  } catch (error) {
    await settle()
    // What was issued before the one that fails, and after it, is worth keeping.
    yield* flow.flush()
    throw error
  } finally {
    // Nothing is asked or written when the caller goes on; also one that wants no more events.
    await settle()
    await flow.commit()
  }

  async function land({ step, made }: Flight): Promise<void> {
    try {
      await flow.put(step, await made)
    } catch (error) {
      // Somebody asked to stop: one that was not asked is no failure, and one without an answer has its line.
      if (flow.stopping && (isAbort(error) || isNomadPkiError(error, 'ERR_ISSUER_UNKNOWN'))) return
      // The failure for which nobody else was asked comes after it.
      if (signatures.halted && isAbort(error)) return
      throw about(step, error)
    }
  }

  /** Waits for all that are in flight, and keeps what they bring. */
  async function settle(): Promise<void> {
    if (flights.length === 0) return
    signatures.halt()
    for (const { step, made } of flights.splice(0)) {
      const [result] = await Promise.allSettled([made])
      if (result.status === 'fulfilled') await flow.put(step, result.value)
    }
  }
}

interface Ports {
  readonly flow: Flow
  readonly identities: IdentityWork
  readonly signatures: Signatures
}

function begin(step: Step, identities: IdentityWork): Flight {
  const made = identities.make(step)
  // It is awaited when its turn comes; until then a failure must not end the process.
  made.catch(() => undefined)
  return { step, made }
}

/** How many steps may be in flight with this one among them; where nobody signs, as many as before. */
async function width(step: Step, identities: IdentityWork, before: number): Promise<number> {
  const signer = identities.signer(step)
  if (signer === undefined) return before
  try {
    const issuer = await signer
    return isForeign(issuer) ? ahead * concurrencyOf(issuer) : concurrencyOf(issuer)
  } catch {
    // The step fails by itself when it lands.
    return before
  }
}
