/**
 * Messages that were read although nobody receives yet, because a caller waits for the end of the connection, which comes after them. They are
 * copies on the heap, bounded, and a later receiver gets them first, in order.
 */

import { DESCRIPTOR_ASCII } from '../../assembly/abi.ts'
import type { CompressionFormat } from '../codec/deflate/format.ts'
import type { TextDecoding } from '../codec/text.ts'
import { ASSEMBLED, DEFLATED, Message, type MessageKind, type MessageSource, type OwnedMessage } from '../codec/ws/message.ts'
import { MessageBatch } from '../codec/ws/message-batch.ts'
import type { InflateOptions } from '../codec/ws/payload-inflater.ts'

/** Bytes after which nothing more is parked: the peer waits, as it does for every consumer that does not read. */
export const PARKED_BYTES: number = 64 * 1024
/** Bytes that a message counts in addition to its payload. */
const ENTRY_BYTES = 64
/** Set in the flags of a parked message: it was answered when it was parked. */
export const ANSWERED: number = 128

const NOTHING = new Uint8Array(0)

/** A source of messages. */
export interface Source extends Pick<MessageSource, 'inflate' | 'utf8' | 'decoding'> {
  next(): Message | null
  /** A message that `next` would give, owned, if that costs less than to copy it; null leaves it to `next`. */
  nextOwned(): OwnedMessage | null
  batch(): MessageBatch | null
  poll(): boolean
}

interface Parked {
  readonly kind: MessageKind
  readonly bytes: Uint8Array
  readonly flags: number
  readonly status: number
  readonly wire: number
}

/** Parked messages, and after them the messages of the reader. */
export class ParkedMessages implements Source, MessageSource {
  readonly u8: Uint8Array = NOTHING
  readonly view: DataView = new DataView(NOTHING.buffer)
  /** The payload of the message that was taken last. */
  assembly: Uint8Array = NOTHING
  private readonly queue: Parked[] = []
  private bytes = 0
  private held: Message | null = null

  /**
   * @param reader has the messages after the parked ones
   * @param onEmpty all of them were taken
   */
  constructor(
    private readonly reader: Source,
    private readonly onEmpty: () => void,
  ) {}

  /** Nothing more may be parked. */
  get isFull(): boolean {
    return this.bytes >= PARKED_BYTES
  }

  /** Keeps a copy. */
  park(message: Message): void {
    const bytes = message.bytes.slice()
    const flags = (message.flags & (15 | DESCRIPTOR_ASCII | DEFLATED)) | ASSEMBLED | ANSWERED
    this.queue.push({ kind: message.kind, bytes, flags, status: message.status, wire: message.wire })
    this.bytes += bytes.length + ENTRY_BYTES
  }

  poll(): boolean {
    return this.queue.length > 0 || this.reader.poll()
  }

  next(): Message | null {
    this.lose()
    const parked = this.queue.shift()
    if (parked === undefined) {
      this.onEmpty()
      return this.reader.next()
    }
    const message = new Message(this)
    message.live = parked.kind
    message.flags = parked.flags
    message.size = parked.bytes.length
    message.status = parked.status
    message.wire = parked.wire
    this.assembly = parked.bytes
    this.held = message
    return message
  }

  nextOwned(): null {
    return null
  }

  /** Each is a batch alone. */
  batch(): MessageBatch | null {
    if (this.queue.length > 0) return new MessageBatch(this.next() as Message).showOne(this.assembly, 0)
    this.lose()
    this.onEmpty()
    return this.reader.batch()
  }

  /** The consumer has left. */
  clear(): void {
    this.lose()
    this.queue.length = 0
  }

  /** The message that was taken last is stale. */
  private lose(): void {
    if (this.held !== null) this.held.live = null
    this.held = null
  }

  get decoding(): TextDecoding {
    return this.reader.decoding
  }

  inflate(payload: Uint8Array, format: CompressionFormat, options: InflateOptions | undefined): Uint8Array {
    return this.reader.inflate(payload, format, options)
  }

  utf8(bytes: Uint8Array): string {
    return this.reader.utf8(bytes)
  }

  textAt(): string {
    return ''
  }

  assembledText(): string {
    return new TextDecoder().decode(this.assembly)
  }
}
