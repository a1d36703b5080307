/**
 * A plain RFC 6455 frame decoder to compare the codec with: it sees all bytes at once, keeps nothing between calls and copies freely.
 *
 * It is written from the RFC and from the order of checks that the project documents, not from the codec: header whole; RSV; opcode;
 * mask; minimal length; control frame's size, then its FIN; maxFrameSize; maxMessageSize; what the frame continues; empty fragments.
 */

import { judgeUtf8 } from './utf8.ts'

export interface DecoderOptions {
  role: 'client' | 'server'
  maxFrameSize?: number
  maxMessageSize?: number
}

export type EventKind = 'text' | 'binary' | 'ping' | 'pong' | 'close'

export interface DecodedEvent {
  kind: EventKind
  /** The payload; of a close, the reason. */
  bytes: Uint8Array
  /** Of a close: its code, 1005 when it had none. */
  closeCode?: number
}

export interface Decoded {
  events: DecodedEvent[]
  /** Code of the protocol error that ended it, or null. */
  error: string | null
  /** A close frame came; nothing after it counts. */
  closed: boolean
  /** The bytes end inside a frame or a fragmented message. */
  unfinished: boolean
}

interface Header {
  fin: boolean
  rsv: number
  opcode: number
  masked: boolean
  /** Payload length as written; exact up to 2^53, which is far above every limit. */
  length: number
  /** Bytes that the length took beyond the first two: 0, 2 or 8. */
  lengthBytes: number
  key: readonly number[]
  size: number
}

const DEFAULT_LIMIT = 16 * 1024 * 1024

/** Everything that `bytes`, the whole connection so far, mean. */
export function decode(bytes: Uint8Array, options: DecoderOptions): Decoded {
  const events: DecodedEvent[] = []
  const maxFrame = options.maxFrameSize ?? DEFAULT_LIMIT
  const maxMessage = options.maxMessageSize ?? DEFAULT_LIMIT
  /** The fragmented message under way. */
  let message: { kind: 'text' | 'binary'; payload: number[] } | null = null
  /** Its fragments without payload, except the first. */
  let empty = 0
  let at = 0

  const ended = (error: string | null, closed: boolean): Decoded => ({ events, error, closed, unfinished: false })

  for (;;) {
    const header = readHeader(bytes, at)
    if (header === null) return { events, error: null, closed: false, unfinished: at < bytes.length || message !== null }

    const error = judgeHeader(header, options.role, maxFrame, maxMessage, message === null ? null : message.payload.length)
    if (error !== null) return ended(error, false)
    if (header.opcode === 0 && header.length === 0 && message !== null) {
      empty++
      if (message.payload.length + empty > mostOnTheWire(maxMessage)) return ended('MessageTooLarge', false)
    }
    at += header.size

    const payload: number[] = []
    while (payload.length < header.length && at < bytes.length) {
      payload.push((bytes[at] as number) ^ (header.key[payload.length % 4] ?? 0))
      at++
    }
    const complete = payload.length === header.length

    if (header.opcode >= 8) {
      if (!complete) return { events, error: null, closed: false, unfinished: true }
      if (header.opcode === 8) {
        const refusal = judgeClose(payload)
        if (refusal !== null) return ended(refusal, false)
        const closeCode = payload.length === 0 ? 1005 : (payload[0] as number) * 256 + (payload[1] as number)
        events.push({ kind: 'close', bytes: Uint8Array.from(payload.slice(2)), closeCode })
        return ended(null, true)
      }
      events.push({ kind: header.opcode === 9 ? 'ping' : 'pong', bytes: Uint8Array.from(payload) })
      continue
    }

    const kind: 'text' | 'binary' = header.opcode === 0 ? (message as { kind: 'text' | 'binary' }).kind : header.opcode === 1 ? 'text' : 'binary'
    const whole: number[] = message === null ? payload : message.payload.concat(payload)
    if (kind === 'text') {
      const verdict = judgeUtf8(whole)
      if (verdict === 'invalid' || (verdict === 'prefix' && complete && header.fin)) return ended('InvalidUtf8', false)
    }
    if (!complete) return { events, error: null, closed: false, unfinished: true }
    if (header.fin) {
      events.push({ kind, bytes: Uint8Array.from(whole) })
      message = null
    } else {
      if (message === null) empty = 0
      message = { kind, payload: whole }
    }
  }
}

/** RFC 6455 section 5.2; null while any byte of it is missing. */
function readHeader(bytes: Uint8Array, at: number): Header | null {
  if (bytes.length - at < 2) return null
  const first = bytes[at] as number
  const second = bytes[at + 1] as number
  const masked = second >= 128
  const short = second % 128
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const size = 2 + lengthBytes + (masked ? 4 : 0)
  if (bytes.length - at < size) return null
  let length = lengthBytes === 0 ? short : 0
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (bytes[at + 2 + i] as number)
  return {
    fin: first >= 128,
    rsv: Math.floor(first / 16) % 8,
    opcode: first % 16,
    masked,
    length,
    lengthBytes,
    key: masked ? Array.from(bytes.subarray(at + size - 4, at + size)) : [0, 0, 0, 0],
    size,
  }
}

/** The first rule that a header breaks, or null. `accumulated`: payload of the fragmented message under way, null when there is none. */
function judgeHeader(h: Header, role: 'client' | 'server', maxFrame: number, maxMessage: number, accumulated: number | null): string | null {
  const control = h.opcode >= 8
  if (h.rsv !== 0) return 'ReservedBitsSet'
  if (![0, 1, 2, 8, 9, 10].includes(h.opcode)) return 'InvalidOpcode'
  if (role === 'client' && h.masked) return 'MaskedFrameFromServer'
  if (role === 'server' && !h.masked) return 'UnmaskedFrameFromClient'
  if (h.lengthBytes === 2 && h.length <= 125) return 'NonMinimalLength'
  if (h.lengthBytes === 8 && h.length <= 65_535) return 'NonMinimalLength'
  if (control && h.length > 125) return 'ControlFrameTooLarge'
  if (control && !h.fin) return 'FragmentedControlFrame'
  if (h.length > maxFrame) return 'PayloadTooLarge'
  if (control) return null
  if ((accumulated ?? 0) + h.length > maxMessage) return 'MessageTooLarge'
  if (h.opcode === 0 && accumulated === null) return 'ContinuationWithoutStart'
  if (h.opcode !== 0 && accumulated !== null) return 'NewMessageDuringAssembly'
  return null
}

/** What zlib allows for data that it can't compress, in bytes; an empty fragment counts as one. */
export function mostOnTheWire(maxMessage: number): number {
  return maxMessage + Math.ceil(maxMessage / 8) + Math.ceil(maxMessage / 64) + 16
}

/** RFC 6455 sections 5.5.1 and 7.4, and the codes 1012 to 1014 of the IANA registry. */
function judgeClose(payload: readonly number[]): string | null {
  if (payload.length === 0) return null
  if (payload.length === 1) return 'CloseFrameTooShort'
  const code = (payload[0] as number) * 256 + (payload[1] as number)
  const registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
  if (!registered.includes(code) && !(code >= 3000 && code <= 4999)) return 'InvalidCloseCode'
  return judgeUtf8(payload.slice(2)) === 'valid' ? null : 'InvalidUtf8InCloseReason'
}
