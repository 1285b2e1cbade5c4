/**
 * Every lint rule, in the order in which a certificate is read. Foldered by their source.
 *
 * @module
 */

import { htmlEntities } from './community/html-entities.js'
import { nameMojibake } from './community/name-mojibake.js'
import { nameMultipleAttributes } from './community/name-multiple-attributes.js'
import { nameWhitespace } from './community/name-whitespace.js'
import { agentKey } from './nomad/agent-key.js'
import { authorityKeyUsage } from './nomad/authority-key-usage.js'
import { commonName } from './nomad/common-name.js'
import { commonNameConstrained } from './nomad/common-name-constrained.js'
import { commonNameRole } from './nomad/common-name-role.js'
import { commonNameSingle } from './nomad/common-name-single.js'
import { ed25519Authority } from './nomad/ed25519-authority.js'
import { extendedKeyUsage } from './nomad/extended-key-usage.js'
import { extendedKeyUsageExact } from './nomad/extended-key-usage-exact.js'
import { foreignRole } from './nomad/foreign-role.js'
import { intermediateUnconstrained } from './nomad/intermediate-unconstrained.js'
import { loopbackMissing } from './nomad/loopback-missing.js'
import { nameConstrained } from './nomad/name-constrained.js'
import { p521Leaf } from './nomad/p521-leaf.js'
import { parsable } from './nomad/parsable.js'
import { probeNarrow } from './nomad/probe-narrow.js'
import { region } from './nomad/region.js'
import { roleNameMissing } from './nomad/role-name-missing.js'
import { signatureHash } from './nomad/signature-hash.js'
import { wildcard } from './nomad/wildcard.js'
import { wildcardHost } from './nomad/wildcard-host.js'
import { rsaExponent } from './rfc3279/rsa-exponent.js'
import { rsaModulus } from './rfc3279/rsa-modulus.js'
import { rsaParameters } from './rfc3279/rsa-parameters.js'
import { algorithmParameters } from './rfc5280/algorithm-parameters.js'
import { algorithmsEqual } from './rfc5280/algorithms-equal.js'
import { authorityKeyIdentifier } from './rfc5280/authority-key-identifier.js'
import { basicConstraintsCa } from './rfc5280/basic-constraints-ca.js'
import { basicConstraintsCritical } from './rfc5280/basic-constraints-critical.js'
import { basicConstraintsLeaf } from './rfc5280/basic-constraints-leaf.js'
import { country } from './rfc5280/country.js'
import { criticalUnknown } from './rfc5280/critical-unknown.js'
import { extendedKeyUsageCritical } from './rfc5280/extended-key-usage-critical.js'
import { issuerMaySign } from './rfc5280/issuer-may-sign.js'
import { issuerName } from './rfc5280/issuer-name.js'
import { issuerPresent } from './rfc5280/issuer-present.js'
import { keyIdentifiersCritical } from './rfc5280/key-identifiers-critical.js'
import { keyUsageAuthority } from './rfc5280/key-usage-authority.js'
import { keyUsageCritical } from './rfc5280/key-usage-critical.js'
import { keyUsageEmpty } from './rfc5280/key-usage-empty.js'
import { keyUsageLeaf } from './rfc5280/key-usage-leaf.js'
import { keyUsagePurpose } from './rfc5280/key-usage-purpose.js'
import { nameConstraintsAuthority } from './rfc5280/name-constraints-authority.js'
import { nameConstraintsCritical } from './rfc5280/name-constraints-critical.js'
import { nameConstraintsForm } from './rfc5280/name-constraints-form.js'
import { nameControlCharacters } from './rfc5280/name-control-characters.js'
import { nameEmpty } from './rfc5280/name-empty.js'
import { nameLengths } from './rfc5280/name-lengths.js'
import { namePrintable } from './rfc5280/name-printable.js'
import { nameStringTypes } from './rfc5280/name-string-types.js'
import { pathLength } from './rfc5280/path-length.js'
import { pathLengthIssuer } from './rfc5280/path-length-issuer.js'
import { sanCritical } from './rfc5280/san-critical.js'
import { sanDnsSyntax } from './rfc5280/san-dns-syntax.js'
import { sanDuplicates } from './rfc5280/san-duplicates.js'
import { sanEmpty } from './rfc5280/san-empty.js'
import { sanPresent } from './rfc5280/san-present.js'
import { sanUriSyntax } from './rfc5280/san-uri-syntax.js'
import { serialNumber } from './rfc5280/serial-number.js'
import { subjectKeyIdentifier } from './rfc5280/subject-key-identifier.js'
import { subjectPresent } from './rfc5280/subject-present.js'
import { timeEncoding } from './rfc5280/time-encoding.js'
import { uniqueIdentifiers } from './rfc5280/unique-identifiers.js'
import { validityNested } from './rfc5280/validity-nested.js'
import { validityOrder } from './rfc5280/validity-order.js'
import { version } from './rfc5280/version.js'
import { ecPublicKey } from './rfc5480/ec-public-key.js'
import { ecKeyUsage } from './rfc8813/ec-key-usage.js'
import type { Rule } from './rule.js'

/** All rules. */
export const rules: readonly Rule[] = [
  version,
  serialNumber,
  algorithmsEqual,
  algorithmParameters,
  issuerPresent,
  issuerName,
  subjectPresent,
  nameStringTypes,
  namePrintable,
  nameEmpty,
  nameControlCharacters,
  country,
  nameLengths,
  timeEncoding,
  validityOrder,
  validityNested,
  uniqueIdentifiers,
  criticalUnknown,
  subjectKeyIdentifier,
  authorityKeyIdentifier,
  keyIdentifiersCritical,
  basicConstraintsCa,
  basicConstraintsCritical,
  basicConstraintsLeaf,
  pathLength,
  pathLengthIssuer,
  issuerMaySign,
  keyUsageCritical,
  keyUsageEmpty,
  keyUsageAuthority,
  keyUsageLeaf,
  keyUsagePurpose,
  extendedKeyUsageCritical,
  nameConstraintsCritical,
  nameConstraintsAuthority,
  nameConstraintsForm,
  sanPresent,
  sanEmpty,
  sanCritical,
  sanDnsSyntax,
  sanUriSyntax,
  sanDuplicates,
  ecPublicKey,
  ecKeyUsage,
  rsaParameters,
  rsaModulus,
  rsaExponent,
  htmlEntities,
  nameWhitespace,
  nameMojibake,
  nameMultipleAttributes,
  roleNameMissing,
  commonName,
  commonNameRole,
  commonNameSingle,
  commonNameConstrained,
  nameConstrained,
  wildcard,
  wildcardHost,
  foreignRole,
  extendedKeyUsage,
  extendedKeyUsageExact,
  authorityKeyUsage,
  parsable,
  agentKey,
  signatureHash,
  loopbackMissing,
  region,
  ed25519Authority,
  p521Leaf,
  intermediateUnconstrained,
  probeNarrow,
]
