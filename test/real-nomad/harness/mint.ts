/**
 * Certificates made by a Go program of the tests, good and bad: nothing of the library signs them.
 *
 * @module
 */
import { goTool } from './binaries.js'
import { runOk } from './run.js'

export interface CommonName {
  readonly value: string
  readonly type?: 'utf8' | 'printable' | 'ia5' | 't61' | 'bmp'
}

export interface Order {
  readonly id: string
  /** The id of an earlier order; absent: self-signed. */
  readonly issuer?: string
  readonly key?: 'p256' | 'p224' | 'p384' | 'p521' | 'rsa2048' | 'ed25519'
  readonly cns?: readonly CommonName[]
  /** All common names within one relative distinguished name. */
  readonly oneRdn?: boolean
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly uris?: readonly string[]
  readonly ca?: boolean
  readonly pathLen?: number
  readonly eku?: readonly ('serverAuth' | 'clientAuth' | 'any')[]
  /** Seconds from now. */
  readonly from?: number
  readonly to?: number
  readonly permit?: readonly string[]
  readonly permitIp?: readonly string[]
}

export interface Minted {
  readonly id: string
  readonly cert: string
  readonly key: string
}

/** Answers by id, PEM. Orders may name the ids of those before them. */
export async function mint(orders: readonly Order[]): Promise<ReadonlyMap<string, Minted>> {
  const lines = orders.map((order) => JSON.stringify({ from: -300, to: 86_400, ...order }))
  const output = await runOk(goTool('mint'), [], { input: `${lines.join('\n')}\n` })
  const made = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Minted)
  return new Map(made.map((item) => [item.id, item]))
}
