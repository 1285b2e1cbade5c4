/**
 * An issuer like Vault's engine, in this process: it reads the request and writes every byte itself:
 * serial number, dates by its own clock, the order of names and extensions. What it does on each call
 * can be scripted: slow, refusing, silent, lying.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Issuer, IssuerAnswer, IssuerInput } from '../../src/authority/issuer.js'
import { algorithmOf, type PrivateKey } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { keyIdentifierOf } from '../../src/keys/public-key.js'
import { signBytes } from '../../src/keys/sign.js'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.js'
import { assembleCertificate, encodeTbs, type TbsFields } from '../../src/x509/encode.js'
import {
  authorityKeyIdentifier,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/x509/extensions.js'
import { parseRequest } from '../../src/x509/request.js'

/** What the engine does with one call. */
export type Behaviour =
  | 'signs'
  | 'refuses'
  /** Signs, and the answer is lost. */
  | 'is silent'
  /** Signs, its leader dies, and the answer is lost with it. */
  | 'loses its leader'
  /** Signs with one name too many. */
  | 'lies'
  /** Gives the certificate of the call before. */
  | 'gives another'
  /** Answers for a key of its own. */
  | 'swaps the key'
  | 'gives junk'
  /** Never answers by itself. */
  | 'hangs'
  | 'throws'

export interface EngineParts {
  readonly certificate: Certificate
  readonly key: PrivateKey
  readonly above?: readonly Certificate[]
  /** Its clock, epoch milliseconds. */
  readonly clock: () => number
  /** What it does with the call of this number, from 1. Default: it signs. */
  readonly script?: (call: number, input: IssuerInput) => Behaviour
  /** How long a call takes, milliseconds; or until when. Default: not at all. */
  readonly takes?: (call: number) => number | Promise<void>
  readonly concurrency?: number
}

export interface Engine extends Issuer {
  /** Everything that it signed, whether its caller was told or not. */
  readonly signed: readonly Certificate[]
  readonly calls: () => number
  readonly mostAtOnce: () => number
}

/** Opens the engine. */
export function engine(parts: EngineParts): Engine {
  const { certificate, key, above = [], clock, script = () => 'signs', takes = () => 0 } = parts
  const signed: Certificate[] = []
  let calls = 0
  let open = 0
  let most = 0
  return {
    name: 'engine',
    certificate,
    above,
    chain: [certificate, ...above].slice(0, -1),
    signatures: 'foreign',
    ...(parts.concurrency !== undefined && { concurrency: parts.concurrency }),
    signed,
    calls: () => calls,
    mostAtOnce: () => most,
    async issue(input, { signal } = {}) {
      signal?.throwIfAborted()
      calls += 1
      const call = calls
      open += 1
      most = Math.max(most, open)
      try {
        return await answer(call, input, signal)
      } finally {
        open -= 1
      }
    },
  }

  async function answer(
    call: number,
    input: IssuerInput,
    signal: AbortSignal | undefined,
  ): Promise<IssuerAnswer> {
    const behaviour = script(call, input)
    try {
      const time = behaviour === 'hangs' ? 60_000 : takes(call)
      await (typeof time === 'number' ? sleep(time, undefined, { signal, ref: true }) : time)
    } catch {
      return { outcome: 'unknown', reason: 'aborted after the request was sent' }
    }
    const before = signed.at(-1)
    switch (behaviour) {
      case 'hangs':
        throw new Error('nobody aborted it')
      case 'throws':
        throw new TypeError('a defect of the engine')
      case 'refuses':
        return { outcome: 'refused', reason: 'permission denied' }
      case 'gives junk':
        return { outcome: 'issued', certificate: Buffer.from('junk') }
      case 'gives another':
        if (before === undefined) throw new Error('nothing was signed before')
        return { outcome: 'issued', certificate: before.der }
      case 'lies':
        return { outcome: 'issued', certificate: write(input, { evil: true }) }
      case 'swaps the key':
        return { outcome: 'issued', certificate: write(input, { swapped: true }) }
      case 'is silent':
        write(input)
        return { outcome: 'unknown', reason: 'the connection was closed' }
      case 'loses its leader':
        write(input)
        return { outcome: 'unknown', reason: 'the connection was closed', again: true }
      case 'signs':
        return { outcome: 'issued', certificate: write(input) }
    }
  }

  /** As Vault and OpenBao write it: KU, EKU, SKI, AKI, SAN; names sorted; no basic constraints. */
  function write(
    { request, expected }: IssuerInput,
    { evil = false, swapped = false } = {},
  ): Uint8Array {
    if (request === undefined) throw new Error('an engine needs a request')
    const { subject, publicKey, subjectAltName: asked = [] } = parseRequest(request())
    const names = evil ? [...asked, { type: 'dns', value: 'evil.example' } as const] : asked
    const certified = swapped ? generateKeySync('ecdsa-p256').publicKey : publicKey
    const now = Math.floor(clock() / 1000) * 1000
    const { signatureIdentifier } = algorithmOf(key.algorithm)
    const fields: TbsFields = {
      serial: `5${'0123456789abcdef'.repeat(2)}${(signed.length + 0x1000).toString(16)}5`.padEnd(
        40,
        '7',
      ),
      signatureIdentifier,
      issuer: certificate.subject.der,
      notBefore: now - 30_000,
      notAfter: now + Math.floor((expected.notAfter - clock()) / 1000) * 1000,
      subject: subject.der,
      spki: certified.spki,
      extensions: [
        keyUsage(expected.keyUsage!),
        extendedKeyUsage(expected.extendedKeyUsage!),
        subjectKeyIdentifier(keyIdentifierOf(certified)),
        authorityKeyIdentifier(certificate.subjectKeyIdentifier!),
        {
          ...subjectAltName(
            [...names].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
          ),
          // As Go writes it.
          critical: subject.attributes.length === 0,
        },
      ],
    }
    const tbs = encodeTbs(fields)
    const der = assembleCertificate(tbs, signatureIdentifier, signBytes(key, tbs))
    signed.push(parseCertificate(der))
    return der
  }
}
