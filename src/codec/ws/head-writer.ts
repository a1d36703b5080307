/** Heads of the opening handshake, written (RFC 9112 sections 2 to 5). */

import { HANDSHAKE_ACCEPT_BYTES, HANDSHAKE_KEY_BYTES, SEAL_NO_ROOM, SHA1_SCRATCH_BYTES } from '../../../assembly/abi.ts'
import { EncodeError } from '../../errors.ts'
import { injectedField, injectedLine, injection } from '../http/injection.ts'
import type { FrameWriter } from './frame-writer.ts'

const UTF8 = new TextEncoder()

/** Heads out: into the buffer of a frame writer, whose stage the parts pass through. */
export class HeadWriter {
  readonly sha1Scratch: number
  readonly key: number
  private readonly text: number
  private readonly textEnd: number
  private at = 0
  private readonly outEnd: number

  constructor(private readonly writer: FrameWriter) {
    const { address, bytes } = writer.scratch
    this.sha1Scratch = address
    this.key = address + SHA1_SCRATCH_BYTES
    this.text = this.key + 64
    this.textEnd = address + bytes
    this.outEnd = writer.free.to
  }

  // Every step may fail on its arguments, and then it has written nothing.

  /** Begins a new head; the bytes of an earlier one that failed are dropped. */
  begin(): void {
    this.at = this.writer.free.from
  }

  requestLine(method: string, target: string): void {
    const [m, mLength] = this.stage(method, this.text)
    const [t, tLength] = this.stage(target, m + mLength)
    this.put(this.writer.exports.putRequestLine(this.at, this.outEnd, m, mLength, t, tLength), () => injectedLine(method, target))
  }

  statusLine(status: number, reason: string): void {
    const [r, rLength] = this.stage(reason, this.text)
    this.put(this.writer.exports.putStatusLine(this.at, this.outEnd, status, r, rLength), () => injection('the reason phrase has bytes that'))
  }

  field(name: string, value: string): void {
    const [n, nLength] = this.stage(name, this.text)
    const [v, vLength] = this.stage(value, n + nLength)
    this.put(this.writer.exports.putField(this.at, this.outEnd, n, nLength, v, vLength), () => injectedField(name))
  }

  /** The fields of the handshake in a request, with the key made from a nonce. */
  upgradeFields(nonce: Uint8Array): void {
    const { exports, u8 } = this.writer
    u8.set(nonce, this.sha1Scratch)
    exports.handshakeKey(this.key, this.sha1Scratch)
    this.put(exports.putUpgradeRequestFields(this.at, this.outEnd, this.key), () => injection('the key has bytes that'))
  }

  /** The 101 response to `key`, up to its own fields. */
  switching(key: string): void {
    const [k] = this.stage(key, this.key)
    this.put(this.writer.exports.putUpgradeResponse(this.at, this.outEnd, k, this.sha1Scratch), () => injection('the key has bytes that'))
  }

  /** The Sec-WebSocket-Accept that answers the key that was written last. */
  get accept(): string {
    const { exports, u8 } = this.writer
    exports.handshakeAccept(this.text, this.key, HANDSHAKE_KEY_BYTES, this.sha1Scratch)
    return String.fromCharCode(...u8.subarray(this.text, this.text + HANDSHAKE_ACCEPT_BYTES))
  }

  endOfHead(): void {
    this.put(this.writer.exports.putEndOfHead(this.at, this.outEnd), () => injection('the head has bytes that'))
    this.writer.appendedTo(this.at)
  }

  private put(end: number, refusal: () => EncodeError): void {
    if (end === SEAL_NO_ROOM) {
      throw new EncodeError(
        'OutgoingHeadTooLarge',
        'the head does not fit in the write buffer: use a larger writeBufferCapacity',
        undefined,
        this.outEnd - this.at,
      )
    }
    if (end < SEAL_NO_ROOM) throw refusal()
    this.at = end
  }

  private stage(text: string, at: number): [address: number, length: number] {
    if (text.length > this.textEnd - at) throw new EncodeError('OutgoingHeadTooLarge', 'a header field is over 12 KiB', text.length)
    const { read, written } = UTF8.encodeInto(text, this.writer.u8.subarray(at, this.textEnd))
    if (read !== text.length) throw new EncodeError('OutgoingHeadTooLarge', 'a header field is over 12 KiB', text.length)
    return [at, written]
  }
}
