/**
 * A configuration that says the same to a plan and holds no secret: every hidden text keeps its length, so that
 * what is said of other lines and columns stays true.
 *
 * @module
 */

import { type Document, foldKey, type Item, parseConfig } from '../hcl/index.js'
import { applySplices, type Splice } from '../splice.js'
import { foreignSchema } from './check-foreign.js'
import { hiddenSpans, hiddenIn } from './redact.js'
import { schemaOf, type Shape } from './schema-table.js'

/** Lists of the user's own words, which the schema has as plain texts: any of them may be a secret. */
const free: ReadonlySet<string> = new Set(['args'])

/** Where a value stands. */
interface Place {
  /** `undefined`: Nomad does not know its key. */
  readonly known: Shape | undefined
  /** Whether the next word is the block's name. */
  readonly label: boolean
}

/** The whole configuration, with the two blocks that Nomad reads without a schema. */
const root: Place = { known: schemaOf(), label: false }

/**
 * Hides secrets, comments, and every text under a key that Nomad does not know: in JSON a comment is such a key.
 *
 * @param text HCL or JSON.
 * @returns As many lines and columns as before; `undefined` if the text cannot be read: then its secrets cannot be
 *   located.
 */
export function maskSecrets(text: string): string | undefined {
  const { document } = parseConfig(text)
  if (document === undefined) return undefined
  const inComment = (at: number): boolean =>
    document.comments.some(({ start, end }) => at >= start && at < end)
  const spans = new Map<number, Splice>()
  const hidden = [...hiddenSpans(text, 'secrets')!, ...freeIn(document, document.root.items, root)]
  for (const { start, end } of hidden) {
    if (inComment(start)) continue
    spans.set(start, { start, end, text: maskOf(text.slice(start, end)) })
  }
  for (const { start, end } of document.comments) {
    spans.set(start, { start, end, text: blankOf(text.slice(start, end)) })
  }
  return applySplices(
    text,
    [...spans.values()].sort((a, b) => a.start - b.start),
  )
}

function* freeIn(document: Document, items: readonly Item[], place: Place): Generator<Splice> {
  for (const item of items) {
    let inner = place
    for (const { name } of item.keys) inner = below(inner, foldKey(name))
    yield* freeValue(document, item, inner)
  }
}

function* freeValue(document: Document, item: Item, place: Place): Generator<Splice> {
  const { value } = item
  const { known } = place
  const isBlock = typeof known === 'object'
  if (value.type === 'list') {
    for (const one of value.items) yield* freeValue(document, { ...item, value: one }, place)
  } else if (value.type === 'object' && isBlock) yield* freeIn(document, value.items, place)
  // A map without a schema, a key that is not known, and a value of another kind than its key has.
  else if (value.type === 'object' || isBlock || !isText(known)) yield* hiddenIn(document, [item])
}

/** @param name Folded. */
function below({ known, label }: Place, name: string): Place {
  if (typeof known !== 'object') return { known: undefined, label: false }
  if (label) return { known, label: false }
  const foreign = known === root.known ? foreignSchema(name) : undefined
  if (foreign !== undefined) return { known: foreign, label: false }
  const field =
    Object.hasOwn(known.fields, name) && !free.has(name) ? known.fields[name] : undefined
  return { known: field, label: typeof field === 'object' && field.type === 'labelled' }
}

function isText(known: Shape | undefined): boolean {
  return known !== undefined && known !== 'map' && known !== 'any'
}

/** Base64 stays base64 of the same length: whether a gossip key has the right length is a finding. */
function maskOf(literal: string): string {
  if (literal.startsWith('<<')) {
    const [first = '', ...rest] = literal.split('\n')
    const ends = rest.findLastIndex((line) => line.trim() !== '')
    return [first, ...rest.map((line, at) => (at >= ends ? line : fill(line)))].join('\n')
  }
  if (!literal.startsWith('"')) return literal.replace(/[0-9A-Za-z]/g, '1')
  return `"${fill(literal.slice(1, -1))}"`
}

function fill(text: string): string {
  return text.replace(/[^\r=]/gu, (one) => (/[A-Za-z0-9+/\\]/.test(one) ? 'A' : '_'))
}

function blankOf(comment: string): string {
  const mark = comment.startsWith('/*') || comment.startsWith('//') ? 2 : 1
  const end = comment.startsWith('/*') ? comment.length - 2 : comment.length
  const inner = comment.slice(mark, end).replace(/[^\r\n]/gu, ' ')
  return comment.slice(0, mark) + inner + comment.slice(end)
}
