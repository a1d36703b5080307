/** The body of a request that is made while it is sent: from an async iterable, in chunks (RFC 9112 section 7.1) or of a length told before. */

import { type BytesInit, bytesOf } from '../codec/inputs.ts'
import { type RequestSent, UsageError } from '../errors.ts'
import type { Transport } from '../transport/transport.ts'
import type { SendableRequest } from './connection.ts'

/** Sends head and body; one write at a time, the next piece is asked for when the last one has left. */
export class RequestBody {
  private abandoned = false
  private wake: (() => void) | null = null
  private iterator: AsyncIterator<BytesInit | string> | null = null
  private bytes = 0
  /** Each waits for the one before, so all but the last have left. */
  private writes = 0
  private ended = false

  constructor(
    private readonly request: SendableRequest,
    private readonly transport: Transport,
    /** Everything is out (null), or the source failed. Not called after {@link RequestBody.abandon}. */
    private readonly onEnd: (error: unknown) => void,
  ) {}

  /** How much of the request has left. */
  get sent(): RequestSent {
    const { lastWrite } = this.transport
    if (this.ended && lastWrite === 'fully') return 'fully'
    return this.writes > 1 || lastWrite !== 'nothing' ? 'partly' : 'nothing'
  }

  /** The transport has been given all of the request; its source may still have to say that this was all. */
  get isWhole(): boolean {
    const { declaredLength } = this.request
    return declaredLength === null ? this.ended : this.bytes === declaredLength
  }

  start(): void {
    this.run().then(
      () => {
        if (!this.abandoned) this.onEnd(null)
      },
      (error: unknown) => {
        if (!this.abandoned) this.onEnd(error)
      },
    )
  }

  /** The transport has let go of what it was given. */
  onWritten(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }

  /** Nothing more is to be sent. The source is told to stop. */
  abandon(): void {
    if (this.abandoned) return
    this.abandoned = true
    this.onWritten()
    // A source that fails while it stops has nobody left to tell.
    Promise.resolve(this.iterator?.return?.()).catch(() => {})
  }

  private async run(): Promise<void> {
    const { request } = this
    await this.put(request.bytes)
    this.iterator = (request.source as AsyncIterable<BytesInit | string>)[Symbol.asyncIterator]()
    const encoder = new TextEncoder()
    while (!this.abandoned) {
      const { done, value } = await (this.iterator as AsyncIterator<BytesInit | string>).next()
      if (done === true) {
        this.iterator = null
        break
      }
      await this.piece(typeof value === 'string' ? encoder.encode(value) : bytesOf('a piece of the body', value, 'a string, '))
    }
    if (this.abandoned) return
    if (request.declaredLength === null) {
      this.ended = true
      await this.put(request.writer.lastChunk())
    } else if (this.bytes !== request.declaredLength) {
      throw new UsageError('InvalidOption', `the source gave ${this.bytes} bytes, but the request said ${request.declaredLength}`)
    }
    this.ended = true
  }

  private async piece(bytes: Uint8Array): Promise<void> {
    const { writer, declaredLength } = this.request
    this.bytes += bytes.length
    if (declaredLength !== null) {
      if (this.bytes > declaredLength) {
        throw new UsageError('InvalidOption', `the source gave ${this.bytes} bytes or more, but the request said ${declaredLength}`)
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
