/** What a composition root (src/entry) puts together and passes to everything else: no file asks which runtime it is on. */

import type { Clock } from './clock.ts'
import type { ResponseReaderOptions } from './codec/http/limits.ts'
import type { RequestWriter, RequestWriterOptions } from './codec/http/request-writer.ts'
import type { OwnedResponse } from './codec/http/response.ts'
import type { ResponseReader } from './codec/http/response-reader.ts'
import type { Codec, Region } from './codec/memory.ts'
import type { MaskKeys } from './codec/ws/mask-keys.ts'
import type { Dial, Secure } from './transport/transport.ts'

/** A runtime: how to connect, what time it is, where random bytes come from, and the codec's memory. */
export interface Runtime {
  readonly codec: Codec
  readonly http: HttpClasses
  readonly dial: Dial
  /** Secures an existing connection with TLS. Missing where the runtime can only do so when it makes the connection. */
  readonly secure?: Secure
  readonly clock: Clock
  /** Milliseconds since 1970: whether what is valid until a date still is. */
  readonly date: () => number
  readonly maskKeys: MaskKeys
  /** A standard response without the platform's constructor, where that is slow and nothing reads a `Response` but by its public members. */
  readonly respond?: (received: OwnedResponse, url: string, isRedirected: boolean) => Response
  /** 0 to just under 1, for the jitter of backoffs. */
  readonly random: () => number
  /** What threads that share memory need. Missing where there are no such threads. */
  readonly threads?: ThreadSupport
}

/** Over the codec's memory, and as the entry exports them: what the shells make by them is an instance of what a user imports. */
export interface HttpClasses {
  readonly RequestWriter: new (host: string, options: RequestWriterOptions, region?: Region) => RequestWriter
  readonly ResponseReader: new (options: ResponseReaderOptions) => ResponseReader
}

/** What a runtime has for threads that share memory. */
export interface ThreadSupport {
  /** The codec over memory that threads share, compiled on first use. */
  sharedModule(): WebAssembly.Module
  /** Calls back in the event loop's next turn, after the loop has read the sockets without waiting. */
  immediately(callback: () => void): void
}

/** A runtime that has threads. */
export interface ThreadedRuntime extends Runtime {
  readonly threads: ThreadSupport
}
