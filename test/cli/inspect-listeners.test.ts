/** `inspect HOST:PORT`: what each kind of listener is called, within the time that an agent would wait. */

import fs from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo, type Server } from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { cli, folder, type Said } from './cli.js'

const spec = `version: 1
cluster: acme
regions:
  global:
    servers: { s1: {} }
`
let cwd = ''
let own: { key: Buffer; cert: Buffer; ca: Buffer }
beforeAll(async () => {
  cwd = folder({ 'cluster.yaml': spec })
  await cli(cwd, ['init', '--new-store'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  const read = (file: string): Buffer =>
    fs.readFileSync(path.join(cwd, 'pki/identity/server/global/s1/current', file))
  own = { key: read('key.pem'), cert: read('cert.pem'), ca: read('ca.pem') }
})

const open: Server[] = []
const sockets = new Set<net.Socket>()
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  for (const server of open.splice(0)) server.close()
})

/** Its port. */
async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  open.push(server)
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, host, resolve)
  })
  return (server.address() as AddressInfo).port
}

const inspect = async (where: string): Promise<Said> => cli(cwd, ['inspect', where])

describe('a listener in TLS', () => {
  test.each([
    ['asks for nothing', {}, 'TLSv1.3', 'none: it asks for no certificate'],
    ['needs a client certificate', { requestCert: true }, 'TLSv1.3', 'CN=acme agent CA 1'],
    ['speaks TLS 1.2 alone', { maxVersion: 'TLSv1.2' }, 'TLSv1.2', 'none: it asks for no'],
    [
      'speaks TLS 1.2 alone, and needs a client certificate',
      { maxVersion: 'TLSv1.2', requestCert: true },
      'TLSv1.2',
      'not shown: it ends the handshake without a certificate, and in TLS 1.2 nothing proves',
    ],
  ] as const)('that %s', async (_, options, protocol, asks) => {
    const port = await listen(tls.createServer({ ...own, ...options, rejectUnauthorized: true }))
    for (const where of [`127.0.0.1:${port}`, `https://127.0.0.1:${port}/`]) {
      const { status, stdout, stderr } = await inspect(where)
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toContain(`server of global: ${where}`)
      expect(stdout).toMatch(new RegExp(`protocol +${protocol}`))
      expect(stdout).toContain(`asks for certificates of  ${asks}`)
    }
  })

  test('on an IPv6 address', async () => {
    const port = await listen(tls.createServer(own), '::1')
    const { status, stdout } = await inspect(`[::1]:${port}`)
    expect(status).toBe(0)
    expect(stdout).toContain(`server of global: [::1]:${port}`)
  })
})

const command = 'nomad-pki inspect '
const asks = `to ask what listens there: ${command}`
const form = 'for a running agent: nomad-pki inspect HOST:PORT, such as [2001:db8::1]:4646'

describe('what is not a listener in TLS is told in words, with 1', () => {
  const refused = async (where: string, why: string, hint?: string): Promise<void> => {
    const { status, stdout, stderr } = await inspect(where)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toContain(`error: ${where}${why}`)
    if (hint !== undefined) expect(stderr).toMatch(/^ +hint: /m)
    if (hint !== undefined) expect(stderr).toContain(hint)
    expect(stderr).not.toMatch(/SSL routines|deps\/openssl|ECONN|ENOTFOUND/)
  }

  test('plain HTTP', async () => {
    const port = await listen(http.createServer())
    await refused(`127.0.0.1:${port}`, ' answers in plain HTTP, not TLS')
  })

  test.each([
    ['SSH-2.0-OpenSSH_9.2\r\n', ': "SSH-2.0-OpenSSH_9.2"'],
    ['220 mail ready\r\n', ': "220 mail ready"'],
    [Buffer.alloc(64, 7), '\n'],
  ])('another service: %s', async (says, shown) => {
    const port = await listen(net.createServer((socket) => socket.write(says)))
    await refused(
      `127.0.0.1:${port}`,
      ` cannot be asked: it answers, and not in TLS${shown}`,
      'another service has that port',
    )
  })

  test('a version of TLS that agents do not speak', async () => {
    // The alert protocol_version, RFC 8446 section 6.
    const alert = Buffer.from([21, 3, 1, 0, 2, 2, 70])
    const port = await listen(net.createServer((socket) => socket.end(alert)))
    await refused(
      `127.0.0.1:${port}`,
      ' cannot be asked: it refuses the handshake (TLS alert 70, protocol version)',
    )
  })

  test('a closed port', async () => {
    const server = net.createServer()
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    await refused(`127.0.0.1:${port}`, ' cannot be asked: nothing listens there')
  })

  test('the RPC port of Nomad, wherever it is: TLS begins behind a byte', async () => {
    const inner = tls.createServer({ ...own, requestCert: true })
    const port = await listen(
      net.createServer((socket) => {
        socket.once('readable', () => {
          const first = socket.read(1) as Buffer | null
          if (first?.[0] === 4) inner.emit('connection', socket)
          else socket.destroy()
        })
      }),
    )
    const { status, stdout, stderr } = await inspect(`127.0.0.1:${port}`)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/server of global: [^]*port +RPC of Nomad/)
  })

  test('one that hangs up', async () => {
    const port = await listen(net.createServer((socket) => socket.destroy()))
    await refused(
      `127.0.0.1:${port}`,
      ' cannot be asked: it closed the connection before it answered',
    )
  })

  test('one that takes the connection and says nothing, and one that drips: after five seconds', async () => {
    const mute = await listen(net.createServer())
    const drips = await listen(
      net.createServer((socket) => {
        const bytes = Buffer.from([22, 3, 3, 0x40, 0])
        let at = 0
        const timer = setInterval(() => socket.write(bytes.subarray(at % 5, (at++ % 5) + 1)), 200)
        socket.on('close', () => {
          clearInterval(timer)
        })
      }),
    )
    const begun = performance.now()
    await Promise.all(
      [mute, drips].map(async (port) =>
        refused(`127.0.0.1:${port}`, ' cannot be asked: no answer within 5 seconds'),
      ),
    )
    expect(performance.now() - begun).toBeLessThan(9000)
  }, 20_000)

  test('a name that does not resolve', async () => {
    await refused('no-such-host.invalid:4646', ' cannot be asked: the host', undefined)
  })

  test.each([
    ['http://127.0.0.1:4646', 'http:// speaks no TLS', `${asks}127.0.0.1:4646`],
    ['http://10.0.0.1:4647/', 'http:// speaks no TLS', `${asks}10.0.0.1:4647`],
    ['http://s1.acme.test', 'http:// speaks no TLS', `${asks}s1.acme.test:4646`],
    ['HTTP://[::1]:4646/v1/agent/self?x=1', 'http:// speaks no TLS', `${asks}'[::1]:4646'`],
    ['http://', 'http:// speaks no TLS', form],
    ['ftp://h:21', 'ftp:// is not a scheme of agents', `${asks}h:21`],
    ['https://127.0.0.1:4646/v1/agent', 'an endpoint has no path', `${command}127.0.0.1:4646`],
    ['https://s1.acme.test/ui#x', 'an endpoint has no path', `${command}s1.acme.test:4646`],
    ['HTTPS://h:4646/ui', 'an endpoint has no path', `${command}h:4646`],
    ['h.acme.test:4646/v1/agent', 'an endpoint has no path', `${command}h.acme.test:4646`],
    ['https://u:p@h:4646', 'an endpoint has no user', `${command}h:4646`],
    ['https://', 'it does not name a host', form],
    ['https://-x', 'it does not name a host', form],
    ['https://-x:4646', 'it does not name a host', form],
    ['https://a b:4646', 'it does not name a host', form],
    ['https://u@-x', 'an endpoint has no user', form],
    ['127.0.0.1', 'an address without a port', `for a running agent: ${command}127.0.0.1:4646`],
    ['fe80::1', 'an address without a port', `for a running agent: ${command}'[fe80::1]:4646'`],
    [
      '2001:db8::1:4647',
      'an address without a port',
      `for a running agent: ${command}'[2001:db8::1:4647]:4646'; if 4647 is the port: ${command}'[2001:db8::1]:4647'`,
    ],
    ['s1.acme.test:99999', '99999 is not a port', `for the usual one: ${command}s1.acme.test:4646`],
    ['s1.acme.test:0', '0 is not a port', `for the usual one: ${command}s1.acme.test:4646`],
    ['s1.acme.test:', 'the port is missing', `for the usual one: ${command}s1.acme.test:4646`],
    ['https://h:x', 'x is not a port', `for the usual one: ${command}h:4646`],
    [':4646', 'an endpoint needs a host', `for the agent of this host: ${command}127.0.0.1:4646`],
    ['2001:db8::5x:4646', 'an IPv6 address with a port stands in brackets', form],
    [
      '2001:db8:0:0:0:0:0:1:4646',
      'an IPv6 address with a port stands in brackets',
      `${command}'[2001:db8:0:0:0:0:0:1]:4646'`,
    ],
    [
      's9.acme.test',
      'unknown address "s9.acme.test"',
      `for the agent of a host of that name: ${command}s9.acme.test:4646`,
    ],
  ])('%s', async (where, why, hint) => {
    await refused(where, `: no such file, and ${why}`, hint)
  })
})
