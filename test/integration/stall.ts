/**
 * A thread that stands still while bytes arrive for it, for certain: the peer, on a thread of its own, answers when it is told that the client stands
 * still, and the client goes on only when the answer lies in the system. The stall is in the callback of another socket: timers that are overdue then
 * run before the sockets are looked at. (A timer's callback is followed by a look at the sockets on Node, the end of a turn on Bun.)
 */

import type { Environment } from './check-tools.ts'

/** What it sends: to a WebSocket as a text message, to a request as a response. */
export const ANSWER = 'in time'

/** Words of the shared memory: what has happened is 1. */
const STANDS_STILL = 0
const ANSWERED = 1

const PEER = `
Promise.all(['worker_threads', 'net', 'tls', 'crypto'].map((name) => import('node:' + name))).then(([{ parentPort, workerData }, net, tls, crypto]) => {
  const { words, identity } = workerData
  const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0))
  let ring
  const rung = new Promise((resolve) => ring = resolve)
  const serve = (socket) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      const key = /^sec-websocket-key: *(.*?) *\\r$/im.exec(String(chunk))?.[1]
      const answer = async () => {
        const bell = await rung
        await new Promise((resolve) => bell.write(bytes('!'), resolve))
        Atomics.wait(words, ${STANDS_STILL}, 0)
        const text = key === undefined ? 'HTTP/1.1 200 OK\\r\\nContent-Length: ${ANSWER.length}\\r\\n\\r\\n' : '\\x81\\x07'
        socket.write(bytes(text + '${ANSWER}'), () => Atomics.store(words, ${ANSWERED}, 1))
      }
      if (key === undefined) return answer()
      const accept = crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
      const head = 'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n'
      socket.write(bytes(head), answer)
    })
  }
  const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
  const bells = net.createServer((socket) => ring(socket.on('error', () => {})))
  Promise.all([identity === null ? net.createServer(serve) : tls.createServer(identity, serve), bells].map(listen)).then((ports) => parentPort.postMessage(ports))
})
`

/** The peer of one connection. */
export interface StalledPeer {
  readonly host: string
  /**
   * Stands still once the peer has been asked, for `ms` at least and until its answer has arrived. False, without standing still, when `answer` has
   * settled by then.
   */
  standStill(ms: number, answer: Promise<unknown>): Promise<boolean>
  stop(): Promise<unknown>
}

/** @param isSecure it speaks TLS */
export async function startStalledPeer({ server }: Environment, isSecure: boolean): Promise<StalledPeer> {
  const { Worker } = (await import('node:worker_threads')) as typeof import('node:worker_threads')
  const { connect } = (await import('node:net')) as typeof import('node:net')
  const words = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(PEER, { eval: true, workerData: { words, identity: isSecure ? server : null } })
  const [port, bells] = await new Promise<[number, number]>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  return {
    host: `127.0.0.1:${port}`,
    standStill: (ms, answer) =>
      new Promise((resolve) => {
        let isOver = false
        const onOver = (): void => {
          isOver = true
          resolve(false)
        }
        answer.then(onOver, onOver)
        const bell = connect(bells, '127.0.0.1').once('data', () => {
          bell.destroy()
          if (isOver) return
          Atomics.store(words, STANDS_STILL, 1)
          Atomics.notify(words, STANDS_STILL)
          const until = performance.now() + ms
          while (performance.now() < until || Atomics.load(words, ANSWERED) === 0);
          resolve(true)
        })
      }),
    stop: () => worker.terminate(),
  }
}
