/**
 * The authorities' keys, each where the spec says it is.
 *
 * @module
 */

import type { Issuers } from '../authority/issuers.js'
import type { SignerKind } from '../cluster/signers.js'
import { NomadPkiError } from '../errors.js'
import { issuersByKind } from '../issuers/issuers-by-kind.js'
import { storeIssuers } from '../issuers/store-issuers.js'
import type { Workspace } from './workspace.js'

/**
 * Opens nothing yet: a key is looked for when its authority signs first.
 *
 * @param workspace The spec and its store.
 */
export function authorityKeys({ spec, store }: Pick<Workspace, 'spec' | 'store'>): Issuers {
  const kindOf = ({
    name,
    generation,
  }: {
    readonly name: string
    readonly generation: number
  }): SignerKind => {
    const authority = spec.authorities.find((one) => one.name === name)
    return authority?.signers[generation] ?? 'file'
  }
  return issuersByKind<SignerKind>(kindOf, {
    file: storeIssuers(store),
    encrypted: notYet('encrypted'),
    'ssh-agent': notYet('ssh-agent'),
    command: notYet('command'),
    offline: notYet('offline'),
  })
}

function notYet(kind: SignerKind): Issuers {
  const refuse = async (): Promise<never> => {
    throw new NomadPkiError('ERR_REFUSED', `signer: ${kind} cannot sign yet`)
  }
  return { begin: refuse, open: refuse }
}
