/**
 * A client's TLS without a socket: bytes in, bytes out. The engine is that of `node:tls`, which Node, Deno and Bun have, over a stream in memory.
 *
 * Rule 1: the engine may do its work later than the call that made it possible; it calls `onProgress` then, and the caller looks again.
 * Rule 2: the engine gets only as much as the caller takes from it: while `plaintextLimit` bytes wait, it gets nothing.
 */

import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import type tls from 'node:tls'
import { UsageError } from '../../errors.ts'
import { nameValue } from '../../naming.ts'
import { byteArray, type Family, integer, isBag, readOptions, refused, rule } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { connectError } from '../connect-errors.ts'
import { DIAL_OPTIONS } from '../dial-options.ts'
import type { TlsConfig } from '../tls-config.ts'
import { checkTlsConfig, type TlsSettings } from '../tls-options.ts'
import { TlsSessions } from '../tls-sessions.ts'
import { EndWitness, startEngine } from './tls-engine.ts'

/** Where plaintext goes: a `FrameReader`, a `ResponseReader`, or anything with their two methods. */
export interface PlaintextSink {
  /** Room for bytes; they go to its beginning. */
  spare(): Uint8Array
  /** So many bytes of it have been filled. */
  filled(length: number): void
}

/** Options of a {@link TlsCodec}. */
export interface TlsCodecOptions {
  /** TLS settings. Default: the runtime's own roots and versions. */
  readonly tls?: TlsConfig | undefined
  /** The same, checked. @internal */
  readonly settings?: TlsSettings | undefined
  /** Those of connections to the same server before. @internal */
  readonly sessions?: TlsSessions | undefined
  /** Bytes of plaintext that wait, from which on no more ciphertext is taken: 1 KiB to 16 MiB. Default 64 KiB. One step may go over it by itself. */
  readonly plaintextLimit?: number | undefined
  /** Most bytes that {@link TlsCodec.encrypt} takes before they are on the wire: 1 KiB to 1 GiB. Default 64 KiB. */
  readonly bufferLimit?: number | undefined
}

const TLS_CODEC_OPTIONS: Family<TlsCodecOptions> = {
  tls: DIAL_OPTIONS.tls,
  settings: rule('the settings of a TlsConfig', isBag),
  sessions: rule('the sessions of a pool', (value): value is TlsSessions => value instanceof TlsSessions),
  plaintextLimit: integer(1_024, 2 ** 24, 'bytes'),
  bufferLimit: integer(1_024, 2 ** 30, 'bytes'),
}

/** Most ciphertext taken in one step: four full records. */
const STEP = 65_536

/** What lies below the engine: it is fed by hand, and what it writes is fetched. */
class Wire extends Duplex {
  /** The engine reads on. */
  isOpen = true
  readonly queue: { bytes: Uint8Array; done: (error?: Error | null) => void }[] = []
  onChange: () => void = () => {}
  hasEnded = false

  constructor() {
    super({ allowHalfOpen: true, readableHighWaterMark: STEP })
  }

  override _read(): void {
    if (this.isOpen) return
    this.isOpen = true
    this.onChange()
  }

  override _write(bytes: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    this.queue.push({ bytes, done })
    this.onChange()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.hasEnded = true
    done()
    this.onChange()
  }
}

/**
 * A client's side of TLS, sans IO (RFC 8446, RFC 5246).
 *
 * ```ts
 * const codec = new TlsCodec('exchange.example')
 * const onProgress = () => {
 *   for (let n; (n = codec.writeTlsTo(out)) > 0; ) toNetwork(out.subarray(0, n))
 *   while (codec.drainPlaintextInto(reader) > 0) for (let m; (m = reader.next()) !== null; ) onMessage(m)
 * }
 * codec.onProgress = onProgress
 * onProgress() // the first flight of the handshake waits already
 * ```
 */
export class TlsCodec {
  static {
    showsItself(this.prototype, (it) => ({
      isHandshaking: it.isHandshaking,
      alpnProtocol: it.alpnProtocol,
      buffered: it.buffered,
      hasEnded: it.hasEnded,
      failure: it.failure,
    }))
  }

  /** Called when there may be more to take, or the state has changed. Not called after {@link TlsCodec.destroy}. */
  onProgress: (() => void) | null = null

  private readonly wire = new Wire()
  private readonly engine: tls.TLSSocket
  private readonly witness: EndWitness
  private readonly hostname: string
  private readonly plaintextLimit: number
  private readonly bufferLimit: number
  private readonly plaintext: Uint8Array[] = []
  private plaintextBytes = 0
  /** Plaintext that the engine was given and whose ciphertext is not fetched yet. */
  private unsent = 0
  private secured = false
  private ended = false
  private inputEnded = false
  private error: Error | null = null
  private destroyed = false

  /**
   * @param hostname the name that the certificate has to be for, and that is sent to the server (SNI), unless `tls.serverName` gives another
   * @throws `TlsOptionInvalid`, `InvalidOption`
   */
  constructor(hostname: string, options: TlsCodecOptions = {}) {
    if (typeof hostname !== 'string' || !/^[^\s:/]+$|^[0-9a-f:.]+$/i.test(hostname)) {
      throw new UsageError('InvalidOption', `hostname must be a name or an IP address without port, but is ${nameValue(hostname)}`)
    }
    const { tls, settings, sessions, plaintextLimit = STEP, bufferLimit = STEP } = readOptions(TLS_CODEC_OPTIONS, options)
    this.hostname = hostname
    this.plaintextLimit = plaintextLimit
    this.bufferLimit = bufferLimit
    const { wire } = this
    wire.onChange = () => this.tell()
    wire.on('error', () => {})
    this.engine = startEngine(wire, hostname, settings ?? checkTlsConfig(tls), sessions)
    this.witness = new EndWitness(this.engine, wire)
    this.engine.on('error', (error) => this.fail(error))
    this.engine.on('secureConnect', () => {
      this.secured = true
      this.tell()
    })
    this.engine.on('data', (chunk: Uint8Array) => {
      this.plaintext.push(chunk)
      this.plaintextBytes += chunk.length
      this.tell()
    })
    this.engine.on('end', () => {
      this.ended = true
      this.tell()
    })
    // Deno ends what lies below only by being done with it.
    this.engine.on('close', () => {
      wire.hasEnded = true
      this.tell()
    })
  }

  /** The handshake is not complete yet. */
  get isHandshaking(): boolean {
    return !this.secured
  }

  /** There is room for ciphertext. */
  get wantsRead(): boolean {
    return this.error === null && !this.inputEnded && !this.ended && this.wire.isOpen && this.plaintextBytes < this.plaintextLimit
  }

  /** Ciphertext waits to be fetched. */
  get wantsWrite(): boolean {
    return this.wire.queue.length > 0
  }

  /** Bytes of plaintext that wait. */
  get buffered(): number {
    return this.plaintextBytes
  }

  /** The server will send no more, and everything that it sent has been drained. */
  get hasEnded(): boolean {
    return this.ended && this.plaintextBytes === 0
  }

  /** The input ended without the server's close_notify (RFC 8446 section 6.1): bytes may have been cut off on the way. */
  get isTruncated(): boolean {
    return this.witness.proof === 'truncated' && this.error === null
  }

  /** Our close_notify has been fetched: nothing more will come of {@link TlsCodec.writeTlsTo}. */
  get hasEndedOutput(): boolean {
    return this.wire.hasEnded && !this.wantsWrite
  }

  /** The protocol that was negotiated (ALPN), when one was. */
  get alpnProtocol(): string | null {
    return this.engine.alpnProtocol || null
  }

  /** The failure, null while there is none: `CertificateRejected`, `TlsHandshakeFailed`, `TransportFailed`. */
  get failure(): Error | null {
    return this.error
  }

  /** Takes ciphertext. Returns how many bytes were taken, at most 64 KiB; 0 when there is no room: drain the plaintext first. They are copied. */
  readTls(bytes: Uint8Array): number {
    const part = byteArray.read('bytes', bytes).subarray(0, STEP)
    if (part.length === 0 || !this.wantsRead) return 0
    if (!this.wire.push(Buffer.from(part))) this.wire.isOpen = false
    return part.length
  }

  /** The connection below has ended. Without a close_notify before it, that is a truncation. */
  endTls(): void {
    if (this.inputEnded) return
    this.inputEnded = true
    this.witness.endInput()
  }

  /** Copies plaintext into the sink's spare room, once. Returns how many bytes; 0 when there are none, or there is no room. */
  drainPlaintextInto(sink: PlaintextSink): number {
    if (typeof sink?.spare !== 'function' || typeof sink.filled !== 'function') {
      throw refused('sink', 'a reader, or anything with spare() and filled(length)', sink)
    }
    if (this.plaintextBytes === 0) return 0
    const length = this.readPlaintext(sink.spare())
    if (length > 0) sink.filled(length)
    return length
  }

  /** Copies plaintext to the beginning of `target`. Returns how many bytes. */
  readPlaintext(target: Uint8Array): number {
    const room = byteArray.read('target', target)
    let length = 0
    while (this.plaintext.length > 0 && length < room.length) {
      const chunk = this.plaintext[0] as Uint8Array
      const part = chunk.subarray(0, room.length - length)
      room.set(part, length)
      length += part.length
      if (part.length === chunk.length) this.plaintext.shift()
      else this.plaintext[0] = chunk.subarray(part.length)
    }
    this.plaintextBytes -= length
    return length
  }

  /** Takes plaintext. Returns how many bytes were taken; 0 when `bufferLimit` of it are waiting to be fetched as ciphertext. They are copied. */
  encrypt(bytes: Uint8Array): number {
    const given = byteArray.read('bytes', bytes)
    if (this.error !== null || this.engine.writableEnded || this.destroyed) return 0
    const part = given.slice(0, Math.max(0, this.bufferLimit - this.unsent))
    if (part.length > 0) this.encryptInPlace(part, () => {})
    return part.length
  }

  /** As {@link TlsCodec.encrypt}, all of it and without a copy: `bytes` stay untouched until `done`. @internal */
  encryptInPlace(bytes: Uint8Array, done: () => void): void {
    this.unsent += bytes.length
    this.engine.write(bytes, (error) => {
      this.unsent -= bytes.length
      if (!error) done()
      this.tell()
    })
  }

  /** Copies ciphertext to the beginning of `target`. Returns how many bytes, 0 when there are none. */
  writeTlsTo(target: Uint8Array): number {
    const room = byteArray.read('target', target)
    const first = this.peekTls()
    if (first === null) return 0
    const part = first.subarray(0, room.length)
    room.set(part)
    this.advanceTls(part.length)
    return part.length
  }

  /** The next run of ciphertext; null when there is none. @internal */
  peekTls(): Uint8Array | null {
    return this.wire.queue[0]?.bytes ?? null
  }

  /** So many bytes of it are out. @internal */
  advanceTls(length: number): void {
    const first = this.wire.queue[0]
    if (first === undefined) return
    if (length < first.bytes.length) {
      first.bytes = first.bytes.subarray(length)
      return
    }
    this.wire.queue.shift()
    first.done()
  }

  /** Says that nothing more will be sent (close_notify), after everything that was encrypted before. Reading continues. */
  sendCloseNotify(): void {
    this.engine.end()
  }

  /** Releases everything. */
  destroy(): void {
    this.destroyed = true
    this.onProgress = null
    this.engine.destroy()
    this.wire.destroy()
  }

  private fail(error: unknown): void {
    this.error ??= connectError(error, { hostname: this.hostname, port: 0, secure: true })
    this.tell()
  }

  private tell(): void {
    this.onProgress?.()
  }
}
