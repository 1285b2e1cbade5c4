/** Every example of the library, run by Node against the package as it is built. */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPackage } from './built.js'
import { copyFolder } from './copy-folder.js'

const examples = fileURLToPath(new URL('../docs/examples', import.meta.url))

/** What each of them says, lines that differ from run to run left out. */
const says: Readonly<Record<string, readonly string[]>> = {
  'edit-configuration.mjs': ['0 true', '  http = true             # was off while we migrated'],
  'issue-in-memory.mjs': ['server.us-west.nomad', '-----BEGIN PRIVATE KEY-----'],
  'issuer-of-your-own.mjs': ['client.global.nomad', 'ERR_CORRESPONDENCE'],
  'plan-and-apply.mjs': ['105 steps done', '0 steps left', '0 errors found'],
  'renewal-service.mjs': [
    '2027-01-01: 3 steps done',
    '2027-01-31: 0 steps done',
    '2027-03-03: 1 steps done',
  ],
  'store-of-your-own.mjs': ['authority: 1', 'issued: 2'],
}

let built = ''
beforeAll(() => {
  built = buildPackage()
  copyFolder(examples, path.join(built, 'examples'))
})
afterAll(() => {
  fs.rmSync(built, { recursive: true, force: true })
})

test('each example is listed here', () => {
  expect(fs.readdirSync(examples).sort()).toEqual(Object.keys(says))
})

test.each(Object.entries(says))('%s', (name, lines) => {
  // The package finds itself by its own name (package.json `exports`).
  const stdout = execFileSync(process.execPath, [path.join(built, 'examples', name)], {
    encoding: 'utf8',
  })
  const said = stdout.split('\n')
  for (const line of lines) expect(said).toContain(line)
})
