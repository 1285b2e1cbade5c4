import { expect, test } from 'vitest'
import { encodeManifest, readManifest } from '../../src/inventory/manifest.js'

const sound = encodeManifest({
  address: 'identity/server/global/s1',
  generation: 1,
  made: 0,
  leaf: { serial: '01', fingerprint: 'ab', notBefore: 0, notAfter: 1000 },
  files: { ca: 'a', cert: 'b', key: 'c' },
})
const paths = [
  ['format'],
  ['version'],
  ['address'],
  ['generation'],
  ['made'],
  ['leaf'],
  ['leaf', 'serial'],
  ['leaf', 'fingerprint'],
  ['leaf', 'notBefore'],
  ['leaf', 'notAfter'],
  ['files'],
  ['files', 'ca.pem'],
  ['files', 'cert.pem'],
  ['files', 'key.pem'],
] as const

test('what was written is read', () => {
  expect(readManifest(sound)).toMatchObject({ address: 'identity/server/global/s1', generation: 1 })
})

test.each(paths.flatMap((path) => [undefined, null, [], {}].map((value) => ({ path, value }))))(
  '$path as $value: one sentence, and never half a manifest',
  ({ path, value }) => {
    const manifest = JSON.parse(sound) as Record<string, Record<string, unknown>>
    const [outer, inner] = path
    if (inner === undefined) (manifest as Record<string, unknown>)[outer] = value
    else manifest[outer]![inner] = value
    expect(readManifest(JSON.stringify(manifest))).toBeTypeOf('string')
  },
)

test.each(['', 'null', '[]', '7', '"x"'])('%s is not a manifest', (text) => {
  expect(readManifest(text)).toBeTypeOf('string')
})
