/** What no shell can judge: whether the same authority made an archive, and whether a node may go back. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { formatInstant } from '../../src/duration.js'
import { checkTrio } from '../../src/delivery/check-trio.js'
import { judgeArchive, judgeReturn, type Judgement } from '../../src/delivery/judge.js'
import { readLast, type LastGeneration, type NodeGeneration } from '../../src/delivery/node.js'
import type { Archive } from '../../src/delivery/read-archive.js'
import type { Override } from '../../src/overrides.js'
import { fingerprintText } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { fingerprintOf } from '../../src/x509/certificate.js'
import { aCluster, day } from '../builders.js'

type Built = Awaited<ReturnType<ReturnType<typeof aCluster>['build']>>
const address = 'identity/server/global/s1'
let old: Built
let next: Built
let now = 0
beforeAll(async () => {
  old = await aCluster().withServer('s1').build()
  next = await aCluster().withServer('s1').build()
  now = old.now + 60_000
})

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const rootOf = (pem: string): string => fingerprintOf(parseCertificates(pem)[0]!)

/** A generation on a node: the leaf of one cluster, and the roots of some. */
function generation(directory: string, of: Built, ...trusted: Built[]): NodeGeneration {
  const { cert, key } = of.files(address)
  const ca = trusted.map((one) => one.files(address).ca).join('')
  return {
    ...{ directory, manifest: undefined },
    ...{ ca: bytes(ca), cert: bytes(cert), key: bytes(key) },
  }
}

interface Change {
  readonly fingerprint?: string
  readonly files?: Partial<Archive['files']>
}

function archive(directory: string, of: Built, trusted: Built[], change: Change = {}): Archive {
  const { ca, cert, key } = generation(directory, of, ...trusted)
  const fingerprint = change.fingerprint ?? fingerprintOf(of.leaf(address))
  return {
    manifest: { directory, address },
    generation: { leaf: { fingerprint } },
    files: { ca, cert, key, ...change.files },
  } as unknown as Archive
}

const has = (present: NodeGeneration | undefined): LastGeneration => ({
  ...{ present, receipt: undefined, lost: undefined },
})
const allow = (code: Override['code'], value: string): Override => ({ code, value, reason: 'so' })
const clean: Judgement = { faults: [], warnings: [] }
const another =
  'another authority made it: the present trust (1-00000000) does not accept the new leaf, and the new trust does not accept the present leaf'

describe('an archive', () => {
  test.each<[string, () => Archive]>([
    ['the same once more', () => archive('1-00000000', old, [old])],
    ['a leaf under the present trust', () => archive('2-00000000', old, [old])],
    ['wider trust', () => archive('2-00000000', old, [old, next])],
    ['a leaf of the next root, and trust in both', () => archive('2-00000000', next, [old, next])],
  ])('is taken: %s', (_, made) => {
    expect(judgeArchive(made(), has(generation('1-00000000', old, old)), now)).toEqual(clean)
    expect(judgeArchive(made(), has(undefined), now)).toEqual(clean)
  })

  test('is taken where the node trusts the next root already, and where it trusts fewer', () => {
    const both = generation('1-00000000', old, old, next)
    expect(judgeArchive(archive('2-00000000', next, [next]), has(both), now)).toEqual(clean)
    expect(judgeArchive(archive('2-00000000', old, [old]), has(both), now)).toEqual(clean)
  })

  test('of another authority is refused, and says how to accept the root', () => {
    const { faults, warnings } = judgeArchive(
      archive('2-00000000', next, [next]),
      has(generation('1-00000000', old, old)),
      now,
    )
    expect(warnings).toEqual([])
    expect(faults).toHaveLength(1)
    expect(faults[0]!.startsWith(`${another}. `)).toBe(true)
    expect(faults[0]).toContain('--override new-root=SHA256:HEX --reason TEXT')
  })

  test('of another authority is taken where each new root is accepted, and the sentence stays', () => {
    const last = has(generation('1-00000000', old, old))
    const made = archive('2-00000000', next, [next])
    const accepted = allow('new-root', fingerprintText(next.root()))
    expect(judgeArchive(made, last, now, [accepted])).toEqual({ faults: [], warnings: [another] })
    const other = allow('new-root', fingerprintText(old.root()))
    expect(judgeArchive(made, last, now, [other]).faults).toHaveLength(1)
    expect(judgeArchive(made, last, now, [allow('rollback', 'x')]).faults).toHaveLength(1)
  })

  test('of the same directory is not compared with what is in place', () => {
    const made = archive('1-00000000', next, [next])
    expect(judgeArchive(made, has(generation('1-00000000', old, old)), now)).toEqual(clean)
  })

  test('without a certificate needs the one that is in place, without a key the one that the node holds', () => {
    const noKey =
      'the archive has no key, and no key on this node is that of the certificate: nomad-pki request makes one, before the certificate'
    const held = bytes(old.files(address).key)
    const bare = archive('2-00000000', old, [old], { files: { cert: undefined, key: undefined } })
    const present = has(generation('1-00000000', old, old))
    expect(judgeArchive(bare, present, now, [], held)).toEqual(clean)
    expect(judgeArchive(bare, present, now).faults).toEqual([noKey])
    expect(judgeArchive(bare, has(undefined), now).faults).toEqual([
      'the archive has no certificate, and none is in place',
      noKey,
    ])
    const keyless = archive('2-00000000', old, [old], { files: { key: undefined } })
    expect(judgeArchive(keyless, has(undefined), now, [], held)).toEqual(clean)
    expect(judgeArchive(keyless, has(undefined), now).faults).toEqual([noKey])
    const other = bytes(next.files(address).key)
    expect(judgeArchive(keyless, has(undefined), now, [], other).faults).toHaveLength(1)
  })

  test('whose leaf is not that of its manifest is refused', () => {
    const made = archive('2-00000000', old, [old], { fingerprint: 'ab' })
    expect(judgeArchive(made, has(undefined), now).faults).toEqual([
      'the leaf is not that of the manifest (ab)',
    ])
  })

  test('is compared without dates: a cluster that has ended can be healed', () => {
    const late = old.leaf(address).notAfter + day
    const { faults } = judgeArchive(
      archive('2-00000000', old, [old]),
      has(generation('1-00000000', old, old)),
      late,
    )
    expect(faults).toEqual([`the leaf expired at ${formatInstant(old.leaf(address).notAfter)}`])
  })

  test('after a file was damaged in place is judged by the receipt', () => {
    const damaged = { ...generation('1-00000000', old, old), ca: bytes('junk'), cert: undefined }
    const made = archive('2-00000000', next, [next])
    const receipt = (directory: string, of: Built): LastGeneration => ({
      present: damaged,
      receipt: {
        directory,
        state: 'proven',
        fingerprint: 'f',
        roots: [rootOf(of.files(address).ca)],
      },
      lost: undefined,
    })
    expect(judgeArchive(made, receipt('1-00000000', next), now)).toEqual(clean)
    expect(judgeArchive(made, receipt('1-00000000', old), now).faults).toHaveLength(1)
    // The receipt of another generation tells nothing of this one.
    expect(judgeArchive(made, receipt('9-00000000', next), now).faults).toHaveLength(1)
  })

  test('after the files were lost is judged by the receipt alone', () => {
    const made = archive('2-00000000', next, [next])
    const lost = (roots: readonly string[], fingerprint?: string): readonly string[] =>
      judgeArchive(
        made,
        {
          present: undefined,
          receipt: { directory: '1-00000000', state: 'proven', fingerprint, roots },
          lost: '1-00000000',
        },
        now,
      ).faults.map((fault) => fault.slice(0, fault.indexOf('. ')))
    const [a, b] = [old, next].map((one) => rootOf(one.files(address).ca))
    expect(lost([b!])).toEqual([])
    expect(lost([a!, b!])).toEqual([])
    expect(lost([], fingerprintOf(next.leaf(address)))).toEqual([])
    expect(lost([a!])).toEqual([
      'another authority made it: the receipt of this node names other roots (1-00000000, whose files are lost)',
    ])
    expect(lost([])).toEqual([
      'another authority may have made it: the files of 1-00000000 are lost, and its receipt does not name its roots',
    ])
  })
})

describe('the way back', () => {
  const back = (there: NodeGeneration, here: NodeGeneration, ...overrides: Override[]): Judgement =>
    judgeReturn(here, there, now, overrides)

  test('is open where both trust both leaves', () => {
    expect(back(generation('1-00000000', old, old), generation('2-00000000', old, old))).toEqual(
      clean,
    )
    expect(
      back(generation('1-00000000', old, old, next), generation('2-00000000', next, old, next)),
    ).toEqual(clean)
  })

  test('is closed in each direction alone, and says which one', () => {
    const there = generation('1-00000000', old, old)
    const { faults, warnings } = back(there, generation('2-00000000', next, old, next))
    expect(warnings).toEqual([])
    expect(faults[0]).toMatch(
      /^the leaf of 2-00000000 is not trusted by what 1-00000000 trusts: .*; this node refuses agents that still have it$/,
    )
    expect(faults.slice(1)).toEqual([
      'to go back all the same: --override rollback=1-00000000 --reason TEXT',
    ])
    const other = back(
      generation('1-00000000', old, old, next),
      generation('2-00000000', next, next),
    )
    expect(other.faults[0]).toMatch(
      /^the leaf of 1-00000000 is not trusted by what 2-00000000 trusts: .*; agents that still have it refuse this node$/,
    )
    expect(other.faults).toHaveLength(2)
    expect(back(there, generation('2-00000000', next, next)).faults).toHaveLength(3)
  })

  test('is opened for this generation, and what it breaks stays a warning', () => {
    const there = generation('1-00000000', old, old)
    const here = generation('2-00000000', next, next)
    const opened = back(there, here, allow('rollback', '1-00000000'))
    expect(opened.faults).toEqual([])
    expect(opened.warnings).toHaveLength(2)
    expect(back(there, here, allow('rollback', '2-00000000')).faults).toHaveLength(3)
  })

  test('needs files that are whole there; what is damaged here is only told', () => {
    const whole = generation('1-00000000', old, old)
    const damaged = { ...generation('2-00000000', old, old), cert: undefined }
    expect(back({ ...whole, ca: undefined }, whole)).toEqual({
      faults: ['1-00000000 is not whole'],
      warnings: [],
    })
    expect(back(whole, damaged)).toEqual({ faults: [], warnings: ['2-00000000 is not whole'] })
  })

  test('says of what is wrong there where it is', () => {
    const wrong = { ...generation('1-00000000', old, old), key: bytes(next.files(address).key) }
    const { faults } = back(wrong, generation('2-00000000', old, old))
    expect(faults[0]).toMatch(/^1-00000000: .*does not belong/)
    expect(faults).toHaveLength(2)
  })
})

describe('three files', () => {
  const trio = (
    change: Partial<Record<'ca' | 'cert' | 'key', string>> = {},
    at = now,
  ): Judgement => {
    const files = { ...old.files(address), ...change }
    const { faults, warnings } = checkTrio(
      { ca: bytes(files.ca), cert: bytes(files.cert), key: bytes(files.key) },
      at,
    )
    return { faults, warnings }
  }

  test('belong together until the leaf ends, and from its beginning', () => {
    const { notBefore, notAfter } = old.leaf(address)
    expect(trio()).toEqual(clean)
    expect(trio({}, notBefore)).toEqual(clean)
    expect(trio({}, notAfter - 1)).toEqual(clean)
    expect(trio({}, notAfter).faults).toEqual([`the leaf expired at ${formatInstant(notAfter)}`])
    expect(trio({}, notBefore - 1000).faults).toEqual([
      `the leaf is valid from ${formatInstant(notBefore)}, and it is ${formatInstant(notBefore - 1000)} here: is the clock right?`,
    ])
  })

  test('of two authorities do not, and it is said once', () => {
    const { faults } = trio({ ca: next.files(address).ca })
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(/^the leaf is not trusted by the ca\.pem beside it: /)
    expect(trio({ key: next.files(address).key }).faults).toHaveLength(1)
  })

  test('that cannot be read are named', () => {
    expect(trio({ ca: 'x' }).faults.join()).toContain('ca_file')
    expect(trio({ cert: 'x' }).faults.join()).toContain('cert_file')
    // Where the key stays on the node, it is not looked at.
    const { ca, cert } = old.files(address)
    expect(checkTrio({ ca: bytes(ca), cert: bytes(cert), key: undefined }, now).faults).toEqual([])
  })
})

describe('what a node had last', () => {
  let tls = ''
  beforeEach(() => {
    tls = mkdtempSync(join(tmpdir(), 'nomad-pki-node-'))
  })
  afterEach(() => {
    rmSync(tls, { recursive: true })
  })
  const put = (directory: string, made?: string): void => {
    mkdirSync(join(tls, directory))
    writeFileSync(join(tls, directory, 'ca.pem'), directory)
    if (made === undefined) return
    const none = '0'.repeat(64)
    const leaf = { serial: '0a', fingerprint: none, notBefore: made, notAfter: made }
    const files = { 'ca.pem': none, 'cert.pem': none, 'key.pem': none }
    const manifest = { format: 'nomad-pki/generation', version: 1, address, generation: 1, made }
    writeFileSync(
      join(tls, directory, 'manifest.json'),
      JSON.stringify({ ...manifest, leaf, files }),
    )
  }
  const receipt = (fields: object): void => {
    writeFileSync(
      join(tls, 'receipt.json'),
      JSON.stringify({ format: 'nomad-pki/receipt', ...fields }),
    )
  }
  const last = (): [string | undefined, string | undefined] => {
    const { present, lost } = readLast(tls)
    return [present?.directory, lost]
  }

  test('is what the link leads to', () => {
    put('1-00000000')
    put('2-00000000')
    symlinkSync('1-00000000', join(tls, 'current'))
    receipt({ directory: '2-00000000' })
    expect(last()).toEqual(['1-00000000', undefined])
    expect(Buffer.from(readLast(tls).present!.ca!).toString()).toBe('1-00000000')
  })

  test('is nothing where there is nothing, and no folder of another kind', () => {
    expect(last()).toEqual([undefined, undefined])
    mkdirSync(join(tls, 'other'))
    writeFileSync(join(tls, '1-00000000'), 'a file')
    symlinkSync('other', join(tls, 'current'))
    expect(last()).toEqual([undefined, undefined])
    expect(readLast(join(tls, 'none')).present).toBeUndefined()
  })

  test('without the link it is what the receipt names, or the newest by its manifest', () => {
    put('1-00000000', '2027-02-01T09:30:00Z')
    put('2-00000000', '2027-03-01T09:30:00Z')
    put('3-00000000')
    expect(last()).toEqual(['2-00000000', undefined])
    receipt({ directory: '1-00000000', roots: [] })
    expect(last()).toEqual(['1-00000000', undefined])
  })

  test('is lost where the files that the receipt names are gone', () => {
    receipt({ directory: '4-00000000', roots: [] })
    expect(last()).toEqual([undefined, '4-00000000'])
    put('1-00000000', '2027-03-01T09:30:00Z')
    // A receipt that names no roots tells less than an earlier generation.
    expect(last()).toEqual(['1-00000000', undefined])
    receipt({ directory: '4-00000000', roots: [`SHA256:${'a'.repeat(64)}`] })
    expect(last()).toEqual(['1-00000000', '4-00000000'])
    receipt({ directory: '../4', roots: [`SHA256:${'a'.repeat(64)}`] })
    expect(last()).toEqual(['1-00000000', undefined])
  })

  test('and its receipt is read as far as it is one', () => {
    receipt({
      directory: 5,
      fingerprint: 'f',
      roots: [
        7,
        `SHA256:${'a'.repeat(64)}`,
        'SHA256:a',
        `x SHA256:${'a'.repeat(64)}`,
        `SHA256:${'a'.repeat(65)}`,
      ],
    })
    expect(readLast(tls).receipt).toEqual({
      directory: undefined,
      fingerprint: 'f',
      roots: ['a'.repeat(64)],
    })
    receipt({ roots: 'a' })
    expect(readLast(tls).receipt?.roots).toEqual([])
    for (const text of ['{', 'null', '1', '{"format":"other"}']) {
      writeFileSync(join(tls, 'receipt.json'), text)
      expect(readLast(tls).receipt).toBeUndefined()
    }
  })
})
