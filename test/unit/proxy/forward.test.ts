/** Plain requests through a proxy that forwards them: what it gets, and that nothing else changes. */

import { describe, expect, test } from 'vitest'
import { dialThroughProxy } from '../../../src/proxy/dial.ts'
import type { ProxyConfig } from '../../../src/transport/proxy-config.ts'
import type { Address, Dial, Transport } from '../../../src/transport/transport.ts'
import { codec, failure, makeRestWorld, makeWriter, ok as okWith, type RestWorld } from '../rest/harness.ts'

/** A response of a proxy that keeps the connection. */
const ok = (body: string): string => okWith(body, 'Connection: keep-alive\r\n')

/** A world whose server is the proxy; `dialled` is whom its clients connected to. */
function makeProxyWorld(): RestWorld & { dialled: Address[]; below: (transport: Transport) => void } {
  const world = makeRestWorld()
  const dialled: Address[] = []
  const { dial: dialBelow } = world.runtime
  const through = { ...world, dialled, below: (_: Transport): void => {} }
  const dial: Dial = async (address, options) => {
    dialled.push(address)
    const transport = await dialBelow(address, options)
    through.below(transport)
    return transport
  }
  Object.assign(world.runtime, {
    dial: dialThroughProxy({
      codec,
      dial,
      secure: async (transport) => transport,
      environment: () => undefined,
      clock: world.clock,
      checkTls: () => {},
    }),
  } satisfies { dial: Dial })
  return through
}

const PROXY: ProxyConfig = { url: 'http://us%20er:p%40ss@proxy.test:3128', headers: { 'X-Trace': 7 }, plain: 'forward' }
const WANTS_CREDENTIALS = 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 3\r\n\r\nno\n'

describe('a proxy that forwards', () => {
  test('is dialled in place of the server, and gets every request in absolute form, with its fields', async () => {
    const { Connection, server, dialled } = makeProxyWorld()
    const conn = await Connection.connect('http://server.test', { proxy: PROXY })
    const writer = makeWriter()
    server.respond = ({ path, body }) => ok(`${path} ${body}`)
    for (const body of ['one', 'another']) {
      const response = await conn.send(writer.post('/a').query('b', 1).body(body).finish())
      expect(response.text()).toBe(`http://server.test/a?b=1 ${body}`)
    }
    expect(dialled).toMatchObject([{ hostname: 'proxy.test', port: 3128, secure: false }])
    const [{ head } = { head: '' }] = server.requests
    expect(head.split('\r\n')).toEqual([
      'POST http://server.test/a?b=1 HTTP/1.1',
      'Host: server.test',
      `Proxy-Authorization: Basic ${btoa('us er:p@ss')}`,
      'X-Trace: 7',
      'Connection: keep-alive',
      'Content-Length: 3',
    ])
    expect(server.requests[1]?.head.replace('7\r\nConn', '3\r\nConn')).toContain('Proxy-Authorization: Basic ')
  })

  test('serves pools, their healing and streamed bodies', async () => {
    const { Pool, server, settle } = makeProxyWorld()
    const pool = await Pool.connect('http://server.test:8080/v3', { proxy: PROXY })
    server.respond = ({ path }) => ok(path)
    expect((await pool.request('GET', '/a')).text()).toBe('http://server.test:8080/v3/a')
    server.last.end.destroy()
    await settle()
    expect((await pool.request('GET', '/a')).text()).toBe('http://server.test:8080/v3/a')
    expect(pool.stats.healed).toBe(1)
    const slot = await pool.acquire()
    server.respond = () => null
    const source = async function* (): AsyncGenerator<string> {
      yield 'abc'
    }
    const sending = slot.send(slot.writer.put('/b').stream(source()).finish())
    await settle()
    expect(server.last.received).toMatch(/^PUT http:\/\/server\.test:8080\/v3\/b HTTP\/1\.1\r\n[\s\S]*\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/)
    server.last.send(ok('whole'))
    expect((await sending).text()).toBe('whole')
    slot.release()
  })

  test.each([
    ['Connection: keep-alive\r\n', 'idle'],
    ['Proxy-Connection: Keep-Alive\r\n', 'idle'],
    ['', 'poisoned'],
    ['Connection: close\r\n', 'poisoned'],
  ])('that says %j: the connection is %s afterwards', async (field, state) => {
    const { Connection, server } = makeProxyWorld()
    const conn = await Connection.connect('http://server.test', { proxy: PROXY })
    server.respond = () => okWith('x', field)
    expect((await conn.send(makeWriter().get('/').finish())).status).toBe(200)
    expect(conn.state).toBe(state)
  })

  test('leaves a request as it is: the same one can go to the server itself', async () => {
    const { Connection, server } = makeProxyWorld()
    const [forwarded, direct] = await Promise.all([
      Connection.connect('http://server.test', { proxy: PROXY }),
      Connection.connect('http://server.test'),
    ])
    const request = makeWriter().get('/a').finish()
    server.respond = ({ path }) => ok(path)
    for (const conn of [forwarded, direct, forwarded]) await conn.send(request)
    expect(server.requests.map(({ path }) => path)).toEqual(['http://server.test/a', '/a', 'http://server.test/a'])
    expect(request.target).toBe('/a')
  })

  test.each(['send', 'sendStreaming'] as const)('%s fails with ProxyAuthRequired when it wants credentials, or others', async (how) => {
    const { Connection, server } = makeProxyWorld()
    const conn = await Connection.connect('http://server.test', { proxy: PROXY })
    server.respond = () => WANTS_CREDENTIALS
    const error = await failure(conn[how](makeWriter().get('/').finish()))
    expect(error).toMatchObject({ code: 'ProxyAuthRequired', requestSent: 'fully', status: 407, fault: 'transport' })
    expect(error.headers).toContainEqual(['Proxy-Authenticate', 'Basic realm="x"'])
    expect(error.message).toContain('407 Proxy Authentication Required')
    expect(error.message).not.toContain('p@ss')
    expect(conn.state).toBe('poisoned')
  })

  test('that wants other credentials is not dialled in a loop by a pool', async () => {
    const { Pool, server, settle } = makeProxyWorld()
    const pool = await Pool.connect('http://server.test', { proxy: PROXY, acquireTimeout: 10 })
    server.respond = () => WANTS_CREDENTIALS
    for (let i = 0; i < 2; i++) {
      expect(await failure(pool.request('GET', '/'))).toMatchObject({ code: 'ProxyAuthRequired' })
      await settle()
    }
    expect([pool.stats.healing, pool.stats.lost]).toEqual([1, 2])
  })

  test('is what 407 means: from a server itself it is a response', async () => {
    const { Connection, server } = makeProxyWorld()
    const conn = await Connection.connect('http://server.test')
    server.respond = () => WANTS_CREDENTIALS
    expect((await conn.send(makeWriter().get('/').finish())).status).toBe(407)
  })

  test.each([
    ['https:', true, true],
    ['ws: and wss:', false, undefined],
  ])('tunnels %s', async (_, secure, speaksHttp) => {
    const { runtime, server, settle } = makeProxyWorld()
    const dialling = runtime.dial(
      { hostname: 'server.test', port: 443, secure, ...(speaksHttp === undefined ? {} : { speaksHttp }) },
      { proxy: PROXY },
    )
    await settle()
    server.respond = () => null
    expect(server.requests.map(({ line }) => line)).toEqual(['CONNECT server.test:443 HTTP/1.1'])
    server.last.send('HTTP/1.1 200 OK\r\n\r\n')
    expect((await dialling).forwarding).toBe(undefined)
  })

  test('that verifies its own end verifies nothing of the server’s', async () => {
    const world = makeProxyWorld()
    for (const [proof, seen] of [
      ['verified', 'unverified'],
      ['unverified', 'unverified'],
      ['truncated', 'truncated'],
    ] as const) {
      world.below = (transport) => Object.assign(transport, { isSecure: true, serverName: 'proxy.test', endProof: proof })
      const transport = await world.runtime.dial({ hostname: 'server.test', port: 80, secure: false, speaksHttp: true }, { proxy: PROXY })
      expect([transport.endProof, transport.isSecure, transport.serverName]).toEqual([seen, undefined, undefined])
    }
  })

  test.each([
    ['a field that frames requests', { ...PROXY, headers: { 'Content-Length': 5 } }, 'HeaderInjection'],
    ['a field that cannot be', { ...PROXY, headers: { 'X-Key': 'a\n' } }, 'HeaderInjection'],
    ['SOCKS5', { url: 'socks5://proxy.test', plain: 'forward' } as const, 'InvalidOption'],
  ])('with %s is refused before anybody is dialled', async (_, proxy, code) => {
    const { Connection, dialled } = makeProxyWorld()
    await expect(Connection.connect('http://server.test', { proxy })).rejects.toMatchObject({ code })
    expect(dialled).toEqual([])
  })

  test('that is silent, or away, is named', async () => {
    const world = makeProxyWorld()
    world.server.onDial = () => 10_000
    const connecting = world.Connection.connect('http://server.test', { proxy: PROXY, connectTimeout: 5 })
    connecting.catch(() => {})
    await world.clock.advance(5)
    await expect(connecting).rejects.toMatchObject({ code: 'ConnectTimeout', message: expect.stringMatching(/^the proxy proxy\.test:3128 did not/) })
  })
})
