/**
 * Runs every vector of test/vectors/deflate whole, byte by byte and at every split position, over the binary itself: messages of permessage-deflate,
 * inflated to where they are read. How a document is written: test/vectors/deflate/7692-7.2.3-examples.md.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../src/codec/deflate/binary.ts'
import { compressionError } from '../../src/codec/deflate/compression-error.ts'
import { Codec } from '../../src/codec/memory.ts'
import { webTextDecoding } from '../../src/codec/text.ts'
import { latin1Text } from '../reference/linear.ts'

interface Vector {
  readonly name: string
  readonly messages: readonly Uint8Array[]
  readonly output: readonly string[]
}

const folder = new URL('deflate/', import.meta.url)

function parse(document: string): Vector[] {
  return document
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [name = ''] = section.split('\n')
      const block = (kind: string): string[] => {
        const found = new RegExp(`^\`\`\`${kind}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(section)
        if (found === null) throw new SyntaxError(`"${name}" has no ${kind}`)
        return (found[1] as string).trim().split('\n')
      }
      const messages = block('messages').map((line) =>
        line === '-' ? new Uint8Array(0) : Uint8Array.from(line.split(' '), (byte) => Number(`0x${byte}`)),
      )
      return { name, messages, output: block('output') }
    })
}

const AREA = 40_000
const codec = new Codec(
  () => CODEC_TEXT,
  webTextDecoding(),
  undefined,
  () => DEFLATE_TEXT,
)

/** What comes of messages, each in pieces. @param room bytes of output in one call */
function run(messages: readonly Uint8Array[], cuts: (length: number) => number[], room: number): string[] {
  const region = codec.deflateRegion(AREA + 2_048)
  const record = region.carve(abi.INFLATE_BYTES)
  const input = region.carve(256)
  const area = region.carve(AREA)
  const { view, u8, deflate, deflateTables } = region.memory
  for (const [offset, value] of [
    [abi.INFLATE_AREA, area],
    [abi.INFLATE_AREA_END, area + AREA],
    [abi.INFLATE_WINDOW, 32_768],
    [abi.INFLATE_TABLES, deflateTables],
    [abi.INFLATE_FLAGS, abi.DEFLATED_RAW | abi.DEFLATED_CONTINUES],
  ] as const) {
    view.setUint32(record + offset, value, true)
  }
  deflate.inflateReset(record)
  const list: string[] = []
  const output = (): number => view.getUint32(record + abi.INFLATE_OUTPUT, true)
  for (const message of messages) {
    const start = output()
    let result: number = abi.INFLATE_MORE
    let at = 0
    for (const end of [...cuts(message.length), message.length]) {
      u8.set(message.subarray(at, end), input)
      let from = input
      do {
        result = deflate.inflate(record, from, input + end - at, output() + room)
        from = view.getUint32(record + abi.INFLATE_INPUT, true)
      } while (result === abi.INFLATE_FULL)
      at = end
    }
    if (result !== abi.INFLATE_FAILED) result = deflate.inflateEndMessage(record)
    if (result === abi.INFLATE_FAILED) {
      list.push(`error ${compressionError(view.getUint32(record + abi.INFLATE_ERROR, true)).code}`)
      break
    }
    list.push(JSON.stringify(latin1Text(u8.subarray(start, output()))))
  }
  region.release()
  return list
}

const files = readdirSync(folder).filter((name) => name.endsWith('.md'))

describe.each(files)('%s', (file) => {
  const vectors = parse(readFileSync(new URL(file, folder), 'utf8'))
  test.each(vectors)('$name', ({ messages, output }) => {
    for (const room of [1_000, 1, 2]) {
      expect(
        run(messages, () => [], room),
        'whole',
      ).toEqual(output)
      expect(
        run(messages, (length) => Array.from({ length }, (_, i) => i), room),
        'byte by byte',
      ).toEqual(output)
      for (let at = 0; at < 20; at++)
        expect(
          run(messages, (length) => (at < length ? [at] : []), room),
          `split at ${at}`,
        ).toEqual(output)
    }
  })
  test('has vectors', () => expect(vectors.length).toBeGreaterThan(5))
})
