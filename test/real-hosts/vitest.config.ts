import { getuid } from 'node:process'
import { defineConfig } from 'vitest/config'
import { longestFirst } from '../longest-first.js'

// Hosts of their own (mount, network and process namespaces, an sshd, a real agent): root, minutes.
if (getuid?.() !== 0) {
  throw new Error(
    'these tests need root: sudo npx vitest run --config test/real-hosts/vitest.config.ts',
  )
}

const isDeep = process.env.NOMAD_PKI_DEATHS === 'all'

export const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    // Agents restart twice, certificates end, or there are eleven hosts: minutes, for .ci/deep.
    exclude: isDeep ? [] : ['tls-on.test.ts', 'recovery-root.test.ts', 'two-regions.test.ts'],
    // Each file has a bridge of its own, and most of its time is waiting.
    fileParallelism: true,
    maxWorkers: 4,
    sequence: {
      sequencer: longestFirst(
        'ways.test.ts',
        'faults.test.ts',
        'rollout.test.ts',
        'recovery.test.ts',
      ),
    },
    // One file is one cluster: a test goes on where the one before it ended.
    bail: 1,
    testTimeout: isDeep ? 3_600_000 : 600_000,
    hookTimeout: 300_000,
    reporters: ['verbose'],
  },
})

// vitest reads the default export and nothing else.
export { config as default }
