/**
 * Identities whose private key is on their node: a new certificate needs a request by that key.
 *
 * @module
 */

import { shortOf } from '../address.js'
import { renewsItself, type Desired, type DesiredIdentity } from '../cluster/desired.js'
import type { Finding } from '../diagnostics.js'
import type { FoundGeneration, FoundIdentity } from '../inventory/inventory.js'
import { shellQuote } from '../shell-quote.js'
import { madeElsewhere } from './made-elsewhere.js'
import type { Step } from './plan.js'

/**
 * Finds out whether a step would make a key here, where the node makes its own, or put one in the place of
 * the key that a node holds.
 *
 * @param step What is planned.
 * @param wanted What the spec says: with `keyHeld: node` the step waits for a request.
 * @param found What there is.
 * @param options `tls`: where nodes have their files. `named`: a person asked for a new generation of this very
 *   identity, so that a key may be made here where the spec says `keyHeld: store`.
 * @returns The finding that stands for the step; `undefined` where the step is right.
 */
export function heldByNode(
  { address, action, reasons, keepKey }: Step,
  { profile: { keyHeld } }: Pick<DesiredIdentity, 'profile'>,
  found: FoundIdentity | undefined,
  { tls, named }: { readonly tls: string | undefined; readonly named: boolean },
): Finding | undefined {
  if (action !== 'create' && action !== 'renew') return undefined
  const why = reasons.map(({ message }) => message).join('; ')
  if (keyHeld === 'node') {
    return {
      severity: 'warning',
      address,
      reason: 'request-needed',
      message: `${why}. It waits for a request: the spec says that its node holds its key`,
      remedy: `${tls === undefined ? '' : `by ssh: nomad-pki rollout --collect ${shortOf(address)}; or `}${requestRemedy(address, { tls })}`,
    }
  }
  const { state } = newestOf(found)?.key ?? {}
  if (action === 'renew' && state === 'elsewhere' && keepKey === true) {
    return {
      severity: 'error',
      address,
      reason: 'key-elsewhere',
      message: `${why}. Its key cannot be kept: it is not in this store`,
      remedy: `nomad-pki rotate leaves ${address}`,
    }
  }
  if (action !== 'renew' || state !== 'node') return undefined
  // To keep a key that is not here is not possible, for anybody.
  if (named && keepKey !== true) return undefined
  return {
    severity: 'error',
    address,
    reason: 'request-needed',
    message: `${why}. Its key is on its node, and the spec does not say keyHeld: node`,
    remedy: `keyHeld: node in the spec, so that a request by its key is taken; for a key that is made here and delivered: nomad-pki rotate leaves ${address}`,
  }
}

function newestOf(found: FoundIdentity | undefined): FoundGeneration | undefined {
  return found?.unfinished ?? found?.current
}

/**
 * Says what is not a fault and not seen elsewhere: the spec wants the key in the store, and the node holds it, or
 * another store.
 *
 * @param wanted What the spec says.
 * @param found What there is; nothing of it is due.
 */
export function keyStaysOnNode(
  { address, profile: { keyHeld } }: Pick<DesiredIdentity, 'address' | 'profile'>,
  found: FoundIdentity | undefined,
): readonly Finding[] {
  const newest = newestOf(found)
  if (newest?.key.state === 'elsewhere') return [madeElsewhere(address, newest)]
  if (keyHeld === 'node' || newest?.key.state !== 'node') return []
  return [
    {
      severity: 'warning',
      address,
      reason: 'key-held',
      message: 'its node holds its key, and the spec says keyHeld: store',
      remedy: `for a key that is made here and delivered: nomad-pki rotate leaves ${address}; to leave it on the node: keyHeld: node in the spec`,
    },
  ]
}

/**
 * The commands by which a node asks, and by which it gets its certificate. Without the spec the address must be
 * whole, and nothing on a node says where its files go.
 */
export function requestRemedy(address: string, { tls }: Pick<Desired, 'tls'>): string {
  const file = shellQuote(`${address.slice(address.lastIndexOf('/') + 1)}.csr`)
  return `on the node: ${requestCommand(address, file, { tls })}; then here, with that file: nomad-pki sign ${file}`
}

/**
 * What gives an identity a new key.
 *
 * @returns A command, and where it is to be run.
 */
export function newKeyRemedy(
  { address, profile }: Pick<DesiredIdentity, 'address' | 'profile'>,
  desired: Pick<Desired, 'tls'>,
): string {
  if (renewsItself({ profile })) {
    return `on the node: nomad-pki renew --force; then: nomad-pki probe ${shortOf(address)}`
  }
  return profile.keyHeld === 'node' ? requestRemedy(address, desired) : `nomad-pki apply ${address}`
}

/**
 * The command by which a node asks.
 *
 * @param name Its address, or the end of one.
 * @param file The request, as a shell reads it.
 */
export function requestCommand(name: string, file: string, { tls }: Pick<Desired, 'tls'>): string {
  const place = tls === undefined ? '' : ` --tls ${shellQuote(tls)}`
  return `nomad-pki request ${name}${place} --out ${file}`
}
