import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('docs/images/flow.svg is what flow.mjs draws (update it with: node docs/images/flow.mjs)', async () => {
  const place = new URL('../../docs/images/', import.meta.url)
  const { flow } = (await import(new URL('flow.mjs', place).href)) as { flow: () => string }
  expect(readFileSync(fileURLToPath(new URL('flow.svg', place)), 'utf8')).toBe(flow())
})
