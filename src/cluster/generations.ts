/**
 * The generations of an authority: which one signs, which agents trust, and which are pinned.
 *
 * @module
 */

import type { RawAuthority, Resolving } from './raw.js'
import type { AuthoritySpec } from './spec.js'

/** The pins, by generation: each for a root that agents trust, or for an intermediate in an engine. */
export function fingerprintsOf(
  { sources, report }: Resolving,
  name: string,
  entry: RawAuthority,
  { signing, trusted }: Pick<AuthoritySpec, 'signing' | 'trusted'>,
  intermediate: boolean,
): Readonly<Record<number, string>> {
  const { fingerprint } = entry
  if (fingerprint === undefined) return {}
  if (intermediate && entry.engine === undefined) {
    report.error(
      'spec/irrelevant',
      sources.keyAt(entry, 'fingerprint'),
      `${name} is an intermediate: agents trust roots, and fingerprint belongs there`,
      { hint: 'remove it' },
    )
    return {}
  }
  const generations = [...new Set([...trusted, signing])].sort((a, b) => a - b)
  if (typeof fingerprint === 'string') {
    if (generations.length === 1) return { [signing]: fingerprint }
    report.error(
      'spec/generations',
      sources.at(entry, 'fingerprint'),
      `one fingerprint, and ${generations.length} generations are trusted`,
      {
        expected: 'a map, each key a generation',
        hint: `fingerprint: { ${generations[0]}: ${fingerprint} }`,
      },
    )
    return {}
  }
  const pins: Record<number, string> = {}
  for (const [key, value] of fingerprint) {
    const generation = Number(key)
    if (generations.includes(generation)) pins[generation] = value
    else {
      report.error(
        'spec/generations',
        sources.keyAt(fingerprint, key),
        `generation ${key} has a fingerprint, but ${intermediate ? 'does not sign' : 'agents do not trust it'}`,
        { expected: `one of ${generations.join(', ')}`, hint: 'remove it' },
      )
    }
  }
  return pins
}

/** Which generation signs, and which are trusted. */
export function generationsOf(
  { sources, report }: Resolving,
  name: string,
  entry: RawAuthority,
  intermediate: boolean,
): Pick<AuthoritySpec, 'signing' | 'trusted' | 'crossed'> {
  const signing = entry.signing ?? 1
  if (intermediate) {
    for (const key of ['trusted', 'crossed'] as const) {
      if (sources.has(entry, key)) {
        report.error(
          'spec/irrelevant',
          sources.keyAt(entry, key),
          `${name} is an intermediate: agents trust roots, and ${key} belongs there`,
          { hint: 'remove it' },
        )
      }
    }
    return { signing, trusted: [signing], crossed: false }
  }
  const crossed = entry.crossed ?? false
  if (crossed && signing === 1 && (entry.trusted ?? []).every((one) => one === 1)) {
    report.error(
      'spec/generations',
      sources.at(entry, 'crossed'),
      'generation 1 has no older generation that could certify it',
      {
        expected: 'signing: 2, trusted: [1, 2], crossed: true',
        hint: 'a root is replaced by a second generation, which the first one certifies',
      },
    )
  }
  if (entry.trusted === undefined) return { signing, trusted: [signing], crossed }
  const trusted: number[] = []
  entry.trusted.forEach((generation, index) => {
    if (generation === undefined) return
    if (trusted.includes(generation)) {
      report.error(
        'spec/generations',
        sources.at(entry.trusted, index),
        `generation ${generation} is named twice`,
      )
    } else trusted.push(generation)
  })
  if (trusted.length > 16) {
    report.error(
      'spec/generations',
      sources.at(entry.trusted),
      'more than 16 generations are trusted',
      { hint: 'drop the old ones' },
    )
  }
  if (trusted.length > 0 && !trusted.includes(signing) && !entry.trusted.includes(undefined)) {
    report.error(
      'spec/generations',
      sources.at(entry, 'trusted'),
      `generation ${signing} signs, but agents would not trust it`,
      {
        expected: `a list with ${signing} in it`,
      },
    )
  }
  return { signing, trusted, crossed }
}
