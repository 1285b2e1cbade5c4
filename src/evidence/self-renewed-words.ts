/**
 * What to do about a node that renews itself.
 *
 * @module
 */

import { shortOf } from '../address.js'
import { rpcUnseenText } from './ports.js'

/** What brings the files of a node up to date, and proves it. */
export function nodeFilesRemedy(address: string): string {
  const short = shortOf(address)
  const folder = address.slice(address.lastIndexOf('/') + 1)
  return `nomad-pki pack ${short} --renew --out-dir ${folder}; its role and policy into the engine, its other files into /etc/nomad-pki of the node, and there: nomad-pki renew; then: nomad-pki probe ${short}`
}

/** What is known of a node, and why a rollout has nothing for it: one sentence, lower case, no full stop. */
export function notBrought(message: string): string {
  const itself = 'it renews itself'
  return `${message}; ${message.includes(itself) ? '' : `${itself}, and `}rollout brings it nothing`
}

/** The command that asks one agent what it presents. */
export function probeRemedy(address: string): string {
  return `nomad-pki probe ${shortOf(address)}`
}

/** What brings the receipt of a node, which names its roots. */
export const receiptRemedy = 'take receipt.json of the node: nomad-pki probe --evidence FILE'

/** What is said of an agent whose ports do not agree. */
export function portsDiffer(leaves: number): string {
  return `its ports present ${leaves} certificates: not all of them have the newest`
}

/** What is said of a server whose RPC port was not seen. */
export function rpcUnseen(address: string): { readonly message: string; readonly remedy: string } {
  return {
    message: rpcUnseenText,
    remedy: `${probeRemedy(address)}, from where its RPC port can be reached`,
  }
}
