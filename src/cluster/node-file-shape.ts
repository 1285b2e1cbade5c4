/**
 * The table of the file of a node that renews itself: every key with its type, default, sentence and example. The
 * parser and `docs/renewing-nodes.md` are made from it.
 *
 * @module
 */

import { formatDuration } from '../duration.js'
import { nodePlaces } from './node.js'
import { receiptsFields } from './receipts.js'
import type { Field, RecordShape } from './shape-types.js'
import { durationText, formatVersion, leafKey, list, plainName, regionName, text } from './shape.js'
import {
  engineAddress,
  loginMountField,
  loginRoleField,
  mountPath,
  namespaceField,
} from './vault.js'

/** How a node has a token. */
export const nodeMethods = ['approle', 'cert', 'jwt', 'token'] as const

/** Names that the engine takes (framework.GenericNameRegex of its SDK). */
const engineWord = text('a name: letters, digits, "_", "-" and "."', '^\\w(?:[\\w.-]*\\w)?$', 256)

const file = text('a path')
const names = list(text('a DNS name'))
const addresses = list(text('an IP address'))
const fingerprint = text('a fingerprint: SHA256: and 64 hex digits', '^SHA256:[0-9a-f]{64}$')

/** The defaults, and what the reference says of them. */
export const nodeDefaults: {
  readonly lifetime: number
  readonly renewBefore: number
  readonly roots: string
} = {
  lifetime: 90 * 86_400_000,
  renewBefore: 30 * 86_400_000,
  roots: 'ca.pem',
}

const authFields: readonly Field[] = [
  {
    key: 'method',
    shape: { kind: 'choice', values: nodeMethods },
    required: true,
    sentence:
      'How a token is had: `approle`, with two files; `cert`, with a client certificate; `jwt`, with a file that the platform keeps fresh, such as the identity of a cloud; `token`, from a file that another program keeps fresh.',
    example: 'approle',
  },
  loginMountField,
  loginRoleField(engineWord, 'nomad-node'),
  {
    key: 'roleIdFile',
    shape: file,
    sentence: 'With `method: approle`: the file with the role id. Mode 0600.',
    example: 'role-id',
  },
  {
    key: 'secretIdFile',
    shape: file,
    sentence: 'With `method: approle`: the file with the secret id. Mode 0600.',
    example: 'secret-id',
  },
  {
    key: 'jwtFile',
    shape: file,
    sentence: 'With `method: jwt`: the file with the JWT. Mode 0600.',
    example: '/run/nomad-pki/identity.jwt',
  },
  {
    key: 'tokenFile',
    shape: file,
    sentence: 'With `method: token`: the file with the token. Mode 0600.',
    example: '/run/nomad-pki/token',
  },
  {
    key: 'certFile',
    shape: file,
    sentence: 'With `method: cert`: the client certificate.',
    example: '/etc/nomad-tls/current/cert.pem',
  },
  {
    key: 'keyFile',
    shape: file,
    sentence: 'With `method: cert`: its private key. Mode 0600.',
    example: '/etc/nomad-tls/current/key.pem',
  },
]

/** The table of the file: parser and reference are made from it. */
export const nodeFileShape: RecordShape = {
  kind: 'record',
  fields: [
    formatVersion,
    {
      key: 'cluster',
      shape: plainName,
      required: true,
      sentence: 'The name of the cluster.',
      example: 'acme',
    },
    {
      key: 'role',
      shape: { kind: 'choice', values: ['server', 'client', 'combined'] },
      required: true,
      sentence: 'What the agent is.',
      example: 'client',
    },
    {
      key: 'region',
      shape: regionName,
      required: true,
      sentence: 'The region of the agent.',
      example: 'us-west',
    },
    {
      key: 'name',
      shape: plainName,
      required: true,
      sentence: 'The name of the node.',
      example: 'c1',
    },
    {
      key: 'names',
      shape: names,
      default: 'none',
      sentence: "DNS names beyond the role's own and `localhost`.",
      example: '[c1.acme.internal]',
    },
    {
      key: 'ips',
      shape: addresses,
      default: 'none',
      sentence: "IP addresses beyond the loopback's.",
      example: '[10.0.0.21]',
    },
    {
      key: 'key',
      shape: leafKey,
      default: 'ecdsa-p256',
      sentence: 'The algorithm of the private key.',
      example: 'ecdsa-p384',
    },
    {
      key: 'lifetime',
      shape: durationText,
      default: formatDuration(nodeDefaults.lifetime),
      sentence: 'How long a certificate lives.',
      example: '7d',
    },
    {
      key: 'renewBefore',
      shape: durationText,
      default: `${formatDuration(nodeDefaults.renewBefore)}, or a third of a shorter life`,
      sentence:
        'How long before its end a certificate is renewed. Each node does it up to a tenth of that earlier, by its address: a fleet does not renew in one minute.',
      example: '2d',
    },
    {
      key: 'beyondIssuer',
      shape: { kind: 'choice', values: ['refuse', 'clamp'] },
      default: 'refuse',
      sentence:
        'What happens where the certificate would outlive its issuer: an error, or it ends with its issuer.',
      example: 'clamp',
    },
    {
      key: 'tls',
      shape: text(
        'an absolute path without `..`',
        '^(?!.*/\\.\\.(/|$))/[^\\u0000-\\u001f\\u007f]+$',
      ),
      default: nodePlaces.written,
      sentence:
        'The directory with the link `current`, which the configuration of the agent names.',
      example: '/etc/nomad-tls',
    },
    {
      key: 'owner',
      shape: text('a user', '^[A-Za-z_][A-Za-z0-9_.-]{0,31}$'),
      default: 'the user who runs it',
      sentence: 'The user that the agent runs as: the files become theirs.',
      example: 'nomad',
    },
    {
      key: 'reload',
      shape: text(
        'a unit of systemd, a process (or the absolute path of a file with its id), or none',
      ),
      required: true,
      sentence: 'How the agent is told to load the files: a unit of systemd, a process, or `none`.',
      example: 'nomad.service',
    },
    {
      key: 'probe',
      shape: text('HOST:PORT', '^[^\\s\\u0000-\\u001f]+:[0-9]{1,5}$'),
      default: 'nothing is proven',
      sentence: 'Where the agent serves HTTPS: a handshake proves that it loaded the files.',
      example: '127.0.0.1:4646',
    },
    ...receiptsFields,
    {
      key: 'trust',
      shape: {
        kind: 'record',
        fields: [
          {
            key: 'roots',
            shape: file,
            default: nodeDefaults.roots,
            sentence: 'The file with the roots that the agent trusts.',
            example: 'ca.pem',
          },
          {
            key: 'pins',
            shape: { ...list(fingerprint, 1), max: 16 },
            required: true,
            sentence:
              'The fingerprint of each root in that file. A file with another root is refused.',
            example: '["SHA256:4c1e…"]',
          },
          {
            key: 'chain',
            shape: file,
            default: 'none: a root signs',
            sentence:
              'The file with what goes behind a leaf, the issuer first. What the engine says of the chain is not taken.',
            example: 'chain.pem',
          },
          {
            key: 'signer',
            shape: fingerprint,
            required: true,
            sentence: 'The fingerprint of the authority that signs: one of the two files has it.',
            example: '"SHA256:9f2c…"',
          },
        ],
      },
      required: true,
      sentence: 'Whom the agent trusts, and who signs for it.',
      example: '{ pins: ["SHA256:4c1e…"], chain: chain.pem, signer: "SHA256:9f2c…" }',
    },
    {
      key: 'engine',
      shape: {
        kind: 'record',
        fields: [
          {
            key: 'address',
            shape: engineAddress,
            required: true,
            sentence: 'The address of Vault or OpenBao. `http` is for a loopback alone.',
            example: 'https://vault.acme.internal:8200',
          },
          namespaceField,
          {
            key: 'caFile',
            shape: file,
            default: "the system's roots",
            sentence: "The file of roots that the engine's certificate leads to.",
            example: 'engine-ca.pem',
          },
          {
            key: 'serverName',
            shape: text('a DNS name'),
            default: 'the host of the address',
            sentence: "The name that the engine's certificate must have.",
            example: 'vault.acme.internal',
          },
          {
            key: 'mount',
            shape: mountPath,
            required: true,
            sentence: 'Where the engine `pki` is mounted.',
            example: 'pki/nomad',
          },
          {
            key: 'issuer',
            shape: engineWord,
            required: true,
            sentence: 'The issuer in the mount that signs.',
            example: 'us-west-1',
          },
          {
            key: 'role',
            shape: engineWord,
            required: true,
            sentence: 'The role in the mount: the boundary of what this node can get.',
            example: 'nomad-client-us-west-c1',
          },
          {
            key: 'auth',
            shape: {
              kind: 'record',
              fields: authFields,
              refused: {
                token: 'a token does not stand here: write tokenFile:',
                secretId: 'a secret does not stand here: write secretIdFile:',
                roleId: 'write roleIdFile:',
              },
            },
            required: true,
            sentence: 'How a token is had.',
            example: '{ method: approle, roleIdFile: role-id, secretIdFile: secret-id }',
          },
        ],
        refused: {
          token: 'a token does not stand here: write auth: { method: token, tokenFile: … }',
        },
      },
      required: true,
      sentence: 'Vault or OpenBao, as this node reaches it. The environment is not read.',
      example: '{ address: "https://vault.acme.internal:8200", mount: pki/nomad, … }',
    },
  ],
  refused: {
    regions: 'this is the spec of a cluster: nomad-pki pack NODE --renew makes the file of a node',
  },
}
