/**
 * Two connected transports in memory, for tests: no sockets, no real time, the same run every time; and everything that a network does
 * to a connection can be done to them on purpose.
 */

import { type Clock, systemClock } from '../../clock.ts'
import type { EndProof } from '../../end-proof.ts'
import { TransportError } from '../../errors.ts'
import {
  checkInteger,
  type Family,
  flag,
  integer,
  isBag,
  number,
  readOptions,
  refused,
  rule,
  SIZE_MAX,
  TIMER_MAX,
  text,
  withDefaults,
} from '../../option-rules.ts'
import { showsItself } from '../../printing.ts'
import type { Transport, TransportHandler, WriteProgress } from '../transport.ts'
import { type Link, Pipe, type PipeReader, type PipeWriter } from './pipe.ts'

/** How the connection of a {@link memoryPair} behaves; the same both ways. */
export interface MemoryOptions {
  /** Most bytes of one delivery, at least 1. Default: as many as there are and the target holds. 1 finds most mistakes. */
  maxDelivery?: number | undefined
  /** Makes each delivery 1 to `maxDelivery` bytes, by a generator started from this whole number. Default: as large as possible. */
  seed?: number | undefined
  /** Milliseconds until anything reaches the other side. Default 0: delivered in a microtask. */
  latency?: number | undefined
  /** Measures the latency. Default: the runtime's own; give a `VirtualClock`. */
  clock?: Clock | undefined
  /** Bytes that fit on the way to the other side; a write beyond returns false until its rest fits. Default 65,536. */
  capacity?: number | undefined
  /** Every write returns false and is completed later, as on Deno, even when it fits. Default false. */
  deferWrites?: boolean | undefined
  /** Bytes that wait when `resume` is called are delivered from inside it, as real transports may do. Default false. */
  deliverInResume?: boolean | undefined
  /** Read targets of each side, filled in turn. Default 1. */
  targetCount?: 1 | 2 | undefined
  /**
   * Both sides report that they are secure, as if they spoke TLS: an `end` proves itself (close_notify), `cut` and `destroy` truncate. Without it, no end is
   * proved. Default false.
   */
  isSecure?: boolean | undefined
  /** The protocol that both sides say TLS negotiated. Default undefined. */
  alpnProtocol?: string | undefined
  /** The peer's address, as both sides say. Default undefined. */
  remoteAddress?: string | undefined
}

/** One end of a {@link memoryPair}, with the means to break it. */
export interface MemoryTransport extends Transport {
  /** Bytes that the other side has been given so far. */
  readonly bytesDelivered: number
  /** As `destroy`, but the other side loses the bytes under way and fails with `ConnectionReset`. */
  reset(): void
  /**
   * Breaks the connection after `afterBytes` more bytes from this side, counted from what was written so far: the other side is given
   * those first. `'reset'`: then both fail with `ConnectionReset`. `'end'`: then the other side sees an end, in the middle of whatever
   * it was, and this side's further bytes vanish.
   */
  cut(afterBytes: number, how?: 'reset' | 'end'): void
  /** The network stands still from this side to the other: nothing arrives, not even an end or a reset. */
  freeze(): void
  /** Goes on after {@link MemoryTransport.freeze}. */
  thaw(): void
}

const MEMORY_OPTIONS: Family<MemoryOptions> = {
  maxDelivery: integer(1, SIZE_MAX, 'bytes'),
  seed: integer(0, 2 ** 32 - 1, ''),
  latency: number(0, TIMER_MAX, 'ms', 0),
  clock: rule(
    'a Clock, with now, set and clear',
    (value) => isBag(value) && ['now', 'set', 'clear'].every((name) => typeof value[name] === 'function'),
  ),
  capacity: integer(1, SIZE_MAX, 'bytes', 65_536),
  deferWrites: flag(false),
  deliverInResume: flag(false),
  targetCount: rule<1 | 2>('1 or 2', (value) => value === 1 || value === 2, 1),
  isSecure: flag(false),
  alpnProtocol: text,
  remoteAddress: text,
}

/** Two transports, each the other's peer. Throws `InvalidOption`. */
export function memoryPair(options?: MemoryOptions): [MemoryTransport, MemoryTransport] {
  const all = withDefaults(MEMORY_OPTIONS, readOptions(MEMORY_OPTIONS, options))
  const link: Link = {
    maxDelivery: all.maxDelivery ?? Infinity,
    latency: all.latency as number,
    capacity: all.capacity as number,
    seed: all.seed ?? null,
    clock: all.clock ?? systemClock,
    deferWrites: all.deferWrites as boolean,
    deliverInResume: all.deliverInResume as boolean,
  }
  const facts = {
    targetCount: all.targetCount as 1 | 2,
    isSecure: all.isSecure as boolean,
    alpnProtocol: all.alpnProtocol,
    remoteAddress: all.remoteAddress,
  }
  const there = new Pipe(link, 1)
  const back = new Pipe(link, 2)
  const first = new MemoryEnd(facts, back, there)
  const second = new MemoryEnd(facts, there, back)
  there.connect(first, second)
  back.connect(second, first)
  return [first, second]
}

interface Facts {
  readonly targetCount: 1 | 2
  readonly isSecure: boolean
  readonly alpnProtocol: string | undefined
  readonly remoteAddress: string | undefined
}

class MemoryEnd implements MemoryTransport, PipeReader, PipeWriter {
  static {
    showsItself(this.prototype, (it) => ({ remoteAddress: it.remoteAddress, bytesDelivered: it.bytesDelivered, lastWrite: it.lastWrite }))
  }

  readonly targetCount: 1 | 2
  readonly asksForTargets = true
  readonly isSecure: boolean
  readonly alpnProtocol: string | undefined
  readonly remoteAddress: string | undefined
  endProof: EndProof = 'unverified'
  /** `resume` has asked and has not been answered. */
  asked = false
  private handler: TransportHandler | null = null
  private targets: readonly Uint8Array[] = []
  private index = 0
  private readEnded = false
  private writeEnded = false
  private closed = false
  private failure: Error | null = null

  constructor(
    facts: Facts,
    private readonly incoming: Pipe,
    private readonly outgoing: Pipe,
  ) {
    this.targetCount = facts.targetCount
    this.isSecure = facts.isSecure
    this.alpnProtocol = facts.alpnProtocol
    this.remoteAddress = facts.remoteAddress
  }

  get lastWrite(): WriteProgress {
    return this.outgoing.lastWrite
  }

  get bytesDelivered(): number {
    return this.outgoing.delivered
  }

  /** Where the next delivery goes. */
  get target(): Uint8Array {
    return this.handler?.giveTarget?.(this.index) ?? (this.targets[this.index] as Uint8Array)
  }

  start(handler: TransportHandler, targets: readonly Uint8Array[]): void {
    this.handler = handler
    this.targets = targets
    if (this.closed) queueMicrotask(() => this.report(this.failure))
  }

  resume(): void {
    if (this.asked || this.readEnded || this.closed) return
    this.asked = true
    this.incoming.ask()
  }

  write(bytes: Uint8Array): boolean {
    this.outgoing.lastWrite = 'nothing'
    return this.closed ? false : this.outgoing.write(bytes)
  }

  end(): void {
    if (this.writeEnded || this.closed) return
    this.writeEnded = true
    this.outgoing.end()
    this.closeWhenEnded()
  }

  destroy(): void {
    // As a kernel does it: who closes with bytes unread resets the connection.
    this.leave(this.incoming.hasUnread ? 'reset' : 'cut')
  }

  reset(): void {
    this.leave('reset')
  }

  cut(afterBytes: number, how: 'reset' | 'end' = 'reset'): void {
    checkInteger('afterBytes', afterBytes, 0, Number.MAX_SAFE_INTEGER, 'bytes')
    if (how !== 'reset' && how !== 'end') throw refused('how', "'reset' or 'end'", how)
    this.outgoing.cut(afterBytes, how === 'end' ? 'cut' : 'reset')
  }

  freeze(): void {
    this.outgoing.freeze(true)
  }

  thaw(): void {
    this.outgoing.freeze(false)
  }

  onRead(length: number): void {
    if (this.closed) return
    const { index } = this
    this.asked = false
    this.index = (index + 1) % this.targets.length
    this.handler?.onRead(index, length)
  }

  onEnd(isCut: boolean): void {
    if (this.closed) return
    if (this.isSecure) this.endProof = isCut ? 'truncated' : 'verified'
    this.asked = false
    this.readEnded = true
    this.handler?.onEnd()
    this.closeWhenEnded()
  }

  onWritten(): void {
    if (this.closed) return
    this.handler?.onWritten()
    this.closeWhenEnded()
  }

  onReset(): void {
    this.close(new TransportError('ConnectionReset', 'the peer reset the connection'))
  }

  private closeWhenEnded(): void {
    if (this.readEnded && this.writeEnded && this.outgoing.flushed) queueMicrotask(() => this.close(null))
  }

  private leave(how: 'cut' | 'reset'): void {
    if (this.closed) return
    this.closed = true
    this.asked = false
    this.incoming.close()
    this.outgoing.abandon(how)
    queueMicrotask(() => this.report(null))
  }

  private close(error: Error | null): void {
    if (this.closed) return
    this.closed = true
    this.failure = error
    this.asked = false
    this.incoming.close()
    if (error !== null) this.outgoing.abandon('reset')
    this.report(error)
  }

  private report(error: Error | null): void {
    const { handler } = this
    this.handler = null
    handler?.onClosed(error)
  }
}
