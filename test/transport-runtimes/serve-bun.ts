/** An echo server on Bun; prints its port. */

import process from 'node:process'
import { type BunHandlers, bunAcceptor } from '../../src/transport/bun/dial.ts'
import { type EchoOrders, serveEcho } from './echo-server.ts'

declare const Bun: {
  listen(options: { hostname: string; port: number; allowHalfOpen: boolean; tls?: EchoOrders; socket: BunHandlers }): { port: number }
}

const orders = JSON.parse(process.argv.at(-1) ?? '') as EchoOrders
const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  allowHalfOpen: true,
  ...(orders.cert === undefined ? {} : { tls: orders }),
  socket: bunAcceptor(serveEcho),
})
process.stdout.write(`${server.port}\n`)
