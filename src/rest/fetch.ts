/** The global `fetch`, over a pool. */

import type { Clock } from '../clock.ts'
import { injectedField } from '../codec/http/injection.ts'
import type { Request as HttpRequest } from '../codec/http/request.ts'
import type { RequestBuilder } from '../codec/http/request-builder.ts'
import type { RequestWriter } from '../codec/http/request-writer.ts'
import type { OwnedResponse } from '../codec/http/response.ts'
import { EncodeError, NexusError, RestError, UsageError } from '../errors.ts'
import { nameUrl, nameValue } from '../naming.ts'
import { checkSignal } from '../option-rules.ts'
import { readUrl } from '../url.ts'
import type { SendOptions } from './options.ts'

/** What sends requests, and how. */
export interface FetchPlace {
  readonly origin: string
  readonly basePath: string
  /** Limit of a request in ms, 0 for none. */
  readonly timeout: number
  readonly clock: Clock
  /** Acquires a slot, sends what `build` makes in its writer, and releases it. */
  send(build: (writer: RequestWriter) => HttpRequest, options: SendOptions): Promise<OwnedResponse>
}

/** Statuses whose responses have no body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([101, 103, 204, 205, 304])
/** Fetch standard, "redirect status". */
const REDIRECT = new Set([301, 302, 303, 307, 308])
/** Fields that the connection sets itself. */
const OWN = new Set(['connection', 'host', 'content-length', 'transfer-encoding', 'keep-alive', 'expect', 'te', 'upgrade'])
/** Members of an `init` that are passed on. The standard's other members concern browsers, and have no effect; unknown members are ignored. */
const MEMBERS = ['method', 'headers', 'body', 'duplex'] as const
/** Members, of the standard and of runtimes, that say what to trust or which way to connect: ignoring one would silently drop a protection. */
const REFUSED = ['integrity', 'dispatcher', 'agent', 'client', 'proxy', 'tls', 'unix'] as const

/** The request to send. */
interface Outgoing {
  readonly request: Request
  readonly redirect: string
  readonly signal: AbortSignal | null
  /** Without fragment. */
  readonly url: string
  /** The path after the base path, with the query. */
  readonly path: string
}

/**
 * Sends the request that `input` and `init` describe, as the Fetch standard reads them, and turns the answer into a `Response`. Rejects as `fetch` does,
 * with the signal's reason or with a `TypeError`, whose `cause` is an error of this package unless the platform itself found the fault.
 */
export async function poolFetch(place: FetchPlace, input: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
  const { clock, timeout } = place
  const since = clock.now()
  const { request, redirect, signal, url, path } = outgoing(place, input, init)
  try {
    const body = await readBody(place, request, signal)
    const left = timeout === 0 ? 0 : Math.max(1, since + timeout - clock.now())
    const build = (writer: RequestWriter): HttpRequest => buildFetch(writer, request, path, body)
    const response = await place.send(build, { timeout: left, decompress: true, ...(signal === null ? {} : { signal }) })
    if (REDIRECT.has(response.status) && redirect === 'error') throw unusable(response, "the server redirects, which redirect: 'error' refuses")
    return standardResponse(response, url)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (error instanceof NexusError) throw new TypeError(error instanceof RestError ? 'fetch failed' : error.message, { cause: error })
    throw error
  }
}

/** Reads what was given. Throws the signal's reason, or a `TypeError`. */
function outgoing(place: FetchPlace, input: string | URL | Request, init: RequestInit | null | undefined): Outgoing {
  const given: Readonly<Record<string, unknown>> = (init ?? {}) as never
  if (typeof given !== 'object') throw refused(`init must be an object, but is ${nameValue(init)}`)
  for (const name of REFUSED) {
    if (given[name] === undefined || given[name] === null || given[name] === '') continue
    throw refused(`${name} cannot be set for one request: it is sent over the connections that the pool has, with the options of the pool`)
  }
  const signal = signalOf(input, given['signal'])
  if (signal?.aborted) throw signal.reason
  const url = urlOf(place, input)
  const redirect = redirectOf(input, given['redirect'])
  const members: Record<string, unknown> = {}
  for (const name of MEMBERS) if (given[name] !== undefined) members[name] = given[name]
  if (members['headers'] !== undefined) members['headers'] = headersOf(members['headers'] as HeadersInit)
  // The signal is left out: the request object would listen to it for as long as it lives.
  const request = isRequest(input) ? new Request(input, { ...members, signal: null }) : new Request(url, members)
  const { href, hash } = url
  const end = href.length - hash.length
  const base = place.origin + place.basePath
  return { request, redirect, signal, url: href.slice(0, end), path: href.slice(base.length, end) }
}

function isRequest(input: unknown): input is Request {
  return input instanceof Request
}

/** Not left to the platform's `Request`: workerd's does not accept `'error'`. */
function redirectOf(input: string | URL | Request, given: unknown): string {
  const redirect = given ?? (isRequest(input) ? input.redirect : 'follow')
  if (redirect === 'follow' || redirect === 'error' || redirect === 'manual') return redirect
  throw refused(`redirect must be 'follow', 'error' or 'manual', but is ${nameValue(redirect)}`)
}

function signalOf(input: string | URL | Request, given: unknown): AbortSignal | null {
  try {
    return checkSignal('signal', given === undefined && isRequest(input) ? input.signal : given) ?? null
  } catch (error) {
    throw error instanceof UsageError ? new TypeError(error.message, { cause: error }) : error
  }
}

/** The requested URL, which has to be of this pool. */
function urlOf({ origin, basePath }: FetchPlace, input: string | URL | Request): URL {
  const given = isRequest(input) ? input.url : typeof input === 'string' && /^(?:[/?]|$)/.test(input) ? origin + basePath + input : input
  const url = readUrl(given)
  if (typeof url === 'string') throw refused(`the URL ${url}`, 'InvalidUrl')
  if (url.username !== '' || url.password !== '')
    throw refused('a URL has no user and password here: give them as the field Authorization', 'InvalidUrl')
  if (url.origin !== origin) throw refused(`this pool is connected to ${origin}, not to ${nameUrl(url)}`, 'InvalidUrl')
  const below = url.href.startsWith(origin + basePath) ? url.href.slice(origin.length + basePath.length) : null
  if (below === null || !/^(?:[/?#]|$)/.test(below)) throw refused('the path of this URL is not below the base path of the pool', 'InvalidUrl')
  return url
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

/** The whole body, within the signal and the limit of the request; a source that is too slow is stopped. */
async function readBody({ clock, timeout }: FetchPlace, { body }: Request, signal: AbortSignal | null): Promise<Uint8Array | undefined> {
  if (body === null) return undefined
  const since = clock.now()
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  let giveUp!: (reason: unknown) => void
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = reject
  })
  const onAbort = (): void => giveUp(signal?.reason)
  const onTimeout = (): void =>
    giveUp(bodyError('RequestTimeout', `the source did not give the whole request body within ${timeout} ms (timeout)`, timeout))
  const timer = timeout === 0 ? null : clock.set(onTimeout, timeout)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const pieces: Uint8Array[] = []
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), givenUp])
      if (done) return join(pieces)
      if (!(value instanceof Uint8Array)) throw new UsageError('InvalidOption', `a body gives Uint8Arrays, but this one gave ${nameValue(value)}`)
      pieces.push(value)
    }
  } catch (error) {
    reader.cancel(error).catch(() => {})
    if (error instanceof RestError || signal?.aborted) throw error
    throw bodyError('RequestBodyFailed', 'the source of the request body failed', clock.now() - since, error)
  } finally {
    if (timer !== null) clock.clear(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces
  if (first !== undefined && pieces.length === 1) return first
  const all = new Uint8Array(pieces.reduce((bytes, piece) => bytes + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

/** The request in a slot's memory. A body that has no room there is sent from where it is. */
function buildFetch(writer: RequestWriter, request: Request, path: string, body: Uint8Array | undefined): HttpRequest {
  const begin = (): RequestBuilder => {
    const builder = writer.request(request.method, path) as RequestBuilder
    for (const [name, value] of request.headers) if (!OWN.has(name)) builder.headerOfBytes(name, value)
    return builder
  }
  if (body === undefined) return begin().finish()
  try {
    return begin().body(body).finish()
  } catch (error) {
    if (!(error instanceof EncodeError) || error.code !== 'RequestTooLarge') throw error
    return begin().stream(once(body), body.length).finish()
  }
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body
}

function standardResponse(response: OwnedResponse, url: string): Response {
  const { status, reason } = response
  if (status > 599) throw unusable(response, `the status of the response is ${status}, and a Response takes none over 599`)
  const body = NULL_BODY.has(status) ? null : (response.body as Uint8Array<ArrayBuffer>)
  return withUrl(new Response(body, { status, statusText: reason, headers: response.headers() as [string, string][] }), url)
}

/** A response that is constructed has no URL; only the platform's own `fetch` can give it one. */
function withUrl(response: Response, url: string): Response {
  return Object.defineProperties(response, {
    url: { value: url, configurable: true },
    clone: { value: () => withUrl(Response.prototype.clone.call(response), url), configurable: true },
  })
}

function unusable(response: OwnedResponse, message: string): RestError {
  return new RestError('ResponseInvalid', message, { fault: 'remote', requestSent: 'fully', phase: 'body', response })
}

function bodyError(code: 'RequestTimeout' | 'RequestBodyFailed', message: string, elapsed: number, cause?: unknown): RestError {
  const options = { fault: 'local', requestSent: 'nothing', phase: 'send', elapsed } as const
  return new RestError(code, `${message}; nothing was sent`, cause === undefined ? options : { ...options, cause })
}

function refused(message: string, code: 'InvalidOption' | 'InvalidUrl' = 'InvalidOption'): TypeError {
  return new TypeError(message, { cause: new UsageError(code, message) })
}
