/**
 * The authorities whose keys are in an SSH agent: files that were added to it, and tokens behind a PKCS#11
 * library (`ssh-add -s`).
 *
 * @module
 */

import { authorityAddress } from '../address.js'
import type { SignatureAnswer } from '../authority/issuer.js'
import type { Issuers } from '../authority/issuers.js'
import { isNomadPkiError, NomadPkiError } from '../errors.js'
import type { PublicKey } from '../keys/algorithms.js'
import { authorityKeyElsewhere, issuerElsewhere, type KeyElsewhere } from './key-elsewhere.js'
import { keyByFingerprint, requireKey, type SshAgent } from './ssh-agent.js'

/**
 * Gives the authorities whose keys are in an agent. The key of an authority that exists is found by its
 * certificate; that of a new one by the fingerprint that the spec names.
 *
 * @param agent The agent.
 * @param fingerprintOf What the spec names for an authority, as `ssh-add -l` prints it.
 */
export function sshAgentIssuers(
  agent: SshAgent,
  fingerprintOf: (name: string) => string | undefined,
): Issuers {
  return {
    async begin(authority) {
      const { name, generation } = authority
      const fingerprint = fingerprintOf(name)
      if (fingerprint === undefined) {
        throw new NomadPkiError(
          'ERR_ISSUER_REFUSED',
          `the spec does not say which key of the SSH agent ${name} has`,
          {
            address: authorityAddress(name, generation),
            hint: `set \`sshKey\` of ${name} in the spec to the fingerprint that ssh-add -l prints`,
          },
        )
      }
      return authorityKeyElsewhere(
        authority,
        keyIn(agent, await keyByFingerprint(agent, fingerprint)),
      )
    },
    async open({ name, path: [certificate, ...above] }) {
      const { publicKey } = certificate
      await requireKey(agent, publicKey)
      return issuerElsewhere({ name, certificate, above, key: keyIn(agent, publicKey) })
    },
  }
}

function keyIn(agent: SshAgent, publicKey: PublicKey): KeyElsewhere {
  return {
    publicKey,
    async sign(bytes, _algorithm, { signal } = {}): Promise<SignatureAnswer> {
      try {
        return { outcome: 'signed', signature: await agent.sign(publicKey, bytes, signal) }
      } catch (error) {
        if (isNomadPkiError(error)) {
          const reason =
            error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
          return { outcome: 'refused', reason }
        }
        if (signal?.aborted !== true) throw error
        const reason = 'stopped while the SSH agent was asked'
        return { outcome: 'unknown', reason }
      }
    },
  }
}
