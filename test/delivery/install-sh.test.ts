/** templates/install.sh, run as a node runs it. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { day, type World } from '../world.js'
import { aWorld, Node, pack, shells } from './node.js'

const nodes: Node[] = []
afterAll(() => {
  for (const node of nodes) node.remove()
})
function aNode(): Node {
  const node = new Node()
  nodes.push(node)
  return node
}

let world: World
let first: Uint8Array
let second: Uint8Array
beforeAll(async () => {
  world = aWorld(
    'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {}, s2: {} } } }\n',
  )
  world.now -= 70 * day
  await world.apply()
  first = await pack(world)
  world.later(70 * day)
  await world.apply()
  second = await pack(world)
})

describe.each(shells.map((shell) => [shell.join(' '), shell] as const))('%s', (_name, shell) => {
  test('the first generation, the same again, the next, and back', () => {
    const node = aNode()
    const one = node.unpack(first, 'one')
    const made = node.install(one, ['--reload', 'none'], { shell })
    expect(made).toMatchObject({ status: 0 })
    expect(made.stdout).toContain('is in place; the agent loads it at its next reload or start')
    const old = node.current!
    expect(old).toMatch(/^1-[0-9a-f]{8}$/)
    expect(node.names()).toEqual([old, 'current', 'receipt.json'].sort())
    expect(['key', 'cert', 'ca'].map((part) => node.mode(`current/${part}.pem`))).toEqual([
      '600',
      '644',
      '644',
    ])
    const receipt = node.receipt()
    expect(receipt).toMatchObject({ generation: 1, archive: null, state: 'switched' })

    const again = node.install(one, ['--reload', 'none'], { shell })
    expect(again.status).toBe(0)
    expect(again.stdout).toContain(`${old} is in place already`)
    expect(node.receipt()).toEqual(receipt)

    const two = node.unpack(second, 'two')
    expect(node.install(two, ['--reload', 'none'], { shell }).status).toBe(0)
    expect(node.current).toMatch(/^2-/)
    const back = node.install(two, ['--reload', 'none', '--rollback'], { shell })
    expect(back).toMatchObject({ status: 0, stderr: '' })
    expect(node.current).toBe(old)
  })
})
