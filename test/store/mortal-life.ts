/**
 * A process that lives the life of `life.ts` in the directory of its first argument, and sends itself SIGKILL in
 * place of the N-th call of any kind (second argument; 0: none, and it tells how many there were).
 */

import { argv, kill, pid } from 'node:process'
import { directoryStore } from '../../src/store/directory-store.js'
import { hastyFiles, watched } from './calls.js'
import { live } from './life.js'

const [, , root = '', at = '0'] = argv
const dieAt = Number(at)
let calls = 0
const files = watched(hastyFiles, () => {
  calls += 1
  if (calls === dieAt) kill(pid, 'SIGKILL')
})
await live(directoryStore(root, { files, git: 'ignore' }))
console.log(`calls ${calls}`)
