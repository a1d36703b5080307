/**
 * Runs every vector of test/vectors/http whole, byte by byte and at every split position: responses through the targets of a transport, streamed,
 * and through `read` and `spare`, with a buffer that is large enough and one that is not; requests through `read` and `spare`. The reference
 * parser must agree with the document too. How a document is written: test/reference/http-document.ts.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { RequestReader, ResponseReader } from '../../src/entry/codec.ts'
import { cut } from '../reference/feed.ts'
import { readRequestHead, readResponses } from '../reference/http.ts'
import { describeOutcome, describeRequest, parseDocument, type Vector } from '../reference/http-document.ts'
import { feedRead, feedRequest, feedTargets } from '../reference/http-feed.ts'
import { latin1Bytes } from '../reference/linear.ts'

/** Splits of a vector longer than this are tried at its ends and at every 97th byte between. */
const EVERY_SPLIT_UP_TO = 800

const folder = new URL('http/', import.meta.url)

function splits(length: number): number[] {
  const positions = Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1)
  return length <= EVERY_SPLIT_UP_TO ? positions : positions.filter((at) => at < 200 || at > length - 100 || at % 97 === 0)
}

const bytewise = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))

/** Calls `run` with every way to cut the bytes. */
function eachWay(bytes: Uint8Array, run: (pieces: readonly Uint8Array[], way: string) => void): void {
  run([bytes], 'whole')
  run(bytewise(bytes), 'byte by byte')
  for (const at of splits(bytes.length)) run(cut(bytes, [at]), `split at ${at}`)
  // In three, with a single byte in the middle: it is both the end of one piece and the start of another.
  for (const at of splits(bytes.length)) if (at % 7 === 0) run(cut(bytes, [at - 1, at]), `cut around ${at}`)
}

const files = readdirSync(folder).filter((name) => name.endsWith('.md'))
const documents = files.map((file) => ({ file, vectors: parseDocument(readFileSync(new URL(file, folder), 'utf8'), file) }))

test('the documents hold what they are meant to', () => {
  const all = documents.flatMap(({ vectors }) => vectors)
  const of = (kind: string): Vector[] => all.filter((vector) => vector.kind === kind)
  expect(of('response').length).toBeGreaterThanOrEqual(120)
  expect(of('request').length).toBeGreaterThanOrEqual(60)
  const errors = all.map(({ expected }) => /^error (.*)$/m.exec(expected)?.[1]).filter((code) => code !== undefined)
  // Every code but UnexpectedData, which no bytes lead to: it takes a commit when no response is awaited.
  expect(new Set(errors).size).toBe(15)
  const names = all.map(({ kind, line, name }) => `${kind} ${name} ${line}`)
  expect(new Set(names).size).toBe(names.length)
})

function runResponse({ bytes: text, ended, expected, limits, methods }: Vector): void {
  const wanted = methods.length
  expect(describeOutcome(readResponses(text, methods, limits, ended), wanted), 'the reference parser').toBe(expected)
  const withoutInterims = describeOutcome({ ...readResponses(text, methods, limits, ended), interims: [] }, wanted)
  const bytes = latin1Bytes(text)
  const large = new ResponseReader({ ...limits, capacity: 32 * 1024 })
  // 16 KiB is the default that one of the vectors goes over, so only the others can have a smaller buffer.
  const small = new ResponseReader({ ...limits, capacity: text.length > 10_000 ? 16 * 1024 : 1_024 })
  const options = { methods, ended }
  eachWay(bytes, (pieces, way) => {
    for (const reader of [large, small]) {
      const size = `${way}, capacity ${reader.capacity}`
      expect(describeOutcome(feedTargets(reader, pieces, options), wanted), `${size}, targets`).toBe(expected)
      expect(describeOutcome(feedTargets(reader, pieces, { ...options, streaming: true }), wanted), `${size}, streamed`).toBe(expected)
      expect(describeOutcome(feedRead(reader, pieces, options), wanted), `${size}, read`).toBe(withoutInterims)
      expect(describeOutcome(feedRead(reader, pieces, options, true), wanted), `${size}, spare`).toBe(withoutInterims)
    }
  })
  large.release()
  small.release()
}

function runRequest({ bytes: text, expected, limits }: Vector): void {
  expect(describeRequest(readRequestHead(text, limits)), 'the reference parser').toBe(expected)
  const reader = new RequestReader({ ...limits, capacity: 2_048 })
  eachWay(latin1Bytes(text), (pieces, way) => {
    expect(describeRequest(feedRequest(reader, pieces)), `${way}, read`).toBe(expected)
    expect(describeRequest(feedRequest(reader, pieces, true)), `${way}, spare`).toBe(expected)
  })
  reader.release()
}

describe.each(documents)('$file', ({ file, vectors }) => {
  test.each(vectors.map((vector) => [`${vector.name} (${file}:${vector.line})`, vector] as const))('%s', { timeout: 60_000 }, (_, vector) => {
    if (vector.kind === 'response') runResponse(vector)
    else runRequest(vector)
  })
})
