import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Needs the other runtimes and tools: `npm run test:interop`.
    exclude: ['test/interop/**', '**/node_modules/**'],
    pool: 'forks',
    // A hang is what it is for, not a slow machine.
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
})
