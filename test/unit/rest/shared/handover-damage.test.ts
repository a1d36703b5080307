/** Whatever a thread writes into shared memory: the owner lives, other slots work, and what can be known to be wrong is reported. */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RestResponse } from '../../../../src/codec/http/response.ts'
import { AtomicClientPool, AtomicClientSlot, SharedAcquirer } from '../../../../src/entry/node.ts'
import { threadCodec } from '../../../../src/entry/thread-codec.ts'
import { RestError } from '../../../../src/errors.ts'
import { SharedCells } from '../../../../src/rest/shared/cells.ts'
import { takeFailure } from '../../../../src/rest/shared/failures.ts'
import {
  BLOCK_CELLS,
  BLOCK_DAMAGED,
  BLOCK_DECOMPRESS,
  BLOCK_FAILURE,
  BLOCK_LENGTH,
  BLOCK_METHOD,
  BLOCK_STATE,
  BLOCK_TIMEOUT,
  FREE,
  HELD,
  leaseOf,
  POOL_CLOSED,
  poolCells,
  stateOf,
} from '../../../../src/rest/shared/handover.ts'
import { PoolMemory } from '../../../../src/rest/shared/layout.ts'
import { ReceivedResponse } from '../../../../src/rest/shared/posted-response.ts'
import { phaseOfTicket, TICKET_CELLS, TICKET_STATE, WAITING } from '../../../../src/rest/shared/tickets.ts'

/** What happens when a request for /held has come. */
let onHeld = (): void => {}

const server = createServer((socket: Socket) => {
  socket.on('error', () => socket.destroy())
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const path = text.split(' ')[1] ?? ''
      text = text.slice(end + 4)
      if (path === '/held') onHeld()
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
    }
  })
})
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterAll(() => {
  server.close()
})

interface World {
  readonly pool: AtomicClientPool
  readonly words: Int32Array
  readonly memory: PoolMemory
  /** Codes of the events, and the slots that they are about. */
  readonly events: [slot: number | null, code: string][]
}

async function open(options: object = {}): Promise<World> {
  const events: World['events'] = []
  const pool = await AtomicClientPool.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    connections: 2,
    spareBlocks: 2_000,
    capacity: 1_024,
    writeBufferCapacity: 1_024,
    observer: { onCorruption: ({ slot, error }) => events.push([slot, error.code]) },
    ...options,
  })
  const memory = new PoolMemory(pool.plan)
  return { pool, memory, words: new Int32Array(pool.plan.memory.buffer), events }
}

const ask = async (slot: AtomicClientSlot, path: string): Promise<string> => (await slot.send(slot.writer.get(path).finish(), { timeout: 40 })).text()

/** How a promise ends: a value, or an error's code. Anything but an error of ours fails the test. */
async function outcome(asked: Promise<string>): Promise<string> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof RestError) return error.code
    throw error
  }
}

const HOSTILE = [0, 1, 2, 3, -1, 7, 64, 65_536, 2 ** 31 - 1, -(2 ** 31)]

/** At which moments of a request a word is overwritten. */
const MOMENTS = {
  'before it is submitted': async (slot: AtomicClientSlot, damage: () => void): Promise<string> => {
    damage()
    return ask(slot, '/mine')
  },
  'before the owner looks': async (slot: AtomicClientSlot, damage: () => void): Promise<string> => {
    const asked = ask(slot, '/mine')
    damage()
    return asked
  },
  'while it is sent': async (slot: AtomicClientSlot, damage: () => void): Promise<string> => {
    onHeld = damage
    return ask(slot, '/held')
  },
}

describe.each(Object.entries(MOMENTS))('every word of a block, %s', (_, act) => {
  test('is overwritten with every hostile value: the owner lives, the other slot works, and this one comes back', async () => {
    const { pool, words } = await open({ leakTimeout: 0 })
    const other = AtomicClientSlot.receive((await pool.acquire()).handOff())
    for (let cell = 0; cell < BLOCK_CELLS; cell++) {
      for (const value of HOSTILE) {
        const slot = AtomicClientSlot.receive((await pool.acquire({ timeout: 3_000 })).handOff())
        await outcome(
          act(slot, () => {
            words[slot.at + cell] = value
          }),
        )
        slot.release()
      }
      expect(await outcome(ask(other, `/other-${cell}`))).toBe(`/other-${cell}`)
    }
    other.release()
    expect((await pool.request('GET', '/own')).text()).toBe('/own')
    expect(pool.stats).toMatchObject({ idle: 2, leased: 0 })
    await pool.close({ timeout: 100 })
  })
})

describe('a word that no step of the protocol writes is reported, with its slot, and the block is not used again:', () => {
  test.each([
    ['a state that is no phase of its lease', BLOCK_STATE, 12_345],
    ['the state of another lease', BLOCK_STATE, stateOf(9, HELD)],
    ['a length of nothing', BLOCK_LENGTH, 0],
    ['a length over the write buffer', BLOCK_LENGTH, 1_025],
    ['a negative length', BLOCK_LENGTH, -1],
    ['a method that there is not', BLOCK_METHOD, 3],
    ['a negative method', BLOCK_METHOD, -(2 ** 31)],
    ['a limit before now', BLOCK_TIMEOUT, -1],
    ['whether it may be compressed, as no flag', BLOCK_DECOMPRESS, 2],
    ['damage that the holder found', BLOCK_DAMAGED, 1],
  ])('%s', async (_, cell, value) => {
    const { pool, words, events } = await open()
    const handle = await pool.acquire()
    const { index } = handle
    const slot = AtomicClientSlot.receive(handle.handOff())
    const asked = outcome(ask(slot, '/'))
    words[slot.at + cell] = value
    await asked
    slot.release()
    expect(pool.stats.corruptions).toBe(1)
    expect(events).toEqual([[index, 'SharedMemoryCorrupt']])
    const [first, second] = [await pool.acquire(), await pool.acquire()]
    const blocks = [first, second].map((each) => each.handOff().block)
    expect(blocks).not.toContain(index)
    await pool.close({ timeout: 10 })
  })

  test('a slot for which there is no other block ends, and the pool goes on without it', async () => {
    const { pool, words, events } = await open({ spareBlocks: 0 })
    const slot = AtomicClientSlot.receive((await pool.acquire()).handOff())
    words[slot.at + BLOCK_STATE] = -1
    expect(pool.stats).toMatchObject({ size: 2, idle: 1, leased: 0, corruptions: 1 })
    expect(events).toEqual([[slot.index, 'SharedMemoryCorrupt']])
    expect((await pool.request('GET', '/still')).text()).toBe('/still')
    await pool.close()
  })
})

test('a state word that is set back does not make an old lease valid again', async () => {
  const { pool, words } = await open({ connections: 1 })
  const first = (await pool.acquire()).handOff()
  const old = AtomicClientSlot.receive(first)
  const before = words[old.at + BLOCK_STATE] as number
  old.release()
  const held = await pool.acquire()
  // As it was one lease before.
  words[old.at + BLOCK_STATE] = stateOf(leaseOf(before) - 1, FREE)
  expect(held.handOff().lease).toBeGreaterThan(first.lease)
  await pool.close({ timeout: 10 })
})

test('the pool’s own words, with every hostile value: the owner lives, and serves its own callers and its holders', async () => {
  const { pool, words, memory } = await open()
  const slot = AtomicClientSlot.receive((await pool.acquire()).handOff())
  for (let cell = POOL_CLOSED + 1; cell < poolCells(pool.plan.blocks); cell++) {
    if (cell > 20 && cell < 80) continue
    for (const value of HOSTILE) {
      words[memory.pool + cell] = value
      const own = await pool.request('GET', `/own-${cell}`, { timeout: 1_000 })
      expect(own.text()).toBe(`/own-${cell}`)
    }
  }
  words.fill(0, memory.pool, memory.pool + 10)
  expect(pool.stats).toMatchObject({ idle: 1, leased: 1, corruptions: 0 })
  slot.release()
  expect(pool.stats).toMatchObject({ idle: 2 })
  await pool.close()
})

test('every word of a ticket, with every hostile value, while it is in the queue: the others get their slots; a state that cannot be is reported', async () => {
  const { pool, words, memory, events } = await open({ connections: 1 })
  const acquirer = SharedAcquirer.attach(pool.plan)
  for (let cell = 0; cell < TICKET_CELLS; cell++) {
    for (const value of HOSTILE) {
      const held = await pool.acquire()
      const waiting = acquirer.acquire({ timeout: 40 }).then(
        (slot) => slot.release(),
        (error: unknown) => {
          if (!(error instanceof RestError)) throw error
        },
      )
      const ticket = Array.from({ length: 64 }, (_, i) => i).find(
        (i) => phaseOfTicket(words[memory.ticketAt(i) + TICKET_STATE] as number) === WAITING,
      )
      expect(pool.stats.waiting).toBe(1)
      words[memory.ticketAt(ticket as number) + cell] = value
      held.release()
      await waiting
      expect((await pool.request('GET', '/', { timeout: 1_000 })).status, `cell ${cell}, value ${value}`).toBe(200)
    }
  }
  expect(events.filter(([slot, code]) => slot === null && code === 'SharedMemoryCorrupt').length).toBeGreaterThanOrEqual(5)
  expect(pool.stats).toMatchObject({ idle: 1, waiting: 0 })
  await pool.close()
})

test('every word of a failure and of a response that a holder reads, with every hostile value: an answer, or SharedMemoryCorrupt', async () => {
  const { pool, words, memory } = await open({ connections: 1 })
  const { i32, u8 } = memory.memory
  const received = new ReceivedResponse(threadCodec, pool.plan.reader)
  const slot = AtomicClientSlot.receive((await pool.acquire()).handOff())
  await ask(slot, '/whole')
  const { at } = slot
  const address = memory.responseOf(0)
  const codes = new Set<string>()
  const look = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      expect(error).toBeInstanceOf(RestError)
      codes.add((error as RestError).code)
    }
  }
  // The header, and the tables' first entries.
  for (let word = address >> 2; word < (address >> 2) + 64; word++) {
    const before = words[word] as number
    for (const value of HOSTILE) {
      words[word] = value
      look(() => {
        received.receive(i32, u8, address)
        const response = new RestResponse(received)
        expect(response.headers().length).toBeLessThanOrEqual(100)
        expect(response.body.length + response.trailers().length + response.text().length + response.reason.length).toBeLessThan(4_096)
      })
    }
    words[word] = before
  }
  received.receive(i32, u8, address)
  expect(new RestResponse(received).text()).toBe('/whole')
  for (let cell = 0; cell < BLOCK_CELLS; cell++) {
    const before = words[at + cell] as number
    for (const value of HOSTILE) {
      words[at + BLOCK_FAILURE] = 1
      words[at + cell] = value
      look(() => takeFailure(new SharedCells(words), at, u8, memory.messageOf(0), 0))
    }
    words[at + cell] = before
  }
  expect([...codes]).toEqual(['SharedMemoryCorrupt'])
  words[at + BLOCK_FAILURE] = 0
  slot.release()
  await pool.close()
})

test('a holder that reads what the owner did not write says so, and its block is retired', async () => {
  const { pool, words, memory, events } = await open({ connections: 1 })
  const slot = AtomicClientSlot.receive((await pool.acquire()).handOff())
  // Between the owner's answer, which is written in a microtask, and the holder's look, which takes a turn of the event loop.
  const damage = (): void => {
    words[memory.responseOf(0) >> 2] = -1
  }
  pool.observe({ onRequest: () => queueMicrotask(damage) })
  const asked = outcome(ask(slot, '/'))
  expect(await asked).toBe('SharedMemoryCorrupt')
  slot.release()
  expect(pool.stats).toMatchObject({ idle: 1, corruptions: 1 })
  expect(events).toEqual([[0, 'SharedMemoryCorrupt']])
  await pool.close()
})

test.each([-1, 2_001, 1.5, Number.NaN, '0'])('a slot message of block %s is refused', async (block) => {
  const { pool } = await open({ connections: 1 })
  const message = { ...(await pool.acquire()).handOff(), block: block as number }
  expect(() => AtomicClientSlot.receive(message)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  await pool.close({ timeout: 10 })
})
