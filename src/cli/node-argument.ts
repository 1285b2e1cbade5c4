/**
 * Who is meant by `client us-west/c9`, `operator alice` or `machine prometheus`.
 *
 * @module
 */

import { roles as kinds } from '../address.js'
import { didYouMean } from '../diagnostics.js'
import type { NodeEdit } from '../cluster/edit.js'
import { isAgent } from '../nomad/roles.js'
import { usage } from './usage.js'

/** The kinds of what can be added. */
export type NodeKind = (typeof kinds)[number]

/**
 * Reads the argument KIND: server, client, combined, operator or machine.
 *
 * @throws {NomadPkiError} `ERR_USAGE`
 */
export function parseKind(text: string): NodeKind {
  const kind = kinds.find((one) => one === text || `${one}s` === text)
  if (kind !== undefined) return kind
  const near = didYouMean(text, kinds)
  throw usage(
    `unknown kind: ${JSON.stringify(text)}`,
    near === undefined ? `there are: ${kinds.join(', ')}` : `did you mean ${near}?`,
  )
}

/**
 * Reads `REGION/NAME`; the region may be left out where there is no doubt.
 *
 * @param text What was typed.
 * @param kind Of what kind it is.
 * @param options `region`: as it was said elsewhere; `fallback`: what holds where nothing was said.
 * @throws {NomadPkiError} `ERR_USAGE`
 */
export function parseNode(
  text: string,
  kind: NodeKind,
  options: { readonly region?: string | undefined; readonly fallback?: string | undefined },
): NodeEdit {
  const parts = text.split('/')
  const name = parts.at(-1)!
  const region = parts.length === 1 ? (options.region ?? options.fallback) : parts[0]!
  if (parts.length > 2 || name === '' || region === '') {
    throw usage(
      `not REGION/NAME: ${JSON.stringify(text)}`,
      `write it as us-west/${isAgent(kind) ? 'c9' : 'alice'}`,
    )
  }
  if (region === undefined) {
    throw usage(`in which region is ${JSON.stringify(name)}?`, `write it as REGION/${name}`)
  }
  if (options.region !== undefined && options.region !== region) {
    throw usage(`two regions: ${region} and --region ${options.region}`)
  }
  return { kind, region, name }
}
