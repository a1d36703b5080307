/** A pool’s events on the channels of `node:diagnostics_channel`. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { publishDiagnostics } from '../../../src/entry/node-diagnostics.ts'
import { makeRestWorld } from '../rest/harness.ts'

test('events are published with the pool’s origin, to those who listen, until it is ended', async () => {
  const world = makeRestWorld()
  const pool = await world.Pool.connect('http://server.test:8080')
  const stop = publishDiagnostics(pool)
  const seen: unknown[] = []
  const listeners = ['slot-up', 'slot-down', 'request', 'wait'].map((name) => {
    const title = `nexus-async-net:pool:${name}`
    const listener = (message: unknown): void => {
      seen.push([name, message])
    }
    subscribe(title, listener)
    return () => unsubscribe(title, listener)
  })
  const asking = [pool.request('GET', '/'), pool.request('GET', '/')]
  await world.settle()
  await Promise.all(asking)
  world.server.last.end.reset()
  await world.settle()
  stop()
  world.server.last.end.reset()
  await world.settle()
  for (const leave of listeners) leave()
  const origin = 'http://server.test:8080'
  expect(seen).toMatchObject([
    ['wait', { origin, waiting: 1 }],
    ['request', { origin, slot: 0, status: 200, error: null }],
    ['request', { origin, slot: 0, status: 200 }],
    ['slot-down', { origin, slot: 0, inUse: false, requests: 2 }],
    ['slot-up', { origin, slot: 0, reason: 'heal', attempts: 1 }],
  ])
})
