/**
 * The codec with a counter in it: every function call and every turn of a loop counts one, bulk copies by their bytes (they are compiled to loops).
 * So work can be compared without a clock.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'
import binaryen from 'binaryen'
import type { CodecExports } from '../../src/codec/module.ts'

export interface Counted {
  readonly codec: CodecExports
  readonly u8: Uint8Array
  readonly view: DataView
  /** Steps that `run` takes. */
  steps(run: () => void): number
}

const root = fileURLToPath(new URL('../../', import.meta.url))

async function compile(): Promise<Uint8Array> {
  let binary: Uint8Array | null = null
  const stderr = asc.createMemoryStream()
  const { error } = await asc.main(
    // Without bulk memory, memory.copy is a function of AssemblyScript's own. Unoptimized, so that no loop is unrolled or taken away.
    [
      'assembly/index.ts',
      '--outFile',
      'counted.wasm',
      '--runtime',
      'stub',
      '--noAssert',
      '--use',
      'abort=',
      '--importMemory',
      '--enable',
      'simd',
      '--disable',
      'bulk-memory',
      '--memoryBase',
      '64',
      '-O0',
    ],
    {
      stdout: asc.createMemoryStream(),
      stderr,
      readFile: (name: string, baseDir: string) => {
        try {
          return readFileSync(new URL(name, `file://${baseDir === '.' ? root : `${baseDir}/`}`), 'utf8')
        } catch {
          return null
        }
      },
      writeFile: (_name: string, data: string | Uint8Array) => {
        if (typeof data !== 'string') binary = data
      },
      listFiles: () => [],
      reportDiagnostic: undefined,
    },
  )
  if (error !== null || binary === null) throw error ?? new Error(stderr.toString())
  return binary
}

/** Compiles and instruments the codec: a second or two. */
export async function counted(pages = 64): Promise<Counted> {
  const instrumented = binaryen.readBinary(await compile())
  instrumented.runPasses(['log-execution'])
  const module = new WebAssembly.Module(instrumented.emitBinary() as Uint8Array<ArrayBuffer>)
  instrumented.dispose()
  let count = 0
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const imports: WebAssembly.Imports = {}
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {}
    imports[from][name] = kind === 'memory' ? memory : () => void count++
  }
  return {
    codec: new WebAssembly.Instance(module, imports).exports as unknown as CodecExports,
    u8: new Uint8Array(memory.buffer),
    view: new DataView(memory.buffer),
    steps(run) {
      const before = count
      run()
      return count - before
    },
  }
}
