/** A request from an object of options, for `pool.request` and `pool.fetch`. */

import type { Fields } from '../codec/http/fields.ts'
import type { Request } from '../codec/http/request.ts'
import type { HeadersPhase, QueryPhase } from '../codec/http/request-phases.ts'
import type { RequestWriter } from '../codec/http/request-writer.ts'
import type { PoolRequestOptions } from './options.ts'

const NONE: Fields = []

/** Builds a request in `writer`, from a method, a path and options that were judged: query and headers are pairs by then. Throws what its `finish` throws. */
export function buildRequest(
  writer: RequestWriter,
  method: string,
  path: string,
  { query, headers, body }: Pick<PoolRequestOptions, 'query' | 'headers' | 'body'>,
): Request {
  let builder: QueryPhase = writer.begin(method, path, null)
  for (const [name, value] of (query ?? NONE) as Fields) builder = builder.query(name, value)
  let phase: HeadersPhase = builder
  for (const [name, value] of (headers ?? NONE) as Fields) phase = phase.header(name, value)
  return body === undefined ? phase.finish() : phase.body(body).finish()
}
