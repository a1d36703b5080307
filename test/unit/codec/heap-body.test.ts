import { expect, test } from 'vitest'
import { HeapBody } from '../../../src/codec/heap-body.ts'

test('keeps what is appended, in order', () => {
  const body = new HeapBody(2, 1_000)
  expect([...body.view]).toEqual([])
  for (let i = 0; i < 300; i++) body.append(Uint8Array.of(i, i + 1))
  expect(body.view.length).toBe(600)
  expect([...body.view].every((byte, i) => byte === (((i >> 1) + (i & 1)) & 255))).toBe(true)
})

test('of a known length has one array of exactly that, from the start', () => {
  const body = new HeapBody(4, 1_000)
  const { bytes } = body
  body.append(Uint8Array.of(1, 2, 3))
  body.append(Uint8Array.of(4))
  expect([body.bytes, body.view]).toEqual([bytes, bytes])
  expect(body.view).toBe(bytes)
})

test('grows by doubling, so that a thousand pieces move little', () => {
  const body = new HeapBody(16, 1_000_000)
  const arrays = new Set<Uint8Array>()
  for (let i = 0; i < 10_000; i++) {
    body.append(new Uint8Array(16))
    arrays.add(body.bytes)
  }
  expect(arrays.size).toBeLessThan(16)
})

test('never grows beyond its limit', () => {
  const body = new HeapBody(8, 20)
  body.append(new Uint8Array(12))
  body.append(new Uint8Array(8))
  expect([body.bytes.length, body.view.length]).toEqual([20, 20])
  expect(new HeapBody(64, 20).bytes.length).toBe(20)
})
