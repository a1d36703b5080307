/** Streams over memory and virtual time, with a hand-made peer where one is wanted. */

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import type { Clock } from '../../../src/clock.ts'
import { CODEC_TEXT } from '../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../src/codec/deflate/binary.ts'
import { Codec } from '../../../src/codec/memory.ts'
import { type BufferSlices, bufferTextDecoding } from '../../../src/codec/text.ts'
import { MaskKeys } from '../../../src/codec/ws/mask-keys.ts'
import { compose } from '../../../src/composition.ts'
import type { Runtime } from '../../../src/runtime.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { type MemoryOptions, type MemoryTransport, memoryPair } from '../../../src/transport/memory/pair.ts'
import type { Address, DialOptions, Transport, TransportHandler } from '../../../src/transport/transport.ts'
import type { AcceptOptions, ConnectOptions } from '../../../src/ws/options.ts'
import { WsStream } from '../../../src/ws/ws-stream.ts'
import { httpClasses } from '../../helpers/http-classes.ts'
import { frame } from '../../reference/frames.ts'

export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

/** A codec of its own, for a test that looks at memory: what others leave behind goes when it is collected, whenever that is. */
export function makeCodec(): Codec {
  return new Codec(
    () => CODEC_TEXT,
    bufferTextDecoding(Buffer.prototype as unknown as BufferSlices),
    undefined,
    () => DEFLATE_TEXT,
  )
}

/** The codec of all who do not look at memory. */
export const codec: Codec = makeCodec()

/** A world of its own: its clock, its way to connect, and the class of its streams. */
export interface World {
  readonly clock: VirtualClock
  readonly runtime: Runtime
  readonly Stream: typeof WsStream
  /** How `connect` connects; a test sets it. */
  dial: (address: Address, options: DialOptions) => Promise<Transport>
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>
  /** The thread is blocked for so many ms: timers that fall due meanwhile run late, before anything is read. */
  stall(ms: number): void
}

/** Masking keys that count 1, 2, 3 …, so that a run is reproducible. */
export function countingKeys(): MaskKeys {
  let count = 0
  return new MaskKeys((bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = count++ & 255
  })
}

export function makeWorld(random: () => number = () => 0, ofCodec: Codec = codec): World {
  const clock = new VirtualClock()
  let stalled = 0
  const late: Clock = { now: () => clock.now() + stalled, set: (callback, delay) => clock.set(callback, delay), clear: (timer) => clock.clear(timer) }
  const runtime: Runtime = {
    codec: ofCodec,
    http: httpClasses(ofCodec),
    dial: (address, options) => world.dial(address, options),
    clock: late,
    date: () => 0,
    maskKeys: countingKeys(),
    random,
  }
  const Stream = compose(WsStream, runtime)
  const world: World = {
    clock,
    runtime,
    Stream,
    dial: () => Promise.reject(new Error('nobody to dial')),
    settle: () => clock.advance(0),
    stall: (ms) => {
      stalled += ms
    },
  }
  return world
}

/** Our client and our server, connected and open. */
export interface Pair {
  readonly client: WsStream
  readonly server: WsStream
  readonly clientEnd: MemoryTransport
  readonly serverEnd: MemoryTransport
  /** What the client wrote after the handshake, write by write. */
  readonly clientWrites: Uint8Array[]
  readonly serverWrites: Uint8Array[]
}

export interface PairOptions {
  readonly memory?: MemoryOptions
  readonly connect?: ConnectOptions
  readonly accept?: AcceptOptions
}

export async function openPair(world: World, { memory, connect, accept }: PairOptions = {}): Promise<Pair> {
  const [clientEnd, serverEnd] = memoryPair({ clock: world.clock, ...memory })
  const clientRecording = record(clientEnd)
  const serverRecording = record(serverEnd)
  const opening = Promise.all([
    world.Stream.connectWith(clientRecording.transport, 'ws://peer.test/feed', connect),
    world.Stream.accept(serverRecording.transport, accept),
  ])
  opening.catch(() => {})
  await world.clock.advance(4 * (memory?.latency ?? 0))
  const [client, server] = await opening
  clientRecording.writes.length = 0
  serverRecording.writes.length = 0
  return { client, server, clientEnd, serverEnd, clientWrites: clientRecording.writes, serverWrites: serverRecording.writes }
}

/** A transport that keeps a copy of every write. */
export function record(inner: Transport): { transport: Transport; writes: Uint8Array[] } {
  const writes: Uint8Array[] = []
  const transport: Transport = {
    targetCount: inner.targetCount,
    asksForTargets: inner.asksForTargets,
    get lastWrite() {
      return inner.lastWrite
    },
    alpnProtocol: inner.alpnProtocol,
    remoteAddress: inner.remoteAddress,
    start: (handler, targets) => inner.start(handler, targets),
    resume: () => inner.resume(),
    write(bytes) {
      writes.push(bytes.slice())
      return inner.write(bytes)
    },
    end: () => inner.end(),
    destroy: () => inner.destroy(),
  }
  return { transport, writes }
}

/** The other end of a connection, by hand: keeps what comes, sends what it is told. */
export class RawPeer implements TransportHandler {
  private store: Buffer = Buffer.alloc(0)
  private length = 0
  ended = false
  /** How the connection went; undefined while it lasts. */
  closed: Error | null | undefined = undefined
  /** Does it read? */
  reading = true
  private readonly target = new Uint8Array(65_536)
  private readonly queue: Uint8Array[] = []
  private writing = false

  constructor(readonly end: MemoryTransport) {
    end.start(this, end.targetCount === 2 ? [this.target.subarray(0, 32_768), this.target.subarray(32_768)] : [this.target])
    end.resume()
  }

  /** All that came: a view, which later bytes leave alone. */
  get received(): Buffer {
    return this.store.subarray(0, this.length)
  }

  forget(): void {
    this.store = Buffer.alloc(0)
    this.length = 0
  }

  /** Text after the HTTP head, or all of it when there is none yet. */
  get text(): string {
    return this.received.toString('latin1')
  }

  /** What came after the head. */
  get body(): Buffer {
    const end = this.received.indexOf('\r\n\r\n')
    return end < 0 ? this.received : this.received.subarray(end + 4)
  }

  send(bytes: Uint8Array | string): void {
    this.queue.push(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    this.pump()
  }

  /** Sends a frame; a client's are masked with a key of zeros unless told otherwise. */
  sendFrame(opcode: number, payload: Uint8Array | string = '', options: { fin?: boolean; masked?: boolean } = {}): void {
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
    this.send(frame({ opcode, payload: bytes, fin: options.fin ?? true, key: options.masked ? [0, 0, 0, 0] : undefined }))
  }

  onRead(index: number, length: number): void {
    const from = index === 1 ? 32_768 : 0
    if (this.length + length > this.store.length) {
      // Twice the size: a megabyte that comes in small reads is not copied once for each.
      const larger = Buffer.alloc(2 * (this.length + length))
      this.store.copy(larger, 0, 0, this.length)
      this.store = larger
    }
    this.store.set(this.target.subarray(from, from + length), this.length)
    this.length += length
    if (this.reading) this.end.resume()
  }

  /** Begins to read again. */
  resume(): void {
    this.reading = true
    this.end.resume()
  }

  onEnd(): void {
    this.ended = true
  }

  onWritten(): void {
    this.writing = false
    this.pump()
  }

  onClosed(error: Error | null): void {
    this.closed = error
  }

  private pump(): void {
    while (!this.writing) {
      const bytes = this.queue.shift()
      if (bytes === undefined) return
      this.writing = !this.end.write(bytes)
    }
  }
}

/** The answer that a server gives to the first request that world's keys make. */
export async function openClientTo(
  world: World,
  options: ConnectOptions = {},
  memory: MemoryOptions = {},
  more = '',
): Promise<{ ws: WsStream; peer: RawPeer; end: MemoryTransport; writes: Uint8Array[] }> {
  const [end, other] = memoryPair({ clock: world.clock, ...memory })
  const { transport, writes } = record(end)
  const peer = new RawPeer(other)
  const opening = world.Stream.connectWith(transport, 'ws://peer.test/', options)
  opening.catch(() => {})
  await world.settle()
  peer.send(upgradeResponse(peer.text, more))
  await world.settle()
  const ws = await opening
  peer.forget()
  writes.length = 0
  return { ws, peer, end, writes }
}

/** The response that accepts a request. */
export function upgradeResponse(request: string, more: string = ''): string {
  const key = /^Sec-WebSocket-Key: (.*)\r$/m.exec(request)?.[1] ?? ''
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n${more}\r\n`
}

export function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** A request that is right in every way. */
export const goodRequest: readonly string[] = [
  'GET /feed?x=1 HTTP/1.1',
  'Host: peer.test',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
]

export function head(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Our server, open, with a hand-made client. */
export async function openServerTo(
  world: World,
  options: AcceptOptions = {},
  memory: MemoryOptions = {},
): Promise<{ ws: WsStream; peer: RawPeer; end: MemoryTransport; writes: Uint8Array[] }> {
  const [end, other] = memoryPair({ clock: world.clock, ...memory })
  const { transport, writes } = record(end)
  const peer = new RawPeer(other)
  const opening = world.Stream.accept(transport, options)
  opening.catch(() => {})
  peer.send(head(goodRequest))
  await world.settle()
  const ws = await opening
  await world.settle()
  peer.forget()
  writes.length = 0
  return { ws, peer, end, writes }
}

/** A frame as it came over the wire, unmasked. */
export interface WireFrame {
  readonly opcode: number
  readonly fin: boolean
  readonly rsv: number
  readonly masked: boolean
  readonly payload: Buffer
}

/** Takes `bytes` apart into frames; they must be whole. */
export function wireFrames(bytes: Uint8Array): WireFrame[] {
  const buffer = Buffer.from(bytes)
  const frames: WireFrame[] = []
  let at = 0
  while (at < buffer.length) {
    const first = buffer[at] as number
    const second = buffer[at + 1] as number
    const masked = (second & 128) !== 0
    let length = second & 127
    at += 2
    if (length === 126) {
      length = buffer.readUInt16BE(at)
      at += 2
    } else if (length === 127) {
      length = Number(buffer.readBigUInt64BE(at))
      at += 8
    }
    const key = masked ? buffer.subarray(at, at + 4) : null
    if (masked) at += 4
    const payload = Buffer.from(buffer.subarray(at, at + length))
    expect(payload.length, 'the last frame is whole').toBe(length)
    if (key) for (let i = 0; i < length; i++) payload[i] = (payload[i] as number) ^ (key[i & 3] as number)
    frames.push({ opcode: first & 15, fin: (first & 128) !== 0, rsv: (first >> 4) & 7, masked, payload })
    at += length
  }
  return frames
}

/** Frames as `opcode:text`, short enough to compare at a glance. */
export function spell(bytes: Uint8Array): string[] {
  return wireFrames(bytes).map(({ opcode, payload }) => `${opcode}:${opcode === CLOSE ? spellClose(payload) : payload.toString()}`)
}

function spellClose(payload: Buffer): string {
  return payload.length === 0 ? '' : `${payload.readUInt16BE(0)} ${payload.subarray(2).toString()}`.trim()
}

/** Has a promise settled? Looks after everything that needs no time has happened. */
export async function stateOf(world: World, promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  let state: 'pending' | 'resolved' | 'rejected' = 'pending'
  promise.then(
    () => {
      state = 'resolved'
    },
    () => {
      state = 'rejected'
    },
  )
  await world.settle()
  return state
}
