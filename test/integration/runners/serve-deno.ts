/** The service on Deno: `deno run --allow-all serve-deno.ts <{ cert, key }>`; prints the ports. */

import type { Transport } from '../../../src/transport/transport.ts'
import { serve, serviceOptions } from '../service.ts'
import { serveOnNode } from './serve-node.ts'

type Conn = { handshake?(): Promise<unknown> }
type Listener = AsyncIterable<Conn> & { addr: { port: number } }
declare const Deno: { args: string[]; listen(options: object): Listener; listenTls(options: object): Listener }

const nexus = await import(new URL('../../../dist/deno.js', import.meta.url).href)
const { WsStream, denoTransport } = nexus
const { cert, key } = JSON.parse(Deno.args[0] as string)
const { http, https } = (await serveOnNode(nexus, cert, key)).ports
const listeners = {
  tcp: Deno.listen({ hostname: '127.0.0.1', port: 0 }),
  tls: Deno.listenTls({ hostname: '127.0.0.1', port: 0, cert, key }),
}
for (const listener of Object.values(listeners)) {
  ;(async () => {
    for await (const conn of listener) serve(WsStream.accept(denoTransport(conn) as Transport, serviceOptions))
  })()
}
console.log(JSON.stringify({ tcp: listeners.tcp.addr.port, tls: listeners.tls.addr.port, http, https }))
