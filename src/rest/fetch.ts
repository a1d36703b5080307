/** The global `fetch`, over a pool. */

import { RestError, UsageError } from '../errors.ts'
import { checkSignal } from '../option-rules.ts'
import type { PoolRequestOptions } from './options.ts'
import type { OwnedHttpResponse } from './response.ts'

/** Who sends. */
interface Requester {
  request(method: string, path: string, options: PoolRequestOptions): Promise<OwnedHttpResponse>
}

/** Statuses whose responses have no body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([101, 103, 204, 205, 304])
/** Fields that the connection sees to itself. */
const OWN = new Set(['connection', 'host', 'content-length', 'transfer-encoding', 'keep-alive', 'expect', 'te', 'upgrade'])

/** Sends what `input` and `init` say, as the Fetch standard reads them, and makes a `Response` of the answer. */
export async function poolFetch(
  pool: Requester,
  { origin, basePath }: { readonly origin: string; readonly basePath: string },
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<Response> {
  const base = origin + basePath
  const signal = signalOf(input, init)
  if (signal?.aborted) throw signal.reason
  // A `Request` with a signal would listen to it for as long as it is not collected: the pool does so while it needs to.
  const request = new Request(typeof input === 'string' && input.startsWith('/') ? base + input : input, { ...init, signal: null })
  const { href, hash } = new URL(request.url)
  if (!href.startsWith(`${base}/`)) throw new UsageError('InvalidUrl', `this pool is connected to ${base}/, which ${href} is not below`)
  const path = href.slice(base.length, href.length - hash.length)
  const headers = [...request.headers].filter(([name]) => !OWN.has(name))
  const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer())
  try {
    const response = await pool.request(request.method, path, { headers, body, signal })
    return standardResponse(response)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (error instanceof RestError) throw new TypeError('fetch failed', { cause: error })
    throw error
  }
}

/** The signal of `init`, or else of the `Request`. Throws a `TypeError` for what is none, as `fetch` does. */
function signalOf(input: string | URL | Request, init: RequestInit | undefined): AbortSignal | undefined {
  try {
    return checkSignal('signal', init?.signal === undefined ? (input as Partial<Request>).signal : init.signal)
  } catch (error) {
    throw error instanceof UsageError ? new TypeError(error.message, { cause: error }) : error
  }
}

function standardResponse(response: OwnedHttpResponse): Response {
  const { status, reason } = response
  const body = NULL_BODY.has(status) ? null : (response.body as Uint8Array<ArrayBuffer>)
  return new Response(body, { status, statusText: reason, headers: response.headers() as [string, string][] })
}
