/** Which of many members is due first: a binary heap of times, so that moving one costs a few steps, however many there are. */

/** Times of members 0 to n - 1, each of which has exactly one; `Infinity` is never. */
export class DueQueue {
  /** By member. */
  private readonly times: Float64Array
  /** Members, none of them due before the one at (i - 1) / 2. */
  private readonly heap: Int32Array
  /** Where in the heap each member is. */
  private readonly places: Int32Array

  /** No member is ever due. */
  constructor(members: number) {
    this.times = new Float64Array(members).fill(Number.POSITIVE_INFINITY)
    this.heap = Int32Array.from({ length: members }, (_, i) => i)
    this.places = Int32Array.from({ length: members }, (_, i) => i)
  }

  /** The member that is due first. */
  get first(): number {
    return this.heap[0] as number
  }

  /** When it is due. */
  get due(): number {
    return this.times[this.first] as number
  }

  /** When a member is due. */
  of(member: number): number {
    return this.times[member] as number
  }

  /** Moves a member's time. */
  set(member: number, time: number): void {
    const { heap, times } = this
    const isSooner = time < (times[member] as number)
    times[member] = time
    let at = this.places[member] as number
    if (isSooner) {
      for (let above = (at - 1) >> 1; at > 0 && time < (times[heap[above] as number] as number); above = (at - 1) >> 1) {
        this.put(heap[above] as number, at)
        at = above
      }
    } else {
      for (let below = this.soonerBelow(at); below >= 0 && (times[heap[below] as number] as number) < time; below = this.soonerBelow(at)) {
        this.put(heap[below] as number, at)
        at = below
      }
    }
    this.put(member, at)
  }

  /** Of the two places below, the one that is due sooner; -1 when there is none. */
  private soonerBelow(at: number): number {
    const { heap, times } = this
    const left = 2 * at + 1
    if (left >= heap.length) return -1
    const right = left + 1
    return right < heap.length && (times[heap[right] as number] as number) < (times[heap[left] as number] as number) ? right : left
  }

  private put(member: number, at: number): void {
    this.heap[at] = member
    this.places[member] = at
  }
}
