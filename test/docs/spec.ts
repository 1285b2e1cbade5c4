/**
 * `docs/spec.md`, made from the table of the spec.
 *
 * @module
 */

import { specCodes } from '../../src/cluster/codes.js'
import { specShape } from '../../src/cluster/shape.js'
import type { Field, Shape } from '../../src/cluster/shape-types.js'

/** The reference of `cluster.yaml` as Markdown. */
export function specReference(): string {
  return [
    head,
    '## All keys',
    '',
    ...tables(specShape, ''),
    ranges,
    '## What can be wrong with it',
    '',
    'All diagnostics come at once, each with line and column. Their codes:',
    '',
    '| code | meaning |',
    '| --- | --- |',
    ...Object.entries(specCodes).map(([code, sentence]) => `| \`${code}\` | ${sentence} |`),
    '',
  ].join('\n')
}

const head = `# The spec: cluster.yaml

<!-- Made from the table in src/cluster/shape.ts: change it there, then npm run docs -->

One file says what the cluster should have. It is YAML 1.2 (JSON is such): \`true\` and \`false\` are truth values,
\`yes\` and \`no\` are texts. Anchors, aliases, tags, merge keys and several documents are refused, and so is a key
that stands twice. At most 4 MB and 40 levels deep; lists have at most 500 items, and all nodes together at most
1,000,000 names and addresses.

An empty value stands for an empty map: \`s1:\` is as good as \`s1: {}\`.

Spans of time are a whole number and a unit, \`y\` (365 days), \`w\`, \`d\`, \`h\`, \`m\` (minutes) or \`s\`, the longest
first: \`90d\`, \`36h\`, \`1y30d\`.

The smallest spec:

\`\`\`yaml
version: 1
cluster: acme
regions:
  global:
    servers: { s1: {} }
\`\`\`
`

const ranges = `## Ranges and templates

A key below \`servers\`, \`clients\` or \`combined\` names one node, or many: \`"c[1-500]"\` is c1 … c500, \`"c[001-500]"\` is
c001 … c500, \`"r[1-4]n[01-20]"\` is eighty nodes. Quote them. A spec describes at most 100,000 nodes.

In \`names\`, \`config\`, \`http\` and \`rpc\` these are replaced:

| placeholder | becomes |
| --- | --- |
| \`{node}\` | the node's name |
| \`{n}\` | the number of the range, without leading zeros; with several ranges \`{n1}\`, \`{n2}\`, … |
| \`{region}\` | the region's name |
| \`{cluster}\` | the cluster's name |

In \`ips\`, \`{n}\` makes an address for each node of a range:

| written | for c001 | for c300 |
| --- | --- | --- |
| \`"10.0.1.{n}"\` | 10.0.1.1 | an error: 300 is more than 255 |
| \`"10.0.0.0/16+{n}"\` | 10.0.0.1 | 10.0.1.44 |
| \`"10.0.4.9/16+{n}"\` | 10.0.4.10 | 10.0.5.53 |
| \`"fd00:a::/64+{n}"\` | fd00:a::1 | fd00:a::12c |

The address before the \`/\` is the one to count from; the sum must stay in its network.

\`nomad-pki remove client us-west/c042\` out of \`"c[001-500]"\` leaves \`"c[001-041]"\` and \`"c[043-500]"\`, both with the
same value. Out of a key with several ranges nothing is removed: write its nodes in smaller ranges first.

## What is inherited

For \`key\`, \`lifetime\`, \`renewBefore\`, \`beyondIssuer\` and \`keep\` the nearest wins: the node or operator, then
\`defaults.<role>\`, then \`defaults\`, then what is built in. An operator's lifetime is 24h unless \`defaults.operator\` or the
operator says otherwise, and a machine's 30d unless \`defaults.machine\` or the machine does: \`defaults.lifetime\` is for agents. A \`renewBefore\` that is said further away than the lifetime and
does not fit becomes a third of it; one that is said beside it and does not fit is an error.

## Generations

\`signing\`, \`trusted\` and \`crossed\` are how a root is replaced, with an \`apply\` and a look at the agents between the steps. With a
cross-certificate, the usual way: \`signing: 2, trusted: [1, 2], crossed: true\` (and \`signing\` of the intermediates below raised), then \`trusted: [2]\`; \`crossed\` goes at the next occasion. Where the old root can't or mustn't sign, in stages: \`trusted: [1, 2]\`, then
\`signing: 2\`, then \`trusted: [2]\`. With \`rollout: ride-along\` \`apply\` renews nothing for it: what an agent has stays
while everybody takes it, and each renewal carries the stage; taking the key away lets \`apply\` do the rest at once. Each generation has a name of its own, because \`{generation}\` stands in the common name.
`

/** A table for each record of a shape. */
export function tables(
  shape: Shape,
  path: string,
  seen: Map<Shape, string> = new Map<Shape, string>(),
): string[] {
  const out: string[] = []
  const deeper: [Shape, string][] = []
  const fields = fieldsOf(shape)
  const before = seen.get(shape)
  if (before !== undefined) {
    return [`### \`${path}\``, '', `The same keys as in \`${before}\`.`, '']
  }
  seen.set(shape, path)
  if (fields.length > 0) {
    out.push(`### ${path === '' ? 'At the top' : `\`${path}\``}`, '')
    out.push('| key | type | default | what it is | example |', '| --- | --- | --- | --- | --- |')
    for (const field of fields) {
      out.push(row(field))
      deeper.push([field.shape, path === '' ? field.key : `${path}.${field.key}`])
    }
    out.push('')
  }
  if (shape.kind === 'map') deeper.push([shape.of, `${path}.${shape.keyName}`])
  if (shape.kind === 'either') deeper.push(...shape.of.map((one): [Shape, string] => [one, path]))
  for (const [inner, at] of deeper) if (!isPlain(inner)) out.push(...tables(inner, at, seen))
  return out
}

function fieldsOf(shape: Shape): readonly Field[] {
  if (shape.kind === 'record') return shape.fields
  return shape.kind === 'map' ? (shape.named ?? []) : []
}

function isPlain(shape: Shape): boolean {
  return !['record', 'map', 'either'].includes(shape.kind)
}

function row(field: Field): string {
  const cells = [
    `\`${field.key}\`${field.required ? ' (required)' : ''}`,
    typeOf(field.shape) + (field.unit === undefined ? '' : ` (${field.unit})`),
    field.default ?? '',
    field.sentence,
    field.example === undefined ? '' : `\`${field.example}\``,
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function typeOf(shape: Shape): string {
  switch (shape.kind) {
    case 'text':
      return shape.duration ? 'span of time' : 'text'
    case 'choice':
      return shape.values.map((value) => `\`${value}\``).join(', ')
    case 'flag':
      return shape.only === undefined ? '`true`, `false`' : `\`${String(shape.only)}\``
    case 'count':
      return shape.min === shape.max ? `\`${shape.min}\`` : 'number'
    case 'list':
      return `list of ${typeOf(shape.of)}s`
    case 'record':
      return 'map'
    case 'map':
      return `map by ${shape.keyName.replace(/[<>]/g, '')}`
    case 'either':
      return shape.of.map(typeOf).join(' or ')
  }
}
