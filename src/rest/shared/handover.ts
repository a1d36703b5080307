/**
 * How a slot goes from thread to thread and back: one word of shared memory says who may touch it, and every hand-over is one atomic step on it.
 *
 * Rule 1: only the thread that the state names may read or write a block's memory (the table below). Plain reads and writes of it are ordered by
 *         the atomic step before and after them: what was written before a hand-over is seen after it.
 * Rule 2: a lease has a number, which is part of the state word: a step of an old lease finds another word, and does nothing. The owner alone begins
 *         leases, and keeps their numbers in its own memory: it never reads one from the state word.
 * Rule 3: shared memory says where to look, never what is true. A holder marks its block in a bitmap; the owner looks at the state of every marked
 *         block. A superfluous mark finds nothing to do, and the next look at all blocks makes up for a lost one. There are no lists, and no links to follow.
 * Rule 4: nothing that is read from shared memory is used as an index, a length or the condition of a loop before it was compared with the
 *         reader's own records. State words are judged by `phaseUnder`, everything else by `checkWord` (words.ts).
 *
 *     state        who may touch the block           next
 *     FREE         owner                             TRANSIT     the owner hands it off
 *     TRANSIT      nobody                            HELD        a thread receives it
 *     HELD         holder: encodes, reads the answer SUBMITTED   it sends · RETURNED  it is done · TRANSIT  it hands it on
 *     SUBMITTED    nobody                            SENDING     the owner takes the request · HELD, RETURNED  the holder takes it back
 *     SENDING      owner and its socket              ANSWERED    the response or the failure is written · LEFT  the holder stopped waiting
 *     ANSWERED     nobody                            HELD        the holder takes it · RETURNED  it is done
 *     RETURNED     nobody                            FREE        the owner takes it back
 *     LEFT         owner and its socket              FREE        the owner has cut the connection, and takes it back
 *     any                                            FREE        the owner revokes it: the lease number grows
 *
 * Everything is written over `Cells`, so that a test can try every interleaving of the real steps.
 */

/** Words of shared memory, and the atomic steps on them. */
export interface Cells {
  load(cell: number): number
  store(cell: number, value: number): void
  exchange(cell: number, value: number): number
  /** Stores `value` if the cell holds `expected`; returns what it held. */
  compareExchange(cell: number, expected: number, value: number): number
  /** Returns what the cell held. */
  add(cell: number, value: number): number
  or(cell: number, bits: number): void
  /** Wakes every thread that waits on the cell. */
  notify(cell: number): void
}

// Cells of a pool, from its first one.
export const POOL_CLOSED = 0
/** Counts what the owner should look at. */
export const POOL_DOORBELL = 1
/** Not 0 when a block or a ticket may have been marked since the owner last looked. */
export const POOL_MARKED = 2
/** Two words: a bit for each ticket that the owner should look at. */
export const POOL_TICKET_MARKS = 7
/** Counts the threads that have attached. */
export const POOL_THREADS = 3
/** 1 while a caller waits on the owner's thread for a slot: a return rings then. */
export const POOL_WANTED = 4
/** 1 while the owner may sleep: a ring has to wake it then. */
export const POOL_ASLEEP = 6
/** First of the cells that holders sleep on; a thread's is found by its number, and may be another thread's, too. */
export const POOL_SLEEP_CELLS = 16
const SLEEP_CELLS = 64
/** From here, a bit for each block that the owner should look at. */
export const POOL_MARKS: number = POOL_SLEEP_CELLS + SLEEP_CELLS

/** Cells of a pool of so many blocks. */
export function poolCells(blocks: number): number {
  return POOL_MARKS + ((blocks + 31) >>> 5)
}

// Cells of a block, from its first one.
export const BLOCK_STATE = 0
/** Number of the request that was submitted last: each request has its own. */
export const BLOCK_REQUEST = 1
/** Why a request is abandoned: {@link ABORTED} or {@link TIMED_OUT}. */
export const BLOCK_CANCEL_REASON = 2
/** Number of the thread that received it, or that it is meant for; 0 when not known. */
export const BLOCK_HOLDER = 3
/** The request: bytes, method, and limit in ms. */
export const BLOCK_LENGTH = 4
export const BLOCK_METHOD = 5
export const BLOCK_TIMEOUT = 6
/** Number of the request to abandon. */
export const BLOCK_CANCEL = 7
/** The outcome: 0 for a response, else a failure's number; how far it got; what the request was waiting for; whose fault it was; bytes of its message. */
export const BLOCK_FAILURE = 8
export const BLOCK_SENT = 9
export const BLOCK_PHASE = 10
export const BLOCK_FAULT = 11
export const BLOCK_MESSAGE = 12
/** Number of the attachment that last rendered the default fields. */
export const BLOCK_WRITER = 13
/** Counts the holder's actions, so that a holder that is alive differs from one that is gone. */
export const BLOCK_TOUCHED = 14
/** 1 when the holder may sleep until its answer is written: only a holder writes 0, before it submits. */
export const BLOCK_ASLEEP = 15
/** Five doubles: how the exchange went. */
export const BLOCK_TIMES = 16
/** 1 when the response may be compressed: its holder inflates it. */
export const BLOCK_DECOMPRESS = 27
/** Not 0 when a holder found a value in the block that the owner does not write. */
export const BLOCK_DAMAGED = 26
export const BLOCK_CELLS = 32

// Values of BLOCK_CANCEL_REASON.
export const ABORTED = 0
export const TIMED_OUT = 1

export const FREE = 0
export const TRANSIT = 1
export const HELD = 2
export const SUBMITTED = 3
export const SENDING = 4
export const ANSWERED = 5
export const RETURNED = 6
export const LEFT = 7

const PHASE_BITS = 3
const PHASE_MASK = 7
export const LEASE_MASK: number = 0x0fff_ffff

/** The state word of a lease in a phase. */
export function stateOf(lease: number, phase: number): number {
  return (lease << PHASE_BITS) | phase
}

export function phaseOf(state: number): number {
  return state & PHASE_MASK
}

export function leaseOf(state: number): number {
  return (state >>> PHASE_BITS) & LEASE_MASK
}

/** The phase that a state word gives a block under `lease`; -1 for the word of another lease, and for one that no step makes. */
export function phaseUnder(state: number, lease: number): number {
  const phase = phaseOf(state)
  return state === stateOf(lease, phase) ? phase : -1
}

/** The lease after `lease`. It comes round after 268 million hand-overs of one block. */
export function nextLease(lease: number): number {
  return (lease + 1) & LEASE_MASK
}

/** One step from phase to phase of a lease; false when the block is not there (any more). */
export function step(cells: Cells, block: number, lease: number, from: number, to: number): boolean {
  const expected = stateOf(lease, from)
  return cells.compareExchange(block + BLOCK_STATE, expected, stateOf(lease, to)) === expected
}

// The owner.

/** FREE to TRANSIT, under the lease after `lease`, whose number is returned. */
export function handOff(cells: Cells, block: number, lease: number, thread: number): number {
  const next = nextLease(lease)
  cells.store(block + BLOCK_HOLDER, thread)
  // Publishes the block as it is: the receiver sees what the owner wrote.
  cells.store(block + BLOCK_STATE, stateOf(next, TRANSIT))
  return next
}

/** Takes the marks of a bitmap, and calls `look` with the number of each, below `count`, ascending. Marks of numbers from `count` on are dropped. */
export function takeMarks(cells: Cells, first: number, count: number, look: (number: number) => void): void {
  for (let from = 0; from < count; from += 32) {
    const cell = first + (from >>> 5)
    if (cells.load(cell) === 0) continue
    const marks = cells.exchange(cell, 0)
    const most = Math.min(32, count - from)
    for (let bit = 0; bit < most; bit++) if ((marks >>> bit) & 1) look(from + bit)
  }
}

/** Marks a number in a bitmap. */
export function mark(cells: Cells, pool: number, first: number, number: number): void {
  cells.or(first + (number >>> 5), 1 << (number & 31))
  // After the mark: a thread that finds the flag set finds the mark, too.
  cells.store(pool + POOL_MARKED, 1)
}

/** SUBMITTED to SENDING: from here on the memory is the owner's. False when the request was taken back. */
function accept(cells: Cells, block: number, lease: number): boolean {
  return step(cells, block, lease, SUBMITTED, SENDING)
}

/** What the owner finds when it looks at a block that is away. */
export type Finding =
  // Nothing to do.
  | 'nothing'
  // It has taken a request and has to send it.
  | 'request'
  // It has taken a request that was abandoned before it was sent.
  | 'abandoned request'
  // The request under way is no longer wanted.
  | 'abandon'
  // It has taken the block back; a request under way has no holder any more.
  | 'back'
  // No step of the protocol leads here.
  | 'damage'

/**
 * Does what the state of a block asks for, and returns the result.
 *
 * @param request number of the request that the owner has under way for the block; 0 for none
 */
export function lookAt(cells: Cells, block: number, lease: number, request: number): Finding {
  const phase = phaseUnder(cells.load(block + BLOCK_STATE), lease)
  // Only the owner changes a block to SENDING and from there to another state; and a FREE block is not away.
  if (phase < 0 || phase === FREE || (phase === SENDING || phase === LEFT) !== (request !== 0)) return 'damage'
  switch (phase) {
    case SUBMITTED:
      if (!accept(cells, block, lease)) return 'nothing'
      return cells.load(block + BLOCK_CANCEL) === requestOf(cells, block) ? 'abandoned request' : 'request'
    case SENDING:
      return cells.load(block + BLOCK_CANCEL) === request ? 'abandon' : 'nothing'
    case RETURNED:
    case LEFT:
      if (cells.load(block + BLOCK_DAMAGED) !== 0) return 'damage'
      return step(cells, block, lease, phase, FREE) ? 'back' : 'nothing'
    default:
      return 'nothing'
  }
}

/** Number of the request that was taken. It is never 0. */
export function requestOf(cells: Cells, block: number): number {
  return cells.load(block + BLOCK_REQUEST) || 1
}

/** SENDING to ANSWERED. False when the holder has left meanwhile. Otherwise it has to be woken: {@link sleeper}. */
export function answer(cells: Cells, block: number, lease: number): boolean {
  return step(cells, block, lease, SENDING, ANSWERED)
}

/** The thread to wake for an answer, or -1 when it is awake: waking costs tens of µs. Called after the answer. */
export function sleeper(cells: Cells, block: number): number {
  // A holder says that it sleeps, then looks at the state once more; the owner answers, then looks here: so one of the two sees the other.
  return cells.load(block + BLOCK_ASLEEP) === 0 ? -1 : cells.load(block + BLOCK_HOLDER)
}

/** Wakes a thread that sleeps on its cell. */
export function wake(cells: Cells, pool: number, thread: number): void {
  cells.add(sleepCellOf(pool, thread), 1)
  cells.notify(sleepCellOf(pool, thread))
}

/** Wakes every thread. */
export function wakeAll(cells: Cells, pool: number): void {
  for (let thread = 0; thread < SLEEP_CELLS; thread++) wake(cells, pool, thread)
}

/** The cell that a thread sleeps on: one of the pool's, whatever the number. */
export function sleepCellOf(pool: number, thread: number): number {
  return pool + POOL_SLEEP_CELLS + (thread & (SLEEP_CELLS - 1))
}

/**
 * Any state to FREE under the lease after `lease`, whose number is returned: every later step of the holder finds another word. A waiting holder is
 * woken.
 */
export function revoke(cells: Cells, pool: number, block: number, lease: number): number {
  const next = nextLease(lease)
  // A store: only the owner changes the lease, so that no step of a holder can succeed after it.
  cells.store(block + BLOCK_STATE, stateOf(next, FREE))
  wake(cells, pool, cells.load(block + BLOCK_HOLDER))
  return next
}

// The holder.

/** TRANSIT to HELD. False when another thread has received it, or it was revoked. */
export function receive(cells: Cells, block: number, lease: number, thread: number): boolean {
  if (!step(cells, block, lease, TRANSIT, HELD)) return false
  cells.store(block + BLOCK_HOLDER, thread)
  return true
}

/** Whether the thread with the attachment `number` has to render the default fields in the block's writer before it uses the writer. */
export function claimWriter(cells: Cells, block: number, number: number): boolean {
  return cells.exchange(block + BLOCK_WRITER, number) !== number
}

/** HELD to TRANSIT, on to another thread under the same lease. */
export function passOn(cells: Cells, block: number, lease: number, thread: number): boolean {
  // The new holder is named afterwards: a thread that ends in between is still the one that had it last, so the block is taken back.
  if (!step(cells, block, lease, HELD, TRANSIT)) return false
  cells.store(block + BLOCK_HOLDER, thread)
  return true
}

/** HELD to SUBMITTED, and rings. Returns the number of the request, never 0; 0 when the lease is over. */
export function submit(cells: Cells, pool: number, block: number, number: number, lease: number): number {
  cells.store(block + BLOCK_ASLEEP, 0)
  const request = nextRequest(cells.load(block + BLOCK_REQUEST))
  cells.store(block + BLOCK_REQUEST, request)
  if (!step(cells, block, lease, HELD, SUBMITTED)) return 0
  mark(cells, pool, pool + POOL_MARKS, number)
  ring(cells, pool)
  return request
}

/** Request numbers repeat after 2^32 requests of one block. */
function nextRequest(request: number): number {
  const next = (request + 1) | 0
  return next === 0 ? 1 : next
}

/** SUBMITTED back to HELD: nothing of the request has left. False when the owner has taken it. */
export function unsubmit(cells: Cells, block: number, lease: number): boolean {
  return step(cells, block, lease, SUBMITTED, HELD)
}

/** Says that the thread may sleep until its answer is written. Returns the value of its sleep cell: look at the state, then sleep while the cell holds that value. */
export function announceSleep(cells: Cells, pool: number, block: number, thread: number): number {
  cells.store(block + BLOCK_ASLEEP, 1)
  return cells.load(sleepCellOf(pool, thread))
}

/** ANSWERED to HELD: the holder may read the outcome. */
export function take(cells: Cells, block: number, lease: number): boolean {
  return step(cells, block, lease, ANSWERED, HELD)
}

/** Asks the owner to abandon a request. It names this request alone, and has no effect on later ones. */
export function cancel(cells: Cells, pool: number, block: number, number: number, request: number, reason: number): void {
  cells.store(block + BLOCK_CANCEL_REASON, reason)
  cells.store(block + BLOCK_CANCEL, request)
  mark(cells, pool, pool + POOL_MARKS, number)
  ring(cells, pool)
}

/**
 * Gives the block back in any phase; rings when a request is under way, or when a caller waits for a slot. Returns the phase that it was in, or -1
 * when the lease is over: it was returned before, or revoked.
 */
export function giveBack(cells: Cells, pool: number, block: number, number: number, lease: number): number {
  // In the order in which the owner changes one to the next.
  const from = [HELD, SUBMITTED, SENDING, ANSWERED].find((phase) => step(cells, block, lease, phase, phase === SENDING ? LEFT : RETURNED))
  if (from === undefined) return -1
  mark(cells, pool, pool + POOL_MARKS, number)
  // After the mark: the owner looks at the marks once more after it has set the flag, so one of the two sees the other.
  if (from === SENDING || cells.load(pool + POOL_WANTED) !== 0) ring(cells, pool)
  return from
}

/** Makes the owner look: wakes it if it sleeps. */
export function ring(cells: Cells, pool: number): void {
  cells.add(pool + POOL_DOORBELL, 1)
  // The flag stays set until the owner is awake: if a thread ended between these two steps, the only wake-up would be lost.
  if (cells.load(pool + POOL_ASLEEP) !== 0) cells.notify(pool + POOL_DOORBELL)
}
