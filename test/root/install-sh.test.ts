/** What templates/install.sh does as root, and to processes and files of other users. */

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { env } from 'node:process'
import { beforeAll, expect, test } from 'vitest'
import { Node, renewed } from '../delivery/node.js'

const none = ['--reload', 'none']
/** A user without rights. */
const nobody = 65534

/** An archive is unpacked in `one`; nothing is in place. */
let template: Node
beforeAll(async () => {
  const { first } = await renewed()
  template = new Node()
  template.unpack(first, 'one')
})

function aNode(): { node: Node; one: string } {
  const node = template.copy()
  return { node, one: path.join(node.folder, 'one/nomad-pki') }
}

test('the files are the agent’s, the directory is root’s', () => {
  const { node, one } = aNode()
  expect(node.install(one, [...none, '--owner', 'nobody']).status).toBe(0)
  const { uid } = fs.statSync(path.join(node.tls, 'current/key.pem'))
  expect(uid).not.toBe(0)
  expect(fs.statSync(path.join(node.tls, 'current')).uid).toBe(0)
  // Somebody changed it: the same command mends it.
  fs.chownSync(path.join(node.tls, 'current/key.pem'), 0, 0)
  expect(node.install(one, [...none, '--owner', 'nobody']).stdout).toContain('belong to nobody')
  expect(fs.statSync(path.join(node.tls, 'current/key.pem')).uid).toBe(uid)
  const unknown = node.install(one, [...none, '--owner', 'no-such-user'])
  expect(unknown).toMatchObject({ status: 3, told: { reason: 'owner' } })
})

test('whatever root’s umask is, the agent can enter and read', () => {
  const { node, one } = aNode()
  const tls = path.join(node.folder, 'etc/nomad.d/tls')
  const text = 'umask 077; exec sh install.sh --tls "$1" --reload none --owner nobody'
  expect(spawnSync('sh', ['-c', text, 'sh', tls], { cwd: one }).status).toBe(0)
  fs.chmodSync(node.folder, 0o711)
  const as = { uid: nobody, gid: nobody, cwd: '/' }
  for (const part of ['key', 'cert', 'ca']) {
    expect(spawnSync('cat', [path.join(tls, `current/${part}.pem`)], as).status).toBe(0)
  }
})

test("another user's process, without root: refused before anything is changed", () => {
  const { node, one } = aNode()
  const child = spawn('sh', ['-c', 'trap : HUP; while :; do sleep 1; done'])
  try {
    spawnSync('chown', ['-R', `${nobody}`, node.folder])
    const run = spawnSync(
      'sh',
      ['install.sh', '--tls', node.tls, '--settle', '0', '--reload', String(child.pid)],
      { cwd: one, encoding: 'utf8', uid: nobody, gid: nobody, env },
    )
    expect(run.status).toBe(3)
    expect(run.stderr).toContain("is another user's")
    expect(fs.existsSync(node.tls)).toBe(false)
  } finally {
    child.kill('SIGKILL')
  }
})
