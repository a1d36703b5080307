/** Limits of responses hold in shared memory as they do elsewhere. */

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AtomicClientPool } from '../../../../src/entry/node.ts'

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy())
  socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;abc\r\nyes\r\n0\r\n\r\n'))
})

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterAll(() => server.close())

async function ask(options: object): Promise<string> {
  const pool = await AtomicClientPool.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { connections: 1, ...options })
  try {
    return (await pool.request('GET', '/')).text()
  } catch (error) {
    return ((error as Error).cause as { code: string }).code
  } finally {
    await pool.close()
  }
}

test.each([
  [3, 'ChunkExtensionTooLong'],
  [4, 'yes'],
  [5, 'yes'],
])('an extension of 4 bytes under maxChunkExtension %i: %s', async (maxChunkExtension, outcome) => {
  expect(await ask({ maxChunkExtension })).toBe(outcome)
})

test('a chunked body of 3 bytes at maxBodySize, and over it', async () => {
  expect([await ask({ maxBodySize: 2 }), await ask({ maxBodySize: 3 }), await ask({ maxBodySize: 4 })]).toEqual(['BodyTooLarge', 'yes', 'yes'])
})

test.each([
  [{ capacity: 1_023 }, 'capacity'],
  [{ capacity: 1_024, maxHeadSize: 1_025 }, 'maxHeadSize'],
  [{ capacity: 1_024, maxHeadSize: 24, maxBodySize: 1_001 }, 'maxBodySize'],
  [{ maxHeaders: 1_001 }, 'maxHeaders'],
  [{ maxChunkExtension: 65_537 }, 'maxChunkExtension'],
  [{ spin: -1 }, 'spin'],
  [{ spin: 10_001 }, 'spin'],
  [{ spareBlocks: -1 }, 'spareBlocks'],
  [{ spareBlocks: 10_001 }, 'spareBlocks'],
])('%o is refused, naming %s', async (options, name) => {
  await expect(AtomicClientPool.connect('http://127.0.0.1:1', options)).rejects.toMatchObject({
    code: 'InvalidOption',
    message: expect.stringContaining(name),
  })
})

test.each([0, 1, 10_000])('a spin of %i µs is accepted', async (spin) => {
  expect(await ask({ spin })).toBe('yes')
})
