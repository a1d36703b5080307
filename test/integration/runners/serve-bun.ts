/** The service on Bun: `bun serve-bun.ts <{ cert, key }>`; prints the ports. */

import type { Transport } from '../../../src/transport/transport.ts'
import { serve, serviceOptions } from '../service.ts'
import { serveOnNode } from './serve-node.ts'

declare const Bun: { listen(options: object): { port: number } }

const nexus = await import(new URL('../../../dist/bun.js', import.meta.url).href)
const { WsStream, bunAcceptor } = nexus
const { cert, key } = JSON.parse(process.argv[2] as string)
const { http, https } = (await serveOnNode(nexus, cert, key)).ports
const socket = bunAcceptor((transport: Transport) => serve(WsStream.accept(transport, serviceOptions)))
const options = { hostname: '127.0.0.1', port: 0, allowHalfOpen: true, socket }
const tcp = Bun.listen(options)
const tls = Bun.listen({ ...options, tls: { cert, key } })
console.log(JSON.stringify({ tcp: tcp.port, tls: tls.port, http, https }))
