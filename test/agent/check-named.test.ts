import { describe, expect, test } from 'vitest'
import type { AgentUser } from '../../src/agent/access.js'
import { checkNamed, type CheckNamedOptions, type NamedFile } from '../../src/agent/check-named.js'
import type { TlsKey } from '../../src/agent/tls-keys.js'
import type { LoadFault } from '../../src/nomad/load-fault.js'

const nomad: AgentUser = { name: 'nomad', uid: 998, gids: [997] }
const root: AgentUser = { name: 'root', uid: 0, gids: [0] }
const at = (path: string, mode: number, uid = 998, gid = 997) => ({ path, mode, uid, gid })
const way = [at('/', 0o755, 0, 0), at('/t', 0o755, 0, 0)]
const sound: NamedFile = { state: 'present', way, permissions: at('/t/f', 0o600), faults: [] }

function check(
  key: TlsKey,
  file: NamedFile,
  options: Partial<CheckNamedOptions> = {},
  path = '/t/f',
): string[] {
  return checkNamed(key, path, file, { encrypted: true, ...options }).map(
    ({ severity, code, message }) => `${severity} ${code}: ${message}`,
  )
}

test('nothing is said of a sound file', () => {
  expect(check('key_file', sound, { user: nomad })).toEqual([])
})

describe('what is not there', () => {
  const missing: NamedFile = { state: 'missing', at: '/t' }
  test('stops the agent; where in the way, is said', () => {
    expect(check('ca_file', missing)).toEqual([
      'error agent/file-missing: the file of "ca_file" is not there (/t)',
    ])
    expect(check('ca_file', { state: 'missing' })).toEqual([
      'error agent/file-missing: the file of "ca_file" is not there',
    ])
  })

  test.each<[TlsKey, Partial<CheckNamedOptions>, string, string]>([
    ['key_file', { encrypted: false }, '/t/f', 'warning'],
    ['cert_file', { encrypted: false }, '/t/f', 'error'],
    ['cert_file', { encrypted: false, nomadVersion: '1.11.2' }, '/t/f', 'warning'],
    ['cert_file', {}, 'f', 'warning'],
  ])('%s with %j at %j is a matter of %4$s', (key, options, path, severity) => {
    expect(check(key, missing, options, path)[0]).toMatch(new RegExp(`^${severity} `))
  })

  test('a directory, a pipe', () => {
    expect(check('cert_file', { state: 'directory' })).toEqual([
      'error agent/file-kind: the file of "cert_file" is a directory',
    ])
    expect(check('cert_file', { state: 'special' })).toEqual([
      'warning agent/file-kind: the file of "cert_file" is not a plain file',
    ])
  })
})

describe('what the agent may not read', () => {
  const roots: NamedFile = { ...sound, permissions: at('/t/f', 0o600, 0, 0) }
  test('a file of root’s', () => {
    expect(check('key_file', roots, { user: nomad })).toEqual([
      'error agent/file-unreadable: nomad cannot read the file of "key_file" (mode 0600, user 0, group 0)',
    ])
    expect(check('key_file', roots, { user: root })).toEqual([])
    expect(check('key_file', roots)).toEqual([])
  })

  test('a directory on the way, also when nobody can look behind it', () => {
    const hidden: NamedFile = {
      state: 'unseen',
      at: '/t/f',
      way: [way[0]!, at('/t', 0o700, 0, 0)],
    }
    expect(check('cert_file', hidden, { user: nomad })).toEqual([
      'error agent/file-unreadable: nomad cannot enter /t (mode 0700, user 0, group 0), on the way to the file of "cert_file"',
    ])
  })

  test('a guess at the user makes it a warning, and is admitted', () => {
    const [fault] = checkNamed('ca_file', '/t/f', roots, {
      encrypted: true,
      user: { ...nomad, assumed: true },
    })
    expect(fault?.severity).toBe('warning')
    expect(fault?.hint).toContain('--user')
  })

  test('what whoever runs it cannot see is not judged, and that is said', () => {
    expect(check('key_file', { ...sound, faults: undefined }, { user: nomad })).toEqual([
      'note agent/file-unseen: this user cannot look at the file of "key_file", so it is not judged',
    ])
    expect(check('key_file', { state: 'unseen', at: '/t', way: [way[0]!] })).toEqual([
      'note agent/file-unseen: this user cannot look at the file of "key_file" (/t), so it is not judged',
    ])
  })
})

describe('what Nomad makes of the content', () => {
  const with_ = (...faults: readonly LoadFault[]): NamedFile => ({ ...sound, faults })
  const refused: LoadFault = { file: 'key', effect: 'refused', message: 'a' }
  test.each<[string, LoadFault, TlsKey, Partial<CheckNamedOptions>, string[]]>([
    ['refused', refused, 'key_file', {}, ['error agent/file-content: a']],
    [
      'the same without TLS',
      refused,
      'key_file',
      { encrypted: false },
      ['warning agent/file-content: a'],
    ],
    [
      'a kind of key that no server takes, without TLS',
      { ...refused, evenOff: true },
      'key_file',
      { encrypted: false },
      ['error agent/file-content: a'],
    ],
    [
      'a certificate without TLS: the metric reads it',
      { ...refused, file: 'cert' },
      'cert_file',
      { encrypted: false },
      ['error agent/file-content: a'],
    ],
    [
      'and before there was one',
      { ...refused, file: 'cert' },
      'cert_file',
      { encrypted: false, nomadVersion: '1.11.2' },
      ['warning agent/file-content: a'],
    ],
    [
      'no handshake',
      { ...refused, effect: 'unusable' },
      'key_file',
      {},
      ['error agent/file-content: a'],
    ],
    [
      'passed over',
      { ...refused, effect: 'dropped' },
      'key_file',
      {},
      ['warning agent/file-passed-over: a'],
    ],
    [
      'not in this version yet',
      { ...refused, since: '1.11.3' },
      'key_file',
      { nomadVersion: '1.10.0' },
      [],
    ],
    [
      'no longer in this version',
      { ...refused, until: '2.0.0' },
      'key_file',
      { nomadVersion: '2.0.0' },
      [],
    ],
  ])('%s', (_, fault, key, options, expected) => {
    expect(check(key, with_(fault), options)).toEqual(expected)
  })

  test('several are told in one sentence, because they have one place', () => {
    const dropped: LoadFault = { file: 'ca', effect: 'dropped', message: 'b' }
    expect(
      check('ca_file', with_(refused, { ...refused, message: 'c' }, dropped, dropped)),
    ).toEqual(['error agent/file-content: a; c', 'warning agent/file-passed-over: b; b'])
  })
})

describe('what is too open', () => {
  const open = (mode: number, gid = 997): NamedFile => ({
    ...sound,
    permissions: at('/t/f', mode, 0, gid),
  })
  test('a key for everybody, for a group; certificates are public', () => {
    expect(check('key_file', open(0o644))).toEqual([
      'warning agent/file-mode: every user can read the private key (mode 0644, user 0, group 997)',
    ])
    expect(check('key_file', open(0o640))).toEqual([
      'note agent/file-mode: group 997 can read the private key (mode 0640, user 0, group 997)',
    ])
    expect(check('cert_file', open(0o644))).toEqual([])
  })

  test('a key that the agent reads by its group is as it should be', () => {
    expect(check('key_file', open(0o640), { user: nomad })).toEqual([])
    expect(check('key_file', open(0o640), { user: { ...nomad, assumed: true } })).toHaveLength(1)
    expect(check('key_file', open(0o640), { user: root })).toHaveLength(1)
    expect(check('key_file', open(0o644), { user: nomad })).toHaveLength(1)
  })

  test('a directory that is closed makes it a note', () => {
    const closed = { ...open(0o644), way: [way[0]!, at('/t', 0o700, 0)] }
    expect(check('key_file', closed)).toEqual([
      'note agent/file-mode: only /t (mode 0700, user 0, group 997) keeps every user from the private key (mode 0644, user 0, group 997)',
    ])
  })

  test('whatever everybody can replace, certificates too', () => {
    expect(check('ca_file', open(0o666))).toEqual([
      'warning agent/file-mode: every user can replace the file of "ca_file": /t/f (mode 0666, user 0, group 997)',
    ])
    const door = { ...open(0o644), way: [way[0]!, at('/t', 0o777, 0, 0)] }
    expect(check('ca_file', door)[0]).toContain('"ca_file": /t (mode 0777')
  })
})
