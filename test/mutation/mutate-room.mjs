/**
 * One run of StrykerJS over pieces of a room, in a process of its own, so that it can be ended: sends each
 * result to the process that forked it. Its order is one JSON text.
 */

import { argv, env } from 'node:process'
import { Stryker } from '@stryker-mutator/core'

/** @type {{ pieces: string[], tests: string[], without: string[], workers: number, work: string }} */
const { pieces, tests, without, workers, work } = JSON.parse(argv[2] ?? '')
env.NOMAD_PKI_MUTATED_TESTS = tests.join()
env.NOMAD_PKI_MUTATED_WITHOUT = without.join()

await new Stryker({
  mutate: pieces,
  testRunner: 'vitest',
  plugins: [
    '@stryker-mutator/vitest-runner',
    './test/mutation/prose.mjs',
    './test/mutation/send-results.mjs',
  ],
  ignorers: ['prose'],
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  // What a module computes as it is loaded can't be changed between two tests.
  ignoreStatic: true,
  concurrency: workers,
  timeoutMS: 20_000,
  disableTypeChecks: true,
  reporters: ['send-results'],
  logLevel: 'warn',
  tempDirName: work,
}).runMutationTest()
process.disconnect()
