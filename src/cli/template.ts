/**
 * The template of the spec, made into somebody's cluster: whole blocks are exchanged, everything else
 * keeps its bytes and comments. The template is a valid spec of its own, and so is what comes out.
 *
 * @module
 */

import { applySplices, type Splice } from '../splice.js'

/** The agents of one role in a region. */
export interface AgentCount {
  readonly region: string
  readonly count: number
}

/** What the new cluster has. */
export interface NewCluster {
  readonly name: string
  readonly servers: readonly AgentCount[]
  readonly clients: readonly AgentCount[]
  readonly combined: readonly AgentCount[]
  readonly operators: readonly string[]
}

/** Up to so many nodes get a line each, so that addresses can be written behind them. */
const linesUpTo = 9

/**
 * Fills the template.
 *
 * @param template The text of `templates/cluster.yaml`.
 * @param cluster What the new cluster has: at least one region.
 * @throws {RangeError} If the template lacks one of its blocks: a defect of the package.
 */
export function fillTemplate(template: string, cluster: NewCluster): string {
  const splices: Splice[] = [
    replaceLine(template, 'cluster', scalar(cluster.name)),
    replaceBlock(template, 'regions', regionsText(cluster)),
  ]
  const operators = replaceBlock(template, 'operators', operatorsText(cluster))
  if (cluster.operators.length > 0) splices.push(operators)
  else splices.push({ ...operators, text: 'operators: {}\n' })
  return applySplices(template, splices)
}

/** The regions of a new cluster, in the order in which they were named. */
export function regionsOf(cluster: NewCluster): readonly string[] {
  const all = [...cluster.servers, ...cluster.combined, ...cluster.clients]
  return [...new Set(all.map(({ region }) => region))]
}

function regionsText(cluster: NewCluster): string {
  const lines = ['regions:']
  for (const region of regionsOf(cluster)) {
    lines.push(`  ${scalar(region)}:`)
    const groups = [
      ['servers', 's', cluster.servers],
      ['combined', 'n', cluster.combined],
      ['clients', 'c', cluster.clients],
    ] as const
    for (const [kind, letter, counts] of groups) {
      const count = counts.find((one) => one.region === region)?.count ?? 0
      if (count === 0) continue
      lines.push(`    ${kind}:`)
      if (count <= linesUpTo) {
        for (let at = 1; at <= count; at += 1) lines.push(`      ${letter}${at}: {}`)
      } else {
        const width = String(count).length
        lines.push(`      "${letter}[${'1'.padStart(width, '0')}-${count}]": {}`)
      }
    }
  }
  return `${lines.join('\n')}\n`
}

function operatorsText(cluster: NewCluster): string {
  const region = regionsOf(cluster)[0]!
  const lines = cluster.operators.map(
    (name) => `  ${scalar(name)}: { region: ${scalar(region)}, lifetime: 24h }`,
  )
  return `operators:\n${lines.join('\n')}\n`
}

/** A name as YAML reads it back as the same string: `no`, `1e3` and `007` would become something else. */
function scalar(text: string): string {
  const plain = /^[A-Za-z][A-Za-z0-9._-]*$/.test(text)
  const word = /^(y|n|yes|no|on|off|true|false|null)$/i.test(text)
  return plain && !word ? text : JSON.stringify(text)
}

function replaceLine(template: string, key: string, value: string): Splice {
  const found = new RegExp(`^${key}: .*$`, 'm').exec(template)
  if (found === null) throw new RangeError(`the template has no line ${key}`)
  return { start: found.index, end: found.index + found[0].length, text: `${key}: ${value}` }
}

/** A block at the top: its key and every line that is indented under it. */
function replaceBlock(template: string, key: string, text: string): Splice {
  const found = new RegExp(`^${key}:\\n(?: .*\\n)*`, 'm').exec(template)
  if (found === null) throw new RangeError(`the template has no block ${key}`)
  return { start: found.index, end: found.index + found[0].length, text }
}
