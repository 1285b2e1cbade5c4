import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { adoptionCodes } from '../../src/adoption/codes.js'
import { evidenceCodes } from '../../src/evidence/codes.js'
import { storeReasons } from '../../src/store/reasons.js'
import { reasons } from '../../src/checks/reasons.js'

const allReasons = { ...reasons, ...storeReasons }

test('every reason that the source gives is in the table', () => {
  const root = fileURLToPath(new URL('../../src/', import.meta.url))
  const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(path.join(root, name), 'utf8'))
  // A sentence is what an issuer answers, and `string` is the type of a field.
  const given = [...source.join('\n').matchAll(/\breason: '(?!string')([^' ]+)'/g)].map(
    ([, word]) => word!,
  )
  expect(given.length).toBeGreaterThan(40)
  for (const word of given) expect(Object.keys(allReasons)).toContain(word)
})

test('every code of evidence and of agents that are taken over is in its table', () => {
  const tables = { evidence: evidenceCodes, adoption: adoptionCodes }
  const root = fileURLToPath(new URL('../../src/', import.meta.url))
  for (const [room, table] of Object.entries(tables)) {
    const text = readdirSync(path.join(root, room))
      .filter((name) => name !== 'codes.ts')
      .map((name) => readFileSync(path.join(root, room, name), 'utf8'))
      .join('\n')
    const given = [...text.matchAll(new RegExp(`'(${room}/[a-z-]+)'`, 'g'))].map(
      ([, code]) => code!,
    )
    expect([...new Set(given)].sort()).toEqual(Object.keys(table).sort())
  }
})
