/** A response whose body is read as it arrives: pull-based, so when the consumer does not keep up, the server has to wait and the heap does not grow. */

import type { RestResponse } from '../codec/http/response.ts'
import { UsageError } from '../errors.ts'
import { showsItself } from '../printing.ts'
import type { BodyDecoder } from './content-coding.ts'

/** What a streamed body needs from its connection. */
export interface BodySource {
  /** The consumer has taken everything: read on. */
  more(): void
  /** The consumer wants no more. */
  cancel(): void
  /** What was received can't be decoded. Returns the error of the request. */
  broken(error: unknown): Error
}

/**
 * Head and streamed body. Accessors of the head are valid until the next request on the same connection.
 *
 * ```ts
 * const res = await conn.sendStreaming(writer.get('/export').finish())
 * for await (const piece of res) file.write(piece)
 * ```
 */
export class StreamedResponse implements AsyncIterable<Uint8Array> {
  static {
    showsItself(this.prototype, (it) => ({ head: it.head, ended: it.#ended }))
  }

  readonly #pieces: Uint8Array[] = []
  #ended = false
  #failure: Error | null = null
  #wake: (() => void) | null = null

  readonly #source: BodySource
  /** Undoes the coding of the body; null when it is given as it is received. */
  readonly #decoder: BodyDecoder | null

  /** @internal */
  constructor(
    /** Status and fields. Its `body` is empty. */
    readonly head: RestResponse,
    source: BodySource,
    decoder: BodyDecoder | null = null,
  ) {
    this.#source = source
    this.#decoder = decoder
  }

  /** Status code. */
  get status(): number {
    return this.head.status
  }

  /** Nothing waits to be taken, so reading may go on. @internal */
  get wantsMore(): boolean {
    return this.#pieces.length === 0
  }

  /** All of it was received, whether it has been taken or not. @internal */
  get isWhole(): boolean {
    return this.#ended && this.#failure === null
  }

  /** @internal */
  push(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#wakeUp()
  }

  /** @internal */
  end(error: Error | null): void {
    this.#ended = true
    this.#failure = error
    this.#wakeUp()
  }

  /**
   * The next piece of the body, yours to keep; null at its end. Rejects with the {@link RestError} of a failure, and with `ConcurrentReceive` while
   * another `read`, loop or stream waits for a piece: that one goes on.
   */
  async read(): Promise<Uint8Array | null> {
    if (this.#wake !== null) throw new UsageError('ConcurrentReceive', 'another read of this body is under way: await it first')
    for (;;) {
      const piece = this.#take()
      if (piece !== null) return piece
      if (this.#failure !== null) {
        this.#decoder?.release()
        throw this.#failure
      }
      if (this.#ended) return null
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#source.more()
      await woken
    }
  }

  /** Abandons the rest of the body. The connection is closed, as the rest would have to be read to use it again. */
  cancel(): void {
    this.#pieces.length = 0
    this.#decoder?.release()
    if (!this.#ended) this.#source.cancel()
    this.#failure = null
    this.#ended = true
    this.#wakeUp()
  }

  /** The pieces of the body. Leaving the loop early closes the connection. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let piece = await this.read(); piece !== null; piece = await this.read()) yield piece
    } finally {
      this.cancel()
    }
  }

  /** The body as a WHATWG stream of bytes. */
  readable(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const piece = await this.read()
          if (piece === null) controller.close()
          else controller.enqueue(piece)
        },
        cancel: () => this.cancel(),
      },
      { highWaterMark: 0 },
    )
  }

  /** The next piece of what was received; null when there is none, or when decoding has failed. */
  #take(): Uint8Array | null {
    const decoder = this.#decoder
    const pieces = this.#pieces
    if (decoder === null) return pieces.shift() ?? null
    try {
      for (;;) {
        const decoded = decoder.next()
        if (decoded !== null) return decoded
        const piece = pieces.shift()
        if (piece === undefined) break
        decoder.push(piece)
      }
      if (this.#ended && this.#failure === null) decoder.end()
    } catch (error) {
      pieces.length = 0
      decoder.release()
      this.#failure = this.#source.broken(error)
    }
    return null
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}
