/** The body of a request that is made while it is sent: from an async iterable, in chunks (RFC 9112 section 7.1) or with a length given in advance. */

import type { RequestMemory, RequestStream } from '../codec/http/request.ts'
import { type BytesInit, bytesOf } from '../codec/inputs.ts'
import { type RequestSent, RestError, UsageError } from '../errors.ts'
import type { Transport } from '../transport/transport.ts'
import { REFUSED } from './rest-errors.ts'

type Source = AsyncIterator<BytesInit | string>

/** A body that is all there, sent from where it lies. */
export function streamOf(body: Uint8Array): RequestStream {
  return { source: once(body), length: body.length }
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield body
}

/** Sends head and body; one write at a time, the next piece is asked for when the last one has left. */
export class RequestBody {
  private abandoned = false
  private wake: (() => void) | null = null
  private bytes = 0
  /** Each write waits for the one before, so all but the last have left. */
  private writes = 0
  private ended = false
  /** The source has ended or failed: it need not be stopped. */
  private exhausted = false

  private constructor(
    private readonly head: Uint8Array,
    private readonly writer: RequestMemory,
    private readonly source: Source,
    private readonly length: number | null,
    private readonly transport: Transport,
  ) {}

  /** Begins to read the source, before anything is sent. Throws `RequestBodyFailed` when that is not possible: a stream that somebody else reads. */
  static open(head: Uint8Array, writer: RequestMemory, { source, length }: RequestStream, transport: Transport): RequestBody {
    try {
      const iterator = source[Symbol.asyncIterator]()
      if (typeof iterator?.next !== 'function') throw new UsageError('InvalidOption', 'the source of a request body must give an async iterator')
      return new RequestBody(head, writer, iterator, length, transport)
    } catch (cause) {
      throw new RestError('RequestBodyFailed', 'the source of the request body can’t be read; nothing of the request was sent', { ...REFUSED, cause })
    }
  }

  /** How much of the request has left. */
  get sent(): RequestSent {
    const { lastWrite } = this.transport
    if (this.ended && lastWrite === 'fully') return 'fully'
    return this.writes > 1 || lastWrite !== 'nothing' ? 'partly' : 'nothing'
  }

  /** The transport has been given all of the request; its source may not have reported its end yet. */
  get isWhole(): boolean {
    return this.length === null ? this.ended : this.bytes === this.length
  }

  /** @param onEnd called when everything is out (null), or the source failed. Not called after {@link RequestBody.abandon} */
  start(onEnd: (error: unknown) => void): void {
    this.run().then(
      () => {
        if (!this.abandoned) onEnd(null)
      },
      (error: unknown) => {
        if (!this.abandoned) onEnd(error)
      },
    )
  }

  /** The transport has released the bytes that it was given. */
  onWritten(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }

  /** Nothing more will be sent: stops the source. */
  abandon(): void {
    if (this.abandoned) return
    this.abandoned = true
    this.onWritten()
    if (this.exhausted) return
    const stop = async (): Promise<unknown> => this.source.return?.()
    // When a source fails while it stops, no caller is left to receive the error.
    stop().catch(() => {})
  }

  private async run(): Promise<void> {
    const { length } = this
    await this.put(this.head)
    const encoder = new TextEncoder()
    while (!this.abandoned) {
      const { done, value } = await this.next()
      if (done === true) break
      await this.piece(typeof value === 'string' ? encoder.encode(value) : bytesOf('a piece of the body', value, 'a string, '))
    }
    if (this.abandoned) return
    if (length === null) {
      this.ended = true
      await this.put(this.writer.lastChunk())
    } else if (this.bytes !== length) {
      throw new UsageError('InvalidOption', `the source gave ${this.bytes} bytes, but the request said ${length}`)
    }
    this.ended = true
  }

  private async next(): Promise<IteratorResult<BytesInit | string>> {
    let isLast = true
    try {
      const result = await this.source.next()
      isLast = result.done === true
      return result
    } finally {
      this.exhausted = isLast
    }
  }

  private async piece(bytes: Uint8Array): Promise<void> {
    const { writer, length } = this
    this.bytes += bytes.length
    if (length !== null) {
      if (this.bytes > length) {
        throw new UsageError('InvalidOption', `the source gave ${this.bytes} bytes or more, but the request said ${length}`)
      }
      if (bytes.length > 0) await this.put(bytes)
      return
    }
    // An empty chunk would end the body.
    for (let at = 0; at < bytes.length && !this.abandoned; at += writer.chunkRoom) {
      await this.put(writer.encodeChunk(bytes.subarray(at, at + writer.chunkRoom)))
    }
  }

  private async put(bytes: Uint8Array): Promise<void> {
    if (this.abandoned) return
    this.writes++
    if (this.transport.write(bytes)) return
    await new Promise<void>((resolve) => {
      this.wake = resolve
    })
  }
}
