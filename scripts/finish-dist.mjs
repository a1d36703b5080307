// What rollup does not make: the declarations and the plain binary.
import { copyFileSync, cpSync, rmSync } from 'node:fs'

rmSync('dist/types', { recursive: true, force: true })
cpSync('build/js', 'dist/types', { recursive: true, filter: (path) => !/\.js(\.map)?$/.test(path) })
copyFileSync('build/codec.wasm', 'dist/codec.wasm')
