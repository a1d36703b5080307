/** Requests and pools in Cloudflare's `workerd`: the checks of the other runtimes, each in a request of its own. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RestPeers, startRestPeers } from '../integration/rest-peers.ts'
import { poolChecks } from '../integration/rest-pool.ts'
import { requestChecks } from '../integration/rest-requests.ts'
import { Workerd } from './serve.ts'

/** What this runtime cannot do, with what comes of it: these must fail with that text, so that a gap that closes is noticed. */
const GAPS: Readonly<Record<string, string>> = {
  // The runtime says the same of every connection that can't be made.
  'a server that goes away and comes back: attempts are refused, requests wait, then all slots are there, over TCP': 'ConnectFailed',
  'a server that goes away and comes back: attempts are refused, requests wait, then all slots are there, over TLS': 'ConnectFailed',
  'a pool that cannot have all of its connections has none, over TCP': 'ConnectFailed',
  'a pool that cannot have all of its connections has none, over TLS': 'ConnectFailed',
}

let peers: RestPeers
let workerd: Workerd

beforeAll(async () => {
  peers = await startRestPeers()
  workerd = await Workerd.start(new URL('rest-worker.ts', import.meta.url), peers.environment.ca)
}, 60_000)
afterAll(async () => {
  await workerd?.stop()
  await peers?.close()
})

describe('REST on workerd', () => {
  test("what fetch resolves to is a Worker's answer", async () => {
    const order = { forward: `${peers.environment.http}/status?code=404` }
    const response = await fetch(workerd.url, { method: 'POST', body: JSON.stringify(order) })
    expect([response.status, response.headers.get('x-code')]).toEqual([404, '404'])
  })

  for (const { name } of [...requestChecks, ...poolChecks]) {
    test.concurrent(name, { timeout: 90_000 }, async () => {
      const environment = { ...peers.environment, isTrusted: true, tellsEnds: true, writeToTheDead: { tcp: 'partly', tls: 'partly' } }
      const error = await workerd.run(name, environment)
      const gap = GAPS[name]
      if (gap === undefined) expect(error).toBe(null)
      else expect(error).toContain(gap)
    })
  }
})
