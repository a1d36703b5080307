/** The few assertions that the checks need, without any test runner. */

/** Throws with both values when they differ; compares by their JSON form, which is what a person reads in the failure. */
export function equal(actual: unknown, expected: unknown, what = 'value'): void {
  const left = print(actual)
  const right = print(expected)
  if (left !== right) throw new Error(`${what}: expected ${right}, but got ${left}`)
}

/** Throws unless `condition` holds. */
export function ok(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`does not hold: ${what}`)
}

/** Throws at the first byte that differs. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what = 'bytes'): void {
  if (actual.length !== expected.length) throw new Error(`${what}: expected ${expected.length} bytes, but got ${actual.length}`)
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] !== expected[i]) throw new Error(`${what}: byte ${i} is ${actual[i]}, not ${expected[i]}`)
  }
}

/** What an error of the package has. */
export interface ErrorLike {
  readonly name: string
  readonly code: string
  readonly message: string
  readonly status?: number
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
  readonly closeCode?: number
  readonly cause?: unknown
}

/** Runs `work`, which has to fail with an error of class `name` and one of the codes; returns it. */
export async function fails(work: Promise<unknown> | (() => unknown), name: string, ...codes: string[]): Promise<ErrorLike> {
  let result: unknown
  try {
    result = await (typeof work === 'function' ? work() : work)
  } catch (error) {
    return isError(error, name, ...codes)
  }
  throw new Error(`expected a ${name} ${codes.join(' or ')}, but it went well${typeof result === 'object' ? '' : `: ${print(result)}`}`)
}

/** Checks class and code of an error. */
export function isError(error: unknown, name: string, ...codes: string[]): ErrorLike {
  const found = error as ErrorLike
  if (!(error instanceof Error) || found.name !== name || !codes.includes(found.code)) {
    throw new Error(`expected a ${name} ${codes.join(' or ')}, but got ${String(found?.name)} ${String(found?.code)}: ${String(found?.message)}`, {
      cause: error,
    })
  }
  ok(found.message.length > 10, `the message of ${found.code} says something`)
  return found
}

function print(value: unknown): string {
  return value === undefined ? 'undefined' : JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each))
}

/** `length` random bytes. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i += 65_536) crypto.getRandomValues(bytes.subarray(i, i + 65_536))
  return bytes
}

/** Hexadecimal, as the peers take it in their paths. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
