import { dirname, resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

/** What takes the place of what, in the process that runs the tests and nowhere else: nothing that ships knows of the checked codec. */
const REPLACED = new Map(
  [
    ['src/codec/binary.ts', 'build/checked/binary.ts'],
    ['src/codec/binary-shared.ts', 'build/checked/binary-shared.ts'],
    ['src/codec/module.ts', 'test/checked/module.ts'],
  ].map(([from, to]) => [resolve(from as string), resolve(to as string)]),
)

/** The suites of WebSocket and HTTP over the checked codec: `npm run build:codec -- --checked`, then this. */
export default defineConfig({
  plugins: [
    {
      name: 'checked-codec',
      enforce: 'pre',
      resolveId(source, importer) {
        if (importer === undefined || !source.startsWith('.')) return null
        const from = importer.replace(/\?.*/, '')
        const to = REPLACED.get(resolve(dirname(from), source))
        return to === undefined || to === from ? null : to
      },
    },
  ],
  test: {
    include: [
      'test/unit/{assembly,codec,proxy,rest,ws}/**/*.test.ts',
      'test/property/**/*.test.ts',
      'test/vectors/**/*.test.ts',
      'test/integration/{client,rest}-node.test.ts',
    ],
    setupFiles: ['test/checked/setup.ts'],
    pool: 'forks',
    testTimeout: 600_000,
    hookTimeout: 90_000,
  },
})
