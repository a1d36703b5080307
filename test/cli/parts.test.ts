/** The parts of the command line that need no process. */

import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { bytes, digits } from '../../src/cli/format.ts'
import { Histogram } from '../../src/cli/histogram.ts'
import { Output, printable, type Sink } from '../../src/cli/output.ts'

class Stream extends EventEmitter implements Sink {
  text = ''
  isFull = false

  constructor(readonly isTTY: boolean) {
    super()
  }

  write(data: string | Uint8Array): boolean {
    this.text += data
    return !this.isFull
  }
}

function make(isTTY: boolean, useColours = true): { output: Output; stdout: Stream; stderr: Stream; broken: () => number } {
  const [stdout, stderr] = [new Stream(isTTY), new Stream(isTTY)]
  let calls = 0
  return { output: new Output(stdout, stderr, useColours, () => calls++), stdout, stderr, broken: () => calls }
}

describe('output', () => {
  test('printable: control characters are spelled out, but for line breaks and tabs', () => {
    expect(printable('a\tb\nc\x1b[2J\x07\r\x9b1m\x7fü')).toBe('a\tb\nc\\x1b[2J\\x07\\x0d\\x9b1m\\x7fü')
  })

  test('has colours on a terminal that wants some', () => {
    expect(make(true).output.paint('green', 'x')).toBe('\x1b[32mx\x1b[0m')
    expect(make(true, false).output.paint('green', 'x')).toBe('x')
    expect(make(false).output.paint('green', 'x')).toBe('x')
  })

  test('notes are for a terminal, or for who asks', () => {
    const terminal = make(true)
    terminal.output.note('a')
    expect(terminal.stderr.text).toBe('a\n')
    const piped = make(false)
    piped.output.note('a')
    piped.output.progress('b')
    piped.output.note('c\x1b', true)
    piped.output.fail('d\x1b')
    expect(piped.stderr.text).toBe('c\\x1b\nnexus-async-net: d\\x1b\n')
  })

  test('waits for a stdout that is full, until it drains or breaks', async () => {
    const { output, stdout, broken } = make(false)
    expect(output.write('a')).toBe(undefined)
    stdout.isFull = true
    for (const event of ['drain', 'close']) {
      const written = output.write('b')
      expect(written).toBeInstanceOf(Promise)
      stdout.emit(event)
      await written
    }
    const written = output.write('c')
    stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    await written
    expect(output).toMatchObject({ isBroken: true, failure: null })
    expect(broken()).toBe(1)
    expect(output.write('d')).toBe(undefined)
    expect(stdout.text).toBe('abbc')
    expect(stdout.eventNames()).toEqual(['error'])
  })
})

test('a stdout that fails otherwise than by its reader’s end is a failure', () => {
  const { output, stdout, broken } = make(false)
  const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  stdout.emit('error', error)
  expect(output).toMatchObject({ isBroken: true, failure: error })
  expect(broken()).toBe(1)
})

describe('the histogram', () => {
  test('is exact up to 255, and at most 1/128 too high above', () => {
    for (let value = 0; value < 2 ** 31; value = value < 300 ? value + 1 : Math.floor(value * 1.07)) {
      const histogram = new Histogram()
      histogram.add(value)
      // So that the greatest does not put it right.
      for (let i = 0; i < 3; i++) histogram.add(2 ** 31 - 1)
      const found = histogram.percentile(0.25)
      expect(found).toBeGreaterThanOrEqual(value)
      expect(found - value).toBeLessThanOrEqual(value < 256 ? 0 : value / 128)
    }
  })

  test('percentiles are those of the sorted values', () => {
    const histogram = new Histogram()
    const values = Array.from({ length: 200 }, (_, i) => (i * 37) % 200)
    for (const value of values) histogram.add(value)
    expect([0.5, 0.9, 0.99, 1].map((share) => histogram.percentile(share))).toEqual([99, 179, 197, 199])
    expect(histogram).toMatchObject({ total: 200, min: 0, max: 199, mean: 99.5 })
  })

  test('rows have every value once', () => {
    const histogram = new Histogram()
    for (let i = 0; i < 1_000; i++) histogram.add(1_000 + ((i * i) % 977) * 13)
    histogram.add(900_000)
    const rows = histogram.rows(8)
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(1_001)
    expect(rows.length).toBeLessThanOrEqual(9)
    expect(rows.at(-1)).toMatchObject({ to: 900_000 })
    for (const [i, { from }] of rows.entries()) if (i > 0) expect(from).toBe((rows[i - 1]?.to ?? 0) + 1)
  })

  test('takes what is too small or too large, and nothing at all', () => {
    const histogram = new Histogram()
    expect(histogram.percentile(0.5)).toBe(0)
    expect(histogram.rows(8)).toEqual([])
    histogram.add(-1)
    histogram.add(2 ** 40)
    expect(histogram).toMatchObject({ min: 0, max: 2 ** 31 - 1, total: 2 })
  })
})

test('numbers have three digits that count', () => {
  expect([0, 0.04123, 0.4123, 4.123, 41.23, 412.3, 41_234].map(digits)).toEqual(['0.00', '0.0412', '0.412', '4.12', '41.2', '412', '41,234'])
  expect([0, 999, 1_500, 2_000_000].map(bytes)).toEqual(['0 B', '999 B', '1.50 kB', '2.00 MB'])
})
