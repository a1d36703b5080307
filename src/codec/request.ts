/** A finished request: its bytes as they will be sent. */

import { UsageError } from '../errors.ts'
import type { RequestWriter } from './request-writer.ts'

/** What a streamed body comes from: pieces in order, strings as UTF-8. */
export type BodySource = AsyncIterable<Uint8Array | string>

/**
 * A request that may be sent. It lies in its writer's memory and is valid until the writer begins another; using it later throws `StaleRequest`.
 *
 * ```ts
 * const request = writer.post('/order').header('X-Timestamp', ts).body(json).finish()
 * hmac.update(request.body) // what is signed is what is sent
 * ```
 */
export class Request {
  /** @internal */
  constructor(
    /** @internal */ readonly writer: RequestWriter,
    private readonly serial: number,
    /** The method, as given. */
    readonly method: string,
    private readonly targetLength: number,
    private readonly headLength: number,
    private readonly bodyLength: number,
    private readonly bodySource: BodySource | null,
    /** Bytes that a streamed body was said to have; null when it goes out in chunks. @internal */
    readonly declaredLength: number | null,
  ) {}

  /** Head and body as a view of the writer's memory. Of a streamed request, the head. */
  get bytes(): Uint8Array<ArrayBuffer> {
    this.check()
    return this.writer.bytes(this.headLength + this.bodyLength)
  }

  /** Bytes of {@link Request.bytes}. */
  get length(): number {
    this.check()
    return this.headLength + this.bodyLength
  }

  /** Path and query, as sent. */
  get target(): string {
    this.check()
    return this.writer.ascii(this.method.length + 1, this.targetLength)
  }

  /** The body as a view of the writer's memory; empty when there is none, and when it is streamed. */
  get body(): Uint8Array<ArrayBuffer> {
    this.check()
    const start = this.writer.address + this.headLength
    return this.writer.u8.subarray(start, start + this.bodyLength)
  }

  /** Does the body come from a source while the request is sent? */
  get isStreaming(): boolean {
    return this.bodySource !== null
  }

  /** Where a streamed body comes from. Throws `NotOpen` when it is not streamed. @internal */
  get source(): BodySource {
    if (this.bodySource === null) throw new UsageError('NotOpen', 'the body of this request is not streamed')
    return this.bodySource
  }

  private check(): void {
    if (this.writer.serial !== this.serial) throw staleRequest()
  }
}

/** @internal */
export function staleRequest(): UsageError {
  return new UsageError(
    'StaleRequest',
    'this request is no longer valid: its writer has begun another one in the same memory. Send it first, or copy request.bytes',
  )
}
