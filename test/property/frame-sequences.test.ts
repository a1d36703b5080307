/**
 * Random frame sequences, valid and damaged, through every way into the frame reader: the same events as the reference decoder,
 * however the bytes are cut. FUZZ_SEQUENCES sets how many for each role, FUZZ_SEED where to begin.
 */

import { describe, expect, test } from 'vitest'
import { FrameReader } from '../../src/entry/codec.ts'
import { type Decoded, type DecodedEvent, decode } from '../reference/decoder.ts'
import { toHex } from '../reference/frames.ts'
import { SequenceGenerator } from '../reference/generator.ts'
import { Random } from '../reference/random.ts'

const SEQUENCES = Number(process.env['FUZZ_SEQUENCES'] ?? 200_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? 6_455)

/** Every so many sequences, the events after each single byte are compared too, which takes quadratic time. */
const PREFIXES_EVERY = 40
const TEXTS_EVERY = 8

const LIMITS = [
  {},
  {},
  {},
  { maxFrameSize: 16 },
  { maxMessageSize: 24 },
  { maxFrameSize: 125, maxMessageSize: 126 },
  { maxFrameSize: 0 },
  { maxFrameSize: 126, maxMessageSize: 2 ** 31 - 1 },
]

type Role = 'client' | 'server'

/** Readers of one role and one set of limits, one for each way of feeding. */
class Bench {
  readonly options: { role: Role; maxFrameSize?: number; maxMessageSize?: number }
  /** Takes a whole sequence at once. */
  private readonly whole: FrameReader
  /** Too small for most frames over 250 bytes, which therefore come in parts. */
  private readonly small: FrameReader
  private readonly adapters: { reader: FrameReader; targets: Uint8Array[] }[]

  constructor(role: Role, limits: { maxFrameSize?: number; maxMessageSize?: number }) {
    this.options = { role, ...limits }
    this.whole = new FrameReader({ ...this.options, bufferCapacity: 512 * 1024 })
    this.small = new FrameReader({ ...this.options, bufferCapacity: 256 })
    this.adapters = [
      [1, 512, 140],
      [2, 37, 140],
      [2, 128, 200],
    ].map(([count, bytes, inPlace]) => {
      const reader = new FrameReader({ ...this.options, bufferCapacity: 1_024 })
      return { reader, targets: reader.targets(count as 1 | 2, bytes as number, inPlace as number) }
    })
  }

  atOnce(bytes: Uint8Array): FrameReader {
    this.whole.reset()
    this.whole.read(bytes)
    return this.whole
  }

  /** `sizes` gives the next piece's length. */
  inPieces(bytes: Uint8Array, sizes: () => number, take: (reader: FrameReader) => void): FrameReader {
    const reader = this.small
    reader.reset()
    for (let at = 0; at < bytes.length; ) {
      const spare = reader.spare()
      if (spare.length === 0) throw new Error('a drained reader has no room: it would wait for ever')
      const length = Math.min(sizes(), bytes.length - at, spare.length)
      for (let i = 0; i < length; i++) spare[i] = bytes[at + i] as number
      reader.filled(length)
      take(reader)
      at += length
    }
    return reader
  }

  /** With two targets, the next read lies in the other one before the messages of the last are taken. */
  throughTargets(bytes: Uint8Array, which: number, sizes: () => number, take: (reader: FrameReader) => void): FrameReader {
    const { reader, targets } = this.adapters[which % this.adapters.length] as { reader: FrameReader; targets: Uint8Array[] }
    reader.reset()
    let at = 0
    let turn = 0
    const put = (): number => {
      const target = targets[turn % targets.length] as Uint8Array
      const length = Math.min(sizes(), bytes.length - at, target.length)
      // A real read may be followed by whatever the last one left.
      target.fill(0xff)
      target.set(bytes.subarray(at, at + length))
      at += length
      return length
    }
    let length = put()
    while (length > 0) {
      reader.commit((targets[turn % targets.length] as Uint8Array).byteOffset, length)
      turn++
      if (targets.length === 1) {
        take(reader)
        length = put()
      } else {
        length = put()
        take(reader)
      }
    }
    return reader
  }
}

/** Compares a reader's messages with what they ought to be, one by one. */
class Comparison {
  private expected: Decoded = { events: [], error: null, closed: false, unfinished: false }
  private index = 0
  private texts = false
  /** What was wrong, or ''. */
  wrong = ''
  readonly take = (reader: FrameReader): void => {
    for (let message = reader.next(); message !== null; message = reader.next()) {
      if (this.wrong !== '') return
      const event: DecodedEvent | undefined = this.expected.events[this.index++]
      if (event === undefined) {
        this.wrong = `an unexpected ${message.kind} of ${message.length} bytes`
        return
      }
      const { bytes } = message
      if (message.kind !== event.kind || !equal(bytes, event.bytes) || message.closeCode !== (event.closeCode ?? null)) {
        this.wrong = `${message.kind} [${toHex(bytes)}] ${message.closeCode} instead of ${event.kind} [${toHex(event.bytes)}] ${event.closeCode ?? null}`
      } else if (this.texts && message.text !== new TextDecoder('utf-8', { ignoreBOM: true }).decode(event.bytes)) {
        this.wrong = `text ${JSON.stringify(message.text)} of [${toHex(event.bytes)}]`
      }
    }
  }

  begin(expected: Decoded, texts: boolean): void {
    this.expected = expected
    this.index = 0
    this.wrong = ''
    this.texts = texts
  }

  end(reader: FrameReader): string {
    if (this.wrong !== '') return this.wrong
    const { expected } = this
    if (this.index !== expected.events.length) return `${this.index} events instead of ${expected.events.length}`
    const error = reader.error?.code ?? null
    if (error !== expected.error) return `error ${error} instead of ${expected.error}`
    if (reader.isClosed !== expected.closed) return `closed is ${reader.isClosed}`
    if (reader.isMidMessage !== expected.unfinished) return `unfinished is ${reader.isMidMessage}`
    return ''
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

describe.each<{ role: Role }>([{ role: 'client' }, { role: 'server' }])('a $role', ({ role }) => {
  test(`reads ${SEQUENCES} random sequences as the reference does, whole, byte by byte, at random cuts, and through read targets`, {
    timeout: 600_000,
  }, () => {
    const random = new Random(SEED ^ (role === 'client' ? 0 : 0x5eed))
    const generator = new SequenceGenerator(random, role)
    const benches = LIMITS.map((limits) => new Bench(role, limits))
    const comparison = new Comparison()
    const { take } = comparison
    const one = (): number => 1
    const few = (): number => 1 + random.below(12)
    const any = (): number => 1 + random.below(random.oneIn(3) ? 400 : 40)
    const outcomes = new Map<string, number>()

    for (let i = 0; i < SEQUENCES; i++) {
      const bytes = generator.next()
      const bench = random.pick(benches)
      const expected = decode(bytes, bench.options)
      const outcome = expected.error ?? (expected.closed ? 'closed' : expected.unfinished ? 'unfinished' : 'complete')
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      const report = (way: string, wrong: string): string =>
        wrong === '' ? '' : `seed ${SEED}, sequence ${i}, ${JSON.stringify(bench.options)}, ${way}: ${wrong}\n[${toHex(bytes.subarray(0, 2_000))}]`
      const texts = i % TEXTS_EVERY === 0

      comparison.begin(expected, texts)
      const whole = bench.atOnce(bytes)
      take(whole)
      let wrong = report('whole', comparison.end(whole))

      comparison.begin(expected, texts)
      wrong ||= report('byte by byte', comparison.end(bench.inPieces(bytes, one, take)))
      comparison.begin(expected, texts)
      wrong ||= report('random cuts', comparison.end(bench.inPieces(bytes, few, take)))
      comparison.begin(expected, texts)
      wrong ||= report('read targets', comparison.end(bench.throughTargets(bytes, i, any, take)))

      if (wrong === '' && i % PREFIXES_EVERY === 0 && bytes.length < 200) {
        let seen = 0
        const afterEach = (reader: FrameReader): void => {
          seen++
          comparison.begin(decode(bytes.subarray(0, seen), bench.options), false)
          // Events of shorter prefixes were compared when they came; only their number counts here.
          comparison['index'] = counted
          take(reader)
          counted = comparison['index']
          wrong ||= report(`after byte ${seen}`, comparison.end(reader))
        }
        let counted = 0
        bench.inPieces(bytes, one, afterEach)
      }
      if (wrong !== '') expect.fail(wrong)
    }

    // The generator must reach every way for a sequence to end, or the run proves little.
    if (SEQUENCES >= 20_000) {
      const reached = [...outcomes.keys()].sort()
      expect(reached).toEqual(
        [
          'CloseFrameTooShort',
          'ContinuationWithoutStart',
          'ControlFrameTooLarge',
          'FragmentedControlFrame',
          'InvalidCloseCode',
          'InvalidOpcode',
          'InvalidUtf8',
          'InvalidUtf8InCloseReason',
          role === 'client' ? 'MaskedFrameFromServer' : 'UnmaskedFrameFromClient',
          'MessageTooLarge',
          'NewMessageDuringAssembly',
          'NonMinimalLength',
          'PayloadTooLarge',
          'ReservedBitsSet',
          'closed',
          'complete',
          'unfinished',
        ].sort(),
      )
    }
  })
})
