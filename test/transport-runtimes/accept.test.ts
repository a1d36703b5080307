/** Accepted connections on Deno and Bun: an echo server there, a Node socket here. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import type { EchoOrders } from './echo-server.ts'

const root = join(import.meta.dirname, '../..')
const servers = {
  deno: ['deno', 'run', '-A', 'test/transport-runtimes/serve-deno.ts'],
  bun: ['bun', 'run', 'test/transport-runtimes/serve-bun.ts'],
}

let certificates: TestCertificates
let child: ChildProcess | undefined
beforeAll(async () => {
  certificates = await makeCertificates()
})
afterEach(() => {
  child?.kill('SIGKILL')
})

async function serve([name = '', ...args]: readonly string[], orders: EchoOrders): Promise<number> {
  const server = spawn(join(root, 'node_modules/.bin', name), [...args, JSON.stringify(orders)], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  child = server
  const [line] = (await once(server.stdout, 'data')) as [Buffer]
  return Number(String(line))
}

/** Our end goes out before most of the answer has come. */
async function roundTrip(socket: net.Socket): Promise<void> {
  const sent = 'abcdefghij'.repeat(50_000)
  socket.end(sent)
  expect((await text(socket)) === sent).toBe(true)
}

describe.each(Object.entries(servers))('%s', (_, command) => {
  test('TCP: half-closed echo, and a reset that harms nobody else', async () => {
    const port = await serve(command, {})
    const rude = net.connect({ port, host: '127.0.0.1' })
    await once(rude, 'connect')
    rude.write('x')
    await once(rude, 'data')
    rude.resetAndDestroy()
    await roundTrip(net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  })

  test('TLS: half-closed echo, and a handshake that fails harms nobody else', async () => {
    const port = await serve(command, certificates.server)
    const rude = net.connect({ port, host: '127.0.0.1' })
    rude.end('this is not TLS')
    rude.resume()
    await once(rude, 'close')
    await roundTrip(tls.connect({ port, host: '127.0.0.1', ca: certificates.ca, allowHalfOpen: true } as tls.ConnectionOptions))
  })
})
