import { equal, fails, isError, ok } from './assert.ts'
import { BINARY, type Check, frame, open, PING, recv, subject, TEXT, within } from './check-tools.ts'

const { checks, check, checkBoth } = subject()

/** All of these checks, in order. */
export const openingChecks: readonly Check[] = checks

checkBoth('frames that come with the response are not lost', async (context, { bad }) => {
  for (const path of ['early', 'dribble']) {
    await within(context, `${bad}/${path}?frames=${frame(TEXT, 'first')}${frame(PING, 'p')}${frame(BINARY, 'second')}`, async (ws) => {
      equal((await recv(ws)).text, 'first')
      equal((await recv(ws)).kind, 'ping')
      equal((await recv(ws)).text, 'second')
    })
  }
})

check('a message that follows the response and is larger than the buffer is not lost', async (context) => {
  const payload = 'y'.repeat(6_000)
  await within(
    context,
    `${context.env.raw}/early?frames=${frame(TEXT, payload)}${frame(TEXT, 'end')}`,
    async (ws) => {
      equal((await recv(ws)).text, payload)
      equal((await recv(ws)).text, 'end')
    },
    { bufferCapacity: 4_096 },
  )
})

check('interim responses before the upgrade are skipped', async (context) => {
  const ws = await open(context, `${context.env.raw}/interim`)
  equal(ws.readyState, 'open')
  ws.destroy()
})

check('field names and tokens are compared whatever their case', async (context) => {
  const ws = await open(context, `${context.env.raw}/odd-case`)
  equal(ws.readyState, 'open')
  ws.destroy()
})

check('a refusal has status, fields and the start of the body', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/403`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'Your key has expired.'])
  equal(error.headers, [
    ['X-Reason', 'key expired'],
    ['x-Lower', 'yes'],
    ['Content-Length', '21'],
  ])
  ok(error.message.includes('403 Forbidden'), 'the message names the status')
})

check('a refusal over TLS is told too', async (context) => {
  const error = await fails(open(context, `${context.env.rawSecure}/403`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'Your key has expired.'])
})

check('of a large refusal, 4,096 bytes are kept', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/403-large`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'x'.repeat(4_096)])
})

check('a refusal without a length is read to its end', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/403-until-close`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'first, second'])
})

check('a refusal whose connection stays open is told all the same', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/403-open`), 'HandshakeError', 'UnexpectedStatus')
  equal([error.status, error.body], [403, 'long'])
})

for (const [path, code, status] of [
  ['301', 'UnexpectedStatus', 301],
  ['200', 'UnexpectedStatus', 200],
  ['wrong-accept', 'InvalidAcceptKey', 101],
  ['no-accept', 'InvalidAcceptKey', 101],
  ['no-upgrade', 'MissingUpgrade', 101],
  ['no-connection', 'MissingConnection', 101],
  ['extension', 'UnexpectedExtension', 101],
  ['protocol', 'UnexpectedProtocol', 101],
  ['banner', 'MalformedHttp', null],
  ['bare-lf', 'MalformedHttp', null],
  ['many-headers', 'TooManyHeaders', null],
  ['huge-head', 'HeadTooLarge', null],
  ['end', 'ClosedDuringHandshake', null],
  ['half-head-end', 'ClosedDuringHandshake', null],
  ['reset-early', 'ClosedDuringHandshake', null],
] as const) {
  check(`the answer ${path} fails the handshake with ${code}`, async (context) => {
    const error = await fails(open(context, `${context.env.raw}/${path}`), 'HandshakeError', code)
    equal(error.status, status)
  })
}

check('the reset of a handshake is the cause of its error', async (context) => {
  const error = await fails(open(context, `${context.env.raw}/reset-early`), 'HandshakeError', 'ClosedDuringHandshake')
  isError(error.cause, 'TransportError', 'ConnectionReset')
})

for (const path of ['silent', 'half-head']) {
  checkBoth(`a server that sends ${path === 'silent' ? 'nothing' : 'half a response'} runs into handshakeTimeout`, async (context, { bad }) => {
    await fails(open(context, `${bad}/${path}`, { handshakeTimeout: 50 }), 'HandshakeError', 'HandshakeTimeout')
  })
}

check('a subprotocol is negotiated', async (context) => {
  const { ws: url } = context.env
  await within(context, `${url}/request`, async (ws) => equal(ws.protocol, 'v2.feed'), { protocols: ['v3.feed', 'v2.feed'] })
  await within(context, `${url}/request`, async (ws) => equal(ws.protocol, 'v2.feed'), { protocols: 'v2.feed' })
  await within(context, `${url}/request`, async (ws) => equal(ws.protocol, ''), { protocols: ['v3.feed'] })
  await within(context, `${url}/request`, async (ws) => equal(ws.protocol, ''))
})

check('custom fields arrive in their order and case', async (context) => {
  const headers: [string, string][] = [
    ['X-Api-KEY', 'k:1'],
    ['x-lower', ''],
    ['Origin', 'https://app.example'],
    ['X-Api-KEY', 'k:2'],
    ['Cookie', 'a=b; c=d'],
  ]
  await within(
    context,
    `${context.env.ws}/request?a=b%20c&d`,
    async (ws) => {
      const { url, rawHeaders } = (await recv(ws)).json() as { url: string; rawHeaders: string[] }
      equal(url, '/request?a=b%20c&d')
      const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : []))
      equal(pairs.slice(-headers.length), headers)
      const names = pairs.map(([name]) => name)
      equal(names.slice(0, 5).sort(), ['Connection', 'Host', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Upgrade'])
      equal(names[0], 'Host', 'the first field (RFC 9110 section 7.2)')
      equal(pairs[0]?.[1], context.env.ws.slice('ws://'.length))
      equal(names.includes('Sec-WebSocket-Extensions'), false)
      ok(
        ws.headers.some(([name, value]) => name === 'Upgrade' && value === 'websocket'),
        'the fields of the response are there',
      )
    },
    { headers },
  )
})

check('an object of fields works, with lists; Host can be replaced', async (context) => {
  await within(
    context,
    `${context.env.ws}/request`,
    async (ws) => {
      const { rawHeaders } = (await recv(ws)).json() as { rawHeaders: string[] }
      equal(rawHeaders.slice(0, 2), ['Host', 'feed.example:8443'])
      equal(rawHeaders.slice(-4), ['X-List', 'one', 'X-List', 'two'])
    },
    { headers: { Host: 'feed.example:8443', 'X-List': ['one', 'two'] } },
  )
})

check('an IPv6 address works, and Host has it in brackets', async (context) => {
  await within(context, `${context.env.ws6}/request`, async (ws) => {
    const { rawHeaders } = (await recv(ws)).json() as { rawHeaders: string[] }
    equal(rawHeaders.slice(0, 2), ['Host', context.env.ws6.slice('ws://'.length)])
  })
})

check('user and password of the URL become Basic credentials', async (context) => {
  const url = `${context.env.ws.replace('//', '//me:p%C3%A4ss%3A@')}/request`
  await within(context, url, async (ws) => {
    const { rawHeaders } = (await recv(ws)).json() as { rawHeaders: string[] }
    equal(rawHeaders[rawHeaders.indexOf('Authorization') + 1], 'Basic bWU6cMOkc3M6')
  })
})

check('two requests never have the same key', async (context) => {
  const keys = new Set<string | undefined>()
  for (let i = 0; i < 5; i++) {
    await within(context, `${context.env.ws}/request`, async (ws) => {
      const { rawHeaders } = (await recv(ws)).json() as { rawHeaders: string[] }
      keys.add(rawHeaders[rawHeaders.indexOf('Sec-WebSocket-Key') + 1])
    })
  }
  equal(keys.size, 5)
})
