import { expect, test } from 'vitest'
import { parseCfsslJson } from '../../src/x509/cfssl-json.js'

const pem = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'
const profile = { expiry: '87600h', usages: ['signing', 'server auth'] }

test.each([
  ['what gencert prints', { cert: pem, csr: 'x', key: pem }, ['cert', 'key']],
  [
    'an answer of the server',
    { success: true, result: { certificate: pem }, errors: [] },
    ['certificate'],
  ],
  ['a bundle', { bundle: pem, root: pem, expires: '2027', key_size: 256 }, ['bundle', 'root']],
])('%s: the texts in PEM by their names', (_, document, names) => {
  expect(parseCfsslJson(JSON.stringify(document))).toEqual({
    kind: 'output',
    texts: new Map(names.map((name) => [name, pem])),
  })
})

test('a signing configuration: its profiles', () => {
  const text = JSON.stringify({ signing: { default: profile, profiles: { web: profile } } })
  expect(parseCfsslJson(text)).toEqual({
    kind: 'signing',
    profiles: new Map([
      ['default', profile],
      ['web', profile],
    ]),
  })
})

test('names for a request', () => {
  const hosts = ['server.global.nomad', 'localhost']
  const text = JSON.stringify({ CN: 'nomad', hosts, key: { algo: 'ecdsa', size: 256 } })
  const request = { kind: 'request', commonName: 'nomad', hosts, key: 'ecdsa-256' }
  expect(parseCfsslJson(text)).toEqual(request)
  expect(parseCfsslJson('{"hosts":["a",1]}')).toEqual({
    kind: 'request',
    commonName: '',
    hosts: ['a'],
  })
})

test.each([
  '',
  '{',
  '[]',
  'null',
  '"x"',
  '{}',
  '{"key":{}}',
  '{"signing":{}}',
  '{"signing":1}',
  '{"a":{"cert":"x"}}',
])('%s is nothing of cfssl', (text) => {
  expect(parseCfsslJson(text)).toBeUndefined()
})
