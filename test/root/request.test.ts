/** A waiting key of another user: `request` certifies none. */

import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { cli, folder } from '../cli/cli.js'

test('a waiting key of another user is refused, with both users and what to do', async () => {
  const node = folder()
  const words = ['request', 'server/global/s1', '--tls', 'tls']
  expect((await cli(node, words)).status).toBe(0)
  const key = path.join(node, 'tls/requested-key.pem')
  fs.chownSync(key, 65534, 65534)
  const said = await cli(node, words)
  expect(said.status).toBe(3)
  expect(said.stderr).toContain('belongs to user 65534, and this runs as user 0')
  expect(said.stderr).toMatch(/run it as user 65534; or find out who made it, then: rm /)
})
