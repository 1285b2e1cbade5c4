/**
 * Key, lifetime and renewal of a certificate: what is built in, `defaults`, `defaults.<role>` and the
 * entry itself, the nearest wins.
 *
 * @module
 */

import type { Role } from '../address.js'
import { formatDuration, parseDuration } from '../duration.js'
import { algorithmOf } from '../keys/algorithms.js'
import { profileOf } from '../nomad/roles.js'
import type { RawTerms, Resolving } from './raw.js'
import type { Terms } from './spec.js'

/** 100 years, in milliseconds: longer than any key will be trusted, and near the end of what some programs can read. */
export const longestSpan: number = 100 * 365 * 86_400_000

/** What holds where nothing is said. */
export const builtIn: Omit<Terms, 'renewedBy'> & Pick<Required<RawTerms>, 'renewedBy'> = {
  key: 'ecdsa-p256',
  keyHeld: 'store',
  renewedBy: 'store',
  lifetime: 90 * 86_400_000,
  renewBefore: 30 * 86_400_000,
  beyondIssuer: 'refuse',
  keep: 3,
}

/** What holds for a role whatever `defaults` says. An operator's key comes with its certificate, and both from the store. */
function termsOfRole(role: Role): RawTerms {
  const { agent, usualLife } = profileOf(role)
  return {
    ...optional('lifetime', usualLife),
    ...(agent ? {} : { keyHeld: 'store', renewedBy: 'store' }),
  }
}

/** Terms, and where their lifetime is written, for complaints about it. */
export interface ResolvedTerms {
  readonly terms: Terms
  /** Offset of the lifetime that counts; `undefined` if it is built in. */
  readonly lifetimeAt: number | undefined
  /** Offset of `renewedBy` that counts; `undefined` if it is built in. */
  readonly renewedAt?: number | undefined
}

/** Gives the terms of an entry. */
export type TermsOf = (role: Role, entry: RawTerms | undefined) => ResolvedTerms

/**
 * Complains about a span of time that no certificate can have.
 *
 * @returns The same, or `undefined` if it is not usable.
 */
export function usableSpan(
  { sources, report }: Resolving,
  container: object | undefined,
  key: 'lifetime' | 'renewBefore',
  span: number | undefined,
): number | undefined {
  if (span === undefined || container === undefined) return span
  if (span <= 0) {
    report.error('spec/lifetime', sources.at(container, key), `${key} is zero`, {
      expected: 'more than zero, such as 90d',
    })
    return undefined
  }
  if (span > longestSpan) {
    report.error(
      'spec/lifetime',
      sources.at(container, key),
      `${key} is ${formatDuration(span)}, longer than 100y`,
      { expected: 'at most 100y', hint: 'an authority commonly lives 10y, an agent 90d' },
    )
    return undefined
  }
  return span
}

/**
 * Complains about a leaf that would live longer than the authority that signs it.
 *
 * @param leaf `whose`: the subject of the message; `at`: the offset to blame; `hint`: what else can be written.
 */
export function checkLifetime(
  report: Resolving['report'],
  { lifetime, beyondIssuer }: Terms,
  authority: { readonly name: string; readonly lifetime: number },
  { whose, at, hint }: { readonly whose: string; readonly at: () => number; readonly hint: string },
): void {
  if (lifetime <= authority.lifetime || beyondIssuer !== 'refuse') return
  const most = spanText(authority.lifetime)
  report.error(
    'spec/beyond-issuer',
    at(),
    `${whose} would live ${spanText(lifetime)}, longer than ${authority.name}, which signs it (${most})`,
    { expected: `at most ${most}`, hint },
  )
}

/**
 * Opens the terms of a spec.
 *
 * @param resolving The spec as read.
 */
export function createTerms(resolving: Resolving): TermsOf {
  const { raw, sources, report } = resolving
  const { defaults } = raw
  const known = new Map<string, Terms>()
  const bases = new Map<Role, readonly Layer[]>()
  const plain = new Map<Role, ResolvedTerms>()

  const layerOf = (terms: RawTerms | undefined): Layer => ({
    terms: {
      ...pick(terms),
      ...optional('lifetime', usableSpan(resolving, terms, 'lifetime', terms?.lifetime)),
      ...optional('renewBefore', usableSpan(resolving, terms, 'renewBefore', terms?.renewBefore)),
    },
    origin: terms,
  })

  const baseOf = (role: Role): readonly Layer[] => {
    let base = bases.get(role)
    if (base === undefined) {
      base = [
        { terms: builtIn, origin: undefined },
        layerOf(defaults),
        { terms: termsOfRole(role), origin: undefined },
        layerOf(defaults?.[role]),
      ]
      bases.set(role, base)
    }
    return base
  }

  const resolveLayers = (layers: readonly Layer[]): ResolvedTerms => {
    const top = (key: keyof RawTerms): number =>
      layers.findLastIndex(({ terms }) => terms[key] !== undefined)
    const get = <K extends keyof RawTerms>(key: K): Required<RawTerms>[K] =>
      layers[top(key)]!.terms[key] as Required<RawTerms>[K]
    const lifetime = get('lifetime')
    let renewBefore = get('renewBefore')
    const lifetimeLayer = top('lifetime')
    const renewLayer = top('renewBefore')
    const lifetimeOrigin = layers[lifetimeLayer]!.origin
    if (renewBefore >= lifetime) {
      const origin = layers[renewLayer]!.origin
      // Written no further away than the lifetime: this pair was meant, and it cannot be.
      if (origin !== undefined && renewLayer >= lifetimeLayer) {
        report.error(
          'spec/renew-before',
          sources.at(origin, 'renewBefore'),
          `renewBefore ${formatDuration(renewBefore)} does not fit into a lifetime of ${formatDuration(lifetime)}`,
          {
            expected: `less than ${formatDuration(lifetime)}`,
            hint: `a third is usual: ${thirdOf(lifetime)}`,
          },
        )
      }
      renewBefore = Math.floor(lifetime / 3)
    }
    const key = get('key')
    if (key === 'ecdsa-p521') {
      const origin = layers[top('key')]!.origin
      report.warning(
        'spec/key-algorithm',
        sources.at(origin, 'key'),
        'browsers refuse ecdsa-p521 keys: the Web UI of such an agent cannot be opened',
        {
          hint: 'ecdsa-p384 is taken everywhere',
        },
      )
    }
    const byNode = get('renewedBy') === 'node'
    const renewedLayer = top('renewedBy')
    const renewedOrigin = layers[renewedLayer]!.origin
    const heldLayer = top('keyHeld')
    if (byNode && get('keyHeld') === 'store' && heldLayer >= Math.max(renewedLayer, 1)) {
      report.error(
        'spec/renewed-by',
        sources.at(layers[heldLayer]!.origin, 'keyHeld'),
        'keyHeld: store, and renewedBy: node: a node that renews itself makes its key, which stays there',
        { expected: 'renewedBy: node alone, or renewedBy: store' },
      )
    }
    const terms: Terms = {
      key: algorithmOf(key).name,
      // Of a node that renews itself it follows.
      keyHeld: byNode ? 'node' : get('keyHeld'),
      ...(byNode && { renewedBy: 'node' }),
      lifetime,
      renewBefore,
      beyondIssuer: get('beyondIssuer'),
      keep: get('keep'),
    }
    const text = `${key} ${terms.keyHeld} ${terms.renewedBy ?? 'store'} ${lifetime} ${renewBefore} ${terms.beyondIssuer} ${terms.keep}`
    const same = known.get(text)
    if (same === undefined) known.set(text, terms)
    return {
      terms: same ?? terms,
      lifetimeAt: lifetimeOrigin === undefined ? undefined : sources.at(lifetimeOrigin, 'lifetime'),
      renewedAt: renewedOrigin === undefined ? undefined : sources.at(renewedOrigin, 'renewedBy'),
    }
  }

  return (role, entry) => {
    if (entry === undefined || !hasTerms(entry)) {
      let resolved = plain.get(role)
      if (resolved === undefined) {
        resolved = resolveLayers(baseOf(role))
        plain.set(role, resolved)
      }
      return resolved
    }
    return resolveLayers([...baseOf(role), layerOf(entry)])
  }
}

interface Layer {
  readonly terms: RawTerms
  readonly origin: RawTerms | undefined
}

function hasTerms(entry: RawTerms): boolean {
  return (
    entry.lifetime !== undefined ||
    entry.renewBefore !== undefined ||
    entry.key !== undefined ||
    entry.keyHeld !== undefined ||
    entry.renewedBy !== undefined ||
    entry.keep !== undefined ||
    entry.beyondIssuer !== undefined
  )
}

function pick(terms: RawTerms | undefined): RawTerms {
  return {
    ...optional('key', terms?.key),
    ...optional('keyHeld', terms?.keyHeld),
    ...optional('renewedBy', terms?.renewedBy),
    ...optional('beyondIssuer', terms?.beyondIssuer),
    ...optional('keep', terms?.keep),
  }
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V }
}

function thirdOf(lifetime: number): string {
  const third = Math.floor(lifetime / 3)
  // In a unit that reads back as the same or less.
  for (const unit of [86_400_000, 3_600_000, 60_000]) {
    if (third >= unit) return formatDuration(Math.floor(third / unit) * unit)
  }
  return formatDuration(Math.max(1000, Math.floor(third / 1000) * 1000))
}

/** A span of time that the spec's own grammar reads; for messages. */
export function spanText(milliseconds: number): string {
  const text = formatDuration(milliseconds)
  return parseDuration(text) === milliseconds ? text : `about ${text}`
}
