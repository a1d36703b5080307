/**
 * A thread that stands still while bytes arrive for it, for certain: the peer, on a thread of its own, answers when it is told that the client stands
 * still, and the client goes on only when the answer lies in the system. Timers that are overdue then run before the sockets are looked at.
 */

import type { Environment } from './check-tools.ts'

/** What it sends: to a WebSocket as a text message, to a request as a response. */
export const ANSWER = 'in time'

/** Words of the shared memory: what has happened is 1. */
const ASKED = 0
const STANDS_STILL = 1
const ANSWERED = 2

const PEER = `
Promise.all(['worker_threads', 'net', 'tls', 'crypto'].map((name) => import('node:' + name))).then(([{ parentPort, workerData }, net, tls, crypto]) => {
  const { words, identity } = workerData
  const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0))
  const serve = (socket) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      const key = /^sec-websocket-key: *(.*?) *\\r$/im.exec(String(chunk))?.[1]
      const answer = () => {
        Atomics.store(words, ${ASKED}, 1)
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
  const server = identity === null ? net.createServer(serve) : tls.createServer(identity, serve)
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
})
`

/** The peer of one connection. */
export interface StalledPeer {
  readonly host: string
  /** Stands still, from the moment when the peer has been asked, for so many ms at least, and until its answer has arrived. */
  standStill(ms: number): Promise<void>
  stop(): Promise<unknown>
}

/** @param isSecure it speaks TLS */
export async function startStalledPeer({ server }: Environment, isSecure: boolean): Promise<StalledPeer> {
  const { Worker } = (await import('node:worker_threads')) as typeof import('node:worker_threads')
  const words = new Int32Array(new SharedArrayBuffer(12))
  const worker = new Worker(PEER, { eval: true, workerData: { words, identity: isSecure ? server : null } })
  const port = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  return {
    host: `127.0.0.1:${port}`,
    async standStill(ms) {
      // From the callback of a timer: what follows it is the next timer.
      do await new Promise((resolve) => setTimeout(resolve, 1))
      while (Atomics.load(words, ASKED) === 0)
      Atomics.store(words, STANDS_STILL, 1)
      Atomics.notify(words, STANDS_STILL)
      const until = performance.now() + ms
      while (performance.now() < until || Atomics.load(words, ANSWERED) === 0);
    },
    stop: () => worker.terminate(),
  }
}
