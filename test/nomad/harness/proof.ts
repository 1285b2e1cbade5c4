/**
 * What running agents present and trust, by handshakes without a certificate: on HTTPS, and on RPC
 * where there is one. Clients listen on no RPC port.
 *
 * @module
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describeEndpoint, type EndpointDescription } from '../../../src/probe/endpoint.js'
import { fingerprintOf } from '../../../src/x509/certificate.js'
import { parseCertificates } from '../../../src/x509/certificates.js'
import { formatName } from '../../../src/x509/name.js'
import type { Fleet } from './fleet.js'
import { eventually } from './run.js'

/** Everything that an agent shows. */
export async function shownBy(
  fleet: Fleet,
  name: string,
  timeout?: number,
): Promise<readonly EndpointDescription[]> {
  const { ports, role } = fleet.plan(name)
  const shown = [await describeEndpoint('127.0.0.1', ports.http, { rpc: false, timeout })]
  if (role === 'server') {
    shown.push(await describeEndpoint('127.0.0.1', ports.rpc, { rpc: true, timeout }))
  }
  return shown
}

/** Chain and trust as one text, to be compared. */
const saying = (chain: readonly string[], trust: readonly string[]): string =>
  `${chain.join(' ')} trusting ${[...trust].sort().join(' | ')}`

const ofEndpoint = ({ chain, authorities }: EndpointDescription): string =>
  saying(chain.map(fingerprintOf), authorities?.map(formatName) ?? ['nobody'])

function ofFiles(directory: string): string {
  const read = (file: string): ReturnType<typeof parseCertificates> =>
    parseCertificates(readFileSync(join(directory, file), 'utf8'))
  return saying(
    read('cert.pem').map(fingerprintOf),
    read('ca.pem').map(({ subject }) => formatName(subject)),
  )
}

/** What the store's current generation would show. */
export function newest(fleet: Fleet, name: string): string {
  const identity = join(fleet.base, 'pki', fleet.address(name))
  return ofFiles(join(identity, readlinkSync(join(identity, 'current'))))
}

/**
 * Waits until every endpoint shows the store's current generation, its whole chain and its trust;
 * answers with the number of endpoints.
 * Throws with what they show instead.
 */
export async function provenLoaded(fleet: Fleet, name: string): Promise<number> {
  return eventually(
    `${name} to show its newest generation`,
    async () => {
      const wanted = newest(fleet, name)
      const shown = await shownBy(fleet, name)
      const other = shown.map(ofEndpoint).find((one) => one !== wanted)
      if (other !== undefined) throw new Error(`it shows ${other}, not ${wanted}`)
      return shown.length
    },
    { timeout: 20_000, explain: () => fleet.agent(name).tail() },
  )
}
