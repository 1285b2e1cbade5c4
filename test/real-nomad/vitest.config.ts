import { defineConfig } from 'vitest/config'
import { longestFirst } from '../longest-first.js'

// Real agents: minutes, root, a built Nomad. `.ci/run` starts this suite; `npm test` does not.
export const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    // `.ci/deep` has the time for it.
    exclude:
      process.env.NOMAD_PKI_ROTATIONS === 'all'
        ? []
        : [
            'rotation-unasked.test.ts',
            'adopt-keyless.test.ts',
            'proof-hosts.test.ts',
            'proof-ended.test.ts',
            'proof-restored.test.ts',
          ],
    // Most of a file's time is waiting, for gates and for agents: with two clusters at once a core of two was idle
    // for a third of the time.
    maxWorkers: 3,
    sequence: {
      sequencer: longestFirst(
        'rotation.test.ts',
        'config-validate.test.ts',
        'renewing-nodes.test.ts',
        'proof-gate.test.ts',
        'adopt.test.ts',
        'proof-expired.test.ts',
        'machines.test.ts',
        'held-by-node.test.ts',
      ),
    },
    // Three clusters share the cores: what hangs is ended by the limit of its own step, and not by this one.
    testTimeout: 600_000,
    hookTimeout: 300_000,
    reporters: ['verbose'],
  },
})

// vitest reads the default export and nothing else.
export { config as default }
