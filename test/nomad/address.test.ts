import { describe, expect, test } from 'vitest'
import { hostnameFault } from '../../src/nomad/checks.js'
import { parseCertificate } from '../../src/x509/certificate.js'
import { agent, build, san } from '../lint/draft.js'

const leaf = parseCertificate(
  build(
    agent('server', 'us-west', {
      extensions: { subjectAltName: san(['10.0.0.7', 'localhost'], ['127.0.0.1', '::1']) },
    }),
  ),
)

describe('an address is compared with addresses alone (x509 VerifyHostname)', () => {
  test.each(['127.0.0.1', '::1', '[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'])(
    '%s is covered',
    (host) => {
      expect(hostnameFault(leaf, host)).toBeUndefined()
    },
  )
  test.each(['127.0.0.2', '::2', '10.0.0.7'])('%s is not', (host) => {
    expect(hostnameFault(leaf, host)).toBe(`it is valid for 127.0.0.1, ::1, not for ${host}`)
  })
  test.each(['x[::1]', '[::1]x', 'x::ffff:127.0.0.1', '::1%lo'])('%s is a name', (host) => {
    expect(hostnameFault(leaf, host)).toBe(`it is valid for 10.0.0.7, localhost, not for ${host}`)
  })
  test('an address where the certificate has none', () => {
    const without = parseCertificate(
      build(agent('server', 'us-west', { extensions: { subjectAltName: san(['localhost'], []) } })),
    )
    expect(hostnameFault(without, '127.0.0.1')).toBe('it is valid for no names, not for 127.0.0.1')
  })
  test('a name is not compared with addresses', () => {
    expect(hostnameFault(leaf, 'example')).toBe(
      'it is valid for 10.0.0.7, localhost, not for example',
    )
  })
})
