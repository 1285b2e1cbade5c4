/** A listener that holds only the public certificates of a generation is not taken for the agent that loaded it. */

import { spawn } from 'node:child_process'
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import fs from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import path from 'node:path'
import { env } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readGeneration } from '../../src/delivery/node.js'
import { prove } from '../../src/delivery/proof.js'
import { readTar } from '../../src/delivery/tar.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { hostileListener, hostileModes, type HostileMode } from '../probe/hostile.js'
import { aWorld, generationOf, installerPath, Node, renewed } from './node.js'

/** By kind of key: a key exchange without a signature needs one of RSA. */
const archives = new Map<string, readonly [Uint8Array, Uint8Array]>()
let own: { readonly certificate: Uint8Array; readonly key: KeyObject }
beforeAll(async () => {
  for (const key of ['ecdsa-p256', 'rsa-2048']) {
    const { first, second } = await renewed(
      `version: 1\ncluster: acme\ndefaults: { key: ${key} }\nregions: { global: { servers: { s1: {} } } }\n`,
    )
    archives.set(key, [first, second])
  }
  const other = aWorld()
  await other.apply()
  const file = (name: string): string =>
    fs.readFileSync(other.current('server/global/s1', name), 'utf8')
  own = {
    certificate: new X509Certificate(file('cert.pem')).raw,
    key: createPrivateKey(file('key.pem')),
  }
})

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) server.close()
})

/** Shows the certificates of an archive, without its key. */
async function listener(mode: HostileMode, archive: Uint8Array): Promise<number> {
  const pem = (file: string): string =>
    Buffer.from(readTar(archive).find(({ path: name }) => name.endsWith(file))!.bytes).toString()
  const chain = parseCertificates(pem('/cert.pem')).map(({ der }) => der)
  const names = parseCertificates(pem('/ca.pem')).map(({ subject }) => subject.der)
  const server = hostileListener(mode, { chain, names }, own)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const cases = hostileModes.flatMap((mode) =>
  ['ecdsa-p256', 'rsa-2048'].map((key) => [mode, key] as const),
)

describe('is not proven', () => {
  test.each(cases)('by a handshake of ours: %s, %s', async (mode, key) => {
    const [first, second] = archives.get(key)!
    const node = new Node()
    const folders = [first, second].map((archive, at) => node.unpack(archive, `n${at}`))
    const [before, now] = folders.map((folder) => readGeneration(folder, generationOf(folder)))
    const port = await listener(mode, second)
    const proof = await prove({ host: '127.0.0.1', port }, now!, before, { patience: 0 })
    expect(['unreachable', 'foreign']).toContain(proof.state)
  })

  test.each(cases)('by openssl: %s, %s', async (mode, key) => {
    const [first, second] = archives.get(key)!
    const node = new Node()
    expect(node.install(node.unpack(first, 'one')).status).toBe(0)
    const port = await listener(mode, second)
    const bin = path.join(node.folder, 'bin')
    fs.mkdirSync(bin)
    const tools: Readonly<Record<string, string>> = {
      sleep: ':',
      sync: ':',
      systemctl: 'case $1 in is-active) echo active ;; show) echo MainPID=7 ;; esac',
    }
    for (const [name, text] of Object.entries(tools)) {
      fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    }
    const child = spawn(
      'sh',
      [
        ...[installerPath, '--tls', node.tls, '--reload', 'nomad.service'],
        ...['--settle', '0', '--watch', '0', '--probe', `127.0.0.1:${port}`],
      ],
      { cwd: node.unpack(second, 'two'), env: { ...env, PATH: `${bin}:${env.PATH!}` } },
    )
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => (said += text.toString()))
    }
    const status = await new Promise((resolve) => child.on('close', resolve))
    expect([status, said]).toEqual([2, expect.stringMatching(/in place, and not proven/)])
    expect(said).not.toContain('presents it')
    expect(node.receipt()).toMatchObject({ generation: 2, state: 'reloaded' })
    // It holds the next switch: nobody knows what the agent has.
    expect(node.names()).toContain('.pending')
  })
})
