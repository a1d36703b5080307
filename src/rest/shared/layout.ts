/** The layout of the memory that the threads of a pool share; and what a thread has to know of it. */

import type { Fields } from '../../codec/http/fields.ts'
import type { ResponseReaderOptions } from '../../codec/http/limits.ts'
import { PREFIX_BYTES, RequestWriter, type RequestWriterOptions } from '../../codec/http/request-writer.ts'
import { align, CodecMemory, FIRST_REGION, Region } from '../../codec/memory.ts'
import { isBag, refused } from '../../option-rules.ts'
import { BLOCK_CELLS, poolCells } from './handover.ts'
import { responseBytes } from './posted-response.ts'
import { TICKET_CELLS, TICKETS } from './tickets.ts'

const PAGE = 65_536
/** Room for the text of a failure, in UTF-8. */
export const MESSAGE_BYTES = 1_024

/** From this, every thread builds its own view of the pool. It can be posted; the codec's module is its only code. */
export interface PoolPlan {
  // Distinguishes the pools of this process.
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
  // The limit of a request without a `timeout`, in ms.
  readonly timeout: number
  // Whether a request without a `decompress` asks for compressed responses.
  readonly decompress: boolean
  // How long a thread polls before it sleeps, in ms.
  readonly spin: number
}

/** What a thread is given to attach with. Throws `InvalidOption`. */
export function checkPlan(name: string, plan: unknown): PoolPlan {
  if (isBag(plan) && typeof plan['id'] === 'string' && plan['memory'] instanceof WebAssembly.Memory) return plan as unknown as PoolPlan
  throw refused(name, 'the pool.plan of an AtomicClientPool, posted as it is', plan)
}

/** The pool's own cells, and the tickets. */
function headerBytes(blocks: number): number {
  return align((poolCells(blocks) + TICKETS * TICKET_CELLS) * 4)
}

/** Bytes of the memory of a pool. */
export function planBytes(blocks: number, writer: RequestWriterOptions, reader: Required<ResponseReaderOptions>): number {
  return FIRST_REGION + headerBytes(blocks) + blocks * blockBytes(writer, reader)
}

/** Pages of linear memory for so many bytes. */
export function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE)
}

function blockBytes(writer: RequestWriterOptions, reader: Required<ResponseReaderOptions>): number {
  return align(BLOCK_CELLS * 4) + align(MESSAGE_BYTES) + RequestWriter.regionBytes(writer) + responseBytes(reader)
}

/**
 * The memory of a pool as one thread sees it.
 *
 *     block  │ cells │ text of a failure │ the holder's request writer │ response │
 */
export class PoolMemory {
  readonly memory: CodecMemory
  /** First cell of the pool. */
  readonly pool: number = FIRST_REGION >> 2
  private readonly tickets: number
  private readonly start: number
  private readonly stride: number

  constructor(readonly plan: PoolPlan) {
    this.memory = new CodecMemory(plan.module, plan.memory)
    this.tickets = this.pool + poolCells(plan.blocks)
    this.start = FIRST_REGION + headerBytes(plan.blocks)
    this.stride = blockBytes(plan, plan.reader)
  }

  /** First cell of a ticket. */
  readonly ticketAt = (ticket: number): number => this.tickets + ticket * TICKET_CELLS

  /** First cell of a block. */
  cellsOf(block: number): number {
    return (this.start + block * this.stride) >> 2
  }

  /** Where a failure's text goes. */
  messageOf(block: number): number {
    return this.start + block * this.stride + align(BLOCK_CELLS * 4)
  }

  /** The memory of a block's writer. It is never given back: it lives as long as the pool. */
  regionOf(block: number): Region {
    return new Region(this.memory, this.messageOf(block) + align(MESSAGE_BYTES), RequestWriter.regionBytes(this.plan), () => {})
  }

  /** Where a block's request begins: what its writer calls its address. */
  requestOf(block: number): number {
    return this.messageOf(block) + align(MESSAGE_BYTES) + align(PREFIX_BYTES)
  }

  /** Where a block's response goes. */
  responseOf(block: number): number {
    return this.messageOf(block) + align(MESSAGE_BYTES) + RequestWriter.regionBytes(this.plan)
  }
}
