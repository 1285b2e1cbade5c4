import { expect, test } from 'vitest'
import { rotationOf, type RotationOptions } from '../../src/rotation/stages.js'
import { editAuthorities } from '../../src/cluster/edit-authority.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { rmSync } from 'node:fs'
import { World } from '../world.js'

const spec = `version: 1
cluster: acme
authorities:
  agent: { lifetime: 10y } # the root
  us-west: { issuer: agent, lifetime: 3y }
regions:
  global: { servers: { s1: {} } }
  us-west: { authority: us-west, servers: { w1: {} } }
`

/** Goes from stage to stage by the edits alone, as `rotate --next` does, with an apply after each. */
async function stages(world: World, options: Partial<RotationOptions> = {}): Promise<string[]> {
  const told: string[] = []
  let text = spec
  for (let at = 0; at < 6; at += 1) {
    const parsed = parseSpec(text)
    const rotation = rotationOf(parsed.spec!, await world.inventory(), 'agent', {
      now: world.now,
      ...options,
    })!
    const { position, stage, next } = rotation
    const gate = next.gate === undefined ? 'open' : Object.keys(next.gate).join('+')
    told.push(`${position} ${stage ?? '-'} ${gate}${next.reloads ? ' reload' : ''}`)
    if (at > 0 && position === 'settled') break
    const { text: after, diagnostics } = editAuthorities(text, next.edits)
    expect(diagnostics).toEqual([])
    expect(after).toContain('# the root\n')
    world.edit(text, after)
    text = after
    await world.apply()
    expect(await world.steps()).toEqual([])
  }
  told.push(text.split('\n').slice(3, 5).join('|'))
  return told
}

test('crossed: two stages that reload, one gate', async () => {
  const world = new World(spec)
  await world.apply()
  expect(await stages(world)).toEqual([
    'settled - open reload',
    'crossed 1 of 2 trusts+leafUnder reload',
    'carrying 2 of 2 open',
    'settled - open reload',
    '  agent: { lifetime: 10y, signing: 2, trusted: [2] } # the root|  us-west: { issuer: agent, lifetime: 3y, signing: 2 }',
  ])
})

test('staged: three stages that reload, a gate before the second and the third', async () => {
  const world = new World(spec)
  await world.apply()
  expect(await stages(world, { way: 'staged' })).toEqual([
    'settled - open reload',
    'trusting 1 of 3 trusts reload',
    'signing 2 of 3 trusts+leafUnder reload',
    'settled - open reload',
    '  agent: { lifetime: 10y, signing: 2, trusted: [2] } # the root|  us-west: { issuer: agent, lifetime: 3y, signing: 2 }',
  ])
})

test('which way, and why', async () => {
  const world = new World(spec)
  await world.apply()
  const ask = async (options: Partial<RotationOptions> = {}): Promise<string> => {
    const { way, why } = rotationOf(parseSpec(spec).spec!, await world.inventory(), 'agent', {
      now: world.now,
      ...options,
    })!
    return `${way}: ${why}`
  }
  expect(await ask()).toMatch(/^crossed: the old root can certify the new one/)
  expect(await ask({ compromised: true })).toMatch(/^staged: the old key may be in other hands/)
  expect(await ask({ way: 'staged' })).toBe('staged: it was asked for')
  expect(await ask({ now: world.now + 4000 * 86_400_000 })).toMatch(/^staged: .* has expired/)
  rmSync(world.path('authority/agent/1/ca-key.pem'))
  expect(await ask({ way: 'crossed' })).toBe(
    'staged: the key of authority/agent/1 is not in the store',
  )
})

test('an intermediate is replaced by one edit, and nobody must be asked first', async () => {
  const world = new World(spec)
  const rotation = rotationOf(parseSpec(spec).spec!, await world.inventory(), 'us-west', {
    now: world.now,
  })
  expect(rotation).toMatchObject({
    way: 'intermediate',
    next: { edits: [{ name: 'us-west', signing: 2 }], reloads: true },
  })
  expect(rotation!.next.gate).toBeUndefined()
  expect(
    rotationOf(parseSpec(spec).spec!, await world.inventory(), 'nobody', { now: world.now }),
  ).toBeUndefined()
})
