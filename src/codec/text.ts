/** Bytes to strings, in the fastest way of each runtime. */

/** How a runtime decodes. Both read `bytes[start..end)`. */
export interface TextDecoding {
  /** One character for each byte. Only called for runs whose used parts are ASCII. */
  latin1(bytes: Uint8Array, start: number, end: number): string
  /** UTF-8 that the codec has already validated. */
  utf8(bytes: Uint8Array, start: number, end: number): string
}

/** ASCII texts are decoded in blocks of this size and cut with `substring`; see docs/architecture.md. */
const TEXT_BLOCK = 2_048

/** Texts of bytes that stay as they are: short ones that follow each other are cut out of one string. */
export class TextCutter {
  private block = ''
  private start = 0
  /** The end of what is decoded: 0 to say that the bytes have changed. */
  end = 0

  constructor(private readonly decoding: TextDecoding) {}

  /** Lets go of what is decoded. */
  clear(): void {
    this.block = ''
    this.end = 0
  }

  /**
   * UTF-8 that the codec has validated.
   *
   * @param limit no byte from here on may be looked at
   */
  text(bytes: Uint8Array, from: number, length: number, ascii: boolean, limit: number): string {
    const to = from + length
    if (!ascii) return this.decoding.utf8(bytes, from, to)
    if (from < this.start || to > this.end) {
      if (length > TEXT_BLOCK / 2) return this.decoding.latin1(bytes, from, to)
      this.start = from
      this.end = Math.min(from + TEXT_BLOCK, limit)
      this.block = this.decoding.latin1(bytes, from, this.end)
    }
    return this.block.substring(from - this.start, to - this.start)
  }
}

/** Decoding with nothing but the web platform's `TextDecoder`. */
export function webTextDecoding(): TextDecoding {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  // WHATWG maps it to windows-1252: every byte is one character, and ASCII is ASCII; nothing more is needed.
  const latin1 = new TextDecoder('latin1')
  return {
    latin1: (bytes, start, end) => latin1.decode(bytes.subarray(start, end)),
    utf8: (bytes, start, end) => utf8.decode(bytes.subarray(start, end)),
  }
}

/** The two methods of Node's `Buffer` that are used; Deno and Bun have them too. */
export interface BufferSlices {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** Decoding with `Buffer`'s native slices, two to seven times as fast as `TextDecoder` on short texts. */
export function bufferTextDecoding(prototype: BufferSlices): TextDecoding {
  const { latin1Slice, utf8Slice } = prototype
  return {
    latin1: (bytes, start, end) => latin1Slice.call(bytes, start, end),
    utf8: (bytes, start, end) => utf8Slice.call(bytes, start, end),
  }
}
