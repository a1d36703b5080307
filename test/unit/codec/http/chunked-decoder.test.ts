import { describe, expect, test } from 'vitest'
import { CODEC_TEXT } from '../../../../src/codec/binary.ts'
import { ChunkedDecoder as BaseChunkedDecoder } from '../../../../src/codec/http/chunked-decoder.ts'
import { Codec } from '../../../../src/codec/memory.ts'
import { webTextDecoding } from '../../../../src/codec/text.ts'
import { ChunkedDecoder, type ChunkedDecoderOptions } from '../../../../src/entry/codec.ts'
import { latin1Bytes, latin1Text } from '../../../reference/linear.ts'

const code = (expected: string): unknown => expect.objectContaining({ code: expected })

/** Everything at once, into an output that is large enough. */
function decode(wire: string, options?: ChunkedDecoderOptions): { decoder: ChunkedDecoder; body: string; consumed: number } {
  const decoder = new ChunkedDecoder(options)
  const output = new Uint8Array(wire.length)
  const { consumed, produced } = decoder.decode(latin1Bytes(wire), output)
  expect(decoder.totalDecoded).toBe(produced)
  return { decoder, body: latin1Text(output.subarray(0, produced)), consumed }
}

describe('decoding', () => {
  test.each([
    ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['several', '7\r\nMozilla\r\n11\r\nDeveloper Network\r\n0\r\n\r\n', 'MozillaDeveloper Network'],
    ['upper case', 'A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['an extension', '5;name=value\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['an empty body', '0\r\n\r\n', ''],
  ])('%s', (_, wire, expected) => {
    const { decoder, body, consumed } = decode(wire)
    expect([body, consumed, decoder.isDone, decoder.error]).toEqual([expected, wire.length, true, null])
  })
  test('stops at the last byte of the body', () => {
    const { decoder, consumed } = decode('1\r\na\r\n0\r\n\r\nHTTP/1.1 200 OK')
    expect([consumed, decoder.isDone]).toEqual([11, true])
    expect(decoder.decode(latin1Bytes('0\r\n\r\n'), new Uint8Array(9))).toEqual({ consumed: 0, produced: 0 })
  })
  test('goes on where a small output stopped it', () => {
    const decoder = new ChunkedDecoder()
    let input = latin1Bytes('a\r\n0123456789\r\n0\r\n\r\n')
    const steps: string[] = []
    while (!decoder.isDone) {
      const output = new Uint8Array(4)
      const { consumed, produced } = decoder.decode(input, output)
      input = input.subarray(consumed)
      steps.push(latin1Text(output.subarray(0, produced)))
    }
    expect([steps, decoder.totalDecoded, input.length]).toEqual([['0123', '4567', '89'], 10, 0])
  })
  test('takes byte by byte', () => {
    const decoder = new ChunkedDecoder()
    let body = ''
    for (const byte of latin1Bytes('5;a="b"\r\nhello\r\n0\r\nT: x\r\n\r\n')) {
      const output = new Uint8Array(1)
      const { consumed, produced } = decoder.decode(Uint8Array.of(byte), output)
      expect(consumed).toBe(1)
      body += latin1Text(output.subarray(0, produced))
    }
    expect([body, decoder.isDone, decoder.trailers()]).toEqual(['hello', true, [['T', 'x']]])
  })
  test('takes more than passes through linear memory at a time', () => {
    const chunk = `${(1_000).toString(16)}\r\n${'x'.repeat(1_000)}\r\n`
    const { decoder, body } = decode(`${chunk.repeat(200)}0\r\n\r\n`)
    expect([body.length, decoder.isDone]).toEqual([200_000, true])
  })
  test('works in place: the output may be the input', () => {
    const bytes = latin1Bytes('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n')
    const { produced } = new ChunkedDecoder().decode(bytes, bytes)
    expect(latin1Text(bytes.subarray(0, produced))).toBe('hello world')
  })
  test('with no room for output uses the framing only', () => {
    const decoder = new ChunkedDecoder()
    expect(decoder.decode(latin1Bytes('5\r\nhello'), new Uint8Array(0))).toEqual({ consumed: 3, produced: 0 })
  })
  test('begins anew after reset', () => {
    const { decoder } = decode('x')
    expect(decoder.error).toEqual(code('MalformedChunk'))
    decoder.reset()
    expect([decoder.error, decoder.isDone, decoder.totalDecoded, decoder.trailers()]).toEqual([null, false, 0, []])
    decoder.decode(latin1Bytes('1\r\na\r\n0\r\nT: x\r\n\r\n'), new Uint8Array(9))
    expect(decoder.trailers()).toEqual([['T', 'x']])
    decoder.reset()
    decoder.decode(latin1Bytes('0\r\n\r\n'), new Uint8Array(9))
    expect([decoder.isDone, decoder.trailers()]).toEqual([true, []])
  })
  test('has text of trailers in Latin-1', () => {
    expect(decode('0\r\nA: \xe9\x80\r\nB:\r\n\r\n').decoder.trailers()).toEqual([
      ['A', '\xe9\x80'],
      ['B', ''],
    ])
  })
})

describe('failing', () => {
  test.each([
    ['xyz', 'MalformedChunk'],
    ['5\r\nhelloX', 'MalformedChunk'],
    ['ffffffffffffffff1', 'MalformedChunk'],
    ['0\r\nA : b\r\n\r\n', 'MalformedTrailer'],
    ['0\r\ncontent-length: 5\r\n\r\n', 'MalformedTrailer'],
  ])('%j is %s', (wire, expected) => {
    const { decoder } = decode(wire)
    expect([decoder.error, decoder.isDone]).toEqual([code(expected), false])
    expect(decoder.decode(latin1Bytes('0\r\n\r\n'), new Uint8Array(9))).toEqual({ consumed: 0, produced: 0 })
  })
  test('gives what came before', () => {
    const { body, decoder } = decode('5\r\nhello\r\nx')
    expect([body, decoder.totalDecoded, decoder.error]).toEqual(['hello', 5, code('MalformedChunk')])
  })
  test.each<[string, ChunkedDecoderOptions, string, number]>([
    ['6\r\n', { maxBodySize: 5 }, 'BodyTooLarge', 5],
    ['1;abc\r\n', { maxChunkExtension: 3 }, 'ChunkExtensionTooLong', 3],
    ['0\r\nA: bcdef\r\n\r\n', { maxTrailerSize: 8 }, 'TrailersTooLarge', 8],
    ['0\r\nA: b\r\nC: d\r\n\r\n', { maxHeaders: 1 }, 'TooManyHeaders', 1],
  ])('%j with %o is %s', (wire, options, expected, max) => {
    expect(decode(wire, options).decoder.error).toMatchObject({ code: expected, max, message: expect.stringContaining(String(max)) })
  })
  test.each<[ChunkedDecoderOptions]>([[{ maxBodySize: -1 }], [{ maxTrailerSize: 65_537 }], [{ maxHeaders: 0 }], [{ maxChunkExtension: 0.5 }]])(
    '%o is refused',
    (options) => {
      expect(() => new ChunkedDecoder(options)).toThrow(code('InvalidOption'))
    },
  )
})

describe('memory', () => {
  test('is given back', () => {
    const codec = new Codec(() => CODEC_TEXT, webTextDecoding())
    const decoder = new BaseChunkedDecoder(codec)
    decoder.decode(latin1Bytes('0\r\nA: b\r\n\r\n'), new Uint8Array(1))
    decoder.release()
    decoder.release()
    expect(() => decoder.decode(new Uint8Array(1), new Uint8Array(1))).toThrow(code('Released'))
    const { start } = codec.region(64)
    expect(start).toBe(4_096)
  })
})
