/**
 * The fuzzer: cases are made from seeds, each is run over two guarded memories, and both must see the same.
 * Runs wherever the codec does; no runtime API is used.
 */

import { CODEC_TEXT } from '../../../src/codec/binary.ts'
import type { CodecMemory } from '../../../src/codec/memory.ts'
import { compileCodec } from '../../../src/codec/module.ts'
import { Random } from '../../reference/random.ts'
import { Bench, Fault } from './bench.ts'
import { chunkedDecoder, messagesAndMasking, requestReader, requestWriter, responseReader } from './http-targets.ts'
import { GARBAGE_KINDS, GuardBroken, GuardedCodec, garbage } from './memory.ts'
import { Wires } from './wires.ts'
import { frameReader, frameWriter, handshakes } from './ws-targets.ts'

/** One script: what may be done with a part of the codec, chosen by the bench's random numbers. */
export type Target = (bench: Bench) => void

export const TARGETS = {
  frameReader,
  frameWriter,
  responseReader,
  requestReader,
  requestWriter,
  chunkedDecoder,
  handshakes,
  messagesAndMasking,
} as const satisfies Record<string, Target>

/** Something was found: the seed makes it happen again. */
export interface Finding {
  readonly target: string
  readonly seed: number
  readonly what: string
  /** The last steps before it. */
  readonly steps: readonly string[]
}

export interface FuzzOptions {
  /** Cases have the seeds from here on. */
  readonly seed: number
  /** Ends after so many cases of each target … */
  readonly cases?: number
  /** … or when this says so; asked now and then. */
  readonly until?: () => boolean
  readonly targets?: Readonly<Record<string, Target>>
  /** Gets each memory before it is used. */
  readonly onMemory?: (memory: CodecMemory) => void
  /** Stops at so many findings. Default 1. */
  readonly findings?: number
}

export interface FuzzReport {
  readonly cases: number
  readonly events: number
  readonly findings: readonly Finding[]
}

/** Seeds that share a supply of what peers send, and the garbage of the two memories. */
const EPOCH = 512
/** Cases between two looks at all of memory; the guards are looked at after each step. */
const SURVEY = 8
const module = compileCodec(CODEC_TEXT)

/** The two memories of an epoch, and its supply. */
class World {
  readonly wires: Wires
  private codecs: readonly [GuardedCodec, GuardedCodec]
  private readonly tapes: readonly [Uint8Array, Uint8Array]

  constructor(
    readonly epoch: number,
    private readonly onMemory?: (memory: CodecMemory) => void,
  ) {
    const random = new Random(epoch * 7_919 + 1)
    this.wires = new Wires(random)
    const kind = random.below(GARBAGE_KINDS)
    this.tapes = [garbage(random, kind), garbage(random, kind + 1 + random.below(GARBAGE_KINDS - 1))]
    this.codecs = this.open()
  }

  /** What a target does with a seed in each of the memories. */
  run(target: Target, seed: number, survey: boolean): { events: readonly string[]; what: string | null } {
    const [first, second] = this.codecs.map((codec, i): Run => {
      codec.fillWith(this.tapes[i] as Uint8Array, seed * 61)
      const bench = new Bench(codec, new Random(seed), this.wires)
      try {
        target(bench)
        if (survey) codec.checkAll()
        return { events: bench.events, what: null }
      } catch (error) {
        const { name, message, stack } = error as Error
        const isOurs = error instanceof GuardBroken || error instanceof Fault
        return { events: bench.events, what: isOurs ? `${name}: ${message}` : `${name}: ${message}\n${stack}` }
      }
    }) as [Run, Run]
    let what = first.what ?? second.what
    const length = Math.max(first.events.length, second.events.length)
    for (let i = 0; what === null && i < length; i++) {
      const [one, other] = [first.events[i], second.events[i]]
      if (one !== other) {
        what = `what is seen depends on bytes that nobody put there: ${one} and ${other}`
        return { events: first.events.slice(0, i + 1), what: this.broken(what) }
      }
    }
    if (what !== null) this.broken(what)
    return { events: (first.what === null ? second : first).events, what }
  }

  /** What was found may have left its marks: the next case begins with fresh memories. */
  private broken(what: string): string {
    this.codecs = this.open()
    return what
  }

  private open(): [GuardedCodec, GuardedCodec] {
    return this.tapes.map((tape, i) => {
      const codec = new GuardedCodec(module, this.onMemory)
      codec.fillWith(tape)
      // Addresses differ, too: none may be seen.
      codec.region(64 + 1_024 * i)
      return codec
    }) as [GuardedCodec, GuardedCodec]
  }
}

interface Run {
  readonly events: readonly string[]
  readonly what: string | null
}

/** Runs cases until they are all done, time is up, or enough was found. */
export function fuzz(options: FuzzOptions): FuzzReport {
  const { seed: first, cases = Number.POSITIVE_INFINITY, until = () => false, targets = TARGETS, findings: most = 1 } = options
  const findings: Finding[] = []
  let count = 0
  let events = 0
  let world: World | null = null
  for (let seed = first; seed < first + cases && findings.length < most; seed++) {
    if ((seed & 15) === 0 && until()) break
    const epoch = Math.floor(seed / EPOCH)
    if (world?.epoch !== epoch) world = new World(epoch, options.onMemory)
    for (const [name, target] of Object.entries(targets)) {
      const run = world.run(target, seed, seed % SURVEY === 0)
      count++
      events += run.events.length
      if (run.what === null) continue
      findings.push({ target: name, seed, what: run.what, steps: run.events.slice(-6) })
      if (findings.length === most) break
    }
  }
  return { cases: count, events, findings }
}
