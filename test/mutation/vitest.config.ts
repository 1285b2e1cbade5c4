import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  test: {
    include: (process.env.NOMAD_PKI_MUTATED_TESTS ?? '').split(','),
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})

export default config
