/** Differential tests of inflate and deflate: random data, random cuts, streams that were changed; zlib and the reference of the RFC are the judges. */

import { constants, crc32, createDeflateRaw, deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import {
  type BytesInit,
  type CompressionFormat,
  type DecodeStep,
  Deflater,
  type Flush,
  Inflater,
  type InflaterOptions,
} from '../../../src/entry/codec.ts'
import { BitWriter } from '../../reference/bits.ts'
import { referenceInflate } from '../../reference/inflate.ts'
import { latin1Bytes } from '../../reference/linear.ts'
import { Random } from '../../reference/random.ts'

const FORMATS = ['gzip', 'deflate', 'deflate-raw'] as const
const STRATEGIES = [constants.Z_DEFAULT_STRATEGY, constants.Z_FILTERED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FIXED]
const FLUSHES = [constants.Z_NO_FLUSH, constants.Z_PARTIAL_FLUSH, constants.Z_SYNC_FLUSH, constants.Z_FULL_FLUSH, constants.Z_BLOCK]

/** Bytes of the input that pass through linear memory at a time, and those that gzip puts around a single stored block. */
const PIECE = 16 * 1024
const STORED_GZIP_BYTES = 23

/** Data of the kinds that matter: JSON as feeds have it, noise, runs, few letters, and mixtures of them. */
export function someData(random: Random, most: number): Uint8Array<ArrayBuffer> {
  const length = random.oneIn(8) ? random.below(4) : random.below(most)
  const kind = random.below(5)
  if (kind === 0) return random.bytes(length)
  if (kind === 1) return new Uint8Array(length).fill(random.word())
  if (kind === 2) return random.bytes(length).map((byte) => 97 + (byte & 3))
  if (kind === 3) {
    let text = ''
    while (text.length < length) text += `{"p":"${random.below(100_000) / 100}","q":"${random.below(1_000)}","m":${random.oneIn(2)}},`
    return latin1Bytes(text.slice(0, length))
  }
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    const part = someData(random, 1 + random.below(300)).subarray(0, length - at)
    bytes.set(part, at)
    at += Math.max(1, part.length)
    if (at > 10 && random.oneIn(2)) {
      const copied = Math.min(random.below(600), length - at)
      const from = random.below(at)
      for (let i = 0; i < copied; i++) bytes[at + i] = bytes[from + i] as number
      at += copied
    }
  }
  return bytes
}

/** A length that is often short. */
const someLength = (random: Random, most: number): number => (random.oneIn(2) ? 1 + random.below(Math.min(40, most)) : 1 + random.below(most))

/** Inflates in random cuts; the inflater has been reset. */
function inflateCut(inflater: Inflater, bytes: Uint8Array, random: Random): Buffer {
  const parts: Uint8Array[] = []
  const style = random.below(3)
  let at = 0
  let stalled = 0
  while (!inflater.isDone && inflater.error === null && stalled < 2) {
    const input = style === 0 ? bytes.length : someLength(random, 3_000)
    const room = new Uint8Array(style === 1 ? 1 << 16 : someLength(random, 20_000))
    const { consumed, produced } = inflater.inflate(bytes.subarray(at, at + input), room)
    at += consumed
    parts.push(room.subarray(0, produced))
    stalled = consumed + produced === 0 ? stalled + 1 : 0
  }
  return Buffer.concat(parts)
}

/** A stream of zlib's that was flushed now and then. */
async function flushedStream(random: Random, data: Uint8Array, windowBits: number): Promise<Buffer> {
  const parts: Buffer[] = []
  const zlib = createDeflateRaw({ level: random.below(10), strategy: random.pick(STRATEGIES), windowBits, memLevel: 1 + random.below(9) })
  zlib.on('data', (part) => parts.push(part))
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + someLength(random, 5_000))
    zlib.write(data.subarray(at, end))
    const flush = random.pick(FLUSHES)
    await new Promise<void>((resolve) => zlib.flush(flush, resolve))
    at = end
  }
  await new Promise((resolve) => zlib.on('end', resolve).end())
  return Buffer.concat(parts)
}

/** What zlib writes, read in random cuts. Returns what went wrong. */
export async function compareCuts(seed: number, cases: number): Promise<string[]> {
  const findings: string[] = []
  const inflaters = new Map<string, Inflater>()
  for (let i = seed; i < seed + cases; i++) {
    const random = new Random(i)
    const data = someData(random, random.oneIn(10) ? 150_000 : 8_000)
    const windowBits = 9 + random.below(7)
    const format = random.pick(FORMATS)
    const options = { level: random.below(10), strategy: random.pick(STRATEGIES), memLevel: 1 + random.below(9), windowBits }
    const packed =
      format === 'gzip' ? gzipSync(data, options) : format === 'deflate' ? deflateSync(data, options) : await flushedStream(random, data, windowBits)
    const key = format === 'deflate-raw' ? `${format} ${windowBits}` : format
    const inflater = inflaters.get(key) ?? new Inflater(format, format === 'deflate-raw' ? { windowBits } : {})
    inflaters.set(key, inflater)
    inflater.reset()
    const output = inflateCut(inflater, packed, random)
    if (inflater.error !== null || !inflater.isDone || Buffer.compare(output, data) !== 0) {
      findings.push(
        `seed ${i}: ${key} of ${data.length} bytes: ${inflater.error?.code ?? (inflater.isDone ? 'something else came out' : 'not whole')}`,
      )
    }
  }
  for (const inflater of inflaters.values()) inflater.release()
  return findings
}

/** What the deflater writes, read by zlib. Returns what went wrong. */
export function compareDeflate(seed: number, cases: number): string[] {
  const findings: string[] = []
  const deflaters = new Map<string, Deflater>()
  for (let i = seed; i < seed + cases; i++) {
    const random = new Random(i)
    const data = someData(random, random.oneIn(8) ? 200_000 : 8_000)
    const format = random.pick(FORMATS)
    const windowBits = 8 + random.below(8)
    const key = `${format} ${windowBits}`
    const deflater = deflaters.get(key) ?? new Deflater(format, { windowBits })
    deflaters.set(key, deflater)
    deflater.reset()
    const parts: Uint8Array[] = []
    const flushes: Flush[] = ['none', 'sync']
    for (let at = 0; !deflater.isDone; ) {
      const end = Math.min(data.length, at + someLength(random, 30_000))
      const room = new Uint8Array(someLength(random, 20_000))
      const { consumed, produced } = deflater.deflate(data.subarray(at, end), room, end === data.length ? 'finish' : random.pick(flushes))
      at += consumed
      parts.push(room.subarray(0, produced))
    }
    const packed = Buffer.concat(parts)
    try {
      const output = format === 'gzip' ? gunzipSync(packed) : format === 'deflate' ? inflateSync(packed) : inflateRawSync(packed)
      if (Buffer.compare(output, data) !== 0) findings.push(`seed ${i}: ${key} of ${data.length} bytes: something else came out`)
      const { kind } = format === 'deflate-raw' && data.length < 4_000 ? referenceInflate(packed, windowBits) : { kind: 'whole' }
      if (kind !== 'whole') findings.push(`seed ${i}: ${key}: a match leaves the window`)
    } catch (error) {
      findings.push(`seed ${i}: ${key} of ${data.length} bytes: ${String(error)}`)
    }
  }
  for (const deflater of deflaters.values()) deflater.release()
  return findings
}

/** One that is asked again and again for nothing is found out, and does not stop the tests. */
class Watched extends Inflater {
  idle = 0

  override inflate(input: BytesInit, output: BytesInit): DecodeStep {
    const step = super.inflate(input, output)
    this.idle = step.consumed === 0 && step.produced === 0 ? this.idle + 1 : 0
    if (this.idle > 2) throw new Error('it goes on with nothing to do')
    return step
  }
}

/** Everything that comes out of the data, by steps and without a limit, and how it ends. */
function unlimited(
  format: CompressionFormat,
  bytes: Uint8Array,
  options: InflaterOptions,
  random: Random,
): { output: Buffer; code: string | undefined } {
  const inflater = new Inflater(format, options)
  const parts: Uint8Array[] = []
  let at = 0
  for (let stalled = 0; inflater.error === null && stalled < 2; ) {
    const room = new Uint8Array(someLength(random, 40_000))
    const { consumed, produced } = inflater.inflate(bytes.subarray(at, at + someLength(random, 40_000)), room)
    at += consumed
    parts.push(room.subarray(0, produced))
    stalled = consumed + produced === 0 ? stalled + 1 : 0
  }
  inflater.end()
  const code = inflater.error?.code ?? (at < bytes.length ? 'UnexpectedData' : undefined)
  inflater.release()
  return { output: Buffer.concat(parts), code }
}

/**
 * Data that is all there, cut off or whole, of one member or of several, with every limit near its size: `inflateAll` ends, and in the way in which
 * steps without a limit end. Returns what went wrong.
 */
export function compareWhole(seed: number, cases: number): string[] {
  const findings: string[] = []
  for (let i = seed; i < seed + cases; i++) {
    const random = new Random(i)
    const format = random.pick(FORMATS)
    const members = format === 'gzip' && random.oneIn(2)
    const openEnded = format === 'deflate-raw' && random.oneIn(2)
    const parts = Array.from({ length: 1 + random.below(3) }, () => {
      // Now and then a member that ends where a piece of the input does: what is stored has a length that is known.
      const data = members && random.oneIn(3) ? random.bytes(PIECE - STORED_GZIP_BYTES - random.below(3)) : someData(random, 3_000)
      const options = { level: data.length > 3_000 ? 0 : random.below(10), finishFlush: openEnded ? constants.Z_SYNC_FLUSH : constants.Z_FINISH }
      return format === 'gzip' ? gzipSync(data, options) : format === 'deflate' ? deflateSync(data, options) : deflateRawSync(data, options)
    })
    const packed = Buffer.concat(members ? parts : parts.slice(0, 1))
    const bytes = random.oneIn(2) ? packed : packed.subarray(0, Math.max(0, packed.length - random.below(12)))
    const { output, code } = unlimited(format, bytes, { members, openEnded }, random)
    for (const maxOutputSize of new Set([0, Math.max(0, output.length - 1), output.length, output.length + 1, 2 * output.length + 7])) {
      const expected = output.length > maxOutputSize ? 'OutputTooLarge' : code
      const inflater = new Watched(format, { members, openEnded, maxOutputSize })
      let found: string | undefined
      try {
        if (Buffer.compare(inflater.inflateAll(bytes), output) !== 0) found = 'something else'
      } catch (error) {
        found = (error as { code?: string }).code ?? String(error)
      }
      if (found !== expected) findings.push(`seed ${i}: ${format} with a limit of ${maxOutputSize} ends in ${found}, not in ${expected}`)
      inflater.release()
    }
  }
  return findings
}

/** What a stream comes to. */
type Kind = 'whole' | 'incomplete' | 'broken'

/** Deflated data that is not what anyone wrote: bits changed, bytes lost or doubled, heads made of chance. */
function mutated(random: Random): Buffer {
  const data = someData(random, 700)
  const kind = random.below(8)
  let bytes: Buffer
  if (kind === 0) {
    // A dynamic head that is nearly right, and whatever comes behind it.
    const literals = Array.from({ length: 257 + random.below(30) }, () => (random.oneIn(3) ? 0 : 4 + random.below(8)))
    bytes = Buffer.from(
      new BitWriter()
        .dynamic(
          literals,
          Array.from({ length: 1 + random.below(30) }, () => random.below(6)),
        )
        .bytes(),
    )
    bytes = Buffer.concat([bytes, random.bytes(20)])
  } else if (kind === 1) bytes = Buffer.from(random.bytes(1 + random.below(80)))
  else bytes = deflateRawSync(data, { level: random.below(10), strategy: random.pick(STRATEGIES), memLevel: 1 + random.below(9) })
  const changes = random.below(4)
  for (let i = 0; i < changes && bytes.length > 0; i++) {
    // Mostly where the heads are.
    const at = random.below(random.oneIn(2) ? bytes.length : Math.min(bytes.length, 60))
    const way = random.below(4)
    if (way < 2) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
    else if (way === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
    else bytes[at] = random.word()
  }
  return bytes
}

const MOST = 1 << 20

/** zlib's verdict. */
function zlibVerdict(bytes: Uint8Array): { kind: Kind; output: Uint8Array | null; consumed: number } {
  try {
    const { buffer, engine } = inflateRawSync(bytes, { info: true, maxOutputLength: MOST }) as unknown as {
      buffer: Buffer
      engine: { bytesWritten: number }
    }
    return { kind: 'whole', output: buffer, consumed: engine.bytesWritten }
  } catch (error) {
    return { kind: (error as { code: string }).code === 'Z_BUF_ERROR' ? 'incomplete' : 'broken', output: null, consumed: 0 }
  }
}

/**
 * A code of the code lengths that has no codes is refused at once. zlib takes it for one whose lengths are all 0, and refuses those: where the data ends
 * between the two it waits for more, and whatever comes, the verdict is the same.
 */
function isBrokenLater(bytes: Uint8Array): boolean {
  return [0, 255].every((byte) => zlibVerdict(Buffer.concat([bytes, Buffer.alloc(64, byte)])).kind === 'broken')
}

/** Changed streams: the same verdict and bytes as from zlib, in two cuts, and with a smaller window as from the reference. */
export function compareMutations(
  seed: number,
  cases: number,
  until: () => boolean = () => false,
): { findings: string[]; verdicts: Record<Kind, number> } {
  const findings: string[] = []
  const verdicts: Record<Kind, number> = { whole: 0, incomplete: 0, broken: 0 }
  const inflaters = Array.from({ length: 8 }, (_, i) => new Inflater('deflate-raw', { windowBits: 8 + i, maxOutputSize: MOST }))
  const room = new Uint8Array(MOST)
  for (let i = seed; i < seed + cases && findings.length < 5 && !((i & 255) === 0 && until()); i++) {
    const random = new Random(i)
    const bytes = mutated(random)
    const expected = zlibVerdict(bytes)
    verdicts[expected.kind]++
    const inflater = inflaters[7] as Inflater
    inflater.reset()
    const { consumed, produced } = inflater.inflate(bytes, room)
    const kind: Kind = inflater.error !== null ? 'broken' : inflater.isDone ? 'whole' : 'incomplete'
    const output = Buffer.from(room.subarray(0, produced))
    if (kind !== expected.kind && !(inflater.error?.code === 'InvalidCodeLengths' && isBrokenLater(bytes)))
      findings.push(`seed ${i}: ${kind} (${inflater.error?.code}), but zlib says ${expected.kind}`)
    else if (expected.output !== null && (Buffer.compare(output, expected.output) !== 0 || consumed !== expected.consumed)) {
      findings.push(`seed ${i}: something else came out than from zlib, of ${consumed} and ${expected.consumed} bytes`)
    }
    const code = inflater.error?.code
    inflater.reset()
    const cut = inflateCut(inflater, bytes, random)
    if (inflater.error?.code !== code || Buffer.compare(cut, output) !== 0)
      findings.push(`seed ${i}: in another cut ${inflater.error?.code}, not ${code}`)
    if (i % 4 !== 0) continue
    const windowBits = 8 + random.below(7)
    const small = inflaters[windowBits - 8] as Inflater
    const verdict = referenceInflate(bytes, windowBits, MOST)
    small.reset()
    const result = inflateCut(small, bytes, random)
    const smallKind: Kind = small.error !== null ? 'broken' : small.isDone ? 'whole' : 'incomplete'
    if (smallKind !== verdict.kind || (verdict.kind === 'whole' && crc32(result) !== crc32(verdict.output))) {
      findings.push(`seed ${i}: with ${windowBits} bits ${smallKind} (${small.error?.code}), but the reference says ${verdict.kind}`)
    }
  }
  for (const inflater of inflaters) inflater.release()
  return { findings, verdicts }
}
