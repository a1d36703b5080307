/** A runtime's own WebSocket client against our server. */

import { equal, ok, randomBytes, sameBytes } from '../integration/assert.ts'

/** What a check works with. */
export interface NativeContext {
  /** Our server. */
  readonly base: string
  /** What its handshake agrees on with the client, without its parameters: `permessage-deflate`, or nothing. */
  readonly extensions: string
  /** The class of the client. Default: the global one. */
  readonly WebSocket?: typeof WebSocket
}

/** The global WebSocket with promises. */
class Client {
  readonly opened: Promise<void>
  readonly closed: Promise<{ code: number; reason: string; wasClean: boolean }>
  private readonly received: (string | ArrayBuffer)[] = []
  private wake: (() => void) | null = null

  constructor(readonly socket: WebSocket) {
    socket.binaryType = 'arraybuffer'
    this.opened = new Promise((resolve, reject) => {
      socket.onopen = () => resolve()
      socket.onerror = () => reject(new Error('the socket failed'))
    })
    this.opened.catch(() => {})
    this.closed = new Promise((resolve) => {
      socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean })
    })
    socket.onmessage = ({ data }) => {
      this.received.push(data)
      this.wake?.()
    }
  }

  async next(): Promise<string | ArrayBuffer> {
    while (this.received.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    return this.received.shift() as string | ArrayBuffer
  }
}

function dial({ base, WebSocket = globalThis.WebSocket }: NativeContext, path: string, protocols: string[] = []): Client {
  return new Client(new WebSocket(base + path, protocols))
}

async function open(context: NativeContext, path: string, protocols?: string[]): Promise<Client> {
  const client = dial(context, path, protocols)
  await client.opened
  return client
}

async function endingOf(context: NativeContext, id: string): Promise<unknown> {
  const client = await open(context, `/ending?of=${id}`)
  return JSON.parse((await client.next()) as string)
}

export const nativeChecks: Readonly<Record<string, (context: NativeContext) => Promise<void>>> = {
  async 'text and empty messages'(context) {
    const client = await open(context, '/echo')
    for (const text of ['hello', '', 'Grüße, 世界 🌍', 'é'.repeat(100_000)]) {
      client.socket.send(text)
      equal(await client.next(), text)
    }
    client.socket.close(1000)
    equal((await client.closed).code, 1000)
  },

  async 'binary messages of 0 bytes to 16 MiB'(context) {
    const client = await open(context, '/echo')
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_003, 16 * 1024 * 1024]) {
      const bytes = randomBytes(size)
      client.socket.send(bytes)
      sameBytes(new Uint8Array((await client.next()) as ArrayBuffer), bytes)
    }
    client.socket.close()
    await client.closed
  },

  async 'many messages in flight'(context) {
    const client = await open(context, '/echo')
    for (let i = 0; i < 5_000; i++) client.socket.send(`message ${i}`)
    for (let i = 0; i < 5_000; i++) equal(await client.next(), `message ${i}`)
    client.socket.close()
    await client.closed
  },

  async 'pings of the server'(context) {
    for (const payload of ['', '00ff', '61'.repeat(125)]) {
      const client = await open(context, `/ping?payload=${payload}`)
      equal(await client.next(), `pong ${payload}`)
      client.socket.close()
      await client.closed
    }
  },

  async 'closes of the client'(context) {
    for (const code of [1000, 3000, 4000, 4999]) {
      const id = `${Math.random()}`
      const client = await open(context, `/echo?id=${id}`)
      client.socket.close(code, `done ${code}`)
      equal((await client.closed).code, code)
      equal(await endingOf(context, id), { code, reason: `done ${code}`, wasClean: true, error: null })
    }
  },

  async 'closes of the server'(context) {
    // Deno's takes 1014 for a mistake.
    for (const code of [1000, 1001, 1003, 1008, 1011, 1012, 1013, 3000, 4999]) {
      const client = await open(context, `/close?code=${code}&reason=bye`)
      const { code: seen, reason } = await client.closed
      equal([seen, reason], [code, 'bye'])
    }
  },

  async 'a subprotocol'(context) {
    const client = await open(context, '/request', ['v1.feed', 'v2.feed'])
    equal(client.socket.protocol, 'v2.feed')
    const { protocols } = JSON.parse((await client.next()) as string)
    equal(protocols, ['v1.feed', 'v2.feed'])
    client.socket.close()
    await client.closed
  },

  async 'compressed messages, as far as it offers that'(context) {
    const client = await open(context, '/echo')
    equal(client.socket.extensions.split(';')[0], context.extensions)
    for (let round = 0; round < 3; round++) {
      for (const size of [16, 1_000, 20_000, 131_072]) {
        const text = '{"price":67123.45,"size":"é𝄞"}'.repeat(size / 16)
        client.socket.send(text)
        equal(await client.next(), text)
      }
    }
    const bytes = randomBytes(100_000)
    client.socket.send(bytes)
    sameBytes(new Uint8Array((await client.next()) as ArrayBuffer), bytes)
    client.socket.close()
    await client.closed
  },

  async 'a refusal'(context) {
    const client = dial(context, '/forbidden')
    ok(
      await client.opened.then(
        () => false,
        () => true,
      ),
      'it is not let in',
    )
  },

  async 'a loss in mid-message'(context) {
    const client = await open(context, '/half')
    client.socket.send('now')
    equal((await client.closed).wasClean, false)
  },
}
