import { rmSync } from 'node:fs'

// One file for each entry, shared chunks between them. The runtime adapters import node: builtins, which stay imports.
export default {
  plugins: [{ name: 'clean', buildStart: () => rmSync('dist', { recursive: true, force: true }) }],
  input: Object.fromEntries(['node', 'deno', 'bun', 'workerd', 'codec', 'testing'].map((name) => [name, `build/js/src/entry/${name}.js`])),
  external: [/^node:/, /^cloudflare:/, './codec.wasm'],
  // The binary lies beside the entry in dist, not where the source was.
  makeAbsoluteExternalsRelative: false,
  output: {
    dir: 'dist',
    format: 'es',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'shared-[name].js',
    hoistTransitiveImports: false,
  },
}
