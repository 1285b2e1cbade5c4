/**
 * The order of the files of a suite whose length is the sum of a few long ones: what begins last must not be
 * one of them, or one worker goes on while the others have nothing left.
 *
 * @module
 */
import { basename } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** A sequencer for vitest's `sequence.sequencer`: these files first, in this order; all others as they come. */
export function longestFirst(...names: readonly string[]): typeof BaseSequencer {
  const rank = ({ moduleId }: TestSpecification): number => {
    const found = names.indexOf(basename(moduleId))
    return found < 0 ? names.length : found
  }
  return class LongestFirst extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
    }
  }
}
