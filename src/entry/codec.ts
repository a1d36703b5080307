/** `nexus-async-net/codec`: only the sans-IO codec, for programs with their own event loop. No runtime API is imported. */

import { ChunkedDecoder as BaseChunkedDecoder, CHUNKED_DECODER_OPTIONS, type ChunkedDecoderOptions } from '../codec/http/chunked-decoder.ts'
import type { FieldsInit } from '../codec/http/fields.ts'
import { REQUEST_READER_OPTIONS, RESPONSE_READER_OPTIONS, type RequestReaderOptions, type ResponseReaderOptions } from '../codec/http/limits.ts'
import { HttpMessages } from '../codec/http/messages.ts'
import { RequestReader as BaseRequestReader } from '../codec/http/request-reader.ts'
import { RequestWriter as BaseRequestWriter, REQUEST_WRITER_OPTIONS, type RequestWriterOptions } from '../codec/http/request-writer.ts'
import { ResponseReader as BaseResponseReader } from '../codec/http/response-reader.ts'
import type { BytesInit } from '../codec/inputs.ts'
import type { Region } from '../codec/memory.ts'
import { FrameReader as BaseFrameReader } from '../codec/ws/frame-reader.ts'
import {
  FrameWriter as BaseFrameWriter,
  DEFAULT_WRITE_BUFFER_CAPACITY,
  FRAME_WRITER_OPTIONS,
  type FrameWriterOptions,
} from '../codec/ws/frame-writer.ts'
import { DEFAULT_BUFFER_CAPACITY, FRAME_READER_OPTIONS, type FrameReaderOptions, type Role } from '../codec/ws/limits.ts'
import type { RandomSource } from '../codec/ws/mask-keys.ts'
import { CodecTools } from '../codec/ws/tools.ts'
import { readOptions } from '../option-rules.ts'
import { threadCodec as codec } from './thread-codec.ts'

export { BorrowedHead, type HttpVersion } from '../codec/http/borrowed-head.ts'
export type { Fields, FieldsInit } from '../codec/http/fields.ts'
export type { InterimResponse } from '../codec/http/interim.ts'
export type { BodySource, Request } from '../codec/http/request.ts'
export type { HeadersPhase, QueryPhase, QueryValue, ReadyPhase } from '../codec/http/request-phases.ts'
export { type RequestFraming, RequestHead } from '../codec/http/request-reader.ts'
export { OwnedResponse, type ResponseTimings, RestResponse } from '../codec/http/response.ts'
export type { DecodeStep } from '../codec/inputs.ts'
export { ClientHandshake, type ClientHello, ServerHandshake, type ServerHello } from '../codec/ws/handshake.ts'
export { MaskKeys, type RandomSource } from '../codec/ws/mask-keys.ts'
export { CloseCode, Message, type MessageKind, OwnedMessage } from '../codec/ws/message.ts'
export { MessageBatch } from '../codec/ws/message-batch.ts'
export type { InflateOptions } from '../codec/ws/payload-inflater.ts'
export type { UpgradeFault, UpgradeHead } from '../codec/ws/upgrade.ts'
export {
  CompressionError,
  type CompressionErrorCode,
  EncodeError,
  type EncodeErrorCode,
  type Fault,
  HandshakeError,
  type HandshakeErrorCode,
  type HandshakeResponse,
  HttpError,
  type HttpErrorCode,
  NexusError,
  ProtocolError,
  type ProtocolErrorCode,
  type ProtocolErrorDetail,
  TlsError,
  type TlsErrorCode,
  TransportError,
  type TransportErrorCode,
  UsageError,
  type UsageErrorCode,
} from '../errors.ts'
export { type CompressionFormat, Deflater, type DeflaterOptions, type Flush, Inflater, type InflaterOptions } from './compression.ts'
export type {
  BytesInit,
  ChunkedDecoderOptions,
  FrameReaderOptions,
  FrameWriterOptions,
  RequestReaderOptions,
  RequestWriterOptions,
  ResponseReaderOptions,
  Role,
}

const tools = new CodecTools(codec)
const messages = new HttpMessages(codec)

/**
 * Masks or unmasks a payload in place (RFC 6455 section 5.3). Throws `InvalidOption` unless `key` has 4 bytes and `bytes` is an `ArrayBuffer` or a view of one.
 *
 * ```ts
 * const payload = new TextEncoder().encode('Hello')
 * applyMask(payload, new Uint8Array([0x37, 0xfa, 0x21, 0x3d])) // 7f 9f 4d 51 58
 * ```
 *
 * @param offset position of the first byte in its payload, for a payload in pieces. Default 0
 */
export function applyMask(bytes: BytesInit, key: BytesInit, offset = 0): void {
  tools.applyMask(bytes, key, offset)
}

/** A fresh `Sec-WebSocket-Key` (RFC 6455 section 4.1): 24 characters, from the platform's CSPRNG unless another source is given. */
export function generateKey(random?: RandomSource): string {
  return tools.generateKey(random)
}

/**
 * The `Sec-WebSocket-Accept` that answers a key (RFC 6455 section 4.2.2). Throws `InvalidOption` for an invalid key.
 *
 * ```ts
 * computeAcceptKey('dGhlIHNhbXBsZSBub25jZQ==') // 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
 * ```
 */
export function computeAcceptKey(key: string): string {
  return tools.acceptKey(key)
}

/**
 * A reader and a writer for one end of a connection, in one run of linear memory, as {@link ClientHandshake} and {@link ServerHandshake}
 * need them. `release()` gives the memory back.
 */
export function framePair(role: Role, options: FrameReaderOptions & FrameWriterOptions = {}): FramePair {
  FRAME_READER_OPTIONS.role.read('role', role)
  const read = readOptions<FrameReaderOptions & FrameWriterOptions>({ ...FRAME_READER_OPTIONS, ...FRAME_WRITER_OPTIONS }, options)
  const { bufferCapacity = DEFAULT_BUFFER_CAPACITY, writeBufferCapacity = DEFAULT_WRITE_BUFFER_CAPACITY } = read
  const region = codec.region(BaseFrameReader.regionBytes(bufferCapacity) + BaseFrameWriter.regionBytes(writeBufferCapacity))
  const reader = new BaseFrameReader(codec, { ...read, bufferCapacity, role }, region)
  const writer = new BaseFrameWriter(codec, { ...read, writeBufferCapacity, role }, region)
  const release = (): void => {
    reader.release()
    writer.release()
    region.release()
  }
  return { reader, writer, release }
}

/** What {@link framePair} makes. */
export interface FramePair {
  /** Reads the peer's frames. */
  readonly reader: BaseFrameReader
  /** Encodes frames for the peer. */
  readonly writer: BaseFrameWriter
  /** Gives the memory back; neither may be used afterwards. */
  release(): void
}

/**
 * Reads WebSocket frames (RFC 6455 section 5) from bytes that arrive in any cut.
 *
 * ```ts
 * import { FrameReader } from 'nexus-async-net/codec'
 *
 * const reader = new FrameReader({ role: 'client' })
 * reader.read(new Uint8Array([0x81, 0x02, 0x68, 0x69]))
 * const message = reader.next()
 * console.log(message?.kind, message?.text) // text hi
 * ```
 */
export class FrameReader extends BaseFrameReader {
  /** Throws `InvalidOption` for an option outside its range. */
  constructor(options?: FrameReaderOptions) {
    super(codec, readOptions(FRAME_READER_OPTIONS, options))
  }
}

/**
 * Encodes WebSocket frames (RFC 6455 section 5.2) into a fixed buffer.
 *
 * ```ts
 * import { FrameWriter } from 'nexus-async-net/codec'
 *
 * const writer = new FrameWriter({ role: 'server' })
 * writer.encodeText('hi')
 * console.log(writer.data()) // Uint8Array(4) [ 129, 2, 104, 105 ]
 * writer.advance(4)
 * ```
 */
export class FrameWriter extends BaseFrameWriter {
  /** Throws `InvalidOption` for an option outside its range. */
  constructor(options?: FrameWriterOptions) {
    super(codec, readOptions(FRAME_WRITER_OPTIONS, options))
  }
}

/**
 * Reads HTTP/1.1 responses (RFC 9112) from bytes that arrive in any cut.
 *
 * ```ts
 * import { ResponseReader } from 'nexus-async-net/codec'
 *
 * const reader = new ResponseReader()
 * reader.begin('GET')
 * reader.read(new TextEncoder().encode('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))
 * const response = reader.next()
 * console.log(response?.status, response?.header('content-length'), response?.text()) // 200 2 hi
 * ```
 */
export class ResponseReader extends BaseResponseReader {
  /** Throws `InvalidOption` for an option outside its range. */
  constructor(options?: ResponseReaderOptions) {
    super(codec, readOptions(RESPONSE_READER_OPTIONS, options))
  }
}

/**
 * Encodes HTTP/1.1 requests (RFC 9112) into a fixed buffer.
 *
 * ```ts
 * import { RequestWriter } from 'nexus-async-net/codec'
 *
 * const writer = new RequestWriter('api.example', { defaultHeaders: { 'X-API-KEY': 'k' } })
 * const request = writer.get('/orders').query('symbol', 'BTC-USD').finish()
 * console.log(request.method, request.target, request.bytes.length) // GET /orders?symbol=BTC-USD 96
 * ```
 */
export class RequestWriter extends BaseRequestWriter {
  /** Throws `InvalidOption` for a host that is none, or an option outside its range. */
  constructor(host: string, options?: RequestWriterOptions)
  /** In memory that threads share. @internal */
  constructor(host: string, options: RequestWriterOptions | undefined, region: Region | undefined)
  constructor(host: string, options?: RequestWriterOptions, region?: Region) {
    super(codec, host, readOptions(REQUEST_WRITER_OPTIONS, options), region)
  }
}

/**
 * Reads HTTP/1.1 requests (RFC 9112) from bytes that arrive in any cut: the server's side, heads only, with the framing of the body.
 *
 * ```ts
 * import { RequestReader } from 'nexus-async-net/codec'
 *
 * const reader = new RequestReader()
 * reader.read(new TextEncoder().encode('POST /order HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'))
 * const head = reader.next()
 * console.log(head?.method, head?.target, head?.contentLength) // POST /order 2
 * console.log(reader.remainder) // Uint8Array(2) [ 104, 105 ]
 * reader.consume(2)
 * ```
 */
export class RequestReader extends BaseRequestReader {
  /** Throws `InvalidOption` for an option outside its range. */
  constructor(options?: RequestReaderOptions) {
    super(codec, readOptions(REQUEST_READER_OPTIONS, options))
  }
}

/**
 * Decodes a chunked body (RFC 9112 section 7.1) from bytes that arrive in any cut.
 *
 * ```ts
 * import { ChunkedDecoder } from 'nexus-async-net/codec'
 *
 * const decoder = new ChunkedDecoder()
 * const output = new Uint8Array(16)
 * console.log(decoder.decode(new TextEncoder().encode('2\r\nhi\r\n0\r\n\r\n'), output)) // { consumed: 12, produced: 2 }
 * console.log(decoder.isDone) // true
 * ```
 */
export class ChunkedDecoder extends BaseChunkedDecoder {
  /** Throws `InvalidOption` for an option outside its range. */
  constructor(options?: ChunkedDecoderOptions) {
    super(codec, readOptions(CHUNKED_DECODER_OPTIONS, options))
  }
}

/**
 * Writes a request head, blank line included, at the start of `output` and returns its length. Nothing is added: no Host, no Content-Length.
 *
 * ```ts
 * const output = new Uint8Array(requestSize('GET', '/', { Host: 'a' }))
 * writeRequest('GET', '/', { Host: 'a' }, output) // GET / HTTP/1.1\r\nHost: a\r\n\r\n
 * ```
 *
 * @param target path and query, visible ASCII
 * @throws `HeaderInjection` for bytes that may not stand at their place, `BufferFull` when `output` is too short, `OutgoingHeadTooLarge` over 64 KiB
 */
export function writeRequest(method: string, target: string, headers: FieldsInit | undefined, output: BytesInit): number {
  return messages.writeRequest(method, target, headers, output)
}

/** Bytes that {@link writeRequest} writes for the same arguments. */
export function requestSize(method: string, target: string, headers?: FieldsInit): number {
  return messages.requestSize(method, target, headers)
}

/**
 * Writes a response head, blank line included, at the start of `output` and returns its length. Nothing is added: no Date, no Content-Length.
 *
 * @param status 100 to 999
 * @throws as {@link writeRequest}, and `InvalidOption` for another status
 */
export function writeResponse(status: number, reason: string, headers: FieldsInit | undefined, output: BytesInit): number {
  return messages.writeResponse(status, reason, headers, output)
}

/** Bytes that {@link writeResponse} writes for the same arguments. */
export function responseSize(status: number, reason: string, headers?: FieldsInit): number {
  return messages.responseSize(status, reason, headers)
}
