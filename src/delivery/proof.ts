/**
 * The proof that an agent loaded a generation: a handshake that shows it. A reload that was asked for
 * proves nothing, and neither does Nomad's own checksum, which is computed from the disk.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { latin1Of } from '../bytes.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { describeEndpoint, type EndpointDescription } from '../probe/endpoint.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { parseCertificates } from '../x509/certificates.js'
import { formatName } from '../x509/name.js'
import type { NodeGeneration } from './node.js'

/** What a handshake shows. */
export type Proof =
  /** The new generation is loaded. */
  | { readonly state: 'proven' }
  /** The same leaf as before, and its trust can't be seen: nothing speaks against it. */
  | { readonly state: 'unobservable' }
  /** What was in place before is still loaded. */
  | { readonly state: 'old' }
  /** It presents something else. */
  | { readonly state: 'foreign'; readonly fingerprint: string }
  /** It can't be asked: that says nothing about what it loaded. */
  | { readonly state: 'unreachable'; readonly message: string }

/** How long to look. */
export interface ProveOptions {
  /** Milliseconds until an agent that still shows the old one, or does not answer, is believed. Default: 10,000. */
  readonly patience?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks an agent until it shows the new generation, or until patience ends: its listener is closed and
 * opened again in a reload.
 *
 * @param endpoint Where it listens.
 * @param now The generation that was put in place.
 * @param before The one before; `undefined`: none.
 * @param options How long.
 * @throws {NomadPkiError} `ERR_INTERRUPTED` by the signal.
 */
export async function prove(
  endpoint: { readonly host: string; readonly port: number },
  now: NodeGeneration,
  before: NodeGeneration | undefined,
  options: ProveOptions = {},
): Promise<Proof> {
  const end = performance.now() + (options.patience ?? 10_000)
  for (;;) {
    const proof = await look(endpoint, now, before, options.signal)
    if (options.signal?.aborted === true) {
      throw new NomadPkiError('ERR_INTERRUPTED', 'interrupted before it was proven', {
        hint: 'the same command goes on',
      })
    }
    if (proof.state === 'proven' || performance.now() >= end) return proof
    await sleep(250)
  }
}

async function look(
  { host, port }: { readonly host: string; readonly port: number },
  now: NodeGeneration,
  before: NodeGeneration | undefined,
  signal: AbortSignal | undefined,
): Promise<Proof> {
  let shown: EndpointDescription
  try {
    shown = await describeEndpoint(host, port, { signal })
  } catch (error) {
    // Also where it presents what can't be read: what it loaded is not known.
    if (!isNomadPkiError(error)) throw error
    return { state: 'unreachable', message: error.message }
  }
  // A chain is public: any listener that has seen it can show it.
  if (!shown.holdsKey) {
    const message = 'the agent presents a chain, and does not show that it has its key'
    return { state: 'unreachable', message }
  }
  // The whole chain: a generation may differ from the one before it by an intermediate alone.
  const chain = shown.chain.map(fingerprintOf).join(' ')
  const isNew = chain === chainOf(now)
  const isOld = before !== undefined && chain === chainOf(before)
  if (!isNew) {
    return isOld
      ? { state: 'old' }
      : { state: 'foreign', fingerprint: fingerprintOf(shown.chain[0]!) }
  }
  const trusted = shown.authorities?.map(formatName).sort().join('\n')
  if (trusted === undefined) return { state: isOld ? 'unobservable' : 'proven' }
  if (trusted === trustOf(now)) return { state: 'proven' }
  // Subjects alone: two roots of one name can't be told apart this way.
  return isOld && trusted === trustOf(before) ? { state: 'old' } : { state: 'unobservable' }
}

function chainOf({ cert }: NodeGeneration): string | undefined {
  return read(cert)?.map(fingerprintOf).join(' ')
}

function trustOf({ ca }: NodeGeneration): string | undefined {
  return read(ca)
    ?.map(({ subject }) => formatName(subject))
    .sort()
    .join('\n')
}

/** `undefined` for what was damaged in place: no agent presents that. */
function read(pem: Uint8Array | undefined): readonly Certificate[] | undefined {
  try {
    return pem && parseCertificates(latin1Of(pem))
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return undefined
  }
}
