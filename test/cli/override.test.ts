/** --override CODE=VALUE --reason TEXT. */

import { describe, expect, test } from 'vitest'
import { overridesOf } from '../../src/cli/override.js'
import { isOverridden, overrideCodes, type OverrideCode } from '../../src/overrides.js'

const all = Object.keys(overrideCodes) as OverrideCode[]
const hex = '0123456789abcdef'.repeat(4)

describe('an override', () => {
  test('is read in every form in which a fingerprint is written', () => {
    const colons = hex.toUpperCase().replace(/..(?=.)/g, '$&:')
    for (const value of [`SHA256:${hex}`, `sha256:${colons}`, colons, hex]) {
      expect(
        overridesOf({ override: [`new-root=${value}`], reason: ' lost the store ' }, all),
      ).toEqual([{ code: 'new-root', value: `SHA256:${hex}`, reason: 'lost the store' }])
    }
  })

  test('holds for its own value alone', () => {
    const given = overridesOf({ override: ['rollback=2-0123abcd'], reason: 'why' }, all)
    expect(isOverridden(given, 'rollback', '2-0123abcd')).toBe(true)
    expect(isOverridden(given, 'rollback', '3-0123abcd')).toBe(false)
    expect(isOverridden(given, 'older', '2-0123abcd')).toBe(false)
  })

  test.each([
    [
      'an unknown code',
      ['new-rot=x'],
      'why',
      'unknown override "new-rot"',
      'did you mean new-root?',
    ],
    [
      'nothing like a code',
      ['!'],
      'why',
      'unknown override "!"',
      /^there are: new-root=SHA256:HEX, /,
    ],
    [
      'no value',
      ['rollback'],
      'why',
      'invalid --override "rollback"',
      /expected rollback=GENERATION/,
    ],
    [
      'a value of another form',
      ['new-root=abc'],
      'why',
      /invalid --override/,
      /SHA256:HEX: it accepts/,
    ],
    ['no reason', ['rollback=2-0123abcd'], undefined, /needs --reason/, undefined],
    ['an empty reason', ['rollback=2-0123abcd'], ' ', /needs --reason/, undefined],
    ['two lines', ['rollback=2-0123abcd'], 'a\nb', /one line/, undefined],
  ])('with %s is refused', (_name, override, reason, message, hint) => {
    const thrown = (): unknown => {
      try {
        return overridesOf({ override, reason }, all)
      } catch (error) {
        return error
      }
    }
    expect(thrown()).toMatchObject({
      code: 'ERR_USAGE',
      message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
      ...(hint !== undefined && {
        hint: typeof hint === 'string' ? hint : (expect.stringMatching(hint) as string),
      }),
    })
  })

  test('of another command is unknown here', () => {
    expect(() =>
      overridesOf({ override: ['older=2-0123abcd'], reason: 'x' }, ['rollback']),
    ).toThrow('unknown override "older"')
  })

  test('a reason without an override is left to the command', () => {
    expect(overridesOf({ override: undefined, reason: 'x' }, all)).toEqual([])
  })
})
