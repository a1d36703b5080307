/** How errors name what they were given, and that no public function repeats a secret in one. */

import { describe, expect, test } from 'vitest'
import * as codec from '../../src/entry/codec.ts'
import * as nexus from '../../src/entry/node.ts'
import { nameChoice, nameFault, nameField, nameUrl, nameValue } from '../../src/naming.ts'
import { tellsNothing } from '../integration/failing-checks.ts'

test.each<[unknown, string]>([
  [undefined, 'undefined'],
  [null, 'null'],
  [5, '5'],
  [Number.NaN, 'NaN'],
  [5n, '5'],
  [true, 'true'],
  ['', 'an empty string'],
  ['x', 'a string of 1 character'],
  ['secret', 'a string of 6 characters'],
  [Symbol('secret'), 'a symbol'],
  [() => 'secret', 'a function'],
  [[], 'an empty array'],
  [['secret', 'secret'], 'an array of 2'],
  [{ secret: 1 }, 'an object'],
  [Object.create(null), 'an object'],
  [new AbortController(), 'an instance of AbortController'],
  [new Proxy({}, {}), 'an object'],
  [{ constructor: { name: 'se cret' } }, 'an object'],
])('a value is named by its kind: %s', (value, name) => {
  expect(nameValue(value)).toBe(name)
})

test('a choice is shown when it could be one', () => {
  expect([nameChoice('1.1'), nameChoice('clinet'), nameChoice('no choice at all'), nameChoice(7)]).toEqual([
    '"1.1"',
    '"clinet"',
    'a string of 16 characters',
    '7',
  ])
})

test('a fault is named by its place', () => {
  expect(nameFault('ab cd', /[a-z]/)).toBe('character 3 of 5 (U+0020)')
  expect(nameFault('é', /[a-z]/)).toBe('character 1 of 1 (U+00E9)')
  expect(nameFault('abcd', /[a-z]/)).toBe('a string of 4 characters')
})

test('a field is named as far as it is a name', () => {
  expect([nameField('X-Key'), nameField('X-Key: secret'), nameField('é'), nameField('')]).toEqual(['"X-Key"', '"X-Key"…', '""…', '""'])
})

test('a URL is named by where it leads', () => {
  expect(nameUrl(new URL('wss://user:secret@host.example:8443/secret?secret#secret'))).toBe('wss://host.example:8443')
})

const SECRET = 'pl4nted'
const wrong = (value: unknown): never => value as never

/** Calls that fail before anything is sent, each with a secret in what is wrong, or beside it. */
const CALLS: Readonly<Record<string, () => unknown>> = {
  'a URL without a scheme': () => nexus.WsStream.connect(`user:${SECRET}@host/?${SECRET}`),
  'a URL with another scheme': () => nexus.WsStream.connect(`ftp://user:${SECRET}@host/?${SECRET}`),
  'a URL that starts with its user': () => nexus.ClientPool.connect(`${SECRET}:word@host`),
  'a URL with a wrong port': () => nexus.WsStream.connect(`wss://${SECRET}:${SECRET}@host:99999/?token=${SECRET}`),
  'a URL with a fragment': () => nexus.HttpConnection.connect(`https://host/?token=${SECRET}#${SECRET}`),
  'a URL with broken percent-encoding': () => nexus.WsStream.connect(`wss://user:%zz${SECRET}@host/`),
  'a URL with a query, for a pool': () => nexus.ClientPool.connect(`https://host/?token=${SECRET}`),
  'a URL with a user, for a connection': () => nexus.HttpConnection.connect(`https://user:${SECRET}@host/`),
  'an object for a URL': () => nexus.WsStream.connect(wrong({ toString: () => SECRET })),
  'a base path': () => nexus.ClientPool.connect('https://host', { basePath: `/v1?key=${SECRET}` }),
  'default fields': () => nexus.ClientPool.connect('https://host', { defaultHeaders: { 'X-Key': `${SECRET}\n` } }),
  'a proxy without a scheme': () => nexus.WsStream.connect('wss://host', { proxy: `user:${SECRET}@proxy:3128` }),
  'a proxy with broken percent-encoding': () => nexus.WsStream.connect('wss://host', { proxy: `http://user:%zz${SECRET}@proxy` }),
  'a proxy of another kind': () => nexus.WsStream.connect('wss://host', { proxy: `ftp://user:${SECRET}@proxy` }),
  'a proxy that is no URL': () => nexus.WsStream.connect('wss://host', { proxy: { url: `http://user:${SECRET}@[` } }),
  'a key without a certificate': () => nexus.WsStream.connect('wss://host', { tls: { key: SECRET } }),
  'a key that is no PEM': () => nexus.WsStream.connect('wss://host', { tls: { key: SECRET, cert: SECRET } }),
  'a wrong server name': () => nexus.WsStream.connect('wss://host', { tls: { serverName: `user:${SECRET}@host` } }),
  'a wrong protocol of TLS': () => nexus.WsStream.connect('wss://host', { tls: { alpnProtocols: [`${SECRET} `] } }),
  'a wrong version of TLS': () => nexus.WsStream.connect('wss://host', { tls: { minVersion: wrong(`${SECRET} ${SECRET}`) } }),
  'a wrong switch': () => nexus.WsStream.connect('wss://host', { noDelay: wrong(SECRET) }),
  'a wrong number': () => nexus.WsStream.connect('wss://host', { maxFrameSize: wrong(SECRET) }),
  'a wrong path of a socket': () => nexus.WsStream.connect('wss://host', { socketPath: `/${SECRET}\0` }),
  'a wrong subprotocol': () => nexus.WsStream.connect('wss://host', { protocols: [`${SECRET}=`] }),
  'a field in a name': () => new nexus.RequestWriter('host').get('/').header(`X: ${SECRET}`, '').finish(),
  'a field': () => new nexus.RequestWriter('host').get('/').header('X', `${SECRET}\0`).finish(),
  'a default field': () => new nexus.RequestWriter('host').defaultHeader('X', `${SECRET}\0`),
  'a field that is written over': () => new nexus.RequestWriter('host').get('/').header('X', '1234567').finish().overwriteHeader('X', `${SECRET}8`),
  'a field that is looked for': () => new nexus.RequestWriter('host').get('/').finish().overwriteHeader(`X: ${SECRET}`, ''),
  'a path': () => new nexus.RequestWriter('host').get(`/a b?token=${SECRET}`).finish(),
  'a path that is a URL': () => new nexus.RequestWriter('host').get(`https://user:${SECRET}@host/`).finish(),
  'a path that climbs': () => new nexus.RequestWriter('host').get(`/../${SECRET}?${SECRET}`).finish(),
  'a raw query': () => new nexus.RequestWriter('host').get('/').queryRaw(`token=${SECRET} `).finish(),
  'a method': () => new nexus.RequestWriter('host').request(`GET ${SECRET}`, '/').finish(),
  'a host': () => new nexus.RequestWriter(`user:${SECRET}@host`),
  'a request line': () => codec.writeRequest('GET', `/ ${SECRET}`, {}, new Uint8Array(999)),
  'a field of a head': () => codec.writeRequest('GET', '/', { X: `${SECRET}\n` }, new Uint8Array(999)),
  'a reason': () => codec.writeResponse(200, `${SECRET}\n`, {}, new Uint8Array(999)),
  'a key of a handshake': () => codec.computeAcceptKey(`${SECRET}`),
  'a role': () => new codec.FrameReader({ role: wrong(`${SECRET} ${SECRET}`) }),
}

describe('no secret is in the error of', () => {
  test.each(Object.keys(CALLS))('%s', async (name) => {
    const error = await (async () => CALLS[name]?.())().then(
      () => null,
      (reason: unknown) => reason as Error,
    )
    expect(error).toBeInstanceOf(nexus.NexusError)
    tellsNothing(error)
  })
})
