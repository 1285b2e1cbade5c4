/** The receipt of a node that renews itself, put where its operators collect them. */

import fs from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseNodeFile } from '../../src/cluster/node-file.js'
import { cli, folder } from '../cli/cli.js'
import { selfNode, type SelfNode } from './node.js'

const name = 'client.us-west.c1.json'
let node: SelfNode
beforeEach(async () => {
  // An address looks at the real time.
  node = await selfNode(Math.floor(Date.now() / 1000) * 1000)
})
afterEach(() => node.engine.close())

const own = (): string => fs.readFileSync(path.join(node.tls, 'receipt.json'), 'utf8')

describe('a directory', () => {
  test('has it after each run, also where nothing was due', async () => {
    const inbox = path.join(node.place, 'inbox')
    fs.mkdirSync(inbox)
    node.text += `receipts: ${JSON.stringify(`${inbox}/`)}\n`
    node.write()
    const dry = await node.renew('--dry-run')
    expect([dry.status, fs.readdirSync(inbox)]).toEqual([0, []])

    const first = await node.renew()
    expect(first.stderr).not.toContain('warning')
    expect(first.status).toBe(0)
    expect(fs.readdirSync(inbox)).toEqual([name])
    expect(fs.readFileSync(path.join(inbox, name), 'utf8')).toBe(own())

    fs.writeFileSync(path.join(inbox, name), 'an older one')
    expect((await node.renew()).stdout).toContain('is renewed from')
    expect(fs.readFileSync(path.join(inbox, name), 'utf8')).toBe(own())
  })

  test('that is not there is a warning, and the certificate is in place', async () => {
    node.text += `receipts: ${JSON.stringify(path.join(node.place, 'nowhere'))}\n`
    node.write()
    const { status, stderr } = await node.renew()
    expect(stderr).toMatch(/^warning: the receipt was not put there: .*nowhere.*next run/m)
    expect(status).toBe(0)
    expect(node.isPair()).toBe(true)
  })

  test('in which another file has its name is not written to', async () => {
    const inbox = path.join(node.place, 'inbox')
    fs.mkdirSync(path.join(inbox, name), { recursive: true })
    node.text += `receipts: ${JSON.stringify(inbox)}\n`
    node.write()
    const { status, stderr } = await node.renew()
    expect(stderr).toMatch(/^warning: the receipt was not put there: .*not a plain file/m)
    expect(status).toBe(0)
  })
})

describe('an address', () => {
  const got: { url: string; method: string; text: string; from: unknown }[] = []
  /** The common name that was shown last. */
  let shown: unknown
  let answer = 204
  let server: https.Server
  beforeEach(async () => {
    got.length = 0
    answer = 204
    // A certificate for 127.0.0.1, by an authority of its own.
    const place = folder({})
    for (const line of ['init --servers global=1', 'apply --yes']) {
      const said = await cli(place, line.split(' '), { now: node.at })
      expect(said.status, said.stderr).toBe(0)
    }
    const pair = path.join(place, 'pki/identity/server/global')
    const [host] = fs.readdirSync(pair)
    const read = (file: string): Buffer => fs.readFileSync(path.join(pair, host!, 'current', file))
    fs.copyFileSync(
      path.join(place, 'pki/authority/agent/1/ca.pem'),
      path.join(node.place, 'node/collect-ca.pem'),
    )
    fs.chmodSync(path.join(node.place, 'node/collect-ca.pem'), 0o644)
    server = https.createServer(
      {
        cert: read('cert.pem'),
        key: read('key.pem'),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        let text = ''
        request.on('data', (chunk: Buffer) => (text += chunk.toString()))
        request.on('end', () => {
          got.push({ url: request.url!, method: request.method!, text, from: shown })
          response.writeHead(answer, { Location: '/elsewhere' }).end('x'.repeat(100_000))
        })
      },
    )
    server.on('secureConnection', (socket) => {
      shown = socket.getPeerCertificate().subject.CN
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    node.text += `receipts: https://127.0.0.1:${port}/in/\nreceiptsCaFile: collect-ca.pem\n`
    node.write()
  })
  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  test('gets it with PUT, and sees the certificate of the node', async () => {
    const { status, stderr } = await node.renew()
    expect(stderr).not.toContain('warning')
    expect(status).toBe(0)
    const one = { url: `/in/${name}`, method: 'PUT', text: own(), from: 'client.us-west.nomad' }
    expect(got).toEqual([one])
    await node.renew()
    expect(got).toEqual([one, one])
    await node.renew('--dry-run')
    expect(got).toHaveLength(2)
  })

  test.each([302, 403, 500])(
    'that answers %i is a warning; a redirect is not followed',
    async (code) => {
      answer = code
      const { status, stderr } = await node.renew()
      expect(stderr).toMatch(
        new RegExp(
          `^warning: the receipt was not put there: https://127.0.0.1:\\d+ answered ${code};`,
          'm',
        ),
      )
      expect(status).toBe(0)
      expect(got.map(({ url }) => url)).toEqual([`/in/${name}`])
    },
  )

  test('that others answer for gets nothing', async () => {
    node.text = node.text.replace('receiptsCaFile: collect-ca.pem', 'receiptsCaFile: ca.pem')
    node.write()
    const { status, stderr } = await node.renew()
    expect(stderr).toMatch(/^warning: the receipt was not put there: https:.*certificate/m)
    expect(status).toBe(0)
    expect(got).toEqual([])
  })

  test('whose roots are not there is an error before anything is done', async () => {
    node.text = node.text.replace('receiptsCaFile: collect-ca.pem', 'receiptsCaFile: none.pem')
    node.write()
    const { status, stderr } = await node.renew()
    expect(stderr).toMatch(/^error: the file of receiptsCaFile .*none\.pem is not there/m)
    expect(status).not.toBe(0)
    expect(node.engine.signed).toHaveLength(0)
  })
})

test.each<[string, RegExp]>([
  ['receipts: http://collect/', /absolute directory .* or an address with https/],
  ['receipts: https://collect/in', /ends with \//],
  ['receipts: https://me:secret@collect/', /ends with \//],
  ['receipts: /var/../etc', /without `\.\.`/],
  ['receipts: inbox', /absolute directory/],
  ['receipts: /in\nreceiptsCaFile: ca.pem', /receiptsCaFile is for receipts that go to an address/],
  ['receiptsCaFile: ca.pem', /receiptsCaFile is for receipts that go to an address/],
])('refused: %s', (line, message) => {
  const { node: read, diagnostics } = parseNodeFile(`${node.text}${line}\n`, {})
  expect(read).toBeUndefined()
  expect(diagnostics.map((one) => `${one.message} ${one.expected ?? ''}`).join('\n')).toMatch(
    message,
  )
})

test('the spec says it for all nodes: pack writes it into the file of each', async () => {
  const spec = path.join(node.place, 'cluster.yaml')
  fs.appendFileSync(
    spec,
    'node: { tls: /etc/nomad-tls, receipts: "https://collect.acme.internal/in/", receiptsCaFile: /etc/ssl/acme.pem }\n',
  )
  const env = { BAO_ADDR: node.engine.origin, BAO_TOKEN: 'root' }
  const said = await cli(node.place, ['pack', 'c1', '--renew', '--out-dir', 'out'], {
    env,
    now: node.at,
  })
  expect(said.stderr).not.toMatch(/^error/m)
  const { node: read } = parseNodeFile(
    fs.readFileSync(path.join(node.place, 'out/node.yaml'), 'utf8'),
    {},
  )
  expect(read).toMatchObject({
    receipts: 'https://collect.acme.internal/in/',
    receiptsCaFile: '/etc/ssl/acme.pem',
  })
})
