/**
 * The vectors of the lint rules: for each a certificate that keeps it and some that break it, one for
 * each way. The files under test/vectors/lint are written from here (see its README).
 */

import {
  objectIdentifier,
  sequence,
  nullValue,
  tags,
  setOf,
  contextPrimitive,
} from '../../src/der/write.js'
import type { LintContext } from '../../src/lint/lint.js'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.js'
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.js'
import {
  agent,
  attribute,
  build,
  commonName,
  ecKeyOf,
  ed25519,
  generalized,
  intermediate,
  nameOf,
  oid,
  operator,
  p521,
  probe,
  raw,
  root,
  rootName,
  rsa,
  san,
  turned,
  utc,
  type Draft,
} from './draft.js'

/** Who can stand above a vector. */
export type IssuerName = 'root' | 'intermediate' | 'wide' | 'leaf' | 'lists'

/** The issuers: sound ones, one that permits a single authority below, and two that may not sign. */
export const issuerDrafts: Readonly<Record<IssuerName, Draft>> = {
  root: root(),
  intermediate: intermediate(),
  wide: root({ extensions: { basicConstraints: basicConstraints({ ca: true, pathLength: 1 }) } }),
  leaf: agent('server', 'global', { subject: rootName }),
  lists: root({ extensions: { keyUsage: keyUsage(['cRLSign']) } }),
}

/** A rule's vectors. */
export interface RuleVectors {
  readonly rule: string
  readonly profile: NonNullable<LintContext['profile']>
  readonly region?: string
  readonly issuer?: IssuerName
  /** Where a bad one has another issuer than the good one. */
  readonly badIssuers?: Readonly<Record<string, IssuerName>>
  readonly good: Draft
  readonly bad: Readonly<Record<string, Draft>>
}

const server = (change: Parameters<typeof agent>[2] = {}): Draft =>
  agent('server', 'global', change)
const client = (change: Parameters<typeof agent>[2] = {}): Draft =>
  agent('client', 'us-west', change)

const asServer = { profile: 'server', region: 'global', issuer: 'root', good: server() } as const
const asClient = {
  profile: 'client',
  region: 'us-west',
  issuer: 'intermediate',
  good: client(),
} as const
const asOperator = {
  profile: 'operator',
  region: 'global',
  issuer: 'root',
  good: operator(),
} as const
const asRoot = { profile: 'root', good: root() } as const
const asIntermediate = { profile: 'intermediate', issuer: 'root', good: intermediate() } as const

const cn = 'server.global.nomad'
const organization = (value: string, tag?: number): Uint8Array => attribute('2.5.4.10', value, tag)
const withOrganization = (value: string, tag?: number): Draft =>
  server({ subject: commonName(cn, undefined, organization(value, tag)) })
const ext = (extensions: NonNullable<Draft['extensions']>): Draft => server({ extensions })
const usual = ['server.global.nomad', 'localhost']
const local = ['127.0.0.1', '::1']

/** The certificates of the issuers. */
export const issuers: Readonly<Record<IssuerName, Certificate>> = Object.fromEntries(
  Object.entries(issuerDrafts).map(([name, draft]) => [name, parseCertificate(build(draft))]),
) as Readonly<Record<IssuerName, Certificate>>

/** What a rule is told beside the certificate; some faults stand under an issuer of their own. */
export function lintContextOf(
  { profile, region, issuer, badIssuers }: RuleVectors,
  fault = '',
): LintContext {
  const above = badIssuers?.[fault] ?? issuer
  return { profile, region, issuer: above && issuers[above] }
}

export const vectors: readonly RuleVectors[] = [
  {
    rule: 'rfc5280/version',
    ...asServer,
    bad: { 'version-1': server({ version: 1 }), 'version-2': server({ version: 2 }) },
  },
  {
    rule: 'rfc5280/serial-number',
    ...asServer,
    good: server({ serial: `7f${'ff'.repeat(19)}` }),
    bad: {
      zero: server({ serial: '00' }),
      negative: server({ serial: 'ff00' }),
      '21-octets': server({ serial: `00ff${'11'.repeat(19)}` }),
    },
  },
  {
    rule: 'rfc5280/algorithms-equal',
    ...asServer,
    bad: {
      'ecdsa-outside': server({
        inner: sequence(oid('1.3.101.112')),
        outer: sequence(oid('1.2.840.10045.4.3.2')),
      }),
    },
  },
  {
    rule: 'rfc5280/algorithm-parameters',
    ...asServer,
    bad: {
      'ecdsa-null': server({ inner: sequence(objectIdentifier('1.2.840.10045.4.3.2'), nullValue) }),
      'ed25519-null': server({ inner: sequence(objectIdentifier('1.3.101.112'), nullValue) }),
      'rsa-absent': server({ inner: sequence(objectIdentifier('1.2.840.113549.1.1.11')) }),
    },
  },
  { rule: 'rfc5280/issuer-present', ...asServer, bad: { empty: server({ issuer: sequence() }) } },
  {
    rule: 'rfc5280/issuer-name',
    ...asServer,
    bad: {
      're-encoded': server({ issuer: commonName('lint root', tags.printableString) }),
      other: server({ issuer: commonName('another root') }),
    },
  },
  { rule: 'rfc5280/subject-present', ...asRoot, bad: { empty: root({ subject: sequence() }) } },
  {
    rule: 'rfc5280/name-string-types',
    ...asServer,
    good: server({
      subject: commonName(
        cn,
        tags.printableString,
        attribute('1.2.840.113549.1.9.1', 'a@b.example', tags.ia5String),
      ),
    }),
    bad: {
      t61: server({ subject: commonName(cn, tags.t61String) }),
      bmp: server({ subject: commonName(cn, tags.bmpString) }),
      ia5: server({ subject: commonName(cn, tags.ia5String) }),
    },
  },
  {
    rule: 'rfc5280/name-printable',
    ...asServer,
    good: withOrganization("O'Hara (Acme) Ltd.", tags.printableString),
    bad: {
      underscore: withOrganization('us_west', tags.printableString),
      at: withOrganization('ops@acme', tags.printableString),
      'latin-1': withOrganization('Z\u00fcrich', tags.printableString),
    },
  },
  {
    rule: 'rfc5280/name-empty',
    ...asServer,
    good: withOrganization('Acme'),
    bad: { organization: withOrganization(''), 'common-name': server({ subject: commonName('') }) },
  },
  {
    rule: 'rfc5280/name-control-characters',
    ...asServer,
    good: withOrganization('Zürich'),
    bad: {
      nul: withOrganization('Acme\u0000.evil'),
      escape: withOrganization('\u001b[2J'),
      c1: withOrganization('a\u0085b'),
    },
  },
  {
    rule: 'rfc5280/country',
    ...asServer,
    good: server({
      subject: commonName(cn, undefined, attribute('2.5.4.6', 'CH', tags.printableString)),
    }),
    bad: {
      utf8: server({ subject: commonName(cn, undefined, attribute('2.5.4.6', 'CH')) }),
      long: server({
        subject: commonName(cn, undefined, attribute('2.5.4.6', 'CHE', tags.printableString)),
      }),
      small: server({
        subject: commonName(cn, undefined, attribute('2.5.4.6', 'ch', tags.printableString)),
      }),
      last: server({ subject: nameOf(attribute('2.5.4.3', cn), attribute('2.5.4.6', 'Schweiz')) }),
    },
  },
  {
    rule: 'rfc5280/name-lengths',
    ...asServer,
    good: withOrganization('ü'.repeat(64)),
    bad: {
      'common-name': server({ subject: commonName('a'.repeat(65)) }),
      organization: withOrganization('ü'.repeat(65)),
      locality: server({
        subject: commonName(cn, undefined, attribute('2.5.4.7', 'a'.repeat(129))),
      }),
    },
  },
  {
    rule: 'rfc5280/time-encoding',
    ...asRoot,
    good: root({ notAfter: generalized('20560101000000Z') }),
    bad: {
      'generalized-before-2050': root({ notAfter: generalized('20450101000000Z') }),
      'generalized-not-before': root({ notBefore: generalized('20250101000000Z') }),
    },
  },
  {
    rule: 'rfc5280/validity-order',
    ...asServer,
    bad: {
      reversed: server({ notBefore: utc('270101000000Z'), notAfter: utc('260101000000Z') }),
      equal: server({ notBefore: utc('260101000000Z'), notAfter: utc('260101000000Z') }),
    },
  },
  {
    rule: 'rfc5280/validity-nested',
    ...asServer,
    good: server({ notBefore: utc('250101000000Z'), notAfter: utc('450101000000Z') }),
    bad: {
      ends: server({ notAfter: utc('450101000001Z') }),
      begins: server({ notBefore: utc('241231235959Z') }),
    },
  },
  {
    rule: 'rfc5280/unique-identifiers',
    ...asServer,
    bad: {
      issuer: server({ behindKey: contextPrimitive(1, Uint8Array.of(0, 1)) }),
      subject: server({ behindKey: contextPrimitive(2, Uint8Array.of(0, 1)) }),
    },
  },
  {
    rule: 'rfc5280/critical-unknown',
    ...asServer,
    good: ext({ more: raw('1.3.6.1.4.1.99999.1', nullValue) }),
    bad: { private: ext({ more: raw('1.3.6.1.4.1.99999.1', nullValue, true) }) },
  },
  {
    rule: 'rfc5280/subject-key-identifier',
    ...asServer,
    bad: {
      leaf: ext({ subjectKeyIdentifier: undefined }),
      empty: ext({ subjectKeyIdentifier: subjectKeyIdentifier('') }),
    },
  },
  {
    rule: 'rfc5280/authority-key-identifier',
    ...asServer,
    bad: {
      missing: ext({ authorityKeyIdentifier: undefined }),
      'without-key': ext({ authorityKeyIdentifier: raw('2.5.29.35', sequence()) }),
      other: ext({ authorityKeyIdentifier: authorityKeyIdentifier('0011') }),
    },
  },
  {
    rule: 'rfc5280/key-identifiers-critical',
    ...asServer,
    bad: {
      authority: ext({ authorityKeyIdentifier: turned(authorityKeyIdentifier('0011')) }),
      subject: ext({ subjectKeyIdentifier: turned(subjectKeyIdentifier('0011')) }),
    },
  },
  {
    rule: 'rfc5280/basic-constraints-ca',
    ...asRoot,
    bad: {
      missing: root({ extensions: { basicConstraints: undefined } }),
      'not-ca': root({ extensions: { basicConstraints: basicConstraints({ ca: false }) } }),
    },
  },
  {
    rule: 'rfc5280/basic-constraints-critical',
    ...asRoot,
    bad: {
      'not-critical': root({
        extensions: { basicConstraints: turned(basicConstraints({ ca: true })) },
      }),
    },
  },
  {
    rule: 'rfc5280/basic-constraints-leaf',
    ...asServer,
    bad: { ca: ext({ basicConstraints: basicConstraints({ ca: true }) }) },
  },
  {
    rule: 'rfc5280/path-length',
    ...asIntermediate,
    bad: {
      'without-ca': intermediate({
        extensions: { basicConstraints: basicConstraints({ ca: false, pathLength: 0 }) },
      }),
      'without-cert-sign': intermediate({ extensions: { keyUsage: keyUsage(['cRLSign']) } }),
    },
  },
  {
    rule: 'rfc5280/path-length-issuer',
    ...asIntermediate,
    issuer: 'wide',
    bad: {
      equal: intermediate({
        extensions: { basicConstraints: basicConstraints({ ca: true, pathLength: 1 }) },
      }),
      'below-zero': intermediate({ subject: commonName('one too many') }),
    },
    badIssuers: { 'below-zero': 'intermediate' },
  },
  {
    rule: 'rfc5280/issuer-may-sign',
    ...asServer,
    bad: { leaf: server(), 'lists-alone': server() },
    badIssuers: { leaf: 'leaf', 'lists-alone': 'lists' },
  },
  {
    rule: 'rfc5280/key-usage-critical',
    ...asServer,
    bad: {
      missing: ext({ keyUsage: undefined }),
      'not-critical': ext({ keyUsage: turned(keyUsage(['digitalSignature'])) }),
    },
  },
  { rule: 'rfc5280/key-usage-empty', ...asServer, bad: { empty: ext({ keyUsage: keyUsage([]) }) } },
  {
    rule: 'rfc5280/key-usage-authority',
    ...asRoot,
    bad: {
      'no-cert-sign': root({ extensions: { keyUsage: keyUsage(['cRLSign']) } }),
      'no-crl-sign': root({ extensions: { keyUsage: keyUsage(['keyCertSign']) } }),
      encipherment: root({
        extensions: { keyUsage: keyUsage(['keyCertSign', 'cRLSign', 'keyEncipherment']) },
      }),
    },
  },
  {
    rule: 'rfc5280/key-usage-leaf',
    ...asServer,
    bad: {
      'cert-sign': ext({ keyUsage: keyUsage(['digitalSignature', 'keyCertSign']) }),
      'no-signature': ext({ keyUsage: keyUsage(['keyAgreement']) }),
    },
  },
  {
    rule: 'rfc5280/key-usage-purpose',
    ...asOperator,
    bad: {
      'enciphers-as-a-client': operator({
        spki: rsa(2048),
        extensions: { keyUsage: keyUsage(['digitalSignature', 'keyEncipherment']) },
      }),
      'repudiates-as-a-client': operator({
        extensions: { keyUsage: keyUsage(['digitalSignature', 'nonRepudiation']) },
      }),
    },
  },
  {
    rule: 'rfc5280/extended-key-usage-critical',
    ...asServer,
    bad: {
      critical: ext({ extendedKeyUsage: turned(extendedKeyUsage(['serverAuth', 'clientAuth'])) }),
      any: ext({ extendedKeyUsage: extendedKeyUsage(['any', 'serverAuth', 'clientAuth']) }),
    },
  },
  {
    rule: 'rfc5280/name-constraints-critical',
    ...asIntermediate,
    bad: {
      'not-critical': intermediate({
        extensions: {
          nameConstraints: turned(
            nameConstraints({ permitted: [{ type: 'dns', value: 'us-west.nomad' }], excluded: [] }),
          ),
        },
      }),
    },
  },
  {
    rule: 'rfc5280/name-constraints-authority',
    ...asServer,
    bad: {
      leaf: ext({
        nameConstraints: nameConstraints({
          permitted: [{ type: 'dns', value: 'nomad' }],
          excluded: [],
        }),
      }),
    },
  },
  {
    rule: 'rfc5280/name-constraints-form',
    ...asIntermediate,
    bad: {
      'leading-dot': constrained('.us-west.nomad'),
      wildcard: constrained('*.us-west.nomad'),
      'empty-label': constrained('a..nomad'),
      twice: constrained('us-west.nomad', 'us-west.nomad'),
      nothing: intermediate({
        extensions: { nameConstraints: raw('2.5.29.30', sequence(contextOf(0)), true) },
      }),
    },
  },
  {
    rule: 'rfc5280/san-present',
    ...asServer,
    bad: { missing: ext({ subjectAltName: undefined }) },
  },
  {
    rule: 'rfc5280/san-empty',
    ...asServer,
    bad: {
      'no-names': ext({ subjectAltName: san([]) }),
      'empty-name': ext({ subjectAltName: san([...usual, ''], local) }),
    },
  },
  {
    rule: 'rfc5280/san-critical',
    ...asServer,
    bad: {
      'with-subject': ext({ subjectAltName: turned(san(usual, local)) }),
      'without-subject': server({ subject: sequence() }),
    },
  },
  {
    rule: 'rfc5280/san-dns-syntax',
    ...asServer,
    good: server({ dns: ['node_1.acme.internal', 'xn--mnchen-3ya.example'] }),
    bad: {
      'final-dot': server({ dns: ['s1.example.'] }),
      'empty-label': server({ dns: ['s1..example'] }),
      space: server({ dns: ['s1 example'] }),
      hyphen: server({ dns: ['-s1.example'] }),
      'long-label': server({ dns: [`${'a'.repeat(64)}.example`] }),
      'long-name': server({ dns: [`${'abcdefg.'.repeat(32)}example`] }),
      idn: server({ dns: ['xn--a.example'] }),
      nul: server({ dns: ['s1\u0000.example'] }),
      'inner-wildcard': server({ dns: ['s1.*.example'] }),
    },
  },
  {
    rule: 'rfc5280/san-uri-syntax',
    ...asOperator,
    bad: {
      'single-label': operator({
        extensions: { subjectAltName: san(['cli.global.nomad'], [], ['spiffe://acme/x']) },
      }),
      relative: operator({
        extensions: { subjectAltName: san(['cli.global.nomad'], [], ['operator/alice']) },
      }),
      'scheme-only': operator({
        extensions: { subjectAltName: san(['cli.global.nomad'], [], ['nomad-pki:']) },
      }),
      'bad-host': operator({
        extensions: { subjectAltName: san(['cli.global.nomad'], [], ['spiffe://a..b/x']) },
      }),
      space: operator({
        extensions: { subjectAltName: san(['cli.global.nomad'], [], ['nomad-pki:a b']) },
      }),
    },
  },
  {
    rule: 'rfc5280/san-duplicates',
    ...asServer,
    bad: {
      dns: server({ dns: ['localhost'] }),
      case: server({ dns: ['LocalHost'] }),
      ip: ext({ subjectAltName: san(usual, [...local, '127.0.0.1']) }),
      many: server({
        dns: [...Array.from({ length: 20 }, (_, at) => `n${at}.example`), 'n7.example'],
      }),
    },
  },
  {
    rule: 'rfc5480/ec-public-key',
    ...asServer,
    // The rule is about keys that are none of ours; a sound one needs no look.
    bad: {
      'explicit-curve': server({ spki: ecKeyOf(sequence(nullValue), 4, 64) }),
      compressed: server({ spki: ecKeyOf(oid('1.2.840.10045.3.1.7'), 2, 32) }),
      p224: server({ spki: ecKeyOf(oid('1.3.132.0.33'), 4, 56) }),
      secp256k1: server({ spki: ecKeyOf(oid('1.3.132.0.10'), 4, 64) }),
    },
  },
  {
    rule: 'rfc8813/ec-key-usage',
    ...asServer,
    bad: {
      'key-encipherment': ext({ keyUsage: keyUsage(['digitalSignature', 'keyEncipherment']) }),
      'data-encipherment': ext({ keyUsage: keyUsage(['digitalSignature', 'dataEncipherment']) }),
    },
  },
  {
    rule: 'rfc3279/rsa-parameters',
    ...asServer,
    good: server({ spki: rsa(2048) }),
    bad: { absent: server({ spki: rsa(2048, 65_537, new Uint8Array(0)) }) },
  },
  {
    rule: 'rfc3279/rsa-modulus',
    ...asServer,
    good: server({ spki: rsa(2048) }),
    bad: { '1024-bits': server({ spki: rsa(1024) }), '2049-bits': server({ spki: rsa(2049) }) },
  },
  {
    rule: 'rfc3279/rsa-exponent',
    ...asServer,
    good: server({ spki: rsa(2048) }),
    bad: { three: server({ spki: rsa(2048, 3) }), even: server({ spki: rsa(2048, 65_538) }) },
  },
  {
    rule: 'community/html-entities',
    ...asServer,
    good: withOrganization('Acme & Co'),
    bad: { amp: withOrganization('Acme &amp; Co'), number: withOrganization('O&#39;Hara') },
  },
  {
    rule: 'community/name-whitespace',
    ...asServer,
    good: withOrganization('Acme Co'),
    bad: { leading: withOrganization(' Acme'), trailing: withOrganization('Acme ') },
  },
  {
    rule: 'community/name-mojibake',
    ...asServer,
    good: withOrganization('Zürich'),
    bad: { 'latin-1': withOrganization('ZÃ¼rich'), 'windows-1252': withOrganization('Ã„rzte') },
  },
  {
    rule: 'community/name-multiple-attributes',
    ...asServer,
    good: withOrganization('Acme'),
    bad: {
      'one-rdn': server({
        subject: sequence(setOf(attribute('2.5.4.3', cn), attribute('2.5.4.10', 'Acme'))),
      }),
    },
  },
  {
    rule: 'nomad/role-name-missing',
    ...asServer,
    bad: {
      'other-domain': ext({ subjectAltName: san(['server.global.example', 'localhost'], local) }),
      'other-case': ext({ subjectAltName: san(['Server.global.nomad', 'localhost'], local) }),
      'no-san': ext({ subjectAltName: undefined }),
    },
  },
  {
    rule: 'nomad/common-name',
    ...asServer,
    bad: {
      free: server({ subject: commonName('s1.acme.internal') }),
      missing: server({ subject: nameOf(organization('Acme')) }),
      region: server({ subject: commonName('server.us-west.nomad') }),
      case: server({ subject: commonName('Server.global.nomad') }),
    },
  },
  {
    rule: 'nomad/common-name-role',
    ...asClient,
    bad: {
      server: client({ subject: commonName('server.us-west.nomad') }),
      'last-of-two': client({
        subject: nameOf(
          attribute('2.5.4.3', 'client.us-west.nomad'),
          attribute('2.5.4.3', 'server.us-west.nomad'),
        ),
      }),
      'one-rdn': client({
        subject: sequence(
          setOf(
            attribute('2.5.4.3', 'client.us-west.nomad'),
            attribute('2.5.4.3', 'server.us-west.nomad'),
          ),
        ),
      }),
      bmp: client({ subject: commonName('server.us-west.nomad', tags.bmpString) }),
      t61: client({ subject: commonName('server.us-west.nomad', tags.t61String) }),
      ia5: client({ subject: commonName('server.us-west.nomad', tags.ia5String) }),
      'other-region': client({ subject: commonName('client.global.nomad') }),
      'empty-region': client({ subject: commonName('server..nomad') }),
      case: client({ subject: commonName('SERVER.us-west.nomad') }),
    },
  },
  {
    rule: 'nomad/common-name-single',
    ...asServer,
    bad: { two: server({ subject: nameOf(attribute('2.5.4.3', cn), attribute('2.5.4.3', cn)) }) },
  },
  {
    rule: 'nomad/common-name-constrained',
    ...asClient,
    bad: {
      escalation: client({ subject: commonName('server.us-east.nomad') }),
      'without-san': client({
        subject: commonName('server.us-east.nomad'),
        extensions: { subjectAltName: undefined },
      }),
    },
  },
  {
    rule: 'nomad/name-constrained',
    ...asClient,
    good: client({ dns: ['c1.west.example'] }),
    bad: {
      'outside-dns': client({ dns: ['c1.example'] }),
      'outside-role': client({ dns: ['server.us-east.nomad'] }),
      'outside-ip': client({
        extensions: { subjectAltName: san(['client.us-west.nomad', 'localhost'], ['10.0.0.1']) },
      }),
      unparsable: client({ dns: ['x.us-west.nomad.'] }),
    },
  },
  {
    rule: 'nomad/wildcard',
    ...asServer,
    bad: {
      region: server({ dns: ['*.global.nomad'] }),
      zone: server({ dns: ['*.nomad'] }),
      inner: server({ dns: ['server.*.nomad'] }),
      case: server({ dns: ['*.GLOBAL.Nomad'] }),
    },
  },
  {
    rule: 'nomad/wildcard-host',
    ...asServer,
    good: server({ dns: ['s1.acme.internal'] }),
    bad: { domain: server({ dns: ['*.acme.internal'] }) },
  },
  {
    rule: 'nomad/foreign-role',
    ...asServer,
    bad: {
      client: server({ dns: ['client.global.nomad'] }),
      region: server({ dns: ['server.us-west.nomad'] }),
      case: server({ dns: ['SERVER.Global.nomad'] }),
      empty: server({ dns: ['server..nomad'] }),
      cli: server({ dns: ['cli.global.nomad'] }),
    },
  },
  {
    rule: 'nomad/extended-key-usage',
    ...asServer,
    bad: {
      'server-only': ext({ extendedKeyUsage: extendedKeyUsage(['serverAuth']) }),
      'client-only': ext({ extendedKeyUsage: extendedKeyUsage(['clientAuth']) }),
    },
  },
  {
    rule: 'nomad/extended-key-usage-exact',
    ...asOperator,
    bad: {
      'serves-too': operator({
        extensions: { extendedKeyUsage: extendedKeyUsage(['clientAuth', 'serverAuth']) },
      }),
      missing: operator({ extensions: { extendedKeyUsage: undefined } }),
      'code-signing': operator({
        extensions: { extendedKeyUsage: extendedKeyUsage(['clientAuth', 'codeSigning']) },
      }),
    },
  },
  {
    rule: 'nomad/authority-key-usage',
    ...asIntermediate,
    good: intermediate({
      extensions: { extendedKeyUsage: extendedKeyUsage(['serverAuth', 'clientAuth']) },
    }),
    bad: {
      'server-only': intermediate({
        extensions: { extendedKeyUsage: extendedKeyUsage(['serverAuth']) },
      }),
      'client-only': intermediate({
        extensions: { extendedKeyUsage: extendedKeyUsage(['clientAuth']) },
      }),
    },
  },
  {
    rule: 'nomad/parsable',
    ...asServer,
    good: withOrganization('a*b&c', tags.printableString),
    bad: {
      'negative-serial': server({ serial: 'ff00' }),
      'printable-underscore': withOrganization('us_west', tags.printableString),
      'universal-string': server({
        subject: commonName(cn, undefined, attribute('2.5.4.10', 'abcd', 28)),
      }),
      'issuer-printable': server({ issuer: commonName('lint_root', tags.printableString) }),
      compressed: server({ spki: ecKeyOf(oid('1.2.840.10045.3.1.7'), 2, 32) }),
      secp256k1: server({ spki: ecKeyOf(oid('1.3.132.0.10'), 4, 64) }),
    },
  },
  {
    rule: 'nomad/agent-key',
    ...asServer,
    good: server({ spki: p521 }),
    bad: {
      ed25519: server({ spki: ed25519 }),
      p224: server({ spki: ecKeyOf(oid('1.3.132.0.33'), 4, 56) }),
      secp256k1: server({ spki: ecKeyOf(oid('1.3.132.0.10'), 4, 64) }),
      'rsa-512': server({ spki: rsa(512) }),
      'rsa-16384': server({ spki: rsa(16_384) }),
    },
  },
  {
    rule: 'nomad/signature-hash',
    ...asServer,
    bad: {
      'rsa-sha1': server({ inner: sequence(oid('1.2.840.113549.1.1.5'), nullValue) }),
      'ecdsa-sha1': server({ inner: sequence(oid('1.2.840.10045.4.1')) }),
    },
  },
  {
    rule: 'nomad/loopback-missing',
    ...asServer,
    bad: {
      localhost: ext({ subjectAltName: san(['server.global.nomad'], local) }),
      ipv6: ext({ subjectAltName: san(usual, ['127.0.0.1']) }),
      ipv4: ext({ subjectAltName: san(usual, ['::1']) }),
    },
  },
  {
    rule: 'nomad/ed25519-authority',
    ...asRoot,
    good: root({ spki: p521 }),
    bad: { ed25519: root() },
  },
  { rule: 'nomad/p521-leaf', ...asServer, bad: { p521: server({ spki: p521 }) } },
  {
    rule: 'nomad/intermediate-unconstrained',
    ...asIntermediate,
    bad: { missing: intermediate({ extensions: { nameConstraints: undefined } }) },
  },
  {
    rule: 'nomad/probe-narrow',
    ...{ profile: 'probe', issuer: 'root', good: probe() },
    bad: {
      'common-name': probe({ subject: commonName('cli.global.nomad') }),
      serves: probe({
        extensions: { extendedKeyUsage: extendedKeyUsage(['serverAuth', 'clientAuth']) },
      }),
      names: probe({
        extensions: { subjectAltName: san(['client.global.nomad'], [], ['nomad-pki:probe']) },
      }),
      long: probe({ notAfter: utc('260301000000Z') }),
    },
  },
]

function constrained(...names: readonly string[]): Draft {
  return intermediate({
    extensions: {
      nameConstraints: nameConstraints({
        permitted: names.map((value) => ({ type: 'dns', value })),
        excluded: [],
      }),
    },
  })
}

function contextOf(number: number): Uint8Array {
  return Uint8Array.of(0xa0 + number, 0)
}
