/**
 * A slot of a pool: a writer, a reader, and the connection that they belong to for now; and the handle under which it is held.
 *
 * Rule 1: writer and reader live as long as the pool; connections are replaced.
 * Rule 2: a handle stands for one lease and never for another: calls on it after its release affect no other holder.
 * Rule 3: a lease ends in one place, `end`, and the response that was read under it ends with it.
 */

import type { Request } from '../codec/http/request.ts'
import type { RequestWriter } from '../codec/http/request-writer.ts'
import type { RestResponse } from '../codec/http/response.ts'
import type { ResponseReader } from '../codec/http/response-reader.ts'
import { RestError } from '../errors.ts'
import { showsItself } from '../printing.ts'
import type { Transport } from '../transport/transport.ts'
import type { HttpConnection } from './connection.ts'
import type { Observers } from './observers.ts'
import type { SendOptions } from './options.ts'
import type { SendableRequest } from './sendable.ts'
import type { StreamedResponse } from './streamed-response.ts'

/** Where a slot stands: always in exactly one of these. */
export const SlotState = {
  /** Without a connection yet: the pool is being made. */
  Connecting: 0,
  /** Healthy, and free. */
  Idle: 1,
  /** Held by a caller, or by the pool itself while it keeps the connection warm. */
  Leased: 2,
  /** Without a connection, or on the way to a new one. One task owns it. */
  Healing: 3,
  /** The pool has ended. */
  Closed: 4,
} as const

/** What a slot needs from its pool. */
export interface SlotOwner {
  /** Notified of its requests. */
  readonly observers: Observers
  /** The holder is done with it. */
  giveBack(slot: Slot): void
}

/** The pool's side of a slot. */
export class Slot {
  state: number = SlotState.Connecting
  connection: HttpConnection | null = null
  /** Counts the leases. */
  lease = 0
  /** When the connection has to be renewed for its age, in the clock's ms. */
  expiresAt: number = Number.POSITIVE_INFINITY
  /** How long the connection can be trusted once it is idle, in ms: less than the server keeps it. 0: not at all. */
  trust: number = Number.POSITIVE_INFINITY
  /** A successor of the connection is being made. */
  renewing = false
  /** The open successor, which takes over when the slot is given back. Nothing has been read from it. */
  successor: Transport | null = null
  /** The successor is being looked at, beside the connection that serves. */
  candidate: HttpConnection | null = null
  /** The look at a successor was interrupted: during the next look the slot is out of rotation. */
  insists = false
  /** When renewing may be tried again after a failure, in the clock's ms. */
  renewAfter = 0
  /** … and keeping it warm. */
  warmAfter = 0
  /** Consecutive connections that the server dropped before they had answered anything. */
  shortLived = 0
  /** What the last look for leaks saw. */
  readonly seen: { lease: number; activity: number; since: number; reported: boolean } = { lease: 0, activity: 0, since: 0, reported: false }

  constructor(
    readonly index: number,
    /** Replaced, with the reader, only when their memory can't be trusted any more. */
    public writer: RequestWriter,
    public reader: ResponseReader,
    readonly owner: SlotOwner,
  ) {}

  /** A successor of its connection is on its way. */
  get isRenewing(): boolean {
    return this.renewing || this.successor !== null || this.candidate !== null
  }

  /** Counts the holder's actions: a slot without any may have been forgotten. */
  get activity(): number {
    return this.connection?.requests ?? 0
  }

  /** The handle of a new lease. */
  hold(): ClientSlot {
    this.lease++
    return new ClientSlot(this)
  }

  /** Sends on its connection: a slot that is held has one, alive or not. */
  send(request: SendableRequest, options: SendOptions | undefined): Promise<RestResponse> {
    return this.observed((this.connection as HttpConnection).send(request, this.reader, options))
  }

  /** As {@link Slot.send}, with the body piece by piece. */
  sendStreaming(request: SendableRequest, options: SendOptions | undefined): Promise<StreamedResponse> {
    return this.observed((this.connection as HttpConnection).sendStreaming(request, options))
  }

  private observed<Response extends { readonly status: number }>(sending: Promise<Response>): Promise<Response> {
    const { observers } = this.owner
    if (observers.any) observers.watch(this.index, sending)
    return sending
  }
}

/**
 * A slot that you hold: build a request with `writer`, send it with {@link ClientSlot.send}, use the response, then release the slot.
 *
 * ```ts
 * using slot = await pool.acquire()
 * const res = await slot.send(slot.writer.post('/order').body(json).finish())
 * ```
 *
 * Without the `using` syntax, call `release()` in a `finally`: it is the same thing.
 */
export class ClientSlot {
  static {
    showsItself(this.prototype, (it) => ({ index: it.index, held: it.held, connection: it.connection }))
  }

  /** @internal */ held = true

  /** @internal */
  constructor(/** @internal */ protected readonly slot: Slot) {}

  /** Makes this slot's requests; keeps its default headers over reconnects. Throws `SlotReleased` once the slot is no longer yours. */
  get writer(): RequestWriter {
    if (!this.held) throw released()
    return this.slot.writer
  }

  /** Reads this slot's responses. Throws `SlotReleased` once the slot is no longer yours. */
  get reader(): ResponseReader {
    if (!this.held) throw released()
    return this.slot.reader
  }

  /** The connection under the slot; null when it was lost and the slot was released. */
  get connection(): HttpConnection | null {
    return this.held ? this.slot.connection : null
  }

  /** Number of the slot, 0 to `connections` - 1; as in the pool's events. */
  get index(): number {
    return this.slot.index
  }

  /**
   * Sends a request and reads its response, which is valid until the next request on this slot, or its release. Rejects with a
   * {@link RestError}: as `HttpConnection.send`, and `SlotReleased` when the slot is no longer yours. Nothing is ever sent twice.
   */
  send(request: Request, options?: SendOptions): Promise<RestResponse> {
    if (!this.held) return Promise.reject(released())
    return this.slot.send(request, options)
  }

  /** As {@link ClientSlot.send}, with the body read piece by piece. Keep the slot until the body has ended. */
  sendStreaming(request: Request, options?: SendOptions): Promise<StreamedResponse> {
    if (!this.held) return Promise.reject(released())
    return this.slot.sendStreaming(request, options)
  }

  /**
   * Gives the slot back; its response is stale from here on (`StaleResponse`). A request under way is abandoned and the connection
   * replaced. A second call does nothing, however much later, even when another caller has the slot then.
   */
  release(): void {
    if (!this.held) return
    const slot = this.end()
    slot.owner.giveBack(slot)
  }

  /** As `release`. */
  [Symbol.dispose](): void {
    this.release()
  }

  /** Ends this lease without giving the slot back: the caller has it now. @internal */
  end(): Slot {
    const { slot } = this
    this.held = false
    slot.reader.expire()
    return slot
  }
}

function released(): RestError {
  return new RestError('SlotReleased', 'this slot was released: another caller may have it now', {
    fault: 'local',
    requestSent: 'nothing',
    phase: 'send',
  })
}
