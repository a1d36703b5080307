/** Options of a WebSocket connection: defaults, ranges, and their checks in one place. */

import { DEFAULT_BUFFER_CAPACITY, DEFAULT_MAX_MESSAGE_SIZE } from '../codec/frame-reader.ts'
import { DEFAULT_WRITE_BUFFER_CAPACITY } from '../codec/frame-writer.ts'
import type { FieldsInit } from '../codec/handshake.ts'
import type { MaskKeys } from '../codec/mask-keys.ts'
import { checkBoolean, checkInteger, checkRange, UsageError } from '../errors.ts'
import type { DialOptions } from '../transport/transport.ts'

/** When to suspect a silent peer (RFC 6455 section 5.5.2). A consumer that does not read stops both clocks. */
export interface HeartbeatOptions {
  /** Milliseconds between pings, 10 to 2^31 - 1. */
  interval: number
  /** Milliseconds to wait for the pong before the connection fails with `HeartbeatTimeout`. Default: the interval. */
  timeout?: number
}

/** Options of a stream, whoever opened the connection. */
export interface StreamOptions {
  /** Bytes of the read buffer, 4 KiB to 16 MiB. Default 1 MiB of address space; pages that are never touched cost nothing. */
  bufferCapacity?: number
  /** Most bytes that one read brings in, 1 KiB to 3/8 of `bufferCapacity`. Default `bufferCapacity / 4`. Smaller: better tail latency under load; larger: fewer reads. */
  maxReadSize?: number
  /**
   * Share of `bufferCapacity` up to which an unfinished frame is compacted to just before the next read and completed in place,
   * 0 to 1. A larger one is put together on the heap, as it comes. Default 1/64 (16 KiB); at most what `maxReadSize` leaves.
   */
  compactAt?: number
  /** Longest payload of one received frame in bytes. Default 16 MiB. */
  maxFrameSize?: number
  /** Longest message, received or sent, in bytes. Default 16 MiB. */
  maxMessageSize?: number
  /** Bytes of the write buffer, 4 KiB to 16 MiB. Default 64 KiB. */
  writeBufferCapacity?: number
  /** Most bytes that may wait to be sent when the caller does not await; a send beyond fails with `SendBufferFull`. Default 64 MiB. */
  maxBufferedAmount?: number
  /** Answer pings with pongs. Default true. */
  autoPong?: boolean
  /** Send pings and expect pongs. Default off. */
  heartbeat?: HeartbeatOptions | undefined
  /** Most milliseconds between two text or binary messages, 10 to 2^31 - 1, before the connection fails with `DataTimeout`: a peer that answers pings but sends nothing is dead too. Default off. */
  dataTimeout?: number | undefined
  /** Milliseconds that a close may take, from the first close frame to the end of the connection. Default 5,000. */
  closeTimeout?: number
  /** Milliseconds for the opening handshake, once connected. Default 10,000; 0 is no limit. */
  handshakeTimeout?: number
  /** Source of masking keys and nonces. Default: the platform's CSPRNG. One that is predictable is for tests only (RFC 6455 section 10.3). */
  maskKeys?: MaskKeys
}

/** Options of a client's connection. */
export interface ConnectOptions extends StreamOptions, DialOptions {
  /** Further fields of the opening request, in this order and case. Those that the handshake itself sends are refused; `Host` replaces the default. */
  headers?: FieldsInit | undefined
  /** Subprotocols to offer, best first (RFC 6455 section 1.9). */
  protocols?: string | readonly string[] | undefined
}

/** What the opening request of a client said. */
export interface UpgradeRequest {
  /** Path and query, as sent. */
  readonly path: string
  /** Value of `Host`. */
  readonly host: string
  /** All fields, in order and case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Subprotocols that the client offers, in its order. */
  readonly protocols: readonly string[]
  /** First value of a field, whatever its case. */
  header(name: string): string | undefined
}

/** A server's answer to an opening request. */
export type UpgradeDecision =
  | { accept: true; protocol?: string | undefined; headers?: FieldsInit | undefined }
  | { accept: false; status: number; reason?: string | undefined; headers?: FieldsInit | undefined; body?: string | undefined }

/** Options of a server's connection. */
export interface AcceptOptions extends StreamOptions {
  /** Subprotocols that this server speaks, best first; the first that the client offers too is chosen. */
  protocols?: string | readonly string[] | undefined
  /** Further fields of the 101 response. */
  headers?: FieldsInit | undefined
  /** Looks at the request and decides. Default: accept. A refusal is sent as a complete HTTP response, and `accept` rejects with `HandshakeRefused`. */
  onRequest?: ((request: UpgradeRequest) => UpgradeDecision | Promise<UpgradeDecision>) | undefined
  /** Abandons the handshake. */
  signal?: AbortSignal | undefined
}

/** Stream options with every default filled in and every range checked. */
export interface ResolvedOptions {
  readonly bufferCapacity: number
  readonly maxReadSize: number
  readonly inPlace: number
  readonly maxFrameSize: number
  readonly maxMessageSize: number
  readonly writeBufferCapacity: number
  readonly maxBufferedAmount: number
  readonly autoPong: boolean
  readonly heartbeat: { readonly interval: number; readonly timeout: number } | null
  readonly dataTimeout: number
  readonly closeTimeout: number
  readonly handshakeTimeout: number
}

const TIMER_MAX = 2 ** 31 - 1
const MIB = 1024 * 1024

/** Fills in the defaults. Throws `InvalidOption` with the name, the range and the value. */
export function resolveOptions(options: StreamOptions): ResolvedOptions {
  const bufferCapacity = checkInteger('bufferCapacity', options.bufferCapacity ?? DEFAULT_BUFFER_CAPACITY, 4_096, 16 * MIB, 'bytes')
  const maxReadSize = checkInteger(
    'maxReadSize',
    options.maxReadSize ?? Math.max(1_024, bufferCapacity >> 2),
    1_024,
    Math.floor((bufferCapacity * 3) / 8),
    'bytes',
  )
  const compactAt = checkRange('compactAt', options.compactAt ?? 1 / 64, 0, 1, 'of bufferCapacity')
  const { heartbeat } = options
  if (heartbeat !== undefined && (typeof heartbeat !== 'object' || heartbeat === null)) {
    throw new UsageError('InvalidOption', 'heartbeat must be { interval, timeout } in ms')
  }
  return {
    bufferCapacity,
    maxReadSize,
    // At least a whole control frame, at most the room in front of each of two read targets.
    inPlace: Math.max(256, Math.min(Math.floor(bufferCapacity * compactAt), (bufferCapacity >> 1) - maxReadSize)),
    maxFrameSize: checkInteger('maxFrameSize', options.maxFrameSize ?? DEFAULT_MAX_MESSAGE_SIZE, 0, TIMER_MAX, 'bytes'),
    maxMessageSize: checkInteger('maxMessageSize', options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE, 0, TIMER_MAX, 'bytes'),
    writeBufferCapacity: checkInteger('writeBufferCapacity', options.writeBufferCapacity ?? DEFAULT_WRITE_BUFFER_CAPACITY, 4_096, 16 * MIB, 'bytes'),
    maxBufferedAmount: checkInteger('maxBufferedAmount', options.maxBufferedAmount ?? 64 * MIB, 0, TIMER_MAX, 'bytes'),
    autoPong: checkBoolean('autoPong', options.autoPong ?? true),
    heartbeat: heartbeat
      ? {
          interval: checkRange('heartbeat.interval', heartbeat.interval, 10, TIMER_MAX, 'ms'),
          timeout: checkRange('heartbeat.timeout', heartbeat.timeout ?? heartbeat.interval, 10, TIMER_MAX, 'ms'),
        }
      : null,
    dataTimeout: options.dataTimeout === undefined ? 0 : checkRange('dataTimeout', options.dataTimeout, 10, TIMER_MAX, 'ms'),
    closeTimeout: checkRange('closeTimeout', options.closeTimeout ?? 5_000, 0, TIMER_MAX, 'ms'),
    handshakeTimeout: checkRange('handshakeTimeout', options.handshakeTimeout ?? 10_000, 0, TIMER_MAX, 'ms'),
  }
}
