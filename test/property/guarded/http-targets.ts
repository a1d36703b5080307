/** What can be done with the HTTP side of the codec, right and wrong, in any order. */

import { STEP_DATA, STEP_FAILED, STEP_MORE } from '../../../assembly/abi.ts'
import type { BorrowedHead, HeadSource } from '../../../src/codec/http/borrowed-head.ts'
import { ChunkedDecoder } from '../../../src/codec/http/chunked-decoder.ts'
import { HttpMessages } from '../../../src/codec/http/messages.ts'
import type { BodySource, Request } from '../../../src/codec/http/request.ts'
import { type RequestHead, RequestReader } from '../../../src/codec/http/request-reader.ts'
import { RequestWriter } from '../../../src/codec/http/request-writer.ts'
import type { RestResponse } from '../../../src/codec/http/response.ts'
import { ResponseReader } from '../../../src/codec/http/response-reader.ts'
import { CodecTools } from '../../../src/codec/ws/tools.ts'
import type { Random } from '../../reference/random.ts'
import type { Bench } from './bench.ts'
import { around, hostileBytes, hostileNumber, hostileText, put } from './hostile.ts'

const CAPACITIES = [1_024, 1_025, 1_087, 1_088, 2_000, 4_096]

function limits(random: Random, capacity: number): Record<string, number> {
  const some: Record<string, number> = {}
  if (random.oneIn(3)) some['maxHeadSize'] = random.pick([16, 64, 200, capacity - 1, capacity])
  if (random.oneIn(3)) some['maxHeaders'] = random.pick([1, 2, 5, 100])
  if (random.oneIn(3)) some['maxBodySize'] = random.pick([0, 1, 60, capacity, 5_000])
  if (random.oneIn(3)) some['maxTrailerSize'] = random.pick([0, 2, 16, 200])
  if (random.oneIn(3)) some['maxChunkExtension'] = random.pick([0, 2, 16])
  return some
}

function lookAtHead(bench: Bench, name: string, head: BorrowedHead<HeadSource>): void {
  const { random } = bench
  switch (random.below(5)) {
    case 0:
      bench.attempt(`${name}.headers`, () => [head.version, head.headers().flat()])
      break
    case 1:
      bench.attempt(
        `${name}.header`,
        () => head.header(random.oneIn(3) ? (hostileText(random) as string) : random.pick(['date', 'ETag', 'x'])),
        TypeError,
      )
      break
    case 2:
      bench.attempt(`${name}.headerBytes`, () => head.headerBytes(random.pick(['date', 'ETag', 'x', '']))?.slice())
      break
    case 3:
      bench.attempt(`${name}.fieldName`, () => head.fieldName(hostileNumber(random, head.headerCount) as number), RangeError, TypeError)
      break
    default:
      bench.attempt(`${name}.fieldValue`, () => head.fieldValue(around(random, head.headerCount)), RangeError)
  }
}

function lookAtResponse(bench: Bench, name: string, response: RestResponse<unknown>): void {
  bench.attempt(`${name}.status`, () => [response.status, response.reason, response.bodyLength])
  bench.attempt(`${name}.body`, () => response.body.slice())
  lookAtHead(bench, name, response)
  if (bench.random.oneIn(3)) bench.attempt(`${name}.text`, () => response.text())
  if (bench.random.oneIn(3)) bench.attempt(`${name}.trailers`, () => response.trailers().flat())
  if (bench.random.oneIn(6)) bench.attempt(`${name}.toOwned`, () => response.toOwned().text())
}

export function responseReader(bench: Bench): void {
  const { random, codec, wires } = bench
  const capacity = random.pick(CAPACITIES)
  const options = { capacity, ...limits(random, capacity) }
  const reader = new ResponseReader(codec, options)
  let source = random.pick(wires.responses)
  let wire = source.bytes
  let kept: RestResponse<unknown> | null = null
  const another = (): void => {
    source = random.pick(wires.responses)
    wire = source.bytes
  }
  const usesTargets = random.oneIn(2)
  let turn: 0 | 1 = 0
  /** As a connection does it: a request, then reads into the targets in turn. */
  const exchange = (): void => {
    if (bench.attempt('begin', () => reader.begin(source.method) ?? true) === undefined) reader.reset()
    const streams = random.oneIn(3)
    if (streams) reader.streaming = true
    for (let reads = 0; wire.length > 0 && reads < 40; reads++) {
      const piece = wire.subarray(0, 1 + random.below(Math.min(capacity, wire.length)))
      wire = wire.subarray(piece.length)
      reader.targets()[turn].set(piece)
      let code = bench.attempt('commit', () => reader.commit(turn, piece.length)) as number
      turn = turn === 0 ? 1 : 0
      for (let steps = 0; code > STEP_MORE && code < STEP_FAILED && steps < 2_000; steps++) {
        if (code === STEP_DATA) bench.attempt('data', () => reader.u8.slice(reader.dataAddress, reader.dataAddress + reader.dataLength))
        else lookAtCurrent()
        const isWhole = code === 4
        if (isWhole) return
        code = bench.attempt('advance', () => reader.advance()) as number
      }
      if (code === STEP_FAILED) return
    }
    bench.attempt('end', () => reader.end())
  }
  const lookAtCurrent = (): void => {
    const response = bench.attempt('response', () => reader.response)
    if (response === undefined) return
    lookAtResponse(bench, 'response', response)
    kept = response
  }
  for (let step = random.below(24); step > 0; step--) {
    if (wire.length === 0) another()
    switch (random.below(11)) {
      case 0:
      case 1:
      case 2: {
        if (usesTargets) {
          exchange()
          if (reader.error !== null) reader.reset()
          another()
          break
        }
        const piece = wire.subarray(0, around(random, Math.min(capacity, wire.length)))
        if (bench.attempt('read', () => reader.read(piece) ?? true)) wire = wire.subarray(piece.length)
        break
      }
      case 3: {
        if (usesTargets) break
        const spare = bench.room('spare', () => reader.spare())
        if (spare === undefined) break
        const length = around(random, Math.min(spare.length, wire.length))
        put(spare, wire, length)
        if (bench.attempt('filled', () => reader.filled(length) ?? true)) wire = wire.subarray(length)
        break
      }
      case 4:
        if (!usesTargets) bench.attempt('begin', () => reader.begin(random.pick([source.method, 'GET', hostileText(random) as string])), TypeError)
        break
      case 5:
      case 6: {
        if (usesTargets) break
        const response = bench.attempt('next', () => reader.next())
        if (response === null || response === undefined) break
        lookAtResponse(bench, 'response', response)
        kept = response
        break
      }
      case 7:
        if (kept !== null) lookAtResponse(bench, 'kept', kept)
        break
      case 8:
        if (!usesTargets) bench.attempt('read', () => reader.read(hostileBytes(random, around(random, capacity)) as Uint8Array))
        break
      case 9:
        if (!usesTargets) bench.attempt('filled', () => reader.filled(hostileNumber(random, capacity) as number))
        break
      default:
        if (random.oneIn(3)) bench.attempt('end', () => reader.end())
        else if (random.oneIn(2)) bench.attempt('reset', () => reader.reset())
    }
    bench.note('reader', [reader.error, reader.surplus, reader.reusable, reader.keepAliveTimeout, reader.keepAliveMax])
  }
  reader.release()
  const next = new ResponseReader(codec, options)
  for (let step = random.below(6); step > 0; step--) {
    switch (random.below(7)) {
      case 0:
        bench.attempt('released.reset', () => reader.reset())
        break
      case 1:
        bench.attempt('released.read', () => reader.read(random.bytes(3)))
        break
      case 2:
        bench.attempt('released.begin', () => reader.begin('GET'))
        break
      case 3:
        bench.attempt('released.next', () => reader.next())
        break
      case 4:
        bench.attempt('released.end', () => reader.end())
        break
      case 5:
        bench.attempt('released.filled', () => reader.filled(1))
        break
      default:
        if (kept !== null) lookAtResponse(bench, 'stale', kept)
    }
  }
  next.begin('GET')
  next.read(new TextEncoder().encode('HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi'))
  bench.note('the next owner', next.next()?.text())
  next.release()
}

export function requestReader(bench: Bench): void {
  const { random, codec, wires } = bench
  const capacity = random.pick(CAPACITIES)
  const options = { capacity, ...limits(random, capacity) }
  const reader = new RequestReader(codec, options)
  let wire = random.pick(wires.requests)
  let kept: RequestHead | null = null
  const look = (name: string, head: RequestHead): void => {
    bench.attempt(`${name}.line`, () => [head.method, head.target, head.framing, head.contentLength, head.keepAlive])
    lookAtHead(bench, name, head)
  }
  for (let step = random.below(40); step > 0; step--) {
    if (wire.length === 0) wire = random.pick(wires.requests)
    switch (random.below(11)) {
      case 0:
      case 1:
      case 2: {
        const piece = wire.subarray(0, around(random, Math.min(capacity, wire.length)))
        if (bench.attempt('read', () => reader.read(piece) ?? true)) wire = wire.subarray(piece.length)
        break
      }
      case 3: {
        const spare = bench.room('spare', () => reader.spare())
        if (spare === undefined) break
        const length = around(random, Math.min(spare.length, wire.length))
        put(spare, wire, length)
        if (bench.attempt('filled', () => reader.filled(length) ?? true)) wire = wire.subarray(length)
        break
      }
      case 4:
      case 5: {
        const head = bench.attempt('next', () => reader.next())
        if (head === null || head === undefined) break
        look('head', head)
        kept = head
        break
      }
      case 6:
        bench.attempt('remainder', () => reader.remainder.slice())
        break
      case 7: {
        const length = random.oneIn(3)
          ? hostileNumber(random, reader.bodyRemaining)
          : around(random, Math.min(reader.bodyRemaining, reader.remainder.length))
        bench.attempt('consume', () => reader.consume(length as number, random.oneIn(2)))
        break
      }
      case 8:
        if (kept !== null) look('kept', kept)
        break
      case 9:
        if (random.oneIn(2)) bench.attempt('read', () => reader.read(hostileBytes(random, around(random, capacity)) as Uint8Array))
        else bench.attempt('filled', () => reader.filled(hostileNumber(random, capacity) as number))
        break
      default:
        if (random.oneIn(3)) bench.attempt('reset', () => reader.reset())
    }
    bench.note('reader', [reader.error, reader.bodyRemaining, reader.isMidMessage])
  }
  reader.release()
  const next = new RequestReader(codec, options)
  next.read(new TextEncoder().encode('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  for (let step = random.below(6); step > 0; step--) {
    switch (random.below(8)) {
      case 0:
        bench.attempt('released.reset', () => reader.reset())
        break
      case 1:
        bench.attempt('released.read', () => reader.read(random.bytes(3)))
        break
      case 2:
        bench.attempt('released.filled', () => reader.filled(1))
        break
      case 3:
        bench.attempt('released.remainder', () => reader.remainder.slice())
        break
      case 4:
        bench.attempt('released.consume', () => reader.consume(0))
        break
      case 5:
        bench.attempt('released.next', () => reader.next())
        break
      case 6:
        bench.room('released.spare', () => reader.spare())
        break
      default:
        if (kept !== null) look('stale', kept)
    }
  }
  bench.note('the next owner', next.next()?.target)
  next.release()
}

export function requestWriter(bench: Bench): void {
  const { random, codec } = bench
  const writeBufferCapacity = random.pick(CAPACITIES)
  const string = (limit: number): string =>
    random.oneIn(8)
      ? (hostileText(random) as string)
      : random.pick(['a', 'b', '%', ' ', '\u00e9', '\u{1f600}', '\ud800']).repeat(random.oneIn(3) ? around(random, limit) : random.below(30))
  const name = (): string => (random.oneIn(4) ? string(40) : random.pick(['X-A', 'Accept', 'x', 'Content-Length', 'Host']))
  const ascii = (limit: number): string => (random.oneIn(5) ? string(limit) : 'v'.repeat(random.oneIn(3) ? around(random, limit) : random.below(40)))
  const defaults = Array.from({ length: random.below(3) }, () => [random.pick(['X-K', 'Host', 'A']), 'v'.repeat(random.pick([0, 10, 300]))] as const)
  const writer = bench.attempt(
    'new',
    () => new RequestWriter(codec, 'a.example', { writeBufferCapacity, basePath: random.pick(['', '/v3', '/a/']), defaultHeaders: defaults }),
  )
  if (writer === undefined) return
  let kept: Request | null = null
  const fill = (writable: Uint8Array): number => {
    const length = around(random, Math.min(writable.length, 200))
    writable.set(random.bytes(Math.min(length, writable.length)))
    if (random.oneIn(8)) writer.get('/again')
    return (random.oneIn(4) ? hostileNumber(random, writable.length) : length) as number
  }
  for (let step = random.below(12); step > 0; step--) {
    const method = random.oneIn(6) ? string(40) : random.pick(['GET', 'POST', 'PUT', 'OPTIONS', 'X-Y'])
    const path = random.oneIn(4)
      ? string(writeBufferCapacity)
      : random.pick(['/', '/a?b=c', '*', `/${'p'.repeat(around(random, writeBufferCapacity))}`])
    const builder = bench.attempt('request', () => writer.request(method, path), TypeError)
    if (builder === undefined) continue
    let isGoing = true
    const go = (what: string, action: () => unknown): void => {
      if (isGoing && bench.attempt(what, action, TypeError) === undefined) isGoing = random.oneIn(2)
    }
    for (let n = random.below(4); n > 0; n--) {
      if (random.oneIn(3)) go('queryRaw', () => builder.queryRaw(string(writeBufferCapacity)))
      else go('query', () => builder.query(string(20), random.oneIn(4) ? (hostileNumber(random, 9) as number) : string(writeBufferCapacity)))
    }
    for (let n = random.below(4); n > 0; n--) go('header', () => builder.header(name(), ascii(writeBufferCapacity)))
    const size = around(random, random.pick([0, 9, 99, 999, writeBufferCapacity - 200, writeBufferCapacity]))
    switch (random.below(8)) {
      case 0:
        go('body', () => builder.body(string(size)))
        break
      case 1:
        go('body', () => builder.body(random.bytes(size)))
        break
      case 2:
        go('body', () => builder.body(hostileBytes(random, size) as Uint8Array))
        break
      case 3:
        go('bodyWriter', () => builder.bodyWriter(fill))
        break
      case 4:
        go('bodyFixed', () => builder.bodyFixed((random.oneIn(4) ? hostileNumber(random, size) : size) as number, fill))
        break
      case 5:
        go('stream', () =>
          builder.stream(NO_CHUNKS, random.oneIn(2) ? undefined : ((random.oneIn(3) ? hostileNumber(random, size) : size) as number)),
        )
        break
      default:
    }
    const request = bench.attempt('finish', () => builder.finish(), TypeError)
    if (request !== undefined) {
      bench.attempt('bytes', () => request.bytes.slice())
      bench.attempt('line', () => [request.method, request.target])
      if (random.oneIn(3)) bench.attempt('overwriteHeader', () => request.overwriteHeader(name(), ascii(40)).bytes.slice(), TypeError)
      if (request.isStreaming) {
        for (let n = random.below(4); n > 0; n--) {
          bench.attempt('encodeChunk', () => writer.encodeChunk(random.bytes(around(random, writer.chunkRoom))).slice(), RangeError)
        }
        bench.attempt('lastChunk', () => writer.lastChunk().slice())
      }
      bench.assert(
        request.bytes.length <= writeBufferCapacity,
        `a request of ${request.bytes.length} bytes is over the buffer's ${writeBufferCapacity}`,
      )
      kept = request
    } else if (kept !== null) {
      const stale = kept
      bench.attempt('stale', () => stale.bytes.slice())
    }
    if (random.oneIn(4))
      bench.attempt(
        'defaultHeader',
        () => void writer.defaultHeader(name(), random.oneIn(4) ? 'v'.repeat(around(random, 16_384)) : ascii(100)),
        TypeError,
      )
    if (random.oneIn(6)) bench.attempt('setBasePath', () => void writer.setBasePath(string(20)), TypeError)
  }
  writer.release()
  const next = new RequestWriter(codec, 'a.example', { writeBufferCapacity })
  const { bytes } = next.get('/next').finish()
  const builder = random.oneIn(2) ? kept : null
  for (let step = random.below(5); step > 0; step--) {
    switch (random.below(5)) {
      case 0:
        bench.attempt('released.defaultHeader', () => void writer.defaultHeader('X-Late', 'v'))
        break
      case 1:
        bench.attempt('released.request', () => writer.get('/late').finish().bytes.slice())
        break
      case 2:
        bench.attempt('released.setBasePath', () => void writer.setBasePath('/late'))
        break
      case 3:
        if (builder !== null) bench.attempt('released.overwriteHeader', () => void builder.overwriteHeader('X-A', 'v'))
        break
      default:
        if (builder !== null) bench.attempt('released.bytes', () => builder.bytes.slice())
    }
  }
  bench.note('the next owner', bytes.slice())
  next.release()
}

export function chunkedDecoder(bench: Bench): void {
  const { random, codec, wires } = bench
  const { maxHeadSize: _, ...options } = limits(random, 1_024)
  const decoder = new ChunkedDecoder(codec, options)
  for (let bodies = 1 + random.below(3); bodies > 0; bodies--) {
    let wire: Uint8Array<ArrayBufferLike> = random.pick(wires.bodies)
    for (let step = 0; step < 40 && wire.length > 0; step++) {
      const input = wire.slice(0, random.oneIn(4) ? wire.length : 1 + random.below(wire.length))
      const output = random.oneIn(3) ? input : new Uint8Array(around(random, random.pick([1, 20, input.length, 16_384])))
      const hostile = random.oneIn(12)
      const done = bench.attempt('decode', () =>
        hostile
          ? decoder.decode(hostileBytes(random, around(random, 100)) as Uint8Array, hostileBytes(random, around(random, 100)) as Uint8Array)
          : decoder.decode(input, output),
      )
      if (hostile || done === undefined) break
      bench.note('output', output.slice(0, done.produced))
      bench.assert(done.consumed <= input.length && done.produced <= output.length, `${JSON.stringify(done)} of ${input.length} and ${output.length}`)
      wire = wire.subarray(done.consumed)
      if (done.consumed === 0 && done.produced === 0 && output.length > 0) break
    }
    bench.note('decoder', [decoder.isDone, decoder.error, decoder.totalDecoded])
    bench.attempt('trailers', () => decoder.trailers().flat())
    if (random.oneIn(2)) bench.attempt('reset', () => decoder.reset())
  }
  decoder.release()
  const next = new ChunkedDecoder(codec, options)
  bench.attempt('released.decode', () => decoder.decode(random.bytes(3), new Uint8Array(3)))
  bench.attempt('released.reset', () => decoder.reset())
  bench.attempt('released.trailers', () => decoder.trailers().flat())
  const output = new Uint8Array(8)
  bench.note('the next owner', next.decode(new TextEncoder().encode('0\r\n\r\n'), output))
  next.release()
}

export function messagesAndMasking(bench: Bench): void {
  const { random } = bench
  const { messages, tools } = toolsOf(bench)
  const value = (): string =>
    random.oneIn(5) ? (hostileText(random) as string) : 'v'.repeat(random.oneIn(8) ? around(random, 65_000) : random.below(60))
  for (let step = 1 + random.below(6); step > 0; step--) {
    const headers = Array.from({ length: random.below(4) }, () => [random.pick(['X-A', 'Host', 'a b', '']), value()] as const)
    switch (random.below(6)) {
      case 0:
      case 1: {
        const target = random.oneIn(3) ? value() : '/'
        const size = bench.attempt('requestSize', () => messages.requestSize('GET', target, headers), TypeError) ?? 40
        const output = random.oneIn(6)
          ? (hostileBytes(random, size) as Uint8Array)
          : new Uint8Array(Math.max(0, size + random.pick([0, 0, 0, 1, -1])))
        const written = bench.attempt('writeRequest', () => messages.writeRequest('GET', target, headers, output), TypeError)
        if (written !== undefined && output instanceof Uint8Array)
          bench.attempt('head', () => Uint8Array.prototype.slice.call(output, 0, written), TypeError)
        break
      }
      case 2: {
        const status = random.oneIn(3) ? (hostileNumber(random, 999) as number) : random.pick([99, 100, 200, 999, 1_000])
        const reason = value()
        const size = bench.attempt('responseSize', () => messages.responseSize(status, reason, headers), TypeError) ?? 40
        const output = new Uint8Array(Math.max(0, size + random.pick([0, 0, 1, -1])))
        const written = bench.attempt('writeResponse', () => messages.writeResponse(status, reason, headers, output), TypeError)
        if (written !== undefined) bench.note('head', output.slice(0, written))
        break
      }
      case 3: {
        // 64 KiB pass through memory at a time.
        const length = around(random, random.pick([3, 16, 64, 65_536, 131_072]))
        const bytes = random.oneIn(4) ? (hostileBytes(random, Math.min(length, 300)) as Uint8Array) : random.bytes(Math.min(length, 70_000))
        const key = random.oneIn(6) ? (hostileBytes(random, 4) as Uint8Array) : random.bytes(random.pick([4, 4, 4, 3, 5]))
        const offset = (random.oneIn(4) ? hostileNumber(random, 4) : random.below(9)) as number
        bench.attempt('applyMask', () => tools.applyMask(bytes, key, offset), TypeError)
        if (ArrayBuffer.isView(bytes)) bench.note('masked', plain(bytes))
        break
      }
      case 4:
        bench.attempt('acceptKey', () => tools.acceptKey(random.oneIn(2) ? (hostileText(random) as string) : 'dGhlIHNhbXBsZSBub25jZQ=='), TypeError)
        break
      default: {
        const seed = random.word()
        bench.attempt('generateKey', () => tools.generateKey((bytes) => bytes.fill(seed)))
      }
    }
  }
}

const parts = Object.getPrototypeOf(Uint8Array.prototype) as object
const partOf = (view: object, name: string): unknown => Reflect.get(parts, name, view)

/** The bytes of a typed array, whatever its own members say. */
function plain(view: ArrayBufferView): Uint8Array {
  if (view instanceof DataView || partOf(view, 'byteLength') === 0) return new Uint8Array(0)
  return new Uint8Array(partOf(view, 'buffer') as ArrayBuffer, partOf(view, 'byteOffset') as number, partOf(view, 'byteLength') as number)
}

/** What a body is streamed from; nobody asks it. */
const NO_CHUNKS: BodySource = { [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }) }

/** They have a region for life: one of each for a codec. */
const kept = new WeakMap<object, { messages: HttpMessages; tools: CodecTools }>()

function toolsOf({ codec }: Bench): { messages: HttpMessages; tools: CodecTools } {
  let of = kept.get(codec)
  if (of === undefined) {
    of = { messages: new HttpMessages(codec), tools: new CodecTools(codec) }
    kept.set(codec, of)
  }
  return of
}
