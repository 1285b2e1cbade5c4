/**
 * Policies for an engine: what each kind of token may do, and no more. They are the same in Vault and OpenBao.
 *
 * @module
 */

import type { Desired, DesiredAuthority } from '../cluster/desired.js'
import { issuerNameIn, type EngineSpec } from '../cluster/vault.js'
import { certifyPath, rootPath, signPath } from './look.js'
import { engineRoles, nameFields } from './roles.js'

/** A policy with what it is for. */
export interface EnginePolicy {
  readonly name: string
  /** HCL. */
  readonly text: string
}

/** The policies of an authority: to set it up, to read it, to sign by it, to revoke what it signed. */
export function enginePolicies(
  authority: DesiredAuthority,
  desired: Pick<Desired, 'authorities' | 'identities'>,
): readonly EnginePolicy[] {
  const { engine, generation } = authority
  const isRoot = authority.issuer === undefined
  if (engine === undefined) return []
  const { mount } = engine
  const issuer = issuerNameIn(engine, generation)
  const rule = (path: string, ...capabilities: readonly string[]): string =>
    `path "${path}" { capabilities = [${capabilities.map((one) => `"${one}"`).join(', ')}] }\n`
  const read =
    rule(`${mount}/issuer/+`, 'read') +
    rule(`${mount}/roles/+`, 'read') +
    // What `verify` and `adopt --engine` read.
    rule(`${mount}/issuers`, 'list') +
    rule(`${mount}/certs`, 'list') +
    rule(`${mount}/cert/+`, 'read') +
    rule(`${mount}/issuer/+/crl`, 'read')
  const sign = engineRoles(authority, desired)
    .map(({ name }) => signRule(signPath(mount, issuer, name)))
    .join('')
  const certify = certifiersOf(authority, desired)
    .map(
      ({ engine: above, generation: of }) =>
        rule(`${above.mount}/issuer/+`, 'read') +
        rule(`${above.mount}/roles/+`, 'read') +
        rule(certifyPath(above.mount, issuerNameIn(above, of)), 'update'),
    )
    .join('')
  return [
    {
      name: isRoot ? 'set up (it signs roots alone)' : 'set up (it cannot sign)',
      text:
        rule(`sys/mounts/${mount}`, 'create', 'read', 'update') +
        rule(`sys/mounts/${mount}/tune`, 'update') +
        rule(`${mount}/keys`, 'list') +
        rule(`${mount}/issuers`, 'list') +
        rule(`${mount}/intermediate/generate/internal`, 'create', 'update') +
        rule(`${mount}/intermediate/generate/existing`, 'create', 'update') +
        rule(`${mount}/intermediate/set-signed`, 'create', 'update') +
        (isRoot ? rule(rootPath(mount), 'create', 'update') : '') +
        rule(`${mount}/issuer/+`, 'read', 'update', 'patch') +
        rule(`${mount}/roles/+`, 'create', 'read', 'update'),
    },
    { name: 'plan and verify', text: read },
    { name: 'apply', text: read + sign },
    { name: 'revoke', text: read + rule(`${mount}/revoke`, 'update') },
    ...(certify === ''
      ? []
      : [
          {
            name: 'certify (it makes authorities: for the set-up or apply that makes one, and no longer)',
            text: certify,
          },
        ]),
  ]
}

/** The roots in an engine that certify authorities here: that of an intermediate; a root itself, and those before it. */
function certifiersOf(
  { address, issuer, crossedBy }: DesiredAuthority,
  { authorities }: Pick<Desired, 'authorities'>,
): readonly (DesiredAuthority & { readonly engine: EngineSpec })[] {
  const addresses = issuer === undefined ? [address, ...crossedBy] : [issuer.address]
  return addresses.flatMap((one) => {
    const found = authorities.find((other) => other.address === one)
    return found?.engine === undefined ? [] : [{ ...found, engine: found.engine }]
  })
}

/** The rule of a policy for one path that signs: what a call may say there, and nothing else. */
export function signRule(path: string): string {
  const allowed = ['csr', 'ttl', ...nameFields].map((one) => `"${one}" = []`).join(', ')
  return `path "${path}" {\n  capabilities = ["update"]\n  allowed_parameters = { ${allowed} }\n}\n`
}
