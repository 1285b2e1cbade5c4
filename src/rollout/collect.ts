/**
 * Collects requests by ssh: each host makes its key and a request for a certificate. First every host is looked at,
 * then all are asked, and nothing is signed before all have answered. Whatever stops it, the same call goes on: a key
 * that waits on its host is asked for again.
 *
 * @module
 */

import type { Hosts } from '../hosts/host.js'
import type { KeyAlgorithm } from '../keys/algorithms.js'
import { keyFingerprint } from '../keys/fingerprint.js'
import { shellQuote } from '../shell-quote.js'
import type { RequestFile } from '../x509/request.js'
import { pendingKeyFile } from '../delivery/node.js'
import { inParallel } from '../in-parallel.js'
import { stopIfAborted, type RolloutEvent, type RollOutOptions } from './ports.js'
import type { Obstacle } from './preflight.js'
import { readHostRequest, requestScript } from './request-scripts.js'

/** An agent whose certificate waits for a request. */
export interface Waiting {
  /** `identity/server/global/s1` */
  readonly address: string
  /** Of a new key. */
  readonly algorithm: KeyAlgorithm
  /** What ssh knows its host as; `undefined`: nothing says it. */
  readonly destination: string | undefined
}

/** What collecting needs of the world. */
export interface CollectPorts {
  readonly hosts: Hosts
  /** `templates/install.sh` */
  readonly installer: Uint8Array
  /** Why a request is not signed for an agent: sentences. None: it is. */
  readonly judge: (file: RequestFile, address: string) => Promise<readonly string[]>
}

/** How it is done. */
export type CollectOptions = Pick<RollOutOptions, 'tls' | 'dryRun' | 'concurrency' | 'signal'>

/** The requests by the address of their agents. */
export type Collected = ReadonlyMap<string, RequestFile>

/**
 * Collects the requests of some agents.
 *
 * @param waiting The agents.
 * @param ports Hosts, and the judge.
 * @param options The place on the hosts; `dryRun`: no key is made.
 * @returns All requests; in a dry run those of keys that are there. `undefined` after `refused` (nothing was changed)
 *   or `stopped` (keys may wait on their hosts).
 * @throws {NomadPkiError} `ERR_INTERRUPTED`: between two hosts; what the ports throw.
 */
export async function* collectRequests(
  waiting: readonly Waiting[],
  ports: CollectPorts,
  options: CollectOptions,
): AsyncGenerator<RolloutEvent, Collected | undefined, undefined> {
  const unreachable = waiting.flatMap((one) => wayObstacle(one, waiting))
  const looked =
    unreachable.length > 0 ? undefined : await ask(waiting, ports, { ...options, dryRun: true })
  const obstacles = looked?.obstacles ?? unreachable
  if (looked === undefined || obstacles.length > 0) {
    yield { event: 'refused', obstacles }
    return undefined
  }
  const asked = options.dryRun === true ? looked : await ask(waiting, ports, options)
  if (asked.obstacles.length > 0) {
    yield { event: 'stopped', obstacles: asked.obstacles }
    return undefined
  }
  yield* asked.events
  return asked.files
}

interface Asked {
  readonly files: Collected
  readonly events: readonly RolloutEvent[]
  readonly obstacles: readonly Obstacle[]
}

/** Asks all of them, several at once. */
async function ask(
  waiting: readonly Waiting[],
  { hosts, installer, judge }: CollectPorts,
  options: CollectOptions,
): Promise<Asked> {
  const { tls, dryRun = false, signal } = options
  const files = new Map<string, RequestFile>()
  const made = new Map<string, RolloutEvent>()
  const obstacles: Obstacle[] = []
  await inParallel(waiting, options.concurrency ?? 8, async (one) => {
    if (signal?.aborted === true) return
    const { address, algorithm } = one
    const host = String(one.destination)
    const by = (message: string, remedy?: string): void => {
      obstacles.push({ host, address, message, ...(remedy !== undefined && { remedy }) })
    }
    const script = requestScript({ tls, address, algorithm, dryRun }, installer)
    // Not ended by the signal: a key that is begun is finished.
    const answer = readHostRequest(await hosts.at(host).run(script))
    if (answer.state === 'refused') {
      by(answer.message, answer.remedy)
      return
    }
    if (answer.state === 'new') {
      if (!dryRun) by('it answers without a request')
      made.set(address, { event: 'requested', address, host, key: 'new', fingerprint: undefined })
      return
    }
    const { file, key } = answer
    const faults = await judge(file, address)
    if (faults.length > 0) {
      const remove = `rm ${shellQuote(pendingKeyFile(tls))}`
      by(
        faults.join('; '),
        `if no certificate is on its way for that key, on the host: ${remove}; the same command makes a new one`,
      )
      return
    }
    const fingerprint = keyFingerprint(file.request.publicKey)
    files.set(address, file)
    made.set(address, { event: 'requested', address, host, key, fingerprint })
  })
  stopIfAborted(options)
  obstacles.push(...sharedKeys(files, waiting))
  // In the order of the spec, whoever answered first.
  const told = waiting.flatMap(({ address }) => made.get(address) ?? [])
  return { files, events: told, obstacles }
}

/** Why a host cannot be asked at all. */
function wayObstacle(
  { address, destination }: Waiting,
  all: readonly Waiting[],
): readonly Obstacle[] {
  const by = (message: string, remedy: string): readonly Obstacle[] => [
    { host: destination, address, message, remedy },
  ]
  if (destination === undefined) {
    return by('nothing says where ssh reaches its host', 'write ssh: at the node in the spec')
  }
  const other = all.find((one) => one.address !== address && one.destination === destination)
  return other === undefined
    ? []
    : by(`${other.address} is on the same host`, 'write ssh: at the nodes in the spec')
}

/** Two names of one host: the key that one made would be asked for by the other. */
function sharedKeys(files: Collected, waiting: readonly Waiting[]): readonly Obstacle[] {
  const first = new Map<string, string>()
  return [...files].flatMap(([address, { request }]): readonly Obstacle[] => {
    const key = keyFingerprint(request.publicKey)
    const other = first.get(key)
    first.set(key, other ?? address)
    if (other === undefined) return []
    const host = waiting.find((one) => one.address === address)?.destination
    return [
      {
        host,
        address,
        message: `its key is also that of ${other}: both names lead to one host`,
        remedy: 'write ssh: at the nodes in the spec',
      },
    ]
  })
}
