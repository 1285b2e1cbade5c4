import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { FoundAuthority, Inventory } from '../../src/inventory/inventory.js'
import { makeSchedule, type ScheduleEntry } from '../../src/plan/schedule.js'
import { pageText, type PageFacts } from '../../src/report/page.js'
import { aCluster, day } from '../builders.js'

const now = Date.parse('2027-03-01T00:00:00Z')

let facts: PageFacts
beforeAll(async () => {
  const cluster = await aCluster(now).withServer('s1').withClient('c1').build()
  const [desired, inventory] = [cluster.desired, await cluster.inventory()]
  facts = {
    ...{ cluster: 'acme', version: '1.2.3', inventory },
    schedule: makeSchedule(desired, inventory, { now }),
    ...{ deadlines: [], rotations: [], findings: [], steps: [] },
  }
})

/** What stands between two tags, without the tags in it. */
function textOf(page: string, begin: string, end: string): string {
  const from = page.indexOf(begin)
  expect(from, begin).toBeGreaterThan(0)
  const inner = page.slice(from + begin.length, page.indexOf(end, from))
  return inner
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

function verdict(page: string): string {
  return textOf(page.replaceAll(/<.?span[^>]*>/g, ''), '<p class="verdict', '</p>').replace(
    /^ ?\w*" ?>? ?|^.*?> /,
    '',
  )
}

const entry = (address: string, more: Partial<ScheduleEntry>): ScheduleEntry => ({
  ...{ address, kind: 'identity', state: 'good', orphan: false, onDemand: false },
  ...more,
})

const itself = (state: ScheduleEntry['state']): ScheduleEntry =>
  entry('identity/client/global/c9', {
    state,
    selfRenewed: {
      state: 'unknown',
      message: 'm',
      ports: { seen: [], silent: [] },
    } as unknown as ScheduleEntry['selfRenewed'],
  })

/** The same agents, each seen with its newest certificate. */
function seen(): PageFacts {
  const proof = {
    ...{ state: 'proven', newest: { number: 1 }, counted: { number: 1 } },
    judgement: { state: 'excepted', message: 'm', ports: { seen: [], silent: [] } },
  } as unknown as NonNullable<ScheduleEntry['proof']>
  const entries = facts.schedule.entries.map((one) =>
    one.kind === 'identity' ? { ...one, proof } : one,
  )
  return { ...facts, schedule: { ...facts.schedule, entries } }
}

/** A rotation under way, and a gate that is open or waits for so many agents. */
function rotating(held: number | undefined): PageFacts['rotations'] {
  const hold = { address: 'a', message: 'm', remedy: 'r' }
  const holds = Array.from({ length: held ?? 0 }, () => hold)
  const rotation = { name: 'agent', from: 1, to: 2, stage: '1 of 2', next: { title: 'on' } }
  const gate = { open: held === 0, proven: 0, agents: 2, holds, excepted: [] }
  return [
    { rotation, gate: held === undefined ? undefined : gate },
  ] as unknown as PageFacts['rotations']
}

const warning = { severity: 'warning', address: 'store', reason: 'copy', message: 'm' } as const

describe('the sentence at the top', () => {
  test('where each agent was seen and nothing is open it says what is next, in green', () => {
    const page = pageText(seen())
    expect(page).toContain('<p class="verdict good">')
    expect(verdict(page)).toMatch(
      /^Nothing is due\. Next: the renewal of identity\/\w+\/global\/\w+, on \d{4}-\d\d-\d\d \(in \d+d\)\.$/,
    )
  })

  test.each<[string, Partial<PageFacts>, string]>([
    [
      'what has ended comes first',
      {
        schedule: {
          at: now,
          entries: [
            entry('identity/server/global/s1', { state: 'expired', notAfter: now - 2 * day }),
            entry('identity/server/global/s2', { state: 'due', notAfter: now + 9 * day }),
          ],
        },
      },
      'Work to do: 1 expired, 1 due. identity/server/global/s1 ended 48h ago. Next: nomad-pki plan.',
    ],
    [
      'a node that renews itself: unseen',
      { schedule: { at: now, entries: [itself('unseen')] } },
      'Work to do: 1 not seen yet. Next: nomad-pki probe.',
    ],
    [
      'a node that renews itself: differs',
      { schedule: { at: now, entries: [itself('differs')] } },
      'Work to do: 1 differs. Next: nomad-pki verify.',
    ],
    [
      'a node that renews itself: overdue',
      { schedule: { at: now, entries: [itself('overdue')] } },
      'Work to do: 1 renewal overdue. Next: nomad-pki verify.',
    ],
    [
      'a node that renews itself: expired',
      { schedule: { at: now, entries: [itself('expired')] } },
      'Work to do: 1 expired. Next: nomad-pki verify.',
    ],
    [
      'what ends next',
      {
        schedule: {
          at: now,
          entries: [
            entry('identity/server/global/s2', { state: 'undelivered', notAfter: now + 9 * day }),
          ],
        },
      },
      'Work to do: 1 undelivered. The first end is identity/server/global/s2, in 9d. Next: nomad-pki rollout --dry-run.',
    ],
    [
      'errors',
      { findings: [{ severity: 'error', address: 'store', reason: 'copy', message: 'm' }] },
      'Work to do: 1 error. store: m. Next: nomad-pki verify.',
    ],
    [
      'an error with a remedy',
      {
        findings: [
          { severity: 'error', address: 'store', reason: 'copy', message: 'm', remedy: 'do r' },
        ],
      },
      'Work to do: 1 error. store: m. Next: do r.',
    ],
    [
      'what only verify finds',
      { verified: [{ severity: 'error', address: 'store', reason: 'mode-open', message: 'm' }] },
      'Work to do: 1 error. store: m. Next: nomad-pki verify.',
    ],
    [
      'what verify says of a state that is told already',
      {
        schedule: {
          at: now,
          entries: [entry('identity/server/global/s2', { state: 'due', notAfter: now + 9 * day })],
        },
        verified: [
          {
            ...{ severity: 'error', address: 'identity/server/global/s2' },
            ...{ reason: 'nearing-expiry', message: 'm' },
          },
        ],
      },
      'Work to do: 1 due. The first end is identity/server/global/s2, in 9d. Next: nomad-pki plan.',
    ],
    [
      'agents whose certificates have ended need recovery',
      {
        schedule: {
          at: now,
          entries: [
            entry('identity/server/global/s1', {
              ...{ state: 'expired', notAfter: now - 2 * day },
              proof: { state: 'unproven', newest: {} } as NonNullable<ScheduleEntry['proof']>,
            }),
          ],
        },
      },
      'Work to do: 1 expired. identity/server/global/s1 ended 48h ago. Next: nomad-pki rollout --recover --dry-run.',
    ],
    [
      'a stage that is due',
      { deadlines: [{ authority: 'agent', kind: 'stage', at: now, message: 'm', due: true }] },
      'Work to do: 1 date of a rotation. Next: nomad-pki rotate authority agent.',
    ],
  ] as [string, Partial<PageFacts>, string][])('%s', (_, more, expected) => {
    expect(verdict(pageText({ ...facts, ...more }))).toBe(expected)
  })

  test.each<[string, () => Partial<PageFacts>, string]>([
    [
      'no agent was ever seen',
      () => facts,
      'no agent was ever seen with a generation that was made for it. Next: nomad-pki probe.',
    ],
    [
      'one of two was never seen',
      () => {
        const { schedule } = seen()
        const entries = schedule.entries.map((one) =>
          one.address.endsWith('c1') ? { ...one, proof: undefined } : one,
        )
        return { schedule: { ...schedule, entries } }
      },
      '1 of 2 agents was never seen with a generation that was made for it. Next: nomad-pki probe.',
    ],
    [
      'what was made is taken for delivered',
      () => ({ schedule: { ...facts.schedule, asMade: true } }),
      'what was made is taken for delivered (--made). Next: nomad-pki status.',
    ],
    [
      'agents speak plaintext: no handshake would show anything',
      () => ({ ...facts, transport: 'plaintext' }),
      'TLS is at stage 1 of 3 (agents speak plaintext, and receive their files). Next: nomad-pki rotate tls.',
    ],
    [
      'servers accept plaintext',
      () => ({ transport: 'upgrading' }),
      'TLS is at stage 2 of 3 (servers accept plaintext and TLS, and clients change to TLS). Next: nomad-pki rotate tls.',
    ],
    [
      'the gate of a rotation is open',
      () => ({ rotations: rotating(0) }),
      'the rotation of authority agent is not at its end (stage 1 of 2): its next stage can be taken. Next: nomad-pki rotate authority agent.',
    ],
    [
      'nothing is waited for',
      () => ({ rotations: rotating(undefined) }),
      'the rotation of authority agent is not at its end (stage 1 of 2): its next stage can be taken. Next: nomad-pki rotate authority agent.',
    ],
    [
      'the gate of a rotation is closed',
      () => ({ rotations: rotating(2) }),
      'the rotation of authority agent is not at its end (stage 1 of 2): its next stage waits, 0 of 2 agents proven. Next: nomad-pki rotate authority agent.',
    ],
    [
      'a warning without a remedy',
      () => ({ findings: [warning] }),
      'there is 1 warning (store: m). Next: nomad-pki verify.',
    ],
    [
      'warnings of verify, with a remedy',
      () => ({ verified: [{ ...warning, remedy: 'do r' }, warning] }),
      'there are 2 warnings (store: m). Next: do r.',
    ],
    [
      'several',
      () => ({ ...facts, transport: 'upgrading', findings: [warning] }),
      'TLS is at stage 2 of 3 (servers accept plaintext and TLS, and clients change to TLS), and no agent was ever seen with a generation that was made for it, and there is 1 warning (store: m). Next: nomad-pki rotate tls, then nomad-pki probe.',
    ],
  ])('nothing is due, and it is not green: %s', (_, more, expected) => {
    const page = pageText({ ...seen(), ...more() })
    expect(page).toContain('<p class="verdict doubt">')
    expect(verdict(page)).toBe(`Nothing is due, but ${expected}`)
  })

  test('a note is no doubt, and neither is an agent that somebody answers for', () => {
    const { schedule } = seen()
    const entries = schedule.entries.map((one) => ({
      ...one,
      ...(one.proof && { proof: { ...one.proof, state: 'excepted' as const } }),
    }))
    const findings = [{ ...warning, severity: 'note' as const }]
    const page = pageText({ ...seen(), findings, schedule: { ...schedule, entries } })
    expect(page).toContain('<p class="verdict good">')
  })

  test('a broken ledger is worse than all', () => {
    const ledger = { ...facts.inventory.ledger, fault: { line: 7 } } as Inventory['ledger']
    const page = pageText({ ...facts, inventory: { ...facts.inventory, ledger } })
    expect(verdict(page)).toBe('The ledger is broken at line 7: see nomad-pki verify.')
  })
})

describe('the page alone', () => {
  test('its policy allows its own style and script, and nothing else', () => {
    const page = pageText(facts)
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]
    const hash = (text: string): string =>
      `sha256-${createHash('sha256').update(text).digest('base64')}`
    const [, style] = /<style>([\s\S]*?)<\/style>/.exec(page)!
    const [, script] = /<script>([\s\S]*?)<\/script>/.exec(page)!
    expect(policy).toBe(
      `default-src 'none'; style-src '${hash(style!)}'; script-src '${hash(script!)}'; base-uri 'none'; form-action 'none'`,
    )
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page.match(/<style/g)).toHaveLength(1)
  })

  test('it asks for nothing from elsewhere and has no style in an attribute', () => {
    const page = pageText(facts)
    expect(page).not.toMatch(/\b(?:src|href|srcset|action|style|on\w+)\s*=/i)
    expect(page).not.toMatch(/url\(|@import|https?:/)
  })

  test('it holds no key and no fingerprint but the head of the ledger', () => {
    const hex = pageText(facts).match(/[0-9a-f]{40,}/g)
    expect(hex).toEqual([facts.inventory.ledger.head])
  })

  test.each([
    '</script><script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onload='x",
    '--><h1>x',
    '&lt;b&gt;',
    '</title><h1>x',
  ])('%j is text wherever it stands', (hostile) => {
    const page = pageText({
      ...facts,
      cluster: hostile,
      version: hostile,
      findings: [
        {
          ...{ severity: 'error', address: `store`, reason: 'copy' },
          ...{ message: hostile, remedy: hostile },
        },
      ] as unknown as PageFacts['findings'],
      steps: [
        {
          address: `identity/client/global/${hostile}`,
          action: 'create',
          reasons: [{ reason: hostile }],
        },
      ] as unknown as PageFacts['steps'],
      deadlines: [{ authority: hostile, kind: 'stage', at: now, message: hostile, due: true }],
    })
    expect(page).not.toContain(hostile)
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).not.toMatch(/<img|<b>|<h1>x/)
  })

  test('marks that turn the direction of text are shown as their numbers', () => {
    expect(pageText({ ...facts, version: 'a\u202Eb' })).toContain('a\\u{202e}b')
  })
})

test('what the tables say of each certificate and authority', () => {
  const page = pageText(facts)
  expect(textOf(page, '<h2 id="agents">', '</section>')).toMatch(
    /identity\/server\/global\/s1 good \d{4}-\d\d-\d\d \(\d+d\) \d{4}-\d\d-\d\d/,
  )
  expect(textOf(page, '<h2 id="trust">', '</section>')).toMatch(
    /authority\/agent\/1 2 agent .*in the store \d{4}-/,
  )
})

test('regions: how many have what was made; delivered is a receipt of the newest generation', () => {
  const proof = (state: string, at?: number): ScheduleEntry['proof'] =>
    ({
      ...{ state, at, judgement: { state: 'unknown' }, counted: { number: 1 } },
      newest: { number: 2, fingerprint: 'ab', at: now - 3 * day },
    }) as unknown as ScheduleEntry['proof']
  const entries = [
    entry('identity/client/eu/c1', { proof: proof('proven', now - day) }),
    entry('identity/client/eu/c2', { proof: proof('undelivered') }),
    entry('identity/client/eu/c3', { proof: proof('unproven') }),
    entry('identity/server/us/s1', { proof: proof('proven', now - 2 * day) }),
    entry('identity/server/us/gone', { proof: proof('undelivered'), orphan: true }),
  ]
  const received = (address: string, fingerprint: string): object => ({
    ...{ event: 'received', address, fingerprint, at: now - 2 * day, generation: 2 },
  })
  const events = [
    received('identity/client/eu/c2', 'ab'),
    received('identity/client/eu/c3', 'of the generation before'),
  ] as unknown as Inventory['ledger']['events']
  const ledger = { ...facts.inventory.ledger, events }
  const page = pageText({
    ...facts,
    ...{ inventory: { ...facts.inventory, ledger }, schedule: { at: now, entries } },
  })
  const text = textOf(page, '<h2 id="agents">', '</section>')
  expect(text).toContain(
    'eu, clients 3 2 1 2 2027-02-28 00:00Z us, servers 1 1 1 0 2027-02-27 00:00Z',
  )
  expect(text).toMatch(/eu\/c2 good 2027-02-26 2027-02-27 generation 2 was made/)
  expect(text).toMatch(/eu\/c3 good 2027-02-26 never seen/)
})

describe('the picture of trust', () => {
  const words = (page: string): string => /aria-label="(authority[^"]*)"/.exec(page)![1]!

  test('a root, and what hangs on it', () => {
    const page = pageText(facts)
    expect(words(page)).toBe('authority/agent/1: a root, trusted, 2 certificates under it')
    expect(textOf(page, 'aria-label="authority', '</svg>')).toMatch(
      /authority\/agent\/1 trusted, ends \d{4}-\d\d-\d\d 2 certificates/,
    )
  })

  test('an intermediate hangs on its root, and a cross-certificate has a line of its own', async () => {
    const cluster = await aCluster(now).withServer('s1').build()
    const inventory = await cluster.inventory()
    const [[address, root]] = [...inventory.authorities] as [[string, FoundAuthority]]
    const name = (text: string): FoundAuthority['certificate'] => ({
      ...root.certificate!,
      subject: { ...root.certificate!.subject, der: Buffer.from(text) },
    })
    const authorities = new Map([
      [address, { ...root }],
      [
        'authority/agent/2',
        {
          ...root,
          address: 'authority/agent/2',
          crossed: new Map([[1, root.certificate!]]),
          generation: 2,
        },
      ],
      [
        'authority/eu/1',
        { ...root, address: 'authority/eu/1', name: 'eu', certificate: name('eu') },
      ],
    ])
    const page = pageText({ ...facts, inventory: { ...inventory, authorities } })
    expect(words(page)).toContain(
      'authority/agent/2: a root, cross-signed by generation 1, trusted',
    )
    expect(words(page)).toMatch(
      /authority\/eu\/1: signed by authority\/agent\/\d, trusted, no certificate under it/,
    )
    const [wide, narrow] = ['wide', 'narrow'].map((layout) => {
      const picture = new RegExp(`<svg\\s+class="${layout}"[^>]*label="authority/[^]*?</svg>`)
      return picture.exec(page)![0]
    })
    expect(wide!.match(/class="link cross"/g)).toHaveLength(1)
    expect(narrow!.match(/class="link cross"/g)).toHaveLength(1)
    // Narrow, what hangs on an authority stands in its box.
    expect(wide!.match(/class="box/g)).toHaveLength(5)
    expect(narrow!.match(/class="box/g)).toHaveLength(3)
  })
})

test('agents that a gate waits for are folded, and the rest is counted', () => {
  const hold = (name: string, message: string): object => ({
    ...{ address: `identity/client/global/${name}`, reason: 'unobserved', message },
    remedy: `deliver it, then: nomad-pki probe identity/client/global/${name}`,
  })
  const many = Array.from({ length: 400 }, (_, at) => hold(`c${at}`, 'it was never seen'))
  const others = Array.from({ length: 70 }, (_, at) => hold(`x${at}`, `it says ${at}`))
  const rotations = (holds: readonly object[]): PageFacts['rotations'] =>
    [
      {
        rotation: { name: 'agent', from: 1, to: 2, stage: '1 of 2', next: { title: 'on' } },
        gate: { open: false, proven: 0, agents: holds.length, holds, excepted: [] },
      },
    ] as unknown as PageFacts['rotations']
  const folded = textOf(
    pageText({ ...facts, rotations: rotations(many) }),
    ...(['<h2 id="rotation">', '</section>'] as const),
  )
  expect(folded).toContain(
    'identity/client/global/c[0-399] (400): it was never seen fix: deliver it, then: nomad-pki probe',
  )
  expect(folded).not.toContain('probe identity')
  const counted = textOf(
    pageText({ ...facts, rotations: rotations(others) }),
    ...(['<h2 id="rotation">', '</section>'] as const),
  )
  expect(counted).toContain('and 10 more: nomad-pki rotate authority agent')
})

test('findings that are alike are a line with what cures all of them, and the rest is counted', () => {
  const finding = (name: string, message: string): PageFacts['findings'][number] => ({
    ...{ severity: 'error', address: `identity/client/global/${name}`, reason: 'expired', message },
    remedy: `nomad-pki apply identity/client/global/${name}`,
  })
  const alike = Array.from({ length: 400 }, (_, at) => finding(`c${at}`, 'it has expired'))
  const others = Array.from({ length: 70 }, (_, at) => finding(`x${at}`, `other ${at}.`))
  const of = (verified: PageFacts['findings']): string =>
    textOf(pageText({ ...facts, verified }), '<h2 id="findings">', '</section>')
  expect(of(alike)).toBe(
    'Findings error identity/client/global/c[0-399] (400): it has expired fix: nomad-pki apply',
  )
  expect(of(others)).toMatch(/and 10 more: nomad-pki verify$/)
})

test('ten thousand alike are a line, and the page stays small', () => {
  const entries = Array.from({ length: 10_000 }, (_, at) =>
    entry(`identity/client/global/c${String(at).padStart(5, '0')}`, {
      ...{ notAfter: now + 60 * day, dueAt: now + 30 * day },
    }),
  )
  const page = pageText({ ...facts, schedule: { at: now, entries } })
  expect(page).toContain('identity/client/global/c[00000-09999]')
  expect(page.length).toBeLessThan(100_000)
})
