/** One direction of a connection in memory: its pace, its pieces, its faults. */

import type { Clock } from '../../clock.ts'
import { checkInteger } from '../../option-rules.ts'
import type { WriteProgress } from '../transport.ts'

/** How a direction behaves: the options of a pair, checked. */
export interface Link {
  readonly maxDelivery: number
  readonly latency: number
  readonly capacity: number
  readonly seed: number | null
  readonly clock: Clock
  readonly deferWrites: boolean
  readonly deliverInResume: boolean
}

/** The writer of a pipe. */
export interface PipeWriter {
  onWritten(): void
  onReset(): void
}

/** The reader of a pipe. */
export interface PipeReader {
  /** A delivery is wanted. */
  readonly asked: boolean
  /** Where it goes. */
  readonly target: Uint8Array
  onRead(length: number): void
  /** @param isCut nobody ended it: the connection did */
  onEnd(isCut: boolean): void
  onReset(): void
}

/** Something on its way: bytes, or the last thing that comes. */
interface Parcel {
  readonly at: number
  bytes: Uint8Array
  readonly last: 'no' | 'end' | 'cut' | 'reset'
}

/** What was written on one end, until it is read on the other. */
export class Pipe {
  private readonly parcels: Parcel[] = []
  /** Bytes in them. */
  private size = 0
  /** The part of a write that did not fit: still the writer's memory, so that a writer which reuses it too early is detected. */
  private waiting: Uint8Array | null = null
  /** Bytes still to come before the cut; Infinity when there is none. */
  private left = Infinity
  private cutTo: 'cut' | 'reset' = 'reset'
  /** An end or a reset is on its way: nothing comes after it. */
  private sealed = false
  private endWanted = false
  private scheduled = false
  private frozen = false
  private random: number
  /** Inside `deliver`: a reader that asks for more is served by the loop there. */
  private delivering = false
  /** The reader is gone; a writer gets a reset. */
  private deaf = false
  private writer: PipeWriter | null = null
  private reader: PipeReader | null = null
  /** Bytes given to the reader so far. */
  delivered = 0
  /** How much of the last write is on its way. */
  lastWrite: WriteProgress = 'nothing'

  constructor(
    private readonly link: Link,
    salt: number,
  ) {
    // Never 0, where the generator would stay.
    this.random = ((link.seed ?? 0) * 2_654_435_761 + salt) >>> 0 || 1
  }

  connect(writer: PipeWriter, reader: PipeReader): void {
    this.writer = writer
    this.reader = reader
  }

  write(bytes: Uint8Array): boolean {
    this.waiting = bytes
    if (!this.link.deferWrites) {
      this.fill()
      return this.waiting === null
    }
    queueMicrotask(() => {
      if (this.fill()) this.writer?.onWritten()
    })
    return false
  }

  end(): void {
    this.endWanted = true
    if (this.waiting === null) this.seal('end')
  }

  /** The writer is gone: bytes under way arrive, the rest of a write does not. */
  abandon(how: 'cut' | 'reset'): void {
    this.waiting = null
    if (how === 'reset') {
      this.parcels.length = 0
      this.size = 0
      this.sealed = false
    }
    this.seal(how)
  }

  /** The reader is gone: waiting bytes are dropped. */
  close(): void {
    this.deaf = true
    this.clear()
  }

  /** Nothing of a write is left outside: all of it is on its way. */
  get flushed(): boolean {
    return this.waiting === null
  }

  get hasUnread(): boolean {
    return this.size > 0
  }

  cut(afterBytes: number, how: 'cut' | 'reset'): void {
    this.left = checkInteger('afterBytes', afterBytes, 0, Number.MAX_SAFE_INTEGER, 'bytes') + (this.waiting?.length ?? 0)
    this.cutTo = how
    if (this.left === 0) this.seal(how)
  }

  freeze(frozen: boolean): void {
    this.frozen = frozen
    if (!frozen) this.schedule()
  }

  /** The reader wants something. */
  ask(): void {
    if (this.delivering) return
    if (this.link.deliverInResume && !this.scheduled) this.deliver()
    else this.schedule()
  }

  /** Takes in what fits of a waiting write; true when that was all of it. */
  private fill(): boolean {
    const { waiting } = this
    if (waiting === null) return false
    if (this.deaf) this.refuse()
    const taken = Math.min(waiting.length, this.link.capacity - this.size)
    const kept = this.sealed || this.deaf ? 0 : Math.min(taken, this.left)
    if (kept > 0) {
      this.parcels.push({ at: this.arrival(), bytes: waiting.slice(0, kept), last: 'no' })
      this.size += kept
      this.left -= kept
      if (this.left === 0) this.seal(this.cutTo)
      this.schedule()
    }
    // Behind a cut there is room for everything.
    this.waiting = taken === waiting.length || this.sealed || this.deaf ? null : waiting.subarray(taken)
    if (this.waiting === null) this.lastWrite = 'fully'
    else if (taken > 0) this.lastWrite = 'partly'
    if (this.waiting === null && this.endWanted) this.seal('end')
    return this.waiting === null
  }

  /** The reader's side answers bytes that nobody will read with a reset: there and back. */
  private refuse(): void {
    const tell = (): void => this.writer?.onReset()
    if (this.link.latency === 0) queueMicrotask(tell)
    else this.link.clock.set(tell, 2 * this.link.latency)
  }

  private clear(): void {
    this.parcels.length = 0
    this.size = 0
    this.waiting = null
  }

  private seal(last: 'end' | 'cut' | 'reset'): void {
    if (this.sealed) return
    this.sealed = true
    this.parcels.push({ at: this.arrival(), bytes: new Uint8Array(0), last })
    this.schedule()
  }

  private arrival(): number {
    return this.link.latency === 0 ? 0 : this.link.clock.now() + this.link.latency
  }

  /** Delivers the first parcel when it has arrived, and the reader asks for it or need not be asked. */
  private schedule(): void {
    const first = this.parcels[0]
    if (first === undefined || this.scheduled || this.frozen || this.delivering || !(this.reader?.asked || first.last === 'reset')) return
    this.scheduled = true
    const run = (): void => {
      this.scheduled = false
      this.deliver()
    }
    const wait = this.link.latency === 0 ? 0 : first.at - this.link.clock.now()
    if (wait > 0) this.link.clock.set(run, wait)
    else queueMicrotask(run)
  }

  private deliver(): void {
    this.delivering = true
    // A loop, not a recursion through `resume`: a reader may ask 65,536 times for one byte.
    while (this.deliverOne() && this.link.deliverInResume) {}
    this.delivering = false
    this.schedule()
  }

  /** False when there is nothing to deliver now. */
  private deliverOne(): boolean {
    const first = this.parcels[0]
    const { reader } = this
    if (first === undefined || reader === null || this.frozen) return false
    if (this.link.latency > 0 && first.at > this.link.clock.now()) return false
    if (first.last === 'reset') {
      this.clear()
      reader.onReset()
      this.writer?.onReset()
      return false
    }
    if (!reader.asked) return false
    if (first.last !== 'no') {
      this.clear()
      reader.onEnd(first.last === 'cut')
      return false
    }
    const length = this.copy(reader.target)
    this.size -= length
    this.delivered += length
    if (this.waiting !== null && this.fill()) queueMicrotask(() => this.writer?.onWritten())
    reader.onRead(length)
    return true
  }

  /** Moves bytes that have arrived into `target`, as many as this delivery may have. */
  private copy(target: Uint8Array): number {
    const now = this.link.latency === 0 ? 0 : this.link.clock.now()
    let limit = Math.min(target.length, this.link.maxDelivery)
    if (this.link.seed !== null) limit = 1 + (this.next() % Math.min(limit, this.size))
    let length = 0
    for (let parcel = this.parcels[0]; parcel !== undefined && length < limit; parcel = this.parcels[0]) {
      if (parcel.last !== 'no' || parcel.at > now) break
      const part = parcel.bytes.subarray(0, limit - length)
      target.set(part, length)
      length += part.length
      if (part.length === parcel.bytes.length) this.parcels.shift()
      else parcel.bytes = parcel.bytes.subarray(part.length)
    }
    return length
  }

  /** xorshift32. */
  private next(): number {
    let x = this.random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.random = x >>> 0
    return this.random
  }
}
