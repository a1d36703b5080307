/** Requests and responses on one connection, with a server that keeps to the rules. */

import type * as Nexus from '../../src/entry/node.ts'
import { equal, fails, isError, ok, randomBytes, sameBytes } from './assert.ts'
import {
  ask,
  CheckList,
  type Connection,
  failsAfter,
  KIB,
  MIB,
  newId,
  open,
  pattern,
  play,
  type RestCheck,
  sha1,
  type Writer,
  within,
  writerFor,
} from './rest-context.ts'

const list = new CheckList()

/** The checks of this file. */
export const requestChecks: readonly RestCheck[] = list.checks

/** What `/saw` tells of a request. */
interface Saw {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly rawTrailers: readonly string[]
  readonly httpVersion: string
  readonly length: number
  readonly sha1: string
  readonly port: number
}

/** Bytes of a streamed body, read to its end. */
async function lengthOf(conn: Connection, writer: Writer, path: string): Promise<number> {
  let length = 0
  for await (const piece of await conn.sendStreaming(writer.get(path).finish(), { timeout: 0 })) length += piece.length
  return length
}

const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value) as Uint8Array<ArrayBuffer>

// Requests.

list.both('each method arrives as it was given, with its body', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'PROPFIND', 'M-SEARCH']) {
      for (const body of ['', 'a body']) {
        const headers = writer.request(method, '/saw')
        const saw = (await conn.send(body === '' ? headers.finish() : headers.body(body).finish())).json<Saw>()
        equal([saw.method, saw.target, saw.httpVersion, saw.length], [method, '/saw', '1.1', body.length])
      }
    }
    const ways: [string, (path: string) => Nexus.QueryPhase][] = [
      ['GET', (path) => writer.get(path)],
      ['POST', (path) => writer.post(path)],
      ['PUT', (path) => writer.put(path)],
      ['PATCH', (path) => writer.patch(path)],
      ['DELETE', (path) => writer.delete(path)],
      ['OPTIONS', (path) => writer.options(path)],
    ]
    for (const [method, begin] of ways) equal((await conn.send(begin('/saw').finish())).json<Saw>().method, method)
    equal((await conn.send(writer.options('*').finish())).text(), 'ok')
  })
})

list.both('a query arrives percent-encoded, or as it was given raw', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    const request = writer
      .get('/saw')
      .query('symbol', 'BTC-USD')
      .query('q', 'a b&c=d/é€𝄞?#%')
      .query('n', -1.5)
      .query('on', true)
      .queryRaw('raw=%2F/:@&x')
      .finish()
    const { target } = request
    const saw = (await conn.send(request)).json<Saw>()
    equal(saw.target, target)
    equal(target, '/saw?symbol=BTC-USD&q=a%20b%26c%3Dd%2F%C3%A9%E2%82%AC%F0%9D%84%9E%3F%23%25&n=-1.5&on=true&raw=%2F/:@&x')
  })
})

list.both('header fields arrive in their case and order, behind those of every request', async (context, { web }) => {
  await within(context, web, async (conn) => {
    const writer = writerFor(context, web, { defaultHeaders: { 'X-API-key': 'k', accept: '*/*' } })
    const request = writer.post('/saw').header('X-Timestamp', '17').header('x-lower', '').header('X-Timestamp', '18').body('{}').finish()
    equal((await conn.send(request)).json<Saw>().rawHeaders, [
      ...['Host', new URL(web).host, 'Connection', 'keep-alive', 'X-API-key', 'k', 'accept', '*/*'],
      ...['X-Timestamp', '17', 'x-lower', '', 'X-Timestamp', '18', 'Content-Length', '2'],
    ])
  })
})

list.both('an empty POST, PUT or PATCH says that it is empty; other methods say nothing', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'GET', 'DELETE', 'OPTIONS']) {
      const names = (await conn.send(writer.request(method, '/saw').finish())).json<Saw>().rawHeaders
      const at = names.indexOf('Content-Length')
      equal(at < 0 ? null : names[at + 1], method.startsWith('P') ? '0' : null, method)
    }
    const saw = (await conn.send(writer.post('/saw').body('').finish())).json<Saw>()
    equal([saw.length, saw.rawHeaders.slice(-2)], [0, ['Content-Length', '0']])
  })
})

list.both('what is signed is what arrives', async (context, { raw }) => {
  const id = newId()
  await within(context, raw, async (conn, writer) => {
    const request = writer
      .post(play(id, ['body'], ['say', 'HTTP/1.1 204 No Content\r\n\r\n']))
      .header('X-Sign', 'yes')
      .body('{"price":1.5}')
      .finish()
    const bytes = new TextDecoder('latin1').decode(request.bytes)
    await conn.send(request)
    const { head, body } = (await ask(context, `/seen?id=${id}`)) as { head: string; body: string }
    equal(head + body, bytes)
  })
})

for (const size of [0, 1, 1_000, 32 * KIB - 1, 32 * KIB, 65_537, 1_000_003, 16 * MIB - KIB]) {
  list.both(`a body of ${size} random bytes goes and comes back, with a length and in chunks`, async (context, { web }) => {
    const writer = writerFor(context, web, { writeBufferCapacity: Math.max(size + KIB, 64 * KIB) })
    const bytes = randomBytes(size)
    await within(context, web, async (conn) => {
      for (const path of ['/mirror', '/mirror?chunked=50000']) {
        const response = await conn.send(writer.post(path).body(bytes).finish())
        equal([response.status, response.bodyLength], [200, size])
        sameBytes(response.body, bytes)
        equal(conn.state, 'idle')
      }
    })
    writer.release()
  })
}

list.both('strings go out as UTF-8, and bodies are written in place', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    for (const body of ['Grüße, 世界 🌍', 'é'.repeat(9_000), '{"a":"\u0000"}']) {
      const response = await conn.send(writer.post('/mirror').body(body).finish())
      equal([response.text(), response.bodyLength], [body, text(body).length])
    }
    const filled = await conn.send(
      writer
        .put('/mirror')
        .bodyWriter((memory) => new TextEncoder().encodeInto('written in place', memory).written)
        .finish(),
    )
    equal(filled.text(), 'written in place')
    const fixed = await conn.send(
      writer
        .put('/mirror')
        .bodyFixed(5, (memory) => memory.fill(0x61, 1))
        .finish(),
    )
    equal(fixed.text(), '\u0000aaaa')
  })
})

list.both('a request that is too large is refused before anything is sent, and the connection serves on', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    await fails(
      () =>
        writer
          .post('/mirror')
          .body(new Uint8Array(33 * KIB))
          .finish(),
      'EncodeError',
      'RequestTooLarge',
    )
    equal([(await conn.send(writer.get('/').finish())).text(), conn.requests], ['ok', 1])
  })
})

// Streamed requests.

async function* parts(...pieces: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  yield* pieces
}

list.both('a streamed body goes out in chunks, or with the length that was told; the connection serves on', async (context, { web }) => {
  const large = randomBytes(100_000)
  const pieces = ['a string, ', '', new Uint8Array(0), large, 'é€𝄞', randomBytes(1)]
  const whole = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer())
  await within(context, web, async (conn, writer) => {
    for (const length of [undefined, whole.length]) {
      const request = writer
        .post('/saw')
        .header('X-A', 'b')
        .stream(parts(...pieces), length)
        .finish()
      const saw = (await conn.send(request)).json<Saw>()
      equal([saw.length, saw.sha1], [whole.length, await sha1(whole)])
      equal(saw.rawHeaders.slice(-2), length === undefined ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(length)])
      equal(conn.state, 'idle')
    }
    for (const length of [undefined, 0]) {
      equal((await conn.send(writer.post('/saw').stream(parts(), length).finish())).json<Saw>().length, 0)
    }
    equal((await conn.send(writer.get('/').finish())).text(), 'ok')
  })
})

list.both('16 MiB are streamed through a buffer of 32 KiB, and 16 MiB come back', async (context, { web }) => {
  const bytes = pattern(16 * MIB)
  async function* slices(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 60_000) yield bytes.subarray(at, at + 60_000)
  }
  await within(context, web, async (conn, writer) => {
    for (const length of [undefined, bytes.length]) {
      const response = await conn.send(writer.post('/mirror?chunked=200000').stream(slices(), length).finish())
      sameBytes(response.body, bytes)
    }
    equal(conn.requests, 2)
  })
})

list.both('a server that does not read stops the source of a streamed body', async (context, { web }) => {
  const id = newId()
  const total = 64 * MIB
  let given = 0
  async function* source(onGiven: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    const piece = new Uint8Array(64 * KIB)
    for (let at = 0; at < total; at += piece.length) {
      yield piece
      onGiven(piece.length)
    }
  }
  const upload = (writer: Writer, to: string, onGiven: (bytes: number) => void): Nexus.Request =>
    writer.post(`/sink?id=${to}`).stream(source(onGiven), total).finish()
  await within(context, web, async (conn, writer) => {
    const request = upload(writer, id, (bytes) => {
      given += bytes
    })
    const sending = conn.send(request, conn.reader, { timeout: 0 })
    await ask(context, `/seen?id=${id}`)
    // Another one like it, which is read: by the time it is through, so would be this one.
    await within(context, web, async (other, writer) => {
      const read = newId()
      await ask(context, `/go?id=${read}`)
      equal(
        (
          await other.send(
            upload(writer, read, () => {}),
            other.reader,
            { timeout: 0 },
          )
        ).text(),
        String(total),
      )
    })
    ok(given < total / 2, `the source is held back: it has given ${given} bytes`)
    await ask(context, `/go?id=${id}`)
    equal((await sending).text(), String(total))
  })
})

// Responses.

list.both('fields come in the order and case in which they were sent, and are found in any case', async (context, { raw }) => {
  const answer = 'HTTP/1.1 200 Fine by me\r\nx-b: 1\r\nX-A:2 \r\nX-B: \t3\r\nEMPTY:\r\nfolded: a\r\n  b\r\nContent-Length: 2\r\n\r\nhi'
  await within(context, raw, async (conn, writer) => {
    const response = await conn.send(writer.get(play(newId(), ['say', answer])).finish())
    equal([response.status, response.reason, response.version, response.text()], [200, 'Fine by me', '1.1', 'hi'])
    equal(response.headers().slice(0, 4), [
      ['x-b', '1'],
      ['X-A', '2'],
      ['X-B', '3'],
      ['EMPTY', ''],
    ])
    equal([response.header('X-b'), response.header('empty'), response.header('x-c'), response.headerCount], ['1', '', null, 6])
    equal(response.header('folded')?.replace(/ +/, ' '), 'a b')
  })
})

list.both('many fields of a real server are all there', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    const response = await conn.send(writer.get('/fields?n=80').finish())
    for (let i = 0; i < 80; i++) equal(response.header(`x-field-${i}`), String(i))
    equal(
      response.headers().filter(([name]) => name === 'Set-Cookie'),
      [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ],
    )
  })
})

list.both('trailers come behind a chunked body; chunk extensions are skipped', async (context, { web, raw }) => {
  await within(context, web, async (conn, writer) => {
    const response = await conn.send(writer.get('/trailers').finish())
    equal(response.text(), 'part one, part two')
    equal(response.trailers(), [
      ['X-Sum', 'abc'],
      ['X-Count', '2'],
    ])
    equal(conn.state, 'idle')
  })
  const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b;c="d e"\r\nhello\r\n00000A\r\n, chunked!\r\n0;last\r\nX-T: 1\r\n\r\n'
  await within(context, raw, async (conn, writer) => {
    for (const how of ['say', 'dribble'] as const) {
      const response = await conn.send(writer.get(play(newId(), [how, answer])).finish())
      equal([response.text(), response.trailers(), conn.state], ['hello, chunked!', [['X-T', '1']], 'idle'])
    }
  })
})

list.both('interim responses are told and skipped', async (context, { web, raw }) => {
  await within(context, web, async (conn, writer) => {
    const seen: [number, string | undefined][] = []
    const onInterim = ({ status, headers }: Nexus.InterimResponse): void => {
      seen.push([status, headers[0]?.[0]])
    }
    const response = await conn.send(writer.get('/interim').finish(), conn.reader, { onInterim })
    equal([response.status, response.text(), conn.state], [200, 'final', 'idle'])
    equal(seen, [
      [100, undefined],
      [102, undefined],
      [103, 'Link'],
    ])
    // Without anybody to tell, as well.
    equal((await conn.send(writer.get('/interim').finish())).text(), 'final')
  })
  await within(context, raw, async (conn, writer) => {
    const many = `${'HTTP/1.1 199 Unheard of\r\nX: y\r\n\r\n'.repeat(10)}HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n`
    equal((await conn.send(writer.get(play(newId(), ['say', many])).finish())).status, 201)
  })
})

list.both('responses to HEAD and those with 204 and 304 have no body, whatever they say; redirects are left to the caller', async (context, way) => {
  await within(context, way.web, async (conn, writer) => {
    const head = await conn.send(writer.head('/bytes?n=1000').finish())
    equal([head.status, head.header('content-length'), head.bodyLength], [200, '1000', 0])
    for (const code of [204, 304, 301, 302, 307]) {
      const response = await conn.send(writer.get(`/status?code=${code}`).finish())
      equal([response.status, response.header('location'), response.bodyLength], [code, '/elsewhere', 0])
    }
    equal([(await conn.send(writer.get('/').finish())).text(), conn.requests], ['ok', 7])
  })
  await within(context, way.raw, async (conn, writer) => {
    for (const answer of [
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n',
      'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
    ]) {
      const response = await conn.send(writer.get(play(newId(), ['say', answer])).finish())
      equal([response.bodyLength, conn.state], [0, 'idle'], answer)
    }
    const head = await conn.send(writer.head(play(newId(), ['say', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'])).finish())
    equal([head.status, conn.state], [200, 'idle'])
  })
})

list.both('a body without a length ends with the connection', async (context, { raw }) => {
  for (const size of [0, 1, 200_000]) {
    await within(context, raw, async (conn, writer) => {
      const response = await conn.send(writer.get(play(newId(), ['say', 'HTTP/1.1 200 OK\r\n\r\n'], ['pad', size], ['end'])).finish())
      equal([response.text().length, conn.isPoisoned], [size, true])
      equal(await conn.closed, null)
    })
  }
})

list.both(
  'whether the end of a body is verified is told: by its framing always, by the end of the connection where TLS tells',
  async (context, way) => {
    const tells = way.over === 'tls' && context.env.tellsEnds
    const untilEnd = (how: 'end' | 'cut'): string => play(newId(), ['say', 'HTTP/1.1 200 OK\r\n\r\n'], ['pad', 1_000], [how])
    const framed = [
      ['say', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
      ['say', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
      ['say', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ] as const
    await within(context, way.raw, async (conn, writer) => {
      for (const step of framed) {
        const response = await conn.send(writer.get(play(newId(), step)).finish(), conn.reader, { requireVerifiedEnd: true })
        equal([response.isEndVerified, response.toOwned().isEndVerified], [true, true])
      }
      const response = await conn.send(writer.get(untilEnd('end')).finish())
      equal([response.bodyLength, response.isEndVerified, response.toOwned().isEndVerified], [1_000, tells, tells])
    })
    // With the alert that tells it: a cut is a cut. Without, it looks like an end.
    await within(context, way.raw, async (conn, writer) => {
      const cut = conn.send(writer.get(untilEnd('cut')).finish())
      if (!tells) equal((await cut).isEndVerified, false)
      else {
        // workerd says of a cut what it says of a reset.
        const { code } = (await failsAfter('fully', cut, 'ConnectionClosed', 'ConnectionReset')).cause as { code?: string }
        ok(code === 'UnexpectedEnd' || code === 'ConnectionReset', `the cause is ${code}`)
      }
    })
    await within(context, way.raw, async (conn, writer) => {
      const streamed = await conn.sendStreaming(writer.get(untilEnd('end')).finish())
      while ((await streamed.read()) !== null) {}
      equal(streamed.head.isEndVerified, tells)
    })
  },
)

list.both(
  'requireVerifiedEnd refuses a body whose end nothing verifies, streamed or not, said of the connection or of the request',
  async (context, way) => {
    const tells = way.over === 'tls' && context.env.tellsEnds
    const path = (): string => play(newId(), ['say', 'HTTP/1.1 200 OK\r\n\r\n'], ['pad', 1_000], ['end'])
    for (const isOfConnection of [true, false]) {
      const options = { requireVerifiedEnd: true }
      const ofRequest = isOfConnection ? {} : options
      await within(
        context,
        way.raw,
        async (conn, writer) => {
          const sending = conn.send(writer.get(path()).finish(), conn.reader, ofRequest)
          if (tells) equal((await sending).bodyLength, 1_000)
          else isError((await failsAfter('fully', sending, 'ResponseInvalid')).cause, 'HttpError', 'UnverifiedEnd')
        },
        isOfConnection ? options : {},
      )
      await within(
        context,
        way.raw,
        async (conn, writer) => {
          const streamed = await conn.sendStreaming(writer.get(path()).finish(), ofRequest)
          const reading = (async () => {
            let length = 0
            for await (const piece of streamed) length += piece.length
            return length
          })()
          if (tells) equal([await reading, streamed.head.isEndVerified], [1_000, true])
          else isError((await failsAfter('fully', reading, 'ResponseInvalid')).cause, 'HttpError', 'UnverifiedEnd')
        },
        isOfConnection ? options : {},
      )
    }
    await within(
      context,
      way.raw,
      async (conn, writer) => equal((await conn.send(writer.get(path()).finish(), conn.reader, { requireVerifiedEnd: false })).bodyLength, 1_000),
      { requireVerifiedEnd: true },
    )
  },
)

list.both('compressed bytes are passed on as they are', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    const response = await conn.send(writer.get('/gzip').header('Accept-Encoding', 'gzip').finish())
    equal([response.header('content-encoding'), response.body[0], response.body[1]], ['gzip', 0x1f, 0x8b])
    const plain = new Response(response.body.slice()).body?.pipeThrough(new DecompressionStream('gzip') as never) as ReadableStream
    equal(await new Response(plain).text(), 'these bytes are compressed, and whoever asked for them gets them compressed')
  })
})

list.both('decompress inflates every coding, whole and streamed, and what is cut off fails', async (context, { web }) => {
  await within(
    context,
    web,
    async (conn, writer) => {
      for (const as of ['gzip', 'x-gzip', 'members', 'deflate', 'raw']) {
        for (const size of [0, 1, 300, 300_000]) {
          const path = `/packed?as=${as}&n=${size}${size === 300 ? '&chunked' : ''}`
          const response = await conn.send(writer.get(path).finish())
          sameBytes(response.body, pattern(size))
          ok(response.header('content-encoding') !== null && response.rawBody.length !== size, path)
          const streamed = await conn.sendStreaming(writer.get(path).finish())
          sameBytes(new Uint8Array(await new Response(streamed.readable()).arrayBuffer()), pattern(size))
        }
      }
      equal((await conn.send(writer.get('/packed?n=9').finish(), conn.reader, { decompress: false })).header('content-encoding'), null)
      sameBytes((await conn.send(writer.get('/packed?n=9').header('Range', 'bytes=0-').finish())).body, pattern(9))
      const { cause } = await failsAfter('fully', conn.send(writer.get('/packed?n=9&short=1').finish()), 'ResponseInvalid')
      isError(cause, 'CompressionError', 'UnexpectedEnd')
    },
    { decompress: true },
  )
})

list.both('responses beyond the capacity come whole, and stay when others follow', async (context, { web }) => {
  await within(
    context,
    web,
    async (conn, writer) => {
      for (const size of [500, 1_024, 1_025, 5_000, 300_000, 2 * MIB]) {
        for (const chunked of ['', '&chunked']) {
          const response = await conn.send(writer.get(`/bytes?n=${size}${chunked}`).finish())
          const { body } = response.toOwned()
          sameBytes(response.body, pattern(size))
          equal((await conn.send(writer.get('/').finish())).text(), 'ok')
          sameBytes(body, pattern(size))
        }
      }
    },
    { capacity: 1_024 },
  )
})

list.both('a response can be read into a reader of the caller’s', async (context, { web }) => {
  const reader = new context.nexus.ResponseReader({ capacity: 2_048 })
  await within(context, web, async (conn, writer) => {
    const other = await conn.send(writer.get('/bytes?n=100').finish(), reader)
    const own = await conn.send(writer.get('/bytes?n=200000').finish())
    // Each is valid until the next request on its own reader.
    sameBytes(other.body, pattern(100))
    sameBytes(own.body, pattern(200_000))
    sameBytes((await conn.send(writer.get('/bytes?n=100000&chunked').finish(), reader)).body, pattern(100_000))
    await fails(() => other.status, 'UsageError', 'StaleResponse')
    equal([own.bodyLength, conn.state], [200_000, 'idle'])
  })
  reader.release()
})

list.both('a body at maxBodySize is taken, one byte more is refused, however it is framed', async (context, { web, raw }) => {
  const limit = 10_000
  for (const size of [limit - 1, limit, limit + 1]) {
    const length = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`
    const places: [string, string][] = [
      [web, `/bytes?n=${size}`],
      [web, `/bytes?n=${size}&chunked`],
      [raw, play(newId(), ['say', length], ['pad', size])],
      [raw, play(newId(), ['say', 'HTTP/1.1 200 OK\r\n\r\n'], ['pad', size], ['end'])],
    ]
    for (const [place, path] of places) {
      for (const capacity of [1_024, 32 * KIB]) {
        await within(
          context,
          place,
          async (conn, writer) => {
            const sending = conn.send(writer.get(path).finish())
            if (size <= limit) {
              equal((await sending).bodyLength, size)
              return
            }
            const { cause } = await failsAfter('fully', sending, 'ResponseInvalid')
            equal([(cause as Nexus.HttpError).code, (cause as Nexus.HttpError).max], ['BodyTooLarge', limit])
            equal(conn.isPoisoned, true)
          },
          { maxBodySize: limit, capacity },
        )
      }
    }
  }
})

list.both('without a limit of the caller’s, 16 MiB are taken and a byte more is not', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    equal((await conn.send(writer.get(`/bytes?n=${16 * MIB}`).finish())).bodyLength, 16 * MIB)
    const { cause } = await failsAfter('fully', conn.send(writer.get(`/bytes?n=${16 * MIB + 1}`).finish()), 'ResponseInvalid')
    equal((cause as Nexus.HttpError).code, 'BodyTooLarge')
  })
})

list.both('a head at maxHeadSize or with maxHeaders fields is taken, one more is refused', async (context, { raw }) => {
  const limits = { maxHeadSize: 500, maxHeaders: 20 }
  const ofSize = (size: number): string => {
    const before = 'HTTP/1.1 204 No Content\r\nX: '
    return `${before}${'y'.repeat(size - before.length - 4)}\r\n\r\n`
  }
  const withFields = (count: number): string => `HTTP/1.1 204 No Content\r\n${'X: y\r\n'.repeat(count)}\r\n`
  const table: [how: 'say' | 'dribble', answer: string, code: string | null][] = [
    ['say', ofSize(499), null],
    ['say', ofSize(500), null],
    ['dribble', ofSize(500), null],
    ['say', ofSize(501), 'HeadTooLarge'],
    // Without an end, too.
    ['say', ofSize(5_000).slice(0, -4), 'HeadTooLarge'],
    ['dribble', ofSize(510).slice(0, -4), 'HeadTooLarge'],
    ['say', withFields(20), null],
    ['say', withFields(21), 'TooManyHeaders'],
  ]
  for (const [how, answer, code] of table) {
    const talk = async (conn: Connection, writer: Writer): Promise<void> => {
      const sending = conn.send(writer.get(play(newId(), [how, answer])).finish())
      if (code === null) {
        equal([(await sending).status, conn.state], [204, 'idle'])
        return
      }
      isError((await failsAfter('fully', sending, 'ResponseInvalid')).cause, 'HttpError', code)
    }
    await within(context, raw, talk, limits)
  }
})

// Streamed responses.

list.both('a streamed response comes in pieces, whole, and the connection serves on', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    for (const chunked of ['', '&chunked']) {
      const response = await conn.sendStreaming(writer.get(`/bytes?n=3000000${chunked}`).finish())
      equal([response.status, response.head.header('content-length')], [200, chunked === '' ? '3000000' : null])
      const pieces: Uint8Array[] = []
      for await (const piece of response) pieces.push(piece)
      ok(pieces.length > 1, 'more than one piece')
      sameBytes(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), pattern(3_000_000))
      equal(conn.state, 'idle')
    }
    const stream = (await conn.sendStreaming(writer.get('/bytes?n=100000').finish())).readable()
    sameBytes(new Uint8Array(await new Response(stream).arrayBuffer()), pattern(100_000))
    const empty = await conn.sendStreaming(writer.head('/bytes?n=100000').finish())
    equal([await empty.read(), empty.head.header('content-length')], [null, '100000'])
    equal([(await conn.send(writer.get('/').finish())).text(), conn.requests], ['ok', 5])
  })
})

list.both('a reader that does not read a streamed response stops the server', async (context, { web }) => {
  const id = newId()
  const total = 64 * MIB
  await within(
    context,
    web,
    async (conn, writer) => {
      const response = await conn.sendStreaming(writer.get(`/flood?id=${id}&n=${total}`).finish(), { timeout: 0 })
      let length = (await response.read())?.length ?? 0
      // Another one like it, which is read: by the time it has come, so would have this one.
      const limit = { maxBodySize: total }
      await within(context, web, async (other, writer) => equal(await lengthOf(other, writer, `/flood?id=${newId()}&n=${total}`), total), limit)
      const { flushed } = (await ask(context, `/progress?id=${id}`)) as { flushed: number }
      ok(flushed < total / 2, `the server is held back: ${flushed} bytes have left it`)
      for await (const piece of response) {
        if (piece[0] !== 0x7a || piece[piece.length - 1] !== 0x7a) throw new Error('other bytes')
        length += piece.length
      }
      equal([length, conn.state], [total, 'idle'])
    },
    { maxBodySize: total },
  )
})

list.both('a streamed response that is given up ends the connection', async (context, { raw }) => {
  for (const how of ['break', 'cancel', 'stream'] as const) {
    const id = newId()
    await within(context, raw, async (conn, writer) => {
      const steps = play(id, ['say', 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n'], ['pad', 1_000])
      const response = await conn.sendStreaming(writer.get(steps).finish())
      if (how === 'break') for await (const _ of response) break
      else if (how === 'cancel') response.cancel()
      else await response.readable().cancel()
      equal(conn.isPoisoned, true)
      ok(['end', 'reset'].includes((await ask(context, `/ended?id=${id}`)) as string), 'the server sees an end')
    })
  }
})

// The connection.

list.both('500 requests take one connection, and each response says so', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    const ports = new Set<number>()
    for (let i = 0; i < 500; i++) {
      const response = await conn.send(writer.post('/saw').query('i', i).body('x'.repeat(i)).finish())
      const saw = response.json<Saw>()
      equal([saw.target, saw.length], [`/saw?i=${i}`, i])
      ports.add(saw.port)
      const { reused, requests, connectionAge, firstByte, total } = response.timings
      equal([reused, requests], [i > 0, i + 1])
      ok(connectionAge >= 0 && firstByte >= 0 && total >= firstByte, 'the times are in order')
    }
    equal([ports.size, conn.requests, conn.state], [1, 500, 'idle'])
    ok(conn.remoteAddress === null || conn.remoteAddress === new URL(web).host, `remoteAddress is ${conn.remoteAddress}`)
  })
})

list.both('Connection: close is honoured: the response is whole, and the connection is of no further use', async (context, { web }) => {
  await within(context, web, async (conn, writer) => {
    const response = await conn.send(writer.get('/close').finish())
    equal([response.text(), response.header('connection'), conn.isPoisoned], ['the last', 'close', true])
    await failsAfter('nothing', conn.send(writer.get('/').finish()), 'ConnectionPoisoned')
    equal([await conn.closed, response.text()], [null, 'the last'])
  })
})

list.both('HTTP/1.0 is understood: it ends after each response, unless it says otherwise', async (context, { raw }) => {
  const table: [answer: string, more: boolean, state: string][] = [
    ['HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello', true, 'poisoned'],
    ['HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello', false, 'idle'],
    ['HTTP/1.0 200 OK\r\n\r\nhello', true, 'poisoned'],
    ['HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello', true, 'poisoned'],
  ]
  for (const [answer, ends, state] of table) {
    await within(context, raw, async (conn, writer) => {
      const path = ends ? play(newId(), ['say', answer], ['end']) : play(newId(), ['say', answer])
      const response = await conn.send(writer.get(path).finish())
      equal([response.version, response.text(), conn.state], ['1.0', 'hello', state], answer)
    })
  }
})

list.both('a second request at the same time is refused, and the first one has its answer', async (context, { web }) => {
  const id = newId()
  await within(context, web, async (conn, writer) => {
    const first = conn.send(writer.get(`/hold?id=${id}`).finish())
    await ask(context, `/seen?id=${id}`)
    await failsAfter('nothing', conn.send(writerFor(context, web).get('/').finish()), 'ConnectionBusy')
    await ask(context, `/go?id=${id}`)
    equal([(await first).text(), conn.state], [id, 'idle'])
  })
})

list.both('closing is graceful: the server sees an end', async (context, { raw }) => {
  const id = newId()
  const conn = await open(context, raw)
  const writer: Writer = writerFor(context, raw)
  await conn.send(writer.get(play(id, ['say', 'HTTP/1.1 204 No Content\r\n\r\n'])).finish())
  equal(await conn.close(), null)
  equal(await ask(context, `/ended?id=${id}`), 'end')
  await failsAfter('nothing', conn.send(writer.get('/').finish()), 'ConnectionPoisoned')
})

list.add('Host is right for names and for IPv6 addresses; the path of a connection’s URL is of no importance', async ({ nexus, env }) => {
  for (const url of [env.http.replace('127.0.0.1', 'localhost'), env.http6]) {
    const { host } = new URL(url)
    const conn = await nexus.HttpConnection.connect(`${url}/ignored?too=1`)
    const response = await conn.send(new nexus.RequestWriter(host).get('/saw').finish())
    equal([response.json<Saw>().target, ...response.json<Saw>().rawHeaders.slice(0, 2)], ['/saw', 'Host', host])
    conn.destroy()
    const pool = await nexus.ClientPool.connect(url)
    equal((await pool.request('GET', '/saw')).json<Saw>().rawHeaders.slice(0, 2), ['Host', host])
    await pool.close()
  }
})
