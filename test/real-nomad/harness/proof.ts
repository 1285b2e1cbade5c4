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
const saying = (chain: readonly string[], trust: readonly string[] | undefined): string =>
  `${chain.join(' ')} trusting ${trust === undefined ? 'whom it does not say' : [...trust].sort().join(' | ')}`

const ofEndpoint = ({ chain, authorities }: EndpointDescription): string =>
  saying(chain.map(fingerprintOf), authorities?.map(formatName))

/** What an endpoint shows that has loaded the store's current generation. */
function newest(fleet: Fleet, name: string, asks: boolean): string {
  const identity = join(fleet.base, 'pki', fleet.address(name))
  const directory = join(identity, readlinkSync(join(identity, 'current')))
  const read = (file: string): ReturnType<typeof parseCertificates> =>
    parseCertificates(readFileSync(join(directory, file), 'utf8'))
  return saying(
    read('cert.pem').map(fingerprintOf),
    asks ? read('ca.pem').map(({ subject }) => formatName(subject)) : undefined,
  )
}

/**
 * Waits until every endpoint shows the store's current generation, its whole chain and its trust;
 * answers with the number of endpoints. HTTPS says nothing of its trust where the fleet's spec has it
 * ask nobody. Throws with what they show instead.
 */
export async function provenLoaded(fleet: Fleet, name: string): Promise<number> {
  return eventually(
    `${name} to show its newest generation`,
    async () => {
      const shown = await shownBy(fleet, name)
      for (const endpoint of shown) {
        const wanted = newest(fleet, name, endpoint.rpc || fleet.httpsAsks)
        const found = ofEndpoint(endpoint)
        if (found !== wanted) throw new Error(`it shows ${found}, not ${wanted}`)
      }
      return shown.length
    },
    { timeout: 20_000, explain: () => fleet.agent(name).tail() },
  )
}
