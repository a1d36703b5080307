import { describe, expect, test } from 'vitest'
import { parseWsUrl } from '../../../src/ws/url.ts'

describe('a WebSocket URL', () => {
  test.each([
    // url, hostname, port, secure, host, target
    ['ws://exchange.example', 'exchange.example', 80, false, 'exchange.example', '/'],
    ['wss://exchange.example', 'exchange.example', 443, true, 'exchange.example', '/'],
    ['ws://exchange.example/', 'exchange.example', 80, false, 'exchange.example', '/'],
    ['ws://exchange.example:80/', 'exchange.example', 80, false, 'exchange.example', '/'],
    ['wss://exchange.example:443/', 'exchange.example', 443, true, 'exchange.example', '/'],
    ['wss://exchange.example:80/', 'exchange.example', 80, true, 'exchange.example:80', '/'],
    ['ws://exchange.example:443/', 'exchange.example', 443, false, 'exchange.example:443', '/'],
    ['ws://exchange.example:8080/a/b', 'exchange.example', 8080, false, 'exchange.example:8080', '/a/b'],
    ['ws://exchange.example?x=1', 'exchange.example', 80, false, 'exchange.example', '/?x=1'],
    ['ws://exchange.example:9000?x=1&y', 'exchange.example', 9000, false, 'exchange.example:9000', '/?x=1&y'],
    ['ws://exchange.example/?', 'exchange.example', 80, false, 'exchange.example', '/'],
    ['ws://exchange.example/a b?c d', 'exchange.example', 80, false, 'exchange.example', '/a%20b?c%20d'],
    ['ws://exchange.example/a%2Fb', 'exchange.example', 80, false, 'exchange.example', '/a%2Fb'],
    ['WSS://Exchange.EXAMPLE/Path', 'exchange.example', 443, true, 'exchange.example', '/Path'],
    ['ws://exchange.example:/x', 'exchange.example', 80, false, 'exchange.example', '/x'],
    ['ws://[::1]', '::1', 80, false, '[::1]', '/'],
    ['ws://[::1]:8080/x', '::1', 8080, false, '[::1]:8080', '/x'],
    ['wss://[2001:db8::1]:443/', '2001:db8::1', 443, true, '[2001:db8::1]', '/'],
    ['ws://127.0.0.1:1', '127.0.0.1', 1, false, '127.0.0.1:1', '/'],
    ['http://exchange.example/x', 'exchange.example', 80, false, 'exchange.example', '/x'],
    ['https://exchange.example/x', 'exchange.example', 443, true, 'exchange.example', '/x'],
    ['ws://bücher.example/', 'xn--bcher-kva.example', 80, false, 'xn--bcher-kva.example', '/'],
    [' ws://exchange.example ', 'exchange.example', 80, false, 'exchange.example', '/'],
  ])('%s', (url, hostname, port, secure, host, target) => {
    expect(parseWsUrl(url)).toEqual({ address: { hostname, port, secure }, host, target, authorization: undefined })
    expect(parseWsUrl(new URL(url))).toEqual({ address: { hostname, port, secure }, host, target, authorization: undefined })
  })

  test.each([
    '',
    'x',
    '//host',
    'host:80',
    'ftp://host',
    'file:///x',
    'ws:',
    'ws://',
    'ws://:80',
    'ws://host:65536',
    'ws://host:-1',
    'ws://host:eighty',
    'ws://[::1',
    'ws://::1/',
    'ws://host/#x',
    'ws://host/#',
    'ws://ho st/',
    'ws://%ff@host/',
  ])('%j is refused with InvalidUrl', (url) => {
    expect(() => parseWsUrl(url)).toThrow(expect.objectContaining({ name: 'UsageError', code: 'InvalidUrl' }))
  })

  test('what is no string is refused too', () => {
    for (const url of [undefined, null, 5, {}]) {
      expect(() => parseWsUrl(url as unknown as string)).toThrow(expect.objectContaining({ code: 'InvalidUrl' }))
    }
  })

  test.each([
    ['ws://user:secret@host/', 'Basic dXNlcjpzZWNyZXQ='],
    ['ws://user@host/', 'Basic dXNlcjo='],
    ['ws://:secret@host/', 'Basic OnNlY3JldA=='],
    ['ws://us%3Aer:p%40ss@host/', 'Basic dXM6ZXI6cEBzcw=='],
    ['ws://%C3%A9:%E2%82%AC@host/', 'Basic w6k64oKs'],
  ])('the credentials of %s become %s', (url, authorization) => {
    const { host, authorization: found } = parseWsUrl(url)
    expect([host, found]).toEqual(['host', authorization])
  })
})
