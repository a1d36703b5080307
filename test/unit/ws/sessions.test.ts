import { describe, expect, test } from 'vitest'
import { BACKOFF_OPTIONS, Backoff } from '../../../src/backoff.ts'
import { TransportError, UsageError } from '../../../src/errors.ts'
import { readOptions } from '../../../src/option-rules.ts'
import { memoryPair } from '../../../src/transport/memory/pair.ts'
import type { SessionDown, SessionInfo, SessionOptions } from '../../../src/ws/sessions.ts'
import type { WsStream } from '../../../src/ws/ws-stream.ts'
import { makeWorld, stateOf, type World } from './harness.ts'

/** A server that lives in the same world: what it does with each connection is up to the test. */
function serve(
  world: World,
  onServer: (ws: WsStream, index: number) => void,
  dialing: (attempt: number) => void = () => {},
): { attempts: number; times: number[]; live: Set<WsStream> } {
  const state = { attempts: 0, times: [] as number[], live: new Set<WsStream>() }
  let index = 0
  world.dial = async () => {
    state.attempts++
    state.times.push(world.clock.now())
    dialing(state.attempts)
    const [end, other] = memoryPair({ clock: world.clock })
    world.Stream.accept(other).then(
      (ws) => {
        state.live.add(ws)
        ws.closed.then(() => state.live.delete(ws))
        onServer(ws, index++)
      },
      () => {},
    )
    return end
  }
  return state
}

/** Runs the loop of a user in the background. */
function iterate(
  world: World,
  options: SessionOptions<WsStream>,
  body: (ws: WsStream, index: number) => Promise<'stop' | void> | 'stop' | void,
): Promise<unknown> {
  let index = 0
  const loop = (async () => {
    for await (const ws of world.Stream.sessions('ws://peer.test/', options)) {
      if ((await body(ws, index++)) === 'stop') break
    }
    return 'over'
  })()
  loop.catch(() => {})
  return loop
}

const drain = async (ws: WsStream): Promise<void> => {
  for await (const _ of ws) {
  }
}

describe('the delays between attempts', () => {
  test('double from 100 ms to 30 s', () => {
    const backoff = new Backoff({ jitter: 0 }, Math.random)
    expect(Array.from({ length: 11 }, () => backoff.next())).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000])
    backoff.reset()
    expect(backoff.next()).toBe(100)
  })

  test('are jittered by half by default: between half of the length and all of it', () => {
    expect(new Backoff({}, () => 0).next()).toBe(100)
    expect(new Backoff({}, () => 0.999_999).next()).toBeCloseTo(50, 3)
    const backoff = new Backoff({ initial: 1_000, max: 1_000 }, Math.random)
    const delays = Array.from({ length: 2_000 }, () => backoff.next())
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(500)
    expect(Math.max(...delays)).toBeLessThanOrEqual(1_000)
    expect(new Set(delays).size).toBeGreaterThan(1_000)
  })

  test.each([
    { initial: 0 },
    { initial: -1 },
    { max: 50, initial: 100 },
    { factor: 0.5 },
    { factor: 11 },
    { jitter: 2 },
    { jitter: -0.1 },
    { initial: '5' },
    { max: 2 ** 31 },
  ])('%j is InvalidOption', (options) => {
    expect(() => new Backoff(readOptions(BACKOFF_OPTIONS, options), Math.random)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  })
})

describe('sessions', () => {
  test('opens the next stream after the last has ended, after a growing pause', async () => {
    const world = makeWorld()
    const state = serve(world, (ws) => ws.close(1012))
    const downs: SessionDown[] = []
    const loop = iterate(world, { onDown: (down) => downs.push(down), backoff: { jitter: 0 } }, async (ws, index) => {
      await drain(ws)
      return index === 4 ? 'stop' : undefined
    })
    await world.clock.advance(100_000)
    expect(await loop).toBe('over')
    expect(state.times).toEqual([0, 100, 300, 700, 1_500])
    expect(downs.map(({ close, error, delay, attempts }) => [close?.code, error, delay, attempts])).toEqual([
      [1012, null, 100, 0],
      [1012, null, 200, 0],
      [1012, null, 400, 0],
      [1012, null, 800, 0],
    ])
    expect(world.clock.pending).toBe(0)
  })

  test('a session of stableAfter ms begins the backoff anew, a shorter one does not', async () => {
    const world = makeWorld()
    const lives = [0, 0, 9_999, 10_000, 0, 50_000]
    const state = serve(world, (ws, index) => {
      world.clock.set(() => ws.close(1001), lives[index] ?? 0)
    })
    const delays: number[] = []
    const loop = iterate(world, { backoff: { jitter: 0 }, onDown: ({ delay }) => delays.push(delay) }, async (ws, index) => {
      await drain(ws)
      return index === 6 ? 'stop' : undefined
    })
    await world.clock.advance(200_000)
    expect(await loop).toBe('over')
    expect([state.attempts, delays]).toEqual([7, [100, 200, 400, 100, 200, 100]])
  })

  test('failed attempts are counted and told, and the next is made after the pause', async () => {
    const world = makeWorld()
    const refused = new TransportError('ConnectRefused', 'nobody there')
    const state = serve(
      world,
      () => {},
      (attempt) => {
        if (attempt < 4) throw refused
      },
    )
    const downs: SessionDown[] = []
    const infos: SessionInfo[] = []
    const options: SessionOptions<WsStream> = {
      backoff: { jitter: 0 },
      onDown: (down) => downs.push(down),
      onOpen: (_, info) => {
        infos.push(info)
      },
    }
    const loop = iterate(world, options, () => 'stop')
    await world.clock.advance(10_000)
    expect(await loop).toBe('over')
    expect(state.times).toEqual([0, 100, 300, 700])
    expect(downs).toEqual([
      { close: null, error: refused, delay: 100, attempts: 1 },
      { close: null, error: refused, delay: 200, attempts: 2 },
      { close: null, error: refused, delay: 400, attempts: 3 },
    ])
    expect(infos).toEqual([{ session: 1, attempts: 4 }])
  })

  test('never has two live connections, whatever the consumer does with a stream', async () => {
    const world = makeWorld()
    const state = serve(world, (ws) => {
      expect(state.live.size).toBe(1)
      ws.sendText('hello')
      drain(ws).catch(() => {})
    })
    const behaviours: ((ws: WsStream) => unknown)[] = [
      () => {}, // leaves the stream open
      (ws) => ws.recv(),
      (ws) => ws.destroy(),
      (ws) => ws.close(4000),
      (ws) => void ws.close(4000),
      async (ws) => {
        for await (const _ of ws) break
      },
    ]
    const loop = iterate(world, { backoff: { jitter: 0, max: 100 } }, async (ws, index) => {
      await behaviours[index % behaviours.length]?.(ws)
      return index === 20 ? 'stop' : undefined
    })
    await world.clock.advance(60_000)
    expect(await loop).toBe('over')
    expect([state.attempts, state.live.size, world.clock.pending]).toEqual([21, 0, 0])
  })

  test('onOpen runs on each stream before it is given out, and can wait', async () => {
    const world = makeWorld()
    const received: string[] = []
    serve(world, async (ws) => {
      for await (const message of ws) {
        received.push(message.text)
        if (message.text === 'go') await ws.close(1001)
      }
    })
    const order: string[] = []
    const options: SessionOptions<WsStream> = {
      onOpen: async (ws, { session }) => {
        order.push(`open ${session}`)
        await ws.sendText(`subscribe ${session}`)
        await new Promise<void>((resolve) => world.clock.set(resolve, 50))
        order.push(`ready ${session}`)
      },
    }
    const loop = iterate(world, options, async (ws, index) => {
      order.push(`given ${index + 1}`)
      ws.sendText('go')
      await drain(ws)
      return index === 1 ? 'stop' : undefined
    })
    await world.clock.advance(10_000)
    expect(await loop).toBe('over')
    expect(order).toEqual(['open 1', 'ready 1', 'given 1', 'open 2', 'ready 2', 'given 2'])
    expect(received).toEqual(['subscribe 1', 'go', 'subscribe 2', 'go'])
  })

  test('a session whose onOpen fails is closed, counts as failed and is tried again', async () => {
    const world = makeWorld()
    const state = serve(world, (ws) => drain(ws).catch(() => {}))
    const downs: unknown[] = []
    let opens = 0
    const options: SessionOptions<WsStream> = {
      backoff: { jitter: 0 },
      onOpen: () => {
        if (++opens < 3) throw new Error(`not yet ${opens}`)
      },
      onDown: ({ error, attempts }) => downs.push([(error as Error).message, attempts, state.live.size]),
    }
    const loop = iterate(world, options, () => 'stop')
    await world.clock.advance(10_000)
    expect(await loop).toBe('over')
    expect(downs).toEqual([
      ['not yet 1', 1, 0],
      ['not yet 2', 2, 0],
    ])
  })

  test('shouldRetry ends it with the error', async () => {
    const world = makeWorld()
    const refused = new TransportError('ConnectRefused', 'nobody there')
    serve(
      world,
      () => {},
      () => {
        throw refused
      },
    )
    const asked: unknown[] = []
    const loop = iterate(
      world,
      {
        shouldRetry: (error, attempts) => {
          asked.push([error, attempts])
          return attempts < 3
        },
      },
      () => {},
    )
    await world.clock.advance(10_000)
    await expect(loop).rejects.toBe(refused)
    expect(asked).toEqual([
      [refused, 1],
      [refused, 2],
      [refused, 3],
    ])
    expect(world.clock.pending).toBe(0)
  })

  test('what shouldRetry throws, or rejects with, ends it; a promise is awaited', async () => {
    const refused = new TransportError('ConnectRefused', 'nobody there')
    const mine = new Error('mine')
    const answers: readonly (readonly [SessionOptions<WsStream>['shouldRetry'], unknown])[] = [
      [
        () => {
          throw mine
        },
        mine,
      ],
      [async () => Promise.reject(mine), mine],
      [async () => false, refused],
    ]
    for (const [shouldRetry, expected] of answers) {
      const world = makeWorld()
      serve(
        world,
        () => {},
        () => {
          throw refused
        },
      )
      const loop = iterate(world, { shouldRetry }, () => {})
      await world.clock.advance(1_000)
      await expect(loop).rejects.toBe(expected)
    }
  })

  test('what onDown throws is an uncaught error, and the sessions go on', async () => {
    const uncaught: unknown[] = []
    const note = (error: unknown): void => void uncaught.push(error)
    const others = process.rawListeners('uncaughtException')
    const rejections = process.rawListeners('unhandledRejection')
    process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection')
    process.on('uncaughtException', note).on('unhandledRejection', note)
    try {
      const world = makeWorld()
      serve(world, (ws) => ws.close(1012))
      let calls = 0
      const onDown = (): void | Promise<void> => {
        calls++
        if (calls === 1) throw new Error('thrown')
        if (calls === 2) return Promise.reject(new Error('rejected'))
      }
      const loop = iterate(world, { onDown: onDown as () => void }, async (ws, index) => {
        await drain(ws)
        return index === 3 ? 'stop' : undefined
      })
      await world.clock.advance(10_000)
      expect([await loop, calls]).toEqual(['over', 3])
      expect(uncaught.map(String)).toEqual(['Error: thrown', 'Error: rejected'])
    } finally {
      process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection')
      for (const listener of others) process.on('uncaughtException', listener as () => void)
      for (const listener of rejections) process.on('unhandledRejection', listener as () => void)
    }
  })

  test('a server that goes is reported by its code, or as the failure that it is', async () => {
    const world = makeWorld()
    let count = 0
    world.dial = async () => {
      const [end, other] = memoryPair()
      world.Stream.accept(other).then((ws) => {
        ws.recv().catch(() => {})
        world.clock.set(() => (count++ === 0 ? ws.close(1008, 'policy') : other.end()), 10)
      })
      return end
    }
    const downs: unknown[] = []
    const loop = iterate(
      world,
      { onDown: ({ close, error }) => downs.push([close?.code, close?.reason, (error as { code?: string } | null)?.code ?? null]) },
      async (ws, index) => {
        await drain(ws)
        return index === 2 ? 'stop' : undefined
      },
    )
    await world.clock.advance(10_000)
    expect(await loop).toBe('over')
    expect(downs).toEqual([
      [1008, 'policy', null],
      [1006, '', 'ConnectionClosed'],
    ])
  })

  test('errors in the options end it at once', async () => {
    const world = makeWorld()
    const state = serve(world, () => {})
    for (const [options, code] of [
      [{ bufferCapacity: 1 }, 'InvalidOption'],
      [{ backoff: { jitter: 5 } }, 'InvalidOption'],
      [{ stableAfter: -1 }, 'InvalidOption'],
      [{ protocols: 'a b' }, 'InvalidOption'],
      [{ headers: { Upgrade: 'x' } }, 'InvalidOption'],
      [{ headers: { X: 'a\nb' } }, 'HeaderInjection'],
    ] as const) {
      const loop = iterate(world, options as SessionOptions<WsStream>, () => {})
      expect(await stateOf(world, loop), JSON.stringify(options)).toBe('rejected')
      await expect(loop).rejects.toMatchObject({ code })
    }
    await expect(iterateUrl(world, 'nonsense')).rejects.toMatchObject({ code: 'InvalidUrl' })
    expect(world.clock.pending).toBe(0)
    expect(state.live.size).toBe(0)
  })

  async function iterateUrl(world: World, url: string): Promise<void> {
    for await (const _ of world.Stream.sessions(url)) throw new UsageError('NotOpen', 'cannot be')
  }

  test('an aborted signal ends it, wherever it is, and closes the stream', async () => {
    const refused = new TransportError('ConnectRefused', 'nobody there')
    for (const when of ['before', 'connecting', 'open', 'waiting'] as const) {
      const world = makeWorld()
      const state = serve(
        world,
        (ws) => drain(ws).catch(() => {}),
        () => {
          if (when === 'waiting') throw refused
        },
      )
      if (when === 'connecting') {
        world.dial = (_, { signal }) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
      }
      const controller = new AbortController()
      if (when === 'before') controller.abort()
      const loop = iterate(world, { signal: controller.signal }, drain)
      await world.clock.advance(50)
      controller.abort()
      await world.clock.advance(0)
      expect([when, await loop, state.live.size]).toEqual([when, 'over', 0])
      await world.clock.advance(60_000)
      expect(world.clock.pending).toBe(0)
    }
  })

  test('leaving the loop closes the stream before the loop is over', async () => {
    const world = makeWorld()
    let closed: unknown = null
    serve(world, (ws) => {
      ws.closed.then((info) => {
        closed = info
      })
      drain(ws).catch(() => {})
    })
    expect(await iterate(world, {}, () => 'stop')).toBe('over')
    await world.settle()
    expect(closed).toMatchObject({ code: 1000, wasClean: true })
    expect(world.clock.pending).toBe(0)
  })

  test('an error thrown in the loop closes the stream and comes out', async () => {
    const world = makeWorld()
    const state = serve(world, (ws) => drain(ws).catch(() => {}))
    const loop = iterate(world, {}, () => {
      throw new Error('mine')
    })
    await world.clock.advance(10_000)
    await expect(loop).rejects.toThrow('mine')
    expect([state.attempts, state.live.size]).toEqual([1, 0])
  })

  test('in these streams a loss ends receiving; why is told', async () => {
    const world = makeWorld()
    world.dial = async () => {
      const [end, other] = memoryPair()
      world.Stream.accept(other).then((ws) => {
        ws.sendText('a')
        ws.recv().catch(() => {})
        world.clock.set(() => other.reset(), 10)
      })
      return end
    }
    const downs: unknown[] = []
    const texts: string[] = []
    const loop = iterate(world, { onDown: ({ close, error }) => downs.push([close?.code, (error as { code: string }).code]) }, async (ws, index) => {
      for await (const message of ws) texts.push(message.text)
      expect((await ws.closed).error).toMatchObject({ code: 'ConnectionReset' })
      return index === 2 ? 'stop' : undefined
    })
    await world.clock.advance(10_000)
    expect(await loop).toBe('over')
    expect([texts, downs]).toEqual([
      ['a', 'a', 'a'],
      [
        [1006, 'ConnectionReset'],
        [1006, 'ConnectionReset'],
      ],
    ])
  })
})
