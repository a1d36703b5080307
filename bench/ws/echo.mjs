// @ts-check
// Echo round trips, 40 B, one at a time: what a message to an exchange and its answer cost this side.
// Raw is a TCP ping-pong of the frame's 42 bytes on the same runtime with the same way of reading.

import net from 'node:net'
import { payload } from '../lib/frames.mjs'
import { main, Unavailable } from '../lib/harness.mjs'
import { loadNexus, runtime } from '../lib/runtime.mjs'
import { percentile, Times } from '../lib/times.mjs'

/** @typedef {{ id: string, title: string, size: number, oneCore: boolean }} Case */
/** @typedef {{ echo: { port: number }, pinned: { port: number } }} Peers */

/** @type {Case[]} */
const cases = [
  // On two cores, most of a round trip is the system waking an idle core; on one, it is the work of the two processes.
  { id: 'one-core', title: 'echo round trip, 40 B binary, both ends on one core', size: 40, oneCore: true },
  { id: 'two-cores', title: 'echo round trip, 40 B binary, wherever the system puts the ends', size: 40, oneCore: false },
]
const port = (/** @type {Case} */ { oneCore }, /** @type {Peers} */ { pinned, echo }) => (oneCore ? pinned : echo).port
const url = (/** @type {Case} */ c, /** @type {Peers} */ peers) => `ws://127.0.0.1:${port(c, peers)}/`

/** Drives `send` and counts answers until `amount` are through. */
function pingPong(/** @type {number} */ amount, /** @type {() => void} */ send) {
  const times = new Times()
  /** @type {(result: any) => void} */
  let done
  const finished = new Promise((resolve) => {
    done = resolve
  })
  return {
    finished,
    begin() {
      times.started = times.last = performance.now()
      send()
    },
    onAnswer() {
      times.lap()
      if (times.count < amount) send()
      else done(times.result())
    },
  }
}

/** Raw ping-pong: a connection that stays open between rounds. */
async function openRaw(/** @type {number} */ port, /** @type {number} */ length) {
  const target = new Uint8Array(new WebAssembly.Memory({ initial: 4, maximum: 4 }).buffer, 65_536, 65_536)
  const bytes = new Uint8Array(length).fill(7)
  let onAnswer = () => {}
  let received = 0
  const took = (/** @type {number} */ count) => {
    received += count
    if (received < length) return
    received = 0
    onAnswer()
  }
  /** @type {() => void} */
  let send
  if (runtime === 'deno') {
    // @ts-expect-error Deno
    const conn = await globalThis.Deno.connect({ hostname: '127.0.0.1', port })
    conn.setNoDelay(true)
    return async (/** @type {number} */ amount) => {
      const times = new Times()
      for (let i = 0; i < amount; i++) {
        await conn.write(bytes)
        for (let got = 0; got < length; got += await conn.read(target));
        times.lap()
      }
      return times.result()
    }
  }
  if (runtime === 'bun') {
    // @ts-expect-error Bun
    const socket = await globalThis.Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (/** @type {any} */ _, /** @type {Uint8Array} */ chunk) => {
          target.set(chunk)
          took(chunk.length)
        },
      },
    })
    socket.setNoDelay(true)
    send = () => socket.write(bytes)
  } else {
    const onread = {
      buffer: target,
      callback: (/** @type {number} */ count) => {
        took(count)
        return true
      },
    }
    const socket = net.connect({ host: '127.0.0.1', port, noDelay: true, onread })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    send = () => socket.write(bytes)
  }
  return (/** @type {number} */ amount) => {
    const game = pingPong(amount, send)
    onAnswer = game.onAnswer
    game.begin()
    return game.finished
  }
}

main({
  name: 'echo',
  title: 'Echo round trip',
  file: import.meta.url,
  cases,
  peers: { echo: 'ws/echo-server.mjs', pinned: { script: 'ws/echo-server.mjs', oneCore: true } },
  baselines: ['raw', 'ws'],
  metrics: [percentile('p50', 'p50'), percentile('p99', 'p99'), percentile('p999', 'p99.9')],
  contenders: () => ({
    nexus: {
      title: 'WsStream, readable() and next()',
      first: 1_000,
      start: async (c, peers) => {
        const nexus = await loadNexus()
        if (nexus === null) throw new Unavailable('not built')
        const ws = await nexus.WsStream.connect(url(c, peers))
        const bytes = payload({ kind: 'binary', size: c.size }, 1)
        return async (amount) => {
          const times = new Times()
          for (let i = 0; i < amount; i++) {
            ws.sendBinary(bytes)
            await ws.readable()
            if (ws.next()?.length !== c.size) throw new Error('not what was sent')
            times.lap()
          }
          return times.result()
        }
      },
    },
    recv: {
      title: 'WsStream, recv()',
      first: 1_000,
      start: async (c, peers) => {
        const nexus = await loadNexus()
        if (nexus === null) throw new Unavailable('not built')
        const ws = await nexus.WsStream.connect(url(c, peers))
        const bytes = payload({ kind: 'binary', size: c.size }, 1)
        return async (amount) => {
          const times = new Times()
          for (let i = 0; i < amount; i++) {
            ws.sendBinary(bytes)
            if ((await ws.recv())?.length !== c.size) throw new Error('not what was sent')
            times.lap()
          }
          return times.result()
        }
      },
    },
    raw: {
      title: 'raw TCP',
      first: 1_000,
      start: (c, peers) => openRaw(port(c, peers), c.size + 2),
    },
    ws: {
      title: 'ws',
      first: 1_000,
      start: async (c, peers) => {
        const { WebSocket } = await import('../lib/ws-package.mjs')
        const socket = new WebSocket(url(c, peers), { perMessageDeflate: false })
        await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
        const bytes = payload({ kind: 'binary', size: c.size }, 1)
        let onAnswer = () => {}
        socket.on('message', (/** @type {any} */ data) => {
          if (data.length !== c.size) throw new Error('not what was sent')
          onAnswer()
        })
        return (amount) => {
          const game = pingPong(amount, () => socket.send(bytes))
          onAnswer = game.onAnswer
          game.begin()
          return game.finished
        }
      },
    },
    own: {
      title: "the runtime's own",
      first: 1_000,
      start: async (c, peers) => {
        if (globalThis.WebSocket === undefined) throw new Unavailable('this version has none')
        const socket = new WebSocket(url(c, peers))
        socket.binaryType = 'arraybuffer'
        await new Promise((resolve, reject) => {
          socket.onopen = resolve
          socket.onerror = reject
        })
        const bytes = payload({ kind: 'binary', size: c.size }, 1)
        let onAnswer = () => {}
        socket.onmessage = ({ data }) => {
          if (data.byteLength !== c.size) throw new Error('not what was sent')
          onAnswer()
        }
        return (amount) => {
          const game = pingPong(amount, () => socket.send(bytes))
          onAnswer = game.onAnswer
          game.begin()
          return game.finished
        }
      },
    },
  }),
})
