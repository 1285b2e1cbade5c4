/** Requests of hosts in memory: in which order they are asked, and what stops it. */

import { describe, expect, test } from 'vitest'
import type { HostAnswer } from '../../src/hosts/host.js'
import { memoryHosts } from '../../src/hosts/memory-hosts.js'
import { generateKey } from '../../src/keys/generate.js'
import { eventText } from '../../src/report/roll-out.js'
import { plainStyle } from '../../src/report/style.js'
import { collectRequests, type Collected, type CollectPorts } from '../../src/rollout/collect.js'
import type { RolloutEvent } from '../../src/rollout/ports.js'
import { encodeName } from '../../src/x509/name.js'
import { encodeRequest, makeRequest } from '../../src/x509/request.js'

const installer = Buffer.from('\n# ── another user ───\ncheck_way() { :; }\n# ── end ───\n')
const subject = encodeName({ commonName: 'server.global.nomad' })
const [first, second] = await Promise.all([generateKey('ecdsa-p256'), generateKey('ecdsa-p256')])
const requestOf = (key: typeof first): string => encodeRequest(makeRequest({ subject, key }))

const said = (stdout: string, status = 0): HostAnswer => ({
  ...{ reached: true, status, stdout, stderr: '' },
})
const asks = (key: typeof first, made = 'new'): HostAnswer =>
  said(`key=${made}\nrequest:\n${requestOf(key)}`)
const wouldAsk = said('key=new\n')
const waiting = (name: string, destination: string | undefined = name) =>
  ({ address: `identity/server/global/${name}`, algorithm: 'ecdsa-p256', destination }) as const

interface Run {
  readonly events: readonly RolloutEvent[]
  readonly text: string
  readonly collected: Collected | undefined
  /** Host and `look` or `ask`, in the order of time. */
  readonly calls: readonly string[]
}

async function collect(
  answers: Readonly<Record<string, Readonly<Record<'look' | 'ask', HostAnswer>>>>,
  {
    all = Object.keys(answers).map((name) => waiting(name)),
    judge = () => Promise.resolve([]),
    dryRun = false,
  }: {
    readonly all?: Parameters<typeof collectRequests>[0]
    readonly judge?: CollectPorts['judge']
    readonly dryRun?: boolean
  } = {},
): Promise<Run> {
  const calls: string[] = []
  const hosts = memoryHosts((host, script) => {
    const kind = script.includes('say key new\n  exit 0') ? 'look' : 'ask'
    calls.push(`${kind} ${host}`)
    return answers[host]![kind]
  })
  const running = collectRequests(
    all,
    { hosts, installer, judge },
    { tls: '/etc/nomad-tls', dryRun },
  )
  const events: RolloutEvent[] = []
  for (;;) {
    const next = await running.next()
    if (next.done === true) {
      const text = events.map((event) => eventText(event, plainStyle)).join('\n')
      return { events, text, collected: next.value, calls }
    }
    events.push(next.value)
  }
}

describe('collecting requests', () => {
  test('all hosts are looked at before one makes a key', async () => {
    const { calls, collected, text } = await collect({
      s1: { look: wouldAsk, ask: asks(first) },
      s2: { look: asks(second, 'pending'), ask: asks(second, 'pending') },
    })
    expect(calls).toEqual(['look s1', 'look s2', 'ask s1', 'ask s2'])
    expect([...collected!.keys()]).toEqual([
      'identity/server/global/s1',
      'identity/server/global/s2',
    ])
    expect(collected!.get('identity/server/global/s1')!.request.publicKey).toEqual(first.publicKey)
    expect(text).toMatch(
      /^ {3}s1: asks for a certificate of SHA256:[0-9a-f]{64}, a new key\n {3}s2: .*, the key of an earlier request$/,
    )
  })

  test('a dry run asks no host to make a key', async () => {
    const { calls, text } = await collect(
      { s1: { look: wouldAsk, ask: asks(first) } },
      { dryRun: true },
    )
    expect(calls).toEqual(['look s1'])
    expect(text).toBe('   s1: would make a key, and ask for a certificate')
  })

  const cut: HostAnswer = { reached: false, message: 'connection timed out' }
  test.each<readonly [string, HostAnswer, string]>([
    ['is not reached', cut, 'connection timed out'],
    ['refuses', said('fault=other users can read x\n', 1), 'other users can read x'],
    ['has no openssl that works', said('', 127), 'it makes no request'],
    ['sends no request', said('key=pending\n'), 'it answers without a request'],
    ['sends rubbish', said('key=new\nrequest:\nrubbish'), 'its request is not taken: it holds no'],
    ['sends much', said(`key=new\nrequest:\n${'x'.repeat(70_000)}`), 'its request is not taken'],
    [
      'sends a request whose signature is not its key’s',
      said(
        `key=new\nrequest:\n${encodeRequest(
          makeRequest({ subject, key: { ...first, publicKey: second.publicKey } }),
        )}`,
      ),
      'its request is not taken: not a certificate request: it is not signed by its own key',
    ],
  ])('a host that %s: no key is made anywhere, and nothing is signed', async (_, look, message) => {
    const { calls, collected, text, events } = await collect({
      s1: { look, ask: look },
      s2: { look: wouldAsk, ask: asks(second) },
    })
    expect(collected).toBeUndefined()
    expect(calls.filter((call) => call.startsWith('ask'))).toEqual([])
    expect(events.map(({ event }) => event)).toEqual(['refused'])
    expect(text).toContain(`s1: ${message}`)
    expect(text).toContain('nothing was changed')
  })

  test('one that is lost when it is asked stops it, and nothing of the others is signed', async () => {
    const { collected, text, events } = await collect({
      s1: { look: wouldAsk, ask: cut },
      s2: { look: wouldAsk, ask: asks(second) },
    })
    expect(collected).toBeUndefined()
    expect(events.map(({ event }) => event)).toEqual(['stopped'])
    expect(text).toContain('s1: connection timed out')
    expect(text).toContain('the same command goes on')
  })

  test('a request that the rules refuse is not handed on', async () => {
    const { collected, text } = await collect(
      { s1: { look: wouldAsk, ask: asks(first) } },
      { judge: () => Promise.resolve(['it asks to be an authority (CA:TRUE)']) },
    )
    expect(collected).toBeUndefined()
    expect(text).toContain('it asks to be an authority (CA:TRUE)')
    expect(text).toContain('rm /etc/nomad-tls/requested-key.pem')
  })

  test('two that ask for one key are one host', async () => {
    const { collected, text } = await collect({
      s1: { look: wouldAsk, ask: asks(first) },
      s2: { look: wouldAsk, ask: asks(first) },
    })
    expect(collected).toBeUndefined()
    expect(text).toContain('its key is also that of identity/server/global/s1')
  })

  test.each([
    [[{ ...waiting('s1'), destination: undefined }], 'nothing says where ssh reaches its host'],
    [[waiting('s1', 'a'), waiting('s2', 'a')], 'identity/server/global/s2 is on the same host'],
  ])('a host that cannot be asked: no other one is either', async (some, message) => {
    const { calls, text } = await collect(
      { s3: { look: wouldAsk, ask: asks(first) } },
      { all: [...some, waiting('s3')] },
    )
    expect(calls).toEqual([])
    expect(text).toContain(message)
  })
})
