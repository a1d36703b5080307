/** No message costs more than work in proportion to its bytes, however it is cut: steps are counted, not timed. */

import { beforeAll, describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { type Counted, counted } from '../reference/counted.ts'
import { latin1Bytes } from '../reference/linear.ts'

let codec: Counted
beforeAll(async () => {
  codec = await counted()
}, 60_000)

const RECORD = 4_096
const CHUNKED = RECORD + abi.INCOMING_BYTES
const TABLE = 8_192
const TRAILER_TABLE = 32_768
const TRAILER = 65_536
const TARGETS = [262_144, 786_432]
const STORE = 1_310_720
const ROOM = 524_288

function reset(): void {
  codec.u8.fill(0, RECORD, RECORD + 512)
  for (const [offset, value] of [
    [abi.HEAD_FIELDS, TABLE],
    [abi.HEAD_FIELD_CAPACITY, 1_000],
    [abi.INCOMING_STATE, abi.INCOMING_IN_HEAD],
    [abi.INCOMING_STORE, STORE],
    [abi.INCOMING_STORE_BYTES, ROOM],
    [abi.INCOMING_MAX_HEAD, ROOM],
    [abi.INCOMING_MAX_BODY, 2 ** 30],
    [abi.INCOMING_BYTES + abi.HEAD_FIELDS, TRAILER_TABLE],
    [abi.INCOMING_BYTES + abi.HEAD_FIELD_CAPACITY, 1_000],
    [abi.INCOMING_BYTES + abi.CHUNKED_MAX_EXTENSION, 2 ** 20],
    [abi.INCOMING_BYTES + abi.CHUNKED_TRAILER, TRAILER],
    [abi.INCOMING_BYTES + abi.CHUNKED_MAX_TRAILER, 131_072],
  ] as const) {
    codec.view.setUint32(RECORD + offset, value, true)
  }
  codec.codec.chunkedReset(CHUNKED)
}

/** Steps to read a whole response that comes in pieces of this size. */
function response(wire: string, size: number, last: number = abi.STEP_COMPLETE): number {
  reset()
  const bytes = latin1Bytes(wire)
  let code = -1
  const steps = codec.steps(() => {
    for (let at = 0, turn = 0; at < bytes.length; at += size, turn = 1 - turn) {
      const piece = bytes.subarray(at, at + size)
      codec.u8.set(piece, TARGETS[turn] as number)
      code = codec.codec.incomingCommit(RECORD, TARGETS[turn] as number, piece.length)
      while (code === abi.STEP_INTERIM || code === abi.STEP_DATA) code = codec.codec.incomingParse(RECORD)
    }
  })
  expect(code).toBe(last)
  return steps
}

function request(wire: string, size: number): number {
  reset()
  const bytes = latin1Bytes(wire)
  const slab = TARGETS[0] as number
  codec.u8.set(bytes, slab)
  codec.view.setUint32(RECORD + abi.INCOMING_INPUT, slab, true)
  let code = -1
  const steps = codec.steps(() => {
    for (let at = 0; at < bytes.length; at += size) {
      codec.view.setUint32(RECORD + abi.INCOMING_TAIL, slab + Math.min(bytes.length, at + size), true)
      code = codec.codec.requestParse(RECORD)
    }
  })
  expect(code).toBe(abi.STEP_HEAD)
  return steps
}

const OK = 'HTTP/1.1 200 OK\r\n'
const shapes: [name: string, wire: (n: number) => string, last?: number][] = [
  ['one long value', (n) => `${OK}A: ${'x'.repeat(n)}\r\nContent-Length: 0\r\n\r\n`],
  ['many fields', (n) => `${OK}${'A: b\r\n'.repeat(n / 16)}Content-Length: 0\r\n\r\n`],
  ['one value folded many times', (n) => `${OK}A: b\r\n${' \r\n'.repeat(n / 3)}Content-Length: 0\r\n\r\n`],
  ['one long list in Connection', (n) => `${OK}Connection: ${'a,'.repeat(n / 2)}\r\nContent-Length: 0\r\n\r\n`],
  ['one long list in Keep-Alive', (n) => `${OK}Keep-Alive: ${'max=1,'.repeat(n / 6)}\r\nContent-Length: 0\r\n\r\n`],
  ['one long number', (n) => `${OK}Content-Length: ${'0'.repeat(n)}\r\n\r\n`],
  ['a large body', (n) => `${OK}Content-Length: ${n}\r\n\r\n${'x'.repeat(n)}`],
  ['a large body until close', (n) => `${OK}\r\n${'x'.repeat(n)}`, abi.STEP_MORE],
  ['many small chunks', (n) => `${OK}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(n / 6)}0\r\n\r\n`],
  ['one long extension', (n) => `${OK}Transfer-Encoding: chunked\r\n\r\n0;a=${'x'.repeat(n)}\r\n\r\n`],
  ['many extensions', (n) => `${OK}Transfer-Encoding: chunked\r\n\r\n0${';a'.repeat(n / 2)}\r\n\r\n`],
  ['one long trailer', (n) => `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nA: ${'x'.repeat(n)}\r\n\r\n`],
  ['many trailers', (n) => `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n${'A: b\r\n'.repeat(n / 16)}\r\n`],
  ['many interim responses', (n) => `${`HTTP/1.1 103 X\r\nA: ${'x'.repeat(n / 16)}\r\n\r\n`.repeat(15)}${OK}Content-Length: 0\r\n\r\n`],
]

/** The slope in a log-log plot: 1 is linear, 2 is quadratic. */
const exponent = (few: number, many: number, factor: number): number => Math.log(many / few) / Math.log(factor)

describe.each(shapes)('a response with %s', (_, wire, last) => {
  test.each([1, 3, 100, 100_000])('costs linear work in pieces of %d bytes', (size) => {
    const few = response(wire(1_500), size, last)
    const many = response(wire(12_000), size, last)
    expect(exponent(few, many, 8)).toBeLessThan(1.1)
  })
  test('costs about as much byte by byte as whole', () => {
    const text = wire(6_000)
    // A call, its checks and the copy of one byte, for each byte.
    expect(response(text, 1, last)).toBeLessThan(response(text, 100_000, last) + 120 * text.length)
  })
})

describe('a request head with', () => {
  test.each<[string, (n: number) => string]>([
    ['one long target', (n) => `GET /${'x'.repeat(n)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['one long value', (n) => `GET / HTTP/1.1\r\nHost: a\r\nA: ${'x'.repeat(n)}\r\n\r\n`],
    ['many fields', (n) => `GET / HTTP/1.1\r\nHost: a\r\n${'A: b\r\n'.repeat(n / 16)}\r\n`],
  ])('%s costs linear work, also byte by byte', (_, wire) => {
    for (const size of [1, 3, 100, 100_000]) {
      expect(exponent(request(wire(1_500), size), request(wire(12_000), size), 8), `pieces of ${size}`).toBeLessThan(1.1)
    }
  })
})

test('the counter counts: a scan that begins anew each time is found out', () => {
  const scan = (n: number): number => {
    codec.u8.fill(0x61, TARGETS[0], (TARGETS[0] as number) + n)
    return codec.steps(() => {
      for (let length = 1; length <= n; length++) codec.codec.headScan(TARGETS[0] as number, length, 0)
    })
  }
  expect(exponent(scan(500), scan(4_000), 8)).toBeGreaterThan(1.7)
})
