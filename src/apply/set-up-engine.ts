/**
 * Sets up an authority in Vault or OpenBao: the mount, a key that is made inside and never leaves, its certificate by
 * our root or, where it is a root, by itself, the issuer's settings, the roles. Each part is looked at first, so that a
 * second run does what the first one left; a dry run looks alone.
 *
 * ```text
 * mount → key inside → certificate by our root ── durable in the store ──▶ into the engine → issuer → roles
 * ```
 *
 * @module
 */

import type { Issuers } from '../authority/issuers.js'
import { isBesideItsPlace } from '../checks/authority.js'
import { signerOf } from '../checks/key-place.js'
import type { Desired, DesiredAuthority } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import { asks, keyInside, refusal } from '../engine/key-inside.js'
import { routed, settled } from '../engine/settled.js'
import { healthOf, isMissing, revokedIssuer } from '../engine/look.js'
import { engineRoles, roleBody, roleFaults, shown } from '../engine/roles.js'
import { engineCommand, type EngineSession } from '../engine/session.js'
import { certificateIn } from '../engine/verdict.js'
import { NomadPkiError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import { note } from '../inventory/note.js'
import type { Store } from '../inventory/store.js'
import { fingerprintText, sameCertificate, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { certifyInEngine } from './certify-in-engine.js'
import { knownFingerprint, takeIssuer } from './take-issuer.js'

/** What a set-up works with. */
export interface SetUpPorts {
  readonly session: EngineSession
  readonly store: Store
  /** Who signs in the root's name. */
  readonly issuers: Issuers
  readonly clock: () => number
  /** Tells of each part: what was done, would be done, or is right already. */
  readonly tell: (line: string) => void
  /** Looks alone. */
  readonly dryRun: boolean
}

/** What is set up. */
export interface SetUp {
  /** One whose key is in an engine. */
  readonly authority: DesiredAuthority
  readonly desired: Desired
  readonly inventory: Inventory
}

/** What a set-up came to. */
export type SetUpEnd =
  /** All of it is there; in a dry run also where something would be done. */
  | 'whole'
  /** A key on another machine has to certify it; then another run goes on. */
  | 'certificate is asked for'

/**
 * Sets up one generation of an authority. The caller holds the lock of the store.
 *
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED` where the engine, or the root, refuses a part; `ERR_ISSUER_UNKNOWN`;
 * `ERR_KEY_MISMATCH` where the certificate of the store is for another key than the engine's; and what `prepare` and
 * `issue` throw.
 */
export async function setUpEngine(
  { authority, desired, inventory }: SetUp,
  ports: SetUpPorts,
): Promise<SetUpEnd> {
  const { engine, name, generation, address } = authority
  if (engine === undefined)
    throw new NomadPkiError('ERR_INTERNAL', `${address} is not in an engine`)
  const { session, tell, dryRun } = ports
  const { mount } = engine
  const issuer = issuerNameIn(engine, generation)
  const notOurs = `another store or another person made it: name another mount for ${name}, or raise its \`signing\``
  const ask = asks(session, address)
  const change = async (
    done: string,
    ...call: Parameters<typeof ask>
  ): Promise<Readonly<Record<string, unknown>>> => {
    if (dryRun) {
      tell(`would be done: ${done}`)
      return {}
    }
    const data = await ask(...call)
    tell(`done: ${done}`)
    return data
  }

  const { namespaceFault } = await healthOf(session)
  if (namespaceFault !== undefined) {
    throw new NomadPkiError('ERR_ISSUER_REFUSED', namespaceFault, {
      address,
      hint: 'remove `namespace` from the spec, or correct the address',
    })
  }
  // Vault cuts every certificate at this, in silence.
  const seconds = Math.ceil(Math.max(authority.lifetime, longestLife(authority, desired)) / 1000)
  const there = await session.call({ method: 'GET', path: `sys/mounts/${mount}` })
  const mounted = there.is === 'done'
  if (there.is === 'done') {
    if (there.data.type !== 'pki') {
      throw new NomadPkiError(
        'ERR_ISSUER_REFUSED',
        `${mount} is an engine of another type (${shown(there.data.type)})`,
        {
          address,
          hint: `name another mount for ${name} in the spec`,
        },
      )
    }
    const longest = (there.data.config as { readonly max_lease_ttl?: unknown } | undefined)
      ?.max_lease_ttl
    if (typeof longest === 'number' && longest < seconds) {
      await change(
        `${mount} lets certificates live ${seconds}s (it was ${longest === 0 ? "the engine's default" : `${longest}s`})`,
        'POST',
        `sys/mounts/${mount}/tune`,
        { max_lease_ttl: `${seconds}s` },
      )
    } else tell(`is there: the mount ${mount}`)
  } else if (there.is === 'refused' && (there.status === 400 || there.status === 404)) {
    await change(`mount ${mount}`, 'POST', `sys/mounts/${mount}`, {
      type: 'pki',
      config: { max_lease_ttl: `${seconds}s` },
    })
    if (!dryRun) await routed(session, mount)
  } else throw refusal(address, `sys/mounts/${mount}`, there)

  const stored = inventory.authorities.get(address)?.certificate
  const found = mounted
    ? await session.call({ method: 'GET', path: `${mount}/issuer/${issuer}` })
    : undefined
  const theirs = found?.is === 'done' ? certificateIn(found.data.certificate) : undefined
  if (found !== undefined && found.is !== 'done' && !isMissing(found)) {
    throw refusal(address, `${mount}/issuer/${issuer}`, found)
  }
  // A run that writes heals first, and then has it.
  const isBeside = dryRun && stored === undefined && isBesideItsPlace(address, inventory)
  if (isBeside) {
    tell(`would be done: put ${address} into its place, which an interrupted run did not`)
    tell(
      theirs === undefined
        ? `would be done: give the certificate to ${mount}`
        : `is there: the issuer ${mount}/issuer/${issuer}`,
    )
  } else if (theirs !== undefined && stored === undefined) {
    await takeIssuer(theirs, { authority, desired, inventory }, ports, notOurs)
  } else if (theirs !== undefined && stored !== undefined) {
    if (!sameCertificate(stored, theirs)) {
      throw new NomadPkiError(
        'ERR_CORRESPONDENCE',
        `${mount}/issuer/${issuer} is ${fingerprintText(theirs)}, and the store has ${fingerprintText(stored)} for ${address}`,
        {
          address,
          hint: notOurs,
        },
      )
    }
    tell(`is there: the issuer ${mount}/issuer/${issuer}`)
  }
  const known =
    !isBeside &&
    stored === undefined &&
    theirs === undefined &&
    knownFingerprint(authority, inventory)
  if (known) {
    throw new NomadPkiError(
      'ERR_CORRESPONDENCE',
      `${known.by} has ${known.fingerprint} for ${address}, and neither the store nor ${mount} has that certificate`,
      {
        address,
        hint: `${authority.issuer === undefined ? `where ${mount} has it under another name, name that issuer ${issuer}; else ` : ''}restore it from a backup of the store; for a new one: remove \`fingerprint\` of ${name} from the spec, or raise its \`signing\``,
      },
    )
  }
  const certifier = authority.issuer
  const isElsewhere =
    !isBeside &&
    stored === undefined &&
    certifier !== undefined &&
    signerOf(certifier.address, desired) === 'offline'
  if (theirs === undefined && !isBeside) await makeIssuer()
  const lacks = theirs === undefined && isElsewhere
  if (!lacks) await setIssuer()
  await setRoles()
  if (!lacks) return 'whole'
  tell(
    `${certifier.address}, which certifies ${address}, is on another machine. Ask it: nomad-pki authority request ${certifier.name} --out FILE; when its answer is taken here, run this again`,
  )
  return 'certificate is asked for'

  async function makeIssuer(): Promise<void> {
    const publicKey = await keyInside(
      ask,
      {
        ...{ address, mount, keyName: issuer, session },
        ...{ ledger: inventory.ledger, stored },
      },
      {
        ...{ algorithm: authority.key, dryRun, tell },
        note: (key) => note(ports.store, [{ event: 'generated', address, at: ports.clock(), key }]),
      },
    )
    if (isElsewhere) return
    if (publicKey === undefined || dryRun) {
      if (stored === undefined) {
        tell(
          certifier === undefined
            ? `would be done: let it sign its own certificate, the root ${address}`
            : `would be done: certify it by ${certifier.address}, as ${address}`,
        )
        // It writes a root by itself.
        if (certifier === undefined) return
      }
      tell(`would be done: give the certificate to ${mount}`)
      return
    }
    const certificate =
      stored ?? (await certifyInEngine({ authority, desired, inventory }, ports, publicKey))
    if (stored === undefined && certifier === undefined) {
      tell(`done: the issuer ${mount}/issuer/${issuer}, ${fingerprintText(certificate)}`)
      return
    }
    const data = await ask('POST', `${mount}/intermediate/set-signed`, {
      certificate: encodeCertificate(certificate),
    })
    const id = await importedIssuer(data, certificate)
    await ask('PATCH', `${mount}/issuer/${id}`, { issuer_name: issuer })
    tell(`done: the issuer ${mount}/issuer/${issuer}, ${fingerprintText(certificate)}`)
  }

  /** The issuer that the engine made of a certificate, in this run or in one that ended before it was named. */
  async function importedIssuer(
    answer: Readonly<Record<string, unknown>>,
    certificate: Certificate,
  ): Promise<string> {
    const ids = [answer.imported_issuers, answer.existing_issuers].flatMap((list) =>
      Array.isArray(list) ? (list as unknown[]) : [],
    )
    const id = ids.find((one) => typeof one === 'string')
    const read = id === undefined ? undefined : await ask('GET', `${mount}/issuer/${id}`)
    const is = certificateIn(read?.certificate)
    if (id === undefined || is === undefined || !sameCertificate(is, certificate)) {
      throw new NomadPkiError(
        'ERR_ISSUER_REFUSED',
        `${mount} took the certificate of ${address}, and does not say which issuer has it`,
        {
          address,
          hint: `give the issuer with ${fingerprintText(certificate)} in ${mount} the name ${issuer}, then run this again`,
        },
      )
    }
    const name = read?.issuer_name
    if (typeof name !== 'string' || name === '' || name === issuer) return id
    throw new NomadPkiError(
      'ERR_CORRESPONDENCE',
      `${mount} has the certificate of ${address} under another name: ${shown(name)}`,
      {
        address,
        hint: `give the issuer ${id} the name ${issuer} (${engineCommand(session, 'patch', `${mount}/issuer/${id} issuer_name=${issuer}`)}), or name it in \`engine.issuer\` of the spec; then run this again`,
      },
    )
  }

  async function setIssuer(): Promise<void> {
    const path = `${mount}/issuer/${issuer}`
    const read = theirs === undefined && dryRun ? undefined : await settled(ask, path)
    if (read?.revoked === true) {
      const [message, hint] = revokedIssuer(session, authority, path)
      throw new NomadPkiError('ERR_ISSUER_REFUSED', message, { address, hint })
    }
    const usage = typeof read?.usage === 'string' ? read.usage.split(',') : []
    if (read?.leaf_not_after_behavior === 'err' && usage.includes('issuing-certificates')) {
      tell(`is right: what ${path} does with certificates that would outlive it`)
      return
    }
    await change(`${path} refuses what would outlive it`, 'PATCH', path, {
      leaf_not_after_behavior: 'err',
      usage: [...new Set([...usage, 'read-only', 'issuing-certificates', 'crl-signing'])]
        .filter((one) => one !== '')
        .join(','),
    })
  }

  async function setRoles(): Promise<void> {
    for (const role of engineRoles(authority, desired)) {
      const path = `${mount}/roles/${role.name}`
      const read = mounted ? await session.call({ method: 'GET', path }) : undefined
      const is = read?.is === 'done' ? read.data : undefined
      const isAbsent = read?.is === 'refused' && read.status === 404
      if (read !== undefined && read.is !== 'done' && !isAbsent) throw refusal(address, path, read)
      const faults = is === undefined ? [] : roleFaults(role, is)
      if (is !== undefined && faults.length === 0) {
        tell(`is right: the role ${path}`)
        continue
      }
      const what = is === undefined ? `the role ${path}` : `the role ${path} (${faults.join('; ')})`
      // The whole role: what is not named goes back to a default.
      await change(what, 'POST', path, roleBody(role))
      if (dryRun) continue
      // A misspelt usage, and a field that this engine does not know, are taken without a word.
      const after = roleFaults(
        role,
        await settled(ask, path, (data) => roleFaults(role, data).length === 0),
      )
      if (after.length === 0) continue
      throw new NomadPkiError(
        'ERR_ISSUER_REFUSED',
        `${path} is not what was written: ${after.join('; ')}`,
        {
          address,
          hint: 'this engine does not know a field: it needs OpenBao 2.2 or Vault 1.15',
        },
      )
    }
  }
}

function longestLife({ name }: DesiredAuthority, { identities }: Desired): number {
  return Math.max(
    0,
    ...identities.flatMap(({ profile }) =>
      profile.issuer.name === name ? [profile.lifetime] : [],
    ),
  )
}
