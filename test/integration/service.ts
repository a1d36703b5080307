/**
 * A server made of `WsStream`, the same on every runtime; what it does with a connection is said by the path. Listening is the runners'
 * business: they call `accept` for each connection.
 */

import type * as Nexus from '../../src/entry/node.ts'

/** How the service accepts. */
export const serviceOptions: Nexus.AcceptOptions = {
  protocols: ['v2.feed', 'v1.feed'],
  headers: { 'X-Server': 'nexus' },
  closeTimeout: 1_000,
  perMessageDeflate: { threshold: 0 },
  onRequest: async ({ path, header }): Promise<Nexus.UpgradeDecision> => {
    if (path === '/teapot') {
      return { accept: false, status: 418, reason: 'I am a teapot', headers: { 'X-Why': 'short and stout' }, body: 'no coffee here\n' }
    }
    if (path === '/forbidden' && header('authorization') === null) return { accept: false, status: 403, body: 'who are you?' }
    if (path === '/choose') return { accept: true, protocol: 'v1.feed', headers: { 'X-Chosen': 'yes' } }
    return { accept: true }
  },
}

/** How connections ended, by the `id` in their path; the last word of a connection that another one asks for. */
const endings = new Map<string, Promise<Nexus.CloseInfo>>()

/** Serves one connection that is being accepted, until it ends. */
export async function serve(accepting: Promise<Nexus.WsStream>): Promise<void> {
  let ws: Nexus.WsStream
  try {
    ws = await accepting
  } catch {
    return // refused: the peer has been told
  }
  const url = new URL(ws.request?.path ?? '/', 'http://localhost')
  const id = url.searchParams.get('id')
  if (id !== null) endings.set(id, ws.closed)
  try {
    await behave(ws, url)
  } catch {
    // Why it failed is in `closed`.
  }
}

/** What of `node:net` it needs. */
interface LateSocket {
  once(event: 'end' | 'close' | 'error', listener: () => void): unknown
  resume(): unknown
  write(text: string): unknown
}

/** Accepts a connection when it has ended or died already, as an application does that considers a request for long. */
export function serveLate(path: string, socket: LateSocket, accept: () => Promise<Nexus.WsStream>): void {
  const { searchParams } = new URL(path, 'http://localhost')
  const accepted = new Promise<void>((resolve) => void socket.once(searchParams.get('until') as 'end' | 'close', resolve)).then(accept)
  const refused = (error: Error): Nexus.CloseInfo => ({ code: 0, reason: '', wasClean: false, error })
  endings.set(
    searchParams.get('id') as string,
    accepted.then(({ closed }) => closed, refused),
  )
  socket.once('error', () => {})
  socket.resume()
  socket.write('it is known')
}

async function behave(ws: Nexus.WsStream, url: URL): Promise<void> {
  const number = (name: string): number => Number(url.searchParams.get(name))
  switch (url.pathname) {
    case '/request': {
      const { path, host, headers, protocols } = ws.request as Nexus.UpgradeRequest
      await ws.sendText(JSON.stringify({ path, host, headers, protocols, remoteAddress: ws.remoteAddress, protocol: ws.protocol }))
      break
    }
    case '/close':
      await ws.close(url.searchParams.has('code') ? number('code') : 1005, url.searchParams.get('reason') ?? '')
      return
    case '/destroy':
      ws.destroy()
      return
    case '/half':
      // The connection is cut while a message is under way. A peer that reads fast lets the system take a whole one at once, however
      // large, so this goes on until one is left over.
      await ws.recv()
      // Zeros would compress to what any system takes at once.
      do ws.sendBinary(new Uint8Array(16 * 1024 * 1024), { compress: false })
      while (ws.bufferedAmount === 0)
      ws.destroy()
      return
    case '/ping': {
      ws.sendPing(Uint8Array.from(url.searchParams.get('payload')?.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)))
      const pong = await ws.recv()
      await ws.sendText(`${pong?.kind} ${Array.from(pong?.bytes ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('')}`)
      break
    }
    case '/burst':
      for (let i = 0; i < number('messages'); i++) ws.sendText(`message ${i}`)
      break
    case '/ending': {
      const { code, reason, wasClean, error } = (await endings.get(id(url))) ?? { code: 0, reason: '', wasClean: false, error: null }
      await ws.sendText(JSON.stringify({ code, reason, wasClean, error: (error as { code?: string } | null)?.code ?? null }))
      await ws.close()
      return
    }
    case '/deaf':
      await ws.closed
      return
  }
  await echo(ws)
}

function id(url: URL): string {
  return url.searchParams.get('of') ?? ''
}

async function echo(ws: Nexus.WsStream): Promise<void> {
  while (await ws.readable()) {
    for (let message = ws.next(); message !== null; message = ws.next()) {
      if (message.kind === 'text') await ws.sendText(message.text)
      else if (message.kind === 'binary') await ws.sendBinary(message.bytes)
    }
  }
}
