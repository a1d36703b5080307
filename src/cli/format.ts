/** Numbers for people. */

/** `1,234,567`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `1 message`, `2 messages`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** Three digits of it that count: `0.0412`, `4.12`, `412`. */
export function digits(value: number): string {
  if (value >= 100) return count(value)
  return value.toFixed(Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(value || 1)))))
}

/** `4.12 ms`. */
export function ms(value: number): string {
  return `${digits(value)} ms`
}

/** `4.12 kB`. */
export function bytes(value: number): string {
  if (value < 1_000) return `${count(value)} B`
  return value < 1e6 ? `${digits(value / 1e3)} kB` : `${digits(value / 1e6)} MB`
}
