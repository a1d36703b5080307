/** Command lines: the options of a command, the given values, and their errors. */

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { UsageFailure } from './exit-codes.ts'

/** An option of a command. */
export interface Option {
  readonly short?: string
  /** Its value, as the help names it; a flag has none. */
  readonly value?: string
  /** May be given more than once. */
  readonly many?: boolean
  readonly help: string
}

/** Options by name. */
export type Options = Readonly<Record<string, Option>>

/** The given options and operands. */
export class Arguments {
  /** The operands. */
  readonly operands: readonly string[]
  private readonly values: Readonly<Record<string, unknown>>

  /** @param argv without program and command */
  constructor(options: Options, argv: readonly string[]) {
    const config = Object.fromEntries(
      Object.entries(options).map(([name, { short, value, many = false }]) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: many, ...(short === undefined ? {} : { short }) },
      ]),
    )
    try {
      const { values, positionals } = parseArgs({ args: [...argv], options: config, allowPositionals: true })
      this.operands = positionals
      this.values = values
    } catch (error) {
      throw new UsageFailure(complaint(error as Error & { code?: string }, options))
    }
  }

  /** Was the option given? */
  has(name: string): boolean {
    return this.values[name] !== undefined
  }

  /** Its value. */
  text(name: string): string | undefined {
    return this.values[name] as string | undefined
  }

  /** Its values, in order. */
  all(name: string): readonly string[] {
    return (this.values[name] as string[] | undefined) ?? []
  }

  /** A whole number. */
  count(name: string, min: number, max: number): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new UsageFailure(`--${name} is a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`)
  }

  /** A number that may have a fraction, 0 to 1,000,000. */
  factor(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    if (value <= 1e6) return value
    throw new UsageFailure(`--${name} is a number from 0 to 1000000, not ${JSON.stringify(text)}`)
  }

  /** A time in ms, at most a day. */
  time(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
    const ms = Number(number) * ({ ms: 1, s: 1_000, m: 60_000 }[unit] ?? Number.NaN)
    if (ms > 0 && ms <= 86_400_000) return ms
    throw new UsageFailure(`--${name} is a time with its unit, such as 500ms, 10s or 2m, not ${JSON.stringify(text)}`)
  }

  /** The contents of a file that an option names. */
  file(name: string): Buffer<ArrayBuffer> | undefined {
    const path = this.text(name)
    if (path === undefined) return undefined
    try {
      return readFileSync(path)
    } catch (error) {
      throw new UsageFailure(`--${name}: ${(error as Error).message}`)
    }
  }

  /** Fields given as `Name: value`. */
  fields(name: string): [name: string, value: string][] {
    return this.all(name).map((text) => {
      const colon = text.indexOf(':')
      // What was given is not repeated: it may be a key.
      if (colon < 1) throw new UsageFailure(`--${name} is 'Name: value', but one that was given has no name before a colon`)
      return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()]
    })
  }
}

/** The error, with the right form. */
function complaint(error: Error & { code?: string }, options: Options): string {
  const given = /'(-[^' ]*)/.exec(error.message)?.[1] ?? ''
  if (error.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return (error.message.split('\n')[0] as string).replace(/^Option '([^']*)'/, '$1')
  const near = given.startsWith('--') ? nearest(given.slice(2), Object.keys(options)) : undefined
  return `there is no option ${given}${near === undefined ? '' : `; is it --${near}?`}`
}

/** The probable name, if it is at most two letters off. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const [best] = names.map((name) => ({ name, off: distance(word, name) })).sort((a, b) => a.off - b.off)
  return best !== undefined && best.off <= 2 ? best.name : undefined
}

/** How many letters to add, drop or change to make one word of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
