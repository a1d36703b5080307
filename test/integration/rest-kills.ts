/** Servers that break in every way while there is load: each request has one outcome, no answer is another's, everything comes back. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal, ok } from './assert.ts'
import { CheckList, failsAfter, Host, type Pool, type RestCheck, type RestContext, tlsFor, until, withPool } from './rest-context.ts'

const list = new CheckList()

/** The checks of this file. */
export const killChecks: readonly RestCheck[] = list.checks

/** Mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** How many requests came to what. */
export interface Tally {
  answered: number
  /** Of those, answers that the server had sent before it had the request: no client can tell. */
  strays: number
  nothing: number
  partly: number
  fully: number
  /** Codes of the failures. */
  readonly codes: { [code: string]: number }
}

const OUTCOMES = ['nothing', 'partly', 'fully'] as const
const ANSWERED = 4
const STRAY = 5

/**
 * Sends `count` requests with unique ids through a pool of eight to a server that delays, closes, resets, truncates, answers early, twice,
 * late, wrong or never; then compares what the client was told with what the server has received.
 */
export async function runChaos(context: RestContext, url: string, count: number, seed: number): Promise<Tally> {
  const random = seeded(seed)
  const outcome = new Uint8Array(count)
  const tally: Tally = { answered: 0, strays: 0, nothing: 0, partly: 0, fully: 0, codes: {} }
  const body = 'x'.repeat(30_000)
  const options: Nexus.ClientPoolOptions = { connections: 8, timeout: 200, backoff: { initial: 5, max: 100 } }
  await withPool(context, url, options, async (pool) => {
    const settle = (id: number, kind: number): void => {
      equal(outcome[id], 0, `outcomes of request ${id} before this one`)
      outcome[id] = kind
    }
    const accept = (id: number, status: number, text: string): void => {
      equal(status, 200)
      if (text === 'stray') {
        tally.strays++
        settle(id, STRAY)
        return
      }
      if (text !== String(id) && !text.startsWith(`${id}:x`)) throw new Error(`request ${id} was given the answer ${text.slice(0, 40)}`)
      tally.answered++
      settle(id, ANSWERED)
    }
    const refuse = (id: number, error: unknown): void => {
      const { name, code, requestSent } = error as { name: string; code: string; requestSent: Nexus.RequestSent }
      if (name !== 'RestError') throw error
      tally.codes[code] = (tally.codes[code] ?? 0) + 1
      tally[requestSent]++
      settle(id, 1 + OUTCOMES.indexOf(requestSent))
    }
    let next = 0
    const one = async (id: number): Promise<void> => {
      const kind = random()
      const path = `/chaos/${id}`
      try {
        if (kind < 0.3) {
          const free = pool.tryAcquire()
          if (free !== null) equal(free.connection?.state, 'idle', 'the connection of a slot that was handed out')
          const slot = free ?? (await pool.acquire())
          try {
            const response = await slot.send(slot.writer.get(path).finish())
            accept(id, response.status, response.text())
          } finally {
            slot.release()
          }
        } else {
          const method = kind < 0.6 ? 'GET' : 'POST'
          const signal = kind < 0.35 ? AbortSignal.timeout(Math.floor(random() * 20)) : undefined
          const retryUnsent = kind < 0.9 ? 0 : 2
          const sent = method === 'GET' ? undefined : random() < 0.05 ? body : '{"side":"buy"}'
          const response = await pool.request(method, path, { signal, retryUnsent, body: sent })
          accept(id, response.status, response.text())
        }
      } catch (error) {
        refuse(id, error)
      }
    }
    const worker = async (): Promise<void> => {
      while (next < count) await one(next++)
    }
    await Promise.all(Array.from({ length: 16 }, worker))
    equal(tally.answered + tally.strays + tally.nothing + tally.partly + tally.fully, count, 'outcomes in all')

    // The server behaves again: every slot comes back, and every one serves.
    await until(() =>
      pool.request('GET', '/calm', { timeout: 5_000 }).then(
        () => true,
        () => false,
      ),
    )
    await until(() => pool.available === pool.size)
    const { leased, healing, waiting } = pool.stats
    equal([leased, healing, waiting], [0, 0, 0])
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => pool.request('GET', `/echo/${i}`, { timeout: 5_000 })))
    answers.forEach((answer, i) => {
      equal(answer.text(), String(i))
    })
  })
  await compare(context, url, outcome)
  return tally
}

/** What the server has received must agree with what was said of each request. */
async function compare(context: RestContext, url: string, outcome: Uint8Array): Promise<void> {
  const conn = await context.nexus.HttpConnection.connect(url, tlsFor(context, url))
  const { host } = new URL(url)
  const writer = new context.nexus.RequestWriter(host)
  // The server may take a moment longer to see that they are gone.
  await until(async () => (await conn.send(writer.get('/open').finish())).text() === '1')
  const response = await conn.send(writer.get('/report').finish())
  const seen = response.body
  for (let id = 0; id < outcome.length; id++) {
    const times = (seen[id] as number) & 0x7f
    const isStray = ((seen[id] as number) & 0x80) !== 0
    const kind = outcome[id] as number
    // A stray answer is followed by a reset, which may keep the server from reading the request.
    const isRight = kind === ANSWERED ? times === 1 : kind === STRAY ? isStray || times === 0 : kind === 1 ? times === 0 : times <= 1
    if (!isRight) {
      const said = kind === ANSWERED ? 'answered' : kind === STRAY ? 'given a stray answer' : `failed with “${OUTCOMES[kind - 1]}” sent`
      throw new Error(`request ${id} was received ${times} times, but ${said}`)
    }
  }
  conn.destroy()
}

for (const [kind, where, count] of [
  ['process', 'TCP', 3_000],
  // Each connection that is lost costs a handshake.
  ['processes', 'TLS', 1_000],
] as const) {
  list.add(
    `${count} requests to a server that breaks in every way: one outcome each, no answer is another’s, all slots return, over ${where}`,
    async (context) => {
      const host = await Host.open(context, kind, { seed: 11 })
      const tally = await runChaos(context, host.url, count, 7)
      ok(tally.answered > count / 4, `many are answered, however slow the machine: ${JSON.stringify(tally)}`)
      for (const code of ['ConnectionClosed', 'ConnectionReset', 'RequestTimeout', 'ResponseInvalid', 'RequestAborted']) {
        ok((tally.codes[code] ?? 0) > 0, `there was a ${code}: ${JSON.stringify(tally)}`)
      }
      await host.stop()
    },
  )

  list.add(`a server that is killed and started again, again and again under load, over ${where}`, async (context) => {
    const host = await Host.open(context, kind)
    const random = seeded(3)
    const counts = { answered: 0, nothing: 0, partly: 0, fully: 0 }
    await withPool(context, host.url, { connections: 8, backoff: { initial: 20, max: 200 }, timeout: 5_000 }, async (pool) => {
      let isOver = false
      let next = 0
      const worker = async (): Promise<void> => {
        while (!isOver) {
          const id = next++
          try {
            equal((await pool.request('POST', `/echo/${id}`, { body: 'x'.repeat(id % 3_000) })).text(), String(id))
            counts.answered++
          } catch (error) {
            const { name, requestSent } = error as { name: string; requestSent: Nexus.RequestSent }
            if (name !== 'RestError') throw error
            counts[requestSent]++
          }
        }
      }
      const workers = Array.from({ length: 16 }, worker)
      for (let kill = 0; kill < 4; kill++) {
        const before = counts.answered
        await until(() => counts.answered > before + 50)
        await new Promise((resolve) => setTimeout(resolve, random() * 60))
        await host.stop()
        await until(() => pool.stats.healing === 8)
        equal(pool.tryAcquire(), null)
        await host.start()
        await until(() => pool.stats.healing === 0)
      }
      const before = counts.answered
      await until(() => counts.answered > before + 50)
      isOver = true
      await Promise.all(workers)
      equal(counts.answered + counts.nothing + counts.partly + counts.fully, next)
      ok(counts.fully + counts.partly > 0, `requests were under way when it was killed: ${JSON.stringify(counts)}`)
      await until(() => pool.available === 8)
      equal([pool.stats.leased, pool.stats.waiting], [0, 0])
    })
    await host.stop()
  })
}

list.add(
  'a server that is gone for 3 s under load: all slots are back within one backoff period of its return, and none is handed out dead',
  async (context) => {
    const host = await Host.open(context, 'process')
    const max = 500
    const failed: { slot: number; retryIn: number }[] = []
    const observer: Nexus.PoolObserver = { onAttemptFailed: ({ slot, retryIn }) => failed.push({ slot, retryIn }) }
    await withPool(context, host.url, { connections: 8, backoff: { max }, timeout: 5_000, observer }, async (pool) => {
      let isOver = false
      let acquired = 0
      const trader = async (): Promise<void> => {
        while (!isOver) {
          const slot = pool.tryAcquire()
          if (slot === null) {
            await new Promise((resolve) => setTimeout(resolve, 1))
            continue
          }
          acquired++
          equal(slot.connection?.state, 'idle', 'the connection of a slot that was handed out')
          await slot.send(slot.writer.get(`/echo/${acquired}`).finish()).then(
            () => {},
            () => {},
          )
          slot.release()
        }
      }
      const traders = Array.from({ length: 8 }, trader)
      await until(() => acquired > 500)
      await host.stop()
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      equal([pool.stats.healing, pool.tryAcquire()], [8, null])
      await host.start()
      const before = failed.length
      await until(() => pool.stats.healing === 0)
      // An attempt that began before may still fail; the next one comes within the period, and is the last.
      const late = failed.slice(before).map(({ slot }) => slot)
      equal(new Set(late).size, late.length, 'slots whose attempt failed though the server was there')
      ok(before > 0 && failed.every(({ retryIn }) => retryIn <= max), `no wait was longer than ${max} ms`)
      const served = acquired
      await until(() => acquired > served + 500)
      isOver = true
      await Promise.all(traders)
      await failsAfter('nothing', closedRequest(pool), 'PoolClosed')
    })
    await host.stop()
  },
)

async function closedRequest(pool: Pool): Promise<unknown> {
  await pool.close()
  return pool.request('GET', '/')
}
