/**
 * The authorities whose keys are in Vault or OpenBao: the engine writes every byte of what it signs, for a request
 * that names a role. It is not trusted: what it gives is held against what was prepared, and the certificates behind
 * a leaf are those of the store.
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import type { Issuer, IssuerAnswer, IssuerInput } from '../authority/issuer.js'
import type { CertifiedAuthority, Issuers } from '../authority/issuers.js'
import type { Desired, DesiredAuthority } from '../cluster/desired.js'
import { engineKeysOf, issuerNameIn } from '../cluster/vault.js'
import { asks, ownKey } from '../engine/key-inside.js'
import { certifyPath, lookAtEngine, signPath } from '../engine/look.js'
import { engineRoles, type EngineRole, type NameField } from '../engine/roles.js'
import { callsInFlight, type EngineSession } from '../engine/session.js'
import { certificateIn } from '../engine/verdict.js'
import { NomadPkiError } from '../errors.js'
import type { Ledger } from '../inventory/ledger.js'
import { pemEncode } from '../keys/pem.js'
import type { Certificate } from '../x509/certificate.js'
import { certifyByEngine, hintFor } from './engine-root.js'
import { chainOf } from './held.js'

/** What the issuers of an engine work with. */
export interface EngineIssuersOptions {
  /** What the spec wants. */
  readonly desired: Pick<Desired, 'authorities' | 'identities'>
  /**
   * Opens the engine; called when an authority signs first.
   *
   * @throws {NomadPkiError} `ERR_REFUSED`, `ERR_LOCAL_INVALID`, `ERR_FILE_UNREADABLE`
   */
  readonly session: () => Promise<EngineSession>
  /** Reads the ledger of the store: which keys it had made. */
  readonly ledger: () => Promise<Pick<Ledger, 'events'>>
  /** Epoch milliseconds. */
  readonly clock: () => number
}

/** Gives the authorities whose keys are in an engine. Before the first signature, what it has is read back. */
export function engineIssuers({ desired, session, ledger, clock }: EngineIssuersOptions): Issuers {
  const wantedOf = ({
    name,
    generation,
  }: Pick<CertifiedAuthority, 'name' | 'generation'>): DesiredAuthority & {
    readonly engine: NonNullable<DesiredAuthority['engine']>
  } => {
    const address = authorityAddress(name, generation)
    // An older generation signs while its successor is not set up, and the spec no longer lists it.
    const own = desired.authorities.filter((one) => one.name === name && one.engine !== undefined)
    const wanted = own.find((one) => one.address === address) ?? own.find(({ signing }) => signing)
    if (wanted?.engine !== undefined)
      return { ...wanted, address, generation, engine: wanted.engine }
    throw new NomadPkiError(
      'ERR_ISSUER_REFUSED',
      `the spec does not say where the engine of ${address} is`,
      {
        address,
        hint: `add engine: { mount: … } to ${name} in the spec`,
      },
    )
  }
  const issuers: Issuers = {
    async begin({ name, generation }) {
      const address = authorityAddress(name, generation)
      const { mount, ...engine } = wantedOf({ name, generation }).engine
      const keyName = issuerNameIn({ mount, ...engine }, generation)
      // A mount that is not there has no keys.
      const opened = await session()
      const publicKey = await ownKey(asks(opened, address), {
        ...{ address, mount, keyName, session: opened, stored: undefined },
        ledger: await ledger(),
      })
      if (publicKey === undefined) {
        throw new NomadPkiError(
          'ERR_ISSUER_REFUSED',
          `the key of ${address} is made in its engine, and ${mount} has no key ${keyName}`,
          { address, hint: `first: nomad-pki authority setup ${name}` },
        )
      }
      const issue = async (): Promise<IssuerAnswer> => ({
        outcome: 'refused',
        reason: 'its engine writes what its key signs',
      })
      return {
        ...{ name, publicKey, issue, signatures: 'foreign' },
        // The key stays in the engine.
        keep: (keeper, certificate) => keeper.putAuthority(name, generation, { certificate }),
        open: async (path) => issuers.open({ name, generation, path }),
      }
    },
    async open({ name, generation, path: [certificate, ...above] }) {
      const authority = wantedOf({ name, generation })
      const opened = await session()
      const roles = engineRoles(authority, desired)
      const findings = await lookAtEngine(opened, {
        authority,
        certificate,
        desired,
        now: clock(),
        // A root may be asked for an authority alone: its engine says whether the token may.
        signs: above.length > 0,
        policy: roles.length > 0 ? 'apply' : 'certify',
      })
      const [first, ...more] = findings.filter(
        ({ severity, reason }) => severity === 'error' || reason === 'engine-unseen',
      )
      if (first !== undefined) {
        const others = more.length === 0 ? '' : ` (and ${more.length} more: nomad-pki verify)`
        throw new NomadPkiError('ERR_ISSUER_REFUSED', `${first.message}${others}`, {
          address: authority.address,
          hint: first.remedy,
        })
      }
      return engineIssuer({
        ...{ name, certificate, above, roles },
        session: opened,
        mount: authority.engine.mount,
        issuer: issuerNameIn(authority.engine, generation),
      })
    },
  }
  return issuers
}

/** What an issuer in an engine is made of. */
export interface EngineIssuerParts {
  /** For messages. */
  readonly name: string
  /** The authority's own. */
  readonly certificate: Certificate
  /** Every certificate above this one, the root last. */
  readonly above: readonly Certificate[]
  readonly session: EngineSession
  readonly mount: string
  /** Its name in the mount. */
  readonly issuer: string
  readonly roles: readonly EngineRole[]
}

/** An issuer in an engine, which has been looked at. */
export function engineIssuer(parts: EngineIssuerParts): Issuer {
  const { name, certificate, above, session, mount, issuer, roles } = parts
  return {
    name,
    certificate,
    above,
    chain: chainOf(certificate, above),
    signatures: 'foreign',
    concurrency: callsInFlight,
    async issue(input, { signal } = {}): Promise<IssuerAnswer> {
      signal?.throwIfAborted()
      if (input.expected.basicConstraints?.ca === true) {
        if (above.length === 0) {
          return certifyByEngine(input, { session, path: certifyPath(mount, issuer), name, signal })
        }
        return {
          outcome: 'refused',
          reason: 'it is an intermediate, and certifies no other authority',
        }
      }
      const { request, brought, expected } = input
      if (request === undefined && brought === undefined) {
        return {
          outcome: 'refused',
          reason: 'an engine signs requests, and the key that would make one is not here',
        }
      }
      const role = roleFor(input, roles)
      if (role === undefined) {
        return { outcome: 'refused', reason: 'the engine has no role for this kind of certificate' }
      }
      const path = signPath(mount, issuer, role.name)
      const csr = pemEncode('CERTIFICATE REQUEST', request?.() ?? brought!)
      const ttl = `${ttlOf(input, parts)}s`
      const body = { csr, ttl, ...namesIn(expected) }
      const verdict = await session.call({ method: 'POST', path, body, signal })
      switch (verdict.is) {
        case 'done': {
          const made = certificateIn(verdict.data.certificate)
          return made === undefined
            ? { outcome: 'unknown', reason: `${path} answered without one certificate` }
            : { outcome: 'issued', certificate: made.der }
        }
        case 'unknown':
          return { outcome: 'unknown', reason: verdict.reason, again: verdict.passing }
        default:
          return { outcome: 'refused', reason: verdict.reason, ...hintFor(verdict, 'apply', name) }
      }
    },
  }
}

/**
 * Seconds that the certificate is asked to live. One that is to end with its issuer ends a minute before: the engine
 * counts from its own clock, and refuses what would end later.
 */
function ttlOf({ expected, now }: IssuerInput, { certificate }: EngineIssuerParts): number {
  const end = Math.min(expected.notAfter, certificate.notAfter - 60_000)
  return Math.max(1, Math.floor((end - now) / 1000))
}

/** The names of what was prepared, as a call has them: the engine takes none from a request (engine/roles.ts). */
function namesIn(expected: Certificate): Readonly<Record<NameField, unknown>> {
  const { subjectAltName = [] } = expected
  const of = (type: 'dns' | 'ip' | 'uri'): string =>
    subjectAltName.flatMap((one) => (one.type === type ? [one.value] : [])).join(',')
  const commonName = commonNameIn(expected) ?? ''
  return {
    common_name: commonName,
    alt_names: of('dns'),
    ip_sans: of('ip'),
    uri_sans: of('uri'),
    // Else the engine adds it.
    exclude_cn_from_sans: true,
  }
}

function commonNameIn({ subject }: Certificate): string | undefined {
  return subject.attributes.find(({ oid }) => oid === '2.5.4.3')?.value
}

/** The role of its holder, for a key of its kind. */
function roleFor(
  { expected, holder }: IssuerInput,
  all: readonly EngineRole[],
): EngineRole | undefined {
  const { algorithm } = expected.publicKey
  const keys = algorithm && engineKeysOf(algorithm)
  return all.find(
    (one) => one.role === holder?.role && one.region === holder.region && one.keys === keys,
  )
}
