/** What goes wrong, and what is said of it: the code, and above all how far the request got. */

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as Nexus from '../../src/entry/node.ts'
import { equal, fails, isError, ok } from './assert.ts'
import {
  ask,
  CheckList,
  type Connection,
  failsAfter,
  Host,
  KIB,
  MIB,
  newId,
  open,
  play,
  type RestCheck,
  type RestContext,
  tlsFor,
  until,
  within,
  withPool,
  writerFor,
} from './rest-context.ts'
import type { Step } from './rest-script.ts'

const list = new CheckList()

/** The checks of this file. */
export const faultChecks: readonly RestCheck[] = list.checks

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

// Connecting.

/** A connection and a pool to `url` must both fail in the same way. */
async function cannotConnect(context: RestContext, url: string, options: Nexus.DialOptions, name: string, ...codes: string[]): Promise<void> {
  const { HttpConnection, ClientPool } = context.nexus
  await fails(HttpConnection.connect(url, options), name, ...codes)
  await fails(ClientPool.connect(url, { ...options, connections: 3 }), name, ...codes)
}

list.add('a port where nobody listens: ConnectRefused', (context) =>
  cannotConnect(context, context.env.refused, {}, 'TransportError', 'ConnectRefused'),
)

list.add('a name that nobody has: HostNotFound', (context) =>
  cannotConnect(context, 'http://no-such-host.invalid', {}, 'TransportError', 'HostNotFound'),
)

list.add('TLS to a plain port: TlsHandshakeFailed', (context) =>
  cannotConnect(context, context.env.http.replace('http:', 'https:'), { tls: { ca: context.env.ca } }, 'TlsError', 'TlsHandshakeFailed'),
)

list.add('a certificate that is self-signed, of a stranger or for another name: CertificateRejected', async (context) => {
  const { env } = context
  await cannotConnect(context, env.selfSigned, { tls: { ca: env.ca } }, 'TlsError', 'CertificateRejected')
  await cannotConnect(context, env.https, { tls: { ca: env.strangerCa } }, 'TlsError', 'CertificateRejected')
  await cannotConnect(context, env.wrongName, { tls: { ca: env.ca } }, 'TlsError', 'CertificateRejected')
  await cannotConnect(context, env.https, {}, 'TlsError', 'CertificateRejected')
})

list.add('a server that does not answer the TLS handshake: ConnectTimeout', (context) =>
  cannotConnect(
    context,
    context.env.raw.replace('http:', 'https:'),
    { tls: { ca: context.env.ca }, connectTimeout: 200 },
    'TransportError',
    'ConnectTimeout',
  ),
)

list.add('plain HTTP to a TLS port fails with the request sent', async (context) => {
  await within(context, context.env.https.replace('https:', 'http:'), async (conn, writer) => {
    await failsAfter('fully', conn.send(writer.get('/').finish()), 'ConnectionClosed', 'ConnectionReset', 'ResponseInvalid')
    equal(conn.isPoisoned, true)
  })
})

// Answers that cannot be used.

const MALFORMED: readonly (readonly [title: string, answer: string, code: Nexus.HttpErrorCode])[] = [
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'MalformedHead'],
  ['HTML alone', '<html><body>It works!</body></html>\r\n\r\n', 'MalformedHead'],
  ['a frame of HTTP/2', '\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\x10\0\0\0\x06\0\0\x40\0', 'MalformedHead'],
  ['an alert of TLS', '\x15\x03\x01\0\x02\x02\x46', 'MalformedHead'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n', 'UnsupportedVersion'],
  ['ICY', 'ICY 200 OK\r\n\r\n', 'MalformedHead'],
  ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', 'MalformedHead'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n', 'MalformedHead'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n', 'MalformedHead'],
  ['a NUL in a value', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n', 'MalformedHead'],
  ['length and coding', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'ConflictingFraming'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello', 'ConflictingFraming'],
  ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'InvalidContentLength'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n', 'InvalidContentLength'],
  ['a length past 2^64', 'HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\n', 'InvalidContentLength'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 'UnsupportedTransferCoding'],
  ['a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n', 'MalformedChunk'],
  ['a chunk that is longer than it said', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n', 'MalformedChunk'],
  ['a chunk past 2^64', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n', 'MalformedChunk'],
  ['an upgrade nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'UnexpectedUpgrade'],
  ['interim responses without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(200), 'TooManyInterim'],
]

list.both('an answer that is not HTTP/1.1, or could be read in two ways, fails the request with its kind', async (context, { raw }) => {
  for (const [title, answer, code] of MALFORMED) {
    await within(context, raw, async (conn, writer) => {
      const { cause, fault } = await failsAfter('fully', conn.send(writer.get(play(newId(), ['say', answer])).finish()), 'ResponseInvalid')
      isError(cause, 'HttpError', code)
      equal([fault, conn.isPoisoned], ['remote', true], title)
      await failsAfter('nothing', conn.send(writer.get('/').finish()), 'ConnectionPoisoned')
    }).catch((error: Error) => {
      throw new Error(`${title}: ${error.message}`, { cause: error })
    })
  }
})

list.both('bytes behind a response, and bytes that nobody asked for, poison the connection before the next request', async (context, { raw }) => {
  await within(context, raw, async (conn, writer) => {
    const response = await conn.send(writer.get(play(newId(), ['say', OK + OK])).finish())
    equal([response.text(), conn.isPoisoned], ['ok', true])
    isError(await conn.closed, 'HttpError', 'UnexpectedData')
    equal(response.text(), 'ok')
  })
  await within(context, raw, async (conn, writer) => {
    const id = newId()
    const response = await conn.send(
      writer.get(play(id, ['say', OK], ['go'], ['say', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'])).finish(),
    )
    equal([response.text(), conn.isPoisoned], ['ok', false])
    await ask(context, `/go?id=${id}`)
    isError(await conn.closed, 'HttpError', 'UnexpectedData')
    const { cause } = await failsAfter('nothing', conn.send(writer.get('/').finish()), 'ConnectionPoisoned')
    isError(cause, 'HttpError', 'UnexpectedData')
    // What was in use when they came was not touched.
    equal([response.status, response.text()], [200, 'ok'])
  })
})

// Ends in every place.

const STAGES: readonly (readonly [title: string, before: string, phase: Nexus.RequestPhase])[] = [
  ['before the first byte', '', 'first byte'],
  ['in the status line', 'HTTP/1.1 20', 'body'],
  ['in a field', 'HTTP/1.1 200 OK\r\nConte', 'body'],
  ['behind the head', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n', 'body'],
  ['in the body', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', 'body'],
  ['in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal', 'body'],
  ['between chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'body'],
  ['in the trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n', 'body'],
  ['behind an interim response', 'HTTP/1.1 100 Continue\r\n\r\n', 'body'],
]

list.both('a server that ends, cuts or resets in the middle fails the request, which was sent', async (context, { raw }) => {
  for (const [title, before, phase] of STAGES) {
    for (const how of ['end', 'cut', 'reset'] as const) {
      const id = newId()
      await within(context, raw, async (conn, writer) => {
        // The rest is done when the first bytes have been read for sure: a reset may drop what was not.
        const sending = conn.send(writer.get(play(id, ...(before === '' ? [] : ([['say', before]] as Step[])), ['go'], [how])).finish(), conn.reader)
        sending.catch(() => {})
        await ask(context, `/seen?id=${id}`)
        await ask(context, `/go?id=${id}`)
        const error = await failsAfter('fully', sending, how === 'reset' ? 'ConnectionReset' : 'ConnectionClosed')
        if (how === 'end' && title !== 'behind an interim response') equal(error.phase, phase)
        equal(conn.isPoisoned, true)
        await conn.closed
      }).catch((error: Error) => {
        throw new Error(`${how} ${title}: ${error.message}`, { cause: error })
      })
    }
  }
})

list.both('a streamed response that breaks off gives what came before, then fails', async (context, { raw }) => {
  for (const how of ['end', 'reset'] as const) {
    const id = newId()
    await within(context, raw, async (conn, writer) => {
      const steps = play(id, ['say', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'], ['pad', 10], ['go'], [how])
      const response = await conn.sendStreaming(writer.get(steps).finish())
      let length = 0
      while (length < 10) length += ((await response.read()) as Uint8Array).length
      await ask(context, `/go?id=${id}`)
      const { phase } = await failsAfter('fully', response.read(), how === 'end' ? 'ConnectionClosed' : 'ConnectionReset')
      equal([length, phase, conn.isPoisoned], [10, 'body', true])
    })
  }
})

list.both('a server that answers and is gone: the response stands, and the next request is not sent', async (context, { raw }) => {
  for (const how of ['end', 'cut', 'reset'] as const) {
    const id = newId()
    await within(context, raw, async (conn, writer) => {
      const response = await conn.send(writer.get(play(id, ['say', OK], ['go'], [how])).finish())
      equal([response.text(), conn.state], ['ok', 'idle'])
      await ask(context, `/go?id=${id}`)
      const reason = await conn.closed
      if (how === 'reset') isError(reason, 'TransportError', 'ConnectionReset')
      else equal(reason, null)
      const { cause } = await failsAfter('nothing', conn.send(writer.get('/').finish()), 'ConnectionPoisoned')
      equal((cause as Nexus.TransportError | undefined)?.code, how === 'reset' ? 'ConnectionReset' : undefined)
      equal(response.text(), 'ok')
    })
  }
})

list.both('an answer with a reset at its heels arrives whole, or fails with the request sent', async (context, { raw }) => {
  let answered = 0
  for (let i = 0; i < 20; i++) {
    await within(context, raw, async (conn, writer) => {
      const sending = conn.send(writer.get(play(newId(), ['say', OK], ['reset'])).finish())
      const outcome = await sending.then(
        (response) => response.text(),
        () => null,
      )
      if (outcome === null) await failsAfter('fully', sending, 'ConnectionReset')
      else answered++
      ok(outcome === null || outcome === 'ok', 'it is whole')
      await conn.closed
    })
  }
  ok(answered >= 0, 'either is right: what the system drops on a reset is its own affair')
})

// A dead socket that nobody has noticed yet.

/** Has the server reset the connection while this thread does not look, and comes back when it has. */
async function killUnnoticed(send: (path: string) => Promise<unknown>): Promise<void> {
  const flag = join(tmpdir(), `nexus-${newId()}`)
  await send(`/die?flag=${encodeURIComponent(flag)}`)
  writeFileSync(`${flag}.go`, '')
  // No turn of the event loop until it is gone: that is the point.
  const end = Date.now() + 10_000
  while (!existsSync(`${flag}.gone`) && Date.now() < end) {}
  ok(existsSync(`${flag}.gone`), 'the server has reset the connection')
  rmSync(`${flag}.go`)
  rmSync(`${flag}.gone`)
}

/** A write may use the reset up; what is read then is an end. */
const GONE = ['ConnectionReset', 'ConnectionClosed']

for (const [over, kind] of [
  ['tcp', 'process'],
  ['tls', 'processes'],
] as const) {
  const where = over === 'tcp' ? 'over TCP' : 'over TLS'

  list.add(`a write that finds the socket dead says what is certain of it, ${where}`, async (context) => {
    const host = await Host.open(context, kind)
    await within(context, host.url, async (conn, writer) => {
      await killUnnoticed((path) => conn.send(writer.get(path).finish()))
      equal(conn.state, 'idle', 'nothing has been noticed')
      const sending = conn.send(writer.post('/echo/order').body('{}').finish())
      await failsAfter(context.env.writeToTheDead[over], sending, ...GONE)
    })
    await host.stop()
  })

  list.add(`such a request is sent again on another connection, once, when it is certain and asked for, ${where}`, async (context) => {
    if (context.env.writeToTheDead[over] !== 'nothing') return
    const host = await Host.open(context, kind)
    await withPool(context, host.url, {}, async (pool) => {
      const die = (path: string): Promise<unknown> => pool.request('GET', path)
      await killUnnoticed(die)
      await failsAfter('nothing', pool.request('POST', '/chaos/1'), ...GONE)
      await until(() => pool.available === 1)
      await killUnnoticed(die)
      equal((await pool.request('POST', '/chaos/2', { retryUnsent: 1 })).text().length > 0, true)
      const report = (await pool.request('GET', '/report')).body
      equal([report[1], report[2]], [0, 1], 'how often each was received')
    })
    await host.stop()
  })
}

// Time and signals.

list.both('a server that never answers: RequestTimeout in time, with the request sent', async (context, { web }) => {
  const id = newId()
  await within(context, web, async (conn, writer) => {
    const since = performance.now()
    const error = await failsAfter('fully', conn.send(writer.get(`/never?id=${id}`).finish(), conn.reader, { timeout: 100 }), 'RequestTimeout')
    const waited = performance.now() - since
    equal(error.phase, 'first byte')
    ok(waited >= 99 && (error.elapsed ?? 0) >= 99, `not before its time: ${waited} ms`)
    equal([await ask(context, `/count?id=${id}`), conn.isPoisoned], [1, true])
  })
})

list.both('a response that stops half-way: RequestTimeout while waiting for the body', async (context, { raw }) => {
  for (const before of ['HTTP/1.1 200 OK\r\nContent-', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf']) {
    let phase = ''
    // A busy machine may take longer than that for the first byte: then it is given more time.
    for (let timeout = 150; phase !== 'body' && timeout < 10_000; timeout *= 4) {
      await within(context, raw, async (conn, writer) => {
        const request = writer.get(play(newId(), ['say', before])).finish()
        ;({ phase } = await failsAfter('fully', conn.send(request, conn.reader, { timeout }), 'RequestTimeout'))
      })
    }
    equal(phase, 'body')
  }
})

list.both('a late answer reaches nobody', async (context, { web }) => {
  const id = newId()
  await withPool(context, web, { connections: 1 }, async (pool) => {
    await failsAfter('fully', pool.request('GET', `/hold?id=${id}`, { timeout: 50 }), 'RequestTimeout')
    await ask(context, `/go?id=${id}`)
    for (let i = 0; i < 20; i++) equal((await pool.request('POST', '/mirror', { body: `own ${i}` })).text(), `own ${i}`)
  })
})

list.both('a signal abandons a request at any stage', async (context, { web, raw }) => {
  const reason = new Error('enough')
  await within(context, web, async (conn, writer) => {
    const { cause } = await failsAfter(
      'nothing',
      conn.send(writer.get('/').finish(), conn.reader, { signal: AbortSignal.abort(reason) }),
      'RequestAborted',
    )
    equal([cause === reason, conn.state, (await conn.send(writer.get('/').finish())).text()], [true, 'idle', 'ok'])
  })
  for (const before of ['', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf']) {
    const id = newId()
    await within(context, raw, async (conn, writer) => {
      const controller = new AbortController()
      const steps: Step[] = before === '' ? [] : [['say', before]]
      const sending = conn.send(writer.get(play(id, ...steps)).finish(), conn.reader, { signal: controller.signal })
      sending.catch(() => {})
      await ask(context, `/seen?id=${id}`)
      controller.abort(reason)
      const { cause, fault } = await failsAfter('fully', sending, 'RequestAborted')
      equal([cause === reason, fault, conn.isPoisoned], [true, 'local', true])
      ok(['end', 'reset'].includes((await ask(context, `/ended?id=${id}`)) as string), 'the server sees an end')
    })
  }
})

// Large requests.

list.both('a server that does not read a large request: RequestTimeout while sending, with part of it sent', async (context, { raw }) => {
  const writer = writerFor(context, raw, { writeBufferCapacity: 16 * MIB })
  const id = newId()
  await within(context, raw, async (conn) => {
    const request = writer
      .post(play(id, ['deaf']))
      .body(new Uint8Array(15 * MIB))
      .finish()
    const error = await failsAfter('partly', conn.send(request, conn.reader, { timeout: 300 }), 'RequestTimeout')
    equal(error.phase, 'send')
    await conn.closed
  })
  // Its memory is free again.
  ok(writer.get('/').finish().length > 0, 'the writer can be used')
  writer.release()
})

list.both('a server that resets in the middle of a large request: ConnectionReset, with part of it sent', async (context, { raw }) => {
  const writer = writerFor(context, raw, { writeBufferCapacity: 16 * MIB })
  const id = newId()
  await within(context, raw, async (conn) => {
    const request = writer
      .post(play(id, ['deaf'], ['go'], ['reset']))
      .body(new Uint8Array(15 * MIB))
      .finish()
    const sending = conn.send(request)
    sending.catch(() => {})
    await ask(context, `/seen?id=${id}`)
    await ask(context, `/go?id=${id}`)
    await failsAfter('partly', sending, 'ConnectionReset')
    await conn.closed
  })
  writer.release()
})

list.both('an answer that overtakes a large request is delivered, and the connection is given up', async (context, { raw }) => {
  const writer = writerFor(context, raw, { writeBufferCapacity: 16 * MIB })
  const talk = async (conn: Connection): Promise<void> => {
    const answer = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\ntoo'
    const request = writer
      .post(play(newId(), ['deaf'], ['say', answer]))
      .body(new Uint8Array(15 * MIB))
      .finish()
    const response = await conn.send(request)
    equal([response.status, response.text(), conn.isPoisoned], [413, 'too', true])
    await conn.closed
  }
  // The server never ends its side.
  await within(context, raw, talk, { closeTimeout: 50 })
  writer.release()
})

list.both('a streamed body whose source fails is never passed off as whole', async (context, { raw }) => {
  for (const length of [undefined, 10 * KIB]) {
    const id = newId()
    const reason = new Error('the source is dry')
    async function* broken(): AsyncGenerator<string> {
      yield 'x'.repeat(5_000)
      await ask(context, `/seen?id=${id}`)
      throw reason
    }
    await within(context, raw, async (conn, writer) => {
      const sending = conn.send(
        writer
          .post(play(id, ['body'], ['say', OK]))
          .stream(broken(), length)
          .finish(),
      )
      const { cause } = await failsAfter('partly', sending, 'RequestBodyFailed')
      equal([cause === reason, conn.isPoisoned], [true, true])
      ok(['end', 'reset'].includes((await ask(context, `/ended?id=${id}`)) as string), 'the server sees an end')
      const { body } = (await ask(context, `/seen?id=${id}`)) as { body: string }
      ok(!body.endsWith('0\r\n\r\n') && body.length < 10 * KIB, 'the server does not see the end of the body')
    })
  }
})

list.both('a streamed body stops when the server has answered or gone', async (context, { raw }) => {
  for (const [steps, code] of [
    [[['say', 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n']], null],
    [[['go'], ['reset']], 'ConnectionReset'],
  ] as const) {
    const id = newId()
    let stopped = false
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          yield new Uint8Array(1_000)
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      } finally {
        stopped = true
      }
    }
    await within(context, raw, async (conn, writer) => {
      const sending = conn.send(
        writer
          .post(play(id, ...(steps as readonly Step[])))
          .stream(endless())
          .finish(),
      )
      sending.catch(() => {})
      await ask(context, `/seen?id=${id}`)
      await ask(context, `/go?id=${id}`)
      if (code === null) equal((await sending).status, 413)
      else await failsAfter('partly', sending, code)
      await until(() => stopped)
      equal(conn.isPoisoned, true)
    })
  }
})

list.both('a connection that is closed or destroyed fails the request under way', async (context, { web }) => {
  for (const how of ['close', 'destroy'] as const) {
    const id = newId()
    const conn = await open(context, web)
    const sending = conn.send(writerFor(context, web).get(`/never?id=${id}`).finish())
    sending.catch(() => {})
    await ask(context, `/seen?id=${id}`)
    conn[how]()
    await failsAfter('fully', sending, 'RequestAborted')
    await conn.closed
  }
})

list.add('a TLS connection that is asked for is never a plain one', async (context) => {
  // Bun, for one, speaks plain TCP when it is given TLS options that say nothing.
  const { nexus, env } = context
  for (const tls of [undefined, {}, { ca: env.ca }]) {
    await fails(
      nexus.HttpConnection.connect(env.raw.replace('http:', 'https:'), { ...(tls && { tls }), connectTimeout: 200 }),
      'TransportError',
      'ConnectTimeout',
    )
  }
  equal(Object.keys(tlsFor(context, env.http)).length, 0)
})
