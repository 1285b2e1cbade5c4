import { expect, test } from 'vitest'
import { loadFaults } from '../../src/nomad/load-fault.js'
import { readableCertificates, trustedCertificates } from '../../src/nomad/readable.js'
import { parseFault } from '../../src/nomad/parse-fault.js'
import { parseCertificate } from '../../src/x509/certificate.js'
import { build, root } from '../lint/draft.js'
import { isNomadPkiError } from '../../src/errors.js'
import { scanPem } from '../../src/keys/pem-scan.js'
import { pemBlocks, pemEncode } from '../../src/keys/pem.js'
import { caFiles, certificates, pairs } from './go-variants.js'

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

test.each(caFiles())('ca_file, $name: $blocks blocks, $pool trusted', ({ ca, blocks, pool }) => {
  expect(scanPem(ca).blocks).toHaveLength(blocks)
  expect(trustedCertificates(ca)).toHaveLength(pool)
  expect(readableCertificates(ca).length).toBeGreaterThanOrEqual(pool)
  expect(
    loadFaults({ ca, cert: '', key: '' }).some(
      ({ file, message }) => file === 'ca' && message.startsWith('ca_file holds no certificate'),
    ),
  ).toBe(pool === 0)
})

test.each(caFiles())('strictly, $name: every block that agents see, or an error', ({ ca }) => {
  const begun = ca.match(/-----BEGIN /g)!.length
  const seen = scanPem(ca).blocks
  try {
    expect(pemBlocks(ca)).toEqual(seen)
    expect(seen).toHaveLength(begun)
  } catch (error) {
    if (!isNomadPkiError(error, 'ERR_PEM_MALFORMED')) throw error
    // An empty block and an END alone are errors too.
    expect(seen.length < begun || /empty|no BEGIN/.test(error.message)).toBe(true)
  }
})
