/** Compressed data against zlib and the reference, 200,000 changed streams and as many cuts; `npm run test:soak` runs it. */

import { expect, test } from 'vitest'
import { compareCuts, compareDeflate, compareMutations } from '../property/deflate/differential.ts'

const CASES = Number(process.env['DEFLATE_CASES'] ?? 1_000)

test('changed streams: the same verdict as from zlib, and with smaller windows as from the reference', { timeout: 3_600_000 }, () => {
  expect(compareMutations(10_000_000, CASES).findings).toEqual([])
})

test('what zlib writes, in every cut', { timeout: 3_600_000 }, async () => {
  expect(await compareCuts(10_000_000, CASES / 10)).toEqual([])
})

test('what is written, read by zlib', { timeout: 3_600_000 }, () => {
  expect(compareDeflate(10_000_000, CASES / 10)).toEqual([])
})
