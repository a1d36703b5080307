/** 1,000 connections opened and closed 10 times over: memory returns to where it was, on both sides. */

import { afterAll, expect, test } from 'vitest'
import { Child } from './child.ts'

interface InUse {
  /** Linear memories, and those with a region out. */
  readonly memories: number
  readonly regions: number
  readonly heapUsed: number
  readonly rss: number
}

const MIB = 1024 * 1024
const script = new URL('./runners/leak.mjs', import.meta.url)
const node = [process.execPath, '--expose-gc']
const children: Child[] = []

function start(...args: string[]): Child {
  const child = new Child(node, script, args)
  children.push(child)
  return child
}

afterAll(() => Promise.all(children.map((child) => child.stop())))

/** 4 MiB are 466 bytes for each of the 9,000 connections after the first round. */
function expectNoGrowth(first: InUse, last: InUse): void {
  expect(last).toMatchObject({ memories: 1, regions: 0 })
  expect(last.heapUsed - first.heapUsed).toBeLessThan(4 * MIB)
  expect(last.rss - first.rss).toBeLessThan(96 * MIB)
}

test('1,000 connections opened and closed 10 times over leave nothing behind', { timeout: 120_000 }, async () => {
  const server = start('serve')
  const { port } = (await server.next()) as { port: number }
  const client = start('connect', String(port))
  const rounds: (InUse & { most: number })[] = []
  let serverFirst: InUse | null = null
  for (let round = 1; round <= 10; round++) {
    rounds.push((await client.next()) as InUse & { most: number })
    if (round === 1) {
      server.tell('report')
      serverFirst = (await server.next()) as InUse
    }
  }
  server.tell('report')
  const serverLast = (await server.next()) as InUse
  const [first, last] = [rounds[0] as InUse, rounds[9] as InUse]
  // They share what is busy at once.
  expect(rounds.map(({ most }) => most)).toEqual(rounds.map(() => 1))
  expectNoGrowth(first, last)
  expectNoGrowth(serverFirst as InUse, serverLast)
})
