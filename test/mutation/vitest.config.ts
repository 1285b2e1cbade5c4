import { defineConfig, type ViteUserConfig } from 'vitest/config'

const listed = (text: string | undefined): string[] =>
  text === undefined || text === '' ? [] : text.split(',')

const config: ViteUserConfig = defineConfig({
  test: {
    include: listed(process.env.NOMAD_PKI_MUTATED_TESTS),
    exclude: listed(process.env.NOMAD_PKI_MUTATED_WITHOUT),
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})

export default config
