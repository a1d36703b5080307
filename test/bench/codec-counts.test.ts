/** What the codec executes for the workloads of bench/codec, to the instruction: growth is found here, with the name of the function that has grown. */

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Counts, checksum, compare, countAll, type Faces, workloads } from '../../bench/codec/counts.mjs'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../src/codec/deflate/binary.ts'
import { Deflater } from '../../src/codec/deflate/deflater.ts'
import { Inflater } from '../../src/codec/deflate/inflater.ts'
import { ChunkedDecoder } from '../../src/codec/http/chunked-decoder.ts'
import { RequestReader } from '../../src/codec/http/request-reader.ts'
import { RequestWriter } from '../../src/codec/http/request-writer.ts'
import { ResponseReader } from '../../src/codec/http/response-reader.ts'
import { Codec } from '../../src/codec/memory.ts'
import { codecBytes } from '../../src/codec/module.ts'
import { webTextDecoding } from '../../src/codec/text.ts'
import { FrameReader } from '../../src/codec/ws/frame-reader.ts'
import { FrameWriter } from '../../src/codec/ws/frame-writer.ts'
import { ClientHandshake, ServerHandshake } from '../../src/codec/ws/handshake.ts'
import { MaskKeys } from '../../src/codec/ws/mask-keys.ts'
import { CodecTools } from '../../src/codec/ws/tools.ts'

const faces: Faces = {
  ChunkedDecoder,
  ClientHandshake,
  Codec,
  CodecTools,
  Deflater,
  FrameReader,
  FrameWriter,
  Inflater,
  MaskKeys,
  RequestReader,
  RequestWriter,
  ResponseReader,
  ServerHandshake,
  webTextDecoding,
}

const shipped = { codec: codecBytes(CODEC_TEXT), deflate: codecBytes(DEFLATE_TEXT) }

describe('the codec', () => {
  let counts: Record<string, Counts>
  beforeAll(() => {
    counts = countAll(faces, shipped)
  }, 120_000)

  test('executes, copies and crosses no more than bench/codec/baseline.json accepts', () => {
    const { workloads: accepted } = JSON.parse(readFileSync(new URL('../../bench/codec/baseline.json', import.meta.url), 'utf8'))
    const { failures } = compare(accepted, counts)
    // The last lines name the functions.
    const shown = failures.length > 20 ? [...failures.slice(0, 12), `… ${failures.length - 16} more …`, ...failures.slice(-4)] : failures
    if (failures.length > 0) expect.fail(`\n${shown.join('\n')}\nIf that is as it has to be: npm run bench:codec -- --accept\n`)
  })

  test('gives the same for every cut of the same bytes', () => {
    const bySource = new Map<string, string>()
    for (const { id, source } of workloads) {
      const sum = counts[id]?.checksum as string
      expect(bySource.get(source) ?? sum, id).toBe(sum)
      bySource.set(source, sum)
    }
  })

  test('gives the same as it does when nothing is counted', () => {
    const codec = new Codec(new WebAssembly.Module(shipped.codec), webTextDecoding(), undefined, () => DEFLATE_TEXT)
    for (const { id } of workloads.filter((_, i) => i % 6 === 0)) expect(checksum(faces, codec, id), id).toBe(counts[id]?.checksum)
  })
})
