/** What every transport must do, in cases that run on every runtime against the servers of `peer.ts`. */

import assert from 'node:assert/strict'
import { lookup } from 'node:dns/promises'
import type { TlsConfig } from '../../src/transport/tls-config.ts'
import type { Address, Dial, DialOptions } from '../../src/transport/transport.ts'
import { FLOOD_SIZE, patternAt, patternFault } from './pattern.ts'
import type { PeerInfo } from './peer.ts'
import { Probe } from './probe.ts'

/** What a case works with. */
export interface ContractContext {
  readonly dial: Dial
  readonly peer: PeerInfo
  /** The runtime was started so that it trusts the test authority anyway: cases give no `ca`. */
  readonly trusted: boolean
}

/** A case: resolves when all is well. */
export type ContractCase = (context: ContractContext) => Promise<void>

/** Bytes of a write that no kernel takes at once. */
const BIG = 16 * 1024 * 1024

function address({ peer }: ContractContext, name: string, hostname = '127.0.0.1', secure = name.startsWith('tls')): Address {
  const port = peer.ports[name]
  if (port === undefined) throw new Error(`no server called ${name}`)
  return { hostname, port, secure }
}

async function open(context: ContractContext, name: string, options: DialOptions = {}, targetSize?: number): Promise<Probe> {
  return new Probe(await context.dial(address(context, name), withCa(context, name, options)), targetSize)
}

function withCa({ trusted, peer }: ContractContext, name: string, options: DialOptions): DialOptions {
  if (!name.startsWith('tls') || trusted) return options
  return { ...options, tls: { ca: peer.certificates.ca, ...options.tls } }
}

/** Asks the control port; a name that begins with `!` tells it something. */
async function control(context: ContractContext, request: string): Promise<unknown> {
  const probe = new Probe(await context.dial(address(context, 'control'), {}))
  await probe.write(request)
  probe.transport.end()
  const reply = await probe.text()
  assert.equal(await probe.closed, null)
  return JSON.parse(reply)
}

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'no error'
}

async function finish(probe: Probe): Promise<void> {
  probe.transport.destroy()
  probe.transport.destroy()
  assert.equal(await probe.closed, null)
  probe.check()
}

async function echoes(probe: Probe): Promise<void> {
  await probe.write('hello')
  assert.equal(await probe.textOf(5), 'hello')
  await finish(probe)
}

/** A case for plain TCP and the same one for TLS. */
function both(name: string, run: (context: ContractContext, server: (name: string) => string) => Promise<void>): Record<string, ContractCase> {
  return {
    [name]: (context) => run(context, (server) => server),
    [`TLS: ${name}`]: (context) => run(context, (server) => `tls ${server}`),
  }
}

const shared: Record<string, ContractCase> = {
  ...both('echo, remote address', async (context, server) => {
    const probe = await open(context, server('echo'))
    assert.equal(probe.transport.remoteAddress, `127.0.0.1:${context.peer.ports[server('echo')]}`)
    assert.equal(probe.transport.alpnProtocol, undefined)
    await echoes(probe)
  }),
  ...both('a reader that does not ask stops the sender, and nothing is overwritten', async (context, server) => {
    const probe = await open(context, server('flood'), {}, 40_000)
    const first = await probe.next()
    const kept = first.slice()
    // While this one is held, others do a great deal of work.
    for (let i = 0; i < 20; i++) await echoes(await open(context, server('echo')))
    assert.deepEqual(first, kept)
    assert.equal(patternFault(kept, 0), null)
    let count = kept.length
    let fault: string | null = null
    await probe.drain((bytes) => {
      fault ??= patternFault(bytes, count)
      count += bytes.length
    })
    assert.equal(fault, null)
    assert.equal(count, FLOOD_SIZE)
    probe.transport.end()
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('a large write, by parts; its memory is free afterwards', async (context, server) => {
    const probe = await open(context, server('sink'))
    const bytes = new Uint8Array(new WebAssembly.Memory({ initial: BIG / 65_536 }).buffer)
    let written = 0
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < bytes.length; i += 65_536) bytes.set(patternAt(written + i, 65_536), i)
      await probe.write(bytes)
      written += bytes.length
      bytes.fill(255)
    }
    probe.transport.end()
    await probe.drain()
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('our end first: the peer may still talk', async (context, server) => {
    const probe = await open(context, server('late'))
    await probe.write('abc')
    probe.transport.end()
    assert.equal(await probe.text(), 'late:abc')
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('the end comes after a write that is still under way', async (context, server) => {
    const probe = await open(context, server('late'))
    const written = probe.write(new Uint8Array(1_000_000).fill(97))
    probe.transport.end()
    assert.equal(await probe.text(), `late:${'a'.repeat(1_000_000)}`)
    await written
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('destroy closes at once, however much is unread', async (context, server) => {
    const probe = await open(context, server('flood'))
    await probe.next()
    await finish(probe)
    assert.equal(probe.transport.write(new Uint8Array(1)), false)
  }),
  ...both('destroy closes both ways, even if the peer does not', async (context, server) => {
    const probe = await open(context, server('patient'))
    assert.equal(await probe.textOf(3), 'abc')
    await finish(probe)
    await control(context, `${server('patient')} closed`)
  }),
  ...both('destroy right after a write loses nothing that was written', async (context, server) => {
    const probe = await open(context, server('echo'))
    await probe.write('hello')
    await finish(probe)
  }),
}

const plain: Record<string, ContractCase> = {
  'the large write arrived intact': async (context) => {
    assert.deepEqual(await control(context, 'sink'), { count: 2 * BIG, fault: null })
  },
  'their end first: we may still talk': async (context) => {
    const probe = await open(context, 'early')
    assert.equal(await probe.text(), 'bye')
    await probe.write('after the end')
    probe.transport.end()
    assert.equal(await probe.closed, null)
    assert.equal(await control(context, 'early'), 'after the end')
    probe.check()
  },
  'a name instead of an address': async (context) => {
    const [first] = await lookup('localhost', { all: true })
    if (first !== undefined) await echoes(new Probe(await context.dial(address(context, 'echo', 'localhost'), {})))
  },
  'a reset is reported as one': async (context) => {
    const probe = await open(context, 'reset')
    assert.equal(await probe.textOf(3), 'abc')
    probe.resume()
    await probe.write('x')
    assert.equal(((await probe.closed) as { code?: string } | null)?.code, 'ConnectionReset')
    probe.check()
  },
  'destroy with a write under way lets go of its memory': async (context) => {
    const probe = await open(context, 'stalled')
    const bytes = patternAt(0, 250_000).slice()
    let sent = 0
    for (;;) {
      const part = patternAt(sent, 250_000).slice()
      bytes.set(part)
      if (!probe.transport.write(bytes)) {
        // Deno says false always: go on until no answer comes although others get theirs.
        const done = new Promise<boolean>((resolve) => {
          probe.onWritten = () => resolve(true)
        })
        const stuck = (async () => {
          for (let i = 0; i < 20; i++) await echoes(await open(context, 'echo'))
          return false
        })()
        if (!(await Promise.race([done, stuck]))) break
        await stuck
      }
      sent += bytes.length
    }
    await finish(probe)
    bytes.fill(255)
    await control(context, '!read the stalled')
    const { fault, count } = (await control(context, 'stalled')) as { fault: string | null; count: number }
    assert.equal(fault, null)
    assert.ok(count >= sent)
  },
  'nobody listens: ConnectRefused': async (context) => {
    assert.equal(await code(context.dial(address(context, 'refused'), {})), 'ConnectRefused')
    assert.equal(await code(context.dial(address(context, 'refused', '127.0.0.1', true), {})), 'ConnectRefused')
  },
  'no such name: HostNotFound': async (context) => {
    assert.equal(await code(context.dial({ hostname: 'no-such-host.invalid', port: 80, secure: false }, {})), 'HostNotFound')
  },
  'no answer to the connect: ConnectTimeout': async (context) => {
    assert.equal(await code(context.dial(address(context, 'full'), { connectTimeout: 50 })), 'ConnectTimeout')
  },
  'abort before and during the connect': async (context) => {
    const reason = new Error('changed my mind')
    const early = context.dial(address(context, 'echo'), { signal: AbortSignal.abort(reason) })
    await assert.rejects(early, (error) => error === reason)
    const controller = new AbortController()
    const attempt = context.dial(address(context, 'full'), { signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(attempt, (error) => error === reason)
  },
  'an abort after the connect changes nothing': async (context) => {
    const controller = new AbortController()
    const probe = await open(context, 'echo', { signal: controller.signal })
    controller.abort()
    await echoes(probe)
  },
  'noDelay and keepAlive work, and are checked': async (context) => {
    await echoes(await open(context, 'echo', { noDelay: false, keepAlive: 30_000 }))
    await echoes(await open(context, 'echo', { noDelay: true, keepAlive: false }))
    assert.equal(await code(context.dial(address(context, 'echo'), { keepAlive: 5 })), 'InvalidOption')
    assert.equal(await code(context.dial(address(context, 'echo'), { noDelay: 1 as never })), 'InvalidOption')
    assert.equal(await code(context.dial(address(context, 'echo'), { connectTimeout: -1 })), 'InvalidOption')
  },
}

/** Dials a TLS server; `echo`, or the code of the failure: of the dial, or of the connection that was lost right after it (TLS 1.3 client certificates). */
async function outcome(context: ContractContext, name: string, tls: TlsConfig = {}, hostname = '127.0.0.1'): Promise<string> {
  const options = withCa(context, 'tls', { tls })
  try {
    const probe = new Probe(await context.dial(address(context, name, hostname, true), options))
    const closed = probe.closed.then((error) => (error as { code?: string } | null)?.code ?? 'closed')
    const echoed = probe.write('hello').then(() => probe.textOf(5))
    const result = await Promise.race([echoed, closed, probe.ended.then(() => 'ended')])
    if (result !== 'hello') return `lost: ${result}`
    await finish(probe)
    return probe.transport.alpnProtocol ?? 'echo'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** Deno's own TLS, which the trusting run is about, goes on with an abandoned handshake until the peer ends it. */
async function abandoned(context: ContractContext, name: string): Promise<void> {
  if (context.trusted) await control(context, `!release ${name}`)
  await control(context, `${name} closed`)
}

const secured: Record<string, ContractCase> = {
  'TLS: no answer to the handshake: ConnectTimeout, and the connection is closed': async (context) => {
    const options = withCa(context, 'tls', { connectTimeout: 200 })
    assert.equal(await code(context.dial(address(context, 'silent', '127.0.0.1', true), options)), 'ConnectTimeout')
    await abandoned(context, 'silent')
  },
  'TLS: abort during the handshake, and the connection is closed': async (context) => {
    const reason = new Error('changed my mind')
    const controller = new AbortController()
    const options = withCa(context, 'tls', { signal: controller.signal })
    const attempt = context.dial(address(context, 'silentToo', '127.0.0.1', true), options)
    const rejected = assert.rejects(attempt, (error) => error === reason)
    await control(context, 'silentToo opened')
    controller.abort(reason)
    await rejected
    await abandoned(context, 'silentToo')
  },
  'TLS: a certificate of a trusted authority, by name and by address': async (context) => {
    assert.equal(await outcome(context, 'tls echo', {}, 'localhost'), 'echo')
    assert.equal(await outcome(context, 'tls echo', {}, '127.0.0.1'), 'echo')
  },
  'TLS: a wrong name is rejected, serverName makes it right': async (context) => {
    assert.equal(await outcome(context, 'tls wrong name', {}, 'localhost'), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls wrong name', {}, '127.0.0.1'), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls wrong name', { serverName: 'elsewhere.test' }), 'echo')
    assert.equal(await outcome(context, 'tls echo', { serverName: 'elsewhere.test' }), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls echo', { serverName: '127.0.0.1' }, 'localhost'), 'echo')
    assert.equal(await outcome(context, 'tls wrong name', { serverName: '127.0.0.1' }, 'localhost'), 'CertificateRejected')
  },
  'TLS: an expired one and a self-signed one are rejected': async (context) => {
    assert.equal(await outcome(context, 'tls expired'), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls self-signed'), 'CertificateRejected')
  },
  'TLS: ALPN': async (context) => {
    assert.equal(await outcome(context, 'tls alpn', { alpnProtocols: ['other', 'second'] }), 'second')
    assert.equal(await outcome(context, 'tls alpn', { alpnProtocols: ['other'] }), 'TlsHandshakeFailed')
    assert.equal(await outcome(context, 'tls echo', { alpnProtocols: ['other'] }), 'echo')
  },
  'TLS: to a port that speaks something else': async (context) => {
    assert.equal(await outcome(context, 'echo'), 'TlsHandshakeFailed')
    assert.equal(await outcome(context, 'early'), 'TlsHandshakeFailed')
  },
  'TLS: an end without close_notify is an end': async (context) => {
    const probe = await open(context, 'tls cut')
    assert.equal(await probe.textOf(3), 'abc')
    await probe.write('x')
    const outcomes = [probe.drain().then(() => 'end'), probe.closed.then((error) => (error as { code?: string } | null)?.code)]
    assert.equal(await Promise.race(outcomes), 'end')
    await finish(probe)
  },
}

/** What can't be told apart, or is not asked for, where the runtime trusts the test authority anyway. */
const configured: Record<string, ContractCase> = {
  'TLS: an authority that nobody named is not trusted': async (context) => {
    assert.equal(await outcome(context, 'tls echo', { ca: undefined }), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls echo', { ca: context.peer.certificates.strangerCa }), 'CertificateRejected')
  },
  'TLS: several authorities, in an array and in one text': async (context) => {
    const { ca, strangerCa } = context.peer.certificates
    assert.equal(await outcome(context, 'tls echo', { ca: [strangerCa, ca] }), 'echo')
    assert.equal(await outcome(context, 'tls echo', { ca: `${strangerCa}\n${ca}\n` }), 'echo')
  },
  'TLS: client certificate': async (context) => {
    const { client, selfSigned } = context.peer.certificates
    const refused = /^(TlsHandshakeFailed|lost: (TransportFailed|ConnectionReset|ended))$/
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const name = `tls client certificate ${version}`
      assert.equal(await outcome(context, name, client), 'echo')
      assert.equal(await control(context, `client ${version}`), 'client')
      // With TLS 1.3 the client learns of it only after its handshake is done (RFC 8446 section 4.4.2.4).
      assert.match(await outcome(context, name), refused)
      assert.match(await outcome(context, name, selfSigned), refused)
    }
    // Deno's node:tls takes the pair and can't make use of it: "unsupported protocol".
    assert.match(await outcome(context, 'tls echo', { cert: client.cert, key: selfSigned.key }), /^(TlsOptionInvalid|TlsHandshakeFailed)$/)
  },
  'TLS: minVersion': async (context) => {
    assert.equal(await outcome(context, 'tls 1.2'), 'echo')
    assert.equal(await outcome(context, 'tls 1.2', { minVersion: '1.2' }), 'echo')
    assert.equal(await outcome(context, 'tls 1.2', { minVersion: '1.3' }), 'TlsHandshakeFailed')
    assert.equal(await outcome(context, 'tls echo', { minVersion: '1.3' }), 'echo')
  },
  'TLS: dangerNoVerify': async (context) => {
    for (const name of ['tls echo', 'tls wrong name', 'tls expired', 'tls self-signed']) {
      assert.equal(await outcome(context, name, { ca: undefined, dangerNoVerify: true }), 'echo', name)
    }
    assert.equal(await outcome(context, 'tls alpn', { alpnProtocols: ['other'], dangerNoVerify: true }), 'TlsHandshakeFailed')
    assert.equal(await outcome(context, 'echo', { dangerNoVerify: true }), 'TlsHandshakeFailed')
  },
  'TLS: wrong options are named before anything is opened': async (context) => {
    const { client } = context.peer.certificates
    assert.equal(await outcome(context, 'refused', { cert: client.cert }), 'TlsOptionInvalid')
    assert.equal(await outcome(context, 'refused', { ca: 'ca.pem' }), 'TlsOptionInvalid')
    assert.equal(await outcome(context, 'refused', { minVersion: '1.1' as never }), 'TlsOptionInvalid')
  },
}

/** All cases by name, in the order in which they are to run. */
export const cases: Readonly<Record<string, ContractCase>> = { ...shared, ...plain, ...secured, ...configured }

/** The names of those that make sense when the runtime trusts the test authority anyway. */
export const trustedCases: readonly string[] = [...Object.keys(shared), ...Object.keys(secured)].filter((name) => name.startsWith('TLS'))
