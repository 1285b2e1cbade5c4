/**
 * Mutants that survive because no test can see them: the program means the same. Each with the line it
 * stands in, what was put there, and why nothing changes. One that no run meets any more is an error.
 */

/** @type {readonly { file: string, line: string, replacement: string, reason: string }[]} */
export const equivalent = [
  {
    file: 'src/delivery/proof.ts',
    line: 'if (!isNomadPkiError(error)) throw error',
    replacement: 'false',
    reason: 'what is called throws errors of ours alone: the line shows a fault of the program',
  },
  {
    file: 'src/delivery/proof.ts',
    line: '} catch (error) {',
    replacement: '{}',
    reason: 'the same; without `return undefined` the function returns just that',
  },
  {
    file: 'src/nomad/hostname.ts',
    line: 'return dot !== -1 && wanted.slice(dot) === lower.slice(1)',
    replacement: 'true',
    reason: 'without a dot the last letter would be compared with what begins with one',
  },
  {
    file: 'src/nomad/names.ts',
    line: "if (zone !== '.nomad' && zone.toLowerCase() !== '.nomad') return plain",
    replacement: 'true',
    reason: 'the first comparison only saves the second one its work',
  },
]
