/**
 * What a pool does for its connections on its own: it renews them before the server drops them or they grow too old, keeps them warm, and
 * looks for slots that were never given back.
 *
 * One timer for all, armed for the earliest task. A connection is replaced only when its successor is open, and at most a quarter of the slots
 * at a time, so renewing never leaves the pool short.
 *
 * The times at which slots are due are kept in order, and may be too early: events that postpone them, such as a request, do not update them. A slot
 * that reaches the head of the line too early is put back at its right place. So only the look for leaks examines all slots.
 */

import type { Runtime } from '../runtime.ts'
import type { Transport } from '../transport/transport.ts'
import { Alarm } from './alarm.ts'
import type { HttpConnection } from './connection.ts'
import type { Connector } from './connector.ts'
import { DueQueue } from './due-queue.ts'
import type { Holders } from './holders.ts'
import type { Observers } from './observers.ts'
import type { ResolvedPoolOptions } from './options.ts'
import type { Counters } from './pool-stats.ts'
import { type ClientSlot, type Slot, SlotState } from './slot.ts'

/** Pause after a renewal that failed, in ms: the old connection still serves. */
const RENEW_RETRY = 1_000
/** When a slot that is due is held just then, it is looked at again after this many ms. */
const RECHECK = 100
/** Unit of `Keep-Alive: timeout=`, in ms. */
const COARSEST = 1_000
/** How often, in a leak timeout, slots are looked at. */
const LOOKS = 4

/** What upkeep asks of its pool. */
export interface KeptPool {
  readonly runtime: Runtime
  readonly options: ResolvedPoolOptions
  readonly slots: readonly Slot[]
  readonly connector: Connector
  readonly holders: Holders
  readonly observers: Observers
  readonly counters: Counters
  readonly isClosing: boolean
  /** How many connections may be renewed at a time. */
  readonly mostRenewing: number
  /** Has a successor take over the slot's connection. */
  succeed(slot: Slot, successor: Transport): void
  /** Lends a free slot to the pool itself. */
  lend(slot: Slot): ClientSlot
}

/** Looks after the connections of a pool. */
export class Upkeep {
  private readonly alarm: Alarm
  /** By slot: when it may have to be renewed, … */
  private readonly renewals: DueQueue
  /** … and kept warm. */
  private readonly warmth: DueQueue
  private renewing = 0
  private warming = false
  private nextLook: number

  constructor(private readonly core: KeptPool) {
    const { clock } = core.runtime
    this.renewals = new DueQueue(core.options.connections)
    this.warmth = new DueQueue(core.options.connections)
    this.alarm = new Alarm(clock, () => this.run())
    this.nextLook = core.options.leakTimeout === 0 ? Number.POSITIVE_INFINITY : clock.now() + core.options.leakTimeout / LOOKS
  }

  /** A slot has a new connection. */
  onUp(slot: Slot): void {
    const { maxAge } = this.core.options
    const { clock, random } = this.core.runtime
    slot.renewAfter = slot.warmAfter = 0
    slot.insists = false
    slot.trust = this.trustIn(-1)
    slot.expiresAt = maxAge === 0 ? Number.POSITIVE_INFINITY : clock.now() + maxAge * (1 - 0.1 * random())
    this.schedule(slot)
    this.arm(0)
  }

  /** The server has changed how long it keeps an idle connection. */
  onKeepAlive(slot: Slot, timeout: number): void {
    slot.trust = this.trustIn(timeout)
    this.schedule(slot)
    this.arm(0)
  }

  /** A slot is free whose connection is trusted for a limited time: its renewal may have been postponed while it was held. */
  onIdle(slot: Slot): void {
    const due = this.renewalOf(slot)
    if (due >= this.renewals.of(slot.index)) return
    this.renewals.set(slot.index, due)
    this.arm(0)
  }

  /** No successor could be connected: the old connection continues to serve. */
  onRenewalFailed(slot: Slot, error: unknown): void {
    const { core } = this
    core.counters.failedAttempts++
    this.putOff(slot, RENEW_RETRY)
    if (core.observers.any) core.observers.tell('onAttemptFailed', { slot: slot.index, error, attempt: 1, retryIn: RENEW_RETRY })
  }

  /** The look at a successor was interrupted, as the slot was needed. */
  onBrokenOff(slot: Slot): void {
    this.putOff(slot, RECHECK)
  }

  private putOff(slot: Slot, ms: number): void {
    slot.renewAfter = this.core.runtime.clock.now() + ms
    this.schedule(slot)
    this.arm(0)
  }

  stop(): void {
    this.alarm.stop()
  }

  private run(): void {
    const now = this.core.runtime.clock.now()
    this.core.holders.sweep()
    if (now >= this.nextLook) {
      this.lookForLeaks(now)
      this.nextLook = now + this.core.options.leakTimeout / LOOKS
    }
    this.renewDue(now)
    this.warmDue(now)
    this.arm(now + 1)
  }

  /** Sets the alarm for the next task, not before `soonest`. Tasks that wait for other slots follow when those are done. */
  private arm(soonest: number): void {
    // An observer may have closed the pool.
    if (this.core.isClosing) return
    const renewal = this.renewing < this.core.mostRenewing ? this.renewals.due : Number.POSITIVE_INFINITY
    const warming = this.warming ? Number.POSITIVE_INFINITY : this.warmth.due
    this.alarm.set(Math.max(soonest, Math.min(this.nextLook, renewal, warming)))
  }

  private schedule(slot: Slot): void {
    this.renewals.set(slot.index, this.renewalOf(slot))
    this.warmth.set(slot.index, this.warmthOf(slot))
  }

  private renewDue(now: number): void {
    const { core, renewals } = this
    while (renewals.due <= now && this.renewing < core.mostRenewing) {
      const slot = core.slots[renewals.first] as Slot
      if (this.renewalOf(slot) > now) this.schedule(slot)
      else if (slot.state === SlotState.Idle || slot.expiresAt <= now) this.renew(slot)
      // Its idleness counts from when it is given back.
      else renewals.set(slot.index, now + RECHECK)
    }
  }

  private warmDue(now: number): void {
    const { core, warmth } = this
    while (warmth.due <= now && !this.warming) {
      const slot = core.slots[warmth.first] as Slot
      const { connection } = slot
      const due = this.warmthOf(slot)
      if (due > now || connection === null) warmth.set(slot.index, due)
      else if (slot.state !== SlotState.Idle) warmth.set(slot.index, now + RECHECK)
      // A connection whose renewal has to wait is not trusted with a request. After the renewal it is scheduled again.
      else if (this.renewalOf(slot) <= now) warmth.set(slot.index, Number.POSITIVE_INFINITY)
      else this.keepWarm(slot, connection)
    }
  }

  /** When the slot's connection has to be renewed, if it is idle until then; never during a renewal, and without a connection. */
  private renewalOf(slot: Slot): number {
    const { connection } = slot
    if (connection === null || connection.state === 'poisoned' || slot.isRenewing) return Number.POSITIVE_INFINITY
    return Math.max(slot.renewAfter, Math.min(slot.expiresAt, connection._$pooled.lastUsed + slot.trust))
  }

  /** How long to trust an idle connection that the server keeps for `keepAlive` ms; -1: it has not said. */
  private trustIn(keepAlive: number): number {
    const { maxIdle, keepAliveMargin } = this.core.options
    const ours = maxIdle === 0 ? Number.POSITIVE_INFINITY : maxIdle
    if (keepAlive < 0) return ours
    // The server counts whole seconds: a single second may be over at once.
    const mostMargin = keepAlive <= COARSEST ? keepAlive : keepAlive / 2
    return Math.min(ours, keepAlive - Math.min(keepAliveMargin, mostMargin))
  }

  /** When the slot needs a request to stay warm, if it is idle until then. */
  private warmthOf(slot: Slot): number {
    const { connection } = slot
    const { keepWarm } = this.core.options
    if (keepWarm === null || connection === null || connection.state === 'poisoned' || slot.isRenewing) return Number.POSITIVE_INFINITY
    return Math.max(slot.warmAfter, connection._$pooled.lastUsed + keepWarm.interval)
  }

  /** Connects the successor while the old connection continues to serve. */
  private renew(slot: Slot): void {
    slot.renewing = true
    this.renewing++
    this.schedule(slot)
    const { core } = this
    const old = slot.connection
    core.connector
      .dial()
      .then(
        (transport) => {
          // It healed in the meantime, or the pool ended.
          if (slot.connection !== old || core.isClosing) transport.destroy()
          else core.succeed(slot, transport)
        },
        (error: unknown) => {
          if (!core.isClosing) this.onRenewalFailed(slot, error)
        },
      )
      .finally(() => {
        slot.renewing = false
        this.renewing--
        this.schedule(slot)
        if (!core.isClosing) this.run()
      })
  }

  /** Sends the caller's request on an idle connection; one at a time, so that the others stay free. */
  private keepWarm(slot: Slot, connection: HttpConnection): void {
    const { keepWarm } = this.core.options
    if (keepWarm === null) return
    this.warming = true
    this.warmth.set(slot.index, Number.POSITIVE_INFINITY)
    const { core } = this
    const handle = core.lend(slot)
    Promise.resolve()
      .then(() => keepWarm.request(slot.writer))
      .then((request) => connection.send(request, slot.reader, { timeout: keepWarm.timeout, decompress: false }))
      .catch((error: unknown) => {
        // A request that can't be built leaves the connection unchanged, and is tried again as if it had been sent.
        slot.warmAfter = core.runtime.clock.now() + keepWarm.interval
        core.observers.tell('onKeepWarmFailed', { slot: slot.index, error })
      })
      .finally(() => {
        handle.release()
        this.warming = false
        this.schedule(slot)
        if (!core.isClosing) this.run()
      })
  }

  private lookForLeaks(now: number): void {
    const { core } = this
    for (const slot of core.slots) {
      const { seen, activity } = slot
      if (slot.state !== SlotState.Leased || slot.connection?.state === 'busy' || seen.lease !== slot.lease || seen.activity !== activity) {
        Object.assign(seen, { lease: slot.lease, activity, since: now, reported: false })
        continue
      }
      if (seen.reported || now - seen.since < core.options.leakTimeout) continue
      seen.reported = true
      core.counters.leaks++
      core.observers.tell('onLeak', { slot: slot.index, heldFor: now - seen.since })
      core.holders.onLeak(slot)
    }
  }
}
