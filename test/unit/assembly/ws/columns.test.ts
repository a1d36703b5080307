/** Descriptors unpacked into columns, four at a step and one by one. */

import { expect, test } from 'vitest'
import * as abi from '../../../../assembly/abi.ts'
import { FREE, linear } from '../../../reference/linear.ts'
import { Random } from '../../../reference/random.ts'

const { codec, u8, view } = linear()
const TABLE = FREE
const OFFSETS = FREE + 4_096
const LENGTHS = FREE + 8_192
const KINDS = FREE + 12_288
const WHOLES = [abi.OPCODE_TEXT, abi.OPCODE_BINARY, abi.OPCODE_PING, abi.OPCODE_PONG]

test('every kind, at every place of a step', () => {
  for (let kind = 0; kind < 16; kind++) {
    for (let at = 0; at < 9; at++) {
      for (let i = 0; i < 9; i++) {
        view.setUint32(TABLE + 8 * i, 100_000 + i, true)
        view.setUint32(TABLE + 8 * i + 4, (i === at ? kind : 2) | abi.DESCRIPTOR_ASCII | (i << abi.DESCRIPTOR_LENGTH_SHIFT), true)
      }
      expect([kind, at, codec.readerColumns(TABLE, 9, 0, OFFSETS, LENGTHS, KINDS)]).toEqual([kind, at, WHOLES.includes(kind) ? 9 : at])
    }
  }
})

test('random descriptors, and nothing is written behind them', () => {
  const random = new Random(9)
  for (let round = 0; round < 300; round++) {
    const count = random.below(40)
    const base = random.below(50_000)
    const all = Array.from({ length: count }, () => ({
      address: base + random.below(1_000_000),
      kind: random.pick(WHOLES),
      length: random.pick([0, 1, 125, 70_000, 2 ** 27 - 1]),
    }))
    all.forEach(({ address, kind, length }, i) => {
      view.setUint32(TABLE + 8 * i, address, true)
      view.setUint32(TABLE + 8 * i + 4, (kind | (random.oneIn(2) ? abi.DESCRIPTOR_ASCII : 0) | (length << abi.DESCRIPTOR_LENGTH_SHIFT)) >>> 0, true)
    })
    u8.fill(0xee, OFFSETS, KINDS + 64)
    expect(codec.readerColumns(TABLE, count, base, OFFSETS, LENGTHS, KINDS)).toBe(count)
    const found = all.map((_, i) => ({
      address: base + view.getUint32(OFFSETS + 4 * i, true),
      kind: u8[KINDS + i],
      length: view.getUint32(LENGTHS + 4 * i, true),
    }))
    expect(found).toEqual(all)
    expect([view.getUint32(OFFSETS + 4 * count), view.getUint32(LENGTHS + 4 * count), u8[KINDS + count]]).toEqual([0xeeeeeeee, 0xeeeeeeee, 0xee])
  }
})
