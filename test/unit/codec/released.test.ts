/** After `release` the memory may be another connection's: whatever is asked of what lived there throws `Released`, and touches nothing. */

import { readFileSync } from 'node:fs'
import ts from 'typescript-5.7'
import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../src/codec/binary.ts'
import { DEFLATE_TEXT } from '../../../src/codec/deflate/binary.ts'
import { Deflater } from '../../../src/codec/deflate/deflater.ts'
import { Inflater } from '../../../src/codec/deflate/inflater.ts'
import { ChunkedDecoder } from '../../../src/codec/http/chunked-decoder.ts'
import { RequestReader } from '../../../src/codec/http/request-reader.ts'
import { RequestWriter } from '../../../src/codec/http/request-writer.ts'
import { ResponseReader } from '../../../src/codec/http/response-reader.ts'
import { Codec } from '../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../src/codec/text.ts'
import { FrameReader } from '../../../src/codec/ws/frame-reader.ts'
import { FrameWriter } from '../../../src/codec/ws/frame-writer.ts'

interface Releasable {
  release(): void
}

const CLASSES: readonly (readonly [file: string, name: string, make: (codec: Codec) => Releasable])[] = [
  ['ws/frame-reader', 'FrameReader', (codec) => new FrameReader(codec, { bufferCapacity: 1_024 })],
  ['ws/frame-writer', 'FrameWriter', (codec) => new FrameWriter(codec, { writeBufferCapacity: 1_024 })],
  ['http/request-writer', 'RequestWriter', (codec) => new RequestWriter(codec, 'a', { writeBufferCapacity: 1_024 })],
  ['http/request-reader', 'RequestReader', (codec) => new RequestReader(codec, { capacity: 1_024 })],
  ['http/response-reader', 'ResponseReader', (codec) => new ResponseReader(codec, { capacity: 1_024 })],
  ['http/chunked-decoder', 'ChunkedDecoder', (codec) => new ChunkedDecoder(codec)],
  ['deflate/inflater', 'Inflater', (codec) => new Inflater(codec, 'gzip')],
  ['deflate/deflater', 'Deflater', (codec) => new Deflater(codec, 'gzip')],
]

/** What is known without the memory, and stays readable. */
const KNOWN = new Set([
  'role',
  'capacity',
  'host',
  'error',
  'isDone',
  'totalDecoded',
  'totalInflated',
  'totalDeflated',
  'bodyRemaining',
  'FrameWriter.length',
  'FrameWriter.room',
  'encodedLength',
])

/** A right value for each parameter, by its name. */
const VALUES: Readonly<Record<string, unknown>> = {
  bytes: new Uint8Array(3),
  code: 1_000,
  count: 0,
  fill: () => {},
  flush: 'none',
  from: 0,
  input: new Uint8Array(3),
  kind: 'binary',
  length: 0,
  method: 'GET',
  name: 'A',
  output: new Uint8Array(3),
  path: '/',
  payload: 1,
  text: 'a',
  value: 'b',
}

interface Member {
  readonly name: string
  readonly isGetter: boolean
  readonly parameters: readonly string[]
}

/** Public methods and getters of a class, as its source has them: neither private nor `@internal`. */
function membersOf(file: string, className: string): Member[] {
  const path = new URL(`../../../src/codec/${file}.ts`, import.meta.url)
  const source = ts.createSourceFile(file, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: Member[] = []
  for (const statement of source.statements) {
    if (!ts.isClassDeclaration(statement) || statement.name?.text !== className) continue
    for (const member of statement.members) {
      if (!(ts.isMethodDeclaration(member) || ts.isGetAccessor(member)) || !ts.isIdentifier(member.name)) continue
      const flags = ts.getCombinedModifierFlags(member)
      if ((flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Static)) !== 0) continue
      if (ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'internal')) continue
      found.push({
        name: member.name.text,
        isGetter: ts.isGetAccessor(member),
        parameters: member.parameters
          .filter((each) => each.questionToken === undefined && each.initializer === undefined)
          .map((each) => each.name.getText()),
      })
    }
  }
  return found
}

describe.each(CLASSES)('%s', (file, className, make) => {
  const members = membersOf(file, className).filter(({ name }) => name !== 'release')

  test('has the members that its source says', () => {
    expect(members.length).toBeGreaterThan(4)
  })

  test.each(members.map((member) => [member.name, member] as const))('%s', (name, { isGetter, parameters }) => {
    const codec = new Codec(
      () => CODEC_TEXT,
      webTextDecoding(),
      undefined,
      () => DEFLATE_TEXT,
    )
    const old = make(codec)
    old.release()
    old.release()
    // The next owner of the same memory, with something in it.
    const next = codec.region(64 * 1024)
    const { u8 } = next.memory
    const mine = u8.subarray(next.start, next.start + next.bytes)
    crypto.getRandomValues(mine)
    const before = mine.slice()
    const use = (): unknown => {
      const value = Reflect.get(old, name)
      return isGetter
        ? value
        : (value as (...args: unknown[]) => unknown).apply(
            old,
            parameters.map((each) => VALUES[each]),
          )
    }
    for (const each of parameters) expect(VALUES, each).toHaveProperty(each)
    if (KNOWN.has(name) || KNOWN.has(`${className}.${name}`)) expect(use).not.toThrow()
    else expect(use).toThrow(expect.objectContaining({ name: 'UsageError', code: 'Released' }))
    expect(Buffer.compare(mine, before)).toBe(0)
  })
})
