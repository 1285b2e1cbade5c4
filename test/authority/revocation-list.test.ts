/** What an authority returns for a revocation list is looked at: anything but the list that was asked for is an error. */

import { beforeAll, describe, expect, test } from 'vitest'
import { prepareList, signList, type ListContent } from '../../src/authority/revocation-list.js'
import type { Issuer } from '../../src/authority/issuer.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { rehearsalIssuer } from '../../src/issuers/rehearsal.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { parseCrl } from '../../src/x509/crl.js'
import { assembleCertificate } from '../../src/x509/encode.js'

const day = 86_400_000
const now = 1_795_500_000_000
const content: ListContent = {
  ...{ number: 7, thisUpdate: now, nextUpdate: now + 30 * day },
  entries: [{ serial: '0a', at: now, reason: 'key-compromise' }],
}

/** Two authorities of one name; each has its own key. */
let [one, other]: Issuer[] = []
beforeAll(async () => {
  ;[one, other] = await Promise.all(
    [1, 2].map(async () => {
      const key = generateKeySync('ecdsa-p256')
      const { certificate } = await createRoot(
        { subject: { commonName: 'acme agent CA' }, lifetime: 9_000 * day, key },
        { now },
      )
      return heldIssuer({ certificate, key })
    }),
  )
})

/** The first authority, which answers something of its own. */
function answering(answer: (der: Uint8Array) => Uint8Array | Promise<Uint8Array>): Issuer {
  return {
    ...one!,
    async issue(input, options) {
      const given = await one!.issue(input, options)
      if (given.outcome !== 'issued') throw new Error(given.reason)
      return { ...given, certificate: await answer(given.certificate) }
    },
  }
}

/** A list by the same key that says something else. */
const saying = (more: Partial<ListContent>) => async (): Promise<Uint8Array> =>
  signList(one!, { ...content, ...more })

test('the list that was asked for is taken, as it is', async () => {
  const der = await signList(one!, content)
  const list = parseCrl(der)
  expect(Buffer.from(list.tbs).equals(prepareList(one!.certificate, content))).toBe(true)
  expect([list.number, list.thisUpdate, list.nextUpdate]).toEqual([
    '07',
    content.thisUpdate,
    content.nextUpdate,
  ])
  expect(list.entries.map(({ serial }) => serial)).toEqual(['0a'])
})

describe('what comes back is refused', () => {
  const entry = content.entries[0]!
  test.each<[string, (der: Uint8Array) => Uint8Array | Promise<Uint8Array>, RegExp]>([
    ['what is no list', () => Uint8Array.of(0x30, 0), /./],
    ['a list with something behind it', (der) => Buffer.concat([der, Uint8Array.of(0)]), /./],
    ['another number', saying({ number: 8 }), /its number is 8, and 7 was asked for/],
    ['nothing revoked', saying({ entries: [] }), /it lacks 0a, which is revoked/],
    [
      'more revoked',
      saying({ entries: [entry, { ...entry, serial: '0b' }] }),
      /it revokes 0b, which was not asked for/,
    ],
    ['another beginning', saying({ thisUpdate: now + 1000 }), /its dates are not those/],
    ['another end', saying({ nextUpdate: now + 31 * day }), /its dates are not those/],
    [
      'another reason',
      saying({ entries: [{ ...entry, reason: 'superseded' }] }),
      /it says of an entry, or beside the entries, something else/,
    ],
    [
      'the signature of another key',
      async () => {
        const { tbs } = parseCrl(await signList(one!, content))
        const given = await other!.issue({ tbs, expected: one!.certificate, now })
        return given.outcome === 'issued' ? given.certificate : Uint8Array.of()
      },
      /its signature is not by the key of this authority/,
    ],
    [
      'the algorithm with a NULL that is not in what is signed',
      (der) => {
        const { tbs, signature } = parseCrl(der)
        const identifier = Buffer.from('300c06082a8648ce3d0403020500', 'hex')
        return assembleCertificate(tbs, identifier, signature)
      },
      /./,
    ],
    [
      'another algorithm beside what is signed',
      // ecdsa-with-SHA384 at the second place.
      (der) => {
        const text = Buffer.from(der).toString('latin1')
        const algorithm = '\x2a\x86\x48\xce\x3d\x04\x03\x02'
        const at = text.lastIndexOf(algorithm)
        expect(at).toBeGreaterThan(text.indexOf(algorithm))
        const changed = Buffer.from(der)
        changed[at + 7] = 3
        return changed
      },
      /./,
    ],
  ])('%s', async (_what, answer, words) => {
    await expect(signList(answering(answer), content)).rejects.toMatchObject({
      code: 'ERR_CORRESPONDENCE',
      message: expect.stringMatching(
        new RegExp(
          `^what .* returned is not the revocation list that was prepared: .*${words.source}`,
        ),
      ) as string,
    })
  })

  test('a list of another authority', async () => {
    const key = generateKeySync('ecdsa-p256')
    const { certificate } = await createRoot(
      { subject: { commonName: 'another CA' }, lifetime: 9_000 * day, key },
      { now },
    )
    const stranger = heldIssuer({ certificate, key })
    const answer = (): Promise<Uint8Array> => signList(stranger, content)
    await expect(signList(answering(answer), content)).rejects.toThrow(
      /its issuer is .*another CA.*, and .*acme agent CA.* was asked/,
    )
  })
})

test('a refusal and a lost answer are told as such', async () => {
  const ending = (outcome: 'refused' | 'unknown'): Issuer => ({
    ...one!,
    issue: async () => ({ outcome, reason: 'because' }),
  })
  await expect(signList(ending('refused'), content)).rejects.toMatchObject({
    code: 'ERR_ISSUER_REFUSED',
    message: expect.stringMatching(/refused: because$/) as string,
  })
  await expect(signList(ending('unknown'), content)).rejects.toMatchObject({
    code: 'ERR_ISSUER_UNKNOWN',
    message: expect.stringMatching(/did not answer: because$/) as string,
  })
})

test('a rehearsal signs with a key of its own, and only a rehearsal may', async () => {
  const { certificate } = one!
  const rehearsed = rehearsalIssuer({ certificate })
  expect(parseCrl(await signList(rehearsed, content)).number).toBe('07')
  await expect(signList({ ...rehearsed, signatures: 'own' }, content)).rejects.toThrow(
    /its signature is not by the key of this authority/,
  )
})
