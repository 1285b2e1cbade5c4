/**
 * The words of the spec about Vault and OpenBao, in one place: where the engine is, and what of it belongs to an
 * authority.
 *
 * @module
 */

import type { Role } from '../address.js'
import { algorithmOf, type KeyAlgorithm } from '../keys/algorithms.js'
import type { Field, RecordShape, TextShape } from './shape-types.js'

/** How a token is had. */
export const vaultMethods = ['token', 'approle', 'cert', 'jwt'] as const

/** `vault`: the engine that the authorities of the spec are in. */
export interface VaultSpec {
  /** `https://vault.acme.internal:8200` */
  readonly address: string
  /** `undefined`: the root namespace, or what the environment says. */
  readonly namespace?: string | undefined
  /** How a token is had. */
  readonly auth: VaultAuthSpec
}

/** How a token is had. */
export interface VaultAuthSpec {
  /** One of the ways that `vault.auth.method` can name. */
  readonly method: (typeof vaultMethods)[number]
  /** Where the method is mounted. */
  readonly mount: string
  /** The role of a login by certificate or JWT. */
  readonly role?: string | undefined
}

/** `authorities.NAME.engine`: what one authority has in the engine. */
export interface EngineSpec {
  /** Where its engine is mounted: `pki/nomad`. */
  readonly mount: string
  /** The name of its issuer: a template with `{generation}`. */
  readonly issuer: string
  /** The names of its roles: a template with `{role}` and `{region}`. */
  readonly roles: string
}

/** As written. */
export interface RawVault {
  readonly address?: string
  readonly namespace?: string
  readonly auth?: {
    readonly method?: VaultAuthSpec['method']
    readonly mount?: string
    readonly role?: string
  }
}

/** As written. */
export type RawEngine = Partial<EngineSpec>

/** What a part of a path can be made of: neither `..` nor a character that means something in a URL or a policy. */
const word = '[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?'

/** Where something is mounted in an engine. */
export const mountPath: TextShape = {
  kind: 'text',
  words: 'a path such as pki/nomad: letters, digits, "_", "-" and "/"',
  pattern: `^${word}(?:/${word})*$`,
  maxLength: 128,
}

/** The address of an engine. */
export const engineAddress: TextShape = {
  kind: 'text',
  words: 'an address such as https://vault.acme.internal:8200',
  pattern: '^https?://[A-Za-z0-9.:\\[\\]-]+/?$',
  maxLength: 512,
}

/** The name of a role, or of an issuer, in an engine. */
const engineWord: TextShape = {
  kind: 'text',
  words: 'a name: letters, digits, "_" and "-"',
  pattern: `^${word}$`,
  maxLength: 128,
}

function template(words: string, places: readonly string[]): TextShape {
  const each = places.map((place) => `(?=.*\\{${place}\\})`).join('')
  const any = places.map((place) => `\\{${place}\\}`).join('|')
  return {
    kind: 'text',
    words,
    // Each placeholder must be there: without it two generations, or two roles, would be one.
    pattern: `^${each}(?:[A-Za-z0-9_-]|${any})+$`,
    maxLength: 128,
  }
}

/** The defaults, and what `docs/spec.md` says of them. */
const engineDefaults = {
  issuer: '{authority}-{generation}',
  roles: 'nomad-{role}-{region}',
} as const

const engineShape: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'mount',
      shape: mountPath,
      required: true,
      sentence: 'Where the engine `pki` of this authority is mounted.',
      example: 'pki/nomad',
    },
    {
      key: 'issuer',
      shape: template('a name with {generation} in it', ['generation']),
      default: '`NAME-{generation}`',
      sentence: 'The name of its issuer in the mount; each generation is an issuer of its own.',
      example: '"us-west-{generation}"',
    },
    {
      key: 'roles',
      shape: template('a name with {role} and {region} in it', ['role', 'region']),
      default: `\`${engineDefaults.roles}\``,
      sentence: 'The names of its roles in the mount: one for each kind of agent and region.',
      example: '"nomad-{role}-{region}"',
    },
  ],
  refused: {
    address: 'write vault: { address: … } at the top of the spec',
    role: 'write roles:',
  },
}

/** `engine` of an authority. */
export const engineField: Field = {
  key: 'engine',
  shape: engineShape,
  sentence:
    'The intermediate is in Vault or OpenBao: its key is made there and stays there. `authority setup` makes it, and the top-level key `vault` says where the engine is.',
  example: '{ mount: pki/nomad }',
}

/** The namespace of an engine. */
export const namespaceField: Field = {
  key: 'namespace',
  shape: { ...mountPath, words: 'a namespace such as infra/nomad' },
  default: 'the root namespace',
  sentence: 'The namespace of the engine.',
  example: 'infra',
}

/** Where a login is mounted. */
export const loginMountField: Field = {
  key: 'mount',
  shape: mountPath,
  default: 'the name of the method',
  sentence: 'Where the method is mounted below `auth/`.',
  example: 'approle',
}

/** The role of a login. */
export function loginRoleField(shape: TextShape, example: string): Field {
  return {
    ...{ key: 'role', shape, example },
    default: 'any role that takes the certificate; the default role of the method',
    sentence: 'With `method: cert` or `jwt`: the role to log in as.',
  }
}

/** `vault`. */
export const vaultField: Field = {
  key: 'vault',
  shape: {
    kind: 'record',
    fields: [
      {
        key: 'address',
        shape: engineAddress,
        required: true,
        sentence:
          'The address of Vault or OpenBao. The environment (`BAO_ADDR`, `VAULT_ADDR`) or `nomad-pki.local.yaml` names the same one; a token goes nowhere else. `http` is for a loopback alone.',
        example: 'https://vault.acme.internal:8200',
      },
      namespaceField,
      {
        key: 'auth',
        shape: {
          kind: 'record',
          fields: [
            {
              key: 'method',
              shape: { kind: 'choice', values: vaultMethods },
              default: '`token`',
              sentence:
                'How a token is had: `token`, from the environment, a file or a command; `approle`, with the files that `nomad-pki.local.yaml` names; `cert`, with the client certificate; `jwt`, with the file that `nomad-pki.local.yaml` names.',
              example: 'approle',
            },
            loginMountField,
            loginRoleField(engineWord, 'nomad-pki'),
          ],
          refused: {
            token: 'a token does not stand in the spec: set BAO_TOKEN',
            secretId: 'a secret does not stand in the spec: nomad-pki.local.yaml names its file',
            roleId: 'nomad-pki.local.yaml names its file: vault: { roleIdFile: … }',
          },
        },
        default: '`{ method: token }`',
        sentence: 'How a token is had.',
        example: '{ method: approle }',
      },
    ],
    refused: {
      token: 'a token does not stand in the spec: set BAO_TOKEN',
      mount: 'write it below engine: of the authority',
    },
  },
  sentence: 'Vault or OpenBao, for authorities with `engine`. Nothing secret stands here.',
  example: '{ address: "https://vault.acme.internal:8200" }',
}

/** What is written, with the defaults. */
export function vaultOf(raw: RawVault): VaultSpec {
  const method = raw.auth?.method ?? 'token'
  return {
    address: raw.address ?? '',
    ...(raw.namespace === undefined ? {} : { namespace: raw.namespace }),
    auth: {
      method,
      mount: raw.auth?.mount ?? method,
      ...(raw.auth?.role === undefined ? {} : { role: raw.auth.role }),
    },
  }
}

/** What is written, with the defaults. */
export function engineOf(raw: RawEngine, authority: string): EngineSpec {
  return {
    mount: raw.mount ?? '',
    issuer: raw.issuer ?? engineDefaults.issuer.replaceAll('{authority}', authority),
    roles: raw.roles ?? engineDefaults.roles,
  }
}

/** The name of a generation's issuer in the mount. */
export function issuerNameIn({ issuer }: EngineSpec, generation: number): string {
  return issuer.replaceAll('{generation}', String(generation))
}

/** The kind of key that a role of an engine takes. */
export type EngineKeys = 'ec' | 'rsa'

/**
 * The name of a role in the mount.
 *
 * @param keys Default: EC keys.
 */
export function roleNameIn(
  { roles }: EngineSpec,
  role: Role,
  region: string,
  keys: EngineKeys = 'ec',
): string {
  const name = roles.replaceAll('{role}', role).replaceAll('{region}', region)
  return keys === 'rsa' ? `${name}.rsa` : name
}

/** The kind of role that an algorithm needs. */
export function engineKeysOf(algorithm: KeyAlgorithm): EngineKeys {
  return algorithmOf(algorithm).kind === 'rsa' ? 'rsa' : 'ec'
}
