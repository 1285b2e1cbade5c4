import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { hasErrors } from '../../src/diagnostics.js'
import { desire } from '../../src/cluster/desire.js'
import { addNode, removeNode, type NewNode, type NodeEdit } from '../../src/cluster/edit.js'
import { fullSpec, mustParse } from './specs.js'
import { seed } from '../seed.js'

/** The lines that an edit took and put, in the manner of a diff. */
function diff(before: string, after: string): readonly string[] {
  const a = before.split('\n')
  const b = after.split('\n')
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end += 1
  return [
    ...a.slice(start, a.length - end).map((line) => `-${line}`),
    ...b.slice(start, b.length - end).map((line) => `+${line}`),
  ]
}

function add(text: string, node: NewNode): string {
  const edit = addNode(text, node)
  if (hasErrors(edit.diagnostics)) throw new Error(JSON.stringify(edit.diagnostics))
  return edit.text
}

function remove(text: string, node: NodeEdit): string {
  const edit = removeNode(text, node)
  if (hasErrors(edit.diagnostics)) throw new Error(JSON.stringify(edit.diagnostics))
  return edit.text
}

const addresses = (text: string): readonly string[] =>
  desire(mustParse(text)).identities.map(({ address }) => address)

const block = `# head
version: 1
cluster: acme   # aligned
regions:
    global:         # four spaces
        servers:
            # the quorum
            s1: {}   # rack 1
            s2:      # rack 2
                ips: [10.0.0.2]
                # more of s2

            # the last one
            s3: {}
            # behind s3

    # behind global
# foot
`
const flow = `version: 1
cluster: acme
regions: { global: { servers: { s1: {}, s2: { ips: [10.0.0.2] } }, clients: {} } }  # all
`
const lines = `version: 1
cluster: acme
regions:
  global: {
    servers: {
      s1: {},  # rack 1
      s2: {}   # rack 2
    },
    clients: {
      c1: {},
      c2: {},
    },
  }
`
const json = `{
  "version": 1,
  "cluster": "acme",
  "regions": {
    "global": {
      "servers": { "s1": {}, "s2": {} }
    }
  }
}
`

const server = (name: string): NewNode => ({ kind: 'server', region: 'global', name })
const client = (name: string): NewNode => ({ kind: 'client', region: 'global', name })

describe('adding', () => {
  test('to a block goes behind its last entry, before what follows', () => {
    expect(diff(block, add(block, server('s4')))).toEqual(['+            s4: {}'])
    expect(add(block, server('s4'))).toContain(
      '            s3: {}\n            s4: {}\n            # behind',
    )
  })

  test('a section goes where the region ends, indented as the file is', () => {
    expect(diff(block, add(block, client('c1')))).toEqual([
      '+        clients:',
      '+            c1: {}',
    ])
  })

  test('a region goes where the regions end, and is told', () => {
    const node: NewNode = { kind: 'client', region: 'globl', name: 'c1' }
    const edit = addNode(block, node)
    expect(diff(block, edit.text)).toEqual([
      '+    globl:',
      '+        clients:',
      '+            c1: {}',
    ])
    expect(edit.diagnostics).toMatchObject([
      { severity: 'warning', code: 'spec/new-region', hint: 'did you mean global?' },
    ])
  })

  test('an operator begins the section', () => {
    const node: NewNode = { kind: 'operator', region: 'global', name: 'alice', lifetime: '8h' }
    expect(diff(block, add(block, node))).toEqual([
      '+operators:',
      '+    alice: { region: global, lifetime: 8h }',
    ])
  })

  test('to one line stays on the line', () => {
    expect(diff(flow, add(flow, server('s3')))[1]).toContain(
      's2: { ips: [10.0.0.2] }, s3: {} }, clients',
    )
    expect(diff(flow, add(flow, client('c1')))[1]).toContain('clients: { c1: {} } } }  # all')
    const combined: NewNode = { kind: 'combined', region: 'global', name: 'e1' }
    expect(diff(flow, add(flow, combined))[1]).toContain('clients: {}, combined: { e1: {} } } }')
    const eu: NewNode = { kind: 'server', region: 'eu', name: 's1' }
    expect(diff(flow, add(flow, eu))[1]).toContain(
      'clients: {} }, eu: { servers: { s1: {} } } }  # all',
    )
  })

  test('to braces over several lines makes a line, with or without a comma at the end', () => {
    expect(diff(lines, add(lines, server('s3')))).toEqual([
      '-      s2: {}   # rack 2',
      '+      s2: {},   # rack 2',
      '+      s3: {}',
    ])
    expect(diff(lines, add(lines, client('c3')))).toEqual(['+      c3: {},'])
  })

  test('to JSON leaves JSON', () => {
    const text = add(add(json, server('s3')), client('c[1-3]'))
    expect(JSON.parse(text)).toMatchObject({
      regions: { global: { servers: { s3: {} }, clients: { 'c[1-3]': {} } } },
    })
  })

  test('to an empty value fills it', () => {
    const text = block.replace('# foot', 'operators:   # people\n# foot')
    const node: NewNode = { kind: 'operator', region: 'global', name: 'alice' }
    expect(diff(text, add(text, node))).toEqual(['+    alice: { region: global }'])
    const one = 'version: 1\ncluster: a\nregions: { global: { servers: { s1: }, clients: } }\n'
    expect(add(one, client('c1'))).toContain('clients: { c1: {} } }')
    const tilde =
      'version: 1\ncluster: a\nregions:\n  global:\n    servers: { s1: }\n    clients: ~\n'
    expect(add(tilde, client('c1'))).toContain('    clients: { c1: {} }\n')
  })

  test('keeps CRLF, and a last line without an end', () => {
    const crlf = block.replaceAll('\n', '\r\n')
    expect(add(crlf, server('s4'))).toBe(add(block, server('s4')).replaceAll('\n', '\r\n'))
    const open = 'version: 1\ncluster: a\nregions:\n  global:\n    servers:\n      s1: {}'
    expect(add(open, server('s2'))).toBe(`${open}\n      s2: {}`)
  })

  test('keeps a byte order mark', () => {
    expect(add(`\ufeff${block}`, server('s4'))).toBe(`\ufeff${add(block, server('s4'))}`)
  })

  test('writes what it is given, in quotes where YAML would read something else', () => {
    const node: NewNode = {
      kind: 'client',
      region: 'global',
      name: 'true',
      names: ['{node}.a.b', 'plain.a.b'],
      ips: ['10.0.0.1', 'fd00::1'],
      config: 'agents/my node',
      http: '10.0.0.1:4646',
      key: 'rsa-2048',
      lifetime: '30d',
      renewBefore: '10d',
    }
    const text = add(block, node)
    expect(text).toContain('"true": { names: ["{node}.a.b", plain.a.b], ips: [10.0.0.1, "fd00::1"]')
    expect(desire(mustParse(text)).identities.at(-1)).toMatchObject({
      name: 'true',
      names: ['true.a.b', 'plain.a.b'],
      ips: ['10.0.0.1', 'fd00::1'],
      profile: { key: 'rsa-2048', lifetime: 30 * 86_400_000 },
    })
  })

  test('writes all that the agent is started with', () => {
    const config = { paths: ['/etc/base', 'agents/s4.hcl'], write: 'agents/s4.hcl' }
    const text = add(block, { ...server('s4'), config })
    expect(text).toContain(
      's4: { config: { paths: [/etc/base, agents/s4.hcl], write: agents/s4.hcl } }',
    )
    expect(desire(mustParse(text)).configs.at(-1)).toMatchObject(config)
  })

  test.each([
    [server('s1'), 'global has a server s1 already'],
    [client('s1'), 'global has a server s1 already'],
    [client('shared'), 'shared cannot be the name of a node'],
    [client('a b'), 'the name "a b" holds a space'],
    [client('../x'), 'the name "../x" holds "/"'],
    [client('-x'), 'the name "-x" begins with "-"'],
    [client('c[9-1]'), 'the range [9-1] ends before it begins'],
    [client('c[1'), 'the name "c[1" has a range that is not valid'],
    [{ kind: 'server', region: 'a b', name: 's9' }, 'the region "a b" holds a space'],
    [{ kind: 'operator', region: 'eu', name: 'alice' }, 'unknown region "eu"'],
    [{ ...client('c1'), ips: ['10.0.0'] }, '"10.0.0" is not an IP address'],
    [{ ...client('c1'), lifetime: '20y' }, 'a client of global would live 20y, longer than agent'],
    [{ ...client('c1'), key: 'ed25519' }, '"ed25519" is not possible here'],
    [client('s[1-3]'), 'global has a node s1 already'],
  ] as readonly (readonly [NewNode, string])[])(
    '%j is refused and changes nothing',
    (node, message) => {
      const edit = addNode(block, node)
      expect(edit.text).toBe(block)
      expect(edit.diagnostics[0]?.message).toContain(message)
      expect(edit.diagnostics[0]?.severity).toBe('error')
    },
  )

  test('a spec that is not good is not edited', () => {
    const edit = addNode('version: 1\n', server('s1'), { file: 'x.yaml' })
    expect(edit.text).toBe('version: 1\n')
    expect(edit.diagnostics.map(({ code, file }) => `${file} ${code}`)).toEqual([
      'x.yaml spec/missing-key',
      'x.yaml spec/missing-key',
    ])
  })

  test('beside a shared identity there is no place', () => {
    const edit = addNode(fullSpec, { kind: 'client', region: 'us-west', name: 'c1' })
    expect(edit.text).toBe(fullSpec)
    expect(edit.diagnostics[0]?.code).toBe('spec/shared')
  })
})

describe('removing', () => {
  test('from a block takes the lines of the entry, and no comment around it', () => {
    expect(diff(block, remove(block, server('s1')))).toEqual(['-            s1: {}   # rack 1'])
    expect(diff(block, remove(block, server('s3')))).toEqual(['-            s3: {}'])
    expect(diff(block, remove(block, server('s2')))).toEqual([
      '-            s2:      # rack 2',
      '-                ips: [10.0.0.2]',
    ])
  })

  test('from one line takes its comma', () => {
    expect(remove(flow, server('s1'))).toContain('servers: { s2: { ips: [10.0.0.2] } }')
    expect(remove(flow, server('s2'))).toContain('servers: { s1: {} }, clients')
  })

  test('from braces over several lines takes the line', () => {
    expect(diff(lines, remove(lines, client('c1')))).toEqual(['-      c1: {},'])
    expect(diff(lines, remove(lines, client('c2')))).toEqual(['-      c2: {},'])
    expect(diff(lines, remove(lines, server('s1')))).toEqual(['-      s1: {},  # rack 1'])
    expect(addresses(remove(lines, server('s2')))).not.toContain('identity/server/global/s2')
  })

  test('from JSON leaves JSON', () => {
    expect(JSON.parse(remove(json, server('s2')))).toMatchObject({
      regions: { global: { servers: { s1: {} } } },
    })
  })

  test('the last entry leaves an empty map', () => {
    const text = add(block, { kind: 'operator', region: 'global', name: 'alice' })
    expect(remove(text, { kind: 'operator', region: 'global', name: 'alice' })).toBe(
      block.replace(/# foot\n$/, '# foot\noperators: {}\n'),
    )
    const one = add(flow, client('c1'))
    expect(remove(one, client('c1'))).toBe(flow)
  })

  const ranged = block.replace(
    '    # behind global',
    '        clients:\n            # many\n            "c[001-005]": # all alike\n                names: ["{node}.a.b"]\n                ips: ["10.1.0.{n}"]\n            d1: {}',
  )
  const names = (text: string): readonly string[] =>
    desire(mustParse(text))
      .identities.filter(({ profile }) => profile.role === 'client')
      .map(({ name, ips }) => `${name} ${ips.join()}`)

  test('out of a range splits it in two that have the same value', () => {
    const text = remove(ranged, client('c003'))
    expect(diff(ranged, text)).toEqual([
      '-            "c[001-005]": # all alike',
      '+            "c[001-002]": # all alike',
      '+                names: ["{node}.a.b"]',
      '+                ips: ["10.1.0.{n}"]',
      '+            "c[004-005]": # all alike',
    ])
    expect(names(text)).toEqual(names(ranged).filter((name) => !name.startsWith('c003')))
  })

  test('at the ends of a range shortens it, down to a range of one and to nothing', () => {
    expect(diff(ranged, remove(ranged, client('c001')))[1]).toContain('"c[002-005]"')
    expect(diff(ranged, remove(ranged, client('c005')))[1]).toContain('"c[001-004]"')
    let text = ranged
    for (const name of ['c001', 'c005', 'c003', 'c002']) text = remove(text, client(name))
    expect(text).toContain('"c[004-004]": # all alike')
    expect(names(text)).toEqual(['c004 10.1.0.4', 'd1 '])
    expect(names(remove(text, client('c004')))).toEqual(['d1 '])
  })

  test('out of a range on one line', () => {
    const text = flow.replace('clients: {}', 'clients: { "c[1-3]": { keep: 5 }, d: {} }')
    expect(remove(text, client('c2'))).toContain(
      'clients: { "c[1-1]": { keep: 5 }, "c[3-3]": { keep: 5 }, d: {} }',
    )
  })

  test('a whole range by its key', () => {
    expect(names(remove(ranged, client('c[001-005]')))).toEqual(['d1 '])
  })

  test.each([
    [client('s1'), 'global has no client s1', 'there is server global/s1'],
    [client('c006'), 'global has no client c006', undefined],
    [server('s11'), 'global has no server s11', 'did you mean s1?'],
    [
      { kind: 'server', region: 'eu', name: 's1' },
      'eu has no server s1',
      'there is server global/s1',
    ],
    [{ kind: 'operator', region: 'global', name: 'eve' }, 'global has no operator eve', undefined],
  ] as readonly (readonly [NodeEdit, string, string | undefined])[])(
    '%j is not there',
    (node, message, hint) => {
      const edit = removeNode(ranged, node)
      expect(edit.text).toBe(ranged)
      expect(edit.diagnostics).toMatchObject([{ severity: 'error', message }])
      expect(edit.diagnostics[0]?.hint).toBe(hint)
    },
  )

  test('several ranges in one key are not taken apart', () => {
    const text = flow.replace('clients: {}', 'clients: { "r[1-2]n[1-2]": {} }')
    expect(removeNode(text, client('r1n2')).diagnostics[0]?.message).toContain('several ranges')
  })

  test('an operator of another region stays', () => {
    const text = add(block, { kind: 'operator', region: 'global', name: 'alice' })
    const edit = removeNode(text, { kind: 'operator', region: 'eu', name: 'alice' })
    expect(edit.text).toBe(text)
    expect(edit.diagnostics[0]?.hint).toBe('there is operator global/alice')
  })

  test('the last node of all stays', () => {
    const text = 'version: 1\ncluster: a\nregions: { global: { servers: { s1: {} } } }\n'
    expect(removeNode(text, server('s1'))).toMatchObject({
      text,
      diagnostics: [{ code: 'spec/empty-cluster' }],
    })
  })
})

describe('edits in any layout', () => {
  const layouts = {
    block,
    flow,
    lines,
    json,
    full: fullSpec,
    template: readFileSync('templates/cluster.yaml', 'utf8'),
  }
  const edits = fc.array(
    fc.record({
      kind: fc.constantFrom('server', 'client', 'combined', 'operator'),
      region: fc.constantFrom('global', 'us-west', 'eu_1'),
      name: fc.constantFrom(
        's1',
        's2',
        'c1',
        'n-1',
        '7',
        'null',
        'x.y',
        'c[1-4]',
        'c2',
        'alice',
        '__proto__',
      ),
      take: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  )

  test.each(Object.entries(layouts))(
    '%s: each does what it says and nothing else',
    (name, text) => {
      fc.assert(
        fc.property(edits, fc.boolean(), (list, crlf) => {
          let now = crlf ? text.replaceAll('\n', '\r\n') : text
          for (const { take, ...node } of list) {
            const before = addresses(now)
            const { text: next, diagnostics } = take ? removeNode(now, node) : addNode(now, node)
            if (hasErrors(diagnostics)) {
              expect(next).toBe(now)
              continue
            }
            const after = addresses(next)
            const gone = before.filter((address) => !after.includes(address))
            const come = after.filter((address) => !before.includes(address))
            const place = `identity/${node.kind}/${node.region}/`
            const wanted = node.name === 'c[1-4]' ? ['c1', 'c2', 'c3', 'c4'] : [node.name]
            expect(take ? gone : come).toEqual(
              expect.arrayContaining(wanted.slice(0, 1).map((one) => place + one)),
            )
            expect((take ? gone : come).length).toBe(wanted.length)
            expect(take ? come : gone).toEqual([])
            // Comments belong to the user: only those on lines that went may go.
            const comments = (one: string): number => one.match(/#[^\n]*/g)?.length ?? 0
            if (!take) expect(comments(next)).toBe(comments(now))
            if (crlf) expect(next.replaceAll('\r\n', '')).not.toContain('\n')
            if (name === 'json') JSON.parse(next)
            now = next
          }
        }),
        { seed, numRuns: 25 },
      )
    },
  )

  test.each(Object.entries(layouts))('%s: added and removed again is as before', (_, text) => {
    for (const node of [
      server('z1'),
      { kind: 'server', region: 'global', name: 'z[1-3]' } as const,
    ]) {
      const there = add(text, node)
      expect(there).not.toBe(text)
      const back = remove(there, node)
      expect(addresses(back)).toEqual(addresses(text))
      expect(back).toBe(text)
    }
  })
})
