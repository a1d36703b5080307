/** Inflate and deflate stay in what they were given: the binary that ships, with each of its loads and stores asked about. */

import { deflateRawSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { checkedBinary } from '../../scripts/checked-codec.mjs'
import { DEFLATE_TEXT } from '../../src/codec/deflate/binary.ts'
import type { DeflateExports } from '../../src/codec/deflate-module.ts'
import { codecBytes } from '../../src/codec/module.ts'
import { Random } from '../reference/random.ts'
import { someData } from './deflate/differential.ts'

type Run = readonly [from: number, to: number]

const { binary, accesses } = checkedBinary(codecBytes(DEFLATE_TEXT))
const module = new WebAssembly.Module(binary)

const CONSTANTS: Run = [2_048, 4_096]
const TABLES = 8_192
const RECORD = 40_000
const COMPRESS = 50_000
const INPUT = 65_536
const AREA = 200_000

/** The binary over a memory of its own; `readable` and `writable` are what it may touch. */
class Checked {
  readonly readable: Run[] = []
  readonly writable: Run[] = []
  readonly memory = new WebAssembly.Memory({ initial: 16, maximum: 16 })
  readonly u8 = new Uint8Array(this.memory.buffer)
  readonly view = new DataView(this.memory.buffer)
  readonly exports: DeflateExports

  constructor() {
    const check = (runs: readonly Run[], what: string, from: number, bytes: number): void => {
      if (bytes > 0 && !runs.some(([first, last]) => from >= first && from + bytes <= last))
        throw new RangeError(`${what}: ${bytes} bytes at ${from}`)
    }
    const checks = {
      read: (address: number, offset: number, bytes: number): number => {
        check([...this.readable, ...this.writable], 'read', (address >>> 0) + offset, bytes)
        return address
      },
      written: (address: number, offset: number, bytes: number): number => {
        check(this.writable, 'written', (address >>> 0) + offset, bytes)
        return address
      },
      copied: (target: number, source: number, bytes: number): void => {
        check([...this.readable, ...this.writable], 'copied from', source >>> 0, bytes >>> 0)
        check(this.writable, 'copied to', target >>> 0, bytes >>> 0)
      },
      filled: (target: number, bytes: number): void => check(this.writable, 'filled', target >>> 0, bytes >>> 0),
    }
    this.exports = new WebAssembly.Instance(module, { env: { memory: this.memory }, checks }).exports as unknown as DeflateExports
    this.allow([TABLES, TABLES + abi.DEFLATE_TABLES_BYTES])
    this.exports.deflateTables(TABLES)
  }

  allow(...writable: Run[]): void {
    this.readable.splice(0, this.readable.length, CONSTANTS)
    this.writable.splice(0, this.writable.length, ...writable)
  }
}

const TABLES_RUN: Run = [TABLES, TABLES + abi.DEFLATE_TABLES_BYTES]

/** Inflates in random cuts; whatever comes of it, nothing else is touched. @param flags a format */
function inflate(checked: Checked, bytes: Uint8Array, random: Random, flags: number, windowBits: number): Buffer {
  const { exports, view, u8 } = checked
  const areaBytes = (1 << windowBits) + 1 + random.below(1_000)
  for (const [offset, value] of [
    [abi.INFLATE_AREA, AREA],
    [abi.INFLATE_AREA_END, AREA + areaBytes],
    [abi.INFLATE_WINDOW, 1 << windowBits],
    [abi.INFLATE_TABLES, TABLES],
    [abi.INFLATE_FLAGS, flags],
  ] as const) {
    view.setUint32(RECORD + offset, value, true)
  }
  const record: Run = [RECORD, RECORD + abi.INFLATE_BYTES]
  checked.allow(TABLES_RUN, record)
  exports.inflateReset(RECORD)
  const parts: Buffer[] = []
  u8.fill(0x5a, AREA - 64, AREA + areaBytes + 64)
  for (let at = 0, calls = 0; calls < 10_000; calls++) {
    const length = Math.min(bytes.length - at, random.oneIn(3) ? bytes.length : random.below(60))
    // Behind the input begins what is not to be read.
    u8.set(bytes.subarray(at, at + length), INPUT)
    const output = view.getUint32(RECORD + abi.INFLATE_OUTPUT, true)
    const end = random.oneIn(3) ? output + random.below(300) : random.oneIn(2) ? 0xffff_ffff : AREA + areaBytes
    checked.allow(TABLES_RUN, record, [AREA, Math.min(AREA + areaBytes, Math.max(end, output))])
    checked.readable.push([INPUT, INPUT + length])
    const result = exports.inflate(RECORD, INPUT, INPUT + length, end | 0)
    const now = view.getUint32(RECORD + abi.INFLATE_OUTPUT, true)
    parts.push(Buffer.from(u8.slice(output, now)))
    at += view.getUint32(RECORD + abi.INFLATE_INPUT, true) - INPUT
    if (result === abi.INFLATE_DONE || result === abi.INFLATE_FAILED || (result === abi.INFLATE_MORE && at === bytes.length)) break
    if (now === AREA + areaBytes || random.oneIn(10)) {
      checked.allow(TABLES_RUN, record, [AREA, AREA + areaBytes])
      exports.inflateSlide(RECORD, random.below(100))
    }
  }
  expect(u8.subarray(AREA - 64, AREA).every((byte) => byte === 0x5a)).toBe(true)
  expect(u8.subarray(AREA + areaBytes, AREA + areaBytes + 64).every((byte) => byte === 0x5a)).toBe(true)
  return Buffer.concat(parts)
}

test('every kind of access is asked about', () => {
  for (const count of Object.values(accesses)) expect(count).toBeGreaterThan(4)
})

describe('inflate', () => {
  test('whole streams, in every format and window', () => {
    const checked = new Checked()
    for (let seed = 1; seed < 80; seed++) {
      const random = new Random(seed)
      const data = someData(random, 3_000)
      const windowBits = 9 + random.below(7)
      const isGzip = random.oneIn(2)
      const packed = isGzip ? gzipSync(data, { windowBits, level: random.below(10) }) : deflateRawSync(data, { windowBits, level: random.below(10) })
      const output = inflate(checked, packed, random, isGzip ? abi.DEFLATED_GZIP : abi.DEFLATED_RAW, isGzip ? 15 : windowBits)
      expect(Buffer.compare(output, data), `seed ${seed}`).toBe(0)
    }
  })

  test('streams that were changed', () => {
    const checked = new Checked()
    for (let seed = 1; seed < 300; seed++) {
      const random = new Random(seed)
      const packed = random.oneIn(5) ? random.bytes(100) : deflateRawSync(someData(random, 1_000), { level: random.below(10) })
      for (let i = random.below(4); i >= 0; i--) packed[random.below(packed.length)] = random.word()
      inflate(checked, packed, random, abi.DEFLATED_RAW, 8 + random.below(8))
    }
  })
})

test('deflate: whatever is compressed, in whatever room', () => {
  const checked = new Checked()
  const { exports, view, u8 } = checked
  for (let seed = 1; seed < 50; seed++) {
    const random = new Random(seed)
    const windowBits = 8 + random.below(8)
    const window = 1 << windowBits
    const hashBits = Math.min(13, windowBits)
    let next = AREA
    const part = (bytes: number): Run => {
      const from = next
      next += bytes + 64
      return [from, from + bytes]
    }
    const buffer = part(window + 16_384)
    const hashes = part(4 << hashBits)
    const tokens = part(random.oneIn(2) ? 16_384 : 64)
    const output = part(20_000)
    const record: Run = [COMPRESS, COMPRESS + abi.COMPRESS_BYTES]
    for (const [offset, value] of [
      [abi.COMPRESS_BUFFER, buffer[0]],
      [abi.COMPRESS_BUFFER_END, buffer[1]],
      [abi.COMPRESS_HASHES, hashes[0]],
      [abi.COMPRESS_TOKENS, tokens[0]],
      [abi.COMPRESS_TOKENS_END, tokens[1]],
      [abi.COMPRESS_TABLES, TABLES],
      [abi.COMPRESS_WINDOW, window],
      [abi.COMPRESS_HASH_BITS, hashBits],
      [abi.COMPRESS_FLAGS, random.below(3)],
    ] as const) {
      view.setUint32(COMPRESS + offset, value, true)
    }
    checked.allow(record, hashes)
    exports.deflateReset(COMPRESS)
    const data = someData(random, 6_000)
    for (let at = 0, calls = 0; calls < 5_000; calls++) {
      const length = Math.min(data.length - at, random.below(4_000))
      u8.set(data.subarray(at, at + length), INPUT)
      const room = random.oneIn(4) ? random.below(60) : 20_000
      view.setUint32(COMPRESS + abi.COMPRESS_OUTPUT, output[0], true)
      checked.allow(record, buffer, hashes, tokens, [output[0], output[0] + room])
      checked.readable.push(TABLES_RUN, [INPUT, INPUT + length])
      const isLast = at + length === data.length
      const result = exports.deflate(COMPRESS, INPUT, INPUT + length, output[0] + room, isLast ? abi.FLUSH_FINISH : random.below(2))
      at += view.getUint32(COMPRESS + abi.COMPRESS_INPUT, true) - INPUT
      if (result === abi.DEFLATE_DONE) break
      expect(calls).toBeLessThan(4_999)
    }
  }
})
