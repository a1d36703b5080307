/** Counts of whole numbers in buckets: a size that does not depend on how many there are, and at most 0.8 % off. */

const SUB = 128
const MAX = 2 ** 31 - 1

/** A histogram of whole numbers from 0 to 2^31 - 1; larger ones count as that. */
export class Histogram {
  total = 0
  min: number = MAX
  max = 0
  private sum = 0
  // Up to 255 each number has a bucket; above, each power of two has 128.
  private readonly buckets = new Float64Array(SUB * 25)

  add(value: number): void {
    const whole = Math.min(MAX, Math.max(0, Math.round(value)))
    const bucket = bucketOf(whole)
    this.buckets[bucket] = (this.buckets[bucket] as number) + 1
    this.total++
    this.sum += whole
    this.min = Math.min(this.min, whole)
    this.max = Math.max(this.max, whole)
  }

  get mean(): number {
    return this.total === 0 ? 0 : this.sum / this.total
  }

  /** The value that a share of all do not exceed. */
  percentile(share: number): number {
    const rank = Math.max(1, Math.ceil(this.total * share))
    let seen = 0
    for (const [index, count] of this.buckets.entries()) {
      seen += count
      if (seen >= rank) return Math.min(this.max, Math.max(this.min, highest(index)))
    }
    return 0
  }

  /** Up to `rows` equal steps from the least to p99, and one for the rest: bounds, both inclusive, and how many. */
  rows(rows: number): { readonly from: number; readonly to: number; readonly count: number }[] {
    if (this.total === 0) return []
    const end = this.percentile(0.99)
    const step = Math.max(1, Math.ceil((end - this.min + 1) / rows))
    const result: { from: number; to: number; count: number }[] = []
    for (let from = this.min; from <= end; from += step) result.push({ from, to: Math.min(end, from + step - 1), count: 0 })
    if (end < this.max) result.push({ from: end + 1, to: this.max, count: 0 })
    for (const [index, count] of this.buckets.entries()) {
      if (count === 0) continue
      const value = Math.min(this.max, highest(index))
      const row = result.find(({ to }) => value <= to)
      if (row !== undefined) row.count += count
    }
    return result
  }
}

function bucketOf(value: number): number {
  if (value < 2 * SUB) return value
  const shift = 24 - Math.clz32(value)
  return SUB * shift + (value >> shift)
}

function highest(index: number): number {
  if (index < 2 * SUB) return index
  const shift = Math.floor(index / SUB) - 1
  return (index - SUB * shift + 1) * 2 ** shift - 1
}
