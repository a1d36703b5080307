/** The ground under a WebSocket: one region of linear memory, its reader and sender, and the transport that fills and drains them. */

import type { Codec, Places, Region } from '../codec/memory.ts'
import { FrameReader } from '../codec/ws/frame-reader.ts'
import { FrameWriter } from '../codec/ws/frame-writer.ts'
import type { Role } from '../codec/ws/limits.ts'
import type { MaskKeys } from '../codec/ws/mask-keys.ts'
import { MessageDeflater } from '../codec/ws/message-deflater.ts'
import { MessageInflater } from '../codec/ws/message-inflater.ts'
import type { DeflateParameters, DeflateWishes } from '../codec/ws/permessage-deflate.ts'
import { ReaderPlace, WriterPlace } from '../codec/ws/places.ts'
import type { Runtime } from '../runtime.ts'
import type { Transport, TransportHandler } from '../transport/transport.ts'
import type { ResolvedOptions } from './options.ts'
import { Sender } from './sender.ts'

/** The user of a connection: first the opening handshake, then the stream. */
export interface ConnectionUser {
  /** Bytes were received and lie in the reader. */
  onBytes(): void
  /** The peer will send no more. */
  onEnd(): void
  /** Bytes that could not be written at once are written. */
  onWritten(): void
  /** The transport is gone. */
  onClosed(error: Error | null): void
}

/** The memory and the transport of one WebSocket. */
export class Connection implements TransportHandler {
  readonly reader: FrameReader
  readonly sender: Sender
  /** The transport has made its last call. */
  isClosed = false
  private lost: Error | null = null
  private isReleased = false
  private user: ConnectionUser
  private readonly codec: Codec
  /** Memory of its own; null for a connection that has some only while it is busy. */
  private readonly region: Region | null
  /** Targets that bytes are expected in, a bit for each: their memory is the transport's. */
  private awaited = 0
  constructor(
    runtime: Runtime,
    readonly transport: Transport,
    role: Role,
    options: ResolvedOptions,
    maskKeys: MaskKeys,
    user: ConnectionUser,
  ) {
    this.user = user
    const { codec } = runtime
    this.codec = codec
    const { bufferCapacity, inPlace, maxReadSize, writeBufferCapacity, deflate } = options
    let readers: Region | Places<ReaderPlace>
    let writers: Region | Places<WriterPlace>
    // What is inflated lies in the memory of what arrives. Until there is any, it is address space and costs nothing.
    const { inflating, deflating } = deflate === null ? NOTHING : compressionBytes(role, deflate.wishes)
    if (transport.asksForTargets === true) {
      this.region = null
      codec.join(this)
      readers = codec.places(ReaderPlace, bufferCapacity, inflating)
      writers = codec.places(WriterPlace, writeBufferCapacity, deflating)
    } else {
      const bytes = FrameReader.regionBytes(bufferCapacity) + FrameWriter.regionBytes(writeBufferCapacity)
      readers = writers = this.region = deflate === null ? codec.region(bytes) : codec.deflateRegion(bytes + inflating + deflating)
      // Until its last call, the transport may read into it and write from it.
      this.region.lend()
    }
    this.reader = new FrameReader(codec, { role, ...options }, readers)
    const writer = new FrameWriter(codec, { role, writeBufferCapacity, maskKeys }, writers)
    this.sender = new Sender(writer, transport, options.maxMessageSize, options.maxBufferedAmount)
    const { targetCount } = transport
    // A transport with one target gets all the remaining room: some runtimes deliver chunks of 512 KiB.
    const size = targetCount === 1 ? bufferCapacity - inPlace : maxReadSize
    transport.start(this, this.reader.targets(targetCount, size, inPlace))
  }

  /** Hands the connection on. `user` is notified of everything from now on, and of a loss that happened when its predecessor was done already. */
  handTo(user: ConnectionUser): void {
    this.user = user
    this.leave()
    if (!this.isClosed) return
    queueMicrotask(() => {
      if (this.user === user) user.onClosed(this.lost)
    })
  }

  /** Messages may be compressed from now on, both ways. */
  deflate(role: Role, threshold: number, parameters: DeflateParameters): void {
    const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = parameters
    const ofServer = { windowBits: serverMaxWindowBits, noContextTakeover: serverNoContextTakeover }
    const ofClient = { windowBits: clientMaxWindowBits, noContextTakeover: clientNoContextTakeover }
    this.reader.inflateMessages(role === 'client' ? ofServer : ofClient)
    this.sender.writer.deflateMessages(role === 'client' ? ofClient : ofServer)
    this.sender.compressFrom(threshold)
  }

  /** The reader is drained and may be filled again. */
  resume(): void {
    this.reader.makeWay()
    this.leave()
    this.transport.resume()
  }

  /** Memory that nothing is left in is others'. */
  private leave(): void {
    if (this.awaited === 0) this.reader.leave()
  }

  /**
   * Gives the memory back, as soon as the transport can no longer write into it. Neither reader nor writer may be used afterwards.
   * A second call does nothing.
   */
  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.reader.retire()
    this.sender.writer.release()
    this.region?.release()
    if (this.isClosed) this.vacate()
  }

  giveTarget(index: number): Uint8Array {
    this.awaited |= 1 << index
    return this.reader.targetAt(index)
  }

  onRead(index: number, length: number): void {
    this.awaited &= ~(1 << index)
    if (this.isReleased) return
    this.reader.fill(index, length)
    this.user.onBytes()
  }

  onEnd(): void {
    this.user.onEnd()
  }

  onWritten(): void {
    this.sender.onWritten()
    this.user.onWritten()
  }

  onLost(error: Error): void {
    // The user may still take what has arrived; callers that wait for a write to leave wait in vain.
    this.sender.stop(error)
  }

  onClosed(error: Error | null): void {
    this.isClosed = true
    this.lost = error
    const wasReleased = this.isReleased
    this.user.onClosed(error)
    this.region?.endLoan()
    if (wasReleased) this.vacate()
  }

  /** Neither the transport nor the user needs the memory any more. */
  private vacate(): void {
    this.reader.vacate()
    this.sender.writer.vacate()
    this.codec.quit(this)
  }
}

interface CompressionBytes {
  readonly inflating: number
  readonly deflating: number
}

const NOTHING: CompressionBytes = { inflating: 0, deflating: 0 }

/** Bytes for compression with as much as the peer may agree on. */
function compressionBytes(role: Role, { serverMaxWindowBits = 15, clientMaxWindowBits = 15 }: DeflateWishes): CompressionBytes {
  const [received, sent] = role === 'client' ? [serverMaxWindowBits, clientMaxWindowBits] : [clientMaxWindowBits, serverMaxWindowBits]
  return { inflating: MessageInflater.regionBytes(received), deflating: MessageDeflater.regionBytes(sent) }
}
