/**
 * What a pool does for its connections while nobody asks: renews them before the server drops them or they grow too old, keeps them warm, and
 * looks for slots that were never given back.
 *
 * One timer for all, armed for the earliest thing to do. A connection is replaced only when its successor is there, and one at a time in
 * four, so renewing never leaves the pool short.
 */

import { Alarm } from './alarm.ts'
import type { HttpConnection } from './connection.ts'
import type { PoolCore } from './pool-core.ts'
import { type Slot, SlotState } from './slot.ts'

/** Pause after a renewal that failed, in ms: the old connection still serves. */
const RENEW_RETRY = 1_000
/** What is due for idle connections is looked at again after this many ms when the slot is held just then. */
const RECHECK = 100
/** Unit of `Keep-Alive: timeout=`, in ms. */
const COARSEST = 1_000
/** How often, in a leak timeout, slots are looked at. */
const LOOKS = 4

/** Looks after the connections of a pool. */
export class Upkeep {
  private readonly alarm: Alarm
  private renewing = 0
  private warming = false
  private nextLook: number

  constructor(private readonly core: PoolCore) {
    const { clock } = core.runtime
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
    this.arm(Math.min(this.nextLook, this.earliest()))
  }

  /** The server has said something new about how long it keeps an idle connection. */
  onKeepAlive(slot: Slot, timeout: number): void {
    slot.trust = this.trustIn(timeout)
    this.arm(Math.min(this.nextLook, this.earliest()))
  }

  /** A slot is free, whose connection is not trusted for ever. */
  onIdle(slot: Slot, connection: HttpConnection): void {
    if (!slot.isRenewing) this.alarm.setAtLatest(Math.max(this.idleEnd(slot, connection), slot.renewAfter))
  }

  /** There is no successor for its connection, which serves on. */
  onRenewalFailed(slot: Slot, error: unknown): void {
    const { core } = this
    core.counters.failedAttempts++
    slot.renewAfter = core.runtime.clock.now() + RENEW_RETRY
    this.alarm.setAtLatest(slot.renewAfter)
    if (core.observers.any) core.observers.tell('onAttemptFailed', { slot: slot.index, error, attempt: 1, retryIn: RENEW_RETRY })
  }

  /** The look at a successor was broken off, as the slot was needed. */
  onBrokenOff(slot: Slot): void {
    slot.renewAfter = this.core.runtime.clock.now() + RECHECK
    this.alarm.setAtLatest(slot.renewAfter)
  }

  stop(): void {
    this.alarm.stop()
  }

  /** An observer may have closed the pool. */
  private arm(due: number): void {
    if (!this.core.isClosing) this.alarm.set(due)
  }

  private run(): void {
    const now = this.core.runtime.clock.now()
    this.core.remote?.collect()
    if (now >= this.nextLook) {
      this.lookForLeaks(now)
      this.nextLook = now + this.core.options.leakTimeout / LOOKS
    }
    for (const slot of this.core.slots) {
      const { connection } = slot
      if (connection === null || connection.state === 'poisoned' || slot.state === SlotState.Healing) continue
      const isIdle = slot.state === SlotState.Idle
      if (slot.expiresAt <= now || (isIdle && this.idleEnd(slot, connection) <= now)) this.renew(slot, now)
      else if (isIdle && this.warmDue(slot, connection) <= now) this.keepWarm(slot, connection)
    }
    this.arm(Math.max(now + 1, Math.min(this.nextLook, this.earliest())))
  }

  /** When something is to be done next. What waits for others is seen to when they are done. */
  private earliest(): number {
    const now = this.core.runtime.clock.now()
    const canRenew = this.renewing < this.core.mostRenewing
    let due = Number.POSITIVE_INFINITY
    for (const slot of this.core.slots) {
      const { connection } = slot
      if (connection === null || connection.state === 'poisoned' || slot.state === SlotState.Healing) continue
      // It may be idle by then; if not, the next look is soon enough.
      const soonest = slot.state === SlotState.Idle ? 0 : now + RECHECK
      if (canRenew && !slot.isRenewing) {
        const end = Math.min(slot.expiresAt, Math.max(soonest, this.idleEnd(slot, connection)))
        due = Math.min(due, Math.max(end, slot.renewAfter))
      }
      if (!this.warming) due = Math.min(due, Math.max(soonest, this.warmDue(slot, connection)))
    }
    return due
  }

  /** Until when an idle connection can be trusted. */
  private idleEnd(slot: Slot, connection: HttpConnection): number {
    return connection.lastUsed + slot.trust
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

  private warmDue(slot: Slot, connection: HttpConnection): number {
    const { keepWarm } = this.core.options
    return keepWarm === null ? Number.POSITIVE_INFINITY : Math.max(slot.warmAfter, connection.lastUsed + keepWarm.interval)
  }

  /** Connects the successor while the old connection serves on. */
  private renew(slot: Slot, now: number): void {
    if (slot.isRenewing || this.renewing >= this.core.mostRenewing || now < slot.renewAfter) return
    slot.renewing = true
    this.renewing++
    const { core } = this
    const old = slot.connection
    core
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
        if (!core.isClosing) this.run()
      })
  }

  /** Sends the caller's request on an idle connection; one at a time, so that the others stay free. */
  private keepWarm(slot: Slot, connection: HttpConnection): void {
    const { keepWarm } = this.core.options
    if (this.warming || keepWarm === null) return
    this.warming = true
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
      core.remote?.onLeak(slot)
    }
  }
}
