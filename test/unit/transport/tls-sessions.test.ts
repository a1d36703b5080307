/** TLS sessions that are kept: offered to whom, how often, and until when. */

import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { checkTlsConfig, type TlsSettings } from '../../../src/transport/tls-options.ts'
import { type KeptSession, sessionKey, TlsSessions } from '../../../src/transport/tls-sessions.ts'

const NAME = 'exchange.example'
const KEY = sessionKey(NAME, checkTlsConfig(undefined))
const ELSEWHERE = sessionKey('elsewhere.example', checkTlsConfig(undefined))
const LATER = 1_000
const session = (text: string, validUntil = LATER): KeptSession => ({ session: new TextEncoder().encode(text), validUntil })
const textOf = (found: KeptSession | undefined): string | undefined => (found === undefined ? undefined : new TextDecoder().decode(found.session))

function sessionsWith(...kept: string[]): TlsSessions {
  const sessions = new TlsSessions(() => 0)
  for (const each of kept) sessions.keep(KEY, session(each))
  return sessions
}

test('the newest is offered first, and one that was offered is gone unless it is put back: behind the others', () => {
  const sessions = sessionsWith('a', 'b')
  const taken = [1, 2, 3].map(() => textOf(sessions.take(sessionKey(NAME, checkTlsConfig({})))))
  expect(taken).toEqual(['b', 'a', undefined])
  const resumed = sessionsWith('a', 'b')
  const order = [1, 2, 3, 4].map(() => {
    const next = resumed.take(KEY) as KeptSession
    resumed.putBehind(KEY, next)
    return textOf(next)
  })
  expect(order).toEqual(['b', 'a', 'b', 'a'])
  resumed.keep(KEY, session('new'))
  expect(textOf(resumed.take(KEY))).toBe('new')
})

test('one that no server has seen is the next one again', () => {
  const sessions = sessionsWith('a', 'b')
  for (let attempt = 0; attempt < 3; attempt++) {
    const unseen = sessions.take(KEY) as KeptSession
    expect(textOf(unseen)).toBe('b')
    sessions.giveBack(KEY, unseen)
  }
})

test('one that comes back late is not put among those of another name, nor over the limit', () => {
  const sessions = sessionsWith('a')
  const late = sessions.take(KEY) as KeptSession
  sessions.keep(ELSEWHERE, session('b'))
  sessions.putBehind(KEY, late)
  sessions.giveBack(KEY, late)
  expect([1, 2].map(() => textOf(sessions.take(ELSEWHERE)))).toEqual(['b', undefined])
  const full = sessionsWith(...Array.from({ length: 32 }, (_, i) => String(i)))
  full.putBehind(KEY, session('late'))
  full.giveBack(KEY, session('late'))
  expect(inspect(full)).toContain('32')
})

test('one whose certificate has expired is never offered', () => {
  const sessions = new TlsSessions(() => 11)
  for (const [each, validUntil] of [
    ['last', 12],
    ['first', 11],
    ['none', Number.NaN],
  ] as const) {
    sessions.keep(KEY, session(each, validUntil))
  }
  expect(textOf(sessions.take(KEY))).toBe('last')
  expect(sessions.take(KEY)).toBe(undefined)
})

const PEM = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----'
const PRIVATE = '-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----'
const OTHERS: readonly (readonly [string, string, TlsSettings])[] = [
  ['another name', 'elsewhere.example', checkTlsConfig(undefined)],
  ['other roots', NAME, checkTlsConfig({ ca: PEM })],
  ['a certificate of the client’s', NAME, checkTlsConfig({ cert: PEM, key: PRIVATE })],
  ['other protocols', NAME, checkTlsConfig({ alpnProtocols: ['http/1.1'] })],
  ['a server name', NAME, checkTlsConfig({ serverName: NAME })],
  ['another least version', NAME, checkTlsConfig({ minVersion: '1.3' })],
  ['no verification', NAME, checkTlsConfig({ dangerNoVerify: true })],
]

test.each(OTHERS)('one is never offered with %s, nor the other way round', (_, name, settings) => {
  const other = sessionKey(name, settings)
  const sessions = sessionsWith('a')
  expect(sessions.take(other)).toBe(undefined)
  expect(textOf(sessions.take(KEY))).toBe('a')
  sessions.keep(KEY, session('b'))
  sessions.keep(other, session('c'))
  expect(sessions.take(KEY)).toBe(undefined)
  expect(textOf(sessions.take(other))).toBe('c')
  expect(sessions.take(other)).toBe(undefined)
})

test('as many are kept as a pool can use, and no more: 31, 32, 33', () => {
  for (const [count, oldest] of [
    [31, '0'],
    [32, '0'],
    [33, '1'],
  ] as const) {
    const sessions = sessionsWith(...Array.from({ length: count }, (_, i) => String(i)))
    const all: (string | undefined)[] = []
    for (let one = sessions.take(KEY); one !== undefined; one = sessions.take(KEY)) all.push(textOf(one))
    expect([all.length, all.at(-1)]).toEqual([Math.min(count, 32), oldest])
  }
})

test('they show no secret of theirs', () => {
  const sessions = new TlsSessions(() => 0)
  sessions.keep(sessionKey(NAME, checkTlsConfig({ cert: PEM, key: PRIVATE })), session('secret'))
  for (const shown of [inspect(sessions), JSON.stringify(sessions)]) {
    expect(shown).toContain('kept')
    expect(shown).not.toMatch(/PRIVATE|115|secret/)
  }
})
