/**
 * The blocks that Go's decoder finds in PEM (encoding/pem Decode, as of Go 1.25). This is the only
 * place that decides what a block is. Go passes over a damaged block in silence, and so an agent loses
 * a certificate from its bundle; `keys/pem.ts` makes that an error.
 *
 * @module
 */

/** One block. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string
  readonly der: Uint8Array
  /** Where its BEGIN line starts in the text, a UTF-16 offset. */
  readonly start: number
  /** Where its END line ends, before blanks and the line break. */
  readonly end: number
  /** Whether it has headers. A pool of certificates passes over such a block (crypto/x509 AppendCertsFromPEM). */
  readonly headers: boolean
  /** Whether its headers call it encrypted: `Proc-Type: 4,ENCRYPTED` (RFC 1421 §4.6.1.1). */
  readonly encrypted: boolean
}

/** The blocks, and how many BEGIN lines have no block. */
export interface PemScan {
  readonly blocks: readonly PemBlock[]
  readonly damaged: number
}

/** What every BEGIN line starts with. */
export const begin = '-----BEGIN '
/** What a label ends with. */
export const dashes = '-----'
const trailer = '\n-----END '

/**
 * Finds the PEM blocks that Go's `pem.Decode` finds in a text, and counts the damaged ones.
 *
 * @param text The whole text.
 */
export function scanPem(text: string): PemScan {
  const blocks: PemBlock[] = []
  let at = 0
  for (;;) {
    // The first END, then the last BEGIN before it: a BEGIN without an END costs no other block.
    const end = text.indexOf(trailer, at)
    if (end === -1) break
    const behind = end + trailer.length
    const offset = text.slice(at, end).lastIndexOf(begin)
    const start = at + offset
    if (offset === -1 || (offset > 0 && text.charCodeAt(start - 1) !== 10)) {
      at = behind
      continue
    }
    const found = blockAt(text, start, end)
    if (found === 'end') break
    if (found === undefined) {
      at = behind
      continue
    }
    blocks.push(found.block)
    at = found.next
  }
  const begun = text.match(/-----BEGIN /g)?.length ?? 0
  return { blocks, damaged: Math.max(0, begun - blocks.length) }
}

/** `undefined`: the block is damaged; `end`: its headers reach to the end of the text, and Go stops. */
function blockAt(
  text: string,
  start: number,
  end: number,
): { readonly block: PemBlock; readonly next: number } | 'end' | undefined {
  const title = lineAt(text, start + begin.length)
  if (!title.text.endsWith(dashes)) return undefined
  const label = title.text.slice(0, -dashes.length)
  let body = title.next
  let headers = false
  let encrypted = false
  // Every line with a colon is a header; Go wants no empty line behind the headers.
  for (;;) {
    if (body >= text.length) return 'end'
    const line = lineAt(text, body)
    if (!line.text.includes(':')) break
    headers = true
    if (/^\s*Proc-Type\s*:.*ENCRYPTED/.test(line.text)) encrypted = true
    body = line.next
  }
  if (headers && end < body) return undefined
  const close = label + dashes
  const closed = end + trailer.length + close.length
  if (!text.startsWith(close, end + trailer.length)) return undefined
  const rest = lineAt(text, closed)
  if (rest.text !== '') return undefined
  const base64 = end > body ? text.slice(body, end).replace(/[\r\n \t]/g, '') : ''
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) {
    return undefined
  }
  const der = Buffer.from(base64, 'base64')
  return { block: { label, der, start, end: closed, headers, encrypted }, next: rest.next }
}

/** A line without its break and without blanks at its end, and where the next one begins. */
function lineAt(text: string, from: number): { readonly text: string; readonly next: number } {
  const feed = text.indexOf('\n', from)
  const stop = feed === -1 ? text.length : feed
  const last = feed > from && text.charCodeAt(feed - 1) === 13 ? feed - 1 : stop
  return {
    text: text.slice(from, last).replace(/[ \t]+$/, ''),
    next: feed === -1 ? stop : feed + 1,
  }
}
