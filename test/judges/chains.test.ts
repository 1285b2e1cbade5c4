/**
 * Path validation beside Go's: random trees of authorities, with whatever can be wrong in them, before
 * crypto/x509 and before `verifyChain`, which must say yes and no to the same.
 */
import { expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import type { GeneralName } from '../../src/x509/extension.js'
import { verifyChain } from '../../src/x509/verify-chain.js'
import { goTool } from '../real-nomad/harness/binaries.js'
import { runOk } from '../real-nomad/harness/run.js'
import { certify, dns, ip, now, type Holder } from '../x509/chains.js'

const count = Number(process.env.NOMAD_PKI_CHAINS ?? 1500)
const seed = Number(process.env.NOMAD_PKI_SEED ?? 20_261_125)

let state = seed
const below = (limit: number): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
  return (state >> 8) % limit
}
const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)]!
const oneIn = <Item>(chances: number, make: () => Item): Item | undefined =>
  below(chances) === 0 ? make() : undefined
const upTo = <Item>(most: number, make: () => Item): readonly Item[] =>
  Array.from({ length: 1 + below(most) }, make)

const hosts = `a.nomad server.a.nomad SERVER.A.nomad b.nomad *.a.nomad x.a.nomad localhost a.nomad.
  x..a.nomad .a.nomad nomad * *.nomad a_b.nomad`.split(/\s+/)
const zones = ['a.nomad', 'nomad', '.a.nomad', 'localhost', 'server.a.nomad', 'A.NOMAD', '']
const addresses = ['10.0.0.1', '10.1.0.1', '127.0.0.1', '::1', 'fd00::1']
const networks = ['10.0.0.0/16', '127.0.0.0/8', '::1/128', 'fd00::/8', '0.0.0.0/0']
const uris =
  'x:y x://a.nomad/z x://10.0.0.1/ x://a.nomad:80/ x://[::1]/ x://u@b.nomad/q x:///p'.split(' ')
const keys = (['ecdsa-p256', 'ecdsa-p384', 'ed25519'] as const).map(generateKeySync)

function name(): GeneralName {
  switch (below(5)) {
    case 0:
      return ip(pick(addresses))
    case 1:
      return { type: 'uri', value: pick(uris) }
    case 2:
      return { type: 'email', value: pick(['a@a.nomad', 'b@b.nomad', 'A@a.nomad']) }
    default:
      return dns(pick(hosts))
  }
}

function subtree(): GeneralName {
  switch (below(5)) {
    case 0:
      return ip(pick(networks))
    case 1:
      return { type: 'uri', value: pick(['a.nomad', '.nomad', 'b.nomad']) }
    case 2:
      return { type: 'email', value: pick(['a.nomad', 'a@a.nomad', '.nomad', '']) }
    default:
      return dns(pick(zones))
  }
}

interface Case {
  readonly leaf: Holder
  readonly intermediates: readonly Holder[]
  readonly roots: readonly Holder[]
  readonly purpose: 'serverAuth' | 'clientAuth'
}

function randomCase(): Case {
  const path: Holder[] = []
  const depth = 1 + below(4)
  for (let level = 0; level <= depth; level += 1) {
    const leaf = level === depth
    const issuer = path.at(-1)
    path.push(
      certify(below(4) === 0 ? 'n0' : `n${level}`, {
        issuer,
        key: oneIn(6, () => pick(keys)),
        signer: issuer && oneIn(25, () => pick(keys)),
        ca: leaf ? below(10) === 0 : below(20) !== 0,
        basic: oneIn(30, () => 'none'),
        pathLength: leaf ? undefined : oneIn(4, () => below(3)),
        usage: oneIn(3, () =>
          pick([['keyCertSign'], ['keyCertSign', 'cRLSign'], ['digitalSignature']] as const),
        ),
        purposes: oneIn(leaf ? 2 : 8, () =>
          upTo(2, () => pick(['serverAuth', 'clientAuth', 'any', '1.2.3'])),
        ),
        names: oneIn(leaf ? 1 : 8, () => upTo(3, name)),
        permitted: leaf ? undefined : oneIn(3, () => upTo(4, subtree)),
        excluded: leaf ? undefined : oneIn(10, () => upTo(1, subtree)),
        notBefore: oneIn(30, () => now + 1000),
        notAfter: oneIn(30, () => now - 1000),
        more: oneIn(40, () => [
          { oid: '1.2.3.4', critical: below(2) === 0, value: Buffer.from('0500', 'hex') },
        ]),
      }),
    )
  }
  const root = path[0]!
  const between = path.slice(1, -1)
  let intermediates = below(8) === 0 ? between.slice(1) : between
  if (below(4) === 0) intermediates = intermediates.toReversed()
  if (below(6) === 0) intermediates = [...intermediates, root]
  const roots =
    below(12) === 0 ? [pick(path)] : below(10) === 0 ? [certify('n0', { ca: true }), root] : [root]
  return { leaf: path.at(-1)!, intermediates, roots, purpose: pick(['serverAuth', 'clientAuth']) }
}

test(`${count} random chains are judged as crypto/x509 judges them`, async () => {
  const cases = Array.from({ length: count }, randomCase)
  const pem = (holders: readonly Holder[]): string =>
    holders.map(({ certificate }) => encodeCertificate(certificate)).join('')
  const input = cases
    .map(({ leaf, intermediates, roots, purpose }, index) =>
      JSON.stringify({
        id: String(index),
        chain: pem([leaf, ...intermediates]),
        roots: pem(roots),
        usage: purpose,
        at: now,
      }),
    )
    .join('\n')
  const output = await runOk(goTool('verify'), [], { input: `${input}\n`, timeout: 240_000 })
  const answers = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly ok: boolean; readonly error?: string })
  expect(answers).toHaveLength(count)
  const differ: string[] = []
  let held = 0
  answers.forEach(({ ok, error }, index) => {
    const { leaf, intermediates, roots, purpose } = cases[index]!
    const ours = verifyChain(
      leaf.certificate,
      intermediates.map(({ certificate }) => certificate),
      roots.map(({ certificate }) => certificate),
      { now, purpose },
    )
    if (ours.ok) held += 1
    if (ours.ok !== ok) differ.push(`${error ?? 'ok'} | ours: ${ours.ok ? 'ok' : ours.message}`)
  })
  expect(differ).toEqual([])
  // Neither all good nor all bad: both kinds are looked at.
  expect(held).toBeGreaterThan(count / 20)
  expect(held).toBeLessThan(count / 2)
  console.log(`chains: ${count} judged, ${held} hold, none differs`)
})
