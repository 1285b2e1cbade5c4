/**
 * From a text to YAML nodes, or to diagnostics: the only door of the `yaml` package, and guarded. Its
 * parser takes minutes, gigabytes or the whole process on texts made for that, so the tokens are
 * watched on their way and the reading stops at the first sign.
 *
 * @module
 */

import {
  Composer,
  Lexer,
  Parser,
  type CST,
  type Document,
  type ParsedNode,
  type YAMLParseError,
} from 'yaml'
import type { Report } from './report.js'

/** 4 MB: 40,000 nodes listed one by one. */
const largest = 4 * 1024 * 1024
/** The format itself is 8 deep. */
const deepest = 40
/** So many complaints about syntax; what comes after is mostly a consequence. */
const mostFaults = 20
/** A long spec has about 0.4 tokens per byte. */
const mostTokens = 1_800_000

/** A document whose nodes have ranges into the text. */
export type YamlDocument = Document.Parsed

/** What makes a spec. Only that has `defaults`. */
const specMaker = 'nomad-pki init writes a first one'

/**
 * Reads one YAML 1.2 document (core schema) without anchors, aliases, tags or directives.
 *
 * @param text The whole text.
 * @param report Takes what is wrong.
 * @param maker What makes such a file: the hint of an empty one.
 * @returns The document, `undefined` if there is any error.
 */
export function readYaml(
  text: string,
  report: Report,
  maker: string = specMaker,
): YamlDocument | undefined {
  if (!isReadable(text, report, maker)) return undefined
  const tokens = readTokens(text, report, maker)
  if (tokens === undefined || report.failed()) return undefined
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    strict: true,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
    keepSourceTokens: false,
  })
  const document = compose(composer, tokens, text, report)
  if (document === undefined || report.failed()) return undefined
  const contents = document.contents
  if (contents === null || isNothing(contents)) {
    report.error('spec/empty', 0, 'there is nothing in it', { hint: maker })
    return undefined
  }
  return document
}

/** Thrown by us through the composer, and caught by us. */
class EnoughFaults extends Error {}

/** What of a composer its declarations hide. */
interface ComposerInside {
  onError: (...fault: readonly unknown[]) => void
  readonly errors: readonly YAMLParseError[]
}

function compose(
  composer: Composer,
  tokens: Token[],
  text: string,
  report: Report,
): YamlDocument | undefined {
  const inside = composer as unknown as ComposerInside
  const told = inside.onError
  let faults = 0
  // It would go on for minutes, with an error object for every second byte.
  inside.onError = (...fault) => {
    told(...fault)
    faults += 1
    if (faults >= mostFaults) throw new EnoughFaults()
  }
  let document: YamlDocument | undefined
  try {
    for (const next of composer.compose(tokens, true, text.length)) document ??= next
  } catch (error) {
    if (!(error instanceof EnoughFaults)) throw error
  }
  for (const fault of [...(document?.errors ?? []), ...inside.errors].slice(0, mostFaults)) {
    const tab = fault.code === 'TAB_AS_INDENT'
    report.error(
      tab ? 'spec/tab' : 'spec/syntax',
      fault.pos[0],
      lowerFirst(fault.message),
      syntaxHint(fault.code, lineAt(text, fault.pos[0])),
    )
  }
  return document
}

function isNothing(node: ParsedNode): boolean {
  return 'source' in node && node.source === '' && node.range[0] === node.range[1]
}

/** What can be said before any parser sees it. */
function isReadable(text: string, report: Report, maker: string): boolean {
  if (text.length > largest || Buffer.byteLength(text) > largest) {
    const size = (Buffer.byteLength(text) / 1024 / 1024).toFixed(1)
    report.error('spec/too-large', 0, `${size} MB is more than the 4 MB that are read`, {
      hint: 'write nodes as ranges ("c[001-500]"), or give each cluster its own spec',
    })
    return false
  }
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  const odd = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffd\ufffe\uffff]/.exec(text)
  if (odd !== null) {
    const code = odd[0].charCodeAt(0)
    report.error(
      'spec/not-text',
      odd.index,
      code === 0xfffd
        ? 'not UTF-8, or a replacement character (U+FFFD)'
        : `a control character (U+${code.toString(16).toUpperCase().padStart(4, '0')})`,
      { expected: 'a YAML text in UTF-8', hint: 'is this the right file?' },
    )
    return false
  }
  if (text.trim() === '') {
    report.error('spec/empty', 0, 'there is nothing in it', { hint: maker })
    return false
  }
  return true
}

type Token = CST.Token

/** The syntax tree, unless something in it is refused. */
function readTokens(text: string, report: Report, maker: string): Token[] | undefined {
  const parser = new Parser()
  const tokens: Token[] = []
  let offset = 0
  let scalar = false
  let faults = 0
  let count = 0
  let lineStart = true
  // What the last token was that is neither space nor comment: two commas in a row are an error,
  // and a million of them a million errors.
  let last = ''
  let documents = 0

  for (const lexeme of new Lexer().lex(text)) {
    count += 1
    if (count > mostTokens) {
      report.error('spec/syntax', offset, 'too many tokens')
      return undefined
    }
    const first = lexeme.charAt(0)
    if (first === '\u001f') {
      scalar = true
    } else if (scalar) {
      scalar = false
      last = 'scalar'
      lineStart = lexeme.endsWith('\n')
    } else if (first === ' ' || first === '\t') {
      if (
        lineStart && first === '\t'
          ? isIndentation(text, offset)
          : lexeme.includes('\t') && lineStart
      ) {
        report.error('spec/tab', offset + lexeme.indexOf('\t'), 'a tab in the indentation', {
          expected: 'spaces',
          hint: 'YAML allows no tabs there: two spaces for each level',
        })
        faults += 1
      }
      lineStart = false
    } else if (first === '\n' || first === '\r') {
      lineStart = true
    } else if (first === '&' || first === '*') {
      report.error(
        'spec/anchor',
        offset,
        `${first === '&' ? 'an anchor' : 'an alias'}: ${clip(lexeme)}`,
        {
          expected: 'the value itself',
          hint:
            first === '&'
              ? maker === specMaker
                ? 'use defaults: for what several nodes have in common'
                : 'write the value at each place'
              : 'text that begins with * needs quotes',
        },
      )
      faults += 1
    } else if (first === '!') {
      report.error('spec/tag', offset, `a tag: ${clip(lexeme)}`, {
        expected: 'a plain value',
        hint: 'text that begins with ! needs quotes',
      })
      faults += 1
    } else if (first === '%') {
      report.error('spec/tag', offset, `a directive: ${clip(lexeme)}`, { hint: 'remove the line' })
      faults += 1
    } else if (first !== '#' && first !== '\u0002' && first !== '\u0018') {
      lineStart = false
      if (first === ',' && (last === ',' || last === '[' || last === '{')) {
        report.error('spec/syntax', offset, 'a comma without a value before it')
        faults += 1
      }
      last = first
    }
    if (faults >= mostFaults) return undefined
    for (const token of parser.next(lexeme)) {
      if (token.type === 'document') documents += 1
      if (token.type === 'error') faults += 1
      tokens.push(token)
    }
    if (first !== '\u001f' && first !== '\u0002' && first !== '\u0018') offset += lexeme.length
    // The package's own limits come too late: 65,000 open braces end the process in a regular expression.
    if (parser.stack.length > deepest) {
      report.error('spec/too-deep', offset, `nested more than ${deepest} levels deep`, {
        hint: 'a spec is at most 8 levels deep: is this the right file?',
      })
      return undefined
    }
    if (documents > 1 || faults >= mostFaults) break
  }
  for (const token of parser.end()) {
    if (token.type === 'document') {
      documents += 1
      if (documents > 1) {
        report.error('spec/documents', token.offset, 'a second document begins here', {
          expected: 'one document',
          hint: 'one spec describes one cluster: remove the line --- and what follows',
        })
        return undefined
      }
    }
    tokens.push(token)
  }
  return tokens
}

function isIndentation(text: string, offset: number): boolean {
  return offset === 0 || text.charAt(offset - 1) === '\n'
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}

function lowerFirst(text: string): string {
  const line = text.split('\n', 1)[0]!.replace(/\.$/, '')
  return /^[A-Z][a-z]/.test(line) ? line.charAt(0).toLowerCase() + line.slice(1) : line
}

function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', start)
  return text.slice(start, end === -1 ? text.length : end)
}

function syntaxHint(code: string, line: string): { hint?: string } {
  const template = /\{(node|n[1-9]?|region|cluster)\}/.exec(line)
  if (template !== null) return { hint: `text with ${template[0]} needs quotes` }
  if (/[A-Za-z0-9]\[[0-9]+-[0-9]+\]/.test(line)) return { hint: 'a range needs quotes: "c[1-500]"' }
  switch (code) {
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { hint: 'two colons on one line: quote the value, "10.0.0.1:4646"' }
    case 'MISSING_CHAR':
      return { hint: 'a closing quote, bracket, brace or a colon is missing here or above' }
    case 'TAB_AS_INDENT':
      return { hint: 'two spaces for each level' }
    case 'BAD_INDENT':
      return { hint: 'line up the keys of one map in one column' }
    case 'BAD_SCALAR_START':
      return { hint: 'put the text in quotes' }
    case 'UNEXPECTED_TOKEN':
      return { hint: 'put text with [ ] { } , : # in quotes' }
    default:
      return {}
  }
}
