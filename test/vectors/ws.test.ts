/**
 * Runs every vector of test/vectors/ws whole, byte by byte and at every split position, through `read`, through `spare` and through
 * fixed read targets. The reference decoder must agree with the document too.
 *
 * A vector is a heading, prose, a `bytes` block and an `events` block. Bytes are hex, `61*100` repeats one. An event is a kind and a
 * JSON string or hex; then comes how it ends: `error <code>`, `unfinished`, or nothing.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { FrameReader } from '../../src/entry/codec.ts'
import { type Decoded, type DecodedEvent, type DecoderOptions, decode, type EventKind } from '../reference/decoder.ts'
import { cut, feedRead, feedSpare, feedTargets } from '../reference/feed.ts'
import { toHex } from '../reference/frames.ts'

interface Vector {
  name: string
  line: number
  options: DecoderOptions
  bytes: Uint8Array
  expected: Decoded
}

/** Splits of a vector longer than this are tried at its ends and at every 97th byte between. */
const EVERY_SPLIT_UP_TO = 2_000

const folder = new URL('ws/', import.meta.url)

function parse(document: string, file: string): Vector[] {
  const vectors: Vector[] = []
  const lines = document.split('\n')
  let name = ''
  let nameLine = 0
  let options: DecoderOptions | null = null
  let bytes: Uint8Array | null = null
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string
    if (line.startsWith('## ')) {
      if (bytes !== null) throw new SyntaxError(`${file}:${nameLine}: "${name}" has no events`)
      name = line.slice(3)
      nameLine = i + 1
    } else if (line.startsWith('```')) {
      const [block, ...words] = line.slice(3).split(' ')
      const from = i + 1
      while (lines[++i] !== '```') if (i >= lines.length) throw new SyntaxError(`${file}:${from}: block without an end`)
      const body = lines.slice(from, i)
      if (block === 'bytes') {
        options = parseOptions(words)
        bytes = parseHex(body.join(' '))
      } else if (block === 'events' && options !== null && bytes !== null) {
        vectors.push({ name, line: nameLine, options, bytes, expected: parseEvents(body) })
        options = bytes = null
      } else {
        throw new SyntaxError(`${file}:${from}: a ${block} block is out of place`)
      }
    }
  }
  if (bytes !== null) throw new SyntaxError(`${file}:${nameLine}: "${name}" has no events`)
  return vectors
}

function parseOptions([role, ...rest]: string[]): DecoderOptions {
  if (role !== 'client' && role !== 'server') throw new SyntaxError(`a role is needed, not ${role}`)
  const options: DecoderOptions = { role }
  for (const word of rest) {
    const match = /^(maxFrameSize|maxMessageSize)=(\d+)$/.exec(word)
    if (match === null) throw new SyntaxError(`unknown option ${word}`)
    options[match[1] as 'maxFrameSize' | 'maxMessageSize'] = Number(match[2])
  }
  return options
}

function parseHex(text: string): Uint8Array {
  const bytes: number[] = []
  for (const word of text.split(/\s+/).filter((w) => w !== '')) {
    const match = /^([0-9a-f]{2})(?:\*(\d+))?$/.exec(word)
    if (match === null) throw new SyntaxError(`not a byte: ${word}`)
    for (let n = Number(match[2] ?? 1); n > 0; n--) bytes.push(Number.parseInt(match[1] as string, 16))
  }
  return Uint8Array.from(bytes)
}

function parseEvents(lines: string[]): Decoded {
  const result: Decoded = { events: [], error: null, closed: false, unfinished: false }
  for (const line of lines) {
    const match = /^(text|binary|ping|pong|close|error|unfinished)(?: (.*))?$/.exec(line)
    if (match === null) throw new SyntaxError(`not an event: ${line}`)
    const [, kind, rest = ''] = match
    if (kind === 'error') result.error = rest
    else if (kind === 'unfinished') result.unfinished = true
    else {
      const event: DecodedEvent = { kind: kind as EventKind, bytes: parsePayload(kind === 'close' ? rest.slice(5) : rest) }
      if (kind === 'close') {
        event.closeCode = Number(rest.slice(0, 4))
        result.closed = true
      }
      result.events.push(event)
    }
  }
  return result
}

function parsePayload(text: string): Uint8Array {
  return text.startsWith('"') ? new TextEncoder().encode(JSON.parse(text)) : parseHex(text)
}

function summary(decoded: Decoded): string {
  const events = decoded.events.map(
    (e) => `${e.kind} ${e.closeCode ?? ''}[${e.bytes.length > 300 ? `${e.bytes.length} bytes, sum ${sum(e.bytes)}` : toHex(e.bytes)}]`,
  )
  return [...events, decoded.error ?? '', decoded.closed ? 'closed' : '', decoded.unfinished ? 'unfinished' : ''].join('\n')
}

function sum(bytes: Uint8Array): number {
  return bytes.reduce((a, b) => (Math.imul(a, 31) + b) | 0, 0)
}

/** Comparing large payloads tens of thousands of times is worth doing without text. */
function same(a: Decoded, b: Decoded): boolean {
  return (
    a.error === b.error &&
    a.closed === b.closed &&
    a.unfinished === b.unfinished &&
    a.events.length === b.events.length &&
    a.events.every((event, i) => {
      const other = b.events[i] as DecodedEvent
      return event.kind === other.kind && event.closeCode === other.closeCode && Buffer.compare(event.bytes, other.bytes) === 0
    })
  )
}

function splits(length: number): number[] {
  const positions = Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1)
  return length <= EVERY_SPLIT_UP_TO ? positions : positions.filter((at) => at < 300 || at > length - 300 || at % 97 === 0)
}

const bytewise = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))

const files = readdirSync(folder).filter((name) => name.endsWith('.md'))
const documents = files.map((file) => ({ file, vectors: parse(readFileSync(new URL(file, folder), 'utf8'), file) }))

test('the documents hold what they are meant to', () => {
  const all = documents.flatMap(({ vectors }) => vectors)
  expect(all.length).toBeGreaterThanOrEqual(100)
  expect(new Set(all.map((v) => v.expected.error)).size).toBe(16)
})

describe.each(documents)('$file', ({ file, vectors }) => {
  test.each(vectors.map((vector) => [`${vector.name} (${file}:${vector.line})`, vector] as const))('%s', (_, { bytes, options, expected }) => {
    expect(summary(decode(bytes, options)), 'the reference decoder').toBe(summary(expected))

    const large = new FrameReader({ ...options, bufferCapacity: 160 * 1024 })
    const small = new FrameReader({ ...options, bufferCapacity: 256 })
    const adapters = (
      [
        [1, 4_096, 512],
        [2, 2_048, 256],
        [2, 24, 140],
      ] as const
    ).map(([count, size, inPlace]) => {
      const reader = new FrameReader({ ...options, bufferCapacity: 8_192 })
      return { reader, targets: reader.targets(count, size, inPlace) }
    })
    const check = (decoded: Decoded, way: string): void => {
      if (!same(decoded, expected)) expect(summary(decoded), way).toBe(summary(expected))
    }
    const checkAll = (pieces: readonly Uint8Array[], way: string): void => {
      check(feedRead(large, pieces), `${way}, read`)
      check(feedSpare(small, pieces), `${way}, spare and filled`)
      for (const { reader, targets } of adapters) {
        reader.reset()
        check(feedTargets(reader, targets, pieces), `${way}, ${targets.length} targets`)
      }
    }

    checkAll([bytes], 'whole')
    checkAll(bytewise(bytes), 'byte by byte')
    for (const at of splits(bytes.length)) checkAll(cut(bytes, [at]), `split at ${at}`)
    for (const reader of [large, small, ...adapters.map((a) => a.reader)]) reader.release()
  })
})
