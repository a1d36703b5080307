/** Header fields and query parameters as callers give them. */

import { UsageError } from '../../errors.ts'
import { nameField, nameValue } from '../../naming.ts'
import type { FieldsInit, Rule } from '../../option-rules.ts'

export type { FieldsInit, FieldValue } from '../../option-rules.ts'

/** Fields as they were received: in order, names in their own case. */
export type Fields = readonly (readonly [name: string, value: string])[]

/** Fields as one string, which takes a fraction of their memory. Neither names nor values have line feeds. */
export function packFields(fields: Fields): string {
  return fields.map(([name, value]) => `${name}\n${value}`).join('\n')
}

/** What {@link packFields} was given. */
export function unpackFields(packed: string): Fields {
  if (packed === '') return []
  const parts = packed.split('\n')
  return Array.from({ length: parts.length >> 1 }, (_, i) => [parts[2 * i] as string, parts[2 * i + 1] as string])
}

/**
 * Pairs in order. A value without a clear meaning as text (null, an object, something that is not a pair) is refused by its name: otherwise
 * `[object Object]` or `null` would reach the server.
 *
 * @param what the name of the option, for errors: `headers`
 * @throws UsageError `InvalidOption`
 */
export function pairsOf(init: FieldsInit | undefined, what: string): [name: string, value: string][] {
  const list: [string, string][] = []
  if (init === undefined) return list
  if (typeof init !== 'object' || init === null) throw refusedList(what, init)
  for (const pair of Symbol.iterator in init ? (init as Iterable<unknown>) : Object.entries(init)) {
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string') throw refusedList(what, init)
    const [name, value] = pair as [string, unknown]
    if (typeof value === 'string') {
      list.push([name, value])
      continue
    }
    for (const one of Array.isArray(value) ? value : [value]) {
      const written = fieldText(one, `${what}: the value of ${nameField(name)}`)
      if (written !== undefined) list.push([name, written])
    }
  }
  return list
}

/** The rule of an option that is a list of fields or parameters: read once, as pairs. */
export const fieldList: Rule<FieldsInit> = {
  expects: "an object, or pairs like [['X-Key', 'value']]",
  read: (name, value) => pairsOf(value as FieldsInit, name),
}

/** One value as text, undefined to leave it out. Throws `InvalidOption` with `what`, never with the value. */
export function fieldText(value: unknown, what: string): string | undefined {
  if (typeof value === 'string' || value === undefined) return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new UsageError('InvalidOption', `${what} must be a string, a number or a boolean, or undefined to leave it out, but is ${nameValue(value)}`)
}

function refusedList(what: string, init: unknown): UsageError {
  const is = Array.isArray(init) ? 'an array with something else in it' : nameValue(init)
  return new UsageError('InvalidOption', `${what} must be an object, or pairs like [['X-Key', 'value']], but is ${is}`)
}
