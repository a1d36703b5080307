import type { Chart } from './chart.d.mts'

/** All charts that can be drawn from what was measured: reports by runtime, and what bench/codec wrote. */
export function pictures(reports: Readonly<Record<string, readonly object[]>>, codec: object | null): Chart[]
