/**
 * `nexus-async-net` in Cloudflare's `workerd`. The binaries are module imports, as compiling at run time is forbidden there.
 *
 * Sockets belong to the request that made them, so connections and pools are made inside a handler and closed before it ends. There are no threads,
 * no TCP options and no custom certificates, and this entry has nothing that needs them.
 */

import { systemClock } from '../clock.ts'
import { RESPONSE_READER_OPTIONS, type ResponseReaderOptions } from '../codec/http/limits.ts'
import { RequestWriter as BaseRequestWriter, REQUEST_WRITER_OPTIONS, type RequestWriterOptions } from '../codec/http/request-writer.ts'
import { ResponseReader as BaseResponseReader } from '../codec/http/response-reader.ts'
import { Codec } from '../codec/memory.ts'
import { webTextDecoding } from '../codec/text.ts'
import { FrameReader as BaseFrameReader } from '../codec/ws/frame-reader.ts'
import { FrameWriter as BaseFrameWriter, FRAME_WRITER_OPTIONS, type FrameWriterOptions } from '../codec/ws/frame-writer.ts'
import { FRAME_READER_OPTIONS, type FrameReaderOptions, type Role } from '../codec/ws/limits.ts'
import { MaskKeys } from '../codec/ws/mask-keys.ts'
import { compose } from '../composition.ts'
import { readOptions } from '../option-rules.ts'
import type { ClientPool as Pool } from '../rest/client-pool.ts'
import type { HttpConnection as Connection } from '../rest/connection.ts'
import { httpFamily } from '../rest/family.ts'
import type { Runtime } from '../runtime.ts'
import { secureOnWorkerd, workerdDial, workerdTransport } from '../transport/workerd/transport.ts'
import { WsStream as BaseWsStream } from '../ws/ws-stream.ts'
import module from './codec.wasm'
import deflateModule from './deflate.wasm'

export * from '../rest/index.ts'
export type { WorkerdSocket } from '../transport/workerd/sockets.ts'
export * from '../ws/index.ts'
export { type FrameReaderOptions, type FrameWriterOptions, type RequestWriterOptions, type ResponseReaderOptions, type Role, workerdTransport }

/** 16 MiB a memory: an isolate has 128 in all. */
const MEMORY_PAGES = 256
const codec = new Codec(module, webTextDecoding(), MEMORY_PAGES, deflateModule)

/** Reads WebSocket frames, sans IO. */
export class FrameReader extends BaseFrameReader {
  constructor(options?: FrameReaderOptions) {
    super(codec, readOptions(FRAME_READER_OPTIONS, options))
  }
}

/** Writes WebSocket frames, sans IO. */
export class FrameWriter extends BaseFrameWriter {
  constructor(options?: FrameWriterOptions) {
    super(codec, readOptions(FRAME_WRITER_OPTIONS, options))
  }
}

/** Reads HTTP responses, sans IO. */
export class ResponseReader extends BaseResponseReader {
  constructor(options?: ResponseReaderOptions) {
    super(codec, readOptions(RESPONSE_READER_OPTIONS, options))
  }
}

/** Writes HTTP requests, sans IO. */
export class RequestWriter extends BaseRequestWriter {
  constructor(host: string, options?: RequestWriterOptions) {
    super(codec, host, readOptions(REQUEST_WRITER_OPTIONS, options))
  }
}

const runtime: Runtime = {
  codec,
  http: { RequestWriter, ResponseReader },
  dial: workerdDial(systemClock),
  secure: secureOnWorkerd,
  clock: systemClock,
  date: Date.now,
  maskKeys: new MaskKeys(),
  random: Math.random,
}
const family = httpFamily(runtime)

/** A WebSocket (RFC 6455), client or server. */
export const WsStream: typeof BaseWsStream = compose(BaseWsStream, runtime)
export type WsStream = BaseWsStream

/** A keep-alive connection to an HTTP/1.1 server (RFC 9112). */
export const HttpConnection: typeof Connection = family.HttpConnection
export type HttpConnection = Connection

/** Keep-alive connections to one server that heal themselves; for the time of one request. */
export const ClientPool: typeof Pool = family.ClientPool
export type ClientPool = Pool
