import { expect, test } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { CODEC_TEXT } from '../../../src/codec/binary.ts'
import { compileCodec, instantiate } from '../../../src/codec/module.ts'
import { protocolError } from '../../../src/codec/ws/protocol-error.ts'
import { UsageError } from '../../../src/errors.ts'

/** A module whose abiVersion returns 99: (module (func (export "abiVersion") (result i32) i32.const 99)). */
const FOREIGN = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 14, 1, 10, 97, 98, 105, 86, 101, 114, 115, 105, 111, 110, 0, 0, 10, 7, 1, 5, 0,
  65, 227, 0, 11,
])

test('a binary of another ABI is refused with both numbers', () => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  let error: unknown
  try {
    instantiate(new WebAssembly.Module(FOREIGN), memory)
  } catch (caught) {
    error = caught
  }
  expect(error).toBeInstanceOf(UsageError)
  expect(error).toMatchObject({ code: 'CodecMismatch' })
  expect((error as Error).message).toMatch(new RegExp(`99.*${abi.ABI_VERSION}`))
})

test('the embedded binary instantiates over any memory of a page or more', () => {
  const codec = instantiate(compileCodec(CODEC_TEXT), new WebAssembly.Memory({ initial: 1, maximum: 1 }))
  expect(codec.abiVersion()).toBe(abi.ABI_VERSION)
})

test('every error number of the codec has a ProtocolError of its own', () => {
  const numbers = Object.entries(abi).filter(([name]) => name.startsWith('ERROR_') && name !== 'ERROR_NONE')
  expect(numbers).toHaveLength(15)
  const codes = numbers.map(([name, number]) => {
    const { code } = protocolError(number as number, 1, 2)
    // ERROR_INVALID_UTF8_IN_CLOSE_REASON is InvalidUtf8InCloseReason.
    expect(code.toLowerCase()).toBe(name.slice('ERROR_'.length).replaceAll('_', '').toLowerCase())
    return code
  })
  expect(new Set(codes).size).toBe(15)
  expect(() => protocolError(99, 0, 0)).toThrow(RangeError)
})
