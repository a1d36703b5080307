/** What is sent in order although a `Blob` has to be read first: the same for every class of sockets. */

import { type BytesInit, bytesOf } from '../codec/inputs.ts'

/** What can be sent. */
export type Sendable = string | BytesInit | Blob

/** Messages that wait: while a Blob is read, so does all that follows it. */
export class Outbox {
  /** Payload bytes that wait, and those of a Blob that could not be read. */
  waiting = 0
  #last: Promise<void> | null = null

  /** Does it wait, or another one before it? */
  holds(message: Sendable): message is Blob {
    return this.#last !== null || message instanceof Blob
  }

  /** Passes a message on when those before it were. The caller's bytes are copied now. */
  put(message: Sendable, size: number, pass: (read: string | BytesInit) => void, onError: (error: Error) => void): void {
    this.waiting += size
    const data = message instanceof Blob ? message.arrayBuffer() : typeof message === 'string' ? message : bytesOf('data', message).slice()
    // It may fail while another one is still read.
    const read = Promise.resolve(data).then(
      (whole) => () => {
        this.waiting -= size
        pass(whole)
      },
      (error) => () => onError(error),
    )
    const last = (this.#last ?? Promise.resolve())
      .then(async () => (await read)())
      .catch(onError)
      .then(() => {
        if (this.#last === last) this.#last = null
      })
    this.#last = last
  }

  /** Calls back now, or when everything that waits has been passed on. */
  after(callback: () => void): void {
    if (this.#last === null) callback()
    else this.#last.then(callback)
  }
}

/** Payload bytes of a message; of a string as UTF-8, where half a pair of surrogates is U+FFFD. */
export function sizeOf(message: Sendable): number {
  if (typeof message !== 'string') return message instanceof Blob ? message.size : message.byteLength
  let bytes = message.length
  for (let i = 0; i < message.length; i++) {
    const unit = message.charCodeAt(i)
    if (unit < 0x80) continue
    bytes += unit < 0x800 ? 1 : 2
    if (unit >= 0xd800 && unit < 0xdc00 && (message.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++
  }
  return bytes
}
