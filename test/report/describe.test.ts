import { expect, test } from 'vitest'
import { describeCertificate } from '../../src/report/describe.js'
import { parseCertificate } from '../../src/x509/certificate.js'
import { extendedKeyUsage } from '../../src/x509/extensions.js'
import { agent, build, commonName, root, rootName, san, type Draft } from '../lint/draft.js'

/** Within the validity of every draft. */
const draftNow = Date.UTC(2026, 5, 1)

const described = (draft: Draft): ReturnType<typeof describeCertificate> =>
  describeCertificate(parseCertificate(build(draft)), 'here', draftNow)

test('a root is one by its signature, and not by its name', () => {
  expect(described(root()).selfIssued).toBe(true)
  // Everything in this file is signed by one key, which is not this one's.
  const another = agent('server', 'global', { issuer: rootName, subject: rootName })
  expect(described(another).selfIssued).toBe(false)
})

test.each([
  ['01', '01'],
  ['7f', '7f'],
  ['fb', '-05'],
  ['ff00', '-0100'],
  ['80', '-80'],
])('the serial number %s is shown as %s', (serial, text) => {
  expect(described(root({ serial })).serial).toBe(text)
})

test.each<readonly [string, Draft, readonly string[]]>([
  ['as Nomad compares it', agent('server', 'global'), ['server of global']],
  [
    'in capitals',
    agent('server', 'global', {
      subject: commonName('SERVER.global.nomad'),
      extensions: { subjectAltName: san(['Server.global.nomad', 'client.global.NOMAD']) },
    }),
    [],
  ],
  [
    'with a final dot',
    agent('server', 'global', {
      subject: commonName('x'),
      extensions: { subjectAltName: san(['server.global.nomad.']) },
    }),
    [],
  ],
  [
    'for another purpose',
    agent('server', 'global', {
      extensions: { extendedKeyUsage: extendedKeyUsage(['codeSigning']) },
    }),
    [],
  ],
  [
    'for clients alone, which listeners look at',
    agent('server', 'global', {
      extensions: { extendedKeyUsage: extendedKeyUsage(['clientAuth']) },
    }),
    ['server of global'],
  ],
])('a role %s', (_what, draft, nomad) => {
  expect(described(draft).nomad).toEqual(nomad)
})
