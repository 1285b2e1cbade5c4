/** Where a rule turns: the last that it takes, beside the first that it refuses. */

import { expect, test } from 'vitest'
import { tags } from '../../src/der/write.js'
import { lint, type LintContext } from '../../src/lint/lint.js'
import { parseCertificate } from '../../src/x509/certificate.js'
import { agent, attribute, build, commonName, operator, root, type Draft } from './draft.js'
import { issuers } from './vectors.js'

const server: LintContext = { profile: 'server', region: 'global', issuer: issuers.root }
const withNames = (...dns: string[]): Draft => agent('server', 'global', { dns })
const withSubject = (type: string, value: string, tag?: number): Draft =>
  agent('server', 'global', {
    subject: commonName('server.global.nomad', undefined, attribute(type, value, tag)),
  })

test.each<[rule: string, what: string, draft: Draft, refused: boolean]>([
  ['nomad/wildcard', 'a host of one label', withNames('*'), true],
  ['nomad/wildcard', 'all of nomad', withNames('*.nomad'), true],
  ['nomad/wildcard', 'all of nomad, in capitals', withNames('*.NOMAD'), true],
  ['nomad/wildcard', 'a role in each region', withNames('server.*.nomad'), true],
  ['nomad/wildcard', 'hosts of a domain', withNames('*.acme.example'), false],
  ['nomad/wildcard', 'hosts of a domain that ends alike', withNames('*.xnomad'), false],
  ['nomad/foreign-role', "another role's", withNames('client.global.nomad'), true],
  ['nomad/foreign-role', "another region's", withNames('server.eu.nomad'), true],
  ['nomad/foreign-role', 'its own', withNames('server.global.nomad'), false],
  ['nomad/foreign-role', 'a host', withNames('client.global.nomad.example'), false],
  ['rfc5280/country', 'two capitals', withSubject('2.5.4.6', 'CH', tags.printableString), false],
  ['rfc5280/country', 'one', withSubject('2.5.4.6', 'C', tags.printableString), true],
  ['rfc5280/country', 'an organization', withSubject('2.5.4.10', 'ch'), false],
  ['rfc5280/name-lengths', 'a given name of 16', withSubject('2.5.4.42', 'a'.repeat(16)), false],
  ['rfc5280/name-lengths', 'a given name of 17', withSubject('2.5.4.42', 'a'.repeat(17)), true],
  ['rfc5280/name-lengths', 'an organization of 64', withSubject('2.5.4.10', 'a'.repeat(64)), false],
  ['rfc5280/name-lengths', '64 characters of two', withSubject('2.5.4.10', '𝔸'.repeat(64)), false],
  ['rfc5280/name-lengths', '65 characters of two', withSubject('2.5.4.10', '𝔸'.repeat(65)), true],
  [
    'rfc5280/name-lengths',
    'a type without a bound',
    withSubject('2.5.4.16', 'a'.repeat(300)),
    false,
  ],
])('%s: %s', (rule, _what, draft, refused) => {
  const found = lint(parseCertificate(build(draft)), server).map(({ rule: name }) => name)
  expect(found.includes(rule)).toBe(refused)
})

test.each<[profile: LintContext['profile'], draft: Draft, clean: boolean]>([
  ['root', root(), true],
  ['server', root(), false],
  ['root', agent('server', 'global'), false],
  ['intermediate', agent('server', 'global'), false],
  ['cross', agent('server', 'global'), false],
  ['probe', agent('server', 'global'), false],
  ['operator', agent('server', 'global'), false],
  ['client', operator(), false],
])('as %s', (profile, draft, clean) => {
  const issuer = profile === 'root' ? undefined : issuers.root
  const found = lint(parseCertificate(build(draft)), { profile, region: 'global', issuer })
  expect(found.some(({ severity }) => severity === 'error')).toBe(!clean)
})
