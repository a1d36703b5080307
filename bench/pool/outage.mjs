// @ts-check
// A server that dies every half second under load and is gone for 100 ms: what is lost, how long nothing gets through, and whether what the
// client says of a failed request is true. Eight connections, eight callers; nobody sends anything twice.
//
// A round counts only if the server's ledger agrees: what was answered was asked once; what is said not to have been sent was not asked.

import net from 'node:net'
import { main } from '../lib/harness.mjs'
import { connectPool } from '../rest/clients.mjs'

const CONNECTIONS = 8
const UP = 400
const DOWN = 100

/** @typedef {{ port: number, controlPort: number }} Server */
/** @typedef {{ id: string, title: string }} Case */
/** @typedef {'nothing' | 'unknown'} Failure what is known of a failed request: the server cannot have seen it, or may have */
/** @typedef {{ send(id: number): Promise<string>, judge(error: unknown): Failure, healed(): number | null, close(): Promise<void> }} Client */

/** @param {Server} server @param {string} command @returns {Promise<any>} */
function tell({ controlPort }, command) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port: controlPort })
    let text = ''
    socket.on('connect', () => socket.write(command))
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk
      if (!text.endsWith('\n')) return
      socket.destroy()
      resolve(JSON.parse(text))
    })
  })
}

/** The value below which `share` of them are. @param {number[]} values @param {number} share */
const at = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0

/**
 * @param {string} title
 * @param {(server: Server) => Promise<Client>} open
 */
function contender(title, open) {
  return {
    title,
    // Deaths, not requests: one takes half a second.
    first: 2,
    start: async (/** @type {Case} */ _, /** @type {{ server: Server }} */ { server }) => {
      let id = 0
      return async (/** @type {number} */ amount) => {
        // For each round, since the deaths of the others' rounds would be seen by this one, too.
        const client = await open(server)
        /** @type {Set<number>} */
        const answered = new Set()
        /** @type {Record<Failure, Set<number>>} */
        const failed = { nothing: new Set(), unknown: new Set() }
        /** Milliseconds from a caller's failure to its next success. @type {number[]} */
        const gaps = []
        await tell(server, `begin ${UP} ${DOWN}`)
        const started = performance.now()
        const until = started + amount * (UP + DOWN) + UP / 2
        await Promise.all(
          Array.from({ length: CONNECTIONS }, async () => {
            let failedAt = 0
            while (performance.now() < until) {
              const mine = ++id
              try {
                const text = await client.send(mine)
                if (text !== String(mine)) throw new Error(`the answer to ${mine} is ${text}`)
                answered.add(mine)
                if (failedAt !== 0) gaps.push(performance.now() - failedAt)
                failedAt = 0
              } catch (error) {
                failed[client.judge(error)].add(mine)
                failedAt ||= performance.now()
                // Nobody knocks a thousand times a millisecond.
                await new Promise((resolve) => setTimeout(resolve, 1))
              }
            }
          }),
        )
        const seconds = (performance.now() - started) / 1000
        const { kills, returns, asked } = await tell(server, 'end')
        /** @type {Map<number, number>} */
        const ledger = new Map(asked)
        for (const one of answered) if (ledger.get(one) !== 1) throw new Error(`${one} was answered, and asked ${ledger.get(one) ?? 0} times`)
        for (const one of failed.nothing) if (ledger.has(one)) throw new Error(`${one} was asked, but is said not to have been sent`)
        for (const [one, times] of ledger) if (times !== 1) throw new Error(`${one} was asked ${times} times`)
        const healed = client.healed()
        await client.close()
        return {
          amount: kills,
          seconds,
          gap50: at(gaps, 0.5),
          gap99: at(gaps, 0.99),
          first: at(returns, 0.5),
          lost: failed.unknown.size / kills,
          unsent: failed.nothing.size / kills,
          healed: healed === null ? null : healed / kills,
          rate: answered.size / seconds,
        }
      }
    },
  }
}

/**
 * @param {Server} server
 * @param {object} options
 * @returns {Promise<Client>}
 */
async function nexusClient({ port }, options) {
  const pool = await connectPool({ server: { port, tlsPort: 0, caFile: '' }, secure: false }, { connections: CONNECTIONS, ...options })
  return {
    async send(id) {
      const slot = pool.tryAcquire() ?? (await pool.acquire())
      try {
        return (await slot.send(slot.writer.post(`/${id}`).finish())).text()
      } finally {
        slot.release()
      }
    },
    judge: (error) => (/** @type {any} */ (error).requestSent === 'nothing' ? 'nothing' : 'unknown'),
    healed: () => pool.stats.healed,
    close: () => pool.close(),
  }
}

/** @param {string} id @param {string} unit @param {boolean} [higherIsBetter] */
const metric = (id, unit, higherIsBetter = false) => ({ id, unit, higherIsBetter, of: (/** @type {any} */ turn) => turn[id] })

main({
  name: 'outage',
  title: 'A server that dies every half second',
  file: import.meta.url,
  cases: [{ id: 'kill', title: `connections reset every ${UP + DOWN} ms, nobody listens for ${DOWN} ms` }],
  peers: { server: 'pool/failing-server.mjs' },
  baselines: [],
  seconds: 2,
  rounds: 2,
  metrics: [
    metric('gap50', 'from failure to success p50, ms'),
    metric('gap99', 'p99, ms'),
    metric('first', 'first request after the return, ms'),
    metric('lost', 'requests that may have arrived, a death'),
    metric('unsent', 'requests known not to have been sent'),
    metric('healed', 'slots healed, a death', true),
    metric('rate', 'requests/s', true),
  ],
  contenders: () => ({
    nexus: contender('ClientPool', (server) => nexusClient(server, {})),
    eager: contender('ClientPool, backoff of 10 to 50 ms', (server) => nexusClient(server, { backoff: { initial: 10, max: 50 } })),
    undici: contender('undici Pool, request', async ({ port }) => {
      const { undici } = await import('../rest/undici-package.mjs')
      const pool = new undici.Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS })
      return {
        send: async (id) => (await pool.request({ path: `/${id}`, method: 'POST' })).body.text(),
        // All that it says: no connection was made. Else nothing is known.
        judge: (error) => (/** @type {any} */ (error).code === 'ECONNREFUSED' ? 'nothing' : 'unknown'),
        healed: () => null,
        close: () => pool.close(),
      }
    }),
  }),
})
