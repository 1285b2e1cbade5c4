/**
 * Which authorities of a spec an empty store gets back, and what that rests on. An engine tells what it has, and is not
 * believed: a root counts where the spec pins its fingerprint or a person brought its file, an intermediate where that
 * root signed it.
 *
 * @module
 */

import type { AdoptedAuthority } from '../adoption/adopted.js'
import type { Collection } from '../adoption/collect.js'
import type { LeftOut } from '../adoption/materials.js'
import { adoptionNotes } from '../adoption/notes.js'
import { authorityAddress, generationOf } from '../address.js'
import type { Desired, DesiredAuthority, FormerInEngine } from '../cluster/desired.js'
import { issuerNameIn, type EngineSpec } from '../cluster/vault.js'
import type { EngineIssuerFound } from '../engine/certificates.js'
import { NomadPkiError } from '../errors.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import { fingerprintText, sameCertificate, type Certificate } from '../x509/certificate.js'
import { isIssuedBy, isSignedUnder } from '../checks/issued-by.js'
import { generationFault } from './take-issuer.js'

/** What there is to take. */
export interface Offered {
  /** What a person brought. */
  readonly files: Collection
  /** What the engine has, by its mount. */
  readonly issuers: ReadonlyMap<string, readonly EngineIssuerFound[]>
}

/** What is taken. */
export interface TakenAuthorities {
  /** Those that the store lacks. */
  readonly authorities: readonly AdoptedAuthority[]
  /** The authorities of the store as they are then. */
  readonly inventory: Inventory
  readonly leftOut: readonly LeftOut[]
}

/**
 * Takes the authorities of a spec.
 *
 * @param now Epoch milliseconds.
 * @throws {NomadPkiError} `ERR_PLAN_BLOCKED` where nothing says which root is right.
 */
export function takeAuthorities(
  desired: Desired,
  before: Inventory,
  offered: Offered,
  now: number,
): TakenAuthorities {
  const known = new Map(before.authorities)
  const authorities: AdoptedAuthority[] = []
  const leftOut: LeftOut[] = []
  const inventory = { ...before, authorities: known }
  const { formerInEngine = [] } = desired
  const has = (address: string): boolean => known.get(address)?.certificate !== undefined
  const take = (
    wanted: DesiredAuthority,
    certificate: Certificate,
    place: string,
    note: string,
  ): void => {
    const { address, name, generation, issuer } = wanted
    const key = offered.files.keyOf(certificate.publicKey)
    const signer = issuer && rootOf(wanted, certificate)
    const above = signer === undefined ? undefined : known.get(signer)?.certificate
    const found: FoundAuthority = {
      ...{ address, name, generation, certificate, crossed: new Map(), findings: [] },
      key: key === undefined ? { state: 'absent' } : { state: 'present', publicKey: key.publicKey },
    }
    known.set(address, found)
    authorities.push({
      ...{ address, name, generation, certificate, key, crossed: new Map(), places: [place] },
      issuer: signer,
      notes: [note, ...adoptionNotes(certificate, above)],
    })
  }

  for (const wanted of desired.authorities) {
    if (has(wanted.address)) continue
    if (wanted.issuer === undefined) takeRoot(wanted)
    else takeIntermediate(wanted)
  }
  // The newer one may be elsewhere, or here already: what a former one signed in its engine may live.
  for (const former of formerInEngine) {
    const wanted = desired.authorities.find(
      ({ name, signing }) =>
        signing && authorityAddress(name, generationOf(former.address)) === former.address,
    )
    if (wanted?.issuer !== undefined) takeFormer(wanted, former)
  }
  return { authorities, inventory, leftOut }

  function takeRoot(wanted: DesiredAuthority): void {
    const { address, name, fingerprint } = wanted
    const fromFiles = offered.files.certificates.map(({ certificate, places }) => ({
      certificate,
      place: places[0]!,
    }))
    const fromEngine = [...offered.issuers.values()].flat()
    const isRoot = ({ certificate }: { readonly certificate: Certificate }): boolean =>
      certificate.basicConstraints?.ca === true && isIssuedBy(certificate, certificate)
    if (fingerprint !== undefined) {
      const found = [...fromFiles, ...fromEngine].find(
        (one) => fingerprintText(one.certificate) === fingerprint,
      )
      if (found !== undefined)
        take(wanted, found.certificate, found.place, 'the spec pins its fingerprint')
      else {
        throw new NomadPkiError(
          'ERR_PLAN_BLOCKED',
          `the spec pins ${fingerprint} for ${address}, and neither a file nor the engine has that certificate`,
          {
            address,
            hint: 'put the ca_file of an agent into a folder: nomad-pki adopt FOLDER --engine',
          },
        )
      }
      return
    }
    // Of several roots that a person brought, the one that signed what the engine has under our names.
    const names = new Set([
      ...desired.authorities.flatMap(namesOf),
      ...formerInEngine.map((one) => issuerNameIn(one.engine, generationOf(one.address))),
    ])
    const own = fromEngine.filter(({ name: issuer }) => names.has(issuer))
    const signers = fromFiles.filter(
      (root) =>
        isRoot(root) &&
        [...known.values()].every(({ certificate }) => certificate !== root.certificate) &&
        own.some(({ certificate }) => isSignedUnder(certificate, root.certificate)),
    )
    const [first, ...more] = signers
    const generations = desired.authorities.filter((one) => one.name === name).length
    if (first !== undefined && more.length === 0 && generations === 1) {
      take(wanted, first.certificate, first.place, 'you brought its file')
      return
    }
    const offers = fromEngine.filter(isRoot)
    const pin = (root: Certificate): string =>
      `fingerprint: { ${wanted.generation}: "${fingerprintText(root)}" }`
    throw new NomadPkiError(
      'ERR_PLAN_BLOCKED',
      first === undefined
        ? `nothing says which root ${address} is: the spec pins none, and no file has one that signed the issuers of the engine`
        : `nothing says which root ${address} is: the spec pins none, and ${generations === 1 ? `${more.length + 1} roots fit` : 'it names several generations'}`,
      {
        address,
        hint:
          offers.length === 0 || first !== undefined
            ? 'put the ca_file of an agent, and nothing else, into a folder: nomad-pki adopt FOLDER --engine'
            : `the engine has ${offers.map(({ certificate }) => fingerprintText(certificate)).join(' and ')}: compare it with the ca_file of an agent, then pin it in the spec (${name}: { ${pin(offers[0]!.certificate)} }); or: nomad-pki adopt FOLDER --engine, with that file in FOLDER`,
      },
    )
  }

  function takeIntermediate(wanted: DesiredAuthority): void {
    const { engine } = wanted
    if (engine === undefined) {
      // What the engine has under a name of ours is a former generation.
      const inside = [...offered.issuers.values()].flat()
      const found = offered.files.certificates.find(
        ({ certificate }) =>
          fault(wanted, certificate) === undefined &&
          inside.every((other) => !sameCertificate(other.certificate, certificate)),
      )
      if (found !== undefined) {
        take(wanted, found.certificate, found.places[0]!, `${wanted.issuer!.name} signed it`)
      } else notThere(wanted, wanted.address, 'no file has it')
      return
    }
    // Older generations signed certificates that may live.
    for (let generation = 1; generation < wanted.generation; generation += 1) {
      takeFormer(wanted, { address: authorityAddress(wanted.name, generation), engine })
    }
    takeIssuer(wanted, engine, 'wanted')
  }

  function takeFormer(wanted: DesiredAuthority, { address, engine }: FormerInEngine): void {
    const generation = generationOf(address)
    // The pin of the spec is that of the generation that signs, and so is a name of its own.
    const one = { ...wanted, address, generation, fingerprint: undefined, signing: false }
    takeIssuer(one, engine, 'former')
  }

  function takeIssuer(one: DesiredAuthority, engine: EngineSpec, which: 'wanted' | 'former'): void {
    const { address, name, generation, issuer } = one
    if (has(address)) return
    const issuerName = issuerNameIn(engine, generation)
    const issuers = offered.issuers.get(engine.mount) ?? []
    const found = issuers.find((other) => other.name === issuerName)
    const place = `${engine.mount}/issuer/${issuerName}`
    if (found === undefined) {
      if (which === 'wanted') notThere(one, place, 'the engine does not have it')
      return
    }
    const why = fault({ ...one, engine }, found.certificate)
    if (why === undefined) {
      take(one, found.certificate, found.place, `${issuer!.name} signed it`)
    } else {
      leftOut.push({
        ...{ kind: 'left-out', place, code: 'adoption/authority' },
        message: `it is ${fingerprintText(found.certificate)}, and is not taken as ${address}: ${why}`,
        hint: `find out who made it: certificates of it are not taken; a mount of its own for ${name}, or the next generation, makes a new one`,
      })
    }
  }

  /** The generation of its root that signed an intermediate; older ones may have. */
  function rootOf(wanted: DesiredAuthority, certificate: Certificate): string | undefined {
    return [...known.values()].find(
      (root) =>
        root.name === wanted.issuer!.name &&
        root.certificate !== undefined &&
        isSignedUnder(certificate, root.certificate),
    )?.address
  }

  /** That the root signed it is enough: where the spec says something else today, `plan` tells. */
  function fault(wanted: DesiredAuthority, certificate: Certificate): string | undefined {
    if (certificate.basicConstraints?.ca !== true) return 'it is not an authority'
    if (isIssuedBy(certificate, certificate)) return 'it is a root'
    if (rootOf(wanted, certificate) === undefined) return `${wanted.issuer!.name} did not sign it`
    const other = wanted.engine && generationFault(certificate, wanted, before)
    if (other !== undefined) return other
    return certificate.notAfter > now ? undefined : 'it has ended'
  }

  function notThere({ name, address }: DesiredAuthority, place: string, why: string): void {
    leftOut.push({
      ...{ kind: 'left-out', place, code: 'adoption/issuer' },
      message: `${address} is not taken: ${why}`,
      hint: `nomad-pki authority setup ${name} makes it, where its root can sign`,
    })
  }
}

/** The names of an authority's issuers in its mount: of its own generation and those before it. */
function namesOf({ engine, generation }: DesiredAuthority): readonly string[] {
  if (engine === undefined) return []
  return Array.from({ length: generation }, (_, at) => issuerNameIn(engine, at + 1))
}
