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

test('fields for the proxy are read as all others: pairs, numbers, lists; undefined is left out', () => {
  const fields = (headers: unknown): unknown => resolve({ url: 'http://proxy.example', headers })?.headers
  const pairs = [
    ['X-A', '1'],
    ['X-A', 'true'],
    ['x-b', ''],
  ]
  expect(fields({ 'X-A': [1, true], 'x-b': '', 'X-C': undefined })).toEqual(pairs)
  expect(fields(pairs)).toEqual(pairs)
  expect(fields(new Map(pairs as [string, string][]))).toEqual(pairs.slice(1))
  expect(fields(new Headers({ 'X-D': 'd' }))).toEqual([['x-d', 'd']])
})

test.each(['http://proxy.example', 'https://proxy.example'])('%s forwards plain requests when it is asked to', (url) => {
  expect(resolve({ url, plain: 'forward' })).toMatchObject({ forwards: true })
  for (const plain of ['tunnel', undefined]) expect(resolve({ url, plain })).toMatchObject({ forwards: false })
  expect(resolve(url)).toMatchObject({ forwards: false })
})

test.each([
  ['not a URL', 'proxy is not a URL (it is a string of 9 characters, not shown, as it may hold a secret); expected something like'],
  ['ftp://proxy.example', 'ftp:// is no kind of proxy'],
  ['http://proxy.example/path', "a proxy's URL ends after its port"],
  ['http://proxy.example?x', "a proxy's URL ends after its port"],
  ['http://%zz@proxy.example', 'not valid percent-encoding'],
  ['socks5://', 'has no host'],
  [7, 'proxy must be a URL'],
  [{}, 'proxy must be a URL'],
  [{ url: 'socks5://proxy.example', headers: { a: 'b' } }, 'takes neither headers nor tls'],
  [{ url: 'socks5://proxy.example', tls: {} }, 'takes neither headers nor tls'],
  [{ url: 'socks5://proxy.example', plain: 'forward' }, "cannot 'forward' them"],
  [{ url: 'http://proxy.example', plain: 'direct' }, "proxy.plain must be 'tunnel' or 'forward'"],
  [{ url: 'http://proxy.example', plain: null }, "proxy.plain must be 'tunnel' or 'forward'"],
  [{ url: 'http://proxy.example', headers: null }, 'proxy.headers must be an object, or pairs'],
  [{ url: 'http://proxy.example', headers: ['X-Key', 'k'] }, 'proxy.headers must be an object, or pairs'],
  [{ url: 'http://proxy.example', headers: { 'X-Key': null } }, 'proxy.headers: the value of "X-Key" must be a string'],
  [{ url: 'http://proxy.example', headers: { 'X-Key': {} } }, 'proxy.headers: the value of "X-Key" must be a string'],
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
    ['.', false],
    ['*.', false],
    ['. , ..', false],
    ['exchange.example.', true],
    ['example.', true],
    ['exchange.example.:443', true],
  ])('no_proxy %j exempts it: %s', (list, isExempt) => {
    expect(through({ HTTPS_PROXY: 'http://a:1', no_proxy: list })).toBe(isExempt ? null : 'connect a:1')
    expect(through({ HTTPS_PROXY: 'http://a:1', NO_PROXY: list })).toBe(isExempt ? null : 'connect a:1')
  })

  test.each([
    ['internal.corp.', 'internal.corp.', true],
    ['internal.corp', 'internal.corp.', true],
    ['internal.corp.', 'internal.corp', true],
    ['internal.corp.', 'a.internal.corp', true],
    ['.', 'internal.corp.', false],
    ['corp', 'internal.corp.', true],
    ['0.1', '10.0.0.1', false],
    ['1', '127.0.0.1', false],
    ['1:443', '127.0.0.1', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1:443', '127.0.0.1', true],
    ['127.0.0.1:80', '127.0.0.1', false],
    [':1', '::1', false],
    ['1', '1.example', false],
  ])('no_proxy %j for %s: %s', (list, hostname, isExempt) => {
    expect(through({ HTTPS_PROXY: 'http://a:1', no_proxy: list }, { hostname, port: 443, secure: true })).toBe(isExempt ? null : 'connect a:1')
  })

  test('an empty variable is none, and does not hide the other', () => {
    expect(through({ HTTPS_PROXY: 'http://a:1', no_proxy: '', NO_PROXY: 'example' })).toBe(null)
    expect(through({ https_proxy: '', HTTPS_PROXY: 'http://a:1' })).toBe('connect a:1')
  })

  test('of a CGI script: HTTP_PROXY is what the request says, and not believed', () => {
    const cgi = { REQUEST_METHOD: 'GET', HTTP_PROXY: 'http://attacker:1' }
    expect(through(cgi, plain)).toBe(null)
    expect(through({ ...cgi, ALL_PROXY: 'http://a:1' }, plain)).toBe('connect a:1')
    expect(through({ ...cgi, http_proxy: 'http://a:1' }, plain)).toBe('connect a:1')
    expect(through({ ...cgi, HTTPS_PROXY: 'http://a:1' })).toBe('connect a:1')
    expect(through({ HTTP_PROXY: 'http://a:1' }, plain)).toBe('connect a:1')
    expect(through({ HTTP_PROXY: 'http://a:1', REQUEST_METHOD: '' }, plain)).toBe('connect a:1')
  })

  test('of a CGI script, where case makes no difference in names', () => {
    const folded: Record<string, string> = { REQUEST_METHOD: 'GET', HTTP_PROXY: 'http://attacker:1' }
    expect(resolveProxy('environment', plain, (name) => folded[name.toUpperCase()])).toBe(null)
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
