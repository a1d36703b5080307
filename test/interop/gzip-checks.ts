/** `decompress` against nginx, which compresses; the same on every runtime. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal, fails, ok, sameBytes } from '../integration/assert.ts'
import { MIB, pattern } from '../integration/rest-context.ts'

/** What a check works with. */
export interface GzipContext {
  readonly nexus: typeof Nexus
  /** The server: below `/packed/` it compresses its files, and what comes from the server behind it. */
  readonly base: string
}

/** Its files: bytes of `big.bin`, the text of `list.json`. */
export const BIG: number = 16 * MIB + 3
export const LIST: string = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ price: (i * 7_919) % 997, size: 'é' })))

/** What the platform makes of it. */
function gunzipped(bytes: Uint8Array): Promise<string> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Response(stream).text()
}

async function withPool(
  { nexus, base }: GzipContext,
  options: Nexus.ClientPoolOptions,
  use: (pool: Nexus.ClientPool) => Promise<void>,
): Promise<void> {
  const pool = await nexus.ClientPool.connect(base, { timeout: 30_000, decompress: true, ...options })
  try {
    await use(pool)
  } finally {
    await pool.close({ timeout: 1_000 })
  }
}

export const gzipChecks: Readonly<Record<string, (context: GzipContext) => Promise<void>>> = {
  'a whole body: asked for and inflated, or as it is when it shall be': (context) =>
    withPool(context, {}, async (pool) => {
      for (let i = 0; i < 3; i++) {
        const response = await pool.request('GET', '/packed/list.json')
        equal([response.header('content-encoding'), response.header('transfer-encoding')], ['gzip', 'chunked'])
        ok(response.text() === LIST, 'the text is that of the file')
        ok(response.rawBody.length < LIST.length / 5, `${LIST.length} bytes came as ${response.rawBody.length}`)
        ok((await gunzipped(response.rawBody)) === LIST, 'what was received is kept')
        const small = await pool.request('GET', '/packed/hello.txt')
        equal([small.header('content-encoding'), small.text()], [null, 'hello of nginx'])
      }
      const plain = await pool.request('GET', '/packed/list.json', { decompress: false })
      equal([plain.header('content-encoding'), plain.text() === LIST], [null, true])
      const own = await pool.request('GET', '/packed/list.json', { decompress: false, headers: { 'Accept-Encoding': 'gzip' } })
      ok((await gunzipped(own.body)) === LIST, 'what the caller asked for is his to inflate')
      equal(pool.stats.requests, 8)
    }),

  async 'a streamed body, and one over 16 MiB within its limit'(context) {
    await withPool(context, { maxBodySize: 32 * MIB }, async (pool) => {
      const slot = await pool.acquire()
      for (const [path, expected] of [
        ['/packed/list.json', new TextEncoder().encode(LIST)],
        ['/packed/big.bin', pattern(BIG)],
      ] as const) {
        const response = await slot.sendStreaming(slot.writer.get(path).finish())
        equal(response.head.header('content-encoding'), 'gzip')
        let at = 0
        for await (const part of response) {
          sameBytes(part, expected.subarray(at, at + part.length))
          at += part.length
        }
        equal(at, expected.length)
      }
      equal(slot.connection?.state, 'idle')
      slot.release()
    })
    await withPool(context, {}, async (pool) => {
      const error = await fails(pool.request('GET', '/packed/big.bin'), 'RestError', 'ResponseInvalid')
      equal((error.cause as { code: string }).code, 'BodyTooLarge')
      ok((await pool.request('GET', '/packed/list.json')).text() === LIST, 'the next one is fine')
    })
  },

  async 'HEAD, 304 and ranges are left alone'({ nexus, base }) {
    const conn = await nexus.HttpConnection.connect(base, { timeout: 30_000, decompress: true })
    const writer = new nexus.RequestWriter(new URL(base).host)
    const list = (): ReturnType<typeof writer.get> => writer.get('/packed/list.json')
    const head = await conn.send(writer.head('/packed/list.json').finish())
    equal([head.status, head.bodyLength], [200, 0])
    const whole = (await conn.send(list().finish())).toOwned()
    ok(whole.text() === LIST, 'the text is that of the file')
    const same = await conn.send(
      list()
        .header('If-None-Match', whole.header('etag') as string)
        .finish(),
    )
    equal([same.status, same.bodyLength], [304, 0])
    const part = await conn.send(list().header('Range', 'bytes=2-8').finish())
    equal([part.status, part.text(), part.header('content-encoding')], [206, LIST.slice(2, 9), null])
    equal(conn.requests, 4)
    await conn.close()
  },

  'a request with a long body asks, too': (context) =>
    withPool(context, { writeBufferCapacity: 2 * MIB }, async (pool) => {
      for (const size of [1_000, 16_384, 16_385, MIB]) {
        const body = pattern(size)
        const response = await pool.request('POST', '/packed/up/echo', { body })
        equal([response.header('content-encoding'), response.header('x-framing')], ['gzip', `length ${size}`])
        sameBytes(response.body, body)
      }
    }),
}
