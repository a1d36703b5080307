/** Overlapping attempts (RFC 8305), under virtual time; and that Node's connecting uses them. */

import net from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { interleaveFamilies, raceAddresses } from '../../../src/transport/address-race.ts'
import { nodeDial } from '../../../src/transport/node/dial.ts'
import type { Transport } from '../../../src/transport/transport.ts'

/** A race in which each address answers or fails after so many ms, or never does. */
function race(plan: Record<string, number | [failsAfter: number] | null>): {
  clock: VirtualClock
  log: string[]
  stop: () => void
} {
  const clock = new VirtualClock()
  const log: string[] = []
  const stop = raceAddresses<string>(
    Object.keys(plan),
    (address, done, failed) => {
      log.push(`${clock.now()} start ${address}`)
      const after = plan[address] ?? null
      const timer =
        after === null ? null : typeof after === 'number' ? clock.set(() => done(address), after) : clock.set(() => failed(`no ${address}`), after[0])
      return () => {
        log.push(`${clock.now()} stop ${address}`)
        if (timer !== null) clock.clear(timer)
      }
    },
    clock,
    (connection) => log.push(`${clock.now()} done ${connection}`),
    (error) => log.push(`${clock.now()} failed: ${error}`),
  )
  return { clock, log, stop }
}

describe('a race of addresses', () => {
  test('that answer in time is won by the first, and the second is never tried', async () => {
    const { clock, log } = race({ a: 249, b: 0 })
    await clock.advance(10_000)
    expect(log).toEqual(['0 start a', '249 done a'])
    expect(clock.pending).toBe(0)
  })

  test('tries the next after 250 ms, while the first goes on; the first to answer wins, whichever it is', async () => {
    const late = race({ a: 260, b: 100, c: null })
    await late.clock.advance(10_000)
    expect(late.log).toEqual(['0 start a', '250 start b', '260 stop b', '260 done a'])
    const never = race({ a: null, b: 100, c: null })
    await never.clock.advance(10_000)
    expect(never.log).toEqual(['0 start a', '250 start b', '350 stop a', '350 done b'])
    expect(never.clock.pending).toBe(0)
  })

  test('tries the next at once when one fails, and counts 250 ms from there', async () => {
    const { clock, log } = race({ a: [20], b: null, c: 5 })
    await clock.advance(10_000)
    expect(log).toEqual(['0 start a', '20 start b', '270 start c', '275 stop b', '275 done c'])
  })

  test('fails with the first failure when all have failed', async () => {
    const { clock, log } = race({ a: [400], b: [10], c: [20] })
    await clock.advance(10_000)
    expect(log).toEqual(['0 start a', '250 start b', '260 start c', '400 failed: no b'])
    expect(clock.pending).toBe(0)
  })

  test('can be stopped: nothing happens afterwards', async () => {
    const { clock, log, stop } = race({ a: null, b: 100 })
    await clock.advance(300)
    stop()
    stop()
    await clock.advance(10_000)
    expect(log).toEqual(['0 start a', '250 start b', '300 stop a', '300 stop b'])
    expect(clock.pending).toBe(0)
  })

  test('may be settled at once', () => {
    const outcome: unknown[] = []
    const start = (address: string, done: (c: string) => void, failed: (e: unknown) => void): (() => void) => {
      if (address === 'b') done(address)
      else failed(address)
      return () => outcome.push('stop')
    }
    const clock = new VirtualClock()
    raceAddresses(
      ['a', 'b', 'c'],
      start,
      clock,
      (c) => outcome.push(c),
      (e) => outcome.push(e),
    )
    raceAddresses(
      ['a', 'a'],
      start,
      clock,
      (c) => outcome.push(c),
      (e) => outcome.push(`failed ${e}`),
    )
    expect([outcome, clock.pending]).toEqual([['b', 'failed a'], 0])
  })
})

test('families take turns, in the system’s order', () => {
  const list = (text: string): { address: string; family: number }[] => text.split(' ').map((address) => ({ address, family: Number(address[0]) }))
  expect(interleaveFamilies(list('6a 6b 6c 4a 4b'))).toEqual(['6a', '4a', '6b', '4b', '6c'])
  expect(interleaveFamilies(list('4a 6a 6b'))).toEqual(['4a', '6a', '6b'])
  expect(interleaveFamilies(list('4a 4b'))).toEqual(['4a', '4b'])
})

describe('connecting on Node', () => {
  const open: { close(): void }[] = []
  afterEach(() => {
    for (const each of open.splice(0)) each.close()
  })

  async function listen(): Promise<number> {
    const server = net.createServer((socket) => socket.on('error', () => {}).resume())
    open.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as net.AddressInfo).port
  }

  function use(transport: Transport): string | undefined {
    open.push({ close: () => transport.destroy() })
    transport.start({ onRead: () => {}, onEnd: () => {}, onWritten: () => {}, onClosed: () => {} }, [new Uint8Array(16), new Uint8Array(16)])
    return transport.remoteAddress
  }

  test('goes on to the next address when one refuses', async () => {
    const port = await listen()
    const asked: string[] = []
    const dial = nodeDial(systemClock, (hostname, done) => {
      asked.push(hostname)
      done(null, [
        { address: '127.0.0.9', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ])
    })
    const transport = await dial({ hostname: 'exchange.test', port, secure: false }, {})
    expect([use(transport), asked]).toEqual([`127.0.0.1:${port}`, ['exchange.test']])
  })

  test('does not look an address up', async () => {
    const port = await listen()
    const dial = nodeDial(systemClock, () => expect.fail('looked up'))
    expect(use(await dial({ hostname: '127.0.0.1', port, secure: false }, {}))).toBe(`127.0.0.1:${port}`)
  })

  test.each([
    ['an error', Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), []],
    ['no address', null, []],
  ])('tells a lookup that gives %s', async (_, error, addresses) => {
    const dial = nodeDial(systemClock, (_, done) => done(error, addresses))
    await expect(dial({ hostname: 'nowhere.test', port: 1, secure: false }, {})).rejects.toMatchObject({ code: 'HostNotFound' })
  })

  test('tells the preferred address’s failure when none can be had', async () => {
    const port = await listen()
    for (const server of open.splice(0)) server.close()
    await new Promise((resolve) => setImmediate(resolve))
    const dial = nodeDial(systemClock, (_, done) => done(null, [{ address: '127.0.0.1', family: 4 }]))
    await expect(dial({ hostname: 'down.test', port, secure: false }, {})).rejects.toMatchObject({ code: 'ConnectRefused' })
  })

  test('can be given up during the lookup', async () => {
    const dial = nodeDial(systemClock, () => {})
    await expect(dial({ hostname: 'slow.test', port: 1, secure: false }, { connectTimeout: 10 })).rejects.toMatchObject({ code: 'ConnectTimeout' })
  })
})
