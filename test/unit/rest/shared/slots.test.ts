/** Slots as their holders use them, on the owner's thread and on others, which are stood in for by attachments of their own. */

import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compose } from '../../../../src/composition.ts'
import * as nexus from '../../../../src/entry/node.ts'
import { AtomicClientPool, AtomicClientSlot, ClientPool, SharedAcquirer } from '../../../../src/entry/node.ts'
import type { RestError } from '../../../../src/errors.ts'
import { Attachments } from '../../../../src/rest/shared/attachments.ts'
import { BLOCK_STATE, POOL_CLOSED } from '../../../../src/rest/shared/handover.ts'
import { PoolMemory } from '../../../../src/rest/shared/layout.ts'
import { TICKETS } from '../../../../src/rest/shared/tickets.ts'
import type { ThreadedRuntime } from '../../../../src/runtime.ts'
import { refuseAll, threadCalls } from '../../../integration/wrong-arguments.ts'

/** What the server was sent. */
const seen: string[] = []

/** /silent is not answered; /packed and /broken are compressed, when that is asked for; everything else with the value of X-Account. */
const server = createServer((socket: Socket) => {
  socket.on('error', () => socket.destroy())
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end)
      text = text.slice(end + 4 + Number(/^Content-Length: (\d+)/m.exec(head)?.[1] ?? 0))
      seen.push(head.split(' ')[1] as string)
      const accounts = [...head.matchAll(/^X-Account: (.*)$/gm)].map(([, value]) => value?.trim()).join()
      if (/ \/(?:packed|broken) /.test(head) && head.includes('Accept-Encoding: gzip, deflate')) {
        const body = gzipSync('inflated '.repeat(1_000)).subarray(head.includes('/broken') ? 1 : 0)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`)
        socket.write(body)
      } else if (!head.includes('/silent')) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${accounts.length}\r\n\r\n${accounts}`)
    }
  })
})
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterAll(() => {
  server.close()
})

const pools: AtomicClientPool[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close({ timeout: 20 })
})

async function open(options: object = {}): Promise<AtomicClientPool> {
  const pool = await AtomicClientPool.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1, ...options })
  pools.push(pool)
  return pool
}

const hold = async (pool: AtomicClientPool): Promise<AtomicClientSlot> => AtomicClientSlot.receive((await pool.acquire()).handOff())

/** What a thread of that number knows of pools. */
function threadNumber(thread: number): Attachments {
  return new Attachments(ClientPool._$ground.runtime as ThreadedRuntime, thread)
}

/** Another thread: all have the same number, as the Web Workers of Deno do. */
function otherThread(): typeof AtomicClientSlot {
  return compose(AtomicClientSlot, threadNumber(1))
}

async function failure(asked: Promise<unknown>): Promise<RestError> {
  try {
    await asked
  } catch (error) {
    return error as RestError
  }
  throw new Error('it should have failed')
}

describe('an abort', () => {
  test('that comes when the answer is there, not yet looked at, changes nothing, and the next request is its own', async () => {
    const pool = await open()
    const slot = await hold(pool)
    const controller = new AbortController()
    // The answer is written in the microtask after this event, and looked at in a later turn.
    const stop = pool.observe({ onRequest: () => queueMicrotask(() => controller.abort()) })
    const first = slot.send(slot.writer.get('/first').finish(), { signal: controller.signal })
    expect((await first).status).toBe(200)
    expect(controller.signal.aborted).toBe(true)
    stop()
    expect((await slot.send(slot.writer.post('/second').finish())).status).toBe(200)
    expect(pool.stats).toMatchObject({ lost: 0, failures: 0 })
    slot.release()
  })

  test('of a request that the owner has not taken takes it back: nothing leaves, and its cause is the signal’s reason', async () => {
    const pool = await open()
    const slot = await hold(pool)
    const controller = new AbortController()
    const reason = new Error('no longer')
    const asked = failure(slot.send(slot.writer.post('/unsent').finish(), { signal: controller.signal }))
    controller.abort(reason)
    expect(await asked).toMatchObject({ code: 'RequestAborted', requestSent: 'nothing', cause: reason })
    expect((await slot.send(slot.writer.get('/after').finish())).status).toBe(200)
    expect(seen).not.toContain('/unsent')
    slot.release()
  })

  test('of a request that is under way says how far it got, with the signal’s reason, and the slot heals', async () => {
    const pool = await open()
    const slot = await hold(pool)
    const controller = new AbortController()
    const reason = new Error('no longer')
    const asked = failure(slot.send(slot.writer.post('/silent/1').finish(), { signal: controller.signal }))
    while (!seen.includes('/silent/1')) await new Promise((resolve) => setImmediate(resolve))
    controller.abort(reason)
    expect(await asked).toMatchObject({ code: 'RequestAborted', requestSent: 'fully', cause: reason })
    slot.release()
    expect((await pool.request('GET', '/healed')).status).toBe(200)
  })

  test('before the request, also for sendSync, sends nothing', async () => {
    const pool = await open()
    const slot = await hold(pool)
    const signal = AbortSignal.abort(new Error('at once'))
    expect(await failure(slot.send(slot.writer.get('/never').finish(), { signal }))).toMatchObject({ code: 'RequestAborted', cause: signal.reason })
    slot.release()
    expect(seen).not.toContain('/never')
  })
})

test('default fields are those of whoever sends, whoever held the block before', async () => {
  const pool = await open()
  const [A, B] = [otherThread(), otherThread()]
  const ask = async (slot: AtomicClientSlot): Promise<string> => (await slot.send(slot.writer.get('/').finish())).text()
  const own = await pool.acquire()
  own.writer.defaultHeader('X-Account', 'owner')
  const first = A.receive(own.handOff())
  first.writer.defaultHeader('X-Account', 'worker-a-with-a-longer-name')
  expect(await ask(first)).toBe('worker-a-with-a-longer-name')
  first.release()
  const second = B.receive((await pool.acquire()).handOff())
  expect(await ask(second)).toBe('')
  second.writer.defaultHeader('X-Account', 'b')
  expect(await ask(second)).toBe('b')
  second.release()
  expect((await pool.request('GET', '/')).text()).toBe('owner')
  const again = A.receive((await pool.acquire()).handOff())
  expect(await ask(again)).toBe('worker-a-with-a-longer-name')
  again.release()
})

describe('decompress', () => {
  const asked = async (slot: AtomicClientSlot, options: object = {}, path = '/packed'): Promise<string> => {
    const response = await slot.send(slot.writer.get(path).header('X-Account', 'plain').finish(), options)
    expect(response.body.length).toBe(response.bodyLength)
    expect(response.rawBody.length < response.bodyLength).toBe(response.header('content-encoding') === 'gzip')
    return response.text()
  }

  test('of the pool, or of a request: the holder inflates, and the memory of the response is again its own', async () => {
    const [off, on] = [await open(), await open({ decompress: true })]
    const slots = [await hold(off), await hold(on)] as const
    const text = 'inflated '.repeat(1_000)
    expect(await asked(slots[0])).toBe('plain')
    expect(await asked(slots[0], { decompress: true })).toBe(text)
    expect(await asked(slots[0])).toBe('plain')
    expect(await asked(slots[1])).toBe(text)
    expect(await asked(slots[1], { decompress: false })).toBe('plain')
    for (const slot of slots) slot.release()
    // The owner inflates what it asks for itself.
    expect((await on.request('GET', '/packed')).text()).toBe(text)
  })

  test('a long body is sent behind a head that asks', async () => {
    const slot = await hold(await open({ decompress: true }))
    for (const length of [10, 16_384, 16_385, 30_000]) {
      const response = await slot.send(slot.writer.post('/packed').body('x'.repeat(length)).finish())
      expect([response.header('content-encoding'), response.text()]).toEqual(['gzip', 'inflated '.repeat(1_000)])
    }
    slot.release()
  })

  test('what is broken, or too large once it is inflated, fails; the slot can be used again', async () => {
    for (const [options, path, cause] of [
      [{}, '/broken', { name: 'CompressionError', code: 'InvalidHeader' }],
      [{ maxBodySize: 8_999 }, '/packed', { name: 'HttpError', code: 'BodyTooLarge', max: 8_999 }],
    ] as const) {
      const slot = await hold(await open({ decompress: true, ...options }))
      expect(await failure(asked(slot, {}, path))).toMatchObject({ code: 'ResponseInvalid', requestSent: 'fully', phase: 'body', cause })
      expect(await asked(slot, {}, '/plain')).toBe('plain')
      slot.release()
    }
    const least = await hold(await open({ decompress: true, maxBodySize: 9_000 }))
    expect((await asked(least)).length).toBe(9_000)
    least.release()
  })
})

describe('a slot is not lost', () => {
  test('by a second send while one is under way', async () => {
    const pool = await open()
    const slot = await hold(pool)
    const request = slot.writer.get('/').finish()
    const first = slot.send(request)
    expect(await failure(slot.send(request))).toMatchObject({ code: 'SlotReleased', message: expect.stringContaining('under way') })
    expect((await first).status).toBe(200)
    slot.release()
    expect(pool.stats).toMatchObject({ idle: 1, lost: 0 })
  })

  test.each([
    ['before the owner takes the request', false, 'nothing'],
    ['in the middle of the request', true, 'partly'],
  ])('by a release %s, which abandons that', async (_, isTaken, requestSent) => {
    const pool = await open()
    const slot = await hold(pool)
    const path = `/silent/${requestSent}`
    const asked = failure(slot.send(slot.writer.get(path).finish()))
    while (isTaken && !seen.includes(path)) await new Promise((resolve) => setImmediate(resolve))
    slot.release()
    expect(await asked).toMatchObject({ code: 'RequestAborted', requestSent })
    expect((await pool.request('GET', '/healed')).status).toBe(200)
    expect(pool.stats).toMatchObject({ idle: 1, leased: 0 })
    expect(seen.includes(path)).toBe(isTaken)
  })
})

test('a handle of an old lease does nothing to whoever has the slot later, on either side', async () => {
  const pool = await open()
  const released = await pool.acquire()
  released.release()
  const handedOff = await pool.acquire()
  const first = AtomicClientSlot.receive(handedOff.handOff())
  first.release()
  for (let lease = 0; lease < 100; lease++) {
    const slot = await hold(pool)
    first.release()
    released.release()
    handedOff.release()
    expect(() => first.renew()).toThrow(expect.objectContaining({ code: 'SlotReleased' }))
    expect(() => handedOff.handOff()).toThrow(expect.objectContaining({ code: 'SlotReleased' }))
    if (lease % 50 === 49) {
      const sending = slot.send(slot.writer.get('/').finish())
      first.release()
      expect((await sending).status).toBe(200)
    }
    slot.release()
  }
  expect(pool.stats).toMatchObject({ idle: 1, lost: 0, requests: 2 })
})

describe('a response is stale', () => {
  test('from the release of its slot on, and when that is handed on', async () => {
    const pool = await open()
    const owned = await pool.acquire()
    const here = await owned.send(owned.writer.get('/').finish())
    expect(here.status).toBe(200)
    const slot = AtomicClientSlot.receive(owned.handOff())
    expect(() => here.status).toThrow(expect.objectContaining({ code: 'StaleResponse' }))
    const there = await slot.send(slot.writer.get('/').finish())
    expect(there.status).toBe(200)
    const next = AtomicClientSlot.receive(slot.handOff())
    expect(() => there.bodyLength).toThrow(expect.objectContaining({ code: 'StaleResponse' }))
    const last = await next.send(next.writer.get('/').finish())
    expect(last.timings.requests).toBe(3)
    next.release()
    for (const use of [() => last.status, () => last.text(), () => last.headers(), () => last.timings]) {
      expect(use).toThrow(expect.objectContaining({ code: 'StaleResponse' }))
    }
  })
})

test('every argument that it may not be is refused by its name, and the slots stay where they are', async () => {
  const pool = await open({ connections: 2 })
  const owned = await pool.acquire()
  const slot = await hold(pool)
  await refuseAll(threadCalls(nexus, pool, owned, slot))
  expect(pool.stats).toMatchObject({ idle: 0, leased: 2, waiting: 0, requests: 0 })
  expect((await slot.send(slot.writer.get('/').finish())).status).toBe(200)
  slot.release()
  owned.release()
  expect(pool.stats).toMatchObject({ idle: 2, lost: 0 })
})

describe('tickets', () => {
  test('that time out leave the queue, however many there were', async () => {
    const pool = await open({ maxQueue: 2 })
    const held = await pool.acquire()
    const acquirer = SharedAcquirer.attach(pool.plan)
    for (let i = 0; i < TICKETS + 2; i++) expect((await failure(acquirer.acquire({ timeout: 1 }))).code).toBe('AcquireTimeout')
    expect(pool.stats.waiting).toBe(0)
    const waiting = acquirer.acquire()
    held.release()
    ;(await waiting).release()
  })

  test('of a thread that stood still past its limit end, and keep it from nothing else', async () => {
    const pool = await open()
    const held = await pool.acquire()
    const runtime = ClientPool._$ground.runtime as ThreadedRuntime
    let looks = 0
    // 10 ms pass from one look at the clock to the next. One that is looked at without end stops the loop that does it: no timer could.
    const now = (): number => (looks++ < 1_000 ? looks * 10 : expect.fail('it waits without end'))
    const threads = new Attachments({ ...runtime, clock: { ...runtime.clock, now } }, 1)
    const Slow = compose(SharedAcquirer, { threads, Slot: AtomicClientSlot })
    expect((await failure(Slow.attach(pool.plan).acquire({ timeout: 5 }))).code).toBe('AcquireTimeout')
    held.release()
  })

  test('that are abandoned by a signal leave the queue, with its reason', async () => {
    const pool = await open()
    const held = await pool.acquire()
    const acquirer = SharedAcquirer.attach(pool.plan)
    const controller = new AbortController()
    const waiting = failure(acquirer.acquire({ signal: controller.signal }))
    expect(pool.stats.waiting).toBe(1)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await waiting).toMatchObject({ code: 'RequestAborted', requestSent: 'nothing', cause: reason })
    expect(pool.stats.waiting).toBe(0)
    expect(await failure(acquirer.acquire({ signal: controller.signal }))).toMatchObject({ code: 'RequestAborted' })
    held.release()
  })

  test('of threads that end between grant and reading are free again', async () => {
    const pool = await open({ connections: 2 })
    for (let round = 0; round < TICKETS + 2; round++) {
      const worker = Object.assign(new EventEmitter(), { threadId: 1_000 + round })
      pool.watch(worker)
      // Its thread asks, and ends before it looks at what it got.
      const Dead = compose(SharedAcquirer, { threads: threadNumber(1_001 + round), Slot: { receive: () => expect.fail('it has ended') } })
      // Blocks nobody: what would be awaited is dropped.
      void Dead.attach(pool.plan)
        .acquire({ timeout: 0 })
        .catch(() => {})
      expect(pool.stats).toMatchObject({ waiting: 0 })
      worker.emit('exit')
      await Promise.resolve()
    }
    const slot = await SharedAcquirer.attach(pool.plan).acquire({ timeout: 2_000 })
    slot.release()
    expect(pool.stats).toMatchObject({ idle: 2, leased: 0 })
  })

  test('acquireSync on the thread that owns the sockets is refused, and so is sendSync', async () => {
    const pool = await open()
    expect(() => SharedAcquirer.attach(pool.plan).acquireSync()).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    const slot = await hold(pool)
    expect(() => slot.sendSync(slot.writer.get('/').finish())).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    slot.release()
  })
})

test('an owner that is gone shows as OwnerGone, to who waits for a slot and to who sends; both can go on', async () => {
  const pool = await open({ spareBlocks: 0 })
  const { pool: cell } = new PoolMemory(pool.plan)
  const words = new Int32Array(pool.plan.memory.buffer)
  const slot = await hold(pool)
  // As if the owner had ended without a word: it does not listen, the pool does not look closed, and the slot is as it was.
  const before = words[slot.at + BLOCK_STATE] as number
  await pool.close({ timeout: 1 })
  words[cell + POOL_CLOSED] = 0
  words[slot.at + BLOCK_STATE] = before
  const [waited, sent] = await Promise.all([
    failure(SharedAcquirer.attach(pool.plan).acquire({ timeout: 5 })),
    failure(slot.send(slot.writer.get('/gone').finish(), { timeout: 5 })),
  ])
  expect(waited).toMatchObject({ code: 'OwnerGone', requestSent: 'nothing' })
  expect(sent).toMatchObject({ code: 'OwnerGone', requestSent: 'nothing' })
  slot.release()
})

describe('a pool that is closed', () => {
  test('says so to who asks, waits or sends, and a release does not throw', async () => {
    const pool = await open()
    const slot = await hold(pool)
    const acquirer = SharedAcquirer.attach(pool.plan)
    const waiting = failure(acquirer.acquire())
    expect(pool.stats.waiting).toBe(1)
    const closing = pool.close({ timeout: 20 })
    expect((await waiting).code).toBe('PoolClosed')
    expect((await failure(acquirer.acquire())).code).toBe('PoolClosed')
    await closing
    expect((await failure(slot.send(slot.writer.get('/').finish()))).code).toBe('PoolClosed')
    slot.release()
    slot.release()
  })

  test('leaves no listener at a worker that outlives it', async () => {
    const worker = Object.assign(new EventEmitter(), { threadId: 77 })
    for (let i = 0; i < 12; i++) {
      const pool = await AtomicClientPool.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1 })
      pool.watch(worker)
      ;(await pool.acquire()).handOff(worker)
      expect(worker.listenerCount('exit')).toBe(1)
      await pool.close({ timeout: 5 })
      expect(worker.listenerCount('exit')).toBe(0)
    }
  })

  test('says so to an acquirer whose thread has forgotten it', async () => {
    const [first, second] = [await open(), await open()]
    const acquirer = SharedAcquirer.attach(first.plan)
    AtomicClientSlot.detach(first.plan)
    ;(await acquirer.acquire({ timeout: 2_000 })).release()
    await first.close()
    AtomicClientSlot.attach(second.plan)
    expect((await failure(acquirer.acquire())).code).toBe('PoolClosed')
    expect(() => acquirer.acquireSync()).toThrow(expect.objectContaining({ code: 'PoolClosed' }))
  })

  test('is forgotten by a thread that attaches to another one, or detaches', async () => {
    const [first, second] = [await open(), await open()]
    const Thread = otherThread()
    Thread.attach(first.plan)
    const message = (await first.acquire()).handOff(undefined, { isAttached: true })
    Thread.receive(message).release()
    await first.close()
    Thread.attach(second.plan)
    expect(() => Thread.receive(message)).toThrow(expect.objectContaining({ code: 'NotAttached' }))
    Thread.detach(second.plan)
    expect(() => Thread.receive({ ...message, nexusSlot: second.plan.id })).toThrow(expect.objectContaining({ code: 'NotAttached' }))
  })
})

test.each([[{ connections: 10_000 }], [{ connections: 200, capacity: 4 * 2 ** 20, writeBufferCapacity: 4 * 2 ** 20 }]])(
  '%j is more than a shared memory can have: InvalidOption',
  async (options) => {
    await expect(AtomicClientPool.connect('http://127.0.0.1:1', options)).rejects.toMatchObject({
      code: 'InvalidOption',
      message: expect.stringContaining('MiB'),
    })
  },
)

test.each([[{}], [{ threadId: 3 }], [{ once: () => {} }], [null]])(
  'a worker that is none, %j, is refused, and the slot is still held',
  async (worker) => {
    const pool = await open()
    const slot = await pool.acquire()
    expect(() => slot.handOff(worker as never)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    slot.release()
    expect(pool.stats.idle).toBe(1)
  },
)

test('a response is in memory of the holder’s own, which platform functions take', async () => {
  const pool = await open()
  const slot = await hold(pool)
  slot.writer.defaultHeader('X-Account', 'body')
  const request = slot.writer.post('/').body('signed').finish()
  expect(request.body.buffer).toBeInstanceOf(SharedArrayBuffer)
  expect((await crypto.subtle.digest('SHA-256', request.body.slice())).byteLength).toBe(32)
  const response = await slot.send(request)
  const { body } = response
  expect(body.buffer).toBeInstanceOf(ArrayBuffer)
  expect((await crypto.subtle.digest('SHA-256', body as Uint8Array<ArrayBuffer>)).byteLength).toBe(32)
  const bytes = response.bytes()
  expect([bytes.buffer.byteLength, structuredClone(bytes).buffer.byteLength, new TextDecoder().decode(bytes)]).toEqual([4, 4, 'body'])
  slot.release()
})
