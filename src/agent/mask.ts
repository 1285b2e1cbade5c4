/**
 * A configuration that says the same to a plan and holds no secret: every hidden text keeps its length, so that
 * what is said of other lines and columns stays true.
 *
 * @module
 */

import { type Document, foldKey, type Item, parseConfig, type Value } from '../hcl/index.js'
import { applySplices, type Splice } from '../splice.js'
import { hiddenSpans, hiddenIn } from './redact.js'

/** Maps of the user's own words: any of them may be a secret, whatever its name. */
const free: ReadonlySet<string> = new Set([
  'chroot_env',
  'config',
  'env',
  'http_api_response_headers',
  'meta',
  'options',
])

/**
 * Hides secrets, comments, and the values of maps without a schema.
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
  const hidden = [...hiddenSpans(text, 'secrets')!, ...freeIn(document, document.root.items)]
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

function* freeIn(document: Document, items: readonly Item[]): Generator<Splice> {
  for (const { keys, value } of items) yield* freeValue(document, keys, value)
}

function* freeValue(document: Document, keys: Item['keys'], value: Value): Generator<Splice> {
  if (value.type === 'list') {
    for (const item of value.items) yield* freeValue(document, keys, item)
  } else if (value.type === 'object') {
    if (keys.some(({ name }) => free.has(foldKey(name)))) yield* hiddenIn(document, value.items)
    else yield* freeIn(document, value.items)
  }
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
