/** The `fetch` of the Fetch standard over pools, one for each origin. */

import { RestError } from '../errors.ts'
import { type Family, integer, readOptions, timeLimit, withDefaults } from '../option-rules.ts'
import type { ClientPool } from '../rest/client-pool.ts'
import { fetchFailure, REDIRECT, wholeBody } from '../rest/fetch.ts'
import { answerOf, discard, sendFetch } from '../rest/fetch-exchange.ts'
import { type FetchRequest, readFetch, refused } from '../rest/fetch-request.ts'
import { CLOSE_OPTIONS, type ClientPoolOptions, POOL_OPTIONS } from '../rest/options.ts'
import { readUrl } from '../url.ts'
import { Agent } from './agent.ts'

/** Options of {@link createFetch}: those of the pools that it opens, and how many. */
export interface CreateFetchOptions
  extends Omit<ClientPoolOptions, 'basePath' | 'decompress' | 'defaultHeaders' | 'keepWarm' | 'lazy' | 'signal' | 'socketPath'> {
  /** Connections for each origin, opened with its first request, 1 to 10,000. Default 4. */
  connections?: number | undefined
  /** Milliseconds for a call, its redirects and the whole body of its response, 0 to 2^31 - 1; 0 is no limit. Default 300,000. */
  timeout?: number | undefined
  /** Most origins that have connections at a time, 1 to 10,000; the one that was idle for longest gives way to another. Default 100. */
  maxOrigins?: number | undefined
  /** Milliseconds without a request after which an origin's connections are closed, 0 to 2^31 - 1; 0 is never. Default 4,000. */
  originTimeout?: number | undefined
}

/** A `fetch`, and its end. */
export interface PooledFetch {
  /** As the global `fetch`. */
  (input: string | URL | Request, init?: RequestInit): Promise<Response>
  /**
   * Closes all connections; those with a request under way, or a body that nobody has read, when it is complete. Later calls reject.
   *
   * @param options `timeout`: ms after which those are cut, too; 0, the default, is never
   */
  close(options?: { timeout?: number | undefined }): Promise<void>
  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Makes a {@link PooledFetch}. */
export type CreateFetch = (options?: CreateFetchOptions) => PooledFetch

const { basePath: _1, decompress: _2, defaultHeaders: _3, keepWarm: _4, lazy: _5, signal: _6, socketPath: _7, ...OF_POOLS } = POOL_OPTIONS

/** What a `fetch` may be made with. Fields for all requests are not among them: a redirect would take them to another origin. */
export const FETCH_OPTIONS: Family<CreateFetchOptions> = {
  ...OF_POOLS,
  connections: integer(1, 10_000, 'connections', 4),
  timeout: timeLimit(300_000),
  maxOrigins: integer(1, 10_000, 'origins', 100),
  originTimeout: timeLimit(4_000),
}

/** Fetch standard, HTTP-redirect fetch: one more is an error. */
const MAX_REDIRECTS = 20
/** Fields of a body, which go with it (Fetch standard, "request-body-header name"). */
const OF_BODY: ReadonlySet<string> = new Set(['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length'])
/** Fields that are meant for one origin. */
const OF_ORIGIN: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'host'])

/** Where a request goes. */
interface Target {
  readonly origin: string
  /** Path and query. */
  readonly path: string
  /** Without fragment. */
  readonly url: string
}

/** `createFetch` over the pools of a runtime. */
export function createFetchOver(Pool: typeof ClientPool): CreateFetch {
  return (given) => {
    const { maxOrigins, originTimeout, ...options } = withDefaults(FETCH_OPTIONS, readOptions(FETCH_OPTIONS, given)) as Required<CreateFetchOptions>
    const agent = new Agent(Pool, options as ClientPoolOptions, { maxOrigins: maxOrigins as number, originTimeout: originTimeout as number })
    const close = async (given?: { timeout?: number | undefined }): Promise<void> => agent.close(readOptions(CLOSE_OPTIONS, given))
    return Object.assign((input: string | URL | Request, init?: RequestInit) => follow(agent, options.timeout as number, input, init), {
      close,
      [Symbol.asyncDispose]: () => close(),
    })
  }
}

async function follow(agent: Agent, timeout: number, input: string | URL | Request, init: RequestInit | undefined): Promise<Response> {
  const { clock } = agent
  const since = clock.now()
  const left = (): number => (timeout === 0 ? 0 : Math.max(1, since + timeout - clock.now()))
  const fetching = readFetch(input, init, targetOf)
  const { redirect, signal } = fetching
  let { target, request } = fetching
  // The standard sends nothing again that only a stream has.
  const isStream = init?.body instanceof ReadableStream
  try {
    let body = request.body instanceof ReadableStream ? await wholeBody({ clock, timeout }, request.body, signal) : request.body
    for (let redirects = 0; ; redirects++) {
      const { origin, path, url } = target
      const exchange = await sendFetch(await agent.lease(origin, signal), request, path, body, left(), signal).catch((error: unknown) => {
        if (error instanceof RestError && error.code === 'PoolClosed') agent.forget(origin)
        throw error
      })
      const { head } = exchange.response
      const location = redirect !== 'manual' && REDIRECT.has(head.status) ? head.header('location') : null
      if (location === null && !(redirect === 'error' && REDIRECT.has(head.status))) return await answerOf(exchange, url, redirects > 0, signal)
      const { status } = head
      discard(exchange)
      if (redirect === 'error') throw new TypeError("fetch failed: the server redirects, which redirect: 'error' refuses")
      if (redirects === MAX_REDIRECTS) throw new TypeError(`fetch failed: more than ${MAX_REDIRECTS} redirects`)
      const next = targetOf(resolve(location as string, url))
      if (dropsBody(status, request.method)) {
        request = { method: 'GET', fields: request.fields.filter(([name]) => !OF_BODY.has(name)), body: null }
        body = null
      } else if (isStream && status !== 303)
        throw new TypeError(`fetch failed: a body that is a stream cannot be sent again for a redirect (${status})`)
      if (next.origin !== origin) request = { ...request, fields: request.fields.filter(([name]) => !OF_ORIGIN.has(name)) }
      target = next
    }
  } catch (error) {
    throw fetchFailure(error, signal)
  }
}

/** Does a redirect of that status make a GET of it? */
function dropsBody(status: number, method: FetchRequest['method']): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD'
  return (status === 301 || status === 302) && method === 'POST'
}

/** Its text is not part of the error: it is the server's. */
function resolve(location: string, base: string): URL {
  try {
    return new URL(location, base)
  } catch {
    throw new TypeError('fetch failed: the server redirects to what is no URL')
  }
}

function targetOf(input: string | URL): Target {
  const url = readUrl(input)
  if (typeof url === 'string') throw refused(`the URL ${url}`, 'InvalidUrl')
  const { hash, href, origin, pathname, protocol, search } = url
  if (protocol !== 'http:' && protocol !== 'https:') throw refused('fetch goes to http:// and https:// URLs alone', 'InvalidUrl')
  if (url.username !== '' || url.password !== '')
    throw refused('a URL has no user and password here: give them as the field Authorization', 'InvalidUrl')
  return { origin, path: pathname + search, url: href.slice(0, href.length - hash.length) }
}
