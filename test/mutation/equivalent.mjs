/**
 * Mutants that survive because no test can see them: the program means the same. Each with the line it
 * stands in, what was put there, and why nothing changes. One that no run meets any more is an error.
 */

/** @type {readonly { file: string, line: string, replacement: string, reason: string }[]} */
export const equivalent = []
