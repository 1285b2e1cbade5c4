/** Configurations that hold one key of the schema, and the version before another. */

import { type BlockShape, schemaOf, type Shape } from '../../src/agent/schema-table.js'

const values: Readonly<Record<Exclude<Shape, BlockShape>, string>> = {
  bool: '= true',
  int: '= 1',
  float: '= 1.5',
  string: '= "x"',
  duration: '= "30s"',
  strings: '= ["x"]',
  map: '{ x = "y" }',
  any: '{ x = 1 }',
  refused: '= 1',
}

/**
 * A configuration with one key in it.
 *
 * @param path `client.template.max_stale`
 */
export function configWith(path: string): string {
  return textOf(path.split('.'), schemaOf())
}

function textOf([name, ...rest]: readonly string[], { fields }: BlockShape): string {
  const shape = fields[name!]!
  if (typeof shape === 'string') return `${name} ${values[shape]}`
  const label = shape.type === 'labelled' ? '"x" ' : ''
  const held = rest.length === 0 ? '' : textOf(rest, shape)
  return `${name} ${label}{ ${held} }`
}

/** Every key of the schema, by its path. */
export function* allPaths({ fields }: BlockShape = schemaOf(), path = ''): Generator<string> {
  for (const [name, shape] of Object.entries(fields)) {
    const inner = path === '' ? name : `${path}.${name}`
    yield inner
    if (typeof shape === 'object') yield* allPaths(shape, inner)
  }
}

/** The release before: of the same line, or the last of the line before. */
export function before(version: string): string {
  const order = [
    ...['1.8.0', '1.8.1', '1.8.2', '1.8.3', '1.8.4'],
    ...Array.from({ length: 8 }, (_, patch) => `1.9.${patch}`),
    ...Array.from({ length: 6 }, (_, patch) => `1.10.${patch}`),
    ...Array.from({ length: 4 }, (_, patch) => `1.11.${patch}`),
    ...Array.from({ length: 6 }, (_, patch) => `2.0.${patch}`),
  ]
  return order[order.indexOf(version) - 1]!
}
