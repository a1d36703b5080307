/**
 * Node sockets as transports: outgoing ones read straight into linear memory (`onread`), accepted ones copy each chunk once.
 *
 * Reading ahead: while the user holds one target, Node may fill the other; then reading stops. TLS hands over the records that it has
 * already decrypted even when stopped, so those go through a spill queue, bounded by what one read of ciphertext can hold.
 */

import type { EndProof } from '../../end-proof.ts'
import { byteArray, isBag, refused } from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import { lostError } from '../connect-errors.ts'
import { Inbox, type InboxSource } from '../inbox.ts'
import type { Transport, TransportHandler, WriteProgress } from '../transport.ts'

/** Reads of fewer bytes than this are not counted: they are not part of a flood. */
const COUNTED = 8_192
/** Bytes that one connection takes in one turn of the event loop before others have theirs. */
const TURN_BYTES = 262_144

/** The part of Node's `net.Socket` that is used. */
export interface NodeSocket {
  readonly writableLength: number
  readonly destroyed: boolean
  readonly readableEnded: boolean
  readonly errored?: Error | null
  readonly encrypted?: boolean
  readonly alpnProtocol?: string | false | null
  readonly servername?: string | false | null
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  // Where the socket can tell: those of `node:tls` emit the same events with and without a close_notify.
  readonly endProof?: EndProof | undefined
  write(bytes: Uint8Array, callback: (error?: Error | null) => void): boolean
  end(): unknown
  destroy(): unknown
  pause(): unknown
  resume(): unknown
  read?(): Uint8Array | null
  setNoDelay?(on: boolean): unknown
  // biome-ignore lint/suspicious/noExplicitAny: Node overloads `on` by event, which no structural type can say
  on(event: string, listener: (...args: any[]) => void): unknown
}

/** The other end, when it has an address. */
interface Peer {
  readonly host?: string | undefined
  readonly port?: number | undefined
}

/** Writing, ending and the events, which all Node sockets share. */
abstract class NodeTransport implements Transport, InboxSource {
  static {
    showsItself(this.prototype, (it) => ({
      remoteAddress: it.remoteAddress,
      isSecure: it.isSecure,
      alpnProtocol: it.alpnProtocol,
      lastWrite: it.lastWrite,
    }))
  }

  abstract readonly targetCount: 1 | 2
  readonly isSecure: boolean
  readonly serverName: string | undefined
  readonly alpnProtocol: string | undefined
  protected readonly inbox: Inbox = new Inbox(this)
  private progress: WriteProgress = 'nothing'
  /** The last write was not complete when `write` returned, and has called back since: its memory is free. */
  private isCalledBack = false
  private handler: TransportHandler | null = null
  private failure: unknown = null
  /** Callbacks still to come for writes that were complete when `write` returned. */
  private settledWrites = 0
  private readonly onWriteDone = (error?: Error | null): void => {
    if (this.settledWrites > 0) {
      this.settledWrites--
      return
    }
    // The close that follows reports a failed write. A write under way when the socket was destroyed is called back without an error.
    if (error || this.socket.destroyed) return
    this.isCalledBack = true
    this.handler?.onWritten()
  }

  constructor(
    protected readonly socket: NodeSocket,
    private readonly peer: Peer,
  ) {
    this.isSecure = socket.encrypted === true
    this.serverName = socket.servername || undefined
    this.alpnProtocol = socket.alpnProtocol || undefined
    const { inbox } = this
    socket.on('error', (error: unknown) => {
      this.failure ??= error
      // Otherwise an open TLS connection that fails, through an alert or an invalid record, would stay open.
      if (!socket.destroyed) socket.destroy()
    })
    socket.on('end', () => inbox.end())
    const onClose = (): void => inbox.close(this.failure === null ? null : lostError(this.failure))
    socket.on('close', onClose)
    // A socket that died or ended before emits no more events.
    if (socket.readableEnded) inbox.end()
    if (socket.destroyed) {
      this.failure = socket.errored ?? null
      onClose()
    }
  }

  get remoteAddress(): string | undefined {
    const { host, port } = this.peer
    return host === undefined ? undefined : `${host.includes(':') ? `[${host}]` : host}:${port}`
  }

  get lastWrite(): WriteProgress {
    // A stream below a TLS engine may hold some of it for longer than the memory that it came from.
    return this.progress === 'partly' && this.isCalledBack && this.socket.writableLength === 0 ? 'fully' : this.progress
  }

  get endProof(): EndProof | undefined {
    return this.socket.endProof
  }

  start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.handler = handler
    this.inbox.start(handler, targets)
  }

  resume(): void {
    this.inbox.resume()
  }

  write(bytes: Uint8Array): boolean {
    const { socket } = this
    this.progress = 'nothing'
    this.isCalledBack = false
    if (socket.destroyed) return false
    socket.write(bytes, this.onWriteDone)
    // The bytes that the system call took are gone from the queue; the rest is kept by reference until the callback.
    if (socket.writableLength === 0 && !socket.errored) {
      this.progress = 'fully'
      this.settledWrites++
      return true
    }
    // The first system call of a plain socket failed at once: it took nothing. For TLS it is not known how much the engine had written before.
    if (!socket.errored || socket.encrypted === true) this.progress = 'partly'
    return false
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.inbox.drop()
    this.socket.destroy()
  }

  abstract readOn(): void
}

/**
 * A socket that we opened: the kernel writes into linear memory. A quiet connection of a thrifty user has none: what arrives is copied from the landing that
 * it shares with others, and a read that fills the landing is followed by one that goes to a target.
 */
export class DialedTransport extends NodeTransport {
  readonly targetCount = 2
  readonly asksForTargets = true
  private stopped = false
  /** The target that the next read goes to; null when it goes to the landing. */
  private target: Uint8Array | null = null
  /** The last read was as long as one that went to the landing can be. */
  private isBusy = false
  /** Counted in this turn. */
  private turnBytes = 0
  /** It has had its turn. */
  private isResting = false

  constructor(
    socket: NodeSocket,
    peer: Peer,
    private readonly landing: Landing,
    /** Whether a stop takes effect before the next bytes: not with TLS, and not with Windows' overlapped reads. */
    private readonly stopsAtOnce: boolean,
  ) {
    super(socket, peer)
    landing.receiver = this
    for (const bytes of landing.early ?? []) this.inbox.push(bytes)
    this.stopped = this.inbox.hasSpill
  }

  override start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.landing.limit((targets[0] as Uint8Array).length)
    super.start(handler, targets)
  }

  /** Node's `onread` callback. */
  onRead(length: number, buffer: Uint8Array): boolean {
    const { inbox } = this
    if (this.stopsAtOnce && length >= COUNTED) this.countTurn(length)
    this.isBusy = length >= Math.min(this.landing.most, buffer.length)
    if (buffer === this.target) inbox.filled(length)
    else inbox.pass(buffer, length)
    this.stopped = inbox.hasBytes || this.isResting
    return !this.stopped
  }

  /** libuv reads 32 times in a row from a socket that always has more: with the handling of the bytes, all others would wait for too long. */
  private countTurn(length: number): void {
    if (this.turnBytes === 0) setImmediate(onNextTurn, this)
    this.turnBytes += length
    this.isResting = this.turnBytes >= TURN_BYTES
  }

  /** @internal */
  onNextTurn(): void {
    this.turnBytes = 0
    if (!this.isResting) return
    this.isResting = false
    if (this.inbox.wantsMore) this.readOn()
  }

  /** Where the next bytes go. */
  nextBuffer(): Uint8Array {
    const { inbox } = this
    // With one chunk held and one ahead, both targets are taken; when reading really stops, that is over before it goes on.
    const goesElsewhere = inbox.hasSpill || (inbox.isAhead && !this.stopsAtOnce) || (inbox.isThrifty && !this.isBusy)
    this.target = goesElsewhere ? null : inbox.target
    return this.target ?? this.landing.bytes
  }

  override readOn(): void {
    if (!this.stopped || this.isResting) return
    this.stopped = false
    this.socket.resume()
  }
}

function onNextTurn(transport: DialedTransport): void {
  transport.onNextTurn()
}

/** Most bytes that one read of a TLS socket gives: a record's (RFC 8446 section 5.1). */
export const RECORD_BYTES = 16_384
/** Most that a read gives that goes to the landing. */
export const LANDING_BYTES = 65_536

/**
 * Where bytes land before there is a transport, when both targets are taken, and on quiet connections. They are taken from there in the call that reports
 * them, so that all sockets of a thread share the bytes.
 */
export class Landing {
  receiver: DialedTransport | null = null
  early: Uint8Array[] | null = null

  /**
   * @param bytes shared with others, where reads are reported before the next one begins
   * @param most bytes that a read into it gives
   */
  constructor(
    public bytes: Uint8Array,
    readonly most: number,
  ) {}

  /** No read shall give more than `size` bytes. */
  limit(size: number): void {
    if (size < this.bytes.length) this.bytes = this.bytes.subarray(0, size)
  }

  /** The option of that name of `net.connect` and `tls.connect`. */
  readonly onread: { readonly buffer: () => Uint8Array; readonly callback: (length: number, buffer: Uint8Array) => boolean } = {
    buffer: (): Uint8Array => this.receiver?.nextBuffer() ?? this.bytes,
    callback: (length: number, buffer: Uint8Array): boolean => {
      if (this.receiver !== null) return this.receiver.onRead(length, buffer)
      this.early ??= []
      this.early.push(buffer.slice(0, length))
      return false
    },
  }
}

/** A socket that came from a server: its bytes arrive as `'data'`. */
class AcceptedTransport extends NodeTransport {
  readonly targetCount = 1
  readonly asksForTargets = true

  constructor(socket: NodeSocket, early: Uint8Array | undefined) {
    super(socket, { host: socket.remoteAddress, port: socket.remotePort })
    const { inbox } = this
    if (early !== undefined) inbox.push(early.slice())
    let hasFailed = false
    socket.on('data', (chunk: Uint8Array) => {
      if (hasFailed) return
      inbox.push(chunk)
      if (inbox.hasBytes) socket.pause()
    })
    // The bytes that the stream holds because it was paused had arrived before the failure.
    socket.on('error', () => {
      hasFailed = true
      for (let chunk = socket.read?.(); chunk; chunk = socket.read?.()) inbox.push(chunk)
    })
    socket.pause()
  }

  override readOn(): void {
    this.socket.resume()
  }
}

/**
 * A transport over a socket that a Node server accepted (`net.Server`, `tls.Server`, or the `'upgrade'` event of `node:http`).
 *
 * Small writes leave at once (TCP_NODELAY is set).
 *
 * @param head bytes that were already read from it
 */
export function nodeTransport(socket: NodeSocket, head?: Uint8Array): Transport {
  if (!isSocket(socket)) throw refused('socket', 'a socket of node:net or node:tls', socket)
  if (head !== undefined) byteArray.read('head', head)
  socket.setNoDelay?.(true)
  return new AcceptedTransport(socket, head)
}

function isSocket(value: unknown): boolean {
  return isBag(value) && (['on', 'write', 'end', 'destroy', 'pause', 'resume'] as const).every((name) => typeof value[name] === 'function')
}
