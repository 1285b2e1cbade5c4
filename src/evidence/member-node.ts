/**
 * A member of a region of which there is more to say than its name: as a value, and as a text in a line.
 *
 * @module
 */

/** One member, where there is more to say of it than its name. */
export interface MemberNode {
  /** Nomad's own id: of the node, or of the server in gossip. */
  readonly id: string
  /** As Nomad has it. */
  readonly name: string
  /** Whether it is a server in gossip or a client. */
  readonly kind: 'server' | 'client'
  /** Nomad's word: `alive`, `failed`, `left` of servers; `ready`, `down`, `disconnected` of clients. */
  readonly status: string
  /** Where it listens: RPC of a server, HTTPS of a client. */
  readonly endpoint?: string | undefined
  /** Since when it has that status, epoch milliseconds; only of clients that are down. */
  readonly since?: number | undefined
}

/** A node as one text of a ledger's line: `client c1 8f2c… down 10.0.0.21:4646 1795500000000`. */
export function formatNode({ id, name, kind, status, endpoint, since }: MemberNode): string {
  const parts = [kind, name, id, status, endpoint ?? '-', since === undefined ? '-' : String(since)]
  return parts.map((part) => encodeURI(part)).join(' ')
}

/** Reads what {@link formatNode} wrote; `undefined` for anything else. */
export function parseNode(line: string): MemberNode | undefined {
  let parts: readonly string[]
  try {
    parts = line.split(' ').map((part) => decodeURI(part))
  } catch {
    return undefined
  }
  const [kind, name, id, status, endpoint = '-', since = '-'] = parts
  if ((kind !== 'server' && kind !== 'client') || name === undefined) return undefined
  if (id === undefined || status === undefined) return undefined
  return {
    ...{ id, name, kind, status },
    ...(endpoint !== '-' && { endpoint }),
    ...(/^[0-9]+$/.test(since) && { since: Number(since) }),
  }
}
