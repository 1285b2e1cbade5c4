/** What a handshake says of the generation that an agent has loaded: each answer with a real listener. */

import type { AddressInfo } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { tags } from '../../src/der/write.js'
import type { NodeGeneration } from '../../src/delivery/node.js'
import { prove, type Proof, type ProveOptions } from '../../src/delivery/proof.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { aCluster, subjectOf, type Cluster } from '../builders.js'

const s1 = 'identity/server/us/s1'

/** With an intermediate: OpenSSL adds the root to a chain of one, which no agent does. */
const cluster = async (): Promise<Cluster> =>
  aCluster().withIntermediate('us').withServer('s1', { region: 'us', authority: 'us' }).build()

interface Files {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** Two leaves of one root, and those of another one whose name is different. */
let first: Files
let second: Files
let other: Files
let fingerprint = ''
beforeAll(async () => {
  const ours = await cluster()
  first = { ...ours.files(s1) }
  second = { ...ours.reissue(s1, () => ({ serial: '0a' })).files(s1) }
  const foreign = await cluster()
  foreign.recertify('agent', () => ({ subject: subjectOf([tags.utf8String, 'another root']) }))
  other = { ...foreign.files(s1) }
  fingerprint = fingerprintOf(foreign.leaf(s1))
})

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Listens with a chain and its key; with `ca` it asks for a certificate and names those roots. */
async function listen({ cert, key }: Files, ca?: string): Promise<Listener> {
  const options = (files: Files, trust?: string): TlsOptions => ({
    ...{ cert: files.cert, key: files.key },
    ...(trust !== undefined && { ca: trust, requestCert: true, rejectUnauthorized: false }),
  })
  const server = createServer(options({ cert, key, ca: '' }, ca))
  server.on('tlsClientError', () => undefined)
  let asked = 0
  server.on('connection', () => {
    asked += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  return {
    asked: () => asked,
    endpoint: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    reload: (files) => {
      server.setSecureContext(options(files))
    },
  }
}

interface Listener {
  readonly endpoint: { readonly host: string; readonly port: number }
  /** How many connections there were. */
  readonly asked: () => number
  readonly reload: (files: Files) => void
}

function generation({ cert, key, ca }: Partial<Files>, directory = '1-00000000'): NodeGeneration {
  const bytes = (text: string | undefined): Uint8Array | undefined =>
    text === undefined ? undefined : Buffer.from(text)
  return { directory, manifest: undefined, ca: bytes(ca), cert: bytes(cert), key: bytes(key) }
}

async function ask(
  { endpoint }: Pick<Listener, 'endpoint'>,
  now: Partial<Files>,
  before: Partial<Files> | undefined,
  options: ProveOptions = { patience: 0 },
): Promise<Proof> {
  return prove(endpoint, generation(now), before && generation(before), options)
}

describe('an agent that asks for no certificate', () => {
  test('shows the new leaf: proven', async () => {
    expect(await ask(await listen(second), second, first)).toEqual({ state: 'proven' })
  })

  test('shows the one before', async () => {
    expect(await ask(await listen(first), second, first)).toEqual({ state: 'old' })
  })

  test('shows something else: which leaf that is', async () => {
    const foreign = { state: 'foreign', fingerprint }
    expect(await ask(await listen(other), second, first)).toEqual(foreign)
    expect(await ask(await listen(other), second, undefined)).toEqual(foreign)
  })

  test('shows the leaf that stayed the same: its trust cannot be seen', async () => {
    const trust = { ...first, ca: other.ca }
    expect(await ask(await listen(first), trust, first)).toEqual({ state: 'unobservable' })
  })
})

describe('an agent that asks for a certificate, and names its roots', () => {
  const cases: readonly (readonly [
    what: string,
    names: () => string,
    now: () => Files,
    state: Proof['state'],
  ])[] = [
    ['the new ones, with the new leaf', () => second.ca, () => second, 'proven'],
    ['others than the new ones, with the new leaf', () => other.ca, () => second, 'unobservable'],
    [
      'the new ones, with the leaf that stayed the same',
      () => first.ca + other.ca,
      () => ({ ...first, ca: other.ca + first.ca }),
      'proven',
    ],
    [
      'the new ones, in another order than their file has them',
      () => other.ca + first.ca,
      () => ({ ...first, ca: first.ca + other.ca }),
      'proven',
    ],
    [
      'the old ones, with the leaf that stayed the same',
      () => first.ca,
      () => ({ ...first, ca: other.ca + first.ca }),
      'old',
    ],
    [
      'others, with the leaf that stayed the same',
      () => other.ca,
      () => ({ ...first, ca: other.ca + first.ca }),
      'unobservable',
    ],
  ]
  test.each(cases)('%s', async (_what, names, now, state) => {
    const wanted = now()
    expect(await ask(await listen(wanted, names()), wanted, first)).toEqual({ state })
  })
})

describe('a chain', () => {
  test('that differs by its intermediate alone is another generation', async () => {
    const ours = await cluster()
    const before = { ...ours.files(s1) }
    const now = { ...ours.recertify('us', () => ({ serial: '0c' })).files(s1) }
    expect(now.cert).not.toBe(before.cert)
    expect(await ask(await listen(before), now, before)).toEqual({ state: 'old' })
    expect(await ask(await listen(now), now, before)).toEqual({ state: 'proven' })
  })

  test('without its intermediate is not what was put in place: the leaf is told', async () => {
    const ours = await cluster()
    const cert = encodeCertificate(ours.leaf(s1))
    const now = ours.files(s1)
    expect(await ask(await listen({ ...now, cert }), now, undefined)).toEqual({
      state: 'foreign',
      fingerprint: fingerprintOf(ours.leaf(s1)),
    })
  })
})

describe('what is damaged on the node', () => {
  const bad = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

  test.each([
    ['the generation before', () => [second, { ...first, cert: bad, ca: bad }] as const, 'proven'],
    [
      'the generation before, and it shows that',
      () => [first, { ...first, cert: bad }] as const,
      'foreign',
    ],
    ['the new certificate', () => [first, first] as const, 'old', bad],
    ['its file is missing', () => [second, {}] as const, 'proven'],
  ])('%s', async (_what, files, state, cert = '') => {
    const [shown, before] = files()
    const now = cert === '' ? second : { ...second, cert }
    expect((await ask(await listen(shown), now, before)).state).toBe(state)
  })

  test('the new trust: nobody can say that it is loaded, or that it is not', async () => {
    const now = { ...first, ca: bad }
    expect(await ask(await listen(first, first.ca), now, undefined)).toEqual({
      state: 'unobservable',
    })
  })
})

describe('how long it looks', () => {
  test('once, without patience', async () => {
    const listener = await listen(first)
    expect(await ask(listener, second, first)).toEqual({ state: 'old' })
    expect(listener.asked()).toBe(1)
  })

  test('until the agent shows the new leaf', async () => {
    const listener = await listen(first)
    const answer = ask(listener, second, first, { patience: 20_000 })
    setTimeout(() => {
      listener.reload(second)
    }, 300)
    expect(await answer).toEqual({ state: 'proven' })
  })

  test('until its patience ends: then what it shows is believed', async () => {
    const began = performance.now()
    const answer = await ask(await listen(first), second, first, { patience: 300 })
    expect(answer).toEqual({ state: 'old' })
    expect(performance.now() - began).toBeGreaterThanOrEqual(300)
  })

  test('at one that does not answer: why it was not asked', async () => {
    const { endpoint } = await listen(first)
    for (const close of closing.splice(0)) close()
    expect(await ask({ endpoint }, second, first)).toEqual({
      state: 'unreachable',
      message: `127.0.0.1:${endpoint.port} cannot be asked: nothing listens there`,
    })
  })

  test.each(['before it begins', 'while it waits'])(
    'not after an interruption, %s',
    async (when) => {
      const stop = new AbortController()
      const listener = await listen(first)
      if (when === 'before it begins') stop.abort()
      const answer = ask(listener, second, first, { patience: 20_000, signal: stop.signal })
      setTimeout(() => {
        stop.abort()
      }, 100)
      await expect(answer).rejects.toMatchObject({
        code: 'ERR_INTERRUPTED',
        hint: 'the same command goes on',
      })
    },
  )
})
