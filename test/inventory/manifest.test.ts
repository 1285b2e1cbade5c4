import { expect, test } from 'vitest'
import {
  encodeManifest,
  keyElsewhereIn,
  readManifest,
  type Manifest,
} from '../../src/inventory/manifest.js'

const facts = {
  address: 'identity/server/global/s1',
  generation: 1,
  made: 0,
  leaf: { serial: '01', fingerprint: 'ab', notBefore: 0, notAfter: 1000 },
  files: { ca: 'a', cert: 'b', key: 'c' },
}
const sound = encodeManifest(facts)
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

test('a manifest without a key says where it is: on the node, or elsewhere; no other word will do', () => {
  const text = encodeManifest({ ...facts, files: { ca: 'a', cert: 'b' } })
  const manifest = readManifest(text) as Manifest
  expect(manifest.held).toBe('node')
  expect(Object.keys(manifest.files)).toEqual(['ca.pem', 'cert.pem'])
  expect(keyElsewhereIn(text)).toBe('node')
  expect(keyElsewhereIn(sound)).toBeUndefined()
  expect(keyElsewhereIn(undefined)).toBeUndefined()
  const other = encodeManifest({ ...facts, held: 'elsewhere', files: { ca: 'a', cert: 'b' } })
  expect(keyElsewhereIn(other)).toBe('elsewhere')
  // A key that is here is nowhere else.
  const here = { ca: 'a', cert: 'b', key: 'c' }
  expect(encodeManifest({ ...facts, held: 'elsewhere', files: here })).not.toContain('held')
  const changed = (change: object): string | Manifest =>
    readManifest(JSON.stringify({ ...manifest, ...change }))
  expect(changed({ held: undefined })).toMatch(/files is missing/)
  expect(changed({ held: 'vault' })).toMatch(/held is/)
  expect(changed({ files: { ...manifest.files, 'key.pem': 'c' } })).toMatch(/describes key\.pem/)
})
