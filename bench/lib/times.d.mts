/** The percentiles of a curve. */
export const PERCENTILES: readonly number[]
