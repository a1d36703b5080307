import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Needs the other runtimes and tools: `npm run test:interop`.
    exclude: ['test/interop/**', '**/node_modules/**'],
    pool: 'forks',
    testTimeout: 20_000,
  },
})
