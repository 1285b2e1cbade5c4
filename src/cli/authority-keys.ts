/**
 * The authorities' keys, each where the spec says it is.
 *
 * @module
 */

import type { Issuers } from '../authority/issuers.js'
import { localFileName } from '../cluster/local.js'
import type { SignerKind } from '../cluster/signers.js'
import type { EngineSession } from '../engine/session.js'
import { NomadPkiError } from '../errors.js'
import { readLedger } from '../inventory/ledger.js'
import { commandIssuers } from '../issuers/command-issuers.js'
import { engineIssuers } from '../issuers/engine-issuers.js'
import { encryptedIssuers } from '../issuers/encrypted-issuers.js'
import { issuersByKind } from '../issuers/issuers-by-kind.js'
import { offlineIssuers } from '../issuers/offline-issuers.js'
import { sshAgent } from '../issuers/ssh-agent.js'
import { sshAgentIssuers } from '../issuers/ssh-agent-issuers.js'
import { storeIssuers } from '../issuers/store-issuers.js'
import type { Context } from './context.js'
import { localOf, requireOwnCommand } from './local-file.js'
import { openEngine } from './engine.js'
import { passphrasesOf } from './passphrases.js'
import type { Workspace } from './workspace.js'

/** What a person can say about keys on the command line. */
export interface KeyOptions {
  /** `--passphrase-fd` */
  readonly passphraseFd?: string | undefined
}

/**
 * Gives the authorities' keys. Nothing is opened, read or run yet: a key is looked for when its authority signs first.
 *
 * @param workspace The spec and its store.
 * @param context The world.
 * @param options What was said on the command line.
 */
export function authorityKeys(
  { spec, desired, store, base }: Pick<Workspace, 'spec' | 'desired' | 'store' | 'base'>,
  context: Context,
  options: KeyOptions,
): Issuers {
  const local = localOf({ spec, base })
  let session: Promise<EngineSession> | undefined
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
    encrypted: encryptedIssuers(
      store,
      passphrasesOf({ descriptor: options.passphraseFd, local, base }, context),
    ),
    'ssh-agent': sshAgentIssuers(
      sshAgent({ socket: context.env.SSH_AUTH_SOCK }),
      (name) => spec.authorities.find((one) => one.name === name)?.sshKey,
    ),
    command: commandIssuers({
      cwd: base,
      env: context.env,
      async commandOf(name) {
        const found = (await local()).signers.get(name)
        if (found !== undefined) {
          requireOwnCommand(found.command, base, context.env.PATH)
          return found
        }
        throw new NomadPkiError(
          'ERR_REFUSED',
          `the spec says that the key of ${name} is behind a command, and ${localFileName} names none`,
          {
            hint: `write signers: { ${name}: { command: [PROGRAM] } } into ${localFileName} (mode 0600); docs/authority-key.md has recipes`,
          },
        )
      },
    }),
    offline: offlineIssuers(),
    engine: engineIssuers({
      desired,
      // One connection for all authorities of a run; an idle one does not keep the process.
      session: () => (session ??= openEngine({ spec, base }, context)),
      ledger: async () => readLedger((await store.readLedger())?.bytes),
      clock: () => context.now(),
    }),
  })
}
