/**
 * The file of a node that renews itself: what it may ask for, where, and whom it trusts. It lies on the node, is made
 * from the spec by `pack --renew`, and holds no secret: it names the files that do.
 *
 * @module
 */

import { isIP } from 'node:net'
import { identityAddress, type AgentRole } from '../address.js'
import type { Diagnostic } from '../diagnostics.js'
import type { KeyAlgorithm } from '../keys/algorithms.js'
import { nameFault } from '../nomad/names.js'
import { formatDuration } from '../duration.js'
import { nodeDefaults, nodeFileShape, type nodeMethods } from './node-file-shape.js'
import { nodePlaces } from './node.js'
import { readShape } from './read.js'
import { checkReceipts } from './receipts.js'
import { createReport } from './report.js'
import { readYaml } from './yaml.js'

/** Where a node has the file, and the files beside it. */
export const nodeFilePlace = '/etc/nomad-pki/node.yaml'

/** What a node asks for by itself, with every default. Files are as written: relative to the node's file. */
export interface NodeFile {
  readonly cluster: string
  /** `identity/client/us-west/c1` */
  readonly address: string
  readonly role: AgentRole
  readonly region: string
  readonly name: string
  /** DNS names beyond the role's own. */
  readonly names: readonly string[]
  /** Addresses beyond the loopback's. */
  readonly ips: readonly string[]
  readonly key: KeyAlgorithm
  /** Milliseconds. */
  readonly lifetime: number
  /** Milliseconds before the end at which it is renewed. */
  readonly renewBefore: number
  readonly beyondIssuer: 'refuse' | 'clamp'
  /** The directory with the link `current`. */
  readonly tls: string
  /** The user that the agent runs as; `undefined`: the user who runs it. */
  readonly owner: string | undefined
  /** A process, a unit of systemd, or `none`. */
  readonly reload: string
  /** Where the agent listens; `undefined`: nothing is proven. */
  readonly probe: string | undefined
  /** Where its receipt goes. */
  readonly receipts?: string | undefined
  /** A file, as written. */
  readonly receiptsCaFile?: string | undefined
  readonly trust: NodeTrust
  readonly engine: NodeEngine
}

/** Whom a node trusts, and who signs for it. */
export interface NodeTrust {
  /** The file with the roots. */
  readonly roots: string
  /** The fingerprints of all of them, `SHA256:` and hex. */
  readonly pins: readonly string[]
  /** The file with what goes behind a leaf; `undefined`: a root signs. */
  readonly chain: string | undefined
  /** The fingerprint of the authority that signs. */
  readonly signer: string
}

/** Where a node asks. */
export interface NodeEngine {
  readonly address: string
  readonly namespace?: string | undefined
  /** The file of its root; `undefined`: the roots of the system. */
  readonly caFile?: string | undefined
  readonly serverName?: string | undefined
  readonly mount: string
  readonly issuer: string
  readonly role: string
  readonly auth: NodeAuth
}

/** How a node has a token. */
export interface NodeAuth {
  readonly method: (typeof nodeMethods)[number]
  readonly mount: string
  /** Of a login by certificate or JWT. */
  readonly role?: string | undefined
  readonly roleIdFile?: string | undefined
  readonly secretIdFile?: string | undefined
  readonly jwtFile?: string | undefined
  readonly tokenFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

type Raw = Partial<Omit<NodeFile, 'trust' | 'engine' | 'address'>> & {
  readonly trust?: Partial<NodeTrust>
  readonly engine?: Partial<Omit<NodeEngine, 'auth'>> & { readonly auth?: Partial<NodeAuth> }
}

/** What came of the text. */
export interface ParsedNodeFile {
  /** Absent if any diagnostic is an error. */
  readonly node?: NodeFile
  /** Everything that is wrong, in the order of the text. */
  readonly diagnostics: readonly Diagnostic[]
}

/** The files that a method needs, and that no other method reads. */
const filesOf: Readonly<Record<NodeAuth['method'], readonly (keyof NodeAuth)[]>> = {
  approle: ['roleIdFile', 'secretIdFile'],
  cert: ['certFile', 'keyFile'],
  jwt: ['jwtFile'],
  token: ['tokenFile'],
}

/**
 * Reads the text of a node's file.
 *
 * @param source The whole text.
 * @param options `file`: as the user named it.
 */
export function parseNodeFile(source: string, options: { readonly file?: string }): ParsedNodeFile {
  const report = createReport(source, options.file)
  const document = readYaml(
    source,
    report,
    'where the spec is: nomad-pki pack NODE --renew makes it',
  )
  if (document === undefined) return { diagnostics: report.diagnostics() }
  const { value, sources } = readShape(
    document.contents!,
    nodeFileShape,
    report,
    'the file of the node',
  )
  const raw = (value ?? {}) as Raw
  const { role, region, lifetime = nodeDefaults.lifetime } = raw
  const before = raw.renewBefore ?? nodeDefaults.renewBefore
  if (role !== undefined && region !== undefined) {
    for (const [at, name] of (raw.names ?? []).entries()) {
      const fault = nameFault(name.toLowerCase(), role, region)
      if (fault === undefined) continue
      report.error('spec/dns-name', sources.at(raw.names, at), `${JSON.stringify(name)} ${fault}`)
    }
  }
  for (const [at, ip] of (raw.ips ?? []).entries()) {
    if (isIP(ip) !== 0) continue
    report.error(
      'spec/address',
      sources.at(raw.ips, at),
      `${JSON.stringify(ip)} is not an address`,
      {
        expected: 'an IP address such as 10.0.0.21',
      },
    )
  }
  if (lifetime === 0) {
    report.error('spec/lifetime', sources.at(raw, 'lifetime'), 'a lifetime of 0', {
      expected: 'at least 1m',
    })
  } else if (raw.renewBefore !== undefined && before >= lifetime) {
    report.error(
      'spec/renew-before',
      sources.at(raw, 'renewBefore'),
      `renewBefore ${formatDuration(before)} is not shorter than lifetime ${formatDuration(lifetime)}`,
      { expected: `less than ${formatDuration(lifetime)}` },
    )
  }
  if (raw.reload === 'none' && raw.probe !== undefined) {
    report.error(
      'spec/irrelevant',
      sources.keyAt(raw, 'probe'),
      'probe asks what a reload did, and reload is none',
      { hint: 'write how the agent is told (reload: nomad.service), or remove probe' },
    )
  }
  checkReceipts(raw, report, sources.keyAt(raw, 'receiptsCaFile'))
  const auth = raw.engine?.auth
  if (auth?.method !== undefined) {
    for (const [method, files] of Object.entries(filesOf)) {
      for (const key of files) {
        const has = auth[key] !== undefined
        if (method === auth.method && !has) {
          report.error(
            'spec/missing-key',
            sources.at(raw.engine, 'auth'),
            `engine.auth with method: ${method} needs ${key}`,
            { expected: `${key}: FILE` },
          )
        } else if (method !== auth.method && has) {
          report.error(
            'spec/irrelevant',
            sources.keyAt(auth, key),
            `${key} is for method: ${method}, and the method is ${auth.method}`,
            { hint: `remove ${key}, or write method: ${method}` },
          )
        }
      }
    }
    if (auth.role !== undefined && auth.method !== 'cert' && auth.method !== 'jwt') {
      report.error(
        'spec/irrelevant',
        sources.keyAt(auth, 'role'),
        'only a login by certificate or JWT names a role',
        { hint: 'remove role: the role that signs stands at engine.role' },
      )
    }
  }
  const diagnostics = report.diagnostics()
  if (report.failed()) return { diagnostics }
  return { node: withDefaults(raw, lifetime, before), diagnostics }
}

/** The required keys are there: the table says so. */
function withDefaults(raw: Raw, lifetime: number, before: number): NodeFile {
  const { role, region, name, trust, engine } = raw as Required<Raw>
  const method = engine.auth!.method!
  return {
    cluster: raw.cluster!,
    address: identityAddress({ role, region, name }),
    ...{ role, region, name, lifetime },
    names: (raw.names ?? []).map((one) => one.toLowerCase()),
    ips: raw.ips ?? [],
    key: raw.key ?? 'ecdsa-p256',
    renewBefore: before < lifetime ? before : lifetime / 3,
    beyondIssuer: raw.beyondIssuer ?? 'refuse',
    tls: (raw.tls ?? nodePlaces.written).replace(/(?<=.)\/+$/, ''),
    owner: raw.owner,
    reload: raw.reload!,
    probe: raw.probe,
    receipts: raw.receipts,
    receiptsCaFile: raw.receiptsCaFile,
    trust: {
      roots: trust.roots ?? nodeDefaults.roots,
      pins: trust.pins!,
      chain: trust.chain,
      signer: trust.signer!,
    },
    engine: {
      ...(engine as NodeEngine),
      auth: { ...engine.auth, method, mount: engine.auth!.mount ?? method },
    },
  }
}
