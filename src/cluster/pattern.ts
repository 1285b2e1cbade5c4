/**
 * Nodes by ranges (`c[001-500]`) and the templates in their values (`{node}`, `{n}`).
 *
 * @module
 */

/** The key of one node, or of many. */
export interface NodePattern {
  /** As written. */
  readonly text: string
  /** Texts and ranges in turn; a single text for a single node. */
  readonly parts: readonly (string | NodeRange)[]
  /** How many nodes it stands for. */
  readonly count: number
}

/** From one number to another, both included. */
export interface NodeRange {
  /** The first number. */
  readonly from: number
  /** The last number. */
  readonly to: number
  /** Digits, with leading zeros; 0 without padding. */
  readonly width: number
}

/** A text with placeholders; a text without any is a single part. */
export interface Template {
  /** As written. */
  readonly text: string
  /** Texts and placeholders in turn. */
  readonly parts: readonly (string | Placeholder)[]
  /** Whether it is the same for every node. */
  readonly constant: boolean
}

/** `node`, or the number of a range: 0 is the first. */
export type Placeholder =
  | { readonly kind: 'node' }
  | {
      readonly kind: 'number'
      /** Which range of the pattern, from 0. */
      readonly index: number
    }

/** One node of a pattern. */
export interface NodeOfPattern {
  readonly name: string
  /** The numbers that its ranges stand at. */
  readonly numbers: readonly number[]
}

/** Either the thing, or what is wrong with its text. */
export type Parsed<T> = { readonly ok: T } | { readonly fault: string; readonly hint?: string }

/**
 * Reads a key that stands for nodes.
 *
 * @param text As the shape allows it: name characters and `[from-to]`.
 */
export function parsePattern(text: string): Parsed<NodePattern> {
  if (!text.includes('[')) return { ok: { text, parts: [text], count: 1 } }
  const parts: (string | NodeRange)[] = []
  let count = 1
  let longest = 0
  for (const [, plain, from = '', to = ''] of text.matchAll(/([^[\]]+)|\[([0-9]+)-([0-9]+)\]/g)) {
    if (plain !== undefined) {
      parts.push(plain)
      longest += plain.length
      continue
    }
    const padded =
      (from.startsWith('0') && from.length > 1) || (to.startsWith('0') && to.length > 1)
    if (padded && from.length !== to.length) {
      return {
        fault: `the range [${from}-${to}] has zeros, but not equally many digits`,
        hint: `write [${from.padStart(to.length, '0')}-${to.padStart(from.length, '0')}]`,
      }
    }
    if (Number(from) > Number(to)) {
      return {
        fault: `the range [${from}-${to}] ends before it begins`,
        hint: `did you mean [${to}-${from}]?`,
      }
    }
    parts.push({ from: Number(from), to: Number(to), width: padded ? from.length : 0 })
    count *= Number(to) - Number(from) + 1
    longest += to.length
  }
  if (longest > 63) return { fault: `its names have ${longest} characters, more than 63` }
  if (typeof parts[0] === 'string' && parts[0].startsWith('-')) return { fault: 'begins with "-"' }
  return { ok: { text, parts, count } }
}

/**
 * The node of a pattern at a place.
 *
 * @param pattern The pattern.
 * @param index From 0 to `count - 1`, in the order in which one counts.
 */
export function nodeAt(pattern: NodePattern, index: number): NodeOfPattern {
  if (pattern.count === 1 && typeof pattern.parts[0] === 'string' && pattern.parts.length === 1) {
    return { name: pattern.parts[0], numbers: none }
  }
  if (pattern.parts.length === 2 && typeof pattern.parts[0] === 'string') {
    // c[001-500], by far the most common one.
    const range = pattern.parts[1] as NodeRange
    const number = range.from + index
    return { name: pattern.parts[0] + digitsOf(number, range), numbers: [number] }
  }
  const numbers: number[] = []
  let rest = index
  let name = ''
  for (let at = pattern.parts.length - 1; at >= 0; at -= 1) {
    const part = pattern.parts[at]!
    if (typeof part === 'string') {
      name = part + name
      continue
    }
    const size = part.to - part.from + 1
    const number = part.from + (rest % size)
    rest = Math.floor(rest / size)
    numbers.unshift(number)
    name = digitsOf(number, part) + name
  }
  return { name, numbers }
}

function digitsOf(number: number, { width }: NodeRange): string {
  return width === 0 ? String(number) : String(number).padStart(width, '0')
}

const none: readonly number[] = []

/** How many ranges a pattern has. */
export function rangesOf(pattern: NodePattern): number {
  return pattern.parts.reduce((sum, part) => sum + (typeof part === 'string' ? 0 : 1), 0)
}

/**
 * Reads a template of a name, `{name}.acme.internal`.
 *
 * @param text The text; `{` begins a placeholder.
 * @param fixed Placeholders whose value is known now: `region`, `cluster`.
 * @param ranges How many ranges the node's pattern has.
 * @param node Whether there is a node, so that `{node}` means something.
 */
export function parseTemplate(
  text: string,
  fixed: Readonly<Record<string, string>>,
  ranges: number,
  node = true,
): Parsed<Template> {
  if (!text.includes('{') && !text.includes('}'))
    return { ok: { text, parts: [text], constant: true } }
  const parts: (string | Placeholder)[] = []
  let plain = ''
  const known = [...(node ? ['{node}'] : []), ...Object.keys(fixed).map((name) => `{${name}}`)]
  if (ranges === 1) known.push('{n}')
  else for (let at = 1; at <= ranges; at += 1) known.push(`{n${at}}`)
  for (const [token] of text.matchAll(/\{[^{}]*\}|[^{}]+|[{}]/g)) {
    if (!token.startsWith('{') && token !== '}') {
      plain += token
      continue
    }
    const name = token.slice(1, -1)
    const number = /^n([1-9]?)$/.exec(name)
    if (node && name === 'node') {
      if (plain !== '') parts.push(plain)
      parts.push({ kind: 'node' })
      plain = ''
    } else if (Object.hasOwn(fixed, name)) {
      plain += fixed[name]!
    } else if (number !== null && known.includes(token)) {
      if (plain !== '') parts.push(plain)
      parts.push({ kind: 'number', index: number[1] === '' ? 0 : Number(number[1]) - 1 })
      plain = ''
    } else if (number !== null) {
      return {
        fault: `${token} is the number of a range`,
        hint:
          ranges === 0
            ? 'this is a single node: write the number itself'
            : `there are ${ranges} ranges: write ${known.filter((one) => /^\{n/.test(one)).join(', ')}`,
      }
    } else {
      return { fault: `${token} is not a placeholder`, hint: `there are ${known.join(', ')}` }
    }
  }
  if (plain !== '' || parts.length === 0) parts.push(plain)
  const constant = parts.every((part) => typeof part === 'string')
  return { ok: { text, parts: constant ? [parts.join('')] : parts, constant } }
}

/** Writes a template for one node. */
export function expandTemplate(template: Template, node: NodeOfPattern): string {
  const { parts } = template
  if (parts.length === 1 && typeof parts[0] === 'string') return parts[0]
  let out = ''
  for (const part of parts) {
    if (typeof part === 'string') out += part
    else out += part.kind === 'node' ? node.name : String(node.numbers[part.index])
  }
  return out
}
