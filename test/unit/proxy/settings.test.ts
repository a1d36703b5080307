/** The `proxy` option: what it may be, and whom the environment sends through which proxy. */

import { describe, expect, test } from 'vitest'
import { resolveProxy } from '../../../src/proxy/settings.ts'
import type { ProxyOption } from '../../../src/transport/proxy-config.ts'

const server = { hostname: 'exchange.example', port: 443, secure: true }
const nothing = (): undefined => undefined
const resolve = (option: unknown): ReturnType<typeof resolveProxy> => resolveProxy(option as ProxyOption, server, nothing)

test.each([
  ['http://proxy.example', { kind: 'connect', address: { hostname: 'proxy.example', port: 80, secure: false } }],
  ['https://proxy.example', { kind: 'connect', address: { hostname: 'proxy.example', port: 443, secure: true } }],
  ['http://[::1]:3128/', { kind: 'connect', address: { hostname: '::1', port: 3128, secure: false } }],
  ['socks5://proxy.example', { kind: 'socks5', address: { hostname: 'proxy.example', port: 1080, secure: false } }],
  ['socks5h://proxy.example:9', { kind: 'socks5', address: { hostname: 'proxy.example', port: 9, secure: false } }],
])('%s', (url, expected) => {
  expect(resolve(url)).toMatchObject({ ...expected, credentials: null, headers: [] })
  expect(resolve(new URL(url))).toEqual(resolve(url))
  expect(resolve({ url })).toEqual(resolve(url))
})

test('none', () => {
  expect([resolve(undefined), resolve(null)]).toEqual([null, null])
})

test('credentials become a field for HTTP and a message for SOCKS5; further fields follow', () => {
  const { headers } = resolve({ url: 'http://us%20er:p%40ss@proxy.example', headers: { 'X-Trace': '7' } }) ?? {}
  expect(headers).toEqual([
    ['Proxy-Authorization', `Basic ${btoa('us er:p@ss')}`],
    ['X-Trace', '7'],
  ])
  expect(resolve('socks5://us%20er:p%40ss@proxy.example')).toMatchObject({ credentials: { user: 'us er', password: 'p@ss' }, headers: [] })
})

test.each([
  ['not a URL', 'is not a URL; expected something like'],
  ['ftp://proxy.example', 'ftp:// is no kind of proxy'],
  ['http://proxy.example/path', "a proxy's URL ends after its port"],
  ['http://proxy.example?x', "a proxy's URL ends after its port"],
  ['http://%zz@proxy.example', 'not valid percent-encoding'],
  ['socks5://', 'has no host'],
  [7, 'proxy must be a URL'],
  [{}, 'proxy must be a URL'],
  [{ url: 'socks5://proxy.example', headers: { a: 'b' } }, 'takes neither headers nor tls'],
  [{ url: 'socks5://proxy.example', tls: {} }, 'takes neither headers nor tls'],
])('%j is refused: %s', (option, message) => {
  expect(() => resolve(option)).toThrow(expect.objectContaining({ code: 'InvalidOption', message: expect.stringContaining(message) }))
})

describe('the environment', () => {
  const plain = { hostname: 'exchange.example', port: 80, secure: false }
  const through = (variables: Record<string, string>, address = server): string | null => {
    const found = resolveProxy('environment', address, (name) => variables[name])
    return found === null ? null : `${found.kind} ${found.address.hostname}:${found.address.port}`
  }

  test('has a variable for each scheme, one for all, and lower case goes first', () => {
    expect(through({})).toBe(null)
    expect(through({ HTTPS_PROXY: 'http://a:1' })).toBe('connect a:1')
    expect(through({ HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:2' })).toBe('connect b:2')
    expect(through({ HTTPS_PROXY: 'http://a:1' }, plain)).toBe(null)
    expect(through({ http_proxy: 'http://a:1' }, plain)).toBe('connect a:1')
    expect(through({ ALL_PROXY: 'socks5://s' })).toBe('socks5 s:1080')
    expect(through({ ALL_PROXY: 'socks5://s', HTTPS_PROXY: 'http://a:1' })).toBe('connect a:1')
    expect(through({ HTTPS_PROXY: ' ' })).toBe(null)
  })

  test('may leave the scheme out', () => {
    expect(through({ HTTPS_PROXY: 'proxy.example:3128' })).toBe('connect proxy.example:3128')
  })

  test('names itself in what is wrong with it', () => {
    expect(() => through({ https_proxy: 'gopher://x' })).toThrow('https_proxy of the environment')
  })

  test.each([
    ['*', true],
    ['exchange.example', true],
    ['EXCHANGE.example', true],
    ['example', true],
    ['.example', true],
    ['*.example', true],
    ['xample', false],
    ['other.example', false],
    ['exchange.example:443', true],
    ['exchange.example:80', false],
    ['localhost, exchange.example', true],
    ['localhost  exchange.example', true],
    ['', false],
    [' , ', false],
  ])('no_proxy %j exempts it: %s', (list, isExempt) => {
    expect(through({ HTTPS_PROXY: 'http://a:1', no_proxy: list })).toBe(isExempt ? null : 'connect a:1')
    expect(through({ HTTPS_PROXY: 'http://a:1', NO_PROXY: list })).toBe(isExempt ? null : 'connect a:1')
  })

  test('addresses of IPv6 are exempted with brackets and without', () => {
    const six = { hostname: '::1', port: 443, secure: true }
    for (const list of ['::1', '[::1]', '[::1]:443']) expect(through({ HTTPS_PROXY: 'http://a:1', no_proxy: list }, six)).toBe(null)
  })

  test('that may not be read is said with the reason', () => {
    const read = (): unknown =>
      resolveProxy('environment', { hostname: 'a', port: 443, secure: true }, () => {
        throw new Error('Requires env access, run again with the --allow-env flag')
      })
    expect(read).toThrow(expect.objectContaining({ code: 'OptionUnsupported', message: expect.stringMatching(/no_proxy.*--allow-env/) }))
  })
})
