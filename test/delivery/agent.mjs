/**
 * Stands in for an agent: serves TLS with what `current` leads to when it starts, and does at SIGHUP what its
 * second argument says: `reload`, `keep`, `close`, `die`. A third one, `asks`: it asks for a certificate, as
 * agents do under `verify_https_client`.
 */

import { readFileSync } from 'node:fs'
import process, { argv, exit } from 'node:process'
import { setInterval } from 'node:timers'
import { createServer } from 'node:tls'

// As `install.sh` sees it.
process.title = 'nomad'
const [, , tls, habit, asks] = argv
const load = () => ({
  ca: readFileSync(`${tls}/current/ca.pem`),
  cert: readFileSync(`${tls}/current/cert.pem`),
  key: readFileSync(`${tls}/current/key.pem`),
})
const server = createServer({ ...load(), requestCert: asks === 'asks', rejectUnauthorized: false })
process.on('SIGHUP', () => {
  if (habit === 'die') exit(1)
  if (habit === 'close') server.close()
  if (habit === 'reload') server.setSecureContext(load())
})
server.on('connection', (socket) => socket.on('error', () => undefined))
server.on('secureConnection', (socket) => socket.end())
server.on('tlsClientError', () => undefined)
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
// It lives on when its listener is gone.
setInterval(() => undefined, 60_000)
