/**
 * Every lint rule.
 *
 * @module
 */

import type { Rule } from './rule.js'

/** All rules. */
export const rules: readonly Rule[] = []
