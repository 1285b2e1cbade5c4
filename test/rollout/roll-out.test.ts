/** A rollout over hosts in memory: what is done, in which order, and where it stops. */

import fs from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RaftAnswer } from '../../src/probe/raft.js'
import type { Rollout, RolloutNode } from '../../src/rollout/order.js'
import type { RolloutEvent, RollOutOptions, RolloutPorts } from '../../src/rollout/ports.js'
import { eventText } from '../../src/report/roll-out.js'
import { plainStyle } from '../../src/report/style.js'
import { goBack } from '../../src/rollout/go-back.js'
import { rollOut } from '../../src/rollout/roll-out.js'
import { seed } from '../seed.js'
import { Bed, fleet, problems, reached } from './bed.js'

describe('a rollout', () => {
  test('servers one by one, the leader last, then clients in batches; each is proven before the next', async () => {
    const bed = new Bed(fleet)
    const events = await bed.follow({ concurrency: 1 })
    expect(bed.done).toEqual(
      ['s1', 's3', 's2', 'c1', 'c2', 'c3'].flatMap((host) => [`install ${host}`, `proven ${host}`]),
    )
    expect(events.at(-1)).toEqual({ event: 'done', proven: 6, settled: 0, placed: 0, failures: [] })
  })

  test('each host says that it is switched, then that its agent is told, before it is proven', async () => {
    const bed = new Bed([...fleet, 'c4'])
    bed.machine('c4').unit = 'inactive'
    const events = await bed.follow({ concurrency: 1 })
    const states = (name: string): readonly string[] =>
      events.flatMap((one) =>
        one.event === 'host' && one.host === name
          ? [`${one.state} ${one.message ?? ''}`.trim()]
          : [],
      )
    for (const name of fleet) {
      expect(states(name)).toEqual([
        ...['sending', 'switched 2-aaaaaaaa', 'reloaded 2-aaaaaaaa', 'proven'],
      ])
    }
    expect(states('c4')).toEqual([
      ...['sending', 'switched 2-aaaaaaaa'],
      'placed the agent does not run: its next start loads the files',
    ])
  })

  test('the leader is found anew before each server', async () => {
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) => {
      if (kind === 'install' && host === 's1') bed.leader = 's3'
      return undefined
    }
    await bed.follow()
    expect(bed.done.filter((one) => /install s/.test(one))).toEqual([
      ...['install s1', 'install s2', 'install s3'],
    ])
  })

  test('a server that was left between switch and proof comes first, also where it leads', async () => {
    const bed = new Bed(fleet)
    bed.leader = 's2'
    bed.machine('s2').placed = 2
    await bed.follow()
    expect(bed.done.filter((one) => /install s/.test(one))[0]).toBe('install s2')
  })

  test('the only server that is ill comes first: what it is brought is its cure', async () => {
    const bed = new Bed(fleet)
    bed.ill = ['s3']
    bed.tolerance = 0
    bed.meddle = (host, kind) => {
      if (kind === 'proven' && host === 's3') [bed.ill, bed.tolerance] = [[], 1]
      return undefined
    }
    expect(problems(await bed.follow())).toBe('done')
    expect(bed.done.filter((one) => /install s/.test(one))).toEqual([
      ...['install s3', 'install s1', 'install s2'],
    ])
  })

  test('an ill server that is not in the order, or one of two, stops it; an override accepts it by name', async () => {
    const bed = new Bed(fleet)
    bed.ill = ['s3']
    bed.machine('s3').loaded = 2
    bed.machine('s3').concluded = 'proven'
    const refused = problems(await bed.follow())
    expect(refused).toBe('refused\nglobal: s3.global is not healthy')
    expect(problems(await bed.follow({ mayBeIll: new Set(['s1.global']) }))).toBe(refused)
    expect(problems(await bed.follow({ mayBeIll: new Set(['s3.global']) }))).toBe('done')
    expect(new Set(bed.accepted)).toEqual(new Set(['unhealthy=s3.global']))
    const two = new Bed(fleet)
    two.ill = ['s1', 's3']
    expect(problems(await two.follow())).toBe(
      'refused\nglobal: s1.global, s3.global are not healthy',
    )
    // It does not get well: no second server is touched.
    const still = new Bed(fleet)
    still.ill = ['s3']
    expect(problems(await still.follow())).toMatch(/^stopped\nglobal: its servers did not become/)
    expect(still.done.filter((one) => /install s/.test(one))).toEqual(['install s3'])
  })

  test('a server that does not run and that Nomad has forgotten gets its files', async () => {
    const bed = new Bed([...fleet, 's4'])
    bed.machine('s4').unit = 'inactive'
    const ports = bed.ports()
    const forgetful: RolloutPorts = {
      ...ports,
      raft: async (region) => {
        const answer = await ports.raft(region)
        if (answer.state !== 'read') return answer
        const servers = answer.reading.servers.filter(({ name }) => name !== 's4.global')
        return { state: 'read', reading: { ...answer.reading, servers } }
      },
    }
    const events: RolloutEvent[] = []
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service' }
    for await (const event of rollOut(bed.rollout(), forgetful, options)) events.push(event)
    expect(events.at(-1)).toMatchObject({ event: 'done', proven: 6, placed: 1 })
  })

  test('an agent that is server and client in one passes both gates', async () => {
    const bed = new Bed(['b1', 'b2', 'b3'])
    bed.leader = 'b1'
    bed.meddle = (host, kind) => {
      if (kind === 'proven' && host === 'b2') bed.machine('b2').ready = 'down'
      return undefined
    }
    expect(problems(await bed.follow())).toBe('stopped\nb2: b2 is down after its reload')
    const well = new Bed(['b1', 'b2', 'b3'])
    well.leader = 'b1'
    const began = well.now
    expect(problems(await well.follow())).toBe('done')
    expect(well.now - began).toBeGreaterThan(3 * 32_000)
    const denied = new Bed(['b1', 'b2', 'b3'])
    denied.leader = 'b1'
    const ports = denied.ports()
    const nodes: RolloutPorts['nodes'] = () => Promise.resolve({ state: 'denied', message: 'no' })
    const events: RolloutEvent[] = []
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service' }
    for await (const event of rollOut(denied.rollout(), { ...ports, nodes }, options)) {
      events.push(event)
    }
    expect(problems(events)).toBe('refused\nglobal: no')
  })

  test('what an earlier run left and the agent never loaded is replaced, and the reason is told', async () => {
    const bed = new Bed(fleet)
    bed.machine('s2').left = '9-bbbbbbbb'
    bed.machine('c1').left = '9-bbbbbbbb'
    const events = await bed.follow()
    expect(problems(events)).toBe('done')
    // It is between switch and proof: no other server before it, although it leads.
    expect(bed.done[0]).toBe('install s2')
    const told = events.flatMap((event) =>
      event.event === 'host' && event.message?.startsWith('replaces') === true
        ? [`${event.host}: ${event.message}`]
        : [],
    )
    expect(told).toEqual(
      ['s2', 'c1'].map(
        (host) =>
          `${host}: replaces 9-bbbbbbbb, which was never loaded: its agent presents generation 1`,
      ),
    )
  })

  test('what an earlier run left and the agent presents is told to its installer first; not by a look', async () => {
    const bed = new Bed(fleet)
    bed.machine('s1').left = '1-ffffffff'
    expect((await bed.follow({ dryRun: true })).at(-1)!.event).toBe('ready')
    expect(bed.done).toEqual([])
    const events = await bed.follow()
    expect(problems(events)).toBe('done')
    expect(bed.done.slice(0, 3)).toEqual(['proven s1', 'install s1', 'proven s1'])
    expect(events).toContainEqual(
      expect.objectContaining({
        ...{ event: 'host', host: 's1', state: 'sending' },
        message: 'after 1-ffffffff, which an earlier run left unproven: a handshake shows it',
      }),
    )
  })

  test('a look at one host changes nothing where another host speaks against it', async () => {
    const bed = new Bed(fleet)
    bed.machine('s1').left = '1-ffffffff'
    bed.machine('c3').free = 1
    expect((await bed.follow({ concurrency: 1 })).at(-1)!.event).toBe('refused')
    expect(bed.done).toEqual([])
  })

  test('what was left is not replaced where nobody knows what the agent has loaded', async () => {
    const bed = new Bed(fleet)
    bed.machine('c1').left = '9-bbbbbbbb'
    const ports = bed.ports()
    const foreign: RolloutPorts = {
      ...ports,
      prove: async (addresses, how) =>
        (await ports.prove(addresses, how)).map((one) => ({
          ...one,
          ...{ generation: null, state: 'foreign', message: 'it presents a leaf of another' },
        })),
    }
    const { steps, ...rest } = bed.rollout()
    const rollout = { ...rest, steps: steps.filter(({ kind }) => kind === 'clients').slice(0, 1) }
    const events: RolloutEvent[] = []
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service' }
    for await (const event of rollOut(rollout, foreign, options)) events.push(event)
    expect(problems(events)).toMatch(
      /^refused\nc1: 9-bbbbbbbb was put in place there and never proven/,
    )
    expect(bed.done).toEqual([])
  })

  test('servers alone are not asked for their clients: a token that may not is enough', async () => {
    const bed = new Bed(['s1', 's2', 's3'])
    const denied: RolloutPorts = {
      ...bed.ports(),
      nodes: () => Promise.resolve({ state: 'denied', message: 'no' }),
    }
    const events: RolloutEvent[] = []
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service' }
    for await (const event of rollOut(bed.rollout(), denied, options)) events.push(event)
    expect(problems(events)).toBe('done')
  })

  test('an installation may take as long as a unit takes to stop and to start', async () => {
    const bed = new Bed(['s1'])
    bed.leader = 's1'
    let given = 0
    bed.meddle = (_host, kind, timeout = 120_000) => {
      if (kind === 'install') given = timeout
      return undefined
    }
    await bed.follow({ withoutTolerance: new Set(['global']) })
    expect(given).toBe(300_000)
  })

  test('what a script says of its own fault is in the message', async () => {
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) =>
      host === 's1' && kind === 'install'
        ? {
            ...{
              reached: true,
              status: 1,
              stdout: 'fault=archive.tar.gz cannot be written there\n',
            },
            stderr: 'base64: write error: No space left on device\n',
          }
        : undefined
    expect(problems(await bed.follow())).toBe(
      'stopped\ns1: its installer was stopped: archive.tar.gz cannot be written there: base64: write error: No space left on device',
    )
    const looked = new Bed(fleet)
    looked.meddle = (host, kind) =>
      host === 's1' && kind === 'look'
        ? reached(
            `clock=${looked.now / 1000}\nuser=0\nfree=99999\nunit=active\nfault=no folder for the archive can be made\n`,
          )
        : undefined
    expect(problems(await looked.follow())).toBe(
      'refused\ns1: its installer did not say what it would do: no folder for the archive can be made',
    )
  })

  test('of an installer that was stopped half-way the tool that failed says why', async () => {
    const bed = new Bed(fleet)
    const line =
      'porcelain=1 status=1 result=failed reason=stopped changed=no before=1-ffffffff wanted=2-aaaaaaaa generation=1-ffffffff fingerprint=- address=- state=proven agent=not-told message=stopped half-way: 1-ffffffff is in place; the same command goes on\n'
    bed.meddle = (host, kind) =>
      host === 's1' && kind === 'install'
        ? {
            ...{ reached: true, status: 1, stdout: line },
            stderr: 'cat: write error: No space left on device\ninstall.sh: stopped half-way: 1\n',
          }
        : undefined
    const events = await bed.follow()
    expect(events.at(-1)).toMatchObject({
      event: 'stopped',
      obstacles: [
        {
          host: 's1',
          message:
            'stopped half-way: 1-ffffffff is in place; the same command goes on: cat: write error: No space left on device',
          remedy: 'make room there',
        },
      ],
    })
  })

  test('what a tool of a host says is one short line that moves no cursor', async () => {
    const bed = new Bed(fleet)
    const line =
      'porcelain=1 status=1 result=failed reason=stopped changed=no before=- wanted=- generation=- fingerprint=- address=- state=- agent=not-told message=stopped\n'
    bed.meddle = (host, kind) =>
      host === 's1' && kind === 'install'
        ? {
            ...{ reached: true, status: 1, stdout: line },
            stderr: `\u001b[2J${'x'.repeat(4000)}\n`,
          }
        : undefined
    const said = problems(await bed.follow())
    expect(said).toMatch(/^stopped\ns1: stopped: \\u\{1b\}\[2Jx+ … \(4004 characters\)$/)
  })

  test('the longest refusals of the installer arrive whole: what cures them stands at their end', async () => {
    const text = fs.readFileSync(new URL('../../templates/install.sh', import.meta.url), 'utf8')
    const messages = [
      ...text.matchAll(/^ *(?:why=| .*(?:refuse|die|guard|usage) .*)"([^"\n]{20,})"/gm),
    ]
      // What a variable stands for is seldom longer than the path of a directory.
      .map(([, message = '']) => message.replaceAll(/\$\w+|\$\{\w+\}/g, '/'.repeat(60)))
    const [longest, next] = messages.sort((one, other) => other.length - one.length)
    const message = `${longest!} ${next!}, the cure`
    expect(message.length).toBeGreaterThan(400)
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) =>
      host === 's1' && kind === 'look'
        ? reached(
            `clock=${bed.now / 1000}\nuser=0\nfree=99999\nunit=active\nporcelain=1 status=3 result=refused reason=new-root changed=no message=${message}\n`,
          )
        : undefined
    expect(problems(await bed.follow())).toBe(`refused\ns1: its installer refuses: ${message}`)
  })

  test('a moment of a generation that cannot be is not told', async () => {
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) =>
      host === 's1' && kind === 'install'
        ? reached(`moment=switched ${'1'.repeat(5000)}-aaaaaaaa\nmoment=proven 2-aaaaaaaa\n`)
        : undefined
    const states = (await bed.follow()).flatMap((one) =>
      one.event === 'host' && one.host === 's1' ? [one.state] : [],
    )
    expect(states).toEqual(['sending', 'failed'])
  })

  test('another server that is not proven, and was not named, is waited for', async () => {
    const bed = new Bed(fleet)
    const all = bed.rollout()
    const rollout = { ...all, steps: all.steps.filter(({ nodes }) => nodes[0]!.host === 's3') }
    const events: RolloutEvent[] = []
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service' }
    for await (const event of rollOut(rollout, bed.ports(), options)) events.push(event)
    expect(problems(events)).toMatch(
      /^refused\nidentity\/server\/global\/s1: it is not proven, and not in this order/,
    )
    expect(bed.done).toEqual([])
  })

  test('a region whose certificates have ended is brought together, and its clients after it', async () => {
    const bed = new Bed(fleet)
    const { steps, ...rest } = bed.rollout()
    const servers = steps.filter(({ kind }) => kind === 'server').flatMap(({ nodes }) => nodes)
    const rollout: Rollout = {
      ...rest,
      steps: [
        { number: 1, kind: 'servers', region: 'global', nodes: servers },
        ...steps.filter(({ kind }) => kind === 'clients'),
      ],
    }
    const ports = bed.ports()
    const silent = { state: 'silent', message: 'certificate has expired' } as const
    const renewed = (): boolean => bed.machine('s1').loaded === 2
    const options = { tls: '/etc/nomad-tls', unit: 'nomad.service', concurrency: 1 }
    const events: RolloutEvent[] = []
    const blind = {
      ...ports,
      raft: (region: string) => (renewed() ? ports.raft(region) : Promise.resolve(silent)),
      nodes: (region: string) => (renewed() ? ports.nodes(region) : Promise.resolve(silent)),
    }
    for await (const event of rollOut(rollout, blind, options)) events.push(event)
    expect(problems(events)).toBe('done')
    // Said to have ended, and they answer: the ledger is older than the servers.
    const again = new Bed(fleet)
    const told: RolloutEvent[] = []
    for await (const event of rollOut(rollout, again.ports(), options)) told.push(event)
    expect(problems(told)).toMatch(/^stopped\nglobal: its certificates are said to have ended/)
    expect(again.done).toEqual([])
  })

  describe('a recovery', () => {
    /** All servers of the region together, then the clients. */
    const ended = (bed: Bed, kept = fleet): Rollout => {
      const { steps, ...rest } = bed.rollout(9)
      const of = (kind: string): RolloutNode[] =>
        steps
          .filter((step) => step.kind === kind)
          .flatMap(({ nodes }) => nodes)
          .filter(({ host }) => kept.includes(host!))
      const all = [
        { kind: 'servers' as const, nodes: of('server') },
        { kind: 'clients' as const, nodes: of('clients') },
      ]
      return {
        ...rest,
        steps: all.map((step, at) => ({ ...step, number: at + 1, region: 'global' })),
      }
    }
    const follow = async (
      bed: Bed,
      rollout: Rollout,
      ports: Partial<RolloutPorts> = {},
    ): Promise<RolloutEvent[]> => {
      const events: RolloutEvent[] = []
      const options = {
        tls: '/etc/nomad-tls',
        unit: 'nomad.service',
        concurrency: 1,
        recover: true,
      }
      const all = { ...bed.ports(), ...ports }
      for await (const event of rollOut(rollout, all, options)) events.push(event)
      return events
    }
    const failures = (events: readonly RolloutEvent[]): readonly string[] => {
      const last = events.at(-1)!
      expect(last.event).toBe('done')
      return last.event === 'done' ? last.failures.map(({ host }) => host ?? 'none') : []
    }

    test('a server that ssh does not reach is left out where the others are a quorum', async () => {
      const bed = new Bed(fleet)
      bed.meddle = (host) =>
        host === 's3' ? { reached: false, message: 'No route to host' } : undefined
      // Raft says so too, and the gate waits for those that were brought.
      bed.ill = ['s3']
      bed.tolerance = 0
      bed.leader = 's1'
      const events = await follow(bed, ended(bed))
      expect(failures(events)).toEqual(['s3'])
      expect(events.find(({ event }) => event === 'left')).toMatchObject({
        obstacles: [{ host: 's3', message: 'No route to host' }],
      })
      expect(bed.done.filter((one) => one.startsWith('install'))).toEqual(
        ['s1', 's2', 'c1', 'c2', 'c3'].map((host) => `install ${host}`),
      )
    })

    test('without a quorum nothing is changed', async () => {
      const bed = new Bed(fleet)
      bed.meddle = (host) =>
        host === 's3' || host === 's2' ? { reached: false, message: 'No route to host' } : undefined
      expect(problems(await follow(bed, ended(bed)))).toBe(
        'refused\ns2: No route to host\ns3: No route to host',
      )
      expect(bed.done).toEqual([])
    })

    test('a client that fails does not stop the others, and is told at the end', async () => {
      const bed = new Bed(fleet)
      bed.loads = (host) => host !== 'c1'
      expect(failures(await follow(bed, ended(bed)))).toEqual(['c1'])
      expect(bed.machine('c3').concluded).toBe('proven')
    })

    test('servers that answer already are brought together all the same: a minority lives', async () => {
      const bed = new Bed(fleet)
      expect(failures(await follow(bed, ended(bed, ['s1', 's2', 'c1'])))).toEqual([])
    })

    test('two servers of three were brought when it was killed: their leader is waited for', async () => {
      const bed = new Bed(fleet)
      for (const name of ['s1', 's2']) bed.machine(name).loaded = 2
      bed.ill = ['s3']
      bed.tolerance = 0
      let asked = 0
      const raft = (): Promise<RaftAnswer> =>
        (asked += 1) < 5
          ? Promise.resolve({ state: 'silent', message: 'certificate has expired' })
          : Promise.resolve(bed.raft())
      const node = bed.nodes.find(({ host }) => host === 's3')!
      const rollout = ended(bed)
      const steps = [{ number: 1, kind: 'server' as const, region: 'global', nodes: [node] }]
      bed.loads = () => {
        bed.ill = []
        bed.tolerance = 1
        return true
      }
      expect(failures(await follow(bed, { ...rollout, steps }, { raft }))).toEqual([])
      expect(asked).toBeGreaterThan(5)
    })
  })

  test('a dry run looks at every host, and changes nothing', async () => {
    const bed = new Bed(fleet)
    const events = await bed.follow({ dryRun: true })
    expect(bed.done).toEqual([])
    expect(events.filter(({ event }) => event === 'looked')).toHaveLength(6)
    expect(events.at(-1)).toEqual({ event: 'ready', hosts: 6 })
  })

  test.each<[string, (bed: Bed) => void, RegExp]>([
    [
      'a host that is not reached',
      (bed) => {
        bed.meddle = (host) =>
          host === 'c2' ? { reached: false, message: 'No route to host' } : undefined
      },
      /c2: No route to host/,
    ],
    [
      'a clock that is an hour ahead',
      (bed) => (bed.machine('s1').clock = 3_600_000),
      /s1: its clock is 1h ahead/,
    ],
    [
      'a clock that is behind',
      (bed) => (bed.machine('s1').clock = -3_600_000),
      /s1: its clock is 1h behind\ns1: by its clock/,
    ],
    ['a full disk', (bed) => (bed.machine('s3').free = 3), /s3: only 3 kB are free/],
    [
      'a tool that is missing',
      (bed) => (bed.machine('c1').missing = ['base64']),
      /c1: base64 is missing/,
    ],
    [
      'two servers that are ill',
      (bed) => (bed.ill = ['s1', 's3']),
      /global: s1\.global, s3\.global are not healthy/,
    ],
    ['a region without tolerance', (bed) => (bed.tolerance = 0), /global: it cannot lose a server/],
    ['a region without a leader', (bed) => (bed.leader = ''), /global: it has no leader/],
    ['a token without the right', (bed) => (bed.denied = true), /global: NOMAD_TOKEN may not/],
    [
      'an agent that cannot be asked',
      (bed) => (bed.machine('c1').mute = true),
      /c1: its agent cannot be asked: nothing listens there/,
    ],
    [
      'a leader that the spec does not have',
      (bed) => {
        bed.machines.set('s9', { ...bed.machine('s1') })
        bed.leader = 's9'
      },
      /global: the servers that Nomad names are not those of the spec/,
    ],
    [
      'an installer that refuses',
      (bed) => {
        bed.meddle = (host, kind) =>
          host === 's1' && kind === 'look'
            ? reached(
                `clock=${bed.now / 1000}\nuser=0\nfree=99999\nunit=active\nporcelain=1 status=3 result=refused reason=new-root message=another authority made it\n`,
              )
            : undefined
      },
      /s1: its installer refuses: another authority made it/,
    ],
  ])('nothing is changed anywhere before all is well: %s', async (_name, break_, message) => {
    const bed = new Bed(fleet)
    break_(bed)
    const events = await bed.follow()
    expect(problems(events)).toMatch(message)
    expect(events.at(-1)!.event).toBe('refused')
    expect(bed.done).toEqual([])
  })

  test.each([
    [['hashi-nomad.service'], 'say node: { unit: hashi-nomad.service } in the spec'],
    [['nomad-a.service', 'nomad-b.service'], 'nomad-a.service, nomad-b.service run there'],
    [[], 'systemctl status PID shows it'],
  ])('an agent that answers, and whose unit has another name: %j', async (others, remedy) => {
    const bed = new Bed(fleet)
    const rows = others.map((one) => `other=${one}\n`).join('')
    bed.meddle = (host, kind) =>
      host === 's1' && kind === 'look'
        ? reached(
            `clock=${bed.now / 1000}\nuser=0\nfree=99999\nunit=inactive\n${rows}porcelain=1 status=2 result=installed reason=- message=\n`,
          )
        : undefined
    const events = await bed.follow()
    expect(problems(events)).toContain('s1: its agent answers, and nomad.service is inactive')
    expect(JSON.stringify(events.at(-1))).toContain(remedy)
    expect(bed.done).toEqual([])
  })

  test.each([
    ['a restart turns TLS on: it may speak plaintext before', true, true, 'ready'],
    ['a reload does not', true, false, 'refused'],
    ['TLS is on', false, true, 'refused'],
  ])('an agent that does not answer in TLS: %s', async (_name, turning, restart, last) => {
    const bed = new Bed(fleet)
    for (const [at, node] of bed.nodes.entries()) bed.nodes[at] = { ...node, restart }
    for (const name of fleet) bed.machine(name).mute = true
    const events = await bed.follow({ turning, dryRun: true })
    expect(events.at(-1)!.event).toBe(last)
  })

  test.each([
    ['it has no port', [], 's1: nothing says where its agent can be asked'],
    [
      'its port is not reached',
      [{ endpoint: 's1:4646', message: 'there is no route to the host', unreached: true }],
      's1: its agent cannot be asked: there is no route to the host',
    ],
  ])(
    'while TLS is turned on, what could not be proven is not restarted: %s',
    async (_name, silent, said) => {
      const bed = new Bed(fleet)
      for (const [at, node] of bed.nodes.entries()) bed.nodes[at] = { ...node, restart: true }
      const verdict = bed.verdict.bind(bed)
      bed.verdict = (address) => ({
        ...verdict(address),
        ...{ seen: [], silent: silent.map((one) => ({ ...one, address })) },
      })
      expect(problems(await bed.follow({ turning: true }))).toContain(said)
      expect(bed.done).toEqual([])
    },
  )

  test('where agents speak plaintext, none is said not to run', async () => {
    const bed = new Bed(['c1', 'c2'])
    for (const name of ['c1', 'c2']) bed.machine(name).mute = true
    const events = await bed.follow({ plaintext: true })
    expect(eventText(events.at(-1)!, plainStyle)).toBe(
      '2 agents have their files; they speak plaintext, and load them when TLS is turned on',
    )
  })

  test.each([
    ['all of them', ['c1', 'c2', 'c3'], /^write transport: tls in the spec where every agent/],
    ['some of them', ['c2'], /^write transport: upgrading in the spec/],
    ['one that a person brings', ['c3'], /^write transport: upgrading in the spec/],
  ])(
    'an agent that speaks TLS and that the spec says speaks plaintext is not brought: %s',
    async (_name, speaking, remedy) => {
      const bed = new Bed(['c1', 'c2', 'c3'])
      bed.hands.add('c3')
      for (const name of bed.machines.keys()) bed.machine(name).mute = !speaking.includes(name)
      const last = (await bed.follow({ plaintext: true })).at(-1)!
      expect(last.event).toBe('refused')
      const { obstacles } = last as Extract<RolloutEvent, { event: 'refused' }>
      expect(obstacles.map(({ host }) => host)).toEqual(speaking)
      for (const one of obstacles) {
        expect(one.message).toMatch(/ speaks TLS, and the spec says transport: plaintext$/)
        expect(one.remedy).toMatch(remedy)
      }
      expect(bed.done).toEqual([])
    },
  )

  test.each<[string, (bed: Bed) => void, RegExp]>([
    [
      'a port was not reached',
      (bed) => {
        const verdict = bed.verdict.bind(bed)
        bed.verdict = (address) => ({
          ...verdict(address),
          silent: [{ address, endpoint: 'c1:4647', message: 'no route', unreached: true }],
        })
      },
      /^write transport: tls in the spec where every .* not seen of all here; where some /,
    ],
    [
      'a host is not fit, and its agent was not asked',
      (bed) => {
        bed.machine('c3').free = 1
      },
      /^write transport: tls in the spec where every .* not seen of all here; where some /,
    ],
    [
      'a port answers in something else',
      (bed) => {
        const verdict = bed.verdict.bind(bed)
        bed.verdict = (address) => ({
          ...verdict(address),
          silent: [{ address, endpoint: 'c1:4647', message: 'it answers in plaintext' }],
        })
      },
      /^write transport: upgrading in the spec/,
    ],
  ])(
    'what was not seen is not said of agents that speak TLS: %s',
    async (_name, meddle, remedy) => {
      const bed = new Bed(['c1', 'c2', 'c3'])
      meddle(bed)
      const last = (await bed.follow({ plaintext: true })).at(-1)!
      expect(last.event).toBe('refused')
      const { obstacles } = last as Extract<RolloutEvent, { event: 'refused' }>
      const tls = obstacles.filter(({ message }) => message.includes('speaks TLS'))
      expect(tls.length).toBeGreaterThan(1)
      for (const one of tls) expect(one.remedy).toMatch(remedy)
    },
  )

  test('agents of which ssh reaches one host are refused before anything is sent there', async () => {
    const bed = new Bed(['c1', 'c2', 'c3'])
    bed.nodes[1] = { ...bed.nodes[1]!, host: 'c1' }
    const last = (await bed.follow()).at(-1) as Extract<RolloutEvent, { event: 'refused' }>
    expect(last.event).toBe('refused')
    expect(last.obstacles.map(({ address }) => address)).toEqual(
      bed.nodes.slice(0, 2).map(({ address }) => address),
    )
    expect(last.obstacles[0]).toMatchObject({
      message: 'ssh reaches it at c1, and other agents of this order there too',
      remedy: expect.stringContaining('ssh: at the node') as string,
    })
    expect(bed.done).toEqual([])
  })

  test('hosts that share an identity are not told apart by a handshake, so they are refused', async () => {
    const bed = new Bed(['s1'])
    const [node] = bed.nodes
    bed.nodes.push({ ...node!, address: 'identity/client/global/shared', host: 'c1' })
    bed.machines.set('c1', { ...bed.machine('s1') })
    expect(problems(await bed.follow({ withoutTolerance: new Set(['global']) }))).toMatch(
      /^refused\nc1: its hosts share one identity/,
    )
    expect(bed.done).toEqual([])
  })

  test('all problems are told at once', async () => {
    const bed = new Bed(fleet)
    bed.machine('s1').free = 1
    bed.machine('c3').clock = 7_200_000
    bed.ill = ['s1', 's2']
    expect(problems(await bed.follow())).toMatch(/s1: [^]*c3: [^]*global: /)
  })

  test('one whose proof does not come stops everything behind it', async () => {
    const bed = new Bed(fleet)
    bed.loads = (host) => host !== 's3'
    const events = await bed.follow()
    expect(problems(events)).toBe('stopped\ns3: it is not proven: generation 1 of 2')
    expect(bed.done).toEqual(['install s1', 'proven s1', 'install s3'])
  })

  test("the agent's own words are in the message: one that did not load it, and a client that went down", async () => {
    const bed = new Bed(fleet)
    bed.loads = (host) => host !== 's3'
    bed.machine('s3').log = ['[ERROR] agent: failed to reload: key.pem: permission denied']
    expect((await bed.follow()).at(-1)).toMatchObject({
      obstacles: [{ host: 's3', log: bed.machine('s3').log }],
    })
    const down = new Bed(fleet)
    down.machine('c1').log = ['[ERROR] client: cannot heartbeat']
    down.meddle = (host, kind) => {
      if (kind === 'proven' && host === 'c1') down.machine('c1').ready = 'down'
      return undefined
    }
    const events = await down.follow()
    expect(events.at(-1)).toMatchObject({
      obstacles: [{ host: 'c1', log: down.machine('c1').log }],
    })
    expect(eventText(events.at(-1)!, plainStyle)).toContain(
      '  c1 says: [ERROR] client: cannot heartbeat',
    )
  })

  test('a region that does not become healthy stops it', async () => {
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) => {
      if (kind === 'proven' && host === 's1') bed.ill = ['s1']
      return undefined
    }
    const began = bed.now
    const events = await bed.follow()
    expect(problems(events)).toMatch(
      /^stopped\nglobal: its servers did not become healthy: s1\.global/,
    )
    expect(bed.done.filter((one) => one.startsWith('install'))).toEqual(['install s1'])
    expect(bed.now - began).toBeLessThan(200_000)
  })

  test('a server that is behind in the log is waited for', async () => {
    const bed = new Bed(fleet)
    bed.behind = { s1: 50 }
    bed.meddle = (host, kind) => {
      if (host === 's1' && kind === 'proven') setImmediate(() => undefined)
      return undefined
    }
    const events = await bed.follow()
    expect(problems(events)).toMatch(/s1\.global has read the log up to 50/)
  })

  test('a client that goes down after its reload stops it', async () => {
    const bed = new Bed(fleet)
    bed.meddle = (host, kind) => {
      if (kind === 'proven' && host === 'c1') bed.machine('c1').ready = 'down'
      return undefined
    }
    expect(problems(await bed.follow())).toBe('stopped\nc1: c1 is down after its reload')
    expect(bed.done).not.toContain('install c3')
  })

  test('a host whose agent does not load it goes back, where that was asked for; it stops all the same', async () => {
    const bed = new Bed(fleet)
    bed.loads = (host) => host !== 's3'
    expect(problems(await bed.follow({ backOnFailure: true }))).toBe(
      'stopped\ns3: it is not proven: generation 1 of 2; it went back to 1-ffffffff, and its agent presents that',
    )
    expect(bed.done).toEqual([
      ...['install s1', 'proven s1', 'install s3', 'rollback s3', 'proven s3'],
    ])
  })

  describe('one host goes back', () => {
    const back = async (
      bed: Bed,
      options: Partial<RollOutOptions> = {},
      overrides: RolloutNode['overrides'] = [],
    ): Promise<RolloutEvent[]> => {
      const events: RolloutEvent[] = []
      const all = { tls: '/etc/nomad-tls', unit: 'nomad.service', ...options }
      for (const one of bed.machines.values()) [one.placed, one.loaded] = [2, 2]
      const node = { ...bed.nodes[0]!, overrides }
      for await (const event of goBack(node, bed.ports(), all)) events.push(event)
      return events
    }

    test('it is seen to present what it had, its installer is told, and the region is waited for', async () => {
      const bed = new Bed(fleet)
      const events = await back(bed)
      expect(events.at(-1)).toMatchObject({
        event: 'back',
        generation: '1-ffffffff',
        running: true,
      })
      expect(bed.done).toEqual(['rollback s1', 'proven s1'])
      expect(events.some((one) => one.event === 'gate' && one.open)).toBe(true)
    })

    test('not where the others refuse it, unless somebody says so: that is noted', async () => {
      const bed = new Bed(fleet)
      bed.notBack = 'c1 would refuse it'
      expect(problems(await back(bed))).toBe('refused\ns1: c1 would refuse it')
      expect(bed.done).toEqual([])
      const override = {
        code: 'rollback',
        value: '1-ffffffff',
        reason: 'it serves nothing',
      } as const
      expect((await back(bed, {}, [override])).at(-1)!.event).toBe('back')
      expect(bed.accepted).toEqual(['rollback=1-ffffffff'])
    })

    test('where ssh does not reach it, the line for its host is told', async () => {
      const bed = new Bed(fleet)
      bed.hands.add('s1')
      const { obstacles } = (await back(bed)).at(-1)! as Extract<RolloutEvent, { event: 'refused' }>
      expect(obstacles).toMatchObject([
        {
          message: 'ssh does not reach its host',
          remedy: expect.stringMatching(
            /sh install\.sh --tls \S+ --reload \S+ --rollback$/,
          ) as string,
        },
      ])
      expect(bed.done).toEqual([])
    })

    test('not while another server is ill; and a dry run changes nothing', async () => {
      const bed = new Bed(fleet)
      bed.ill = ['s2']
      expect(problems(await back(bed))).toBe('refused\nglobal: s2.global is not healthy')
      bed.ill = []
      expect((await back(bed, { dryRun: true })).at(-1)!.event).toBe('ready')
      expect(bed.done).toEqual([])
    })

    test('one that does not present it stops', async () => {
      const bed = new Bed(fleet)
      bed.loads = (host) => host !== 's1 back'
      expect(problems(await back(bed))).toMatch(
        /^stopped\ns1: 1-ffffffff is in place again, and its agent is not seen to present it/,
      )
    })
  })

  test('clients that may fail', async () => {
    const bed = new Bed(fleet)
    bed.loads = (host) => host !== 'c1'
    const events = await bed.follow({ maxFailures: 1 })
    expect(events.at(-1)).toMatchObject({
      ...{ event: 'done', proven: 5 },
      failures: [{ host: 'c1', message: 'it is not proven: generation 1 of 2' }],
    })
    expect(bed.done).toContain('proven c3')
    const stopped = new Bed(fleet)
    stopped.loads = (host) => host !== 'c1' && host !== 'c3'
    expect(problems(await stopped.follow({ maxFailures: 1 }))).toMatch(/^stopped\nc1: .*\nc3: /)
    const servers = new Bed(fleet)
    servers.loads = (host) => host !== 's1'
    expect(problems(await servers.follow({ maxFailures: 5 }))).toMatch(/^stopped\ns1: /)
  })

  test('what was stopped goes on, and nothing that is proven is done twice', async () => {
    const bed = new Bed(fleet)
    let broken = true
    bed.meddle = (host, kind) =>
      broken && host === 's3' && kind === 'install'
        ? { reached: false, message: 'Connection closed' }
        : undefined
    expect(problems(await bed.follow())).toMatch(
      /^stopped\ns3: the link to s3 was cut: Connection closed/,
    )
    broken = false
    expect((await bed.follow()).at(-1)).toMatchObject({ event: 'done' })
    const installs = bed.done.filter((one) => one.startsWith('install'))
    expect(installs).toHaveLength(new Set(installs).size)
  })

  test('agents that do not run get their files, and no gate waits for them', async () => {
    const bed = new Bed(fleet)
    for (const name of fleet) bed.machine(name).unit = 'inactive'
    bed.denied = true
    expect((await bed.follow()).at(-1)).toEqual({
      event: 'done',
      proven: 0,
      settled: 0,
      placed: 6,
      failures: [],
    })
    expect(bed.done.every((one) => one.startsWith('install'))).toBe(true)
  })

  test('one or two servers, where it was said that this is known', async () => {
    const bed = new Bed(['s1', 's2'])
    bed.tolerance = 0
    const events = await bed.follow({ withoutTolerance: new Set(['global']) })
    expect(events.at(-1)).toMatchObject({ event: 'done', proven: 2 })
    expect(new Set(bed.accepted)).toEqual(new Set(['tolerance=global']))
    const looked = new Bed(['s1', 's2'])
    looked.tolerance = 0
    await looked.follow({ withoutTolerance: new Set(['global']), dryRun: true })
    expect(looked.accepted).toEqual([])
    const spared = new Bed(fleet)
    await spared.follow({ withoutTolerance: new Set(['global']) })
    expect(spared.accepted, 'a guard that refused nothing').toEqual([])
  })

  test('interrupted, it ends between two hosts', async () => {
    const bed = new Bed(fleet)
    const controller = new AbortController()
    bed.meddle = (host, kind) => {
      if (host === 's1' && kind === 'install') controller.abort()
      return undefined
    }
    await expect(bed.follow({ signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_INTERRUPTED',
    })
    expect(bed.done).toEqual(['install s1', 'proven s1'])
  })

  test('property: whatever breaks and whenever, two servers are never between reload and proof', async () => {
    const hosts = fc.constantFrom(...fleet)
    const kinds = fc.constantFrom('install', 'proven')
    const faults = fc.constantFrom<'cut' | 'silent' | 'leader' | 'ill' | 'mend'>(
      ...(['cut', 'silent', 'leader', 'ill', 'mend'] as const),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(hosts, kinds, faults), { maxLength: 6 }), async (plan) => {
        const bed = new Bed(fleet)
        const left = [...plan]
        bed.meddle = (host, kind) => {
          const at = left.findIndex(([where, when]) => where === host && when === kind)
          if (at < 0) return undefined
          const [, , what] = left.splice(at, 1)[0]!
          if (what === 'leader') bed.leader = host.startsWith('s') ? host : 's1'
          if (what === 'ill') bed.ill = ['s1']
          if (what === 'mend') bed.ill = []
          return what === 'cut' ? { reached: false, message: 'cut' } : undefined
        }
        // The bed itself looks, at each installation.
        for (let round = 0; round < plan.length + 2; round += 1) {
          await bed.follow()
          bed.ill = []
        }
        expect([...bed.machines.values()].every(({ loaded }) => loaded === 2)).toBe(true)
      }),
      { seed, numRuns: 150 },
    )
  })
})
