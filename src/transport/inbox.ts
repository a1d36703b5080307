/**
 * Bytes that have arrived on a connection and were not asked for yet, and the order in which the user of a transport receives events: the same on every runtime.
 *
 * Rule 1: bytes, then the peer's end, then the close. Bytes and end are delivered when they are asked for; a close as soon as nothing is left before it.
 * Rule 2: the target that was delivered last is left alone until the user asks again.
 * Rule 3: a user that asks from inside a delivery is served by the loop there, as long as something waits, without recursion.
 */

import type { TransportHandler } from './transport.ts'

/** So many bytes are copied by a loop: a view for them would cost more, and is garbage. */
const FEW = 256

/** The runtime's side of an inbox. */
export interface InboxSource {
  /** The user wants more, and nothing waits: read on. May fill, end or close the inbox from inside. */
  readOn(): void
}

/** The receiving half of a transport: read targets, waiting bytes, and the handler to notify. */
export class Inbox {
  private handler: TransportHandler | null = null
  private targets: readonly Uint8Array[] = []
  /** The user gives its targets when they are needed. */
  private isLight = false
  /** The target that is filled next. */
  private filling = 0
  /** Bytes in the target before that one, not delivered yet. */
  private ahead = 0
  /** Bytes that arrived in memory where they could not stay, oldest first. */
  private readonly spill: Uint8Array[] = []
  /** `resume` has asked and has not been answered. */
  private isAsked = false
  /** The loop of Rule 3 runs further up the stack. */
  private isAnswering = false
  /** `serve` was called since `readOn` began, perhaps from inside it. */
  private isServedAgain = false
  private hasEnd = false
  private isEndDelivered = false
  /** Nothing more can arrive or leave; why. */
  private isClosed = false
  private reason: Error | null = null
  private isLossNotified = false
  /** The user has destroyed the transport: it is only notified of the close. */
  private isDropped = false

  constructor(private readonly source: InboxSource) {}

  /** The user asks, and nothing waits. */
  get wantsMore(): boolean {
    return this.isAsked && this.ahead === 0 && this.spill.length === 0
  }

  /** Bytes wait that nobody has asked for. */
  get hasBytes(): boolean {
    return this.ahead !== 0 || this.spill.length !== 0
  }

  /** Bytes wait in a target: no other one is free. */
  get isAhead(): boolean {
    return this.ahead !== 0
  }

  /** Bytes wait outside of the targets: later bytes have to wait there, too. */
  get hasSpill(): boolean {
    return this.spill.length !== 0
  }

  /** Where the next bytes go when no other bytes wait; null before `start`. */
  get target(): Uint8Array | null {
    return this.handler === null ? null : this.targetAt(this.filling)
  }

  /** Asking for {@link Inbox.target} takes memory: quiet connections read elsewhere first, and {@link Inbox.pass} the bytes on. */
  get isThrifty(): boolean {
    return this.isLight
  }

  /** The user has been notified of the peer's end. */
  get hasDeliveredEnd(): boolean {
    return this.isEndDelivered
  }

  // The user's side.

  start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.handler = handler
    this.targets = targets
    this.isLight = handler.giveTarget !== undefined
    if (this.isClosed) queueMicrotask(() => this.settle())
  }

  resume(): void {
    if (this.isAsked || this.isDropped) return
    this.isAsked = true
    this.answer()
  }

  /** The user has destroyed the transport: waiting bytes are dropped. */
  drop(): void {
    if (this.isDropped) return
    this.isDropped = true
    this.isAsked = false
    this.spill.length = 0
    this.ahead = 0
    this.reason = null
    if (this.isClosed) queueMicrotask(() => this.settle())
  }

  // The runtime's side.

  /** Bytes may be available that {@link InboxSource.readOn} gives. */
  serve(): void {
    this.isServedAgain = true
    this.answer()
  }

  /** `length` bytes, at least 1, lie at the beginning of {@link Inbox.target}. */
  filled(length: number): void {
    if (this.isDropped) return
    this.ahead = length
    this.filling = this.filling + 1 === this.targets.length ? 0 : this.filling + 1
    if (this.isAsked) this.answer()
  }

  /** Bytes that the inbox may keep. */
  push(bytes: Uint8Array): void {
    if (this.isDropped || bytes.length === 0) return
    this.spill.push(bytes)
    if (this.isAsked) this.answer()
  }

  /** `length` bytes that belong to the runtime again when this returns: bytes that the user does not ask for at once are copied. */
  pass(bytes: Uint8Array, length: number = bytes.length): void {
    if (this.isDropped) return
    let used = 0
    if (this.wantsMore && !this.isAnswering && this.handler !== null) {
      this.isAnswering = true
      while (this.isAsked && used < length) {
        const target = this.targetAt(this.filling)
        const part = Math.min(length - used, target.length)
        if (part <= FEW) for (let i = 0; i < part; i++) target[i] = bytes[used + i] as number
        else target.set(part === bytes.length ? bytes : bytes.subarray(used, used + part))
        used += part
        this.deliver(part)
      }
      this.isAnswering = false
    }
    if (used < length && !this.isDropped) this.spill.push(bytes.slice(used, length))
    if (this.isAsked || this.isClosed) this.answer()
  }

  /** The peer will send no more. */
  end(): void {
    if (this.hasEnd || this.isClosed || this.isDropped) return
    this.hasEnd = true
    this.answer()
  }

  /** The connection is gone, with what went wrong or null. Only the first call counts. */
  close(reason: Error | null): void {
    if (this.isClosed) return
    this.isClosed = true
    if (!this.isDropped) this.reason = reason
    this.answer()
  }

  /** Nothing can be written any more, but bytes that have arrived will still be delivered. */
  notifyLoss(reason: Error): void {
    if (this.isLossNotified || this.isDropped) return
    this.isLossNotified = true
    this.handler?.onLost?.(reason)
  }

  /** Rule 1. */
  private answer(): void {
    if (this.isAnswering || this.handler === null) return
    this.isAnswering = true
    while (this.isAsked) {
      if (this.ahead !== 0) {
        const length = this.ahead
        this.ahead = 0
        this.isAsked = false
        this.handler.onRead((this.filling === 0 ? this.targets.length : this.filling) - 1, length)
      } else if (this.spill.length !== 0) this.deliver(this.takeSpill(this.targetAt(this.filling)))
      else if (this.hasEnd) {
        if (this.isEndDelivered) break
        this.isAsked = false
        this.isEndDelivered = true
        this.handler.onEnd()
      } else {
        if (this.isClosed) break
        this.isServedAgain = false
        this.source.readOn()
        if (!this.hasBytes && !this.hasEnd && !this.isServedAgain) break
      }
    }
    this.isAnswering = false
    if (this.isClosed) this.settle()
  }

  private targetAt(index: number): Uint8Array {
    return this.isLight ? (this.handler as Required<TransportHandler>).giveTarget(index) : (this.targets[index] as Uint8Array)
  }

  /** So many bytes lie in the next target, and were asked for. */
  private deliver(length: number): void {
    const index = this.filling
    this.filling = index + 1 === this.targets.length ? 0 : index + 1
    this.isAsked = false
    this.handler?.onRead(index, length)
  }

  private takeSpill(target: Uint8Array): number {
    const { spill } = this
    let length = 0
    while (spill.length > 0 && length < target.length) {
      const chunk = spill[0] as Uint8Array
      const part = chunk.subarray(0, target.length - length)
      target.set(part, length)
      length += part.length
      if (part.length === chunk.length) spill.shift()
      else spill[0] = chunk.subarray(part.length)
    }
    return length
  }

  /** The connection is closed: reports it, unless something has to be delivered first. */
  private settle(): void {
    const { handler, reason } = this
    if (handler === null || this.isAnswering) return
    if (!this.isDropped && (this.hasBytes || (this.hasEnd && !this.isEndDelivered))) {
      if (reason !== null) this.notifyLoss(reason)
      return
    }
    this.handler = null
    handler.onClosed(reason)
  }
}
