/** The pool, with servers of the check's own: what it opens, whom it serves, and how it comes back from every way to lose a connection. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal, fails, isError, ok, sameBytes } from './assert.ts'
import {
  ask,
  becomes,
  CheckList,
  failsAfter,
  Host,
  newId,
  type Pool,
  pattern,
  type RestCheck,
  type RestContext,
  tlsFor,
  until,
  withPool,
} from './rest-context.ts'

const list = new CheckList()

/** The checks of this file. */
export const poolChecks: readonly RestCheck[] = list.checks

/** What a pool has told, as names with the slot or the reason. */
function watch(): { events: string[]; observer: Nexus.PoolObserver } {
  const events: string[] = []
  return {
    events,
    observer: {
      onSlotUp: ({ reason, attempts }) => events.push(`up ${reason} ${attempts}`),
      onSlotDown: ({ error, inUse }) => events.push(`down ${(error as { code?: string } | null)?.code ?? 'end'} ${inUse ? 'in use' : 'idle'}`),
      onAttemptFailed: ({ error }) => events.push(`failed ${(error as { code: string }).code}`),
    },
  }
}

/** A check with a server of its own, over TCP and over TLS. */
function withHost(
  name: string,
  run: (context: RestContext, host: Host, kind: 'http' | 'https') => Promise<void>,
  options: Readonly<Record<string, number>> = {},
): void {
  for (const kind of ['http', 'https'] as const) {
    list.add(`${name}, over ${kind === 'http' ? 'TCP' : 'TLS'}`, async (context) => {
      const host = await Host.open(context, kind, options)
      try {
        await run(context, host, kind)
      } finally {
        await host.stop()
      }
    })
  }
}

const take = (pool: Pool): Nexus.ClientSlot => {
  const slot = pool.tryAcquire()
  if (slot === null) throw new Error('a slot is free')
  equal(slot.connection?.state, 'idle', 'the connection of a slot that was handed out')
  return slot
}

// Opening and handing out.

withHost('all connections are open before the first request, each in a slot of its own', async (context, host) => {
  for (const connections of [1, 5]) {
    await withPool(context, host.url, { connections }, async (pool) => {
      equal([pool.size, pool.available], [connections, connections])
      await becomes(() => host.open(), connections)
      const slots = Array.from({ length: connections }, () => take(pool))
      equal(pool.tryAcquire(), null)
      const ports = await Promise.all(slots.map(async (slot) => (await slot.send(slot.writer.get('/saw').finish())).json<{ port: number }>().port))
      equal(new Set(ports).size, connections)
      for (const slot of slots) slot.release()
      equal(pool.available, connections)
    })
    await becomes(() => host.open(), 0)
  }
})

withHost('the slot last used is used first, so that few connections carry little traffic', async (context, host) => {
  await withPool(context, host.url, { connections: 4 }, async (pool) => {
    const ports = new Set<number>()
    for (let i = 0; i < 20; i++) ports.add((await pool.request('GET', '/saw')).json<{ port: number }>().port)
    equal(ports.size, 1)
    const [a, b] = [take(pool), take(pool)]
    a.release()
    b.release()
    const last = take(pool)
    equal(last.index, b.index)
    last.release()
  })
})

withHost('base path, default headers and credentials go with each request', async (context, host) => {
  const url = `${host.url.replace('//', '//me:se%40cret@')}/`
  await withPool(context, url, { defaultHeaders: { 'X-Key': 'k' } }, async (pool) => {
    for (let i = 0; i < 3; i++) {
      const { rawHeaders } = (await pool.request('GET', '/saw')).json<{ rawHeaders: string[] }>()
      equal(rawHeaders.slice(4), ['X-Key', 'k', 'Authorization', `Basic ${btoa('me:se@cret')}`])
    }
  })
  await withPool(context, `${host.url}/saw/`, {}, async (pool) => {
    // Below the path of the URL there is nothing but what answers ok.
    equal((await pool.request('GET', '/x', { query: { a: 1, b: 'c d' } })).text(), 'ok')
    equal((await host.stats()).requests['/saw/x'], 1)
  })
})

withHost('100 requests at once share 4 connections, and each has its own answer', async (context, host) => {
  await withPool(context, host.url, { connections: 4 }, async (pool) => {
    const bodies = Array.from({ length: 100 }, (_, i) => `${i}-${'x'.repeat((i * 331) % 20_000)}`)
    const answers = await Promise.all(bodies.map((body) => pool.request('POST', '/mirror', { body })))
    answers.forEach((answer, i) => {
      equal(answer.text(), bodies[i])
      ok(answer.timings.queued >= 0 && answer.timings.total >= 0, 'the times are told')
    })
    equal([(await host.stats()).mostOpen, pool.stats.idle, pool.stats.requests, pool.stats.waiting], [4, 4, 100, 0])
  })
})

withHost('who waits is served first come, first served; the queue has a bound and a limit of time', async (context, host) => {
  await withPool(context, host.url, { connections: 1, maxQueue: 2 }, async (pool) => {
    const held = take(pool)
    const order: number[] = []
    const waiting = [1, 2].map(async (i) => {
      const slot = await pool.acquire()
      order.push(i)
      slot.release()
    })
    await failsAfter('nothing', pool.acquire(), 'PoolQueueFull')
    equal(pool.stats.waiting, 2)
    held.release()
    await Promise.all(waiting)
    equal(order, [1, 2])
    const again = take(pool)
    const since = performance.now()
    const error = await failsAfter('nothing', pool.acquire({ timeout: 80 }), 'AcquireTimeout')
    ok(performance.now() - since >= 79, 'not before its time')
    equal([error.phase, pool.stats.waiting], ['queue', 0])
    const controller = new AbortController()
    const aborted = pool.acquire({ signal: controller.signal })
    controller.abort()
    await failsAfter('nothing', aborted, 'RequestAborted')
    again.release()
    equal(pool.available, 1)
  })
})

withHost('one deadline covers the wait for a slot and the response', async (context, host) => {
  await withPool(context, host.url, { connections: 1 }, async (pool) => {
    const [first, second] = [newId(), newId()]
    const held = pool.request('GET', `/hold?id=${first}`)
    await ask(context, `/seen?id=${first}`)
    // All of it in the queue …
    const queued = await failsAfter('nothing', pool.request('GET', '/', { timeout: 60 }), 'RequestTimeout')
    isError(queued.cause, 'RestError', 'AcquireTimeout')
    equal(queued.phase, 'queue')
    // … and some of it there, the rest while waiting for the response.
    const since = performance.now()
    const late = pool.request('GET', `/never?id=${second}`, { timeout: 2_000 })
    late.catch(() => {})
    await ask(context, `/go?id=${first}`)
    equal((await held).text(), first)
    const error = await failsAfter('fully', late, 'RequestTimeout')
    ok(performance.now() - since >= 1_999, 'not before its time')
    equal([error.phase, await ask(context, `/count?id=${second}`)], ['first byte', 1])
    await until(() => pool.available === 1)
  })
})

withHost('a slot that is released with its request under way is replaced, and the answer reaches nobody', async (context, host) => {
  await withPool(context, host.url, { connections: 1 }, async (pool) => {
    const id = newId()
    const slot = take(pool)
    const request = slot.writer.get(`/hold?id=${id}`).finish()
    const sending = slot.send(request)
    sending.catch(() => {})
    await ask(context, `/seen?id=${id}`)
    slot.release()
    await failsAfter('fully', sending, 'RequestAborted')
    await failsAfter('nothing', slot.send(request), 'SlotReleased')
    await failsAfter('nothing', () => slot.writer, 'SlotReleased')
    await ask(context, `/go?id=${id}`)
    for (let i = 0; i < 5; i++) equal((await pool.request('POST', '/mirror', { body: `own ${i}` })).text(), `own ${i}`)
    await becomes(() => host.accepted(), 2)
  })
})

withHost('a body is streamed through a slot in both directions', async (context, host) => {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 50; i++) yield pattern(50_000).subarray(i * 1_000, i * 1_000 + 1_000)
  }
  await withPool(context, host.url, {}, async (pool) => {
    const slot = take(pool)
    const response = await slot.sendStreaming(slot.writer.post('/mirror?chunked=7000').stream(source()).finish())
    const pieces: Uint8Array[] = []
    for await (const piece of response) pieces.push(piece)
    sameBytes(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), pattern(50_000))
    slot.release()
    equal([pool.available, pool.stats.lost], [1, 0])
  })
})

withHost('fetch gives standard responses', async (context, host) => {
  await withPool(context, host.url, { connections: 2 }, async (pool) => {
    const posted = await pool.fetch('/saw?a=1', { method: 'POST', body: JSON.stringify({ a: 1 }), headers: { 'Content-Type': 'application/json' } })
    ok(posted instanceof Response, 'it is a Response')
    const saw = (await posted.json()) as { method: string; target: string; length: number; rawHeaders: string[] }
    equal(
      [posted.status, posted.ok, posted.headers.get('content-type'), saw.method, saw.target, saw.length],
      [...[200, true, 'application/json', 'POST', '/saw?a=1'], 7],
    )
    ok(saw.rawHeaders.includes('application/json'), 'its fields are sent')
    equal([posted.url, posted.redirected, posted.type, posted.bodyUsed], [`${host.url}/saw?a=1`, false, 'basic', true])
    const first = await pool.fetch('/bytes?n=1000')
    const clone = first.clone()
    for (const response of [clone, clone.clone(), first]) {
      equal([response.url, response.headers.get('Content-Length')], [`${host.url}/bytes?n=1000`, '1000'])
      sameBytes(new Uint8Array(await response.arrayBuffer()), pattern(1_000))
    }
    const pieces: Uint8Array[] = []
    for await (const piece of (await pool.fetch('/bytes?n=1000')).body as unknown as AsyncIterable<Uint8Array>) pieces.push(piece)
    sameBytes(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), pattern(1_000))
    const { answerWith } = context
    if (answerWith !== undefined) {
      const answered = await answerWith(() => pool.fetch('/status?code=404'))
      equal([answered.status, answered.headers.get('x-code')], [404, '404'])
      sameBytes(new Uint8Array(await (await answerWith(() => pool.fetch('/bytes?n=1000'))).arrayBuffer()), pattern(1_000))
    }
    const large = await pool.fetch('/saw', { method: 'post', body: 'x'.repeat(200_000), headers: { 'X-Name': 'café' } })
    const sawLarge = (await large.json()) as { method: string; length: number; rawHeaders: string[] }
    equal([sawLarge.method, sawLarge.length, sawLarge.rawHeaders.includes('café')], ['POST', 200_000, true])
    const redirected = (await pool.fetch('/status?code=302', { redirect: 'error' }).catch((error: unknown) => error)) as Error
    isError(redirected.cause, 'RestError', 'ResponseInvalid')
    for (const input of [`${host.url}/bytes?n=100000`, new URL(`${host.url}/bytes?n=100000`), new Request(`${host.url}/bytes?n=100000#part`)]) {
      sameBytes(new Uint8Array(await (await pool.fetch(input)).arrayBuffer()), pattern(100_000))
    }
    for (const status of [204, 304, 302]) equal([(await pool.fetch(`/status?code=${status}`)).status], [status])
    sameBytes(new Uint8Array(await (await pool.fetch('/packed?n=1000')).arrayBuffer()), pattern(1_000))
    const head = await pool.fetch('/bytes?n=10', { method: 'HEAD' })
    equal([head.headers.get('content-length'), await head.text()], ['10', ''])
    const elsewhere = (await pool.fetch('http://elsewhere.test/').catch((error: unknown) => error)) as Error
    isError(elsewhere.cause, 'UsageError', 'InvalidUrl')
    const reason = new Error('away')
    const id = newId()
    const controller = new AbortController()
    const aborted = pool.fetch(`/never?id=${id}`, { signal: controller.signal })
    aborted.catch(() => {})
    await ask(context, `/seen?id=${id}`)
    controller.abort(reason)
    equal(await aborted.catch((error: unknown) => error === reason), true)
    await host.stop()
    const failed = (await pool.fetch('/', { signal: AbortSignal.timeout(200) }).catch((error: unknown) => error)) as Error
    ok(failed instanceof Error, 'a server that is gone fails it')
  })
})

list.add('createFetch: redirects, bodies whole and streamed, clones, failures', async ({ createFetch, env }) => {
  if (createFetch === undefined) return
  const fetch = createFetch({ connections: 2 })
  const moved = await fetch(`${env.http}/status?code=302`, { method: 'POST', body: 'a' })
  equal([moved.url, moved.redirected, moved.type, moved instanceof Response], [`${env.http}/elsewhere`, true, 'basic', true])
  await moved.body?.cancel()
  const form = new FormData()
  form.set('a', 'b')
  const saw = (await (await fetch(new Request(`${env.http}/saw`, { method: 'POST', body: form }))).json()) as { rawHeaders: string[] }
  ok(
    saw.rawHeaders.some((value) => value.startsWith('multipart/form-data; boundary=')),
    'a form has its type',
  )
  for (const query of ['n=1000', 'n=1000&chunked=', 'n=300000', 'n=300000&chunked=']) {
    const response = await fetch(`${env.http}/bytes?${query}`)
    const clone = response.clone()
    const [one, other] = await Promise.all([response.arrayBuffer(), clone.arrayBuffer()])
    for (const each of [one, other]) sameBytes(new Uint8Array(each), pattern(Number.parseInt(query.slice(2), 10)))
    equal([response.url, clone.url, response.bodyUsed], [`${env.http}/bytes?${query}`, `${env.http}/bytes?${query}`, true])
  }
  const failed = (await fetch(`${env.refused}/`).catch((error: unknown) => error)) as Error
  equal([failed.name, failed.cause instanceof Error], ['TypeError', true])
  await fetch.close()
})

// Losing connections and getting them back.

for (const how of ['end', 'reset'] as const) {
  withHost(
    `connections that the server ${how === 'end' ? 'ends' : 'resets'} while idle are out at once and come back, and no request notices`,
    async (context, host) => {
      const { events, observer } = watch()
      await withPool(context, host.url, { connections: 3, observer }, async (pool) => {
        for (let round = 1; round <= 3; round++) {
          // A connection that has answered is worth dialling again at once.
          await Promise.all(Array.from({ length: 3 }, () => pool.request('GET', '/')))
          await host.cut(how)
          await until(() => pool.stats.healed >= 3 * round && pool.available === 3)
          equal([pool.stats.lost, pool.stats.failures, pool.stats.failedAttempts], [3 * round, 0, 0])
        }
        await becomes(() => host.accepted(), 12)
        await becomes(() => host.open(), 3)
        equal(events.filter((event) => event === `down ${how === 'end' ? 'end' : 'ConnectionReset'} idle`).length, 9)
        equal(events.filter((event) => event === 'up heal 1').length, 9)
      })
    },
  )
}

withHost('one dead connection among many: the others go on serving, and it is never handed out', async (context, host) => {
  const { events, observer } = watch()
  await withPool(context, host.url, { connections: 4, observer }, async (pool) => {
    for (let i = 0; i < 5; i++) {
      await host.cut('reset', 1)
      // Where the server’s side of TLS has not begun, its reset is an end.
      await until(() => events.filter((event) => /^down (?:ConnectionReset|end) idle$/.test(event)).length > i)
      for (let j = 0; j < 50; j++) {
        const slot = pool.tryAcquire()
        if (slot === null) continue
        equal(slot.connection?.isPoisoned, false)
        slot.release()
        equal((await pool.request('GET', '/')).text(), 'ok')
      }
    }
    await until(() => pool.available === 4)
    equal(pool.stats.failures, 0)
    await becomes(() => host.open(), 4)
  })
})

withHost('a server that closes after each response is asked again and again', async (context, host) => {
  await withPool(context, host.url, { connections: 2 }, async (pool) => {
    for (let i = 0; i < 20; i++) equal((await pool.request('GET', '/close')).text(), 'the last')
    await until(() => pool.available === 2)
    equal([pool.stats.failures, pool.stats.requests], [0, 20])
    await becomes(() => host.accepted(), 22)
  })
})

withHost('a server that goes away and comes back: attempts are refused, requests wait, then all slots are there', async (context, host) => {
  const { events, observer } = watch()
  await withPool(context, host.url, { connections: 3, backoff: { initial: 20, max: 100 }, observer }, async (pool) => {
    await pool.request('GET', '/')
    await host.stop()
    await until(() => pool.stats.healing === 3 && pool.stats.failedAttempts >= 6)
    equal([pool.available, pool.tryAcquire()], [0, null])
    await failsAfter('nothing', pool.request('GET', '/', { timeout: 30 }), 'RequestTimeout')
    await failsAfter('nothing', pool.acquire({ timeout: 30 }), 'AcquireTimeout')
    const waiting = pool.request('GET', '/saw', { timeout: 0 })
    await host.start()
    equal((await waiting).status, 200)
    await until(() => pool.available === 3)
    equal([pool.stats.lost, pool.stats.healed, pool.stats.healing], [3, 3, 0])
    ok(events.filter((event) => event === 'failed ConnectRefused').length >= 6, events.join(', '))
  })
})

withHost('a pool that cannot have all of its connections has none', async (context, host, kind) => {
  // The listener goes away while the pool is being made, or before: either way nothing stays open.
  await host.stop()
  const { ClientPool } = context.nexus
  await fails(ClientPool.connect(host.url, { connections: 4, ...tlsFor(context, host.url) }), 'TransportError', 'ConnectRefused')
  await host.start()
  if (kind === 'https') {
    await fails(ClientPool.connect(host.url, { connections: 4, tls: { ca: context.env.strangerCa } }), 'TlsError', 'CertificateRejected')
  }
  const controller = new AbortController()
  const reason = new Error('never mind')
  const connecting = ClientPool.connect(host.url, { connections: 4, signal: controller.signal, ...tlsFor(context, host.url) })
  controller.abort(reason)
  equal(await connecting.catch((error: unknown) => error === reason), true)
  await becomes(() => host.open(), 0)
})

// Upkeep.

withHost(
  'Keep-Alive: timeout=1 is heeded: idle connections are renewed before the server drops them',
  async (context, host) => {
    const { events, observer } = watch()
    await withPool(context, host.url, { connections: 2, observer }, async (pool) => {
      const response = await pool.request('GET', '/')
      equal(response.header('keep-alive'), 'timeout=1')
      await until(() => pool.stats.renewed + pool.stats.lost === 1)
      equal([pool.stats.lost, pool.available, events.filter((event) => event.startsWith('down')).length], [0, 2, 0])
      // The renewed one has not heard of a timeout yet: a request on it brings the next renewal.
      equal((await pool.request('GET', '/')).timings.reused, false)
      await until(() => pool.stats.renewed + pool.stats.lost === 2)
      equal([pool.stats.lost, pool.stats.failures], [0, 0])
    })
  },
  { keepAliveTimeout: 1_000 },
)

withHost('maxAge renews every connection under load, and the pool is never short', async (context, host) => {
  await withPool(context, host.url, { connections: 4, maxAge: 150 }, async (pool) => {
    let least = pool.size
    while (pool.stats.renewed < 8) {
      equal((await pool.request('GET', '/')).text(), 'ok')
      least = Math.min(least, pool.available)
    }
    equal([pool.stats.lost, pool.stats.failures], [0, 0])
    ok(least >= 3, `at most one was being replaced at a time: ${least} of 4 were there`)
  })
})

withHost('maxIdle renews what nobody uses', async (context, host) => {
  await withPool(context, host.url, { connections: 2, maxIdle: 60 }, async (pool) => {
    await until(() => pool.stats.renewed >= 6)
    equal([pool.stats.lost, (await host.stats()).requests], [0, {}])
  })
})

withHost('keepWarm sends its request on every idle connection, and finds the dead ones', async (context, host) => {
  const keepWarm = { interval: 100, request: (writer: Nexus.ClientSlot['writer']) => writer.head('/ping').finish() }
  await withPool(context, host.url, { connections: 3, keepWarm }, async (pool) => {
    await until(async () => ((await host.stats()).requests['/ping'] ?? 0) >= 9)
    equal([pool.stats.lost, await host.accepted()], [0, 3])
    await host.cut('reset')
    await until(() => pool.stats.healed === 3)
    const before = (await host.stats()).requests['/ping'] as number
    await until(async () => ((await host.stats()).requests['/ping'] ?? 0) >= before + 6)
  })
})

// The end.

withHost('close lets requests under way finish, then ends every connection gracefully', async (context, host) => {
  const ids = [newId(), newId()]
  const pool = (await context.nexus.ClientPool.connect(host.url, { connections: 4, ...tlsFor(context, host.url) })) as Pool
  const under = ids.map((id) => pool.request('GET', `/hold?id=${id}`))
  await Promise.all(ids.map((id) => ask(context, `/seen?id=${id}`)))
  const slots = [take(pool), take(pool)]
  const waiting = pool.acquire()
  waiting.catch(() => {})
  let isClosed = false
  const closing = pool.close().then(() => {
    isClosed = true
  })
  await failsAfter('nothing', waiting, 'PoolClosed')
  await failsAfter('nothing', pool.request('GET', '/'), 'PoolClosed')
  equal([pool.tryAcquire(), isClosed], [null, false])
  // What is held may still be used.
  equal((await (slots[0] as Nexus.ClientSlot).send((slots[0] as Nexus.ClientSlot).writer.get('/').finish())).text(), 'ok')
  for (const slot of slots) slot.release()
  for (const id of ids) await ask(context, `/go?id=${id}`)
  equal(
    (await Promise.all(under)).map((response) => response.text()),
    ids,
  )
  await closing
  await becomes(() => host.open(), 0)
  const { ended, failed } = await host.stats()
  equal([ended, failed], [4, 0], 'ends and errors that the server saw')
})

withHost('close cuts what is still under way after its timeout', async (context, host) => {
  const id = newId()
  const pool = (await context.nexus.ClientPool.connect(host.url, { connections: 2, ...tlsFor(context, host.url) })) as Pool
  const under = pool.request('GET', `/never?id=${id}`)
  under.catch(() => {})
  await ask(context, `/seen?id=${id}`)
  await pool.close({ timeout: 50 })
  await failsAfter('fully', under, 'RequestAborted')
  await becomes(() => host.open(), 0)
})

withHost('close ends healing', async (context, host) => {
  const pool = (await context.nexus.ClientPool.connect(host.url, { connections: 2, ...tlsFor(context, host.url) })) as Pool
  await pool.request('GET', '/')
  await host.stop()
  await until(() => pool.stats.failedAttempts >= 2)
  await pool.close()
  await host.start()
  equal([pool.stats.healing, await host.open()], [0, 0])
})
