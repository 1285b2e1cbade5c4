/**
 * The words for where the receipt of a node that renews itself goes, in the spec and in the node's file.
 *
 * @module
 */

import type { Report } from './report.js'
import type { Field } from './shape-types.js'

/** Where a receipt goes, besides the node's own directory. */
export interface ReceiptsPlace {
  /** An absolute directory, or an address with `https` that ends with `/`. */
  readonly receipts?: string | undefined
  /** A file of roots that the certificate of the address leads to. */
  readonly receiptsCaFile?: string | undefined
}

/** The keys. */
export const receiptsFields: readonly Field[] = [
  {
    key: 'receipts',
    shape: {
      kind: 'text',
      words: 'an absolute directory without `..`, or an address with https that ends with /',
      pattern:
        '^(?:(?!.*/\\.\\.(/|$))/[^\\u0000-\\u001f\\u007f]+|https://[^\\s?#@\\u0000-\\u001f\\u007f]+/)$',
      maxLength: 1024,
    },
    default: 'it stays on the node',
    sentence:
      'Where `renew` puts the receipt of its node in each run, named `ROLE.REGION.NAME.json`: a directory, or an address that takes `PUT`.',
    example: 'https://collect.acme.internal/receipts/',
  },
  {
    key: 'receiptsCaFile',
    shape: { kind: 'text', words: 'a path', maxLength: 1024 },
    default: "the system's roots",
    sentence: 'The file, on the node, of roots that the certificate of that address leads to.',
    example: '/etc/ssl/acme.pem',
  },
]

/** Whether a receipt goes to an address, and not into a directory. */
export function isReceiptsAddress(receipts: string): boolean {
  return receipts.startsWith('https://')
}

/** Reports roots for what is not an address. */
export function checkReceipts(
  { receipts, receiptsCaFile }: ReceiptsPlace,
  report: Report,
  at: number,
): void {
  if (receiptsCaFile === undefined || (receipts !== undefined && isReceiptsAddress(receipts)))
    return
  report.error('spec/irrelevant', at, 'receiptsCaFile is for receipts that go to an address', {
    hint: 'write receipts: https://…/, or remove receiptsCaFile',
  })
}
