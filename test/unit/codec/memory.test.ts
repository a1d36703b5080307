import { describe, expect, test } from 'vitest'
import { DEFLATE_TABLES_BYTES } from '../../../assembly/abi.ts'
import { CODEC_TEXT } from '../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../src/codec/deflate/binary.ts'
import { align, Codec, CodecMemory, type Region } from '../../../src/codec/memory.ts'
import { compileCodec } from '../../../src/codec/module.ts'
import { webTextDecoding } from '../../../src/codec/text.ts'
import { Random } from '../../reference/random.ts'

const module = compileCodec(CODEC_TEXT)
const open = (): Codec => new Codec(module, webTextDecoding())
const MIB = 1024 * 1024

/** First fit over a map of units: nothing to get wrong. */
class NaiveAllocator {
  private readonly used: boolean[]
  constructor(
    private readonly first: number,
    private readonly unit: number,
    units: number,
  ) {
    this.used = new Array<boolean>(units).fill(false)
  }
  take(bytes: number): number {
    const units = bytes / this.unit
    for (let i = 0; i + units <= this.used.length; i++) {
      if (this.used.slice(i, i + units).some((taken) => taken)) continue
      this.used.fill(true, i, i + units)
      return this.first + i * this.unit
    }
    return 0
  }
  give(start: number, bytes: number): void {
    const i = (start - this.first) / this.unit
    this.used.fill(false, i, i + bytes / this.unit)
  }
}

describe('take and give', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('agree with a naive first-fit allocator over random operations (seed %i)', (seed) => {
    const random = new Random(seed)
    const unit = 1_024
    const memory = new CodecMemory(module, new WebAssembly.Memory({ initial: 2, maximum: 2 }))
    const model = new NaiveAllocator(4_096, unit, (2 * 65_536 - 4_096) / unit)
    const out: { start: number; bytes: number }[] = []
    for (let step = 0; step < 3_000; step++) {
      if (out.length === 0 || random.below(100) < 52) {
        const bytes = unit * (1 + random.below(random.oneIn(5) ? 40 : 6))
        const start = memory.take(bytes)
        expect(start, `step ${step}: take ${bytes}`).toBe(model.take(bytes))
        if (start !== 0) out.push({ start, bytes })
      } else {
        const [region] = out.splice(random.below(out.length), 1) as [{ start: number; bytes: number }]
        memory.give(region.start, region.bytes)
        model.give(region.start, region.bytes)
      }
      expect(memory.isEmpty).toBe(out.length === 0)
    }
    for (const { start, bytes } of out) memory.give(start, bytes)
    expect(memory.isEmpty).toBe(true)
    // All of it is one run again.
    expect(memory.take(2 * 65_536 - 4_096)).toBe(4_096)
    expect(memory.take(1)).toBe(0)
  })
  test('never give out the codec’s own data', () => {
    const memory = new CodecMemory(module, new WebAssembly.Memory({ initial: 1, maximum: 1 }))
    expect(memory.take(64)).toBeGreaterThanOrEqual(4_096)
  })
})

describe('a codec’s regions', () => {
  test('are aligned, and do not overlap', () => {
    const codec = open()
    const random = new Random(7)
    const regions = Array.from({ length: 200 }, () => codec.region(1 + random.below(10_000)))
    const sorted = regions.toSorted((a, b) => a.start - b.start)
    sorted.forEach((region, i) => {
      expect(region.start % 64).toBe(0)
      expect(region.bytes % 64).toBe(0)
      const next = sorted[i + 1]
      if (next !== undefined) expect(region.start + region.bytes).toBeLessThanOrEqual(next.start)
    })
    expect(codec.memoryCount).toBe(1)
  })
  test('share one memory until it is full, then take a further one; the first has 4 MiB, the others 64', () => {
    const codec = open()
    const first = codec.region(4 * MIB - 4_096)
    const regions = Array.from({ length: 4 }, () => codec.region(20 * MIB))
    // Compared by number: a memory that is printed is 64 MiB of numbers.
    const memories = [...new Set([first, ...regions].map(({ memory }) => memory))]
    expect([first, ...regions].map(({ memory }) => memories.indexOf(memory))).toEqual([0, 1, 1, 1, 2])
    expect(memories.map(({ u8 }) => u8.length / MIB)).toEqual([4, 64, 64])
    expect(codec.memoryCount).toBe(3)
  })
  test('fill holes in the oldest memory first', () => {
    const codec = open()
    codec.region(4 * MIB - 4_096)
    const [a, , , d] = Array.from({ length: 4 }, () => codec.region(20 * MIB)) as [Region, Region, Region, Region]
    a.release()
    const again = codec.region(20 * MIB)
    expect(again.memory === a.memory).toBe(true)
    expect(again.start).toBe(a.start)
    expect(d.memory === a.memory).toBe(false)
  })
  test('larger than a memory get one of their own size', () => {
    const codec = open()
    const region = codec.region(100 * MIB)
    expect(region.memory.u8.length).toBeGreaterThanOrEqual(100 * MIB)
    expect(region.start + region.bytes).toBeLessThanOrEqual(region.memory.u8.length)
    region.release()
  })
  test('an emptied memory is dropped, except the last', () => {
    const codec = open()
    const regions = Array.from({ length: 10 }, () => codec.region(20 * MIB))
    expect(codec.memoryCount).toBe(4)
    for (const region of regions) region.release()
    expect(codec.memoryCount).toBe(1)
  })
  test('released twice are given back once', () => {
    const codec = open()
    const a = codec.region(1_024)
    a.release()
    const b = codec.region(1_024)
    a.release()
    const c = codec.region(1_024)
    expect(b.start).toBe(a.start)
    expect(c.start).not.toBe(b.start)
  })
  test('carve themselves up without overrun', () => {
    const region = open().region(256)
    expect(region.carve(1)).toBe(region.start)
    expect(region.carve(64)).toBe(region.start + 64)
    expect(region.carve(100)).toBe(region.start + 128)
    expect(() => region.carve(1)).toThrow(RangeError)
  })
  test('a memory keeps its buffer as regions come and go', () => {
    const codec = open()
    const keep = codec.region(64)
    const { buffer } = keep.memory.u8
    const random = new Random(3)
    const out: Region[] = []
    for (let i = 0; i < 2_000; i++) {
      if (random.oneIn(2)) out.push(codec.region(random.below(50_000) + 1))
      else out.splice(random.below(out.length || 1), 1)[0]?.release()
    }
    expect(keep.memory.u8.buffer === buffer).toBe(true)
    expect(keep.memory.u8.length).toBe(4 * MIB)
    for (const region of out) region.release()
    expect(codec.memoryCount).toBe(1)
  })
})

describe('the module', () => {
  test('is compiled on first use, once', () => {
    let asked = 0
    const codec = new Codec(() => {
      asked++
      return CODEC_TEXT
    }, webTextDecoding())
    expect(asked).toBe(0)
    codec.region(64 * MIB)
    codec.region(64 * MIB)
    expect(codec.memoryCount).toBe(2)
    expect(codec.module).toBe(codec.module)
    expect(asked).toBe(1)
  })
  test('may be given compiled', () => expect(open().module).toBe(module))
})

test('align rounds up to cache lines', () => {
  expect([0, 1, 63, 64, 65, 128].map(align)).toEqual([0, 64, 64, 64, 128, 128])
})

const withDeflate = (): Codec => new Codec(module, webTextDecoding(), undefined, () => DEFLATE_TEXT)

describe('tables for compressed data', () => {
  const whole = 4 * MIB - 4_096
  test('are made when they are first asked for, once in a memory', () => {
    const codec = withDeflate()
    const region = codec.deflateRegion(1_000)
    const { deflateTables } = region.memory
    expect(deflateTables).toBeGreaterThanOrEqual(4_096)
    expect(codec.deflateRegion(1_000).memory.deflateTables).toBe(deflateTables)
    // Nobody's region lies there.
    const regions = Array.from({ length: 100 }, () => codec.region(1_000))
    const end = deflateTables + align(DEFLATE_TABLES_BYTES)
    for (const { start, bytes } of [region, ...regions]) expect(start >= end || start + bytes <= deflateTables).toBe(true)
  })
  test('take nothing in a memory in which the region does not fit', () => {
    const codec = withDeflate()
    const first = codec.region(1_000)
    const large = codec.deflateRegion(whole - align(1_000))
    expect(large.memory === first.memory).toBe(false)
    // All the rest of the first memory is one run.
    expect(codec.region(whole - align(1_000)).memory === first.memory).toBe(true)
  })
  test('take nothing where there is no binary, or a wrong one', () => {
    const codec = open()
    expect(() => codec.deflateRegion(1_000)).toThrow(expect.objectContaining({ code: 'OptionUnsupported' }))
    const region = codec.region(whole - align(DEFLATE_TABLES_BYTES))
    expect(() => region.memory.deflateTables).toThrow(expect.objectContaining({ code: 'OptionUnsupported' }))
    expect(codec.region(align(DEFLATE_TABLES_BYTES)).memory === region.memory).toBe(true)
  })
  test('are 0 where there is no room, and a memory that has nothing else is empty', () => {
    const codec = withDeflate()
    const full = codec.region(whole)
    expect(full.memory.deflateTables).toBe(0)
    full.release()
    const region = codec.deflateRegion(1_000)
    expect(region.memory.deflateTables).toBeGreaterThan(0)
    region.release()
    expect(region.memory.isEmpty).toBe(true)
  })
})

describe('places that are used in turn', () => {
  class Desk {
    constructor(
      readonly region: Region,
      readonly capacity: number,
    ) {}
    static regionBytes(capacity: number): number {
      return 2 * capacity
    }
  }

  test('what one has carved behind its place is the next one’s to carve, and only behind places that were asked for with it', () => {
    const codec = withDeflate()
    const user = {}
    codec.join(user)
    const places = codec.places(Desk, 1_024, 4_096)
    expect(codec.places(Desk, 1_024)).not.toBe(places)
    expect(codec.places(Desk, 1_024, 4_096)).toBe(places)
    const desk = places.take()
    expect(desk.region.bytes).toBe(2_048 + 4_096)
    // There is room for the tables in its memory, which are not made.
    expect((desk.region.memory as unknown as { tables: number; hasTables: boolean }).tables).toBeGreaterThan(0)
    expect((desk.region.memory as unknown as { hasTables: boolean }).hasTables).toBe(false)
    const place = desk.region.carve(2_048)
    const at = desk.region.carve(4_096)
    expect(at).toBe(place + 2_048)
    expect(() => desk.region.carve(64)).toThrow(RangeError)
    places.giveBack(desk)
    expect(places.take()).toBe(desk)
    expect(desk.region.carve(4_096)).toBe(at)
    places.giveBack(desk)
    codec.quit(user)
  })

  test('the one that was given back last is the next one, and of those that nobody has four are kept', () => {
    const codec = open()
    const [one, two] = [{}, {}]
    codec.join(one)
    const places = codec.places(Desk, 1_024)
    expect(codec.places(Desk, 1_024)).toBe(places)
    expect(codec.places(Desk, 2_048)).not.toBe(places)
    const desks = Array.from({ length: 6 }, () => places.take())
    expect(new Set(desks.map(({ region }) => region.start)).size).toBe(6)
    expect(desks.map(({ region, capacity }) => [region.bytes, capacity])).toEqual(desks.map(() => [2_048, 1_024]))
    for (const desk of desks) places.giveBack(desk)
    const again = Array.from({ length: 4 }, () => places.take())
    expect(again).toEqual([desks[3], desks[2], desks[1], desks[0]])
    for (const desk of again) places.giveBack(desk)
    // The others’ memory is anybody’s.
    const [, , , , fifth, sixth] = desks
    expect([codec.region(2_048).start, codec.region(2_048).start]).toEqual([fifth?.region.start, sixth?.region.start])
    codec.join(two)
    codec.quit(one)
    codec.quit(one)
    expect(places.take()).toBe(desks[0])
    places.giveBack(desks[0] as Desk)
    // Without anybody who may need one, none is kept.
    codec.quit(two)
    expect(places.take()).not.toBe(desks[0])
    expect(desks.map(({ region }) => (region as unknown as { released: boolean }).released)).not.toContain(false)
  })
})
