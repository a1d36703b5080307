// @ts-check
// Bytes allocated for a request and its response, in memory and over a connection. Raw writes and reads the same bytes and makes nothing of
// them: what it allocates, the runtime's sockets do.

import { env, flags, Meter } from '../lib/allocation.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadNexus } from '../lib/runtime.mjs'
import * as clients from '../rest/clients.mjs'
import { ANSWER, ANSWER_BODY, BODY, FIELDS, PATH } from '../rest/order.mjs'

/** @typedef {{ id: 'memory' | 'tcp', title: string }} Case */
/** @typedef {{ server: clients.Server }} Peers */

/** @type {Case[]} */
const cases = [
  { id: 'memory', title: 'an order built and its answer read, in memory' },
  { id: 'tcp', title: 'an order round trip' },
]

/** Requests of a round: what others allocate for them has to fit in the young generation. */
const MOST = 20_000

/**
 * @param {string} title
 * @param {(place: clients.Place) => Promise<clients.Play>} open
 */
function contender(title, open) {
  return {
    title,
    first: 2_000,
    flags,
    env,
    start: async (/** @type {Case} */ _, /** @type {Peers} */ { server }) => {
      const play = await open({ server, secure: false })
      await clients.warmUp([play])
      return async (/** @type {number} */ wanted) => {
        const amount = Math.min(wanted, MOST)
        let left = amount
        const meter = new Meter()
        await play(() => --left > 0)
        return meter.end(amount)
      }
    },
  }
}

/** Builds the order, reads the answer, looks at it. */
async function openCodec() {
  const nexus = await loadNexus()
  if (nexus?.RequestWriter === undefined) throw new Unavailable('not built')
  const writer = new nexus.RequestWriter('127.0.0.1:1234')
  const reader = new nexus.ResponseReader()
  const [[n0, v0], [n1, v1], [n2, v2], [n3, v3]] = FIELDS
  return async (/** @type {number} */ amount) => {
    const meter = new Meter()
    let sum = 0
    for (let i = 0; i < amount; i++) {
      const request = writer.post(PATH).header(n0, v0).header(n1, v1).header(n2, v2).header(n3, v3).body(BODY).finish()
      sum = (sum + request.bytes.length) & 0xffff
      reader.begin('POST')
      reader.read(ANSWER)
      const response = reader.next()
      if (response?.status !== 200 || response.bodyLength !== ANSWER_BODY.length) throw new Error('not what was answered')
    }
    return { ...meter.end(amount), sum }
  }
}

main({
  name: 'memory',
  title: 'Allocation for a request',
  file: import.meta.url,
  cases,
  peers: { server: 'rest/server.mjs' },
  baselines: [],
  metrics: [{ id: 'each', unit: 'bytes a request', higherIsBetter: false, of: ({ each }) => each }],
  contenders: (c) =>
    c.id === 'memory'
      ? { codec: { title: 'RequestWriter and ResponseReader', first: 50_000, flags, env, start: openCodec } }
      : {
          nexus: contender('HttpConnection', (to) => clients.connection(to, { timeout: 0 })),
          pool: contender('ClientPool, tryAcquire', async (to) => clients.tryAcquire(await clients.connectPool(to, { connections: 1 }))),
          convenience: contender('ClientPool, pool.request', async (to) => clients.poolRequest(await clients.connectPool(to, { connections: 1 }))),
          raw: contender('raw', clients.raw),
          dispatch: contender('undici dispatch', (to) => clients.undiciDispatch(to, 1)),
          request: contender('undici request', (to) => clients.undiciRequest(to, 1)),
          http: contender('node:http', (to) => clients.nodeHttp(to, 1)),
          fetch: contender("the runtime's fetch", clients.ownFetch),
        },
})
