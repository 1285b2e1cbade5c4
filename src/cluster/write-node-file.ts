/**
 * The file of a node that renews itself, as text.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import type { NodeFile } from './node-file.js'
import { written, type Plain } from './yaml-write.js'

/** Writes the file; what has its default is left out where the reader misses nothing. */
export function encodeNodeFile(node: NodeFile): string {
  const { trust, engine } = node
  const { auth } = engine
  const lines: readonly (readonly [keys: readonly string[], value: Plain | undefined])[] = [
    [['version'], 1],
    [['cluster'], node.cluster],
    [['role'], node.role],
    [['region'], node.region],
    [['name'], node.name],
    [['names'], node.names.length === 0 ? undefined : node.names],
    [['ips'], node.ips.length === 0 ? undefined : node.ips],
    [['key'], node.key],
    [['lifetime'], formatDuration(node.lifetime)],
    [['renewBefore'], formatDuration(node.renewBefore)],
    [['beyondIssuer'], node.beyondIssuer === 'refuse' ? undefined : node.beyondIssuer],
    [['tls'], node.tls],
    [['owner'], node.owner],
    [['reload'], node.reload],
    [['probe'], node.probe],
    [['receipts'], node.receipts],
    [['receiptsCaFile'], node.receiptsCaFile],
  ]
  const of = (fields: Readonly<Record<string, Plain | undefined>>): Plain =>
    Object.fromEntries(
      Object.entries(fields).filter((entry): entry is [string, Plain] => entry[1] !== undefined),
    )
  const line = (keys: readonly string[], value: Plain, indent = ''): string =>
    `${written(keys, value, indent, '  ', '\n')}\n`
  const { roots, pins, chain, signer } = trust
  const { address, namespace, caFile, serverName, mount, issuer, role } = engine
  const inEngine = { address, namespace, caFile, serverName, mount, issuer, role }
  return [
    '# What this node asks for by itself: nomad-pki renew. It holds no secret; nomad-pki pack NODE --renew made it.\n',
    ...lines.flatMap(([keys, value]) => (value === undefined ? [] : [line(keys, value)])),
    'trust:\n',
    ...Object.entries({ roots, pins, chain, signer }).flatMap(([key, value]) =>
      value === undefined ? [] : [line([key], value, '  ')],
    ),
    'engine:\n',
    ...Object.entries(inEngine).flatMap(([key, value]) =>
      value === undefined ? [] : [line([key], value, '  ')],
    ),
    line(
      ['auth'],
      of({
        method: auth.method,
        mount: auth.mount === auth.method ? undefined : auth.mount,
        role: auth.role,
        roleIdFile: auth.roleIdFile,
        secretIdFile: auth.secretIdFile,
        jwtFile: auth.jwtFile,
        tokenFile: auth.tokenFile,
        certFile: auth.certFile,
        keyFile: auth.keyFile,
      }),
      '  ',
    ),
  ].join('')
}
