/**
 * Takes the lock of a store again and again, and counts in a file what only one may write at a time.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { argv } from 'node:process'
import { directoryStore } from '../../src/store/directory-store.js'

const [, , root = '', times = '0'] = argv
const store = directoryStore(root, { git: 'ignore' })
for (let time = 0; time < Number(times); time += 1) {
  const lock = await store.lock({ wait: 60_000 })
  const count = Number(readFileSync(`${root}.count`, 'utf8'))
  // Long enough for another one to come in between, if it could.
  await new Promise((resolve) => setTimeout(resolve, 1))
  writeFileSync(`${root}.count`, String(count + 1))
  await lock.release()
}
