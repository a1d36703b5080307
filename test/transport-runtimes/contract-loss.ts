/** What its user learns of a connection that ends or is lost, and in which order: by what happens, and what the connection is at when it does. */

import assert from 'node:assert/strict'
import type { DialOptions } from '../../src/transport/transport.ts'
import { address, both, type ContractCase, type ContractContext, code, control, echoes, finish, open, withCa } from './contract-tools.ts'
import { Probe } from './probe.ts'

/** Everything that an error says: its code, its message and those of its causes. */
function textOf(error: unknown): string {
  const texts: string[] = []
  for (let at = error as { code?: string; message?: string; cause?: unknown } | null | undefined; at; at = at.cause as typeof at) {
    texts.push(String(at.code), String(at.message))
  }
  return texts.join('; ')
}

const codeOf = (error: Error | null): string | null => (error === null ? null : String((error as { code?: string }).code))

/** Has whatever is under way on this thread arrive: others have their answers meanwhile. */
async function settle(context: ContractContext): Promise<void> {
  for (let i = 0; i < 3; i++) await echoes(await open(context, 'echo'))
}

/** A connection that nobody has begun to use. */
const dial = (context: ContractContext, name: string, options: DialOptions = {}) =>
  context.dial(address(context, name), withCa(context, name, options))

/** Speaks TLS to a server that does not. */
const dialSecurely = (context: ContractContext, name: string) => context.dial(address(context, name, '127.0.0.1', true), withCa(context, 'tls', {}))

const textIn = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.slice())

/** Holds the bytes `abc` while the server, which that makes talk, says more and does what it is there for; `abc` stays where it is. */
async function holdsOn(context: ContractContext, probe: Probe, isDone: string): Promise<void> {
  const held = await probe.next()
  assert.equal(textIn(held), 'abc')
  await probe.write('x')
  await control(context, isDone)
  await settle(context)
  assert.equal(textIn(held), 'abc')
}

/** Writes more than any system takes at once, and loses the connection meanwhile: nothing is said of the write. */
async function losesItsWrite(probe: Probe): Promise<Error | null> {
  probe.resume()
  let isWritten = false
  void probe.write(new Uint8Array(64 * 1024 * 1024)).then(() => {
    isWritten = true
  })
  const closed = await probe.closed
  assert.notEqual(closed, null)
  assert.equal(isWritten, false)
  assert.notEqual(probe.transport.lastWrite, 'fully')
  return closed
}

/** Each once plain and once with TLS. */
export const losses: Record<string, ContractCase> = {
  ...both('a reset, idle: ConnectionReset', async (context, server) => {
    const probe = await open(context, server('resets'))
    assert.equal(await probe.textOf(3), 'abc')
    probe.resume()
    await probe.write('x')
    await control(context, `!reset ${server('resets')}`)
    const closed = await probe.closed
    assert.equal(codeOf(closed), 'ConnectionReset', textOf(closed))
    probe.check()
  }),
  ...both('a reset, reading with bytes waiting: the bytes, then ConnectionReset', async (context, server) => {
    const probe = await open(context, server('talks and resets'))
    await holdsOn(context, probe, `${server('talks and resets')} done`)
    assert.equal(await probe.textOf(4), 'more')
    probe.resume()
    const closed = await probe.closed
    assert.equal(codeOf(closed), 'ConnectionReset', textOf(closed))
    probe.check()
  }),
  ...both('a reset, writing: ConnectionReset, and no word of the write', async (context, server) => {
    const probe = await open(context, server('resets while written to'))
    const closed = await losesItsWrite(probe)
    assert.equal(codeOf(closed), 'ConnectionReset', textOf(closed))
    probe.check()
  }),
  ...both('a reset, before start: known once it is asked', async (context, server) => {
    const transport = await dial(context, server('resets at once'))
    await control(context, `!${server('resets at once')}`)
    await settle(context)
    const probe = new Probe(transport)
    probe.resume()
    const closed = await probe.closed
    // TLS reads ahead of its user on some runtimes, and what it finds is all there is to be told.
    assert.equal(codeOf(closed), 'ConnectionReset', textOf(closed))
    probe.check()
  }),
  ...both('an end, before start: bytes, then the end', async (context, server) => {
    const transport = await dial(context, server('says bye'))
    await settle(context)
    const probe = new Probe(transport)
    assert.equal(await probe.text(), 'bye')
    transport.end()
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('an end, idle', async (context, server) => {
    const probe = await open(context, server('ends'))
    assert.equal(await probe.textOf(3), 'abc')
    probe.resume()
    await control(context, `!end ${server('ends')}`)
    await probe.ended
    probe.transport.end()
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('an end, reading with bytes waiting: the bytes, then the end', async (context, server) => {
    const probe = await open(context, server('talks and ends'))
    await holdsOn(context, probe, `${server('talks and ends')} done`)
    assert.equal(await probe.text(), 'more')
    probe.transport.end()
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('an end, writing: the end, and the write is completed', async (context, server) => {
    const probe = await open(context, server('ends while written to'))
    probe.resume()
    const written = probe.write(new Uint8Array(8 * 1024 * 1024))
    await probe.ended
    await written
    probe.transport.end()
    const count = await control(context, `${server('ends while written to')} read`)
    // A server of node:tls may drop bytes that it has read after its own end.
    if (server('') === '') assert.equal(count, 8 * 1024 * 1024)
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('an end of both sides, with bytes waiting: the bytes, the end, and then the close', async (context, server) => {
    const probe = await open(context, server('late'), {}, 5)
    await probe.write('abc')
    probe.transport.end()
    await settle(context)
    // In pieces of five bytes, each asked for on its own.
    assert.equal(textIn(await probe.next()), 'late:')
    await settle(context)
    assert.equal(textIn(await probe.next()), 'abc')
    await settle(context)
    await probe.drain()
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('destroy, with bytes waiting: closed, and nothing else', async (context, server) => {
    const probe = await open(context, server('talks and waits'))
    await probe.next()
    await settle(context)
    await finish(probe)
  }),
}

/** Of TLS alone. */
export const tlsLosses: Record<string, ContractCase> = {
  'TLS: plain text on an open connection, idle: an error with its cause': async (context) => {
    const probe = await open(context, 'tls goes plain')
    assert.equal(await probe.textOf(3), 'abc')
    probe.resume()
    await probe.write('x')
    const closed = await probe.closed
    assert.notEqual(closed, null)
    assert.notEqual((closed as Error).cause ?? null, null)
    probe.check()
  },
  'TLS: plain text on an open connection, before start: an error': async (context) => {
    const transport = await dial(context, 'tls goes plain at once')
    await control(context, 'gone plain at once')
    await settle(context)
    const probe = new Probe(transport)
    probe.resume()
    assert.notEqual(await probe.closed, null)
    probe.check()
  },
  'TLS: plain text on an open connection, reading with bytes waiting: the bytes, then an error': async (context) => {
    const probe = await open(context, 'tls talks and goes plain')
    await holdsOn(context, probe, 'talked and gone plain')
    assert.equal(await probe.textOf(4), 'more')
    probe.resume()
    assert.notEqual(await probe.closed, null)
    probe.check()
  },
  'TLS: plain text on an open connection, writing: an error, and no word of the write': async (context) => {
    const probe = await open(context, 'tls goes plain while written to')
    await losesItsWrite(probe)
    probe.check()
  },
  'TLS: a reset, in the handshake: TlsHandshakeFailed': async (context) => {
    assert.equal(await code(dialSecurely(context, 'resets when spoken to')), 'TlsHandshakeFailed')
  },
  'TLS: an end, in the handshake: TlsHandshakeFailed': async (context) => {
    assert.equal(await code(dialSecurely(context, 'ends when spoken to')), 'TlsHandshakeFailed')
  },
  'TLS: an alert on an open connection, before start: an error that names it': async (context) => {
    const transport = await dial(context, 'tls client certificate TLSv1.3')
    await control(context, 'tls client certificate TLSv1.3 refused')
    await settle(context)
    const probe = new Probe(transport)
    probe.resume()
    assert.match(textOf(await probe.closed), /certificate.?required/i)
    probe.check()
  },
  'TLS: an alert on an open connection, writing: an error, and no word of the write': async (context) => {
    const probe = await open(context, 'tls client certificate TLSv1.3')
    // The reset of a server that has not read everything may overtake its alert.
    await losesItsWrite(probe)
    probe.check()
  },
  'TLS: an alert on an open connection, idle: an error that names it': async (context) => {
    // With TLS 1.3 a client learns that its certificate is missing after its handshake is done (RFC 8446 section 4.4.2.4).
    const probe = await open(context, 'tls client certificate TLSv1.3')
    probe.resume()
    const closed = await probe.closed
    assert.match(textOf(closed), /certificate.?required/i)
    probe.check()
  },
}

/** A proxy that sees a reset may drop what it has not passed on. */
export const DIRECT_LOSSES: readonly string[] = Object.keys(losses).filter((name) => name.includes('a reset, reading with bytes waiting'))

/** When it happens. */
export const WHEN = ['before start', 'in the handshake', 'idle', 'reading with bytes waiting', 'writing'] as const

/** A cell that has no case, and why. */
export interface Gap {
  readonly gap: string
}

/**
 * What happens × when ({@link WHEN}): the beginning of the name of the case that holds what the user sees, on every runtime. A connection that died before
 * it was used is the first column.
 */
export const TABLE: Readonly<Record<string, readonly (string | Gap)[]>> = {
  'TCP, a reset': [
    'a reset, before start',
    'nobody listens: ConnectRefused',
    'a reset, idle',
    'a reset, reading with bytes waiting',
    'a reset, writing',
  ],
  'TCP, an end': [
    'an end, before start',
    { gap: 'the handshake of TCP ends with a reset or not at all' },
    'an end, idle',
    'an end, reading with bytes waiting',
    'an end, writing',
  ],
  'TLS, a reset': [
    'TLS: a reset, before start',
    'TLS: a reset, in the handshake',
    'TLS: a reset, idle',
    'TLS: a reset, reading with bytes waiting',
    'TLS: a reset, writing',
  ],
  'TLS, an end': [
    'TLS: an end, before start',
    'TLS: an end, in the handshake',
    'TLS: an end, idle',
    'TLS: an end, reading with bytes waiting',
    'TLS: an end, writing',
  ],
  'TLS, an error': [
    'TLS: plain text on an open connection, before start',
    'TLS: to a port that speaks something else',
    'TLS: plain text on an open connection, idle',
    'TLS: plain text on an open connection, reading with bytes waiting',
    'TLS: plain text on an open connection, writing',
  ],
  'TLS, an alert': [
    'TLS: an alert on an open connection, before start',
    'TLS: minVersion',
    'TLS: an alert on an open connection, idle',
    { gap: 'a server of node:tls sends nothing before it has judged the certificate, and no alert of its own afterwards' },
    'TLS: an alert on an open connection, writing',
  ],
}
