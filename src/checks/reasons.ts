/**
 * Why something is to be done: each word stands in plans, findings, JSON and the documentation, and
 * names the least action that cures it.
 *
 * @module
 */

/** Every reason with its sentence; `docs/reasons.md` is made from this table. */
export const reasons = {
  'store-not-begun': 'the store is lost, or was never begun with `init`',
  'other-cluster': 'the store is of another cluster than the spec',
  copied: 'another copy of this store made certificates that agents present or receipts name',
  missing: 'the spec names it and the store does not have it',
  incomplete: 'a generation lacks a file, or a file cannot be read or parsed',
  unfinished: 'a whole generation was made, but an interruption came before the link turned',
  'link-broken': 'the `current` link points nowhere, or outside the identity',
  'fingerprint-differs': 'the root is not the one whose fingerprint the spec pins',
  'request-needed': 'its key is on its node, so that a new certificate needs a request by it',
  'key-held': 'the private key is not where the spec says: in the store, or on its node',
  'renewed-by-node': 'the node renews itself, so the store makes no certificate for it',
  'not-seen': 'a node that renews itself was not seen with a certificate of its own',
  'renewal-overdue':
    'a node that renews itself was seen after its renewal was due, and had not renewed',
  'key-elsewhere':
    'an engine has its certificate, and its key is not in this store: another store made it, or the key is lost',
  'key-mismatch': 'the private key does not belong to the certificate',
  'key-algorithm': 'the key is of another algorithm than the spec asks for',
  'key-unusable': 'agents refuse this key (Ed25519, P-224, encrypted)',
  'key-shared': 'the same key is in use on several hosts',
  'signer-differs': "the store does not have the authority's key as the spec's `signer` says",
  revoked: 'the certificate, or its key, was revoked',
  'signed-elsewhere': 'the key that signs it is on another machine, and has to be asked',
  'engine-differs': 'Vault or OpenBao does not have it as the spec and the store say',
  'engine-unseen': 'what Vault or OpenBao has of it could not be seen',
  'mode-open': 'users other than the owner can read or write it',
  'names-differ': 'the certificate names other hosts or addresses than the spec',
  'role-differs': 'the certificate does not have the name or usages of its role',
  'issuer-changed': 'a different authority, or a newer generation of it, now signs',
  'chain-broken': 'the intermediates are missing, in wrong order, or not those of the issuer',
  'cross-missing': 'the cross-certificate of this root by another generation is missing',
  'trust-changed': 'the trust bundle beside the certificate is not the present one',
  'bundle-stale': 'the trust bundle does not hold what the spec trusts',
  'lifetime-differs': 'it was made for another lifetime than the spec now says',
  'nearing-expiry': 'less than renewBefore is left of its life',
  expired: 'its life is over',
  'not-yet-valid': 'its life has not begun',
  'beyond-issuer': 'it outlives its issuer',
  'stanza-differs': 'the tls stanza is missing, or differs from the wanted one',
  'foreign-authority':
    'the agents use another authority than the one that the spec would give them',
  'trust-needed':
    'trust would be taken from an agent that needs it, or a root would sign before all trust it',
  'plaintext-accepted': 'every agent speaks TLS, and servers still accept plaintext',
  compromised: 'the root is marked as compromised, and the spec trusts it or signs with it again',
  'will-not-start': "Nomad does not start with the agent's configuration",
  'foreign-file':
    'a file that a `consul` or `vault` block names is missing, holds no certificate, or has ended',
  'ledger-broken': 'a line of the ledger does not follow from the one before',
  'ledger-cut': 'the ledger does not contain a head that was noted elsewhere',
  'manifest-differs': 'manifest.json does not describe the files beside it',
  'identity-shared': 'the spec lets many hosts share one key: what that costs',
  'not-proven': 'the agent is not proven to have loaded its newest generation',
  'trust-domain-shared':
    'two clusters accept one root and both have a region of one name: to Nomad they are one cluster',
  'root-shared': 'two clusters accept one root, and no `federation` of both is declared',
  'gossip-shared': 'two clusters have one gossip key, and no `federation` of both is declared',
  'federation-apart':
    'two clusters of one declared federation accept no common root, or have different gossip keys',
  'federation-undeclared':
    'a server follows a region that the spec does not have, and the spec declares no `federation`',
  'no-server': 'a region has clients and no server that they could join',
  refused: 'Nomad would refuse a connection between two of the agents',
  'handshake-differs':
    "a handshake fails although Nomad's rules allow it, or succeeds although they refuse it",
  surplus: 'more generations than the spec keeps',
  'maybe-issued': 'an issuer was asked and no answer is known: a certificate may exist',
  orphan: 'the spec no longer names it, or its node renews itself and has its own',
  requested: 'it was asked for on the command line',
  collected: 'its host asked for it with a request, and ssh says that it is the host',
} as const

/** A reason. */
export type Reason = keyof typeof reasons

/** A reason with what was seen. */
export interface ReasonGiven {
  /** A word of the table in docs/reasons.md. */
  readonly reason: Reason
  /** One sentence: lower case, no full stop. */
  readonly message: string
}
