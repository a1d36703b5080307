import { expect, test } from 'vitest'
import { cryptoRandom, MaskKeys } from '../../../../src/codec/ws/mask-keys.ts'

/** Counts up, and remembers what was asked for. */
function counter(): { source: (bytes: Uint8Array) => void; asked: number[] } {
  const asked: number[] = []
  let value = 0
  return {
    asked,
    source: (bytes) => {
      asked.push(bytes.length)
      for (let i = 0; i < bytes.length; i++) bytes[i] = value++
    },
  }
}

test('keys are the source’s bytes in order, as a little-endian word', () => {
  const keys = new MaskKeys(counter().source)
  expect(keys.next()).toBe(0x03020100)
  expect(keys.next()).toBe(0x07060504)
})

test('nothing is drawn before the first key, then a block of 64, and each block is twice as long as the one before, up to 4,096', () => {
  const { source, asked } = counter()
  const keys = new MaskKeys(source)
  expect(asked).toEqual([])
  for (let block = 64; block <= 4_096; block *= 2) for (let i = 0; i < block; i++) keys.next()
  expect(asked).toEqual([256, 512, 1_024, 2_048, 4_096, 8_192, 16_384])
  for (let i = 0; i < 4_097; i++) keys.next()
  expect(asked.slice(7)).toEqual([16_384, 16_384])
})

test('a source that throws loses no key, and gives none twice', () => {
  let isBroken = false
  let word = 0
  const keys = new MaskKeys((bytes) => {
    if (isBroken) throw new Error('no entropy')
    const view = new DataView(bytes.buffer)
    for (let i = 0; i < bytes.length; i += 4) view.setUint32(i, word++, true)
  })
  const seen = new Set<number>()
  for (let i = 0; i < 64; i++) seen.add(keys.next())
  isBroken = true
  expect(() => keys.next()).toThrow('no entropy')
  expect(() => keys.next()).toThrow('no entropy')
  isBroken = false
  for (let i = 0; i < 64; i++) seen.add(keys.next())
  expect([...seen].length).toBe(128)
})

test('every key of 5,000 is a different four bytes of the source', () => {
  const seen = new Set<number>()
  let word = 0
  const keys = new MaskKeys((bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    for (let i = 0; i < bytes.length; i += 4) view.setUint32(i, word++, true)
  })
  for (let i = 0; i < 5_000; i++) seen.add(keys.next())
  expect(seen.size).toBe(5_000)
})

test('bytes come straight from the source, for nonces', () => {
  const { source, asked } = counter()
  expect([...new MaskKeys(source).bytes(4)]).toEqual([0, 1, 2, 3])
  expect(asked).toEqual([4])
})

test('the platform’s source fills every byte sooner or later', () => {
  const seen = new Uint8Array(64)
  for (let i = 0; i < 40; i++) {
    const bytes = new Uint8Array(64)
    cryptoRandom(bytes)
    for (const [at, byte] of bytes.entries()) seen[at] = (seen[at] as number) | byte
  }
  expect(seen.every((byte) => byte !== 0)).toBe(true)
})

test('two streams of the platform’s keys differ', () => {
  const [a, b] = [new MaskKeys(), new MaskKeys()]
  expect(Array.from({ length: 8 }, () => a.next())).not.toEqual(Array.from({ length: 8 }, () => b.next()))
})
