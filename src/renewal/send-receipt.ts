/**
 * Puts the receipt of a node where its operators collect them: into a directory, or to an address that takes `PUT`.
 * A receipt is no secret. It is the same text in each run until the next renewal, so it can be put again at any time.
 *
 * @module
 */

import https from 'node:https'
import { dirname } from 'node:path'
import { isReceiptsAddress } from '../cluster/receipts.js'
import type { NodeFile } from '../cluster/node-file.js'
import { lostText } from '../engine/client.js'
import { isNomadPkiError } from '../errors.js'
import { replaceFiles } from '../files/aside.js'
import { nodeFiles } from '../files/files.js'
import { readWhole } from '../files/read.js'

/** How long an address may take, milliseconds. */
const patience = 10_000

/** Where a receipt goes. */
export interface ReceiptRequest {
  /** Whose it is, and where it lies. */
  readonly node: Pick<NodeFile, 'tls' | 'role' | 'region' | 'name'>
  /** An absolute directory, or an address with `https` that ends with `/`. */
  readonly to: string
  /** Roots that the certificate of the address leads to, PEM. Default: those of the system. */
  readonly ca?: Uint8Array | undefined
}

/**
 * Puts the receipt there. A node without one has nothing to put.
 *
 * @returns Why it is not there; `undefined`: it is.
 */
export async function sendReceipt({ node, to, ca }: ReceiptRequest): Promise<string | undefined> {
  const receipt = readWhole(nodeFiles, `${node.tls}/receipt.json`)
  if (receipt.state === 'absent') return undefined
  if (receipt.state !== 'read') return `${node.tls}/receipt.json is not read: ${receipt.message}`
  const name = `${node.role}.${node.region}.${node.name}.json`
  return isReceiptsAddress(to)
    ? toAddress(new URL(encodeURIComponent(name), to), receipt.bytes, { ca, ...ownPair(node.tls) })
    : intoDirectory(`${to.replace(/\/+$/, '')}/${name}`, receipt.bytes)
}

async function intoDirectory(path: string, bytes: Uint8Array): Promise<string | undefined> {
  // A share that is not mounted is not made here: what is written then is nowhere.
  const directory = dirname(path)
  if (nodeFiles.stat(directory)?.isDirectory() !== true) return `${directory} is not a directory`
  const there = readWhole(nodeFiles, path)
  if (there.state === 'odd' || there.state === 'unreadable') return `${path}: ${there.message}`
  const expected = there.state === 'read' ? there.bytes : undefined
  try {
    await replaceFiles(nodeFiles, [{ path, bytes, expected }], 'fsync')
    return undefined
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    return error.hint === undefined ? error.message : `${error.message} (${error.hint})`
  }
}

/** What the node presents where the address asks for a certificate. */
function ownPair(tls: string): Pick<https.RequestOptions, 'cert' | 'key'> {
  const [cert, key] = ['cert.pem', 'key.pem'].map((file) =>
    readWhole(nodeFiles, `${tls}/current/${file}`),
  )
  return cert?.state === 'read' && key?.state === 'read'
    ? { cert: Buffer.from(cert.bytes), key: Buffer.from(key.bytes) }
    : {}
}

/** A redirect is an answer, and not followed. */
function toAddress(
  url: URL,
  bytes: Uint8Array,
  { ca, cert, key }: Pick<https.RequestOptions, 'cert' | 'key'> & Pick<ReceiptRequest, 'ca'>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': bytes.length }
    try {
      const request = https.request(
        url,
        { method: 'PUT', headers, ca: ca && Buffer.from(ca), cert, key, minVersion: 'TLSv1.2' },
        ({ statusCode = 0 }) => {
          // What it says beyond its status is not read.
          request.destroy()
          resolve(
            statusCode >= 200 && statusCode < 300
              ? undefined
              : `${url.origin} answered ${statusCode}`,
          )
        },
      )
      const timer = setTimeout(() => {
        resolve(`${url.origin} gave no answer within ${patience / 1000}s`)
        request.destroy()
      }, patience)
      request.on('close', () => clearTimeout(timer))
      request.on('error', (error: NodeJS.ErrnoException) => {
        resolve(faultOf(url.origin, error))
      })
      request.end(bytes)
    } catch (error) {
      // A key that TLS does not take, for one.
      resolve(faultOf(url.origin, error as NodeJS.ErrnoException))
    }
  })
}

/** What TLS says of a certificate is a sentence of its own; of a connection it is a code. */
function faultOf(origin: string, error: NodeJS.ErrnoException): string {
  const isOfConnection = /^E[A-Z_]+$/.test(error.code ?? '') && !error.code!.startsWith('ERR_')
  return isOfConnection ? lostText(origin, error) : `${origin} is not asked: ${error.message}`
}
