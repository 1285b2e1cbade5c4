/**
 * PEM as Go's decoder finds it (encoding/pem Decode, as of Go 1.25): what it cannot read it passes
 * over, and says nothing. Our own reader (keys/pem.ts) is strict; this one tells what an agent sees.
 *
 * @module
 */

/** A block that agents see. */
export interface ScannedBlock {
  readonly label: string
  readonly der: Uint8Array
  /** Whether it has headers: then it is not a certificate to a pool (crypto/x509 AppendCertsFromPEM). */
  readonly headers: boolean
  /** Whether its headers call it encrypted (RFC 1421 §4.6.1.1). */
  readonly encrypted: boolean
}

/** What was found, and how many beginnings of blocks led to nothing. */
export interface PemScan {
  readonly blocks: readonly ScannedBlock[]
  readonly damaged: number
}

const start = '-----BEGIN '
const trailer = '\n-----END '
const dashes = '-----'

/**
 * Finds the blocks that an agent sees.
 *
 * @param text The whole text.
 */
export function scanPem(text: string): PemScan {
  const blocks: ScannedBlock[] = []
  let at = 0
  for (;;) {
    // The first END, then the last BEGIN before it: a BEGIN without an END costs nobody else's block.
    const end = text.indexOf(trailer, at)
    if (end === -1) break
    const behind = end + trailer.length
    const begin = text.lastIndexOf(start, end - start.length)
    if (begin < at || (begin > 0 && begin !== at && text.charCodeAt(begin - 1) !== 10)) {
      at = behind
      continue
    }
    const found = blockAt(text, begin + start.length, end)
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

function blockAt(
  text: string,
  from: number,
  end: number,
): { readonly block: ScannedBlock; readonly next: number } | undefined {
  const title = lineAt(text, from)
  if (!title.text.endsWith(dashes)) return undefined
  const label = title.text.slice(0, -dashes.length)
  let body = title.next
  let headers = false
  let encrypted = false
  // Lines with a colon are headers, also where none should be.
  for (; body < text.length;) {
    const line = lineAt(text, body)
    if (!line.text.includes(':')) break
    headers = true
    if (/^\s*Proc-Type\s*:.*ENCRYPTED/.test(line.text)) encrypted = true
    body = line.next
  }
  if (body >= text.length) return undefined
  if (headers && end < body) return undefined
  const close = text.slice(
    end + trailer.length,
    end + trailer.length + label.length + dashes.length,
  )
  if (close !== label + dashes) return undefined
  const rest = lineAt(text, end + trailer.length + close.length)
  if (rest.text !== '') return undefined
  const base64 = end > body ? text.slice(body, end).replace(/[\r\n \t]/g, '') : ''
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64))
    return undefined
  const der = Buffer.from(base64, 'base64')
  return { block: { label, der, headers, encrypted }, next: rest.next }
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
