/** What a thread hands in is judged before its request is submitted: the slot can be used and given back afterwards. */

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AtomicClientPool, AtomicClientSlot, RequestWriter } from '../../../../src/entry/node.ts'

let received = ''
const server = createServer((socket) => {
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright')
  })
})

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterAll(() => server.close())

const wrong: [string, (writer: RequestWriter) => unknown, unknown, string][] = [
  ['a request whose finish was forgotten', (writer) => writer.get('/'), undefined, 'RequestOutOfOrder'],
  ['a body whose finish was forgotten', (writer) => writer.post('/').body('{}'), undefined, 'RequestOutOfOrder'],
  ['null', () => null, undefined, 'InvalidOption'],
  ['an object', () => ({ method: 'GET' }), undefined, 'InvalidOption'],
  ['a request of another writer', () => new RequestWriter('server.test').get('/').finish(), undefined, 'InvalidOption'],
  ['a controller for its signal', (writer) => writer.get('/').finish(), new AbortController(), 'InvalidOption'],
]

test.each(wrong)('%s is refused on a slot of another thread', async (_, make, signal, code) => {
  const pool = await AtomicClientPool.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1, spin: 0 })
  const slot = AtomicClientSlot.receive((await pool.acquire()).handOff())
  received = ''
  await expect(slot.send(make(slot.writer) as never, { signal: signal as never })).rejects.toMatchObject({ code })
  expect((await slot.send(slot.writer.get('/right').finish())).text()).toBe('right')
  expect(received).toMatch(/^GET \/right /)
  slot.release()
  expect(pool.available).toBe(1)
  await pool.close()
})
