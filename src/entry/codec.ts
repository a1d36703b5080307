/** `nexus-async-net/codec`: the sans-IO codec alone, for anyone with an event loop of their own. No runtime API is imported. */

import { CODEC_BASE64 } from '../codec/binary.ts'
import { FrameReader as BaseFrameReader, type FrameReaderOptions } from '../codec/frame-reader.ts'
import { FrameWriter as BaseFrameWriter, type FrameWriterOptions } from '../codec/frame-writer.ts'
import { Codec } from '../codec/memory.ts'
import { webTextDecoding } from '../codec/text.ts'

export type { Role } from '../codec/frame-reader.ts'
export { MaskKeys, type RandomSource } from '../codec/mask-keys.ts'
export { CloseCode, Message, type MessageKind, OwnedMessage } from '../codec/message.ts'
export {
  EncodeError,
  type EncodeErrorCode,
  type Fault,
  HandshakeError,
  type HandshakeErrorCode,
  type HandshakeResponse,
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
export type { FrameReaderOptions, FrameWriterOptions }

/** This thread's codec: compiled on first use, its memories shared by every reader and writer made here. */
const codec = new Codec(() => CODEC_BASE64, webTextDecoding())

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
    super(codec, options)
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
    super(codec, options)
  }
}
