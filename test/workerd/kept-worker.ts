/** A Worker that keeps a pool and a WebSocket from one request to the next: globally, where workerd forbids it, and in a Durable Object. */

import type * as Entry from '../../src/entry/workerd.ts'
// Resolved by workerd: the built entry lies beside this module.
// @ts-expect-error: it is not there when types are checked
import * as built from './nexus/workerd.js'

const nexus = built as typeof Entry

/** What to do, with what is kept or for the first time. */
export interface KeptOrder {
  readonly what: 'pool.request' | 'pool.acquire' | 'pool.ready' | 'connection.send' | 'stream'
  readonly url: string
  /** Where: in the Worker itself, or in a Durable Object. */
  readonly inObject: boolean
}

/** What came of it: a value, or an error's name, code and message. */
export interface KeptOutcome {
  readonly value?: unknown
  readonly error?: { readonly name: string; readonly code: string; readonly message: string; readonly cause: string }
  readonly stats?: unknown
}

/** Whatever is kept, made when it is first needed. */
class Keeper {
  private pool: Promise<Entry.ClientPool> | null = null
  private connection: Promise<Entry.HttpConnection> | null = null
  private stream: Promise<Entry.WsStream> | null = null

  async act({ what, url }: KeptOrder): Promise<KeptOutcome> {
    try {
      return { value: await this.use(what, url), stats: (await this.pool)?.stats }
    } catch (error) {
      const { name, code, message, cause } = error as Error & { code: string }
      return { error: { name, code, message, cause: String(cause) }, stats: (await this.pool?.catch(() => null))?.stats }
    }
  }

  private async use(what: KeptOrder['what'], url: string): Promise<unknown> {
    if (what === 'stream') {
      this.stream ??= nexus.WsStream.connect(`${url}/echo`)
      const ws = await this.stream
      void ws.sendText('hello')
      return (await ws.recv())?.text
    }
    if (what === 'connection.send') {
      this.connection ??= nexus.HttpConnection.connect(url)
      const connection = await this.connection
      return (await connection.send(new nexus.RequestWriter(new URL(url).host).get('/').finish(), undefined, { timeout: 1_000 })).status
    }
    this.pool ??= nexus.ClientPool.connect(url, { connections: 2, acquireTimeout: 1_000, timeout: 1_000 })
    const pool = await this.pool
    if (what === 'pool.ready') {
      await pool.ready({ timeout: 1_000 })
      return 'ready'
    }
    if (what === 'pool.request') return (await pool.request('GET', '/')).status
    const slot = await pool.acquire()
    try {
      return (await slot.send(slot.writer.get('/').finish())).status
    } finally {
      slot.release()
    }
  }
}

const keeper = new Keeper()

interface Bindings {
  readonly KEPT: { idFromName(name: string): unknown; get(id: unknown): { fetch(url: string, init: RequestInit): Promise<Response> } }
}

export class Kept {
  private readonly keeper = new Keeper()

  async fetch(request: Request): Promise<Response> {
    return Response.json(await this.keeper.act((await request.json()) as KeptOrder))
  }
}

export default {
  async fetch(request: Request, { KEPT }: Bindings): Promise<Response> {
    const order = (await request.json()) as KeptOrder
    if (!order.inObject) return Response.json(await keeper.act(order))
    return KEPT.get(KEPT.idFromName('one')).fetch('http://object', { method: 'POST', body: JSON.stringify(order) })
  },
}
