/**
 * The steps of authorities and bundles, and the issuers that come of them.
 *
 * @module
 */

import { isOfAuthority } from '../address.js'
import type { Issuer } from '../authority/issuer.js'
import type { AuthorityKey, CertifiedAuthority, Issuers } from '../authority/issuers.js'
import { prepareCross, prepareIntermediate, prepareRoot } from '../authority/prepare.js'
import { subjectFor } from '../authority/subject.js'
import { trustBundle } from '../authority/trust-bundle.js'
import { authorityPath, crossesOf, isCrossOf, type AuthorityPath } from '../checks/context.js'
import { NomadPkiError } from '../errors.js'
import type { StoreBatch } from '../inventory/store.js'
import type { PublicKey } from '../keys/algorithms.js'
import { samePublicKey } from '../keys/public-key.js'
import type { PlanMaterials } from '../plan/make-plan.js'
import type { Step } from '../plan/plan.js'
import type { DesiredAuthority } from '../cluster/desired.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { formatName } from '../x509/name.js'
import type { StepDetail } from './events.js'
import type { Signatures } from './signatures.js'

/** The authorities of one apply: those that are there, and those that it makes. */
export class Authorities {
  readonly #materials: PlanMaterials
  readonly #issuers: Issuers
  readonly #signatures: Signatures
  readonly #now: number
  readonly #paths: Map<string, AuthorityPath>
  readonly #keys = new Map<string, AuthorityKey>()
  readonly #open = new Map<string, Promise<Issuer>>()
  readonly #bundles = new Map<string, string>()

  constructor(materials: PlanMaterials, issuers: Issuers, signatures: Signatures, now: number) {
    this.#materials = materials
    this.#issuers = issuers
    this.#signatures = signatures
    this.#now = now
    this.#paths = new Map(materials.context.authorities)
  }

  /** Does a step of `authority/…` or `bundle/…`. */
  async work(step: Step, batch: StoreBatch): Promise<StepDetail | undefined> {
    const { desired } = this.#materials
    const bundle = desired.bundles.find(({ address }) => address === step.address)
    if (bundle !== undefined) {
      batch.putBundle(bundle.name, this.bundle(bundle.address))
      batch.record({
        event: 'bundle',
        address: bundle.address,
        at: this.#now,
        trusted: bundle.trusted,
      })
      return undefined
    }
    const wanted = desired.authorities.find(({ address }) => address === step.address)
    if (wanted === undefined) throw new NomadPkiError('ERR_INTERNAL', `unplanned: ${step.address}`)
    if (step.action === 'repair') {
      batch.repairModes(step.address)
      return undefined
    }
    return step.action === 'cross' ? this.#cross(wanted, batch) : this.#create(wanted, batch)
  }

  /** What goes behind a leaf that an authority signs. */
  chain(address: string): readonly Certificate[] {
    return this.#path(address).chain
  }

  /** The roots in a trust bundle, by address. */
  trusted(bundle: string): readonly string[] {
    return this.#materials.desired.bundles.find(({ address }) => address === bundle)?.trusted ?? []
  }

  /** Who signs for an address. */
  issuer(address: string): Promise<Issuer> {
    let open = this.#open.get(address)
    if (open === undefined) {
      const { name, generation } = this.#nameOf(address)
      const path = this.#path(address).path as CertifiedAuthority['path']
      open = this.#keys.get(address)?.open(path) ?? this.#issuers.open({ name, generation, path })
      this.#open.set(address, open)
    }
    return open
  }

  /** The text of a trust bundle. */
  bundle(address: string): string {
    let text = this.#bundles.get(address)
    if (text === undefined) {
      const wanted = this.#materials.desired.bundles.find((bundle) => bundle.address === address)
      const roots = (wanted?.trusted ?? []).map((root) => this.#path(root).certificate)
      text = trustBundle(roots)
      this.#bundles.set(address, text)
    }
    return text
  }

  async #create(wanted: DesiredAuthority, batch: StoreBatch): Promise<StepDetail> {
    const { address, name, generation, lifetime, constraints, issuer } = wanted
    const key = await this.#issuers.begin({ name, generation, algorithm: wanted.key })
    const { publicKey } = key
    this.#refuseAgain(wanted, publicKey)
    const subject = subjectFor(wanted.subject, publicKey)
    const above = issuer && (await this.issuer(issuer.address))
    const { certificate, attempt } = await this.#signatures.sign({
      address,
      issuer: issuer?.address ?? address,
      signer: above ?? key,
      prepare: (now) =>
        above === undefined
          ? prepareRoot({ subject, lifetime }, key, { now })
          : prepareIntermediate(
              {
                subject,
                publicKey,
                request: key.request,
                lifetime,
                beyondIssuer: wanted.beyondIssuer,
                ...(constraints && {
                  regions: constraints.regions,
                  domains: constraints.domains,
                  networks: constraints.networks,
                }),
              },
              above,
              { now },
            ),
    })
    this.#paths.set(
      address,
      authorityPath(address, certificate, { issuer: issuer && this.#path(issuer.address) }),
    )
    this.#keys.set(address, key)
    key.keep(batch, encodeCertificate(certificate))
    const fingerprint = fingerprintOf(certificate)
    batch.record({
      event: 'authority',
      address,
      at: this.#now,
      serial: certificate.serial,
      fingerprint,
      // Agents may trust it after it was removed from the store, and they say its name.
      subject: formatName(certificate.subject),
      notAfter: certificate.notAfter,
      issuer: issuer?.address ?? null,
      ...(attempt !== undefined && { attempt }),
    })
    return { serial: certificate.serial, fingerprint, notAfter: certificate.notAfter }
  }

  /** A key that is elsewhere can be named twice: agents could not tell the two generations apart. */
  #refuseAgain({ address, name }: DesiredAuthority, publicKey: PublicKey): void {
    for (const [other, { certificate }] of this.#materials.inventory.authorities) {
      if (other === address || !isOfAuthority(other, name) || certificate === undefined) continue
      if (!samePublicKey(certificate.publicKey, publicKey)) continue
      throw new NomadPkiError('ERR_KEY_MISMATCH', `the key for ${address} is that of ${other}`, {
        address,
        hint: `let the signer of ${name} use a new key for a new generation; with signer: ssh-agent, correct \`sshKey\` in the spec`,
      })
    }
  }

  /** Has the other generations certify a root, and puts what they made behind its leaves. */
  async #cross(wanted: DesiredAuthority, batch: StoreBatch): Promise<StepDetail> {
    const { desired, inventory } = this.#materials
    const { certificate } = this.#path(wanted.address)
    const crosses = new Map(
      [...(inventory.authorities.get(wanted.address)?.crossed ?? [])].filter(([, cross]) =>
        isCrossOf(cross, certificate),
      ),
    )
    const below = desired.authorities.some(({ issuer }) => issuer?.address === wanted.address)
    for (const by of wanted.crossedBy) {
      const { generation } = this.#nameOf(by)
      const old = inventory.authorities.get(by)?.certificate
      if (crosses.has(generation) || (old !== undefined && old.notAfter <= this.#now)) continue
      const issuer = await this.issuer(by)
      const { certificate: cross, attempt } = await this.#signatures.sign({
        address: wanted.address,
        issuer: by,
        signer: issuer,
        prepare: (now) => prepareCross(certificate, issuer, { now, intermediates: below ? 1 : 0 }),
      })
      crosses.set(generation, cross)
      batch.putCross(wanted.name, wanted.generation, generation, encodeCertificate(cross))
      batch.record({
        event: 'crossed',
        address: wanted.address,
        at: this.#now,
        by,
        serial: cross.serial,
        fingerprint: fingerprintOf(cross),
        notAfter: cross.notAfter,
        ...(attempt !== undefined && { attempt }),
      })
    }
    const made = authorityPath(wanted.address, certificate, {
      crosses: crossesOf(certificate, crosses),
    })
    this.#paths.set(wanted.address, made)
    // What hangs from this root carries them too.
    for (const [address, hanging] of this.#paths) {
      if (address === wanted.address || hanging.path.at(-1) !== certificate) continue
      this.#paths.set(address, authorityPath(address, hanging.certificate, { issuer: made }))
    }
    return {
      serial: certificate.serial,
      fingerprint: fingerprintOf(certificate),
      notAfter: certificate.notAfter,
    }
  }

  #path(address: string): AuthorityPath {
    const found = this.#paths.get(address)
    if (found !== undefined) return found
    throw new NomadPkiError('ERR_STORE_UNREADABLE', `${address} is not there`, { address })
  }

  #nameOf(address: string): { readonly name: string; readonly generation: number } {
    const wanted = this.#materials.desired.authorities.find((item) => item.address === address)
    if (wanted !== undefined) return wanted
    throw new NomadPkiError('ERR_INTERNAL', `unknown authority ${address}`)
  }
}
