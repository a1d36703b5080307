// @ts-check
// A checksum over everything that a codec gave, in 64 bits: enough to tell apart what nobody forges.

export class Sink {
  #a = 0x811c9dc5 | 0
  #b = 0x9747b28c | 0
  /** Bytes that went in. */
  count = 0

  /** @param {number} byte */
  byte(byte) {
    this.#a = Math.imul(this.#a ^ byte, 0x01000193)
    const b = Math.imul(this.#b + byte, 0x85ebca6b)
    this.#b = (b << 13) | (b >>> 19)
    this.count++
  }

  /** A whole number of up to 53 bits, or -1. @param {number} value */
  number(value) {
    for (let rest = value < 0 ? 2 ** 53 : value, i = 0; i < 7; i++) {
      this.byte(rest % 256)
      rest = Math.floor(rest / 256)
    }
  }

  /** Their number, and each. @param {Uint8Array} bytes */
  bytes(bytes) {
    this.number(bytes.length)
    let a = this.#a
    let b = this.#b
    for (let i = 0; i < bytes.length; i++) {
      a = Math.imul(a ^ bytes[i], 0x01000193)
      b = Math.imul(b + bytes[i], 0x85ebca6b)
      b = (b << 13) | (b >>> 19)
    }
    this.#a = a
    this.#b = b
    this.count += bytes.length
  }

  /** @param {string} text */
  text(text) {
    this.number(text.length)
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      this.byte(code & 0xff)
      this.byte(code >>> 8)
    }
  }

  /** @param {readonly (readonly [string, string])[]} list */
  pairs(list) {
    this.number(list.length)
    for (const [name, value] of list) {
      this.text(name)
      this.text(value)
    }
  }

  /** 16 hexadecimal digits. */
  get value() {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }
}
