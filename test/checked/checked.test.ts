/** The checked codec sees what is out of bounds: overflows are planted, and each is found. The suites run with it in `npm run test:soak`. */

import binaryen from 'binaryen'
import { beforeAll, expect, test } from 'vitest'
import { OPCODE_BINARY, READER_BYTES, READER_HEAD, READER_START, READER_TAIL } from '../../assembly/abi.ts'
import { CHECKS, checkedBinary } from '../../scripts/checked-codec.mjs'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { CodecMemory, Region } from '../../src/codec/memory.ts'
import { type CodecExports, codecBytes, compileCodec } from '../../src/codec/module.ts'
import { instantiateChecked, takeOutOfBounds, watchRegions } from './bounds.ts'

const release = codecBytes(CODEC_TEXT)
const checked = checkedBinary(release)

/** A memory with three regions side by side; the middle one is carved into a record and a buffer of 256 bytes. */
function workbench(binary: Uint8Array<ArrayBuffer>): { codec: CodecExports; memory: CodecMemory; record: number; buffer: number; region: Region } {
  const linear = new WebAssembly.Memory({ initial: 2, maximum: 2 })
  const memory = new CodecMemory(compileCodec(CODEC_TEXT), linear)
  const region = (bytes: number): Region => new Region(memory, memory.take(bytes), bytes, () => {})
  region(4_096)
  const middle = region(1_024)
  region(4_096)
  const codec = instantiateChecked(new WebAssembly.Module(binary), linear)
  return { codec, memory, region: middle, record: middle.carve(READER_BYTES), buffer: middle.carve(256) }
}

/** The release binary with one thing different in the text of one of its functions. */
function planted(name: string, from: RegExp, to: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.readBinary(release)
  const exported = binaryen.getExportInfo(module.getExport(name)).value
  const text = module.emitText()
  module.dispose()
  const start = text.indexOf(`(func $${exported} `)
  const changed = text.slice(start).replace(from, to)
  expect(changed).not.toBe(text.slice(start))
  const faulty = binaryen.parseText(text.slice(0, start) + changed)
  faulty.setFeatures(binaryen.Features.SIMD128 | binaryen.Features.BulkMemory | binaryen.Features.BulkMemoryOpt)
  const binary = Uint8Array.from(faulty.emitBinary())
  faulty.dispose()
  return checkedBinary(binary).binary
}

beforeAll(watchRegions)

test('every load, store, copy and fill of the binary asks first', () => {
  const module = binaryen.readBinary(release)
  const text = module.emitText()
  module.dispose()
  const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0
  expect(checked.accesses).toEqual({
    read: count(/\(\w+\.(atomic\.)?load/g),
    written: count(/\(\w+\.(atomic\.)?(store|rmw)/g),
    copied: count(/\(memory\.copy/g),
    filled: count(/\(memory\.fill/g),
  })
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(checked.binary))
  expect(imports.filter((each) => each.module === 'checks').map(({ name }) => name)).toEqual(Object.keys(CHECKS))
})

/** An end that its caller got wrong: what the writer itself checks against says nothing. */
const ANYWHERE = 2 ** 31

test('what stays in its region passes', () => {
  const { codec, buffer, record } = workbench(checked.binary)
  codec.readerReset(record)
  expect(codec.writeFrame(buffer, buffer + 256, buffer + 14, 100, 0x80 | OPCODE_BINARY, 1, 0x01020304)).toBe(106)
  expect(takeOutOfBounds()).toEqual([])
})

test('a frame that runs over the end of its buffer is found, even where the region goes on', () => {
  const { codec, buffer } = workbench(checked.binary)
  const at = buffer + 250
  expect(() => codec.writeFrame(at, ANYWHERE, buffer, 4, 0x80 | OPCODE_BINARY, 1, 1)).toThrow(
    /^writeFrame writes 4 bytes at \d+, outside of \[\d+, \d+\)$/,
  )
  expect(takeOutOfBounds()).toHaveLength(1)
})

test('an empty frame behind the end of a full buffer is found', () => {
  const { codec, buffer } = workbench(checked.binary)
  expect(() => codec.writeFrame(buffer + 255, ANYWHERE, buffer + 255, 0, 0x80 | OPCODE_BINARY, 0, 0)).toThrow('writeFrame writes 2 bytes at')
  expect(takeOutOfBounds()).toHaveLength(1)
})

test('a copy into the region before is found', () => {
  const { codec, memory, record, region } = workbench(checked.binary)
  memory.view.setUint32(record + READER_HEAD, region.start, true)
  memory.view.setUint32(record + READER_TAIL, region.start + 64, true)
  memory.view.setUint32(record + READER_START, region.start - 64, true)
  expect(() => codec.readerCompact(record)).toThrow('readerCompact copies 64 bytes at')
  expect(takeOutOfBounds()).toHaveLength(1)
})

test('a read of the region behind is found', () => {
  const { codec, region } = workbench(checked.binary)
  expect(() => codec.isAsciiRun(region.start, region.bytes + 128)).toThrow('isAsciiRun reads 16 bytes at')
  expect(takeOutOfBounds()).toHaveLength(1)
})

test('a store of the binary itself that goes astray is found, on whatever path', () => {
  const { codec, buffer } = workbench(planted('writeHeader', /\(i32\.store16\b(?! offset)/, '(i32.store16 offset=1025'))
  expect(() => codec.writeHeader(buffer, buffer + 256, 0x81, 1, 0, 0)).toThrow('writeHeader writes 2 bytes at')
  expect(takeOutOfBounds()).toHaveLength(1)
})
