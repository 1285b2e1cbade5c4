import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Proof, ProofState } from '../../src/evidence/proven.js'
import type { ScheduleEntry } from '../../src/plan/schedule.js'
import { metricsText, type MetricsFacts } from '../../src/report/metrics.js'
import { at, day, entry } from './entry.js'

const proof = (state: ProofState, seen?: number): Proof => ({ state, at: seen }) as Proof

function facts(entries: readonly ScheduleEntry[], more: Partial<MetricsFacts> = {}): MetricsFacts {
  return {
    ...{ cluster: 'acme', version: '1.2.3', schedule: { at, entries } },
    ...{ lifeOf: () => undefined, deadlines: [], rotations: [], steps: [], findings: [] },
    ...more,
  }
}

/** The samples of one family, without its prefix and the cluster. */
function samples(text: string, family: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`nomad_pki_${family}{`))
    .map((line) => line.slice(`nomad_pki_${family}`.length).replace('cluster="acme",', ''))
}

describe('one certificate', () => {
  const text = metricsText(
    facts([entry('identity/server/global/s1', { proof: proof('proven', at - day) })], {
      lifeOf: () => ({ notBefore: at - 30 * day, notAfter: at + 60 * day }),
    }),
  )
  const labels = '{address="identity/server/global/s1",role="server",region="global",node="s1"}'

  test.each([
    ['certificate_not_before_timestamp_seconds', (at - 30 * day) / 1000],
    ['certificate_not_after_timestamp_seconds', (at + 60 * day) / 1000],
    ['certificate_effective_not_after_timestamp_seconds', (at + 60 * day) / 1000],
    ['certificate_renewal_timestamp_seconds', (at + 30 * day) / 1000],
    ['agent_newest_loaded', 1],
    ['agent_evidence_timestamp_seconds', (at - day) / 1000],
  ])('has %s', (family, value) => {
    expect(samples(text, family)).toEqual([`${labels} ${value}`])
  })

  test('each family has its sentence and its type before its samples, once', () => {
    const families = text.split('\n').flatMap((line) => /^# HELP (\S+) \S/.exec(line)?.[1] ?? [])
    expect(new Set(families).size).toBe(families.length)
    for (const family of families) {
      const place = text.indexOf(`# HELP ${family} `)
      expect(text.indexOf(`# TYPE ${family} gauge\n${family}{`)).toBeGreaterThan(place)
    }
    expect(text.endsWith('\n')).toBe(true)
  })

  test('the file says when it was written, and by which version', () => {
    expect(samples(text, 'last_success_timestamp_seconds')).toEqual([
      `{command="status"} ${at / 1000}`,
    ])
    expect(samples(text, 'build_info')).toEqual(['{version="1.2.3"} 1'])
  })
})

describe('whether the newest is loaded', () => {
  test.each<[ProofState, readonly string[]]>([
    ['proven', ['1']],
    ['undelivered', ['0']],
    ['unobservable', ['0']],
    ['silent', ['0']],
    ['excepted', []],
    ['unproven', []],
  ])('%s: %j', (state, expected) => {
    const text = metricsText(facts([entry('identity/client/global/c1', { proof: proof(state) })]))
    expect(samples(text, 'agent_newest_loaded').map((line) => line.split(' ')[1])).toEqual(expected)
  })

  test('nothing is said of a person, whom no agent uses', () => {
    const text = metricsText(facts([entry('identity/operator/global/alice', { onDemand: true })]))
    expect(samples(text, 'agent_newest_loaded')).toEqual([])
    expect(samples(text, 'certificate_renewal_timestamp_seconds')).toEqual([])
    expect(samples(text, 'certificate_effective_not_after_timestamp_seconds')).toHaveLength(1)
  })
})

describe('per region', () => {
  const entries = [
    entry('identity/client/global/c1', { proof: proof('proven', at - 3 * day) }),
    entry('identity/client/global/c2', {
      ...{ notAfter: at + day, dueAt: at - day, state: 'due' },
      proof: proof('undelivered', at - 2 * day),
    }),
    entry('identity/client/eu/c1', { notAfter: at + 9 * day, proof: proof('unproven') }),
  ]
  const text = metricsText(facts(entries, { grain: 'region' }))

  test('the earliest counts, and one that has not its newest counts for all', () => {
    const labels = '{address="identity/client/global",role="client",region="global"}'
    expect(samples(text, 'certificate_effective_not_after_timestamp_seconds')).toEqual([
      `{address="identity/client/eu",role="client",region="eu"} ${(at + 9 * day) / 1000}`,
      `${labels} ${(at + day) / 1000}`,
    ])
    expect(samples(text, 'certificate_renewal_timestamp_seconds')[1]).toBe(
      `${labels} ${(at - day) / 1000}`,
    )
    expect(samples(text, 'agent_newest_loaded')).toEqual([`${labels} 0`])
    expect(samples(text, 'agent_evidence_timestamp_seconds')).toEqual([
      `${labels} ${(at - 3 * day) / 1000}`,
    ])
  })

  test('one that was never seen keeps the others from speaking for it', () => {
    const of = (...states: readonly ProofState[]): readonly string[] =>
      samples(
        metricsText(
          facts(
            states.map((state, index) =>
              entry(`identity/client/global/c${index}`, { proof: proof(state) }),
            ),
            { grain: 'region' },
          ),
        ),
        'agent_newest_loaded',
      ).map((line) => line.split(' ')[1]!)
    expect(of('proven', 'proven', 'excepted')).toEqual(['1'])
    expect(of('proven', 'unproven')).toEqual([])
    expect(of('unproven', 'proven')).toEqual([])
    expect(of('unproven', 'silent')).toEqual(['0'])
  })

  test('agents are counted by what is known of them', () => {
    const counts = samples(text, 'agents').filter((line) => !line.endsWith(' 0'))
    expect(counts).toEqual([
      '{role="client",region="eu",state="unproven"} 1',
      '{role="client",region="global",state="proven"} 1',
      '{role="client",region="global",state="undelivered"} 1',
    ])
    expect(
      samples(metricsText(facts(entries, { transport: 'upgrading' })), 'transport_info'),
    ).toEqual(['{transport="upgrading"} 1'])
  })

  test('states are counted, also those that nothing is in', () => {
    expect(samples(text, 'certificates')).toEqual(
      expect.arrayContaining([
        '{role="client",region="global",state="good"} 1',
        '{role="client",region="global",state="due"} 1',
        '{role="client",region="global",state="expired"} 0',
      ]),
    )
    expect(samples(text, 'certificates')).toHaveLength(24)
  })

  test.each([
    [1_000, 1_000],
    [1_001, 1],
  ])('by itself, of %i certificates: %i series', (number, series) => {
    const many = Array.from({ length: number }, (_, place) =>
      entry(`identity/client/global/c${place}`),
    )
    const family = 'certificate_renewal_timestamp_seconds'
    expect(samples(metricsText(facts(many)), family)).toHaveLength(series)
    expect(samples(metricsText(facts(many, { grain: 'node' })), family)).toHaveLength(number)
  })
})

test('what the spec no longer names wakes nobody', () => {
  const gone = [
    entry('identity/client/global/c9', { orphan: true, state: 'expired', notAfter: at - day }),
    entry('authority/agent/1', { orphan: true, kind: 'authority' }),
  ]
  const text = metricsText(facts(gone))
  expect(text).not.toContain('c9')
  expect(text).not.toContain('authority/agent')
  expect(samples(text, 'certificates')).toEqual([])
})

test('what is missing is counted and has no dates', () => {
  const missing = entry('identity/client/global/c1', {
    ...{ state: 'missing', notAfter: undefined, dueAt: undefined },
  })
  const text = metricsText(facts([missing]))
  expect(samples(text, 'certificates')).toContain(
    '{role="client",region="global",state="missing"} 1',
  )
  expect(text).not.toContain('c1"')
})

test('authorities, stages of a rotation, steps and findings', () => {
  const text = metricsText(
    facts([entry('authority/agent/2', { kind: 'authority' })], {
      deadlines: [
        { authority: 'agent', kind: 'stage', at: at + 5 * day, message: '', due: true },
        { authority: 'agent', kind: 'carried', at: at + 6 * day, message: '', due: false },
      ],
      rotations: [
        {
          rotation: { name: 'agent', position: 'crossed' },
          gate: { proven: 3, holds: [{}, {}], excepted: [{}] },
        },
        { rotation: { name: 'other', position: 'signing' }, gate: undefined },
      ] as unknown as MetricsFacts['rotations'],
      steps: [{ action: 'renew' }, { action: 'renew' }, { action: 'write' }],
      findings: [{ severity: 'error' }],
    }),
  )
  const labels = '{address="authority/agent/2",authority="agent"}'
  expect(samples(text, 'authority_not_after_timestamp_seconds')).toEqual([
    `${labels} ${(at + 60 * day) / 1000}`,
  ])
  expect(samples(text, 'authority_rotate_by_timestamp_seconds')).toEqual([
    `${labels} ${(at + 30 * day) / 1000}`,
  ])
  expect(samples(text, 'rotation_stage_by_timestamp_seconds')).toEqual([
    `{authority="agent"} ${(at + 5 * day) / 1000}`,
  ])
  expect(samples(text, 'rotation_agents')).toEqual([
    '{authority="agent",stage="crossed",state="proven"} 3',
    '{authority="agent",stage="crossed",state="held"} 2',
    '{authority="agent",stage="crossed",state="excepted"} 1',
  ])
  expect(samples(text, 'plan_steps')).toEqual(
    expect.arrayContaining(['{action="renew"} 2', '{action="write"} 1', '{action="create"} 0']),
  )
  expect(samples(text, 'findings')).toEqual([
    '{severity="error"} 1',
    '{severity="warning"} 0',
    '{severity="note"} 0',
  ])
})

test('a value of a label cannot end it', () => {
  const text = metricsText(facts([], { version: 'a"b\\c\nd' }))
  expect(samples(text, 'build_info')).toEqual(['{version="a\\"b\\\\c\\nd"} 1'])
})

test('rules, dashboard and page name metrics that there are, and the page names all', () => {
  const text = metricsText(
    facts(
      [
        entry('identity/server/global/s1', { proof: proof('proven', at) }),
        entry('authority/agent/1', { kind: 'authority' }),
      ],
      {
        lifeOf: () => ({ notBefore: at, notAfter: at }),
        deadlines: [{ authority: 'agent', kind: 'stage', at, message: '', due: true }],
        beside: [
          { block: 'consul', found: { state: 'present', notAfter: at } },
        ] as unknown as MetricsFacts['beside'],
        rotations: [
          {
            rotation: { name: 'agent', position: 'crossed' },
            gate: { proven: 0, holds: [], excepted: [] },
          },
        ] as unknown as MetricsFacts['rotations'],
      },
    ),
  )
  const known = new Set(text.match(/^nomad_pki_[a-z_]+/gm))
  expect(known.size).toBe(19)
  for (const name of ['alerts.yml', 'alerts_test.yml', 'dashboard.json']) {
    const used = readFileSync(`templates/monitoring/${name}`, 'utf8').match(/nomad_pki_[a-z_]+/g)
    expect(used?.length, name).toBeGreaterThan(8)
    for (const one of used ?? []) expect(known, name).toContain(one)
  }
  const page = readFileSync('docs/monitoring.md', 'utf8')
  for (const one of known) expect(page).toContain(`\`${one.slice('nomad_pki_'.length)}\``)
})
