/**
 * `docs/renewing-nodes.md`: its last part is made from the table of the file of a node that renews itself.
 *
 * @module
 */

import { nodeFileShape } from '../../src/cluster/node-file-shape.js'
import { tables } from './spec.js'

const mark = '## All keys of node.yaml\n'
const note =
  '<!-- Made from the table in src/cluster/node-file-shape.ts: change it there, then npm run docs -->'

/** The page, with its tables made anew. */
export function nodeReference(present: string): string {
  const [head] = present.split(mark)
  return [`${head!}${mark}`, note, '', ...tables(nodeFileShape, '')].join('\n')
}
