import { expect, test } from 'vitest'
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts'
import { type MemoryOptions, type MemoryTransport, memoryPair } from '../../../../src/transport/memory/pair.ts'
import { patternAt, patternFault } from '../../../transport-runtimes/pattern.ts'
import { Probe } from '../../../transport-runtimes/probe.ts'

interface Side {
  readonly end: MemoryTransport
  readonly probe: Probe
}

function pair(options: MemoryOptions = {}, targetSize = 4096): [Side, Side] {
  const [a, b] = memoryPair(options)
  return [
    { end: a, probe: new Probe(a, targetSize) },
    { end: b, probe: new Probe(b, targetSize) },
  ]
}

/** Lets everything happen that needs no time. */
function settle(): Promise<void> {
  return new VirtualClock().advance(0)
}

test.each([
  {},
  { maxDelivery: 1 },
  { maxDelivery: 7, seed: 1 },
  { deferWrites: true },
  { deliverInResume: true, maxDelivery: 1 },
  { targetCount: 2 as const, capacity: 10 },
])('everything arrives in order, both ways, and both ends close: %o', async (options: MemoryOptions) => {
  const [a, b] = pair(options, 1000)
  const both = [a, b].map(async ({ end, probe }) => {
    let count = 0
    let fault: string | null = null
    const received = probe.drain((bytes) => {
      fault ??= patternFault(bytes, count)
      count += bytes.length
    })
    for (let i = 0; i < 20; i++) {
      const bytes = patternAt(i * 500, 500).slice()
      await probe.write(bytes)
      bytes.fill(255)
    }
    end.end()
    await received
    expect(await probe.closed).toBe(null)
    expect([count, fault, probe.faults]).toEqual([10_000, null, []])
  })
  await Promise.all(both)
  expect([a.end.bytesDelivered, b.end.bytesDelivered]).toEqual([10_000, 10_000])
})

test('nothing is delivered unasked, and everything asynchronously', async () => {
  const [a, b] = pair()
  expect(a.end.write(new Uint8Array(3))).toBe(true)
  await settle()
  expect(a.end.bytesDelivered).toBe(0)
  const next = b.probe.next()
  expect(a.end.bytesDelivered).toBe(0)
  expect((await next).length).toBe(3)
  await settle()
  b.probe.check()
})

test('deliverInResume delivers what is there at once', () => {
  const [a, b] = pair({ deliverInResume: true })
  a.end.write(new Uint8Array(3))
  void b.probe.next()
  expect(a.end.bytesDelivered).toBe(3)
})

test('a seed splits the same way every time', async () => {
  const sizes = async (seed: number): Promise<number[]> => {
    const [a, b] = pair({ seed, maxDelivery: 50 })
    const result: number[] = []
    void a.probe.write(new Uint8Array(1000))
    a.end.end()
    await b.probe.drain((bytes) => result.push(bytes.length))
    return result
  }
  const first = await sizes(7)
  expect(first.reduce((sum, size) => sum + size, 0)).toBe(1000)
  expect(Math.max(...first)).toBeLessThanOrEqual(50)
  expect(new Set(first).size).toBeGreaterThan(5)
  expect(await sizes(7)).toEqual(first)
  expect(await sizes(8)).not.toEqual(first)
})

test('a write beyond the capacity waits for the reader, and reads its memory until then', async () => {
  const [a, b] = pair({ capacity: 10 }, 8)
  const bytes = new Uint8Array(15).fill(1)
  let written = false
  const writing = a.probe.write(bytes).then(() => {
    written = true
  })
  await settle()
  expect(written).toBe(false)
  bytes.fill(2)
  expect(Array.from(await b.probe.next())).toEqual([1, 1, 1, 1, 1, 1, 1, 1])
  await writing
  expect(Array.from(await b.probe.next())).toEqual([1, 1, 2, 2, 2, 2, 2])
})

test('latency delays bytes and ends', async () => {
  const clock = new VirtualClock()
  const [a, b] = pair({ latency: 20, clock })
  a.end.write(new Uint8Array(1))
  const first = b.probe.next().then(() => clock.now())
  await clock.advance(5)
  a.end.write(new Uint8Array(1))
  a.end.end()
  await clock.advance(100)
  expect(await first).toBe(20)
  let endedAt = 0
  await b.probe.drain(() => {
    endedAt = clock.now()
  })
  expect(endedAt).toBe(105)
})

test('a half-closed end still reads', async () => {
  const [a, b] = pair()
  a.end.end()
  b.probe.resume()
  await b.probe.ended
  await b.probe.write('late')
  expect(await a.probe.textOf(4)).toBe('late')
  b.end.end()
  a.probe.resume()
  expect([await a.probe.closed, await b.probe.closed]).toEqual([null, null])
})

test('destroy: the peer sees an end after what was written, and a reset when it writes', async () => {
  const [a, b] = pair()
  a.end.write(new TextEncoder().encode('bye'))
  a.end.destroy()
  a.end.destroy()
  expect(await a.probe.closed).toBe(null)
  expect(a.end.write(new Uint8Array(1))).toBe(false)
  expect(await b.probe.text()).toBe('bye')
  await b.probe.write('anyone?')
  expect(await b.probe.closed).toMatchObject({ code: 'ConnectionReset' })
  a.probe.check()
  b.probe.check()
})

test('destroy with unread bytes resets, as a kernel does', async () => {
  const [a, b] = pair()
  b.end.write(new Uint8Array(1))
  a.end.destroy()
  expect(await b.probe.closed).toMatchObject({ code: 'ConnectionReset' })
})

test('reset: the peer loses what is under way', async () => {
  const [a, b] = pair()
  a.end.write(new Uint8Array(100))
  a.end.reset()
  expect(await a.probe.closed).toBe(null)
  expect(await b.probe.closed).toMatchObject({ code: 'ConnectionReset' })
  expect(a.end.bytesDelivered).toBe(0)
})

test('cut: so many bytes arrive, then both fail', async () => {
  const [a, b] = pair({ maxDelivery: 4 })
  a.end.write(new Uint8Array(3))
  a.end.cut(7)
  a.end.write(new Uint8Array(100))
  let count = 0
  void b.probe.drain((bytes) => {
    count += bytes.length
  })
  expect(await b.probe.closed).toMatchObject({ code: 'ConnectionReset' })
  expect(await a.probe.closed).toMatchObject({ code: 'ConnectionReset' })
  expect(count).toBe(10)
  a.probe.check()
  b.probe.check()
})

test('cut to an end: so many bytes arrive, then an end; the writer notices nothing', async () => {
  const [a, b] = pair({ capacity: 5 })
  a.end.cut(7, 'end')
  const written = a.probe.write(new Uint8Array(100))
  let count = 0
  await b.probe.drain((bytes) => {
    count += bytes.length
  })
  await written
  await a.probe.write(new Uint8Array(100))
  expect(count).toBe(7)
})

test('a cut where a write is blocked counts from the end of that write', async () => {
  const [a, b] = pair({ capacity: 5 })
  const written = a.probe.write(new Uint8Array(20))
  a.end.cut(0, 'end')
  let count = 0
  await b.probe.drain((bytes) => {
    count += bytes.length
  })
  await written
  expect(count).toBe(20)
})

test('freeze and thaw: nothing arrives meanwhile, not even a reset', async () => {
  const clock = new VirtualClock()
  const [a, b] = pair({ latency: 1, clock })
  a.end.freeze()
  a.end.write(new Uint8Array(5))
  const next = b.probe.next()
  await clock.advance(1000)
  expect(a.end.bytesDelivered).toBe(0)
  a.end.thaw()
  await clock.advance(0)
  expect((await next).length).toBe(5)
  a.end.freeze()
  a.end.reset()
  let gone = false
  void b.probe.closed.then(() => {
    gone = true
  })
  await clock.advance(1000)
  expect(gone).toBe(false)
  a.end.thaw()
  await clock.advance(0)
  expect(gone).toBe(true)
})

test('what both sides say of the connection', () => {
  const [a, b] = memoryPair({ alpnProtocol: 'x', remoteAddress: '192.0.2.1:1', targetCount: 2 })
  for (const end of [a, b]) expect(end).toMatchObject({ alpnProtocol: 'x', remoteAddress: '192.0.2.1:1', targetCount: 2 })
})

test.each([{ maxDelivery: 0 }, { latency: -1 }, { capacity: 0.5 }, { seed: -1 }])('%o is refused', (options) => {
  expect(() => memoryPair(options)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
})
