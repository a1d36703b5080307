/** Header fields as callers give them. */

import type { FieldsInit } from './handshake.ts'

/** Pairs in order; a value that is a list gives one field line for each. */
export function pairsOf(init: FieldsInit | undefined): [name: string, value: string][] {
  if (init === undefined || init === null) return []
  const pairs: Iterable<readonly [string, string | readonly string[]]> =
    Symbol.iterator in init ? (init as Iterable<readonly [string, string]>) : Object.entries(init)
  const list: [string, string][] = []
  for (const [name, value] of pairs) {
    for (const one of Array.isArray(value) ? value : [value]) list.push([String(name), String(one)])
  }
  return list
}
