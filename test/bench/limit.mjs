// What `apply` of a new cluster cannot do without, and nothing else: keys, signatures, the same files, the same
// renames, the same two barriers. No library of ours, no plan, no lint.
//   node limit.mjs FOLDER NODES TEMPLATE     TEMPLATE: a generation's directory of a store, for sizes
import { execFileSync } from 'node:child_process'
import { createECDH, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeSync,
} from 'node:fs'

import { pathToFileURL } from 'node:url'

const pem = (label, der) => {
  const base64 = der.toString('base64')
  let text = `-----BEGIN ${label}-----\n`
  for (let at = 0; at < base64.length; at += 64) text += `${base64.slice(at, at + 64)}\n`
  return `${text}-----END ${label}-----\n`
}
const put = (path, bytes, mode) => {
  const file = openSync(path, 'wx', mode)
  writeSync(file, bytes)
  closeSync(file)
}
const make = (path) => mkdirSync(path, 0o700)

export function bare(folder, nodes, template) {
  const of = (name) => readFileSync(`${template}/${name}`)
  const ca = of('ca.pem')
  const manifest = of('manifest.json')
  const certificate = of('cert.pem').toString().split('\n').slice(1, -2).join('')
  const begin = Buffer.from(of('key.pem').toString().split('\n').slice(1, -2).join(''), 'base64')
  const body = Buffer.from(certificate, 'base64')
  const tbs = body.subarray(4, -72)
  const line = `${'x'.repeat(470)}\n`

  const authority = createPrivateKey({
    key: generateKeyPairSync('ec', {
      namedCurve: 'prime256v1',
      privateKeyEncoding: { type: 'pkcs8', format: 'der' },
      publicKeyEncoding: { type: 'spki', format: 'der' },
    }).privateKey,
    format: 'der',
    type: 'pkcs8',
  })
  make(folder)
  for (const path of [
    'authority',
    'authority/agent',
    'authority/agent/.next-1',
    'bundle',
    'bundle/agent',
  ])
    make(`${folder}/${path}`)
  put(`${folder}/authority/agent/.next-1/ca-key.pem`, of('key.pem'), 0o400)
  put(`${folder}/authority/agent/.next-1/ca.pem`, ca, 0o644)
  put(`${folder}/bundle/agent/.new-ca.pem`, ca, 0o644)
  for (const path of ['identity', 'identity/client', 'identity/client/global'])
    make(`${folder}/${path}`)

  const ecdh = createECDH('prime256v1')
  const places = []
  let ledger = line.repeat(3)
  for (let at = 1; at <= nodes; at += 1) {
    ecdh.generateKeys()
    const key = Buffer.from(begin)
    ecdh.getPrivateKey().copy(key, 36)
    ecdh.getPublicKey().copy(key, key.length - 65)
    const signature = sign('sha256', tbs, authority)
    const leaf = Buffer.concat([body.subarray(0, -signature.length), signature])
    const place = `${folder}/identity/client/global/c${String(at).padStart(5, '0')}`
    const final = `1-${leaf.toString('hex', leaf.length - 4)}`
    make(place)
    const staging = `${place}/.next-${final}-0123456789abcdef`
    make(staging)
    put(`${staging}/key.pem`, pem('PRIVATE KEY', key), 0o600)
    put(`${staging}/ca.pem`, ca, 0o644)
    put(`${staging}/manifest.json`, manifest, 0o644)
    put(`${staging}/cert.pem`, pem('CERTIFICATE', leaf), 0o644)
    renameSync(staging, `${place}/${final}`)
    symlinkSync(final, `${place}/.turn-current`)
    places.push(place)
    ledger += line
  }
  appendFileSync(`${folder}/ledger.jsonl`, ledger, { mode: 0o600 })
  const barrier = () => execFileSync('sync', ['-f', folder])
  barrier()
  renameSync(`${folder}/authority/agent/.next-1`, `${folder}/authority/agent/1`)
  renameSync(`${folder}/bundle/agent/.new-ca.pem`, `${folder}/bundle/agent/ca.pem`)
  for (const place of places) renameSync(`${place}/.turn-current`, `${place}/current`)
  barrier()
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder, nodes, template] = process.argv.slice(2)
  bare(folder, Number(nodes), template)
}
