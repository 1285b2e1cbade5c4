import { defineConfig } from 'vitest/config'

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
    // Most of a file's time is waiting, for gates and for agents: two clusters at once keep two cores busy.
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    reporters: ['verbose'],
  },
})

// vitest reads the default export and nothing else.
export { config as default }
