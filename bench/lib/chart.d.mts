/** An axis of a chart, the same for all of its panels. */
export interface Axis {
  /** With its unit. */
  readonly name: string
  readonly type: 'log' | 'value' | 'category'
  readonly categories?: readonly string[]
  readonly min?: number
  readonly max?: number
  /** Between two labels. */
  readonly interval?: number
  /** Its panels show different things. Otherwise they have one range. */
  readonly isPerPanel?: boolean
  readonly label?: (value: number) => string
}

export interface Series {
  readonly name: string
  readonly type: 'line' | 'bar'
  readonly data: readonly (readonly [number, number] | number | null)[]
  /** Its place in the palette. */
  readonly colour: number
  readonly dashed?: boolean
}

export interface Chart {
  /** Of the file. */
  readonly name: string
  readonly title: string
  /** Machine, versions, date. */
  readonly subtitle: string
  /** What it shows, in words. */
  readonly alt: string
  readonly x: Axis
  readonly y: Axis
  readonly panels: readonly { readonly title: string; readonly series: readonly Series[] }[]
}

export const THEMES: readonly ['light', 'dark']

/** The chart as SVG. */
export function draw(chart: Chart, theme: 'light' | 'dark'): string
