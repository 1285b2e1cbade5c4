import { expect, test } from 'vitest'
import { notBrought } from '../../src/evidence/self-renewed-words.js'

test.each([
  [
    'it renews itself, and was not seen yet',
    'it renews itself, and was not seen yet; rollout brings it nothing',
  ],
  [
    '10.0.0.1:4646 does not answer',
    '10.0.0.1:4646 does not answer; it renews itself, and rollout brings it nothing',
  ],
])('%s: said once, with why nothing is brought', (message, said) => {
  expect(notBrought(message)).toBe(said)
})
