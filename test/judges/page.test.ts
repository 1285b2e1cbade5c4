/** The page of `status --html` in a real browser: what a person sees, at each width, in each scheme. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeSchedule } from '../../src/plan/schedule.js'
import { pageText, type PageFacts } from '../../src/report/page.js'
import { aCluster } from '../builders.js'
import { cli, folder, now } from '../cli/cli.js'
import { Chromium, type Page, type View } from './chromium.js'

/** In `.ci/deep` each size with each state, at each width, in each scheme. */
const all = env.NOMAD_PKI_ROTATIONS === 'all'
const sizes = all ? [5, 500, 10_000] : [5]
const views: readonly View[] = [
  { width: 360 },
  { width: 1280, dark: true },
  ...(all
    ? [{ width: 360, dark: true }, { width: 1280 }, { width: 1920 }, { width: 1920, dark: true }]
    : []),
]

const work = mkdtempSync(join(tmpdir(), 'nomad-pki-page-'))
const pictures = env.NOMAD_PKI_SCREENSHOTS ?? join(work, 'pictures')
mkdirSync(pictures, { recursive: true })

let chromium: Chromium
beforeAll(() => {
  chromium = new Chromium()
})
afterAll(async () => {
  await chromium.close()
  rmSync(work, { recursive: true, force: true })
})

async function looked(file: string, view: View, name: string): Promise<Page> {
  const page = await chromium.open(file, view)
  const { width, dark } = view
  const picture = join(pictures, `${name}-${width}${dark === true ? '-dark' : ''}.png`)
  writeFileSync(picture, await page.screenshot())
  expect(await page.run('unreadable()')).toEqual([])
  expect(page.requests).toEqual([expect.stringMatching(/^file:/)])
  expect(page.complaints).toEqual([])
  return page
}

describe.each(sizes)('%d agents', (size) => {
  let cwd = ''
  const pages: { name: string; days: number; says: RegExp }[] = [
    {
      name: 'healthy',
      days: 1,
      says: /^Nothing is due, but no agent was ever seen .* Next: nomad-pki probe\.$/,
    },
    {
      name: 'ageing',
      days: 70,
      says: /^Work to do: [\d,]+ due(, .*)?\. The first end is .* Next: nomad-pki plan\.$/,
    },
    {
      name: 'expired',
      days: 120,
      says: /^Work to do: [\d,]+ expired.* ended \d+d ago\. Next: nomad-pki rollout --recover --dry-run\.$/,
    },
    { name: 'half-rotated', days: 1, says: /^Work to do: .* Next: nomad-pki rollout --dry-run\.$/ },
  ]
  beforeAll(async () => {
    cwd = folder({
      'cluster.yaml': `version: 1
cluster: acme
authorities: { agent: {} }
regions:
  global:
    servers: { "s[1-3]": {} }
    clients: { "c[1-${size - 3}]": {} }
operators: { alice: {} }
`,
    })
    await cli(cwd, ['init', '--new-store'])
    expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
    for (const { name, days } of pages) {
      if (name === 'half-rotated') {
        await cli(cwd, ['rotate', 'authority', 'agent', '--next'])
        await cli(cwd, ['apply', '--yes'])
      }
      await cli(cwd, ['status', '--html', `${name}.html`], { now: now + days * 86_400_000 })
    }
  }, 600_000)

  test.each(pages)('$name', async ({ name, says }) => {
    const file = join(cwd, `${name}.html`)
    expect(readFileSync(file).length).toBeLessThan(2 * 1024 * 1024)
    for (const view of views) {
      const page = await looked(file, view, `${size}-${name}`)
      expect(await page.run('verdict()')).toMatch(says)
      console.log(
        `${size} ${name}, ${view.width} wide: complete after ${Math.round(page.loaded)} ms`,
      )
      expect(page.loaded).toBeLessThan(3000)
    }
  })

  test('without its script it says the same, and on paper too', async () => {
    const said = 'words()'
    const file = join(cwd, 'half-rotated.html')
    const view = { width: 1280 }
    const [scripted, plain] = [
      await looked(file, view, `${size}-scripted`),
      await looked(file, { ...view, script: false }, `${size}-plain`),
    ]
    expect(await plain.run(said)).toBe(await scripted.run(said))
    const seen = "shown('.script')"
    expect([await scripted.run(seen), await plain.run(seen)]).toEqual(['block', 'none'])
    const paper = await looked(file, { ...view, print: true }, `${size}-paper`)
    expect(await paper.run(seen)).toBe('none')
  })
})

test('by keyboard: the filter hides rows, a heading sorts them', async () => {
  const cluster = await aCluster().withServer('s1').withClient('c1').withOperator('zoe').build()
  const inventory = await cluster.inventory()
  const file = join(work, 'keys.html')
  writeFileSync(file, pageText(factsOf(inventory, cluster.desired, cluster.now)))
  const page = await looked(file, { width: 1280 }, 'keys')
  const rows = (): Promise<string[]> => page.run('rows()')
  const first = await rows()
  expect([...first].sort()).toEqual(['c1', 's1', 'zoe'])
  const press = (): Promise<string> => page.run('press()')
  const [up, ascending, down, descending] = [
    ...[await press(), await rows()],
    ...[await press(), await rows()],
  ]
  expect([up, down]).toEqual(['ascending', 'descending'])
  expect(descending).toEqual([...(ascending as string[])].reverse())
  await page.run('focusFilter()')
  await page.type('SERVER s1')
  expect(await rows()).toEqual(['s1'])
})

describe.each<View>([{ width: 360 }, { width: 1280 }])('$width wide', (view) => {
  let page: Page
  beforeAll(async () => {
    const cwd = folder({
      'cluster.yaml':
        'version: 1\ncluster: acme\nauthorities: { agent: {} }\nregions:\n  global:\n    servers: { s1: {} }\n    clients: { c1: {} }\noperators: { alice: {} }\n',
    })
    await cli(cwd, ['init', '--new-store'])
    await cli(cwd, ['apply', '--yes'])
    await cli(cwd, ['rotate', 'authority', 'agent', '--next'])
    await cli(cwd, ['status', '--html', 'spoken.html'])
    page = await looked(join(cwd, 'spoken.html'), view, 'spoken')
  })

  test('by keyboard: each thing that can be operated is reached, in order, and seen to be', async () => {
    const operable = await page.run<readonly string[]>('operable()')
    expect(operable.length).toBeGreaterThan(30)
    expect(new Set(operable).size).toBe(operable.length)
    const reached: string[] = []
    while (reached.length < operable.length) {
      await page.tab()
      reached.push(await page.run<string>('focused()'))
    }
    expect(reached).toEqual(operable)
  })

  test('by ear: landmarks, headings, tables and pictures have names', async () => {
    const spoken = await page.spoken()
    const named = (...roles: readonly string[]): readonly string[] =>
      spoken.filter(({ role }) => roles.includes(role)).map(({ name }) => name)
    expect(spoken[0]).toMatchObject({ role: 'RootWebArea', name: 'acme: certificates' })
    for (const role of ['banner', 'main', 'contentinfo']) {
      expect(spoken.filter((one) => one.role === role)).toHaveLength(1)
    }
    const headings = spoken.filter(({ role }) => role === 'heading')
    expect(headings.map(({ level, name }) => `${level} ${name}`)).toEqual([
      '1 acme',
      '2 When certificates end',
      '2 Authorities and trust',
      '2 Rotation',
      '2 Findings',
      '2 What apply would do',
      '2 Certificates',
      '2 The last lines of the ledger',
    ])
    const tables = ['Each authority', 'Steps of the plan', 'Agents of each region']
    const names = [...tables, 'Each certificate', 'Lines of the ledger']
    expect(named('table')).toEqual(names)
    expect(named('region')).toEqual(
      expect.arrayContaining([...names, ...headings.slice(1).map(({ name }) => name)]),
    )
    const images = named('image', 'img')
    expect(images).toHaveLength(3)
    expect(images.every((name) => name.length > 20)).toBe(true)
    expect(named('searchbox')).toEqual(['Show only rows with these words'])
    const columns = named('columnheader')
    expect(columns).toHaveLength(7 + 4 + 6 + 8 + 3)
    expect(columns).not.toContain('')
    expect(named('button')).toEqual(columns)
    expect(named('rowheader')).toEqual(
      expect.arrayContaining(['identity/server/global/s1', 'authority/agent/1', 'global, servers']),
    )
    expect(named('row').length).toBeGreaterThan(20)
    expect(named('cell', 'gridcell').length).toBeGreaterThan(50)
  })
})

function factsOf(
  inventory: PageFacts['inventory'],
  desired: Parameters<typeof makeSchedule>[0],
  at: number,
): PageFacts {
  return {
    ...{
      cluster: 'acme',
      version: '1.2.3',
      inventory,
      schedule: makeSchedule(desired, inventory, { now: at }),
    },
    ...{ deadlines: [], rotations: [], findings: [], steps: [] },
  }
}

// What no rule of ours would let into a store: here it is text all the same, and stays in its place.
test.each([
  '</script><script>document.title="stolen"</script>',
  '"><img src=x onerror="document.title=\'stolen\'">',
  '--><script>document.title="stolen"</script>',
  '\u202Eevil\u2066\u200F',
  'a'.repeat(63),
])('hostile text %j', async (hostile) => {
  const cluster = await aCluster().withServer('s1').build()
  const facts = factsOf(await cluster.inventory(), cluster.desired, cluster.now)
  const address = `identity/client/global/${hostile}`
  const finding = { severity: 'error', address, reason: hostile, message: hostile, remedy: hostile }
  const entry = { address, kind: 'identity', state: 'expired', orphan: false, onDemand: false }
  const file = join(work, 'hostile.html')
  writeFileSync(
    file,
    pageText({
      ...facts,
      ...{ cluster: hostile, version: hostile },
      schedule: {
        at: facts.schedule.at,
        entries: [...facts.schedule.entries, { ...entry, notAfter: cluster.now - 1000 }],
      },
      findings: [finding],
      steps: [{ address, action: 'create', reasons: [{ reason: hostile, detail: hostile }] }],
      deadlines: [
        { authority: hostile, kind: 'stage', at: cluster.now, message: hostile, due: true },
      ],
    } as unknown as PageFacts),
  )
  for (const view of [{ width: 360 }, { width: 1280, dark: true }]) {
    const page = await looked(file, view, 'hostile')
    expect(await page.run('document.title')).not.toBe('stolen')
    expect(await page.run("document.querySelectorAll('img, script').length")).toBe(1)
  }
})
