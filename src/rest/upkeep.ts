/**
 * What a pool does for its connections while nobody asks: renews them before the server drops them or they grow too old, keeps them warm, and
 * looks for slots that were never given back.
 *
 * One timer for all, armed for the earliest thing to do. A connection is replaced only when its successor is there, and one at a time in
 * four, so renewing never leaves the pool short.
 *
 * When a slot is due is kept in order, and only ever too early: what moves it on, such as a request, is not told. Who is found at the head of
 * the line too early is put back where it belongs. So nothing here looks at all slots but the look for leaks.
 */

import type { Runtime } from '../runtime.ts'
import type { Transport } from '../transport/transport.ts'
import { Alarm } from './alarm.ts'
import { type HttpConnection, POOLED } from './connection.ts'
import type { Connector } from './connector.ts'
import { DueQueue } from './due-queue.ts'
import type { Holders } from './holders.ts'
import type { Observers } from './observers.ts'
import type { ResolvedPoolOptions } from './options.ts'
import type { Counters } from './pool-stats.ts'
import { type ClientSlot, type Slot, SlotState } from './slot.ts'

/** Pause after a renewal that failed, in ms: the old connection still serves. */
const RENEW_RETRY = 1_000
/** What is due for idle connections is looked at again after this many ms when the slot is held just then. */
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

  /** The server has said something new about how long it keeps an idle connection. */
  onKeepAlive(slot: Slot, timeout: number): void {
    slot.trust = this.trustIn(timeout)
    this.schedule(slot)
    this.arm(0)
  }

  /** A slot is free whose connection is not trusted for ever: it may have been put off while it was held. */
  onIdle(slot: Slot): void {
    const due = this.renewalOf(slot)
    if (due >= this.renewals.of(slot.index)) return
    this.renewals.set(slot.index, due)
    this.arm(0)
  }

  /** There is no successor for its connection, which serves on. */
  onRenewalFailed(slot: Slot, error: unknown): void {
    const { core } = this
    core.counters.failedAttempts++
    this.putOff(slot, RENEW_RETRY)
    if (core.observers.any) core.observers.tell('onAttemptFailed', { slot: slot.index, error, attempt: 1, retryIn: RENEW_RETRY })
  }

  /** The look at a successor was broken off, as the slot was needed. */
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

  /** Sets the alarm for what is to be done next, not before `soonest`. What waits for others is seen to when they are done. */
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
      // How long it was idle will count when it is.
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
      // One whose renewal has to wait is not trusted with a request. When that is over it is scheduled anew.
      else if (this.renewalOf(slot) <= now) warmth.set(slot.index, Number.POSITIVE_INFINITY)
      else this.keepWarm(slot, connection)
    }
  }

  /** When its connection is to be renewed, if it is idle until then; never while that is under way, and without a connection. */
  private renewalOf(slot: Slot): number {
    const { connection } = slot
    if (connection === null || connection.state === 'poisoned' || slot.isRenewing) return Number.POSITIVE_INFINITY
    return Math.max(slot.renewAfter, Math.min(slot.expiresAt, connection[POOLED].lastUsed + slot.trust))
  }

  /** For how long an idle connection can be trusted that the server keeps for `keepAlive` ms; -1: it has not said. */
  private trustIn(keepAlive: number): number {
    const { maxIdle, keepAliveMargin } = this.core.options
    const ours = maxIdle === 0 ? Number.POSITIVE_INFINITY : maxIdle
    if (keepAlive < 0) return ours
    // The server counts whole seconds: of one, nothing may be left.
    const mostMargin = keepAlive <= COARSEST ? keepAlive : keepAlive / 2
    return Math.min(ours, keepAlive - Math.min(keepAliveMargin, mostMargin))
  }

  /** When it is to be kept warm, if it is idle until then. */
  private warmthOf(slot: Slot): number {
    const { connection } = slot
    const { keepWarm } = this.core.options
    if (keepWarm === null || connection === null || connection.state === 'poisoned' || slot.isRenewing) return Number.POSITIVE_INFINITY
    return Math.max(slot.warmAfter, connection[POOLED].lastUsed + keepWarm.interval)
  }

  /** Connects the successor while the old connection serves on. */
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
      .then((request) => connection.send(request, slot.reader, { timeout: keepWarm.timeout }))
      .catch((error: unknown) => {
        // One that can't be built leaves the connection as it is, and is tried again as if it had been sent.
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
