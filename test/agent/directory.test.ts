import { describe, expect, test } from 'vitest'
import { configFilesOf, isConfigFileName, isStrayName } from '../../src/agent/index.js'

describe('which files Nomad reads from a directory (trap 3)', () => {
  test.each([
    ['nomad.hcl', true],
    ['nomad.json', true],
    ['.hidden.hcl', true],
    ['.hcl', true],
    ['#a.hcl', true],
    ['tls.bak.hcl', true],
    ['nomad.hcl~', false],
    ['.#nomad.hcl', false],
    ['#nomad.hcl#', false],
    ['nomad.hcl.bak', false],
    ['nomad.HCL', false],
    ['nomad.conf', false],
    ['hcl', false],
  ])('%s: %s', (name, expected) => {
    expect(isConfigFileName(name)).toBe(expected)
  })

  test('in the order of bytes, not of a language', () => {
    const names = [
      'b.hcl',
      'é.hcl',
      'a.hcl',
      'B.hcl',
      '10.hcl',
      '9.hcl',
      'a-b.hcl',
      '\u{1f389}.hcl',
      '\uffee.hcl',
    ]
    expect(configFilesOf(names.map((name) => ({ name }))).map(({ name }) => name)).toEqual([
      '10.hcl',
      '9.hcl',
      'B.hcl',
      'a-b.hcl',
      'a.hcl',
      'b.hcl',
      'é.hcl',
      '\uffee.hcl',
      '\u{1f389}.hcl',
    ])
  })
})

describe('names that look like backups and are read all the same', () => {
  test.each([
    ['tls.bak.hcl', true],
    ['.tls.hcl', true],
    ['tls.old.json', true],
    ['tls-backup.hcl', true],
    ['nomad.20240101.hcl', true],
    ['tls copy.hcl', true],
    ['tls.hcl', false],
    ['00-base.hcl', false],
    ['server.hcl', false],
    ['oldenburg.hcl', false],
    ['tls.hcl.bak', false],
  ])('%s: %s', (name, expected) => {
    expect(isStrayName(name)).toBe(expected)
  })
})
