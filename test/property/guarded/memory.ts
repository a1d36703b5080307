/**
 * Linear memory in which nothing can be touched unseen.
 *
 * Rule 1: every region lies between two guards. Guards, fresh regions and all that is free are filled with garbage, and an image is kept of it.
 * Rule 2: what differs from the image outside of the regions that are out was written by someone who had no business there.
 * Rule 3: two memories with different garbage, at different addresses, must lead to the same events. If they do not, a byte was read that nobody
 *         had put there.
 */

import { Codec, type CodecMemory, FIRST_REGION, Region } from '../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../src/codec/text.ts'
import type { Random } from '../../reference/random.ts'

/** Bytes of each guard. */
export const GUARD = 2_048
/** 1 MiB: small, so that all of it can be looked at often. */
const PAGES = 16
const TAPE_BYTES = 64 * 1024

/** Bytes that lead a parser on when it reads them by mistake: what it would take for numbers, line ends, frames, or the rest of a character. */
const ALPHABETS: readonly (readonly number[])[] = [
  [],
  [0x00],
  [0xff],
  [0x80, 0xbf, 0x9f, 0xa0],
  [0x30, 0x66, 0x0d, 0x0a, 0x0d, 0x0a],
  [0x81, 0x82, 0x00, 0x7e, 0x05, 0xfe],
  [0x20, 0x3a, 0x61, 0x0d, 0x0a],
]

/** A run of garbage; `kind` chooses its alphabet, of which the first is every byte. */
export function garbage(random: Random, kind: number): Uint8Array<ArrayBuffer> {
  const alphabet = ALPHABETS[kind % ALPHABETS.length] as readonly number[]
  const tape = new Uint8Array(TAPE_BYTES)
  for (let i = 0; i < tape.length; i++) tape[i] = alphabet.length === 0 ? random.word() : random.pick(alphabet)
  return tape
}

/** Kinds of garbage that there are. */
export const GARBAGE_KINDS: number = ALPHABETS.length

/** A byte outside of every region was written. */
export class GuardBroken extends Error {
  override readonly name = 'GuardBroken'
}

interface Guarded {
  readonly memory: CodecMemory
  readonly image: Uint8Array
  /** The region with its guards: who forgets to release it must not have them collected. */
  readonly outer: Region
  /** Of the region itself, without its guards. */
  readonly start: number
  readonly end: number
}

/** A codec whose regions are guarded. */
export class GuardedCodec extends Codec {
  private readonly images = new Map<CodecMemory, Uint8Array>()
  private readonly out = new Set<Guarded>()
  private tape: Uint8Array = new Uint8Array(TAPE_BYTES)
  private at = 0

  /** @param onMemory gets each memory before it is used: the fuzzer's own test plants faults there */
  constructor(
    source: WebAssembly.Module,
    private readonly onMemory: (memory: CodecMemory) => void = () => {},
  ) {
    super(source, webTextDecoding(), PAGES)
  }

  /** The garbage of regions from now on; `at` is where it begins, so that a case can be repeated. */
  fillWith(tape: Uint8Array, at = 0): void {
    this.tape = tape
    this.at = at % tape.length
  }

  /** Regions that have not been given back. */
  get regionsOut(): number {
    return this.out.size
  }

  override region(bytes: number): Region {
    const outer = super.region(bytes + 2 * GUARD)
    const { memory } = outer
    let image = this.images.get(memory)
    if (image === undefined) {
      // Nothing of it is in use, so that all of it may be filled; below the first region are the codec's constants, which are kept as they are.
      image = memory.u8.slice()
      this.images.set(memory, image)
      this.fill(memory, image, FIRST_REGION, image.length)
      this.onMemory(memory)
    }
    this.fill(memory, image, outer.start, outer.start + outer.bytes)
    const guarded: Guarded = { memory, image, outer, start: outer.start + GUARD, end: outer.start + outer.bytes - GUARD }
    this.out.add(guarded)
    return new Region(memory, guarded.start, guarded.end - guarded.start, () => {
      this.out.delete(guarded)
      // What the owner left is garbage like any other to the next one.
      image.set(memory.u8.subarray(guarded.start, guarded.end), guarded.start)
      outer.release()
    })
  }

  /** Throws `GuardBroken` when a guard has been written to. */
  checkGuards(): void {
    for (const { memory, image, start, end } of this.out) {
      this.compare(memory, image, start - GUARD, start, `before a region of ${end - start} bytes, from its start`, start)
      this.compare(memory, image, end, end + GUARD, `behind a region of ${end - start} bytes, from its end`, end)
    }
  }

  /** Looks at all of memory. Throws `GuardBroken` when anything has been written outside of the regions that are out. */
  checkAll(): void {
    for (const [memory, image] of this.images) {
      const regions = [...this.out].filter((each) => each.memory === memory).sort((a, b) => a.start - b.start)
      let at = 0
      for (const { start, end } of regions) {
        this.compare(memory, image, at, start, 'outside of every region, from the start of memory', 0)
        at = end
      }
      this.compare(memory, image, at, image.length, 'outside of every region, from the start of memory', 0)
    }
  }

  private fill(memory: CodecMemory, image: Uint8Array, from: number, to: number): void {
    for (let i = from; i < to; ) {
      const piece = this.tape.subarray(this.at, this.at + to - i)
      memory.u8.set(piece, i)
      image.set(piece, i)
      i += piece.length
      this.at = (this.at + piece.length) % this.tape.length
    }
  }

  private compare(memory: CodecMemory, image: Uint8Array, from: number, to: number, where: string, base: number): void {
    // Both ends are multiples of 4: regions are aligned.
    const seen = memory.i32
    const kept = new Int32Array(image.buffer, 0, image.length >> 2)
    for (let i = from >> 2; i < to >> 2; i++) {
      if (seen[i] === kept[i]) continue
      let byte = i << 2
      while (memory.u8[byte] === image[byte]) byte++
      throw new GuardBroken(`byte ${byte - base} ${where} was ${image[byte]} and is ${memory.u8[byte]}`)
    }
  }
}
