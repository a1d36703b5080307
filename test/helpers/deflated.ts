/** Compressed messages (RFC 7692) by zlib, one after the other and synchronously; and the two ends of a codec that speaks them. */

import { Buffer } from 'node:buffer'
import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../src/codec/deflate/binary.ts'
import { Codec } from '../../src/codec/memory.ts'
import { webTextDecoding } from '../../src/codec/text.ts'
import { FrameReader } from '../../src/codec/ws/frame-reader.ts'
import { FrameWriter } from '../../src/codec/ws/frame-writer.ts'
import type { FrameReaderOptions } from '../../src/codec/ws/limits.ts'
import { MessageDeflater } from '../../src/codec/ws/message-deflater.ts'
import { MessageInflater } from '../../src/codec/ws/message-inflater.ts'

/** A codec of its own, with both binaries. */
export function makeCodec(): Codec {
  return new Codec(
    () => CODEC_TEXT,
    webTextDecoding(),
    undefined,
    () => DEFLATE_TEXT,
  )
}

const shared = makeCodec()

const TAIL = Buffer.from([0, 0, 0xff, 0xff])

/** zlib's messages: what came before is given to it as a dictionary, which is what takeover means. */
export class ZlibMessages {
  private sent = Buffer.alloc(0)
  private received = Buffer.alloc(0)
  constructor(private readonly options: ZlibOptions = {}) {}

  compress(message: Uint8Array): Buffer {
    const all = deflateRawSync(message, { ...this.options, ...after(this.sent), finishFlush: constants.Z_SYNC_FLUSH })
    this.sent = Buffer.concat([this.sent, message]).subarray(-32_768)
    return all.subarray(0, -4)
  }

  expand(payload: Uint8Array): Buffer {
    const message = inflateRawSync(Buffer.concat([payload, TAIL]), { ...this.options, ...after(this.received), finishFlush: constants.Z_SYNC_FLUSH })
    this.received = Buffer.concat([this.received, message]).subarray(-32_768)
    return message
  }
}

function after(dictionary: Buffer): ZlibOptions {
  return dictionary.length === 0 ? {} : { dictionary }
}

export interface Ends {
  readonly reader: FrameReader
  readonly writer: FrameWriter
  /** Where the memory for inflating begins. */
  readonly inflating: number
}

/** A reader of compressed messages, and a writer of them, in one region. */
export function deflatedEnds(windowBits = 15, noContextTakeover = false, options: FrameReaderOptions = {}, codec: Codec = shared): Ends {
  const { bufferCapacity = 65_536, role = 'client' } = options
  const plain = FrameReader.regionBytes(bufferCapacity) + FrameWriter.regionBytes(65_536)
  const region = codec.deflateRegion(plain + MessageInflater.regionBytes(windowBits) + MessageDeflater.regionBytes(windowBits))
  const reader = new FrameReader(codec, { ...options, bufferCapacity }, region)
  const writer = new FrameWriter(codec, { role }, region)
  reader.inflateMessages({ windowBits, noContextTakeover })
  writer.deflateMessages({ windowBits, noContextTakeover })
  return { reader, writer, inflating: region.start + plain }
}
