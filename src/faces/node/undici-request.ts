/** The options of a dispatch of undici's, as a request of ours. */

import { Buffer } from 'node:buffer'
import { stringify } from 'node:querystring'
import type { BodySource, Request } from '../../codec/http/request.ts'
import type { RequestBuilder } from '../../codec/http/request-builder.ts'
import type { RequestWriter } from '../../codec/http/request-writer.ts'
import { EncodeError } from '../../errors.ts'
import { undiciError } from './undici-errors.ts'

/** Options of undici's `dispatch`; those of its other functions pass through it. */
export interface DispatchOptions {
  origin?: string | URL | undefined
  path: string
  method: string
  body?: unknown
  headers?: unknown
  query?: Record<string, unknown> | undefined
  upgrade?: boolean | string | null | undefined
  reset?: boolean | null | undefined
  headersTimeout?: number | null | undefined
  bodyTimeout?: number | null | undefined
  [other: string]: unknown
}

/** A request that was read. */
export interface ReadRequest {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** All of it, or what makes it. */
  readonly body: string | Uint8Array | BodySource | null
  /** Bytes of a body that is made; undefined when it is sent in chunks. */
  readonly length: number | undefined
  /** The connection is not used again. */
  readonly reset: boolean
}

/** As undici has it: visible characters and Latin-1. */
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const PLAIN_ORIGIN = /^https?:\/\/[^/?#@]+$/

interface Fields {
  readonly list: [name: string, value: string][]
  length: number | null
  reset: boolean
}

/** Where a dispatcher leads that has one place alone. */
export interface Place {
  readonly origin: string
  /** What its pool puts before each path. */
  readonly basePath: string
}

/** Throws undici's errors. @param place null for any origin */
export function readRequest(options: DispatchOptions, place: Place | null): ReadRequest {
  const { method, path, query, throwOnError, maxRedirections, reset } = options
  if (typeof path !== 'string' || path[0] !== '/') throw invalid('path must start with a slash')
  if (throwOnError) throw invalid('throwOnError is not supported: use the responseError interceptor')
  if (maxRedirections) throw invalid('maxRedirections is not supported: use the redirect interceptor')
  const target = originOf(options.origin ?? place?.origin ?? null)
  if (place !== null && target !== place.origin) throw invalid(`this dispatcher is connected to ${place.origin} alone`)
  const fields: Fields = { list: [], length: null, reset: reset === true }
  readFields(fields, options.headers, target)
  const { body, length, type } = readBody(options.body)
  if (type !== '' && !fields.list.some(([name]) => name.toLowerCase() === 'content-type')) fields.list.push(['content-type', type])
  if (length !== undefined && fields.length !== null && fields.length !== length) {
    if (body !== null || fields.length !== 0) throw undiciError('RequestContentLengthMismatchError')
  }
  return {
    origin: target,
    method,
    path: below(place?.basePath ?? '', query ? withQuery(path, query) : path),
    fields: fields.list,
    body,
    length: length ?? fields.length ?? undefined,
    reset: fields.reset,
  }
}

/** In a slot's memory. A body that has no room there is sent from where it is. */
export function buildRequest(writer: RequestWriter, { method, path, fields, body, length }: ReadRequest): Request {
  const begin = (): RequestBuilder => {
    const builder = writer.request(method, path) as RequestBuilder
    for (const [name, value] of fields) builder.headerOfBytes(name, value)
    return builder
  }
  if (body === null) return begin().finish()
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return begin().stream(body, length).finish()
  try {
    return begin().body(body).finish()
  } catch (error) {
    if (!(error instanceof EncodeError) || error.code !== 'RequestTooLarge') throw error
    return begin()
      .stream(each([body]), Buffer.byteLength(body))
      .finish()
  }
}

function originOf(origin: string | URL | null): string {
  const text = origin instanceof URL ? origin.origin : origin
  if (typeof text !== 'string' || text === '') throw invalid('opts.origin must be a non-empty string or URL.')
  if (PLAIN_ORIGIN.test(text)) return text
  // The error of `URL` has the text in it, and that may have a password.
  if (!URL.canParse(text)) throw invalid('opts.origin must be a URL')
  return new URL(text).origin
}

/** The part of a path that its pool does not put there. */
function below(basePath: string, path: string): string {
  const rest = path.slice(basePath.length)
  if (!path.startsWith(basePath) || !/^(?:[/?]|$)/.test(rest)) throw invalid('path must be below the base path of the pool')
  return rest
}

function withQuery(path: string, query: Record<string, unknown>): string {
  if (path.includes('?') || path.includes('#')) throw new Error('Query params cannot be passed when url already contains "?" or "#".')
  const text = stringify(query as Record<string, string>)
  return text === '' ? path : `${path}?${text}`
}

/** A list of names and values in turn, pairs, or an object. */
function readFields(fields: Fields, headers: unknown, origin: string): void {
  if (headers === undefined || headers === null) return
  if (typeof headers !== 'object') throw invalid('headers must be an object or an array')
  if (Array.isArray(headers)) {
    if (headers.length % 2 !== 0) throw invalid('headers array must be even')
    for (let i = 0; i < headers.length; i += 2) readField(fields, headers[i], headers[i + 1], origin)
  } else if (Symbol.iterator in headers) {
    for (const pair of headers as Iterable<unknown>) {
      if (!Array.isArray(pair) || pair.length !== 2) throw invalid('headers must be in key-value pair format')
      readField(fields, pair[0], pair[1], origin)
    }
  } else {
    for (const name of Object.keys(headers)) readField(fields, name, (headers as Record<string, unknown>)[name], origin)
  }
}

function readField(fields: Fields, name: unknown, value: unknown, origin: string): void {
  if (typeof name !== 'string') throw invalid('invalid header key')
  if (value === undefined) return
  if (Array.isArray(value)) {
    for (const one of value) readField(fields, name, one, origin)
    return
  }
  if (typeof value === 'object' && value !== null) throw invalid(`invalid ${name} header`)
  const text = typeof value === 'string' ? value : value === null ? '' : `${value as string}`
  if (NO_VALUE.test(text)) throw invalid(`invalid ${name} header`)
  switch (name.toLowerCase()) {
    case 'host':
      if (text.toLowerCase() !== new URL(origin).host) throw undiciError('NotSupportedError', 'the host header is that of the origin')
      return
    case 'content-length':
      if (!/^\d{1,15}$/.test(text)) throw invalid('invalid content-length header')
      if (fields.length !== null) throw invalid('duplicate content-length header')
      fields.length = Number(text)
      return
    case 'connection':
      if (!/^(?:close|keep-alive)$/i.test(text)) throw invalid('invalid connection header')
      fields.reset ||= text.length === 5
      return
    case 'transfer-encoding':
    case 'keep-alive':
    case 'upgrade':
      throw invalid(`invalid ${name} header`)
    case 'expect':
      throw undiciError('NotSupportedError', 'expect header not supported')
    default:
      fields.list.push([name, text])
  }
}

/** `length`: 0 for none, undefined for one that is made. `type`: what it says of itself. */
function readBody(body: unknown): Pick<ReadRequest, 'body' | 'length'> & { readonly type: string } {
  if (body === undefined || body === null) return { body: null, length: 0, type: '' }
  if (typeof body === 'string') return { body: body === '' ? null : body, length: Buffer.byteLength(body), type: '' }
  const bytes = bytesOf(body)
  if (bytes !== null) return { body: bytes.length === 0 ? null : bytes, length: bytes.length, type: '' }
  if (typeof body === 'object') {
    if (body instanceof Blob) return { body: body.stream(), length: body.size, type: body.type }
    if ((body as Blob)[Symbol.toStringTag as never] === 'FormData') {
      // One of undici's own, or of the platform.
      const form = new FormData()
      for (const [name, value] of body as Iterable<[string, string]>) form.append(name, value)
      const { headers, body: encoded } = new Response(form)
      return { body: encoded as unknown as BodySource, length: undefined, type: headers.get('content-type') ?? '' }
    }
    if (Symbol.asyncIterator in body) return { body: body as BodySource, length: undefined, type: '' }
    if (Symbol.iterator in body) return { body: each(body as Iterable<string>), length: undefined, type: '' }
  }
  throw invalid('body must be a string, a Buffer, a Readable stream, an iterable, or an async iterable')
}

function bytesOf(body: unknown): Uint8Array | null {
  if (body instanceof Uint8Array) return body
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
  return body instanceof ArrayBuffer ? new Uint8Array(body) : null
}

async function* each<T>(pieces: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* pieces
}

function invalid(message: string): Error {
  return undiciError('InvalidArgumentError', message)
}
