/** Which files of an agent the stanza may go into: what disk and spec say together. */

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { configPaths } from '../../src/plan/config-files.js'
import { planConfigs, type ConfigPlan } from '../../src/plan/configs.js'
import { readInventory } from '../../src/inventory/read.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { smallSpec, World } from '../world.js'

const server = 'server { enabled = true }\n'
const tls = (ca: string): string => `tls { ca_file = "/${ca}" }\n`

async function planned(
  servers: string,
  files: Readonly<Record<string, string>>,
  nomad = '{}',
): Promise<ConfigPlan> {
  const text = `version: 1\ncluster: acme\nnomad: ${nomad}\nregions: { global: { servers: { ${servers} } } }\n`
  const { spec, diagnostics } = parseSpec(text)
  if (spec === undefined) throw new Error(JSON.stringify(diagnostics))
  const { configs } = desire(spec)
  const ports = { store: memoryStore(), configs: memoryConfigs(files) }
  return planConfigs(configs, await readInventory(ports, { configs: configPaths(configs) }))
}

/** Files to be written, then what is wrong. */
function outline({ edits, findings }: ConfigPlan): readonly string[] {
  return [
    ...[...edits.values()].map(
      ({ path, expected }) => `${expected === undefined ? 'make' : 'edit'} ${path}`,
    ),
    ...findings
      .filter(({ severity }) => severity !== 'note')
      .map(({ severity, message }) => `${severity} ${message}`),
  ]
}

const cases: readonly (readonly [
  what: string,
  servers: string,
  files: Readonly<Record<string, string>>,
  expected: readonly string[],
])[] = [
  ['a directory', 's1: { config: a }', { 'a/x.hcl': server }, ['make a/tls.hcl']],
  ['a file', 's1: { config: a }', { a: server }, ['edit a']],
  [
    'a directory called .hcl',
    's1: { config: a.hcl }',
    { 'a.hcl/x.hcl': server },
    ['make a.hcl/tls.hcl'],
  ],
  ['an empty file', 's1: { config: a.hcl }', { 'a.hcl': '' }, ['edit a.hcl']],
  [
    'no file',
    's1: { config: a.hcl }',
    {},
    ['make a.hcl', 'warning a.hcl does not exist yet; a.hcl will be made'],
  ],
  [
    'no directory',
    's1: { config: a }',
    {},
    ['make a/tls.hcl', 'warning a does not exist yet; a/tls.hcl will be made'],
  ],
  [
    'a file among several, whatever its name',
    's1: { config: { paths: [base.conf, s1.conf], write: s1.conf } }',
    { 'base.conf': server, 's1.conf': '# mine\n' },
    ['edit s1.conf'],
  ],
  [
    'a new file in a directory',
    's1: { config: { paths: [d, last.hcl], write: d/50-tls.hcl } }',
    { 'd/x.hcl': server, 'last.hcl': '# last\n' },
    ['make d/50-tls.hcl'],
  ],
  [
    'a new file that paths name',
    's1: { config: { paths: [d, new.hcl], write: new.hcl } }',
    { 'd/x.hcl': server },
    ['make new.hcl', 'warning new.hcl does not exist yet; new.hcl will be made'],
  ],
  [
    'a base that is not there',
    's1: { config: { paths: [base.hcl, s1.hcl], write: s1.hcl } }',
    { 's1.hcl': server },
    ['error base.hcl is not there, and Nomad does not start without it'],
  ],
  [
    'a directory to be written',
    's1: { config: { paths: [d], write: d } }',
    { 'd/x.hcl': server },
    ['error d is a directory'],
  ],
  [
    'a file below what is a file',
    's1: { config: { paths: [d], write: d/tls.hcl } }',
    { d: server },
    ['error d/tls.hcl is not one of the files that the agent reads'],
  ],
  [
    'a name that is a temporary one to Nomad',
    's1: { config: { paths: [d], write: "d/.#tls.hcl" } }',
    { 'd/x.hcl': server },
    ['error d/.#tls.hcl is not one of the files that the agent reads'],
  ],
  [
    'a later file that overrides',
    's1: { config: { paths: [s1.hcl, z.hcl], write: s1.hcl } }',
    { 's1.hcl': server, 'z.hcl': tls('other') },
    ['error z.hcl:1:17: "ca_file" is set here, and this file is read after s1.hcl'],
  ],
  [
    'an earlier file that is overridden',
    's1: { config: { paths: [a.hcl, s1.hcl], write: s1.hcl } }',
    { 's1.hcl': server, 'a.hcl': tls('other') },
    ['edit s1.hcl'],
  ],
  [
    'a later name in the directory of a new file',
    's1: { config: { paths: [d], write: d/m.hcl } }',
    { 'd/a.hcl': server, 'd/z.hcl': tls('other') },
    ['error d/z.hcl:1:17: "ca_file" is set here, and this file is read after d/m.hcl'],
  ],
  [
    'a file that is named again behind its directory',
    's1: { config: { paths: [d, d/a.hcl], write: d/a.hcl } }',
    { 'd/a.hcl': server + tls('old'), 'd/z.hcl': tls('other') },
    ['edit d/a.hcl'],
  ],
  [
    'a file that looks like a backup, and is named itself',
    's1: { config: s1.bak.hcl }',
    { 's1.bak.hcl': server },
    ['edit s1.bak.hcl'],
  ],
  [
    'the same among others',
    's1: { config: { paths: [d, s1.bak.hcl], write: s1.bak.hcl } }',
    { 'd/x.hcl': server, 's1.bak.hcl': '' },
    ['edit s1.bak.hcl'],
  ],
  [
    'and one in a directory',
    's1: { config: { paths: [d, s1.hcl], write: s1.hcl } }',
    { 'd/x.old.hcl': server + tls('old'), 's1.hcl': '' },
    ['error d/x.old.hcl:1:1: Nomad loads "x.old.hcl", and it has a "tls" block'],
  ],
  [
    'a base that two share',
    's1: { config: { paths: [b, 1.hcl], write: 1.hcl } }, s2: { config: { paths: [b, 2.hcl], write: 2.hcl } }',
    { b: server, '1.hcl': '', '2.hcl': '' },
    ['edit 1.hcl', 'edit 2.hcl'],
  ],
  [
    'a directory and the file that it would get',
    's1: { config: d }, s2: { config: { paths: [d], write: d/tls.hcl } }',
    { 'd/a.hcl': server },
    ['make d/tls.hcl', 'error d/tls.hcl is written for config/global/s1 already'],
  ],
]

describe('where the stanza goes', () => {
  test.each(cases)('%s', async (_, servers, files, expected) => {
    expect(outline(await planned(servers, files))).toEqual(expected)
  })

  test.each(cases.filter(([, , , expected]) => !expected.some((line) => line.startsWith('error'))))(
    '%s: written, nothing is left to do',
    async (_, servers, files) => {
      const written = { ...files }
      for (const { path, text } of (await planned(servers, files)).edits.values()) {
        written[path] = text
      }
      expect(outline(await planned(servers, written))).toEqual([])
    },
  )
})

describe('on disk', () => {
  test('a directory that is called as the file would be', async () => {
    const world = new World(smallSpec.replace(/s1: .* s2: {}/, 's1: { config: a }'))
    mkdirSync(join(world.folder, 'a/tls.hcl'), { recursive: true })
    writeFileSync(join(world.folder, 'a/x.hcl'), server)
    const { findings, steps } = await world.plan()
    const errors = findings.filter(({ severity }) => severity === 'error')
    expect(errors.map(({ address }) => address)).toEqual(['config/global/s1'])
    expect(errors[0]!.message).toMatch(/a\/tls.hcl is a directory/)
    expect(steps.map(({ address }) => address)).not.toContain('config/global/s1')
  })

  test('two directories whose files of that name are links to one', async () => {
    const world = new World(
      smallSpec.replace(/s1: .* s2: {}/, 's1: { config: a }, s2: { config: b }'),
    )
    mkdirSync(join(world.folder, 'common'))
    writeFileSync(join(world.folder, 'common/tls.hcl'), '# shared\n')
    for (const name of ['a', 'b']) {
      mkdirSync(join(world.folder, name))
      writeFileSync(join(world.folder, name, 'x.hcl'), server)
      symlinkSync('../common/tls.hcl', join(world.folder, name, 'tls.hcl'))
    }
    const { findings } = await world.plan()
    const errors = findings.filter(({ severity }) => severity === 'error')
    expect(errors.map(({ address }) => address)).toEqual(['config/global/s2'])
    expect(errors[0]!.message).toMatch(/b\/tls.hcl is written for config\/global\/s1 already$/)
  })

  test.each([
    ['two directories', 's1: { config: a }', 's2: { config: b }'],
    [
      'a new file in each',
      's1: { config: { paths: [a], write: a/n.hcl } }',
      's2: { config: { paths: [b], write: b/n.hcl } }',
    ],
    ['a file', 's1: { config: a/x.hcl }', 's2: { config: b/x.hcl }'],
  ])('%s that a link makes one are told', async (_, first, second) => {
    const world = new World(smallSpec.replace(/s1: .* s2: {}/, `${first}, ${second}`))
    mkdirSync(join(world.folder, 'a'))
    writeFileSync(join(world.folder, 'a/x.hcl'), server)
    symlinkSync('a', join(world.folder, 'b'))
    const { findings } = await world.plan()
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([
      expect.objectContaining({
        address: 'config/global/s2',
        message: expect.stringMatching(/is written for config\/global\/s1 already$/) as string,
      }),
    ])
  })
})

test.each([
  ['{}', []],
  ['{ version: 2.0.5 }', []],
  [
    '{ version: 1.11.3 }',
    ['warning a:1:25: Nomad 1.11.3 does not know "raft_logstore" in "server", and stops'],
  ],
])('a key of Nomad 2.0, and the spec says nomad: %s', async (nomad, warnings) => {
  const text = 'server { enabled = true raft_logstore { backend = "wal" } }\n'
  const plan = await planned('s1: { config: a }', { a: text }, nomad)
  expect(outline(plan)).toEqual(['edit a', ...warnings])
})

test('what stops an agent is told before its file is edited, with the reason of an agent that does not start', async () => {
  const plan = await planned('s1: { config: a }', {
    'a/1.hcl': 'server { enabled = true retry_join = ["x"] }\nports { rpc = 70000 }\n',
    'a/2.hcl': 'server { server_join { retry_join = ["y"] } }\n',
  })
  expect(plan.edits.size).toBe(0)
  expect(plan.steps).toEqual([])
  expect(plan.findings.map(({ severity, reason, message }) => [severity, reason, message])).toEqual(
    [
      ['error', 'will-not-start', 'a/1.hcl:2:15: the port of rpc is 70000'],
      [
        'error',
        'will-not-start',
        'a/2.hcl:1:38: "server.server_join.retry_join" and "server.retry_join" cannot both be set: Nomad stops',
      ],
    ],
  )
})

test('a stanza that is written is a step of its configuration, with what it needs after it', async () => {
  const { steps } = await planned('s1: { config: a }', { a: server })
  expect(steps).toEqual([
    {
      address: 'config/global/s1',
      action: 'write',
      reasons: [
        {
          reason: 'stanza-differs',
          message: expect.stringMatching(
            /^a: apply .*; the node needs the new file, then the agent a restart$/,
          ) as string,
        },
      ],
    },
  ])
})
