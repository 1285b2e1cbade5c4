import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real agents, foreign judges and what needs root are suites of their own: `.ci/run` starts them,
    // `npm test` needs Node alone.
    exclude: [
      'test/real-nomad/**',
      'test/real-hosts/**',
      'test/judges/**',
      'test/root/**',
      'node_modules/**',
    ],
    // Vitest leaves one core out, which is half of a machine that has two.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})

export default config
