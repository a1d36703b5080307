/** Bun's own WebSocket server, which compresses in both of its ways: `bun bun-server.ts`; prints a port for each, and ends with its standard input. */

import process from 'node:process'

interface Socket {
  send(data: string | Uint8Array, compress: boolean): number
}
declare const Bun: { serve(options: object): { port: number } }

function serve(perMessageDeflate: unknown): number {
  return Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request: Request, server: { upgrade(request: Request): boolean }) =>
      server.upgrade(request) ? undefined : new Response('WebSockets only', { status: 426 }),
    websocket: {
      perMessageDeflate,
      maxPayloadLength: 64 * 1024 * 1024,
      backpressureLimit: 64 * 1024 * 1024,
      message: (socket: Socket, data: string | Uint8Array) => void socket.send(data, true),
    },
  }).port
}

console.log(JSON.stringify({ shared: serve(true), dedicated: serve({ compress: 'dedicated', decompress: 'dedicated' }) }))
process.stdin.on('end', () => process.exit(0))
process.stdin.resume()
