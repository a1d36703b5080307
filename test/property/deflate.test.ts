/** Compressed data against zlib, for a few seconds; test/soak has 200,000 mutated streams. */

import { expect, test } from 'vitest'
import { compareCuts, compareDeflate, compareMutations, compareWhole } from './deflate/differential.ts'

test('what zlib writes (levels, strategies, windows, flushes) is read in every cut of input and output', async () => {
  expect(await compareCuts(1, 250)).toEqual([])
})

test('what is written is read by zlib, in every cut', () => {
  expect(compareDeflate(1, 120)).toEqual([])
})

test('data that is all there, whole or cut off, with every limit near its size: it ends, and as steps without a limit do', () => {
  expect(compareWhole(1, 300)).toEqual([])
})

test('streams that were changed get the same verdict as from zlib, and with smaller windows as from the reference', () => {
  const { findings, verdicts } = compareMutations(1, 2_500)
  expect(findings).toEqual([])
  // All three kinds occur, or nothing is compared.
  for (const kind of ['whole', 'incomplete', 'broken'] as const) expect(verdicts[kind]).toBeGreaterThan(20)
})
