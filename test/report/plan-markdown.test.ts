/** A plan for a pull request: what it holds is text, whatever it says. */

import { expect, test, describe } from 'vitest'
import type { Plan, Step } from '../../src/plan/plan.js'
import { planMarkdown, planMark } from '../../src/report/plan-markdown.js'

const at = Date.UTC(2026, 10, 27, 8, 0)

function planOf(steps: readonly Partial<Step>[], more: Partial<Plan> = {}): Plan {
  return {
    ...{
      format: 'nomad-pki/plan',
      version: 1,
      cluster: 'acme',
      madeAt: at,
      orphans: [],
      findings: [],
    },
    steps: steps.map((step) => ({
      address: 'identity/server/global/s1',
      action: 'create',
      reasons: [{ reason: 'missing', message: 'ecdsa-p256, 90d' }],
      ...step,
    })),
    ...more,
  }
}

const say = (plan: Plan, of?: number): string => planMarkdown(plan, { all: false, now: at, of })

/** What a reader of CommonMark takes for markup: all lines beyond the fenced block. */
function outside(markdown: string): string {
  const lines = markdown.split('\n')
  const fence = lines.find((line) => /^`{3,}text$/.test(line))!.slice(0, -4)
  const begin = lines.indexOf(`${fence}text`)
  // A block ends at the first line that is at least as many backticks, with up to three spaces before.
  const end = lines.findIndex(
    (line, index) => index > begin && new RegExp(`^ {0,3}\`{${fence.length},} *$`).test(line),
  )
  expect(end).toBeGreaterThan(begin)
  return [...lines.slice(0, begin), ...lines.slice(end + 1)].join('\n')
}

test('what it looks like', () => {
  expect(say(planOf([{}]), at)).toBe(`<!-- nomad-pki plan -->
### nomad-pki plan for \`acme\`

**1 step** to apply, of the inventory of 2026-11-27 08:00Z.

\`\`\`text
+  identity/server/global/s1  create  missing  ecdsa-p256, 90d

1 step: 1 to create
\`\`\`
`)
  expect(say(planOf([]))).toContain('\nnothing to do.\n')
})

test('errors come first, and held steps are counted', () => {
  const held = { ...planOf([{}]).steps[0]!, heldBy: 'store' }
  const finding = { severity: 'error', address: 'store', reason: 'copied', message: 'm' } as const
  expect(say(planOf([], { findings: [finding], held: [held] }))).toContain(
    '\n**1 error** in the way of apply, 1 held.\n',
  )
})

test('without a step, warnings are counted, and what waits for its node is no "nothing to do"', () => {
  const finding = (reason: string): Plan['findings'][number] => ({
    ...{ severity: 'warning', address: 'identity/server/global/s1', reason, message: 'm' },
  })
  expect(say(planOf([], { findings: [finding('plaintext-accepted')] }))).toContain(
    '\nnothing to do, 1 warning.\n',
  )
  expect(say(planOf([], { findings: [finding('request-needed')] }))).toContain(
    '\n**1 waits for a request by its node**, 1 warning.\n',
  )
})

describe('hostile text stays in the block', () => {
  const hostile = [
    '@everyone',
    '</details><script>alert(1)</script>',
    '```',
    '\n```\n# heading @alice',
    '`````` a `b',
    '[x](https://evil.example) ![y](https://evil.example/p.png)',
    '<!-- nomad-pki plan -->',
    '\u202egnp.exe\u2066',
    '\u001b[31mred',
    'a | b | c',
    '#1 !2 $3 &4',
  ]
  test.each(hostile)('%j', (text) => {
    const markdown = say(
      planOf(
        [
          {
            address: `identity/server/global/${text}`,
            reasons: [{ reason: 'missing', message: text }],
          },
        ],
        {
          cluster: text,
          findings: [
            { severity: 'error', address: text, reason: text, message: text, remedy: text },
          ],
        },
      ),
    )
    const rest = outside(markdown)
    expect(rest).toMatch(
      /^<!-- nomad-pki plan -->\n### nomad-pki plan for `[A-Za-z0-9._-]*`\n\n\*\*1 error\*\* in the way of apply\.\n\n\n?$/,
    )
    // eslint-disable-next-line no-control-regex -- that is what must not be there
    expect(markdown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2066-\u2069]/)
  })
})

test('ten thousand different steps, and one endless line: it is short enough for a comment', () => {
  const many = Array.from({ length: 10_000 }, (_, index) => ({
    address: `identity/client/global/x${index * 7}`,
    reasons: [{ reason: 'missing', message: `m${index}` }] as const,
  }))
  const long = planMarkdown(planOf(many), { all: true, now: at })
  expect(long.length).toBeLessThan(60_000)
  expect(long).toMatch(/\n[0-9,]+ more lines: `nomad-pki plan` shows all\.\n$/)
  outside(long)
  const endless = planOf([{ reasons: [{ reason: 'missing', message: 'y'.repeat(300_000) }] }])
  expect(say(endless).length).toBeLessThan(60_000)
  outside(say(endless))
  const ticks = planOf([{ reasons: [{ reason: 'missing', message: '`'.repeat(300_000) }] }])
  expect(say(ticks).length).toBeLessThan(65_000)
  outside(say(ticks))
})

test('the mark is the first line: a job finds its comment again', () => {
  expect(say(planOf([])).split('\n')[0]).toBe(planMark)
})
