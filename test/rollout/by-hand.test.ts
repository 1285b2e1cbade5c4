/** Hosts that ssh does not reach: a person brings them their files, in their place in the order. */

import { describe, expect, test } from 'vitest'
import type { RolloutEvent } from '../../src/rollout/ports.js'
import { recoveryOrder } from '../../src/rollout/recovery.js'
import { rollOut } from '../../src/rollout/roll-out.js'
import { Bed, fleet, problems } from './bed.js'

/** The person does it when a host has been waited for so long. */
function afterWaiting(bed: Bed, span: number, of: readonly string[] = [...bed.hands]): void {
  const left = [...of]
  let waited = 0
  bed.slept = (slept) => {
    waited += slept
    const [host] = left
    if (host === undefined || waited < span || !bed.told.includes(host)) return
    waited = 0
    left.shift()
    bed.byHand(host)
  }
}

function ofHost(events: readonly RolloutEvent[], host: string): readonly string[] {
  return events.flatMap((one) =>
    one.event === 'host' && one.host === host
      ? [`${one.state}${one.message === undefined ? '' : `: ${one.message}`}`]
      : one.event === 'by-hand' && one.nodes.some((node) => node.host === host)
        ? ['by hand']
        : [],
  )
}

describe('a host that a person brings its files', () => {
  test('a server has its place in the order, and no other is touched until it is proven and the region healthy', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('s3')
    afterWaiting(bed, 600_000)
    const events = await bed.follow({ concurrency: 1 })
    expect(problems(events)).toBe('done')
    expect(bed.done.slice(0, 4)).toEqual(['install s1', 'proven s1', 'by hand s3', 'install s2'])
    expect(ofHost(events, 's3')).toEqual(['by hand', 'waiting: generation 1 of 2', 'proven'])
    const after = events.findIndex(
      (one) => one.event === 'host' && one.host === 's3' && one.state === 'proven',
    )
    expect(
      events.slice(after + 1).find(({ event }) => event === 'gate' || event === 'step'),
    ).toMatchObject({ event: 'gate' })
  })

  test('the leader comes last, also where a person brings it its files', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('s1')
    bed.leader = 's1'
    afterWaiting(bed, 60_000)
    expect(problems(await bed.follow())).toBe('done')
    expect(bed.done.filter((one) => /(install|hand) s/.test(one))).toEqual([
      ...['install s2', 'install s3', 'by hand s1'],
    ])
  })

  test('the log as it is after its proof is caught up with', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('s3')
    afterWaiting(bed, 60_000)
    const slept = bed.slept
    bed.slept = (span) => {
      slept(span)
      // It is behind what was written while it was waited for.
      if (bed.done.at(-1) === 'by hand s3' && bed.behind.s3 === undefined) {
        bed.behind = { s3: bed.index }
      }
    }
    const events = await bed.follow({ gatePatience: 10_000 })
    expect(problems(events)).toMatch(
      /^stopped\nglobal: its servers did not become healthy: s3\.global has read the log/,
    )
  })

  test('clients of a batch are brought meanwhile, and each is told once what changed', async () => {
    const bed = new Bed(['s1', 's2', 's3', 'c1', 'c2'])
    bed.hands.add('c1')
    bed.machine('c1').mute = true
    const events: RolloutEvent[] = []
    afterWaiting(bed, 120_000)
    events.push(...(await bed.follow()))
    expect(problems(events)).toBe('done')
    expect(bed.done.indexOf('by hand c1')).toBeGreaterThan(bed.done.indexOf('proven c2'))
    expect(ofHost(events, 'c1')).toEqual(['by hand', 'waiting: nothing listens there', 'proven'])
  })

  test('it is asked less often the longer it takes: a server logs each handshake', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('c1')
    const events = await bed.follow({ handPatience: 3_600_000 })
    expect(problems(events)).toMatch(
      /^stopped\nc1: nobody brought its files within 1h: generation 1 of 2$/,
    )
    expect(bed.asked.filter((address) => address.endsWith('/c1')).length).toBeLessThan(3600 / 12)
    expect(events.at(-1)).toMatchObject({
      obstacles: [
        {
          remedy:
            'the same command waits again; to go on without it: --override unseen=identity/client/global/c1 --reason TEXT',
        },
      ],
    })
  })

  test('one that nobody brings is a client that failed, where some may', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('c1')
    const events = await bed.follow({ maxFailures: 1, handPatience: 0 })
    expect(events.at(-1)).toMatchObject({ event: 'done', proven: 5, failures: [{ host: 'c1' }] })
  })

  test('the same call goes on, and one that was brought meanwhile is asked for first, without its commands', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('s3').add('s2')
    bed.leader = 's1'
    expect(problems(await bed.follow({ handPatience: 0 }))).toMatch(/^stopped\ns2: nobody brought/)
    Object.assign(bed.machine('s3'), { placed: 2, loaded: 2 })
    afterWaiting(bed, 60_000, ['s2'])
    const events = await bed.follow()
    expect(problems(events)).toBe('done')
    expect(ofHost(events, 's3')).toEqual(['proven'])
    const steps = events.flatMap((one) => (one.event === 'step' ? one.step.nodes[0]!.host : []))
    expect(steps.slice(0, 3)).toEqual(['s3', 's2', 's1'])
  })

  test('an override of its address goes on without it; of a server the region is asked all the same', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('c1').add('s3')
    const mayBeUnseen = new Set(['identity/client/global/c1', 'identity/server/global/s3'])
    const events = await bed.follow({ mayBeUnseen })
    expect(events.at(-1)).toMatchObject({ event: 'done', proven: 4, failures: [] })
    expect(bed.accepted).toEqual([
      'unseen=identity/server/global/s3',
      'unseen=identity/client/global/c1',
    ])
    expect(ofHost(events, 'c1')).toEqual(['by hand', 'unseen: you answer for it'])
    const ill = new Bed(fleet)
    ill.hands.add('s3')
    ill.ill = ['s1']
    ill.machine('s3').mute = true
    for (const host of ['s1', 's2']) {
      Object.assign(ill.machine(host), { loaded: 2, concluded: 'proven' })
    }
    expect(problems(await ill.follow({ mayBeUnseen }))).toBe(
      'stopped\nglobal: its servers did not become healthy: s1.global is not healthy',
    )
    expect(ill.told).toEqual([])
  })

  test('one that does not answer before is waited for as well, and its region before and after', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('s3')
    bed.machine('s3').mute = true
    afterWaiting(bed, 60_000)
    const events = await bed.follow({ concurrency: 1 })
    expect(problems(events)).toBe('done')
    expect(ofHost(events, 's3')).toEqual(['by hand', 'waiting: nothing listens there', 'proven'])
    const all = events.map((one) => (one.event === 'host' ? `${one.host} ${one.state}` : one.event))
    expect(all[all.indexOf('s3 proven') + 1]).toBe('gate')
  })

  test('plaintext shows no files: nobody is waited for', async () => {
    const bed = new Bed(['c1', 'c2'])
    bed.hands.add('c1')
    for (const host of ['c1', 'c2']) bed.machine(host).mute = true
    const events = await bed.follow({ plaintext: true })
    expect(events.at(-1)).toMatchObject({ event: 'done', failures: [] })
    expect(ofHost(events, 'c1').at(-1)).toMatch(/^unseen: it speaks plaintext/)
  })

  test('a dry run tells them, and asks nobody to do anything', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('c1').add('s3')
    const events = await bed.follow({ dryRun: true })
    expect(
      events.flatMap((one) => (one.event === 'by-hand' ? one.nodes.map(({ host }) => host) : [])),
    ).toEqual(['s3', 'c1'])
    expect(events.at(-1)).toEqual({ event: 'ready', hosts: 6 })
    expect(bed.done).toEqual([])
  })

  test('Ctrl-C ends the waiting, after the hosts at work', async () => {
    const bed = new Bed(fleet)
    bed.hands.add('c1')
    const controller = new AbortController()
    bed.slept = () => {
      if (bed.told.includes('c1')) controller.abort()
    }
    await expect(bed.follow({ signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_INTERRUPTED',
    })
    expect(bed.done).toContain('proven c2')
    expect(bed.done).not.toContain('install c3')
  })

  test.each([
    [
      'a server that the others need not wait for, and a client',
      ['s3', 'c1'],
      ['s1+s2', 'c2+c3', 's3', 'c1'],
    ],
    ['servers without which no leader is elected', ['s2', 's3'], ['s1+s2+s3', 'c1+c2+c3']],
  ])('in a recovery clients do not wait for a person: %s', async (_, hands, said) => {
    const bed = new Bed(fleet)
    for (const host of hands) bed.hands.add(host)
    afterWaiting(bed, 600_000)
    bed.together = true
    const order = recoveryOrder(bed.rollout(), {
      ...{ quorumLost: new Set(['global']), allClients: true, overridesFor: () => [] },
    })
    const events: RolloutEvent[] = []
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service', recover: true }
    for await (const event of rollOut(order, bed.ports(), options)) {
      events.push(event)
      if (event.event === 'by-hand') bed.told.push(...event.nodes.map(({ host }) => host!))
    }
    expect(problems(events)).toBe('done')
    expect(
      events.flatMap((one) =>
        one.event === 'step' ? one.step.nodes.map(({ host }) => host).join('+') : [],
      ),
    ).toEqual(said)
    const { event } = events.find((one) => one.event === 'by-hand' || one.event === 'step')!
    expect(event).toBe(said.length > 2 ? 'by-hand' : 'step')
  })
})
