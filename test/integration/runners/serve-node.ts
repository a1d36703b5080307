/** The service on Node: with `accept` over TCP and TLS, and with `acceptUpgrade`. Returns the ports. */

import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import tls from 'node:tls'
import type * as Nexus from '../../../src/entry/node.ts'
import { serve, serveLate, serviceOptions } from '../service.ts'

/** Ports of the ways to accept, by name. */
export type Ports = Readonly<Record<string, number>>

/** Listens on the loopback. */
export async function serveOnNode(nexus: typeof Nexus, cert: string, key: string): Promise<{ ports: Ports; close(): void }> {
  const { WsStream, nodeTransport } = nexus
  const accept = (socket: net.Socket): Promise<void> => serve(WsStream.accept(nodeTransport(socket), serviceOptions))
  const upgrade = (request: http.IncomingMessage, socket: net.Socket, head: Buffer): void => {
    const accept = (): Promise<Nexus.WsStream> => WsStream.acceptUpgrade(request, socket, head, serviceOptions)
    if (request.url?.startsWith('/late')) serveLate(request.url, socket, accept)
    else serve(accept())
  }
  const servers = {
    tcp: net.createServer({ allowHalfOpen: true }, accept),
    tls: tls.createServer({ cert, key, allowHalfOpen: true } as tls.TlsOptions, accept),
    http: http.createServer().on('upgrade', upgrade),
    https: https.createServer({ cert, key }).on('upgrade', upgrade),
  }
  const ports: Record<string, number> = {}
  for (const [name, server] of Object.entries(servers)) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    ports[name] = (server.address() as AddressInfo).port
  }
  return {
    ports,
    close() {
      for (const server of Object.values(servers)) server.close()
    },
  }
}
