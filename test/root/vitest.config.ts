import { getuid } from 'node:process'
import { defineConfig } from 'vitest/config'

// What only root can do or see. `.ci/run` starts this suite as root; `npm test` does not start it.
if (getuid?.() !== 0) {
  throw new Error('these tests need root: sudo npx vitest run --config test/root/vitest.config.ts')
}

export const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    // As in the suite of the units.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})

// vitest reads the default export and nothing else.
export { config as default }
