import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isNomadPkiError } from '../../src/errors.js'
import { scanPem } from '../../src/keys/pem-scan.js'
import { firstWritten, pemBlocks, pemEncode } from '../../src/keys/pem.js'
import { seed } from '../seed.js'

const block = pemEncode('CERTIFICATE', Buffer.alloc(100, 7))

const faultOf = (text: string): string => {
  try {
    pemBlocks(text)
    return 'none'
  } catch (error) {
    if (isNomadPkiError(error, 'ERR_PEM_MALFORMED')) return error.message
    throw error
  }
}

describe('writing', () => {
  test('is 64 columns wide, with LF', () => {
    const lines = block.split('\n')
    expect(lines[0]).toBe('-----BEGIN CERTIFICATE-----')
    expect(lines.slice(1, 3).map((line) => line.length)).toEqual([64, 64])
    expect(lines.at(-2)).toBe('-----END CERTIFICATE-----')
    expect(lines.at(-1)).toBe('')
  })

  test('and reading give the same bytes, between any text', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.uint8Array({ minLength: 1, maxLength: 300 }),
            fc.constantFrom('A', 'CERTIFICATE', 'PRIVATE KEY'),
          ),
          { maxLength: 5 },
        ),
        fc.constantFrom('\n', '\r\n'),
        (items, newline) => {
          const text = items
            .map(([der, label], index) => `# the ${index}th\n${pemEncode(label, der)}\n`)
            .join('')
            .replaceAll('\n', newline)
          const blocks = pemBlocks(text)
          expect(blocks.map(({ label }) => label)).toEqual(items.map(([, label]) => label))
          blocks.forEach(({ der, start, end }, index) => {
            expect(Buffer.compare(der, items[index]![0])).toBe(0)
            expect(text.slice(start).startsWith('-----BEGIN ')).toBe(true)
            expect(text.slice(0, end).endsWith('-----')).toBe(true)
          })
        },
      ),
      { seed, numRuns: 300 },
    )
  })
})

describe('a damaged block is an error with its line', () => {
  test.each([
    [
      'no end',
      '\n\n-----BEGIN CERTIFICATE-----\nMAA=\n',
      'line 3: the block of CERTIFICATE has no end',
    ],
    [
      'another label at the end',
      '-----BEGIN A-----\nMAA=\n-----END B-----\n',
      'line 1: the block of A has no end',
    ],
    [
      'no end before the next begins',
      `-----BEGIN CERTIFICATE-----\nMAA=\n${block}`,
      'line 1: the block of CERTIFICATE has no end',
    ],
    ['an end alone', `${block}-----END CERTIFICATE-----\n`, 'line 6: this END has no BEGIN'],
    [
      'no base64',
      '-----BEGIN A-----\nMA*=\n-----END A-----\n',
      'line 1: the block of A is not base64',
    ],
    [
      'base64 of a wrong length',
      '-----BEGIN A-----\nMAAA=\n-----END A-----\n',
      'line 1: the block of A is not base64',
    ],
    [
      'base64 with = in the middle',
      '-----BEGIN A-----\nMA==MAA=\n-----END A-----\n',
      'line 1: the block of A is not base64',
    ],
    ['empty', '-----BEGIN A-----\n-----END A-----\n', 'line 1: the block of A is empty'],
    [
      'a BEGIN line that is cut',
      '-----BEGIN CERTIFICATE\nMAA=\n-----END CERTIFICATE-----\n',
      'line 1: this BEGIN line is damaged',
    ],
    [
      'indented, as pasted from YAML',
      '  -----BEGIN A-----\n  MAA=\n  -----END A-----\n',
      'line 1: BEGIN does not stand at the start of its line, so agents skip it',
    ],
    [
      'behind a byte order mark',
      `\ufeff${block}`,
      'line 1: BEGIN does not stand at the start of its line, so agents skip it',
    ],
    [
      'all on one line',
      '-----BEGIN A-----MAA=-----END A-----\n',
      'line 1: the BEGIN line of A does not end after its dashes, so agents skip it',
    ],
    [
      'END behind the base64',
      '-----BEGIN A-----\nMAA=-----END A-----\n',
      'line 1: the END line of A does not stand alone, so agents skip the block',
    ],
    [
      'text behind END',
      '-----BEGIN A-----\nMAA=\n-----END A-----x\n',
      'line 1: the END line of A does not stand alone, so agents skip the block',
    ],
  ])('%s', (_, text, expected) => {
    expect(faultOf(text)).toBe(expected)
  })

  test('and a corrupt second one is not passed over in silence', () => {
    expect(faultOf(block + block.replace('BwcH', 'B!cH'))).toBe(
      'line 6: the block of CERTIFICATE is not base64',
    )
  })

  test('headers are read as far as they say that it is encrypted', () => {
    const text =
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAA=\n-----END EC PRIVATE KEY-----\n'
    expect(pemBlocks(text)[0]).toMatchObject({ encrypted: true, label: 'EC PRIVATE KEY' })
  })

  test('a megabyte of BEGIN lines ends soon, and one of END lines', () => {
    expect(faultOf('-----BEGIN A-----\n'.repeat(60_000))).toMatch(/no end/)
    expect(faultOf('-----END A-----\n'.repeat(60_000))).toMatch(/no BEGIN/)
  })

  test.each([
    ['as it is written', block, ''],
    ['with more behind it', `${block}x`, 'x'],
    ['with a short last line', pemEncode('CERTIFICATE', Buffer.alloc(48)), ''],
    ['with a full last line', pemEncode('CERTIFICATE', Buffer.alloc(96)), ''],
    ['damaged', block.replace('Bwc', 'B*c'), undefined],
    ['with the other alphabet', block.replace('Bwc', 'B-c'), undefined],
    ['with CRLF', block.replaceAll('\n', '\r\n'), undefined],
    ['behind text', `x\n${block}`, undefined],
    ['of another label', block.replaceAll('CERTIFICATE', 'X'), undefined],
  ])('the short way takes a block %s only where the long way agrees', (_, text, rest) => {
    const found = firstWritten(text, 'CERTIFICATE')
    expect(found?.rest).toBe(rest)
    if (found !== undefined) expect(found.der).toEqual(scanPem(text).blocks[0]?.der)
  })
})
