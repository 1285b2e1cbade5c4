/**
 * A cluster in memory, by verbs: `await aCluster().withServer('s1').withClient('c1').build()` makes a
 * Desired and an Inventory from certificates that the library itself issued, and its methods then do
 * real damage: certificates re-signed with other fields, files edited, keys copied. Throws on nonsense.
 */

import { formatAddress, type Role } from '../src/address.js'
import { createRoot } from '../src/issuers/create-root.js'
import { issue } from '../src/authority/issue.js'
import type { Issuer } from '../src/authority/issuer.js'
import { prepare, prepareIntermediate } from '../src/authority/prepare.js'
import { trustBundle } from '../src/authority/trust-bundle.js'
import type { Inventory } from '../src/inventory/inventory.js'
import { chainLine, emptyHead } from '../src/inventory/ledger.js'
import { encodeManifest } from '../src/inventory/manifest.js'
import { readInventory } from '../src/inventory/read.js'
import type { Store, StoreContents, StoredFile, StoredGeneration } from '../src/inventory/store.js'
import { heldIssuer } from '../src/issuers/held.js'
import { isAgent } from '../src/nomad/roles.js'
import { algorithmOf, type KeyAlgorithm, type PrivateKey } from '../src/keys/algorithms.js'
import { generateKeySync } from '../src/keys/generate.js'
import { encodePrivateKey } from '../src/keys/private-key.js'
import { signBytes } from '../src/keys/sign.js'
import type {
  Desired,
  DesiredAuthority,
  DesiredConfig,
  DesiredIdentity,
  IdentityProfile,
} from '../src/cluster/desired.js'
import { fingerprintOf, parseCertificate, type Certificate } from '../src/x509/certificate.js'
import { encodeCertificate } from '../src/x509/certificates.js'
import { assembleCertificate, encodeTbs, type TbsFields } from '../src/x509/encode.js'
import { asciiString, sequence, setOf, tags } from '../src/der/write.js'
import { authorityKeyIdentifier } from '../src/x509/extensions.js'
import { encodedOid } from '../src/x509/oids.js'
import type { Extension } from '../src/x509/extension.js'
import { told } from './ledger.js'

export const day = 86_400_000

/** How an identity differs from the usual one. */
export interface IdentityOptions {
  readonly region?: string
  readonly authority?: string
  readonly key?: KeyAlgorithm
  readonly lifetime?: number
  readonly names?: readonly string[]
  readonly ips?: readonly string[]
  readonly shared?: boolean
  readonly stanza?: Partial<DesiredConfig['stanza']>
}

/** How an authority differs from the usual one. */
export interface AuthorityOptions {
  readonly issuer?: string
  readonly key?: KeyAlgorithm
  readonly lifetime?: number
  readonly regions?: readonly string[]
  readonly domains?: readonly string[]
  readonly networks?: readonly string[]
}

/** An authority with its key. */
export interface Authority {
  readonly wanted: DesiredAuthority
  readonly key: PrivateKey
  readonly issuer: Issuer
}

/** An identity with its files as text: change them as you like. */
export interface Holder {
  readonly wanted: DesiredIdentity
  key: PrivateKey
  chain: readonly Certificate[]
  directory: string
  files: { ca: string; cert: string; key: string; manifest: string }
}

/** Begins a cluster: one root `agent`, no agents yet. */
export function aCluster(now: number = Math.floor(Date.now() / 1000) * 1000): ClusterBuilder {
  return new ClusterBuilder(now)
}

class ClusterBuilder {
  readonly #now: number
  readonly #authorities: { name: string; options: AuthorityOptions }[] = []
  readonly #identities: { role: Role; name: string; options: IdentityOptions }[] = []
  #root: AuthorityOptions = {}

  constructor(now: number) {
    this.#now = now
  }

  /** Another kind of root `agent`. */
  withRoot(options: AuthorityOptions): this {
    this.#root = options
    return this
  }

  withIntermediate(name: string, options: AuthorityOptions = {}): this {
    this.#authorities.push({ name, options: { issuer: 'agent', regions: [name], ...options } })
    return this
  }

  withServer(name: string, options: IdentityOptions = {}): this {
    return this.#with('server', name, options)
  }

  withClient(name: string, options: IdentityOptions = {}): this {
    return this.#with('client', name, options)
  }

  withCombined(name: string, options: IdentityOptions = {}): this {
    return this.#with('combined', name, options)
  }

  withOperator(name: string, options: IdentityOptions = {}): this {
    return this.#with('operator', name, options)
  }

  /** Issues everything. */
  async build(): Promise<Cluster> {
    const cluster = new Cluster(this.#now)
    await cluster.addRoot('agent', this.#root)
    for (const { name, options } of this.#authorities) await cluster.addIntermediate(name, options)
    for (const { role, name, options } of this.#identities) {
      await cluster.addIdentity(role, name, options)
    }
    return cluster
  }

  #with(role: Role, name: string, options: IdentityOptions): this {
    this.#identities.push({ role, name, options })
    return this
  }
}

/** A built cluster. */
export class Cluster {
  readonly now: number
  readonly authorities: Map<string, Authority> = new Map<string, Authority>()
  readonly holders: Map<string, Holder> = new Map<string, Holder>()
  readonly configs: DesiredConfig[] = []
  /** `bundle/agent` as text. */
  bundle = ''
  ledger = ''
  /** Cross-certificates by the name of the authority that is crossed, and the generation that signed. */
  readonly crossed: Map<string, ReadonlyMap<number, Certificate>> = new Map()
  readonly #profiles = new Map<string, IdentityProfile>()
  #head = { head: emptyHead, seq: 0 }

  constructor(now: number) {
    this.now = now
  }

  async addRoot(name: string, options: AuthorityOptions): Promise<void> {
    const wanted = this.#wantedAuthority(name, options)
    const key = generateKeySync(wanted.key)
    const { certificate } = await createRoot(
      { subject: wanted.subject, key, lifetime: wanted.lifetime },
      { now: this.now - day },
    )
    const issuer = heldIssuer({ certificate, key, name })
    this.authorities.set(name, { wanted, key, issuer })
    this.bundle = trustBundle([certificate])
    this.record('authority', wanted.address, certificate)
  }

  async addIntermediate(name: string, options: AuthorityOptions): Promise<void> {
    const above = this.#authority(options.issuer ?? 'agent')
    const wanted = this.#wantedAuthority(name, { lifetime: 1000 * day, ...options })
    const key = generateKeySync(wanted.key)
    const { subject, lifetime, constraints } = wanted
    const { certificate } = await issue(
      prepareIntermediate(
        { subject, lifetime, publicKey: key.publicKey, ...constraints },
        above.issuer,
        { now: this.now - day },
      ),
    )
    const issuer = heldIssuer({
      certificate,
      key,
      name,
      above: [above.issuer.certificate, ...above.issuer.above],
    })
    this.authorities.set(name, { wanted, key, issuer })
    this.record('authority', wanted.address, certificate)
  }

  async addIdentity(role: Role, name: string, options: IdentityOptions): Promise<void> {
    const profile = this.#profile(role, options)
    const { region } = profile
    const address = formatAddress({ kind: 'identity', role, region, name })
    if (this.holders.has(address)) throw new Error(`twice: ${address}`)
    const wanted: DesiredIdentity = {
      address,
      name,
      profile,
      names: options.names ?? [],
      ips: options.ips ?? [],
      uris: role === 'operator' ? [`nomad-pki://operator.nomad/${name}`] : [],
    }
    const key = generateKeySync(profile.key)
    const { issuer } = this.#authority(profile.issuer.name)
    const { names, ips, uris } = wanted
    const { certificate, chain } = await issue(
      prepare(
        { role, region, publicKey: key.publicKey, lifetime: profile.lifetime, names, ips, uris },
        issuer,
        { now: this.now },
      ),
    )
    const holder: Holder = {
      wanted,
      key,
      chain,
      directory: '',
      files: { ca: this.bundle, cert: '', key: encodePrivateKey(key), manifest: '' },
    }
    this.holders.set(address, holder)
    this.#settle(holder)
    this.record('issued', address, certificate)
    if (isAgent(role) && options.stanza !== undefined) {
      this.configs.push({
        address: `config/${region}/${name}`,
        region,
        name,
        role,
        identity: address,
        paths: [`agents/${name}`],
        tlsDirectory: '/etc/nomad.d/tls',
        stanza: {
          http: true,
          verify_server_hostname: true,
          verify_https_client: true,
          ...options.stanza,
        },
      })
    }
  }

  get desired(): Desired {
    return {
      cluster: 'test',
      store: 'pki',
      authorities: [...this.authorities.values()].map(({ wanted }) => wanted),
      bundles: [{ address: 'bundle/agent', name: 'agent', trusted: ['authority/agent/1'] }],
      identities: [...this.holders.values()].map(({ wanted }) => wanted),
      configs: [],
    }
  }

  /** The same, with the configurations' stanzas: for what only they decide. */
  get desiredWithConfigs(): Desired {
    return { ...this.desired, configs: this.configs }
  }

  holder(address: string): Holder {
    const holder = this.holders.get(address)
    if (holder === undefined) throw new Error(`no ${address}`)
    return holder
  }

  leaf(address: string): Certificate {
    return this.holder(address).chain[0]!
  }

  root(): Certificate {
    return this.#authority('agent').issuer.certificate
  }

  /** The files of one identity as a handshake takes them. */
  files(address: string): { cert: string; key: string; ca: string } {
    return this.holder(address).files
  }

  /** Edits one file's text and nothing else. */
  edit(
    address: string,
    file: 'ca' | 'cert' | 'key' | 'manifest',
    change: (text: string) => string,
  ): this {
    const { files } = this.holder(address)
    const changed = change(files[file])
    if (changed === files[file]) throw new Error(`the edit of ${address} ${file} changed nothing`)
    files[file] = changed
    return this
  }

  /** Signs the leaf anew with other fields: what another tool, or an attacker with the key, could have issued. */
  reissue(
    address: string,
    change: (fields: TbsFields) => Partial<TbsFields>,
    options: {
      /** Signed by this authority; default the profile's own. */
      readonly by?: string
      readonly key?: PrivateKey
      /** Whether the ledger knows it. */
      readonly ours?: boolean
    } = {},
  ): this {
    const holder = this.holder(address)
    const by = this.#authority(options.by ?? holder.wanted.profile.issuer.name)
    const key = options.key ?? holder.key
    const leaf = remint(holder.chain[0]!, by, (fields) => {
      const identifier = authorityKeyIdentifier(by.issuer.certificate.subjectKeyIdentifier!)
      const extensions = withExtension(fields.extensions, identifier)
      return { spki: key.publicKey.spki, extensions, ...change({ ...fields, extensions }) }
    })
    holder.key = key
    holder.files.key = encodePrivateKey(key)
    holder.chain = [leaf, ...by.issuer.chain]
    this.#settle(holder)
    if (options.ours === true) this.record('issued', address, leaf)
    return this
  }

  /** Replaces an authority's certificate by one with other fields; what it signed stays as it was. */
  recertify(name: string, change: (fields: TbsFields) => Partial<TbsFields>): this {
    const { wanted, key, issuer } = this.#authority(name)
    const above = this.#authority(wanted.issuer?.name ?? name)
    const certificate = remint(issuer.certificate, above, change)
    const over =
      wanted.issuer === undefined ? [] : [above.issuer.certificate, ...above.issuer.above]
    const recertified = heldIssuer({ certificate, key, name, above: over })
    this.authorities.set(name, { wanted, key, issuer: recertified })
    if (wanted.issuer === undefined) this.bundle = trustBundle([certificate])
    for (const holder of this.holders.values()) {
      if (holder.wanted.profile.issuer.name === name) {
        holder.chain = [holder.chain[0]!, ...recertified.chain]
      }
      holder.files.ca = this.bundle
      this.#settle(holder)
    }
    return this
  }

  /** The certificates of cert.pem, and the manifest to go with them. */
  present(address: string, chain: readonly Certificate[]): this {
    const holder = this.holder(address)
    holder.chain = chain
    this.#settle(holder)
    return this
  }

  /** What ca.pem of one identity holds, and the manifest to go with it. */
  trust(address: string, text: string): this {
    const holder = this.holder(address)
    holder.files.ca = text
    this.#settle(holder)
    return this
  }

  record(event: string, address: string, certificate: Certificate): void {
    const { text, head, seq } = chainLine(
      told(event, address, this.now, { fingerprint: fingerprintOf(certificate) }),
      this.#head,
    )
    this.#head = { head, seq }
    this.ledger += `${text}\n`
  }

  get contents(): StoreContents {
    const file = (text: string): StoredFile => ({ bytes: Buffer.from(text, 'latin1') })
    return {
      exists: true,
      authorities: [...this.authorities.values()].map(({ wanted, key, issuer }) => ({
        name: wanted.name,
        generation: wanted.generation,
        certificate: file(encodeCertificate(issuer.certificate)),
        key: file(encodePrivateKey(key)),
        crossed: new Map(
          [...(this.crossed.get(wanted.name) ?? [])].map(([by, certificate]) => [
            by,
            file(encodeCertificate(certificate)),
          ]),
        ),
      })),
      bundles: [{ name: 'agent', file: file(this.bundle) }],
      identities: [...this.holders.values()].map(({ wanted, directory, files }) => {
        const { role, region } = wanted.profile
        const current: StoredGeneration = {
          directory,
          number: 1,
          fingerprint: directory.slice(2),
          ca: file(files.ca),
          cert: file(files.cert),
          key: file(files.key),
          manifest: file(files.manifest),
        }
        return {
          role,
          region,
          name: wanted.name,
          link: directory,
          current,
          generations: [directory],
        }
      }),
      ledger: file(this.ledger),
      findings: [],
    }
  }

  get store(): Pick<Store, 'location' | 'read' | 'readGenerations'> {
    return {
      location: 'memory',
      read: async () => this.contents,
      readGenerations: async ({ role, region, name }) =>
        this.contents.identities.flatMap((one) =>
          one.role === role && one.region === region && one.name === name && one.current
            ? [one.current]
            : [],
        ),
    }
  }

  async inventory(): Promise<Inventory> {
    const configs = { read: () => Promise.reject(new Error('no configurations here')) }
    return readInventory({
      store: this.store as Store,
      configs: { ...configs, write: configs.read },
    })
  }

  #settle(holder: Holder): void {
    const [leaf] = holder.chain
    if (leaf === undefined) throw new Error('a chain without a leaf')
    const { files, wanted, chain } = holder
    files.cert = chain.map((certificate) => encodeCertificate(certificate)).join('')
    holder.directory = `1-${fingerprintOf(leaf).slice(0, 8)}`
    files.manifest = encodeManifest({
      address: wanted.address,
      generation: 1,
      made: this.now,
      leaf: {
        serial: leaf.serial,
        fingerprint: fingerprintOf(leaf),
        notBefore: leaf.notBefore,
        notAfter: leaf.notAfter,
      },
      files,
    })
  }

  #authority(name: string): Authority {
    const authority = this.authorities.get(name)
    if (authority === undefined) throw new Error(`no authority ${name}`)
    return authority
  }

  #wantedAuthority(name: string, options: AuthorityOptions): DesiredAuthority {
    return {
      address: `authority/${name}/1`,
      name,
      generation: 1,
      issuer:
        options.issuer === undefined
          ? undefined
          : { address: `authority/${options.issuer}/1`, name: options.issuer, generation: 1 },
      subject: { commonName: `test ${name} 1` },
      named: true,
      saysGeneration: false,
      signer: 'file',
      key: options.key ?? 'ecdsa-p256',
      lifetime: options.lifetime ?? 3650 * day,
      renewBefore: 90 * day,
      beyondIssuer: 'refuse',
      constraints:
        options.issuer === undefined
          ? undefined
          : {
              regions: options.regions ?? [name],
              domains: options.domains ?? [],
              networks: options.networks ?? [],
            },
      signing: true,
      crossed: false,
      rideAlong: false,
      crossedBy: [],
    }
  }

  #profile(role: Role, options: IdentityOptions): IdentityProfile {
    const { region = 'global', authority = 'agent', key = 'ecdsa-p256', shared = false } = options
    const lifetime = options.lifetime ?? (role === 'operator' ? day : 90 * day)
    const text = JSON.stringify([role, region, authority, key, shared, lifetime])
    let profile = this.#profiles.get(text)
    if (profile === undefined) {
      profile = {
        role,
        region,
        issuer: { address: `authority/${authority}/1`, name: authority, generation: 1 },
        bundle: 'bundle/agent',
        key,
        keyHeld: 'store',
        lifetime,
        renewBefore: lifetime / 3,
        beyondIssuer: 'refuse',
        keep: 3,
        shared,
      }
      this.#profiles.set(text, profile)
    }
    return profile
  }
}

/** Signs a certificate's fields anew, some of them changed; nothing is linted. */
export function remint(
  certificate: Certificate,
  by: Pick<Authority, 'key' | 'issuer'>,
  change: (fields: TbsFields) => Partial<TbsFields>,
): Certificate {
  const identifier = algorithmOf(by.key.algorithm).signatureIdentifier
  const fields: TbsFields = {
    serial: certificate.serial,
    signatureIdentifier: identifier,
    issuer: by.issuer.certificate.subject.der,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    subject: certificate.subject.der,
    spki: certificate.publicKey.spki,
    extensions: certificate.extensions,
  }
  const tbs = encodeTbs({ ...fields, ...change(fields) })
  return parseCertificate(assembleCertificate(tbs, identifier, signBytes(by.key, tbs)))
}

/** The extensions with one replaced or added. */
export function withExtension(
  extensions: readonly Extension[],
  extension: Extension,
): readonly Extension[] {
  return [...extensions.filter(({ oid }) => oid !== extension.oid), extension]
}

/** The extensions without one. */
export function withoutExtension(
  extensions: readonly Extension[],
  oid: string,
): readonly Extension[] {
  const left = extensions.filter((extension) => extension.oid !== oid)
  if (left.length === extensions.length) throw new Error(`there was no extension ${oid}`)
  return left
}

/** A subject of common names, each in a string type of its own: `[tags.bmpString, 'server.global.nomad']`. */
export function subjectOf(
  ...names: readonly (readonly [tag: number, value: string])[]
): Uint8Array {
  const attribute = (tag: number, value: string): Uint8Array => {
    const text =
      tag === bmpString
        ? Buffer.from(value, 'utf16le').swap16()
        : Buffer.from(value, tag === tags.utf8String ? 'utf8' : 'latin1')
    return sequence(encodedOid('2.5.4.3'), asciiString(tag, text.toString('latin1')))
  }
  return sequence(...names.map(([tag, value]) => setOf(attribute(tag, value))))
}

/** X.680 §8.6, tag 30. */
export const bmpString = 30
