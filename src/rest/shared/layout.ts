/** Where things lie in the memory that the threads of a pool share; and what a thread has to know of it. */

import type { Fields } from '../../codec/fields.ts'
import type { ResponseReaderOptions } from '../../codec/http-limits.ts'
import { align, CodecMemory, FIRST_REGION, Region } from '../../codec/memory.ts'
import { RequestWriter, type RequestWriterOptions } from '../../codec/request-writer.ts'
import { ResponseReader } from '../../codec/response-reader.ts'
import { BLOCK_CELLS, POOL_CELLS } from './handover.ts'
import { TICKET_CELLS, TICKETS } from './tickets.ts'

const PAGE = 65_536
/** Room for what a failure says, in UTF-8. */
export const MESSAGE_BYTES = 1_024

/** What every thread builds its own view of the pool from. It can be posted, and holds no bytes but the codec's module. */
export interface PoolPlan {
  // Tells pools apart, in this process.
  readonly id: string
  readonly memory: WebAssembly.Memory
  readonly module: WebAssembly.Module
  // Blocks of memory, of which some are spare.
  readonly blocks: number
  readonly host: string
  readonly basePath: string
  readonly defaultHeaders: Fields
  readonly writeBufferCapacity: number
  readonly reader: Required<ResponseReaderOptions>
  // The limit of a request that does not say itself, in ms.
  readonly timeout: number
  // How long a thread looks for what it expects before it sleeps, in ms.
  readonly spin: number
  // Number of the thread that owns the sockets.
  readonly owner: number
}

/** The pool's own cells, and the tickets. */
const HEADER_BYTES = align((POOL_CELLS + TICKETS * TICKET_CELLS) * 4)

/** Bytes of the memory of a pool. */
export function planBytes(blocks: number, writer: RequestWriterOptions, reader: ResponseReaderOptions): number {
  return FIRST_REGION + HEADER_BYTES + blocks * blockBytes(writer, reader)
}

/** Pages of linear memory for so many bytes. */
export function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE)
}

function blockBytes(writer: RequestWriterOptions, reader: ResponseReaderOptions): number {
  return align(BLOCK_CELLS * 4) + align(MESSAGE_BYTES) + RequestWriter.regionBytes(writer) + ResponseReader.regionBytes(reader)
}

/** The memory of a pool as one thread sees it. */
export class PoolMemory {
  readonly memory: CodecMemory
  /** First cell of the pool. */
  readonly pool: number = FIRST_REGION >> 2
  private readonly start: number
  private readonly stride: number

  constructor(readonly plan: PoolPlan) {
    this.memory = new CodecMemory(plan.module, plan.memory)
    this.start = FIRST_REGION + HEADER_BYTES
    this.stride = blockBytes(plan, plan.reader)
  }

  /** First cell of a ticket. */
  readonly ticketAt = (ticket: number): number => this.pool + POOL_CELLS + ticket * TICKET_CELLS

  /** First cell of a block. */
  cellsOf(block: number): number {
    return (this.start + block * this.stride) >> 2
  }

  /** Where a failure's text goes. */
  messageOf(block: number): number {
    return this.start + block * this.stride + align(BLOCK_CELLS * 4)
  }

  /** The memory of a block's writer and reader. Nobody gives it back: it lives as long as the pool. */
  regionOf(block: number): Region {
    const start = this.messageOf(block) + align(MESSAGE_BYTES)
    return new Region(this.memory, start, this.start + (block + 1) * this.stride - start, () => {})
  }
}
