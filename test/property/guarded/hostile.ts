/** What a caller could hand in: values at the limits, and objects that lie about themselves. */

import type { Random } from '../../reference/random.ts'

/** Thrown by the getters of hostile objects: that it comes through is right. */
export class HostileError extends Error {
  override readonly name = 'HostileError'
}

function throwing(where: string): never {
  throw new HostileError(where)
}

/** 0, 1, the limit and its neighbours, or something between. */
export function around(random: Random, limit: number): number {
  return Math.max(0, random.pick([0, 1, limit - 1, limit, limit, limit + 1, random.below(Math.max(1, limit))]))
}

/** Puts `length` bytes at the start of `spare`, as far as they fit: those of `wire`, then others. What a caller reports as filled, it has filled. */
export function put(spare: Uint8Array, wire: Uint8Array, length: number): void {
  const piece = wire.subarray(0, Math.min(length, spare.length))
  spare.set(piece)
  spare.fill(0x61, piece.length, Math.min(length, spare.length))
}

const NUMBERS: readonly unknown[] = [
  -1,
  -0,
  0.5,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  -(2 ** 31),
  2 ** 53,
  '1',
  '0x10',
  null,
  undefined,
  1n,
  true,
  [],
  [3],
  {},
]

/** A number that is none, or one far out; objects answer differently each time they are asked. */
export function hostileNumber(random: Random, limit: number): unknown {
  switch (random.below(6)) {
    case 0:
      return limit + 1
    case 1:
      return changing(random, limit)
    case 2:
      return { valueOf: () => throwing('valueOf') }
    case 3:
      return Symbol('length')
    default:
      return random.pick(NUMBERS)
  }
}

function changing(random: Random, limit: number): object {
  const answers = [around(random, limit), -1, 2 ** 32 - 4, 2 ** 20, limit]
  let asked = 0
  return { valueOf: () => answers[asked++ % answers.length], toString: () => String(answers[asked++ % answers.length]) }
}

const TEXTS: readonly unknown[] = [
  '',
  '\ud800',
  '\udc00x',
  'a\r\nb: c',
  '\0',
  '\u00e9\u20ac\u{1f600}',
  'x'.repeat(130),
  'Content-Length',
  'transfer-encoding',
  'Host',
  '/',
  '//',
  '?',
  '*',
  null,
  undefined,
  3,
  1n,
  [],
  ['a', 'b'],
]

/** A string at the edge of what may be one, or something that is none. */
export function hostileText(random: Random): unknown {
  switch (random.below(6)) {
    case 4:
      return changingLength({ charCodeAt: () => 0x61, includes: () => false, toString: () => 'v' }, random, 40)
    case 0: {
      let asked = 0
      return { toString: () => 'x'.repeat(asked++ * 400), length: 1, charCodeAt: () => 0x2f }
    }
    case 1:
      return { length: -1, toString: () => throwing('toString') }
    case 2:
      return Object.assign(new String('boxed'), { extra: 1 })
    case 3:
      return Symbol('text')
    default:
      return random.pick(TEXTS)
  }
}

const canResize = 'resize' in ArrayBuffer.prototype
const canGrow = typeof SharedArrayBuffer !== 'undefined' && 'grow' in SharedArrayBuffer.prototype

interface Resizable {
  resize(bytes: number): void
}
interface Growable {
  grow(bytes: number): void
}

/** Not bytes, or bytes whose holder lies; about `length` of them. */
export function hostileBytes(random: Random, length: number): unknown {
  const bytes = random.bytes(length)
  switch (random.below(22)) {
    case 0:
      return { length: random.pick([-1, -4_293_467_296, 2 ** 32 - 8, 2 ** 32, 1.5, Number.NaN, '3', length]) }
    case 1:
      return { length, 0: 1, 1: 2 }
    case 2:
      return changingLength({}, random, length)
    case 3:
      return Array.from(bytes)
    case 4:
      return bytes.buffer
    case 5:
      return new DataView(bytes.buffer, random.below(length + 1))
    case 6:
      return new Uint16Array(bytes.buffer.slice(0, length & ~1))
    case 7:
      return new Float64Array(bytes.buffer.slice(0, length & ~7))
    case 8:
      return new Uint8ClampedArray(bytes.buffer)
    case 9:
      return new Int8Array(bytes.buffer)
    case 10:
      return changingLength(bytes, random, length)
    case 11:
      return lying(bytes, random)
    case 12:
      return new Proxy(bytes, {})
    case 13: {
      const { buffer } = bytes
      structuredClone(buffer, { transfer: [buffer] })
      return random.oneIn(2) ? bytes : buffer
    }
    case 14:
    case 15: {
      if (!canResize) return null
      const buffer = Reflect.construct(ArrayBuffer, [length, { maxByteLength: length + 4_096 }]) as ArrayBuffer & Resizable
      const view = random.oneIn(2) ? new Uint8Array(buffer) : new Uint8Array(buffer, 0, length)
      view.set(bytes)
      buffer.resize(random.pick([0, length >> 1, length, length + 1, length + 4_096]))
      return random.oneIn(3) ? buffer : view
    }
    case 16: {
      if (!canGrow) return undefined
      const buffer = Reflect.construct(SharedArrayBuffer, [length, { maxByteLength: length + 4_096 }]) as SharedArrayBuffer & Growable
      const view = new Uint8Array(buffer)
      view.set(bytes)
      return random.pick([buffer, view, resizedWhenAsked(view, () => buffer.grow(length + 4_096))])
    }
    case 17: {
      if (!canResize) return 7
      const buffer = Reflect.construct(ArrayBuffer, [length, { maxByteLength: length + 4_096 }]) as ArrayBuffer & Resizable
      return resizedWhenAsked(new Uint8Array(buffer), () => buffer.resize(random.pick([0, length + 4_096])))
    }
    case 18:
      return Object.setPrototypeOf(bytes, null)
    case 19:
      return Object.create(bytes)
    case 20:
      return new String('x'.repeat(length))
    default:
      return random.pick<unknown>([null, undefined, length, 'text', true, Symbol('bytes'), () => bytes, new Map(), new Date(0), /x/])
  }
}

/** `length` is something else each time. */
function changingLength(target: object, random: Random, length: number): object {
  const answers = [around(random, length), -1, 2 ** 32 - 16, 1 << 20]
  let asked = 0
  return Object.defineProperty(target, 'length', { get: () => answers[asked++ % answers.length] })
}

/** Something happens when `length` is asked for. */
function resizedWhenAsked(view: Uint8Array, resize: () => void): object {
  const { length } = view
  return Object.defineProperty(view, 'length', {
    get() {
      try {
        resize()
      } catch {
        // It may shrink below what a shared buffer allows.
      }
      return length
    },
  })
}

/** A real array whose own members say something else. */
function lying(bytes: Uint8Array, random: Random): object {
  const far = new Uint8Array(1 << 16).fill(0x58)
  return Object.defineProperties(bytes, {
    length: { value: random.pick([0, -1, 2 ** 32 - 1, bytes.length + 1, 1 << 16]) },
    byteLength: { value: 1 << 16 },
    byteOffset: { value: -8 },
    buffer: { value: far.buffer },
    subarray: { value: () => far },
    slice: { value: () => far },
    set: { value: () => undefined },
    [Symbol.iterator]: { value: () => far[Symbol.iterator]() },
  })
}
