/**
 * The file of a node that renews itself, the files that it names, and its engine: read where nobody else can change
 * them.
 *
 * @module
 */

import path from 'node:path'
import { getuid } from 'node:process'
import { parseNodeFile, type NodeFile } from '../cluster/node-file.js'
import { latin1Of } from '../bytes.js'
import { engineClient, type EngineAddress } from '../engine/client.js'
import type { EngineLogin } from '../engine/login.js'
import { engineSession, type EngineSession } from '../engine/session.js'
import { originOf } from '../engine/settings.js'
import { NomadPkiError } from '../errors.js'
import { shownPath } from '../files/fault.js'
import { nodeFiles } from '../files/files.js'
import { openToOthers } from '../files/open-way.js'
import { readWhole } from '../files/read.js'
import type { ReceiptRequest } from '../renewal/send-receipt.js'
import { nodeAuthority, type NodeAuthority } from '../renewal/trust.js'
import { shellQuote } from '../shell-quote.js'
import { tokenIn } from './engine.js'
import { readOwn, utf8Of } from './local-file.js'
import type { Printer } from './printer.js'

/** A node's file with all that it names. */
export interface OpenedNode {
  readonly node: NodeFile
  readonly authority: NodeAuthority
  /** Opens the engine. Nothing is asked of it yet. */
  readonly session: () => EngineSession
  /** Where its receipt goes; `undefined`: it stays. */
  readonly receipts: Pick<ReceiptRequest, 'to' | 'ca'> | undefined
}

/** How long one call to an engine may take, milliseconds. */
const timeout = 15_000

/** What the settings of an engine are called here. */
const settings: EngineAddress['settings'] = {
  BAO_CACERT: 'engine.caFile',
  BAO_CLIENT_CERT: 'engine.auth.certFile',
  BAO_CLIENT_KEY: 'engine.auth.keyFile',
  BAO_TLS_SERVER_NAME: 'engine.serverName',
  BAO_NAMESPACE: 'engine.namespace',
}

/**
 * Reads a node's file, and the certificates beside it.
 *
 * @param file Absolute.
 * @throws {NomadPkiError} `ERR_NODE_INVALID`, `ERR_FILE_UNREADABLE`, `ERR_REFUSED`
 */
export function openNode(file: string, printer: Printer): OpenedNode {
  const bytes = readGuarded(file, "the node's file")
  const begins = latin1Of(bytes.subarray(0, 16)).replace(/[^ -~]/g, '?')
  const text = utf8Of(bytes, file, invalid, `is this the right file? It begins: ${begins}`)
  const { node, diagnostics } = parseNodeFile(text, { file: shownPath(file) })
  if (node === undefined) {
    throw new NomadPkiError('ERR_NODE_INVALID', `${shownPath(file)} has errors`, { diagnostics })
  }
  printer.warn(diagnostics)
  const at = (name: string): string => path.resolve(path.dirname(file), name)
  const { trust, engine } = node
  const authority = nodeAuthority(node, {
    roots: readGuarded(at(trust.roots), 'the file of trust.roots'),
    chain:
      trust.chain === undefined
        ? undefined
        : readGuarded(at(trust.chain), 'the file of trust.chain'),
  })
  // An address that is not safe is said before it is due.
  const origin = originOf(engine.address)
  const { receipts: to, receiptsCaFile } = node
  const receipts =
    to === undefined
      ? undefined
      : {
          to,
          ...(receiptsCaFile !== undefined && {
            ca: readGuarded(at(receiptsCaFile), 'the file of receiptsCaFile'),
          }),
        }
  return { node, authority, session: () => openSession(node, origin, at), receipts }
}

function openSession(
  { engine }: NodeFile,
  origin: string,
  at: (name: string) => string,
): EngineSession {
  const { namespace, caFile, serverName, auth } = engine
  const { certFile, keyFile } = auth
  const client = engineClient({
    ...{ origin, namespace, serverName, timeout, settings },
    ...(caFile !== undefined && { ca: readGuarded(at(caFile), 'the file of engine.caFile') }),
    ...(certFile !== undefined &&
      keyFile !== undefined && {
        certificate: {
          cert: readGuarded(at(certFile), 'the file of engine.auth.certFile', { anyOwner: true }),
          key: readKey(at(keyFile)),
        },
      }),
  })
  return engineSession(client, loginOf(auth, at))
}

function loginOf(auth: NodeFile['engine']['auth'], at: (name: string) => string): EngineLogin {
  const { method, mount, role } = auth
  const secret = (key: 'roleIdFile' | 'secretIdFile' | 'jwtFile' | 'tokenFile'): string => {
    const file = at(auth[key]!)
    const what = `the file of engine.auth.${key}`
    const bytes = readOwn(file, what, invalid)
    if (bytes === undefined)
      throw invalid(`${what} ${shownPath(file)} is not there`, 'write it there, with mode 0600')
    return tokenIn(bytes, shownPath(file))
  }
  switch (method) {
    case 'token':
      return { method, token: async () => secret('tokenFile') }
    case 'approle':
      return {
        ...{ method, mount },
        credentials: async () => ({
          roleId: secret('roleIdFile'),
          secretId: secret('secretIdFile'),
        }),
      }
    case 'jwt':
      return { ...{ method, mount, role }, jwt: async () => secret('jwtFile') }
    case 'cert':
      return { method, mount, role }
  }
}

/** A file that says where a secret goes, or whom an agent trusts: nobody but its owner may change it. */
function readGuarded(
  file: string,
  what: string,
  { anyOwner = false }: { readonly anyOwner?: boolean } = {},
): Uint8Array {
  const shown = shownPath(file)
  const found = readWhole(nodeFiles, file, { limit: 1024 * 1024 })
  if (found.state === 'absent') {
    throw new NomadPkiError('ERR_FILE_UNREADABLE', `${what} ${shown} is not there`, {
      hint: 'where the spec is: nomad-pki pack NODE --renew makes it; to renew what the store made: nomad-pki rotate leaves ADDRESS, or --due',
    })
  }
  if (found.state !== 'read') {
    throw invalid(
      `${what} ${shown} is not read: ${found.message}`,
      found.state === 'odd'
        ? 'put a plain file into its place: links are not followed'
        : 'run as its owner',
    )
  }
  const user = getuid?.()
  if (!anyOwner && user !== undefined && found.uid !== user && found.uid !== 0) {
    throw invalid(
      `${what} ${shown} belongs to user ${found.uid}, and this runs as user ${user}`,
      `after you have read it: chown ${user} ${shellQuote(file)}`,
    )
  }
  if ((found.mode & 0o022) !== 0) {
    const bits = found.mode.toString(8).padStart(4, '0')
    throw invalid(
      `other users can change ${what} ${shown} (mode ${bits})`,
      `after you have read it: chmod go-w ${shellQuote(file)}`,
    )
  }
  const open = anyOwner ? undefined : openToOthers(nodeFiles, file)
  if (open !== undefined) {
    throw invalid(
      `${open.who} can change ${open.path}, where ${what} ${shown} lies`,
      `chown root ${shellQuote(open.path)} && chmod go-w ${shellQuote(open.path)}`,
    )
  }
  return found.bytes
}

/** The key of a certificate may be the agent's user's: nobody else reads it. */
function readKey(file: string): Uint8Array {
  const found = readWhole(nodeFiles, file)
  const what = `the file of engine.auth.keyFile ${shownPath(file)}`
  if (found.state === 'absent')
    throw invalid(`${what} is not there`, 'log in by approle until a certificate is in place')
  if (found.state !== 'read')
    throw invalid(`${what} is not read: ${found.message}`, 'run as its owner')
  if ((found.mode & 0o077) !== 0)
    throw invalid(`${what} is open to other users`, `chmod 600 ${shellQuote(file)}`)
  return found.bytes
}

function invalid(message: string, hint: string): NomadPkiError {
  return new NomadPkiError('ERR_NODE_INVALID', message, { hint })
}
