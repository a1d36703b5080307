/** The binary for compressed data: what it asks for, what it offers, where its constants lie, and what it keeps. Nothing. */

import binaryen from 'binaryen'
import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../src/codec/deflate/binary.ts'
import type { DeflateExports } from '../../src/codec/deflate-module.ts'
import { FIRST_REGION } from '../../src/codec/memory.ts'
import { codecBytes, compileCodec } from '../../src/codec/module.ts'
import { Deflater, Inflater } from '../../src/entry/codec.ts'
import { threadCodec } from '../../src/entry/thread-codec.ts'

const bytes = codecBytes(DEFLATE_TEXT)
const module = compileCodec(DEFLATE_TEXT)

const EXPORTS: readonly (keyof DeflateExports)[] = [
  'abiVersion',
  'deflate',
  'deflateReset',
  'deflateTables',
  'inflate',
  'inflateEndMessage',
  'inflateMayEnd',
  'inflateReset',
  'inflateSlide',
]

test('it imports the memory, and nothing else', () => {
  expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }])
})

test('it exports these functions, and nothing else', () => {
  const exported = WebAssembly.Module.exports(module).map(({ name, kind }) => `${kind} ${name}`)
  expect(exported.sort()).toEqual(EXPORTS.map((name) => `function ${name}`))
})

test('it is at most 24 KiB', () => {
  expect(bytes.length).toBeLessThanOrEqual(24 * 1024)
})

test('it runs nothing when it is instantiated, has no global that could change, and never grows memory', () => {
  const binary = binaryen.readBinary(bytes)
  expect(binary.getStart()).toBe(0)
  const globals = Array.from({ length: binary.getNumGlobals() }, (_, i) => binaryen.getGlobalInfo(binary.getGlobalByIndex(i)))
  expect(globals.filter((global) => global.mutable)).toEqual([])
  expect(binary.emitText()).not.toMatch(/memory\.grow/)
  binary.dispose()
})

describe('its own memory', () => {
  /** First and last byte that instantiating a binary writes. */
  const written = (text: string): [first: number, last: number] => {
    const runs = [0, 0xff].map((fill) => {
      const memory = new WebAssembly.Memory({ initial: 1 })
      new Uint8Array(memory.buffer).fill(fill)
      new WebAssembly.Instance(compileCodec(text), { env: { memory } })
      const after = new Uint8Array(memory.buffer)
      return [after.findIndex((byte) => byte !== fill), after.findLastIndex((byte) => byte !== fill)] as const
    })
    return [Math.min(...runs.map(([first]) => first)), Math.max(...runs.map(([, last]) => last))]
  }

  test('lies between that of the codec and the first region', () => {
    const [first, last] = written(DEFLATE_TEXT)
    const [codecFirst, codecLast] = written(CODEC_TEXT)
    expect(codecFirst).toBeGreaterThanOrEqual(64)
    expect(codecLast).toBeLessThan(2_048)
    expect(first).toBeGreaterThanOrEqual(2_048)
    expect(last).toBeLessThan(FIRST_REGION)
  })

  test('is never written', () => {
    const region = threadCodec.deflateRegion(64)
    const { u8, deflateTables } = region.memory
    expect(deflateTables).toBeGreaterThan(0)
    const before = u8.slice(0, FIRST_REGION)
    const data = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 7)
    for (const format of ['gzip', 'deflate', 'deflate-raw'] as const) {
      expect(Buffer.compare(new Inflater(format).inflateAll(new Deflater(format).deflateAll(data)), data)).toBe(0)
    }
    expect(Buffer.compare(u8.slice(0, FIRST_REGION), before)).toBe(0)
    region.release()
  })
})
