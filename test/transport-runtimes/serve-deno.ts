/** An echo server on Deno; prints its port. */

import process from 'node:process'
import type { DenoConn } from '../../src/transport/deno/conn.ts'
import { denoTransport } from '../../src/transport/deno/transport.ts'
import { type EchoOrders, serveEcho } from './echo-server.ts'

interface Listener extends AsyncIterable<DenoConn> {
  readonly addr: { readonly port: number }
}

declare const Deno: {
  listen(options: { hostname: string; port: number }): Listener
  listenTls(options: { hostname: string; port: number } & EchoOrders): Listener
}

const orders = JSON.parse(process.argv.at(-1) ?? '') as EchoOrders
const where = { hostname: '127.0.0.1', port: 0 }
const listener = orders.cert === undefined ? Deno.listen(where) : Deno.listenTls({ ...where, ...orders })
process.stdout.write(`${listener.addr.port}\n`)
for await (const conn of listener) serveEcho(denoTransport(conn))
