/** Requests for a proxy that reads them and passes them on (RFC 9112 section 3.2.2): with the server named in the target, and fields for the proxy. */

import { grown, KEPT } from '../heap-body.ts'
import type { Codec } from '../memory.ts'
import type { HeadersPhase } from './request-phases.ts'
import { RequestWriter } from './request-writer.ts'

const LF = 0x0a
const STAR = 0x2a
/** Bytes of the blank line. */
const END_OF_HEAD = 2
/** Most bytes of the fields for the proxy. */
const MAX_FIELDS = 16 * 1024

/** Makes requests to one server requests to a proxy. */
export class AbsoluteForm {
  private readonly origin: Uint8Array
  /** Field lines for the proxy. */
  private readonly fields: Uint8Array
  private buffer = new Uint8Array(0)

  /**
   * @param host the server's, as its `Host` field has it: `exchange.example`, `[2001:db8::1]:8080`
   * @param headers fields for the proxy, such as `Proxy-Authorization`. Throws `HeaderInjection` for what may not stand in a request, or would contradict
   * how it is framed, and `RequestTooLarge`
   */
  constructor(codec: Codec, host: string, headers: readonly (readonly [name: string, value: string])[]) {
    this.origin = new TextEncoder().encode(`http://${host}`)
    // Written into a request, where all that holds for fields is checked, and taken out of it.
    const writer = new RequestWriter(codec, host, { writeBufferCapacity: MAX_FIELDS })
    try {
      const before = writer.get('/').finish().length - END_OF_HEAD
      const request: HeadersPhase = writer.get('/')
      for (const [name, value] of headers) request.header(name, value)
      this.fields = request.finish().bytes.slice(before, -END_OF_HEAD)
    } finally {
      writer.release()
    }
  }

  /**
   * The request as the proxy wants it: valid until the next call.
   *
   * @param request whole, or the head of one whose body follows, with its target in origin form
   */
  forward(request: Uint8Array, method: string): Uint8Array {
    const target = method.length + 1
    // To ask for the server itself, the absolute form has no path (RFC 9112 section 3.2.4).
    const rest = request[target] === STAR ? target + 1 : target
    // `Host` is the first field (RFC 9110 section 7.2): the proxy's follow it.
    const fields = request.indexOf(LF, request.indexOf(LF) + 1) + 1
    const parts = [request.subarray(0, target), this.origin, request.subarray(rest, fields), this.fields, request.subarray(fields)]
    const length = parts.reduce((bytes, part) => bytes + part.length, 0)
    const buffer = this.room(length)
    let at = 0
    for (const part of parts) {
      buffer.set(part, at)
      at += part.length
    }
    return buffer.subarray(0, length)
  }

  /** Memory for a request: for a large one it is not held. */
  private room(length: number): Uint8Array {
    if (length > KEPT) return new Uint8Array(length)
    if (length > this.buffer.length) this.buffer = grown(this.buffer, 0, length, KEPT, false)
    return this.buffer
  }
}
