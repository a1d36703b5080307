/**
 * Linear memory, given out in regions.
 *
 * Rule 1: a memory never grows after it is made: growing would detach the views that sockets read into.
 *         When one is full, a further one is made.
 * Rule 2: a region belongs to one connection until it is released; an empty memory is dropped, so that the memory of a burst of
 *         connections goes back to the system.
 * Rule 3: every object that can reach the bytes of a region holds its {@link Region}. Only the `Region` is watched: when it is garbage, nothing can reach
 *         the bytes any more, and they are given back. So there is no list of owners to keep.
 * Rule 4: memory that the system reads into or writes from is lent to it, and is not given back before the system is done.
 */

import { DEFLATE_TABLES_BYTES } from '../../assembly/abi.ts'
import { UsageError } from '../errors.ts'
import { showsItself } from '../printing.ts'
import type { DeflateExports } from './deflate-module.ts'
import { type CodecExports, compileCodec, instantiate } from './module.ts'
import type { TextDecoding } from './text.ts'

const PAGE = 65_536
/** The codec's read-only data lies below this address; regions begin here. */
export const FIRST_REGION = 4_096
/** Regions begin on cache lines. */
const ALIGNMENT = 64
/** 64 MiB of address space per memory; untouched pages cost nothing. V8 allows about 13,000 memories per process. */
const MEMORY_PAGES = 1_024
/** 4 MiB for a thread's first memory: V8 counts a whole memory as its own, and would collect garbage because of 64 MiB while a program is still loading. */
const FIRST_MEMORY_PAGES = 64
const TABLES_BYTES = align(DEFLATE_TABLES_BYTES)

/** One linear memory with its codec instance and its whole-memory views. */
export class CodecMemory {
  static {
    showsItself(this.prototype, (it) => ({ bytes: it.u8.length, used: it.used }))
  }

  readonly exports: CodecExports
  readonly u8: Uint8Array<ArrayBuffer>
  /** Signed on purpose: a descriptor read as a signed word is a small integer to every engine, never a boxed double. */
  readonly i32: Int32Array<ArrayBuffer>
  readonly view: DataView<ArrayBuffer>
  /** Free runs as start, end, start, end …, ascending and never touching. */
  private readonly free: number[]
  private used = 0
  private inflating: DeflateExports | null = null
  /** Where the tables for compressed data go, once there is room kept for them. */
  private tables = 0
  private hasTables = false

  /**
   * @param memory of at least one page; shared with other threads when `module` is the codec's shared build
   * @param deflateModule the binary for compressed data, of the same build; asked for when it is first needed
   */
  constructor(
    module: WebAssembly.Module,
    private readonly memory: WebAssembly.Memory,
    private readonly deflateModule: () => WebAssembly.Module = noDeflate,
  ) {
    this.exports = instantiate<CodecExports>(module, memory)
    // Views of shared memory are used like any other: another thread only reads them after an atomic store here and a load there (handover.ts).
    const buffer = memory.buffer as ArrayBuffer
    this.u8 = new Uint8Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.view = new DataView(buffer)
    this.free = [FIRST_REGION, buffer.byteLength]
  }

  /** The code for compressed data, over this memory; instantiated when it is first used. */
  get deflate(): DeflateExports {
    this.inflating ??= instantiate<DeflateExports>(this.deflateModule(), this.memory)
    return this.inflating
  }

  /**
   * Tables that all who inflate in this memory share, and keep for as long as it lives; made when they are first asked for. 0 when there is no room
   * for them.
   */
  get deflateTables(): number {
    if (this.hasTables) return this.tables
    // It may be missing: then no memory was taken.
    const { deflate } = this
    if (!this.keepTables()) return 0
    deflate.deflateTables(this.tables)
    this.hasTables = true
    return this.tables
  }

  /** As {@link CodecMemory.take}, with room for the tables beside it, which are not made yet. 0 when there is none for both, and then none was taken. */
  takeBesideTables(bytes: number): number {
    const before = this.tables
    if (!this.keepTables()) return 0
    const start = this.take(bytes)
    if (start === 0 && before === 0) {
      this.used += TABLES_BYTES
      this.give(this.tables, TABLES_BYTES)
      this.tables = 0
    }
    return start
  }

  /** Keeps room for the tables. It is nobody's region: a memory that has nothing else is empty. */
  private keepTables(): boolean {
    if (this.tables === 0) {
      this.tables = this.take(TABLES_BYTES)
      if (this.tables === 0) return false
      this.used -= TABLES_BYTES
    }
    return true
  }

  /** No region is in use. */
  get isEmpty(): boolean {
    return this.used === 0
  }

  /** Address of a run of `bytes`, lowest first, or 0 when none is long enough. */
  take(bytes: number): number {
    const { free } = this
    for (let i = 0; i < free.length; i += 2) {
      const start = free[i] as number
      if ((free[i + 1] as number) - start < bytes) continue
      if ((free[i + 1] as number) - start === bytes) free.splice(i, 2)
      else free[i] = start + bytes
      this.used += bytes
      return start
    }
    return 0
  }

  /** Takes back what {@link take} gave. */
  give(start: number, bytes: number): void {
    const { free } = this
    const end = start + bytes
    let i = 0
    while (i < free.length && (free[i] as number) < start) i += 2
    const joinsBefore = i > 0 && free[i - 1] === start
    const joinsAfter = i < free.length && free[i] === end
    if (joinsBefore && joinsAfter) free.splice(i - 1, 2)
    else if (joinsBefore) free[i - 1] = end
    else if (joinsAfter) free[i] = start
    else free.splice(i, 0, start, end)
    this.used -= bytes
  }
}

function noDeflate(): never {
  throw new UsageError('OptionUnsupported', 'this codec was made without the binary for compressed data')
}

/** What a region has beside it for a while. */
interface Annex {
  /** 0 for nothing. */
  start: number
  bytes: number
}

/** Where a region lies; it says nothing about its holders. */
interface Extent {
  readonly memory: CodecMemory
  readonly start: number
  readonly bytes: number
  readonly annex: Annex
}

/** A run of linear memory that belongs to one connection. Keep it for as long as its bytes can be reached: it keeps them alive. */
export class Region {
  static {
    showsItself(this.prototype, (it) => ({ bytes: it.bytes, released: it.released }))
  }

  private cursor: number
  private loans = 0
  private released = false
  /** @internal */ readonly annex: Annex

  constructor(
    readonly memory: CodecMemory,
    readonly start: number,
    readonly bytes: number,
    /** Gives the memory back; called at most once. */
    private readonly giveBack: (region: Region) => void,
    annex: Annex = { start: 0, bytes: 0 },
  ) {
    this.annex = annex
    this.cursor = start
  }

  /**
   * Memory for a while, in addition to the region's own, which must have none; a multiple of 64 bytes. Goes back with the region at the latest. Allocates
   * nothing. Returns its address, 0 when there is no room.
   */
  takeAnnex(bytes: number): number {
    this.annex.bytes = bytes
    this.annex.start = this.memory.take(bytes)
    return this.annex.start
  }

  /** Gives the annex back, if there is one. */
  giveAnnex(): void {
    const { start, bytes } = this.annex
    if (start === 0) return
    this.annex.start = 0
    this.memory.give(start, bytes)
  }

  /** Carves the next `bytes` off the region, 64-byte aligned. The region was made large enough by its owner's own sum. */
  carve(bytes: number): number {
    const at = this.cursor
    this.cursor += align(bytes)
    if (this.cursor > this.start + this.bytes) throw new RangeError('region overrun')
    return at
  }

  /** What was carved behind the first `bytes` is free to be carved again. */
  carveAgainFrom(bytes: number): void {
    this.cursor = this.start + bytes
  }

  /** The system reads into it or writes from it, until {@link Region.endLoan}. */
  lend(): void {
    this.loans++
  }

  /** The system is done with it, as often as it was lent. Gives the memory back when it was released meanwhile. */
  endLoan(): void {
    this.loans--
    if (this.released && this.loans === 0) this.giveBack(this)
  }

  /** Gives the memory back, as soon as it is not lent. A second call is harmless. */
  release(): void {
    if (this.released) return
    this.released = true
    if (this.loans === 0) this.giveBack(this)
  }
}

/** Something that lives in a region, and is made for one of a certain size. */
interface Place {
  readonly region: Region
}

/** How places of one kind are made: their class. */
interface PlaceKind<P extends Place> {
  new (region: Region, capacity: number, codec: Codec): P
  regionBytes(capacity: number): number
}

/** Places that are kept for whoever is next. Of more than these, the memory goes to whoever asks for some, for whatever. */
const KEPT_PLACES = 4

/** Places of one size, which connections use in turn: the one that was given back last is the next one, so that few pages are touched. */
export class Places<P extends Place> {
  private readonly idle: P[] = []
  /** Bytes of a place, which its user may carve more behind. */
  private readonly bytes: number

  /** @param besides bytes behind a place for compressed data: address space, for users that have none */
  constructor(
    private readonly codec: Codec,
    private readonly kind: PlaceKind<P>,
    private readonly capacity: number,
    private readonly besides: number,
  ) {
    this.bytes = kind.regionBytes(capacity)
  }

  /** One that is nobody's. Its bytes are those of its last user. */
  take(): P {
    return this.idle.pop() ?? this.make()
  }

  private make(): P {
    const { codec, besides, bytes } = this
    return new this.kind(besides === 0 ? codec.region(bytes) : codec.deflateRegion(bytes + besides), this.capacity, codec)
  }

  /** The system neither reads into it nor writes from it, and nothing refers to it any more. */
  giveBack(place: P): void {
    place.region.carveAgainFrom(this.bytes)
    if (this.idle.length < KEPT_PLACES && this.codec.hasUsers) this.idle.push(place)
    else place.region.release()
  }

  /** Nobody is left who may need one. */
  clear(): void {
    for (const place of this.idle.splice(0)) place.region.release()
  }
}

/** Rounds up to what {@link Region.carve} will take. */
export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}

/** The codec of one thread: the module compiled once, and as many memories as its regions need. */
export class Codec {
  static {
    showsItself(this.prototype, (it) => ({ memories: it.memories.length }))
  }

  private readonly memories: CodecMemory[] = []
  private readonly kinds = new Map<PlaceKind<Place>, Map<string, Places<Place>>>()
  private users = 0
  private compiled: WebAssembly.Module | null = null
  private compiledDeflate: WebAssembly.Module | null = null
  private readonly giveBack = (region: Region): void => {
    this.forgotten.unregister(region)
    this.reclaim(region)
  }
  /** Regions that became garbage without having been released. */
  private readonly forgotten = new FinalizationRegistry<Extent>((extent) => this.reclaim(extent))
  /** Users that became garbage without having quit. */
  private readonly forgottenUsers = new FinalizationRegistry<null>(() => this.onQuit())

  /**
   * @param source the compiled module, or a function that gives the binary as text (called on first use)
   * @param text how this runtime turns bytes into strings
   */
  constructor(
    private readonly source: WebAssembly.Module | (() => string),
    private decoding: TextDecoding,
    /** Pages of each memory except the first one; more when one region needs more. */
    private readonly memoryPages: number = MEMORY_PAGES,
    /** The binary for compressed data: as `source`, and compiled when it is first needed. */
    private readonly deflateSource: WebAssembly.Module | (() => string) = noDeflate,
  ) {}

  /** How bytes become strings. */
  get text(): TextDecoding {
    return this.decoding
  }

  /** Replaces the way in which bytes become strings, for readers that are made from now on. */
  decodeWith(decoding: TextDecoding): this {
    this.decoding = decoding
    return this
  }

  /** The compiled module, for a worker thread to instantiate. */
  get module(): WebAssembly.Module {
    this.compiled ??= typeof this.source === 'function' ? compileCodec(this.source()) : this.source
    return this.compiled
  }

  private readonly compileDeflate = (): WebAssembly.Module => {
    this.compiledDeflate ??= typeof this.deflateSource === 'function' ? compileCodec(this.deflateSource()) : this.deflateSource
    return this.compiledDeflate
  }

  /** Linear memories that are alive. */
  get memoryCount(): number {
    return this.memories.length
  }

  /** A fresh region of `bytes`, not necessarily zeroed. It is given back when it is released, at the latest when it is garbage. */
  region(bytes: number): Region {
    return this.regionIn((memory) => memory.take(align(bytes)), align(bytes))
  }

  /**
   * As {@link Codec.region}, in a memory that has room for the tables for compressed data beside it. Throws `OptionUnsupported` for a codec without the
   * binary, which is compiled when it is first used.
   */
  deflateRegion(bytes: number): Region {
    if (this.deflateSource === noDeflate) noDeflate()
    return this.regionIn((memory) => memory.takeBesideTables(align(bytes)), align(bytes), TABLES_BYTES)
  }

  /** `user` is there, and may need a place now and then. */
  join(user: object): void {
    this.users++
    this.forgottenUsers.register(user, null, user)
  }

  /** Somebody may need a place that is kept. */
  get hasUsers(): boolean {
    return this.users > 0
  }

  /** It is gone, and has given back what it had. Nothing is kept for nobody. */
  quit(user: object): void {
    if (this.forgottenUsers.unregister(user)) this.onQuit()
  }

  private onQuit(): void {
    this.users--
    if (this.users > 0) return
    for (const sizes of this.kinds.values()) for (const places of sizes.values()) places.clear()
  }

  /**
   * The places of one kind and capacity that this thread's connections share.
   *
   * @param besides bytes behind each for compressed data
   */
  places<P extends Place>(kind: PlaceKind<P>, capacity: number, besides = 0): Places<P> {
    let sizes = this.kinds.get(kind)
    if (sizes === undefined) this.kinds.set(kind, (sizes = new Map()))
    const key = `${capacity}+${besides}`
    let places = sizes.get(key) as Places<P> | undefined
    if (places === undefined) sizes.set(key, (places = new Places(this, kind, capacity, besides)))
    return places
  }

  /** @param besides bytes that a fresh memory must have room for beside the region */
  private regionIn(take: (memory: CodecMemory) => number, size: number, besides = 0): Region {
    for (const memory of this.memories) {
      const start = take(memory)
      if (start !== 0) return this.watched(memory, start, size)
    }
    const usual = this.memories.length === 0 ? Math.min(FIRST_MEMORY_PAGES, this.memoryPages) : this.memoryPages
    const pages = Math.max(usual, Math.ceil((size + besides + FIRST_REGION) / PAGE))
    const memory = new CodecMemory(this.module, new WebAssembly.Memory({ initial: pages, maximum: pages }), this.compileDeflate)
    this.memories.push(memory)
    return this.watched(memory, take(memory), size)
  }

  private watched(memory: CodecMemory, start: number, bytes: number): Region {
    const annex = { start: 0, bytes: 0 }
    const region = new Region(memory, start, bytes, this.giveBack, annex)
    this.forgotten.register(region, { memory, start, bytes, annex }, region)
    return region
  }

  private reclaim({ memory, start, bytes, annex }: Extent): void {
    if (annex.start !== 0) memory.give(annex.start, annex.bytes)
    annex.start = 0
    memory.give(start, bytes)
    // The last memory is kept: the next connection is likely, and instantiation costs up to 0.6 ms.
    if (memory.isEmpty && this.memories.length > 1) this.memories.splice(this.memories.indexOf(memory), 1)
  }
}
