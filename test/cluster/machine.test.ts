import { describe, expect, test } from 'vitest'
import { addNode, addNodes, removeNode } from '../../src/cluster/edit.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import { isOnDemand } from '../../src/checks/identity.js'
import { leafNames } from '../../src/nomad/leaf-names.js'
import { profileOf } from '../../src/nomad/roles.js'
import { mustParse } from './specs.js'

const day = 86_400_000
const base = `version: 1
cluster: acme
regions: { global: { servers: { s1: {} } } }
`
const spec = (operators: string, defaults = ''): string =>
  `${base}${defaults === '' ? '' : `defaults: ${defaults}\n`}operators:\n  ${operators}\n`

describe('kind: machine', () => {
  test('lives 30 days whatever agents live, and has its files in a folder of its own', () => {
    const [machine] = mustParse(
      spec('prometheus: { kind: machine }', '{ lifetime: 60d, keyHeld: node }'),
    ).operators
    expect(machine).toEqual({
      ...{ name: 'prometheus', region: 'global', role: 'machine' },
      place: {
        ...{ tls: '/etc/nomad-pki/prometheus', owner: 'root' },
        reload: undefined,
      },
      terms: {
        ...{ key: 'ecdsa-p256', keyHeld: 'store', lifetime: 30 * day, renewBefore: 10 * day },
        ...{ beyondIssuer: 'refuse', keep: 3 },
      },
    })
  })

  test('defaults.machine and the entry itself are nearer', () => {
    const { operators } = mustParse(
      spec(
        'a: { kind: machine }\n  b: { kind: machine, lifetime: 6d }\n  c: { lifetime: 9h }',
        '{ machine: { lifetime: 14d } }',
      ),
    )
    expect(operators.map(({ role, terms }) => [role, terms.lifetime])).toEqual([
      ['machine', 14 * day],
      ['machine', 6 * day],
      ['operator', 9 * 3_600_000],
    ])
  })

  test('says where its files lie, whose they are and what reads them again', () => {
    const { operators } = mustParse(
      spec(
        'traefik: { kind: machine, tls: /etc/traefik/nomad/, owner: traefik, reload: restart traefik.service }',
      ),
    )
    expect(operators[0]!.place).toEqual({
      ...{ tls: '/etc/traefik/nomad', owner: 'traefik' },
      reload: { how: 'restart', unit: 'traefik.service' },
    })
  })

  test.each([
    ['a: { tls: /x }', 'spec/irrelevant', /tls has no effect for a person/],
    ['a: { kind: person, reload: none }', 'spec/irrelevant', /reload has no effect/],
    ['a: { kind: tool }', 'spec/value', /./],
    ['a: { kind: machine, tls: relative }', 'spec/value', /./],
    ['a: { kind: machine, reload: "restart x; reboot" }', 'spec/value', /./],
    ['a: { kind: machine, reload: "reload --now" }', 'spec/value', /./],
    ['a: { ssh: edge1 }', 'spec/irrelevant', /ssh has no effect for a person/],
    ['a: { kind: machine, ssh: "-oProxyCommand=x" }', 'spec/value', /./],
    ['a: { kind: machine, ssh: false }', 'spec/type', /./],
    ['a: { kind: machine, keyHeld: node }', 'spec/unknown-key', /./],
    ['shared: { kind: machine }', 'spec/reserved-name', /./],
  ])('%s is refused: %s', (operators, code, message) => {
    const { spec: found, diagnostics } = parseSpec(spec(operators))
    expect(found).toBeUndefined()
    expect(diagnostics.map((one) => one.code)).toContain(code)
    expect(diagnostics.map((one) => one.message).join('\n')).toMatch(message)
  })

  test('a machine whose files a person brings has no ssh', () => {
    const { diagnostics } = parseSpec(spec('a: { kind: machine, ssh: false }'))
    expect(diagnostics.map(({ hint }) => hint)).toEqual([
      'remove ssh: without it you bring the files of the machine',
    ])
  })

  test('its certificate names the machine as a URI, and no name that Nomad reads as a role', () => {
    const { identities } = desire(mustParse(spec('prometheus: { kind: machine }')))
    const { address, profile, uris } = identities.at(-1)!
    expect(address).toBe('identity/machine/global/prometheus')
    expect(leafNames({ ...profile, uris })).toEqual({
      ...{ dns: [], ips: [] },
      uris: ['nomad-pki://machine.nomad/prometheus'],
    })
    expect(profileOf('machine').commonName('global')).toBeUndefined()
    // However short its life is: nobody asks for it in the morning.
    expect(isOnDemand({ ...profile, lifetime: day })).toBe(false)
  })
})

describe('the edits of a machine', () => {
  const machine = { kind: 'machine', region: 'global', name: 'prometheus' } as const

  test('add writes what says that it is one; remove takes it away again', () => {
    const { text, diagnostics } = addNode(base, { ...machine, owner: 'prometheus', tls: '/p/tls' })
    expect(diagnostics).toEqual([])
    expect(text).toBe(
      `${base}operators:\n  prometheus: { kind: machine, region: global, tls: /p/tls, owner: prometheus }\n`,
    )
    expect(addNodes(base, [{ ...machine, reload: 'reload x' }]).text).toContain(
      'reload: "reload x"',
    )
    expect(parseSpec(removeNode(text, machine).text).spec!.operators).toEqual([])
  })

  test('a machine and an operator have one namespace, and neither is removed for the other', () => {
    const { text } = addNode(base, machine)
    const again = addNode(text, { ...machine, kind: 'operator' })
    expect(again.diagnostics[0]!.message).toBe('there is a machine prometheus already, in global')
    const gone = removeNode(text, { ...machine, kind: 'operator' })
    expect(gone.text).toBe(text)
    expect(gone.diagnostics[0]).toMatchObject({
      message: 'global has no operator prometheus',
      hint: 'there is machine global/prometheus',
    })
  })
})
