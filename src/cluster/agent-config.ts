/**
 * What a node's `config` names: a directory, a file, or several of them and the file to write.
 *
 * @module
 */

import { expandTemplate, nodeAt, type NodePattern, type Template } from './pattern.js'
import type { RawNode, Resolving } from './raw.js'
import type { ConfigSpec } from './spec.js'

/** Who writes what: the written path, and the agents that do. Goes through all regions. */
export type ConfigsSeen = Map<string, string>

/** What is known of the agents. */
export interface ConfigFrame {
  readonly region: string
  readonly pattern: NodePattern
  /** Whether many hosts share it. */
  readonly shared: boolean
  /** Reads a template, and complains at the offset if it is not one. */
  readonly template: (text: string, offset: () => number) => Template | undefined
}

/**
 * Resolves `config`. What is a file and what a directory shows when it is read; here paths are texts.
 *
 * @param resolving The spec as read.
 * @param entry The node.
 * @param frame Whose it is.
 * @param seen Goes on remembering.
 * @returns `undefined` where there is none, or a wrong one, which was reported.
 */
export function resolveConfig(
  resolving: Resolving,
  entry: RawNode | undefined,
  frame: ConfigFrame,
  seen: ConfigsSeen,
): ConfigSpec | undefined {
  const { sources, report } = resolving
  const { pattern, template } = frame
  const raw = entry?.config
  if (entry === undefined || raw === undefined) return undefined
  const of = (text: string, object: object, key: string | number): Template | undefined =>
    template(text, () => sources.at(object, key))
  const several = typeof raw !== 'string' && raw.copy === undefined && raw.host === undefined
  const one = !several
  const at = (): number =>
    typeof raw === 'string' ? sources.at(entry, 'config') : sources.at(raw, one ? 'copy' : 'write')
  let host: Template | undefined
  let write: Template | undefined
  let paths: readonly (Template | undefined)[]
  if (typeof raw === 'string') paths = [template(raw, at)]
  else if (several) {
    paths = (raw.paths ?? []).map((text, index) =>
      text === undefined ? undefined : of(text, raw.paths!, index),
    )
    write = raw.write === undefined ? undefined : of(raw.write, raw, 'write')
  } else {
    // A copy has one path, as a plain text has.
    if (raw.host === undefined || raw.copy === undefined) return undefined
    paths = [of(raw.copy, raw, 'copy')]
    host = of(raw.host, raw, 'host')
    if (host === undefined) return undefined
    if (frame.shared) {
      report.error('spec/config', sources.at(raw, 'host'), 'many hosts share this identity', {
        expected: 'the path of a configuration here',
        hint: 'a copy is of one host: give these hosts names of their own, or leave config to you',
      })
      return undefined
    }
  }
  const written = one ? paths[0] : write
  if (written === undefined || paths.length === 0 || !paths.every((path) => path !== undefined)) {
    return undefined
  }
  if (pattern.count > 1 && written.constant) {
    const what = one ? 'have one configuration' : 'write one file'
    report.error('spec/config', at(), `all of ${pattern.text} would ${what}`, {
      expected: one ? 'one for each, "agents/{node}"' : 'one for each, "agents/{node}.hcl"',
    })
    return undefined
  }
  const target = placeOf(written, pattern)
  if (
    typeof raw !== 'string' &&
    several &&
    !checkParts(resolving, raw.paths!, paths, target, pattern, at)
  )
    return undefined
  const other = seen.get(target)
  if (other === undefined) seen.set(target, `${frame.region}/${pattern.text}`)
  else {
    report.error(
      'spec/config',
      at(),
      one ? `${other} has the same configuration` : `${other} writes the same file`,
      { hint: 'each agent has its own' },
    )
  }
  return { paths, write, host }
}

/** Whether the written file is one that the agent reads. */
function checkParts(
  { sources, report }: Resolving,
  raw: object,
  paths: readonly Template[],
  target: string,
  pattern: NodePattern,
  at: () => number,
): boolean {
  const places = new Set<string>()
  for (const [index, path] of paths.entries()) {
    const place = placeOf(path, pattern)
    if (places.has(place)) {
      report.error('spec/config', sources.at(raw, index), `${path.text} stands here twice`, {
        hint: 'remove one of them',
      })
      return false
    }
    places.add(place)
  }
  if (places.has(target)) return true
  const slash = target.lastIndexOf('/')
  const directory = slash === -1 ? '' : target.slice(0, slash) || '/'
  if (!places.has(directory)) {
    report.error('spec/config', at(), 'the agent would not read this file', {
      expected: `one of paths, or a file in one of them: ${paths.map(({ text }) => text).join(', ')}`,
      hint: 'add it to paths where -config names it',
    })
    return false
  }
  // Of a directory Nomad reads these (command/agent/config.go:3310).
  if (!/\.(hcl|json)$/.test(target)) {
    report.error('spec/config', at(), `of a directory Nomad does not read ${target}`, {
      expected: 'a name that ends in .hcl or .json',
    })
    return false
  }
  return true
}

/** One text for one place; nodes of a range keep their placeholders. */
function placeOf(template: Template, pattern: NodePattern): string {
  const text =
    pattern.count === 1
      ? expandTemplate(template, nodeAt(pattern, 0))
      : template.parts
          .map((part) =>
            typeof part === 'string'
              ? part
              : part.kind === 'node'
                ? pattern.text
                : `{n${part.index}}`,
          )
          .join('')
  const parts: string[] = []
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return `${text.startsWith('/') ? '/' : ''}${parts.join('/')}`
}
