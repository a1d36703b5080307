/** Connecting through a proxy: what is checked before it is dialled, who is named when it is silent, and that nothing is left open. */

import { expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { TransportError, UsageError } from '../../../src/errors.ts'
import { dialThroughProxy } from '../../../src/proxy/dial.ts'
import { type MemoryTransport, memoryPair } from '../../../src/transport/memory/pair.ts'
import type { Address, Dial, DialOptions, Secure, Transport } from '../../../src/transport/transport.ts'
import { codec } from '../ws/harness.ts'

const server = { hostname: 'exchange.example', port: 443, secure: true }

/** A proxy that says `words` when it is dialled. */
function world(words: string): { dial: Dial; dialled: Address[]; destroyed: () => number; secure: { run: Secure } } {
  const dialled: Address[] = []
  let destroyed = 0
  const secure: { run: Secure } = { run: async (transport) => transport }
  const dial: Dial = async (address) => {
    dialled.push(address)
    const [ours, theirs] = memoryPair()
    const { destroy } = ours
    ours.destroy = () => {
      destroyed++
      destroy.call(ours)
    }
    say(theirs, words)
    return ours
  }
  const through = dialThroughProxy({
    codec,
    dial,
    secure: (transport, hostname, settings) => secure.run(transport, hostname, settings),
    environment: () => undefined,
    clock: systemClock,
    checkTls: () => {},
  })
  return { dial: through, dialled, destroyed: () => destroyed, secure }
}

function say(end: MemoryTransport, words: string): void {
  const ignore = (): void => {}
  end.start({ onRead: () => end.resume(), onEnd: ignore, onWritten: ignore, onClosed: ignore }, [new Uint8Array(4_096)])
  end.resume()
  end.write(new TextEncoder().encode(words))
}

const OPEN = 'HTTP/1.1 200 OK\r\n\r\n'

test.each<[string, Address, DialOptions, string]>([
  ['a name that is too long for SOCKS5', { ...server, hostname: 'x'.repeat(304) }, { proxy: 'socks5://proxy.example' }, 'InvalidUrl'],
  ['a password that is', server, { proxy: `socks5://user:${'x'.repeat(256)}@proxy.example` }, 'InvalidOption'],
  ['a field that may not be sent', server, { proxy: { url: 'http://proxy.example', headers: { X: 'a\n' } } }, 'HeaderInjection'],
  ['TLS that cannot be', server, { proxy: 'http://proxy.example', tls: { key: 'x' } }, 'TlsOptionInvalid'],
  ['a time that is none', server, { proxy: 'http://proxy.example', connectTimeout: -1 }, 'InvalidOption'],
])('%s is refused before anybody is dialled', async (_, address, options, code) => {
  const { dial, dialled } = world(OPEN)
  await expect(dial(address, options)).rejects.toMatchObject({ code })
  expect(dialled).toEqual([])
})

test.each<[string, string, Secure, string]>([
  ['refuses', 'HTTP/1.1 403 Forbidden\r\n\r\n', async (transport) => transport, 'ProxyRefused'],
  ['wants credentials', 'HTTP/1.1 407 Who?\r\n\r\n', async (transport) => transport, 'ProxyAuthRequired'],
  ['speaks something else', 'SSH-2.0\r\n', async (transport) => transport, 'ProxyFailed'],
  ['tunnels to who has no TLS', OPEN, () => Promise.reject(new TransportError('ConnectionReset', 'no TLS')), 'ConnectionReset'],
  [
    'is not to blame: TLS throws at once',
    OPEN,
    () => {
      throw new UsageError('InvalidOption', 'no name')
    },
    'InvalidOption',
  ],
])('no connection is left when the proxy %s', async (_, words, secure, code) => {
  const made = world(words)
  made.secure.run = secure
  await expect(made.dial(server, { proxy: 'http://proxy.example:3128' })).rejects.toMatchObject({ code })
  expect(made.dialled).toHaveLength(1)
  expect(made.destroyed()).toBeGreaterThan(0)
})

test('who is silent is who is named', async () => {
  const silent = world('')
  await expect(silent.dial(server, { proxy: 'http://proxy.example:3128', connectTimeout: 5 })).rejects.toMatchObject({
    code: 'ConnectTimeout',
    message: 'the proxy proxy.example:3128 did not answer within 5 ms (connectTimeout)',
  })
  expect(silent.destroyed()).toBeGreaterThan(0)
  const behind = world(OPEN)
  behind.secure.run = () => new Promise<Transport>(() => {})
  await expect(behind.dial(server, { proxy: 'http://proxy.example:3128', connectTimeout: 5 })).rejects.toMatchObject({
    code: 'ConnectTimeout',
    message: 'exchange.example:443, through the proxy proxy.example:3128, did not answer within 5 ms (connectTimeout)',
  })
  expect(behind.destroyed()).toBeGreaterThan(0)
})
