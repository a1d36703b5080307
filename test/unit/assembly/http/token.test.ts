/** Character classes: the steps of 16 bytes and the single ones agree with the grammar, for every byte at every place. */

import { describe, expect, test } from 'vitest'
import * as abi from '../../../../assembly/abi.ts'
import { FREE, latin1Bytes, linear } from '../../../reference/linear.ts'

const { codec, put, u8, view } = linear()
const LINE = FREE

const isTchar = (byte: number): boolean => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte))
const isValueByte = (byte: number): boolean => byte === 9 || (byte >= 32 && byte !== 127)
const isTargetByte = (byte: number): boolean => byte > 32 && byte < 127 && byte !== 35

/** Lengths around the steps of 16 and 64 bytes. */
const LENGTHS = [1, 2, 15, 16, 17, 31, 32, 33, 47, 64, 65]

describe.each(LENGTHS)('among %d bytes', (length) => {
  const eachPlace = (run: (byte: number, place: number, bytes: Uint8Array) => void): void => {
    for (let byte = 0; byte < 256; byte++) {
      for (let place = 0; place < length; place++) {
        const bytes = new Uint8Array(length).fill(0x61)
        bytes[place] = byte
        run(byte, place, bytes)
      }
    }
  }
  test('a name may hold tchars only', () => {
    eachPlace((byte, place, bytes) => {
      // What lies around it must make no difference.
      u8.fill(0x3a, LINE, LINE + 128)
      put(LINE, bytes)
      put(LINE + length, ': b')
      const end = LINE + length + 3
      const expected = isTchar(byte) ? end + 2 : abi.SEAL_REFUSED
      if (codec.sealField(LINE, length, end, end + 2) !== expected) expect.fail(`byte ${byte} at ${place}`)
    })
  })
  test('a value may hold no control but HTAB', () => {
    eachPlace((byte, place, bytes) => {
      u8.fill(0, LINE, LINE + 128)
      put(LINE, 'A: ')
      put(LINE + 3, bytes)
      const end = LINE + 3 + length
      const expected = isValueByte(byte) ? end + 2 : abi.SEAL_REFUSED
      if (codec.sealField(LINE, 1, end, end + 2) !== expected) expect.fail(`byte ${byte} at ${place}`)
    })
  })
  test('a target may hold visible ASCII only, and no fragment', () => {
    eachPlace((byte, place, bytes) => {
      put(LINE, 'GET ')
      put(LINE + 4, bytes)
      const end = LINE + 4 + length
      const expected = isTargetByte(byte) ? end + 11 : abi.SEAL_REFUSED
      if (codec.sealRequestLine(LINE, 3, end, end + 11, LINE, 0) !== expected) expect.fail(`byte ${byte} at ${place}`)
    })
  })
})

describe('sealField', () => {
  const seal = (name: string, value: string): number => {
    put(LINE, latin1Bytes(`${name}: ${value}`))
    return codec.sealField(LINE, name.length, LINE + name.length + 2 + value.length, LINE + 4_096)
  }
  test('ends the line', () => {
    const end = seal('A', 'b')
    expect(end).toBe(LINE + 6)
    expect([...u8.subarray(LINE, end)]).toEqual([...latin1Bytes('A: b\r\n')])
  })
  test('takes an empty value, and no empty name', () => {
    expect(seal('A', '')).toBe(LINE + 5)
    expect(seal('', 'b')).toBe(abi.SEAL_REFUSED)
  })
  const RESERVED = ['TE', 'Host', 'Expect', 'Upgrade', 'Connection', 'Keep-Alive', 'Content-Length', 'Transfer-Encoding']
  test.each(RESERVED)('keeps %s for the writer, in any case', (name) => {
    expect(seal(name, 'x')).toBe(abi.SEAL_RESERVED)
    expect(seal(name.toUpperCase(), 'x')).toBe(abi.SEAL_RESERVED)
    expect(seal(name.toLowerCase(), '')).toBe(abi.SEAL_RESERVED)
  })
  test.each(RESERVED)('takes what only resembles %s', (name) => {
    expect(seal(`${name}s`, 'x')).toBeGreaterThan(abi.SEAL_RESERVED)
    expect(seal(`x${name.slice(1)}`, 'x')).toBeGreaterThan(abi.SEAL_RESERVED)
    expect(seal(`${name.slice(0, -1)}~`, 'x')).toBeGreaterThan(abi.SEAL_RESERVED)
  })
})

describe('putContentLength', () => {
  test.each([0, 1, 9, 10, 99, 100, 12_345, 99_999, 100_000, 999_999_999, 2 ** 31 - 1, 2 ** 32 - 1])('writes %d', (length) => {
    const end = codec.putContentLength(LINE, LINE + 64, length)
    expect(String.fromCharCode(...u8.subarray(LINE, end))).toBe(`Content-Length: ${length}\r\n\r\n`)
  })
})

describe('the names that frame a message', () => {
  const RECORD = FREE + 8_192
  const WIRE = FREE + 16_384
  /** What becomes of a response with this field and a body of two bytes. */
  const read = (field: string): number => {
    u8.fill(0, RECORD, RECORD + 512)
    for (const [offset, value] of [
      [abi.HEAD_FIELDS, RECORD + 1_024],
      [abi.HEAD_FIELD_CAPACITY, 4],
      [abi.INCOMING_STATE, abi.INCOMING_IN_HEAD],
      [abi.INCOMING_STORE, FREE + 32_768],
      [abi.INCOMING_STORE_BYTES, 1_024],
      [abi.INCOMING_MAX_HEAD, 1_024],
      [abi.INCOMING_MAX_BODY, 1_024],
      [abi.INCOMING_BYTES + abi.CHUNKED_TRAILER, RECORD + 2_048],
    ] as const) {
      view.setUint32(RECORD + offset, value, true)
    }
    const length = put(WIRE, latin1Bytes(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`))
    codec.incomingCommit(RECORD, WIRE, length)
    return view.getInt32(RECORD + abi.INCOMING_FRAMING, true)
  }
  test.each([
    ['Content-Length', '2', abi.BODY_LENGTH],
    ['Transfer-Encoding', 'chunked', abi.BODY_CHUNKED],
  ])('%s is found in any case, and with no other byte in it', (name, value, framing) => {
    expect(read(`${name}: ${value}`)).toBe(framing)
    for (let place = 0; place < name.length; place++) {
      for (let byte = 33; byte < 127; byte++) {
        const other = String.fromCharCode(byte)
        if (!isTchar(byte)) continue
        const changed = name.slice(0, place) + other + name.slice(place + 1)
        const expected = changed.toLowerCase() === name.toLowerCase() ? framing : abi.BODY_UNTIL_CLOSE
        if (read(`${changed}: ${value}`) !== expected) expect.fail(changed)
      }
    }
  })
})
