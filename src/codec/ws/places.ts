/** Where frame readers and writers live: a run of linear memory each, made once, and used by one connection after the other. */

import { DESCRIPTOR_BYTES, READER_BYTES, READER_END, READER_START, READER_TABLE, READER_TABLE_CAPACITY } from '../../../assembly/abi.ts'
import { align, type Region } from '../memory.ts'
import { type Columns, columnBytes, columnsAt, Runs } from './message-batch.ts'

/** Descriptors that one call of the parser may leave. */
export const TABLE_ENTRIES = 1_024
/** Strings are encoded here before their frame is made, and large payloads pass through piece by piece. A multiple of 4. */
export const STAGE_BYTES: number = 16 * 1024

/** The read targets of a reader: how many, of how many bytes, with how much room in front of each. */
export interface TargetLayout {
  readonly count: 1 | 2
  readonly bytes: number
  readonly room: number
}

/** The record, the descriptor table and the read buffer of a reader. */
export class ReaderPlace {
  readonly record: number
  readonly table: number
  readonly slab: number
  readonly limit: number
  /** The read buffer and nothing else: a copy into it can't go past its end. */
  readonly buffer: Uint8Array<ArrayBuffer>
  private readonly columnsAddress: number
  /** What batches of its last user show of it. */
  readonly runs: Runs = new Runs()
  private columnsMade: Columns | null = null
  private layout: TargetLayout | null = null
  private views: Uint8Array<ArrayBuffer>[] = []

  constructor(
    readonly region: Region,
    capacity: number,
  ) {
    const { u8, i32 } = region.memory
    this.record = region.carve(READER_BYTES)
    this.table = region.carve(TABLE_ENTRIES * DESCRIPTOR_BYTES)
    this.columnsAddress = region.carve(columnBytes(TABLE_ENTRIES))
    this.slab = region.carve(capacity)
    this.limit = this.slab + capacity
    this.buffer = u8.subarray(this.slab, this.limit)
    i32[(this.record + READER_START) >> 2] = this.slab
    i32[(this.record + READER_END) >> 2] = this.limit
    i32[(this.record + READER_TABLE) >> 2] = this.table
    i32[(this.record + READER_TABLE_CAPACITY) >> 2] = TABLE_ENTRIES
  }

  /** It has a user, who has this mark, or null: what batches of others have left is gone, also the numbers behind the last entry. */
  keepFor(mark: object | null): void {
    if (!this.runs.keepFor(mark) || this.columnsMade === null) return
    const { kinds, offsets, lengths } = this.columnsMade
    kinds.fill(0)
    offsets.fill(0)
    lengths.fill(0)
  }

  /** Bytes of a region for one of this capacity. */
  static regionBytes(capacity: number): number {
    return align(READER_BYTES) + align(TABLE_ENTRIES * DESCRIPTOR_BYTES) + align(columnBytes(TABLE_ENTRIES)) + align(capacity)
  }

  /** The columns of batches: address space, until one is taken. */
  get columns(): Columns {
    this.columnsMade ??= columnsAt(this.region.memory, this.columnsAddress, TABLE_ENTRIES)
    return this.columnsMade
  }

  /** Its read targets; the same ones for the same layout. */
  targets(layout: TargetLayout): Uint8Array<ArrayBuffer>[] {
    const { count, bytes, room } = layout
    const last = this.layout
    if (last === null || last.count !== count || last.bytes !== bytes || last.room !== room) {
      this.layout = layout
      const { u8 } = this.region.memory
      const first = this.slab + room
      this.views = Array.from({ length: count }, (_, i) => u8.subarray(first + i * (room + bytes), first + i * (room + bytes) + bytes))
    }
    return this.views
  }
}

/** The stage and the write buffer of a writer. */
export class WriterPlace {
  readonly stage: number
  readonly stageView: Uint8Array<ArrayBuffer>
  readonly start: number
  /** The write buffer and nothing else. */
  readonly buffer: Uint8Array<ArrayBuffer>
  /** What was given to the transport last: mostly the next one lies in the same bytes. */
  view: Uint8Array<ArrayBuffer> | null = null

  constructor(
    readonly region: Region,
    capacity: number,
  ) {
    const { u8 } = region.memory
    this.stage = region.carve(STAGE_BYTES)
    this.stageView = u8.subarray(this.stage, this.stage + STAGE_BYTES)
    this.start = region.carve(capacity)
    this.buffer = u8.subarray(this.start, this.start + capacity)
  }

  /** Bytes of a region for one of this capacity. */
  static regionBytes(capacity: number): number {
    return align(STAGE_BYTES) + align(capacity)
  }
}
