import { expect, test } from 'vitest'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'

function parsed(authority: string): ReturnType<typeof parseSpec> {
  return parseSpec(
    `version: 1\ncluster: acme\nauthorities:\n  agent: ${authority}\nregions:\n  global:\n    servers: { s1: {} }\n`,
  )
}

test.each([
  ['{}', { 1: 'file' }],
  ['{ signer: encrypted }', { 1: 'encrypted' }],
  ['{ signing: 2, trusted: [1, 2], signer: command }', { 1: 'command', 2: 'command' }],
  ['{ signing: 2, trusted: [1, 2], signer: { 2: ssh-agent } }', { 1: 'file', 2: 'ssh-agent' }],
  [
    '{ signing: 3, trusted: [2, 3], signer: { 1: offline, 3: command } }',
    { 2: 'offline', 3: 'command' },
  ],
  ['{ signing: 12, trusted: [12], signer: { 9: command, 10: file } }', { 12: 'file' }],
])('%s: the key of each generation is where the spec says', (authority, signers) => {
  const { spec, diagnostics } = parsed(authority)
  expect(diagnostics).toEqual([])
  expect(spec!.authorities[0]!.signers).toEqual(signers)
  const generations = desire(spec!).authorities
  expect(
    Object.fromEntries(generations.map(({ generation, signer }) => [generation, signer])),
  ).toEqual(signers)
})

test.each([
  ['{ signer: comand }', /authorities\.agent\.signer: "comand" is not possible here/],
  ['{ signer: { 1: hsm } }', /authorities\.agent\.signer\.1: "hsm" is not possible here/],
  ['{ signer: { first: file } }', /does not fit/],
  ['{ signer: [file] }', /signer is a list/],
  ['{ signer: true }', /signer is/],
])('%s is refused', (authority, message) => {
  const { spec, diagnostics } = parsed(authority)
  expect(spec).toBeUndefined()
  expect(diagnostics.map((one) => one.message).join('\n')).toMatch(message)
})
