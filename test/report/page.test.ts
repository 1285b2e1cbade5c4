import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Inventory } from '../../src/inventory/inventory.js'
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
  return textOf(page, '<p class="verdict', '</p>').replace(/^ ?\w*" ?>? ?|^.*?> /, '')
}

const entry = (address: string, more: Partial<ScheduleEntry>): ScheduleEntry => ({
  ...{ address, kind: 'identity', state: 'good', orphan: false, onDemand: false },
  ...more,
})

describe('the sentence at the top', () => {
  test('where all is well it says what is next', () => {
    expect(verdict(pageText(facts))).toMatch(
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
      'Work to do: 1 expired, 1 due. identity/server/global/s1 ended 48h ago.',
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
      'Work to do: 1 undelivered. The first end is identity/server/global/s2, in 9d.',
    ],
    [
      'errors',
      { findings: [{ severity: 'error', address: 'store', reason: 'copy', message: 'm' }] },
      'Work to do: 1 error.',
    ],
    [
      'a stage that is due',
      { deadlines: [{ authority: 'agent', kind: 'stage', at: now, message: 'm', due: true }] },
      'Work to do: 1 date of a rotation.',
    ],
  ] as [string, Partial<PageFacts>, string][])('%s', (_, more, expected) => {
    expect(verdict(pageText({ ...facts, ...more }))).toBe(expected)
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
    /identity\/server\/global\/s1 1 good \d{4}-\d\d-\d\d \d+d \d{4}-\d\d-\d\d/,
  )
  expect(textOf(page, '<h2 id="trust">', '</section>')).toMatch(
    /authority\/agent\/1 2 agent .*in the store \d{4}-/,
  )
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
