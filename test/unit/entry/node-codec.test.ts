import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'

test('strings are made by the native slices of Buffer, and nothing else differs', async () => {
  const slices = Buffer.prototype as unknown as { latin1Slice(): string; utf8Slice(): string }
  const latin1 = vi.spyOn(slices, 'latin1Slice')
  const utf8 = vi.spyOn(slices, 'utf8Slice')
  const plain = await import('../../../src/entry/codec.ts')
  const made = await import('../../../src/entry/node-codec.ts')
  expect(Object.entries(made)).toEqual(Object.entries(plain))
  const { reader, writer } = made.framePair('server')
  const client = made.framePair('client')
  for (const text of ['ascii', '\uFEFFé€😀']) client.writer.encodeText(text)
  reader.read(client.writer.data())
  expect([reader.next()?.text, reader.next()?.text]).toEqual(['ascii', '\uFEFFé€😀'])
  expect([latin1.mock.calls.length, utf8.mock.calls.length]).toEqual([1, 1])
  writer.reset()
})

test('the runtimes that have Buffer get it, and bundlers keep what it does', () => {
  const { exports, sideEffects } = JSON.parse(readFileSync('package.json', 'utf8'))
  const { types, ...conditions } = exports['./codec']
  const buffer = './dist/node-codec.js'
  expect(conditions).toEqual({ workerd: './dist/codec.js', deno: buffer, bun: buffer, node: buffer, default: './dist/codec.js' })
  expect([types, sideEffects]).toEqual(['./dist/types/src/entry/codec.d.ts', [buffer]])
})
