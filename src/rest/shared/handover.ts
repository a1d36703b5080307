/**
 * How a slot goes from thread to thread and back: one word of shared memory says who may touch it, and every hand-over is one atomic step on it.
 *
 * Rule 1: only the thread that the state names may read or write a block's memory (the table below). Plain reads and writes of it are ordered by
 *         the atomic step before and after them: what was written before a hand-over is seen behind it.
 * Rule 2: a lease has a number, and it is part of the state word: a step of an old lease finds another word, and does nothing.
 * Rule 3: both lists (blocks returned, blocks submitted) have one taker, the owner, who takes all there is in one exchange. With a single taker that
 *         never takes one entry alone there is no ABA, and no tag is needed.
 * Rule 4: a block is in a list at most once. Who may put it there is decided by the state word, before; and the owner takes both lists before
 *         it gives a block that was taken away from its holder to anybody else.
 *
 *     state        who may touch the block           next
 *     FREE         owner                             TRANSIT     the owner hands it off
 *     TRANSIT      nobody                            HELD        a thread receives it
 *     HELD         holder: encodes, reads the answer SUBMITTED   it sends · RETURNED  it is done · TRANSIT  it hands it on
 *     SUBMITTED    nobody                            SENDING     the owner takes the request · HELD  the holder takes it back
 *     SENDING      owner and its socket              ANSWERED    the response or the failure is there
 *     ANSWERED     nobody                            HELD        the holder takes it
 *     RETURNED     nobody                            FREE        the owner takes it back
 *     any                                            FREE        the owner revokes it: the lease number grows
 *
 * All of it is written over `Cells`, so that a test can try every interleaving of the real steps.
 */

/** Words of shared memory, and the atomic steps on them. */
export interface Cells {
  load(cell: number): number
  store(cell: number, value: number): void
  exchange(cell: number, value: number): number
  /** Stores `value` if the cell holds `expected`; returns what it held. */
  compareExchange(cell: number, expected: number, value: number): number
  add(cell: number, value: number): void
  /** Wakes every thread that waits on the cell. */
  notify(cell: number): void
}

// Cells of a pool, from its first one.
export const POOL_CLOSED = 0
/** Counts what the owner should look at. */
export const POOL_DOORBELL = 1
/** First of the blocks that were returned, plus 1; 0 for none. */
export const POOL_RETURNED = 2
/** First of the blocks whose request is to be sent, plus 1. */
export const POOL_SUBMITTED = 3
/** 1 while somebody waits on the owner's thread for a slot: a return rings then. */
export const POOL_WANTED = 4
/** 1 while the owner may sleep: a ring has to wake it then. */
export const POOL_ASLEEP = 6
/** First of the cells that holders sleep on; a thread's is found by its number, and may be another thread's, too. */
export const POOL_BEDS = 16
const BEDS = 64
export const POOL_CELLS: number = POOL_BEDS + BEDS

// Cells of a block, from its first one.
export const BLOCK_STATE = 0
export const BLOCK_NEXT_RETURNED = 1
export const BLOCK_NEXT_SUBMITTED = 2
/** Number of the thread that received it, or that it is meant for; 0 when not known. */
export const BLOCK_HOLDER = 3
/** The request: bytes, method, and limit in ms. */
export const BLOCK_LENGTH = 4
export const BLOCK_METHOD = 5
export const BLOCK_TIMEOUT = 6
/** Lease whose request is to be abandoned. */
export const BLOCK_CANCEL = 7
/** The outcome: 0 for a response, else a failure's number; how far it got; what was waited for; its cause; bytes of its message. */
export const BLOCK_FAILURE = 8
export const BLOCK_SENT = 9
export const BLOCK_PHASE = 10
export const BLOCK_CAUSE = 11
export const BLOCK_MESSAGE = 12
/** Thread that last rendered the default fields. */
export const BLOCK_WRITER = 13
/** Counts what the holder does, so that one who does nothing is told apart from one who is gone. */
export const BLOCK_TOUCHED = 14
/** 1 when the holder may sleep until its answer is there: 0 is written by a holder only, before it submits. */
export const BLOCK_ASLEEP = 15
/** Five doubles: how the exchange went. */
export const BLOCK_TIMES = 16
export const BLOCK_CELLS = 32

export const FREE = 0
export const TRANSIT = 1
export const HELD = 2
export const SUBMITTED = 3
export const SENDING = 4
export const ANSWERED = 5
export const RETURNED = 6

const PHASE_BITS = 3
const PHASE_MASK = 7
const LEASE_MASK = 0x0fff_ffff

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

/** FREE to TRANSIT, under a new lease, whose number is returned. */
export function handOff(cells: Cells, block: number, thread: number): number {
  const lease = nextLease(leaseOf(cells.load(block + BLOCK_STATE)))
  cells.store(block + BLOCK_HOLDER, thread)
  // Publishes the block as it is: what the owner wrote is seen by who receives it.
  cells.store(block + BLOCK_STATE, stateOf(lease, TRANSIT))
  return lease
}

/** Takes a whole list, first come first: block numbers. `place` gives the first cell of a block. */
export function takeAll(cells: Cells, head: number, next: number, place: (block: number) => number): number[] {
  const blocks: number[] = []
  for (let entry = cells.exchange(head, 0); entry !== 0; ) {
    const block = entry - 1
    blocks.push(block)
    entry = cells.load(place(block) + next)
  }
  return blocks.reverse()
}

/** SUBMITTED to SENDING: from here on the memory is the owner's. Returns the lease, or -1 when the request was taken back. */
export function accept(cells: Cells, block: number): number {
  const lease = leaseOf(cells.load(block + BLOCK_STATE))
  return step(cells, block, lease, SUBMITTED, SENDING) ? lease : -1
}

/** SENDING to ANSWERED. False when the lease was revoked meanwhile. Its holder is to be woken: {@link sleeper}. */
export function answer(cells: Cells, block: number, lease: number): boolean {
  return step(cells, block, lease, SENDING, ANSWERED)
}

/** The thread to be woken for an answer, or -1 when it is awake: waking costs tens of µs. Asked after the answer. */
export function sleeper(cells: Cells, block: number): number {
  // A holder says that it sleeps, then looks at the state once more; the owner answers, then looks here: so one of the two sees the other.
  return cells.load(block + BLOCK_ASLEEP) === 0 ? -1 : cells.load(block + BLOCK_HOLDER)
}

/** Wakes a thread that sleeps on its bed. */
export function wake(cells: Cells, pool: number, thread: number): void {
  cells.add(bedOf(pool, thread), 1)
  cells.notify(bedOf(pool, thread))
}

/** The cell that a thread sleeps on. */
export function bedOf(pool: number, thread: number): number {
  return pool + POOL_BEDS + (thread % BEDS)
}

/** RETURNED to FREE. False for a block that was revoked after it had been returned. */
export function takeBack(cells: Cells, block: number): boolean {
  return step(cells, block, leaseOf(cells.load(block + BLOCK_STATE)), RETURNED, FREE)
}

/** Any state to FREE under a new lease: whatever the holder still does finds another word. A holder that waits is woken. */
export function revoke(cells: Cells, pool: number, block: number): void {
  for (;;) {
    const state = cells.load(block + BLOCK_STATE)
    if (cells.compareExchange(block + BLOCK_STATE, state, stateOf(nextLease(leaseOf(state)), FREE)) === state) break
  }
  wake(cells, pool, cells.load(block + BLOCK_HOLDER))
}

// The holder.

/** TRANSIT to HELD. False when somebody else has received it, or it was revoked. */
export function receive(cells: Cells, block: number, lease: number, thread: number): boolean {
  if (!step(cells, block, lease, TRANSIT, HELD)) return false
  cells.store(block + BLOCK_HOLDER, thread)
  return true
}

/** HELD to TRANSIT, on to another thread under the same lease. */
export function passOn(cells: Cells, block: number, lease: number, thread: number): boolean {
  // The new holder is named afterwards: a thread that ends in between is still the one that had it last, so the block is taken back.
  if (!step(cells, block, lease, HELD, TRANSIT)) return false
  cells.store(block + BLOCK_HOLDER, thread)
  return true
}

/** HELD to SUBMITTED, and rings. False when the lease is over. */
export function submit(cells: Cells, pool: number, block: number, number: number, lease: number): boolean {
  cells.store(block + BLOCK_ASLEEP, 0)
  if (!step(cells, block, lease, HELD, SUBMITTED)) return false
  push(cells, pool + POOL_SUBMITTED, block + BLOCK_NEXT_SUBMITTED, number)
  ring(cells, pool)
  return true
}

/** SUBMITTED back to HELD: nothing of the request has left. False when the owner has taken it. */
export function unsubmit(cells: Cells, block: number, lease: number): boolean {
  return step(cells, block, lease, SUBMITTED, HELD)
}

/** Says that the thread may sleep until its answer is there. Returns what its bed holds: look at the state, then sleep while it holds that. */
export function lieDown(cells: Cells, pool: number, block: number, thread: number): number {
  cells.store(block + BLOCK_ASLEEP, 1)
  return cells.load(bedOf(pool, thread))
}

/** ANSWERED to HELD: the outcome is the holder's to read. */
export function take(cells: Cells, block: number, lease: number): boolean {
  return step(cells, block, lease, ANSWERED, HELD)
}

/** Asks for the request under way to be abandoned. */
export function cancel(cells: Cells, pool: number, block: number, lease: number): void {
  cells.store(block + BLOCK_CANCEL, lease + 1)
  ring(cells, pool)
}

/** HELD to RETURNED; rings when a slot is waited for. False when the lease is over: it was returned before, or revoked. */
export function giveBack(cells: Cells, pool: number, block: number, number: number, lease: number): boolean {
  if (!step(cells, block, lease, HELD, RETURNED)) return false
  push(cells, pool + POOL_RETURNED, block + BLOCK_NEXT_RETURNED, number)
  // After the push: whoever sets the flag looks at the list once more afterwards, so one of the two sees the other.
  if (cells.load(pool + POOL_WANTED) !== 0) ring(cells, pool)
  return true
}

function push(cells: Cells, head: number, next: number, number: number): void {
  for (;;) {
    const first = cells.load(head)
    cells.store(next, first)
    // Publishes the entry together with its link.
    if (cells.compareExchange(head, first, number + 1) === first) return
  }
}

/** Has the owner look: wakes it if it sleeps. */
export function ring(cells: Cells, pool: number): void {
  cells.add(pool + POOL_DOORBELL, 1)
  // It stays marked until the owner is awake: a thread that ends between these two steps would take the only wake-up along.
  if (cells.load(pool + POOL_ASLEEP) !== 0) cells.notify(pool + POOL_DOORBELL)
}
