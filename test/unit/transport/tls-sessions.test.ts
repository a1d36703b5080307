/** TLS sessions that are kept: offered to whom, how often, and until when. */

import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { checkTlsConfig, type TlsSettings } from '../../../src/transport/tls-options.ts'
import { type KeptSession, TlsSessions } from '../../../src/transport/tls-sessions.ts'

const NAME = 'exchange.example'
const settings: TlsSettings = checkTlsConfig(undefined)
const LATER = 1_000
const session = (text: string, validUntil = LATER): KeptSession => ({ session: new TextEncoder().encode(text), validUntil })
const textOf = (found: KeptSession | undefined): string | undefined => (found === undefined ? undefined : new TextDecoder().decode(found.session))

function sessionsWith(...kept: string[]): TlsSessions {
  const sessions = new TlsSessions()
  for (const each of kept) sessions.keep(NAME, settings, session(each))
  return sessions
}

test('the newest is offered first, and one that was offered is gone unless it is put back: behind the others', () => {
  const sessions = sessionsWith('a', 'b')
  const taken = [1, 2, 3].map(() => textOf(sessions.take(NAME, checkTlsConfig({}), 0)))
  expect(taken).toEqual(['b', 'a', undefined])
  const resumed = sessionsWith('a', 'b')
  const order = [1, 2, 3, 4].map(() => {
    const next = resumed.take(NAME, settings, 0) as KeptSession
    resumed.putBack(NAME, settings, next)
    return textOf(next)
  })
  expect(order).toEqual(['b', 'a', 'b', 'a'])
  resumed.keep(NAME, settings, session('new'))
  expect(textOf(resumed.take(NAME, settings, 0))).toBe('new')
})

test('one that comes back late is not put among those of another name, nor over the limit', () => {
  const sessions = sessionsWith('a')
  const late = sessions.take(NAME, settings, 0) as KeptSession
  sessions.keep('elsewhere.example', settings, session('b'))
  sessions.putBack(NAME, settings, late)
  expect([1, 2].map(() => textOf(sessions.take('elsewhere.example', settings, 0)))).toEqual(['b', undefined])
  const full = sessionsWith(...Array.from({ length: 32 }, (_, i) => String(i)))
  full.putBack(NAME, settings, session('late'))
  expect(inspect(full)).toContain('32')
})

test('one whose certificate has expired is never offered', () => {
  const sessions = new TlsSessions()
  for (const [each, validUntil] of [
    ['last', 12],
    ['first', 11],
    ['none', Number.NaN],
  ] as const) {
    sessions.keep(NAME, settings, session(each, validUntil))
  }
  expect(textOf(sessions.take(NAME, settings, 11))).toBe('last')
  expect(sessions.take(NAME, settings, 11)).toBe(undefined)
})

const PEM = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----'
const KEY = '-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----'
const OTHERS: readonly (readonly [string, string, TlsSettings])[] = [
  ['another name', 'elsewhere.example', settings],
  ['other roots', NAME, checkTlsConfig({ ca: PEM })],
  ['a certificate of the client’s', NAME, checkTlsConfig({ cert: PEM, key: KEY })],
  ['other protocols', NAME, checkTlsConfig({ alpnProtocols: ['http/1.1'] })],
  ['a server name', NAME, checkTlsConfig({ serverName: NAME })],
  ['another least version', NAME, checkTlsConfig({ minVersion: '1.3' })],
  ['no verification', NAME, checkTlsConfig({ dangerNoVerify: true })],
]

test.each(OTHERS)('one is never offered with %s, nor the other way round', (_, name, other) => {
  const sessions = sessionsWith('a')
  expect(sessions.take(name, other, 0)).toBe(undefined)
  expect(textOf(sessions.take(NAME, settings, 0))).toBe('a')
  sessions.keep(NAME, settings, session('b'))
  sessions.keep(name, other, session('c'))
  expect(sessions.take(NAME, settings, 0)).toBe(undefined)
  expect(textOf(sessions.take(name, other, 0))).toBe('c')
  expect(sessions.take(name, other, 0)).toBe(undefined)
})

test('as many are kept as a pool can use, and no more: 31, 32, 33', () => {
  for (const [count, oldest] of [
    [31, '0'],
    [32, '0'],
    [33, '1'],
  ] as const) {
    const sessions = sessionsWith(...Array.from({ length: count }, (_, i) => String(i)))
    const all: (string | undefined)[] = []
    for (let one = sessions.take(NAME, settings, 0); one !== undefined; one = sessions.take(NAME, settings, 0)) all.push(textOf(one))
    expect([all.length, all.at(-1)]).toEqual([Math.min(count, 32), oldest])
  }
})

test('they show no secret of theirs', () => {
  const sessions = new TlsSessions()
  sessions.keep(NAME, checkTlsConfig({ cert: PEM, key: KEY }), session('secret'))
  for (const shown of [inspect(sessions), JSON.stringify(sessions)]) {
    expect(shown).toContain('kept')
    expect(shown).not.toMatch(/PRIVATE|115|secret/)
  }
})
