/**
 * What an agent makes of its three files when it starts: real starts, and a real peer's dial of each agent
 * that started, against the library's word on the same texts.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createPrivateKey, type KeyExportOptions } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadFaults } from '../../src/nomad/load-fault.js'
import type { Agent } from './harness/agent.js'
import { mint } from './harness/mint.js'
import { dialBy, type Files, outcomeOf, ready, startParty } from './harness/party.js'

const base = mkdtempSync(join(tmpdir(), 'nomad-pki-load-'))
const agents: Agent[] = []
let dialer: Agent
let pem: (id: string) => { readonly cert: string; readonly key: string }

/** What happens, as seen from outside. */
type Effect = 'fine' | 'refused' | 'unusable'

interface Case {
  readonly name: string
  readonly effect: Effect
  readonly files: () => Partial<Files>
}

const key = (id: string, options: KeyExportOptions<'pem'>): string =>
  createPrivateKey(pem(id).key).export(options).toString()

const indented = (text: string): string => text.replace(/^/gm, '  ')
const damaged = (text: string): string =>
  // Still base64, no longer a certificate: its first bytes are gone.
  text.replace(/(-----\n).{40}/, '$1')
const asDer = (text: string): string =>
  Buffer.from(text.replace(/-----.*-----|\n/g, ''), 'base64').toString('latin1')

const cases: readonly Case[] = [
  { name: 'P-256, PKCS#8', effect: 'fine', files: () => ({}) },
  { name: 'P-384', effect: 'fine', files: () => pem('p384') },
  { name: 'P-521', effect: 'fine', files: () => pem('p521') },
  { name: 'RSA', effect: 'fine', files: () => pem('rsa2048') },
  { name: 'Ed25519', effect: 'refused', files: () => pem('ed25519') },
  { name: 'P-224', effect: 'unusable', files: () => pem('p224') },
  {
    name: 'SEC1',
    effect: 'fine',
    files: () => ({ key: key('leaf', { format: 'pem', type: 'sec1' }) }),
  },
  {
    name: 'EC PARAMETERS before the key',
    effect: 'fine',
    files: () => ({
      key: `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${key('leaf', { format: 'pem', type: 'sec1' })}`,
    }),
  },
  {
    name: 'PKCS#1',
    effect: 'fine',
    files: () => ({ ...pem('rsa2048'), key: key('rsa2048', { format: 'pem', type: 'pkcs1' }) }),
  },
  {
    name: 'an encrypted key',
    effect: 'refused',
    files: () => ({
      key: key('leaf', { format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' }),
    }),
  },
  {
    name: 'a SEC1 key encrypted the old way',
    effect: 'refused',
    files: () => ({
      key: key('leaf', { format: 'pem', type: 'sec1', cipher: 'aes-128-cbc', passphrase: 'x' }),
    }),
  },
  { name: "another certificate's key", effect: 'refused', files: () => ({ key: pem('p384').key }) },
  { name: 'no key', effect: 'refused', files: () => ({ key: '' }) },
  {
    name: 'files swapped',
    effect: 'refused',
    files: () => ({ ...pem('leaf'), cert: pem('leaf').key, key: pem('leaf').cert }),
  },
  {
    name: 'leaf, intermediate, root',
    effect: 'fine',
    files: () => ({
      ...pem('below'),
      cert: pem('below').cert + pem('between').cert + pem('root').cert,
    }),
  },
  {
    name: 'the intermediate first',
    effect: 'refused',
    files: () => ({ ...pem('below'), cert: pem('between').cert + pem('below').cert }),
  },
  {
    name: 'damaged DER behind the leaf',
    effect: 'unusable',
    files: () => ({ cert: pem('leaf').cert + damaged(pem('between').cert) }),
  },
  {
    name: 'the key before the certificate in cert_file',
    effect: 'refused',
    files: () => ({ cert: pem('leaf').key + pem('leaf').cert }),
  },
  {
    name: 'the key behind the certificate in cert_file',
    effect: 'fine',
    files: () => ({ cert: pem('leaf').cert + pem('leaf').key }),
  },
  {
    name: 'text before the certificate',
    effect: 'fine',
    files: () => ({ cert: `Certificate:\n    Data:\n${pem('leaf').cert}` }),
  },
  {
    name: 'CRLF',
    effect: 'fine',
    files: () => ({ cert: pem('leaf').cert.replaceAll('\n', '\r\n') }),
  },
  { name: 'indented PEM', effect: 'refused', files: () => ({ cert: indented(pem('leaf').cert) }) },
  {
    name: 'a byte order mark',
    effect: 'refused',
    files: () => ({ cert: `\ufeff${pem('leaf').cert}` }),
  },
  { name: 'DER', effect: 'refused', files: () => ({ cert: asDer(pem('leaf').cert) }) },
  { name: 'an empty ca_file', effect: 'refused', files: () => ({ ca: '' }) },
  { name: 'text in ca_file', effect: 'refused', files: () => ({ ca: 'no certificate\n' }) },
  {
    name: 'a damaged second certificate in ca_file',
    effect: 'fine',
    files: () => ({ ca: pem('root').cert + damaged(pem('other').cert) }),
  },
  {
    name: 'a damaged first certificate in ca_file',
    effect: 'refused',
    files: () => ({ ca: damaged(pem('other').cert) + pem('root').cert }),
  },
  {
    name: 'a key first in ca_file',
    effect: 'refused',
    files: () => ({ ca: pem('other').key + pem('root').cert }),
  },
  {
    name: 'TRUSTED CERTIFICATE alone in ca_file',
    effect: 'refused',
    files: () => ({ ca: pem('root').cert.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE') }),
  },
  {
    name: 'an intermediate in ca_file, beside the root',
    effect: 'fine',
    files: () => ({ ca: pem('between').cert + pem('root').cert }),
  },
]

beforeAll(async () => {
  const names = {
    cns: [{ value: 'server.global.nomad' }],
    dns: ['server.global.nomad', 'localhost'],
    ips: ['127.0.0.1'],
    eku: ['serverAuth', 'clientAuth'] as const,
  }
  const algorithms = ['p384', 'p521', 'rsa2048', 'ed25519', 'p224'] as const
  const minted = await mint([
    { id: 'root', cns: [{ value: 'root' }], ca: true },
    { id: 'other', cns: [{ value: 'other' }], ca: true },
    { id: 'between', issuer: 'root', cns: [{ value: 'between' }], ca: true, pathLen: 0 },
    { id: 'leaf', issuer: 'root', ...names },
    { id: 'below', issuer: 'between', ...names },
    ...algorithms.map((algorithm) => ({ id: algorithm, issuer: 'root', key: algorithm, ...names })),
  ])
  pem = (id) => {
    const found = minted.get(id)
    if (found === undefined) throw new Error(`${id} was not minted`)
    return { cert: found.cert, key: found.key }
  }
  dialer = await startParty(base, {
    name: 'dialer',
    region: 'global',
    role: 'client',
    ca: pem('root').cert,
    ...pem('leaf'),
  })
  agents.push(dialer)
  await ready(dialer)
})

afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()))
  rmSync(base, { recursive: true, force: true })
})

describe('an agent started on', () => {
  test.each(cases)('$name: $effect', async ({ name, effect, files }) => {
    const given: Files = { ca: pem('root').cert, ...pem('leaf'), ...files() }
    const agent = await startParty(base, {
      name: name.replace(/[^A-Za-z0-9]/g, '-'),
      region: 'global',
      role: 'server',
      ...given,
    })
    try {
      const started = await outcomeOf(agent)
      const seen: Effect = !started
        ? 'refused'
        : (await dialBy(dialer, agent.plan.ports.rpc)).accepted
          ? 'fine'
          : 'unusable'
      const faults = loadFaults(given)
      const said: Effect =
        faults.find((fault) => fault.effect !== 'dropped')?.effect === 'refused'
          ? 'refused'
          : faults.some((fault) => fault.effect === 'unusable')
            ? 'unusable'
            : 'fine'
      const because = `${JSON.stringify(faults)}\n${seen === effect ? '' : agent.tail(6)}`
      expect(`agent: ${seen}; library: ${said}\n${because}`).toBe(
        `agent: ${effect}; library: ${effect}\n${because}`,
      )
    } finally {
      await agent.stop()
    }
  })
})
