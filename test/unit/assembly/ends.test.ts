/** Whatever the codec writes to a place that its caller names ends there: one byte of room less than needed, and nothing is written. */

import { expect, test } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { FREE, linear } from '../../reference/linear.ts'

const { codec, put, u8, view } = linear()
const AT = FREE + 4_096
const INPUT = FREE + 16_384
const SCRATCH = FREE + 24_576

/** Each with the bytes that it writes; what gives no address gives a length. */
const WRITERS: readonly (readonly [name: string, bytes: number, write: (end: number) => number, gives: 'address' | 'length'])[] = [
  ['putRequestLine', 16, (end) => codec.putRequestLine(AT, end, INPUT, 3, INPUT + 3, 1), 'address'],
  ['putStatusLine', 17, (end) => codec.putStatusLine(AT, end, 200, INPUT, 2), 'address'],
  ['putField', 9, (end) => codec.putField(AT, end, INPUT, 3, INPUT, 2), 'address'],
  ['putEndOfHead', 2, (end) => codec.putEndOfHead(AT, end), 'address'],
  ['putContentLength', 22, (end) => codec.putContentLength(AT, end, 10), 'address'],
  ['putContentLength of 2^32 - 1', 30, (end) => codec.putContentLength(AT, end, 2 ** 32 - 1), 'address'],
  ['putUpgradeRequestFields', 113, (end) => codec.putUpgradeRequestFields(AT, end, INPUT + 64), 'address'],
  ['putUpgradeResponse', 127, (end) => codec.putUpgradeResponse(AT, end, INPUT + 64, SCRATCH), 'address'],
  ['writeHeader', 2, (end) => codec.writeHeader(AT, end, 0x81, 0, 0, 0), 'length'],
  ['writeHeader, masked', 14, (end) => codec.writeHeader(AT, end, 0x81, 65_536, 1, 7), 'length'],
  ['writeFrame, empty', 2, (end) => codec.writeFrame(AT, end, INPUT, 0, 0x81, 0, 0), 'length'],
  ['writeFrame, empty and masked', 6, (end) => codec.writeFrame(AT, end, INPUT, 0, 0x81, 1, 7), 'length'],
  ['writeFrame of 125', 127, (end) => codec.writeFrame(AT, end, INPUT, 125, 0x81, 0, 0), 'length'],
  ['writeFrame of 126, masked', 134, (end) => codec.writeFrame(AT, end, INPUT, 126, 0x81, 1, 7), 'length'],
]

test.each(WRITERS)('%s ends where it is told', (_, bytes, write, gives) => {
  put(INPUT, 'GET/')
  u8.fill(0x41, INPUT + 64, INPUT + 88)
  for (let room = -1; room <= bytes + 1; room++) {
    u8.fill(0xa5, AT - 64, AT + 512)
    const found = write(AT + room)
    if (room >= bytes) expect(found).toBe(gives === 'length' ? bytes : AT + bytes)
    else expect(found).toBe(gives === 'length' ? 0 : abi.SEAL_NO_ROOM)
    const written = u8.subarray(AT - 64, AT + 512).map((byte, i) => (i >= 64 && i < 64 + Math.max(0, room) ? 0xa5 : byte))
    expect(written.every((byte) => byte === 0xa5)).toBe(true)
    if (room < bytes) expect(u8.subarray(AT, AT + 512).every((byte) => byte === 0xa5)).toBe(true)
  }
})

test('a length that would wrap around 2^32 has no room', () => {
  u8.fill(0xa5, AT, AT + 512)
  for (const length of [0xffff_fff0, 0xffff_ffff, 0x8000_0000]) {
    expect(codec.writeFrame(AT, AT + 512, INPUT, length, 0x82, 0, 0)).toBe(0)
    expect(codec.writeFrame(AT, AT + 512, INPUT, length, 0x82, 1, 7)).toBe(0)
  }
  expect(codec.writeFrame(0xffff_fff0, AT, INPUT, 8, 0x82, 0, 0)).toBe(0)
  expect(u8.subarray(AT, AT + 512).every((byte) => byte === 0xa5)).toBe(true)
})

test('sealing a line ends where it is told, and refuses lengths that are longer than the line', () => {
  const line = (text: string): number => AT + put(AT, text)
  let end = line('GET /')
  for (let room = 0; room < 15; room++) expect(codec.sealRequestLine(AT, 3, end, end + room, INPUT, 4)).toBe(abi.SEAL_NO_ROOM)
  expect(codec.sealRequestLine(AT, 3, end, end + 15, INPUT, 4)).toBe(end + 15)
  expect(codec.sealRequestLine(AT, 5, end, end + 15, INPUT, 4)).toBe(abi.SEAL_REFUSED)
  end = line('Name: value')
  for (let room = 0; room < 2; room++) expect(codec.sealField(AT, 4, end, end + room)).toBe(abi.SEAL_NO_ROOM)
  expect(codec.sealField(AT, 4, end, end + 2)).toBe(end + 2)
})

test('a frame reader takes no bytes, and moves none, outside its slab', () => {
  const record = FREE
  const slab = AT
  for (const [offset, value] of [
    [abi.READER_START, slab],
    [abi.READER_END, slab + 1_024],
    [abi.READER_TABLE, INPUT],
    [abi.READER_TABLE_CAPACITY, 8],
  ] as const) {
    view.setUint32(record + offset, value, true)
  }
  codec.readerReset(record)
  const tail = (): number => view.getUint32(record + abi.READER_TAIL, true)
  for (const [address, length] of [
    [slab - 1, 1],
    [slab, 1_025],
    [slab + 1_000, 25],
    [slab + 1_025, 0],
    [slab + 8, 0xffff_fff8],
  ] as const) {
    expect(codec.readerCommit(record, address, length)).toBe(0)
    expect(tail()).toBe(slab)
  }
  expect(codec.readerCommit(record, slab + 100, 24)).toBe(1)
  // 24 bytes are unparsed, and there is room for 23 in front of this.
  u8.fill(0xa5, slab - 64, slab)
  expect(codec.readerCommit(record, slab + 23, 1)).toBe(0)
  expect(u8.subarray(slab - 64, slab).every((byte) => byte === 0xa5)).toBe(true)
  expect(codec.readerCommit(record, slab + 24, 1)).toBe(1)
})

test('a response reader takes no chunk that its store could not hold', () => {
  const record = FREE
  u8.fill(0, record, record + abi.INCOMING_BYTES + abi.CHUNKED_BYTES)
  view.setUint32(record + abi.INCOMING_STORE, INPUT, true)
  view.setUint32(record + abi.INCOMING_STORE_BYTES, 1_024, true)
  view.setUint32(record + abi.INCOMING_MAX_HEAD, 1_024, true)
  view.setUint32(record + abi.INCOMING_STATE, abi.INCOMING_IN_HEAD, true)
  put(AT, 'H')
  expect(codec.incomingCommit(record, AT, 1_025)).toBe(abi.STEP_FAILED)
  expect(codec.incomingCommit(record, AT, 1)).toBe(abi.STEP_MORE)
})
