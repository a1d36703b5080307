/** Compressed messages, plain ones and control frames in random order, fragments and cuts, against zlib. */

import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import type { FrameReader } from '../../src/codec/ws/frame-reader.ts'
import { deflatedEnds, ZlibMessages } from '../helpers/deflated.ts'
import { concat, frame } from '../reference/frames.ts'
import { Random } from '../reference/random.ts'

const LEVELS = [0, 1, 6, 9]
/** The default, filtered, Huffman alone, runs, fixed codes. */
const STRATEGIES = [0, 1, 2, 3, 4]

function contentOf(random: Random): Buffer {
  const length = random.oneIn(20) ? random.below(200_000) : random.below(3_000)
  if (random.oneIn(4)) return Buffer.from(random.bytes(length))
  const words = Array.from({ length: 1 + random.below(40) }, () => `"${random.word() % 10_000}é":${random.below(100)},`)
  let text = ''
  while (text.length < length) text += random.pick(words)
  return Buffer.from(text)
}

/** A message in frames: compressed or not, whole or in fragments, with pings in between. */
function framesOf(random: Random, kind: number, payload: Uint8Array, rsv: number): Uint8Array {
  const parts: Uint8Array[] = []
  let from = 0
  for (let isLast = false; !isLast; ) {
    const to = random.oneIn(2) ? payload.length : Math.min(payload.length, from + random.below(2_000))
    const fin = to === payload.length
    isLast = fin
    parts.push(frame({ fin, rsv: parts.length === 0 ? rsv : 0, opcode: parts.length === 0 ? kind : 0, payload: payload.subarray(from, to) }))
    if (!fin && random.oneIn(3)) parts.push(frame({ opcode: 9, payload: [random.below(256)] }))
    from = to
  }
  return concat(...parts)
}

function drain(reader: FrameReader, into: string[]): void {
  for (let m = reader.next(); m !== null; m = reader.next()) {
    if (m.kind !== 'ping') into.push(`${m.kind} ${m.wireLength} ${Buffer.from(m.bytes).toString('base64')}`)
  }
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('are what zlib was given, however they are cut (seed %i)', (seed) => {
  const random = new Random(seed)
  const windowBits = 9 + random.below(7)
  const noContextTakeover = random.oneIn(3)
  const options = { windowBits, level: random.pick(LEVELS), strategy: random.pick(STRATEGIES), memLevel: 1 + random.below(9) }
  const { reader } = deflatedEnds(windowBits, noContextTakeover, { bufferCapacity: 512 * 1024, maxMessageSize: 1024 * 1024 })
  let zlib = new ZlibMessages(options)
  const expected: string[] = []
  const wire: Uint8Array[] = []
  for (let i = 0; i < 60; i++) {
    const content = contentOf(random)
    const isText = content.toString().length > 0 && Buffer.from(content.toString()).equals(content)
    const kind = isText ? 1 : 2
    if (noContextTakeover) zlib = new ZlibMessages(options)
    const isPlain = random.oneIn(5)
    const payload = isPlain ? content : zlib.compress(content)
    expected.push(`${isText ? 'text' : 'binary'} ${payload.length} ${content.toString('base64')}`)
    wire.push(framesOf(random, kind, payload, isPlain ? 0 : 4))
  }
  const bytes = concat(...wire)
  const found: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = random.oneIn(3) ? 1 + random.below(20) : 1 + random.below(60_000)
    reader.read(bytes.subarray(at, at + length))
    at += length
    // Looking for a message first must change nothing.
    if (random.oneIn(2)) reader.poll()
    drain(reader, found)
  }
  expect(reader.error).toBe(null)
  expect(reader.isMidMessage).toBe(false)
  expect(found.length).toBe(expected.length)
  for (const [i, each] of expected.entries()) expect(found[i] === each, `message ${i}`).toBe(true)
})

test('changed bytes never hang, throw or pass an error without a code', () => {
  const random = new Random(9)
  const zlib = new ZlibMessages()
  const whole = concat(...Array.from({ length: 12 }, () => framesOf(random, 2, zlib.compress(contentOf(random).subarray(0, 2_000)), 4)))
  for (let run = 0; run < 300; run++) {
    const bytes = whole.slice()
    for (let i = 0; i <= random.below(3); i++) bytes[random.below(bytes.length)] = random.word()
    const { reader } = deflatedEnds(15, false, { bufferCapacity: 65_536 })
    const found: string[] = []
    for (let at = 0; at < bytes.length; at += 4_000) {
      reader.read(bytes.subarray(at, at + 4_000))
      drain(reader, found)
    }
    expect(reader.error === null || reader.error.code.length > 0).toBe(true)
    reader.release()
  }
})
