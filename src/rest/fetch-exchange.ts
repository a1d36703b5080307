/** A request of a `fetch` whose response is read as it arrives, and the `Response` that it becomes. */

import { OwnedResponse } from '../codec/http/response.ts'
import type { ClientPool } from './client-pool.ts'
import { buildFetch, fetchFailure, joined, unusable } from './fetch.ts'
import type { FetchRequest } from './fetch-request.ts'
import { FetchedResponse, hasNoBody } from './fetched-response.ts'
import type { StreamedResponse } from './streamed-response.ts'

/** The use of a pool for one exchange. */
export interface PoolLease {
  readonly pool: ClientPool
  /** The exchange is over. */
  done(): void
}

/** A response whose head was received. */
export interface FetchExchange {
  readonly lease: PoolLease
  readonly response: StreamedResponse
  readonly method: string
  /** The body was read to its end, or is given up. Called once. */
  release(): void
}

/** Bodies up to this length are read before the promise resolves: they are there already, or nearly so, and the connection is free for others. */
const SMALL = 65_536

/** Sends; resolves when the head was received. Ends the lease when it rejects. */
export async function sendFetch(
  lease: PoolLease,
  request: FetchRequest,
  path: string,
  body: string | Uint8Array | null,
  timeout: number,
  signal: AbortSignal | null,
): Promise<FetchExchange> {
  try {
    const slot = await lease.pool.acquire({ timeout, signal: signal ?? undefined })
    const release = (): void => {
      slot.release()
      lease.done()
    }
    try {
      const sent = buildFetch(slot.writer, request, path, body)
      const response = await slot.sendStreaming(sent, { timeout, decompress: true, signal: signal ?? undefined })
      return { lease, response, method: request.method, release }
    } catch (error) {
      slot.release()
      throw error
    }
  } catch (error) {
    lease.done()
    throw error
  }
}

/** Nobody wants its body. */
export function discard({ response, release }: FetchExchange): void {
  response.cancel()
  release()
}

/** The response: with its whole body when that is short or was received with the head, otherwise with a stream that holds the connection until it has ended or is cancelled. */
export async function answerOf(exchange: FetchExchange, url: string, isRedirected: boolean, signal: AbortSignal | null): Promise<Response> {
  const { lease, response, method, release } = exchange
  const { head } = response
  const { status, reason } = head
  if (status > 599) {
    const owned = head.toOwned()
    discard(exchange)
    throw unusable(owned, `the status of the response is ${status}, and a Response takes none over 599`)
  }
  const length = head.header('content-length')
  if (response.isWhole || method === 'HEAD' || hasNoBody(status) || (length !== null && Number(length) <= SMALL)) {
    const fields = head.headers()
    const { version } = head
    try {
      const body = await allOf(response)
      return lease.pool._$fetching.respond(new OwnedResponse(status, reason, version, fields, [], body), url, isRedirected)
    } finally {
      release()
    }
  }
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const piece = await response.read()
          if (piece !== null) return controller.enqueue(piece as Uint8Array<ArrayBuffer>)
          controller.close()
        } catch (error) {
          controller.error(fetchFailure(error, signal))
        }
        release()
      },
      cancel: () => discard(exchange),
    },
    { highWaterMark: 0 },
  )
  return new FetchedResponse(body, { status, statusText: reason, headers: head.headers() }, url, isRedirected)
}

async function allOf(response: StreamedResponse): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for (let piece = await response.read(); piece !== null; piece = await response.read()) pieces.push(piece)
  return joined(pieces)
}
