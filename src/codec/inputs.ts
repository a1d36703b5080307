/**
 * Checks of callers' values, before any of them gets near linear memory.
 *
 * All connections of a thread share memories, and a typed array trusts any length that it is given: `{ length: -1 }`, parsed from a peer's
 * JSON, would read or write memory of another connection.
 *
 * Rule 1: bytes are an ArrayBuffer, a SharedArrayBuffer or a view of one. An object that merely looks like one is refused by name.
 * Rule 2: a length is read once, from the platform's own getter; a property of the caller's object never counts.
 * Rule 3: bytes are copied into a view of the region's own memory, so that a buffer that another thread grows meanwhile ends there.
 * Rule 4: every length on its way to WebAssembly passes {@link within}, also one that has been checked before.
 */

import { UsageError } from '../errors.ts'
import { nameValue } from '../naming.ts'

/** Bytes, as the whole package takes them: a buffer, or any view of one (typed array, `DataView`, Node's `Buffer`), which stands for the bytes that it covers. */
export type BytesInit = ArrayBufferLike | ArrayBufferView

/** What one step of a decoder or an encoder did. */
export interface DecodeStep {
  /** Bytes of the input that were used. */
  readonly consumed: number
  /** Bytes of the output that were written. */
  readonly produced: number
}

const VIEW = Object.getPrototypeOf(Uint8Array.prototype) as object
const lengthOf = getter(VIEW, 'length')
const arrayTagOf = getter(VIEW, Symbol.toStringTag)
const arrayKeys = Reflect.get(VIEW, 'keys') as () => unknown
const arrayParts = partsOf(VIEW)
const dataViewParts = partsOf(DataView.prototype)
const bufferLengths = [ArrayBuffer, typeof SharedArrayBuffer === 'undefined' ? undefined : SharedArrayBuffer]
  .filter((each) => each !== undefined)
  .map((each) => getter(each.prototype, 'byteLength'))

/**
 * The number of bytes of `value` when it is a real `Uint8Array` and not empty; -1 for everything else, which {@link bytesOf} judges. For hot paths: takes a
 * few nanoseconds, and allocates nothing.
 */
export function plainLength(value: unknown): number {
  if (ArrayBuffer.isView(value)) {
    // Asked in this way first, engines know what they have, and read the platform's length in place of a call.
    const claimed = (value as Uint8Array).length
    if (claimed !== undefined && value instanceof Uint8Array) {
      const length = lengthOf.call(value) as number
      // An empty one may be detached, which is a mistake and not an empty message.
      if (length > 0) return length
    }
  }
  return -1
}

/**
 * The bytes of `value` as a fresh view of fixed length, whose members are the platform's. Throws `InvalidOption`, with the name of
 * the parameter and what was received, for a value that has no bytes.
 *
 * @param others what else the parameter may be, for the message
 */
export function bytesOf(name: string, value: unknown, others = ''): Uint8Array<ArrayBuffer> {
  try {
    if (ArrayBuffer.isView(value)) {
      const isArray = arrayTagOf.call(value) !== undefined
      const { buffer, byteOffset, byteLength } = isArray ? arrayParts : dataViewParts
      const length = byteLength.call(value) as number
      // An array whose buffer has become too short reports that it is empty; this throws for it.
      if (isArray && length === 0) arrayKeys.call(value)
      return new Uint8Array(buffer.call(value) as ArrayBuffer, byteOffset.call(value) as number, length)
    }
    for (const byteLength of bufferLengths) {
      const length = tryCall(byteLength, value)
      if (length !== undefined) return new Uint8Array(value as ArrayBuffer, 0, length as number)
    }
  } catch {
    throw new UsageError('InvalidOption', `${name} must be bytes, but its buffer is detached, or has become shorter than the view`)
  }
  throw new UsageError('InvalidOption', `${name} must be ${others}an ArrayBuffer or a view of one (such as a Uint8Array), but is ${nameValue(value)}`)
}

/** `value`, when it is a string. Throws `InvalidOption`. */
export function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new UsageError('InvalidOption', `${name} must be a string, but is ${nameValue(value)}`)
}

/** Throws `InvalidOption` for what is no function. */
export function checkFill(fill: unknown): void {
  if (typeof fill !== 'function') throw new UsageError('InvalidOption', `fill must be a function like (bytes) => …, but is ${nameValue(fill)}`)
}

/** The gate to WebAssembly: `length`, once it is proved to be a whole number from 0 to `room`. */
export function within(length: number, room: number): number {
  if (length >>> 0 !== length || length > room) throw outside(length, room)
  return length
}

/**
 * Copies `bytes`, of which `length` were counted, to `at` in `target`: a view of memory that only the region uses. If another thread has grown
 * the bytes since, the copy still ends with `target`. Returns `length`, proved as by {@link within}.
 */
export function copyInto(target: Uint8Array, at: number, bytes: Uint8Array, length: number): number {
  within(length, target.length - at)
  try {
    target.set(bytes, at)
  } catch {
    // They have grown past the end of `target`, and nothing was copied.
    target.set(bytesOf('bytes', bytes).subarray(0, length), at)
  }
  return length
}

function outside(length: number, room: number): RangeError {
  return new RangeError(`${String(length)} bytes are outside the ${String(room)} that there is room for`)
}

/** The platform's own getters: properties of a caller's object do not count. */
function partsOf(prototype: object): Record<'buffer' | 'byteOffset' | 'byteLength', () => unknown> {
  return { buffer: getter(prototype, 'buffer'), byteOffset: getter(prototype, 'byteOffset'), byteLength: getter(prototype, 'byteLength') }
}

function getter(prototype: object, name: string | symbol): () => unknown {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as () => unknown
}

function tryCall(read: () => unknown, value: unknown): unknown {
  try {
    return read.call(value)
  } catch {
    return undefined
  }
}
