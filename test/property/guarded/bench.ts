/** One run of a case: what it does is written down, so that two runs can be compared, and the guards are looked at after each step. */

import { NexusError } from '../../../src/errors.ts'
import type { Random } from '../../reference/random.ts'
import { HostileError } from './hostile.ts'
import type { GuardedCodec } from './memory.ts'
import type { Wires } from './wires.ts'

/** Something that must not happen, whatever a caller or a peer does: an error without a code, a trap, a limit that was passed. */
export class Fault extends Error {
  override readonly name = 'Fault'
}

/** Where a case runs. */
export class Bench {
  readonly events: string[] = []

  constructor(
    readonly codec: GuardedCodec,
    readonly random: Random,
    readonly wires: Wires,
  ) {}

  /** Writes down what can be seen of a value. */
  note(name: string, value: unknown): void {
    this.events.push(`${name} ${show(value)}`)
  }

  /**
   * Does one thing and writes down what came of it. Returns that, or undefined when it threw one of the product's errors. Throws `Fault` for any
   * other error, and `GuardBroken` when memory was touched that belongs to nobody here.
   *
   * @param errors further classes of errors that are documented for it
   */
  attempt<T>(name: string, action: () => T, ...errors: readonly (new (...args: never[]) => Error)[]): T | undefined {
    let result: T | undefined
    try {
      result = action()
      this.note(name, result)
    } catch (error) {
      this.note(name, this.expected(name, error, errors))
    }
    this.codec.checkGuards()
    return result
  }

  /** The same for room to write to, of which only the length may be seen: it holds what was there before. */
  room(name: string, action: () => Uint8Array): Uint8Array | undefined {
    let view: Uint8Array | undefined
    this.attempt(name, () => {
      view = action()
      return view.length
    })
    return view
  }

  /** Throws `Fault`. */
  assert(holds: boolean, what: string): void {
    if (!holds) throw new Fault(what)
  }

  private expected(name: string, error: unknown, errors: readonly (new (...args: never[]) => Error)[]): string {
    if (error instanceof NexusError) return `throws ${error.code}: ${error.message}`
    if (error instanceof HostileError) return 'throws what the caller threw'
    if (errors.some((each) => error instanceof each)) return `throws ${(error as Error).message}`
    const { name: kind, message, stack } = error as Error
    throw new Fault(`${name} throws ${kind}: ${message}\n${stack}`, { cause: error })
  }
}

function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 80 ? `text of ${value.length}: ${hash(new TextEncoder().encode(value))}` : JSON.stringify(value)
    case 'function':
    case 'symbol':
      return typeof value
    case 'object':
      break
    default:
      return String(value)
  }
  if (value === null) return 'null'
  if (value instanceof Uint8Array) {
    const digits = Array.from(value.subarray(0, 40), (byte) => byte.toString(16).padStart(2, '0')).join('')
    return `${value.length} bytes ${digits}${value.length > 40 ? ` … ${hash(value)}` : ''}`
  }
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (value instanceof Error) return `${value.name}: ${value.message}`
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return 'an object'
  return `{${Object.entries(value)
    .map(([key, each]) => `${key}: ${show(each)}`)
    .join(', ')}}`
}

function hash(bytes: Uint8Array): string {
  let sum = 0x811c9dc5
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193)
  return (sum >>> 0).toString(16)
}
