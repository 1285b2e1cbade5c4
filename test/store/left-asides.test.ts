/** What killed runs left beside configurations: found once in each folder, and nothing else is removed. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { DesiredConfig } from '../../src/cluster/desired.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import { findLeftAsides, removeLeftAsides } from '../../src/store/left-asides.js'
import { errno, hastyFiles, watched } from './calls.js'
import { folder } from './grounds.js'

let base = ''
beforeEach(() => {
  base = folder()
  for (const name of ['a', 'b']) {
    mkdirSync(join(base, name))
    writeFileSync(aside(name), 'secret')
  }
})
const aside = (place: string): string => join(base, place, '.x.hcl.0a1b2c3d.nomad-pki~')

/** An inventory that knows configurations by path, and nothing else. */
function inventoryOf(configs: Record<string, object>): Inventory {
  return {
    configs: new Map(Object.entries(configs)),
    findings: [{ severity: 'note', address: 'store', reason: 'other', message: 'before' }],
  } as unknown as Inventory
}
const wanted = (address: string, paths: readonly string[], write?: string): DesiredConfig =>
  ({ address, paths, write }) as unknown as DesiredConfig

test('each folder is looked at once, also that of the file that will be written', () => {
  const inventory = inventoryOf({
    a: { kind: 'directory', location: join(base, 'a') },
    'a/x.hcl': { kind: 'file', location: join(base, 'a/x.hcl') },
    'link.hcl': { kind: 'file', location: '/elsewhere/x.hcl', real: join(base, 'b/x.hcl') },
  })
  const { findings } = findLeftAsides(inventory, [
    wanted('config/global/s1', ['a', 'unknown'], 'link.hcl'),
    wanted('config/global/s2', ['a/x.hcl']),
  ])
  expect(findings.map(({ address, reason, file }) => [address, reason, file])).toEqual([
    ['store', 'other', undefined],
    ['config/global/s1', 'left-over', aside('a')],
    ['config/global/s1', 'left-over', aside('b')],
  ])
  const clean = inventoryOf({ c: { kind: 'directory', location: base } })
  expect(findLeftAsides(clean, [wanted('config/global/s1', ['c'])])).toBe(clean)
})

test('what was found so is removed, and no other file that a finding names', () => {
  const left = { severity: 'note', reason: 'left-over', message: '' } as const
  const of = (findings: object[]): Inventory => ({ findings }) as unknown as Inventory
  expect(
    removeLeftAsides(
      of([
        { ...left, address: 'identity/server/global/s1', file: aside('a') },
        { ...left, address: 'config/global/s1', reason: 'unreadable', file: aside('a') },
        { ...left, address: 'config/global/s1' },
        { ...left, address: 'config/global/s1', file: aside('b') },
      ]),
    ),
  ).toEqual([{ ...left, address: 'config/global/s1', message: `removed ${aside('b')}` }])
  expect([existsSync(aside('a')), existsSync(aside('b'))]).toEqual([true, false])
})

test('one that stays is not said to be removed', () => {
  const files = watched(hastyFiles, (call) => {
    if (call === 'unlink') throw errno('EACCES')
  })
  const one = { reason: 'left-over', address: 'config/global/s1', file: aside('a') }
  expect(removeLeftAsides({ findings: [one] } as unknown as Inventory, files)).toEqual([])
})
