/**
 * What every `Issuer`, and every `Issuers`, promises: one suite each, run on each implementation. One from elsewhere
 * is put through them by a line of its own in the tables of contract.test.ts and keys.test.ts.
 */

import { describe, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import type { Issuer, IssuerInput } from '../../src/authority/issuer.js'
import type { AuthorityKeeper, AuthorityKey, Issuers } from '../../src/authority/issuers.js'
import {
  prepare,
  prepareIntermediate,
  prepareProbe,
  prepareRoot,
} from '../../src/authority/prepare.js'
import type { LeafRequest } from '../../src/authority/request.js'
import { sameBytes } from '../../src/bytes.js'
import { engineRoles, type EngineRole } from '../../src/engine/roles.js'
import { NomadPkiError } from '../../src/errors.js'
import { createRoot } from '../../src/issuers/create-root.js'
import type { KeyAlgorithm, PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { isSignedBy } from '../../src/x509/signature.js'
import { makeRequest } from '../../src/x509/request.js'

export const day = 86_400_000
export const now: number = Date.UTC(2026, 10, 26)

/** An implementation on trial. */
export interface Tried {
  readonly issuer: Issuer
  /** Whether it certifies authorities too. */
  readonly authorities: boolean
  /** The private key behind it, where it lies in this process. */
  readonly key?: PrivateKey
}

/** A request for a leaf whose key is at hand. */
export function leafFor(key: PrivateKey, fields: Partial<LeafRequest> = {}): LeafRequest {
  return {
    role: 'server',
    region: 'global',
    lifetime: 90 * day,
    names: ['s1.b.example', 's1.a.example'],
    ips: ['10.0.0.11', 'fd00::11'],
    ...fields,
    publicKey: key.publicKey,
    request: (asked) => makeRequest({ ...asked, key }),
  }
}

/** The roles in an engine that certify each leaf of the suite by an authority `low`. */
export const contractRoles: readonly EngineRole[] = engineRoles(
  {
    name: 'low',
    engine: { mount: 'pki', issuer: 'low-{generation}', roles: '{role}-{region}' },
    roleBounds: [{ region: 'global', domains: ['example'], networks: ['10.0.0.0/8', 'fd00::/8'] }],
  },
  {
    identities: (['server', 'client', 'combined', 'operator', 'machine'] as const).flatMap((role) =>
      (['ecdsa-p256', 'rsa-2048'] as const).map((leafKey) => ({
        profile: {
          ...{ role, region: 'global', issuer: { name: 'low' }, lifetime: 90 * day },
          key: leafKey,
        },
        ...{ names: ['s1.example'], ips: ['10.0.0.11', 'fd00::11'] },
      })),
    ),
  },
)

/** What an issuer is handed for a leaf. */
async function inputOf(issuer: Issuer, at: number): Promise<IssuerInput> {
  let handed: IssuerInput | undefined
  const spy: Issuer = {
    ...issuer,
    async issue(input) {
      handed = input
      return { outcome: 'refused', reason: 'only looked at' }
    },
  }
  const prepared = prepare(leafFor(generateKeySync('ecdsa-p256')), spy, { now: at })
  await expect(issue(prepared)).rejects.toMatchObject({ code: 'ERR_ISSUER_REFUSED' })
  return handed!
}

/**
 * Runs the suite on an implementation.
 *
 * @param at The time, epoch milliseconds: where the clock is another's, the present.
 */
export function issuerContract(what: string, make: () => Promise<Tried>, at: number = now): void {
  describe(`an issuer: ${what}`, () => {
    test('says who it is: its certificate, those above it, and what goes behind a leaf', async () => {
      const { issuer } = await make()
      expect(issuer.name).not.toBe('')
      expect(issuer.certificate.basicConstraints?.ca).toBe(true)
      const path = [issuer.certificate, ...issuer.above]
      path.slice(0, -1).forEach((certificate, place) => {
        expect(isSignedBy(certificate, path[place + 1]!.publicKey)).toBe(true)
      })
      expect(issuer.chain).toEqual(
        path.filter(({ issuer: by, subject }) => !sameBytes(by.der, subject.der)),
      )
    })

    test.each<[LeafRequest['role'], Partial<LeafRequest>]>([
      ['server', {}],
      ['client', {}],
      ['combined', {}],
      ['operator', { names: [], ips: [], uris: ['nomad-pki://operator.nomad/alice'] }],
      ['machine', { names: [], ips: [], uris: ['nomad-pki://machine.nomad/prometheus'] }],
    ])('certifies a %s', async (role, fields) => {
      const { issuer } = await make()
      const key = generateKeySync('ecdsa-p256')
      const { certificate, chain } = await issue(
        prepare(leafFor(key, { ...fields, role }), issuer, { now: at }),
      )
      expect(certificate.publicKey.spki).toEqual(key.publicKey.spki)
      expect(chain).toEqual([certificate, ...issuer.chain])
      expect(isSignedBy(certificate, issuer.certificate.publicKey)).toBe(
        issuer.signatures !== 'rehearsed',
      )
    })

    test.each<KeyAlgorithm>(['ecdsa-p384', 'ecdsa-p521', 'rsa-2048'])(
      'certifies a key of %s',
      async (algorithm) => {
        const { issuer } = await make()
        const key = generateKeySync(algorithm)
        const { certificate } = await issue(prepare(leafFor(key), issuer, { now: at }))
        expect(certificate.publicKey.algorithm).toBe(algorithm)
      },
    )

    test('certifies a probe leaf, and authorities where it says so', async () => {
      const { issuer, authorities } = await make()
      const key = generateKeySync('ecdsa-p256')
      if (!authorities) {
        expect(issuer.signatures).toBe('foreign')
        return
      }
      const prepared = (): ReturnType<typeof prepareIntermediate> =>
        prepareIntermediate(
          {
            subject: { commonName: 'low' },
            publicKey: key.publicKey,
            lifetime: 300 * day,
            regions: ['global'],
          },
          issuer,
          { now: at },
        )
      if (issuer.above.length > 0) {
        expect(prepared).toThrow(/may not sign authorities/)
        return
      }
      const probe = await issue(prepareProbe(key.publicKey, issuer, { now: at }))
      expect(probe.certificate.publicKey.spki).toEqual(key.publicKey.spki)
      const low = await issue(prepared())
      expect(low.certificate.basicConstraints).toEqual({ ca: true, pathLength: 0 })
    })

    test('takes many calls at once, and each gets the certificate that it asked for', async () => {
      const { issuer } = await make()
      const keys = Array.from({ length: 40 }, () => generateKeySync('ecdsa-p256'))
      const all = await Promise.all(
        keys.map((key, number) =>
          issue(prepare(leafFor(key, { names: [`s${number}.example`] }), issuer, { now: at })),
        ),
      )
      expect(new Set(all.map(({ certificate }) => certificate.serial)).size).toBe(keys.length)
      all.forEach(({ certificate }, number) => {
        expect(certificate.publicKey.spki).toEqual(keys[number]!.publicKey.spki)
        expect(certificate.subjectAltName).toContainEqual({
          type: 'dns',
          value: `s${number}.example`,
        })
      })
    })

    test('asks nobody where it was aborted before', async () => {
      const { issuer } = await make()
      const asked = issuer.issue(await inputOf(issuer, at), { signal: AbortSignal.abort() })
      await asked.then(
        ({ outcome }) => expect(outcome).toBe('refused'),
        (error: unknown) => expect(error).toMatchObject({ name: 'AbortError' }),
      )
    })

    test('does not change what it is asked', async () => {
      const { issuer } = await make()
      const input = await inputOf(issuer, at)
      const before = Uint8Array.from(input.tbs)
      expect(await issuer.issue(input)).toMatchObject({ outcome: 'issued' })
      expect(Buffer.from(input.tbs).equals(before)).toBe(true)
    })

    test('shows no private key', async () => {
      const { issuer, key } = await make()
      if (key === undefined) {
        expect(issuer.signatures).not.toBe('own')
        return
      }
      const secret = Buffer.from(key.pkcs8).toString('base64').slice(48, 88)
      expect(JSON.stringify(issuer)).not.toContain(secret)
      expect(JSON.stringify(Object.values(issuer).map(String))).not.toContain(secret)
    })
  })
}

/** An implementation of the port to the authorities, on trial. */
export interface TriedAuthorities {
  /** Anew on what is the same place: each call gives what a new run of the program would have. */
  readonly issuers: () => Issuers
  /** The algorithm of the key that {@link Issuers.begin} gives. */
  readonly algorithm: KeyAlgorithm
  /** What the store keeps of the key: its PEM label; `undefined`: nothing. */
  readonly keeps: 'PRIVATE KEY' | 'ENCRYPTED PRIVATE KEY' | undefined
  /** Whether its signatures are real. */
  readonly real: boolean
  /** Puts what was kept where the implementation looks for it. Default: it looks nowhere. */
  readonly put?: (files: KeptFiles) => void
}

/** What an authority has in the store. */
export interface KeptFiles {
  readonly key?: string
  readonly certificate?: string
}

/**
 * Runs the suite on an implementation of {@link Issuers}: a new root, and an intermediate's leaf later, in another run.
 *
 * @param what For the names of the tests.
 * @param make The implementation, with nothing made yet.
 */
export function authoritiesContract(what: string, make: () => Promise<TriedAuthorities>): void {
  const authority = { name: 'agent', generation: 1 } as const
  const asked = { subject: { commonName: 'Acme' }, lifetime: 3650 * day }
  const kept = (key: AuthorityKey, certificate: string): KeptFiles => {
    const all: KeptFiles[] = []
    const keeper: AuthorityKeeper = {
      putAuthority(name, generation, files) {
        expect([name, generation]).toEqual(['agent', 1])
        all.push(files)
      },
    }
    key.keep(keeper, certificate)
    expect(all).toHaveLength(1)
    return all[0]!
  }

  describe(`authorities: ${what}`, () => {
    test('a new key certifies itself, is kept as it should be, and signs now and in another run', async () => {
      const { issuers, algorithm, keeps, real, put } = await make()
      const key = await issuers().begin({ ...authority, algorithm })
      expect(key.publicKey.algorithm).toBe(algorithm)
      const { certificate } = await issue(prepareRoot(asked, key, { now }))
      expect(isSignedBy(certificate, key.publicKey)).toBe(true)
      const files = kept(key, encodeCertificate(certificate))
      expect(files.certificate).toBe(encodeCertificate(certificate))
      expect(/^-----BEGIN ([A-Z ]+)-----/.exec(files.key ?? '')?.[1]).toBe(keeps)
      put?.(files)
      for (const issuer of [
        await key.open([certificate]),
        await issuers().open({ ...authority, path: [certificate] }),
      ]) {
        expect(issuer).toMatchObject({ name: 'agent', certificate, above: [], chain: [] })
        const leaf = prepare(leafFor(generateKeySync('ecdsa-p256')), issuer, { now })
        const issued = await issue(leaf)
        const isReal = isSignedBy(issued.certificate, certificate.publicKey)
        if (real) expect(isReal).toBe(true)
        // What is not a certificate is signed too: a revocation list.
        const answer = await issuer.sign?.(Buffer.from('a list'))
        if (real) expect(answer?.outcome).toBe('signed')
      }
    })

    test('the key is of the algorithm that the spec says, or refused in words', async () => {
      const { issuers, algorithm } = await make()
      const other = algorithm === 'ecdsa-p384' ? 'ecdsa-p256' : 'ecdsa-p384'
      const begun = issuers().begin({ ...authority, algorithm: other })
      await begun.then(
        (key) => expect(key.publicKey.algorithm).toBe(other),
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'ERR_KEY_MISMATCH' })
          expect((error as NomadPkiError).message).toContain(other)
        },
      )
    })

    test('the certificate of a stranger is not signed for', async () => {
      const { issuers, real } = await make()
      const stranger = generateKeySync('ecdsa-p256')
      const { certificate } = await createRoot({ ...asked, key: stranger }, { now })
      const signed = async (): Promise<boolean> => {
        const issuer = await issuers().open({ ...authority, path: [certificate] })
        const leaf = prepare(leafFor(generateKeySync('ecdsa-p256')), issuer, { now })
        const issued = await issue(leaf)
        return isSignedBy(issued.certificate, certificate.publicKey)
      }
      if (real) await expect(signed()).rejects.toBeInstanceOf(NomadPkiError)
      else expect(await signed()).toBe(false)
    })

    test('nothing that is handed on shows the key', async () => {
      const { issuers, algorithm } = await make()
      const key = await issuers().begin({ ...authority, algorithm })
      const { certificate } = await issue(prepareRoot(asked, key, { now }))
      const [, , secret] = kept(key, '').key?.split('\n') ?? []
      for (const shown of [key, await key.open([certificate])]) {
        if (secret !== undefined) expect(JSON.stringify(shown)).not.toContain(secret)
        const values = Object.values(shown)
        expect(values.some((value) => value instanceof Uint8Array)).toBe(false)
        expect(Object.keys(shown)).not.toContain('key')
      }
    })
  })
}
