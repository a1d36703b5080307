/** The parts of the command line that need no process. */

import { EventEmitter } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bytes, digits } from '../../src/cli/format.ts'
import { Histogram } from '../../src/cli/histogram.ts'
import { jsonLine, Output, printable, type Sink } from '../../src/cli/output.ts'
import { Recorder, toLine } from '../../src/cli/record.ts'

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

  test('printable: so is what turns the direction of writing, and every other line break', () => {
    const steering = [0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x2028, 0x2029]
    for (const code of steering) expect(printable(`a${String.fromCharCode(code)}b`)).toBe(`a\\u${code.toString(16).padStart(4, '0')}b`)
    // What only joins letters, or has no width, is part of how words are written.
    expect(printable('\u{1f469}\u200d\u{1f680} \u0645\u06cc\u200c\u062e')).toBe('\u{1f469}\u200d\u{1f680} \u0645\u06cc\u200c\u062e')
  })

  test('a line of JSON has nothing raw that steers a terminal, and is the same value', () => {
    for (let code = 0; code < 0x3000; code++) {
      const text = `a${String.fromCharCode(code)}`
      const line = jsonLine({ text })
      expect(line).toMatch(/^\P{Cc}+\n$/u)
      expect(line).not.toMatch(/[\p{Bidi_Control}\u2028\u2029]/u)
      expect(JSON.parse(line)).toEqual({ text })
    }
  })

  test('what a peer has sent is printable on a terminal, and untouched elsewhere', () => {
    expect([make(true).output.shown('\x9b1m\u202e'), make(false).output.shown('\x9b1m\u202e')]).toEqual(['\\x9b1m\\u202e', '\x9b1m\u202e'])
    const { output, stderr } = make(true)
    output.progress('a\x1b]0;b\x07')
    expect(stderr.text).toBe('\r\x1b[Ka\\x1b]0;b\\x07')
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

describe('a recording', () => {
  test('of what would steer a terminal has it escaped, and the same text', () => {
    const text = 'a\x9b1m\x7f\u202eb'
    const line = toLine(1, 'in', { kind: 'text', text, bytes: new Uint8Array(0), closeCode: null })
    expect(line).toBe('{"t":1,"dir":"in","opcode":"text","text":"a\\u009b1m\\u007f\\u202eb"}\n')
    expect(JSON.parse(line).text).toBe(text)
  })

  test('is for its owner alone, whatever the file was before; a device stays what it is', () => {
    const folder = mkdtempSync(join(tmpdir(), 'nexus-record-'))
    try {
      const [fresh, old] = [join(folder, 'fresh'), join(folder, 'old')]
      writeFileSync(old, 'before')
      chmodSync(old, 0o644)
      for (const path of [fresh, old]) {
        const recorder = new Recorder(path)
        expect(statSync(path).mode & 0o777).toBe(0o600)
        recorder.add('{}\n')
        recorder.close()
        expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['{}\n', 0o600])
      }
      const { mode } = statSync('/dev/null')
      new Recorder('/dev/null').close()
      expect(statSync('/dev/null').mode).toBe(mode)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
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
