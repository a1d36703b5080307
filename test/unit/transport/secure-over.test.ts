/** When TLS is put over a connection that the caller made, and that the connection is closed when nothing comes of it. */

import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { UsageError } from '../../../src/errors.ts'
import { memoryPair } from '../../../src/transport/memory/pair.ts'
import { secureOver } from '../../../src/transport/secure-over.ts'
import type { DialOptions, Secure, Transport } from '../../../src/transport/transport.ts'

const address = { hostname: 'exchange.example', port: 443, secure: true }

/** A connection, whether it was closed, and whether TLS was put over it. */
function make(facts: Partial<Transport>): { transport: Transport; secure: Secure; seen: string[] } {
  const seen: string[] = []
  const [end] = memoryPair()
  const transport = Object.assign(end, facts)
  const { destroy } = end
  transport.destroy = () => {
    seen.push('destroyed')
    destroy.call(end)
  }
  const secure: Secure = async (given, hostname) => {
    seen.push(`secured for ${hostname}`)
    return given
  }
  return { transport, secure, seen }
}

describe('TLS', () => {
  test.each<[string, Partial<Transport>, DialOptions, boolean]>([
    ['is put over a plain connection', {}, {}, true],
    ['is not put over one that is secure already', { isSecure: true }, {}, false],
    ['… nor over one that is for the same name', { isSecure: true, serverName: 'EXCHANGE.example' }, {}, false],
    ['is put over TLS to a proxy', { isSecure: true, serverName: 'proxy.example' }, {}, true],
    ['… and wherever it is asked for', { isSecure: true, serverName: 'exchange.example' }, { tls: {} }, true],
    ['… also when nobody knows for whom the connection is secured', { isSecure: true }, { tls: {} }, true],
  ])('%s', async (_, facts, options, isSecured) => {
    const { transport, secure, seen } = make(facts)
    expect(await secureOver({ secure, clock: systemClock }, transport, () => ({ address, options }))).toBe(transport)
    expect(seen).toEqual(isSecured ? ['secured for exchange.example'] : [])
    const plain = make(facts)
    await secureOver({ secure: plain.secure, clock: systemClock }, plain.transport, () => ({ address: { ...address, secure: false }, options }))
    expect(plain.seen).toEqual([])
  })
})

describe('the connection is closed', () => {
  const wrong = (): never => {
    throw new UsageError('InvalidUrl', 'wrong')
  }
  const failing: Secure = async () => wrong()
  test.each<[string, Secure | undefined, DialOptions, () => typeof address, string]>([
    ['when the URL is wrong', undefined, {}, wrong, 'InvalidUrl'],
    ['when there is no TLS', undefined, {}, () => address, 'TlsOptionUnsupported'],
    ['when an option of TLS is wrong', failing, { tls: { minVersion: '1' as never } }, () => address, 'TlsOptionInvalid'],
    ['when another is wrong', failing, { connectTimeout: -1 }, () => address, 'InvalidOption'],
    ['when TLS fails', failing, {}, () => address, 'InvalidUrl'],
  ])('%s', async (_, secure, options, check, code) => {
    const { transport, seen } = make({})
    await expect(secureOver({ secure, clock: systemClock }, transport, () => ({ address: check(), options }))).rejects.toMatchObject({ code })
    // Once or twice: it is harmless.
    expect([...new Set(seen)]).toEqual(['destroyed'])
  })
})
