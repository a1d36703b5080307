/**
 * The bounds of the checked codec (`npm run build:codec -- --checked`): answers what its loads and stores ask, by what CodecMemory has given out.
 *
 * Rule 1: an export works in the region that its first argument, a record or an address, lies in. It writes nowhere else.
 * Rule 2: what writes at an address, not through a record, stays in the part of the region that was carved for it.
 * Rule 3: it reads there, in the codec's own constants, and up to CLEAN_OVERREAD bytes further, which nothing may depend on
 *         (test/property/guarded.ts holds that); and in the regions of those further arguments that are addresses.
 */

import { CLEAN_OVERREAD } from '../../assembly/abi.ts'
import { CodecMemory, FIRST_REGION, Region } from '../../src/codec/memory.ts'
import type { CodecExports } from '../../src/codec/module.ts'

/** Which arguments are addresses, where it is not the first alone. */
const ADDRESSES: Partial<Record<keyof CodecExports, readonly number[]>> = {
  abiVersion: [],
  rotateKey: [],
  utf8Validate: [1],
  maskCopy: [0, 1],
  readerColumns: [0, 3, 4, 5],
  writeFrame: [0, 2],
  parseRequestHead: [0, 1],
  parseResponseHead: [0, 1],
  putRequestLine: [0, 2, 4],
  putStatusLine: [0, 3],
  putField: [0, 2, 4],
  putUpgradeRequestFields: [0, 2],
  putUpgradeResponse: [0, 2, 3],
  sealRequestLine: [0, 4],
  handshakeKey: [0, 1],
  handshakeAccept: [0, 1, 3],
}

/** Those with more than one place to write: at the address that is the first argument, and in working memory. */
const SCRATCH: Partial<Record<keyof CodecExports, number>> = { putUpgradeResponse: 3, handshakeAccept: 3 }

/** Those whose first argument is where the output goes; the others' is a record, which leads to the rest of its region. */
const WRITES_AT: ReadonlySet<keyof CodecExports> = new Set<keyof CodecExports>([
  'maskCopy',
  'writeFrame',
  'writeHeader',
  'putRequestLine',
  'putStatusLine',
  'putField',
  'putEndOfHead',
  'putContentLength',
  'putUpgradeRequestFields',
  'putUpgradeResponse',
  'sealField',
  'sealRequestLine',
])

interface Run {
  readonly start: number
  readonly end: number
}

/** What one memory has given out. */
class Given {
  private readonly regions = new Map<number, number>()
  /** Parts of regions, by their start. */
  private readonly parts = new Map<number, number>()

  take(start: number, bytes: number): void {
    this.regions.set(start, start + bytes)
  }

  give(start: number, bytes: number): void {
    this.regions.delete(start)
    for (const part of this.parts.keys()) if (part >= start && part < start + bytes) this.parts.delete(part)
  }

  carve(region: Run, start: number, end: number): void {
    if (this.region(start) === null) this.regions.set(region.start, region.end)
    this.parts.set(start, end)
  }

  region(address: number): Run | null {
    return runOf(this.regions, address)
  }

  /** The part that an address lies in, or that ends there; never one of a neighbour, which may end where this region begins. */
  part(address: number): Run | null {
    const region = this.region(address)
    const part = runOf(this.parts, address)
    return part !== null && region !== null && part.start >= region.start && part.end <= region.end ? part : region
  }
}

function runOf(runs: ReadonlyMap<number, number>, address: number): Run | null {
  // The first byte behind a run belongs to it when nothing else begins there: an empty write at the end of a full buffer goes nowhere.
  let behind: Run | null = null
  for (const [start, end] of runs) {
    if (address >= start && address < end) return { start, end }
    if (address === end) behind = { start, end }
  }
  return behind
}

const given = new WeakMap<ArrayBufferLike, Given>()

function givenOf(buffer: ArrayBufferLike): Given {
  let of = given.get(buffer)
  if (of === undefined) {
    of = new Given()
    given.set(buffer, of)
  }
  return of
}

/** Follows what is taken, carved and given back, from here on. */
export function watchRegions(): void {
  const { take, give } = CodecMemory.prototype
  CodecMemory.prototype.take = function (bytes) {
    const start = take.call(this, bytes)
    if (start !== 0) givenOf(this.u8.buffer).take(start, bytes)
    return start
  }
  CodecMemory.prototype.give = function (start, bytes) {
    givenOf(this.u8.buffer).give(start, bytes)
    give.call(this, start, bytes)
  }
  const { carve } = Region.prototype
  Region.prototype.carve = function (bytes) {
    const at = carve.call(this, bytes)
    givenOf(this.memory.u8.buffer).carve({ start: this.start, end: this.start + this.bytes }, at, at + bytes)
    return at
  }
}

/** An access that is out of bounds. A test that catches every error of the product must still not catch this one: it is kept, too. */
export class OutOfBounds extends Error {
  override readonly name = 'OutOfBounds'
}

const found: OutOfBounds[] = []

/** Those since the last call. */
export function takeOutOfBounds(): OutOfBounds[] {
  return found.splice(0)
}

/** Instantiates a checked binary over `memory`. A memory of which nothing is given out is one region: tests of single exports use it as they like. */
export function instantiateChecked(module: WebAssembly.Module, memory: WebAssembly.Memory): CodecExports {
  const { buffer } = memory
  let name: keyof CodecExports = 'abiVersion'
  let writable: readonly Run[] = []
  let readable: readonly Run[] = []

  const fail = (what: string, address: number, bytes: number): never => {
    const runs = (what === 'reads' ? readable : writable).map(({ start, end }) => `[${start}, ${end})`).join(', ')
    const error = new OutOfBounds(`${name} ${what} ${bytes} bytes at ${address}, outside of ${runs === '' ? 'every region' : runs}`)
    found.push(error)
    throw error
  }
  const write = (what: string, address: number, bytes: number): void => {
    if (!writable.some(({ start, end }) => address >= start && address + bytes <= end) && bytes !== 0) fail(what, address, bytes)
  }
  const read = (address: number, bytes: number, beyond: number): void => {
    if (address + bytes <= FIRST_REGION || bytes === 0) return
    if (!readable.some(({ start, end }) => address >= start && address + bytes <= end + beyond)) fail('reads', address, bytes)
  }
  const checks = {
    read: (address: number, offset: number, bytes: number): number => {
      read((address >>> 0) + (offset >>> 0), bytes, CLEAN_OVERREAD)
      return address
    },
    written: (address: number, offset: number, bytes: number): number => {
      write('writes', (address >>> 0) + (offset >>> 0), bytes)
      return address
    },
    copied: (target: number, source: number, bytes: number): void => {
      write('copies', target >>> 0, bytes >>> 0)
      read(source >>> 0, bytes >>> 0, 0)
    },
    filled: (target: number, bytes: number): void => write('fills', target >>> 0, bytes >>> 0),
  }
  const exports = new WebAssembly.Instance(module, { env: { memory }, checks }).exports as unknown as Record<string, (...args: number[]) => unknown>

  const whole: Run = { start: FIRST_REGION, end: buffer.byteLength }
  const isRun = (run: Run | null): run is Run => run !== null
  const checked = Object.entries(exports).map(([each, call]) => {
    const key = each as keyof CodecExports
    const places = ADDRESSES[key] ?? [0]
    const scratch = SCRATCH[key]
    const wrapped = (...args: number[]): unknown => {
      name = key
      const of = given.get(buffer)
      const region = (address: number): Run | null => (of === undefined ? whole : of.region(address))
      const addresses = places.map((i) => (args[i] as number) >>> 0)
      const [at = 0] = addresses
      readable = addresses.map(region).filter(isRun)
      const first = WRITES_AT.has(key) && of !== undefined ? of.part(at) : region(at)
      writable = [first, scratch === undefined ? null : region((args[scratch] as number) >>> 0)].filter(isRun)
      return call(...args)
    }
    return [each, wrapped]
  })
  return Object.fromEntries(checked) as CodecExports
}
