/** Runs before each file of tests with the checked codec: every access out of bounds fails the test in which it is seen. */

import { afterEach, expect } from 'vitest'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { compileCodec } from '../../src/codec/module.ts'
import { takeOutOfBounds, watchRegions } from './bounds.ts'

// Without this, a broken alias would have everything pass with the release binary.
if (!WebAssembly.Module.imports(compileCodec(CODEC_TEXT)).some(({ module }) => module === 'checks')) {
  throw new Error('this is not the checked codec')
}

watchRegions()

afterEach(() => {
  expect(takeOutOfBounds()).toEqual([])
})
