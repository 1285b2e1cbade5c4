/**
 * The certificate of an authority whose key is in an engine: by its root, or by itself where it is one. It is durable in
 * the store, and the attempt in the ledger before it is asked for.
 *
 * @module
 */

import type { Issuer } from '../authority/issuer.js'
import { prepareIntermediate, prepareRoot } from '../authority/prepare.js'
import { subjectFor } from '../authority/subject.js'
import { authorityPath } from '../checks/context.js'
import type { DesiredIssuer } from '../cluster/desired.js'
import { issuerNameIn } from '../cluster/vault.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import { note } from '../inventory/note.js'
import { engineRootSigner } from '../issuers/engine-root.js'
import type { PublicKey } from '../keys/algorithms.js'
import type { Certificate } from '../x509/certificate.js'
import { putIssuer } from './take-issuer.js'
import type { SetUp, SetUpPorts } from './set-up-engine.js'
import { Signatures } from './signatures.js'

/**
 * Has the key of an authority certified.
 *
 * @param publicKey That of the key inside.
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`, `ERR_ISSUER_UNKNOWN`, and what `prepare` and `issue` throw.
 */
export async function certifyInEngine(
  { authority, desired, inventory }: SetUp,
  ports: SetUpPorts,
  publicKey: PublicKey,
): Promise<Certificate> {
  const { address, name, generation, engine, issuer, constraints, lifetime, beyondIssuer } =
    authority
  const { store, clock, session, tell } = ports
  const subject = subjectFor(authority.subject, publicKey)
  const signatures = new Signatures({ clock, note: (event) => note(store, [event]) }, clock())
  try {
    const { certificate, attempt } = await (issuer === undefined ? byItself() : byRoot(issuer))
    await putIssuer(authority, certificate, ports, { attempt })
    tell(
      `done: ${issuer === undefined ? 'signed by its own key' : `certified by ${issuer.address}`}; ${address} is in the store`,
    )
    return certificate
  } finally {
    signatures.end()
  }

  async function byItself(): ReturnType<Signatures['sign']> {
    const { mount } = engine!
    const own = issuerNameIn(engine!, generation)
    const signer = engineRootSigner({ name, session, mount, issuer: own, publicKey })
    try {
      return await signatures.sign({
        ...{ address, issuer: address, signer },
        prepare: (now) => prepareRoot({ subject, lifetime }, signer, { now }),
      })
    } catch (error) {
      if (!isNomadPkiError(error, 'ERR_ISSUER_UNKNOWN')) throw error
      throw new NomadPkiError(error.code, error.message, {
        address,
        hint: 'run this again: it takes the root that the engine made, or makes one',
        cause: error,
      })
    }
  }

  async function byRoot(root: DesiredIssuer): ReturnType<Signatures['sign']> {
    const signer = await rootOf(root)
    return signatures.sign({
      ...{ address, issuer: root.address, signer },
      prepare: (now) =>
        prepareIntermediate(
          {
            ...{ subject, publicKey, lifetime, beyondIssuer },
            regions: constraints?.regions,
            domains: constraints?.domains,
            networks: constraints?.networks,
          },
          signer,
          { now },
        ),
    })
  }

  async function rootOf(root: DesiredIssuer): Promise<Issuer> {
    const above = inventory.authorities.get(root.address)?.certificate
    if (above === undefined) {
      const isInside = desired.authorities.some(
        (one) => one.address === root.address && one.engine !== undefined,
      )
      throw new NomadPkiError(
        'ERR_ISSUER_REFUSED',
        `${root.address}, which signs ${address}, is not in the store`,
        {
          address,
          hint: `first: ${isInside ? `nomad-pki authority setup ${root.name}` : 'nomad-pki apply'}`,
        },
      )
    }
    const { path } = authorityPath(root.address, above, {})
    return ports.issuers.open({ ...root, path: path as [Certificate, ...Certificate[]] })
  }
}
