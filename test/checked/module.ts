/** Takes the place of src/codec/module.ts when the suites run with the checked codec (vitest.checked.config.ts). */

import { ABI_VERSION } from '../../assembly/abi.ts'
import { instantiate as instantiateOriginal } from '../../src/codec/module.ts'
import { instantiateChecked } from './bounds.ts'

export * from '../../src/codec/module.ts'

/** A binary that asks for checks gets them; another one, which a test brings along, is none of ours. */
export function instantiate<Exports extends { abiVersion(): number }>(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  if (!WebAssembly.Module.imports(module).some((each) => each.module === 'checks')) return instantiateOriginal(module, memory)
  const exports = instantiateChecked(module, memory) as unknown as Exports
  const version = exports.abiVersion()
  if (version !== ABI_VERSION)
    throw new Error(`the checked codec speaks ABI ${version}, these sources ${ABI_VERSION}: npm run build:codec -- --checked`)
  return exports
}
