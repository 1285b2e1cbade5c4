// The floor of a probe: bare TLS handshakes with the ports of a JSON file, so many at a time.
import { readFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { connect } from 'node:tls'

const ports = JSON.parse(readFileSync(process.argv[2], 'utf8')).flatMap(({ http, rpc }) => [
  { port: http },
  { port: rpc, rpc: true },
])
const one = ({ port, rpc }) =>
  new Promise((resolve, reject) => {
    const socket = connectSocket({ host: '127.0.0.1', port }, () => {
      if (rpc) socket.write(Uint8Array.of(4))
      const tls = connect({ socket, rejectUnauthorized: false, minVersion: 'TLSv1.2' }, () => {
        if (tls.getPeerCertificate().raw === undefined) reject(new Error('no certificate'))
        tls.destroy()
        resolve()
      })
      tls.on('error', reject)
    })
    socket.on('error', reject)
  })
let next = 0
const worker = async () => {
  for (let at = next++; at < ports.length; at = next++) await one(ports[at])
}
await Promise.all(Array.from({ length: Number(process.argv[3]) }, worker))
