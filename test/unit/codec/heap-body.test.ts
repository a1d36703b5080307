import { describe, expect, test } from 'vitest'
import { grown, HeapBody } from '../../../src/codec/heap-body.ts'

const MIB = 1024 * 1024

test('keeps what is appended, in order', () => {
  const body = new HeapBody(1_000, false)
  expect([...body.view]).toEqual([])
  for (let i = 0; i < 300; i++) body.append(Uint8Array.of(i, i + 1))
  expect(body.view.length).toBe(600)
  expect([...body.view].every((byte, i) => byte === (((i >> 1) + (i & 1)) & 255))).toBe(true)
})

test.each([1, 4, 4_095, 4_096, 4_097, 100_000])('of a known length of %i ends in an array of exactly that', (length) => {
  const body = new HeapBody(length, true)
  for (let at = 0; at < length; at += 1_000) body.append(new Uint8Array(Math.min(1_000, length - at)))
  expect([body.bytes.length, body.view.length]).toEqual([length, length])
  expect(body.view).toBe(body.bytes)
})

describe.each([1, 16, 1_000, 40_000])('in pieces of %i bytes', (size) => {
  test.each([
    [false, 2],
    [true, 4],
  ])('with an announced length (%s), it takes at most %i times what has come, and moves each byte twice at most', (isAnnounced, times) => {
    const body = new HeapBody(2 ** 31, isAnnounced)
    let { bytes } = body
    let moved = 0
    const pieces = Math.min(20_000, Math.ceil((2 * MIB) / size))
    for (let i = 1; i <= pieces; i++) {
      const before = body.view.length
      body.append(new Uint8Array(size))
      if (body.bytes !== bytes) moved += before
      bytes = body.bytes
      expect(bytes.length).toBeLessThanOrEqual(Math.max(4_096, times * i * size))
    }
    expect(moved).toBeLessThanOrEqual(2 * pieces * size)
  })
})

test.each([0, 1, 20, 4_095, 4_096, 4_097, 10_000])('never grows beyond its limit of %i', (limit) => {
  const body = new HeapBody(limit, false)
  body.append(new Uint8Array(Math.ceil(limit / 2)))
  expect(body.bytes.length).toBeLessThanOrEqual(limit)
  body.append(new Uint8Array(Math.floor(limit / 2)))
  expect([body.bytes.length, body.view.length]).toEqual([limit, limit])
})

test('grown keeps the bytes that are used, and no others', () => {
  expect([...grown(Uint8Array.of(1, 2, 3), 2, 4, 5, false)]).toEqual([1, 2, 0, 0, 0])
})
