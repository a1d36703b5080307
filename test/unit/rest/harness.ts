/** Connections and pools over memory and virtual time, with a server that does what the test says. */

import { Buffer } from 'node:buffer'
import type { Clock } from '../../../src/clock.ts'
import { CODEC_TEXT } from '../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../src/codec/deflate/binary.ts'
import type { ResponseReaderOptions } from '../../../src/codec/http/limits.ts'
import { RequestWriter } from '../../../src/codec/http/request-writer.ts'
import { ResponseReader } from '../../../src/codec/http/response-reader.ts'
import { Codec } from '../../../src/codec/memory.ts'
import { type BufferSlices, bufferTextDecoding } from '../../../src/codec/text.ts'
import { MaskKeys } from '../../../src/codec/ws/mask-keys.ts'
import { RestError } from '../../../src/errors.ts'
import type { ClientPool } from '../../../src/rest/client-pool.ts'
import type { HttpConnection } from '../../../src/rest/connection.ts'
import { httpFamily } from '../../../src/rest/family.ts'
import type { HttpOptions } from '../../../src/rest/options.ts'
import type { Runtime } from '../../../src/runtime.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { type MemoryOptions, type MemoryTransport, memoryPair } from '../../../src/transport/memory/pair.ts'
import type { Address, DialOptions, Transport, TransportHandler } from '../../../src/transport/transport.ts'
import { httpClasses } from '../../helpers/http-classes.ts'

export const codec: Codec = new Codec(
  () => CODEC_TEXT,
  bufferTextDecoding(Buffer.prototype as unknown as BufferSlices),
  undefined,
  () => DEFLATE_TEXT,
)

/** A request as the server got it. */
export interface SeenRequest {
  readonly line: string
  readonly method: string
  readonly path: string
  readonly head: string
  readonly body: string
}

/** What a server does with a request: answers with this text, or does nothing (null), or acts on the peer by itself. */
export type Responder = (request: SeenRequest, peer: ServerPeer) => string | null

/** The server's end of one connection. */
export class ServerPeer implements TransportHandler {
  received = ''
  readonly requests: SeenRequest[] = []
  ended = false
  /** How the connection went; undefined while it lasts. */
  closed: Error | null | undefined = undefined
  reading = true
  private readonly target = new Uint8Array(65_536)
  private readonly queue: Uint8Array[] = []
  private writing = false

  constructor(
    readonly end: MemoryTransport,
    private readonly server: FakeServer,
  ) {
    end.start(this, [this.target])
    end.resume()
  }

  send(text: string | Uint8Array): void {
    this.queue.push(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    this.pump()
  }

  onRead(_: number, length: number): void {
    this.received += Buffer.from(this.target.subarray(0, length)).toString('latin1')
    for (;;) {
      const headEnd = this.received.indexOf('\r\n\r\n')
      if (headEnd < 0) break
      const head = this.received.slice(0, headEnd)
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
      const end = headEnd + 4 + length
      if (this.received.length < end || /^transfer-encoding:/im.test(head)) break
      const [line = ''] = head.split('\r\n')
      const [method = '', path = ''] = line.split(' ')
      const request = { line, method, path, head, body: this.received.slice(headEnd + 4, end) }
      this.received = this.received.slice(end)
      this.requests.push(request)
      this.server.requests.push(request)
      const answer = this.server.respond(request, this)
      if (answer !== null) this.send(answer)
    }
    if (this.reading) this.end.resume()
  }

  onEnd(): void {
    this.ended = true
    if (this.server.endsBack) this.end.end()
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

/** A server that takes every connection, unless told otherwise. */
export class FakeServer {
  /** Called when a client has dealt with what it received. */
  afterRead: () => void = () => {}
  /** The client's ends, as they were dialled. */
  readonly transports: Transport[] = []
  readonly peers: ServerPeer[] = []
  readonly requests: SeenRequest[] = []
  /** Every attempt to connect, with the time of the clock. */
  readonly dials: number[] = []
  /** Ends its side when the client has ended its own. */
  endsBack = true
  respond: Responder = ({ method, path }) => (method === 'HEAD' ? 'HTTP/1.1 204 No Content\r\n\r\n' : ok(`${method} ${path}`))
  /** What the next attempts meet: an error, or a wait in ms before the connection is there. */
  onDial: (attempt: number) => Error | number = () => 0

  get last(): ServerPeer {
    return this.peers.at(-1) as ServerPeer
  }

  /** Connections that have not ended. */
  get open(): ServerPeer[] {
    return this.peers.filter((peer) => peer.closed === undefined)
  }
}

export interface RestWorld {
  readonly clock: VirtualClock
  readonly runtime: Runtime
  readonly server: FakeServer
  readonly Pool: typeof ClientPool
  readonly Connection: typeof HttpConnection
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>
  /** The thread stands still for so many ms: all timers that are set are that late. */
  stall(ms: number): void
}

export function makeRestWorld({ random = () => 0, memory = {} }: { random?: () => number; memory?: MemoryOptions } = {}): RestWorld {
  const clock = new VirtualClock()
  const server = new FakeServer()
  const dial = (_: Address, { signal }: DialOptions): Promise<Transport> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      server.dials.push(clock.now())
      const outcome = server.onDial(server.dials.length)
      if (outcome instanceof Error) return reject(outcome)
      const connect = (): void => {
        signal?.removeEventListener('abort', onAbort)
        const [end, other] = memoryPair({ clock, ...memory })
        server.peers.push(new ServerPeer(other, server))
        const start = end.start.bind(end)
        end.start = (handler, targets) =>
          start(
            {
              onRead: (index, length) => {
                handler.onRead(index, length)
                server.afterRead()
              },
              onEnd: () => handler.onEnd(),
              onWritten: () => handler.onWritten(),
              onLost: (error) => handler.onLost?.(error),
              onClosed: (error) => handler.onClosed(error),
            },
            targets,
          )
        server.transports.push(end)
        resolve(end)
      }
      const timer = outcome === 0 ? null : clock.set(connect, outcome)
      const onAbort = (): void => {
        if (timer !== null) clock.clear(timer)
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      if (timer === null) connect()
    })
  let stalled = 0
  const late: Clock = { now: () => clock.now() + stalled, set: (callback, delay) => clock.set(callback, delay), clear: (timer) => clock.clear(timer) }
  const runtime: Runtime = { codec, http: httpClasses(codec), dial, clock: late, date: () => 0, maskKeys: new MaskKeys(), random }
  const stall = (ms: number): void => {
    stalled += ms
  }
  const { ClientPool: Pool, HttpConnection: Connection } = httpFamily(runtime)
  return { clock, runtime, server, Pool, Connection, settle: () => clock.advance(0), stall }
}

/** A connection of a world of its own, with a writer for its requests. */
export async function openConnection({
  memory = {},
  ...options
}: HttpOptions & { memory?: MemoryOptions } = {}): Promise<{ world: RestWorld; conn: HttpConnection; writer: RequestWriter; server: FakeServer }> {
  const world = makeRestWorld({ memory })
  const conn = await world.Connection.connect('http://server.test', options)
  return { world, conn, writer: makeWriter(), server: world.server }
}

export function makeWriter(host: string = 'server.test'): RequestWriter {
  return new RequestWriter(codec, host)
}

export function makeReader(options: ResponseReaderOptions = {}): ResponseReader {
  return new ResponseReader(codec, options)
}

/** A response with a body, and fields if any. */
export function ok(body: string, fields: string = ''): string {
  return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** How a promise fails, as its error; fails the test when it does not. */
export async function failure(promise: Promise<unknown>): Promise<RestError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof RestError) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** A transport whose events are made by hand; its writes are taken when the test says so. */
export function handMade(): { transport: Mutable<Transport>; handler: () => TransportHandler; targets: () => readonly Uint8Array[] } {
  let user: TransportHandler | null = null
  let places: readonly Uint8Array[] = []
  const transport: Mutable<Transport> = {
    targetCount: 1,
    lastWrite: 'partly',
    start: (handler, targets) => {
      user = handler
      places = targets
    },
    resume: () => {},
    write: () => false,
    end: () => {},
    destroy: () => {},
  }
  return { transport, handler: () => user as TransportHandler, targets: () => places }
}

export type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

export function deliver(handler: TransportHandler, targets: readonly Uint8Array[], index: number, text: string): void {
  const target = targets[index] as Uint8Array
  for (let i = 0; i < text.length; i++) target[i] = text.charCodeAt(i)
  handler.onRead(index, text.length)
}

/** A signal that counts its listeners. */
export function countedSignal(): { controller: AbortController; signal: AbortSignal; listeners: () => number; most: () => number } {
  const controller = new AbortController()
  const { signal } = controller
  const listeners = new Set<unknown>()
  let most = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  // All listen once.
  add('abort', () => listeners.clear())
  Object.assign(signal, {
    addEventListener: (type: string, listener: EventListenerObject, options: AddEventListenerOptions) => {
      listeners.add(listener)
      most = Math.max(most, listeners.size)
      add(type, listener, options)
    },
    removeEventListener: (type: string, listener: EventListenerObject) => {
      listeners.delete(listener)
      remove(type, listener)
    },
  })
  return { controller, signal, listeners: () => listeners.size, most: () => most }
}

/** Collects what becomes an uncaught exception while `run` lasts. */
export async function uncaughtDuring(run: () => Promise<void>): Promise<unknown[]> {
  const uncaught: unknown[] = []
  const events = ['uncaughtException', 'unhandledRejection'] as const
  const before = events.map((event) => process.listeners(event as 'uncaughtException'))
  for (const event of events) process.removeAllListeners(event)
  process.on('uncaughtException', (error) => uncaught.push(error))
  process.on('unhandledRejection', (reason) => uncaught.push(['unhandled', reason]))
  try {
    await run()
    // Rejections that nobody handles are known a turn later.
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    for (const [i, event] of events.entries()) {
      process.removeAllListeners(event)
      for (const listener of before[i] as (() => void)[]) process.on(event as 'uncaughtException', listener)
    }
  }
  return uncaught
}

/** What a promise has come to by now. */
export async function outcomeOf<T>(world: RestWorld, promise: Promise<T>): Promise<T | Error | 'pending'> {
  let outcome: T | Error | 'pending' = 'pending'
  promise.then(
    (value) => {
      outcome = value
    },
    (error: Error) => {
      outcome = error
    },
  )
  await world.settle()
  return outcome
}
