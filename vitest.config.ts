import { defineConfig } from 'vitest/config'
import { LongestFirst } from './dev/test/longest-first.ts'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules', 'dist', '.tradewind'],
    // A busy machine is no defect: these only end what hangs
    testTimeout: 120_000,
    hookTimeout: 300_000,
    sequence: { sequencer: LongestFirst },
  },
})
