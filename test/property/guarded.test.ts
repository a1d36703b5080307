/** No caller and no peer reaches memory that is not theirs: the fuzzer, for a few seconds; test/soak runs it for an hour, on three runtimes. */

import { describe, expect, test } from 'vitest'
import { READER_END } from '../../assembly/abi.ts'
import { align, type CodecMemory } from '../../src/codec/memory.ts'
import type { CodecExports } from '../../src/codec/module.ts'
import { fuzz, TARGETS, type Target } from './guarded/fuzz.ts'

test.each(Object.entries(TARGETS))('%s: nothing is written or read outside of its region, and every error has a code', (name, target) => {
  const { findings, events } = fuzz({ seed: 1, cases: 100, targets: { [name]: target } })
  expect(findings).toEqual([])
  expect(events).toBeGreaterThan(100)
})

const only = (name: keyof typeof TARGETS): Record<string, Target> => ({ [name]: TARGETS[name] })

describe('a fault that is planted is found', () => {
  /** Lets `after` do harm after each call of an export. */
  const planted =
    <Name extends keyof CodecExports>(name: Name, after: (memory: CodecMemory, args: number[]) => void) =>
    (memory: CodecMemory): void => {
      const original = memory.exports[name] as (...args: number[]) => number
      const harmful = (...args: number[]): number => {
        const result = original(...args)
        after(memory, args)
        return result
      }
      Object.assign(memory, { exports: { ...memory.exports, [name]: harmful } })
    }

  test('one byte behind a region', () => {
    const onMemory = planted('readerCommit', ({ u8, view }, [record = 0]) => {
      u8[align(view.getUint32(record + READER_END, true))] = 0x5a
    })
    const { findings } = fuzz({ seed: 1, cases: 50, targets: only('frameReader'), onMemory })
    expect(findings.map(({ what }) => what)).toEqual([expect.stringMatching(/^GuardBroken: byte 0 behind a region of \d+ bytes/)])
  })

  test('one byte before a region', () => {
    const onMemory = planted('incomingParse', ({ u8 }, [record = 0]) => {
      u8[record - 1] = (u8[record - 1] as number) ^ 1
    })
    const { findings } = fuzz({ seed: 1, cases: 50, targets: only('responseReader'), onMemory })
    expect(findings.map(({ what }) => what)).toEqual([expect.stringMatching(/^GuardBroken: byte -1 before a region of \d+ bytes/)])
  })

  test('one byte far away, where no guard is', () => {
    const onMemory = planted('chunkedReset', ({ u8 }) => {
      u8[u8.length - 100] = 0x5a
    })
    const { findings } = fuzz({ seed: 8, cases: 1, targets: only('chunkedDecoder'), onMemory })
    expect(findings.map(({ what }) => what)).toEqual([expect.stringContaining('GuardBroken: byte 1048476 outside of every region')])
  })

  test('a neighbour’s byte that is read', () => {
    const onMemory = planted('chunkedDecode', ({ u8 }, [record = 0, , , target = 0]) => {
      u8[target] = (u8[target] as number) ^ (u8[record - 70] as number)
    })
    const { findings } = fuzz({ seed: 1, cases: 50, targets: only('chunkedDecoder'), onMemory })
    expect(findings.map(({ what }) => what)).toEqual([expect.stringContaining('what is seen depends on bytes that nobody put there')])
  })
})
