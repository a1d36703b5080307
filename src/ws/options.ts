/** Options of a WebSocket connection: defaults, ranges, and their checks in one place. */

import { type FieldsInit, fieldList } from '../codec/http/fields.ts'
import { DEFAULT_WRITE_BUFFER_CAPACITY } from '../codec/ws/frame-writer.ts'
import { listProtocols } from '../codec/ws/handshake.ts'
import { DEFAULT_BUFFER_CAPACITY, DEFAULT_MAX_MESSAGE_SIZE } from '../codec/ws/limits.ts'
import { type MaskKeys, maskKeySource } from '../codec/ws/mask-keys.ts'
import type { DeflateWishes } from '../codec/ws/permessage-deflate.ts'
import {
  bag,
  callback,
  checkInteger,
  type Family,
  flag,
  integer,
  isBag,
  number,
  type Rule,
  readOptions,
  refused,
  SIZE_MAX,
  signal,
  TIMER_MAX,
  timeLimit,
  withDefaults,
} from '../option-rules.ts'
import { DIAL_OPTIONS } from '../transport/dial-options.ts'
import type { DialOptions } from '../transport/transport.ts'

/** When a silent peer counts as dead (RFC 6455 section 5.5.2). While the consumer does not read, both clocks stand still. */
export interface HeartbeatOptions {
  /** Milliseconds between pings, 10 to 2^31 - 1. */
  interval: number
  /**
   * Milliseconds to wait for a sign of life after a ping has left, 10 to 2^31 - 1, before the connection fails with `HeartbeatTimeout`. A sign of life is any
   * byte received, or a write that had to wait and is done. While no ping can leave, the limit is `interval + timeout`. Default: the interval.
   */
  timeout?: number
}

/** Wishes for permessage-deflate (RFC 7692), and what is compressed. */
export interface DeflateOptions {
  /** The server shall compress each message without those before it: less memory for it, and longer messages. Default false. */
  serverNoContextTakeover?: boolean
  /** The same for the client. Default false. */
  clientNoContextTakeover?: boolean
  /** How far back the server's messages may refer, as a power of two; 8 to 15. Default 15. */
  serverMaxWindowBits?: number
  /** The same for the client's. Accepting, less than 15 declines a client that does not say that it can. Default 15. */
  clientMaxWindowBits?: number
  /** Bytes from which on a message is sent compressed, 0 to 2^31 - 1; `compress` decides for one. Default 1 KiB. */
  threshold?: number
}

/** Options of a stream, whoever opened the connection. */
export interface StreamOptions {
  /** Bytes of the read buffer, 4 KiB to 16 MiB. Default 1 MiB of address space; pages that are never touched cost nothing. */
  bufferCapacity?: number
  /** Most bytes of one read, 1 KiB to 3/8 of `bufferCapacity`. Default `bufferCapacity / 4`. Smaller: better tail latency under load; larger: fewer reads. */
  maxReadSize?: number
  /**
   * Share of `bufferCapacity` up to which an unfinished frame is moved to just before the next read and completed in place, 0 to 1; at most what
   * `maxReadSize` leaves. A larger frame is put together on the heap, as it arrives. Default 1/64 (16 KiB).
   */
  compactAt?: number
  /**
   * Longest payload of one received frame in bytes, 0 to 2^31 - 1. Default 16 MiB. With compression it may be longer by what deflate adds to data that
   * cannot be compressed, unless this is less than `maxMessageSize`.
   */
  maxFrameSize?: number
  /** Longest message, received or sent, in bytes, 0 to 2^31 - 1. Default 16 MiB. */
  maxMessageSize?: number
  /** Bytes of the write buffer, 4 KiB to 16 MiB. Default 64 KiB. */
  writeBufferCapacity?: number
  /**
   * Most bytes that may wait to be sent when the caller does not await, 0 to 2^31 - 1; a further send fails with `SendBufferFull`. When nothing waits, a single
   * message may be larger, up to `maxMessageSize`. Default 64 MiB.
   */
  maxBufferedAmount?: number
  /**
   * Compression of messages, permessage-deflate (RFC 7692): true offers it, or accepts an offer. A peer that does not want it gets a connection without. It
   * costs time for each message, up to 72 KiB for receiving and 105 KiB for sending. Default false.
   */
  perMessageDeflate?: boolean | DeflateOptions
  /** Answer pings with pongs. Default true. */
  autoPong?: boolean
  /** Send pings and expect pongs. Default off. */
  heartbeat?: HeartbeatOptions | undefined
  /** Most milliseconds between two text or binary messages, 10 to 2^31 - 1, before the connection fails with `DataTimeout`: a peer that answers pings but sends nothing is dead too. Default off. */
  dataTimeout?: number | undefined
  /** Milliseconds in which a peer neither answers a close frame nor takes bytes that are queued before it, until the connection is cut. Default 5,000. */
  closeTimeout?: number
  /** Longest head of the received opening request or response in bytes, its blank line included; 16 to 1 MiB. Default 16 KiB. */
  maxHeadSize?: number
  /** Most fields of that head, 1 to 1,000. Default 100. */
  maxHeaders?: number
  /** Milliseconds for the opening handshake, from the open connection to the complete response. Default 10,000. */
  handshakeTimeout?: number
  /** Source of masking keys and nonces. Default: the platform's CSPRNG. Use a predictable source for tests only (RFC 6455 section 10.3). */
  maskKeys?: MaskKeys
}

/** Options of a client's connection. */
export interface ConnectOptions extends StreamOptions, DialOptions {
  /** Further fields of the opening request, in this order and case. Fields that the handshake itself sends are refused; `Host` replaces the default. */
  headers?: FieldsInit | undefined
  /** Subprotocols to offer, best first (RFC 6455 section 1.9). */
  protocols?: string | readonly string[] | undefined
}

/** The opening request of a client. */
export interface UpgradeRequest {
  /** Path and query, as sent. */
  readonly path: string
  /** Value of `Host`. */
  readonly host: string
  /** All fields, in order and case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Subprotocols that the client offers, in its order. */
  readonly protocols: readonly string[]
  /** Value of the first field of that name, whatever its case; null when there is none. */
  header(name: string): string | null
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

/** What is offered or accepted of permessage-deflate. */
export interface ResolvedDeflate {
  readonly wishes: DeflateWishes
  readonly threshold: number
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
  readonly deflate: ResolvedDeflate | null
  readonly autoPong: boolean
  readonly heartbeat: { readonly interval: number; readonly timeout: number } | null
  readonly dataTimeout: number
  readonly closeTimeout: number
  readonly maxHeadSize: number
  readonly maxHeaders: number
  readonly handshakeTimeout: number
}

const MIB = 1024 * 1024

/** What it may be. */
export const HEARTBEAT_OPTIONS: Family<HeartbeatOptions> = { interval: number(10, TIMER_MAX, 'ms'), timeout: number(10, TIMER_MAX, 'ms') }

const windowBits = integer(8, 15, 'bits', 15)

/** What wishes for compression may be. */
export const DEFLATE_OPTIONS: Family<DeflateOptions> = {
  serverNoContextTakeover: flag(false),
  clientNoContextTakeover: flag(false),
  serverMaxWindowBits: windowBits,
  clientMaxWindowBits: windowBits,
  threshold: integer(0, SIZE_MAX, 'bytes', 1_024),
}

const deflateWishes: Rule<boolean | DeflateOptions> = {
  expects: `true, false, or ${bag(DEFLATE_OPTIONS).expects}`,
  fallback: false,
  read(name, value) {
    if (typeof value === 'boolean') return value
    if (!isBag(value)) throw refused(name, deflateWishes.expects, value)
    return readOptions(DEFLATE_OPTIONS, value, `${name}.`)
  },
}

const protocolList: Rule<string | readonly string[]> = {
  expects: 'a token, or a list of tokens',
  read: (_name, value) => listProtocols(value as string),
}

/** What every stream may be given. */
export const STREAM_OPTIONS: Family<StreamOptions> = {
  bufferCapacity: integer(4_096, 16 * MIB, 'bytes', DEFAULT_BUFFER_CAPACITY),
  // Their defaults depend on bufferCapacity.
  maxReadSize: integer(1_024, 6 * MIB, 'bytes'),
  compactAt: number(0, 1, 'of bufferCapacity', 1 / 64),
  maxFrameSize: integer(0, SIZE_MAX, 'bytes', DEFAULT_MAX_MESSAGE_SIZE),
  maxMessageSize: integer(0, SIZE_MAX, 'bytes', DEFAULT_MAX_MESSAGE_SIZE),
  writeBufferCapacity: integer(4_096, 16 * MIB, 'bytes', DEFAULT_WRITE_BUFFER_CAPACITY),
  maxBufferedAmount: integer(0, SIZE_MAX, 'bytes', 64 * MIB),
  perMessageDeflate: deflateWishes,
  autoPong: flag(true),
  heartbeat: bag(HEARTBEAT_OPTIONS, ['interval']),
  dataTimeout: number(10, TIMER_MAX, 'ms'),
  closeTimeout: number(0, TIMER_MAX, 'ms', 5_000),
  maxHeadSize: integer(16, MIB, 'bytes', 16 * 1024),
  maxHeaders: integer(1, 1_000, 'fields', 100),
  handshakeTimeout: timeLimit(10_000),
  maskKeys: maskKeySource,
}

/** What a client's stream may be given. */
export const CONNECT_OPTIONS: Family<ConnectOptions> = { ...STREAM_OPTIONS, ...DIAL_OPTIONS, headers: fieldList, protocols: protocolList }

/** What a server's stream may be given. */
export const ACCEPT_OPTIONS: Family<AcceptOptions> = {
  ...STREAM_OPTIONS,
  protocols: protocolList,
  headers: fieldList,
  onRequest: callback('(request) => ({ accept: true })'),
  signal,
}

const STREAM_OPTION_NAMES = Object.keys(STREAM_OPTIONS) as (keyof StreamOptions)[]

/** Fills in the defaults of options that were read. Throws `InvalidOption` for those that do not go together. */
export function resolveOptions(options: StreamOptions): ResolvedOptions {
  // Most connections have none of these, and share the defaults.
  return STREAM_OPTION_NAMES.every((name) => options[name] === undefined) ? DEFAULTS : resolve(options)
}

function resolve(options: StreamOptions): ResolvedOptions {
  const all = withDefaults(STREAM_OPTIONS, options) as Required<StreamOptions>
  const { bufferCapacity, heartbeat } = all
  const maxReadSize = checkInteger(
    'maxReadSize',
    options.maxReadSize ?? Math.max(1_024, bufferCapacity >> 2),
    1_024,
    Math.floor((bufferCapacity * 3) / 8),
    'bytes (3/8 of bufferCapacity at most)',
  )
  return {
    bufferCapacity,
    maxReadSize,
    // At least a whole control frame, at most the room in front of each of two read targets.
    inPlace: Math.max(256, Math.min(Math.floor(bufferCapacity * all.compactAt), (bufferCapacity >> 1) - maxReadSize)),
    maxFrameSize: all.maxFrameSize,
    maxMessageSize: all.maxMessageSize,
    writeBufferCapacity: all.writeBufferCapacity,
    maxBufferedAmount: all.maxBufferedAmount,
    deflate: resolveDeflate(all.perMessageDeflate),
    autoPong: all.autoPong,
    heartbeat: heartbeat ? { interval: heartbeat.interval, timeout: heartbeat.timeout ?? heartbeat.interval } : null,
    dataTimeout: all.dataTimeout ?? 0,
    closeTimeout: all.closeTimeout,
    maxHeadSize: all.maxHeadSize,
    maxHeaders: all.maxHeaders,
    handshakeTimeout: all.handshakeTimeout,
  }
}

function resolveDeflate(given: boolean | DeflateOptions): ResolvedDeflate | null {
  if (given === false) return null
  const { threshold, ...wishes } = withDefaults(DEFLATE_OPTIONS, given === true ? {} : given) as Required<DeflateOptions>
  return { wishes, threshold }
}

const DEFAULTS: ResolvedOptions = resolve({})
