// Stands in for agents: for each folder of files an HTTPS port and an RPC port behind its first byte.
// Prints their ports as JSON, a line, and runs until its stdin ends.
import { readFileSync } from 'node:fs'
import { createServer as createPlainServer } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'

const listen = (server) =>
  new Promise((resolve) =>
    server.listen({ port: 0, host: '127.0.0.1', backlog: 511 }, () =>
      resolve(server.address().port),
    ),
  )
const ports = []
for (const folder of process.argv.slice(2)) {
  const [ca, cert, key] = ['ca', 'cert', 'key'].map((name) =>
    readFileSync(join(folder, `${name}.pem`)),
  )
  const tls = () => {
    const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: false })
    server.on('tlsClientError', () => undefined)
    server.on('secureConnection', (socket) => socket.on('error', () => undefined))
    return server
  }
  const inner = tls()
  const rpc = createPlainServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('readable', () => {
      if (socket.read(1)?.[0] === 4) inner.emit('connection', socket)
      else socket.destroy()
    })
  })
  ports.push({ http: await listen(tls()), rpc: await listen(rpc) })
}
process.stdout.write(`${JSON.stringify(ports)}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
