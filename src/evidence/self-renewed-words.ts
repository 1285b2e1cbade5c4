/**
 * What to do about a node that renews itself.
 *
 * @module
 */

/** The end of an address, as commands take it. */
function shortOf(address: string): string {
  return address.slice('identity/'.length)
}

/** What brings the files of a node up to date, and proves it. */
export function nodeFilesRemedy(address: string): string {
  const short = shortOf(address)
  const folder = address.slice(address.lastIndexOf('/') + 1)
  return `nomad-pki pack ${short} --renew --out-dir ${folder}; its role and policy into the engine, its other files into /etc/nomad-pki of the node, and there: nomad-pki renew; then: nomad-pki probe ${short}`
}

/** The command that asks one agent what it presents. */
export function probeRemedy(address: string): string {
  return `nomad-pki probe ${shortOf(address)}`
}
