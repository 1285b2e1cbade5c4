import { describe, expect, test } from 'vitest'
import { sequence } from '../../src/der/write.js'
import { verifyChain, type ChainVerdict } from '../../src/x509/verify-chain.js'
import { certify, day, dns, ip, now, type Holder, type Special } from './chains.js'

const root = certify('root', { ca: true, usage: ['keyCertSign'] })
const other = certify('other root', { ca: true })
const middle = certify('middle', { ca: true, issuer: root, pathLength: 0 })

const leafOf = (special: Special = {}): Holder =>
  certify('leaf', {
    issuer: middle,
    names: [dns('server.a.nomad')],
    purposes: ['serverAuth', 'clientAuth'],
    ...special,
  })

const judge = (
  leaf: Holder,
  intermediates: readonly Holder[] = [middle],
  roots: readonly Holder[] = [root],
  options: { readonly now?: number; readonly purpose?: 'serverAuth' | 'clientAuth' } = {},
): ChainVerdict =>
  verifyChain(
    leaf.certificate,
    intermediates.map(({ certificate }) => certificate),
    roots.map(({ certificate }) => certificate),
    { now, ...options },
  )

const codeOf = (verdict: ChainVerdict): string => (verdict.ok ? 'ok' : verdict.code)

describe('a chain holds', () => {
  test('leaf, intermediate, root', () => {
    const leaf = leafOf()
    expect(judge(leaf)).toEqual({
      ok: true,
      path: [leaf.certificate, middle.certificate, root.certificate],
    })
  })

  test('in any order, with strangers and the root in between', () => {
    const top = certify('top', { ca: true, issuer: root })
    const low = certify('low', { ca: true, issuer: top })
    const leaf = leafOf({ issuer: low })
    expect(codeOf(judge(leaf, [other, root, top, leaf, low]))).toBe('ok')
  })

  test('from an intermediate that is itself an anchor', () => {
    expect(codeOf(judge(leafOf(), [], [middle]))).toBe('ok')
  })

  test('of a leaf that is itself an anchor', () => {
    const leaf = certify('alone')
    expect(codeOf(judge(leaf, [], [leaf]))).toBe('ok')
  })

  test('over a cross-certificate, where only the other root is trusted', () => {
    const crossed = certify('root', { ca: true, issuer: other, key: root.key })
    expect(codeOf(judge(leafOf(), [middle], [other]))).toBe('unknown-authority')
    expect(codeOf(judge(leafOf(), [middle, crossed], [other]))).toBe('ok')
    // An expired cross-certificate beside a trusted root is harmless.
    const expired = certify('root', {
      ca: true,
      issuer: other,
      key: root.key,
      notAfter: now - 1000,
    })
    expect(codeOf(judge(leafOf(), [expired, middle], [root, other]))).toBe('ok')
  })

  test('under two roots of one name, whichever is first', () => {
    const twin = certify('root', { ca: true })
    expect(codeOf(judge(leafOf(), [middle], [twin, root]))).toBe('ok')
    expect(codeOf(judge(leafOf(), [middle], [root, twin]))).toBe('ok')
  })

  test('on the very second of its beginning and its end', () => {
    const leaf = leafOf()
    expect(codeOf(judge(leaf, [middle], [root], { now: now - day }))).toBe('ok')
    expect(codeOf(judge(leaf, [middle], [root], { now: now + day }))).toBe('ok')
  })

  test('under an old root without extensions’ usage, and one whose identifiers differ', () => {
    // Go orders by key identifiers and refuses nothing for them.
    const renewed = certify('root', { ca: true, key: root.key, notAfter: now + 9 * day })
    expect(codeOf(judge(leafOf(), [middle], [renewed]))).toBe('ok')
  })
})

describe('a chain does not hold, and says why', () => {
  const cases: readonly (readonly [string, string, RegExp, () => ChainVerdict])[] = [
    [
      'the intermediate is missing',
      'unknown-authority',
      /CN=middle, which signed CN=leaf, is neither presented nor trusted/,
      () => judge(leafOf(), []),
    ],
    [
      'the root is another',
      'unknown-authority',
      /CN=root, which signed CN=middle.*trusted: CN=other root/,
      () => judge(leafOf(), [middle], [other]),
    ],
    [
      'nothing is trusted',
      'unknown-authority',
      /trusted: none/,
      () => judge(leafOf(), [middle], []),
    ],
    ['it signed itself', 'unknown-authority', /signed itself/, () => judge(certify('self'), [])],
    [
      'the signature is another’s',
      'signature',
      /CN=middle did not sign CN=leaf/,
      () => judge(leafOf({ signer: other.key })),
    ],
    [
      'the intermediate’s signature is another’s',
      'signature',
      /CN=root did not sign CN=forged/,
      () => {
        const forged = certify('forged', { ca: true, issuer: root, signer: other.key })
        return judge(leafOf({ issuer: forged }), [forged])
      },
    ],
    [
      'the leaf has expired',
      'expired',
      /CN=leaf expired on 2026-05-31T23:59:59Z/,
      () => judge(leafOf({ notAfter: now - 1000 })),
    ],
    [
      'the root has expired',
      'expired',
      /CN=root expired/,
      () => {
        const old = certify('root', { ca: true, key: root.key, notAfter: now - 1000 })
        return judge(leafOf(), [middle], [old])
      },
    ],
    [
      'the leaf is not valid yet',
      'not-yet-valid',
      /CN=leaf is valid from/,
      () => judge(leafOf({ notBefore: now + 1000 })),
    ],
    [
      'the intermediate is not an authority',
      'not-an-authority',
      /CN=middle2 is not an authority/,
      () => {
        const no = certify('middle2', { issuer: root })
        return judge(leafOf({ issuer: no }), [no])
      },
    ],
    [
      'it does not say that it is one',
      'not-an-authority',
      /no CA:TRUE/,
      () => {
        const no = certify('middle2', { issuer: root, basic: 'none' })
        return judge(leafOf({ issuer: no }), [no])
      },
    ],
    [
      'it may not sign certificates',
      'not-an-authority',
      /may not sign certificates/,
      () => {
        const no = certify('middle2', { ca: true, issuer: root, usage: ['digitalSignature'] })
        return judge(leafOf({ issuer: no }), [no])
      },
    ],
    [
      'an intermediate below a path length of 0',
      'path-length',
      /CN=middle allows 0/,
      () => {
        const low = certify('low', { ca: true, issuer: middle })
        return judge(leafOf({ issuer: low }), [low, middle])
      },
    ],
    [
      'the root allows none below it, over a cross-certificate',
      'path-length',
      /CN=short allows 0/,
      () => {
        const short = certify('short', { ca: true, pathLength: 0 })
        const crossed = certify('root', { ca: true, issuer: short, key: root.key })
        return judge(leafOf({ issuer: root }), [crossed], [short])
      },
    ],
    [
      'a name outside of the constraints',
      'constraints',
      /server\.b\.nomad lies outside of what is permitted \(a\.nomad\), says CN=bound/,
      () => {
        const bound = certify('bound', { ca: true, issuer: root, permitted: [dns('a.nomad')] })
        return judge(leafOf({ issuer: bound, names: [dns('server.b.nomad')] }), [bound])
      },
    ],
    [
      'the root’s constraints bind, too',
      'constraints',
      /says CN=bound root/,
      () => {
        const bound = certify('bound root', { ca: true, excluded: [dns('nomad')] })
        const low = certify('low', { ca: true, issuer: bound })
        return judge(leafOf({ issuer: low }), [low], [bound])
      },
    ],
    [
      'IPv6 where only IPv4 is permitted',
      'constraints',
      /::1 lies outside/,
      () => {
        const bound = certify('bound', { ca: true, issuer: root, permitted: [ip('127.0.0.0/8')] })
        return judge(leafOf({ issuer: bound, names: [ip('::1')] }), [bound])
      },
    ],
    [
      'an unparsable name under constraints for addresses',
      'constraints',
      /cannot be parsed/,
      () => {
        const bound = certify('bound', { ca: true, issuer: root, permitted: [ip('127.0.0.0/8')] })
        return judge(leafOf({ issuer: bound, names: [dns('server.a.nomad.')] }), [bound])
      },
    ],
    [
      'the leaf is not for that',
      'usage',
      /CN=leaf is not for serverAuth/,
      () =>
        judge(leafOf({ purposes: ['clientAuth'] }), [middle], [root], { purpose: 'serverAuth' }),
    ],
    [
      'the intermediate is not for that',
      'usage',
      /CN=half is not for clientAuth/,
      () => {
        const half = certify('half', { ca: true, issuer: root, purposes: ['serverAuth'] })
        return judge(leafOf({ issuer: half }), [half], [root], { purpose: 'clientAuth' })
      },
    ],
    [
      'a critical extension that nobody knows',
      'unhandled-extension',
      /1\.2\.3\.4/,
      () => judge(leafOf({ more: [{ oid: '1.2.3.4', critical: true, value: sequence() }] })),
    ],
    [
      'constraints of a kind that Go does not know, critical as they are',
      'unhandled-extension',
      /2\.5\.29\.30/,
      () => {
        const bound = certify('bound', {
          ca: true,
          issuer: root,
          permitted: [{ type: 'directory', der: Buffer.from('a4023000', 'hex') }],
        })
        return judge(leafOf({ issuer: bound }), [bound])
      },
    ],
  ]
  test.each(cases)('%s', (_, code, message, verdict) => {
    const result = verdict()
    expect(codeOf(result)).toBe(code)
    expect(result.ok ? '' : result.message).toMatch(message)
  })

  test('but without a common name: constraints never bind it, and neither do we', () => {
    const bound = certify('bound', { ca: true, issuer: root, permitted: [dns('a.nomad')] })
    const leaf = certify('server.b.nomad', { issuer: bound })
    expect(codeOf(judge(leaf, [bound]))).toBe('ok')
  })

  test('purpose any, and no extended key usage at all, are for everything', () => {
    for (const purposes of [undefined, ['any'], ['1.2.3', 'any']]) {
      expect(codeOf(judge(leafOf({ purposes }), [middle], [root], { purpose: 'clientAuth' }))).toBe(
        'ok',
      )
    }
  })

  test('a hundred authorities of one name end soon', () => {
    const crowd = Array.from({ length: 40 }, () => certify('crowd', { ca: true, issuer: other }))
    const loop = crowd.map((one, index) =>
      certify('crowd', { ca: true, issuer: crowd[(index + 1) % 40]!, key: one.key }),
    )
    const leaf = leafOf({ issuer: crowd[0]! })
    expect(judge(leaf, [...crowd, ...loop]).ok).toBe(false)
  })
})

test('after a hundred signatures agents give up, and so do we', () => {
  const namesake = (): Holder => certify('middle', { ca: true, issuer: root })
  // Its key identifier puts none of them first, so the right one comes last.
  const leaf = leafOf({ issuer: namesake(), signer: middle.key })
  const before = (count: number): Holder[] => [...Array.from({ length: count }, namesake), middle]
  expect(codeOf(judge(leaf, before(98)))).toBe('ok')
  expect(codeOf(judge(leaf, before(99)))).toBe('too-complex')
})
