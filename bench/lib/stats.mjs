// @ts-check
// Medians and spreads.

/**
 * @param {readonly number[]} values
 * @returns {number}
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * Half the range of the middle half, as a share of the median: how much to trust it.
 *
 * @param {readonly number[]} values
 */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (/** @type {number} */ share) => {
    const position = share * (sorted.length - 1)
    const low = Math.floor(position)
    return sorted[low] + (position - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low])
  }
  return (at(0.75) - at(0.25)) / 2 / median(values)
}
