/** Messages that have arrived together, as columns: for loops that look at most of them only as numbers. */

import { showsItself } from '../../printing.ts'
import type { CodecMemory } from '../memory.ts'
import type { Message } from './message.ts'

/** An entry for each message. */
export interface Columns {
  readonly kinds: Uint8Array
  readonly offsets: Int32Array
  readonly lengths: Int32Array
}

/** Bytes of columns with so many entries. */
export function columnBytes(entries: number): number {
  return 9 * entries
}

/** Columns that lie in linear memory. */
export function columnsAt({ u8, i32 }: CodecMemory, address: number, entries: number): Columns {
  const word = address >> 2
  return {
    offsets: i32.subarray(word, word + entries),
    lengths: i32.subarray(word + entries, word + 2 * entries),
    kinds: u8.subarray(address + 8 * entries, address + 9 * entries),
  }
}

/** Bytes of one connection in linear memory, and where they begin. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
}

const NOTHING = new Uint8Array(0)
const NONE: Columns = { kinds: NOTHING, offsets: new Int32Array(0), lengths: new Int32Array(0) }

/**
 * Messages that have arrived together: of each what it is, where its payload begins in `bytes`, and how long that is. All of it is borrowed, as a
 * {@link Message} is: valid until the next `batch`, `next`, `recv` or `readable` on the same connection (sending does not invalidate it). A batch that is used later throws
 * `StaleMessage`; columns and bytes that were taken out of it are not guarded and show later messages, also of other connections. Eight objects take turns.
 *
 * ```ts
 * for (let b; (b = ws.batch()) !== null; ) {
 *   const { count, kinds, offsets, lengths, bytes } = b
 *   for (let i = 0; i < count; i++) if (kinds[i] === 2) onUpdate(bytes, offsets[i], lengths[i])
 * }
 * ```
 */
export class MessageBatch {
  static {
    showsItself(this.prototype, (it) => (it.message.live === null ? { stale: true } : { count: it.count }))
  }

  /** The message of a batch of one, otherwise one that is stale when the batch is. @internal */ readonly message: Message
  /** There may be pings among its messages, and it has several. @internal */ hasPings = false
  #count = 0
  #columns: Columns = NONE
  #bytes: Uint8Array = NOTHING
  #single: Columns | null = null

  /** @internal */
  constructor(message: Message) {
    this.message = message
  }

  /** Messages in it: so many entries of the columns count. */
  get count(): number {
    this.message.check()
    return this.#count
  }

  /** What each is: 1 text, 2 binary, 8 close, 9 ping, 10 pong (the opcodes of RFC 6455 section 5.2). A close is alone in its batch. */
  get kinds(): Uint8Array {
    this.message.check()
    return this.#columns.kinds
  }

  /** Where the payload of each begins in {@link MessageBatch.bytes}. */
  get offsets(): Int32Array {
    this.message.check()
    return this.#columns.offsets
  }

  /** Payload bytes of each; of a close, those of the reason. */
  get lengths(): Int32Array {
    this.message.check()
    return this.#columns.lengths
  }

  /** What the payloads lie in: bytes that were received by this connection. Read-only by contract. */
  get bytes(): Uint8Array {
    this.message.check()
    return this.#bytes
  }

  /** Of a batch that is a close message, its code: 1005 (`NoStatus`) when it had none. Null for any other. */
  get closeCode(): number | null {
    return this.message.closeCode
  }

  /** Several messages. @internal */
  show(count: number, columns: Columns, bytes: Uint8Array, hasPings: boolean): this {
    this.#count = count
    this.#columns = columns
    this.#bytes = bytes
    this.hasPings = hasPings
    return this
  }

  /** The message alone, whose payload begins at `offset`. @internal */
  showOne(bytes: Uint8Array, offset: number): this {
    this.#single ??= { kinds: new Uint8Array(1), offsets: new Int32Array(1), lengths: new Int32Array(1) }
    const { kinds, offsets, lengths } = this.#single
    kinds[0] = this.message.flags & 15
    offsets[0] = offset
    lengths[0] = this.message.size
    return this.show(1, this.#single, bytes, false)
  }
}

/** The batches of one reader. */
export class Batches {
  readonly #made = new Map<Message, MessageBatch>()
  /** Stands for this reader in {@link Runs}, and refers to nothing. */
  readonly mark = {}

  /** The batch that is valid for as long as the message is. */
  of(message: Message): MessageBatch {
    let batch = this.#made.get(message)
    if (batch === undefined) this.#made.set(message, (batch = new MessageBatch(message)))
    return batch
  }
}

/**
 * Views of what one reader has received in a place, each of one run, and of nothing else: the memory has had other users. There is one for each part that is
 * read into; as reads follow each other, they soon need no new one.
 */
export class Runs {
  /** Whose they are; of nobody there are none. */
  #owner: object | null = null
  #spans: Span[] = []

  /** The place has a user: of others it remembers nothing. True when there was another one. */
  keepFor(mark: object | null): boolean {
    if (this.#owner === mark) return false
    this.#owner = mark
    this.#spans = []
    return true
  }

  /** A view of at least `from` to `to`, all of which the reader with this mark has received here. */
  around(mark: object, u8: Uint8Array, from: number, to: number): Span {
    this.keepFor(mark)
    for (const span of this.#spans) if (from >= span.from && to <= span.to) return span
    const known = this.#spans.find((span) => from <= span.to && to >= span.from)
    const start = Math.min(from, known?.from ?? from)
    const end = Math.max(to, known?.to ?? to)
    const span = { from: start, to: end, bytes: u8.subarray(start, end) }
    // Three: there are at most two parts that are read into, and one for what is inflated.
    this.#spans = [span, ...this.#spans.filter((each) => each !== known)].slice(0, 3)
    return span
  }
}
