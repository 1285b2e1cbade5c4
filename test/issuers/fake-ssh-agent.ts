/**
 * An SSH agent for tests: it listens at a socket of its own, and answers as it is told.
 */

import { createPrivateKey, sign } from 'node:crypto'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { DerReader } from '../../src/der/read.js'
import { tags } from '../../src/der/write.js'
import { algorithmOf, type PrivateKey } from '../../src/keys/algorithms.js'
import {
  encodeSshKey,
  sshNumber,
  SshReader,
  sshSignatureName,
  sshString,
} from '../../src/keys/ssh.js'

/** What an agent says to one message; `hangs`: nothing, `closes`: it ends the connection. */
export type Reply = Uint8Array | 'hangs' | 'closes'

/** Says what the agent answers, without its length. */
export type Handler = (message: Buffer) => Reply

/** An agent that listens. */
export interface FakeAgent {
  readonly socket: string
  /** How many messages came. */
  readonly asked: () => number
  close(): void
}

/** Begins to listen. `raw` answers are sent as they are, without a length before them. */
export async function fakeAgent(
  handler: Handler,
  { raw }: { readonly raw: boolean } = { raw: false },
): Promise<FakeAgent> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'agent-'))
  const socket = path.join(folder, 's')
  let asked = 0
  const open = new Set<net.Socket>()
  const server = net.createServer((connection) => {
    open.add(connection)
    connection.on('error', () => undefined)
    let got = Buffer.alloc(0)
    connection.on('data', (chunk) => {
      got = Buffer.concat([got, chunk])
      if (got.length < 4 || got.length < 4 + got.readUInt32BE(0)) return
      asked += 1
      const reply = handler(got.subarray(4))
      if (reply === 'closes') connection.destroy()
      else if (reply !== 'hangs') {
        connection.write(raw ? reply : Buffer.concat([sshNumber(reply.length), reply]))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return {
    socket,
    asked: () => asked,
    close() {
      for (const connection of open) connection.destroy()
      server.close()
      fs.rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The answer to a question for keys. */
export function identities(
  keys: readonly (readonly [blob: Uint8Array, comment: string])[],
): Buffer {
  return Buffer.concat([
    Buffer.of(12),
    sshNumber(keys.length),
    ...keys.flatMap(([blob, comment]) => [sshString(blob), sshString(comment)]),
  ])
}

/** An answer with a signature blob. */
export function signature(blob: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(14), sshString(blob)])
}

/** A signature in SSH's form. */
export function sshSign(key: PrivateKey, bytes: Uint8Array): Buffer {
  const { kind, hash } = algorithmOf(key.algorithm)
  const object = createPrivateKey({ key: Buffer.from(key.pkcs8), format: 'der', type: 'pkcs8' })
  const made = sign(hash, bytes, object)
  if (kind !== 'ec') {
    return Buffer.concat([sshString(sshSignatureName(key.algorithm)), sshString(made)])
  }
  const pair = new DerReader(made).enter(tags.sequence, 'a signature')
  const both = Buffer.concat([sshString(pair.integer('r')), sshString(pair.integer('s'))])
  return Buffer.concat([sshString(sshSignatureName(key.algorithm)), sshString(both)])
}

/** An honest agent with some keys. */
export function honest(...keys: readonly PrivateKey[]): Handler {
  const blobs = keys.map((key) => encodeSshKey(key.publicKey)!)
  return (message) => {
    if (message[0] === 11) return identities(blobs.map((blob, at) => [blob, `key ${at + 1}`]))
    const reader = new SshReader(message.subarray(1))
    const asked = reader.string('key')
    const key = keys[blobs.findIndex((blob) => asked.equals(blob))]
    const bytes = reader.string('bytes')
    // Without the flag an agent signs by SHA-1 with an RSA key.
    const flags = reader.number('flags')
    if (key === undefined) return Buffer.of(5)
    if (algorithmOf(key.algorithm).kind === 'rsa' && flags !== 2) return Buffer.of(5)
    return signature(sshSign(key, bytes))
  }
}
