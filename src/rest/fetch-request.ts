/** What a `fetch` is asked to send, as the Fetch standard reads it. */

import type { Fields } from '../codec/http/fields.ts'
import { injectedField, isPlainField } from '../codec/http/injection.ts'
import { UsageError } from '../errors.ts'
import { nameValue } from '../naming.ts'
import { checkSignal } from '../option-rules.ts'

/** A request, without where it goes. */
export interface FetchRequest {
  readonly method: string
  /** Names in lower case; the characters of values are bytes. */
  readonly fields: Fields
  readonly body: string | Uint8Array | ReadableStream<Uint8Array> | null
}

/** A request, and how its response is to be treated. */
export interface Fetching<Target> {
  readonly target: Target
  readonly request: FetchRequest
  readonly redirect: 'follow' | 'error' | 'manual'
  readonly signal: AbortSignal | null
}

type Given = Readonly<Record<string, unknown>>

/** Members of an `init` that are passed on. The standard's other members concern browsers, and have no effect; unknown members are ignored. */
const MEMBERS = ['method', 'headers', 'body', 'duplex'] as const
/** Members, of the standard and of runtimes, that say what to trust or which way to connect: ignoring one would silently drop a protection. */
const REFUSED = ['integrity', 'dispatcher', 'agent', 'client', 'proxy', 'tls', 'unix'] as const
/** Methods that the standard takes as they are; and whether they have a body. */
const PLAIN_METHODS: ReadonlyMap<unknown, boolean> = new Map([
  ['GET', false],
  ['HEAD', false],
  ...['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method): [string, boolean] => [method, true]),
])

/**
 * Reads the arguments of a `fetch`. Throws the signal's reason, or a `TypeError`, whose `cause` is an error of this package unless the platform found the fault.
 *
 * @param locate finds where the URL leads; throws a `TypeError`
 */
export function readFetch<Target extends { readonly url: string }>(
  input: string | URL | Request,
  init: RequestInit | null | undefined,
  locate: (url: string | URL) => Target,
): Fetching<Target> {
  const given = (init ?? {}) as Given
  if (typeof given !== 'object') throw refused(`init must be an object, but is ${nameValue(init)}`)
  for (const name of REFUSED) {
    if (given[name] === undefined || given[name] === null || given[name] === '') continue
    throw refused(`${name} cannot be set for one request: it is sent over connections that were opened with options of their own`)
  }
  const from = isRequest(input) ? input : null
  const signal = signalOf(given['signal'] === undefined ? from?.signal : given['signal'])
  if (signal?.aborted) throw signal.reason
  const target = locate(from === null ? (input as string | URL) : from.url)
  const redirect = redirectOf(given['redirect'] ?? from?.redirect ?? 'follow')
  const request = (from === null ? plainRequest(given) : null) ?? platformRequest(from ?? target.url, given)
  return { target, request, redirect, signal }
}

/** A request that the platform need not judge, as there is one way to read it; null for any other. */
function plainRequest({ method = 'GET', headers, body = null, duplex }: Given): FetchRequest | null {
  const mayHaveBody = PLAIN_METHODS.get(method)
  if (mayHaveBody === undefined || duplex !== undefined || (body !== null && !mayHaveBody)) return null
  const fields = plainFields(headers)
  if (fields === null) return null
  if (typeof body === 'string' && !fields.some(([name]) => name === 'content-type')) fields.push(['content-type', 'text/plain;charset=UTF-8'])
  if (body === null || typeof body === 'string') return { method: method as string, fields, body }
  const bytes = copyOf(body)
  return bytes === null ? null : { method: method as string, fields, body: bytes }
}

/** Fields that mean the same to the standard as they are; null for any others. */
function plainFields(headers: unknown): [name: string, value: string][] | null {
  if (headers === undefined) return []
  if (typeof headers !== 'object' || headers === null) return null
  if (headers instanceof Headers) return [...headers]
  const isList = Array.isArray(headers)
  if (!isList && Symbol.iterator in headers) return null
  const fields: [string, string][] = []
  for (const pair of isList ? headers : Object.entries(headers)) {
    if (!Array.isArray(pair) || pair.length !== 2) return null
    const [name, value] = pair
    if (typeof name !== 'string' || typeof value !== 'string' || !isPlainField(name, value)) return null
    const lower = name.toLowerCase()
    // The standard makes one field of them.
    if (fields.some(([other]) => other === lower)) return null
    fields.push([lower, value])
  }
  return fields
}

/** A copy of the bytes, as the caller may write to them before they are sent; null for what are no bytes, and for memory that is shared or changes its size. */
function copyOf(body: unknown): Uint8Array | null {
  const view = body instanceof ArrayBuffer ? new Uint8Array(body) : body
  if (!ArrayBuffer.isView(view)) return null
  const { buffer, byteOffset, byteLength } = view
  if (!(buffer instanceof ArrayBuffer) || (buffer as { resizable?: boolean }).resizable === true) return null
  return new Uint8Array(buffer, byteOffset, byteLength).slice()
}

/** Anything else as the platform reads it. */
function platformRequest(from: string | Request, given: Given): FetchRequest {
  const members: Record<string, unknown> = {}
  for (const name of MEMBERS) if (given[name] !== undefined) members[name] = given[name]
  if (members['headers'] !== undefined) members['headers'] = headersOf(members['headers'] as HeadersInit)
  // The signal is left out: the request object would listen to it for as long as it lives.
  const { method, headers, body } = typeof from === 'string' ? new Request(from, members) : new Request(from, { ...members, signal: null })
  return { method, fields: [...headers], body: body as ReadableStream<Uint8Array> | null }
}

function isRequest(input: unknown): input is Request {
  return typeof input === 'object' && input instanceof Request
}

/** Not left to the platform's `Request`: workerd's does not accept `'error'`. */
function redirectOf(redirect: unknown): 'follow' | 'error' | 'manual' {
  if (redirect === 'follow' || redirect === 'error' || redirect === 'manual') return redirect
  throw refused(`redirect must be 'follow', 'error' or 'manual', but is ${nameValue(redirect)}`)
}

function signalOf(given: unknown): AbortSignal | null {
  try {
    return checkSignal('signal', given) ?? null
  } catch (error) {
    throw error instanceof UsageError ? new TypeError(error.message, { cause: error }) : error
  }
}

/** The platform's error would repeat the value of the field. */
function headersOf(init: HeadersInit): Headers {
  try {
    return new Headers(init)
  } catch {
    const pairs = typeof init === 'object' && init !== null ? (Symbol.iterator in init ? [...init] : Object.entries(init)) : []
    const wrong = pairs.find((pair) => !isField(pair))
    const cause =
      wrong === undefined ? new UsageError('InvalidOption', `headers must be fields, but is ${nameValue(init)}`) : injectedField(String(wrong[0]))
    throw new TypeError(cause.message, { cause })
  }
}

function isField(pair: unknown): boolean {
  try {
    return new Headers([pair as [string, string]]) instanceof Headers
  } catch {
    return false
  }
}

/** The error of a `fetch` that asks for what there is not. */
export function refused(message: string, code: 'InvalidOption' | 'InvalidUrl' = 'InvalidOption'): TypeError {
  return new TypeError(message, { cause: new UsageError(code, message) })
}
