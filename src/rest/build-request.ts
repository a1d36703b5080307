/** A request from an object of options, for `pool.request` and `pool.fetch`. */

import { pairsOf } from '../codec/http/fields.ts'
import type { Request } from '../codec/http/request.ts'
import type { HeadersPhase, QueryPhase } from '../codec/http/request-phases.ts'
import type { RequestWriter } from '../codec/http/request-writer.ts'
import type { PoolRequestOptions } from './options.ts'

/** Builds a request in `writer`, with a method and a path that were judged. Throws what its `finish` throws. */
export function buildRequest(
  writer: RequestWriter,
  method: string,
  path: string,
  { query, headers, body }: Pick<PoolRequestOptions, 'query' | 'headers' | 'body'>,
): Request {
  let builder: QueryPhase = writer.begin(method, path, null)
  for (const [name, value] of pairsOf(query, 'query')) builder = builder.query(name, value)
  let phase: HeadersPhase = builder
  for (const [name, value] of pairsOf(headers, 'headers')) phase = phase.header(name, value)
  return body === undefined ? phase.finish() : phase.body(body).finish()
}
