import { describe, expect, it } from 'vitest'
// @ts-expect-error a file of the demo, which has its types in comments
import { differences } from '../../demo/reconcile.js'

type Entry = [id: string, state: string, sequence?: number]

function compare(entries: Entry[], booked: [id: string, sequence: number][], { misdirected = 0, doubled = 0 } = {}): unknown {
  const orders = new Map(entries.map(([id, state, sequence = 0]) => [id, { id, state, sequence }]))
  return differences(orders, misdirected, { booked, doubled })
}

const none = { lost: 0, doubled: 0, swapped: 0 }

describe('orders against the ledger', () => {
  it.each<[string, Entry[], [string, number][], object]>([
    ['nothing', [], [], none],
    ['acknowledged and found', [['a', 'acknowledged', 1], ['b', 'found', 2]], [['a', 1], ['b', 2]], none], // biome-ignore format: a line each
    ['what is not booked', [['a', 'failed'], ['b', 'absent'], ['c', 'limited'], ['d', 'refused']], [], none], // biome-ignore format: a line each
    ['acknowledged, not booked', [['a', 'acknowledged', 1]], [], { ...none, lost: 1 }],
    ['booked, said not to have been sent', [['a', 'failed']], [['a', 1]], { ...none, lost: 1 }],
    ['booked, said to be absent', [['a', 'absent']], [['a', 1]], { ...none, lost: 1 }],
    ['booked, never asked about', [['a', 'unknown']], [['a', 1]], { ...none, lost: 1 }],
    ['booked, never sent', [], [['a', 1]], { ...none, lost: 1 }],
    ['the sequences of each other', [['a', 'acknowledged', 2], ['b', 'acknowledged', 1]], [['a', 1], ['b', 2]], { ...none, swapped: 2 }], // biome-ignore format: a line each
    ['one sequence for two', [['a', 'acknowledged', 1], ['b', 'acknowledged', 1]], [['a', 1], ['b', 2]], { ...none, swapped: 1, doubled: 1 }], // biome-ignore format: a line each
  ])('%s', (_, entries, booked, expected) => {
    expect(compare(entries, booked)).toEqual(expected)
  })

  it('counts what both sides saw themselves', () => {
    expect(compare([['a', 'acknowledged', 1]], [['a', 1]], { misdirected: 1, doubled: 2 })).toEqual({ lost: 0, doubled: 2, swapped: 1 })
  })
})
