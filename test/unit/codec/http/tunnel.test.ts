/** Asking a proxy for a tunnel: the exact bytes both ways, in one piece and byte by byte, and what is refused. */

import { describe, expect, test } from 'vitest'
import { HttpMessages } from '../../../../src/codec/http/messages.ts'
import { ConnectTunnel, SocksTunnel, type TunnelRequest } from '../../../../src/codec/http/tunnel.ts'
import { threadCodec } from '../../../../src/entry/thread-codec.ts'

const messages = new HttpMessages(threadCodec)
const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0))
const text = (from: Uint8Array): string => String.fromCharCode(...from)

/** Gives `input` in pieces of `step` until the tunnel is open; returns how much of it was the proxy's. */
function feed(tunnel: TunnelRequest, input: Uint8Array, step: number): number {
  for (let at = 0; at < input.length; at += step) {
    const used = tunnel.receive(input.subarray(at, at + step))
    if (tunnel.isOpen) return at + used
  }
  return input.length
}

describe('CONNECT', () => {
  const make = (headers: [string, string][] = []): ConnectTunnel => new ConnectTunnel(threadCodec, messages, 'exchange.example:443', headers)

  test('the request has the authority twice, and the fields', () => {
    const tunnel = make([['Proxy-Authorization', 'Basic eA==']])
    expect(text(tunnel.take())).toBe('CONNECT exchange.example:443 HTTP/1.1\r\nHost: exchange.example:443\r\nProxy-Authorization: Basic eA==\r\n\r\n')
    expect(tunnel.take().length).toBe(0)
    tunnel.release()
  })

  test('a field that would break the request is refused', () => {
    expect(() => make([['X', 'a\r\nY: b']])).toThrow(expect.objectContaining({ code: 'HeaderInjection' }))
  })

  const accepted = [
    'HTTP/1.1 200 Connection established\r\n\r\n',
    'HTTP/1.0 200 OK\r\nProxy-Agent: x\r\n\r\n',
    // RFC 9110 section 9.3.6: such fields mean nothing there.
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 299 \r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
  ]
  test.each(accepted)('%j opens the tunnel, and what follows is the server’s', (head) => {
    for (const step of [1, 7, 1_000]) {
      const tunnel = make()
      tunnel.take()
      expect(feed(tunnel, bytes(`${head}early`), step)).toBe(head.length)
      expect([tunnel.isOpen, tunnel.take().length]).toEqual([true, 0])
      tunnel.release()
    }
  })

  test.each([
    ['HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno\n', 'ProxyAuthRequired', '407 Proxy Authentication Required'],
    ['HTTP/1.1 401 Unauthorized\r\n\r\n', 'ProxyAuthRequired', '401 Unauthorized'],
    ['HTTP/1.1 403 Forbidden\r\n\r\n', 'ProxyRefused', 'it answered 403 Forbidden'],
    ['HTTP/1.1 502 \r\n\r\n', 'ProxyRefused', 'it answered 502'],
    ['HTTP/1.1 301 Moved\r\nLocation: http://elsewhere/\r\n\r\n', 'ProxyRefused', '301'],
    ['SSH-2.0-x\r\n', 'ProxyFailed', 'cannot be read'],
    [`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}\r\n\r\n`, 'ProxyFailed', 'cannot be read'],
    ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(40), 'ProxyFailed', 'cannot be read'],
  ])('%j is refused as %s', (head, code, message) => {
    for (const step of [1, 100_000]) {
      const tunnel = make()
      expect(() => feed(tunnel, bytes(head), step)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
      expect(tunnel.isOpen).toBe(false)
      tunnel.release()
    }
  })
})

describe('SOCKS5', () => {
  /** Plays the proxy's part: each answer after what it answers. */
  function play(tunnel: SocksTunnel, answers: readonly (readonly number[])[], step: number): number[][] {
    const sent: number[][] = [[...tunnel.take()]]
    for (const answer of answers) {
      feed(tunnel, Uint8Array.from(answer), step)
      sent.push([...tunnel.take()])
    }
    return sent
  }
  const NAME = [...bytes('exchange.example')]
  const OK = [5, 0, 0, 1, 127, 0, 0, 1, 31, 144]

  test.each([1, 100])('a name goes to the proxy as it is (pieces of %d)', (step) => {
    const tunnel = new SocksTunnel('exchange.example', 443, null)
    expect(play(tunnel, [[5, 0], OK], step)).toEqual([[5, 1, 0], [5, 1, 0, 3, 16, ...NAME, 1, 187], []])
    expect(tunnel.isOpen).toBe(true)
  })

  test('addresses of both kinds', () => {
    const connect = (host: string): number[] => play(new SocksTunnel(host, 80, null), [[5, 0]], 1)[1] as number[]
    expect(connect('192.0.2.1')).toEqual([5, 1, 0, 1, 192, 0, 2, 1, 0, 80])
    const six = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    for (const spelled of ['2001:db8::1', '2001:db8:0:0:0:0:0:1']) expect(connect(spelled)).toEqual([5, 1, 0, 4, ...six, 0, 80])
    expect(connect('::')).toEqual([5, 1, 0, 4, ...new Array(16).fill(0), 0, 80])
    expect(connect('1::')).toEqual([5, 1, 0, 4, 0, 1, ...new Array(14).fill(0), 0, 80])
  })

  test.each([1, 100])('credentials are offered, and sent when they are asked for (pieces of %d)', (step) => {
    const tunnel = new SocksTunnel('192.0.2.1', 80, { user: 'me', password: 'pass' })
    expect(play(tunnel, [[5, 2], [1, 0], OK], step)).toEqual([
      [5, 2, 0, 2],
      [1, 2, 109, 101, 4, 112, 97, 115, 115],
      [5, 1, 0, 1, 192, 0, 2, 1, 0, 80],
      [],
    ])
    expect(tunnel.isOpen).toBe(true)
    expect(play(new SocksTunnel('192.0.2.1', 80, { user: 'me', password: 'pass' }), [[5, 0]], 1)[1]).toEqual([5, 1, 0, 1, 192, 0, 2, 1, 0, 80])
  })

  test.each([
    ['IPv4', [1, 127, 0, 0, 1, 0, 80]],
    ['a name', [3, 2, 97, 98, 0, 80]],
    ['IPv6', [4, ...new Array(16).fill(0), 0, 80]],
  ])('a reply with %s as the bound address ends where it ends', (_, address) => {
    for (const step of [1, 3, 100]) {
      const tunnel = new SocksTunnel('192.0.2.1', 80, null)
      play(tunnel, [[5, 0]], 100)
      const reply = [5, 0, 0, ...address]
      expect(feed(tunnel, Uint8Array.from([...reply, 9, 9, 9]), step)).toBe(reply.length)
      expect(tunnel.isOpen).toBe(true)
    }
  })

  test.each([
    ['no method is acceptable', null, [[5, 255]], 'ProxyAuthRequired', 'wants credentials'],
    ['credentials are wanted and there are none', null, [[5, 2]], 'ProxyAuthRequired', 'wants credentials'],
    ['another method is wanted', { user: 'a', password: 'b' }, [[5, 255]], 'ProxyAuthRequired', 'neither'],
    [
      'credentials are rejected',
      { user: 'a', password: 'b' },
      [
        [5, 2],
        [1, 1],
      ],
      'ProxyAuthRequired',
      'rejected user or password',
    ],
    ['a method is chosen that was not offered', null, [[5, 1]], 'ProxyFailed', 'method 1'],
    ['it is SOCKS4', null, [[0, 90]], 'ProxyFailed', 'begins with 0'],
    ['it is HTTP', null, [[...bytes('HTTP/1.1 400 Bad Request')]], 'ProxyFailed', 'begins with 72'],
    ['more than the answer is sent', null, [[5, 0, 1]], 'ProxyFailed', 'the proxy broke the protocol'],
    [
      'the address is of no known kind',
      null,
      [
        [5, 0],
        [5, 0, 0, 9, 1],
      ],
      'ProxyFailed',
      'unknown kind 9',
    ],
    [
      'the server refuses',
      null,
      [
        [5, 0],
        [5, 5, ...OK.slice(2)],
      ],
      'ProxyRefused',
      'the server refused the connection',
    ],
    [
      'the server refuses, and the reply has an address of no known kind',
      null,
      [
        [5, 0],
        [5, 5, 0, 0, 0, 0],
      ],
      'ProxyRefused',
      'the server refused the connection',
    ],
    [
      'the server refuses, and the reply is cut short',
      null,
      [
        [5, 0],
        [5, 2],
      ],
      'ProxyRefused',
      'its rules do not allow it',
    ],
    [
      'the reply is of no known number',
      null,
      [
        [5, 0],
        [5, 77, ...OK.slice(2)],
      ],
      'ProxyRefused',
      'reply 77',
    ],
  ] as const)('when %s', (_, credentials, answers, code, message) => {
    for (const step of [1, 100]) {
      const tunnel = new SocksTunnel('192.0.2.1', 80, credentials)
      expect(() => play(tunnel, answers, step)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
      expect(tunnel.isOpen).toBe(false)
    }
  })

  test('what does not fit in its length byte is refused before anything is sent', () => {
    expect(() => new SocksTunnel('x'.repeat(256), 80, null)).toThrow(expect.objectContaining({ code: 'InvalidUrl' }))
    expect(() => new SocksTunnel('x'.repeat(255), 80, { user: 'u'.repeat(255), password: 'p' })).not.toThrow()
    for (const user of ['', 'u'.repeat(256)]) {
      expect(() => new SocksTunnel('x', 80, { user, password: 'p' })).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    }
    expect(() => new SocksTunnel('x', 80, { user: 'u', password: 'p'.repeat(256) })).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  })

  test('a user may be without a password', () => {
    const tunnel = new SocksTunnel('192.0.2.1', 80, { user: 'me', password: '' })
    expect(play(tunnel, [[5, 2]], 100)[1]).toEqual([1, 2, 109, 101, 0])
  })
})
