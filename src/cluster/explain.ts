/**
 * Why a text is not a name or a span of time, said so that one sees which character it is.
 *
 * @module
 */

import type { Explanation } from './shape-types.js'

/** What is wrong with a region's name that does not match `regionPattern`. */
export function explainRegion(text: string): Explanation | undefined {
  return explain(
    text,
    51,
    'Nomad takes such a region, but its names could not be certified or stored',
  )
}

/** What is wrong with the name of a node, an operator or an authority. */
export function explainName(text: string): Explanation | undefined {
  return explain(text, 63)
}

/** What is wrong with a key that should name nodes. */
export function explainNodeKey(text: string): Explanation | undefined {
  if (/[[\]]/.test(text)) {
    const rest = text.replace(/\[[0-9]{1,6}-[0-9]{1,6}\]/g, '0')
    if (/[[\]]/.test(rest)) {
      return {
        message: 'has a range that is not valid',
        hint: 'a range is written "c[1-500]" or, with zeros, "c[001-500]"',
      }
    }
    return explain(rest, 256)
  }
  return explain(text, 63)
}

function explain(text: string, longest: number, hint?: string): Explanation | undefined {
  if (text === '') return { message: 'is empty' }
  if (text === '.' || text === '..') return { message: 'is a directory, not a name' }
  if (text.startsWith('-')) {
    return { message: 'begins with "-", which would read as an option', hint }
  }
  for (const character of text) {
    if (/[A-Za-z0-9._-]/.test(character)) continue
    if (/\s/u.test(character)) return { message: 'holds a space', hint: hint ?? 'use "-" instead' }
    if (character === '/' || character === '\\') {
      return {
        message: `holds ${JSON.stringify(character)}`,
        hint: 'names are directories of the store',
      }
    }
    if (character.codePointAt(0)! > 127) {
      return { message: `holds ${JSON.stringify(character)}, which is not ASCII`, hint }
    }
    return { message: `holds ${JSON.stringify(character)}`, hint }
  }
  if (text.length > longest) {
    return {
      message: `has ${text.length} characters, more than ${longest}`,
      hint:
        longest === 51
          ? 'a common name has at most 64, and server. and .nomad stand around it'
          : hint,
    }
  }
  return undefined
}

/** What is wrong with a text that should be a span of time. */
export function explainDuration(text: string): Explanation | undefined {
  if (text.startsWith('-')) return { message: 'is negative' }
  if (/^[0-9]+$/.test(text)) return { message: 'has no unit', hint: `did you mean ${text}d?` }
  if (/^[0-9]+\s*(mo|months?|M)$/.test(text)) {
    return { message: 'is in months', hint: 'months differ in length: count days' }
  }
  const spaced = text.replace(/\s+/g, '')
  if (spaced !== text && /^([0-9]{1,6}[ywdhms])+$/.test(spaced)) {
    return { message: 'holds a space', hint: `did you mean ${spaced}?` }
  }
  const long = /^([0-9]{1,6})\s*(years?|weeks?|days?|hours?|minutes?|min|seconds?|sec)$/i.exec(text)
  if (long !== null) {
    return {
      message: 'has a unit in words',
      hint: `did you mean ${long[1]!}${long[2]!.charAt(0).toLowerCase()}?`,
    }
  }
  if (/^([0-9]{1,6}[ywdhms])+$/i.test(text)) {
    if (text !== text.toLowerCase()) {
      return { message: 'has a unit in capitals', hint: 'units are y, w, d, h, m (minutes) and s' }
    }
    return { message: 'has its units out of order', hint: 'write the longest first: 1y30d' }
  }
  return undefined
}
