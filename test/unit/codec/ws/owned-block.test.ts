/** Owned messages of one read share a copy, and make of it what they are asked for. */

import { expect, test, vi } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { FrameReader } from '../../../../src/codec/ws/frame-reader.ts'
import type { OwnedMessage } from '../../../../src/codec/ws/message.ts'
import { OWNED_ALONE, OWNED_BLOCK } from '../../../../src/codec/ws/owned-block.ts'
import { frame } from '../../../reference/frames.ts'
import { Random } from '../../../reference/random.ts'

const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (payload: string): Uint8Array => frame({ opcode: 1, payload: utf8(payload) })
const binary = (payload: Uint8Array): Uint8Array => frame({ opcode: 2, payload })

/** What a reader makes of frames that arrive at once, with the lengths of the copies that it took. */
function owned(frames: readonly Uint8Array[]): { messages: OwnedMessage[]; copies: number[]; reader: FrameReader } {
  const reader = new FrameReader(codec, { role: 'client' })
  reader.read(Buffer.concat(frames))
  const slice = vi.spyOn(reader.u8, 'slice')
  const messages: OwnedMessage[] = []
  for (let message = reader.nextOwned(); message !== null; message = reader.nextOwned()) messages.push(message)
  const copies = slice.mock.calls.map(([from = 0, to = 0]) => to - from)
  slice.mockRestore()
  return { messages, copies, reader }
}

/** Writes over all that has arrived. */
function scribble(reader: FrameReader): void {
  reader.reset()
  reader.spare().fill(0xee)
}

test.each([
  [OWNED_ALONE - 1, 1],
  [OWNED_ALONE, 3],
  [OWNED_ALONE + 1, 3],
])('three messages of %i bytes take %i copies', (length, copies) => {
  expect(owned([1, 2, 3].map((fill) => binary(new Uint8Array(length).fill(fill)))).copies.length).toBe(copies)
})

test('a block has at most 16 KiB, also beside a message that has its own, and ends at what is no text or binary message', () => {
  const small = binary(new Uint8Array(900))
  expect(owned(Array.from({ length: 40 }, () => small)).copies).toEqual([18, 18, 4].map((count) => 904 * count - 4))
  expect(904 * 18 - 4).toBeLessThanOrEqual(OWNED_BLOCK)
  expect(owned([small, small, binary(new Uint8Array(50_000)), small]).copies).toEqual([1_804, 50_000, 900])
  const { messages, copies, reader } = owned([small, small, frame({ opcode: 9, payload: utf8('p') }), small])
  expect([messages.length, copies, reader.next()?.kind, reader.nextOwned()?.length]).toEqual([2, [1_804], 'ping', 900])
})

test('random messages say what they are, in any order, when their memory has others', () => {
  const random = new Random(7)
  const payloads = Array.from({ length: 400 }, (_, i) => {
    const length = random.oneIn(20) ? 1_000 + random.below(3_000) : random.below(200)
    return i % 3 === 0 ? random.bytes(length) : (i % 3 === 1 ? 'ascii ' : 'é€😀 ').repeat(Math.ceil(length / 6))
  })
  const { messages, reader } = owned(payloads.map((payload) => (typeof payload === 'string' ? text(payload) : binary(payload))))
  expect(messages.length).toBe(400)
  scribble(reader)
  const order = messages.map((message, i) => [message, payloads[i] as string | Uint8Array] as const).sort(([a], [b]) => a.length - b.length)
  for (const [message, payload] of order) {
    const bytes = typeof payload === 'string' ? utf8(payload) : payload
    expect([message.kind, message.length, message.wireLength, message.closeCode]).toEqual([
      typeof payload === 'string' ? 'text' : 'binary',
      bytes.length,
      bytes.length,
      null,
    ])
    if (message.length % 2 === 0) expect(Buffer.compare(message.bytes, bytes)).toBe(0)
    expect(message.text).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
    if (typeof payload === 'string') expect(message.data).toBe(payload)
    else expect(Buffer.compare(message.data as Uint8Array, payload)).toBe(0)
    expect(Buffer.compare(message.bytes, bytes)).toBe(0)
  }
})

test('bytes have an ArrayBuffer of their own, which can be transferred and written to', () => {
  const { messages } = owned([binary(Uint8Array.of(1, 2)), text('ab'), binary(new Uint8Array(2_000).fill(3)), text('c'.repeat(2_000))])
  for (const message of messages) {
    const { bytes } = message
    expect(bytes.buffer.byteLength).toBe(message.length)
    bytes.fill(0x78)
    expect(message.text).toBe(message.kind === 'text' ? (message.length === 2 ? 'ab' : 'c'.repeat(2_000)) : 'x'.repeat(message.length))
    const before = message.kind === 'binary' ? message.bytes : null
    expect(before === null || before === bytes).toBe(true)
    const [moved] = structuredClone([bytes], { transfer: [bytes.buffer] })
    expect(moved?.length).toBe(message.length)
  }
  expect(messages.map(({ kind }) => kind)).toEqual(['binary', 'text', 'binary', 'text'])
})

test('taking it makes the borrowed message before it stale', () => {
  const reader = new FrameReader(codec, { role: 'client' })
  reader.read(Buffer.concat([text('a'), text('b'), text('c')]))
  const borrowed = reader.next()
  expect(reader.nextOwned()?.text).toBe('b')
  expect(() => borrowed?.text).toThrow(expect.objectContaining({ code: 'StaleMessage' }))
  expect(reader.next()?.text).toBe('c')
})

test('the next read has a copy of its own', () => {
  const reader = new FrameReader(codec, { role: 'client' })
  for (const each of ['one', 'two', 'three']) {
    reader.read(Buffer.concat([text(each), text(`${each}!`)]))
    const [first, second, none] = [reader.nextOwned(), reader.nextOwned(), reader.nextOwned()]
    expect(none).toBeNull()
    scribble(reader)
    expect([first?.text, second?.text]).toEqual([each, `${each}!`])
  }
})

test('a byte of a message, before and after its data was asked for, without making any', () => {
  const payload = Uint8Array.from({ length: 40 }, (_, i) => i + 1)
  const { messages, reader } = owned([binary(payload), binary(payload.subarray(20)), text('a€'), binary(new Uint8Array(0))])
  scribble(reader)
  const [first, second, third, empty] = messages as [OwnedMessage, OwnedMessage, OwnedMessage, OwnedMessage]
  const slice = vi.spyOn(Uint8Array.prototype, 'slice')
  for (let round = 0; round < 2; round++) {
    expect([first.at(0), first.at(39), second.at(0), second.at(19)]).toEqual([1, 40, 21, 40])
    for (const outside of [-1, 40, 0.5, Number.NaN, '0' as unknown as number]) expect(first.at(outside)).toBeNull()
    expect(second.at(20)).toBeNull()
    expect(empty.at(0)).toBeNull()
    expect([0, 1, 2, 3, 4].map((i) => third.at(i))).toEqual([0x61, 0xe2, 0x82, 0xac, null])
    if (round > 0) break
    expect(slice).not.toHaveBeenCalled()
    slice.mockRestore()
    for (const { data } of messages) expect(data).not.toBeNull()
  }
})
