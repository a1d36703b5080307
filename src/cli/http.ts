/** `http`: one request, and its response. */

import { Buffer } from 'node:buffer'
import { open } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { type HeadersPhase, HttpConnection, RequestWriter, type RestResponse } from '../entry/node.ts'
import type { Arguments, Option } from './arguments.ts'
import { COMMON_OPTIONS, CONNECTION_OPTIONS, type Command, dialOptions, type Session, SIZE_MAX } from './command.ts'
import { Exit, UsageFailure } from './exit-codes.ts'
import { ms } from './format.ts'

/** Bytes of a request that is not streamed, in addition to its body. */
const HEAD_ROOM = 32_768

/** The body of a request. */
export const DATA: Option = { value: 'text', help: 'the body; the method is POST then, unless it is given' }

/** The command. */
export const http: Command = {
  operands: '[<method>] <url>',
  arity: [1, 2],
  summary: 'send a request, print the response',
  description: `Sends one HTTP/1.1 request and prints the body of the response as it comes. Redirects are not followed, and
bodies not decompressed: what you see is what was sent.`,
  options: {
    ...CONNECTION_OPTIONS,
    data: DATA,
    'data-file': { value: 'file', help: 'the body from a file; - is stdin' },
    include: { short: 'i', help: 'print status line and fields, in their order and case' },
    timings: { short: 't', help: 'how long each phase took, on stderr' },
    fail: { short: 'f', help: `exit with ${Exit.status} when the status is 400 or more` },
    ...COMMON_OPTIONS,
  },
  examples: [
    'http get https://exchange.example/v3/ticker --timings',
    `http post https://exchange.example/v3/orders -H 'Content-Type: application/json' --data '{"id":"o-5"}' -i --fail`,
  ],
  run,
}

/** Where a request goes, and what it says. */
export interface Target {
  /** The server, without user and password. */
  readonly url: URL
  readonly method: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** The body, when it is known. */
  readonly body: string | Uint8Array | undefined
}

/** The target of a command line. */
export function targetOf(args: Arguments, url: string, method: string | undefined): Target {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new UsageFailure('that is not an HTTP URL; expected something like https://host:port/path')
  }
  const fields = args.fields('header')
  const names = new Set(fields.map(([name]) => name.toLowerCase()))
  const { username, password } = parsed
  if (username !== '' || password !== '') {
    const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`)
    if (!names.has('authorization')) fields.unshift(['Authorization', `Basic ${credentials.toString('base64')}`])
    parsed.username = parsed.password = ''
  }
  if (!names.has('accept')) fields.unshift(['Accept', '*/*'])
  if (!names.has('user-agent')) fields.unshift(['User-Agent', 'nexus-async-net'])
  const hasBody = args.has('data') || args.has('data-file')
  if (args.has('data') && args.has('data-file')) throw new UsageFailure('--data and --data-file exclude each other')
  return { url: parsed, method: method?.toUpperCase() ?? (hasBody ? 'POST' : 'GET'), fields, body: args.text('data') }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new UsageFailure('user or password of the URL are not valid percent-encoding')
  }
}

/** Begins the request to a target. */
export function begin(writer: RequestWriter, { url, method, fields }: Target): HeadersPhase {
  let request: HeadersPhase = writer.request(method, `${url.pathname}${url.search}`)
  for (const [name, value] of fields) request = request.header(name, value)
  return request
}

/** A writer with room for a body. */
export function writerFor({ url, body = '' }: Target): RequestWriter {
  const room = HEAD_ROOM + Buffer.byteLength(body)
  if (room > 2 ** 24) throw new UsageFailure('a body of more than 16 MB comes from --data-file')
  return new RequestWriter(url.host, { writeBufferCapacity: room })
}

async function run({ args, output, stop }: Session): Promise<number> {
  const verbose = args.has('verbose')
  const [first = '', second] = args.operands
  const target = targetOf(args, second ?? first, second === undefined ? undefined : first)
  const timeout = args.time('timeout')
  const path = args.text('data-file')
  const upload = path === undefined ? null : await openBody(path)
  const writer = writerFor(target)
  const request = begin(writer, target)
  const finished = upload !== null ? request.stream(upload.source, upload.length) : target.body === undefined ? request : request.body(target.body)
  const message = finished.finish()

  const started = performance.now()
  const connection = await HttpConnection.connect(target.url, { ...dialOptions(args), signal: stop, maxBodySize: SIZE_MAX })
  const connected = performance.now()
  if (verbose) {
    output.note(`connected to ${connection.remoteAddress ?? 'the server'}`, true)
    output.note(
      Buffer.from(message.bytes.subarray(0, message.length - message.body.length))
        .toString()
        .replaceAll('\r\n', '\n')
        .trimEnd(),
      true,
    )
  }
  const response = await connection.sendStreaming(message, {
    // Of one time for everything, what is left.
    timeout: timeout === undefined ? 0 : Math.max(1, timeout - (connected - started)),
    signal: stop,
    onInterim: ({ status }) => output.note(`interim response ${status}`, verbose),
  })
  const { status, head } = response
  const reason = head.reason
  if (args.has('include')) await output.write(Buffer.from(output.shown(headText(head, output.isTerminal)), 'latin1'))
  const decoder = output.isTerminal ? new TextDecoder() : null
  for (let piece = await response.read(); piece !== null; piece = await response.read()) {
    await output.write(decoder === null ? piece : output.shown(decoder.decode(piece, { stream: true })))
  }
  if (args.has('timings')) {
    const { firstByte, total } = head.timings
    const phases = { connect: connected - started, 'first byte': firstByte, body: total - firstByte, total: connected - started + total }
    for (const [name, time] of Object.entries(phases)) output.note(`${name.padEnd(10)} ${ms(time).padStart(10)}`, true)
  }
  await connection.close()
  if (status < 400 || !args.has('fail')) return Exit.ok
  output.fail(`HTTP status ${status} ${reason}`.trimEnd())
  return Exit.status
}

/** Status line and fields as received, byte for byte as far as the library reports them. */
function headText(head: RestResponse, isTerminal: boolean): string {
  const text = `HTTP/${head.version} ${head.status} ${head.reason}\r\n${head
    .headers()
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`
  return isTerminal ? text.replaceAll('\r\n', '\n') : text
}

/** A body from a file, whose length is known, or from stdin. */
async function openBody(path: string): Promise<{ source: AsyncIterable<Uint8Array>; length: number | undefined }> {
  if (path === '-') return { source: process.stdin, length: undefined }
  try {
    const file = await open(path)
    const stat = await file.stat()
    return { source: file.createReadStream(), length: stat.isFile() ? stat.size : undefined }
  } catch (error) {
    throw new UsageFailure(`--data-file: ${(error as Error).message}`)
  }
}
