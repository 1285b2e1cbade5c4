/**
 * A node renews itself: a new key, which is made here and stays here; a certificate from the engine, held against what
 * was asked for; and then the same installer as for an archive that was packed elsewhere.
 *
 * ```text
 * look      what is in place, and why it is renewed or not                             nothing is changed
 * key       TLS/requested-key.pem                                                      0600 from its first byte
 * ask       the engine signs; lint and correspondence; a lost answer is asked for again, with the same key
 * install   lock, continuity, generation, switch, reload, proof, way back, receipt     delivery/install
 * ```
 *
 * Killed at any moment, what is in place stays a whole pair, and the next run goes on.
 *
 * @module
 */

import { issue } from '../authority/issue.js'
import { prepare } from '../authority/prepare.js'
import { mergeStanza, tlsValuesOf } from '../cluster/stanza.js'
import type { NodeFile } from '../cluster/node-file.js'
import { packArchive } from '../delivery/archive.js'
import {
  install,
  prepareInstall,
  rehearseInstall,
  type InstallOutcome,
  type InstallRequest,
} from '../delivery/install.js'
import { nodeKey } from '../delivery/node-key.js'
import {
  generationsIn,
  isUnproven,
  readCurrent,
  readLast,
  type NodeGeneration,
} from '../delivery/node.js'
import type { EngineSession } from '../engine/session.js'
import { formatInstant } from '../duration.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { Configs } from '../inventory/configs.js'
import { generationName, parseGenerationName } from '../inventory/generation-name.js'
import { encodeManifest, leafFacts, type Manifest } from '../inventory/manifest.js'
import { engineKeysOf } from '../cluster/vault.js'
import { engineIssuer } from '../issuers/engine-issuers.js'
import { encodeCertificate } from '../x509/certificates.js'
import { makeRequest } from '../x509/request.js'
import { dueOn, whyText, type Due } from './due.js'
import type { NodeAuthority } from './trust.js'

/** What a renewal works with. */
export interface RenewalPorts {
  /** Opens the engine; nothing is asked of it before. */
  readonly session: () => EngineSession
  /** `templates/install.sh` */
  readonly installer: Uint8Array
  readonly configs: Configs
  /** Epoch milliseconds. */
  readonly clock: () => number
}

/** How the installer is called. */
export type RenewalRequest = Omit<InstallRequest, 'tls' | 'now' | 'owner'>

/** What is to be done on a node. */
export interface Renewal {
  readonly node: NodeFile
  readonly authority: NodeAuthority
  readonly present: NodeGeneration | undefined
  readonly due: Due
  /**
   * `renew`: a new certificate. `finish`: what is in place was not loaded, or not proven: an earlier run was stopped
   * there. `wait`: nothing.
   */
  readonly action: 'renew' | 'finish' | 'wait'
  /** Whether nothing proves yet that the agent has what is in place, although it is told and asked. */
  readonly unproven: boolean
}

/** How a renewal ended. */
export interface Renewed extends InstallOutcome {
  /** When the certificate in place ends, epoch milliseconds. */
  readonly notAfter: number | undefined
  /** What the agent was not told, and why; `undefined`: it was, or nothing was to be told. */
  readonly untold: string | undefined
  readonly warnings: readonly string[]
}

/** Looks at a node. Nothing is changed, and nobody is asked. */
export function lookAtNode(
  node: NodeFile,
  authority: NodeAuthority,
  {
    now,
    reload,
    force,
  }: { readonly now: number; readonly reload: string; readonly force: boolean },
): Renewal {
  const present = readCurrent(node.tls)
  const seen = dueOn(node, present, authority, now)
  const due: Due =
    force && seen.reasons.length === 0
      ? { ...seen, reasons: [{ reason: 'requested', message: 'it was asked for (--force)' }] }
      : seen
  const { receipt } = readLast(node.tls)
  const told =
    reload === 'none' ||
    present === undefined ||
    (receipt?.directory === present.directory && receipt.state !== 'switched')
  const unproven = reload !== 'none' && isUnproven(node.tls)
  const action = due.reasons.length > 0 ? 'renew' : told && !unproven ? 'wait' : 'finish'
  return { node, authority, present, due, action, unproven }
}

/**
 * Goes through the installer's checks with what is in place, where nothing is due: what is wrong with `tls`, `owner`,
 * `reload` or `probe` is said on the day on which it is written. Nothing is changed.
 *
 * @returns Why the agent could not be told now; `undefined`: it could.
 * @throws {NomadPkiError} `ERR_INSTALL_REFUSED`, as a renewal would be refused.
 */
export async function rehearse(
  { node, present }: Renewal,
  request: RenewalRequest,
  ports: RenewalPorts,
): Promise<string | undefined> {
  const archive = present && archiveOfPresent(node, present, ports)
  return archive && (await reloadFor(archive, node, request, ports)).untold
}

/**
 * Has what is in place loaded and proven, where an earlier run was stopped before that.
 *
 * @throws {NomadPkiError} `ERR_INSTALL_REFUSED`, `ERR_INSTALL_FAILED`, `ERR_INTERRUPTED`
 */
export async function finish(
  renewal: Renewal,
  request: RenewalRequest,
  ports: RenewalPorts,
): Promise<Renewed> {
  const { node, present, due } = renewal
  const archive = archiveOfPresent(node, present!, ports)
  if (archive === undefined) {
    throw new NomadPkiError(
      'ERR_INSTALL_REFUSED',
      `${present!.directory} is not whole, and was never loaded`,
      { address: node.address, hint: 'nomad-pki renew --force makes another one' },
    )
  }
  const reload = await reloadFor(archive, node, request, ports)
  const ended = await put(archive, node, { ...request, ...reload }, ports)
  return { ...ended, notAfter: due.notAfter, untold: reload.untold }
}

/**
 * Renews the certificate of a node.
 *
 * @throws {NomadPkiError} `ERR_ISSUER_REFUSED`, nothing exists; `ERR_ISSUER_UNKNOWN`, a certificate may exist for the
 * key that waits; `ERR_CORRESPONDENCE`, `ERR_LINT`, `ERR_BEYOND_ISSUER`, `ERR_NAME_INVALID`; what
 * {@link finish} throws. What was in place stays.
 */
export async function renew(
  renewal: Renewal,
  asked: RenewalRequest,
  ports: RenewalPorts,
): Promise<Renewed> {
  const { node, authority, present, due } = renewal
  const { tls, address } = node
  // An earlier run was killed before its proof: the installer takes nothing else until that is decided. What has
  // ended, or is not whole, no agent will show any more.
  const lives = (due.notAfter ?? 0) > ports.clock()
  const decidable = lives && archiveOfPresent(node, present!, ports) !== undefined
  if (renewal.unproven && decidable) {
    const first = await finish(renewal, asked, ports)
    if (!['proven', 'reloaded', 'placed', 'unchanged'].includes(first.state)) return first
  }
  // What nothing can prove, or what waits for the agent's next start, must not keep the node from a certificate.
  const request = renewal.unproven && isUnproven(tls) ? { ...asked, giveUp: true } : asked
  const key = await nodeKey({ tls, address, algorithm: node.key })
  const now = ports.clock()
  // What the installer would refuse is refused before anything is signed.
  const fits = present !== undefined && (due.notAfter ?? 0) > now
  const before = fits ? archiveOfPresent(node, present, ports) : undefined
  const early = before && (await reloadFor(before, node, request, ports))
  await key.write()
  const leaf = await signed(node, authority, key, ports, {
    signal: request.signal,
    kept: keptText(present, due, now),
  })
  const archive = packed(node, ports, {
    cert: [leaf, ...authority.chain].map(encodeCertificate).join(''),
    ca: authority.bundle,
    leaf,
  })
  // Without a certificate in place, no agent runs that could be told.
  const reload: ReloadHere =
    early ??
    (present === undefined
      ? { reload: 'none', untold: undefined }
      : await reloadFor(archive, node, request, ports))
  const ended = await put(archive, node, { ...request, ...reload }, ports)
  return { ...ended, notAfter: leaf.notAfter, untold: reload.untold }
}

async function signed(
  node: NodeFile,
  authority: NodeAuthority,
  { key }: Awaited<ReturnType<typeof nodeKey>>,
  ports: RenewalPorts,
  { signal, kept }: { readonly signal: AbortSignal | undefined; readonly kept: string },
): Promise<NodeAuthority['certificate']> {
  const { role, region, names, ips, lifetime, beyondIssuer, engine } = node
  const session = ports.session()
  try {
    const issuer = engineIssuer({
      name: `${session.origin} (${authority.address})`,
      certificate: authority.certificate,
      above: authority.path.slice(1),
      ...{ session, mount: engine.mount, issuer: engine.issuer },
      roles: [
        {
          ...{ name: engine.role, role, region, fields: {} },
          keys: engineKeysOf(node.key),
        },
      ],
    })
    const prepared = prepare(
      {
        ...{ role, region, names, ips, lifetime, beyondIssuer },
        publicKey: key.publicKey,
        request: (asked) => makeRequest({ ...asked, key }),
      },
      issuer,
      { now: ports.clock() },
    )
    return (await issue(prepared, { signal })).certificate
  } catch (error) {
    if (!isNomadPkiError(error)) throw error
    const unknown = error.code === 'ERR_ISSUER_UNKNOWN'
    const { code, message, hint, cause } = error
    throw new NomadPkiError(code, message, {
      address: node.address,
      hint: [
        unknown ? 'a certificate may exist; the next run asks again, with the same key' : hint,
        kept,
      ]
        .filter((one) => one !== undefined)
        .join('; '),
      cause,
    })
  } finally {
    session.close()
  }
}

function keptText(present: NodeGeneration | undefined, { notAfter }: Due, now: number): string {
  if (present === undefined || notAfter === undefined) return 'no certificate is in place'
  return `${present.directory} stays in place, ${notAfter > now ? 'valid until' : 'expired at'} ${formatInstant(notAfter)}`
}

/** What goes to the installer: an archive like those that `pack` makes, without a key. */
function packed(
  node: NodeFile,
  { installer, clock }: RenewalPorts,
  { cert, ca, leaf }: { readonly cert: string; readonly ca: string; readonly leaf: Leaf },
): Uint8Array {
  const facts = leafFacts(leaf)
  const numbers = generationsIn(node.tls).map((name) => parseGenerationName(name)!.number)
  const generation = 1 + Math.max(0, ...numbers)
  const manifest = encodeManifest({
    address: node.address,
    ...{ generation, made: clock(), leaf: facts, files: { cert, ca } },
  })
  return archiveFrom(node, installer, {
    directory: generationName(generation, facts.fingerprint),
    manifest: JSON.parse(manifest) as Manifest,
    files: {
      ca: Buffer.from(ca, 'latin1'),
      cert: Buffer.from(cert, 'latin1'),
      manifest: Buffer.from(manifest),
    },
  })
}

type Leaf = NodeAuthority['certificate']

/** What is in place, as an archive; `undefined` where it is not whole. */
function archiveOfPresent(
  node: NodeFile,
  { directory, manifest, ca, cert }: NodeGeneration,
  { installer }: RenewalPorts,
): Uint8Array | undefined {
  if (manifest === undefined || ca === undefined || cert === undefined) return undefined
  // As it stands there: the installer compares it byte for byte.
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
  return archiveFrom(node, installer, { directory, manifest, files: { ca, cert, manifest: text } })
}

function archiveFrom(
  { cluster, tls, owner }: NodeFile,
  installer: Uint8Array,
  parts: Pick<Parameters<typeof packArchive>[0], 'directory' | 'manifest' | 'files'>,
): Uint8Array {
  return packArchive({
    ...{ cluster, tls, installer, layout: 'links', ...parts },
    owner: owner ?? 'root',
    // The configuration of a node that renews itself is there before its certificate.
    stanza: tlsValuesOf(mergeStanza(), tls),
  })
}

/** How the agent is told here and now. */
interface ReloadHere {
  readonly reload: string
  /** Why it is not told, although the node's file says how. */
  readonly untold: string | undefined
  readonly giveUp?: boolean | undefined
}

/**
 * Goes through the installer's own checks. An agent that does not run must not keep its node from a certificate: the
 * files are put in place for its next start.
 *
 * @throws {NomadPkiError} `ERR_INSTALL_REFUSED` for all other causes.
 */
async function reloadFor(
  archive: Uint8Array,
  node: NodeFile,
  request: RenewalRequest,
  ports: RenewalPorts,
): Promise<ReloadHere> {
  const { reload } = request
  const tried = async (how: ReloadHere): Promise<ReloadHere> => {
    const whole = { ...request, ...how, ...placeOf(node, ports) }
    const prepared = await prepareInstall(archive, whole, ports.configs)
    await rehearseInstall(prepared, whole)
    return how
  }
  // Another program reloads the agent and proves nothing to us, so an unproven switch blocks nothing.
  if (reload === 'none') return tried({ reload, untold: undefined, giveUp: true })
  try {
    return await tried({ reload, untold: undefined })
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_INSTALL_REFUSED')) throw error
    try {
      return await tried({ reload: 'none', untold: error.message, giveUp: true })
    } catch {
      throw error
    }
  }
}

function placeOf(
  { tls, owner }: NodeFile,
  { clock }: RenewalPorts,
): Pick<InstallRequest, 'tls' | 'owner' | 'now'> {
  return { tls, owner, now: clock() }
}

async function put(
  archive: Uint8Array,
  node: NodeFile,
  request: RenewalRequest,
  ports: RenewalPorts,
): Promise<Omit<Renewed, 'notAfter' | 'untold'>> {
  const { probe, reload } = request
  const whole = {
    ...request,
    ...placeOf(node, ports),
    // What was not told cannot be proven.
    probe: reload === 'none' ? undefined : probe,
  }
  const prepared = await prepareInstall(archive, whole, ports.configs)
  const outcome = await install(prepared, whole, ports.configs)
  return { ...outcome, warnings: prepared.warnings }
}

/** Why, and until when: for people. */
export function renewalText({ due, action, present, node }: Renewal): string {
  switch (action) {
    case 'renew':
      return `${node.address}: ${whyText(due.reasons)}`
    case 'finish':
      return `${node.address}: ${present!.directory} is in place, and nothing says that the agent has loaded it`
    case 'wait':
      return `${node.address}: ${present!.directory} is valid until ${formatInstant(due.notAfter!)}, and is renewed from ${formatInstant(due.at!)} on`
  }
}
