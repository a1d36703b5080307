/** The global `fetch`, over a pool. */

import type { Clock } from '../clock.ts'
import { ACCEPTED_CODINGS, asksItself } from '../codec/http/accept-encoding.ts'
import type { Request as HttpRequest } from '../codec/http/request.ts'
import type { RequestBuilder } from '../codec/http/request-builder.ts'
import type { RequestWriter } from '../codec/http/request-writer.ts'
import type { OwnedResponse } from '../codec/http/response.ts'
import { EncodeError, NexusError, RestError, UsageError } from '../errors.ts'
import { nameUrl, nameValue } from '../naming.ts'
import type { Runtime } from '../runtime.ts'
import { readUrl } from '../url.ts'
import { type FetchRequest, readFetch, refused } from './fetch-request.ts'
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
  /** The answer as a standard response. */
  readonly respond: NonNullable<Runtime['respond']>
}

/** Fetch standard, "redirect status". */
export const REDIRECT: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Fields that the connection sets itself. */
const OWN = new Set(['connection', 'host', 'content-length', 'transfer-encoding', 'keep-alive', 'expect', 'te', 'upgrade'])
/** A path and query that a URL keeps as they are: no character that it would escape, and no segment that begins with a dot, which may be a step up. */
const PLAIN_TARGET = /^(?:\/(?!\.|%2e)[\w\-.~!$&()*+,;=:@%]*)+(?:\?[\w\-.~!$&()*+,;=:@%/?]*)?$/i

/** Where a request goes. */
interface Target {
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
  const { target, request, redirect, signal } = readFetch(input, init, (url) => targetOf(place, url))
  try {
    const { body } = request
    const sent = body instanceof ReadableStream ? await wholeBody(place, body, signal) : body
    const left = timeout === 0 ? 0 : Math.max(1, since + timeout - clock.now())
    const build = (writer: RequestWriter): HttpRequest => buildFetch(writer, request, target.path, sent)
    const response = await place.send(build, { timeout: left, decompress: true, signal: signal ?? undefined })
    const { status } = response
    if (redirect === 'error' && REDIRECT.has(status)) throw unusable(response, "the server redirects, which redirect: 'error' refuses")
    if (status > 599) throw unusable(response, `the status of the response is ${status}, and a Response takes none over 599`)
    return place.respond(response, target.url, false)
  } catch (error) {
    throw fetchFailure(error, signal)
  }
}

/** What a `fetch` rejects with: the signal's reason, or a `TypeError`. */
export function fetchFailure(error: unknown, signal: AbortSignal | null): unknown {
  if (signal?.aborted) return signal.reason
  if (!(error instanceof NexusError)) return error
  const isOfCaller = error instanceof UsageError || error instanceof EncodeError
  return new TypeError(isOfCaller ? error.message : 'fetch failed', { cause: error })
}

/** Where the requested URL leads, which has to be of this pool. */
export function targetOf({ origin, basePath }: Pick<FetchPlace, 'origin' | 'basePath'>, input: string | URL): Target {
  const base = origin + basePath
  const text = typeof input === 'string' ? input : input instanceof URL ? input.href : ''
  const target = text.startsWith(base) ? text.slice(base.length) : text
  if (PLAIN_TARGET.test(target) && (basePath === '' || PLAIN_TARGET.test(basePath))) return { url: base + target, path: target }
  const url = readUrl(typeof input === 'string' && /^(?:[/?]|$)/.test(input) ? base + input : input)
  if (typeof url === 'string') throw refused(`the URL ${url}`, 'InvalidUrl')
  if (url.username !== '' || url.password !== '')
    throw refused('a URL has no user and password here: give them as the field Authorization', 'InvalidUrl')
  if (url.origin !== origin) throw refused(`this pool is connected to ${origin}, not to ${nameUrl(url)}`, 'InvalidUrl')
  const { href, hash } = url
  const below = href.startsWith(base) ? href.slice(base.length) : null
  if (below === null || !/^(?:[/?#]|$)/.test(below)) throw refused('the path of this URL is not below the base path of the pool', 'InvalidUrl')
  const end = href.length - hash.length
  return { url: href.slice(0, end), path: href.slice(base.length, end) }
}

/** The whole body, within the signal and the limit of the request; a source that is too slow is stopped. */
export async function wholeBody(
  { clock, timeout }: Pick<FetchPlace, 'clock' | 'timeout'>,
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | null,
): Promise<Uint8Array> {
  const since = clock.now()
  const reader = body.getReader()
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
      if (done) return joined(pieces)
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

/** Pieces of a body in one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
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
export function buildFetch(writer: RequestWriter, { method, fields }: FetchRequest, path: string, body: string | Uint8Array | null): HttpRequest {
  const begin = (): RequestBuilder => {
    const builder = writer.request(method, path) as RequestBuilder
    let asks = writer.hasDefault(asksItself)
    for (const [name, value] of fields) {
      if (!OWN.has(name)) builder.headerOfBytes(name, value)
      asks ||= asksItself(name)
    }
    // Here, it costs no copy of the request.
    if (!asks) builder.headerOfBytes('Accept-Encoding', ACCEPTED_CODINGS)
    return builder
  }
  if (body === null) return begin().finish()
  try {
    return begin().body(body).finish()
  } catch (error) {
    if (!(error instanceof EncodeError) || error.code !== 'RequestTooLarge') throw error
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    return begin().stream(once(bytes), bytes.length).finish()
  }
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body
}

/** The error for a response that cannot be given. */
export function unusable(response: OwnedResponse, message: string): RestError {
  return new RestError('ResponseInvalid', message, { fault: 'remote', requestSent: 'fully', phase: 'body', response })
}

function bodyError(code: 'RequestTimeout' | 'RequestBodyFailed', message: string, elapsed: number, cause?: unknown): RestError {
  const options = { fault: 'local', requestSent: 'nothing', phase: 'send', elapsed } as const
  return new RestError(code, `${message}; nothing was sent`, cause === undefined ? options : { ...options, cause })
}
