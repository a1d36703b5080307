/**
 * What objects show of themselves: to `console.log` and `util.inspect` of Node, Deno and Bun, to `JSON.stringify` and to every logger that
 * asks for `toJSON`. Without this they would show linear memory, in which other connections' data lies.
 *
 * Rule: state, counts, sizes, ages, and the names of fields; never bytes of a payload, a value of a field, or anything else that may be a secret.
 */

/** What is shown: numbers, truth values, short words, names, and objects that show themselves. */
export type Shown = Readonly<Record<string, unknown>>

/** The function that prints values, as the runtimes pass it to an object: Deno as the first argument, the others as the last. */
type Inspect = (value: unknown, options?: unknown) => string

/** Makes an object, or all objects with this prototype, show what `show` returns, and nothing else. */
export function showsItself<Of extends object>(target: Of, show: (it: Of) => Shown): void {
  const print = (it: Of, options: unknown, inspect: Inspect | undefined): string => {
    const { name = 'Object' } = it.constructor ?? {}
    return `${name} ${inspect === undefined ? JSON.stringify(show(it)) : inspect(show(it), options)}`
  }
  define(target, {
    toJSON() {
      return show(this)
    },
    [Symbol.for('nodejs.util.inspect.custom')](_depth: number, options: unknown, inspect?: Inspect) {
      return print(this, options, inspect)
    },
    [Symbol.for('Deno.customInspect')](inspect: Inspect, options: unknown) {
      return print(this, options, inspect)
    },
  })
}

/** As {@link showsItself}, for errors: with their stack, and the stack of their cause. */
export function showsItselfAsError<Of extends Error>(target: Of, show: (it: Of) => Shown): void {
  const print = (it: Of, options: unknown, inspect: Inspect | undefined): string => {
    const { cause, name: _, message: __, ...rest } = toJSON(it) as Record<string, unknown>
    const details = inspect === undefined ? JSON.stringify(rest) : inspect(rest, options)
    return `${it.stack ?? String(it)} ${details}${it.cause instanceof Error ? `\n[cause]: ${it.cause.stack ?? String(it.cause)}` : ''}`
  }
  const toJSON = (it: Of): Shown => ({
    name: it.name,
    message: it.message,
    ...show(it),
    ...(it.cause instanceof Error ? { cause: causeOf(it.cause) } : {}),
  })
  define(target, {
    toJSON() {
      return toJSON(this)
    },
    [Symbol.for('nodejs.util.inspect.custom')](_depth: number, options: unknown, inspect?: Inspect) {
      return print(this, options, inspect)
    },
    [Symbol.for('Deno.customInspect')](inspect: Inspect, options: unknown) {
      return print(this, options, inspect)
    },
  })
}

/** Names of fields, in order. */
export function namesOf(fields: Iterable<readonly [name: string, value: unknown]>): string[] {
  return Array.from(fields, ([name]) => name)
}

/** What is shown of a runtime's own error: its message, not its fields. */
function causeOf({ name, message, ...rest }: Error & { code?: unknown }): Shown {
  return { name, message, ...('code' in rest ? { code: rest.code } : {}) }
}

/** Not enumerable, so it does not count when the object is copied, compared or walked. */
function define<Of extends object>(target: Of, methods: Record<PropertyKey, unknown> & ThisType<Of>): void {
  for (const key of Reflect.ownKeys(methods)) Object.defineProperty(target, key, { value: methods[key], configurable: true, writable: true })
}
