/** What the well-behaved HTTP server answers: `node:http` and `node:https` with everything said by the path, the same for all of them. */

import { createHash } from 'node:crypto'
import type http from 'node:http'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import type { Records } from './rest-records.ts'

/** What is gzipped: its bytes must come through as they are. */
export const GZIPPED = 'these bytes are compressed, and whoever asked for them gets them compressed'

/** Ways to compress. */
const PACKED: Readonly<Record<string, (bytes: Buffer) => Buffer[]>> = {
  gzip: (bytes) => [gzipSync(bytes)],
  'x-gzip': (bytes) => [gzipSync(bytes, { level: 1 })],
  members: (bytes) => [bytes.subarray(0, 16_361), bytes.subarray(16_361)].map((part) => gzipSync(part, { level: 0 })),
  deflate: (bytes) => [deflateSync(bytes)],
  raw: (bytes) => [deflateRawSync(bytes)],
}

/** `length` bytes of a pattern in which every position differs from its neighbours. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8)) & 255
  return bytes
}

/** Answers one request. */
export async function answer(request: http.IncomingMessage, response: http.ServerResponse, records: Records): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const query = url.searchParams
  const record = records.of(query.get('id') ?? '')
  record.requests++
  record.notify()
  const number = (name: string): number => Number(query.get(name))
  switch (url.pathname) {
    case '/saw': {
      const body = await read(request)
      const { method, url: target, rawHeaders, rawTrailers, httpVersion } = request
      const sha1 = createHash('sha1').update(body).digest('hex')
      return json(response, { method, target, rawHeaders, rawTrailers, httpVersion, length: body.length, sha1, port: request.socket.remotePort })
    }
    case '/mirror': {
      const body = await read(request)
      if (!query.has('chunked')) response.setHeader('Content-Length', body.length)
      const step = number('chunked') || body.length
      for (let at = 0; at < body.length; at += step) response.write(body.subarray(at, at + step))
      response.end()
      return
    }
    case '/bytes': {
      const bytes = pattern(number('n'))
      if (!query.has('chunked')) response.setHeader('Content-Length', bytes.length)
      // Given to `end` alone, node:http would tell its length.
      if (request.method !== 'HEAD') response.write(bytes)
      response.end()
      return
    }
    case '/status':
      response.writeHead(number('code'), { 'X-Code': String(number('code')), Location: '/elsewhere' }).end()
      return
    case '/fields':
      // Date, Connection, Keep-Alive and Content-Length are node:http's own.
      for (let i = 0; i < number('n'); i++) response.appendHeader(`X-Field-${i}`, String(i))
      response.setHeader('Set-Cookie', ['a=1', 'b=2'])
      response.end('x')
      return
    case '/trailers':
      response.setHeader('Trailer', 'X-Sum, X-Count')
      response.write('part one, ')
      response.write('part two')
      response.addTrailers([
        ['X-Sum', 'abc'],
        ['X-Count', '2'],
      ])
      response.end()
      return
    case '/interim':
      response.writeContinue()
      response.writeProcessing()
      response.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => response.end('final'))
      return
    case '/close':
      response.setHeader('Connection', 'close')
      response.end('the last')
      return
    case '/gzip':
      response.setHeader('Content-Encoding', 'gzip')
      response.end(gzipSync(GZIPPED))
      return
    case '/packed': {
      // Compressed as the path says, when the request asks for that.
      const bytes = pattern(number('n'))
      if (!/\bgzip\b/.test(String(request.headers['accept-encoding']))) return void response.end(bytes)
      const as = query.get('as') ?? 'gzip'
      const whole = Buffer.concat(PACKED[as]?.(bytes) ?? [])
      response.setHeader('Content-Encoding', as === 'gzip' || as === 'members' ? 'gzip' : as === 'x-gzip' ? as : 'deflate')
      const packed = whole.subarray(0, whole.length - number('short'))
      if (!query.has('chunked')) response.setHeader('Content-Length', packed.length)
      for (let at = 0; at < packed.length; at += 10_000) response.write(packed.subarray(at, at + 10_000))
      response.end()
      return
    }
    case '/hold': // answers when it is told to
      await record.until(() => record.released > 0)
      record.released--
      response.end(query.get('id'))
      return
    case '/never':
      return
    case '/flood': // one piece after the other, each when the one before has left this process
      return flood(response, number('n'), record)
    case '/sink': // reads nothing before it is told to
      await record.until(() => record.released > 0)
      for await (const chunk of request) {
        record.received += (chunk as Buffer).length
        record.notify()
      }
      response.end(String(record.received))
      return
    default:
      await read(request)
      response.end('ok')
  }
}

async function read(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function json(response: http.ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(value))
}

function flood(response: http.ServerResponse, total: number, record: ReturnType<Records['of']>): void {
  response.setHeader('Content-Length', total)
  const piece = Buffer.alloc(65_536, 0x7a)
  const next = (): void => {
    if (record.flushed === total) {
      response.end()
      return
    }
    const bytes = piece.subarray(0, total - record.flushed)
    response.write(bytes, (error) => {
      if (error) return
      record.flushed += bytes.length
      record.notify()
      next()
    })
  }
  next()
}
