import { defineConfig } from 'vitest/config'

// Judges that are not ours: Debian packages, Go, zlint. `.ci/run` starts this suite; `npm test` does not.
export const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 300_000,
    reporters: ['verbose'],
  },
})

// vitest reads the default export and nothing else.
export { config as default }
