/**
 * The one table of the spec: every key with its type, default, unit, sentence and example. The parser,
 * the JSON Schema and `docs/spec.md` are made from it.
 *
 * @module
 */

import { namePattern, regionPattern } from '../address.js'
import { durationSyntax } from '../duration.js'
import { algorithmOf, keyAlgorithms } from '../keys/algorithms.js'
import { supportedVersions, versionPattern } from '../nomad/versions.js'
import { explainDuration, explainName, explainNodeKey, explainRegion } from './explain.js'
import { receiptsFields } from './receipts.js'
import { signerKinds } from './signers.js'
import { operatorKinds } from './operators.js'
import { transports } from './transport.js'
import { engineField, vaultField } from './vault.js'
import type {
  ChoiceShape,
  CountShape,
  Field,
  ListShape,
  MapShape,
  RecordShape,
  TextShape,
} from './shape-types.js'

/** What `duration.ts` reads, as one regular expression: units fall, each at most once. */
export const durationText: TextShape = {
  kind: 'text',
  words: durationSyntax,
  pattern:
    '^(?=[0-9])([0-9]{1,6}y)?([0-9]{1,6}w)?([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$',
  explain: explainDuration,
  duration: true,
}

/** Printable, on one line, not empty. */
const line = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$'

/** A text on one line. */
export function text(words: string, pattern: string = line, maxLength = 1024): TextShape {
  return { kind: 'text', words, pattern, maxLength }
}

/** No node has more names, and no region more networks: a handshake carries them all. */
const listLimit = 500

/** A list of what a handshake carries. */
export function list(of: TextShape | CountShape, min?: number): ListShape {
  return { kind: 'list', of, ...(min === undefined ? {} : { min }), max: listLimit }
}

const flag = { kind: 'flag' } as const

/** A region. */
export const regionName: TextShape = {
  kind: 'text',
  words: 'a region: letters, digits, ".", "_" and "-", at most 51, as the agents have it',
  pattern: regionPattern,
  code: 'spec/name',
  explain: explainRegion,
}

/** A node, a cluster, an authority. */
export const plainName: TextShape = {
  kind: 'text',
  words: 'a name: letters, digits, ".", "_" and "-", at most 63',
  pattern: namePattern,
  code: 'spec/name',
  explain: explainName,
}

const nodeKey: TextShape = {
  kind: 'text',
  words: 'a node, or nodes with ranges: s1, "c[001-500]"',
  pattern: '^(?!-)(?!\\.{1,2}$)([A-Za-z0-9._-]|\\[[0-9]{1,6}-[0-9]{1,6}\\]){1,256}$',
  code: 'spec/name',
  explain: explainNodeKey,
}

const authorityKey: ChoiceShape = { kind: 'choice', values: keyAlgorithms }
/** What agents load. */
export const leafKey: ChoiceShape = {
  kind: 'choice',
  values: keyAlgorithms.filter((name) => algorithmOf(name).agentsTake),
  refused: {
    ed25519:
      'Nomad agents refuse Ed25519 keys: they load ECDSA and RSA only; authorities may have one',
    'ecdsa-p224': 'Go loads P-224 keys but cannot shake hands with them',
    secp256k1: 'Nomad agents cannot load secp256k1 keys',
  },
}

const templateWords =
  '`{node}`, `{n}` (the number of a range), `{region}` and `{cluster}` are replaced'

const leafFields = {
  key: {
    key: 'key',
    shape: leafKey,
    default: 'ecdsa-p256',
    sentence: 'Algorithm of the private key.',
    example: 'ecdsa-p384',
  },
  keyHeld: {
    key: 'keyHeld',
    shape: { kind: 'choice', values: ['store', 'node'] },
    default: 'store',
    sentence:
      'Where the private key of an agent is. `store`: `apply` makes it, and `pack` brings it to the node. `node`: `request` makes it on the node, where it stays, and `sign` makes the certificate; not for an identity that hosts share.',
    example: 'node',
  },
  renewedBy: {
    key: 'renewedBy',
    shape: { kind: 'choice', values: ['store', 'node'] },
    default: 'store',
    sentence:
      'Who renews the certificate of an agent. `store`: `apply` or `sign` makes it. `node`: the node asks Vault or OpenBao by itself (`pack --renew`, `renew`), its key stays there, and the store knows its certificate by `probe` and by its receipts; the authority of its region must be in an engine.',
    example: 'node',
  },
  lifetime: {
    key: 'lifetime',
    shape: durationText,
    default: '90d; operators 24h, machines 30d',
    sentence: 'How long a certificate lives.',
    example: '30d',
  },
  renewBefore: {
    key: 'renewBefore',
    shape: durationText,
    default: '30d',
    sentence:
      'How long before its end a certificate is renewed; an inherited one that does not fit a shorter lifetime becomes a third of it.',
    example: '10d',
  },
  beyondIssuer: {
    key: 'beyondIssuer',
    shape: { kind: 'choice', values: ['refuse', 'clamp'] },
    default: 'refuse',
    sentence:
      'What happens where a certificate would outlive its issuer: an error, or it ends with its issuer.',
    example: 'clamp',
  },
  keep: {
    key: 'keep',
    shape: { kind: 'count', min: 1, max: 1000 },
    default: '3',
    unit: 'generations',
    sentence: 'How many generations of an identity stay in the store, the current one included.',
    example: '5',
  },
} as const satisfies Record<string, Field>

const fromDefaults = (fields: readonly Field[]): readonly Field[] =>
  fields.map((field) => ({ ...field, default: 'from `defaults`' }))

const policy: readonly Field[] = [
  leafFields.key,
  leafFields.keyHeld,
  leafFields.renewedBy,
  leafFields.lifetime,
  leafFields.renewBefore,
  leafFields.beyondIssuer,
  leafFields.keep,
]
const inherited: readonly Field[] = fromDefaults([
  leafFields.key,
  leafFields.keyHeld,
  leafFields.renewedBy,
  leafFields.lifetime,
  leafFields.renewBefore,
  leafFields.keep,
])
const ofAgents = ({ key }: Field): boolean =>
  key !== leafFields.keyHeld.key && key !== leafFields.renewedBy.key

const perRole: RecordShape = { kind: 'record', fields: fromDefaults(policy) }

const operatorsKey = {
  keyHeld:
    "an operator's key is made with the certificate, in the store: a browser or a shell needs both",
  renewedBy: 'only agents renew themselves: what an operator or a machine has is made in the store',
}
const perOperator: RecordShape = {
  kind: 'record',
  fields: fromDefaults(policy.filter(ofAgents)),
  refused: operatorsKey,
}

const defaults: RecordShape = {
  kind: 'record',
  fields: [
    ...policy,
    { key: 'server', shape: perRole, sentence: 'The same for servers alone.' },
    { key: 'client', shape: perRole, sentence: 'The same for clients alone.' },
    {
      key: 'combined',
      shape: perRole,
      sentence: 'The same for agents that are server and client.',
    },
    {
      key: 'operator',
      shape: perOperator,
      default: '`lifetime: 24h`, whatever `defaults.lifetime` says',
      sentence: 'The same for operators alone.',
      example: '{ lifetime: 8h }',
    },
    {
      key: 'machine',
      shape: perOperator,
      default: '`lifetime: 30d`, whatever `defaults.lifetime` says',
      sentence: 'The same for operators with `kind: machine`.',
      example: '{ lifetime: 14d }',
    },
  ],
}

const names: Field = {
  key: 'names',
  shape: list(text('a DNS name such as "{node}.acme.internal"')),
  sentence: `DNS names beyond the role's own and \`localhost\`; ${templateWords}.`,
  example: '["{node}.acme.internal"]',
}
const ips: Field = {
  key: 'ips',
  shape: list(text('an IP address, 10.0.0.11, or a template, 10.0.1.{n} or 10.0.0.0/16+{n}')),
  sentence:
    "Addresses beyond the loopback's. For ranges: `10.0.1.{n}` puts the number into the address, `10.0.0.0/16+{n}` counts from the address and stays in its network.",
  example: '[10.0.0.11]',
}

const stanza: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'http',
      shape: flag,
      default: 'true',
      sentence:
        'Whether the HTTP API speaks HTTPS. `false` is for an API that only a proxy on the same host reaches; RPC stays encrypted.',
      example: 'false',
    },
    {
      key: 'verify_server_hostname',
      shape: flag,
      default: 'true',
      sentence:
        "Whether agents check each other's role and region. Without it any certificate of the authority is a server's.",
      example: 'true',
    },
    {
      key: 'verify_https_client',
      shape: flag,
      default: 'true',
      sentence: 'Whether the HTTP API asks for a certificate.',
      example: 'true',
    },
    {
      key: 'tls_min_version',
      shape: {
        kind: 'choice',
        values: ['tls10', 'tls11', 'tls12', 'tls13'],
        refused: { 'tls1.2': 'Nomad spells it tls12', 'tls1.3': 'Nomad spells it tls13' },
      },
      default: "left out: Nomad's own, tls12",
      sentence: 'The oldest version of TLS that is spoken; tls13 needs Nomad 1.8.3.',
      example: 'tls13',
    },
    {
      key: 'tls_cipher_suites',
      shape: text(
        'suites with commas and without spaces',
        '^TLS_[A-Z0-9_]+(,TLS_[A-Z0-9_]+)*$',
        2048,
      ),
      default: "left out: Nomad's own",
      sentence: 'Cipher suites for TLS 1.2 and older, with commas and without spaces.',
      example: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    },
  ],
  refused: {
    rpc: 'it is always true',
    ca_file: 'it follows from node.tls',
    cert_file: 'it follows from node.tls',
    key_file: 'it follows from node.tls',
    rpc_upgrade_mode: 'it follows from transport: servers have it while that is upgrading',
    tls_prefer_server_cipher_suites: 'Nomad 1.9 and later do not start with it',
  },
}

/** The stanza of all, with what differs by role. */
const nodeStanza: RecordShape = {
  ...stanza,
  fields: [
    ...stanza.fields,
    ...(['server', 'client', 'combined'] as const).map((role): Field => ({
      key: role,
      shape: stanza,
      sentence: `What the stanza of ${role === 'combined' ? 'combined agents' : `${role}s`} says otherwise.`,
      example: '{ http: false }',
    })),
  ],
}

/** What the stanza of a node, or of several, says otherwise. */
const ownStanza: Field = {
  key: 'stanza',
  shape: stanza,
  default: 'from `node.stanza`',
  sentence: "What differs from `node.stanza` in the agent's `tls` stanza.",
  example: '{ http: false }',
}

const config: Field = {
  key: 'config',
  shape: {
    kind: 'either',
    of: [
      text('the directory or file of an agent configuration, such as "agents/{node}"'),
      {
        kind: 'record',
        when: ['host', 'copy'],
        fields: [
          {
            key: 'host',
            shape: text(
              'an absolute path without `..`',
              '^(?!.*/\\.\\.(/|$))/[^\\u0000-\\u001f\\u007f]*[^\\u0000-\\u001f\\u007f/]$',
            ),
            required: true,
            sentence:
              'The directory or file on the host that the agent is started with. `config pull` copies it to here, and `rollout` puts back what `apply` edited.',
            example: '/etc/nomad.d',
          },
          {
            key: 'copy',
            shape: text('a directory, or a file where `host` is one'),
            required: true,
            sentence:
              'Where its copy is, relative to this file. Git must not track it: a configuration can hold secrets.',
            example: 'agents/s1',
          },
        ],
      },
      {
        kind: 'record',
        fields: [
          {
            key: 'paths',
            shape: list(text('a file or directory'), 1),
            required: true,
            sentence:
              'The paths that the agent is started with (`-config`), in order: directories, and files of any name.',
            example: '[/etc/nomad.d, agents/s1.hcl]',
          },
          {
            key: 'write',
            shape: text('a file'),
            required: true,
            sentence:
              'The file that receives the stanza: one of `paths`, or a file in one of its directories, which need not exist.',
            example: 'agents/s1.hcl',
          },
        ],
      },
    ],
  },
  default: 'none: the configuration is left to you',
  sentence: `The agent's configuration as its \`-config\` has it: a directory, which receives \`tls.hcl\`, or a file, which receives the stanza itself; relative to this file; ${templateWords}.`,
  example: 'agents/s1',
}

/** 1 to 65535, as patterns say it. */
const port =
  '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])'

/** A host and a port; IPv6 in brackets. Templates may stand in the host. */
const hostPort = text(
  'host:port with a port from 1 to 65535, such as "10.0.0.11:4646"',
  `^([^\\s:/]{1,253}|\\[[0-9A-Fa-f:.]{2,45}\\]):${port}$`,
  262,
)

/** What begins with `-` would be an option of ssh. Templates may stand in it. */
const sshHost = '^(?!-)[A-Za-z0-9._:{}%-]{1,253}$'

const node: RecordShape = {
  kind: 'record',
  fields: [
    names,
    ips,
    config,
    {
      key: 'http',
      shape: hostPort,
      default: "the configuration's `advertise`, else the first ip",
      sentence: 'Where the HTTP API is probed.',
      example: '"10.0.0.11:4646"',
    },
    {
      key: 'rpc',
      shape: hostPort,
      default: "the configuration's `advertise`, else the first ip",
      sentence: 'Where RPC is probed.',
      example: '"10.0.0.11:4647"',
    },
    {
      key: 'ssh',
      shape: {
        kind: 'either',
        of: [
          { kind: 'flag', only: false },
          text('a host as ssh knows it: a name, an alias or an address', sshHost, 262),
        ],
      },
      default: 'the first ip, else the name of the node',
      sentence:
        'Where `rollout` reaches the host with ssh. `false`: you bring its files, and `rollout` waits for its agent.',
      example: '"{node}.acme.internal"',
    },
    ownStanza,
    ...inherited,
  ],
  refused: {
    role: 'the section that it stands in says it: servers, clients or combined',
    region: 'the region that it stands in says it',
    san: 'write names: and ips:',
    dns: 'write names:',
    address: 'write ips: [ … ]',
  },
}

const sharedNode: RecordShape = {
  kind: 'record',
  fields: [names, ips, config, ownStanza, ...inherited],
}

function section(what: string): MapShape {
  return {
    kind: 'map',
    key: nodeKey,
    keyName: '<node>',
    of: node,
    named: [
      {
        key: 'shared',
        shape: { kind: 'either', of: [{ kind: 'flag', only: true }, sharedNode] },
        sentence: `One certificate and key for all ${what} of the region, instead of one for each: for hosts that come and go. Nothing else may stand beside it.`,
        example: 'true',
      },
    ],
  }
}

const region: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'authority',
      shape: plainName,
      default: 'the only root',
      sentence: 'Who signs the certificates of this region: a root or an intermediate.',
      example: 'us-west',
    },
    {
      key: 'domains',
      shape: list(text('a DNS domain, west.acme.internal')),
      sentence:
        'What the intermediate may name beyond `<region>.nomad` and `localhost`: these domains and all below them. Of an authority in an engine, what the roles of the region take.',
      example: '[west.acme.internal]',
    },
    {
      key: 'networks',
      shape: list(text('a network, 10.2.0.0/16')),
      default: 'addresses are not constrained',
      sentence:
        'The networks (CIDR) whose addresses the intermediate may name, beyond the loopback. Of an authority in an engine, what the roles of the region take (OpenBao alone).',
      example: '[10.2.0.0/16]',
    },
    {
      key: 'servers',
      shape: section('servers'),
      sentence: 'Agents with `server { enabled = true }`.',
      example: '{ s1: {} }',
    },
    {
      key: 'clients',
      shape: section('clients'),
      sentence: 'Agents with `client { enabled = true }`.',
      example: '{ "c[001-500]": {} }',
    },
    {
      key: 'combined',
      shape: section('such agents'),
      sentence: 'Agents that are both: their certificates carry both role names.',
      example: '{ edge1: {} }',
    },
  ],
  refused: {
    shared: 'it belongs below servers: or clients:',
    nodes: 'write servers:, clients: or combined:',
  },
}

const account = text('a user of the node', '^[A-Za-z_][A-Za-z0-9_.-]{0,31}$', 32)

const unit = '(?!-)[A-Za-z0-9:_.@-]{1,200}'

const onlyMachines = 'With `kind: machine`.'

const operator: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'kind',
      shape: { kind: 'choice', values: operatorKinds },
      default: 'person',
      sentence:
        'A `person` has a certificate of 24 hours and asks for the next one. A `machine`, such as Prometheus, has one of 30 days, which `plan` renews as those of agents.',
      example: 'machine',
    },
    {
      key: 'region',
      shape: regionName,
      default: 'the only region',
      sentence:
        'The region whose authority signs; the certificate opens the HTTP API of all regions under the same root.',
      example: 'global',
    },
    {
      key: 'tls',
      shape: text('an absolute path', '^/[^\\u0000-\\u001f\\u007f"$\\\\]+$'),
      default: '`/etc/nomad-pki/<operator>`',
      sentence: `Where the machine has its files on its host: they are in \`current\` below it. ${onlyMachines}`,
      example: '/etc/prometheus/nomad-tls',
    },
    {
      key: 'owner',
      shape: account,
      default: 'root',
      sentence: `The user that the machine runs as: it owns the files. ${onlyMachines}`,
      example: 'prometheus',
    },
    {
      key: 'reload',
      shape: text(
        'none, or reload or restart and a unit of systemd: reload nomad-autoscaler.service',
        `^(none|(reload|restart) ${unit})$`,
        210,
      ),
      default: 'none: it reads the files again by itself',
      sentence: `What has the machine read new files, on its host. ${onlyMachines}`,
      example: 'restart traefik.service',
    },
    {
      key: 'ssh',
      shape: {
        ...text(
          'a host as ssh knows it: a name, an alias or an address',
          '^(?!-)[A-Za-z0-9._:%-]{1,253}$',
          262,
        ),
        insteadOfFalse: 'remove ssh: without it you bring the files of the machine',
      },
      sentence: `Where \`rollout\` reaches the machine's host with ssh. Without it you bring its files. ${onlyMachines}`,
      example: 'prometheus.example.com',
    },
    ...inherited.filter(ofAgents),
  ],
  refused: {
    ...operatorsKey,
    names: "nothing listens behind an operator's certificate: it carries the operator as a URI",
    ips: "nothing listens behind an operator's certificate",
    config: 'an operator has no agent; nomad-pki env prints what the shell needs',
  },
}

function attribute(
  key: string,
  words: string,
  maxLength: number,
  example: string,
  pattern: string = line,
): Field {
  return {
    key,
    shape: text(words, pattern, maxLength),
    sentence: `The ${words.replace(/^the /, '')}.`,
    example,
  }
}

/** Upper bounds: RFC 5280 appendix A.1. */
const subject: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'commonName',
      shape: text('a common name of at most 64 characters', line, 128),
      default:
        'of a root `{cluster} {authority} CA {generation} {key}` (without `{key}` where that is too long); of an intermediate `{cluster} {authority} CA {generation}`',
      sentence:
        'Common name; `{cluster}`, `{authority}`, `{generation}` and `{key}` (eight characters of the key’s identifier) are replaced, at most 64 characters then. A changed name applies to the next generation; a default name never renames an authority that exists.',
      example: '"Acme Nomad CA {generation}"',
    },
    attribute('organization', 'the organization (O)', 64, 'Acme Ltd'),
    attribute('organizationalUnit', 'the organizational unit (OU)', 64, 'Platform'),
    attribute('country', 'the country, two capital letters (C)', 2, 'DE', '^[A-Z]{2}$'),
    attribute('province', 'the state or province (ST)', 128, 'Bavaria'),
    attribute('locality', 'the locality (L)', 128, 'Munich'),
    attribute('streetAddress', 'the street address (STREET)', 128, 'Main Street 1'),
    attribute('postalCode', 'the postal code', 40, '"80331"'),
  ],
}

const fingerprint = text(
  "`SHA256:` and the 64 lower-case hex digits of the certificate's SHA-256",
  '^SHA256:[0-9a-f]{64}$',
)

/** A generation as a key of a map. */
const generationKey = text('a generation, a number from 1', '^[1-9][0-9]{0,8}$', 9)
const signerKind: ChoiceShape = { kind: 'choice', values: signerKinds }

const authority: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'issuer',
      shape: plainName,
      default: 'none: it is a root',
      sentence:
        'The root that signs it. With an issuer it is an intermediate, and constrained to the regions that name it.',
      example: 'agent',
    },
    {
      key: 'key',
      shape: authorityKey,
      default: 'ecdsa-p256',
      sentence: 'Algorithm of the private key. Browsers refuse Ed25519, so no Web UI with it.',
      example: 'ecdsa-p384',
    },
    {
      key: 'lifetime',
      shape: durationText,
      default: '10y; an intermediate 3y',
      sentence: 'How long its certificate lives.',
      example: '5y',
    },
    {
      key: 'renewBefore',
      shape: durationText,
      default: 'a fifth of its lifetime, or the longest life that it signs if that is more',
      sentence:
        'How long before its end `plan` and `status` speak of a successor; an authority never renews by itself.',
      example: '1y',
    },
    {
      key: 'beyondIssuer',
      shape: { kind: 'choice', values: ['refuse', 'clamp'] },
      default: 'from `defaults`',
      sentence:
        'For an intermediate that would outlive its root: an error, or it ends with its root.',
      example: 'clamp',
    },
    {
      key: 'subject',
      shape: subject,
      sentence: 'Its distinguished name.',
      example: '{ organization: Acme Ltd }',
    },
    {
      key: 'signing',
      shape: { kind: 'count', min: 1, max: 999_999_999 },
      default: '1',
      unit: 'generation',
      sentence: 'The generation that signs.',
      example: '2',
    },
    {
      key: 'trusted',
      shape: list({ kind: 'count', min: 1, max: 999_999_999 }, 1),
      default: 'the one that signs',
      unit: 'generations',
      sentence: 'The generations that agents trust. Roots only.',
      example: '[1, 2]',
    },
    {
      key: 'crossed',
      shape: flag,
      default: 'false',
      sentence:
        'Append to every chain the cross-certificates that older roots issued for the signing root, so that agents which trust only an old root accept new leaves. Keep it when the old root leaves. Roots only.',
      example: 'true',
    },
    {
      key: 'rollout',
      shape: { kind: 'choice', values: ['now', 'ride-along'] },
      default: 'now; an intermediate: that of its root',
      sentence:
        'When identities get a certificate of a new generation. `now`: `apply` renews all of them. `ride-along`: each gets it with its own renewal; not for a key that may be stolen.',
      example: 'ride-along',
    },
    {
      key: 'fingerprint',
      shape: {
        kind: 'either',
        of: [
          fingerprint,
          {
            kind: 'map',
            key: generationKey,
            keyName: '<generation>',
            numericKeys: true,
            of: fingerprint,
          },
        ],
      },
      default: 'none: what is in the store is accepted',
      sentence:
        'The fingerprint that the certificate must have, as `SHA256:` and hex; by generation where several are trusted. A different one is refused. What is pinned and lost is not replaced. Roots, and intermediates in an engine, whose name there says nothing.',
      example: 'SHA256:4f2a0b6d1c9e8f73a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2',
    },
    {
      key: 'signer',
      shape: {
        kind: 'either',
        of: [
          signerKind,
          {
            kind: 'map',
            key: generationKey,
            keyName: '<generation>',
            numericKeys: true,
            of: signerKind,
          },
        ],
      },
      default: '`file`; with `engine`, `engine`',
      sentence:
        'Where its private key is: `file`, in the store; `encrypted`, in the store under a passphrase; `ssh-agent`; `command`, behind a command of `nomad-pki.local.yaml`; `offline`, on another machine; `engine`, in Vault or OpenBao. By generation where they differ; a generation that is not listed has the place of the nearest lower one.',
      example: 'encrypted',
    },
    {
      key: 'sshKey',
      shape: text(
        'a fingerprint as `ssh-add -l` prints it: `SHA256:` and 43 characters of base64',
        '^SHA256:[A-Za-z0-9+/]{43}$',
        50,
      ),
      sentence:
        'With `signer: ssh-agent`: which key of the agent a new generation has. The key of a generation that exists is found by its certificate.',
      example: 'SHA256:ZmFtb3VzIGxhc3Qgd29yZHMgb2YgYSBrZXkgaW4gYWc',
    },
    engineField,
  ],
  refused: { keyHeld: 'it is for the keys of agents: write it below defaults: or at a node' },
}

const nodePlace: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'tls',
      shape: text(
        'an absolute path, or the word store',
        '^(store|/[^\\u0000-\\u001f\\u007f"$\\\\]+)$',
      ),
      default: '`/etc/nomad.d/tls`; `init` writes /etc/nomad-tls',
      sentence:
        'Where certificates and keys lie on a node; `store`: the agents run on this machine and read the store itself.',
      example: 'store',
    },
    {
      key: 'owner',
      shape: {
        kind: 'record',
        fields: [
          {
            key: 'server',
            shape: account,
            default: 'nomad',
            sentence: 'The user that servers run as.',
            example: 'nomad',
          },
          {
            key: 'client',
            shape: account,
            default: 'root',
            sentence: 'The user that clients run as.',
            example: 'root',
          },
          {
            key: 'combined',
            shape: account,
            default: 'root',
            sentence: 'The user that combined agents run as.',
            example: 'root',
          },
        ],
      },
      sentence: 'Who owns the files on a node, and is the only one to read them.',
      example: '{ server: nomad, client: root }',
    },
    {
      key: 'ssh',
      shape: {
        kind: 'record',
        fields: [
          {
            key: 'user',
            shape: account,
            default: "ssh's own",
            sentence: 'The user that `rollout` logs in as.',
            example: 'deploy',
          },
          {
            key: 'port',
            shape: { kind: 'count', min: 1, max: 65_535 },
            default: "ssh's own",
            sentence: 'The port of the hosts’ sshd.',
            example: '2222',
          },
          {
            key: 'sudo',
            shape: flag,
            default: 'false',
            sentence:
              'Whether that user becomes root with `sudo -n`, which must not ask for a password.',
            example: 'true',
          },
        ],
      },
      sentence: 'How `rollout` logs in to the hosts. All else is in your own ssh configuration.',
      example: '{ user: deploy, sudo: true }',
    },
    {
      key: 'unit',
      shape: text('a unit of systemd', `^${unit}$`, 200),
      default: 'nomad.service',
      sentence: 'The unit of the agent on its host, which `rollout` reloads or restarts.',
      example: 'nomad-server.service',
    },
    ...receiptsFields,
    {
      key: 'stanza',
      shape: nodeStanza,
      sentence:
        'What the `tls` stanza says beyond its files; `rpc` is true. Roles and nodes can differ.',
      example: '{ tls_min_version: tls13 }',
    },
  ],
}

const nomad: RecordShape = {
  kind: 'record',
  fields: [
    {
      key: 'version',
      shape: text('a version of Nomad such as 2.0.5', versionPattern, 80),
      default: `any supported version (${supportedVersions.oldest} to ${supportedVersions.newest})`,
      sentence:
        "The version that the agents run. With it the agents' configurations are checked for that version; without it a key is an error only where no supported version knows it.",
      example: '2.0.5',
    },
  ],
}

/** The version of a file's format. */
export const formatVersion: Field = {
  key: 'version',
  shape: { kind: 'count', min: 1, max: 1 },
  required: true,
  sentence: 'The version of this format.',
  example: '1',
}

/** The spec. */
export const specShape: RecordShape = {
  kind: 'record',
  fields: [
    formatVersion,
    {
      key: 'cluster',
      shape: plainName,
      required: true,
      sentence: "The cluster's name; it stands in the authorities' names.",
      example: 'acme',
    },
    {
      key: 'federation',
      shape: plainName,
      default: 'none',
      sentence:
        'The federation that this cluster and others are in, the same name in each spec. Its clusters share a root and one gossip key, and no region. `verify --with` checks both.',
      example: 'acme-world',
    },
    {
      key: 'store',
      shape: text('a path'),
      default: 'pki',
      sentence:
        'The folder for keys, certificates and ledger, relative to this file. Git must not track it.',
      example: '../pki-acme',
    },
    {
      key: 'authorities',
      shape: { kind: 'map', key: plainName, keyName: '<authority>', of: authority },
      default: 'one root named agent',
      sentence: 'Who signs: one root, and if you like intermediates below it.',
      example: '{ agent: { lifetime: 5y } }',
    },
    vaultField,
    {
      key: 'defaults',
      shape: defaults,
      sentence: 'Defaults for all identities; a nearer setting overrides them.',
      example: '{ lifetime: 30d, renewBefore: 10d }',
    },
    {
      key: 'node',
      shape: nodePlace,
      sentence: 'What the nodes look like.',
      example: '{ tls: store }',
    },
    {
      key: 'transport',
      shape: { kind: 'choice', values: transports },
      default: 'tls',
      sentence:
        'What the agents speak, for a running cluster in which TLS is turned on: `plaintext` before it, `upgrading` while servers accept both, `tls` at the end. `rotate tls` writes the next.',
      example: 'upgrading',
    },
    {
      key: 'nomad',
      shape: nomad,
      sentence: 'What is known of the agents themselves.',
      example: '{ version: 2.0.5 }',
    },
    {
      key: 'regions',
      shape: { kind: 'map', key: regionName, keyName: '<region>', of: region },
      required: true,
      sentence:
        'The regions and their agents. Names are case-sensitive and must be those of the agents.',
      example: '{ global: { servers: { s1: {}, s2: {}, s3: {} } } }',
    },
    {
      key: 'operators',
      shape: { kind: 'map', key: plainName, keyName: '<operator>', of: operator },
      sentence:
        'People and machines that use the HTTP API: the command line, the Web UI, Prometheus. The first certificate is made by `apply`, later ones of a person when asked for (`apply alice`); one of a person with a `lifetime` of more than 7 days is renewed as agents are, and so is that of each machine.',
      example: '{ alice: { region: global } }',
    },
  ],
  refused: {
    datacenter: 'certificates do not speak of datacenters',
    region: 'write regions:',
    servers: 'it belongs below a region',
    clients: 'it belongs below a region',
    combined: 'it belongs below a region',
    authority: 'write authorities:',
  },
}
