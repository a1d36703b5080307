/** The response reader and the reference parser agree: on what is right, on what is damaged, and however it is cut. */

import { describe, expect, test } from 'vitest'
import { STEP_COMPLETE, STEP_DATA, STEP_FAILED, STEP_HEAD, STEP_INTERIM, STEP_MORE } from '../../assembly/abi.ts'
import { ResponseReader } from '../../src/entry/codec.ts'
import { type HttpLimits, type Outcome, readResponses } from '../reference/http.ts'
import { feedRead, feedTargets } from '../reference/http-feed.ts'
import { damaged, pieces, response } from '../reference/http-generator.ts'
import { latin1Bytes } from '../reference/linear.ts'
import { Random } from '../reference/random.ts'

const METHODS = ['GET', 'GET', 'GET', 'POST', 'HEAD', 'CONNECT']

const LIMITS: HttpLimits[] = [
  {},
  { maxHeadSize: 200, maxHeaders: 5, maxBodySize: 100, maxTrailerSize: 40, maxChunkExtension: 6 },
  { maxHeadSize: 64, maxHeaders: 1, maxBodySize: 0, maxTrailerSize: 0, maxChunkExtension: 0 },
]

const withoutInterims = (outcome: Outcome): Outcome => ({ ...outcome, interims: [] })

function run(seed: number, rounds: number, damage: boolean): Map<string, number> {
  const random = new Random(seed)
  const readers = LIMITS.map((limits) => ({
    limits,
    large: new ResponseReader({ capacity: 32 * 1024, ...limits }),
    small: new ResponseReader({ capacity: 1_024, ...limits, maxHeadSize: Math.min(1_024, limits.maxHeadSize ?? 1_024) }),
  }))
  const seen = new Map<string, number>()
  for (let round = 0; round < rounds; round++) {
    const { limits, large, small } = readers[random.oneIn(3) ? 1 + random.below(2) : 0] as (typeof readers)[number]
    const methods = Array.from({ length: 1 + random.below(3) }, () => random.pick(METHODS))
    const good = methods.map((method) => response(random, method)).join('')
    const wire = damage ? damaged(random, good) : good
    const ended = random.oneIn(2)
    const options = { methods, ended }
    const smallLimits = { ...limits, maxHeadSize: Math.min(1_024, limits.maxHeadSize ?? 1_024) }
    const expected = readResponses(wire, methods, limits, ended)
    const expectedSmall = readResponses(wire, methods, smallLimits, ended)
    const context = (way: string): string => `seed ${seed}, round ${round}, ${way}: ${JSON.stringify(wire)}`
    expect(feedTargets(large, [latin1Bytes(wire)], options), context('whole')).toEqual(expected)
    expect(feedTargets(large, pieces(random, wire), options), context('cut')).toEqual(expected)
    expect(feedTargets(small, pieces(random, wire), options), context('small')).toEqual(expectedSmall)
    expect(feedTargets(small, pieces(random, wire), { ...options, streaming: true }), context('streamed')).toEqual(expectedSmall)
    expect(feedRead(small, pieces(random, wire), options, random.oneIn(2)), context('read')).toEqual(withoutInterims(expectedSmall))
    const key = expected.error ?? (expected.responses.length === methods.length ? 'all' : 'unfinished')
    seen.set(key, (seen.get(key) ?? 0) + 1)
  }
  for (const { large, small } of readers) {
    large.release()
    small.release()
  }
  return seen
}

const ROUNDS = Number(process.env['HTTP_ROUNDS'] ?? 3_000)

describe('responses', () => {
  test('as servers send them are read as the reference reads them', { timeout: 240_000 }, () => {
    const seen = run(1, ROUNDS, false)
    expect(seen.get('all')).toBeGreaterThan(ROUNDS / 5)
  })
  test('with injuries end as the reference says, however they are cut', { timeout: 240_000 }, () => {
    const seen = run(2, 2 * ROUNDS, true)
    expect(seen.size).toBeGreaterThan(10)
  })

  test('200,000 with injuries end in a step that is known, and keep no more than the limit', { timeout: 240_000 }, () => {
    const random = new Random(5)
    const reader = new ResponseReader({ capacity: 1_024, maxBodySize: 4_000 })
    const [first, second] = reader.targets()
    const ends = new Map<number, number>()
    for (let round = 0; round < 200_000; round++) {
      const bytes = latin1Bytes(damaged(random, response(random, 'GET')))
      reader.reset()
      reader.begin('GET')
      if (random.oneIn(3)) reader.streaming = true
      const size = 1 + random.below(1_024)
      let step = STEP_MORE
      for (let at = 0, index = 0; at < bytes.length && step === STEP_MORE; at += size, index = 1 - index) {
        const part = bytes.subarray(at, at + size)
        ;(index === 0 ? first : second).set(part)
        step = reader.commit(index as 0 | 1, part.length)
        for (let turns = 0; step === STEP_INTERIM || step === STEP_HEAD || step === STEP_DATA; turns++) {
          // Each turn uses a byte at least, but for the last.
          if (turns > bytes.length + 1) throw new Error(`round ${round} does not end`)
          step = reader.advance()
        }
      }
      ends.set(step, (ends.get(step) ?? 0) + 1)
      if (step === STEP_COMPLETE && reader.response.body.byteLength > 4_000) expect.fail(`round ${round} is over the limit`)
      if ((step === STEP_FAILED) !== (reader.error !== null)) expect.fail(`round ${round} failed without an error`)
    }
    expect([...ends.keys()].sort()).toEqual([STEP_MORE, STEP_COMPLETE, STEP_FAILED])
    for (const count of ends.values()) expect(count).toBeGreaterThan(10_000)
  })
})
