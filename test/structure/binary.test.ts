/** The compiled codec: what it asks for, what it offers, and what it keeps. Nothing. */

import { readFileSync } from 'node:fs'
import binaryen from 'binaryen'
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { SHARED_CODEC } from '../../src/codec/binary-shared.ts'
import { type CodecExports, codecBytes, compileCodec, derivedBinary } from '../../src/codec/module.ts'
import { frame } from '../reference/frames.ts'
import { FREE, type Linear, linear } from '../reference/linear.ts'

const bytes = codecBytes(CODEC_TEXT)
const module = compileCodec(CODEC_TEXT)

const EXPORTS: readonly (keyof CodecExports)[] = [
  'abiVersion',
  'chunkedDecode',
  'chunkedReset',
  'handshakeAccept',
  'handshakeKey',
  'headScan',
  'incomingCommit',
  'incomingParse',
  'isAsciiRun',
  'maskCopy',
  'parseRequestHead',
  'parseResponseHead',
  'putContentLength',
  'putEndOfHead',
  'putField',
  'putRequestLine',
  'putStatusLine',
  'putUpgradeRequestFields',
  'putUpgradeResponse',
  'readerColumns',
  'readerCommit',
  'readerCompact',
  'readerParse',
  'readerReset',
  'requestCompact',
  'requestParse',
  'rotateKey',
  'sealField',
  'sealRequestLine',
  'utf8Validate',
  'writeFrame',
  'writeHeader',
]

test('it imports the memory, and nothing else', () => {
  expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }])
})

test('it exports these functions, and nothing else', () => {
  expect(
    WebAssembly.Module.exports(module)
      .map(({ name, kind }) => `${kind} ${name}`)
      .sort(),
  ).toEqual(EXPORTS.map((name) => `function ${name}`))
})

test('it is at most 24 KiB', () => {
  expect(bytes.length).toBeLessThanOrEqual(24 * 1024)
})

test('it runs nothing when it is instantiated', () => {
  const binary = binaryen.readBinary(bytes)
  expect(binary.getStart()).toBe(0)
  binary.dispose()
})

test('it has no global that could change', () => {
  const binary = binaryen.readBinary(bytes)
  const mutable = Array.from({ length: binary.getNumGlobals() }, (_, i) => binaryen.getGlobalInfo(binary.getGlobalByIndex(i))).filter(
    (g) => g.mutable,
  )
  expect(mutable).toEqual([])
  binary.dispose()
})

test('it never grows memory', () => {
  const binary = binaryen.readBinary(bytes)
  expect(binary.emitText()).not.toMatch(/memory\.grow/)
  binary.dispose()
})

/** Calls every export, with what keeps it busy. */
function exercise({ codec, put, u8, view }: Linear): Set<string> {
  const called = new Set<string>()
  const run = new Proxy(codec, {
    get: (target, name: string) => {
      called.add(name)
      return target[name as keyof CodecExports]
    },
  })
  const RECORD = FREE
  const TABLE = FREE + 256
  const SLAB = FREE + 16_384
  for (const role of [abi.ROLE_CLIENT, abi.ROLE_SERVER]) {
    view.setUint32(RECORD + abi.READER_START, SLAB, true)
    view.setUint32(RECORD + abi.READER_END, SLAB + 8_192, true)
    view.setUint32(RECORD + abi.READER_TABLE, TABLE, true)
    view.setUint32(RECORD + abi.READER_TABLE_CAPACITY, 1_024, true)
    view.setUint32(RECORD + abi.READER_ROLE, role, true)
    view.setUint32(RECORD + abi.READER_IN_PLACE_LIMIT, 8_192, true)
    view.setBigUint64(RECORD + abi.READER_MAX_FRAME, 1_000n, true)
    view.setBigUint64(RECORD + abi.READER_MAX_MESSAGE, 1_000n, true)
    run.readerReset(RECORD)
    const key = role === abi.ROLE_SERVER ? [1, 2, 3, 4] : undefined
    let at = SLAB
    for (const shape of [
      { opcode: 1, payload: [0x61, 0xc3, 0xa9] },
      { opcode: 1, fin: false, payload: [0xf0] },
      { opcode: 9, payload: [1] },
      { opcode: 0, payload: [0x9f, 0x98, 0x80] },
      { opcode: 2, payload: new Uint8Array(300) },
      { opcode: 8, payload: [3, 232, 0x61] },
    ]) {
      at += put(at, frame({ ...shape, key }))
    }
    run.readerCommit(RECORD, SLAB, at - SLAB)
    expect(run.readerParse(RECORD)).toBe(6)
    expect(run.readerColumns(TABLE, 6, SLAB, TABLE + 8_192, TABLE + 12_288, SLAB + 8_192)).toBe(1)
    run.readerCompact(RECORD)
  }

  const HEAD = FREE + 65_536
  const OUT = FREE + 80_000
  const SCRATCH = FREE + 90_048
  const HEAD_RECORD = FREE + 100_032
  view.setUint32(HEAD_RECORD + abi.HEAD_FIELDS, HEAD_RECORD + 64, true)
  view.setUint32(HEAD_RECORD + abi.HEAD_FIELD_CAPACITY, 32, true)
  put(OUT, new Uint8Array(16))
  run.handshakeKey(OUT + 100, OUT)
  run.handshakeAccept(OUT + 200, OUT + 100, 24, SCRATCH)
  const response = put(HEAD, 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n')
  run.headScan(HEAD, response, 0)
  expect(run.parseResponseHead(HEAD_RECORD, HEAD, response)).toBe(3)
  const request = put(
    HEAD,
    'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  expect(run.parseRequestHead(HEAD_RECORD, HEAD, request)).toBe(5)
  run.putUpgradeResponse(OUT + 300, OUT + 600, OUT + 100, SCRATCH)
  run.putUpgradeRequestFields(OUT + 600, OUT + 1_000, OUT + 100)
  put(OUT, 'name')
  run.putRequestLine(OUT + 1_000, OUT + 1_100, OUT, 4, OUT, 4)
  run.putStatusLine(OUT + 1_100, OUT + 1_200, 200, OUT, 4)
  run.putField(OUT + 1_200, OUT + 1_300, OUT, 4, OUT, 4)
  run.putEndOfHead(OUT + 1_300, OUT + 1_400)
  run.writeHeader(OUT + 1_400, OUT + 1_500, 0x81, 5, 1, 7)
  run.writeFrame(OUT + 1_500, OUT + 2_000, OUT, 100, 0x82, 1, 7)
  run.maskCopy(OUT, OUT, 100, 7)
  run.utf8Validate(0, OUT, 100)
  run.isAsciiRun(OUT, 100)
  run.rotateKey(7, 1)

  const LINE = OUT + 2_000
  put(LINE, 'GET /')
  put(LINE + 500, 'Name: value')
  expect(run.sealRequestLine(LINE, 3, LINE + 5, LINE + 500, OUT, 4)).toBe(LINE + 5 + 11 + 4)
  expect(run.sealField(LINE + 500, 4, LINE + 511, LINE + 600)).toBe(LINE + 513)
  expect(run.putContentLength(LINE + 600, LINE + 700, 10)).toBe(LINE + 622)

  const INCOMING = FREE + 110_016
  const CHUNKED = INCOMING + abi.INCOMING_BYTES
  const STORE = FREE + 120_000
  for (const [offset, value] of [
    [abi.HEAD_FIELDS, INCOMING + 512],
    [abi.HEAD_FIELD_CAPACITY, 8],
    [abi.INCOMING_STATE, abi.INCOMING_IN_HEAD],
    [abi.INCOMING_STORE, STORE],
    [abi.INCOMING_STORE_BYTES, 2_048],
    [abi.INCOMING_MAX_HEAD, 1_024],
    [abi.INCOMING_MAX_BODY, 1_024],
    [abi.INCOMING_BYTES + abi.HEAD_FIELDS, INCOMING + 1_024],
    [abi.INCOMING_BYTES + abi.HEAD_FIELD_CAPACITY, 8],
    [abi.INCOMING_BYTES + abi.CHUNKED_MAX_EXTENSION, 16],
    [abi.INCOMING_BYTES + abi.CHUNKED_TRAILER, INCOMING + 2_048],
    [abi.INCOMING_BYTES + abi.CHUNKED_MAX_TRAILER, 256],
  ] as const) {
    view.setUint32(INCOMING + offset, value, true)
  }
  const chunks = '2;a="b"\r\nhi\r\n0\r\nT: x\r\n\r\n'
  const chunked = put(HEAD, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5, max=9\r\n\r\n${chunks}`)
  expect(run.incomingCommit(INCOMING, HEAD, 50)).toBe(abi.STEP_MORE)
  expect(run.incomingCommit(INCOMING, HEAD + 50, chunked - 50)).toBe(abi.STEP_COMPLETE)
  expect(run.incomingParse(INCOMING)).toBe(abi.STEP_COMPLETE)
  view.setUint32(INCOMING + abi.INCOMING_STATE, abi.INCOMING_IN_HEAD, true)
  view.setUint32(INCOMING + abi.INCOMING_INPUT, HEAD, true)
  view.setUint32(INCOMING + abi.INCOMING_TAIL, HEAD + put(HEAD, 'GET / HTTP/1.1\r\nHost: a\r\n\r\nrest'), true)
  expect(run.requestParse(INCOMING)).toBe(abi.STEP_HEAD)
  run.requestCompact(INCOMING)
  put(HEAD, chunks)
  run.chunkedReset(CHUNKED)
  expect(run.chunkedDecode(CHUNKED, HEAD, HEAD + chunks.length, OUT, OUT + 100)).toBe(abi.CHUNKS_DONE)
  run.abiVersion()
  expect(u8.length).toBe(4 * 65_536)
  return called
}

describe('its own memory', () => {
  test('is below the first region, and is never written', () => {
    const memory = linear()
    const before = memory.get(0, FREE)
    expect(before.some((byte) => byte !== 0)).toBe(true)
    const called = exercise(memory)
    expect([...called].sort()).toEqual(EXPORTS)
    expect(memory.get(0, FREE)).toEqual(before)
  })
  test('is the same in a second instance over memory that is in use, so nothing is reset under the first', () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    new WebAssembly.Instance(module, { env: { memory } })
    const before = new Uint8Array(memory.buffer.slice(0))
    new Uint8Array(memory.buffer).fill(0x5a, FREE)
    new WebAssembly.Instance(module, { env: { memory } })
    const after = new Uint8Array(memory.buffer)
    expect(after.subarray(0, FREE)).toEqual(before.subarray(0, FREE))
    expect(after.subarray(FREE).every((byte) => byte === 0x5a)).toBe(true)
  })
})

test('over shared memory it is the same code: what is put together from the two parts is what was compiled', () => {
  const shared = derivedBinary(SHARED_CODEC, CODEC_TEXT)
  expect(Buffer.compare(Buffer.from(shared), readFileSync(new URL('../../build/codec-shared.wasm', import.meta.url)))).toBe(0)
  expect(shared.length - SHARED_CODEC.tail).toBeLessThan(1_000)
})
