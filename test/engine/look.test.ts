/** What a hostile engine says of itself: findings of one line, and nothing is thrown. */

import { expect, test } from 'vitest'
import { authorityAddress } from '../../src/address.js'
import { lookAtEngine } from '../../src/engine/look.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { World } from '../world.js'

const spec = `version: 1
cluster: acme
vault: { address: "https://127.0.0.1:8200" }
authorities:
  agent: {}
  west: { issuer: agent, engine: { mount: pki/nomad } }
regions:
  us-west: { authority: west, clients: { c1: {} } }
`

test('texts without an end, and objects in place of texts', async () => {
  const other = new World()
  await other.apply()
  const { certificate } = (await other.inventory()).authorities.get(authorityAddress('agent', 1))!
  const { desired } = new World(spec)
  const authority = desired.authorities.find(({ name }) => name === 'west')!
  const odd = { toString: 1, valueOf: 1 }
  const answers: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'pki/nomad/issuer/west-1': {
      certificate: encodeCertificate(certificate!),
      usage: 'u'.repeat(100_000),
      leaf_not_after_behavior: 'l'.repeat(100_000),
    },
    'pki/nomad/roles/nomad-client-us-west': { allow_any_name: odd, key_type: 'k'.repeat(100_000) },
    'sys/capabilities-self': { 'pki/nomad/issuer/west-1/sign/nomad-client-us-west': [odd] },
  }
  const findings = await lookAtEngine(
    {
      ...{
        origin: 'https://127.0.0.1:8200',
        namespace: undefined,
        program: 'bao',
        close: () => undefined,
      },
      call: async ({ path }) => ({ is: 'done', data: answers[path] ?? {} }),
    },
    { authority, certificate: certificate!, desired, now: 0, signs: false },
  )
  expect(findings.map(({ message }) => message.slice(0, 80))).toEqual([
    expect.stringContaining('may not issue certificates'),
    expect.stringContaining('lets certificates outlive it'),
    expect.stringContaining('is not as the spec has it'),
    expect.stringContaining('the token may not sign'),
  ])
  for (const { message } of findings) expect(message.length).toBeLessThan(4_000)
})
