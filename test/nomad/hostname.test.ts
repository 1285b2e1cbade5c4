import { expect, test } from 'vitest'
import { matchesHostname } from '../../src/nomad/hostname.js'

// Each verdict is crypto/x509's of Go 1.26: VerifyHostname on a certificate with that dNSName.
test.each([
  ['server.global.nomad', 'server.global.nomad', true],
  ['SERVER.Global.Nomad', 'server.global.nomad', true],
  ['server.eu.nomad', 'server.EU.nomad', true],
  ['*.global.nomad', 'server.global.nomad', true],
  ['*.GLOBAL.nomad', 'server.global.nomad', true],
  ['*.nomad', 'server.global.nomad', false],
  ['*.global.nomad', 'a.server.global.nomad', false],
  ['*', 'localhost', false],
  ['server.*.nomad', 'server.global.nomad', false],
  ['s*.global.nomad', 'server.global.nomad', false],
  ['server.global.nomad.', 'server.global.nomad', false],
  ['server.global.nomad', 'server.global.nomad.', true],
  ['server..nomad', 'server..nomad', true],
  ['*..nomad', 'server..nomad', false],
  ['server.a b.nomad', 'server.a b.nomad', true],
  ['*.a b.nomad', 'server.a b.nomad', false],
  ['server.us_west.nomad', 'server.us_west.nomad', true],
  ['*.us_west.nomad', 'server.us_west.nomad', true],
  ['server.-x.nomad', 'server.-x.nomad', true],
  ['', '', false],
  ['.', '.', false],
  ['localhost', 'localhost', true],
  ['*.example', 'a.example', true],
  ['a b', 'a c', false],
  ['a', 'a b', false],
  ['a b', 'a', false],
])('%j covers %j: %s', (pattern, host, covered) => {
  expect(matchesHostname(pattern, host)).toBe(covered)
})

// A wildcard covers only what is a host name by Go's validHostname.
test.each([
  ...['a', 'z', '0', '9', 'A', 'Z', '_', 'x-', 'x-y', '09az_'].map(
    (label) => [label, true] as const,
  ),
  ...['/', ':', '`', '{', '@', '[', '-', '-x', '', 'x*', 'ä', 'x y'].map(
    (label) => [label, false] as const,
  ),
])('of the label %j: %s', (label, covered) => {
  expect(matchesHostname('*.global.nomad', `${label}.global.nomad`)).toBe(covered)
  expect(matchesHostname(`*.${label}.nomad`, `x.${label}.nomad`)).toBe(covered)
})
test.each([
  ['*.nomad', '.nomad', false],
  ['*.nomad', 'nomad', false],
  ['*.nomad', 'x.nomad.', true],
  ['*.nomad', 'x.nomad..', false],
  ['*.nomad.', 'x.nomad', false],
  ['*.nomad.', 'x.nomad.', false],
  ['**.nomad', 'x.nomad', false],
  ['*x.nomad', 'xx.nomad', false],
  ['*.*.nomad', 'x.y.nomad', false],
  ['*.', 'x.', false],
  ['*', '*', true],
  ['*.nomad', '*.nomad', true],
])('%j covers %j: %s', (pattern, host, covered) => {
  expect(matchesHostname(pattern, host)).toBe(covered)
})
