/**
 * The slots of a pool: who has them, who waits for one, and how a dead one is healed.
 *
 * Rule 1: a slot is always in exactly one state, and `move` is the only way from one to another. `take` and `giveBack` do its two usual cases in the
 *         same few steps, without the rest of it: small enough for an engine to put them into the caller.
 * Rule 2: a slot whose connection is gone leaves the rotation at once, and one task, `bringUp`, owns it until it has a new one. A holder that is done with
 *         its slot, and that task too, gives it to `place`, which alone decides what happens to it.
 * Rule 3: a free slot and a waiting caller never exist at the same time.
 * Rule 4: no request is ever sent a second time here.
 */

import { Backoff, type BackoffOptions } from '../backoff.ts'
import { RestError, type RestErrorCode, TransportError } from '../errors.ts'
import { look } from '../look.ts'
import type { Runtime } from '../runtime.ts'
import type { Address, Transport } from '../transport/transport.ts'
import type { HttpConnection } from './connection.ts'
import { Connector, type PoolGround } from './connector.ts'
import { type HeldPool, type Holders, NO_HOLDERS } from './holders.ts'
import type { SlotUpEvent } from './observer.ts'
import { Observers } from './observers.ts'
import type { ClientPoolOptions, ResolvedPoolOptions } from './options.ts'
import { PoolClosing, poolClosed } from './pool-closing.ts'
import { type Counters, newCounters, type PoolStats, statsOf } from './pool-stats.ts'
import { type Abortable, Signals } from './signals.ts'
import { type ClientSlot, type Slot, type SlotOwner, SlotState } from './slot.ts'
import { type KeptPool, Upkeep } from './upkeep.ts'
import { SLOT_ERRORS, WaiterQueue, type WaitOptions } from './waiters.ts'

/** Delays between attempts to reconnect. */
const HEAL_BACKOFF: Required<BackoffOptions> = { initial: 100, max: 5_000, factor: 2, jitter: 0.5 }
/** A connection that answered nothing and did not last this long, in ms, counts as useless. After two in a row the next attempt waits for the backoff. */
const PROVEN_AFTER = 1_000

/** Failures that are the caller's decision, not the server's. */
const OWN_DOING: ReadonlySet<RestErrorCode> = new Set<RestErrorCode>(['RequestTimeout', 'RequestAborted', 'RequestBodyFailed'])

/** What the parts of a pool share. */
export class PoolCore implements HeldPool, KeptPool {
  readonly slots: Slot[] = []
  readonly observers: Observers
  readonly counters: Counters = newCounters()
  /** Signals of callers, and the pool's own: each has one listener, however many follow it. */
  readonly signals: Signals = new Signals()
  readonly connector: Connector
  /** The free slots are its first `freeCount` entries, last used last. */
  private readonly free: Slot[] = []
  private freeCount = 0
  private readonly waiters: WaiterQueue<ClientSlot>
  private readonly upkeep: Upkeep
  private readonly backoffs: Backoff[] = []
  /** Slots whose connection is being replaced by its successor. */
  private replacing = 0
  /** Callers that wait for the first connection. */
  private readonly opening: WaiterQueue<void>
  /** Why the last attempt to connect failed. */
  private lastFailure: unknown = null
  /** From `close` on. */
  isClosing = false
  private readonly closing: PoolClosing

  readonly runtime: Runtime

  constructor(
    ground: PoolGround,
    address: Address,
    dialOptions: ClientPoolOptions,
    readonly options: ResolvedPoolOptions,
    makeSlot: (index: number, owner: SlotOwner) => Slot,
    /** Other threads that hold slots. */
    readonly holders: Holders = NO_HOLDERS,
  ) {
    const { runtime } = ground
    this.runtime = runtime
    this.observers = new Observers(runtime.clock)
    this.waiters = new WaiterQueue(runtime.clock, this.signals, SLOT_ERRORS)
    this.opening = new WaiterQueue(runtime.clock, this.signals, {
      ...SLOT_ERRORS,
      timedOut: (timeout) => notReady(timeout, this.lastFailure),
    })
    this.connector = new Connector(ground, address, dialOptions, this.signals)
    this.upkeep = new Upkeep(this)
    if (dialOptions.observer !== undefined) this.observers.add(dialOptions.observer)
    for (let i = 0; i < options.connections; i++) {
      this.backoffs.push(new Backoff(dialOptions.backoff ?? {}, runtime.random, HEAL_BACKOFF))
      this.slots.push(makeSlot(i, this))
    }
    this.free.push(...this.slots)
    this.closing = new PoolClosing(runtime.clock, this.slots, () => this.cut())
    holders.begin(this)
  }

  get stats(): PoolStats {
    this.holders.sweep()
    return statsOf(this.slots, this.waiters.length, this.counters)
  }

  /**
   * Opens all connections at the same time. When one fails, the opened ones are closed gracefully, and the error is thrown. A lazy pool
   * does not wait for them: they are opened as if they had been lost.
   */
  async connect(signal: AbortSignal | undefined): Promise<void> {
    if (this.options.lazy) {
      await this.connector.judge()
      signal?.throwIfAborted()
      for (const slot of this.slots) this.bringUp(slot, 'first')
      return
    }
    const attempts = new AbortController()
    const caller: Abortable = { onAbort: (reason) => attempts.abort(reason) }
    if (signal?.aborted) attempts.abort(signal.reason)
    else if (signal !== undefined) this.signals.follow(signal, caller)
    try {
      const outcomes = await Promise.allSettled(
        this.slots.map(async () => {
          try {
            return await this.connector.dial(attempts.signal)
          } catch (error) {
            // The others need not go on; the first failure is the one that is thrown.
            attempts.abort(error)
            throw error
          }
        }),
      )
      if (outcomes.every((outcome) => outcome.status === 'fulfilled')) {
        outcomes.forEach((outcome, i) => {
          const slot = this.slots[i] as Slot
          this.install(slot, this.connector.speakOver(slot, outcome.value), 'first', 1, 0)
        })
        return
      }
      await Promise.all(
        outcomes.map((outcome, i) =>
          outcome.status === 'fulfilled' ? this.connector.speakOver(this.slots[i] as Slot, outcome.value).close() : null,
        ),
      )
      throw attempts.signal.reason
    } finally {
      if (signal !== undefined) this.signals.leave(signal, caller)
    }
  }

  /** A healthy free slot, the one last used first; null when there is none. */
  take(): ClientSlot | null {
    this.holders.collect()
    const { freeCount } = this
    if (freeCount === 0) return null
    const slot = this.free[freeCount - 1] as Slot
    if (slot.candidate === null) {
      this.freeCount = freeCount - 1
      slot.state = SlotState.Leased
    } else this.move(slot, SlotState.Leased)
    return slot.hold()
  }

  /** As {@link PoolCore.take}, but waits in line. */
  acquire(options: WaitOptions): Promise<ClientSlot> {
    if (this.isClosing) return Promise.reject(poolClosed())
    const slot = this.take()
    if (slot !== null) return Promise.resolve(slot)
    if (this.isBroken) return Promise.reject(poolBroken(this.lastFailure))
    const { maxQueue } = this.options
    if (this.waiters.length >= maxQueue) {
      const message = `no slot is free, and ${this.waiters.length} callers wait for one already (maxQueue)`
      return Promise.reject(new RestError('PoolQueueFull', message, { fault: 'local', requestSent: 'nothing', phase: 'queue' }))
    }
    const waiting = this.wait(options)
    this.holders.setWanted(true)
    // A slot may have been returned just before.
    this.holders.collect()
    if (this.observers.any) this.observers.tell('onWait', { waiting: this.waiters.length })
    return waiting
  }

  /** Waits until a connection is open. */
  async ready(options: WaitOptions): Promise<void> {
    if (this.isClosing) throw poolClosed()
    if (this.isBroken) throw poolBroken(this.lastFailure)
    if (!this.slots.some(({ connection }) => connection !== null && !connection.isPoisoned)) await this.opening.wait(options)
  }

  /** Waits in line. A slot that has died between its hand-over and now goes back to be healed, and the caller waits again, at the end of the line. */
  private async wait({ timeout, signal }: WaitOptions): Promise<ClientSlot> {
    const { clock } = this.runtime
    const since = clock.now()
    for (;;) {
      const left = timeout === 0 ? 0 : Math.max(1, since + timeout - clock.now())
      const handle = this.take() ?? (await this.waiters.wait({ timeout: left, signal }))
      if (handle.connection?.state !== 'poisoned') return handle
      handle.release()
    }
  }

  /** Waits until everything is closed; after `timeout` ms, slots that are still in use are cut, 0 is never. With several calls the earliest limit counts. */
  close(timeout: number): Promise<void> {
    if (!this.isClosing) this.beginClosing()
    this.closing.within(timeout)
    this.closing.check()
    return this.closing.over
  }

  private beginClosing(): void {
    this.isClosing = true
    this.upkeep.stop()
    this.connector.stop(poolClosed())
    this.waiters.rejectAll(poolClosed())
    this.opening.rejectAll(poolClosed())
    for (const slot of this.slots) if (slot.state === SlotState.Idle || slot.state === SlotState.Connecting) this.closeSlot(slot)
  }

  private cut(): void {
    for (const slot of this.slots) if (slot.state === SlotState.Leased) slot.connection?.destroy()
    for (const slot of this.slots) if (slot.state === SlotState.Leased) this.move(slot, SlotState.Closed)
  }

  // SlotOwner.

  giveBack(slot: Slot): void {
    const { connection, successor, trust } = slot
    // The usual case, in a few loads; `place` would do the same.
    if (!this.isClosing && successor === null && trust === Number.POSITIVE_INFINITY && connection?._$isIdle) {
      this.putIn(slot)
      return
    }
    // A request that is still under way was abandoned by its caller.
    if (connection !== null && connection.state === 'busy') connection.destroy()
    this.place(slot)
  }

  // HeldPool.

  retire(slot: Slot): void {
    if (slot.state !== SlotState.Closed) this.closeSlot(slot)
  }

  onCorruption(slot: Slot | null, error: RestError): void {
    this.counters.corruptions++
    this.observers.tell('onCorruption', { slot: slot === null ? null : slot.index, error })
  }

  /** Decides what happens to a slot that nobody holds any more: it is free, on its way to another connection, or closed with the pool. */
  private place(slot: Slot): void {
    const { connection } = slot
    if (slot.state === SlotState.Closed) {
      connection?.close()
    } else if (this.isClosing) {
      this.closeSlot(slot)
    } else if (connection === null || connection.isPoisoned) {
      this.bringUp(slot, 'heal')
    } else if (slot.successor !== null && this.replace(slot)) {
      return
    } else if (slot.trust === 0) {
      // The server drops the connection as soon as it is idle: it would be dead before its next request.
      this.bringUp(slot, 'renewal')
    } else {
      if (slot.trust !== Number.POSITIVE_INFINITY) this.upkeep.onIdle(slot)
      this.move(slot, SlotState.Idle)
    }
  }

  private onDown(slot: Slot, error: Error | null, inUse: boolean): void {
    if (slot.state === SlotState.Closed) return
    this.counters.lost++
    this.judge(slot, error)
    if (inUse) this.counters.failures++
    if (this.observers.any) {
      const { requests = 0, age = 0 } = slot.connection ?? {}
      this.observers.tell('onSlotDown', { slot: slot.index, error, inUse, requests, age })
    }
    // It may have been given back without our having looked. A holder learns of the loss, and gives it back.
    if (slot.state === SlotState.Leased) this.holders.collect()
    if (slot.state === SlotState.Idle) this.bringUp(slot, 'heal')
  }

  /** A server that takes connections and drops them must not be dialled in a loop. Connections that we cut ourselves do not count. */
  private judge(slot: Slot, error: Error | null): void {
    const { connection } = slot
    if (connection === null || connection.requests > 0 || connection.age >= PROVEN_AFTER) slot.shortLived = 0
    else if (!(error instanceof RestError && OWN_DOING.has(error.code))) slot.shortLived++
  }

  // Making connections.

  /** Gives a slot, which nobody has, the connection that was made for it. */
  private install(slot: Slot, connection: HttpConnection, reason: SlotUpEvent['reason'], attempts: number, outage: number): void {
    slot.connection = connection
    this.upkeep.onUp(slot)
    if (this.observers.any) this.observers.tell('onSlotUp', { slot: slot.index, attempts, outage, reason })
    // It may be lost already, through bytes or an end that arrived with it. That loss is reported and judged like any other.
    connection._$pooled.ownedBy({
      onDown: (error, inUse) => this.onDown(slot, error, inUse),
      onKeepAlive: (timeout) => this.upkeep.onKeepAlive(slot, timeout),
    })
    this.place(slot)
    if (!connection.isPoisoned && !this.isClosing) while (this.opening.length > 0) this.opening.serve()
  }

  /** Lends a free slot to the pool itself. */
  lend(slot: Slot): ClientSlot {
    this.move(slot, SlotState.Leased)
    return slot.hold()
  }

  /** How many connections may be renewed at a time: at most so many slots are unavailable because of it. */
  get mostRenewing(): number {
    return Math.max(1, this.slots.length >> 2)
  }

  /** Lets a successor replace the slot's connection: now if the slot is free, otherwise when it is given back, and its turn has come. */
  succeed(slot: Slot, successor: Transport): void {
    slot.successor = successor
    if (slot.state === SlotState.Idle) this.replace(slot)
  }

  /**
   * Puts the successor in the place of the connection, which serves until the successor was seen alive. Only a slot that is so busy that this was
   * interrupted before, or that a caller waits for, is unavailable meanwhile. False when too many are being replaced just then.
   */
  private replace(slot: Slot): boolean {
    if (this.replacing >= this.mostRenewing) return false
    this.replacing++
    if (slot.insists || this.waiters.length > 0) this.move(slot, SlotState.Healing)
    else if (slot.state !== SlotState.Idle) this.move(slot, SlotState.Idle)
    this.takeOver(slot).finally(() => {
      this.replacing--
      const next = this.slots.find(({ state, successor }) => state === SlotState.Idle && successor !== null)
      if (next !== undefined) this.replace(next)
    })
    return true
  }

  /** A successor may have died while it waited, unread. */
  private async takeOver(slot: Slot): Promise<void> {
    const old = slot.connection as HttpConnection
    const transport = slot.successor as Transport
    slot.successor = null
    // Both connections read into the slot's reader, as long as neither has a request.
    old._$pooled.lendReader()
    const next = this.connector.trySpeaking(slot, transport)
    slot.candidate = next
    if (next !== null) await look(this.runtime.clock)
    if (slot.candidate !== next) return
    slot.candidate = null
    if (next !== null && !next.isPoisoned && !this.isClosing) {
      this.move(slot, SlotState.Healing)
      await this.discard(slot)
      this.counters.renewed++
      this.install(slot, next, 'renewal', 1, 0)
      return
    }
    this.reject(slot, next)
    const error = (await next?.closed) ?? new TransportError('ConnectionClosed', 'the server closed the new connection before it was used')
    if (!this.isClosing) this.upkeep.onRenewalFailed(slot, error)
    // Unless its old connection was lost meanwhile: then the task that brings it up has it.
    if (slot.state === SlotState.Healing && slot.connection === old) this.place(slot)
  }

  /** The slot is needed, or lost, while its successor is being looked at: that successor is dropped. The next one is not. */
  private breakOff(slot: Slot): void {
    const { candidate } = slot
    slot.candidate = null
    slot.insists = true
    this.reject(slot, candidate)
    if (!this.isClosing) this.upkeep.onBrokenOff(slot)
  }

  /** The serving connection has the reader for itself again. */
  private reject(slot: Slot, candidate: HttpConnection | null): void {
    candidate?._$pooled.lendReader()
    candidate?.destroy()
    slot.connection?._$pooled.takeReaderBack()
  }

  /** Ends the connection of a slot without counting it as a loss, and waits until its memory is free. */
  private async discard(slot: Slot): Promise<void> {
    const { connection } = slot
    if (connection === null) return
    this.counters.requests += connection.requests
    slot.connection = null
    connection._$pooled.ownedBy(null)
    connection.destroy()
    await connection.closed
  }

  /** Connects a slot, for the first time, after a loss or for renewal: at once, then with pauses, without end. The slot's one task. */
  private bringUp(slot: Slot, reason: SlotUpEvent['reason']): void {
    this.move(slot, SlotState.Healing)
    this.bringingUp(slot, reason).catch((error) => this.giveUp(slot, error))
  }

  /** The task of a slot has ended: with the pool, or by what no further attempt can mend. Without its last slot, the pool rejects every caller with the reason. */
  private giveUp(slot: Slot, reason: unknown): void {
    if (slot.state === SlotState.Closed) return
    if (!this.isClosing) this.lastFailure = reason
    this.move(slot, SlotState.Closed)
    if (!this.isBroken) return
    this.waiters.rejectAll(poolBroken(reason))
    this.opening.rejectAll(poolBroken(reason))
  }

  /** No slot is left, though nobody has closed the pool. */
  private get isBroken(): boolean {
    return !this.isClosing && this.slots.every(({ state }) => state === SlotState.Closed)
  }

  private async bringingUp(slot: Slot, reason: SlotUpEvent['reason']): Promise<void> {
    const { clock } = this.runtime
    const { stopped: signal } = this.connector
    const backoff = this.backoffs[slot.index] as Backoff
    const since = clock.now()
    const { successor } = slot
    slot.successor = null
    await this.discard(slot)
    if (successor !== null) {
      if (signal.aborted) {
        successor.destroy()
        throw signal.reason
      }
      const next = this.connector.trySpeaking(slot, successor)
      if (next !== null) {
        this.counters.renewed++
        this.install(slot, next, 'renewal', 1, 0)
        return
      }
    }
    if (slot.shortLived < 2) backoff.reset()
    else await this.connector.pause(backoff.next())
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      try {
        const transport = await this.connector.dial()
        if (signal.aborted) {
          transport.destroy()
          throw signal.reason
        }
        const connection = this.connector.speakOver(slot, transport)
        if (reason === 'heal') this.counters.healed++
        else if (reason === 'renewal') this.counters.renewed++
        this.install(slot, connection, reason, attempt, reason === 'heal' ? clock.now() - since : 0)
        return
      } catch (error) {
        signal.throwIfAborted()
        this.counters.failedAttempts++
        this.lastFailure = error
        const retryIn = backoff.next()
        if (this.observers.any) this.observers.tell('onAttemptFailed', { slot: slot.index, error, attempt, retryIn })
        await this.connector.pause(retryIn)
      }
    }
  }

  private closeSlot(slot: Slot): void {
    const { connection, successor } = slot
    slot.successor = null
    successor?.destroy()
    this.move(slot, SlotState.Closed)
    connection?.close()
  }

  /** The one way from state to state. */
  private move(slot: Slot, to: number): void {
    if (slot.state === SlotState.Idle) this.takeOut(slot)
    if (to === SlotState.Idle) {
      this.putIn(slot)
      return
    }
    slot.state = to
    if (to === SlotState.Closed && this.isClosing) this.closing.check()
  }

  /** Takes a slot out of the free ones: the entries above it move down. */
  private takeOut(slot: Slot): void {
    const { free } = this
    if (slot.candidate !== null) this.breakOff(slot)
    this.freeCount--
    const at = free.indexOf(slot)
    free.copyWithin(at, at + 1, this.freeCount + 1)
  }

  /** Frees a slot that nobody holds, or leases it to the caller that has waited longest. */
  private putIn(slot: Slot): void {
    if (this.waiters.length !== 0) {
      this.serve(slot)
      return
    }
    slot.state = SlotState.Idle
    this.free[this.freeCount++] = slot
  }

  private serve(slot: Slot): void {
    slot.state = SlotState.Leased
    this.waiters.serve(slot.hold())
    if (this.waiters.length === 0) this.holders.setWanted(false)
  }
}

/** The error of every caller once a pool has lost its last slot, by a failure that no attempt to connect can mend. */
function poolBroken(cause: unknown): RestError {
  const why = cause instanceof Error ? `: ${cause.message}` : ''
  const message = `the pool has no slot left and can connect no more; make a new one${why}`
  return new RestError('PoolClosed', message, { fault: 'local', requestSent: 'nothing', phase: 'queue', cause })
}

function notReady(timeout: number, cause: unknown): RestError {
  const why = cause instanceof Error ? `; the last attempt failed: ${cause.message}` : ''
  const message = `no connection was open within ${timeout} ms (ready)${why}`
  return new RestError('AcquireTimeout', message, { fault: 'local', requestSent: 'nothing', phase: 'queue', elapsed: timeout, cause })
}
