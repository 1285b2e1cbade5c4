import { describe, expect, test } from 'vitest'
import { subjectFor } from '../../src/authority/subject.js'
import { generateKey } from '../../src/keys/generate.js'
import { keyIdentifierOf } from '../../src/keys/public-key.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { commonNames } from '../../src/x509/name.js'
import { smallSpec, World } from '../world.js'

const rootOf = async (world: World, generation = 1): Promise<string> => {
  const { authorities } = await world.inventory()
  const { certificate } = authorities.get(`authority/agent/${generation}`)!
  return commonNames(certificate!.subject).at(-1)!
}

const named = (commonName: string): string =>
  smallSpec.replace(
    'lifetime: 10y }',
    `lifetime: 10y, subject: { commonName: ${JSON.stringify(commonName)} } }`,
  )

const commonNameIn = (text: string, authority = 'agent'): string | undefined => {
  const { spec } = parseSpec(text, { file: 'cluster.yaml' })
  return spec?.authorities.find(({ name }) => name === authority)?.subject.commonName
}

test('{key} becomes the first eight characters of the key identifier', async () => {
  const { publicKey } = await generateKey('ecdsa-p256')
  expect(subjectFor({ commonName: 'acme CA 1 {key}', country: 'DE' }, publicKey)).toEqual({
    commonName: `acme CA 1 ${keyIdentifierOf(publicKey).slice(0, 8)}`,
    country: 'DE',
  })
  const plain = { commonName: 'acme CA 1' }
  expect(subjectFor(plain, publicKey)).toBe(plain)
})

describe('the default name of a root', () => {
  test('tells two stores of one spec apart', async () => {
    const [one, other] = [new World(), new World()]
    for (const world of [one, other]) await world.apply()
    expect(await rootOf(one)).toMatch(/^acme agent CA 1 [0-9a-f]{8}$/)
    expect(await rootOf(other)).not.toBe(await rootOf(one))
  })

  test('does not rename a root that was made under another name', async () => {
    const world = new World(named('acme agent CA 1'))
    await world.apply()
    world.edit(', subject: { commonName: "acme agent CA 1" }', '')
    expect(await world.steps()).toEqual([])
    expect((await world.plan()).findings).toEqual([])
    expect(await rootOf(world)).toBe('acme agent CA 1')
  })

  test('leaves the key out where the name would be too long', () => {
    const name = (length: number): string | undefined =>
      commonNameIn(smallSpec.replace(/^cluster: .*$/m, `cluster: ${'a'.repeat(length)}`))
    // 44 + " agent CA 1 " + 8 = 64, RFC 5280 §A.1 ub-common-name.
    expect(name(44)).toBe(`${'a'.repeat(44)} agent CA {generation} {key}`)
    expect(name(45)).toBe(`${'a'.repeat(45)} agent CA {generation}`)
  })

  test('of an intermediate has no key in it: nobody reports it', () => {
    const spec = smallSpec
      .replace('10y }', '10y }\n  west: { issuer: agent }')
      .replace('global:', 'global:\n    authority: west')
    expect(commonNameIn(spec, 'west')).toBe('acme west CA {generation}')
  })
})

describe('a name of the spec', () => {
  test('may hold {key}, and is no difference once the key is there', async () => {
    const world = new World(named('Acme {key}'))
    await world.apply()
    expect(await rootOf(world)).toMatch(/^Acme [0-9a-f]{8}$/)
    expect((await world.plan()).findings).toEqual([])
  })

  test('that changes is told', async () => {
    const world = new World(named('Acme {key}'))
    await world.apply()
    world.edit('Acme {key}', 'Other {key}')
    expect((await world.plan()).findings).toMatchObject([
      { address: 'authority/agent/1', reason: 'names-differ', severity: 'warning' },
    ])
  })
})
