// A server on a thread of its own: /echo/<id> answers with the id, now and then late, or not at all; /silent never answers.

import net from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

const { faults = 0, seed = 1 } = workerData ?? {}
let state = seed
const random = () => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
  return state / 0x7fffffff
}

const server = net.createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
      const path = text.slice(0, end).split(' ')[1] ?? ''
      text = text.slice(end + 4)
      if (path === '/silent') continue
      const id = path.split('/').at(-1) ?? ''
      const response = `HTTP/1.1 200 OK\r\nContent-Length: ${id.length}\r\n\r\n${id}`
      const fate = random()
      if (fate < faults) socket.resetAndDestroy()
      else if (fate < 2 * faults) socket.end(response.slice(0, -1))
      else if (fate < 0.02) setTimeout(() => socket.writable && socket.write(response), 3)
      else socket.write(response)
    }
  })
})
server.listen(0, '127.0.0.1', () => parentPort?.postMessage(/** @type {net.AddressInfo} */ (server.address()).port))
