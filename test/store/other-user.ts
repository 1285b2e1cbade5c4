/** Tries to read and to lock a store, and tells what came of it. */

import { argv } from 'node:process'
import { directoryStore } from '../../src/store/directory-store.js'

const store = directoryStore(argv[2] ?? '', { git: 'ignore' })
const told = (error: unknown): unknown => {
  const { code, message } = error as { code: string; message: string }
  return { code, message }
}
console.log(
  JSON.stringify({
    read: await store.read().catch(told),
    lock: await store.lock({ wait: 0 }).catch(told),
  }),
)
