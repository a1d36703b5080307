import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader, FrameWriter, MaskKeys } from '../../src/entry/codec.ts'
import { type DecodedEvent, decode } from '../reference/decoder.ts'
import { cut, drain, feedRead, feedSpare, feedTargets } from '../reference/feed.ts'
import { concat, frame } from '../reference/frames.ts'
import { FREE, linear } from '../reference/linear.ts'
import { judgeUtf8 } from '../reference/utf8.ts'

const { codec, u8 } = linear()
const peerOf = { client: 'server', server: 'client' } as const

/** Strings of any characters, lone surrogates left out: they have no UTF-8. */
const text = fc.string({ unit: 'binary', maxLength: 60 }).map((s) => s.toWellFormed())
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })

type Sent = { kind: 'text'; data: string } | { kind: 'binary' | 'ping' | 'pong'; data: Uint8Array } | { kind: 'close'; code: number; reason: string }

const sent: fc.Arbitrary<Sent> = fc.oneof(
  fc.record({ kind: fc.constant('text' as const), data: text }),
  fc.record({ kind: fc.constant('binary' as const), data: bytes(300) }),
  fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const), data: bytes(125) }),
)
const close: fc.Arbitrary<Sent> = fc.record({
  kind: fc.constant('close' as const),
  code: fc.oneof(fc.constantFrom(1000, 1001, 1002, 1003, 1005, 1007, 1011, 1014), fc.integer({ min: 3000, max: 4999 })),
  reason: fc.string({ unit: 'binary', maxLength: 30 }).map((s) => s.toWellFormed()),
})

function encode(writer: FrameWriter, message: Sent): void {
  switch (message.kind) {
    case 'text':
      expect(writer.encodeText(message.data)).toBe(true)
      break
    case 'binary':
      expect(writer.encodeBinary(message.data)).toBe(true)
      break
    case 'ping':
      expect(writer.encodePing(message.data)).toBe(true)
      break
    case 'pong':
      expect(writer.encodePong(message.data)).toBe(true)
      break
    case 'close':
      expect(writer.encodeClose(message.code, message.reason)).toBe(true)
  }
}

const received = (message: Sent): DecodedEvent => {
  const encoder = new TextEncoder()
  if (message.kind === 'close') return { kind: 'close', bytes: encoder.encode(message.code === 1005 ? '' : message.reason), closeCode: message.code }
  return { kind: message.kind, bytes: message.kind === 'text' ? encoder.encode(message.data) : message.data }
}

/** Cut positions as shares of the length, so that they shrink well. */
const cutsOf = (length: number, shares: readonly number[]): number[] => shares.map((share) => Math.floor(share * length)).sort((a, b) => a - b)
const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

describe.each(['client', 'server'] as const)('from a %s', (role) => {
  const writer = new FrameWriter({ role })
  const reader = new FrameReader({ role: peerOf[role], bufferCapacity: 64 * 1024 })
  const small = new FrameReader({ role: peerOf[role], bufferCapacity: 256 })
  const adapter = new FrameReader({ role: peerOf[role], bufferCapacity: 4_096 })
  const targets = adapter.targets(2, 300, 400)

  test('what is written is read, in order, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 12 }), fc.option(close), shares, (messages, last, at) => {
        const all = last === null ? messages : [...messages, last]
        writer.reset()
        for (const message of all) encode(writer, message)
        const wire = writer.data().slice()
        const pieces = cut(wire, cutsOf(wire.length, at))
        const expected = { events: all.map(received), error: null, closed: last !== null, unfinished: false }
        expect(decode(wire, { role: peerOf[role] })).toEqual(expected)
        expect(feedRead(reader, pieces)).toEqual(expected)
        expect(feedSpare(small, pieces)).toEqual(expected)
        adapter.reset()
        expect(feedTargets(adapter, targets, pieces)).toEqual(expected)
      }),
      { numRuns: 400 },
    )
  })

  test('text comes back as the same string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (string) => {
        writer.reset()
        writer.encodeText(string)
        reader.reset()
        reader.read(writer.data())
        expect(reader.next()?.text).toBe(string.toWellFormed())
      }),
      { numRuns: 500 },
    )
  })

  test('encodeWith, encodeDetached and encodeBinary write the same frame', () => {
    const keyed = (): FrameWriter => new FrameWriter({ role, maskKeys: new MaskKeys((block) => block.fill(0xa5)) })
    const one = keyed()
    fc.assert(
      fc.property(bytes(70_000 / 256), fc.integer({ min: 0, max: 3 }), (payload, doublings) => {
        let large = payload
        for (let i = 0; i < doublings; i++) large = concat(large, large, large, large)
        one.reset()
        one.encodeBinary(large)
        const expected = one.data().slice()
        one.reset()
        one.encodeWith('binary', large.length, (p) => p.set(large))
        expect(Buffer.compare(one.data(), expected)).toBe(0)
        expect(Buffer.compare(one.encodeDetached('binary', large), expected)).toBe(0)
        expect(one.encodedLength(large.length)).toBe(expected.length)
      }),
      { numRuns: 200 },
    )
  })
})

describe('arbitrary bytes', () => {
  test.each(['client', 'server'] as const)('give a %s the same events however they are cut, and never an exception', (role) => {
    const readers = {
      whole: new FrameReader({ role, bufferCapacity: 4_096, maxFrameSize: 200 }),
      cut: new FrameReader({ role, bufferCapacity: 256, maxFrameSize: 200 }),
    }
    // Bytes that are likely to be headers, so that a run gets past the first.
    const byte = fc.oneof(fc.constantFrom(0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a, 0x88, 0x83, 0x05, 0x7d, 0x7e, 0xc3, 0xa9), fc.nat(255))
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 120 }), shares, (wire, at) => {
        const input = Uint8Array.from(wire)
        const expected = decode(input, { role, maxFrameSize: 200 })
        expect(feedRead(readers.whole, [input])).toEqual(expected)
        expect(feedSpare(readers.cut, cut(input, cutsOf(input.length, at)))).toEqual(expected)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('one frame, fragmented', () => {
  test('is the same message as whole, wherever it is cut', () => {
    const reader = new FrameReader({ bufferCapacity: 4_096 })
    fc.assert(
      fc.property(text, fc.boolean(), shares, (string, asText, at) => {
        const payload = new TextEncoder().encode(string)
        const pieces = cut(payload, cutsOf(payload.length, at))
        const opcode = asText ? 1 : 2
        const wire = concat(...pieces.map((piece, i) => frame({ opcode: i === 0 ? opcode : 0, fin: i === pieces.length - 1, payload: piece })))
        const events: DecodedEvent[] = []
        reader.reset()
        reader.read(wire)
        drain(reader, events)
        expect(events).toEqual([{ kind: asText ? 'text' : 'binary', bytes: payload }])
      }),
      { numRuns: 500 },
    )
  })
})

describe('maskCopy', () => {
  test('equals the naive loop, and touches nothing else', () => {
    fc.assert(
      fc.property(bytes(200), fc.nat(63), fc.nat(63), fc.uint8Array({ minLength: 4, maxLength: 4 }), (payload, at, down, key) => {
        const before = Uint8Array.from({ length: 400 }, (_, i) => i * 7)
        before.set(payload, 64 + at)
        u8.set(before, FREE)
        const expected = before.slice()
        for (const [i, byte] of payload.entries()) expected[64 + at - down + i] = byte ^ (key[i % 4] as number)
        codec.maskCopy(FREE + 64 + at - down, FREE + 64 + at, payload.length, new DataView(key.buffer).getInt32(0, true))
        expect(Buffer.compare(u8.subarray(FREE, FREE + 400), expected)).toBe(0)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('utf8Validate', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const isUtf8 = (input: Uint8Array): boolean => {
    try {
      decoder.decode(input)
      return true
    } catch {
      return false
    }
  }
  const validate = (input: Uint8Array, state = 0): number => {
    u8.set(input, FREE)
    return codec.utf8Validate(state, FREE, input.length)
  }
  /** Valid text with a few bytes changed, removed or put in. */
  const damaged = fc
    .tuple(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255), fc.constantFrom('set', 'drop', 'insert')), { maxLength: 3 }),
    )
    .map(([string, injuries]) => {
      const list = [...new TextEncoder().encode(string)]
      for (const [at, value, injury] of injuries) {
        const i = at % (list.length + 1)
        if (injury === 'set') list[i] = value
        else list.splice(i, injury === 'drop' ? 1 : 0, ...(injury === 'drop' ? [] : [value]))
      }
      return Uint8Array.from(list)
    })

  test.each([
    ['damaged text', damaged],
    ['arbitrary bytes', bytes(40)],
    ['bytes from 0x70 on', fc.array(fc.integer({ min: 0x70, max: 0xff }), { maxLength: 12 }).map((list) => Uint8Array.from(list))],
  ])('agrees with a fatal TextDecoder at every split: %s', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (input) => {
        const valid = isUtf8(input)
        expect(validate(input) === 0).toBe(valid)
        expect(judgeUtf8(input) === 'valid').toBe(valid)
        for (let at = 0; at <= input.length; at++) {
          if ((validate(input.subarray(at), validate(input.subarray(0, at))) === 0) !== valid) expect.fail(`split at ${at}`)
        }
      }),
      { numRuns: 1_500 },
    )
  })

  test('rejects exactly at the first byte after which nothing can be valid', () => {
    fc.assert(
      fc.property(damaged, (input) => {
        for (let length = 0; length <= input.length; length++) {
          const verdict = judgeUtf8(input.subarray(0, length))
          const state = validate(input.subarray(0, length))
          expect(state === 12).toBe(verdict === 'invalid')
          expect(state === 0).toBe(verdict === 'valid')
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('ASCII', () => {
  test('a text frame is marked as ASCII exactly when it is', () => {
    const reader = new FrameReader({ bufferCapacity: 4_096 })
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 90 }), text), fc.array(fc.nat(3), { maxLength: 3 }), (string, before) => {
        const payload = new TextEncoder().encode(string)
        reader.reset()
        reader.read(concat(...before.map((n) => frame({ opcode: 2, payload: new Uint8Array(n) })), frame({ opcode: 1, payload })))
        for (let i = 0; i < before.length; i++) reader.next()
        const message = reader.next()
        expect(((message?.flags ?? 0) & 16) !== 0).toBe(payload.every((byte) => byte < 0x80))
        expect(message?.text).toBe(string)
      }),
      { numRuns: 1_000 },
    )
  })
})
