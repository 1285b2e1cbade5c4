/**
 * Commands that renew certificates and replace authorities.
 *
 * @module
 */

import { revocationReasons, type RevocationReason } from '../../revocation-reasons.js'

/** The commands. */
export const changeCommands = {
  'rotate leaves': {
    arguments: '[address...]',
    summary: 'make new certificates now, or those that are due',
    details:
      'Makes new generations beside the running ones; deliver them as after any apply. Name addresses, or use --due or --all. --due is for a timer: it does not ask, spreads the days by address, and exits 3 where no key can sign.',
    writes: true,
    options: {
      due: { excludes: ['all'] },
      all: {},
      keepKey: {},
      dryRun: {},
      yes: {},
      passphraseFd: {},
      json: {},
    },
    examples: ['nomad-pki rotate leaves s1 --yes', 'nomad-pki rotate leaves --due'],
    words: ['identities'],
  },
  'rotate authority': {
    arguments: '[name]',
    summary: "show the stage of an authority's rotation, or take the next one",
    details:
      'Shows the next stage, its costs, and what its gate waits for. With --next it writes that stage into the spec, for apply; it exits 3 while the gate is closed. Where there is one authority, NAME is optional.',
    writes: true,
    options: {
      next: {},
      dryRun: { excludes: ['evidence', 'except'], because: 'both are recorded in the ledger' },
      run: {
        excludes: ['next', 'dryRun', 'rideAlong', 'except', 'evidence', 'json'],
        because: '--run takes every stage, and each command prints what it does',
      },
      yes: { needs: ['run'], because: 'it answers the questions of --run' },
      passphraseFd: { needs: ['run'], because: 'only --run signs' },
      via: { needs: ['run'], because: 'only --run asks agents' },
      collect: { needs: ['run'], because: 'only --run reaches hosts' },
      way: {},
      compromised: {
        excludes: ['rideAlong'],
        because: 'as long as the old root is trusted, anyone with its key can make certificates',
      },
      rideAlong: {},
      except: { needs: ['reason'], because: 'say why the gate does not wait for it' },
      reason: { needs: ['except'] },
      evidence: {},
      json: {},
    },
    examples: ['nomad-pki rotate authority agent', 'nomad-pki rotate authority agent --json'],
    words: ['authorities', []],
  },
  'rotate tls': {
    arguments: '',
    summary: 'show how far TLS is turned on in a running cluster, or take the next stage',
    details:
      'Goes from transport: plaintext over upgrading to tls. Shows the next stage, its restarts, what its gate waits for, and whether heartbeat_grace is long enough; asks each server one RPC in plaintext. With --next it writes that stage into the spec, for apply; it exits 3 while the gate is closed.',
    writes: true,
    options: {
      next: {},
      dryRun: { excludes: ['evidence', 'except'], because: 'both are recorded in the ledger' },
      except: { needs: ['reason'], because: 'say why the gate does not wait for it' },
      reason: { needs: ['except'] },
      evidence: {},
      json: {},
    },
    examples: ['nomad-pki rotate tls', 'nomad-pki rotate tls --json'],
    words: [[]],
  },
  revoke: {
    arguments: '[certificate]',
    summary: 'record that a certificate must not be used, and show what shuts it out',
    details:
      'Nomad reads no revocation list and no OCSP: agents take the certificate until it ends, or until no agent trusts its root. CERTIFICATE is an address, a fingerprint or a serial number; an address means each of its certificates that has not ended. Writes the ledger, and a revocation list for other software, where the authority can sign; what Vault or OpenBao signed is revoked there. Without CERTIFICATE: only the lists anew, and the engine again. The next plan makes a new key.',
    writes: true,
    options: {
      reason: {
        summary: 'why (default: unspecified)',
        choices: Object.keys(revocationReasons) as readonly RevocationReason[],
      },
      serial: { needs: ['authority'], because: 'a serial number is one of its authority' },
      authority: { needs: ['serial'] },
      passphraseFd: {},
      dryRun: {},
      json: {},
    },
    examples: [
      'nomad-pki revoke s1 --reason key-compromise',
      'nomad-pki revoke --serial 5f3a --authority agent --reason superseded',
    ],
    words: ['identities', []],
  },
} as const
