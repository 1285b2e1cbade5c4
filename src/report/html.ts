/**
 * HTML as values: text is escaped where it is put in, so that no name can become markup.
 *
 * @module
 */

import { printable } from './style.js'

/** Markup, as opposed to text. */
export interface Html {
  readonly html: string
}

type Part = Html | string | number | undefined | readonly Part[]

/** A tagged template: what is put in is text, unless it is markup already. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.reduce((before, text, at) => before + markup(parts[at - 1]) + text) }
}

function markup(part: Part): string {
  if (part === undefined) return ''
  if (typeof part === 'object') return 'html' in part ? part.html : part.map(markup).join('')
  return escaped(String(part))
}

/** Text that stands in an element, or in an attribute with quotes. */
function escaped(text: string): string {
  return printable(text).replaceAll(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)
}
