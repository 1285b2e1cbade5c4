/**
 * The steps of identities: key → prepare·lint → sign → correspond → write.
 *
 * @module
 */

import type { Issuer } from '../authority/issuer.js'
import { prepare } from '../authority/prepare.js'
import { latin1Of } from '../bytes.js'
import { isIssuedBy } from '../checks/issued-by.js'
import { NomadPkiError } from '../errors.js'
import { openAttempts } from '../evidence/attempts.js'
import { generationsIn, type MadeGenerations } from '../evidence/generations.js'
import { generationName } from '../inventory/generation-name.js'
import type { FoundGeneration, FoundIdentity } from '../inventory/inventory.js'
import type { EventOf } from '../inventory/ledger-events.js'
import { encodeManifest, leafFacts, type KeyElsewhere } from '../inventory/manifest.js'
import type { Store, StoreBatch } from '../inventory/store.js'
import { algorithmOf, type PrivateKey } from '../keys/algorithms.js'
import { generateKey } from '../keys/generate.js'
import { encodePrivateKey, parsePrivateKey } from '../keys/private-key.js'
import type { PlanMaterials } from '../plan/make-plan.js'
import type { Step } from '../plan/plan.js'
import { surplusIn } from '../plan/surplus.js'
import { sha256 } from '../sha256.js'
import type { DesiredIdentity } from '../cluster/desired.js'
import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import { makeRequest, type CertificateRequest } from '../x509/request.js'
import type { Authorities } from './authorities.js'
import type { StepDetail } from './events.js'
import type { Signatures } from './signatures.js'

/** How many RSA keys are made at once: libuv's pool has four threads (crypto.generateKeyPair). */
const keysAhead = 4

/** Events that bring a generation. */
type MadeEvent = 'issued' | 'refreshed' | 'turned'

/** Puts what was made for a step into a batch. */
export type Put = (batch: StoreBatch) => StepDetail | undefined

/** Does the steps of `identity/…`. */
export interface IdentityWork {
  /** Begins what takes long (RSA keys) for the steps from `at` on. */
  ahead(steps: readonly Step[], at: number): void
  /** Who signs in a step; `undefined` where nobody does. */
  signer(step: Step): Promise<Issuer> | undefined
  /** Makes what a step needs: the key, the signature. Nothing is written. */
  make(step: Step): Promise<Put>
}

/**
 * The work on identities in one apply.
 *
 * @param materials What the plan was made from.
 * @param authorities The issuers and bundles.
 * @param signatures Asks the issuers.
 * @param ports The store, where a key is taken from that stays; and the time.
 */
export function identityWork(
  materials: PlanMaterials,
  authorities: Authorities,
  signatures: Signatures,
  ports: { readonly store: Store; readonly clock: () => number },
): IdentityWork {
  const { desired, inventory, requests } = materials
  const wanted = new Map(desired.identities.map((identity) => [identity.address, identity]))
  const surplusOf = surplusIn(inventory, { now: ports.clock() })
  const keys = new Map<string, Promise<PrivateKey>>()
  /** What the ledger knows as made; read where an interrupted run left something. */
  let told: MadeGenerations | undefined
  const above = new WeakMap<readonly Certificate[], string>()

  return { ahead, signer, make }

  function ahead(steps: readonly Step[], at: number): void {
    for (let next = at; next < Math.min(at + keysAhead, steps.length); next += 1) {
      const { address, action } = steps[next]!
      const identity = wanted.get(address)
      if (identity === undefined || keys.has(address)) continue
      if ((action !== 'create' && action !== 'renew') || steps[next]!.keepKey === true) continue
      if (requests.has(address) || algorithmOf(identity.profile.key).kind !== 'rsa') continue
      const key = generateKey(identity.profile.key)
      // It is awaited when its turn comes; until then a failure must not end the process.
      key.catch(() => undefined)
      keys.set(address, key)
    }
  }

  function signer({ address, action }: Step): Promise<Issuer> | undefined {
    const identity = wanted.get(address)
    if (identity === undefined || (action !== 'create' && action !== 'renew')) return undefined
    return authorities.issuer(identity.profile.issuer.address)
  }

  async function make(step: Step): Promise<Put> {
    const identity = wanted.get(step.address)
    if (identity === undefined) {
      throw new NomadPkiError('ERR_INTERNAL', `unplanned: ${step.address}`)
    }
    const found = inventory.identities.get(step.address)
    const made = await makeOne(step, identity, found)
    return (batch) => {
      recordLost(identity, found?.unfinished, batch)
      return made(batch)
    }
  }

  async function makeOne(
    step: Step,
    identity: DesiredIdentity,
    found: FoundIdentity | undefined,
  ): Promise<Put> {
    switch (step.action) {
      case 'create':
      case 'renew': {
        const requested = requests.get(step.address)
        if (requested !== undefined) return newLeaf(step, identity, found, requested)
        if (identity.profile.keyHeld === 'node') {
          throw new NomadPkiError('ERR_INTERNAL', `no key is made here for ${step.address}`)
        }
        const key =
          step.keepKey === true
            ? parsePrivateKey(await storedKey(identity, found))
            : await (keys.get(step.address) ?? generateKey(identity.profile.key))
        keys.delete(step.address)
        return newLeaf(step, identity, found, key)
      }
      case 'refresh':
        return refresh(identity, found)
      case 'finish':
        return (batch) => finish(identity, found, batch)
      case 'repair':
        return (batch) => {
          batch.repairModes(step.address)
          return undefined
        }
      case 'remove':
        return (batch) => {
          dropSurplus(identity, found, batch, 0)
          return undefined
        }
      case 'write':
      case 'cross':
        throw new NomadPkiError(
          'ERR_INTERNAL',
          `an identity has no ${step.action}: ${step.address}`,
        )
    }
  }

  async function newLeaf(
    step: Step,
    identity: DesiredIdentity,
    found: FoundIdentity | undefined,
    /** Its key, or the request of the node that holds it. */
    from: PrivateKey | CertificateRequest,
  ): Promise<Put> {
    const { publicKey } = from
    const key = 'der' in from ? undefined : from
    const { address, profile, names, ips, uris } = identity
    const issuer = await authorities.issuer(profile.issuer.address)
    const { role, region, lifetime, beyondIssuer } = profile
    const { certificate, attempt } = await signatures.sign({
      address,
      issuer: profile.issuer.address,
      signer: issuer,
      prepare: (now) =>
        prepare(
          {
            ...{ role, region, publicKey, lifetime, names, ips, uris, beyondIssuer },
            request: key && ((asked) => makeRequest({ ...asked, key })),
            brought: 'der' in from ? from.der : undefined,
          },
          issuer,
          { now },
        ),
    })
    return (batch) =>
      put(identity, found, batch, {
        key: key && encodePrivateKey(key),
        leaf: certificate,
        cert: encodeCertificate(certificate) + textAbove(authorities.chain(profile.issuer.address)),
        event: 'issued',
        reasons: step.reasons.map(({ reason }) => reason),
        attempt,
        host: materials.askedHosts?.get(address),
      })
  }

  /** The key of the newest generation, PEM. */
  async function storedKey(
    { profile: { role, region }, name }: DesiredIdentity,
    found: FoundIdentity | undefined,
  ): Promise<Uint8Array> {
    const from = found?.unfinished ?? found?.current
    const generations = await ports.store.readGenerations({ role, region, name })
    const stored = generations.find(({ directory }) => directory === from?.directory)
    if (stored?.key !== undefined) return stored.key.bytes
    throw new NomadPkiError('ERR_STORE_UNREADABLE', 'its key is gone since the plan was made')
  }

  /** The same key and leaf in a new generation: trust or intermediates changed around them. */
  async function refresh(
    identity: DesiredIdentity,
    found: FoundIdentity | undefined,
  ): Promise<Put> {
    const from = found?.unfinished ?? found?.current
    const state = from?.key.state
    const held = state === 'node' || state === 'elsewhere' ? state : undefined
    const key = held === undefined ? await storedKey(identity, found) : undefined
    const leaf = from?.chain[0]
    if (leaf === undefined) {
      throw new NomadPkiError('ERR_INTERNAL', `nothing to refresh: ${identity.address}`)
    }
    const rest = textAbove(authorities.chain(identity.profile.issuer.address))
    return (batch) =>
      put(identity, found, batch, {
        key: key && latin1Of(key),
        held,
        leaf,
        cert: encodeCertificate(leaf) + rest,
        event: 'refreshed',
        reasons: [],
      })
  }

  function finish(
    identity: DesiredIdentity,
    found: FoundIdentity | undefined,
    batch: StoreBatch,
  ): StepDetail {
    const { role, region } = identity.profile
    const made = found?.unfinished
    const leaf = made?.chain[0]
    if (made === undefined || leaf === undefined) {
      throw new NomadPkiError('ERR_INTERNAL', `nothing to finish: ${identity.address}`)
    }
    batch.turn({ role, region, name: identity.name }, made.directory)
    batch.record(lineOf('turned', identity, made.number, leaf, []))
    dropSurplus(identity, found, batch, 0)
    return detailOf(leaf, made.directory)
  }

  /**
   * No certificate without a line: a killed run may have made a generation and not written that. Its
   * line says what its own files say, because the spec may ask for something else today.
   */
  function recordLost(
    identity: DesiredIdentity,
    made: FoundGeneration | undefined,
    batch: StoreBatch,
  ): void {
    const leaf = made?.chain[0]
    if (made === undefined || leaf === undefined) return
    told ??= generationsIn(inventory)
    const fingerprint = fingerprintOf(leaf)
    const same = (told.get(identity.address) ?? []).filter((one) => one.fingerprint === fingerprint)
    if (same.some(({ number }) => number === made.number)) return
    const known = [...inventory.authorities.values()]
    const issuer = known.find(
      ({ certificate }) => certificate !== undefined && isIssuedBy(leaf, certificate),
    )
    if (issuer === undefined) return
    const trusted = known.filter(
      ({ certificate }) =>
        certificate !== undefined &&
        made.trust.some((root) => fingerprintOf(root) === fingerprintOf(certificate)),
    )
    // A leaf that has a line under an earlier number was put into this one by a refresh.
    batch.record({
      ...lineOf(same.length > 0 ? 'refreshed' : 'issued', identity, made.number, leaf, []),
      issuer: issuer.address,
      trusted: trusted.map(({ address }) => address),
      healed: true,
      ...attemptFor(leaf),
    })
  }

  /** The attempt that a leaf came of: the last one for its key. */
  function attemptFor(leaf: Certificate): { readonly attempt?: string } {
    const key = sha256(leaf.publicKey.spki)
    const open = openAttempts(inventory.ledger, { now: ports.clock() })
    const attempt = open.findLast((one) => one.key === key)?.attempt
    return attempt === undefined ? {} : { attempt }
  }

  function put(
    identity: DesiredIdentity,
    found: FoundIdentity | undefined,
    batch: StoreBatch,
    made: {
      readonly key: string | undefined
      /** Where the key is, if there is none. Default: `node`. */
      readonly held?: KeyElsewhere | undefined
      readonly cert: string
      readonly leaf: Certificate
      readonly event: 'issued' | 'refreshed'
      readonly reasons: readonly string[]
      readonly attempt?: string | undefined
      readonly host?: string | undefined
    },
  ): StepDetail {
    const { role, region, bundle } = identity.profile
    const { leaf } = made
    const facts = leafFacts(leaf)
    const generation = nextGeneration(found)
    const directory = generationName(generation, facts.fingerprint)
    const files = { key: made.key, cert: made.cert, ca: authorities.bundle(bundle) }
    const manifest = encodeManifest({
      address: identity.address,
      generation,
      made: ports.clock(),
      leaf: facts,
      held: made.held,
      files,
    })
    batch.putGeneration({ role, region, name: identity.name }, directory, { ...files, manifest })
    batch.record({
      ...lineOf(made.event, identity, generation, leaf, made.reasons),
      ...(made.attempt !== undefined && { attempt: made.attempt }),
      ...(made.host !== undefined && { host: made.host }),
    })
    dropSurplus(identity, found, batch, 1)
    return detailOf(leaf, directory)
  }

  function lineOf(
    event: MadeEvent,
    { address, profile }: DesiredIdentity,
    generation: number,
    leaf: Certificate,
    reasons: readonly string[],
  ): Omit<EventOf<'issued'>, 'event'> & { readonly event: MadeEvent } {
    return {
      event,
      address,
      at: ports.clock(),
      generation,
      ...leafFacts(leaf),
      issuer: profile.issuer.address,
      trusted: authorities.trusted(profile.bundle),
      ...(reasons.length > 0 && { reasons }),
    }
  }

  /** Keeps `keep` generations, of which `fresh` are being made now. */
  function dropSurplus(
    { profile, name }: DesiredIdentity,
    found: FoundIdentity | undefined,
    batch: StoreBatch,
    fresh: number,
  ): void {
    const doomed = surplusOf(found, profile.keep, fresh)
    const { role, region } = profile
    if (doomed.length > 0) batch.removeIdentity({ role, region, name }, doomed)
  }

  function textAbove(chain: readonly Certificate[]): string {
    let text = above.get(chain)
    if (text === undefined) {
      text = chain.map(encodeCertificate).join('')
      above.set(chain, text)
    }
    return text
  }
}

/** Numbers only rise, also over generations that were never switched to. */
function nextGeneration(found: FoundIdentity | undefined): number {
  const last = found?.generations.at(-1)
  return last === undefined ? 1 : Number.parseInt(last, 10) + 1
}

function detailOf(leaf: Certificate, path: string): StepDetail {
  return { serial: leaf.serial, fingerprint: fingerprintOf(leaf), notAfter: leaf.notAfter, path }
}
