/**
 * `pack NODE --renew`: what a node needs to renew itself, as plain files without a secret; and what the engine needs
 * for it.
 *
 * @module
 */

import path from 'node:path'
import { resolveAddress } from '../address.js'
import { checkContext } from '../checks/context.js'
import type { NodeFile } from '../cluster/node-file.js'
import { issuerNameIn } from '../cluster/vault.js'
import { encodeNodeFile } from '../cluster/write-node-file.js'
import { nodeRights, sharedRights, type NodeRights } from '../engine/node-role.js'
import { programOf, valueOf } from '../engine/settings.js'
import { engineCommand } from '../engine/session.js'
import { NomadPkiError } from '../errors.js'
import { nodeFiles } from '../files/files.js'
import { placeFiles } from '../files/place.js'
import { isAgent } from '../nomad/roles.js'
import { shellQuote } from '../shell-quote.js'
import { fingerprintText } from '../x509/certificate.js'
import { encodeCertificate } from '../x509/certificates.js'
import type { Context } from './context.js'
import { printerOf } from './printer.js'
import { exitStatus, type ExitStatus } from './status.js'
import type { Options } from './surface.js'
import { usage } from './usage.js'
import { openWorkspace, takeOwnInventory, type Workspace } from './workspace.js'
import { makeFolder, requireFolder, requireOutside } from './write.js'

/** Where an agent serves its API, seen from its own host. */
const ownEndpoint = '127.0.0.1:4646'

/**
 * Writes the files.
 *
 * @throws {NomadPkiError} `ERR_USAGE`, `ERR_STORE_MISSING`, `ERR_FILE_EXISTS`, `ERR_FILE_UNREADABLE`
 */
export async function packRenew(
  args: readonly string[],
  options: Options<'pack'>,
  context: Context,
): Promise<ExitStatus> {
  const [named, ...others] = args
  const { outDir } = options
  if (named === undefined || others.length > 0 || outDir === undefined) {
    throw usage(
      '--renew is for one node, and writes several files',
      'nomad-pki pack NODE --renew --out-dir FOLDER',
    )
  }
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const inventory = await takeOwnInventory(workspace)
  const { spec, desired, store } = workspace
  const address = resolveAddress(
    named,
    desired.identities.map((one) => one.address),
  )
  const identity = desired.identities.find((one) => one.address === address)!
  const authority = desired.authorities.find(
    (one) => one.address === identity.profile.issuer.address,
  )
  const rights = authority && nodeRights(authority, identity)
  const { role } = identity.profile
  if (rights === undefined || authority?.engine === undefined || spec.vault === undefined) {
    throw new NomadPkiError(
      'ERR_USAGE',
      `${identity.profile.issuer.address}, which signs for ${address}, is not in Vault or OpenBao: a node can ask nobody`,
      { address, hint: 'engine: { mount: … } of an authority in the spec (docs/vault.md)' },
    )
  }
  if (!isAgent(role)) throw usage(`--renew is for agents, and ${address} is not one`)
  const same = sharedRights(desired)(address)
  if (same !== undefined) {
    throw new NomadPkiError(
      'ERR_USAGE',
      `role or policy of ${address} would have the name of ${same}: one login would get names of both`,
      { address, hint: 'rename the node in the spec' },
    )
  }
  const found = checkContext(desired, inventory, { now: context.now() })
  const signer = found.authorities.get(authority.address)
  const bundle = found.bundles.get(identity.profile.bundle)
  if (signer === undefined || bundle === undefined) {
    throw new NomadPkiError(
      'ERR_STORE_MISSING',
      `the store does not have ${authority.address} and its roots`,
      {
        address,
        hint: `nomad-pki apply, then nomad-pki authority setup ${authority.name}`,
      },
    )
  }
  const trusted = desired.bundles.find((one) => one.address === identity.profile.bundle)!.trusted
  const pins = trusted.map((root) => fingerprintText(found.authorities.get(root)!.certificate))
  const caFile = valueOf(context.env, 'CACERT')?.value
  const node = nodeFileOf({
    workspace,
    identity,
    rights,
    issuer: issuerNameIn(authority.engine, authority.generation),
    mount: authority.engine.mount,
    pins,
    signer: fingerprintText(signer.certificate),
    chain: signer.chain.length > 0,
    ca: caFile !== undefined,
  })
  const files: readonly (readonly [name: string, text: Uint8Array])[] = [
    ['node.yaml', Buffer.from(encodeNodeFile(node))],
    ['ca.pem', Buffer.from(bundle)],
    ...(signer.chain.length === 0
      ? []
      : [['chain.pem', Buffer.from(signer.chain.map(encodeCertificate).join(''))] as const]),
    ...(caFile === undefined ? [] : [['engine-ca.pem', await context.readFile(caFile)] as const]),
    ['engine/role.json', Buffer.from(`${JSON.stringify(rights.role.fields, null, 2)}\n`)],
    ['engine/policy.hcl', Buffer.from(rights.policy.text)],
  ]
  requireOutside(context, store.location, outDir, 'a folder of files')
  requireFolder(context, outDir)
  const dry = options.dryRun === true
  const folder = context.resolve(outDir)
  if (!dry) {
    for (const made of [folder, path.join(folder, 'engine')]) await makeFolder(made)
    await placeFiles(
      nodeFiles,
      files.map(([name, bytes]) => ({ path: path.join(folder, name), bytes, mode: 0o644 })),
    )
  }
  const { mount } = authority.engine
  if (printer.json) {
    printer.document({
      ...{ format: 'nomad-pki/node', version: 1, address, folder: outDir, written: !dry },
      files: files.map(([name]) => name),
      ...{ role: `${mount}/roles/${rights.role.name}`, policy: rights.policy.name },
    })
    return exitStatus.ok
  }
  for (const [name] of files) printer.answer(`${outDir.replace(/\/$/, '')}/${name}`)
  const at = (name: string): string => shellQuote(`${outDir.replace(/\/$/, '')}/${name}`)
  const inEngine = (verb: string, rest: string): string =>
    engineCommand({ namespace: node.engine.namespace, program: programOf(context.env) }, verb, rest)
  printer.tell(dry ? 'dry run: nothing was written' : 'none of the files is a secret')
  printer.tell(
    `in the engine: ${inEngine('write', `${mount}/roles/${rights.role.name} @${at('engine/role.json')}`)} && ${inEngine('policy write', `${rights.policy.name} ${at('engine/policy.hcl')}`)}`,
  )
  printer.tell(
    `on the node: the others in /etc/nomad-pki, root's; ${secretsOf(node)}; then: nomad-pki renew`,
  )
  return exitStatus.ok
}

function secretsOf({ engine: { auth } }: NodeFile): string {
  switch (auth.method) {
    case 'approle':
      return 'the role id and a secret id in role-id and secret-id beside them, mode 0600'
    case 'jwt':
      return 'a JWT in the file identity.jwt beside them, mode 0600'
    case 'token':
      return 'a token in the file token beside them, mode 0600'
    case 'cert':
      return 'it logs in with the certificate in place: the first one comes by another way'
  }
}

function nodeFileOf({
  workspace: { spec },
  identity: { address, name, names, ips, profile },
  rights,
  ...more
}: {
  readonly workspace: Workspace
  readonly identity: Workspace['desired']['identities'][number]
  readonly rights: NodeRights
  readonly mount: string
  readonly issuer: string
  readonly pins: readonly string[]
  readonly signer: string
  readonly chain: boolean
  readonly ca: boolean
}): NodeFile {
  const { role, region, key, lifetime, renewBefore, beyondIssuer } = profile
  const { tls } = spec.node
  const vault = spec.vault!
  if (tls === undefined || !isAgent(role)) {
    throw new NomadPkiError('ERR_USAGE', 'the agents of this spec read the store itself', {
      address,
      hint: 'node: { tls: /etc/nomad-tls } says where a node has its files',
    })
  }
  const { method } = vault.auth
  const pair = `${tls}/current`
  return {
    cluster: spec.cluster,
    ...{ address, role, region, name, names, ips, key, lifetime, renewBefore, beyondIssuer, tls },
    owner: spec.node.owner[role],
    reload: spec.node.unit,
    probe: ownEndpoint,
    receipts: spec.node.receipts,
    receiptsCaFile: spec.node.receiptsCaFile,
    trust: {
      roots: 'ca.pem',
      pins: more.pins,
      chain: more.chain ? 'chain.pem' : undefined,
      signer: more.signer,
    },
    engine: {
      address: vault.address,
      namespace: vault.namespace,
      caFile: more.ca ? 'engine-ca.pem' : undefined,
      ...{ mount: more.mount, issuer: more.issuer, role: rights.role.name },
      auth: {
        method,
        mount: vault.auth.mount,
        role: vault.auth.role,
        ...{
          approle: { roleIdFile: 'role-id', secretIdFile: 'secret-id' },
          cert: { certFile: `${pair}/cert.pem`, keyFile: `${pair}/key.pem` },
          jwt: { jwtFile: 'identity.jwt' },
          token: { tokenFile: 'token' },
        }[method],
      },
    },
  }
}
