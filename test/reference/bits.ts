/** Deflated data written bit by bit (RFC 1951), for tests: also what no compressor would write. */

/** What goes out lowest bit first, as section 3.1.1 has it; codes go highest bit first. */
export class BitWriter {
  private readonly bits: number[] = []

  /** A number of `count` bits, lowest first. */
  put(value: number, count: number): this {
    for (let i = 0; i < count; i++) this.bits.push((value >> i) & 1)
    return this
  }

  /** A code, written as 0 and 1, first bit first. */
  code(word: string): this {
    for (const bit of word) this.bits.push(Number(bit))
    return this
  }

  /** Head of a block. @param type 0 stored, 1 fixed, 2 dynamic */
  block(type: number, isLast = true): this {
    return this.put(isLast ? 1 : 0, 1).put(type, 2)
  }

  /** A symbol of the fixed code of literals and lengths (section 3.2.6). */
  fixed(symbol: number): this {
    const [base, first, bits] = symbol < 144 ? [0x30, 0, 8] : symbol < 256 ? [0x190, 144, 9] : symbol < 280 ? [0, 256, 7] : [0xc0, 280, 8]
    return this.code(((base as number) + symbol - (first as number)).toString(2).padStart(bits as number, '0'))
  }

  /** The literals of a text in the fixed code. */
  fixedText(text: string): this {
    for (const char of text) this.fixed(char.charCodeAt(0))
    return this
  }

  /** A symbol of the fixed code of distances. */
  fixedDistance(symbol: number): this {
    return this.code(symbol.toString(2).padStart(5, '0'))
  }

  /** Zeros to the end of the byte. */
  align(): this {
    while (this.bits.length % 8 !== 0) this.bits.push(0)
    return this
  }

  /** A stored block. */
  stored(bytes: ArrayLike<number>, isLast = true, complement = bytes.length ^ 0xffff): this {
    this.block(0, isLast).align().put(bytes.length, 16).put(complement, 16)
    for (let i = 0; i < bytes.length; i++) this.put(bytes[i] as number, 8)
    return this
  }

  /**
   * Head of a dynamic block whose code lengths are written one by one, all with four bits (section 3.2.7). Symbols 16, 17 and 18 have no code here.
   *
   * @param literals as many as are sent, 257 to 286 of them
   */
  dynamic(literals: readonly number[], distances: readonly number[], isLast = true): this {
    this.block(2, isLast)
      .put(literals.length - 257, 5)
      .put(distances.length - 1, 5)
      .put(15, 4)
    // Sixteen lengths of four bits each: a complete code in which length n has the word n.
    for (const symbol of [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]) this.put(symbol < 16 ? 4 : 0, 3)
    for (const length of [...literals, ...distances]) this.code(length.toString(2).padStart(4, '0'))
    return this
  }

  /** What has been written, the last byte filled up with zeros. */
  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array((this.bits.length + 7) >> 3)
    for (let i = 0; i < this.bits.length; i++) bytes[i >> 3] = (bytes[i >> 3] as number) | ((this.bits[i] as number) << (i & 7))
    return bytes
  }
}
