/** What a refused recovery names as the cure, where an agent does not answer. */

import { expect, test } from 'vitest'
import { goneRemedy, refuseCutting } from '../../src/cli/refuse-recovery.js'
import { isNomadPkiError } from '../../src/errors.js'

function hintOf(names: readonly string[]): string {
  const holds = names.map((name) => ({
    ...{ address: `identity/client/global/${name}`, region: 'global', server: false },
    ...{ life: 'unknown' as const, answers: false, end: Date.UTC(2027, 0, 1) },
  }))
  const fault = { address: 'authority/agent/1', fault: 'key-lost' as const, holds }
  try {
    refuseCutting({ regions: [], edits: [], faults: [fault] }, {})
  } catch (error) {
    if (isNomadPkiError(error)) return error.hint ?? ''
    throw error
  }
  return ''
}

test('what many hosts share is not removed because one of them is gone', () => {
  expect(hintOf(['c1'])).toContain('nomad-pki remove client global/c1')
  for (const names of [['shared'], ['shared', 'c1']]) {
    expect(hintOf(names)).not.toContain('global/shared')
  }
  expect(hintOf(['shared'])).toMatch(/or wait until .*leave shared in the spec: it stands for each/)
  expect(hintOf(['shared', 'c1'])).toContain('nomad-pki remove client global/c1')
  expect(goneRemedy('identity/server/west/shared', '')).not.toContain('remove')
})
