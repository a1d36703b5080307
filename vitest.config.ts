import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Needs the other runtimes and tools: `npm run test:interop`.
    exclude: ['test/interop/**', '**/node_modules/**'],
    pool: 'forks',
    // As many as there are cores in the smallest machine it is for: a suite spends much of its time waiting for children.
    maxWorkers: 2,
    // A hang is what it is for, not a slow machine.
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
})
