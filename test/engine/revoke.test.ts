import { expect, test } from 'vitest'
import { revokeAllInEngine } from '../../src/engine/revoke.js'
import type { EngineSession } from '../../src/engine/session.js'
import type { EngineVerdict } from '../../src/engine/verdict.js'

const wanted = Array.from({ length: 30 }, (_, at) => ({
  mount: 'pki/nomad',
  serial: (0x10 + at).toString(16),
}))
const sessionOf = (
  answer: (serial: string) => EngineVerdict,
  asked: (boolean | undefined)[] = [],
): EngineSession => ({
  origin: 'http://127.0.0.1',
  namespace: undefined,
  program: 'bao',
  async call({ body, repeat }) {
    asked.push(repeat)
    await Promise.resolve()
    return answer(String((body as Readonly<Record<string, unknown>>).serial_number))
  },
  close: () => undefined,
})

test('a sealed engine is waited for by the first calls alone, and not once for each certificate', async () => {
  const asked: (boolean | undefined)[] = []
  const sealed = sessionOf(() => ({ is: 'refused', reason: 'the engine is sealed' }), asked)
  const said = await revokeAllInEngine(sealed, wanted)
  expect(said).toHaveLength(30)
  expect(said.every(({ is }) => is === 'refused')).toBe(true)
  expect(asked.filter((repeat) => repeat !== false)).toHaveLength(8)
})

test('one that the engine does not have keeps none of the others from its time', async () => {
  const asked: (boolean | undefined)[] = []
  const session = sessionOf(
    (serial) =>
      serial === '10'
        ? { is: 'refused', status: 400, reason: 'certificate with serial 10 not found.' }
        : { is: 'done', data: {} },
    asked,
  )
  const said = await revokeAllInEngine(session, wanted)
  expect(said[0]).toEqual({ is: 'missing' })
  expect(said.slice(1).every(({ is }) => is === 'revoked')).toBe(true)
  expect(asked).not.toContain(false)
})
