/** Whoever can reach linear memory keeps it, on every runtime: what is kept of a connection that is gone shows what it showed, whatever is collected. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { Child, commands } from './child.ts'

const runtimes = {
  node: [process.execPath, '--expose-gc'],
  deno: [...commands.Deno, '--v8-flags=--expose-gc'],
  bun: commands.Bun,
} as const

/** What the script keeps, and what that shows. */
const EXPECTED = {
  'a message of a stream that was cut': 'cut me',
  'the message of a recv whose stream nobody has': 'a secret',
  'a response': 'a secret',
  'the head of a response that was streamed': 'a secret',
  'a request': 'a secret',
  'a request that is being built': '/a%20secret',
  'a stream that nobody has': 'later',
  'all of it comes back': 'nothing',
  'what objects show of themselves': '',
}

let http: Server
let service: WebSocketServer

beforeAll(async () => {
  service = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise((resolve) => service.once('listening', resolve))
  let later: (() => void) | null = null
  service.on('connection', (socket, { url }) => {
    const reset = (): void => (socket as unknown as { _socket: { resetAndDestroy(): void } })._socket.resetAndDestroy()
    socket.on('error', () => {})
    if (url === '/greet') socket.send('a secret', () => setTimeout(reset, 20))
    if (url?.startsWith('/greet?')) socket.send('hunter2-secret')
    if (url === '/later') {
      later = () => {
        socket.send('later')
        socket.close()
      }
    }
    socket.on('message', (data) => socket.send(String(data), () => setTimeout(reset, 20)))
  })
  http = createServer((request, response) => {
    if (request.url === '/later') later?.()
    if (request.url?.startsWith('/keep')) {
      response.writeHead(200, { 'Set-Cookie': 'hunter2-secret' }).end('hunter2-secret')
      return
    }
    response.writeHead(200, { Connection: 'close', 'Content-Length': 8, 'X-Secret': 'a secret' }).end('a secret')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => http.once('listening', resolve))
})
afterAll(() => {
  service.close()
  http.close()
})

describe.each(Object.entries(runtimes))('on %s', (entry, command) => {
  test('what is kept of a connection that is gone shows what it showed, and its memory comes back after it', async () => {
    const ports = { ws: (service.address() as AddressInfo).port, http: (http.address() as AddressInfo).port }
    const child = new Child(command, new URL('./runners/ownership.mjs', import.meta.url), [entry, JSON.stringify(ports)])
    try {
      const shown: Record<string, string> = {}
      for (let i = 0; i < Object.keys(EXPECTED).length; i++) {
        const line = (await child.next()) as { name: string; shown: string }
        shown[line.name] = line.shown
      }
      expect(shown).toEqual(EXPECTED)
    } finally {
      await child.stop()
    }
  })
})
