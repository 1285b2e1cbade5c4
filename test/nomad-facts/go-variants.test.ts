import { expect, test } from 'vitest'
import { loadFaults } from '../../src/nomad/load-fault.js'
import { parseFault } from '../../src/nomad/parse-fault.js'
import { parseCertificate } from '../../src/x509/certificate.js'
import { build, root } from '../lint/draft.js'
import { pemEncode } from '../../src/keys/pem.js'
import { certificates, pairs } from './go-variants.js'

test.each(certificates)('$name: Go parses it: $parses', ({ draft, parses }) => {
  const fault = parseFault(parseCertificate(build(draft)))
  if (parses) expect(fault).toBeUndefined()
  else expect(fault).toMatch(/^its /)
})

test('key files: an agent loads what Go loads', () => {
  const ca = pemEncode('CERTIFICATE', build(root()))
  for (const { name, cert, key, loads } of pairs()) {
    const faults = loadFaults({ ca, cert, key }).filter(({ effect }) => effect === 'refused')
    expect(faults.map(({ message }) => message).join('; '), name).toMatch(loads ? /^$/ : /./)
  }
})
